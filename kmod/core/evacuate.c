// SPDX-License-Identifier: GPL-2.0
#include "evacuate.h"
#include "layout.h"

/**
 * cmap_arena_sparse() - check whether too many nodes are free
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: true if a class has more than it should.
 */
bool cmap_arena_sparse(const struct cmap_arena *arena)
{
	u32 i;

	lockdep_assert_held(arena->lock);

	for (i = 0; arena->classes && i < CMAP_CLASSES; i++)
		if (arena->classes[i].free > arena->classes[i].sparse)
			return true;
	return false;
}

/*
 * Check whether nodes are taken from a segment.  The first one with freed nodes may
 * be emptied in the background, if there are nodes that were never used: copies go
 * there then.  Otherwise three segments of a class could be left, however few
 * entries they have.
 */
static bool nodes_are_taken(const struct cmap_class *class,
			    const struct cmap_segment *segment, bool urgent)
{
	if (segment->index == class->bump || segment->index == class->spare)
		return true;
	return segment->index == class->head &&
	       (urgent || !(class->bump || class->spare));
}

/*
 * Check whether a segment should be emptied.  The segments that nodes are taken
 * from are excluded, as their nodes would have to be moved twice.
 */
static bool should_evacuate(const struct cmap_arena *arena,
			    const struct cmap_segment *segment, u32 share,
			    bool urgent)
{
	const struct cmap_class *class = &arena->classes[segment->class];

	if (segment->evacuated || !segment->live ||
	    segment->live * 8ULL > (u64)segment->capacity * share)
		return false;
	if (nodes_are_taken(class, segment, urgent))
		return false;
	if (!urgent && class->free <= class->sparse)
		return false;
	return class->free >= segment->capacity + class->reserve;
}

/* True if a copy can get a node without waiting for a grace period. */
static bool has_copies(const struct cmap_arena *arena,
		       const struct cmap_class *class)
{
	const struct cmap_segment *head;

	if (class->bump || class->spare)
		return true;
	if (!class->head)
		return false;
	head = cmap_segment_at(arena, class->head);
	return head->ready || cmap_segment_gp_elapsed(head);
}

/**
 * cmap_arena_evacuate() - choose a segment to be emptied
 * @arena: the arena
 * @from: index to begin at; moved on
 * @count: how many indices to examine
 * @share: live nodes it may have, in eighths
 * @urgent: also if no more nodes are free than should be
 * @later: set to true if there is one that can be emptied after a grace period
 *
 * The nodes of the chosen segment are not handed out any more.
 *
 * Context: The shard's lock.
 * Return: true if a segment is chosen, by this call or an earlier one.
 */
bool cmap_arena_evacuate(struct cmap_arena *arena, u32 *from, u32 count,
			 u32 share, bool urgent, bool *later)
{
	struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 size = segtab ? segtab->size : 0;
	u32 end = min(*from + count, size);
	struct cmap_segment *segment;

	lockdep_assert_held(arena->lock);

	if (arena->victim)
		return true;

	for (; (segment = cmap_segment_from(segtab, from, end)); (*from)++) {
		if (!should_evacuate(arena, segment, share, urgent))
			continue;
		if (!has_copies(arena, &arena->classes[segment->class])) {
			*later = true;
			continue;
		}
		if (segment->listed)
			cmap_segment_unlist(arena, segment);
		segment->evacuated = true;
		cmap_class_count(&arena->classes[segment->class], segment,
				 -(s32)segment->capacity,
				 (s32)segment->live - (s32)segment->capacity);
		WRITE_ONCE(arena->victim, segment->index);
		arena->victim_next = 0;
		arena->victim_moved = false;
		(*from)++;
		return true;
	}
	if (end == size)
		*from = U32_MAX;

	return false;
}

/**
 * cmap_arena_evacuate_next() - get the next node of the chosen segment
 * @arena: the arena
 *
 * The caller moves it, or finds that it is no entry's, and then calls
 * cmap_arena_evacuate_moved().
 *
 * Context: The shard's lock.
 * Return: a node that may be an entry's, or 0 if none is left.
 */
cmap_ref cmap_arena_evacuate_next(struct cmap_arena *arena)
{
	const struct cmap_segment *segment;

	lockdep_assert_held(arena->lock);

	if (!arena->victim)
		return 0;
	segment = cmap_segment_at(arena, arena->victim);
	if (!segment->live || arena->victim_next == segment->bump)
		return 0;
	arena->victim_movers++;
	return cmap_segment_ref(segment, arena->victim_next++);
}

/**
 * cmap_arena_evacuate_moved() - note that a node is no longer being moved
 * @arena: the arena
 *
 * Another segment may be the chosen one by now.
 *
 * Context: The shard's lock.
 */
void cmap_arena_evacuate_moved(struct cmap_arena *arena)
{
	lockdep_assert_held(arena->lock);

	arena->victim_movers--;
}

/**
 * cmap_arena_evacuate_stop() - leave the other nodes of the chosen segment where they are
 * @arena: the arena, in which a segment is chosen
 *
 * Context: The shard's lock.
 */
void cmap_arena_evacuate_stop(struct cmap_arena *arena)
{
	lockdep_assert_held(arena->lock);

	arena->victim_next = cmap_segment_at(arena, arena->victim)->bump;
}

/**
 * cmap_arena_evacuates() - check whether a node is in the chosen segment
 * @arena: the arena
 * @ref: a node that is an entry's
 *
 * Context: The shard's lock.
 * Return: true if so.
 */
bool cmap_arena_evacuates(const struct cmap_arena *arena, cmap_ref ref)
{
	lockdep_assert_held(arena->lock);

	return arena->victim &&
	       cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS)->index == arena->victim;
}

/*
 * Give a new number to a segment that will be used again.  Some of its nodes
 * were moved.  Their versions moved along, and can return to the same nodes
 * with a later move.  Only a new number tells readers that the nodes were used
 * for something else meanwhile.  If the segment is not shown yet, nobody can
 * have seen its number.  Returns false if no number is left.
 */
static bool number_anew(struct cmap_arena *arena, struct cmap_segment *segment)
{
	u64 number;

	if (!arena->view || !list_empty(&segment->hidden))
		return true;
	if (cmap_memory_number(arena->memory, &number))
		return false;
	segment->number = number;
	cmap_view_set_segment(arena->view, segment->index,
			      cmap_segment_granules(segment), segment->number);
	/*
	 * Pairs with the fence before a window reader's third look: a reader
	 * that copied the next use of a node sees the new number.
	 */
	smp_wmb();
	return true;
}

/**
 * cmap_arena_evacuate_end() - finish with the chosen segment
 * @arena: the arena
 *
 * If one of its nodes is still handed out, the segment is used again as before,
 * with a new number.  While another caller moves a node, nothing is done: that one
 * finishes.
 *
 * Context: The shard's lock.
 * Return: bytes of the segment if it is freed after a grace period, else 0.
 */
u64 cmap_arena_evacuate_end(struct cmap_arena *arena)
{
	struct cmap_segment *segment;

	lockdep_assert_held(arena->lock);

	if (!arena->victim || arena->victim_movers)
		return 0;
	segment = cmap_segment_at(arena, arena->victim);
	WRITE_ONCE(arena->victim, 0);
	if (!segment->live)
		return cmap_block_bytes(segment->block);
	/*
	 * Without a new number the segment stays unused, and is freed once it
	 * is empty.
	 */
	if (arena->victim_moved && !number_anew(arena, segment))
		return 0;

	segment->evacuated = false;
	cmap_class_count(&arena->classes[segment->class], segment,
			 segment->capacity,
			 (s32)segment->capacity - (s32)segment->live);
	if (segment->ready || segment->waiting || segment->fresh)
		cmap_segment_list(arena, segment);
	return 0;
}
