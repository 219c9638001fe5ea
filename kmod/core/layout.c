// SPDX-License-Identifier: GPL-2.0
#include "layout.h"

#include <linux/build_bug.h>
#include <linux/slab.h>

/* A granule's number is at the granule's index in the array of words. */
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

/* How many levels are needed to show @granules. */
static u32 levels_for(u32 granules)
{
	u32 last = granules ? cmap_list_page_of(granules - 1) : 0;

	return cmap_level_of(last, 1) + 1;
}

/**
 * cmap_view_grow() - allocate the level that a view needs for more granules
 * @view: the view, or NULL
 * @memory: the map's memory
 * @nid: NUMA node to prefer
 * @granules: how many there shall be, at most twice as many as before
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @level: set to the level, for cmap_view_add(); NULL if none is needed
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
 * cmap_view_add() - add a level to a view
 * @view: the view, or NULL
 * @granules: how many granules it must be able to show
 * @level: from cmap_view_grow(); set to NULL if the view takes it
 *
 * Context: The shard's lock.
 * Return: false if the view still cannot show that many.
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
 * @view: the view, which nobody uses any more; or NULL
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
 * @memory: the map's memory
 * @nid: NUMA node to prefer
 * @granules: how many it must be able to show
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
	/* Pairs with the acquires of steps 1 and 2 in <uapi/linux/cmap.h>. */
	smp_store_release(word, value);
}

/**
 * cmap_view_set_tables() - publish a shard's tables in the window
 * @view: the shard's view, or NULL
 * @table: the table's word, see cmap_table_word()
 * @next: the word of the table that it is being moved into; 0 for none
 *
 * Context: The shard's lock.
 */
void cmap_view_set_tables(struct cmap_view *view, u64 table, u64 next)
{
	if (!view)
		return;

	publish_word(word_at(view, offsetof(struct cmap_window_shard, table)), table);
	/* A reader that sees a changed next sees the changed table, too. */
	publish_word(word_at(view, offsetof(struct cmap_window_shard, next)), next);
}

/**
 * cmap_view_set_segment() - publish a segment in the window, or its end
 * @view: the shard's view, or NULL
 * @granule: the segment's first granule
 * @count: how many granules it has
 * @number: the segment's number, or 0 if it is gone
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

/* ---- page faults ---- */

/**
 * cmap_view_page() - find a page of a view
 * @view: the view
 * @page: the page's index
 *
 * Context: Any; the caller keeps the map.
 * Return: the page, or NULL if it does not exist yet.
 */
struct page *cmap_view_page(const struct cmap_view *view, u32 page)
{
	void *base = page_at(view, page);

	return base ? virt_to_page(base) : NULL;
}

/**
 * cmap_view_mark() - note that a process is about to map zeroes
 * @view: the view
 * @granule: the granule, where there is no segment
 *
 * The caller looks for a segment again afterwards.  If there still is none, a
 * segment that is added later finds the mark.
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
 * cmap_view_clean() - check that no process has zeroes mapped in a segment's place
 * @view: the view, or NULL
 * @granule: the segment's first granule.  Page faults that begin now find the
 *	segment
 * @count: how many granules it has
 *
 * Context: The shard's lock.
 * Return: true if none has.
 */
bool cmap_view_clean(const struct cmap_view *view, u32 granule, u32 count)
{
	u32 i;

	if (!view)
		return true;

	/*
	 * Pairs with the barrier in cmap_view_mark(): either this sees the mark,
	 * or the page fault sees the segment.
	 */
	smp_mb();
	for (i = 0; i < count; i++)
		if (READ_ONCE(*number_at(view, granule + i)) !=
		    CMAP_VIEW_CLEAN)
			return false;
	return true;
}
