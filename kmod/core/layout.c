// SPDX-License-Identifier: GPL-2.0
#include "layout.h"

#include <linux/build_bug.h>
#include <linux/slab.h>

/* A granule's number is the word that has the granule's index. */
static_assert(offsetof(struct cmap_window_shard, segment) ==
	      CMAP_WINDOW_GRANULES_NONE * sizeof(u64));
static_assert(CMAP_VIEW_ZEROES < CMAP_WINDOW_NUMBER_FIRST);

/* ---- levels of pages ---- */

/**
 * cmap_view_level_free() - free a level that was not added to a view
 * @level: the level, or NULL
 *
 * Context: Any.
 */
void cmap_view_level_free(struct cmap_view_level *level)
{
	u32 i;

	for (i = 0; level && i < level->count; i++)
		cmap_block_free(level->page[i]);
	kfree(level);
}

static struct cmap_view_level *level_new(struct cmap_memory *memory, int nid,
					 u32 level, gfp_t gfp, int *err)
{
	u32 count = cmap_level_count(level, 1);
	struct cmap_view_level *new;
	u32 i;

	*err = -ENOMEM;
	new = kzalloc_node(struct_size(new, page, count), cmap_gfp(gfp), nid);
	if (!new)
		return NULL;

	new->level = level;
	new->count = count;
	for (i = 0; i < count; i++) {
		new->page[i] = cmap_block_alloc_shown(memory, nid, gfp, err);
		if (!new->page[i]) {
			cmap_view_level_free(new);
			return NULL;
		}
	}

	return new;
}

/* How many levels it takes to show so many granules. */
static u32 levels_for(u32 granules)
{
	u32 last = granules ? cmap_list_page_of(granules - 1) : 0;

	return cmap_level_of(last, 1) + 1;
}

/**
 * cmap_view_grow() - make what a view lacks to show more granules
 * @view: the view, or NULL
 * @memory: where its pages come from
 * @nid: memory node to prefer
 * @granules: how many there shall be, no more than twice as many as before
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @level: set to what is for cmap_view_add(); NULL if nothing is needed
 *
 * Context: Any that @gfp allows; no lock.
 * Return: 0, -EDQUOT, -ENOMEM or -ENOSPC.
 */
int cmap_view_grow(const struct cmap_view *view, struct cmap_memory *memory,
		   int nid, u32 granules, gfp_t gfp,
		   struct cmap_view_level **level)
{
	u32 levels = levels_for(granules);
	int err = 0;

	*level = NULL;
	if (view && READ_ONCE(view->levels) < levels)
		*level = level_new(memory, nid, levels - 1, gfp, &err);
	return err;
}

/**
 * cmap_view_add() - have a view show more granules
 * @view: the view, or NULL
 * @granules: how many it must be able to show
 * @level: from cmap_view_grow(); NULL when the view has taken it
 *
 * Context: The shard's lock.
 * Return: false if the view still cannot.
 */
bool cmap_view_add(struct cmap_view *view, u32 granules,
		   struct cmap_view_level **level)
{
	u32 levels = levels_for(granules);

	if (!view || view->levels >= levels)
		return true;
	if (!*level || (*level)->level != view->levels ||
	    view->levels + 1 < levels)
		return false;

	/* Pairs with the acquire in page_at(). */
	smp_store_release(&view->level[view->levels], *level);
	WRITE_ONCE(view->levels, view->levels + 1);
	*level = NULL;
	return true;
}

/* ---- views ---- */

/**
 * cmap_view_free() - free a view
 * @view: the view, which nobody uses any more, or NULL
 *
 * Context: Process.
 */
void cmap_view_free(struct cmap_view *view)
{
	u32 i;

	for (i = 0; view && i < view->levels; i++)
		cmap_view_level_free(view->level[i]);
	kfree(view);
}

/**
 * cmap_view_new() - make a view that shows nothing yet
 * @memory: where its pages come from
 * @nid: memory node to prefer
 * @granules: how many it must have room for
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * Context: Process.
 * Return: the view, or NULL.
 */
struct cmap_view *cmap_view_new(struct cmap_memory *memory, int nid,
				u32 granules, int *err)
{
	u32 levels = levels_for(granules);
	struct cmap_view *view;

	*err = -ENOMEM;
	view = kzalloc_node(sizeof(*view), CMAP_GFP_KERNEL, nid);
	if (!view)
		return NULL;

	INIT_LIST_HEAD(&view->hidden);
	for (; view->levels < levels; view->levels++) {
		view->level[view->levels] = level_new(memory, nid,
						      view->levels, GFP_KERNEL,
						      err);
		if (!view->level[view->levels]) {
			cmap_view_free(view);
			return NULL;
		}
	}

	return view;
}

static void *page_at(const struct cmap_view *view, u32 page)
{
	unsigned int level = cmap_level_of(page, 1);
	const struct cmap_view_level *found;

	if (level >= CMAP_VIEW_LEVELS)
		return NULL;
	/* Pairs with the release in cmap_view_add(). */
	found = smp_load_acquire(&view->level[level]);
	return found ? found->page[page - cmap_level_begin(level, 1)]->base :
		       NULL;
}

static u64 *word_at(const struct cmap_view *view, size_t offset)
{
	void *page = page_at(view, offset / PAGE_SIZE);

	return page ? page + offset % PAGE_SIZE : NULL;
}

static u64 *number_at(const struct cmap_view *view, u32 granule)
{
	return word_at(view, granule * sizeof(u64));
}

static void publish_word(u64 *word, u64 value)
{
	/* Pairs with acquires of steps 1 and 2 in <uapi/linux/cmap.h>. */
	smp_store_release(word, value);
}

/**
 * cmap_view_set_tables() - show a shard's table
 * @view: the shard's view, or NULL
 * @table: the word that says which it is, see cmap_table_word()
 * @next: the same of the one it is being moved into
 *
 * Context: The shard's lock.
 */
void cmap_view_set_tables(struct cmap_view *view, u64 table, u64 next)
{
	if (!view)
		return;

	publish_word(word_at(view, offsetof(struct cmap_window_shard, table)), table);
	/* Who sees another next, or none, sees that the table is another. */
	publish_word(word_at(view, offsetof(struct cmap_window_shard, next)), next);
}

/**
 * cmap_view_set_segment() - show where a segment is
 * @view: the shard's view, or NULL
 * @granule: the segment's first granule
 * @count: how many it has
 * @number: the segment's number, or 0 if it is no more
 *
 * Context: The shard's lock.
 */
void cmap_view_set_segment(struct cmap_view *view, u32 granule, u32 count,
			   u64 number)
{
	u32 i;

	for (i = 0; view && i < count; i++)
		publish_word(number_at(view, granule + i), number);
}

/* ---- what page faults ask ---- */

/**
 * cmap_view_page() - find a page of a list
 * @view: the view
 * @page: its number
 *
 * Context: Any; the map stays.
 * Return: the page, or NULL if it is not there yet.
 */
struct page *cmap_view_page(const struct cmap_view *view, u32 page)
{
	void *base = page_at(view, page);

	return base ? virt_to_page(base) : NULL;
}

/**
 * cmap_view_mark() - before a process is shown zeroes where no segment is
 * @view: the view
 * @granule: where
 *
 * If there still is none when this has returned, a segment that comes there
 * will find the mark.
 *
 * Context: Read section of &struct cmap_mapped.faults.
 * Return: false if there never was a segment.
 */
bool cmap_view_mark(const struct cmap_view *view, u32 granule)
{
	u64 *word = number_at(view, granule);

	if (!word)
		return false;
	cmpxchg(word, CMAP_VIEW_CLEAN, CMAP_VIEW_ZEROES);
	/* Pairs with the barrier in cmap_view_clean(). */
	smp_mb();
	return true;
}

/**
 * cmap_view_clean() - whether nobody can see zeroes where a segment came
 * @view: the view, or NULL
 * @granule: its first granule; page faults that begin now find the segment
 * @count: how many it has
 *
 * Context: The shard's lock.
 * Return: true if so.
 */
bool cmap_view_clean(const struct cmap_view *view, u32 granule, u32 count)
{
	u32 i;

	if (!view)
		return true;

	/*
	 * Pairs with the barrier in cmap_view_mark(): either this sees the
	 * mark, or the page fault the segment.
	 */
	smp_mb();
	for (i = 0; i < count; i++)
		if (READ_ONCE(*number_at(view, granule + i)) !=
		    CMAP_VIEW_CLEAN)
			return false;
	return true;
}
