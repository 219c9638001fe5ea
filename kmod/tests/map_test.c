// SPDX-License-Identifier: GPL-2.0
/*
 * Maps: parameters, and limits on entries and bytes.
 */
#include "maps.h"
#include "model.h"
#include "../core/stat.h"

#include <linux/cred.h>
#include <linux/delay.h>
#include <uapi/linux/cmap.h>

/* ---- parameters ---- */

static void bad_parameters(struct kunit *test)
{
	static const struct cmap_spec bad[] = {
		{ .flags = 1U << 31 },
		{ .mode = 01000 },
		{ .mode = 0111 },
		{ .key_max = CMAP_KEY_MAX + 1 },
		{ .value_max = CMAP_VALUE_MAX + 1 },
		{ .shards = 3 },
		{ .shards = 2 * CMAP_SHARDS_MAX },
		{ .max_entries = (u64)S64_MAX + 1 },
		{ .max_bytes = (u64)S64_MAX + 1 },
		{ .feed_value_max = 1 },
		{ .feed_bytes = CMAP_FEED_BYTES_MIN / 2 },
		{ .feed_bytes = CMAP_FEED_BYTES_MIN * 3 },
		{ .feed_bytes = CMAP_FEED_BYTES_MAX * 2 },
		/* The largest record must fit four times. */
		{ .feed_bytes = 1U << 16, .feed_value_max = 1U << 14 },
		{ .feed_bytes = CMAP_FEED_BYTES_MAX,
		  .feed_value_max = CMAP_FEED_VALUE_MAX + 1 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, cmap_map_new(&bad[i]),
					ERR_PTR(-EINVAL), "number %u", i);
}

static void defaults(struct kunit *test)
{
	const struct cmap_spec nothing = {};
	const struct cmap_spec fixed = {
		.flags = CMAP_CREATE_FIXED_KEY | CMAP_CREATE_FIXED_VALUE,
		.key_max = 8, .shards = 4,
	};
	struct cmap *map = map_new(test, &nothing);

	KUNIT_EXPECT_EQ(test, map->key_max, CMAP_KEY_MAX);
	KUNIT_EXPECT_EQ(test, map->value_max, CMAP_VALUE_MAX);
	KUNIT_EXPECT_EQ(test, map->shards,
			roundup_pow_of_two(num_possible_cpus()));
	KUNIT_EXPECT_EQ(test, 1ULL << 32 >> map->shard_shift, map->shards);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, CMAP_KEY_MAX), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, CMAP_KEY_MAX + 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, CMAP_VALUE_MAX + 1),
			-E2BIG);
	cmap_map_put(map);

	map = map_new(test, &fixed);
	KUNIT_EXPECT_EQ(test, map->shards, 4);
	KUNIT_EXPECT_EQ(test, map->value_max, 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 8), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, 1), -E2BIG);
	cmap_map_put(map);
}

/* The module's limit on shards is rounded down to a power of two. */
static void shards_limit(struct kunit *test)
{
	const struct cmap_spec two = { .shards = 2 }, four = { .shards = 4 };

	cmap_max_shards = 3;
	cmap_map_put(map_new(test, &two));
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&four), ERR_PTR(-EINVAL));
	cmap_max_shards = CMAP_SHARDS_MAX;
}

static void maps_limit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map;

	cmap_max_maps = 1;
	map = map_new(test, &spec);
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&spec), ERR_PTR(-ENFILE));
	cmap_map_put(map);
	wait_for_maps();
	cmap_map_put(map_new(test, &spec));
	cmap_max_maps = 4096;
}

/* Each allocation of a new map fails, one after the other.  None leaks memory. */
static void no_memory(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 2 };
	const struct cmap_spec tight = { .shards = 4, .max_bytes = 100 };
	struct cmap *map;
	u32 n;

	map = map_new_after_failures(test, &spec, &n);
	/* The user, the map, its name, the counters, two shards. */
	KUNIT_EXPECT_EQ(test, n, 6);
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_add(map, here()), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit", 0, false, NULL),
			    ERR_PTR(-ENOENT));
	cmap_map_put(map);
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&tight), ERR_PTR(-ENOSPC));
}

/* ---- limits ---- */

/* For each limit exactly that many entries fit, no matter how keys are spread. */
static void entries_limit(struct kunit *test)
{
	u32 limit;

	for (limit = 1; limit < 2000; limit += 1 + limit / 2) {
		const struct cmap_spec spec = {
			.shards = 8, .max_entries = limit,
		};
		struct cmap *map = map_new(test, &spec);
		u8 key[MODEL_KEY_MAX];
		u64 version;
		u32 i, len;

		for (i = 0; i < limit; i++) {
			len = model_key(i, key);
			KUNIT_ASSERT_EQ(test, map_set(map, key, len, &version), 0);
		}
		len = model_key(i, key);
		KUNIT_EXPECT_EQ(test, map_set(map, key, len, &version), -ENOSPC);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(map), limit);
		KUNIT_EXPECT_EQ(test, cmap_map_clear(map), limit);
		KUNIT_EXPECT_EQ(test, map_set(map, key, len, &version), 0);
		cmap_map_put(map);
	}
}

/*
 * A delete left its credit in its shard, and an insert into another shard searched all
 * shards for it.  So at the limit an insert was slower the more shards there were.
 */
static void at_the_limit_nobody_looks_for_credit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 128, .max_entries = 200 };
	struct cmap *map = map_new(test, &spec);
	u64 version, retries = 0;
	u8 key[MODEL_KEY_MAX];
	u32 i, len;

	for (i = 0; i < 2000; i++) {
		if (i >= 200) {
			len = model_key(i - 200, key);
			KUNIT_ASSERT_EQ(test, map_delete(map, key, len), 0);
		}
		len = model_key(i, key);
		KUNIT_ASSERT_EQ(test, map_set(map, key, len, &version), 0);
		/* Ignore the first retries, which allocate tables and nodes. */
		if (i == 1000)
			for (len = 0; len < spec.shards; len++)
				retries -= map->shard[len]->retries;
	}
	KUNIT_EXPECT_EQ(test, bitmap_weight(map->quota.holders,
					     CMAP_SHARDS_MAX), 0);
	for (i = 0; i < spec.shards; i++)
		retries += map->shard[i]->retries;
	/* The remaining retries are for nodes: fewer than there are shards. */
	KUNIT_EXPECT_LT(test, retries, spec.shards);
	cmap_map_put(map);
}

/*
 * A count was a sum of numbers of different moments.  If it finds no moment at which
 * nobody writes, it counts the entries before an epoch, whatever is written until it
 * has read all shards.
 */
static void count_of_before_an_epoch(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8 };
	struct cmap *map = map_new(test, &spec);
	u64 version, then = 0;
	u8 key[MODEL_KEY_MAX];
	u32 i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, map_set(map, key, model_key(i, key),
					      &version), 0);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 100);
	map->quota.epoch++;
	for (i = 0; i < 100; i++) {
		if (i % 3)
			KUNIT_ASSERT_EQ(test, map_delete(map, key, model_key(i, key)),
					0);
		else
			KUNIT_ASSERT_EQ(test, map_set(map, key,
						      model_key(100 + i, key),
						      &version), 0);
		if (i == 50)
			then = cmap_shard_entries_then(map->shard[0]);
	}
	KUNIT_EXPECT_EQ(test, then, cmap_shard_entries_then(map->shard[0]));
	for (i = 1; i < 8; i++)
		then += cmap_shard_entries_then(map->shard[i]);
	KUNIT_EXPECT_EQ(test, then, 100);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 68);

	/* The same with a clear in place of other writes. */
	map->quota.epoch++;
	cmap_map_clear(map);
	for (then = 0, i = 0; i < 8; i++)
		then += cmap_shard_entries_then(map->shard[i]);
	KUNIT_EXPECT_EQ(test, then, 68);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
	cmap_map_put(map);
}

/* A count gives up on a moment for all shards if another count does not get to run. */
static void count_beside_a_count_that_does_not_run(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_stripe *stripe = &map->shard[2]->first;
	u8 key[MODEL_KEY_MAX];
	u64 version;
	u32 changes;
	u32 i;

	for (i = 0; i < 50; i++)
		KUNIT_ASSERT_EQ(test, map_set(map, key, model_key(i, key), &version), 0);
	/* As if a writer were under way, and the other count had been interrupted. */
	changes = stripe->changes;
	WRITE_ONCE(stripe->changes, changes + 1);
	KUNIT_ASSERT_FALSE(test, test_and_set_bit_lock(0, &map->quota.counting));
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 50);
	/* It is the other one that ends. */
	KUNIT_EXPECT_TRUE(test, test_bit(0, &map->quota.counting));
	clear_bit_unlock(0, &map->quota.counting);
	WRITE_ONCE(stripe->changes, changes);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 50);
	cmap_map_put(map);
}

/*
 * A write that finds no credit, while a write of another shard is pending, must not be
 * refused.  It must not wait for ever either.
 */
static void waits_for_credit_with_an_end(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8, .max_entries = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value = "v", .value_len = 1,
	};
	u8 key[MODEL_KEY_MAX];
	u64 version;
	u32 len;

	len = model_key(0, key);
	KUNIT_ASSERT_EQ(test, map_set(map, key, len, &version), 0);
	len = model_key(1, key);
	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, key, len), 0);

	/* As if a write were under way in another shard. */
	__cmap_quota_deleting(&map->quota);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), -EAGAIN);
	set_killed(true);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), -EINTR);
	set_killed(false);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	__cmap_quota_inserted(&map->quota);

	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	cmap_map_put(map);
}

/* Deleted entries make room for others of any size.  The limit is never exceeded. */
static void bytes_limit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .max_bytes = 400000 };
	struct cmap *map = map_new(test, &spec);
	char *value = kunit_kzalloc(test, 20000, GFP_KERNEL);
	struct test_context *ctx = test->priv;
	u32 i, refused = 0, len;
	u8 key[MODEL_KEY_MAX];

	KUNIT_ASSERT_NOT_NULL(test, value);
	for (i = 0; i < 3000; i++) {
		struct cmap_write write = {
			.code = CMAP_CODE_SET, .value = value,
			.value_len = ctx_random(ctx, i % 2000 < 1000 ? 200 : 20000),
		};
		int err;

		len = model_key(ctx_random(ctx, 2000), key);
		KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, key, len), 0);
		err = cmap_op_write(map, &write, GFP_KERNEL);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOSPC);
			refused++;
			cmap_map_clear(map);
		}
		KUNIT_EXPECT_LE(test,
				atomic64_read(&map->memory.account.bytes),
				400000);
	}
	KUNIT_EXPECT_GT(test, refused, 5);
	KUNIT_EXPECT_LT(test, refused, 300);
	cmap_map_put(map);
}

/*
 * A writer that must not sleep gets EAGAIN if waiting for memory would help, and
 * ENOSPC if not.
 *
 * The result must not depend on when grace periods end.  So it is checked inside a
 * read section, where none can end, and when all have ended.
 */
static void bytes_limit_without_sleeping(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .max_bytes = 100000 };
	struct cmap *map = map_new(test, &spec);
	char *value = kunit_kzalloc(test, 1000, GFP_KERNEL);
	struct cmap_write write = { .code = CMAP_CODE_SET, .value = value };
	u32 i, longer = 0, waits = 0, more = 0;
	u64 hash;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, value);
	write.value_len = 200;
	for (i = 0; i < 200; i++) {
		KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, &i,
						  sizeof(i)), 0);
		err = cmap_op_write(map, &write, GFP_ATOMIC);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	hash = write.key.hash;

	/*
	 * Values of another size soon need new memory.  While an old table is
	 * still leaving, waiting would help.  When it is gone, it would not.
	 */
	write.value_len = 1000;
	do {
		write.key.hash = hash + 1 + longer;
		err = cmap_op_write(map, &write, GFP_ATOMIC);
		if (!err)
			longer++;
		else
			wait_for_maps();
	} while (longer < 100 && (!err || (err == -EAGAIN && waits++ < 9)));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);

	/* Deleted nodes cannot be reused before their grace period is over. */
	rcu_read_lock();
	write.code = CMAP_CODE_DELETE;
	write.flags = CMAP_WRITE_DELETE;
	for (i = 0; i < 200; i++) {
		KUNIT_EXPECT_EQ(test, cmap_op_key(map, &write.key, &i,
						  sizeof(i)), 0);
		KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC),
				0);
	}
	write.code = CMAP_CODE_SET;
	write.flags = 0;
	write.value_len = 200;
	do {
		write.key.hash = hash + ((u64)more << 40);
		err = cmap_op_write(map, &write, GFP_ATOMIC);
	} while (!err && more++ < 1000);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, err, -EAGAIN);
	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), 0);
	cmap_map_put(map);
}

/*
 * A value that was found must be valid until the end of the RCU read section.  But
 * when the last reference to the map was dropped meanwhile, its memory was freed at
 * once.
 */
static void found_and_put(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value = "value", .value_len = 5,
	};
	u64 bytes;
	u32 i;

	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, "key", 3), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), 0);
	bytes = atomic64_read(&cmap_account_all.bytes);
	rcu_read_lock();
	KUNIT_EXPECT_NOT_NULL(test, cmap_op_find(map, &write.key));
	cmap_map_put(map);
	for (i = 0; i < 100; i++) {
		mdelay(1);
		if (atomic64_read(&cmap_account_all.bytes) != bytes)
			break;
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, i, 100, "it was freed after %u ms", i);
}

/* Where sleeping is not allowed, an operation starts over a bounded number of times. */
static void starting_over_ends(struct kunit *test)
{
	unsigned int rounds = 0, n = 0;
	int err;

	do {
		err = cmap_op_start_over(GFP_ATOMIC, &rounds);
	} while (!err && ++n < 1000);
	KUNIT_EXPECT_EQ(test, err, -EAGAIN);
	KUNIT_EXPECT_GT(test, n, 10);

	for (n = 0; n < 1000; n++)
		KUNIT_ASSERT_EQ(test, cmap_op_start_over(GFP_KERNEL, &rounds), 0);
}

static struct cmap *roomy;
static atomic_t refused;

static void set_and_delete(struct kunit *test, unsigned int thread)
{
	struct cmap_write gone = {
		.code = CMAP_CODE_DELETE, .flags = CMAP_WRITE_DELETE,
	};
	u8 key[MODEL_KEY_MAX];
	u32 i;

	for (i = 0; i < 100000; i++) {
		struct cmap_write write = {
			.code = CMAP_CODE_SET, .value = key, .value_len = 8,
		};
		u32 len = model_key(2 * i + thread, key);
		int err = cmap_op_key(roomy, &write.key, key, len) ?:
			  cmap_op_write(roomy, &write, GFP_KERNEL);

		if (err == -ENOSPC)
			atomic_inc(&refused);
		gone.key = write.key;
		if (!err)
			cmap_op_write(roomy, &gone, GFP_KERNEL);
		cond_resched();
	}
}

/*
 * Two threads with one entry each never fill a map for four entries.  Yet they were
 * refused: the credit that one collected from all shards was drawn by the other.
 */
static void entries_limit_not_reached(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8, .max_entries = 4 };

	roomy = map_new(test, &spec);
	atomic_set(&refused, 0);
	run_threads(test, 2, set_and_delete);
	KUNIT_EXPECT_EQ(test, atomic_read(&refused), 0);
	cmap_map_put(roomy);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(bad_parameters),
	KUNIT_CASE(defaults),
	KUNIT_CASE(shards_limit),
	KUNIT_CASE(maps_limit),
	KUNIT_CASE(no_memory),
	KUNIT_CASE(entries_limit),
	KUNIT_CASE(at_the_limit_nobody_looks_for_credit),
	KUNIT_CASE(count_of_before_an_epoch),
	KUNIT_CASE(count_beside_a_count_that_does_not_run),
	KUNIT_CASE(waits_for_credit_with_an_end),
	KUNIT_CASE_SLOW(bytes_limit),
	KUNIT_CASE(bytes_limit_without_sleeping),
	KUNIT_CASE(entries_limit_not_reached),
	KUNIT_CASE(starting_over_ends),
	KUNIT_CASE(found_and_put),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_map",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
