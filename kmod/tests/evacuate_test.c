// SPDX-License-Identifier: GPL-2.0
/*
 * Evacuation: segments with few entries are emptied, and no entry is lost.
 */
#include "full.h"
#include "../core/evacuate.h"
#include "../core/op.h"
#include "../core/registry.h"
#include "../core/maintain.h"
#include "../core/stat.h"

#include <linux/delay.h>
#include <uapi/linux/cmap.h>

static void expect_survivors(struct kunit *test, struct cmap *map, u64 n,
			     u32 step)
{
	u64 i, number;
	u32 len;

	for (i = 0; i < n; i += step) {
		KUNIT_ASSERT_EQ(test, full_get(map, i, &len, &number), 0);
		KUNIT_EXPECT_EQ(test, len, 100);
		KUNIT_EXPECT_EQ(test, number, i);
	}
}

/*
 * A map was filled with short values, and nearly all of them were deleted.  It then
 * refused longer values, because each of its segments still had a few entries.
 */
static void sizes_can_change_in_a_full_map(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, SZ_2M);
	u64 n = full_fill(test, map, 100), i, k, bytes;

	for (i = 0; i < n; i++)
		if (i % 50)
			KUNIT_ASSERT_EQ(test, full_delete(map, i), 0);
	for (k = 0; !full_set(map, n + k, 300, k, GFP_KERNEL); k++)
		if (k % 500 == 0)
			expect_survivors(test, map, n, 50);
	expect_survivors(test, map, n, 50);
	bytes = k * 308 + n / 50 * 108;
	kunit_info(test, "%llu of 100, %llu of 300: %llu %% live", n / 50, k,
		   bytes * 100 / SZ_2M);
	KUNIT_EXPECT_GT(test, bytes, SZ_2M / 100 * 60);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map),
			cmap_map_entries(map));
	cmap_map_put(map);
}

/* After mass deletes, segments that few entries occupy are given back in a while. */
static void memory_goes_back_after_mass_deletes(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	u64 n = 40000, i, full, most, bytes;
	u32 tries;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, full_set(map, i, 100, i, GFP_KERNEL), 0);
	full = atomic64_read(&map->memory.account.bytes);
	for (i = 0; i < n; i++)
		if (i % 100)
			KUNIT_ASSERT_EQ(test, full_delete(map, i), 0);
	/* A hundredth is live.  Allow five times that, and three segments. */
	most = full / 20 + 3 * SZ_64K;
	for (tries = 0; tries < 100; tries++) {
		bytes = atomic64_read(&map->memory.account.bytes);
		if (bytes <= most)
			break;
		msleep(100);
	}
	kunit_info(test, "%llu of %llu bytes after %u ms", bytes, full,
		   tries * 100);
	KUNIT_EXPECT_LE(test, bytes, most);
	expect_survivors(test, map, n, 100);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), n / 100);
	cmap_map_put(map);
}

/* Delete all keys but every @keep-th, of which only every @had-th is left. */
static void thin_out(struct kunit *test, struct cmap *map, u64 n, u32 had, u32 keep)
{
	u64 i;

	for (i = 0; i < n; i += had)
		if (i % keep)
			KUNIT_ASSERT_EQ(test, full_delete(map, i), 0);
}

/* Wait until a map's memory has not changed for a second. */
static u64 bytes_at_rest(struct cmap *map)
{
	u64 bytes = 0, before;
	u32 tries = 0;

	do {
		before = bytes;
		msleep(1000);
		bytes = atomic64_read(&map->memory.account.bytes);
	} while (bytes != before && ++tries < 60);
	return bytes;
}

/*
 * Memory was given back once, when a quarter of the nodes were free.  What was
 * deleted later gave back nothing, unless a segment became empty.  So a shard could
 * keep three segments of 2 MiB, one allocated ahead of need among them, for a
 * handful of entries: 26 % of a map in which 1 % of the entries were left.
 */
static void memory_goes_back_after_later_deletes(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	u64 n = 200000, i, full, thinned, bytes;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, full_set(map, i, 100, i, GFP_KERNEL), 0);
	full = atomic64_read(&map->memory.account.bytes);
	thin_out(test, map, n, 1, 10);
	thinned = bytes_at_rest(map);
	thin_out(test, map, n, 10, 200);
	bytes = bytes_at_rest(map);
	kunit_info(test, "%llu bytes, then %llu, then %llu", full, thinned, bytes);
	/* One segment is an eighth of what there was, at most. */
	KUNIT_EXPECT_LE(test, bytes, full / 8);
	expect_survivors(test, map, n, 200);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), n / 200);
	cmap_map_put(map);
}

static struct {
	struct cmap *map;
	u64 keys;
} sparse;

static void replace_or_evacuate(struct kunit *test, unsigned int thread)
{
	u64 i, number;
	bool later = false;
	u32 len;

	for (i = 0; i < 30000; i++) {
		u64 key = i % sparse.keys * 50;

		if (thread % 2) {
			cmap_maintain_evacuate(sparse.map->shard[0], 8, SZ_64K,
					       true, &later);
			cmap_maintain_trim(sparse.map->shard[0]);
			i += 300;
		} else {
			KUNIT_EXPECT_EQ(test, full_set(sparse.map, key, 100, key,
						       GFP_KERNEL), 0);
			KUNIT_EXPECT_EQ(test, full_get(sparse.map, key, &len,
						       &number), 0);
			KUNIT_EXPECT_EQ(test, number, key);
		}
		cond_resched();
	}
}

/* Segments are emptied while entries are replaced: none is lost, none found twice. */
static void evacuated_while_replaced(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	u64 n = 20000, i;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, full_set(map, i, 100, i, GFP_KERNEL), 0);
	for (i = 0; i < n; i++)
		if (i % 50)
			KUNIT_ASSERT_EQ(test, full_delete(map, i), 0);
	sparse.map = map;
	sparse.keys = n / 50;
	run_threads(test, 4, replace_or_evacuate);
	expect_survivors(test, map, n, 50);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), n / 50);
	cmap_map_put(map);
}

/*
 * Nodes can be reserved before the shard has a table.  Evacuation of such a shard's
 * segments looked for their entries in the missing table.
 */
static void evacuated_before_the_first_entry(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_write *write;
	const u32 count = 40;
	bool later = false;
	u64 *key;
	u32 i;
	int err;

	key = kunit_kcalloc(test, count, sizeof(*key), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, key);
	write = kunit_kcalloc(test, count, sizeof(*write), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, write);
	for (i = 0; i < count; i++) {
		key[i] = i;
		write[i].code = CMAP_CODE_SET;
		write[i].value_len = 4000;
		KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write[i].key, &key[i],
						  sizeof(key[i])), 0);
		KUNIT_ASSERT_NOT_NULL(test, cmap_op_reserve(map, &write[i],
							    GFP_KERNEL, &err));
	}
	/* Keep one node, in the first segment. */
	for (i = 1; i < count; i++)
		cmap_op_unreserve(map, &write[i]);
	for (i = 0; i < 3; i++)
		cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write[0], GFP_KERNEL), 0);
	cmap_op_unreserve(map, &write[0]);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	cmap_map_put(map);
}

static struct {
	struct cmap *map;
	atomic_t victim;		/* when the slow one is about to move its node */
} slow;

static void evacuate_beside(struct kunit *test, unsigned int thread)
{
	struct cmap_shard *shard = slow.map->shard[0];
	bool later = false;

	if (thread) {
		cmap_maintain_evacuate(shard, 8, U64_MAX, true, &later);
		return;
	}
	/* Long enough for the other one to move the rest. */
	msleep(100);
	spin_lock_bh(&shard->lock);
	atomic_set(&slow.victim, shard->arena.victim);
	cmap_arena_evacuate_moved(&shard->arena);
	spin_unlock_bh(&shard->lock);
}

/*
 * Two empty one segment.  If one of them was slow, the other one moved all other nodes, and
 * gave the segment up because of the one that was not moved yet.  All was copied in vain.
 */
static void evacuated_by_two(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_shard *shard = map->shard[0];
	u32 victim, from = 0;
	bool later = false;
	u64 n = 5000, i;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, full_set(map, i, 100, i, GFP_KERNEL), 0);
	for (i = 0; i < n; i++)
		if (i % 50)
			KUNIT_ASSERT_EQ(test, full_delete(map, i), 0);
	cmap_maintain_unstash(shard, GFP_KERNEL);
	cancel_delayed_work_sync(&shard->trim);
	synchronize_rcu();

	spin_lock_bh(&shard->lock);
	cmap_arena_evacuate(&shard->arena, &from, U32_MAX, 8, true, &later);
	victim = shard->arena.victim;
	if (victim)
		KUNIT_EXPECT_NE(test, cmap_arena_evacuate_next(&shard->arena), 0);
	spin_unlock_bh(&shard->lock);
	KUNIT_ASSERT_NE(test, victim, 0);

	slow.map = map;
	run_threads(test, 2, evacuate_beside);
	KUNIT_EXPECT_EQ(test, atomic_read(&slow.victim), victim);
	KUNIT_EXPECT_EQ(test, shard->arena.victim, 0);
	KUNIT_EXPECT_EQ(test, shard->arena.victim_movers, 0);
	expect_survivors(test, map, n, 50);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), n / 50);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(sizes_can_change_in_a_full_map),
	KUNIT_CASE_SLOW(memory_goes_back_after_mass_deletes),
	KUNIT_CASE_SLOW(memory_goes_back_after_later_deletes),
	KUNIT_CASE_SLOW(evacuated_while_replaced),
	KUNIT_CASE(evacuated_by_two),
	KUNIT_CASE(evacuated_before_the_first_entry),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_evacuate",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
