/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's node memory: segments of pages, each cut into nodes of one size
 * class.
 *
 * A freed node is used again only after a grace period, for readers may still
 * be in it.  Each segment keeps its free nodes in three lists that move up
 * together: "fresh" ones were freed since the last time the lists moved,
 * "waiting" ones share one grace period, "ready" ones can be handed out.  So
 * a delete costs no callback, and a segment without a live node can be given
 * back whole once its last grace period is over.
 */
#ifndef CMAP_ARENA_H
#define CMAP_ARENA_H

#include "block.h"
#include "class.h"
#include "place.h"

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

struct cmap_arena;
struct cmap_clock;
struct cmap_view;
struct cmap_view_level;

/*
 * Kernel side of a segment; what writes change is under the shard's lock, and
 * comes before @empty_grace, in one cache line.  @index, @block and what the
 * segment's size follows from are constant while it can be found.
 */
struct cmap_segment {
	u8 *base;
	u32 index;			/* of its first granule */
	u8 class;
	bool listed;			/* in its class's list of free nodes */
	bool evacuated;			/* no more nodes of it are handed out */
	bool emptied;			/* @empty_grace says since when */
	u32 prev;			/* neighbours there, by index, in a ring */
	u32 next;
	u32 units;			/* size of a node */
	u32 capacity;			/* nodes in all */
	u32 bump;			/* nodes ever handed out */
	u32 live;			/* nodes handed out now */
	cmap_ref ready;
	cmap_ref waiting;
	cmap_ref fresh;
	unsigned long grace;		/* of the waiting ones */
	unsigned long empty_grace;	/* of all, once none is live */
	struct cmap_block *block;
	struct cmap_arena *arena;
	u64 number;
	union {
		struct list_head hidden;	/* while processes see none of it */
		struct list_head detached;	/* when no longer in its arena */
		struct cmap_place place;	/* when processes may have it mapped */
	};
} ____cacheline_aligned_in_smp;

/*
 * What turns a ref into an address; replaced whole when it must grow.  A segment
 * has one granule or more in a row, but for the pages that it lacks of the last
 * one.  The first few granules are never used: no ref is 0.
 */
struct cmap_segtab {
	struct rcu_head rcu;
	u32 size;			/* granules */
	u32 taken;			/* of these, by segments there are or were */
	unsigned long *map;		/* which ones */
	struct cmap_segment **segment;	/* by granule, or NULL */
	u8 *base[];			/* its memory there */
};

/*
 * Segments of one size class.  Those that are evacuated count in @pages only.
 */
struct cmap_class {
	u64 head : 20;			/* those with freed nodes, oldest first */
	u64 bump : 20;			/* the one with nodes never used */
	u64 spare : 20;			/* the one to follow it, or 0 */
	u32 pages;			/* in all segments of the class */
	u32 free;			/* nodes not handed out, ready or not */
	u32 nodes;			/* in all */
	u32 sparse;			/* so many free ones are too many */
	u32 in_hand;			/* held by writers, not entries' */
	u16 reserve;			/* free ones that an insert leaves */
	u16 queued;			/* writers that queue for one */
};

/**
 * struct cmap_arena - a shard's node memory
 * @segtab: the segments by granule
 * @classes: by class; comes with the first segment
 * @lock: the shard's lock
 * @memory: where the pages come from
 * @clock: says which nodes' deadlines are over; constant
 * @owners: says which nodes' owners have ended; constant
 * @nid: NUMA node to prefer
 * @wipe: nodes are overwritten before they are used again
 * @stripe_bits: log2 of the number of stripes
 * @stashed: a work looks after the nodes that stripes have stashed, or is asked to
 * @needs_upkeep: it must be asked to
 * @needs_trim: there is something for cmap_arena_trim() to do
 * @below_low_watermark: class @ahead will need a segment
 * @larger: nodes in use of a larger class than that of their content
 * @scarce_until: in jiffies, or 0: writers lack memory, and stripes stash no nodes
 * @view: shows processes where segments are; NULL while none can look
 * @hint: no granule below is free
 * @victim: index of the segment that is being evacuated, or 0
 * @victim_next: the next of its nodes to look at
 * @victim_movers: nodes of it that were chosen, and may be moved at this moment
 * @victim_moved: an entry of it is in another segment now
 * @allocs: nodes ever handed out
 * @reuses: of these, freed ones
 * @ahead: the class that asked last
 * @serving: the class of which the first in the queue lacks a node, or 0
 *
 * Reading goes on under RCU; everything else needs the shard's lock, but that a stripe's
 * holder sets @stashed and @needs_upkeep.  All that most writes look at comes before @view.
 */
struct cmap_arena {
	struct cmap_segtab __rcu *segtab;
	struct cmap_class *classes;
	spinlock_t *lock;
	struct cmap_memory *memory;
	struct cmap_clock *clock;
	struct cmap_owners *owners;
	int nid;
	bool wipe;
	u8 stripe_bits;
	bool stashed;
	bool needs_upkeep;
	bool needs_trim;
	bool below_low_watermark;
	u32 larger;
	unsigned long scarce_until;
	struct cmap_view *view;
	u32 hint;
	u32 victim;
	u32 victim_next;
	u32 victim_movers;
	bool victim_moved;
	u64 allocs;
	u64 reuses;
	u8 ahead;
	u8 serving;
};

void cmap_arena_init(struct cmap_arena *arena, spinlock_t *lock,
		     struct cmap_memory *memory, int nid, bool wipe);
void cmap_arena_destroy(struct cmap_arena *arena);

void cmap_segment_free(struct cmap_segment *segment);
void cmap_segment_list(struct cmap_arena *arena, struct cmap_segment *segment);
void cmap_segment_unlist(struct cmap_arena *arena,
			 struct cmap_segment *segment);
u16 cmap_class_reserve(u32 class, u32 nodes);
void cmap_class_count(struct cmap_class *class,
		      const struct cmap_segment *segment, s32 nodes, s32 free);

/* Memory in a row, and where in the shard's part of a region it begins. */
struct cmap_extent {
	void *base;
	size_t bytes;
	u64 at;
};

/* A segment that processes cannot be shown yet. */
struct cmap_hidden {
	u32 granule;
	u32 count;
	u64 number;
};

u32 cmap_arena_granules(const struct cmap_arena *arena);
void cmap_arena_show(struct cmap_arena *arena, struct cmap_view *view);
u32 cmap_arena_hidden(const struct cmap_arena *arena,
		      struct cmap_hidden *hidden, u32 max);
void cmap_arena_reveal(struct cmap_arena *arena,
		       const struct cmap_hidden *hidden);
bool cmap_arena_find(const struct cmap_arena *arena, u32 granule,
		     struct cmap_extent *extent);

/**
 * cmap_arena_node() - the node that a ref names
 * @arena: the arena
 * @ref: a ref that was loaded with acquire semantics, not 0
 *
 * The acquire pairs with the release that published the ref: a segment table
 * that knows the ref's segment was published before it.
 *
 * Context: RCU read section or the shard's lock.
 * Return: the node, good for the rest of the read section or lock hold.
 */
static inline struct cmap_node *
cmap_arena_node(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segtab *segtab =
		rcu_dereference_check(arena->segtab,
				      rcu_read_lock_bh_held() ||
				      lockdep_is_held(arena->lock));
	u32 offset = ref & ((1U << CMAP_OFFSET_BITS) - 1);

	return (struct cmap_node *)(segtab->base[ref >> CMAP_OFFSET_BITS] +
				    ((size_t)offset << CMAP_UNIT_SHIFT));
}

/* ---- segments ---- */

static inline struct cmap_segtab *cmap_segtab_locked(const struct cmap_arena *arena)
{
	return rcu_dereference_protected(arena->segtab,
					 lockdep_is_held(arena->lock));
}

static inline struct cmap_segment *
cmap_segment_at(const struct cmap_arena *arena, u32 granule)
{
	return cmap_segtab_locked(arena)->segment[granule];
}

/* The next segment from a granule on, which is moved on to it; or NULL. */
static inline struct cmap_segment *
cmap_segment_from(const struct cmap_segtab *segtab, u32 *granule, u32 end)
{
	for (; *granule < end; (*granule)++) {
		struct cmap_segment *segment = segtab->segment[*granule];

		if (segment && segment->index == *granule)
			return segment;
	}
	return NULL;
}

static inline u32 cmap_granules_of(u32 pages)
{
	return DIV_ROUND_UP((u64)pages * PAGE_SIZE, CMAP_GRANULE_BYTES);
}

static inline u32 cmap_segment_granules(const struct cmap_segment *segment)
{
	return cmap_granules_of(segment->block->pages);
}

static inline u32 cmap_segment_ref(const struct cmap_segment *segment, u32 nth)
{
	return (segment->index << CMAP_OFFSET_BITS) + nth * segment->units;
}

static inline bool cmap_segment_gp_elapsed(const struct cmap_segment *segment)
{
	return segment->waiting && poll_state_synchronize_rcu(segment->grace);
}

#endif /* CMAP_ARENA_H */
