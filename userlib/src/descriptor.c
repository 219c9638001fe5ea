// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A handle has a descriptor's number, and the program can close that under it
 * and open something else, which gets the number: daemons close all that they
 * do not know, and then open a log.  So whatever depends on what is behind the
 * number asks first, and again behind, or when something went wrong.
 */
#include "internal.h"

#include <sys/mman.h>
#include <sys/stat.h>

static int is_device(int fd, dev_t device)
{
	struct stat st;

	errno = 0;
	return !fstat(fd, &st) && st.st_rdev == device;
}

/* What a sandbox says, not the file; some say that there is no such call. */
static int is_denied(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS;
}

/* Something was short while asking, which says nothing of the file. */
static int is_no_answer(int err)
{
	return err == EFAULT || err == ENOMEM || err == EINTR;
}

/* By its window, where ioctl() is denied.  -1 with errno set if it has none. */
static int is_ours_by_header(int fd, dev_t device, uint64_t id)
{
	const struct cmap_window *header;
	int ours;

	header = mmap(NULL, sizeof(*header), PROT_READ, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return -1;
	/* Nothing is read of another kind of file. */
	ours = is_device(fd, device) && header->magic == CMAP_WINDOW_MAGIC &&
	       header->id == id;
	munmap((void *)header, sizeof(*header));

	return ours;
}

/*
 * Whether a descriptor still is the one of a map.  A file of another kind is
 * not sent a command of ours.  1; 0, with errno EBADF; or -1 if that cannot be
 * found out, with errno saying why.
 */
int kcmap_is_ours(int fd, dev_t device, uint64_t id)
{
	/* No more is asked for, so the kernel need not sum up the rest. */
	struct cmap_stat stat = {
		.size = offsetof(struct cmap_stat, id) + sizeof(stat.id),
	};
	int ours = 0;

	if (is_device(fd, device)) {
		if (!ioctl(fd, CMAP_IOCTL_STAT, &stat))
			ours = stat.id == id;
		else if (is_denied(errno))
			ours = is_ours_by_header(fd, device, id);
		else if (is_no_answer(errno))
			ours = -1;
	} else if (is_denied(errno) || is_no_answer(errno)) {
		ours = -1;
	}
	if (!ours)
		errno = EBADF;
	return ours;
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
int kcmap_call(const struct kcmap *map, unsigned long command, void *arg)
{
	int err = ioctl(map->fd, command, arg), saved;

	if (!err || is_answer(errno))
		return err;
	saved = errno;
	errno = kcmap_is_ours(map->fd, map->device, map->id) ? saved : EBADF;
	return err;
}

/*
 * The same for what changes who may use a map, or where it is found: another
 * map, which would do it as well, is not asked at all.
 */
int kcmap_call_ours(const struct kcmap *map, unsigned long command, void *arg)
{
	if (kcmap_is_ours(map->fd, map->device, map->id) <= 0)
		return -1;
	return kcmap_call(map, command, arg);
}
