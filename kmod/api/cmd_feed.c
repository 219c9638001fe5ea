// SPDX-License-Identifier: GPL-2.0
/*
 * Commands on the feed: reading it, getting a cursor, making a watch.
 */
#include "../core/feed.h"
#include "../core/map.h"
#include "../core/op.h"
#include "../core/reader.h"
#include "../core/trace.h"
#include "cmd.h"
#include "file.h"
#include "uaccess.h"
#include "watch.h"

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

#define CHUNK_SIZE	SZ_16K	/* filled in the kernel, then copied out */
#define CALL_LOOKS	SZ_1M	/* most bytes of records that one call looks at */

/* ---- filters ---- */

/* Check the keys, and get their length together; or -E2BIG or -EINVAL. */
static int feed_keys_check(const struct cmap *map, u32 kind,
			   const struct cmap_feed_key *keys, u32 count)
{
	u32 sum = 0;
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		if (keys[i].__reserved)
			return -EINVAL;
		if (keys[i].key_len > map->key_max)
			return -E2BIG;
		err = kind == CMAP_FILTER_KEYS ?
		      cmap_op_check_key(map, keys[i].key_len) : 0;
		if (err)
			return err;
		sum += keys[i].key_len;
	}
	return sum;
}

static struct cmap_filter *filter_from_keys(const struct cmap *map, u32 kind,
					    const struct cmap_feed_key *keys,
					    u32 count)
{
	int bytes = feed_keys_check(map, kind, keys, count);
	struct cmap_filter *filter;
	u32 i;

	if (bytes < 0)
		return ERR_PTR(bytes);
	filter = cmap_filter_new(map, kind, count, bytes);
	if (!filter)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < count; i++) {
		u32 len = keys[i].key_len;

		if (copy_from_user(cmap_filter_room(filter, i, len),
				   u64_to_user_ptr(keys[i].key), len)) {
			cmap_filter_free(filter);
			return ERR_PTR(-EFAULT);
		}
	}
	cmap_filter_finish(filter, map);
	return filter;
}

static bool filter_valid(const struct cmap_feed_filter *from)
{
	switch (from->kind) {
	case CMAP_FILTER_ALL:
		return !from->count && !from->keys;
	case CMAP_FILTER_PREFIX:
		return from->count == 1;
	case CMAP_FILTER_KEYS:
		return from->count && from->count <= CMAP_FEED_KEYS_MAX;
	default:
		return false;
	}
}

static struct cmap_filter *filter_copy_in(const struct cmap *map,
					  const struct cmap_feed_filter *from)
{
	struct cmap_feed_key *keys = NULL;
	struct cmap_filter *filter;

	if (!filter_valid(from))
		return ERR_PTR(-EINVAL);

	if (from->count) {
		keys = kmalloc_array(from->count, sizeof(*keys), CMAP_GFP_KERNEL);
		if (!keys)
			return ERR_PTR(-ENOMEM);
		if (copy_from_user(keys, u64_to_user_ptr(from->keys),
				   from->count * sizeof(*keys))) {
			kfree(keys);
			return ERR_PTR(-EFAULT);
		}
	}
	filter = filter_from_keys(map, from->kind, keys, from->count);
	kfree(keys);

	return filter;
}

/* ---- cursors ---- */

static struct cmap_feed_cursor *cursor_copy_in(const struct cmap *map, u64 from,
					       u32 len)
{
	struct cmap_feed_cursor *cursor;

	if (len != CMAP_FEED_CURSOR_BYTES(map->shards))
		return ERR_PTR(-EINVAL);
	cursor = kvmalloc(len, CMAP_GFP_KERNEL);
	if (!cursor)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(cursor, u64_to_user_ptr(from), len)) {
		kvfree(cursor);
		return ERR_PTR(-EFAULT);
	}
	return cursor;
}

static void cursor_now(void *from, struct cmap_feed_cursor *cursor)
{
	const struct cmap *map = from;
	u32 i;

	cursor->map = map->id;
	cursor->shards = map->shards;
	for (i = 0; i < map->shards; i++)
		cmap_feed_now(map->shard[i]->feed, &cursor->at[i]);
}

int cmap_cmd_feed_cursor(struct cmap_context *context, void __user *arg)
{
	return cmap_feed_where(arg, context->map, cursor_now, context->map);
}

/* ---- read ---- */

/*
 * Read into the user's buffer, one chunk after the other.  The caller ignores an error
 * after the first record, except for EFAULT: the next call meets it again.
 */
static int read_records(struct cmap_feed_read *read, u32 room,
			struct cmap_reader *reader, struct cmap_records *records)
{
	u32 size;

	for (;;) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		records->room = min(records->size, room - read->buf_len);
		cmap_reader_fill(reader, records);
		if (copy_to_user(u64_to_user_ptr(read->buf) + read->buf_len,
				 records->buf, records->used))
			return -EFAULT;
		read->buf_len += records->used;
		read->count += records->count;
		if (!records->more || !records->looks)
			return 0;
		if (records->count)
			continue;
		if (records->needed > room - read->buf_len) {
			if (!read->count)
				read->buf_len = records->needed;
			return -EMSGSIZE;
		}
		size = records->needed;
		cmap_records_free(records, reader->map);
		if (cmap_records_new(records, size))
			return -ENOMEM;
	}
}

/* Read from a cursor on, and move it on. */
static int read_from(struct cmap *map, struct cmap_feed_read *read,
		     const struct cmap_filter *filter,
		     struct cmap_feed_cursor *cursor)
{
	struct cmap_reader *reader = cmap_reader_new(map, filter);
	struct cmap_records records = { .looks = CALL_LOOKS };
	u32 room = read->buf_len;
	int err;

	read->buf_len = 0;
	read->count = 0;
	if (!reader)
		return -ENOMEM;
	err = cmap_reader_set(reader, cursor) ?:
	      cmap_records_new(&records, min_t(u32, room, CHUNK_SIZE)) ?:
	      read_records(read, room, reader, &records);
	read->more = records.more;
	cmap_reader_get(reader, cursor);
	cmap_records_free(&records, map);
	cmap_reader_free(reader);
	if (read->count)
		trace_cmap_feed_read(map, read->count, read->buf_len);

	return read->count && err != -EFAULT ? 0 : err;
}

static int read_with_filter(struct cmap *map, struct cmap_feed_read *read,
			    const struct cmap_filter *filter)
{
	struct cmap_feed_cursor *cursor;
	int err;

	cursor = cursor_copy_in(map, read->cursor, read->cursor_len);
	if (IS_ERR(cursor))
		return PTR_ERR(cursor);

	err = read_from(map, read, filter, cursor);
	if ((!err || err == -EMSGSIZE) &&
	    copy_to_user(u64_to_user_ptr(read->cursor), cursor,
			 read->cursor_len))
		err = -EFAULT;
	kvfree(cursor);

	return err;
}

int cmap_cmd_feed_read(struct cmap_context *context, void __user *arg)
{
	struct cmap_feed_read read;
	struct cmap_filter *filter;
	int err;

	err = cmap_copy_in(&read, arg, filter);
	if (err)
		return err;
	if (read.flags)
		return -EINVAL;
	if (!context->map->feed_bytes)
		return -EOPNOTSUPP;
	filter = filter_copy_in(context->map, &read.filter);
	if (IS_ERR(filter))
		return PTR_ERR(filter);

	err = read_with_filter(context->map, &read, filter);
	cmap_filter_free(filter);
	if (err && err != -EMSGSIZE)
		return err;

	return cmap_copy_out((struct cmap_feed_read __user *)arg, &read, buf_len,
			     more) ?: err;
}

/* ---- watch ---- */

int cmap_cmd_watch(struct cmap_context *context, void __user *arg)
{
	struct cmap_feed_cursor *cursor = NULL;
	struct cmap_filter *filter;
	struct cmap_watch watch;
	int fd;

	fd = cmap_copy_in(&watch, arg, cursor_len);
	if (fd)
		return fd;
	if (watch.flags & ~CMAP_WATCH_NONBLOCK || watch.__reserved ||
	    !watch.cursor != !watch.cursor_len)
		return -EINVAL;
	if (!context->map->feed_bytes)
		return -EOPNOTSUPP;

	filter = filter_copy_in(context->map, &watch.filter);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	if (watch.cursor)
		cursor = cursor_copy_in(context->map, watch.cursor,
					watch.cursor_len);
	fd = PTR_ERR_OR_ZERO(cursor);
	if (!fd)
		fd = cmap_watch_open(context->map, filter, cursor,
				     cmap_file_of(context->file)->renames,
				     watch.flags & CMAP_WATCH_NONBLOCK);
	if (fd < 0)
		cmap_filter_free(filter);
	if (!IS_ERR(cursor))
		kvfree(cursor);

	return fd;
}
