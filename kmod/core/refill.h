/* SPDX-License-Identifier: GPL-2.0 */
/*
 * More memory for an arena: segments, and what refers to them.
 */
#ifndef CMAP_REFILL_H
#define CMAP_REFILL_H

#include "arena.h"

/* Memory that is allocated without a lock and then attached to an arena. */
struct cmap_refill {
	struct cmap_segment *segment;
	struct cmap_segtab *segtab;
	struct cmap_class *classes;
	struct cmap_view_level *level;
	bool ahead;			/* it may become the class's spare segment */
	struct cmap_memory *memory;	/* counts @in_hand as in hand */
	s64 in_hand;			/* bytes of a large value, until it is attached */
};

/* The memory that a writer lacks of its account. */
struct cmap_lack {
	u64 bytes;
	bool headroom;			/* the headroom may be used for it */
};

bool cmap_arena_spent(const struct cmap_arena *arena, u32 size);
int cmap_refill_prepare(struct cmap_arena *arena, u32 size, gfp_t gfp,
			struct cmap_refill *refill);
int cmap_refill_ahead(struct cmap_arena *arena, u32 class,
		      struct cmap_refill *refill);
int cmap_refill_replace(struct cmap_arena *arena, u32 size, u32 old_size,
			gfp_t gfp, struct cmap_refill *refill);
bool cmap_refill_is_shorter(u32 size, u32 old_size);
int cmap_refill_shorter(struct cmap_arena *arena, u32 size, u32 old_size,
			gfp_t gfp, struct cmap_refill *refill);
struct cmap_lack cmap_refill_lack(const struct cmap_arena *arena, u32 size,
				  u32 old_size);
void cmap_refill_attach(struct cmap_arena *arena, struct cmap_refill *refill);
void cmap_refill_discard(struct cmap_refill *refill);
void cmap_refill_use(struct cmap_arena *arena, struct cmap_refill *refill);

#endif /* CMAP_REFILL_H */
