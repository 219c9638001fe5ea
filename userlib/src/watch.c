// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting for changes.  A watch knows nothing of the handle that it was made
 * from, and may outlive it.
 */
#include "filter.h"
#include "records.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

struct kcmap_watch {
	int fd;
	struct kcmap_records records;
};

#define RECORD_MOST	((size_t)CMAP_FEED_BYTES_MAX)

static int get_cursor(int fd, void *cursor, size_t len)
{
	struct cmap_feed_where where = {
		.size = sizeof(where),
		.cursor = ptr_to_u64(cursor),
		.cursor_len = (uint32_t)len,
	};

	return ioctl(fd, CMAP_IOCTL_FEED_CURSOR, &where);
}

static int open_fd(struct kcmap *map, const struct kcmap_filter *filter,
		   const void *cursor, size_t cursor_len)
{
	struct kcmap_wanted wanted;
	struct cmap_watch args = {
		.size = sizeof(args),
		.flags = CMAP_WATCH_NONBLOCK,
		.cursor = ptr_to_u64(cursor),
	};

	if (!cursor != !cursor_len || cursor_len > UINT32_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (kcmap_wanted_from(&wanted, filter))
		return -1;
	args.cursor_len = (uint32_t)cursor_len;
	args.filter = wanted.filter;
	return kcmap_call_ours(map, CMAP_IOCTL_WATCH, &args);
}

/* A watch without a descriptor yet. */
static struct kcmap_watch *watch_new(uint32_t shards, size_t record)
{
	struct kcmap_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->fd = -1;
	if (kcmap_records_new(&watch->records, shards, record)) {
		kcmap_watch_close(watch);
		return NULL;
	}
	return watch;
}

API struct kcmap_watch *kcmap_watch_open(struct kcmap *map,
					 const struct kcmap_filter *filter,
					 const void *cursor, size_t cursor_len)
{
	struct kcmap_feed_of of;
	struct kcmap_watch *watch;

	if (kcmap_feed_of(map, &of))
		return NULL;
	watch = watch_new(of.shards, of.record_max);
	if (!watch)
		return NULL;
	watch->records.clock_offset = of.clock_offset;
	watch->fd = open_fd(map, filter, cursor, cursor_len);
	if (watch->fd < 0) {
		kcmap_watch_close(watch);
		return NULL;
	}
	return watch;
}

/*
 * The number of shards of a watch's map; 0 with errno set if the file is no watch.  A
 * map's descriptor has cursors, too, but other commands besides.
 */
static uint32_t shards_of(int fd)
{
	struct cmap_stat stat = { .size = sizeof(stat) };
	int err = ioctl(fd, CMAP_IOCTL_STAT, &stat);
	struct cmap_feed_cursor *cursor;
	uint32_t shards;

	if (!err || errno != ENOTTY) {
		if (!err || errno != EBADF)
			errno = EINVAL;
		return 0;
	}
	cursor = malloc(CMAP_FEED_CURSOR_BYTES((size_t)CMAP_SHARDS_MAX));
	if (!cursor)
		return 0;
	/* It tells a cursor of another length from its own. */
	for (shards = 1; err && shards <= CMAP_SHARDS_MAX; shards *= 2) {
		err = get_cursor(fd, cursor, CMAP_FEED_CURSOR_BYTES(shards));
		if (err && errno != EINVAL)
			break;
	}
	shards = err ? 0 : cursor->shards;
	if (err && errno == ENOTTY)
		errno = EINVAL;
	free(cursor);
	return shards;
}

API struct kcmap_watch *kcmap_watch_from_fd(int fd)
{
	uint32_t shards = shards_of(fd);
	struct kcmap_watch *watch;
	int flags;

	if (!shards)
		return NULL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return NULL;
	/* Where a record is longer, the buffer becomes larger. */
	watch = watch_new(shards, 0);
	if (watch)
		watch->fd = fd;
	return watch;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait until there may be something to read, or -1. */
static int wait_until(int fd, int64_t deadline)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int64_t left = -1;
	int ready;

	if (deadline >= 0) {
		left = deadline - now_ms();
		if (left < 0)
			left = 0;
	}
	ready = poll(&poller, 1, (int)left);
	if (!ready)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}

/* Read records.  1, 0 if the map is gone, or -1 with errno set. */
static int watch_fill(struct kcmap_watch *watch)
{
	struct kcmap_records *records = &watch->records;
	ssize_t len;

	for (;;) {
		len = read(watch->fd, records->buf, records->size);
		if (len >= 0)
			break;
		/* A later kernel has records of which we know nothing. */
		if (errno != EMSGSIZE || records->size > RECORD_MOST ||
		    kcmap_records_enlarge(records, 2 * records->size))
			return -1;
	}
	kcmap_records_begin(records, (size_t)len, NULL);
	return len > 0;
}

API int kcmap_watch_next(struct kcmap_watch *watch, struct kcmap_change *change,
			 int timeout)
{
	int64_t deadline = timeout > 0 ? now_ms() + timeout : timeout;
	int result;

	while (!kcmap_records_left(&watch->records)) {
		result = watch_fill(watch);
		if (result > 0)
			break;
		if (!result || errno != EAGAIN)
			return result;
		if (!timeout) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (wait_until(watch->fd, deadline))
			return -1;
	}
	return kcmap_records_next(&watch->records, change);
}

API int kcmap_watch_fd(const struct kcmap_watch *watch)
{
	return watch->fd;
}

API ssize_t kcmap_watch_cursor(struct kcmap_watch *watch, void *cursor,
			       size_t size)
{
	ssize_t len = kcmap_cursor_out(watch->records.shards, cursor, size);

	if (len < 0 || !cursor)
		return len;
	if (get_cursor(watch->fd, cursor, (size_t)len))
		return -1;
	kcmap_records_rewind(&watch->records, cursor);
	return len;
}

API void kcmap_watch_close(struct kcmap_watch *watch)
{
	if (!watch)
		return;
	if (watch->fd >= 0)
		close_quietly(watch->fd);
	free(watch->records.buf);
	free(watch);
}
