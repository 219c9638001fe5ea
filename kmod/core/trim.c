// SPDX-License-Identifier: GPL-2.0
#include "trim.h"
#include "alloc.h"
#include "layout.h"
#include "lock.h"

#include <linux/bitmap.h>
#include <linux/sizes.h>

#define EMPTY_LOOKS		512	/* at granules */
#define WIPE_BYTES		SZ_64K	/* per lock hold of the trim, or one node */

/* True once no reader can be in any node of a segment without live ones. */
static bool segment_idle(struct cmap_segment *segment)
{
	if (!segment->fresh && cmap_segment_gp_elapsed(segment))
		return true;
	if (segment->emptied)
		return poll_state_synchronize_rcu(segment->empty_grace);
	if (!segment->waiting)
		return true;

	segment->empty_grace = start_poll_synchronize_rcu();
	segment->emptied = true;
	return false;
}

static void detach_segment(struct cmap_arena *arena, struct cmap_segment *segment,
			   struct list_head *detached)
{
	struct cmap_class *class = &arena->classes[segment->class];
	struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 i, index = segment->index, count = cmap_segment_granules(segment);

	if (segment->listed)
		cmap_segment_unlist(arena, segment);
	if (class->bump == index)
		class->bump = 0;
	if (class->spare == index)
		class->spare = 0;
	if (arena->victim == index)
		WRITE_ONCE(arena->victim, 0);
	if (!segment->evacuated)
		cmap_class_count(class, segment, -(s32)segment->capacity,
				 -(s32)segment->capacity);
	WRITE_ONCE(class->pages, class->pages - segment->block->pages);
	/*
	 * Clear the number before another segment gets the place, and before
	 * this one's memory is zeroed.
	 */
	cmap_view_set_segment(arena->view, index, count, 0);
	for (i = 0; i < count; i++) {
		segtab->base[index + i] = NULL;
		/*
		 * Pairs with the acquire in cmap_arena_find(). A page fault
		 * that finds no segment here, and so shows zeroes, must find
		 * the number gone, too.
		 */
		smp_store_release(&segtab->segment[index + i], NULL);
	}
	cmap_block_returning(segment->block);
	list_del(&segment->hidden);
	list_add(&segment->detached, detached);
	atomic_inc(&arena->memory->leaving);
}

/* No process maps the segment any more.  Free it and its granules. */
static void segment_left(struct cmap_place *place)
{
	struct cmap_segment *segment = container_of(place, struct cmap_segment,
						    place);
	struct cmap_arena *arena = segment->arena;
	u32 index = segment->index, count = cmap_segment_granules(segment);
	struct cmap_segtab *segtab;

	cmap_segment_free(segment);

	cmap_lock_bh(arena->lock);
	segtab = cmap_segtab_locked(arena);
	bitmap_clear(segtab->map, index, count);
	segtab->taken -= count;
	arena->hint = min(arena->hint, index);
	spin_unlock_bh(arena->lock);
}

static void segment_leave(struct cmap_segment *segment)
{
	struct cmap_arena *arena = segment->arena;
	/* Pairs with the release in cmap_arena_show(). */
	const struct cmap_view *view = smp_load_acquire(&arena->view);

	segment->place = (struct cmap_place){ .left = segment_left };
	/* A segment that was freed before the view was made cannot be mapped. */
	if (view) {
		segment->place.offset = cmap_place_node(view->index,
							segment->index);
		segment->place.bytes = cmap_segment_granules(segment) *
				       CMAP_GRANULE_BYTES;
	}
	cmap_memory_leave(arena->memory, &segment->place);
}

/*
 * Check whether a segment without live nodes can be freed.  A segment that was
 * allocated ahead is kept, as it will be used soon, unless a writer lacks
 * memory or most entries have been deleted.  If the class has entries, some
 * nodes must stay for their replacements.
 */
static bool segment_returnable(const struct cmap_arena *arena,
			       const struct cmap_segment *segment, bool urgent)
{
	const struct cmap_class *class = &arena->classes[segment->class];

	if (segment->evacuated || class->free == class->nodes)
		return true;
	if (!urgent && class->nodes - class->free >= segment->capacity &&
	    (segment->index == class->bump || segment->index == class->spare))
		return false;
	return class->free - segment->capacity >= class->reserve;
}

/*
 * Wipe freed nodes.  Returns true if some are left, to be wiped now or after a
 * grace period.
 */
static bool wipe_some(struct cmap_arena *arena, struct cmap_segment *segment,
		      s64 *budget)
{
	while (*budget > 0 && cmap_segment_gp_elapsed(segment)) {
		cmap_segment_wipe_next(arena, segment);
		*budget -= segment->units << CMAP_UNIT_SHIFT;
	}
	return segment->waiting;
}

/*
 * Reserve a segment for a writer that waits for its memory.  Its nodes are not
 * handed out any more, or else other writers would start its wait again each
 * time.  The segment is freed once no reader can be in it.
 */
static void claim_segment(struct cmap_arena *arena, struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];

	if (segment->listed)
		cmap_segment_unlist(arena, segment);
	if (class->bump == segment->index)
		class->bump = 0;
	if (class->spare == segment->index)
		class->spare = 0;
	cmap_class_count(class, segment, -(s32)segment->capacity,
			 -(s32)segment->capacity);
	segment->evacuated = true;
	WRITE_ONCE(arena->needs_trim, true);
}

/*
 * Detach segments.  Returns the bytes in those that only wait for a grace
 * period.  @more is set if there are any, or if there are nodes to be wiped.
 */
static u64 trim_segments(struct cmap_arena *arena, u32 *from, u32 count,
			 bool urgent, struct list_head *detached, bool *more)
{
	struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 size = segtab ? segtab->size : 0;
	u32 end = min(*from + count, size);
	struct cmap_segment *segment;
	s64 budget = WIPE_BYTES;
	u64 pending = 0;

	for (; (segment = cmap_segment_from(segtab, from, end)); (*from)++) {
		bool waits;

		waits = arena->wipe && wipe_some(arena, segment, &budget);
		*more |= waits;
		if (waits && budget <= 0)
			return pending;
		if (segment->live || !segment_returnable(arena, segment, urgent))
			continue;
		if (!waits && segment_idle(segment)) {
			detach_segment(arena, segment, detached);
		} else {
			if (urgent && !segment->evacuated)
				claim_segment(arena, segment);
			pending += cmap_block_bytes(segment->block);
			*more = true;
		}
	}
	if (end == size)
		*from = U32_MAX;

	return pending;
}

/**
 * cmap_arena_trim() - detach segments without a live node from an arena
 * @arena: the arena
 * @from: granule to begin at; moved on
 * @count: how many granules to examine
 * @detached: list for cmap_arena_free_detached()
 *
 * In an arena that wipes, freed nodes are wiped, and a segment is detached only
 * when all of its nodes are wiped.  A node is wiped in one lock hold, however
 * long it is.
 *
 * Context: The shard's lock, hardware interrupts on.
 * Return: true if there is a segment, or a node, that only waits for a grace
 * period.
 */
bool cmap_arena_trim(struct cmap_arena *arena, u32 *from, u32 count,
		     struct list_head *detached)
{
	bool more = false;

	lockdep_assert_held(arena->lock);

	trim_segments(arena, from, count, false, detached, &more);
	return more;
}

/**
 * cmap_arena_reclaim() - detach segments for a writer that lacks memory
 * @arena: the arena
 * @from: index to begin at; moved on
 * @count: how many indices to examine
 * @detached: list for cmap_arena_free_detached()
 *
 * This also detaches segments that were allocated ahead.  The nodes of segments
 * that wait for a grace period are not handed out any more.
 *
 * Context: The shard's lock, hardware interrupts on.
 * Return: bytes in segments that only wait for a grace period.
 */
u64 cmap_arena_reclaim(struct cmap_arena *arena, u32 *from, u32 count,
		       struct list_head *detached)
{
	bool more = false;

	lockdep_assert_held(arena->lock);

	return trim_segments(arena, from, count, true, detached, &more);
}

/**
 * cmap_arena_empty_bytes() - count the memory of segments without an entry
 * @arena: the arena
 * @size: bytes in a node; small segments of its class are left out, as their nodes
 *	count as nodes
 * @bytes: set to it
 *
 * A writer in softirq asks, so this examines a limited number.
 *
 * Context: The shard's lock.
 * Return: false if there are more segments than were examined.
 */
bool cmap_arena_empty_bytes(const struct cmap_arena *arena, u32 size, u64 *bytes)
{
	u32 class = cmap_class_of(size);
	const struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 end = segtab ? min_t(u32, segtab->size, EMPTY_LOOKS) : 0;
	const struct cmap_segment *segment;
	u32 i = 0;

	lockdep_assert_held(arena->lock);

	*bytes = 0;
	while (segtab && (segment = cmap_segment_from(segtab, &i, end))) {
		i += cmap_segment_granules(segment);
		if (!segment->live &&
		    (segment->class != class || cmap_class_is_large(class)))
			*bytes += cmap_block_bytes(segment->block);
	}
	return !segtab || segtab->taken <= end;
}

/**
 * cmap_arena_free_detached() - free segments that were trimmed
 * @detached: the segments
 *
 * A segment that processes may have mapped is freed later, by a work.
 *
 * Context: No lock.
 */
void cmap_arena_free_detached(struct list_head *detached)
{
	struct cmap_segment *segment, *next;

	list_for_each_entry_safe(segment, next, detached, detached)
		segment_leave(segment);
}
