/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a shard's table grows and shrinks: which table it should have, and moving
 * the buckets into it.
 *
 * No writer waits for a whole table to move (guarantee C2).  Each writer moves a
 * few buckets, so that a move ends before the next one can be due.  The shard's
 * work moves the rest.
 */
#ifndef CMAP_MIGRATE_H
#define CMAP_MIGRATE_H

#include "shard.h"

#include <linux/gfp.h>
#include <linux/types.h>

int cmap_table_move(struct cmap_table *old, struct cmap_table *new,
		    const struct cmap_arena *arena, u32 nth);

bool cmap_migrate_may_ask(const struct cmap_shard *shard);
bool cmap_migrate_due(const struct cmap_shard *shard);
void cmap_migrate_split(struct cmap_shard *shard, gfp_t gfp);
bool cmap_migrate_wanted(struct cmap_shard *shard);
int cmap_migrate_begin(struct cmap_shard *shard, gfp_t gfp);
int cmap_migrate_some(struct cmap_shard *shard, u32 first, unsigned int count);
void cmap_migrate_tell(struct cmap_shard *shard, struct cmap_stripe *stripe);
void cmap_migrate_settle(struct cmap_shard *shard);
u32 cmap_migrate_moved(const struct cmap_shard *shard);
int cmap_migrate_extend_pool(struct cmap_shard *shard, gfp_t gfp);
int cmap_migrate_now(struct cmap_shard *shard, gfp_t gfp);
u64 cmap_migrate_lack(const struct cmap_shard *shard);

#endif /* CMAP_MIGRATE_H */
