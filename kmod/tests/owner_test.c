// SPDX-License-Identifier: GPL-2.0
/*
 * G3: when an owner has ended, its entries are absent for every reader, and an entry that
 * somebody else has written since is never removed.
 *
 * In most tests nobody removes the entries before the test does.
 */
#include "full.h"
#include "maps.h"
#include "test_owner.h"
#include "../core/feed.h"
#include "../core/filter.h"
#include "../core/maintain.h"
#include "../core/orphan.h"
#include "../core/reader.h"
#include "../core/scan.h"
#include "../core/stat.h"
#include "../core/wait.h"

#include <linux/delay.h>
#include <linux/ktime.h>

/* ---- the end ---- */

static void absent_when_the_owner_has_ended(struct kunit *test)
{
	struct cmap *map = full_new(test, 4, 0);
	struct cmap_owner *owner;
	u64 key, orphaned;

	for (key = 1000; key < 1100; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	owner = owner_ended(test, map, 500);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 600);
	for (key = 0; key < 500; key++)
		KUNIT_EXPECT_FALSE(test, owner_has(map, key));
	for (key = 1000; key < 1100; key++)
		KUNIT_EXPECT_TRUE(test, owner_has(map, key));
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), 100);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 600);

	owner_remove_orphans(owner);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 100);
	KUNIT_EXPECT_EQ(test, owner_stat(map, &orphaned), 0);
	KUNIT_EXPECT_EQ(test, orphaned, 500);
	KUNIT_EXPECT_TRUE(test, xa_empty(&map->owners.slots));
	cmap_map_put(map);
}

/* Who has only a few entries removes them himself; for others a work does. */
static void removed_by_whom(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_owner *owner;
	u64 key;
	u32 n, tries;

	for (n = 0; n <= 2000; n += n < 40 ? 8 : 980) {
		owner = cmap_owner_new(&map->owners, cmap_orphan_work);
		KUNIT_ASSERT_FALSE(test, IS_ERR(owner));
		for (key = 0; key < n; key++)
			KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0),
					0);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(map), n);
		cmap_owner_end(owner);
		if (n <= 32) {
			KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
			KUNIT_EXPECT_TRUE(test, xa_empty(&map->owners.slots));
		}
		for (tries = 0; cmap_map_entries(map) && tries < 100; tries++)
			msleep(20);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
	}
	cmap_map_put(map);
}

/* A count waits until they are removed, or helps. */
static void not_counted(struct kunit *test)
{
	struct cmap *map = full_new(test, 4, 0);
	struct cmap_owner *owner[3];
	u32 i;

	KUNIT_ASSERT_EQ(test, full_set(map, 10000, 8, 1, GFP_KERNEL), 0);
	for (i = 0; i < 3; i++)
		owner[i] = owner_ended(test, map, 400);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 401);
	KUNIT_EXPECT_EQ(test, cmap_map_count(map, true), 1);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	for (i = 0; i < 3; i++)
		owner_remove_orphans(owner[i]);
	KUNIT_EXPECT_TRUE(test, xa_empty(&map->owners.slots));
	cmap_map_put(map);
}

/* Each hold of the lock removes so many entries at most. */
static void removed_in_bounded_steps(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_ended(test, map, 1000);
	u64 removed = 0, before;
	u32 rounds = 0;
	bool more;

	do {
		before = cmap_shard_entries(map->shard[0]);
		more = cmap_orphans_some(map->shard[0], U64_MAX, &removed);
		KUNIT_ASSERT_LE(test, before - cmap_shard_entries(map->shard[0]), 32);
	} while (more && ++rounds < 100);
	KUNIT_EXPECT_EQ(test, removed, 1000);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	owner_remove_orphans(owner);
	cmap_map_put(map);
}

/* Whoever removes what has lost its owner ends, although more owners end meanwhile. */
static void later_ends_are_left_alone(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_new(test, map);
	struct cmap_owner *later = owner_new(test, map);
	u64 removed = 0, key;

	for (key = 0; key < 100; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, key < 40 ? owner :
						later, 0, 0), 0);
	cmap_owner_end(owner);
	cmap_owner_end(later);
	while (cmap_orphans_some(map->shard[0], 1, &removed))
		;
	KUNIT_EXPECT_EQ(test, removed, 40);
	while (cmap_orphans_some(map->shard[0], 2, &removed))
		;
	KUNIT_EXPECT_EQ(test, removed, 100);
	owner_remove_orphans(owner);
	owner_remove_orphans(later);
	cmap_map_put(map);
}

/* ---- operations on an entry whose owner has ended, and that is not removed yet ---- */

static int write_with(struct cmap *map, u64 key, u16 code, u16 flags,
		      struct cmap_write *write)
{
	*write = (struct cmap_write){
		.code = code, .flags = flags, .value = &key,
		.value_len = sizeof(key), .expected = 1, .number = 5,
		.start = 100, .old_room = 8,
	};
	if (flags & CMAP_WRITE_ADD)
		write->value = NULL;
	return owner_write(map, write, key);
}

static void absent_for_every_operation(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_ended(test, map, 100);
	struct cmap_write write;
	u64 key, orphaned;

	KUNIT_EXPECT_EQ(test, write_with(map, 0, CMAP_CODE_SET,
					 CMAP_WRITE_ABSENT, &write), 0);
	KUNIT_EXPECT_EQ(test, write.old_version, 0);
	KUNIT_EXPECT_EQ(test, write_with(map, 1, CMAP_CODE_SET,
					 CMAP_WRITE_PRESENT, &write), -ENOENT);
	KUNIT_EXPECT_EQ(test, write_with(map, 2, CMAP_CODE_SET,
					 CMAP_WRITE_VERSION, &write), -ENOENT);
	KUNIT_EXPECT_EQ(test, full_delete(map, 3), -ENOENT);
	KUNIT_EXPECT_EQ(test, write_with(map, 4, CMAP_CODE_TAKE,
					 CMAP_WRITE_DELETE | CMAP_WRITE_KEEP_OLD,
					 &write), -ENOENT);
	KUNIT_EXPECT_EQ(test, write_with(map, 5, CMAP_CODE_SWAP,
					 CMAP_WRITE_KEEP_OLD, &write), 0);
	KUNIT_EXPECT_NULL(test, write.old);
	KUNIT_EXPECT_EQ(test, write_with(map, 6, CMAP_CODE_ADD, CMAP_WRITE_ADD,
					 &write), 0);
	KUNIT_EXPECT_EQ(test, write.number, 105);
	KUNIT_EXPECT_EQ(test, owner_touch(map, 7, NULL), -ENOENT);
	key = 8;
	KUNIT_EXPECT_EQ(test, cmap_op_key(map, &write.key, &key, 8), 0);
	write.flags = CMAP_WRITE_DELETE;
	KUNIT_EXPECT_EQ(test, cmap_op_compare_write(map, &write, &key, 8,
						    GFP_KERNEL), -ENOENT);

	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), 3);
	/* Clearing removes all, but these entries were gone before. */
	KUNIT_EXPECT_EQ(test, cmap_map_clear(map), 3);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	owner_remove_orphans(owner);
	KUNIT_EXPECT_EQ(test, owner_stat(map, &orphaned), 0);
	KUNIT_EXPECT_EQ(test, orphaned, 100);
	cmap_map_put(map);
}

/* The version of a write that another one has made since stays. */
static void any_write_decides_on_the_owner(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_owner *first = owner_new(test, map);
	struct cmap_owner *second = owner_new(test, map);
	struct cmap_write write;
	u64 key;

	for (key = 0; key < 100; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, first, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, full_set(map, 0, 8, 0, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, owner_touch(map, 1, NULL), 0);
	KUNIT_ASSERT_EQ(test, owner_touch(map, 2, second), 0);
	KUNIT_ASSERT_EQ(test, write_with(map, 3, CMAP_CODE_ADD, CMAP_WRITE_ADD,
					 &write), 0);
	KUNIT_ASSERT_EQ(test, write_with(map, 4, CMAP_CODE_SET,
					 CMAP_WRITE_PRESENT, &write), 0);
	KUNIT_ASSERT_EQ(test, owner_set(map, 5, second, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, full_set(map, 6, 5000, 6, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, full_delete(map, 7), 0);
	KUNIT_ASSERT_EQ(test, owner_set(map, 7, NULL, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, owner_set(map, 8, first, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_owner_entries(first), 92);
	KUNIT_EXPECT_EQ(test, cmap_owner_entries(second), 2);
	KUNIT_EXPECT_EQ(test, owner_stat(map, NULL), 94);

	cmap_owner_end(first);
	for (key = 0; key < 100; key++)
		KUNIT_EXPECT_EQ(test, owner_has(map, key), key < 8);
	owner_remove_orphans(first);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 8);
	cmap_owner_end(second);
	for (key = 0; key < 100; key++)
		KUNIT_EXPECT_EQ(test, owner_has(map, key),
				key < 8 && key != 2 && key != 5);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 6);
	cmap_map_put(map);
}

/* Long values come in nodes that are reserved before the entry is known. */
static void long_values_are_owned(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_new(test, map);
	static const u32 lens[] = { 0, 8, 256, 257, 4000, 40000, 100000 };
	u64 number;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		KUNIT_ASSERT_EQ(test, full_set(map, i, lens[i], i, GFP_KERNEL),
				0);
		KUNIT_EXPECT_EQ(test, owner_touch(map, i, owner), 0);
		KUNIT_EXPECT_EQ(test, full_get(map, i, &len, &number), 0);
		KUNIT_EXPECT_EQ(test, len, lens[i]);
		if (len)
			KUNIT_EXPECT_EQ(test, number, i);
	}
	KUNIT_EXPECT_EQ(test, cmap_owner_entries(owner), ARRAY_SIZE(lens));
	cmap_owner_end(owner);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	cmap_map_put(map);
}

/* An owner that has ended gets no more entries, and a place has many owners in turn. */
static void generations(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner, *other;
	u64 generation = 0;
	u32 i;

	for (i = 0; i < 10; i++) {
		owner = owner_new(test, map);
		KUNIT_EXPECT_EQ(test, owner->index, 0);
		if (i)
			KUNIT_EXPECT_EQ(test, owner->generation, generation + 1);
		generation = owner->generation;
		KUNIT_ASSERT_EQ(test, owner_set(map, 5, owner, 0, 0), 0);
		KUNIT_EXPECT_TRUE(test, owner_has(map, 5));
		/* As a command that is under way while another thread closes. */
		cmap_owner_get(owner);
		cmap_owner_end(owner);
		KUNIT_EXPECT_EQ(test, owner_set(map, 5, owner, 0, 0), -EBADF);
		KUNIT_EXPECT_EQ(test, owner_set(map, 6, owner, 0, 0), -EBADF);
		KUNIT_EXPECT_FALSE(test, owner_has(map, 5));
		other = owner_new(test, map);
		KUNIT_EXPECT_EQ(test, other->index, 1);
		cmap_owner_end(other);
		cmap_owner_put(owner);
	}
	KUNIT_EXPECT_EQ(test, map->owners.ends, 20);
	KUNIT_EXPECT_EQ(test, map->owners.count, 0);
	cmap_map_put(map);
}

/* ---- everything at once, beside a model ---- */

#define KEYS	300
#define OWNERS	6

/* 0: absent, 1: no owner, 2 and up: owner @n - 2. */
static void random_change(struct kunit *test, struct cmap *map,
			  struct cmap_owner **owner, u8 *model)
{
	struct test_context *ctx = test->priv;
	u64 key = ctx_random(ctx, KEYS), far = U64_MAX / 8;
	u32 i = ctx_random(ctx, OWNERS);

	switch (ctx_random(ctx, 7)) {
	case 0:
		KUNIT_ASSERT_EQ(test, full_delete(map, key),
				model[key] ? 0 : -ENOENT);
		model[key] = 0;
		break;
	case 1:
		KUNIT_ASSERT_EQ(test, full_set(map, key, ctx_random(ctx, 500),
					       key, GFP_KERNEL), 0);
		model[key] = 1;
		break;
	case 2:
		KUNIT_ASSERT_EQ(test, owner_touch(map, key, owner[i]),
				model[key] ? 0 : -ENOENT);
		model[key] = model[key] ? i + 2 : 0;
		break;
	default:
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner[i],
						ctx_random(ctx, 2) ? far : 0, 0),
				0);
		model[key] = i + 2;
		break;
	}
}

static void expect_model(struct kunit *test, struct cmap *map,
			 struct cmap_owner **owner, const u8 *model)
{
	u64 key, count = 0, owned = 0;
	u64 each[OWNERS + 2] = {};
	u32 i;

	for (key = 0; key < KEYS; key++) {
		KUNIT_ASSERT_EQ(test, owner_has(map, key), !!model[key]);
		count += !!model[key];
		owned += model[key] > 1;
		each[model[key]]++;
	}
	KUNIT_ASSERT_EQ(test, full_count_by_scan(test, map), count);
	KUNIT_ASSERT_EQ(test, cmap_map_count(map, true), count);
	KUNIT_ASSERT_EQ(test, owner_stat(map, NULL), owned);
	for (i = 0; i < OWNERS; i++)
		KUNIT_ASSERT_EQ(test, cmap_owner_entries(owner[i]), each[i + 2]);
}

static void like_a_model(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_owner *owner[OWNERS];
	u8 model[KEYS] = {};
	u32 round, i, key;
	bool later;

	for (i = 0; i < OWNERS; i++)
		owner[i] = cmap_owner_new(&map->owners, cmap_orphan_work);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 200; i++)
			random_change(test, map, owner, model);
		expect_model(test, map, owner, model);
		i = ctx_random(ctx, OWNERS);
		cmap_owner_end(owner[i]);
		for (key = 0; key < KEYS; key++)
			if (model[key] == i + 2)
				model[key] = 0;
		owner[i] = cmap_owner_new(&map->owners, cmap_orphan_work);
		KUNIT_ASSERT_FALSE(test, IS_ERR(owner[i]));
		expect_model(test, map, owner, model);
		/* Nodes move to other segments. */
		later = false;
		cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
	}
	for (i = 0; i < OWNERS; i++)
		cmap_owner_end(owner[i]);
	cmap_map_put(map);
}

/* ---- feed and waits ---- */

static void feed_says_owner(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 65536 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_owner *owner = owner_new(test, map);
	struct cmap_filter *filter = cmap_filter_new(map, CMAP_FILTER_ALL, 0, 0);
	struct cmap_reader *reader = cmap_reader_new(map, filter);
	struct cmap_records records = { .looks = U64_MAX };
	const struct cmap_feed_record *record;
	u64 key, n, seen = 0;

	KUNIT_ASSERT_EQ(test, cmap_records_new(&records, SZ_64K), 0);
	for (key = 0; key < 50; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	cmap_owner_end(owner);
	/* A write first removes the entry. */
	KUNIT_ASSERT_EQ(test, full_set(map, 7, 8, 7, GFP_KERNEL), 0);
	owner_remove_orphans(owner);
	cmap_reader_fill(reader, &records);
	KUNIT_EXPECT_EQ(test, records.count, 50 + 1 + 1 + 49);
	record = (void *)records.buf;
	for (n = 0; n < records.count; n++) {
		memcpy(&key, (void *)record + record->key_offset, 8);
		KUNIT_EXPECT_EQ(test, record->cause, n < 50 || n == 51 ?
				CMAP_FEED_SET : CMAP_FEED_OWNER);
		if (n == 50 || n == 51)
			KUNIT_EXPECT_EQ(test, key, 7);
		if (n >= 50 && n != 51)
			seen |= BIT_ULL(key);
		record = (void *)record + record->size;
	}
	KUNIT_EXPECT_EQ(test, seen, BIT_ULL(50) - 1);
	cmap_records_free(&records, map);
	cmap_reader_free(reader);
	cmap_filter_free(filter);
	cmap_map_put(map);
}

static int wait_key(struct cmap *map, u64 key, u64 version)
{
	struct cmap_waiter_key wait;
	struct cmap_waiter waiter = { .count = 1, .key = &wait };
	struct cmap_key k;

	cmap_op_hash(map, &k, &key, sizeof(key));
	cmap_wait_key_init(&waiter, 0, map, &k, version);
	return cmap_wait_look(&waiter);
}

/* A key whose owner has ended has changed, whoever removes it. */
static void waits_end_with_the_owner(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_owner *owner = owner_new(test, map);
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .owner = owner,
		.flags = CMAP_WRITE_TIMED | CMAP_WRITE_OWNED,
		.value = "", .value_len = 0,
	};
	u64 key;

	for (key = 10; key < 100; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, owner_write(map, &write, 5), 0);
	KUNIT_EXPECT_EQ(test, wait_key(map, 5, write.version), 0);
	cmap_owner_end(owner);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 91);
	KUNIT_EXPECT_EQ(test, wait_key(map, 5, write.version), 1);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 90);
	owner_remove_orphans(owner);
	cmap_map_put(map);
}

/* ---- races ---- */

static struct {
	struct cmap *map;
	struct cmap_owner *owner;
	bool held;	/* a writer has found the entry, and holds the lock */
	bool moved;	/* the generation changed before he dropped it */
} race;

/* What a writer has found stays there for readers until the writer is done with it. */
static void decide_thread(struct kunit *test, unsigned int thread)
{
	const u64 number = 1;
	struct cmap_stripe *stripe;
	struct cmap_key key;

	if (!thread) {
		while (!READ_ONCE(race.held))
			let_others_run();
		cmap_owner_end(race.owner);
		return;
	}
	cmap_op_hash(race.map, &key, &number, sizeof(number));
	stripe = cmap_shard_lock(race.map->shard[0], cmap_hash_high(key.hash));
	WRITE_ONCE(race.held, true);
	mdelay(50);
	race.moved = READ_ONCE(*race.owner->word) != race.owner->generation;
	KUNIT_EXPECT_TRUE(test, READ_ONCE(race.owner->ended));
	spin_unlock_bh(&stripe->lock);
}

static void expect_stay_meanwhile(struct kunit *test, u64 others)
{
	u64 key;

	memset(&race, 0, sizeof(race));
	race.map = full_new(test, 1, 0);
	for (key = 2; key < 2 + others; key++)
		KUNIT_ASSERT_EQ(test, full_set(race.map, key, 8, key, GFP_KERNEL), 0);
	race.owner = owner_new(test, race.map);
	KUNIT_ASSERT_EQ(test, owner_set(race.map, 1, race.owner, 0, 0), 0);
	cmap_owner_get(race.owner);
	run_threads(test, 2, decide_thread);
	KUNIT_EXPECT_FALSE(test, race.moved);
	KUNIT_EXPECT_FALSE(test, owner_has(race.map, 1));
	KUNIT_EXPECT_EQ(test, cmap_shard_stripes(race.map->shard[0]) > 1, others > 0);
	cmap_owner_put(race.owner);
	cmap_map_put(race.map);
}

static void found_entries_stay_meanwhile(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	expect_stay_meanwhile(test, 0);
	/* The writer holds the lock of one stripe of many. */
	expect_stay_meanwhile(test, 2000);
}

#define RACE_ROUNDS	3000

static bool race_over;
static atomic_t race_absent;

/*
 * The key is there at any time: its next owner writes it before the present one ends.  And
 * tables move all the time.
 */
static void race_writer(struct kunit *test)
{
	struct cmap_owner *owner = NULL, *next;
	u32 i;

	for (i = 0; i < RACE_ROUNDS; i++) {
		next = cmap_owner_new(&race.map->owners, cmap_orphan_work);
		KUNIT_ASSERT_FALSE(test, IS_ERR(next));
		KUNIT_ASSERT_EQ(test, i % 2 ? owner_touch(race.map, 1, next) :
				owner_set(race.map, 1, next, 0, 0), 0);
		if (owner)
			cmap_owner_end(owner);
		owner = next;
		if (i % 1000 < 500)
			full_set(race.map, 1000 + i % 1000, 8, 1, GFP_KERNEL);
		else
			full_delete(race.map, 500 + i % 1000);
		if (!i) {
			/* Pairs with the acquire in race_thread(): the key is there. */
			smp_store_release(&race.held, true);
		}
	}
	WRITE_ONCE(race_over, true);
	cmap_owner_end(owner);
}

static void race_thread(struct kunit *test, unsigned int thread)
{
	if (!thread) {
		race_writer(test);
		return;
	}
	/* Pairs with the release in race_writer(). */
	while (!smp_load_acquire(&race.held))
		let_others_run();
	for (;;) {
		bool absent = !owner_has(race.map, 1);

		if (READ_ONCE(race_over))
			break;
		let_others_run();
		if (absent)
			atomic_inc(&race_absent);
	}
}

static void taken_over_in_time_is_never_absent(struct kunit *test)
{
	memset(&race, 0, sizeof(race));
	race.map = full_new(test, 1, 0);
	race_over = false;
	atomic_set(&race_absent, 0);
	run_threads(test, 4, race_thread);
	KUNIT_EXPECT_EQ(test, atomic_read(&race_absent), 0);
	cmap_map_put(race.map);
}

#define COUNT_ROUNDS	2000

static atomic_t rounds_begun, rounds_ended, counted_too_many;

static void count_writer(struct kunit *test)
{
	struct cmap_owner *owner;
	u32 i;
	u64 key;

	for (i = 1; i <= COUNT_ROUNDS; i++) {
		owner = cmap_owner_new(&race.map->owners, owner_idle_work);
		KUNIT_ASSERT_FALSE(test, IS_ERR(owner));
		for (key = 0; key < 40; key++)
			KUNIT_ASSERT_EQ(test, owner_set(race.map, key, owner, 0,
							0), 0);
		atomic_set_release(&rounds_begun, i);
		cmap_owner_end(owner);
		while (atomic_read_acquire(&rounds_ended) < i)
			let_others_run();
		owner_remove_orphans(owner);
	}
}

static void count_thread(struct kunit *test, unsigned int thread)
{
	u32 i;

	if (!thread) {
		count_writer(test);
		return;
	}
	for (i = 1; i <= COUNT_ROUNDS; i++) {
		while (atomic_read_acquire(&rounds_begun) < i)
			let_others_run();
		while (owner_has(race.map, 1))
			let_others_run();
		if (cmap_map_count(race.map, true))
			atomic_inc(&counted_too_many);
		atomic_set_release(&rounds_ended, i);
	}
}

/* Who has found an entry absent does not count it afterwards. */
static void absent_is_not_counted(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	memset(&race, 0, sizeof(race));
	race.map = full_new(test, 1, 0);
	atomic_set(&rounds_begun, 0);
	atomic_set(&rounds_ended, 0);
	atomic_set(&counted_too_many, 0);
	run_threads(test, 2, count_thread);
	KUNIT_EXPECT_EQ(test, atomic_read(&counted_too_many), 0);
	cmap_map_put(race.map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(absent_when_the_owner_has_ended),
	KUNIT_CASE(removed_by_whom),
	KUNIT_CASE(not_counted),
	KUNIT_CASE(removed_in_bounded_steps),
	KUNIT_CASE(later_ends_are_left_alone),
	KUNIT_CASE(absent_for_every_operation),
	KUNIT_CASE(any_write_decides_on_the_owner),
	KUNIT_CASE(long_values_are_owned),
	KUNIT_CASE(generations),
	KUNIT_CASE(like_a_model),
	KUNIT_CASE(feed_says_owner),
	KUNIT_CASE(waits_end_with_the_owner),
	KUNIT_CASE(found_entries_stay_meanwhile),
	KUNIT_CASE(taken_over_in_time_is_never_absent),
	KUNIT_CASE(absent_is_not_counted),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_owner",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
