// SPDX-License-Identifier: GPL-2.0
/*
 * The system calls that read a map's feed or wait for changes, for fail_nth.
 */
#include "fail_nth.h"
#include "feed.h"

/* ---- the feed ---- */

/* The cursor before the first change. */
static int first_cursor(struct subject *s, struct cursor *cursor)
{
	int err = cursor_of(s->fd, 1, cursor);

	cursor->next = 0;
	cursor->at[0] = (struct cmap_feed_position){};
	return err;
}

/* The number of records in @out; -EPROTO if one of them says what was lost. */
static int records_in(size_t len)
{
	const struct cmap_feed_record *record = (void *)out;
	const void *end = out + len;
	int n = 0;

	for (; (const void *)record < end; record = record_next(record), n++)
		if (record->cause != CMAP_FEED_SET)
			return -EPROTO;
	return n;
}

static void filter_prefix(struct filter *filter)
{
	*filter = (struct filter){};
	filter_add(filter, CMAP_FILTER_PREFIX, "filler", 6);
}

static void filter_keys(struct filter *filter)
{
	*filter = (struct filter){};
	filter_add(filter, CMAP_FILTER_KEYS, "short", 5);
	filter_add(filter, CMAP_FILTER_KEYS, "long", 4);
	filter_add(filter, CMAP_FILTER_KEYS, "absent", 6);
}

static int sys_feed_cursor(struct subject *s)
{
	struct cursor *cursor = cold();

	/* The map's only shard has made a version for each entry. */
	return cursor_of(s->fd, 1, cursor) ?:
	       CHECK(cursor->shards == 1 && cursor->at[0].version == FILLERS + 3);
}

static int read_feed(struct subject *s, const struct filter *filter, int want)
{
	struct cmap_feed_read read;
	struct cursor cursor;
	int err;

	err = first_cursor(s, &cursor) ?:
	      feed_read(s->fd, &cursor, filter, cold(), sizeof(out), &read);
	return err ?: CHECK(read.count == want && !read.more &&
			    records_in(read.buf_len) == want &&
			    cursor.at[0].version == FILLERS + 3);
}

static int sys_feed_read(struct subject *s)
{
	return read_feed(s, NULL, FILLERS + 3);
}

static int sys_feed_read_prefix(struct subject *s)
{
	struct filter filter;

	filter_prefix(&filter);
	return read_feed(s, &filter, FILLERS);
}

static int sys_feed_read_keys(struct subject *s)
{
	struct filter filter;

	filter_keys(&filter);
	return read_feed(s, &filter, 2);
}

/* ---- watches ---- */

/* Read all records, and then get the cursor of where the watch is. */
static int read_watch(int watch, int want)
{
	ssize_t len = read(watch, cold(), sizeof(out));
	struct cursor cursor;

	if (len < 0)
		return -errno;
	return cursor_of(watch, 1, &cursor) ?:
	       CHECK(records_in(len) == want &&
		     cursor.at[0].version == FILLERS + 3);
}

static int watch_from_first(struct subject *s, const struct filter *filter,
			    int want)
{
	struct cursor cursor;
	int err = first_cursor(s, &cursor), watch;

	if (err)
		return err;
	watch = watch_from(s->fd, filter, CMAP_WATCH_NONBLOCK, &cursor);
	if (watch < 0)
		return watch;
	err = read_watch(watch, want);
	close(watch);
	return err;
}

static int sys_watch(struct subject *s)
{
	return watch_from_first(s, NULL, FILLERS + 3);
}

static int sys_watch_prefix(struct subject *s)
{
	struct filter filter;

	filter_prefix(&filter);
	return watch_from_first(s, &filter, FILLERS);
}

static int sys_watch_keys(struct subject *s)
{
	struct filter filter;

	filter_keys(&filter);
	return watch_from_first(s, &filter, 2);
}

/* From the present end of the feed on, where there is nothing yet. */
static int sys_watch_now(struct subject *s)
{
	int watch = watch_new(s->fd, NULL, CMAP_WATCH_NONBLOCK), err;

	if (watch < 0)
		return watch;
	err = read(watch, cold(), sizeof(out)) < 0 ? -errno : -EPROTO;
	close(watch);
	return err == -EAGAIN ? 0 : err;
}

/* ---- waiting ---- */

static int wait_call(struct subject *s, struct cmap_wait_key *keys,
		     uint32_t count, uint64_t deadline, uint32_t *changed)
{
	struct cmap_wait wait = {
		.size = sizeof(wait), .keys = u64_of(keys), .count = count,
		.deadline = deadline,
	};
	int err = call(s->fd, CMAP_IOCTL_WAIT, &wait);

	*changed = wait.changed;
	return err;
}

static struct cmap_wait_key wait_key(const void *key, uint32_t len)
{
	return (struct cmap_wait_key){ .key = u64_of(key), .key_len = len };
}

/*
 * The key has a version that the caller does not know yet, so even a call that only
 * looks returns it.
 */
static int sys_wait(struct subject *s)
{
	struct cmap_wait_key key = wait_key("short", 5);
	uint32_t changed;
	int err = wait_call(s, &key, 1, 0, &changed);

	return err ?: CHECK(changed == 1 && key.changed && key.version == 1);
}

/* More keys, and longer ones, than the call has room for without allocations. */
static int sys_wait_keys(struct subject *s)
{
	struct cmap_wait_key keys[] = {
		wait_key("short", 5), wait_key("long", 4), wait_key(big, 500),
	};
	uint32_t changed;
	int err = wait_call(s, keys, 3, 0, &changed);

	return err ?: CHECK(changed >= 2 && keys[0].version == 1 &&
			    keys[1].version == 2);
}

/* It sleeps until the deadline, because the keys have the versions given. */
static int sys_wait_in_vain(struct subject *s)
{
	struct cmap_wait_key keys[] = {
		wait_key("short", 5), wait_key("long", 4),
	};
	uint32_t changed;
	uint64_t deadline;
	int err = wait_call(s, keys, 2, 0, &changed);

	if (err)
		return err;
	deadline = (now() + 0.02) * 1e9;
	err = wait_call(s, keys, 2, deadline, &changed);
	return err == -ETIMEDOUT ? 0 : err ?: -EPROTO;
}

#define SYS(name, flags) { #name, sys_##name, flags }

const struct call feed_calls[] = {
	SYS(feed_cursor, FEED), SYS(feed_read, FEED),
	SYS(feed_read_prefix, FEED), SYS(feed_read_keys, FEED),
	SYS(watch, FEED), SYS(watch_prefix, FEED), SYS(watch_keys, FEED),
	SYS(watch_now, FEED), SYS(wait, 0), SYS(wait_keys, 0),
	SYS(wait_in_vain, 0), SYS(wait_in_vain, FEED),
};

const unsigned int feed_calls_count = sizeof(feed_calls) / sizeof(*feed_calls);
