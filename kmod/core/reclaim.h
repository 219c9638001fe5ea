/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that maps have given up, and that is free or will be.
 */
#ifndef CMAP_RECLAIM_H
#define CMAP_RECLAIM_H

#include "account.h"
#include "alloc.h"
#include "refill.h"

#include <linux/jiffies.h>
#include <linux/types.h>

struct cmap;
struct cmap_memory;

#define CMAP_IN_HAND_MAX	HZ	/* longest wait for memory that writers hold */

/*
 * Memory on its way back to a map and to the accounts above it.  Some of it
 * waits for a grace period, some is held by writers.
 */
struct cmap_finding {
	bool freed;			/* some memory has been freed already */
	bool enough;			/* memory on its way back is enough */
	bool sure;			/* the same without what writers hold */
	struct cmap_coming pending;	/* free after a grace period */
	struct cmap_coming in_hand;	/* held by writers */
	u64 held;			/* of that by the waiting writer itself */
	bool user;			/* the maps of the map's user were examined */
	bool all;			/* all maps were examined */
};

bool cmap_hands_stuck(const struct cmap_memory *memory);
u64 cmap_reclaim_all(const struct cmap_account *account, bool *freed,
		     u64 *in_hand);
void cmap_reclaim_look(struct cmap *map, const struct cmap_lack *lack, u64 held,
		       struct cmap_finding *finding);

#endif /* CMAP_RECLAIM_H */
