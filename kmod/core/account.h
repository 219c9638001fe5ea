/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts of memory, and how it is allocated.
 */
#ifndef CMAP_ACCOUNT_H
#define CMAP_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/spinlock.h>
#include <linux/types.h>

enum cmap_account_kind {
	CMAP_ACCOUNT_PLAIN,	/* has a limit of its own, or none */
	CMAP_ACCOUNT_BILL,	/* is in a &struct cmap_bill; no limit */
	CMAP_ACCOUNT_USER,	/* has the limit that all users have */
	CMAP_ACCOUNT_ALL,	/* a part of its limit is reserved */
};

/**
 * struct cmap_account - bytes taken, and how many may be
 * @bytes: taken now
 * @returning: of these, what is given back without anybody doing anything: it
 *	only waits for readers
 * @headroom: bytes that only cmap_charge_headroom() takes
 * @max: most that may be taken; 0 for no limit
 * @kind: what limit there is
 * @parent: pays as well; NULL at the root
 */
struct cmap_account {
	atomic64_t bytes;
	atomic64_t returning;
	atomic64_t headroom;
	u64 max;
	enum cmap_account_kind kind;
	struct cmap_account *parent;
};

/**
 * struct cmap_bill - what a map takes in all, and who pays
 * @account: that; its parent is the payer's, and changes
 * @privileged: bound by no user's limit, and what is reserved may be used
 * @lock: held while anything is charged or uncharged, so that the payer does
 *	not change meanwhile; @privileged and the parent are under it
 */
struct cmap_bill {
	struct cmap_account account;
	bool privileged;
	spinlock_t lock;
};

/* What all maps together take and may take. */
extern struct cmap_account cmap_account_all;

/* Module parameters: of each user, and what of the module's limits is kept. */
extern u64 cmap_user_max_bytes;
extern unsigned int cmap_reserve_percent;

u64 cmap_reserve_of(u64 max);
u64 cmap_user_bytes_limit(void);
u64 cmap_account_limit(const struct cmap_account *account, bool privileged);

int cmap_charge(struct cmap_account *account, u64 bytes);
int cmap_charge_headroom(struct cmap_account *account, u64 bytes);
void cmap_uncharge(struct cmap_account *account, u64 bytes);

void cmap_bill_init(struct cmap_bill *bill, struct cmap_account *payer,
		    bool privileged);
int cmap_bill_move(struct cmap_bill *bill, struct cmap_account *payer,
		   bool privileged);

void cmap_account_returning(struct cmap_account *account, s64 bytes);
void cmap_account_headroom(struct cmap_account *account, s64 bytes);
bool cmap_account_fits(struct cmap_account *account, u64 bytes, bool headroom);

/* Bytes that come back, though not counted as returning, to accounts of a kind. */
struct cmap_coming {
	u64 own;
	u64 user;
	u64 all;
};

const struct cmap_account *
cmap_account_short(struct cmap_account *account, u64 bytes, bool headroom,
		   const struct cmap_coming *coming);

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
