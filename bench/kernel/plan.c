// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <linux/err.h>
#include <linux/string.h>

static const struct bench_peer * const peers[] = {
	&bench_cmap,
	&bench_rhashtable,
	&bench_siphash,
	&bench_hlist_rcu,
	&bench_hlist_rwlock,
	&bench_hlist_spinlock,
	&bench_xarray,
	&bench_bpf,
	&bench_bpf_alloc,
};

static_assert(ARRAY_SIZE(peers) <= BENCH_PEERS_MAX);

/**
 * bench_plan_peers() - choose who takes part
 * @plan: gets those that are wanted, and that this kernel has
 * @wanted: a string with their names in it; "" for all
 *
 * Context: Process.
 * Return: 0; -EINVAL if there are none; or an errno of a peer's.
 */
int bench_plan_peers(struct bench_plan *plan, const char *wanted)
{
	struct bench_shape shape = { .key_size = 8, .capacity = 1 };
	u32 i;

	plan->peers = 0;
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		void *table;

		if (*wanted && !strstr(wanted, peers[i]->name))
			continue;
		table = peers[i]->create(&shape);
		if (table == ERR_PTR(-EOPNOTSUPP))
			continue;
		if (IS_ERR(table))
			return PTR_ERR(table);
		peers[i]->destroy(table);
		plan->peer[plan->peers++] = peers[i];
	}

	return plan->peers ? 0 : -EINVAL;
}

/**
 * bench_wanted() - whether an operation is to be measured
 * @plan: how much to do
 * @operation: its name
 *
 * Context: Any.
 * Return: true if it is.
 */
bool bench_wanted(const struct bench_plan *plan, const char *operation)
{
	return strstr(operation, plan->only);
}
