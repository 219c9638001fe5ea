// SPDX-License-Identifier: GPL-2.0
/*
 * Stripes: a shard that grows is split into several, under its writers and waiters.
 */
#include "maps.h"
#include "../core/scan.h"
#include "../core/stat.h"
#include "../core/wait.h"
#include "../core/write.h"

#include <linux/ktime.h>
#include <linux/sizes.h>

#define MANY	1000	/* entries of a shard that has been split */
#define THREADS	4
#define ROUNDS	20

static int set_number(struct cmap *map, u64 number, u64 *version)
{
	return map_set(map, &number, sizeof(number), version);
}

static void set_numbers(struct kunit *test, struct cmap *map, u64 first, u64 count)
{
	u64 version;

	for (; count--; first++)
		KUNIT_ASSERT_EQ(test, set_number(map, first, &version), 0);
}

static u32 stripes_of(const struct cmap *map)
{
	return cmap_shard_stripes(map->shard[0]);
}

/* A small shard has no memory for stripes, and pays for them when it has. */
static void split_when_grown(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 2 });
	u64 version, last = 0;

	set_numbers(test, map, 0, 100);
	KUNIT_EXPECT_EQ(test, stripes_of(map), 1);
	KUNIT_EXPECT_NULL(test, map->shard[0]->stripe);
	KUNIT_ASSERT_EQ(test, set_number(map, 0, &last), 0);
	set_numbers(test, map, 100, MANY);
	KUNIT_EXPECT_EQ(test, stripes_of(map), CMAP_STRIPES_MAX);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 100 + MANY);
	/* A key's versions go on to grow. */
	KUNIT_ASSERT_EQ(test, set_number(map, 0, &version), 0);
	KUNIT_EXPECT_GT(test, version, last);
	/* What was inserted before is deleted after. */
	KUNIT_EXPECT_EQ(test, cmap_map_clear(map), 100 + MANY);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries_then(map->shard[0]) +
			      cmap_shard_entries_then(map->shard[1]), 0);
	KUNIT_EXPECT_EQ(test, stripes_of(map), CMAP_STRIPES_MAX);
	cmap_map_put(map);
}

/* Versions of a map never repeat, whichever stripe gives them. */
static void versions_never_repeat(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 2 });
	u64 *version;
	u32 i, k;

	version = kunit_kcalloc(test, 2 * MANY, sizeof(*version), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, version);
	for (i = 0; i < 2 * MANY; i++)
		KUNIT_ASSERT_EQ(test, set_number(map, i % MANY, &version[i]), 0);
	for (i = 0; i < 2 * MANY; i++)
		for (k = 0; k < i; k++)
			if (version[i] == version[k])
				KUNIT_FAIL(test, "%u and %u have version %llu",
					   i, k, version[i]);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_GT(test, version[MANY + i], version[i]);
	cmap_map_put(map);
}

/* One lock orders all records of a ring. */
static void one_stripe_with_a_feed(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .feed_bytes = SZ_64K };
	struct cmap *map = map_new(test, &spec);

	set_numbers(test, map, 0, MANY);
	KUNIT_EXPECT_EQ(test, stripes_of(map), 1);
	cmap_map_put(map);
}

/* Without memory for stripes a shard stays as it is, and is split later. */
static void no_memory_for_stripes(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	u64 bytes;

	set_numbers(test, map, 0, 100);
	bytes = atomic64_read(&map->memory.account.bytes);
	fail_allocs(0, 1);
	cmap_shard_split(map->shard[0], GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, stripes_of(map), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&map->memory.account.bytes), bytes);
	set_numbers(test, map, 100, MANY);
	KUNIT_EXPECT_EQ(test, stripes_of(map), CMAP_STRIPES_MAX);
	cmap_map_put(map);
}

/* The limit is exact across a split, wherever the credit was held. */
static void limit_across_a_split(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .max_entries = MANY };
	struct cmap *map = map_new(test, &spec);
	u64 version, key = 0;

	set_numbers(test, map, 0, MANY);
	KUNIT_EXPECT_EQ(test, stripes_of(map), CMAP_STRIPES_MAX);
	KUNIT_EXPECT_EQ(test, set_number(map, MANY, &version), -ENOSPC);
	KUNIT_EXPECT_EQ(test, map_delete(map, &key, sizeof(key)), 0);
	KUNIT_EXPECT_EQ(test, set_number(map, MANY, &version), 0);
	KUNIT_EXPECT_EQ(test, set_number(map, MANY + 1, &version), -ENOSPC);
	cmap_map_put(map);
}

/*
 * Who waits for a key when its shard is split is woken by its next change.  An absent key
 * has not changed by that.
 */
static void waits_across_a_split(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	u64 version, present = 0, absent = MANY + 1;
	struct cmap_waiter_key key[2];
	struct cmap_waiter waiter = { .count = 2, .key = key };
	struct cmap_key hashed;

	KUNIT_ASSERT_EQ(test, set_number(map, present, &version), 0);
	cmap_op_hash(map, &hashed, &present, sizeof(present));
	cmap_wait_key_init(&waiter, 0, map, &hashed, version);
	cmap_op_hash(map, &hashed, &absent, sizeof(absent));
	cmap_wait_key_init(&waiter, 1, map, &hashed, 0);
	/* What was deleted before the first wait is not known. */
	cmap_wait_look(&waiter);
	key[1].changed = false;
	KUNIT_EXPECT_EQ(test, cmap_wait_keys(&waiter, ktime_get()), -ETIMEDOUT);

	set_numbers(test, map, 1, MANY);
	KUNIT_EXPECT_EQ(test, stripes_of(map), CMAP_STRIPES_MAX);
	KUNIT_EXPECT_EQ(test, cmap_wait_keys(&waiter, ktime_get()), -ETIMEDOUT);
	KUNIT_ASSERT_EQ(test, set_number(map, absent, &version), 0);
	KUNIT_ASSERT_EQ(test, map_delete(map, &absent, sizeof(absent)), 0);
	KUNIT_EXPECT_EQ(test, cmap_wait_keys(&waiter, KTIME_MAX), 1);
	KUNIT_EXPECT_TRUE(test, key[1].changed);
	cmap_map_put(map);
}

/* A write that must fail with an error. */
static void write_fails(struct kunit *test, struct cmap *map, u64 number, u32 flags, int err)
{
	struct cmap_write write = {
		.value = "v", .value_len = 1, .flags = flags, .expected = 1,
	};

	cmap_op_hash(map, &write.key, &number, sizeof(number));
	KUNIT_EXPECT_EQ(test, cmap_shard_try_write(map->shard[0], &write, GFP_KERNEL),
			err);
}

/*
 * A write whose condition did not hold told the shard how many entries its stripe has, so
 * writers that try again and again waited for each other at the shard's lock.
 */
static void refused_writes_tell_nothing(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	const struct cmap_stripe *stripe;
	struct cmap_key key;
	u64 number, drifted = 0, version;
	s16 drift = 0;

	set_numbers(test, map, 0, MANY);
	/* No work asks the stripes meanwhile. */
	wait_for_frees();
	for (number = MANY; number < 2 * MANY && !drift; number++) {
		KUNIT_ASSERT_EQ(test, set_number(map, number, &version), 0);
		cmap_op_hash(map, &key, &number, sizeof(number));
		stripe = cmap_shard_stripe(map->shard[0], cmap_hash_high(key.hash));
		drift = stripe->drift;
		drifted = number;
	}
	KUNIT_ASSERT_NE(test, drift, 0);
	write_fails(test, map, drifted, CMAP_WRITE_ABSENT, -EEXIST);
	write_fails(test, map, drifted, CMAP_WRITE_VERSION, -ESTALE);
	KUNIT_EXPECT_EQ(test, stripe->drift, drift);
	cmap_map_put(map);
}

/* ---- in races ---- */

static struct cmap *shared;
static atomic_t failed;

static void insert_thread(struct kunit *test, unsigned int thread)
{
	u64 i, version, last = 0;

	for (i = 0; i < MANY / THREADS; i++) {
		if (set_number(shared, i * THREADS + thread, &version) ||
		    set_number(shared, thread, &version) || version <= last)
			atomic_inc(&failed);
		last = version;
	}
}

/* All writers begin in one stripe, and none is lost when they get several. */
static void split_under_writers(struct kunit *test)
{
	u32 round;

	atomic_set(&failed, 0);
	for (round = 0; round < ROUNDS; round++) {
		shared = map_new(test, &(struct cmap_spec){ .shards = 1 });
		run_threads(test, THREADS, insert_thread);
		KUNIT_EXPECT_EQ(test, stripes_of(shared), CMAP_STRIPES_MAX);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(shared), MANY);
		KUNIT_EXPECT_EQ(test, cmap_map_clear(shared), MANY);
		cmap_map_put(shared);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&failed), 0);
}

static struct kunit_case stripe_cases[] = {
	KUNIT_CASE(split_when_grown),
	KUNIT_CASE(versions_never_repeat),
	KUNIT_CASE(one_stripe_with_a_feed),
	KUNIT_CASE(no_memory_for_stripes),
	KUNIT_CASE(limit_across_a_split),
	KUNIT_CASE(waits_across_a_split),
	KUNIT_CASE(refused_writes_tell_nothing),
	KUNIT_CASE(split_under_writers),
	{}
};

static struct kunit_suite stripe_suite = {
	.name = "cmap_stripe",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = stripe_cases,
};

kunit_test_suite(stripe_suite);
