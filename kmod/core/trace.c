// SPDX-License-Identifier: GPL-2.0
#define CREATE_TRACE_POINTS
#include "trace.h"
#include "expire.h"
#include "orphan.h"

/**
 * cmap_expire_trace() - trace the removal of an entry that has expired
 * @shard: the shard
 * @stripe: the entry's stripe
 * @node: the entry's node
 * @version: the removal's version
 * @late: how many nanoseconds after its deadline it expired
 *
 * Context: The stripe's lock.
 */
void cmap_expire_trace(const struct cmap_shard *shard,
		       const struct cmap_stripe *stripe,
		       const struct cmap_node *node, u64 version, u64 late)
{
	lockdep_assert_held(&stripe->lock);

	trace_cmap_expire(container_of(shard->arena.clock, struct cmap, clock),
			  node, version, late);
}

/**
 * cmap_orphan_trace() - trace the removal of an entry whose owner has ended
 * @shard: the shard
 * @stripe: the entry's stripe
 * @node: the entry's node
 * @version: the removal's version
 *
 * Context: The stripe's lock.
 */
void cmap_orphan_trace(const struct cmap_shard *shard,
		       const struct cmap_stripe *stripe,
		       const struct cmap_node *node, u64 version)
{
	lockdep_assert_held(&stripe->lock);

	trace_cmap_orphan(container_of(shard->arena.owners, struct cmap, owners),
			  node, version);
}
