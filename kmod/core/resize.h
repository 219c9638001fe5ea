/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a shard's table grows and shrinks, and how memory goes back.
 *
 * Nobody waits for a whole table to move (guarantee C2): writers move a few
 * buckets each, so that a move is over before the next one can be due, and
 * the shard's work moves the rest.
 */
#ifndef CMAP_RESIZE_H
#define CMAP_RESIZE_H

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/types.h>

struct cmap_shard;

#define CMAP_CHORE_RESIZE	BIT(0)	/* the table has the wrong size */
#define CMAP_CHORE_TRIM		BIT(1)	/* segments became empty */
#define CMAP_CHORE_POOL		BIT(2)	/* a move waits for pool buckets */
#define CMAP_CHORE_AHEAD	BIT(3)	/* a segment will be needed soon */

void cmap_resize_init(struct cmap_shard *shard);
void cmap_resize_close(struct cmap_shard *shard);
int cmap_resize_now(struct cmap_shard *shard, gfp_t gfp);
u64 cmap_resize_lack(const struct cmap_shard *shard);
unsigned int cmap_resize_help(struct cmap_shard *shard);
bool cmap_resize_trim(struct cmap_shard *shard, bool *freed);
u64 cmap_resize_reclaim(struct cmap_shard *shard, bool *freed);
u64 cmap_resize_evacuate(struct cmap_shard *shard, u32 share, u64 bytes,
			 bool urgent);

unsigned int cmap_chores(struct cmap_shard *shard);
void cmap_chores_start(struct cmap_shard *shard, unsigned int chores,
		       gfp_t gfp);

#endif /* CMAP_RESIZE_H */
