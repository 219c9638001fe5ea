// SPDX-License-Identifier: GPL-2.0
#include "quota.h"

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/processor.h>

#define BATCH_MAX	64

#define PENDING		1ULL
#define HOLDER		(1ULL << 11)
#define FREE_SHIFT	CMAP_QUOTA_FREE_SHIFT
#define FREE		(1ULL << FREE_SHIFT)

/* Each stripe counts at most once: as a holder, or for one pending write. */
static_assert(HOLDER / PENDING > CMAP_SHARDS_MAX &&
	      FREE / HOLDER > CMAP_SHARDS_MAX);

/*
 * A pending write ends in less than a microsecond, because its CPU holds a spinlock
 * and does nothing else.  With PREEMPT_RT its thread can be preempted, so spinning
 * could be useless.
 */
#define PENDING_SPINS	(IS_ENABLED(CONFIG_PREEMPT_RT) ? 0 : 32)

/**
 * cmap_quota_init() - set a limit
 * @quota: the quota, zeroed
 * @max: most entries; 0 for no limit.  A limit that no map can reach, with 2^32
 *	refs in each of 2^10 shards, counts as none
 * @stripes: how many stripes draw credit
 *
 * Collecting the credit of holders costs a visit to each of them.  Between @low and
 * @high lie three batches for each stripe.  So after such a collection at least as
 * many writes as there are stripes pass before stripes hold credit again.
 *
 * Context: Any.
 */
void cmap_quota_init(struct cmap_quota *quota, u64 max, u32 stripes)
{
	if (max >= 1ULL << (64 - FREE_SHIFT))
		max = 0;
	quota->max = max;
	quota->batch = max ? clamp_t(u64, div_u64(max, stripes * 16), 1,
				     BATCH_MAX) : 0;
	quota->low = (u64)quota->batch * stripes;
	quota->high = 4 * quota->low;
	atomic64_set(&quota->pool, max << FREE_SHIFT);
}

static u64 pool_free(u64 pool)
{
	return pool >> FREE_SHIFT;
}

/* No holders and nothing pending: all credit is either free or an entry. */
static bool pool_settled(u64 pool)
{
	return !(pool & (FREE - 1));
}

static bool pool_has_holders(u64 pool)
{
	return pool & (FREE - HOLDER);
}

static void credit_set_holder(struct cmap_quota *quota, struct cmap_credit *credit,
			      bool holder)
{
	if (credit->holder == holder)
		return;
	credit->holder = holder;
	if (holder)
		set_bit(credit->stripe, quota->holders);
	else
		clear_bit(credit->stripe, quota->holders);
}

/*
 * Compute the pool's next value when a stripe without credit draws, and whether the
 * stripe is a holder then.  A holder that cannot get a batch stops being one.
 */
static u64 pool_draw(const struct cmap_quota *quota, u64 pool, bool *holder)
{
	u64 have = pool_free(pool);

	if (have >= (*holder ? quota->low : quota->high)) {
		pool -= quota->batch * FREE;
		pool += *holder ? 0 : HOLDER;
		*holder = true;
		return pool;
	}
	pool -= *holder ? HOLDER : 0;
	*holder = false;
	return have ? pool - FREE + PENDING : pool;
}

/**
 * __cmap_quota_draw() - take credit from the pool
 * @quota: the quota, which has a limit
 * @credit: the stripe's, which holds none
 *
 * Context: The stripe's lock.
 * Return: as cmap_quota_draw().
 */
int __cmap_quota_draw(struct cmap_quota *quota, struct cmap_credit *credit)
{
	unsigned int spins = PENDING_SPINS;
	s64 pool, next;
	bool holder;

	for (;;) {
		/*
		 * Pairs with the releases at the end of pending writes: if this
		 * refuses, the entries that make the map full can be found.
		 */
		pool = atomic64_read_acquire(&quota->pool);
		holder = credit->holder;
		next = pool_draw(quota, pool, &holder);
		if (next == pool) {
			if (pool_settled(pool))
				return -ENOSPC;
			if (pool_has_holders(pool) || !spins--)
				return -EAGAIN;
			cpu_relax();
			continue;
		}
		if (!atomic64_try_cmpxchg(&quota->pool, &pool, next))
			continue;
		credit_set_holder(quota, credit, holder);
		if (holder)
			credit->held = quota->batch - 1;
		if (pool_free(next) != pool_free(pool))
			return 0;
	}
}

/**
 * __cmap_quota_inserted() - report that an insert is no longer pending
 * @quota: the quota, which has a limit
 *
 * Context: The stripe's lock.
 */
void __cmap_quota_inserted(struct cmap_quota *quota)
{
	/* Pairs with the acquires of the pool: the entry can be found. */
	(void)atomic64_fetch_sub_release(PENDING, &quota->pool);
}

/**
 * __cmap_quota_deleting() - report that a deletion is pending
 * @quota: the quota, which has a limit
 *
 * Context: The stripe's lock.
 */
void __cmap_quota_deleting(struct cmap_quota *quota)
{
	atomic64_add(PENDING, &quota->pool);
	/*
	 * Order this before the entry is deleted.  So whoever finds the entry
	 * gone, and then reads the pool, sees that the map may not be full.
	 */
	smp_mb__after_atomic();
}

/**
 * __cmap_quota_return() - give entries' credit back
 * @quota: the quota, which has a limit
 * @credit: the stripe's
 * @count: how many
 *
 * Context: The stripe's lock.
 */
void __cmap_quota_return(struct cmap_quota *quota, struct cmap_credit *credit,
			 u64 count)
{
	u64 more = 0;

	if (!credit->holder) {
		/* Pairs with the acquires of the pool: the entries are gone. */
		(void)atomic64_fetch_add_release(count * FREE - PENDING,
						 &quota->pool);
		return;
	}

	count += credit->held;
	if (count > 2 * quota->batch) {
		more = count - quota->batch;
		atomic64_add(more * FREE, &quota->pool);
	}
	credit->held = count - more;
}

/**
 * cmap_quota_collect() - return a stripe's held credit to the pool
 * @quota: the quota
 * @credit: the stripe's
 *
 * Context: The stripe's lock.
 */
void cmap_quota_collect(struct cmap_quota *quota, struct cmap_credit *credit)
{
	if (!credit->holder)
		return;
	/* Pairs with the acquires of the pool: the holder's entries can be found. */
	(void)atomic64_fetch_add_release(credit->held * FREE - HOLDER,
					 &quota->pool);
	credit->held = 0;
	credit_set_holder(quota, credit, false);
}

/**
 * cmap_quota_available() - check whether the pool has credit
 * @quota: the quota
 *
 * Context: Any.
 * Return: true if it has some.
 */
bool cmap_quota_available(const struct cmap_quota *quota)
{
	return pool_free(atomic64_read(&quota->pool));
}

/**
 * cmap_quota_entries() - get the number of entries from the pool
 * @quota: the quota
 * @entries: set to their number
 *
 * Context: Any.
 * Return: false if the pool does not say it at this moment.
 */
bool cmap_quota_entries(const struct cmap_quota *quota, u64 *entries)
{
	unsigned int spins = PENDING_SPINS;
	u64 pool;

	if (!quota->batch)
		return false;

	do {
		/* Pairs with the releases at the end of pending writes. */
		pool = atomic64_read_acquire(&quota->pool);
		if (pool_settled(pool)) {
			*entries = quota->max - pool_free(pool);
			return true;
		}
		cpu_relax();
	} while (!pool_has_holders(pool) && spins--);

	return false;
}
