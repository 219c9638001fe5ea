/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Removing entries that have expired.  Readers do not see them any more: clock.h says
 * why.
 */
#ifndef CMAP_EXPIRE_H
#define CMAP_EXPIRE_H

#include "shard.h"

#include <linux/tracepoint-defs.h>

struct cmap_change;

DECLARE_TRACEPOINT(cmap_expire);

void cmap_expire_begin(struct cmap_shard *shard, struct cmap_wheel *wheel);
void cmap_expire_commit(struct cmap_shard *shard, struct cmap_stripe *stripe,
			const struct cmap_change *change);
void cmap_expire_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
			struct cmap_table *table,
			const struct cmap_slot *slot, struct cmap_node *node);
void cmap_expire_written(struct cmap_shard *shard, struct cmap_stripe *stripe,
			 const struct cmap_key *key);
bool cmap_expire_some(struct cmap_shard *shard, u64 word, u64 *removed);
bool cmap_expire_shard(struct cmap_shard *shard, u64 word, bool patient);
/* In trace.c: what it prints of the map is not known here. */
void cmap_expire_trace(const struct cmap_shard *shard,
		       const struct cmap_stripe *stripe,
		       const struct cmap_node *node, u64 version, u64 late);

#endif /* CMAP_EXPIRE_H */
