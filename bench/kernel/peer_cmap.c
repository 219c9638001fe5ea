// SPDX-License-Identifier: GPL-2.0
/*
 * cmap by its kernel API.
 */
#include "peer.h"

#include <linux/cmap.h>
#include <linux/err.h>

struct table {
	struct cmap *map;
	u32 key_size;
} __aligned(BENCH_APART);

static void *cmap_peer_create(const struct bench_shape *shape)
{
	struct cmap_params params = { .shards = shape->shards };
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);

	if (!table)
		return ERR_PTR(-ENOMEM);

	table->key_size = shape->key_size;
	table->map = cmap_create(&params);
	if (IS_ERR(table->map)) {
		void *err = table->map;

		kfree(table);
		return err;
	}
	return table;
}

static void cmap_peer_destroy(void *p)
{
	struct table *table = p;

	cmap_put(table->map);
	kfree(table);
}

static bool cmap_peer_lookup(void *p, const void *key, u64 *sum)
{
	struct table *table = p;
	struct cmap_value value;
	bool found;

	rcu_read_lock();
	found = cmap_lookup(table->map, key, table->key_size, &value);
	if (found)
		*sum += bench_value_sum(value.data);
	rcu_read_unlock();

	return found;
}

static int cmap_peer_insert(void *p, const void *key, const void *value)
{
	struct table *table = p;

	return cmap_set(table->map, key, table->key_size, value,
			BENCH_VALUE_SIZE, CMAP_OP_INSERT, NULL, GFP_KERNEL);
}

static int cmap_peer_replace(void *p, const void *key, const void *value)
{
	struct table *table = p;

	return cmap_set(table->map, key, table->key_size, value,
			BENCH_VALUE_SIZE, CMAP_OP_REPLACE, NULL, GFP_KERNEL);
}

static int cmap_peer_remove(void *p, const void *key)
{
	struct table *table = p;

	return cmap_delete(table->map, key, table->key_size, 0, NULL,
			   GFP_KERNEL);
}

const struct bench_peer bench_cmap = {
	.name = "cmap",
	.create = cmap_peer_create,
	.destroy = cmap_peer_destroy,
	.lookup = cmap_peer_lookup,
	.insert = cmap_peer_insert,
	.replace = cmap_peer_replace,
	.remove = cmap_peer_remove,
};
