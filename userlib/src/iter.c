// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <stdlib.h>

#define BUF_SIZE 65536

/*
 * A buffer of records as the kernel filled it.  @kernel is where the next
 * buffer begins, @here is behind the item that was handed out last.
 */
struct cmap_iter {
	struct cmap *map;
	uint32_t flags;
	uint32_t left;
	char *buf;
	uint32_t size;
	const struct cmap_entry *next;
	struct cmap_cursor kernel;
	struct cmap_cursor here;
	int ended;
};

API struct cmap_iter *cmap_iter_new(struct cmap *map, unsigned int flags,
				    const struct cmap_position *from)
{
	struct cmap_iter *iter;

	if (flags & ~CMAP_KEYS_ONLY) {
		errno = EINVAL;
		return NULL;
	}

	iter = calloc(1, sizeof(*iter));
	if (!iter)
		return NULL;
	iter->map = map;
	iter->flags = flags & CMAP_KEYS_ONLY ? CMAP_RANGE_KEYS : 0;
	if (from) {
		iter->kernel.position = from->position;
		iter->kernel.tie = from->tie;
		iter->here = iter->kernel;
	}
	iter->size = BUF_SIZE;
	iter->buf = malloc(iter->size);
	if (!iter->buf) {
		free(iter);
		return NULL;
	}

	return iter;
}

static int enlarge(struct cmap_iter *iter, uint32_t size)
{
	char *buf = realloc(iter->buf, size);

	if (!buf)
		return -1;
	iter->buf = buf;
	iter->size = size;
	return 0;
}

static int fill(struct cmap_iter *iter)
{
	for (;;) {
		struct cmap_range range = {
			.size = sizeof(range),
			.flags = iter->flags,
			.buf = ptr_to_u64(iter->buf),
			.buf_len = iter->size,
			.cursor = iter->kernel,
		};

		if (!ioctl(iter->map->fd, CMAP_IOCTL_RANGE, &range)) {
			iter->kernel = range.cursor;
			iter->left = range.count;
			iter->next = (const struct cmap_entry *)iter->buf;
			iter->ended = !range.count;
			return 0;
		}
		if (errno != EMSGSIZE || enlarge(iter, range.buf_len))
			return -1;
		iter->kernel = range.cursor;
	}
}

API int cmap_iter_next(struct cmap_iter *iter, struct cmap_item *item)
{
	const struct cmap_entry *entry;

	if (!iter->left && !iter->ended && fill(iter))
		return -1;
	if (iter->ended)
		return 0;

	entry = iter->next;
	item->key = entry + 1;
	item->key_len = entry->key_len;
	item->value = entry->value_offset ?
		      (const char *)entry + entry->value_offset : NULL;
	item->value_len = entry->value_len;
	item->version = entry->version;

	iter->here = entry->cursor;
	iter->next = (const void *)((const char *)entry + entry->size);
	iter->left--;

	return 1;
}

API int cmap_iter_position(struct cmap_iter *iter, struct cmap_position *pos)
{
	const struct cmap_cursor *cursor = iter->ended ? &iter->kernel :
							 &iter->here;

	pos->position = cursor->position;
	pos->tie = cursor->tie;
	return 0;
}

API void cmap_iter_free(struct cmap_iter *iter)
{
	if (!iter)
		return;
	free(iter->buf);
	free(iter);
}
