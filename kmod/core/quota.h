/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A map's limit on entries.  It is exact, without a word that every write changes.
 *
 * The map has a pool of free credit.  While much is left, a stripe draws credit in
 * batches and holds what it has not used.  Its inserts and deletes then touch no
 * memory that other stripes write.  Near the limit no stripe holds credit: each
 * insert draws one from the pool, and each delete returns one.  So an insert finds
 * at once what a delete in another stripe has freed.
 *
 * The pool is one word, so its three parts are read at one moment:
 *
 *	 63            22 21          11 10           0
 *	+----------------+--------------+--------------+
 *	|      free      |   holders    |   pending    |
 *	+----------------+--------------+--------------+
 *
 * free: credit that no stripe holds.
 * holders: how many stripes hold credit of their own.
 * pending: how many writes are under way in stripes that hold no credit.  Such a
 * write has drawn one credit and not inserted yet, or is deleting and has not
 * returned one yet.
 *
 * At each moment the limit is the sum of: the entries, the free credit, what the
 * holders hold, and one for each pending write whose entry cannot be found.  So if
 * the word says that there are no holders and nothing is pending, the number of
 * entries is exactly the limit less the free credit.  If nothing is free either,
 * the map is full.  Only then a write may be refused.
 */
#ifndef CMAP_QUOTA_H
#define CMAP_QUOTA_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/types.h>
#include <uapi/linux/cmap.h>

#define CMAP_QUOTA_FREE_SHIFT	22

/**
 * struct cmap_quota - a map's limit on entries, and what counting them needs
 * @max: the limit, or 0 for none
 * @batch: how much a stripe draws at once; 0 if there is no limit
 * @low: with less free than this, a holder gets no further batch
 * @high: with at least this much free, a stripe may become a holder
 * @epoch: of the last count; see cmap_map_entries()
 * @counting: bit 0: a count by epochs is under way
 * @holders: which stripes hold credit; each bit is changed under its stripe's lock
 * @pool: free credit, number of holders, number of pending writes
 *
 * @max, @batch, @low and @high are constant.
 */
struct cmap_quota {
	u64 max;
	u32 batch;
	u32 epoch;
	u64 low;
	u64 high;
	unsigned long counting;
	DECLARE_BITMAP(holders, CMAP_SHARDS_MAX);
	atomic64_t pool ____cacheline_aligned_in_smp;
};

/**
 * struct cmap_credit - the credit that a stripe holds
 * @held: credit that was drawn and not used; 0 if @holder is false
 * @stripe: the stripe's index; constant
 * @holder: the stripe holds credit of its own
 *
 * The stripe's lock protects the rest.
 */
struct cmap_credit {
	u32 held;
	u16 stripe;
	bool holder;
};

void cmap_quota_init(struct cmap_quota *quota, u64 max, u32 stripes);

int __cmap_quota_draw(struct cmap_quota *quota, struct cmap_credit *credit);
void __cmap_quota_inserted(struct cmap_quota *quota);
void __cmap_quota_deleting(struct cmap_quota *quota);
void __cmap_quota_return(struct cmap_quota *quota, struct cmap_credit *credit,
			 u64 count);
void cmap_quota_collect(struct cmap_quota *quota, struct cmap_credit *credit);
bool cmap_quota_available(const struct cmap_quota *quota);
bool cmap_quota_entries(const struct cmap_quota *quota, u64 *entries);

/**
 * cmap_quota_draw() - take one entry's credit
 * @quota: the quota
 * @credit: the stripe's
 *
 * Context: The stripe's lock, until cmap_quota_inserted() or
 * cmap_quota_return().
 * Return: 0; -ENOSPC if the map is full at this moment; -EAGAIN if it is not, or if
 * that cannot be decided, see collect_credit().
 */
static __always_inline int cmap_quota_draw(struct cmap_quota *quota,
					   struct cmap_credit *credit)
{
	if (credit->held) {
		credit->held--;
		return 0;
	}
	return quota->batch ? __cmap_quota_draw(quota, credit) : 0;
}

/**
 * cmap_quota_inserted() - report that the entry of drawn credit can be found
 * @quota: the quota
 * @credit: the stripe's
 *
 * Context: The stripe's lock.
 */
static __always_inline void
cmap_quota_inserted(struct cmap_quota *quota, const struct cmap_credit *credit)
{
	if (quota->batch && !credit->holder)
		__cmap_quota_inserted(quota);
}

/**
 * cmap_quota_deleting() - report that entries are about to be deleted
 * @quota: the quota
 * @credit: the stripe's
 *
 * Context: The stripe's lock, until cmap_quota_return().
 */
static __always_inline void
cmap_quota_deleting(struct cmap_quota *quota, const struct cmap_credit *credit)
{
	if (quota->batch && !credit->holder)
		__cmap_quota_deleting(quota);
}

/**
 * cmap_quota_return() - give entries' credit back
 * @quota: the quota
 * @credit: the stripe's
 * @count: how many entries were deleted since cmap_quota_deleting(); they can no
 *	longer be found.  Or 1 for a credit that was drawn and not used
 *
 * Context: The stripe's lock.
 */
static __always_inline void cmap_quota_return(struct cmap_quota *quota,
					      struct cmap_credit *credit,
					      u64 count)
{
	if (quota->batch)
		__cmap_quota_return(quota, credit, count);
}

#endif /* CMAP_QUOTA_H */
