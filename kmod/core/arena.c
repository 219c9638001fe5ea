// SPDX-License-Identifier: GPL-2.0
#include "arena.h"
#include "layout.h"

#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define SPARSE_SHARE		4	/* one node in so many may be free, */
#define SPARSE_BYTES		SZ_64K	/* and so much beside that */
#define RESERVE_MAX		16	/* free nodes that inserts leave, */
#define RESERVE_SHARE		32	/* if they are one in so many */

/**
 * cmap_arena_init() - make an arena that has no memory yet
 * @arena: the arena
 * @lock: the shard's lock
 * @memory: where its pages come from
 * @nid: NUMA node to prefer
 * @wipe: overwrite nodes before they are used again, and soon in any case
 *
 * Context: Any.
 */
void cmap_arena_init(struct cmap_arena *arena, spinlock_t *lock,
		     struct cmap_memory *memory, int nid, bool wipe)
{
	*arena = (struct cmap_arena){
		.lock = lock,
		.memory = memory,
		.nid = nid,
		.wipe = wipe,
		.hint = 1,
	};
}

/**
 * cmap_segment_free() - free a segment
 * @segment: the segment, which nobody can find
 *
 * Context: Any.
 */
void cmap_segment_free(struct cmap_segment *segment)
{
	if (segment->block && cmap_class_is_large(segment->class))
		cmap_memory_large(segment->block->memory,
				  segment->block->pages, false);
	cmap_block_free(segment->block);
	kfree(segment);
}

/**
 * cmap_arena_destroy() - free all memory of an arena
 * @arena: the arena, which nobody reads or writes any more
 *
 * In an arena that wipes all of it is wiped first, entries too.
 *
 * Context: Process.
 */
void cmap_arena_destroy(struct cmap_arena *arena)
{
	/* Nobody is left who could hold the lock. */
	struct cmap_segtab *segtab = rcu_dereference_protected(arena->segtab, 1);
	struct cmap_segment *segment;
	u32 i = 0;

	while (segtab && (segment = cmap_segment_from(segtab, &i, segtab->size))) {
		cond_resched();
		i += cmap_segment_granules(segment);
		if (arena->wipe)
			memset(segment->base, 0,
			       cmap_block_bytes(segment->block));
		cmap_segment_free(segment);
	}
	kvfree(segtab);
	kfree(arena->classes);
	cmap_view_free(arena->view);
}

/**
 * cmap_segment_list() - put a segment on its class's list of free nodes
 * @arena: the arena
 * @segment: the segment
 *
 * Context: The shard's lock.
 */
void cmap_segment_list(struct cmap_arena *arena, struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];
	struct cmap_segment *head, *tail;

	lockdep_assert_held(arena->lock);

	segment->listed = true;
	if (!class->head) {
		class->head = segment->index;
		segment->prev = segment->index;
		segment->next = segment->index;
		return;
	}

	head = cmap_segment_at(arena, class->head);
	tail = cmap_segment_at(arena, head->prev);
	segment->prev = tail->index;
	segment->next = head->index;
	tail->next = segment->index;
	head->prev = segment->index;
}

/**
 * cmap_segment_unlist() - take a segment off that list
 * @arena: the arena
 * @segment: the segment
 *
 * Context: The shard's lock.
 */
void cmap_segment_unlist(struct cmap_arena *arena,
			 struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];

	lockdep_assert_held(arena->lock);

	segment->listed = false;
	if (segment->next == segment->index) {
		class->head = 0;
		return;
	}

	cmap_segment_at(arena, segment->prev)->next = segment->next;
	cmap_segment_at(arena, segment->next)->prev = segment->prev;
	if (class->head == segment->index)
		class->head = segment->next;
}

/**
 * cmap_class_reserve() - how many free nodes inserts leave for replacements
 * @class: the class
 * @nodes: how many it has
 *
 * One is enough, and with more of them more writers share a grace period once
 * nothing else is left: so many as fill a quarter of a page, or are a small share
 * of all.
 *
 * Context: Any.
 * Return: their number; 0 for large values, which have memory's headroom.
 */
u16 cmap_class_reserve(u32 class, u32 nodes)
{
	u32 size = cmap_class_units(class) << CMAP_UNIT_SHIFT;
	u32 least = max_t(u32, PAGE_SIZE / size / 4, 1);

	if (cmap_class_is_large(class))
		return 0;
	return min_t(u32, max(least, nodes / RESERVE_SHARE), RESERVE_MAX);
}

/**
 * cmap_class_count() - count nodes of a segment in its class
 * @class: the class
 * @segment: the segment
 * @nodes: how many come; negative: go
 * @free: how many of these are free
 *
 * Context: The shard's lock.
 */
void cmap_class_count(struct cmap_class *class,
		      const struct cmap_segment *segment, s32 nodes, s32 free)
{
	u32 size = segment->units << CMAP_UNIT_SHIFT;

	lockdep_assert_held(segment->arena->lock);

	class->nodes += nodes;
	class->free += free;
	class->reserve = cmap_class_reserve(segment->class, class->nodes);
	class->sparse = cmap_class_is_large(segment->class) ? U32_MAX :
			class->nodes / SPARSE_SHARE + class->reserve +
			DIV_ROUND_UP(SPARSE_BYTES, size);
}

/* ---- showing it ---- */

/**
 * cmap_arena_granules() - how many granules a view must have room for
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: one more than the highest granule that there can be.
 */
u32 cmap_arena_granules(const struct cmap_arena *arena)
{
	const struct cmap_segtab *segtab = cmap_segtab_locked(arena);

	lockdep_assert_held(arena->lock);

	return segtab ? segtab->size : 0;
}

/**
 * cmap_arena_show() - show processes where segments are, from now on
 * @arena: the arena
 * @view: its view, with room for all segments there are; the arena's now
 *
 * Context: The shard's lock.
 */
void cmap_arena_show(struct cmap_arena *arena, struct cmap_view *view)
{
	const struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	struct cmap_segment *segment;
	u32 i = 0;

	lockdep_assert_held(arena->lock);

	while (segtab && (segment = cmap_segment_from(segtab, &i, segtab->size))) {
		u32 count = cmap_segment_granules(segment);

		cmap_view_set_segment(view, i, count, segment->number);
		i += count;
	}
	/* Pairs with the acquires of those that load it without the lock. */
	smp_store_release(&arena->view, view);
}

/**
 * cmap_arena_hidden() - which segments processes cannot be shown yet
 * @arena: the arena, which has a view
 * @hidden: set to what there is to know of them
 * @max: room for so many
 *
 * Page faults find them already.  Once those are over that may not have, and
 * what they mapped is unmapped, it is time for cmap_arena_reveal().
 *
 * Context: The shard's lock.
 * Return: how many there are, at most @max.
 */
u32 cmap_arena_hidden(const struct cmap_arena *arena,
		      struct cmap_hidden *hidden, u32 max)
{
	const struct cmap_segment *segment;
	u32 n = 0;

	lockdep_assert_held(arena->lock);

	list_for_each_entry(segment, &arena->view->hidden, hidden) {
		if (n == max)
			break;
		hidden[n++] = (struct cmap_hidden){
			.granule = segment->index,
			.count = cmap_segment_granules(segment),
			.number = segment->number,
		};
	}

	return n;
}

/**
 * cmap_arena_reveal() - show processes a segment that they could not be shown
 * @arena: the arena
 * @hidden: from cmap_arena_hidden(); it may have gone since
 *
 * Context: The shard's lock.
 */
void cmap_arena_reveal(struct cmap_arena *arena,
		       const struct cmap_hidden *hidden)
{
	struct cmap_segment *segment = cmap_segment_at(arena, hidden->granule);

	lockdep_assert_held(arena->lock);

	if (!segment || segment->number != hidden->number)
		return;
	list_del_init(&segment->hidden);
	cmap_view_set_segment(arena->view, hidden->granule, hidden->count,
			      hidden->number);
}

/**
 * cmap_arena_find() - find the segment at a granule
 * @arena: the arena of a map that may have been mapped
 * @granule: the granule
 * @extent: set to the segment's memory, and to where it begins, in bytes from
 *	granule 0 on
 *
 * Context: Read section of &struct cmap_mapped.faults, in which what is found
 * stays.
 * Return: false if there is none.
 */
bool cmap_arena_find(const struct cmap_arena *arena, u32 granule,
		     struct cmap_extent *extent)
{
	const struct cmap_segment *segment = NULL;
	const struct cmap_segtab *segtab;

	rcu_read_lock();
	segtab = rcu_dereference(arena->segtab);
	if (segtab && granule < segtab->size)
		/* Pairs with the release in refill_settle(). */
		segment = smp_load_acquire(&segtab->segment[granule]);
	rcu_read_unlock();
	if (!segment)
		return false;

	extent->base = segment->base;
	extent->bytes = cmap_block_bytes(segment->block);
	extent->at = (u64)segment->index << CMAP_WINDOW_GRANULE_SHIFT;
	return true;
}
