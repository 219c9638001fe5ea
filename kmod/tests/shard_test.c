// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a shard, against the model, while its table grows and shrinks.
 */
#include "lab.h"
#include "model.h"
#include "../core/layout.h"
#include "../core/queue.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/shard.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <uapi/linux/cmap.h>

#define INDEX		3	/* which shard, */
#define SHARDS		8	/* of how many */
#define VALUE_MAX	600

struct site {
	struct cmap_shard *shard;
	struct model *model;
	struct lab *lab;
	u64 version;		/* of the last write */
	u8 *buf;
};

static void shard_free(void *shard)
{
	cmap_maintain_close(shard);
	rcu_barrier();
	cmap_shard_destroy(shard);
	kfree(shard);
}

static int resize_now(struct cmap_shard *shard)
{
	return cmap_migrate_now(shard, GFP_KERNEL);
}

static struct site *site_new(struct kunit *test, u32 room, bool wipe)
{
	struct site *site = kunit_kzalloc(test, sizeof(*site), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, site);
	site->lab = test->priv;
	site->model = model_new(test, room);
	site->version = INDEX;
	site->buf = kunit_kmalloc(test, VALUE_MAX, GFP_KERNEL);
	site->shard = kzalloc(sizeof(*site->shard), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, site->buf && site->shard);
	cmap_shard_init(site->shard, INDEX, SHARDS, &site->lab->memory,
			&site->lab->quota, NULL, NUMA_NO_NODE, wipe);
	cmap_maintain_init(site->shard);

	return site;
}

/* Also until a move is over that the work stopped to let others run. */
static void site_settle(struct site *site)
{
	while (work_busy(&site->shard->resize))
		flush_work(&site->shard->resize);
	lab_settle();
}

static void site_free(struct site *site)
{
	shard_free(site->shard);
}

/* As if the shard were the map: the topmost bits are its number. */
static struct cmap_key key_of(struct site *site, u32 number,
			      u8 buf[MODEL_KEY_MAX])
{
	u32 len = model_key(number, buf);
	u64 hash = cmap_hash(&site->lab->hash, buf, len);

	return (struct cmap_key){
		.data = buf,
		.len = len,
		.hash = (u64)INDEX << 61 | hash >> 3,
	};
}

static int set(struct site *site, const struct cmap_key *key,
	       const void *value, u32 len, gfp_t gfp)
{
	struct cmap_write write = {
		.key = *key, .value = value, .value_len = len,
	};

	return lab_write(site->shard, &write, gfp);
}

static int delete(struct site *site, const struct cmap_key *key)
{
	struct cmap_write write = { .key = *key, .flags = CMAP_WRITE_REMOVE };

	return lab_write(site->shard, &write, GFP_KERNEL);
}

static bool has(struct site *site, const struct cmap_key *key)
{
	bool found;

	rcu_read_lock();
	found = cmap_shard_find(site->shard, key);
	rcu_read_unlock();

	return found;
}

/* No write is under way. */
static struct cmap_table *table_of(struct site *site)
{
	return rcu_dereference_protected(site->shard->table, 1);
}

/* Entries with the keys of some numbers. */
static void set_some(struct kunit *test, struct site *site, u32 first,
		     u32 count)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < count; i++) {
		key = key_of(site, first + i, buf);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
}

static void del_some(struct kunit *test, struct site *site, u32 first,
		     u32 count)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < count; i++) {
		key = key_of(site, first + i, buf);
		KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
	}
}

/* The entry is what the model says, or is not there. */
static void expect_entry(struct kunit *test, struct site *site,
			 const struct cmap_key *key,
			 const struct model_entry *entry)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_shard_find(site->shard, key);
	KUNIT_EXPECT_EQ(test, !!node, !!entry);
	if (node && entry) {
		u32 len = cmap_node_value_len(node);

		KUNIT_EXPECT_EQ(test, node->version, entry->version);
		KUNIT_EXPECT_EQ(test, len, entry->value_len);
		KUNIT_EXPECT_TRUE(test, len == entry->value_len &&
				  !memcmp(cmap_node_value(node), entry->value,
					  entry->value_len));
	}
	rcu_read_unlock();
}

static void expect_all(struct kunit *test, struct site *site)
{
	u32 i;

	KUNIT_EXPECT_EQ(test, site->shard->entries, site->model->count);
	for (i = 0; i < site->model->count; i++) {
		struct model_entry *entry = &site->model->entry[i];
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = (u64)INDEX << 61 |
				cmap_hash(&site->lab->hash, entry->key,
					  entry->key_len) >> 3,
		};

		expect_entry(test, site, &key, entry);
	}
}

/* ---- random writes ---- */

/* A write of some kind, with conditions that hold or do not. */
static void random_conditions(struct site *site, struct cmap_write *write,
			      const struct model_entry *entry, bool grow)
{
	struct lab *lab = site->lab;

	if (lab_below(lab, 100) < (grow ? 15 : 95))
		write->flags |= CMAP_WRITE_REMOVE;
	else if (lab_below(lab, 8) == 0)
		write->flags |= CMAP_WRITE_ADD;
	switch (lab_below(lab, 8)) {
	case 0:
		write->flags |= CMAP_WRITE_ABSENT;
		break;
	case 1:
		write->flags |= CMAP_WRITE_PRESENT;
		break;
	case 2:
		write->flags |= CMAP_WRITE_VERSION;
		write->expected = entry && lab_below(lab, 2) ?
				  entry->version : lab_below(lab, 1000) + 1;
		break;
	}
	if (lab_below(lab, 4) == 0) {
		write->flags |= CMAP_WRITE_KEEP_OLD;
		write->old_room = lab_below(lab, 3) ? VALUE_MAX :
						      lab_below(lab, 20);
	}
	write->number = (s64)lab_u64(lab) >> lab_below(lab, 64);
	write->start = (s64)lab_u64(lab) >> lab_below(lab, 64);
	write->value_len = lab_below(lab, 10) ? lab_below(lab, 40) :
						lab_below(lab, VALUE_MAX);
	if (lab_below(lab, 6) == 0 || write->flags & CMAP_WRITE_ADD)
		write->value_len = sizeof(s64);
}

/* What should come of it, by the model. */
static int expected_result(const struct cmap_write *write,
			   const struct model_entry *entry, s64 *sum)
{
	*sum = write->start;
	if (!entry && write->flags & (CMAP_WRITE_PRESENT | CMAP_WRITE_VERSION |
				      CMAP_WRITE_REMOVE))
		return -ENOENT;
	if (entry && write->flags & CMAP_WRITE_ABSENT)
		return -EEXIST;
	if (entry && write->flags & CMAP_WRITE_VERSION &&
	    write->expected != entry->version)
		return -ESTALE;
	if (entry && write->flags & CMAP_WRITE_KEEP_OLD &&
	    write->old_room < entry->value_len)
		return -EMSGSIZE;
	if (!(write->flags & CMAP_WRITE_ADD))
		return 0;
	if (entry && entry->value_len != sizeof(s64))
		return -EDOM;
	if (entry)
		memcpy(sum, entry->value, sizeof(*sum));
	return check_add_overflow(*sum, write->number, sum) ? -EOVERFLOW : 0;
}

/* The old node is the writer's until it is given back. */
static void expect_old(struct kunit *test, struct site *site,
		       struct cmap_write *write, struct model_entry *entry)
{
	if (!(write->flags & CMAP_WRITE_KEEP_OLD) || !entry) {
		KUNIT_EXPECT_NULL(test, write->old);
		return;
	}
	KUNIT_ASSERT_NOT_NULL(test, write->old);
	KUNIT_EXPECT_EQ(test, write->old_len, entry->value_len);
	KUNIT_EXPECT_EQ(test, write->old->version, entry->version);
	KUNIT_EXPECT_EQ(test, memcmp(cmap_node_value(write->old), entry->value,
				     entry->value_len), 0);
	cmap_shard_retire(site->shard, write->old_ref);
}

static void random_write(struct kunit *test, struct site *site, u32 keys,
			 bool grow)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_write write = {
		.key = key_of(site, lab_below(site->lab, keys), buf),
	};
	struct model_entry *entry = model_find(site->model, buf, write.key.len);
	s64 sum;
	int err, want;

	random_conditions(site, &write, entry, grow);
	want = expected_result(&write, entry, &sum);
	model_fill(site->buf, write.value_len, (u32)site->version);
	if (write.flags & (CMAP_WRITE_REMOVE | CMAP_WRITE_ADD) ||
	    lab_below(site->lab, 4)) {
		write.value = site->buf;
	} else {
		struct cmap_node *node = lab_reserve(site->shard, &write,
							    GFP_KERNEL, &err);

		KUNIT_ASSERT_NOT_NULL(test, node);
		memcpy(cmap_node_value(node), site->buf, write.value_len);
	}

	err = lab_write(site->shard, &write, GFP_KERNEL);
	cmap_shard_unreserve(site->shard, &write);
	KUNIT_ASSERT_EQ(test, err, want);
	if (err) {
		if (err == -ESTALE || err == -EEXIST)
			KUNIT_EXPECT_EQ(test, write.version, entry->version);
		expect_entry(test, site, &write.key, entry);
		return;
	}

	KUNIT_EXPECT_GT(test, write.version, site->version);
	KUNIT_EXPECT_EQ(test, write.version % SHARDS, INDEX);
	site->version = write.version;
	expect_old(test, site, &write, entry);
	if (write.flags & CMAP_WRITE_REMOVE) {
		model_remove(site->model, entry);
		expect_entry(test, site, &write.key, NULL);
		return;
	}
	if (write.flags & CMAP_WRITE_ADD) {
		KUNIT_EXPECT_EQ(test, write.number, sum);
		memcpy(site->buf, &sum, sizeof(sum));
	}
	KUNIT_ASSERT_TRUE(test, model_set(site->model, buf, write.key.len,
					  site->buf, write.value_len,
					  write.version));
	expect_entry(test, site, &write.key,
		     model_find(site->model, buf, write.key.len));
}

static void writes_at_random(struct kunit *test)
{
	struct site *site = site_new(test, 4000, false);
	u32 i;

	for (i = 0; i < 60000; i++) {
		random_write(test, site, 4000, i / 12000 % 2 == 0);
		if (i % 6000 == 0)
			expect_all(test, site);
	}
	expect_all(test, site);
	KUNIT_EXPECT_GT(test, site->shard->grows, 3);
	KUNIT_EXPECT_GT(test, site->shard->shrinks, 0);
	site_free(site);
}

static void writes_at_random_wiped(struct kunit *test)
{
	struct site *site = site_new(test, 1000, true);
	u32 i;

	for (i = 0; i < 20000; i++)
		random_write(test, site, 1000, i / 4000 % 2 == 0);
	expect_all(test, site);
	site_free(site);
}

/* Cleared bucket by bucket, with writes between. */
static void clear_at_random(struct kunit *test)
{
	struct site *site = site_new(test, 3000, false);
	u64 removed = 0, order = 0, added;
	u32 i;

	KUNIT_EXPECT_EQ(test, cmap_shard_clear(site->shard, &order), 0);
	KUNIT_EXPECT_GT(test, order, U32_MAX);
	for (i = 0; i < 9000; i++)
		random_write(test, site, 3000, true);
	added = site->shard->entries;
	order = 0;
	while (order <= U32_MAX) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = key_of(site, 100000 + i++, buf);

		removed += cmap_shard_clear(site->shard, &order);
		added += !set(site, &key, NULL, 0, GFP_KERNEL);
	}
	KUNIT_EXPECT_EQ(test, site->shard->entries, added - removed);
	model_free(site->model);
	for (i = 0; i < 3000; i++) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = key_of(site, i, buf);

		expect_entry(test, site, &key, NULL);
	}
	site_free(site);
}

/* ---- hashes of the test's choice ---- */

static struct cmap_key aimed(u32 number, u32 order, u8 buf[MODEL_KEY_MAX])
{
	return (struct cmap_key){
		.data = buf,
		.len = model_key(number, buf),
		.hash = (u64)INDEX << 61 | (u64)order << 29 |
			(number & 0xffff),
	};
}

/* Entries from a number on that begin with the bits of an order. */
static void set_aimed(struct kunit *test, struct site *site, u32 first,
		      u32 count, u32 order)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < count; i++) {
		key = aimed(first + i, order, buf);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
}

static void expect_aimed(struct kunit *test, struct site *site, u32 first,
			 u32 count, u32 order)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < count; i++) {
		key = aimed(first + i, order, buf);
		KUNIT_EXPECT_TRUE(test, has(site, &key));
	}
}

/* They are all there, and are deleted. */
static void del_aimed(struct kunit *test, struct site *site, u32 first,
		      u32 count, u32 order)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	expect_aimed(test, site, first, count, order);
	for (i = 0; i < count; i++) {
		key = aimed(first + i, order, buf);
		KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
	}
}

/* Another table for the shard, to be moved into. */
static struct cmap_table *new_table(struct kunit *test, struct site *site,
				    u8 bits)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(&site->lab->memory, NUMA_NO_NODE, bits,
			       site->shard->shard_bits, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, table);

	return table;
}

#define FULL	(CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX))

static void exfull_hurts_its_bucket_only(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	set_aimed(test, site, 0, FULL, 7);
	key = aimed(FULL, 7, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), -EXFULL);
	KUNIT_EXPECT_EQ(test, site->shard->entries, FULL);
	/* Replacing goes on, and so does the rest of the table. */
	key = aimed(5, 7, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	key = aimed(FULL, ~0U, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	key = aimed(5, 7, buf);
	KUNIT_EXPECT_EQ(test, delete(site, &key), 0);
	key = aimed(FULL, 7, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	site_free(site);
}

/*
 * Chains that were long once kept all of the pool, so that a write to another
 * bucket looked for a larger table, was told that this one would do, and tried
 * again for ever.
 */
static void emptied_chains_give_way(struct kunit *test, gfp_t gfp)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 chain, i;
	int err;

	for (chain = 0; chain < 8; chain++) {
		u32 order = chain << 28;

		for (i = 0; i < FULL; i++) {
			key = aimed(i, order, buf);
			err = set(site, &key, "v", 1, gfp);
			KUNIT_ASSERT_EQ(test, err, 0);
		}
		for (i = 0; i < FULL; i++) {
			key = aimed(i, order, buf);
			KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
		}
	}
	KUNIT_EXPECT_EQ(test, site->shard->entries, 0);
	site_free(site);
}

static void pool_taken_by_empty_chains(struct kunit *test)
{
	emptied_chains_give_way(test, GFP_KERNEL);
}

static void pool_taken_by_empty_chains_atomic(struct kunit *test)
{
	emptied_chains_give_way(test, GFP_ATOMIC);
}

/* The writer that needs the bucket does not wait for the work. */
static void pool_taken_and_no_work(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_table *table;
	struct cmap_key key;

	set_aimed(test, site, 0, CMAP_BUCKET_SLOTS, 0);
	table = table_of(site);
	table->pool_used = cmap_pool_capacity(table);
	key = aimed(CMAP_BUCKET_SLOTS, 0, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, site->shard->entries, CMAP_BUCKET_SLOTS + 1);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 0);
	site_free(site);
}

static u32 pool_used(struct site *site)
{
	return table_of(site)->pool_used;
}

/* There is a new pool before the old one is spent, and no sooner. */
static void pool_nearly_taken(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = aimed(0, 0, buf);
	struct cmap_table *table;
	u32 most;

	KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	table = table_of(site);
	most = cmap_pool_capacity(table) / 8 * 7;
	table->pool_used = most;
	key = aimed(1, 1, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, pool_used(site), most);
	table->pool_used++;
	key = aimed(2, 2, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "x", 1, GFP_KERNEL), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, pool_used(site), 0);
	KUNIT_EXPECT_TRUE(test, has(site, &key));
	site_free(site);
}

/*
 * Where no table would help the write fails, and it is not for lack of memory:
 * each such write used to wait for three grace periods, for memory to come back.
 */
static void pool_taken_for_good(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_shard *shard = site->shard;
	struct cmap_write write = { .value = "v", .value_len = 1 };
	u8 shard_bits = shard->shard_bits;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_table *table;
	u32 i;

	for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
		write.key = aimed(i, 0, buf);
		KUNIT_ASSERT_EQ(test, lab_write(shard, &write,
						       GFP_KERNEL), 0);
	}
	table = table_of(site);
	table->pool_used = cmap_pool_capacity(table);
	/* As if this were the largest table there can be, and full. */
	shard->shard_bits = 32 - table->bits;
	shard->entries = (u64)CMAP_BUCKET_SLOTS << table->bits;

	write.key = aimed(i, 0, buf);
	KUNIT_EXPECT_EQ(test, lab_write(shard, &write, GFP_KERNEL),
			-EXFULL);
	KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NOTHING);

	shard->shard_bits = shard_bits;
	shard->entries = CMAP_BUCKET_SLOTS;
	site_free(site);
}

/*
 * The pool is short, and before one comes to extend it another has done so, to
 * what it can be at most.  The first took that for a pool that is used up, and
 * his write failed.
 */
static void pool_extended_by_another(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_shard *shard = site->shard;
	struct cmap_table *table, *next;

	set_aimed(test, site, 0, 2 * CMAP_BUCKET_SLOTS, 0);
	table = table_of(site);
	next = new_table(test, site, table->bits);
	KUNIT_ASSERT_EQ(test, next->pool_chunks, next->pool_chunks_max);
	rcu_assign_pointer(table->next, next);
	cmap_pending_start(shard, CMAP_PENDING_POOL, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, table->moved, 1);
	KUNIT_EXPECT_EQ(test, work_busy(&shard->resize), 0);
	KUNIT_EXPECT_EQ(test, resize_now(shard), 0);
	site_free(site);
}

/* A move whose new table has no buckets left ends, and can be taken up again. */
static void move_without_a_pool(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;

	set_aimed(test, site, 0, 2 * CMAP_BUCKET_SLOTS, 0);
	table = table_of(site);
	next = new_table(test, site, table->bits);
	next->pool_used = cmap_pool_capacity(next);
	rcu_assign_pointer(table->next, next);
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), -EXFULL);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	/* It is not for lack of memory: the next write may ask again. */
	queue_work(cmap_queue_resize, &site->shard->resize);
	flush_work(&site->shard->resize);
	KUNIT_EXPECT_EQ(test, site->shard->resize_after, 0);
	next->pool_used = 0;
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), 0);
	KUNIT_EXPECT_PTR_EQ(test, table_of(site), next);
	expect_aimed(test, site, 0, 2 * CMAP_BUCKET_SLOTS, 0);

	/* Where the entries are too many for any pool no table helps. */
	next->pool_used = cmap_pool_capacity(next);
	next->bits = CMAP_TABLE_BITS_MAX;
	site->shard->entries = (u64)CMAP_BUCKET_SLOTS << next->bits;
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), -EXFULL);
	next->bits = CMAP_TABLE_BITS_MIN;
	site->shard->entries = 2 * CMAP_BUCKET_SLOTS;
	site_free(site);
}

/*
 * As many works run at once as the queue allows; who had more tables than that
 * to move kept everybody else's waiting until the first of them was moved whole.
 */
static void long_move_lets_other_works_run(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_shard *shard = site->shard;
	struct cmap_table *table, *next;
	unsigned int runs;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = aimed(0, 0, buf);

	KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	table = table_of(site);
	next = new_table(test, site, 15);
	cmap_table_free(table);
	rcu_assign_pointer(shard->table, next);
	table = next;
	shard->entries = (u64)CMAP_BUCKET_SLOTS << 14;
	next = new_table(test, site, 16);
	rcu_assign_pointer(table->next, next);

	queue_work(cmap_queue_resize, &shard->resize);
	for (runs = 0; table_of(site) == table && runs < 10000; runs++)
		flush_work(&shard->resize);
	KUNIT_EXPECT_GT(test, runs, 2);
	KUNIT_EXPECT_LT(test, runs, 10000);
	cancel_work_sync(&shard->resize);
	shard->entries = 0;
	site_free(site);
}

static void kill_me(bool killed)
{
	if (killed) {
		sigaddset(&current->pending.signal, SIGKILL);
		set_thread_flag(TIF_SIGPENDING);
	} else {
		sigdelset(&current->pending.signal, SIGKILL);
		clear_thread_flag(TIF_SIGPENDING);
	}
}

/* A writer who had to move a whole table could not be killed meanwhile. */
static void move_by_one_who_is_killed(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = aimed(0, 0, buf);
	int err;

	KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	table = table_of(site);
	next = new_table(test, site, table->bits + 1);
	rcu_assign_pointer(table->next, next);

	kill_me(true);
	err = resize_now(site->shard);
	kill_me(false);
	KUNIT_EXPECT_EQ(test, err, -EINTR);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	KUNIT_EXPECT_TRUE(test, has(site, &key));
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), 0);
	KUNIT_EXPECT_TRUE(test, has(site, &key));

	kill_me(true);
	next = cmap_table_new(&site->lab->memory, NUMA_NO_NODE, 10, 0,
			      GFP_KERNEL, &err);
	kill_me(false);
	KUNIT_EXPECT_NULL(test, next);
	site_free(site);
}

/* A move that cannot have the buckets it needs waits for them, as writes go on. */
static void move_without_memory(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	set_aimed(test, site, 0, 2 * CMAP_BUCKET_SLOTS, 0);
	table = table_of(site);
	next = new_table(test, site, table->bits + 1);
	rcu_assign_pointer(table->next, next);
	site->lab->memory.account.max = lab_bytes(site->lab);
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), -ENOSPC);
	key = aimed(0, 0, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	site->lab->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, set(site, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), 0);
	KUNIT_EXPECT_EQ(test, site->shard->entries, 2 * CMAP_BUCKET_SLOTS);
	KUNIT_EXPECT_TRUE(test, has(site, &key));
	site_free(site);
}

static u8 bits_of(struct site *site)
{
	return table_of(site)->bits;
}

/*
 * Chains were put together each time that the table shrank, until one bucket
 * had them all, and every look at it took as long.  Then a table with such a
 * chain, though long empty, did not shrink at all.
 */
static void shrinking_keeps_chains_short(struct kunit *test)
{
	const u32 filler = 26000, chains = 8;
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table;
	u32 c;

	set_some(test, site, 0, filler);
	site_settle(site);
	table = table_of(site);
	KUNIT_ASSERT_EQ(test, table->bits, 13);
	for (c = 0; c < chains; c++)
		set_aimed(test, site, filler + c * FULL, FULL - 20,
			  c << (32 - 13));
	del_some(test, site, 0, filler);
	site_settle(site);
	table = table_of(site);
	KUNIT_EXPECT_LE(test, table->longest, 1 + CMAP_CHAIN_MAX);
	KUNIT_EXPECT_GT(test, table->overlong, 0);
	for (c = 0; c < chains; c++)
		del_aimed(test, site, filler + c * FULL, FULL - 20,
			  c << (32 - 13));
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), CMAP_TABLE_BITS_MIN);
	site_free(site);
}

/* What is cleared is no flood any more. */
static void cleared_flood_shrinks(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u64 order;

	set_some(test, site, 0, 1000);
	set_aimed(test, site, 1000, FULL - 30, 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), 8);
	for (order = 0; order <= U32_MAX;)
		cmap_shard_clear(site->shard, &order);
	KUNIT_EXPECT_EQ(test, site->shard->entries, 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), CMAP_TABLE_BITS_MIN);
	site_free(site);
}

/*
 * The one entry that keeps a table from shrinking comes and goes: the table
 * shrinks to what the others take, once, and does not grow again.
 */
static void flood_at_the_edge(struct kunit *test)
{
	const u32 filler = 1000, half = CMAP_CHAIN_HALF;
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u64 grows;
	u32 i;

	/* First, so that none of the others stands before one of them. */
	set_aimed(test, site, filler, half + 1, 0);
	set_some(test, site, 0, filler);
	site_settle(site);
	KUNIT_ASSERT_EQ(test, bits_of(site), 8);
	del_some(test, site, 0, filler);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), 8);
	grows = site->shard->grows;
	for (i = 0; i < 100; i++) {
		key = aimed(filler + half, 0, buf);
		KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
		if (i % 10 == 0)
			site_settle(site);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), 6);
	KUNIT_EXPECT_EQ(test, site->shard->grows, grows);
	KUNIT_EXPECT_EQ(test, site->shard->shrinks, 2);
	site_free(site);
}

/*
 * What a flood has pushed far behind in a chain stays there when it has gone,
 * and is no reason for the table to stay as large: that it was.
 */
static void shrinks_behind_a_flood(struct kunit *test)
{
	const u32 filler = 420, flood = 72, behind = 20;
	struct site *site = site_new(test, 1, false);

	set_some(test, site, 0, filler);
	site_settle(site);
	KUNIT_ASSERT_EQ(test, bits_of(site), 7);
	set_aimed(test, site, filler, flood, 2 << (32 - 7));
	set_aimed(test, site, filler + flood, behind, 3 << (32 - 7));
	/* The two become one bucket, with the flood in front. */
	del_some(test, site, 60, filler - 60);
	site_settle(site);
	KUNIT_ASSERT_EQ(test, bits_of(site), 6);
	KUNIT_EXPECT_GT(test, table_of(site)->overlong, 0);
	del_some(test, site, 0, 60);
	del_aimed(test, site, filler, flood, 2 << (32 - 7));
	KUNIT_EXPECT_EQ(test, table_of(site)->overlong, 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, bits_of(site), CMAP_TABLE_BITS_MIN);
	expect_aimed(test, site, filler + flood, behind, 3 << (32 - 7));
	site_free(site);
}

/*
 * While a table shrinks its chains must not get longer than what two of them
 * may make, wherever in them the entries stand; those of two neighbours made
 * one of 34 buckets.
 */
static void flood_while_shrinking(struct kunit *test)
{
	const u32 others = 201, half = CMAP_CHAIN_HALF, behind = 20;
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, side;

	for (i = 0; i < others; i++) {
		key = aimed(i, (2 + i % 62) << 26, buf);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	table = table_of(site);
	KUNIT_ASSERT_EQ(test, table->bits, CMAP_TABLE_BITS_MIN + 1);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		set_aimed(test, site, first, half + behind, side << 26);
		del_aimed(test, site, first, half, side << 26);
	}
	KUNIT_ASSERT_EQ(test, table->overlong, 0);

	/* The move is under way, and gets nowhere. */
	next = new_table(test, site, table->bits - 1);
	next->pool_used = cmap_pool_capacity(next);
	rcu_assign_pointer(table->next, next);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		set_aimed(test, site, first, half - behind, side << 26);
		key = aimed(first + half - behind, side << 26, buf);
		KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL),
				-EXFULL);
		KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_ATOMIC),
				-EXFULL);
	}
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	KUNIT_EXPECT_EQ(test, table->overlong, 0);

	next->pool_used = 0;
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), 0);
	KUNIT_EXPECT_LE(test, next->longest, 1 + CMAP_CHAIN_MAX);
	KUNIT_EXPECT_EQ(test, next->overlong, half);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		expect_aimed(test, site, first, half - behind, side << 26);
		expect_aimed(test, site, first + half, behind, side << 26);
	}
	site_free(site);
}

/* ---- limits, and lack of memory ---- */

static void quota_exact(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	cmap_quota_init(&site->lab->quota, 500, 1);
	set_some(test, site, 0, 500);
	key = key_of(site, 500, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	cmap_shard_collect(site->shard);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	key = key_of(site, 0, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, delete(site, &key), 0);
	key = key_of(site, 500, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, site->shard->entries, 500);
	site_free(site);
}

/* At the limit on memory writes fail, and nothing else is different. */
static void memory_limit(struct kunit *test)
{
	struct site *site = site_new(test, 2000, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n = 0;
	int err;

	site->lab->memory.account.max = 20 * PAGE_SIZE;
	for (i = 0; i < 2000; i++) {
		struct cmap_write write = {
			.key = key_of(site, i, buf),
			.value = site->buf, .value_len = 100,
		};

		model_fill(site->buf, 100, i);
		err = lab_write(site->shard, &write, GFP_KERNEL);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOSPC);
			KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
			expect_entry(test, site, &write.key, NULL);
			continue;
		}
		n++;
		KUNIT_ASSERT_TRUE(test, model_set(site->model, buf,
						  write.key.len, site->buf, 100,
						  write.version));
	}
	KUNIT_EXPECT_GT(test, n, 300);
	KUNIT_EXPECT_LT(test, n, 700);
	KUNIT_EXPECT_LE(test, lab_bytes(site->lab), 20 * PAGE_SIZE);
	expect_all(test, site);
	while (site->model->count) {
		struct model_entry *entry = &site->model->entry[0];

		key = (struct cmap_key){
			entry->key, entry->key_len,
			(u64)INDEX << 61 | cmap_hash(&site->lab->hash,
						     entry->key,
						     entry->key_len) >> 3
		};
		KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
		model_remove(site->model, entry);
	}
	site_free(site);
}

/*
 * A segment that was made for a value, and then not needed, stayed until the next
 * write to the shard.  That a long value's copy fails, or its condition, is all
 * it takes; and that there was no entry yet.
 */
static void unreserved_goes_back(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_write write = { .value_len = 100000 };
	u8 buf[MODEL_KEY_MAX];
	int err;

	write.key = key_of(site, 0, buf);
	KUNIT_ASSERT_NOT_NULL(test, lab_reserve(site->shard, &write,
						       GFP_KERNEL, &err));
	KUNIT_EXPECT_GT(test, lab_bytes(site->lab), 100000);
	cmap_shard_unreserve(site->shard, &write);
	flush_delayed_work(&site->shard->trim);
	KUNIT_EXPECT_EQ(test, lab_bytes(site->lab), 0);
	site_free(site);
}

/* The first write needs it all: table, node, segment table. */
static void no_memory_for_the_first(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(site, 1, buf);
	u32 n;

	site->lab->memory.offered = true;
	for (n = 0;; n++) {
		int err;

		lab_fail(n, U32_MAX);
		err = set(site, &key, "v", 1, GFP_KERNEL);
		if (!lab_fail_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_FALSE(test, has(site, &key));
		KUNIT_EXPECT_EQ(test, site->shard->entries, 0);
	}
	KUNIT_EXPECT_GE(test, n, 5);
	KUNIT_EXPECT_TRUE(test, has(site, &key));
	site_free(site);
}

/* A pool bucket, a long value's node. */
static void no_memory_for_more(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_write write = { .value_len = 3000 };
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n, failures = 0;
	int err;

	site->lab->memory.offered = true;
	/* A table of 64 buckets, whose pool comes when it is needed. */
	for (i = 0; i < 210; i++) {
		key = aimed(i, i * (U32_MAX / 210), buf);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	for (i = 0; i < 60; i++) {
		for (n = 0;; n++) {
			key = aimed(1000 + i, 0x12345678, buf);
			lab_fail(n, U32_MAX);
			err = set(site, &key, "v", 1, GFP_KERNEL);
			if (!err)
				break;
			KUNIT_ASSERT_NE(test, lab_fail_end(), 0);
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_FALSE(test, has(site, &key));
			failures++;
		}
		lab_fail_end();
	}
	KUNIT_EXPECT_GE(test, failures, 2);

	for (n = 0;; n++) {
		write.key = key;
		lab_fail(n, U32_MAX);
		if (lab_reserve(site->shard, &write, GFP_KERNEL, &err))
			break;
		KUNIT_ASSERT_NE(test, lab_fail_end(), 0);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
	}
	lab_fail_end();
	KUNIT_EXPECT_GE(test, n, 3);
	cmap_shard_unreserve(site->shard, &write);
	KUNIT_EXPECT_EQ(test, write.ref, 0);
	site_free(site);
}

/*
 * Each write, also one that only replaced, asked for the buckets that a move
 * lacked, and had the work ask for them, for as long as there was no memory.
 */
static void move_without_memory_is_not_tried_by_each_write(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	set_aimed(test, site, 0, 2 * CMAP_BUCKET_SLOTS, 0);
	table = table_of(site);
	next = new_table(test, site, table->bits + 1);
	rcu_assign_pointer(table->next, next);
	site->lab->memory.account.max = 1;
	key = aimed(0, 0, buf);
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	site->shard->resize_after += HZ * 1000;

	site->lab->memory.account.max = 0;
	lab_fail(0, 1000);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, set(site, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);

	/* Later it is tried again. */
	site->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, set(site, &key, "y", 1, GFP_KERNEL), 0);
	site_settle(site);
	/* It is moved, and then what is there does not need so many buckets. */
	KUNIT_EXPECT_EQ(test, site->shard->shrinks, 1);
	KUNIT_EXPECT_EQ(test, site->shard->resize_after, 0);
	site_free(site);
}

/* No table to grow into: writes go on in the one there is. */
static void no_memory_to_grow(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i = 200;

	set_some(test, site, 0, i);
	/* Room for nodes there is, but no page more. */
	site->lab->memory.account.max = lab_bytes(site->lab);
	while (site->shard->entries < 220) {
		key = key_of(site, i++, buf);
		if (set(site, &key, "v", 1, GFP_KERNEL))
			break;
	}
	KUNIT_EXPECT_GT(test, site->shard->entries, 200);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), -ENOSPC);

	site->lab->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, resize_now(site->shard), 0);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 1);
	site_free(site);
}

/* Have nodes for entries of some numbers, beside those that inserts leave. */
static void leave_free(struct kunit *test, struct site *site, u32 first,
		       u32 count)
{
	struct cmap_write *writes = kunit_kcalloc(test, count, sizeof(*writes),
						  GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX];
	u32 i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, writes);
	for (i = 0; i < count; i++) {
		writes[i].key = key_of(site, first + i, buf);
		writes[i].value_len = 1;
		KUNIT_ASSERT_NOT_NULL(test, lab_reserve(site->shard,
						&writes[i], GFP_KERNEL, &err));
	}
	while (count--)
		cmap_shard_unreserve(site->shard, &writes[count]);
}

static unsigned int chores(struct site *site)
{
	unsigned int chores;

	spin_lock_bh(&site->shard->lock);
	chores = cmap_pending(site->shard);
	spin_unlock_bh(&site->shard->lock);

	return chores;
}

/*
 * A table that cannot be had was tried again by the work after each write, for
 * as long as the map stayed as full as it was.
 */
static void no_memory_to_grow_for_a_while(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(site, 0, buf);

	set_some(test, site, 0, 200);
	/* Beside these there are nodes for some more. */
	leave_free(test, site, 200, 20);
	site->lab->memory.account.max = lab_bytes(site->lab);
	set_some(test, site, 200, 20);
	flush_work(&site->shard->resize);
	/* This test may be the one that does not get to run for long. */
	site->shard->resize_after += HZ * 1000;
	KUNIT_EXPECT_EQ(test, site->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, chores(site) & CMAP_PENDING_RESIZE, 0);

	/* Later it is tried again. */
	site->lab->memory.account.max = 0;
	site->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, set(site, &key, "w", 1, GFP_KERNEL), 0);
	flush_work(&site->shard->resize);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 1);
	site_free(site);
}

/*
 * Whoever must not wait for file systems, or for I/O, had memory allocated as if
 * he might: all but GFP_ATOMIC became GFP_KERNEL.
 */
static void allocates_as_the_caller_may(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_NOIO, GFP_NOFS, GFP_KERNEL, GFP_ATOMIC };
	gfp_t mask = __GFP_IO | __GFP_FS | __GFP_DIRECT_RECLAIM;
	u32 g, i;

	for (g = 0; g < ARRAY_SIZE(gfps); g++) {
		struct site *site = site_new(test, 1, false);
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key;

		lab_fail(0, 0);
		/* Tables, nodes, chains that need the pool, and a move. */
		for (i = 0; i < 500; i++) {
			key = key_of(site, i, buf);
			KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, gfps[g]),
					0);
		}
		for (i = 0; i < 150; i++) {
			key = aimed(i, 7, buf);
			KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, gfps[g]),
					0);
		}
		if (gfpflags_allow_blocking(gfps[g]))
			KUNIT_EXPECT_EQ(test, cmap_migrate_now(site->shard,
							      gfps[g]), 0);
		lab_fail_end();
		KUNIT_EXPECT_NE(test, lab_gfp_seen(), 0);
		KUNIT_EXPECT_EQ(test, lab_gfp_seen() & mask, gfps[g] & mask);
		KUNIT_EXPECT_GT(test, site->shard->grows, 0);
		site_free(site);
	}
}

/* ---- atomic ---- */

/* As softirqs write, through many sizes of the table. */
static void writes_without_sleeping(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < 5000; i++) {
		int err;

		key = key_of(site, i, buf);
		local_bh_disable();
		err = set(site, &key, buf, key.len, GFP_ATOMIC);
		local_bh_enable();
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	for (i = 0; i < 5000; i++) {
		key = key_of(site, i, buf);
		KUNIT_EXPECT_TRUE(test, has(site, &key));
	}
	KUNIT_EXPECT_GT(test, site->shard->grows, 3);
	site_free(site);
}

/* ---- showing ---- */

static u64 shown(struct site *site, size_t offset)
{
	return *(u64 *)(page_address(cmap_view_page(site->shard->arena.view,
						    0)) + offset);
}

static void show(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n;

	site->lab->memory.offered = true;
	set_some(test, site, 0, 3000);
	for (n = 0;; n++) {
		int err;

		lab_fail(n, U32_MAX);
		err = cmap_shard_show(site->shard);
		if (!lab_fail_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_NULL(test, site->shard->arena.view);
	}
	KUNIT_EXPECT_GT(test, n, 2);
	KUNIT_EXPECT_EQ(test, cmap_shard_show(site->shard), 0);
	for (; i < 9000; i++) {
		key = key_of(site, i, buf);
		KUNIT_ASSERT_EQ(test, set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	table = table_of(site);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(shown(site,
			offsetof(struct cmap_window_shard, table))),
			table->number);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_BITS(shown(site,
			offsetof(struct cmap_window_shard, table))),
			table->bits);
	KUNIT_EXPECT_EQ(test, shown(site, offsetof(struct cmap_window_shard,
						   next)), 0);
	site_free(site);
}

/* ---- places ---- */

/* As if a process that has the map mapped were in a page fault. */
static int fault_begin(struct site *site)
{
	return srcu_read_lock(&site->lab->memory.mapped->faults);
}

static void fault_end(struct site *site, int cookie)
{
	srcu_read_unlock(&site->lab->memory.mapped->faults, cookie);
}

/* What the core had taken out of mappings, of which there are none. */
static struct unmapped {
	struct cmap_mapped base;
	u64 bytes;
} unmapped;

static void note_unmap(struct cmap_mapped *mapped, u64 offset, u64 bytes)
{
	container_of(mapped, struct unmapped, base)->bytes += bytes;
}

static void note_free(struct cmap_mapped *mapped)
{
}

static struct site *site_mapped(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);

	unmapped = (struct unmapped){
		.base = { .unmap = note_unmap, .free = note_free },
	};
	site->lab->memory.offered = true;
	set_some(test, site, 0, 10);
	KUNIT_ASSERT_EQ(test, cmap_shard_show(site->shard), 0);
	KUNIT_ASSERT_EQ(test, cmap_memory_map(&site->lab->memory, &unmapped.base),
			0);
	return site;
}

static u64 shown_number(struct site *site, u32 granule)
{
	return shown(site, granule * sizeof(u64));
}

/*
 * A segment that comes where a process was shown zeroes is shown only when they
 * are gone from its mappings, and found by page faults at once.
 */
static void segment_behind_zeroes(struct kunit *test)
{
	struct site *site = site_mapped(test);
	struct cmap_arena *arena = &site->shard->arena;
	u32 granule = arena->hint;
	struct cmap_extent extent;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(site, 1000, buf);
	int cookie;

	cookie = fault_begin(site);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							false, &extent));
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_CLEAN);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_ZEROES);

	/* Of another size class than what there is. */
	KUNIT_ASSERT_EQ(test, set(site, &key, value, sizeof(value),
				  GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							true, &extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);
	msleep(20);
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_ZEROES);
	KUNIT_EXPECT_TRUE(test, has(site, &key));
	fault_end(site, cookie);

	lab_settle();
	KUNIT_EXPECT_GE(test, shown_number(site, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	/* Where there never was a list to say so, there never was a segment. */
	KUNIT_EXPECT_FALSE(test, cmap_shard_find_segment(site->shard,
				CMAP_WINDOW_GRANULES - 1, true, &extent));
	site_free(site);
}

/* A segment that goes is free, and its place another's, only when unmapped. */
static void segment_leaves_its_place(struct kunit *test)
{
	struct site *site = site_mapped(test);
	struct cmap_arena *arena = &site->shard->arena;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(site, 1000, buf);
	u32 granule = arena->hint;
	bool freed = false;
	int cookie, i;
	u64 bytes;

	KUNIT_ASSERT_EQ(test, set(site, &key, value, sizeof(value),
				  GFP_KERNEL), 0);
	KUNIT_EXPECT_GE(test, shown_number(site, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	bytes = lab_bytes(site->lab);

	cookie = fault_begin(site);
	KUNIT_ASSERT_EQ(test, delete(site, &key), 0);
	for (i = 0; i < 10 && !freed; i++) {
		synchronize_rcu();
		cmap_maintain_trim(site->shard, &freed);
	}
	KUNIT_EXPECT_TRUE(test, freed);
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_CLEAN);
	msleep(20);
	KUNIT_EXPECT_EQ(test, lab_bytes(site->lab), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_EQ(test, unmapped.bytes, 0);
	fault_end(site, cookie);

	lab_settle();
	KUNIT_EXPECT_EQ(test, unmapped.bytes, CMAP_GRANULE_BYTES);
	KUNIT_EXPECT_LT(test, lab_bytes(site->lab), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule);
	site_free(site);
}

/* The same for tables, which are flagged where they cannot be read yet. */
static void table_behind_zeroes(struct kunit *test)
{
	const size_t at = offsetof(struct cmap_window_shard, table);
	const size_t next = offsetof(struct cmap_window_shard, next);
	struct site *site = site_mapped(test);
	struct cmap_extent extent;
	u32 bits = table_of(site)->bits;
	u32 parity = table_of(site)->parity;
	u64 word;
	int cookie;

	KUNIT_EXPECT_FALSE(test, cmap_shard_find_table(site->shard, bits + 1,
						       0, 0, true, &extent));
	set_some(test, site, 10, 400);
	lab_settle();
	KUNIT_ASSERT_GT(test, table_of(site)->bits, bits);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(site->shard,
			table_of(site)->bits, table_of(site)->parity, 0, true,
			&extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);

	cookie = fault_begin(site);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(site->shard, bits, parity,
						      0, true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	del_some(test, site, 10, 400);
	flush_work(&site->shard->resize);
	KUNIT_ASSERT_EQ(test, table_of(site)->bits, bits);
	KUNIT_ASSERT_EQ(test, table_of(site)->parity, parity);
	word = shown(site, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word),
			CMAP_WINDOW_TABLE_NOT_YET);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			table_of(site)->number);
	fault_end(site, cookie);

	lab_settle();
	word = shown(site, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word), 0);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			table_of(site)->number);
	KUNIT_EXPECT_EQ(test, shown(site, next), 0);
	site_free(site);
}

/* ---- a race ---- */

#define RACERS		3
#define OWN_KEYS	2000
#define ROUNDS		60000

static struct site *arena_of_race;

static u32 own_value(unsigned int thread, u32 key, u32 round)
{
	return (round * RACERS + thread) * 31 + key;
}

/* Each thread has keys of its own, and all of them add to one. */
static void write_in_a_race(struct kunit *test, unsigned int thread)
{
	struct site *site = arena_of_race;
	u32 *last = kcalloc(OWN_KEYS, sizeof(*last), GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX], shared_buf[MODEL_KEY_MAX];
	struct cmap_key shared = key_of(site, 1 << 30, shared_buf);
	struct rnd_state random;
	u64 version = 0;
	u32 i;

	prandom_seed_state(&random, thread + site->lab->secret[0]);
	for (i = 1; last && i <= ROUNDS; i++) {
		u32 n = prandom_u32_state(&random) % OWN_KEYS;
		struct cmap_key key = key_of(site, n * RACERS + thread, buf);
		u32 value = own_value(thread, n, i);
		struct cmap_node *node;

		rcu_read_lock();
		node = cmap_shard_find(site->shard, &key);
		KUNIT_EXPECT_EQ(test, node ? *(u32 *)cmap_node_value(node) : 0,
				last[n]);
		rcu_read_unlock();
		if (i / 10000 % 2 && last[n]) {
			KUNIT_EXPECT_EQ(test, delete(site, &key), 0);
			last[n] = 0;
		} else {
			KUNIT_EXPECT_EQ(test, set(site, &key, &value,
						  sizeof(value), GFP_KERNEL),
					0);
			last[n] = value;
		}
		if (i % 10 == 0) {
			struct cmap_write add = {
				.key = shared, .flags = CMAP_WRITE_ADD,
				.value_len = sizeof(s64), .number = 1,
			};

			KUNIT_EXPECT_EQ(test, lab_write(site->shard,
						&add, GFP_KERNEL), 0);
			KUNIT_EXPECT_GT(test, add.version, version);
			version = add.version;
		}
	}
	for (i = 0; last && i < OWN_KEYS; i++) {
		struct cmap_key key = key_of(site, i * RACERS + thread, buf);

		KUNIT_EXPECT_EQ(test, has(site, &key), !!last[i]);
	}
	KUNIT_EXPECT_NOT_NULL(test, last);
	kfree(last);
}

static void race(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key shared = key_of(site, 1 << 30, buf);
	struct cmap_node *node;

	arena_of_race = site;
	lab_race(test, RACERS, write_in_a_race);
	rcu_read_lock();
	node = cmap_shard_find(site->shard, &shared);
	KUNIT_EXPECT_NOT_NULL(test, node);
	if (node)
		KUNIT_EXPECT_EQ(test, *(s64 *)cmap_node_value(node),
				RACERS * ROUNDS / 10);
	rcu_read_unlock();
	site_free(site);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(writes_at_random),
	KUNIT_CASE(writes_at_random_wiped),
	KUNIT_CASE(clear_at_random),
	KUNIT_CASE(exfull_hurts_its_bucket_only),
	KUNIT_CASE(pool_taken_by_empty_chains),
	KUNIT_CASE(pool_taken_by_empty_chains_atomic),
	KUNIT_CASE(pool_taken_and_no_work),
	KUNIT_CASE(pool_nearly_taken),
	KUNIT_CASE(pool_taken_for_good),
	KUNIT_CASE(pool_extended_by_another),
	KUNIT_CASE(move_without_a_pool),
	KUNIT_CASE(move_by_one_who_is_killed),
	KUNIT_CASE(move_without_memory),
	KUNIT_CASE(long_move_lets_other_works_run),
	KUNIT_CASE(move_without_memory_is_not_tried_by_each_write),
	KUNIT_CASE(shrinking_keeps_chains_short),
	KUNIT_CASE(cleared_flood_shrinks),
	KUNIT_CASE(flood_at_the_edge),
	KUNIT_CASE(shrinks_behind_a_flood),
	KUNIT_CASE(flood_while_shrinking),
	KUNIT_CASE(quota_exact),
	KUNIT_CASE(memory_limit),
	KUNIT_CASE(unreserved_goes_back),
	KUNIT_CASE(no_memory_for_the_first),
	KUNIT_CASE(no_memory_for_more),
	KUNIT_CASE(no_memory_to_grow),
	KUNIT_CASE(no_memory_to_grow_for_a_while),
	KUNIT_CASE(allocates_as_the_caller_may),
	KUNIT_CASE(writes_without_sleeping),
	KUNIT_CASE(show),
	KUNIT_CASE(segment_behind_zeroes),
	KUNIT_CASE(segment_leaves_its_place),
	KUNIT_CASE(table_behind_zeroes),
	KUNIT_CASE_SLOW(race),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
