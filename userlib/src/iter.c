// SPDX-License-Identifier: LGPL-2.1-or-later
#include "window.h"

#include <stdlib.h>

#define BUF_SIZE 65536

/* The tie of the only entry, or the last one, at its position. */
#define TIE_LAST UINT64_MAX
#define POSITION_END (1ULL << 48)

/*
 * Entries come a bucket at a time through the window, or in a buffer of
 * records as the kernel filled it.  @ahead is where the next ones begin, @here
 * is behind the item that was handed out last.
 */
struct kcmap_iter {
	struct kcmap *map;
	struct kcmap_view *view;
	struct cmap_cursor ahead;
	struct cmap_cursor here;
	int ended;
	uint32_t flags;
	/* records */
	uint32_t left;
	uint32_t size;
	char *buf;
	const struct cmap_entry *next;
	/* a bucket */
	unsigned int given;
	struct kcmap_bucket_read read;
};

API struct kcmap_iter *kcmap_iter_new(struct kcmap *map, unsigned int flags,
				      const struct kcmap_position *from)
{
	struct kcmap_iter *iter;

	if (flags & ~KCMAP_KEYS_ONLY) {
		errno = EINVAL;
		return NULL;
	}

	iter = calloc(1, sizeof(*iter));
	if (!iter)
		return NULL;
	iter->map = map;
	iter->view = kcmap_view_of(map);
	iter->flags = flags & KCMAP_KEYS_ONLY ? CMAP_RANGE_KEYS : 0;
	iter->read.keys_only = !!iter->flags;
	if (from) {
		iter->ahead.position = from->position;
		iter->ahead.tie = from->tie;
		iter->here = iter->ahead;
	}

	return iter;
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

/* The next bucket that holds anything; KCMAP_CALL if the kernel must help. */
static enum kcmap_outcome fill_window(struct kcmap_iter *iter)
{
	struct kcmap_bucket_read *read = &iter->read;
	uint64_t position = iter->ahead.position;
	enum kcmap_outcome outcome;

	if (!iter->view || (iter->ahead.tie && iter->ahead.tie != TIE_LAST))
		return KCMAP_CALL;
	/* An empty key, and an empty value, take no room but have an address. */
	if (!read->buf && enlarge_read(read))
		return KCMAP_CALL;
	/* A position from elsewhere may be any number. */
	if (iter->ahead.tie && position < POSITION_END)
		position++;

	iter->given = 0;
	read->count = 0;
	while (position < POSITION_END) {
		outcome = kcmap_window_bucket(iter->view, position, read);
		if (outcome == KCMAP_TOO_SMALL && !enlarge_read(read))
			continue;
		if (outcome != KCMAP_FOUND) {
			read->count = 0;
			return KCMAP_CALL;
		}
		position = read->end;
		iter->ahead.position = position;
		iter->ahead.tie = 0;
		if (read->count)
			return KCMAP_FOUND;
	}

	return KCMAP_ABSENT;
}

static void give_gathered(struct kcmap_iter *iter, struct kcmap_item *item)
{
	const struct kcmap_gathered *entry = &iter->read.entry[iter->given++];
	const char *key = iter->read.buf + entry->at;

	item->key = key;
	item->key_len = entry->key_len;
	item->value = iter->read.keys_only ?
		      NULL : key + ((entry->key_len + 7) & ~7U);
	item->value_len = entry->value_len;
	item->version = entry->version;
	iter->here.position = entry->position;
	iter->here.tie = TIE_LAST;
}

/* ---- by system calls ---- */

static int enlarge(struct kcmap_iter *iter, uint32_t size)
{
	char *buf = realloc(iter->buf, size);

	if (!buf)
		return -1;
	iter->buf = buf;
	iter->size = size;
	return 0;
}

static int fill_records(struct kcmap_iter *iter)
{
	const struct kcmap *map = iter->map;

	if (!iter->size && enlarge(iter, BUF_SIZE))
		return -1;
	/* What came before was the map's, through its window. */
	if (iter->view && !kcmap_is_ours(map->fd, map->device, map->id))
		return -1;
	for (;;) {
		struct cmap_range range = {
			.size = sizeof(range),
			.flags = iter->flags,
			.buf = ptr_to_u64(iter->buf),
			.buf_len = iter->size,
			.cursor = iter->ahead,
		};

		if (!kcmap_call(iter->map, CMAP_IOCTL_RANGE, &range)) {
			iter->ahead = range.cursor;
			iter->left = range.count;
			iter->next = (const struct cmap_entry *)iter->buf;
			iter->ended = !range.count;
			return 0;
		}
		if (errno != EMSGSIZE || enlarge(iter, range.buf_len))
			return -1;
		iter->ahead = range.cursor;
	}
}

static void give_record(struct kcmap_iter *iter, struct kcmap_item *item)
{
	const struct cmap_entry *entry = iter->next;

	item->key = (const char *)entry + entry->key_offset;
	item->key_len = entry->key_len;
	item->value = entry->value_offset ?
		      (const char *)entry + entry->value_offset : NULL;
	item->value_len = entry->value_len;
	item->version = entry->version;

	iter->here = entry->cursor;
	iter->next = (const void *)((const char *)entry + entry->size);
	iter->left--;
}

static int fill(struct kcmap_iter *iter)
{
	switch (fill_window(iter)) {
	case KCMAP_FOUND:
		return 0;
	case KCMAP_ABSENT:
		iter->ended = 1;
		return 0;
	default:
		return fill_records(iter);
	}
}

API int kcmap_iter_next(struct kcmap_iter *iter, struct kcmap_item *item)
{
	if (!iter->left && iter->given == iter->read.count && !iter->ended &&
	    fill(iter))
		return -1;
	if (iter->ended)
		return 0;

	if (iter->left)
		give_record(iter, item);
	else
		give_gathered(iter, item);
	return 1;
}

API int kcmap_iter_position(struct kcmap_iter *iter, struct kcmap_position *pos)
{
	const struct cmap_cursor *cursor = iter->ended ? &iter->ahead :
							 &iter->here;

	pos->position = cursor->position;
	pos->tie = cursor->tie;
	return 0;
}

API void kcmap_iter_free(struct kcmap_iter *iter)
{
	if (!iter)
		return;
	free(iter->read.buf);
	free(iter->buf);
	free(iter);
}
