// SPDX-License-Identifier: LGPL-2.1-or-later
#include "read_slow.h"

#include <stdlib.h>
#include <string.h>

#define BUF_SIZE 65536

/* The tie of the last entry, or the only one, at its position. */
#define TIE_LAST UINT64_MAX
#define POSITION_END (1ULL << 48)

/*
 * Entries come from one bucket at a time through the window, or from a buffer
 * of records that the kernel filled.  @ahead is where the next bucket or buffer
 * begins.  @here is the position after the item that was returned last.
 */
struct kcmap_range {
	struct kcmap *map;
	struct kcmap_view *view;
	struct cmap_cursor ahead;
	struct cmap_cursor here;
	uint64_t end;		/* the first position that is not wanted; or 0 */
	int ended;
	int begun;
	uint32_t flags;
	char *prefix;
	uint32_t prefix_len;
	/* the buffer of records, when reading by system calls */
	uint32_t left;
	uint32_t size;
	char *buf;
	const struct cmap_entry *next;
	/* the bucket, when reading through the window */
	unsigned int given;
	struct kcmap_bucket_read read;
};

API struct kcmap_range *kcmap_range_new(struct kcmap *map, unsigned int flags,
					const struct kcmap_cursor *from)
{
	struct kcmap_range *range;

	if (flags & ~KCMAP_RANGE_KEYS) {
		errno = EINVAL;
		return NULL;
	}

	range = calloc(1, sizeof(*range));
	if (!range)
		return NULL;
	range->map = map;
	range->view = kcmap_view_of(map);
	range->flags = flags & KCMAP_RANGE_KEYS ? CMAP_RANGE_KEYS : 0;
	range->read.keys_only = !!range->flags;
	if (from) {
		range->ahead.position = from->position;
		range->ahead.tie = from->tie;
		range->here = range->ahead;
	}

	return range;
}

/*
 * Have a range, which has not begun, cover shards [first, end) alone.  Returns 0 if
 * it covers all: without a window the order of positions may be a secret.
 */
int kcmap_range_shards(struct kcmap_range *range, uint32_t first, uint32_t end,
		       uint32_t shards)
{
	if (!range->view)
		return 0;
	/* The topmost bits of a position are the shard. */
	range->ahead.position = POSITION_END / shards * first;
	range->ahead.tie = 0;
	range->here = range->ahead;
	range->end = POSITION_END / shards * end;
	return 1;
}

API int kcmap_range_prefix(struct kcmap_range *range, const void *prefix,
			   size_t len)
{
	char *copy;

	if (range->begun) {
		errno = EBUSY;
		return -1;
	}
	/* No key is longer. */
	if (len > CMAP_KEY_MAX) {
		errno = E2BIG;
		return -1;
	}
	copy = malloc(len + 1);
	if (!copy)
		return -1;
	/* The pointer to an empty prefix may be NULL. */
	if (len)
		memcpy(copy, prefix, len);
	free(range->prefix);
	range->prefix = copy;
	range->prefix_len = (uint32_t)len;
	range->read.prefix = copy;
	range->read.prefix_len = len;
	return 0;
}

/* ---- through the window ---- */

static int enlarge_read(struct kcmap_bucket_read *read)
{
	size_t size = read->used > BUF_SIZE ? read->used : BUF_SIZE;
	char *buf = realloc(read->buf, size);

	if (!buf)
		return -1;
	read->buf = buf;
	read->size = size;
	return 0;
}

/*
 * Read the next bucket that holds an entry; KCMAP_CALL if only the kernel can.
 */
static enum kcmap_outcome fill_window(struct kcmap_range *range)
{
	struct kcmap_bucket_read *read = &range->read;
	uint64_t end = range->end ? range->end : POSITION_END;
	uint64_t position = range->ahead.position;
	enum kcmap_outcome outcome;

	if (!range->view || (range->ahead.tie && range->ahead.tie != TIE_LAST))
		return KCMAP_CALL;
	/* An empty key and an empty value use no bytes but need an address. */
	if (!read->buf && enlarge_read(read))
		return KCMAP_CALL;
	/* A cursor of another program may hold any number as its position. */
	if (range->ahead.tie && position < POSITION_END)
		position++;

	range->given = 0;
	read->count = 0;
	while (position < end) {
		outcome = kcmap_window_bucket(range->view, position, read);
		if (outcome == KCMAP_TOO_SMALL && !enlarge_read(read))
			continue;
		if (outcome != KCMAP_FOUND) {
			read->count = 0;
			return KCMAP_CALL;
		}
		position = read->end;
		range->ahead.position = position;
		range->ahead.tie = 0;
		if (read->count)
			return KCMAP_FOUND;
	}

	return KCMAP_ABSENT;
}

static void give_gathered(struct kcmap_range *range, struct kcmap_item *item)
{
	const struct kcmap_gathered *entry = &range->read.entry[range->given++];
	const char *key = range->read.buf + entry->at;

	item->key = key;
	item->key_len = entry->key_len;
	item->value = range->read.keys_only ?
		      NULL : key + ((entry->key_len + 7) & ~7U);
	item->value_len = entry->value_len;
	item->version = entry->version;
	item->deadline = kcmap_deadline_of(entry->deadline,
					   range->map->clock_offset);
	memset(item->__reserved, 0, sizeof(item->__reserved));
	range->here.position = entry->position;
	range->here.tie = TIE_LAST;
}

/* ---- by system calls ---- */

static int enlarge_buffer(struct kcmap_range *range, uint32_t size)
{
	char *buf = realloc(range->buf, size);

	if (!buf)
		return -1;
	range->buf = buf;
	range->size = size;
	return 0;
}

static int fill_records(struct kcmap_range *range)
{
	const struct kcmap *map = range->map;

	if (!range->size && enlarge_buffer(range, BUF_SIZE))
		return -1;
	/*
	 * The entries so far are the map's, so the rest must not be another
	 * file's.
	 */
	if (range->view && !kcmap_is_ours(map->fd, map->device, map->id))
		return -1;
	for (;;) {
		struct cmap_range args = {
			.size = sizeof(args),
			.flags = range->flags,
			.buf = ptr_to_u64(range->buf),
			.buf_len = range->size,
			.cursor = range->ahead,
			.prefix = range->prefix_len ?
				  ptr_to_u64(range->prefix) : 0,
			.prefix_len = range->prefix_len,
		};

		if (!kcmap_call(range->map, CMAP_IOCTL_RANGE, &args)) {
			range->ahead = args.cursor;
			range->left = args.count;
			range->next = (const struct cmap_entry *)range->buf;
			range->ended = !args.count;
			return 0;
		}
		if (errno != EMSGSIZE || enlarge_buffer(range, args.buf_len))
			return -1;
		range->ahead = args.cursor;
	}
}

/* An older module has no deadlines. */
static int has_deadline(const struct cmap_entry *entry)
{
	return entry->key_offset >= offsetof(struct cmap_entry, deadline) +
				    sizeof(entry->deadline);
}

static void give_record(struct kcmap_range *range, struct kcmap_item *item)
{
	const struct cmap_entry *entry = range->next;

	item->key = (const char *)entry + entry->key_offset;
	item->key_len = entry->key_len;
	item->value = entry->value_offset ?
		      (const char *)entry + entry->value_offset : NULL;
	item->value_len = entry->value_len;
	item->version = entry->version;
	item->deadline = has_deadline(entry) ? entry->deadline : 0;
	memset(item->__reserved, 0, sizeof(item->__reserved));

	range->here = entry->cursor;
	range->next = (const void *)((const char *)entry + entry->size);
	range->left--;
}

static int fill_buffer(struct kcmap_range *range)
{
	switch (fill_window(range)) {
	case KCMAP_FOUND:
		return 0;
	case KCMAP_ABSENT:
		range->ended = 1;
		return 0;
	default:
		return fill_records(range);
	}
}

API int kcmap_range_next(struct kcmap_range *range, struct kcmap_item *item)
{
	range->begun = 1;
	if (!range->left && range->given == range->read.count && !range->ended &&
	    fill_buffer(range))
		return -1;
	if (range->left && range->end &&
	    range->next->cursor.position >= range->end)
		range->ended = 1;
	if (range->ended)
		return 0;

	if (range->left)
		give_record(range, item);
	else
		give_gathered(range, item);
	return 1;
}

API int kcmap_range_cursor(struct kcmap_range *range, struct kcmap_cursor *pos)
{
	const struct cmap_cursor *cursor = range->ended ? &range->ahead :
							 &range->here;

	pos->position = cursor->position;
	pos->tie = cursor->tie;
	return 0;
}

API void kcmap_range_free(struct kcmap_range *range)
{
	if (!range)
		return;
	free(range->read.buf);
	free(range->buf);
	free(range->prefix);
	free(range);
}
