// SPDX-License-Identifier: GPL-2.0
#include "../core/filter.h"
#include "../core/map.h"
#include "../core/op.h"
#include "../core/scan.h"
#include "../core/trace.h"
#include "cmd.h"
#include "time.h"
#include "uaccess.h"

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

#define CHUNK_SIZE	SZ_64K	/* filled in the kernel, then copied out */
#define QUIET_BUCKETS	4096	/* most empty buckets in one read section */

/* Records that are collected here and then copied to user memory. */
struct range_chunk {
	u8 *buf;
	u32 allocated;		/* bytes in @buf */
	u32 size;		/* bytes of it that may be used */
	u32 used;
	u32 count;
	u32 needed;		/* bytes that the record that did not fit needs */
	u32 flags;
	const struct cmap_filter *filter;	/* or NULL */
};

static u32 range_record_size(const struct cmap_node *node, u32 flags)
{
	u32 size = ALIGN(sizeof(struct cmap_entry) + cmap_node_key_len(node), 8);

	if (!(flags & CMAP_RANGE_KEYS))
		size += ALIGN(cmap_node_value_len(node), 8);
	return size;
}

static bool range_add_record(struct range_chunk *chunk,
			     const struct cmap_scan *scan,
			     const struct cmap_found *found)
{
	const struct cmap_node *node = found->node;
	u32 size = range_record_size(node, chunk->flags);
	struct cmap_entry *entry = (void *)chunk->buf + chunk->used;
	u32 key_end = sizeof(*entry) + cmap_node_key_len(node);
	u64 deadline = cmap_node_deadline(node);

	if (size > chunk->size - chunk->used) {
		chunk->needed = size;
		return false;
	}

	*entry = (struct cmap_entry){
		.size = size,
		.key_len = cmap_node_key_len(node),
		.key_offset = sizeof(*entry),
		.value_len = cmap_node_value_len(node),
		.version = node->version,
		.deadline = deadline ? cmap_time_from_clock(deadline) : 0,
	};
	cmap_scan_cursor(scan, found->position, found->tie, &entry->cursor);
	memcpy(entry + 1, node->key, cmap_node_key_len(node));
	if (!(chunk->flags & CMAP_RANGE_KEYS)) {
		entry->value_offset = ALIGN(key_end, 8);
		memset((u8 *)entry + key_end, 0, entry->value_offset - key_end);
		memcpy((u8 *)entry + entry->value_offset, cmap_node_value(node),
		       cmap_node_value_len(node));
		key_end = entry->value_offset + cmap_node_value_len(node);
	}
	memset((u8 *)entry + key_end, 0, size - key_end);

	chunk->used += size;
	chunk->count++;
	return true;
}

/* Nothing is copied of an entry that is not wanted. */
static bool range_wants(const struct range_chunk *chunk,
			const struct cmap_node *node)
{
	return !chunk->filter || cmap_filter_matches(chunk->filter, node->key,
						     cmap_node_key_len(node));
}

/*
 * Read buckets in one read section until the chunk is full, QUIET_BUCKETS of them
 * added nothing, or the map ends.  False at the end of the map.
 */
static bool range_fill_chunk(struct cmap_scan *scan, struct range_chunk *chunk)
{
	u32 quiet = 0;
	u32 count;
	bool more;
	u32 i;

	rcu_read_lock();
	for (;;) {
		count = chunk->count;
		more = cmap_scan_next(scan);
		if (!more)
			break;
		for (i = 0; i < scan->count; i++) {
			if (range_wants(chunk, scan->found[i].node) &&
			    !range_add_record(chunk, scan, &scan->found[i]))
				goto unlock;
			scan->position = scan->found[i].position;
			scan->tie = scan->found[i].tie;
		}
		cmap_scan_pass(scan);
		if (chunk->count == count && ++quiet == QUIET_BUCKETS)
			break;
	}
unlock:
	rcu_read_unlock();
	return more;
}

/* Make the chunk large enough for the record that did not fit. */
static int range_enlarge_chunk(const struct cmap_context *context,
			       struct range_chunk *chunk, u32 size)
{
	cmap_op_free_copy(context->map, chunk->buf, chunk->allocated);
	chunk->size = size;
	chunk->allocated = size;
	chunk->buf = kvmalloc(size, cmap_gfp(context->gfp));
	return chunk->buf ? 0 : -ENOMEM;
}

/*
 * Fill the user's buffer, one chunk after the other.  The caller ignores an error
 * after the first record: the next call meets it again.
 */
static int range_fill_buffer(const struct cmap_context *context,
			     struct cmap_range *range, u32 room,
			     struct cmap_scan *scan, struct range_chunk *chunk)
{
	u64 position, tie;
	bool more;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		chunk->used = 0;
		chunk->count = 0;
		chunk->needed = 0;
		chunk->size = min(chunk->size, room - range->buf_len);
		position = scan->position;
		tie = scan->tie;
		more = range_fill_chunk(scan, chunk);

		if (chunk->needed && !chunk->count) {
			if (chunk->needed > room - range->buf_len) {
				if (!range->count)
					range->buf_len = chunk->needed;
				return -EMSGSIZE;
			}
			if (range_enlarge_chunk(context, chunk, chunk->needed))
				return -ENOMEM;
			continue;
		}
		if (copy_to_user(u64_to_user_ptr(range->buf) + range->buf_len,
				 chunk->buf, chunk->used)) {
			scan->position = position;
			scan->tie = tie;
			return -EFAULT;
		}
		range->buf_len += chunk->used;
		range->count += chunk->count;
	} while (more);

	return 0;
}

static int range_map(const struct cmap_context *context,
		     struct cmap_range *range, const struct cmap_filter *filter)
{
	struct cmap *map = context->map;
	struct range_chunk chunk = { .flags = range->flags, .filter = filter };
	u32 room = range->buf_len;
	struct cmap_scan *scan;
	int err = -ENOMEM;

	range->buf_len = 0;
	range->count = 0;

	scan = kmalloc(sizeof(*scan), cmap_gfp(context->gfp));
	if (!scan)
		return -ENOMEM;
	cmap_scan_begin(scan, map, &range->cursor);

	if (!range_enlarge_chunk(context, &chunk, min_t(u32, room, CHUNK_SIZE)))
		err = range_fill_buffer(context, range, room, scan, &chunk);
	cmap_scan_cursor(scan, scan->position, scan->tie, &range->cursor);
	trace_cmap_range(map, range->count);

	cmap_op_free_copy(map, chunk.buf, chunk.allocated);
	kfree(scan);

	return range->count ? 0 : err;
}

/* Make the filter for a prefix; NULL if there is none. */
static struct cmap_filter *range_filter(const struct cmap *map,
					const struct cmap_range *range)
{
	struct cmap_filter *filter;
	u32 len = range->prefix_len;

	if (!len)
		return NULL;
	if (len > map->key_max)
		return ERR_PTR(-E2BIG);
	filter = cmap_filter_new(map, CMAP_FILTER_PREFIX, 1, len);
	if (!filter)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(cmap_filter_room(filter, 0, len),
			   u64_to_user_ptr(range->prefix), len)) {
		cmap_filter_free(filter);
		return ERR_PTR(-EFAULT);
	}
	cmap_filter_finish(filter, map);
	return filter;
}

int cmap_cmd_range(struct cmap_context *context, void __user *arg)
{
	struct cmap_filter *filter;
	struct cmap_range range;
	int err;

	err = cmap_copy_in(&range, arg, cursor);
	if (err)
		return err;
	if (range.flags & ~CMAP_RANGE_KEYS || range.__reserved ||
	    !range.prefix != !range.prefix_len)
		return -EINVAL;
	filter = range_filter(context->map, &range);
	if (IS_ERR(filter))
		return PTR_ERR(filter);

	err = range_map(context, &range, filter);
	cmap_filter_free(filter);
	if (err && err != -EMSGSIZE)
		return err;

	return cmap_copy_out((struct cmap_range __user *)arg, &range, buf_len,
			     cursor) ?: err;
}
