// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of a shard, with hashes that the test chooses: pools that are used up, many
 * keys that collide (a flood), and tables that grow and shrink meanwhile.
 */
#include "test_shard.h"
#include "../core/lack.h"
#include "../core/queue.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/write.h"

/* Expect all of these keys, and delete them. */
static void del_aimed(struct kunit *test, struct test_shard *ts, u32 first,
		      u32 count, u32 high)
{
	ts_each(test, ts, TS_EXPECT, some_keys_at(first, count, high));
	ts_each(test, ts, TS_DELETE, some_keys_at(first, count, high));
}

#define FULL	(CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX))

static void exfull_hurts_its_bucket_only(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	ts_each(test, ts, TS_SET, some_keys_at(0, FULL, 7));
	key = ts_key_at(FULL, 7, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), -EXFULL);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), FULL);
	/* Replacing still works, and so do other buckets. */
	key = ts_key_at(5, 7, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	key = ts_key_at(FULL, ~0U, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	key = ts_key_at(5, 7, buf);
	KUNIT_EXPECT_EQ(test, ts_delete(ts, &key), 0);
	key = ts_key_at(FULL, 7, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	ts_free(ts);
}

/*
 * Bits 29 to 31 of a head are reserved for flags.  A reader that took them for a
 * part of the next bucket's index would read far behind the pool.
 */
static void flags_of_a_head_are_no_bucket(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	const u32 count = 3 * CMAP_BUCKET_SLOTS;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	struct cmap_key key;
	u32 chained = 0;

	ts_each(test, ts, TS_SET, some_keys_at(0, count, 7));
	table = ts_table(ts);
	bucket = cmap_table_bucket(table, cmap_table_index(table, 7));
	for (; bucket; bucket = cmap_bucket_next(table, bucket->head)) {
		bucket->head |= 7U << 29;
		chained++;
	}
	KUNIT_EXPECT_EQ(test, chained, 3);
	ts_each(test, ts, TS_EXPECT, some_keys_at(0, count, 7));
	key = ts_key_at(count, 7, buf);
	KUNIT_EXPECT_FALSE(test, ts_has(ts, &key));
	/* Another entry keeps the flags.  A larger table has the same entries. */
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	bucket = cmap_table_bucket(table, cmap_table_index(table, 7));
	KUNIT_EXPECT_EQ(test, bucket->head >> 29, 7);
	ts_each(test, ts, TS_SET, some_keys(1000, 1000));
	ts_settle(ts);
	KUNIT_EXPECT_GT(test, ts->shard->grows, 0);
	ts_each(test, ts, TS_EXPECT, some_keys_at(0, count + 1, 7));
	ts_free(ts);
}

/*
 * Chains keep their buckets when they become empty, and so used up the pool.  A write
 * to another bucket asked for a larger table, which the number of entries did not
 * justify, and tried again for ever.
 */
static void emptied_chains_give_way(struct kunit *test, gfp_t gfp)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 chain, i;
	int err;

	for (chain = 0; chain < 8; chain++) {
		u32 high = chain << 28;

		for (i = 0; i < FULL; i++) {
			key = ts_key_at(i, high, buf);
			err = ts_set(ts, &key, "v", 1, gfp);
			KUNIT_ASSERT_EQ(test, err, 0);
		}
		for (i = 0; i < FULL; i++) {
			key = ts_key_at(i, high, buf);
			KUNIT_ASSERT_EQ(test, ts_delete(ts, &key), 0);
		}
	}
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), 0);
	ts_free(ts);
}

static void pool_taken_by_empty_chains(struct kunit *test)
{
	emptied_chains_give_way(test, GFP_KERNEL);
}

static void pool_taken_by_empty_chains_atomic(struct kunit *test)
{
	emptied_chains_give_way(test, GFP_ATOMIC);
}

/* If the pool is used up, the writer moves the table itself, without the work. */
static void pool_taken_and_no_work(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_table *table;
	struct cmap_key key;

	ts_each(test, ts, TS_SET,
		some_keys_at(0, CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	table->pool_used = cmap_pool_capacity(table);
	key = ts_key_at(CMAP_BUCKET_SLOTS, 0, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), CMAP_BUCKET_SLOTS + 1);
	KUNIT_EXPECT_EQ(test, ts->shard->grows, 0);
	ts_free(ts);
}

/*
 * What a write lacks is what the next step allocates: a part of the pool, if that can
 * grow; else another table, and then that table's pool.
 */
static void lack_of_a_pool(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_write write = { .blocked_on = CMAP_BLOCKED_ON_POOL };
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];

	ts_each(test, ts, TS_SET, some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	write.key = ts_key_at(0, 0, buf);
	table->pool_chunks_max++;
	KUNIT_EXPECT_EQ(test, cmap_shard_lack(ts->shard, &write).bytes,
			cmap_pool_bytes(table));
	table->pool_chunks_max--;
	KUNIT_ASSERT_EQ(test, table->pool_chunks, table->pool_chunks_max);
	table->pool_used = cmap_pool_capacity(table);
	KUNIT_EXPECT_EQ(test, cmap_shard_lack(ts->shard, &write).bytes,
			cmap_table_array_bytes(table->bits));
	next = ts_new_table(test, ts, table->bits);
	rcu_assign_pointer(table->next, next);
	KUNIT_EXPECT_EQ(test, cmap_shard_lack(ts->shard, &write).bytes,
			cmap_pool_bytes(next));
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), 0);
	ts_free(ts);
}

static u32 pool_used(struct test_shard *ts)
{
	return ts_table(ts)->pool_used;
}

/* A new table is made shortly before the pool is used up, and not earlier. */
static void pool_nearly_taken(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key_at(0, 0, buf);
	struct cmap_table *table;
	u32 most;

	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	table = ts_table(ts);
	most = cmap_pool_capacity(table) / 8 * 7;
	table->pool_used = most;
	key = ts_key_at(1, 1, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, pool_used(ts), most);
	table->pool_used++;
	/* Who takes a bucket of the pool looks how many are left. */
	ts_each(test, ts, TS_SET, some_keys_at(2, CMAP_BUCKET_SLOTS - 1, 2));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, pool_used(ts), 1);
	ts_each(test, ts, TS_EXPECT, some_keys_at(2, CMAP_BUCKET_SLOTS - 1, 2));
	ts_free(ts);
}

/*
 * If no table would help, the write fails, and not for lack of memory.  Each such
 * write used to wait for three grace periods, for memory to come back.
 */
static void pool_taken_for_good(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_shard *shard = ts->shard;
	struct cmap_write write = { .value = "v", .value_len = 1 };
	u8 shard_bits = shard->shard_bits;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_table *table;
	u32 i;

	for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
		write.key = ts_key_at(i, 0, buf);
		KUNIT_ASSERT_EQ(test, shard_write(shard, &write,
						       GFP_KERNEL), 0);
	}
	table = ts_table(ts);
	table->pool_used = cmap_pool_capacity(table);
	/* Pretend that this is the largest table possible, and full. */
	shard->shard_bits = 32 - table->bits;
	shard->entries = (u64)CMAP_BUCKET_SLOTS << table->bits;

	write.key = ts_key_at(i, 0, buf);
	KUNIT_EXPECT_EQ(test, shard_write(shard, &write, GFP_KERNEL),
			-EXFULL);
	KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NOTHING);

	shard->shard_bits = shard_bits;
	shard->entries = CMAP_BUCKET_SLOTS;
	ts_free(ts);
}

/*
 * A writer needed a larger pool, but another writer had extended it to its maximum
 * before.  The first writer took that for a pool that is used up, and its write failed.
 */
static void pool_extended_by_another(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_shard *shard = ts->shard;
	struct cmap_table *table, *next;

	ts_each(test, ts, TS_SET,
		some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits);
	KUNIT_ASSERT_EQ(test, next->pool_chunks, next->pool_chunks_max);
	rcu_assign_pointer(table->next, next);
	KUNIT_EXPECT_EQ(test, cmap_migrate_extend_pool(shard, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, table->moved[0], 1);
	KUNIT_EXPECT_EQ(test, work_busy(&shard->resize.work), 0);
	KUNIT_EXPECT_EQ(test, ts_resize(shard), 0);
	ts_free(ts);
}

/* A move ends if the new table's pool is used up.  It can be continued later. */
static void move_without_a_pool(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;

	ts_each(test, ts, TS_SET,
		some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits);
	next->pool_used = cmap_pool_capacity(next);
	rcu_assign_pointer(table->next, next);
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), -EXFULL);
	KUNIT_EXPECT_EQ(test, table->moved[0], 0);
	/* Memory was not lacking, so the next write may try again at once, and others need not. */
	ts->shard->resize_after = get_jiffies_64();
	queue_delayed_work(cmap_queue_resize, &ts->shard->resize, 0);
	flush_delayed_work(&ts->shard->resize);
	KUNIT_EXPECT_EQ(test, ts->shard->resize_after, 0);
	next->pool_used = 0;
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), 0);
	KUNIT_EXPECT_PTR_EQ(test, ts_table(ts), next);
	ts_each(test, ts, TS_EXPECT,
		some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));

	/* If there are too many entries for any table, no table helps. */
	next->pool_used = cmap_pool_capacity(next);
	next->bits = CMAP_TABLE_BITS_MAX;
	ts->shard->entries = (u64)CMAP_BUCKET_SLOTS << next->bits;
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), -EXFULL);
	next->bits = CMAP_TABLE_BITS_MIN;
	ts->shard->entries = 2 * CMAP_BUCKET_SLOTS;
	ts_free(ts);
}

/*
 * A queue runs a limited number of works at once.  A user with more tables to move
 * than that kept all other works waiting until the first table was moved as a whole.
 */
static void long_move_lets_other_works_run(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_shard *shard = ts->shard;
	struct cmap_table *table, *next;
	unsigned int runs;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key_at(0, 0, buf);

	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	table = ts_table(ts);
	next = ts_new_table(test, ts, 15);
	cmap_table_free(table);
	rcu_assign_pointer(shard->table, next);
	table = next;
	shard->entries = (u64)CMAP_BUCKET_SLOTS << 14;
	next = ts_new_table(test, ts, 16);
	rcu_assign_pointer(table->next, next);

	queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
	for (runs = 0; ts_table(ts) == table && runs < 10000; runs++)
		flush_delayed_work(&shard->resize);
	KUNIT_EXPECT_GT(test, runs, 2);
	KUNIT_EXPECT_LT(test, runs, 10000);
	cancel_delayed_work_sync(&shard->resize);
	shard->entries = 0;
	ts_free(ts);
}

/* A writer that moved a whole table could not be killed meanwhile. */
static void move_by_one_who_is_killed(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key_at(0, 0, buf);
	int err;

	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits + 1);
	rcu_assign_pointer(table->next, next);

	set_killed(true);
	err = ts_resize(ts->shard);
	set_killed(false);
	KUNIT_EXPECT_EQ(test, err, -EINTR);
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	/* The work moves the rest, though no other write comes. */
	ts_settle(ts);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(ts_table(ts)->next));
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));

	set_killed(true);
	next = cmap_table_new(&ts->ctx->memory, NUMA_NO_NODE, 10, 0,
			      GFP_KERNEL, &err);
	set_killed(false);
	KUNIT_EXPECT_NULL(test, next);
	ts_free(ts);
}

/* A move that lacks memory for buckets pauses, and writes go on meanwhile. */
static void move_without_memory(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	ts_each(test, ts, TS_SET,
		some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits + 1);
	rcu_assign_pointer(table->next, next);
	ts->ctx->memory.account.max = ctx_bytes(ts->ctx);
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), -ENOSPC);
	key = ts_key_at(0, 0, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, table->moved[0], 0);
	ts->ctx->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), 2 * CMAP_BUCKET_SLOTS);
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	ts_free(ts);
}

static u8 bits_of(struct test_shard *ts)
{
	return ts_table(ts)->bits;
}

/*
 * Each time that the table shrank, chains were joined, until one bucket had all of
 * them and every lookup in it was slow.  After this was mended, a table with such a
 * chain never shrank again, although the chain had become empty.
 */
static void shrinking_keeps_chains_short(struct kunit *test)
{
	const u32 filler = 26000, chains = 8;
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table;
	u32 c;

	ts_each(test, ts, TS_SET, some_keys(0, filler));
	ts_settle(ts);
	table = ts_table(ts);
	KUNIT_ASSERT_EQ(test, table->bits, 13);
	for (c = 0; c < chains; c++)
		ts_each(test, ts, TS_SET,
			some_keys_at(filler + c * FULL, FULL - 20, c << (32 - 13)));
	ts_each(test, ts, TS_DELETE, some_keys(0, filler));
	ts_settle(ts);
	table = ts_table(ts);
	KUNIT_EXPECT_LE(test, table->longest, 1 + CMAP_CHAIN_MAX);
	KUNIT_EXPECT_GT(test, atomic_read(&table->overlong), 0);
	for (c = 0; c < chains; c++)
		del_aimed(test, ts, filler + c * FULL, FULL - 20,
			  c << (32 - 13));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), CMAP_TABLE_BITS_MIN);
	ts_free(ts);
}

/* A table shrinks after a flood has been cleared. */
static void cleared_flood_shrinks(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u64 high;

	ts_each(test, ts, TS_SET, some_keys(0, 1000));
	ts_each(test, ts, TS_SET, some_keys_at(1000, FULL - 30, 0));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), 8);
	for (high = 0; high <= U32_MAX;)
		cmap_shard_clear(ts->shard, &high);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), CMAP_TABLE_BITS_MIN);
	ts_free(ts);
}

/*
 * The one entry that keeps a table from shrinking is deleted and set again, many
 * times.  The table shrinks once, to the size for the others, and does not grow again.
 */
static void flood_at_the_edge(struct kunit *test)
{
	const u32 filler = 1000, half = CMAP_CHAIN_HALF;
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u64 grows;
	u32 i;

	/* Set these first, so that they are at the front of their chain. */
	ts_each(test, ts, TS_SET, some_keys_at(filler, half + 1, 0));
	ts_each(test, ts, TS_SET, some_keys(0, filler));
	ts_settle(ts);
	KUNIT_ASSERT_EQ(test, bits_of(ts), 8);
	ts_each(test, ts, TS_DELETE, some_keys(0, filler));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), 8);
	grows = ts->shard->grows;
	for (i = 0; i < 100; i++) {
		key = ts_key_at(filler + half, 0, buf);
		KUNIT_ASSERT_EQ(test, ts_delete(ts, &key), 0);
		if (i % 10 == 0)
			ts_settle(ts);
		KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	}
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), 6);
	KUNIT_EXPECT_EQ(test, ts->shard->grows, grows);
	KUNIT_EXPECT_EQ(test, ts->shard->shrinks, 2);
	ts_free(ts);
}

/*
 * A flood pushed other entries far back in a chain, where they stayed when the flood
 * was gone.  They kept the table from shrinking, though the chain was short.
 */
static void shrinks_behind_a_flood(struct kunit *test)
{
	const u32 filler = 420, flood = 72, behind = 20;
	struct test_shard *ts = ts_new(test, 1, false);

	ts_each(test, ts, TS_SET, some_keys(0, filler));
	ts_settle(ts);
	KUNIT_ASSERT_EQ(test, bits_of(ts), 7);
	ts_each(test, ts, TS_SET,
		some_keys_at(filler, flood, 2 << (32 - 7)));
	ts_each(test, ts, TS_SET,
		some_keys_at(filler + flood, behind, 3 << (32 - 7)));
	/* The two buckets become one, with the flood in front. */
	ts_each(test, ts, TS_DELETE, some_keys(60, filler - 60));
	ts_settle(ts);
	KUNIT_ASSERT_EQ(test, bits_of(ts), 6);
	KUNIT_EXPECT_GT(test, atomic_read(&ts_table(ts)->overlong), 0);
	ts_each(test, ts, TS_DELETE, some_keys(0, 60));
	del_aimed(test, ts, filler, flood, 2 << (32 - 7));
	KUNIT_EXPECT_EQ(test, atomic_read(&ts_table(ts)->overlong), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, bits_of(ts), CMAP_TABLE_BITS_MIN);
	ts_each(test, ts, TS_EXPECT,
		some_keys_at(filler + flood, behind, 3 << (32 - 7)));
	ts_free(ts);
}

/*
 * While a table shrinks, a chain must stay so short that two of them can be joined, no
 * matter where in the chains the entries are.  Two neighbours made one chain of 34
 * buckets.
 */
static void flood_while_shrinking(struct kunit *test)
{
	const u32 others = 225, half = CMAP_CHAIN_HALF, behind = 20;
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, side;

	for (i = 0; i < others; i++) {
		key = ts_key_at(i, (2 + i % 62) << 26, buf);
		KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	}
	ts_settle(ts);
	table = ts_table(ts);
	KUNIT_ASSERT_EQ(test, table->bits, CMAP_TABLE_BITS_MIN + 1);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		ts_each(test, ts, TS_SET,
			some_keys_at(first, half + behind, side << 26));
		del_aimed(test, ts, first, half, side << 26);
	}
	KUNIT_ASSERT_EQ(test, atomic_read(&table->overlong), 0);

	/* The move is under way, and cannot continue. */
	next = ts_new_table(test, ts, table->bits - 1);
	next->pool_used = cmap_pool_capacity(next);
	rcu_assign_pointer(table->next, next);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		ts_each(test, ts, TS_SET,
			some_keys_at(first, half - behind, side << 26));
		key = ts_key_at(first + half - behind, side << 26, buf);
		KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL),
				-EXFULL);
		KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_ATOMIC),
				-EXFULL);
	}
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, table->moved[0], 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&table->overlong), 0);

	next->pool_used = 0;
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), 0);
	KUNIT_EXPECT_LE(test, next->longest, 1 + CMAP_CHAIN_MAX);
	KUNIT_EXPECT_EQ(test, atomic_read(&next->overlong), half);
	for (side = 0; side < 2; side++) {
		u32 first = others + side * 2 * half;

		ts_each(test, ts, TS_EXPECT,
			some_keys_at(first, half - behind, side << 26));
		ts_each(test, ts, TS_EXPECT,
			some_keys_at(first + half, behind, side << 26));
	}
	ts_free(ts);
}

/* An entry that is announced as one too many, and then has no memory, does not stay so. */
static void announced_in_vain(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	ts_each(test, ts, TS_SET, some_keys_at(0, CMAP_CHAIN_HALF, 0));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, atomic_read(&ts_table(ts)->overlong), 0);
	key = ts_key_at(CMAP_CHAIN_HALF, 0, buf);
	memset(ts->buf, 0, VALUE_MAX);
	ts->ctx->memory.account.max = 1;
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, ts->buf, CMAP_COPY_LOCKED_MAX,
				     GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, atomic_read(&ts_table(ts)->overlong), 0);
	ts->ctx->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, ts->buf, CMAP_COPY_LOCKED_MAX,
				     GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ts_table(ts)->overlong), 1);
	ts_free(ts);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(announced_in_vain),
	KUNIT_CASE(flags_of_a_head_are_no_bucket),
	KUNIT_CASE(exfull_hurts_its_bucket_only),
	KUNIT_CASE(pool_taken_by_empty_chains),
	KUNIT_CASE(pool_taken_by_empty_chains_atomic),
	KUNIT_CASE(pool_taken_and_no_work),
	KUNIT_CASE(lack_of_a_pool),
	KUNIT_CASE(pool_nearly_taken),
	KUNIT_CASE(pool_taken_for_good),
	KUNIT_CASE(pool_extended_by_another),
	KUNIT_CASE(move_without_a_pool),
	KUNIT_CASE(move_by_one_who_is_killed),
	KUNIT_CASE(move_without_memory),
	KUNIT_CASE(long_move_lets_other_works_run),
	KUNIT_CASE(shrinking_keeps_chains_short),
	KUNIT_CASE(cleared_flood_shrinks),
	KUNIT_CASE(flood_at_the_edge),
	KUNIT_CASE(shrinks_behind_a_flood),
	KUNIT_CASE(flood_while_shrinking),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard_chain",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
