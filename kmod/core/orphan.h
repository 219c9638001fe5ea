/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of an owner, and removing the entries that it leaves behind.  Readers do not see
 * them any more: owner.h says why.
 *
 * Also what an entry that is in its slot, but absent, means to a writer: it has expired,
 * or its owner has ended.  The writer removes it, and goes on as if it had found none.
 */
#ifndef CMAP_ORPHAN_H
#define CMAP_ORPHAN_H

#include "owner.h"
#include "shard.h"

#include <linux/tracepoint-defs.h>

struct cmap_change;

DECLARE_TRACEPOINT(cmap_orphan);

void cmap_owner_end(struct cmap_owner *owner);
void cmap_orphan_work(struct work_struct *work);
bool cmap_orphans_some(struct cmap_shard *shard, u64 ends, u64 *removed);
bool cmap_orphans_all(struct cmap_owners *owners, bool patient);

bool cmap_gone_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
		      struct cmap_table *table,
		      const struct cmap_slot *slot, struct cmap_node *node);
bool cmap_gone_commit(struct cmap_shard *shard, struct cmap_stripe *stripe,
		      const struct cmap_change *change);
void cmap_gone_key(struct cmap_shard *shard, struct cmap_stripe *stripe,
		   const struct cmap_key *key);

/* In trace.c: what it prints of the map is not known here. */
void cmap_orphan_trace(const struct cmap_shard *shard,
		       const struct cmap_stripe *stripe,
		       const struct cmap_node *node, u64 version);

#endif /* CMAP_ORPHAN_H */
