// SPDX-License-Identifier: GPL-2.0
#include "view.h"
#include "table.h"

#include <linux/build_bug.h>
#include <linux/slab.h>

static_assert(CMAP_WINDOW_SEGMENTS == CMAP_SEGMENTS_MAX);
static_assert(offsetof(struct cmap_window_shard, segment) == 64);

/**
 * cmap_view_free() - free a view
 * @view: the view, which nobody uses any more, or NULL
 *
 * Context: Process.
 */
void cmap_view_free(struct cmap_view *view)
{
	u32 i;

	for (i = 0; view && i < CMAP_VIEW_PAGES; i++)
		cmap_block_free(view->page[i]);
	kfree(view);
}

/**
 * cmap_view_new() - make a view that shows nothing yet
 * @memory: where its pages come from
 * @node: memory node to prefer
 * @segments: how many it must have room for
 * @err: set on failure to -ENOMEM or -ENOSPC
 *
 * Context: Process.
 * Return: the view, or NULL.
 */
struct cmap_view *cmap_view_new(struct cmap_memory *memory, int node,
				u32 segments, int *err)
{
	u32 pages = segments ? cmap_view_page_of(segments - 1) + 1 : 1;
	struct cmap_view *view = kzalloc_node(sizeof(*view), CMAP_GFP_KERNEL,
					      node);
	u32 i;

	*err = -ENOMEM;
	if (!view)
		return NULL;

	for (i = 0; i < pages; i++) {
		view->page[i] = cmap_block_alloc_shown(memory, node,
						       GFP_KERNEL, err);
		if (!view->page[i]) {
			cmap_view_free(view);
			return NULL;
		}
	}

	return view;
}

static void set(struct cmap_view *view, size_t offset, u64 value)
{
	void *page = view->page[offset / PAGE_SIZE]->base;

	/* Pairs with acquires of steps 1 and 2 in <uapi/linux/cmap.h>. */
	smp_store_release((u64 *)(page + offset % PAGE_SIZE), value);
}

static u64 describe(const struct cmap_table *table)
{
	if (!table)
		return 0;
	return table->number << 16 | table->turn << 14 |
	       (u64)cmap_table_inside(table) << 13 | table->pool_bits << 9 |
	       table->chunk_bits << 5 | table->bits;
}

/**
 * cmap_view_set_table() - show a shard's table
 * @view: the shard's view, or NULL
 * @table: the table; if it was the next one it is so no more
 *
 * Context: The shard's lock.
 */
void cmap_view_set_table(struct cmap_view *view, const struct cmap_table *table)
{
	if (!view)
		return;

	set(view, offsetof(struct cmap_window_shard, table), describe(table));
	/* Who sees another next, or none, sees that the table is another. */
	set(view, offsetof(struct cmap_window_shard, next), 0);
}

/**
 * cmap_view_set_next() - show the table that a shard's is being moved into
 * @view: the shard's view, or NULL
 * @next: the table
 *
 * Context: The shard's lock.
 */
void cmap_view_set_next(struct cmap_view *view, const struct cmap_table *next)
{
	if (view)
		set(view, offsetof(struct cmap_window_shard, next),
		    describe(next));
}

/**
 * cmap_view_set_segment() - show where a segment is
 * @view: the shard's view, or NULL
 * @index: the segment's index; its page exists
 * @number: the segment's block, or 0 if it is no more
 *
 * Context: The shard's lock.
 */
void cmap_view_set_segment(struct cmap_view *view, u32 index, u64 number)
{
	if (view)
		set(view, offsetof(struct cmap_window_shard, segment) +
			  index * sizeof(u64), number);
}
