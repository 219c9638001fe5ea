/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's works: they move tables, free memory and allocate it ahead.  A write
 * leaves them pending, and they are started outside the lock.
 */
#ifndef CMAP_MAINTAIN_H
#define CMAP_MAINTAIN_H

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/types.h>

struct cmap_shard;
struct cmap_stripe;

#define CMAP_PENDING_RESIZE	BIT(0)	/* the table has the wrong size */
#define CMAP_PENDING_TRIM	BIT(1)	/* segments became empty */
#define CMAP_PENDING_MOVE	BIT(2)	/* a table is being moved */
#define CMAP_PENDING_AHEAD	BIT(3)	/* a segment will be needed soon */
#define CMAP_PENDING_UPKEEP	BIT(4)	/* stripes have begun to stash nodes */

void cmap_maintain_init(struct cmap_shard *shard);
void cmap_maintain_close(struct cmap_shard *shard);
void cmap_maintain_pause(unsigned int *holds);
int cmap_maintain_unstash(struct cmap_shard *shard, gfp_t gfp);
bool cmap_maintain_trim(struct cmap_shard *shard);
u64 cmap_maintain_reclaim(struct cmap_shard *shard, bool own, bool *freed);
u64 cmap_maintain_evacuate(struct cmap_shard *shard, u32 share, u64 bytes,
			   bool urgent, bool *later);

unsigned int cmap_pending(struct cmap_shard *shard);
unsigned int cmap_pending_tell(struct cmap_shard *shard, struct cmap_stripe *stripe);
void cmap_pending_hand_over(struct cmap_shard *shard, struct cmap_stripe *stripe);
void cmap_pending_queue(struct cmap_shard *shard, unsigned int pending);
void cmap_pending_start(struct cmap_shard *shard, u32 nth, unsigned int pending,
			gfp_t gfp);

#endif /* CMAP_MAINTAIN_H */
