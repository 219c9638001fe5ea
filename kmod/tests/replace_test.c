// SPDX-License-Identifier: GPL-2.0
/*
 * Replacing values in a map that is full: every entry can be replaced, by a value of
 * any size that there is room for.
 */
#include "full.h"
#include "../core/registry.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>

/* ---- replacing ---- */

/*
 * In a map of counters at its max_bytes no counter could be added to any more
 * before something was deleted: the last node of their size had become an
 * entry.
 */
static void counters_in_a_full_map_count_on(struct kunit *test)
{
	u32 shards;

	for (shards = 1; shards <= 4; shards *= 2) {
		struct cmap *map = full_new(test, shards, shards * SZ_64K);
		u64 n = 0, i;
		int err;

		do
			err = full_add(map, n);
		while (!err && ++n < 100000);
		KUNIT_EXPECT_EQ(test, err, -ENOSPC);
		KUNIT_EXPECT_GT(test, n, 500);
		for (i = 0; i < n; i += n / 50)
			KUNIT_EXPECT_EQ(test, full_add(map, i), 0);
		for (i = 0; i < n; i += n / 50)
			KUNIT_EXPECT_EQ(test, full_set(map, i, 8, i, GFP_KERNEL), 0);
		cmap_map_put(map);
	}
}

/* The same with values of any length, and replaced by shorter ones. */
static void values_in_a_full_map_are_replaced(struct kunit *test)
{
	static const u32 lens[] = {
		0, 100, 300, 1000, 2000, 4000, 10000, 20000, 33000, 70000,
		100000,
	};
	u32 l, shorter;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		u32 len = lens[l];
		struct cmap *map = full_new(test, 1, SZ_256K + 6 * len);
		u64 n = full_fill(test, map, len), i, number;

		for (i = 0; i < 3 * n; i += 1 + n / 8)
			KUNIT_EXPECT_EQ_MSG(test, full_set(map, i % n, len, i,
							   GFP_KERNEL), 0,
					    "%u bytes", len);
		for (shorter = len; shorter > 16; shorter = shorter * 2 / 3)
			for (i = 0; i < n; i += 1 + n / 4)
				KUNIT_EXPECT_EQ_MSG(test, full_set(map, i, shorter,
								   77, GFP_KERNEL),
						    0, "%u for %u bytes",
						    shorter, len);
		if (len >= 100) {
			KUNIT_EXPECT_EQ(test, full_get(map, 0, &shorter, &number), 0);
			KUNIT_EXPECT_EQ(test, number, 77);
		}
		KUNIT_EXPECT_LE(test,
				atomic64_read(&map->memory.account.bytes),
				SZ_256K + 6 * len);
		cmap_map_put(map);
	}
}

/*
 * Wait until the memory that a map gave up is free, including segments that the
 * trim frees.
 */
static void trimmed(struct cmap *map)
{
	s64 bytes;

	do {
		bytes = atomic64_read(&map->memory.account.bytes);
		msleep(200);
		wait_for_frees();
	} while (atomic64_read(&map->memory.account.bytes) < bytes);
}

/*
 * A value replaced by one of another size got the only node of that size.  No
 * node was left for the next replacement, so it was refused even if the value
 * did not grow.  This happened only if everything replaced before was free by
 * then, so it depended on how fast the machine was.
 */
static void replaced_by_another_size_and_again(struct kunit *test)
{
	static const u32 lens[] = { 300, 5000, 33000, 70000 };
	u32 l, shorter, again;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		u32 len = lens[l];
		struct cmap *map = full_new(test, 1, SZ_256K + 6 * len);
		u64 n = full_fill(test, map, len), key = 0;

		for (shorter = len * 2 / 3; shorter > 64 && key < n;
		     shorter = shorter * 2 / 5, key++) {
			trimmed(map);
			KUNIT_EXPECT_EQ_MSG(test, full_set(map, key, shorter, 1,
							   GFP_KERNEL), 0,
					    "%u for %u bytes", shorter, len);
			for (again = shorter; again > 64; again = again * 2 / 3) {
				wait_for_frees();
				KUNIT_EXPECT_EQ_MSG(test, full_set(map, key, again, 2,
								   GFP_KERNEL), 0,
						    "%u for %u bytes, once %u",
						    again, shorter, len);
			}
		}
		cmap_map_put(map);
	}
}

/* The same with values that are replaced by longer ones. */
static void growing_leaves_what_replacing_needs(struct kunit *test)
{
	static const u32 lens[][2] = {
		{ 100, 300 }, { 1000, 2000 }, { 2000, 10000 }, { 2000, 40000 },
		{ 40000, 70000 },
	};
	u32 l;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		u32 len = lens[l][0], longer = lens[l][1];
		struct cmap *map = full_new(test, 1, SZ_256K + 6 * longer);
		u64 n, i, grown = 1;

		KUNIT_ASSERT_EQ(test, full_set(map, 0, longer, 0, GFP_KERNEL), 0);
		for (n = 1; !full_set(map, n, len, n, GFP_KERNEL);)
			n++;
		while (grown < n && !full_set(map, grown, longer, 1, GFP_KERNEL))
			grown++;
		trimmed(map);
		for (i = 0; i < n; i += i < grown ? 1 : 1 + n / 50)
			KUNIT_EXPECT_EQ_MSG(test,
					    full_set(map, i, i < grown ? longer : len,
						     2, GFP_KERNEL), 0,
					    "%llu of %llu, %u after %u bytes", i, n,
					    longer, len);
		cmap_map_put(map);
	}
}

/* ---- what a grace period keeps ---- */

static struct reader {
	struct completion reads;
	bool done;
} reader;

/*
 * A reader that keeps grace periods from ending, for as long as writers may
 * have to wait.
 */
static int read_on(void *unused)
{
	unsigned long end = jiffies + 5 * HZ / 2;

	rcu_read_lock();
	complete(&reader.reads);
	while (time_before(jiffies, end))
		cpu_relax();
	WRITE_ONCE(reader.done, true);
	rcu_read_unlock();
	return 0;
}

static void start_reader(struct kunit *test)
{
	struct task_struct *task;

	init_completion(&reader.reads);
	reader.done = false;
	task = kthread_run(read_on, NULL, "cmap_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&reader.reads);
}

/*
 * Sparse segments are emptied for a value of another size.  While all of their
 * free nodes waited for readers, there was no node to move entries to.  The
 * write was refused at once, although it would have had room a moment later.
 */
static void sparse_segments_are_waited_for(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, SZ_512K);
	u64 n = full_fill(test, map, 100), i = 0;

	start_reader(test);
	/* Write until every free node waits for the reader. */
	while (!full_set(map, i % n, 100, 0, GFP_ATOMIC))
		i++;
	for (i = 0; i < n; i++)
		if (i % 2)
			KUNIT_EXPECT_EQ(test, full_delete(map, i), 0);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(reader.done));
	KUNIT_EXPECT_EQ(test, full_set(map, n, 2000, 0, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(reader.done));
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(counters_in_a_full_map_count_on),
	KUNIT_CASE_SLOW(values_in_a_full_map_are_replaced),
	KUNIT_CASE_SLOW(replaced_by_another_size_and_again),
	KUNIT_CASE_SLOW(growing_leaves_what_replacing_needs),
	KUNIT_CASE(sparse_segments_are_waited_for),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_replace",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
