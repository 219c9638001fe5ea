// SPDX-License-Identifier: GPL-2.0
/*
 * XArray, for keys that are small integers.
 */
#include "peer.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/xarray.h>

struct item {
	struct rcu_head rcu;
	u64 value[BENCH_VALUE_SIZE / sizeof(u64)];
};

static unsigned long index_of(const void *key)
{
	return *(const u64 *)key;
}

static void *xarray_peer_create(const struct bench_shape *shape)
{
	/* Alone in its cache lines, as the other peers' tables are. */
	struct xarray *xa = kmalloc(BENCH_APART, GFP_KERNEL);

	if (!xa)
		return ERR_PTR(-ENOMEM);
	xa_init(xa);
	return xa;
}

static void xarray_peer_destroy(void *xa)
{
	unsigned long index;
	struct item *item;

	xa_for_each((struct xarray *)xa, index, item)
		kfree(item);
	xa_destroy(xa);
	kfree(xa);
}

static struct item *new_item(const void *value)
{
	struct item *item = kmalloc(sizeof(*item), GFP_KERNEL);

	if (item)
		memcpy(item->value, value, BENCH_VALUE_SIZE);
	return item;
}

static bool xarray_peer_lookup(void *xa, const void *key, u64 *sum)
{
	struct item *item;

	rcu_read_lock();
	item = xa_load(xa, index_of(key));
	if (item)
		*sum += bench_value_sum(item->value);
	rcu_read_unlock();

	return item;
}

static int xarray_peer_insert(void *xa, const void *key, const void *value)
{
	struct item *item = new_item(value);
	int err;

	if (!item)
		return -ENOMEM;
	err = xa_insert(xa, index_of(key), item, GFP_KERNEL);
	if (err)
		kfree(item);

	return err == -EBUSY ? -EEXIST : err;
}

static int xarray_peer_replace(void *xa, const void *key, const void *value)
{
	struct item *item = new_item(value);
	struct item *old = NULL;

	if (!item)
		return -ENOMEM;

	xa_lock((struct xarray *)xa);
	/* Memory is needed only where there is nothing yet. */
	if (xa_load(xa, index_of(key)))
		old = __xa_store(xa, index_of(key), item, GFP_NOWAIT);
	xa_unlock((struct xarray *)xa);
	if (old)
		kfree_rcu(old, rcu);
	else
		kfree(item);

	return old ? 0 : -ENOENT;
}

static int xarray_peer_remove(void *xa, const void *key)
{
	struct item *item = xa_erase(xa, index_of(key));

	if (!item)
		return -ENOENT;
	kfree_rcu(item, rcu);
	return 0;
}

const struct bench_peer bench_xarray = {
	.name = "XArray",
	.integers = true,
	.create = xarray_peer_create,
	.destroy = xarray_peer_destroy,
	.lookup = xarray_peer_lookup,
	.insert = xarray_peer_insert,
	.replace = xarray_peer_replace,
	.remove = xarray_peer_remove,
};
