// SPDX-License-Identifier: GPL-2.0
/*
 * rhashtable as its users use it: parameters known to the compiler, objects
 * from kmalloc() and to kfree_rcu().
 */
#include "peer.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/string.h>

#ifndef RHASHTABLE_PEER
#define RHASHTABLE_PEER	bench_rhashtable
#define RHASHTABLE_NAME	"rhashtable"
#define RHASHTABLE_HASH	NULL		/* its own, jhash() */
#endif

struct item {
	struct rhash_head node;
	struct rcu_head rcu;
	u64 value[BENCH_VALUE_SIZE / sizeof(u64)];
	u8 key[];
};

/* Its count of elements, which each insert writes, comes last in an rhashtable. */
struct table {
	u32 key_size;
	struct rhashtable rht;
} __aligned(BENCH_APART);

#define PARAMS(size)						\
	static const struct rhashtable_params params_##size = {	\
		.head_offset = offsetof(struct item, node),	\
		.key_offset = offsetof(struct item, key),	\
		.key_len = size,				\
		.hashfn = RHASHTABLE_HASH,			\
		.automatic_shrinking = true,			\
	}

PARAMS(8);
PARAMS(32);
PARAMS(100);

/* One of three copies of what is inline. */
#define FOR_SIZE(size, function, ...) ({			\
	typeof(function(__VA_ARGS__, params_8)) result;		\
								\
	if ((size) == 8)					\
		result = function(__VA_ARGS__, params_8);	\
	else if ((size) == 32)					\
		result = function(__VA_ARGS__, params_32);	\
	else							\
		result = function(__VA_ARGS__, params_100);	\
	result;							\
})

static void *rhashtable_peer_create(const struct bench_shape *shape)
{
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	const struct rhashtable_params *params = &params_100;
	int err;

	if (!table)
		return ERR_PTR(-ENOMEM);

	if (shape->key_size == 8)
		params = &params_8;
	else if (shape->key_size == 32)
		params = &params_32;
	table->key_size = shape->key_size;
	err = rhashtable_init(&table->rht, params);
	if (err) {
		kfree(table);
		return ERR_PTR(err);
	}
	return table;
}

static void free_item(void *item, void *arg)
{
	kfree(item);
}

static void rhashtable_peer_destroy(void *p)
{
	struct table *table = p;

	rhashtable_free_and_destroy(&table->rht, free_item, NULL);
	kfree(table);
}

static struct item *new_item(const struct table *table, const void *key,
			     const void *value)
{
	struct item *item = kmalloc(sizeof(*item) + table->key_size,
				    GFP_KERNEL);

	if (item) {
		memcpy(item->value, value, BENCH_VALUE_SIZE);
		memcpy(item->key, key, table->key_size);
	}
	return item;
}

static bool rhashtable_peer_lookup(void *p, const void *key, u64 *sum)
{
	struct table *table = p;
	struct item *item;

	rcu_read_lock();
	item = FOR_SIZE(table->key_size, rhashtable_lookup, &table->rht, key);
	if (item)
		*sum += bench_value_sum(item->value);
	rcu_read_unlock();

	return item;
}

static int rhashtable_peer_insert(void *p, const void *key, const void *value)
{
	struct table *table = p;
	struct item *item = new_item(table, key, value);
	int err;

	if (!item)
		return -ENOMEM;
	err = FOR_SIZE(table->key_size, rhashtable_lookup_insert_fast,
		       &table->rht, &item->node);
	if (err)
		kfree(item);

	return err;
}

/* Someone may be faster, and replace or remove what was found. */
static int rhashtable_peer_replace(void *p, const void *key, const void *value)
{
	struct table *table = p;
	struct item *item = new_item(table, key, value);
	struct item *old;
	int err;

	if (!item)
		return -ENOMEM;

	rcu_read_lock();
	do {
		err = -ENOENT;
		old = FOR_SIZE(table->key_size, rhashtable_lookup, &table->rht,
			       key);
		if (!old)
			break;
		err = FOR_SIZE(table->key_size, rhashtable_replace_fast,
			       &table->rht, &old->node, &item->node);
	} while (err == -ENOENT);
	rcu_read_unlock();

	if (err)
		kfree(item);
	else
		kfree_rcu(old, rcu);
	return err;
}

static int rhashtable_peer_remove(void *p, const void *key)
{
	struct table *table = p;
	struct item *item;
	int err = -ENOENT;

	rcu_read_lock();
	item = FOR_SIZE(table->key_size, rhashtable_lookup, &table->rht, key);
	if (item)
		err = FOR_SIZE(table->key_size, rhashtable_remove_fast,
			       &table->rht, &item->node);
	rcu_read_unlock();

	if (!err)
		kfree_rcu(item, rcu);
	return err;
}

const struct bench_peer RHASHTABLE_PEER = {
	.name = RHASHTABLE_NAME,
	.create = rhashtable_peer_create,
	.destroy = rhashtable_peer_destroy,
	.lookup = rhashtable_peer_lookup,
	.insert = rhashtable_peer_insert,
	.replace = rhashtable_peer_replace,
	.remove = rhashtable_peer_remove,
};
