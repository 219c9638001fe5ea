/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stripe's stash: nodes that its writers freed, and use again.
 *
 * The nodes of a segment are handed out and taken back under the shard's lock, and
 * that changes three cache lines which all writers of the shard share.  So a stripe
 * keeps nodes that its writers free, in three lists like those of a segment, beside
 * its lock.  To its segment a stashed node is in use.
 *
 * A stash never has what others need:
 *
 * - The nodes that an insert leaves to replacements stay in the segments.
 * - A shard whose writers lack memory keeps no stashes, so all that is said there of
 *   free nodes holds.  See cmap_maintain_unstash().
 * - A work gives back what the stripe's writers will not need soon.
 */
#ifndef CMAP_STASH_H
#define CMAP_STASH_H

#include "arena.h"

#include <linux/jiffies.h>
#include <linux/types.h>

#define CMAP_SCARCE	HZ	/* without stashes, after a writer lacked memory */
#define CMAP_SCARCE_ELSEWHERE	1	/* the same, if it writes to another map */

/**
 * struct cmap_stash - freed nodes of one size class
 * @ready: nodes that no reader can be in
 * @waiting: nodes that wait for the grace period @grace
 * @fresh: nodes that were freed since that began
 * @count: how many there are
 * @class: their class: that of the last node that was taken from a segment while there
 *	were none
 * @grace: of the waiting nodes
 *
 * The lock of the stripe protects it.
 */
struct cmap_stash {
	cmap_ref ready;
	cmap_ref waiting;
	cmap_ref fresh;
	u32 count : 24;
	u32 class : 8;
	unsigned long grace;
};

void cmap_stash_scarce(struct cmap_arena *arena, unsigned long time);
cmap_ref cmap_stash_take(struct cmap_arena *arena, struct cmap_stash *stash,
			 u32 size);
void cmap_stash_fill(struct cmap_arena *arena, struct cmap_stash *stash, u32 size,
		     bool other_cpu);
bool cmap_stash_give(struct cmap_arena *arena, struct cmap_stash *stash,
		     cmap_ref ref, const struct cmap_node *node);
void cmap_stash_spill(struct cmap_arena *arena, struct cmap_stash *stash,
		      bool other_cpu);
u32 cmap_stash_empty(struct cmap_arena *arena, struct cmap_stash *stash,
		     u32 count, bool all);

#endif /* CMAP_STASH_H */
