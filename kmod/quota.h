/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A map's limit on entries, exact and yet not one word that all shards write:
 * each shard draws credit in small batches and counts against that.  Only
 * when the common purse is empty the shards' credit is collected.
 */
#ifndef CMAP_QUOTA_H
#define CMAP_QUOTA_H

#include <linux/atomic.h>
#include <linux/types.h>

/**
 * struct cmap_quota - the common purse
 * @spare: entries that no shard has drawn
 * @batch: how many a shard draws at once; 0 for no limit
 */
struct cmap_quota {
	atomic64_t spare;
	u32 batch;
};

void cmap_quota_init(struct cmap_quota *quota, u64 max, u32 shards);
bool cmap_quota_draw(struct cmap_quota *quota, u32 *credit);
void cmap_quota_return(struct cmap_quota *quota, u32 *credit);
void cmap_quota_collect(struct cmap_quota *quota, u32 *credit);

#endif /* CMAP_QUOTA_H */
