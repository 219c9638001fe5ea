// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A handle stores a descriptor's number.  The program can close that number
 * behind the library's back and open something else, which then gets the
 * number: daemons close every descriptor that they do not know, and then open a
 * log.  So every use that matters checks what the number refers to, before and
 * after, or when something went wrong.
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

/* Errors of a sandbox, not of the file.  Some sandboxes return ENOSYS. */
static int is_denied(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS;
}

/* The check itself ran short of something; that says nothing about the file. */
static int is_no_answer(int err)
{
	return err == EFAULT || err == ENOMEM || err == EINTR;
}

/*
 * Identify the map by its window, where ioctl() is denied.  Returns -1 with
 * errno set if there is no window.
 */
static int is_ours_by_header(int fd, dev_t device, uint64_t id)
{
	const struct cmap_window *header;
	int ours;

	header = mmap(NULL, sizeof(*header), PROT_READ, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return -1;
	/*
	 * Nothing is read from another kind of file: it may be shorter
	 * (SIGBUS).
	 */
	ours = is_device(fd, device) && header->magic == CMAP_WINDOW_MAGIC &&
	       header->id == id;
	munmap((void *)header, sizeof(*header));

	return ours;
}

/*
 * Whether a descriptor still refers to the map.  A file of another kind gets no
 * ioctl of ours.  Returns 1 if so, 0 with errno EBADF if not, and -1 with errno
 * set if that cannot be found out.
 */
int kcmap_is_ours(int fd, dev_t device, uint64_t id)
{
	/* A size that ends at id spares the kernel the counters behind it. */
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

/* Errors that a map gives to a correct call: the descriptor is the map's. */
static int is_answer(int err)
{
	switch (err) {
	case EEXIST:
	case EINTR:
	case EMSGSIZE:
	case ENOENT:
	case ENOMEM:
	case ENOSPC:
	case ERANGE:
	case ESTALE:
	case ETIMEDOUT:
		return 1;
	default:
		return 0;
	}
}

/* ioctl() on the map's descriptor.  EBADF if that is no longer the map's. */
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
 * Like kcmap_call(), for calls that change a map's permissions or name.
 * Another map would accept them as well, so the check comes before the call.
 */
int kcmap_call_ours(const struct kcmap *map, unsigned long command, void *arg)
{
	if (kcmap_is_ours(map->fd, map->device, map->id) <= 0)
		return -1;
	return kcmap_call(map, command, arg);
}
