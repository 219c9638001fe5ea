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

/*
 * Who pays for what is allocated later, and by others than the process that
 * it is for.  In kernels of before 6.10 accounting kernel memory is an option
 * of its own.
 */
struct mem_cgroup;
struct obj_cgroup;

#if defined(CONFIG_MEMCG_KMEM) || \
	(defined(CONFIG_MEMCG) && !defined(CMAP_HAVE_MEMCG_KMEM))
#define CMAP_MEMCG	1
struct obj_cgroup *cmap_payer_current(void);
struct mem_cgroup *cmap_payer_memcg(struct obj_cgroup *payer);
void cmap_payer_put(struct obj_cgroup *payer);
#else
static inline struct obj_cgroup *cmap_payer_current(void)
{
	return NULL;
}

static inline struct mem_cgroup *cmap_payer_memcg(struct obj_cgroup *payer)
{
	return NULL;
}

static inline void cmap_payer_put(struct obj_cgroup *payer)
{
}
#endif

#endif /* CMAP_ACCOUNT_H */
