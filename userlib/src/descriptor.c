// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A handle has a descriptor's number, and the program can close that under it
 * and open something else, which gets the number: daemons close all that they
 * do not know, and then open a log.  So whatever depends on what is behind the
 * number asks first, and again behind, or when something went wrong.
 */
#include "internal.h"

#include <sys/stat.h>

/* The number of the map that a descriptor is; 0, which is nobody's, if none. */
static uint64_t id_of(int fd)
{
	/* No more is asked for, so the kernel need not sum up the rest. */
	struct cmap_stat stat = {
		.size = offsetof(struct cmap_stat, id) + sizeof(stat.id),
	};

	return ioctl(fd, CMAP_IOCTL_STAT, &stat) ? 0 : stat.id;
}

/*
 * Whether a descriptor still is the one of a map.  A file of another kind is
 * not sent a command of ours.  1; or 0, with errno EBADF.
 */
int cmap_is_ours(int fd, dev_t device, uint64_t id)
{
	struct stat st;

	if (!fstat(fd, &st) && st.st_rdev == device && id_of(fd) == id)
		return 1;
	errno = EBADF;
	return 0;
}

/* What a map of ours answers, too, when it was asked as it should be. */
static int is_answer(int err)
{
	switch (err) {
	case EEXIST:
	case EINTR:
	case EMSGSIZE:
	case ENOENT:
	case ENOMEM:
	case ENOSPC:
	case ESTALE:
		return 1;
	default:
		return 0;
	}
}

/* ioctl() on the map's descriptor; EBADF if that is no more the map's. */
int cmap_call(const struct cmap *map, unsigned long command, void *arg)
{
	int err = ioctl(map->fd, command, arg), saved;

	if (!err || is_answer(errno))
		return err;
	saved = errno;
	if (cmap_is_ours(map->fd, map->device, map->id))
		errno = saved;
	return err;
}
