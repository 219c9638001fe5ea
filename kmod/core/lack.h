/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a write lacks in its shard: allocating it, how much it is, and whether it
 * becomes free without help.
 */
#ifndef CMAP_LACK_H
#define CMAP_LACK_H

#include "alloc.h"
#include "refill.h"
#include "write.h"

int cmap_lack_allocate(struct cmap_shard *shard, struct cmap_write *write,
		       gfp_t gfp);
void cmap_shard_hold(struct cmap_shard *shard, const struct cmap_write *write,
		     bool held);
u64 cmap_shard_held_bytes(struct cmap_shard *shard,
			  const struct cmap_write *write);
struct cmap_lack cmap_shard_lack(struct cmap_shard *shard,
				 const struct cmap_write *write);
struct cmap_outlook cmap_shard_outlook(struct cmap_shard *shard,
				       const struct cmap_write *write);
bool cmap_shard_emptying(struct cmap_shard *shard, const struct cmap_write *write,
			 u64 *bytes);
bool cmap_shard_spent(struct cmap_shard *shard, const struct cmap_write *write);
bool cmap_shard_queue(struct cmap_shard *shard, const struct cmap_write *write,
		      int count);
void cmap_shard_unqueue(struct cmap_shard *shard, u32 size);
void cmap_shard_serve(struct cmap_shard *shard, const struct cmap_write *write);

#endif /* CMAP_LACK_H */
