// SPDX-License-Identifier: GPL-2.0
/*
 * A simple hand-made hash table: an array of lists.  It has either a lock for
 * each bucket, with RCU for readers, or one lock for everything, which readers
 * take, too.  There are as many buckets as there will be entries, and jhash()
 * chooses the bucket.
 */
#include "peer.h"

#include <linux/err.h>
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/string.h>

enum style { BUCKETS, RWLOCK, SPINLOCK };

struct item {
	struct hlist_node node;
	struct rcu_head rcu;
	u64 value[BENCH_VALUE_SIZE / sizeof(u64)];
	u8 key[];
};

struct bucket {
	struct hlist_head head;
	spinlock_t lock;
};

struct table {
	u32 key_size;
	u32 mask;
	u32 seed;
	struct bucket *bucket;
	union {
		rwlock_t rwlock;
		spinlock_t lock;
	} __aligned(BENCH_APART);
};

static struct table *new_table(const struct bench_shape *shape)
{
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	u32 i, buckets = roundup_pow_of_two(shape->capacity);

	if (!table)
		return ERR_PTR(-ENOMEM);

	table->bucket = kvcalloc(buckets, sizeof(*table->bucket), GFP_KERNEL);
	if (!table->bucket) {
		kfree(table);
		return ERR_PTR(-ENOMEM);
	}
	for (i = 0; i < buckets; i++)
		spin_lock_init(&table->bucket[i].lock);
	table->key_size = shape->key_size;
	table->mask = buckets - 1;
	table->seed = get_random_u32();

	return table;
}

static void hlist_peer_destroy(void *p)
{
	struct table *table = p;
	struct hlist_node *next;
	struct item *item;
	u32 i;

	for (i = 0; i <= table->mask; i++)
		hlist_for_each_entry_safe(item, next, &table->bucket[i].head,
					  node)
			kfree(item);
	kvfree(table->bucket);
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

static struct bucket *bucket_of(const struct table *table, const void *key)
{
	return &table->bucket[jhash(key, table->key_size, table->seed) &
			      table->mask];
}

/* Under the lock, or RCU. */
static struct item *hlist_peer_find(const struct table *table,
				    const struct bucket *bucket, const void *key)
{
	struct item *item;

	hlist_for_each_entry_rcu(item, &bucket->head, node, true)
		if (!memcmp(item->key, key, table->key_size))
			return item;
	return NULL;
}

static __always_inline void read_lock_style(enum style style,
					    struct table *table)
{
	if (style == BUCKETS)
		rcu_read_lock();
	else if (style == RWLOCK)
		read_lock(&table->rwlock);
	else
		spin_lock(&table->lock);
}

static __always_inline void read_unlock_style(enum style style,
					      struct table *table)
{
	if (style == BUCKETS)
		rcu_read_unlock();
	else if (style == RWLOCK)
		read_unlock(&table->rwlock);
	else
		spin_unlock(&table->lock);
}

static __always_inline void write_lock_style(enum style style,
					     struct table *table,
					     struct bucket *bucket)
{
	if (style == BUCKETS)
		spin_lock(&bucket->lock);
	else if (style == RWLOCK)
		write_lock(&table->rwlock);
	else
		spin_lock(&table->lock);
}

static __always_inline void write_unlock_style(enum style style,
					       struct table *table,
					       struct bucket *bucket)
{
	if (style == BUCKETS)
		spin_unlock(&bucket->lock);
	else if (style == RWLOCK)
		write_unlock(&table->rwlock);
	else
		spin_unlock(&table->lock);
}

static __always_inline void free_style(enum style style, struct item *item)
{
	if (style == BUCKETS)
		kfree_rcu(item, rcu);
	else
		kfree(item);
}

static __always_inline bool do_lookup(enum style style, struct table *table,
				      const void *key, u64 *sum)
{
	struct bucket *bucket = bucket_of(table, key);
	struct item *item;

	read_lock_style(style, table);
	item = hlist_peer_find(table, bucket, key);
	if (item)
		*sum += bench_value_sum(item->value);
	read_unlock_style(style, table);

	return item;
}

static __always_inline int do_insert(enum style style, struct table *table,
				     const void *key, const void *value)
{
	struct bucket *bucket = bucket_of(table, key);
	struct item *item = new_item(table, key, value);
	struct item *old;

	if (!item)
		return -ENOMEM;

	write_lock_style(style, table, bucket);
	old = hlist_peer_find(table, bucket, key);
	if (!old)
		hlist_add_head_rcu(&item->node, &bucket->head);
	write_unlock_style(style, table, bucket);
	if (old)
		kfree(item);

	return old ? -EEXIST : 0;
}

static __always_inline int do_replace(enum style style, struct table *table,
				      const void *key, const void *value)
{
	struct bucket *bucket = bucket_of(table, key);
	struct item *item = new_item(table, key, value);
	struct item *old;

	if (!item)
		return -ENOMEM;

	write_lock_style(style, table, bucket);
	old = hlist_peer_find(table, bucket, key);
	if (old)
		hlist_replace_rcu(&old->node, &item->node);
	write_unlock_style(style, table, bucket);
	if (old)
		free_style(style, old);
	else
		kfree(item);

	return old ? 0 : -ENOENT;
}

static __always_inline int do_remove(enum style style, struct table *table,
				     const void *key)
{
	struct bucket *bucket = bucket_of(table, key);
	struct item *item;

	write_lock_style(style, table, bucket);
	item = hlist_peer_find(table, bucket, key);
	if (item)
		hlist_del_rcu(&item->node);
	write_unlock_style(style, table, bucket);
	if (item)
		free_style(style, item);

	return item ? 0 : -ENOENT;
}

#define PEER(id, style, text)						\
static bool id##_lookup(void *table, const void *key, u64 *sum)	\
{									\
	return do_lookup(style, table, key, sum);			\
}									\
									\
static int id##_insert(void *table, const void *key, const void *value)\
{									\
	return do_insert(style, table, key, value);			\
}									\
									\
static int id##_replace(void *table, const void *key, const void *value)\
{									\
	return do_replace(style, table, key, value);			\
}									\
									\
static int id##_remove(void *table, const void *key)			\
{									\
	return do_remove(style, table, key);				\
}									\
									\
const struct bench_peer bench_hlist_##id = {				\
	.name = text,							\
	.fixed = true,							\
	.create = id##_create,						\
	.destroy = hlist_peer_destroy,					\
	.lookup = id##_lookup,						\
	.insert = id##_insert,						\
	.replace = id##_replace,					\
	.remove = id##_remove,						\
}

static void *rcu_create(const struct bench_shape *shape)
{
	return new_table(shape);
}

static void *rwlock_create(const struct bench_shape *shape)
{
	struct table *table = new_table(shape);

	if (!IS_ERR(table))
		rwlock_init(&table->rwlock);
	return table;
}

static void *spinlock_create(const struct bench_shape *shape)
{
	struct table *table = new_table(shape);

	if (!IS_ERR(table))
		spin_lock_init(&table->lock);
	return table;
}

PEER(rcu, BUCKETS, "hlist, RCU");
PEER(rwlock, RWLOCK, "hlist, rwlock");
PEER(spinlock, SPINLOCK, "hlist, spinlock");
