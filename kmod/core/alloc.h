/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocating and freeing nodes, and who gets a node first when they are scarce.
 */
#ifndef CMAP_ALLOC_H
#define CMAP_ALLOC_H

#include "arena.h"

/* Whether a writer that lacks a node of some size gets one without more memory. */
struct cmap_outlook {
	bool coming;			/* it gets one if it waits */
	bool waits;			/* at most for the grace period @grace */
	unsigned long grace;
};

cmap_ref cmap_arena_alloc(struct cmap_arena *arena, u32 size);
cmap_ref cmap_arena_take(struct cmap_arena *arena, u32 size, cmap_ref old,
			 bool queued);
bool cmap_arena_may_insert(const struct cmap_arena *arena, cmap_ref ref);
void cmap_arena_in_hand(struct cmap_arena *arena, cmap_ref ref, bool taken);
u64 cmap_arena_large_bytes(const struct cmap_arena *arena, cmap_ref ref);
u32 cmap_arena_room(const struct cmap_arena *arena, cmap_ref ref);
bool cmap_arena_larger(u32 size, u32 than);
void cmap_arena_more_larger(struct cmap_arena *arena);
void cmap_arena_less_larger(struct cmap_arena *arena, cmap_ref ref);
bool cmap_arena_makes_up(u32 room, u32 size);
void cmap_arena_retire(struct cmap_arena *arena, cmap_ref ref);
void cmap_arena_free_unpublished(struct cmap_arena *arena, cmap_ref ref);

cmap_ref cmap_arena_copy(struct cmap_arena *arena, cmap_ref ref);
void cmap_segment_wipe_next(struct cmap_arena *arena,
			    struct cmap_segment *segment);

cmap_ref cmap_arena_alloc_ahead(struct cmap_arena *arena, u32 size);

bool cmap_arena_queue(struct cmap_arena *arena, u32 size, int count);
void cmap_arena_serve(struct cmap_arena *arena, u32 size);
bool cmap_arena_queued(const struct cmap_arena *arena, u32 size);
struct cmap_outlook cmap_arena_outlook(const struct cmap_arena *arena,
				       u32 size, u32 room);

/*
 * Mark a node as no entry's, for readers of the window.  The caller knows that
 * no reader in the kernel can be in it.
 */
static inline void cmap_arena_blank(struct cmap_node *node)
{
	WRITE_ONCE(node->version, 0);
	/*
	 * Pairs with the fence between a window reader's copy of the node and
	 * its second look at the version.
	 */
	smp_wmb();
}

static inline void cmap_arena_push(struct cmap_arena *arena, cmap_ref *list, cmap_ref ref)
{
	/*
	 * The link overwrites the high half of the hash.  Pairs with the barrier
	 * in position_of(), and with a window reader's fence: whoever reads the
	 * link sees that the slot no longer has this ref.
	 */
	smp_store_release(&cmap_arena_node(arena, ref)->link, *list);
	*list = ref;
}

#endif /* CMAP_ALLOC_H */
