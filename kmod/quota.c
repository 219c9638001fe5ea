// SPDX-License-Identifier: GPL-2.0
#include "quota.h"

#include <linux/math64.h>
#include <linux/minmax.h>

#define QUOTA_BATCH_MAX		64

/**
 * cmap_quota_init() - set a limit
 * @quota: the quota
 * @max: most entries; 0 for no limit
 * @shards: how many will draw
 *
 * Context: Any.
 */
void cmap_quota_init(struct cmap_quota *quota, u64 max, u32 shards)
{
	atomic64_set(&quota->spare, max);
	quota->batch = max ? clamp_t(u64, div_u64(max, shards * 16), 1,
				     QUOTA_BATCH_MAX) : 0;
}

/**
 * cmap_quota_draw() - take one entry's credit
 * @quota: the quota
 * @credit: the shard's credit, under its lock
 *
 * Context: The shard's lock.
 * Return: false if the purse is empty.
 */
bool cmap_quota_draw(struct cmap_quota *quota, u32 *credit)
{
	s64 spare;

	if (!quota->batch)
		return true;

	if (!*credit) {
		spare = atomic64_read(&quota->spare);
		do {
			if (!spare)
				return false;
		} while (!atomic64_try_cmpxchg(&quota->spare, &spare,
				spare - min_t(s64, spare, quota->batch)));
		*credit = min_t(s64, spare, quota->batch);
	}

	(*credit)--;
	return true;
}

/**
 * cmap_quota_return() - give one entry's credit back
 * @quota: the quota
 * @credit: the shard's credit, under its lock
 *
 * Context: The shard's lock.
 */
void cmap_quota_return(struct cmap_quota *quota, u32 *credit)
{
	if (!quota->batch)
		return;

	if (++*credit > 2 * quota->batch) {
		*credit -= quota->batch;
		atomic64_add(quota->batch, &quota->spare);
	}
}

/**
 * cmap_quota_collect() - put a shard's credit into the purse
 * @quota: the quota
 * @credit: the shard's credit, under its lock
 *
 * Context: The shard's lock.
 */
void cmap_quota_collect(struct cmap_quota *quota, u32 *credit)
{
	atomic64_add(*credit, &quota->spare);
	*credit = 0;
}
