// SPDX-License-Identifier: GPL-2.0
/*
 * G1: the memory of expired entries, and the limits that they count against.
 */
#include "full.h"
#include "maps.h"
#include "test_still.h"
#include "../core/alloc.h"
#include "../core/expire.h"
#include "../core/lack.h"
#include "../core/maintain.h"
#include "../core/scan.h"
#include "../core/stat.h"

/* A full map takes another entry if one of its entries has expired. */
static void expired_entries_make_room(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4, .max_entries = 1000 };
	struct cmap *map = still_map(test, &spec);
	u64 key;

	for (key = 0; key < 1000; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(10), 0), 0);
	KUNIT_EXPECT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), -ENOSPC);
	still_publish(map, still_origin + 11);
	KUNIT_EXPECT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	/* It does not wait until all are removed. */
	KUNIT_EXPECT_GE(test, still_entries(map), 1000 - 32 + 1);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, still_entries(map), 1);
	for (key = 0; key < 999; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), -ENOSPC);
	cmap_map_put(map);
}

static int set_colliding(struct cmap *map, u64 key, u64 deadline)
{
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .flags = CMAP_WRITE_TIMED,
		.deadline = deadline, .value = &key, .value_len = sizeof(key),
		.key = { .data = &key, .len = sizeof(key),
			 .hash = 7ULL << 32 | key },
	};

	return cmap_op_write(map, &write, GFP_KERNEL);
}

/* The same for a chain, which is as long as it can be. */
static void expired_entries_leave_their_chain(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	const u64 full = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	u64 key;

	for (key = 0; key < full; key++)
		KUNIT_ASSERT_EQ(test, set_colliding(map, key, AT(10 + key)), 0);
	KUNIT_EXPECT_EQ(test, set_colliding(map, key, AT(1000)), -EXFULL);
	still_publish(map, still_origin + 11);
	KUNIT_EXPECT_EQ(test, set_colliding(map, key, AT(1000)), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), full);
	KUNIT_EXPECT_EQ(test, set_colliding(map, ++key, AT(1000)), -EXFULL);
	cmap_map_put(map);
}

/* The same for memory. */
static void expired_entries_give_memory(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){
				.shards = 1, .max_bytes = SZ_1M });
	u64 n, key;

	for (n = 0; !still_set_until(map, n, AT(10), 0); n++)
		;
	KUNIT_ASSERT_GT(test, n, 1000);
	still_publish(map, still_origin + 11);
	for (key = n; key < n + n / 2; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(20), 0), 0);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, still_entries(map), n / 2);
	cmap_map_put(map);
}

/* A write that is refused in a map without deadlines is not made twice. */
static void plain_maps_are_not_searched(struct kunit *test)
{
	u32 failed[2], i;

	for (i = 0; i < 2; i++) {
		struct cmap *map = full_new(test, 1, 0);

		/* As a mapping of the map does. */
		if (i)
			KUNIT_ASSERT_EQ(test, cmap_clock_prepare(&map->clock,
								 GFP_KERNEL), 0);
		fail_allocs(0, U32_MAX);
		KUNIT_EXPECT_EQ(test, full_set(map, 1, 8, 1, GFP_KERNEL),
				-ENOMEM);
		failed[i] = fail_allocs_end();
		cmap_map_put(map);
	}
	KUNIT_EXPECT_GT(test, failed[0], 0);
	KUNIT_EXPECT_EQ(test, failed[0], failed[1]);
}

/*
 * A long value is put into a node with room for a deadline.  If it gets none, and others
 * need such nodes more, what the write lacks are still nodes of that size.
 */
static void lacks_what_it_has_reserved(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	struct cmap_write write = {
		.code = CMAP_CODE_SET,
		.flags = CMAP_WRITE_TIMED | CMAP_WRITE_KEEP,
	};
	struct cmap_shard *shard = map->shard[0];
	u32 plain, extended;
	u64 key = 1;
	int err;

	KUNIT_ASSERT_EQ(test, still_set_until(map, 2, AT(10), 0), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, &key, 8), 0);
	for (write.value_len = 1000;; write.value_len++) {
		plain = cmap_class_of(cmap_node_size(8, write.value_len));
		extended = cmap_class_of(cmap_node_size_extended(8,
				write.value_len, CMAP_TRAILER_DEADLINE));
		if (plain != extended)
			break;
	}
	KUNIT_ASSERT_NOT_NULL(test, cmap_op_reserve(map, &write, GFP_KERNEL,
						    &err));
	KUNIT_EXPECT_EQ(test, cmap_class_of(cmap_write_size(&write)), extended);
	shard->arena.classes[extended].reserve = U16_MAX;
	KUNIT_EXPECT_EQ(test, cmap_shard_try_write(shard, &write, GFP_KERNEL),
			-EAGAIN);
	KUNIT_EXPECT_TRUE(test, cmap_write_lacks_node(&write));
	KUNIT_EXPECT_EQ(test, cmap_class_of(cmap_write_size(&write)), extended);
	shard->arena.classes[extended].reserve = 0;
	KUNIT_EXPECT_EQ(test, cmap_shard_try_write(shard, &write, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, key), 0);
	cmap_op_unreserve(map, &write);
	cmap_map_put(map);
}

/*
 * A long value's node is reserved before it is known whether the entry gets a deadline.
 * If it does not, the node may be of a larger class than its content.  Stashes have to
 * know that.
 */
static void room_for_no_deadline(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	const u64 key = 1;
	struct cmap_shard *shard = map->shard[0];
	struct cmap_write write = { .flags = CMAP_WRITE_TIMED };

	cmap_op_hash(map, &write.key, &key, sizeof(key));
	write.value_len = CMAP_COPY_LOCKED_MAX;
	do {
		write.value_len += 8;
	} while (!cmap_arena_larger(cmap_node_size_extended(sizeof(key), write.value_len,
							    CMAP_TRAILER_DEADLINE),
				    cmap_node_size(sizeof(key), write.value_len)));
	/* The table and the node come from a first try. */
	KUNIT_ASSERT_EQ(test, full_set(map, key, 8, 1, GFP_KERNEL), 0);
	write.blocked_on = CMAP_BLOCKED_ON_NODE;
	write.flags |= CMAP_WRITE_EXTENDED;
	KUNIT_ASSERT_EQ(test, cmap_lack_allocate(shard, &write, GFP_KERNEL), 0);
	KUNIT_ASSERT_NOT_NULL(test, cmap_shard_try_reserve(shard, &write));
	KUNIT_EXPECT_EQ(test, shard->arena.larger, 0);
	KUNIT_ASSERT_EQ(test, cmap_shard_try_write(shard, &write, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, shard->arena.larger, 1);
	KUNIT_ASSERT_EQ(test, full_set(map, key, 8, 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, shard->arena.larger, 0);
	cmap_map_put(map);
}

/* Who counts entries does not pay for the smaller table that is enough afterwards. */
static void removal_allocates_nothing(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 key;

	for (key = 0; key < 2000; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(10), 0), 0);
	flush_delayed_work(&map->shard[0]->resize);
	still_publish(map, still_origin + 11);
	fail_allocs(0, U32_MAX);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 0);
	flush_delayed_work(&map->shard[0]->resize);
	KUNIT_EXPECT_EQ(test, still_entries(map), 0);
	KUNIT_EXPECT_GT(test, map->shard[0]->shrinks, 0);
	cmap_map_put(map);
}

/* Each allocation of a first entry with a deadline fails in turn. */
static void fails_before_anything_is_seen(struct kunit *test)
{
	u32 skip, failed, i;
	int err;

	for (skip = 0; skip < 100; skip++) {
		struct cmap *map = full_new(test, 1, 0);

		KUNIT_ASSERT_EQ(test, full_set(map, 1, 8, 1, GFP_KERNEL), 0);
		for (i = 0; i < 2; i++) {
			fail_allocs(skip, U32_MAX);
			err = still_set_until(map, 1, U64_MAX / 8, 0);
			failed = fail_allocs_end();
			KUNIT_EXPECT_EQ(test, err, failed ? -ENOMEM : 0);
			KUNIT_EXPECT_EQ(test, still_deadline(map, 1),
					failed ? 0 : U64_MAX / 8);
			if (!failed)
				break;
		}
		cmap_map_put(map);
		if (!failed)
			break;
	}
	KUNIT_EXPECT_GT(test, skip, 2);
}

/* Nodes that are moved to other segments stay in the wheel. */
static void expire_after_evacuation(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	const u64 count = 20000, step = 20;
	u32 rounds = 0;
	bool later;
	u64 key;

	for (key = 0; key < count; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(100 + key % 500),
						0), 0);
	for (key = 0; key < count; key++)
		if (key % step)
			KUNIT_ASSERT_EQ(test, full_delete(map, key), 0);
	do {
		later = false;
		cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
		synchronize_rcu();
		/* Some expire in between. */
		still_publish(map, still_origin + 100 + rounds * 20);
		cmap_map_expire(map, true);
	} while (later && ++rounds < 10);
	still_publish(map, still_origin + 300);
	for (key = 0; key < count; key += step)
		KUNIT_ASSERT_EQ(test, still_has(map, key), key % 500 >= 200);
	KUNIT_EXPECT_EQ(test, still_entries(map), map->shard[0]->wheel->entries);
	still_publish(map, still_origin + 1000);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	KUNIT_EXPECT_EQ(test, map->shard[0]->wheel->entries, 0);
	cmap_map_put(map);
}

/* What has expired is overwritten in a map that wipes. */
static void wiped_when_expired(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){
				.shards = 1, .flags = CMAP_CREATE_WIPE });
	u64 key, bytes;
	u32 rounds = 0;

	/* So few that the table stays: that is not wiped. */
	for (key = 0; key < 20; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(10), 0), 0);
	bytes = atomic64_read(&map->memory.account.bytes);
	still_publish(map, still_origin + 11);
	count_unwiped();
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, still_entries(map), 0);
	/* Each run of the trim wipes what waited for a grace period before. */
	while (atomic64_read(&map->memory.account.bytes) == bytes &&
	       rounds++ < 20) {
		wait_for_frees();
		flush_delayed_work(&map->shard[0]->trim);
	}
	/*
	 * What is left are the links of free nodes, at most 4 bytes each.  A deadline
	 * alone has more bytes that are not 0.
	 */
	KUNIT_EXPECT_LE(test, count_unwiped_end(), 20 * sizeof(cmap_ref));
	KUNIT_EXPECT_LT(test, atomic64_read(&map->memory.account.bytes), bytes);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(expired_entries_make_room),
	KUNIT_CASE(expired_entries_leave_their_chain),
	KUNIT_CASE(expired_entries_give_memory),
	KUNIT_CASE(plain_maps_are_not_searched),
	KUNIT_CASE(lacks_what_it_has_reserved),
	KUNIT_CASE(removal_allocates_nothing),
	KUNIT_CASE(fails_before_anything_is_seen),
	KUNIT_CASE(expire_after_evacuation),
	KUNIT_CASE(wiped_when_expired),
	KUNIT_CASE(room_for_no_deadline),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_expire_memory",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
