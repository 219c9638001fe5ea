// SPDX-License-Identifier: GPL-2.0
#include "stash.h"
#include "alloc.h"

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

#define CACHED_BYTES	SZ_2M	/* of nodes: about what a processor's cache has */
#define BATCH		8	/* nodes that are taken, or given back, at once */
#define NODES_MAX	SZ_64K	/* in a stash, whatever the class has */
#define PLENTY		4	/* batches for each stripe: then some are taken ahead */

/* Begin a grace period for the nodes that were freed since the last one began. */
static void stash_start_gp(struct cmap_stash *stash)
{
	stash->waiting = stash->fresh;
	stash->fresh = 0;
	if (stash->waiting)
		stash->grace = start_poll_synchronize_rcu();
}

static void stash_advance(struct cmap_stash *stash)
{
	if (!stash->waiting || !poll_state_synchronize_rcu(stash->grace))
		return;
	stash->ready = stash->waiting;
	stash_start_gp(stash);
}

/* Whether writers lacked memory a short time ago. */
static bool nodes_are_scarce(struct cmap_arena *arena)
{
	unsigned long until = READ_ONCE(arena->scarce_until);

	if (likely(!until))
		return false;
	if (time_before(jiffies, until))
		return true;
	/* A writer that lacks memory at this moment empties the stashes afterwards. */
	cmpxchg(&arena->scarce_until, until, 0);
	return false;
}

/**
 * cmap_stash_scarce() - stash no nodes for some time
 * @arena: the shard's arena
 * @time: how long, in jiffies; a time that is set already does not become shorter
 *
 * Who takes a stripe's lock after this knows it.
 *
 * Context: Any.
 */
void cmap_stash_scarce(struct cmap_arena *arena, unsigned long time)
{
	unsigned long until = (jiffies + time) | 1;
	unsigned long old;

	do {
		old = READ_ONCE(arena->scarce_until);
		if (old && time_after_eq(old, until))
			return;
	} while (cmpxchg(&arena->scarce_until, old, until) != old);
}

/**
 * cmap_stash_take() - take a node from a stash
 * @arena: the shard's arena
 * @stash: the stripe's stash
 * @size: bytes in the node
 *
 * Context: The stripe's lock.
 * Return: the node's ref as from cmap_arena_alloc(), or 0 if there is none.
 */
cmap_ref cmap_stash_take(struct cmap_arena *arena, struct cmap_stash *stash,
			 u32 size)
{
	struct cmap_node *node;
	cmap_ref ref;

	if (stash->class != cmap_class_of(size))
		return 0;
	if (!stash->ready)
		stash_advance(stash);
	ref = stash->ready;
	if (!ref)
		return 0;

	node = cmap_arena_node(arena, ref);
	stash->ready = node->link;
	/* The next writer need not wait for the next node's link. */
	if (stash->ready)
		prefetchw(cmap_arena_node(arena, stash->ready));
	stash->count--;
	cmap_arena_blank(node);

	return ref;
}

static cmap_ref stash_pop(const struct cmap_arena *arena, cmap_ref *list)
{
	cmap_ref ref = *list;

	*list = cmap_arena_node(arena, ref)->link;
	return ref;
}

/*
 * Whether to take or give back a batch.  That pays if the segments' cache lines are
 * in another CPU's cache, and where the nodes are likely to be in this one's: then it
 * costs little to walk their lists.
 */
static bool worth_a_batch(const struct cmap_arena *arena,
			  const struct cmap_class *class, bool other_cpu)
{
	return other_cpu || (u64)class->pages * PAGE_SIZE <= CACHED_BYTES;
}

/**
 * cmap_stash_fill() - take nodes from segments ahead, if there are plenty and it pays
 * @arena: the shard's arena
 * @stash: the stripe's stash, which has no node that is ready
 * @size: bytes in the nodes
 * @other_cpu: another CPU used the segments last
 *
 * Context: The stripe's lock and the shard's lock.
 */
void cmap_stash_fill(struct cmap_arena *arena, struct cmap_stash *stash, u32 size,
		     bool other_cpu)
{
	u32 nth = cmap_class_of(size);
	const struct cmap_class *class = &arena->classes[nth];
	u32 plenty = class->reserve + (BATCH * PLENTY << arena->stripe_bits);
	unsigned int i;

	lockdep_assert_held(arena->lock);

	if (!(stash->ready | stash->waiting | stash->fresh))
		stash->class = nth;
	if (arena->wipe || cmap_class_is_large(nth) || nodes_are_scarce(arena) ||
	    stash->class != nth || !worth_a_batch(arena, class, other_cpu))
		return;
	for (i = 0; i < BATCH && stash->count < NODES_MAX && class->free > plenty; i++) {
		cmap_ref ref = cmap_arena_alloc_ahead(arena, size);

		if (!ref)
			break;
		cmap_arena_push(arena, &stash->ready, ref);
		stash->count++;
	}
}

/*
 * Whether a stash may take one more node of a class.  The first free nodes are for
 * replacements in all stripes, so they stay in the segments.
 */
static bool stash_has_room(const struct cmap_arena *arena, const struct cmap_stash *stash,
		     const struct cmap_class *class)
{
	/*
	 * The numbers may change meanwhile.  But who takes one of these nodes gives one
	 * back afterwards, and finds then that they are too few.
	 */
	return data_race(class->free > class->reserve &&
			 stash->count < min_t(u32, NODES_MAX,
					      class->nodes >> arena->stripe_bits));
}

/* Have the work look after the stashes from now on. */
static void note_stashed(struct cmap_arena *arena)
{
	if (likely(READ_ONCE(arena->stashed)))
		return;
	WRITE_ONCE(arena->stashed, true);
	WRITE_ONCE(arena->needs_upkeep, true);
}

/**
 * cmap_stash_give() - put a node that readers may still be in into a stash
 * @arena: the shard's arena
 * @stash: the stripe's stash
 * @ref: the node, which can no longer be found
 * @node: its address
 *
 * A node that has a larger class than its content goes back to its segment, as others
 * may need it, or its memory.  Which of them do is not looked up here: while there are
 * any, none is taken.
 *
 * Nodes of long values are taken from segments before the lock is taken, so no stash
 * would ever hand them out.
 *
 * Context: The stripe's lock.
 * Return: false if the stash does not take it.
 */
bool cmap_stash_give(struct cmap_arena *arena, struct cmap_stash *stash,
		     cmap_ref ref, const struct cmap_node *node)
{
	u32 nth = cmap_class_of(cmap_node_bytes(node));
	const struct cmap_class *class = &arena->classes[nth];

	if (arena->wipe || cmap_node_value_len(node) > CMAP_COPY_LOCKED_MAX ||
	    READ_ONCE(arena->larger) || nodes_are_scarce(arena))
		return false;
	/* Only what is taken here is worth keeping. */
	if (stash->class != nth)
		return false;
	if (!stash_has_room(arena, stash, class))
		return false;

	cmap_arena_push(arena, &stash->fresh, ref);
	stash->count++;
	if (!stash->waiting)
		stash_start_gp(stash);
	note_stashed(arena);
	return true;
}

/**
 * cmap_stash_spill() - give a batch back to the segments, if that pays
 * @arena: the shard's arena
 * @stash: the stripe's stash, which did not take a node
 * @other_cpu: another CPU used the segments last
 *
 * These are the nodes that were freed last, as they are still in a cache.
 *
 * Context: The stripe's lock and the shard's lock.
 */
void cmap_stash_spill(struct cmap_arena *arena, struct cmap_stash *stash,
		      bool other_cpu)
{
	unsigned int i;

	lockdep_assert_held(arena->lock);

	if (!stash->count ||
	    !worth_a_batch(arena, &arena->classes[stash->class], other_cpu))
		return;
	for (i = 0; i < BATCH && (stash->fresh || stash->waiting); i++) {
		cmap_ref *list = stash->fresh ? &stash->fresh : &stash->waiting;

		cmap_arena_retire(arena, stash_pop(arena, list));
		stash->count--;
	}
}

/**
 * cmap_stash_empty() - give nodes of a stash back to their segments
 * @arena: the shard's arena
 * @stash: the stripe's stash
 * @count: how many at most
 * @all: also those that readers may be in.  Their grace period begins anew
 *
 * Context: The stripe's lock and the shard's lock.
 * Return: how many were given back.
 */
u32 cmap_stash_empty(struct cmap_arena *arena, struct cmap_stash *stash,
		     u32 count, bool all)
{
	u32 given = 0;

	lockdep_assert_held(arena->lock);

	for (; stash->count && given < count; given++, stash->count--) {
		if (!stash->ready)
			stash_advance(stash);
		if (stash->ready)
			cmap_arena_free_unpublished(arena,
						    stash_pop(arena, &stash->ready));
		else if (!all)
			break;
		else if (stash->waiting)
			cmap_arena_retire(arena, stash_pop(arena, &stash->waiting));
		else
			cmap_arena_retire(arena, stash_pop(arena, &stash->fresh));
	}
	/* Those that are left are of use only after a grace period. */
	if (!stash->waiting)
		stash_start_gp(stash);

	return given;
}
