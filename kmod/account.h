/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts of memory, and how it is allocated.
 */
#ifndef CMAP_ACCOUNT_H
#define CMAP_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/types.h>

/**
 * struct cmap_account - bytes taken, and how many may be
 * @bytes: taken now
 * @max: most that may be taken; 0 for no limit
 * @parent: pays as well; NULL at the root
 */
struct cmap_account {
	atomic64_t bytes;
	u64 max;
	struct cmap_account *parent;
};

/* What all maps together take and may take. */
extern struct cmap_account cmap_account_all;

int cmap_charge(struct cmap_account *account, u64 bytes);
void cmap_uncharge(struct cmap_account *account, u64 bytes);

/*
 * How everything is allocated: on the caller's bill, and without waking the
 * OOM killer, not even the memory cgroup's.
 */
#define CMAP_GFP_KERNEL							\
	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

gfp_t cmap_gfp(gfp_t gfp);

#endif /* CMAP_ACCOUNT_H */
