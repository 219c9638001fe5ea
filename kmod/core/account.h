/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory accounts, their limits, and the flags that memory is allocated with.
 */
#ifndef CMAP_ACCOUNT_H
#define CMAP_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/spinlock.h>
#include <linux/types.h>

enum cmap_account_kind {
	CMAP_ACCOUNT_PLAIN,	/* limited by its own @max */
	CMAP_ACCOUNT_BILL,	/* embedded in a &struct cmap_bill; no limit */
	CMAP_ACCOUNT_USER,	/* limited by what every user may have */
	CMAP_ACCOUNT_ALL,	/* limited by @max, a part of which is reserved */
};

/**
 * struct cmap_account - how many bytes are charged, and how many may be
 * @bytes: charged now
 * @returning: the part of @bytes that is already on its way back: it only waits
 *	for readers to finish
 * @headroom: bytes that only cmap_charge_headroom() may use
 * @max: upper limit of @bytes; 0 for none
 * @kind: which limit applies
 * @parent: is charged as well; NULL at the root
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
 * struct cmap_bill - all memory of a map, and who pays for it
 * @account: all memory of the map.  Its parent is the payer's account, which can
 *	change
 * @privileged: no user's limit applies, and the reserve may be used
 * @lock: protects @privileged and the account's parent.  It is held during each
 *	charge and uncharge, so the payer does not change in the middle of one
 */
struct cmap_bill {
	struct cmap_account account;
	bool privileged;
	spinlock_t lock;
};

/* The memory of all maps together. */
extern struct cmap_account cmap_account_all;

/* Module parameters: the limit of each user, and the reserve in per cent. */
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

/*
 * Bytes that will come back but are not counted as returning: to the map's own
 * account, to its user's, and to that of all maps.
 */
struct cmap_coming {
	u64 own;
	u64 user;
	u64 all;
};

const struct cmap_account *
cmap_account_short(struct cmap_account *account, u64 bytes, bool headroom,
		   const struct cmap_coming *coming);

/*
 * How everything is allocated: charged to the caller's memory cgroup, and without
 * waking the OOM killer, not even the memory cgroup's.
 */
#define CMAP_GFP_KERNEL							\
	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

gfp_t cmap_gfp(gfp_t gfp);

/*
 * The object cgroup that pays for memory which is allocated later and by another
 * process.  Some kernels have a separate option for accounting of kernel memory.
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
