// SPDX-License-Identifier: GPL-2.0
#include "alloc.h"

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

/* Smaller segments are not allocated ahead: clearing them takes little time. */
#define AHEAD_PAGES_MIN		4

/* Begin a grace period for the nodes that were freed since the last one began. */
static void start_gp(struct cmap_segment *segment)
{
	segment->waiting = segment->fresh;
	segment->fresh = 0;
	if (segment->waiting)
		segment->grace = start_poll_synchronize_rcu();
}

static void wipe_node(const struct cmap_segment *segment, struct cmap_node *node)
{
	cmap_arena_blank(node);
	memset(node + 1, 0, (segment->units << CMAP_UNIT_SHIFT) - sizeof(*node));
	node->lengths = 0;
}

/**
 * cmap_segment_wipe_next() - wipe one waiting node and make it ready
 * @arena: the arena
 * @segment: the segment.  It has waiting nodes, and their grace period is over
 *
 * Context: The shard's lock.
 */
void cmap_segment_wipe_next(struct cmap_arena *arena, struct cmap_segment *segment)
{
	cmap_ref ref = segment->waiting;
	struct cmap_node *node = cmap_arena_node(arena, ref);

	lockdep_assert_held(arena->lock);

	segment->waiting = node->link;
	wipe_node(segment, node);
	cmap_arena_push(arena, &segment->ready, ref);
	if (!segment->waiting)
		start_gp(segment);
}

/* Move the lists up if the grace period is over.  True if a node is ready. */
static bool advance_lists(struct cmap_arena *arena, struct cmap_segment *segment)
{
	if (segment->ready)
		return true;
	if (!cmap_segment_gp_elapsed(segment))
		return false;

	if (arena->wipe) {
		cmap_segment_wipe_next(arena, segment);
	} else {
		segment->ready = segment->waiting;
		start_gp(segment);
	}
	return true;
}

static cmap_ref alloc_freed(struct cmap_arena *arena, struct cmap_class *class)
{
	struct cmap_segment *segment;
	cmap_ref ref;

	/* The first in the ring has the oldest grace period: look only there. */
	if (!class->head)
		return 0;
	segment = cmap_segment_at(arena, class->head);
	if (!advance_lists(arena, segment))
		return 0;

	ref = segment->ready;
	segment->ready = cmap_arena_node(arena, ref)->link;
	/* The next writer need not wait for the next node's link. */
	if (segment->ready)
		prefetchw(cmap_arena_node(arena, segment->ready));
	segment->live++;
	arena->reuses++;

	/* If only waiting nodes are left, move the segment to the ring's end. */
	if (!segment->ready) {
		if (segment->waiting)
			class->head = segment->next;
		else
			cmap_segment_unlist(arena, segment);
	}

	return ref;
}

/*
 * Half of a segment is used: ask the work for the next one, so that no writer has
 * to clear it.  Do not ask if a segment is large compared with what the class
 * has, as it may never be used.
 *
 * `ahead` holds one class.  If two ask at once, the first request is lost, and
 * its writer allocates when the segment is used up.
 */
static void note_low_watermark(struct cmap_arena *arena,
			       const struct cmap_class *class,
			       const struct cmap_segment *segment)
{
	u32 pages = segment->block->pages;

	if (class->spare || pages < AHEAD_PAGES_MIN || class->pages < 4 * pages)
		return;
	/* The work that allocates reads this without the lock. */
	WRITE_ONCE(arena->ahead, segment->class);
	WRITE_ONCE(arena->below_low_watermark, true);
}

static cmap_ref alloc_unused(struct cmap_arena *arena, struct cmap_class *class)
{
	struct cmap_segment *segment;
	cmap_ref ref;

	if (!class->bump) {
		class->bump = class->spare;
		class->spare = 0;
		if (!class->bump)
			return 0;
	}
	segment = cmap_segment_at(arena, class->bump);

	ref = cmap_segment_ref(segment, segment->bump++);
	segment->live++;
	if (segment->bump == segment->capacity)
		class->bump = 0;
	else if (segment->bump == segment->capacity / 2)
		note_low_watermark(arena, class, segment);

	return ref;
}

static __always_inline cmap_ref alloc_in(struct cmap_arena *arena,
					 struct cmap_class *class)
{
	cmap_ref ref;

	ref = alloc_freed(arena, class);
	if (!ref)
		ref = alloc_unused(arena, class);
	if (!ref)
		return 0;

	class->free--;
	arena->allocs++;
	cmap_arena_blank(cmap_arena_node(arena, ref));

	return ref;
}

/**
 * cmap_arena_alloc() - take a node, even the last one
 * @arena: the arena
 * @size: its size in bytes, from cmap_node_size()
 *
 * The node's version is 0 when this returns.  Every reader sees that before
 * anything that the caller writes to the node.
 *
 * Context: The shard's lock.
 * Return: the node's ref, or 0 if the arena must be refilled first.
 */
cmap_ref cmap_arena_alloc(struct cmap_arena *arena, u32 size)
{
	lockdep_assert_held(arena->lock);

	if (!arena->classes)
		return 0;
	return alloc_in(arena, &arena->classes[cmap_class_of(size)]);
}

/**
 * cmap_arena_alloc_ahead() - take a node that will be handed out later
 * @arena: the arena
 * @size: its size in bytes, from cmap_node_size()
 *
 * Whoever hands it out counts it.
 *
 * Context: The shard's lock.
 * Return: the node's ref, or 0 if none can be had at once.
 */
cmap_ref cmap_arena_alloc_ahead(struct cmap_arena *arena, u32 size)
{
	struct cmap_class *class = &arena->classes[cmap_class_of(size)];
	cmap_ref ref;

	lockdep_assert_held(arena->lock);

	ref = alloc_freed(arena, class);
	if (ref)
		arena->reuses--;
	else
		ref = alloc_unused(arena, class);
	if (ref)
		class->free--;

	return ref;
}

static struct cmap_class *class_at(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segment *segment =
		cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);

	return &arena->classes[segment->class];
}

/* Whether the headroom that replacing large values needs is still there. */
static bool headroom_left(const struct cmap_arena *arena)
{
	return !cmap_account_short(&arena->memory->account, 0, false, NULL);
}

/*
 * Whether writers that queue for nodes of a class have precedence.  They do while
 * the first in the queue lacks such a node.  If it lacks something else, others
 * need not stay behind those that queue for this class.
 */
static bool is_queued(const struct cmap_arena *arena, u32 nth)
{
	return unlikely(arena->classes[nth].queued) && arena->serving == nth;
}

/**
 * cmap_arena_take() - take a node, unless others have precedence
 * @arena: the arena
 * @size: its size in bytes, from cmap_node_size()
 * @old: the node that it is to replace, or 0 for an insert
 * @queued: it is this writer's turn
 *
 * A replacement may take the last node if it gives back one of the same class.  An
 * insert gives none back, and a replacement by a value of another size gives back
 * one that does not help the others of that size.  Both leave the reserve to
 * replacements.  While writers queue for a node, nobody else takes one.
 *
 * Context: The shard's lock.
 * Return: the node's ref as from cmap_arena_alloc(), or 0.
 */
cmap_ref cmap_arena_take(struct cmap_arena *arena, u32 size, cmap_ref old,
			 bool queued)
{
	u32 nth = cmap_class_of(size);
	struct cmap_class *class;

	lockdep_assert_held(arena->lock);

	if (unlikely(!arena->classes))
		return 0;
	class = &arena->classes[nth];
	if (is_queued(arena, nth) && !queued)
		return 0;
	if ((unlikely(class->free <= class->reserve) ||
	     (unlikely(cmap_class_is_large(nth)) && !headroom_left(arena))) &&
	    !(old && cmap_arena_makes_up(cmap_arena_room(arena, old), size)))
		return 0;

	return alloc_in(arena, class);
}

/**
 * cmap_arena_may_insert() - check whether a reserved node may be inserted
 * @arena: the arena
 * @ref: the node, taken when it was not known whether the write will insert
 *
 * Context: The shard's lock.
 * Return: true if enough is left for replacements.
 */
bool cmap_arena_may_insert(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_class *class = class_at(arena, ref);

	lockdep_assert_held(arena->lock);

	return class->free >= class->reserve &&
	       (!cmap_class_is_large(class - arena->classes) || headroom_left(arena));
}

/**
 * cmap_arena_in_hand() - note that a writer holds a node, or no longer does
 * @arena: the arena
 * @ref: the node
 * @taken: the writer holds it from now on
 *
 * A writer holds a node while it fills it outside the lock, and an old node while
 * it copies the value out.  Both come back, so a writer that lacks a node waits for
 * them.
 *
 * Context: The shard's lock.
 */
void cmap_arena_in_hand(struct cmap_arena *arena, cmap_ref ref, bool taken)
{
	const struct cmap_segment *segment =
		cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);
	s64 bytes = cmap_block_bytes(segment->block);

	lockdep_assert_held(arena->lock);

	cmap_memory_hands_move(arena->memory);
	arena->classes[segment->class].in_hand += taken ? 1 : -1;
	if (cmap_class_is_large(segment->class))
		atomic64_add(taken ? bytes : -bytes, &arena->memory->in_hand);
}

/**
 * cmap_arena_large_bytes() - a node's share of its map's memory in hand
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 * Return: its bytes; 0 if it does not have a large value.
 */
u64 cmap_arena_large_bytes(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segment *segment =
		cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);

	lockdep_assert_held(arena->lock);

	return cmap_class_is_large(segment->class) ? cmap_block_bytes(segment->block) : 0;
}

/**
 * cmap_arena_room() - how many bytes fit where a node is
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 * Return: bytes, those of the node's size class.
 */
u32 cmap_arena_room(const struct cmap_arena *arena, cmap_ref ref)
{
	lockdep_assert_held(arena->lock);

	return cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS)->units <<
	       CMAP_UNIT_SHIFT;
}

/**
 * cmap_arena_larger() - compare the size classes of nodes
 * @size: bytes in one node
 * @than: bytes in another
 *
 * Context: Any.
 * Return: true if @size belongs to a larger class.
 */
bool cmap_arena_larger(u32 size, u32 than)
{
	return cmap_class_of(size) > cmap_class_of(than);
}

/**
 * cmap_arena_more_larger() - count a node that was taken for less than it has room for
 * @arena: the arena
 *
 * While there are any, no stripe stashes nodes: from its content such a node looks like
 * one of a smaller class.
 *
 * Context: The shard's lock.
 */
void cmap_arena_more_larger(struct cmap_arena *arena)
{
	lockdep_assert_held(arena->lock);

	WRITE_ONCE(arena->larger, arena->larger + 1);
}

/**
 * cmap_arena_less_larger() - no longer count such a node
 * @arena: the arena
 * @ref: any node with its content, which is about to be freed
 *
 * Context: The shard's lock.
 */
void cmap_arena_less_larger(struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segment *segment;
	u32 bytes;

	lockdep_assert_held(arena->lock);

	if (likely(!arena->larger))
		return;
	segment = cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);
	bytes = cmap_node_bytes(cmap_arena_node(arena, ref));
	if (segment->class != cmap_class_of(bytes))
		WRITE_ONCE(arena->larger, arena->larger - 1);
}

/**
 * cmap_arena_makes_up() - check whether a node makes up for the one that replaces it
 * @room: its room in bytes, or 0 if there is none
 * @size: bytes in the one that replaces it
 *
 * It does in the same size class.  What is kept for the replacement of large values
 * is room in the account, so an old large node makes up for any smaller large one.
 *
 * Context: Any.
 * Return: true if all other entries can be replaced as before.
 */
bool cmap_arena_makes_up(u32 room, u32 size)
{
	u32 old = cmap_class_of(room), new = cmap_class_of(size);

	return old == new || (old > new && cmap_class_is_large(new));
}

/*
 * Too many nodes are free.  Trim now, and again when a sixteenth of all nodes has
 * been freed since: what kept a segment at the last run may be over.
 */
static bool trim_is_due(const struct cmap_class *class)
{
	return (class->free - class->sparse) % (class->sparse / 4 + 1) == 0;
}

/* Count a node that came free.  If they become too many, the trim may empty segments. */
static void count_free(struct cmap_arena *arena, struct cmap_class *class)
{
	if (unlikely(++class->free >= class->sparse) && trim_is_due(class))
		WRITE_ONCE(arena->needs_trim, true);
}

/**
 * cmap_arena_retire() - free a node that readers may still be in
 * @arena: the arena
 * @ref: the node, which can no longer be found
 *
 * Context: The shard's lock, hardware interrupts on.
 */
void cmap_arena_retire(struct cmap_arena *arena, cmap_ref ref)
{
	struct cmap_segment *segment =
		cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);

	lockdep_assert_held(arena->lock);

	cmap_arena_push(arena, &segment->fresh, ref);
	segment->emptied = false;
	if (!--segment->live || arena->wipe)
		WRITE_ONCE(arena->needs_trim, true);
	if (!segment->waiting)
		start_gp(segment);
	if (likely(!segment->evacuated)) {
		count_free(arena, &arena->classes[segment->class]);
		if (!segment->listed)
			cmap_segment_list(arena, segment);
	}
}

/**
 * cmap_arena_free_unpublished() - free a node whose ref was never published
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 */
void cmap_arena_free_unpublished(struct cmap_arena *arena, cmap_ref ref)
{
	struct cmap_segment *segment =
		cmap_segment_at(arena, ref >> CMAP_OFFSET_BITS);

	lockdep_assert_held(arena->lock);

	if (arena->wipe)
		wipe_node(segment, cmap_arena_node(arena, ref));
	cmap_arena_push(arena, &segment->ready, ref);
	if (!--segment->live)
		WRITE_ONCE(arena->needs_trim, true);
	if (segment->evacuated)
		return;
	count_free(arena, &arena->classes[segment->class]);
	if (!segment->listed)
		cmap_segment_list(arena, segment);
}

/**
 * cmap_arena_copy() - copy an entry's node to another segment
 * @arena: the arena
 * @ref: the node, in the segment that is being emptied
 *
 * The copy equals the original, also in its version, so a reader may find either.
 * Copies leave the reserve to replacements, as inserts do.
 *
 * Context: The shard's lock.
 * Return: the copy, or 0 if there is no room for one.
 */
cmap_ref cmap_arena_copy(struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_node *node = cmap_arena_node(arena, ref);
	struct cmap_class *class = class_at(arena, ref);
	struct cmap_node *copy;
	cmap_ref copy_ref;

	lockdep_assert_held(arena->lock);

	if (class->free <= class->reserve)
		return 0;
	copy_ref = alloc_in(arena, class);
	if (!copy_ref)
		return 0;
	copy = cmap_arena_node(arena, copy_ref);
	copy->hash_high = node->hash_high;
	copy->lengths = node->lengths;
	memcpy(copy->key, node->key, cmap_node_bytes(node) - sizeof(*node));
	/* Pairs with the window reader's acquire of the version. */
	smp_store_release(&copy->version, node->version);
	arena->victim_moved = true;

	return copy_ref;
}

/* ---- who gets a node first ---- */

/**
 * cmap_arena_queue() - count writers that queue for nodes
 * @arena: the arena
 * @size: bytes in the nodes
 * @count: how many writers join; negative: leave
 *
 * Context: The shard's lock.
 * Return: false, with nothing counted, if the arena has no nodes yet, or if more
 * writers queue than can be counted.
 */
bool cmap_arena_queue(struct cmap_arena *arena, u32 size, int count)
{
	struct cmap_class *class;

	lockdep_assert_held(arena->lock);

	if (!arena->classes)
		return false;
	class = &arena->classes[cmap_class_of(size)];
	if (count > 0 && count > U16_MAX - class->queued)
		return false;
	WRITE_ONCE(class->queued, class->queued + count);
	return true;
}

/**
 * cmap_arena_serve() - set what the first writer in the queue lacks
 * @arena: the arena
 * @size: bytes in the node that it lacks, or 0 if it lacks something else
 *
 * Until this is called for the next writer, only writers in the queue take nodes
 * of that size.
 *
 * Context: The shard's lock.
 */
void cmap_arena_serve(struct cmap_arena *arena, u32 size)
{
	lockdep_assert_held(arena->lock);

	WRITE_ONCE(arena->serving, size ? cmap_class_of(size) : 0);
}

/**
 * cmap_arena_queued() - check whether writers queue for nodes
 * @arena: the arena
 * @size: bytes in the nodes
 *
 * Context: The shard's lock.
 * Return: true if they do.
 */
bool cmap_arena_queued(const struct cmap_arena *arena, u32 size)
{
	lockdep_assert_held(arena->lock);

	return arena->classes && is_queued(arena, cmap_class_of(size));
}

/**
 * cmap_arena_outlook() - check whether a node becomes free without more memory
 * @arena: the arena
 * @size: bytes in the node
 * @room: room of the node that it is to replace, or 0 for an insert; one that does
 *	not make up for it leaves the reserve to replacements
 *
 * Context: The shard's lock.
 * Return: whether the writer gets a node if it waits, and what it waits for.
 */
struct cmap_outlook cmap_arena_outlook(const struct cmap_arena *arena,
				       u32 size, u32 room)
{
	bool leaves = !cmap_arena_makes_up(room, size);
	struct cmap_outlook outlook = {};
	const struct cmap_segment *segment;
	u32 nth = cmap_class_of(size);
	const struct cmap_class *class;

	lockdep_assert_held(arena->lock);

	if (!arena->classes)
		return outlook;
	class = &arena->classes[nth];
	outlook.coming = class->free + class->in_hand >
			 (leaves ? class->reserve : 0) &&
			 !(leaves && cmap_class_is_large(nth) && !headroom_left(arena));
	if (!class->head)
		return outlook;
	segment = cmap_segment_at(arena, class->head);
	/* The reserve stays even when its grace period is over. */
	outlook.waits = !segment->ready &&
			class->free > (leaves ? class->reserve : 0);
	outlook.grace = segment->grace;

	return outlook;
}
