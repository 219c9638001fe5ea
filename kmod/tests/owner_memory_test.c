// SPDX-License-Identifier: GPL-2.0
/*
 * G3: the memory of entries and their owners, the limits that they count against, and the
 * end of their map.
 */
#include "full.h"
#include "maps.h"
#include "test_owner.h"
#include "../core/maintain.h"
#include "../core/orphan.h"
#include "../core/stat.h"

#include <linux/delay.h>

/* Nodes that are moved to other segments stay in their owner's list. */
static void ends_after_evacuation(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_new(test, map);
	const u64 count = 20000, step = 20;
	u32 rounds = 0;
	bool later;
	u64 key;

	for (key = 0; key < count; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	for (key = 0; key < count; key++)
		if (key % step)
			KUNIT_ASSERT_EQ(test, full_delete(map, key), 0);
	do {
		later = false;
		cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
		synchronize_rcu();
	} while (later && ++rounds < 10);
	for (key = 0; key < count; key += step)
		KUNIT_ASSERT_TRUE(test, owner_has(map, key));
	KUNIT_EXPECT_EQ(test, cmap_owner_entries(owner), count / step);
	cmap_owner_end(owner);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), 0);
	owner_remove_orphans(owner);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	cmap_map_put(map);
}

/* ---- memory and limits ---- */

/* A full map takes another entry if the owner of one of its entries has ended. */
static void orphans_make_room(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4, .max_entries = 1000 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_owner *owner = owner_new(test, map);
	u64 key;

	for (key = 0; key < 1000; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), -ENOSPC);
	cmap_owner_end(owner);
	KUNIT_EXPECT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	/* It does not wait until all are removed. */
	KUNIT_EXPECT_GE(test, cmap_map_entries(map), 1000 - 32 + 1);
	for (key = 0; key < 999; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, full_set(map, 5000, 8, key, GFP_KERNEL), -ENOSPC);
	owner_remove_orphans(owner);
	KUNIT_EXPECT_EQ(test, cmap_map_count(map, true), 1000);
	cmap_map_put(map);
}

/* The same for memory. */
static void orphans_give_memory(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, SZ_1M);
	struct cmap_owner *owner = owner_new(test, map);
	u64 n, key;

	for (n = 0; !owner_set(map, n, owner, 0, 0); n++)
		;
	KUNIT_ASSERT_GT(test, n, 1000);
	cmap_owner_end(owner);
	owner = owner_new(test, map);
	for (key = n; key < n + n / 2; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_map_count(map, true), n / 2);
	cmap_owner_end(owner);
	cmap_map_put(map);
}

/* Each allocation of an owner fails in turn, and so does that of its entry. */
static void fails_before_anything_is_seen(struct kunit *test)
{
	struct cmap_owner *owner;
	u32 skip, failed;
	int err;

	for (skip = 0; skip < 100; skip++) {
		struct cmap *map = full_new(test, 1, 0);

		fail_allocs(skip, U32_MAX);
		owner = cmap_owner_new(&map->owners, owner_idle_work);
		err = IS_ERR(owner) ? PTR_ERR(owner) :
		      owner_set(map, 1, owner, U64_MAX / 8, 0);
		failed = fail_allocs_end();
		KUNIT_EXPECT_EQ(test, err, failed ? -ENOMEM : 0);
		KUNIT_EXPECT_EQ(test, owner_has(map, 1), !failed);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(map), !failed);
		if (!IS_ERR(owner))
			cmap_owner_end(owner);
		KUNIT_EXPECT_TRUE(test, xa_empty(&map->owners.slots));
		cmap_map_put(map);
		if (!failed)
			break;
	}
	KUNIT_EXPECT_GT(test, skip, 3);
}

/* A map ends while owners have entries, and one forgot to end. */
static void map_ends_first(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_owner *owner = cmap_owner_new(&map->owners,
						  cmap_orphan_work);
	u64 key;

	KUNIT_ASSERT_FALSE(test, IS_ERR(owner));
	for (key = 0; key < 20000; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, owner_set(map, key, owner_new(test, map), 0, 0), 0);
	cmap_owner_end(owner);
	cmap_map_put(map);
}

/* Takes its time, as if there were many more entries. */
static void slow_work(struct work_struct *work)
{
	msleep(50);
	cmap_orphan_work(work);
}

/*
 * A map ends while a work is removing the last entries of an owner, and then frees that.
 * The map once freed it as well.
 */
static void map_ends_while_a_work_runs(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_owner *owner = cmap_owner_new(&map->owners, slow_work);
	u64 key;

	KUNIT_ASSERT_FALSE(test, IS_ERR(owner));
	for (key = 0; key < 100; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	cmap_owner_get(owner);
	cmap_owner_end(owner);
	while (!work_busy(&owner->work))
		let_others_run();
	msleep(20);
	cmap_owners_stop(&map->owners);
	KUNIT_EXPECT_FALSE(test, xa_empty(&map->owners.slots));
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
	cmap_owner_put(owner);
	KUNIT_EXPECT_TRUE(test, xa_empty(&map->owners.slots));
	cmap_map_put(map);
}

/* Nodes are moved until the map's last work has ended, and their owners are looked up. */
static void nodes_move_while_the_map_ends(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner[20];
	const u64 count = 20000, step = 1000;
	bool later = false;
	u64 key;
	u32 i;

	/* The first in each list is what a list's owner is looked up for. */
	for (i = 0; i < ARRAY_SIZE(owner); i++)
		owner[i] = owner_new(test, map);
	for (key = 0; key < count; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, key % step ? NULL :
						owner[key / step],
						U64_MAX / 8, 0), 0);
	for (key = 0; key < count; key++)
		if (key % step)
			KUNIT_ASSERT_EQ(test, full_delete(map, key), 0);
	cmap_owners_stop(&map->owners);
	cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
	for (i = 0; i < ARRAY_SIZE(owner); i++)
		KUNIT_EXPECT_EQ(test, cmap_owner_entries(owner[i]), 1);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(ends_after_evacuation),
	KUNIT_CASE(orphans_make_room),
	KUNIT_CASE(orphans_give_memory),
	KUNIT_CASE(fails_before_anything_is_seen),
	KUNIT_CASE(map_ends_first),
	KUNIT_CASE(map_ends_while_a_work_runs),
	KUNIT_CASE(nodes_move_while_the_map_ends),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_owner_memory",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
