// SPDX-License-Identifier: GPL-2.0
/*
 * G1: what has expired for one reader has expired for all, and never comes back.
 *
 * Most tests stop the clock's timer, and publish times themselves: of any year.
 */
#include "full.h"
#include "maps.h"
#include "test_still.h"
#include "../core/expire.h"
#include "../core/feed.h"
#include "../core/filter.h"
#include "../core/maintain.h"
#include "../core/reader.h"
#include "../core/scan.h"
#include "../core/stat.h"
#include "../core/wait.h"

#include <linux/delay.h>
#include <linux/ktime.h>

/* ---- the wheel ---- */

#define KEYS		400

/* Deadlines near, far, and very far: the next digit of the slot is any. */
static u64 random_deadline(struct test_context *ctx, u64 now)
{
	u64 ahead = ctx_random_u64(ctx) >> (1 + ctx_random(ctx, 63));

	return min(now * SLOT + ahead, CMAP_DEADLINE_MAX);
}

static void random_change(struct kunit *test, struct cmap *map, u64 *deadline,
			  u64 now)
{
	struct test_context *ctx = test->priv;
	u64 key = ctx_random(ctx, KEYS);
	bool there = deadline[key] > cmap_slot_end(now - 1);
	u64 until = random_deadline(ctx, now);

	switch (ctx_random(ctx, 6)) {
	case 0:
		KUNIT_ASSERT_EQ(test, still_touch(map, key, until),
				there ? 0 : -ENOENT);
		deadline[key] = there ? until : 0;
		break;
	case 1:
		KUNIT_ASSERT_EQ(test, full_delete(map, key),
				there ? 0 : -ENOENT);
		deadline[key] = 0;
		break;
	case 2:
		KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
		deadline[key] = U64_MAX;
		break;
	case 3:
		/* It is over already. */
		until = ctx_random_u64(ctx) % (now * SLOT) + 1;
		fallthrough;
	default:
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, until, 0), 0);
		deadline[key] = until;
		break;
	}
}

static void expect_model(struct kunit *test, struct cmap *map,
			 const u64 *deadline, u64 now)
{
	u64 key, count = 0, timed = 0;
	struct cmap_stat stat = {};

	for (key = 0; key < KEYS; key++) {
		bool there = deadline[key] > cmap_slot_end(now - 1);

		KUNIT_ASSERT_EQ(test, still_has(map, key), there);
		KUNIT_ASSERT_EQ(test, still_deadline(map, key),
				there && deadline[key] != U64_MAX ?
				deadline[key] : 0);
		count += there;
		timed += there && deadline[key] != U64_MAX;
	}
	KUNIT_ASSERT_EQ(test, full_count_by_scan(test, map), count);
	/* This removes what has expired. */
	cmap_stat_fill(map, &stat);
	KUNIT_ASSERT_EQ(test, stat.entries, count);
	KUNIT_ASSERT_EQ(test, stat.deadlines, timed);
	for (key = 0; key < KEYS; key++)
		KUNIT_ASSERT_EQ(test, still_has(map, key),
				deadline[key] > cmap_slot_end(now - 1));
}

/*
 * Entries expire at their deadlines, and not before, whatever lies between.  Time goes
 * on in steps of all sizes, over all digits.
 */
static void expire_at_their_deadlines(struct kunit *test)
{
	static const u64 starts[] = {
		1, 31, 1023, (1ULL << 20) - 2, (1ULL << 35) - 3, 1ULL << 42,
	};
	struct test_context *ctx = test->priv;
	u64 *deadline = kunit_kcalloc(test, KEYS, sizeof(u64), GFP_KERNEL);
	u32 i, step, change;

	KUNIT_ASSERT_NOT_NULL(test, deadline);
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct cmap *map = still_map(test,
				&(struct cmap_spec){ .shards = 2 });
		u64 now = starts[i];

		memset(deadline, 0, KEYS * sizeof(*deadline));
		/* Make the wheels, which begin now.  They may as well begin earlier. */
		still_publish(map, now);
		for (step = 0; step < KEYS; step++)
			still_set_until(map, step, 1, 0);
		KUNIT_ASSERT_EQ(test, still_entries(map), 0);
		map->shard[0]->wheel->base = now;
		map->shard[1]->wheel->base = now - 1;
		map->shard[0]->wheel->alarm.next = CMAP_NEVER;
		map->shard[1]->wheel->alarm.next = CMAP_NEVER;
		for (step = 0; step < 150 && now < 1ULL << 43; step++) {
			for (change = 0; change < 100; change++)
				random_change(test, map, deadline, now);
			now += ctx_random_u64(ctx) >> (21 + ctx_random(ctx, 43));
			now = min(now, (CMAP_DEADLINE_MAX >> CMAP_SLOT_SHIFT) + 1);
			still_publish(map, now);
			/* As the work does; it is not there. */
			map->shard[0]->wheel->alarm.next = 0;
			map->shard[1]->wheel->alarm.next = 0;
			expect_model(test, map, deadline, now);
		}
		cmap_map_put(map);
	}
}

/* Each hold of the lock removes, or moves, so many entries at most. */
static void removed_in_bounded_steps(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 now = still_origin, key, before;
	const u64 count = 5000;
	u32 rounds = 0;
	bool all;

	still_publish(map, now);
	for (key = 0; key < count; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, (now + 3000 + key % 100) *
						SLOT, 0), 0);
	still_publish(map, now + 3050);
	do {
		before = cmap_shard_entries(map->shard[0]);
		all = cmap_map_expire(map, false);
		KUNIT_ASSERT_LE(test, before - cmap_shard_entries(map->shard[0]), 32);
	} while (!all && ++rounds < 1000);
	KUNIT_EXPECT_TRUE(test, all);
	KUNIT_EXPECT_EQ(test, still_entries(map), count / 2);
	/* Everything was moved between lists, and half was removed. */
	KUNIT_EXPECT_GE(test, rounds, (count + count / 2) / 32);
	cmap_map_put(map);
}

/* The alarm is set for the slot in which the first entry expires. */
static void alarm_is_set_for_the_first(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 now = still_origin;
	struct cmap_wheel *wheel;

	still_publish(map, now);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 1, (now + 100000) * SLOT + 5, 0), 0);
	wheel = map->shard[0]->wheel;
	KUNIT_EXPECT_EQ(test, wheel->alarm.next, cmap_slot_end(now + 100000));
	KUNIT_EXPECT_EQ(test, map->clock.armed, cmap_slot_end(now + 100000));
	/* A later one changes nothing. */
	KUNIT_ASSERT_EQ(test, still_set_until(map, 2, (now + 100001) * SLOT, 0), 0);
	KUNIT_EXPECT_EQ(test, wheel->alarm.next, cmap_slot_end(now + 100000));
	/* An earlier one does. */
	KUNIT_ASSERT_EQ(test, still_set_until(map, 3, (now + 7) * SLOT, 0), 0);
	KUNIT_EXPECT_EQ(test, wheel->alarm.next, cmap_slot_end(now + 7));
	KUNIT_EXPECT_EQ(test, map->clock.armed, cmap_slot_end(now + 7));
	still_publish(map, now + 8);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, cmap_wheel_next(wheel, *map->clock.word),
			cmap_slot_end(now + 100000));
	KUNIT_EXPECT_EQ(test, full_delete(map, 1), 0);
	KUNIT_EXPECT_EQ(test, full_delete(map, 2), 0);
	KUNIT_EXPECT_EQ(test, cmap_wheel_next(wheel, *map->clock.word),
			CMAP_NEVER);
	cmap_map_put(map);
}

/* As long as a list is being spread, something may be due at once. */
static void next_while_a_list_is_spread(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 now = still_origin, word;
	struct cmap_wheel *wheel;
	cmap_ref due = 1;
	u32 i, steps;

	still_publish(map, now);
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, i, AT(1000 + i), 0), 0);
	wheel = map->shard[0]->wheel;
	still_publish(map, now + 2000);
	word = *map->clock.word;
	spin_lock_bh(&map->shard[0]->lock);
	for (i = 0; i < 10 && !wheel->spreading; i++) {
		steps = 1;
		due = cmap_wheel_due(wheel, word, &steps);
	}
	KUNIT_EXPECT_EQ(test, due, 0);
	KUNIT_EXPECT_EQ(test, cmap_wheel_next(wheel, word), word);
	spin_unlock_bh(&map->shard[0]->lock);
	KUNIT_EXPECT_TRUE(test, cmap_map_expire(map, true));
	KUNIT_EXPECT_EQ(test, still_entries(map), 0);
	cmap_map_put(map);
}

/* The lateness of all entries that have expired. */
static void expect_late(struct kunit *test, struct cmap *map, u64 now,
			unsigned int bucket, u64 count)
{
	const struct cmap_wheel *wheel = map->shard[0]->wheel;

	still_publish_late(map, now);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, wheel->lateness[bucket], count);
}

/* A machine that did not get to publish for long is late by all of that. */
static void lateness_has_no_bound(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 key, sum = 0;
	u32 i;

	still_publish(map, still_origin);
	/* About 50, 5000 and 30000 slots late; a slot has 1.05 ms. */
	for (key = 0; key < 3; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(key), 0), 0);
	expect_late(test, map, still_origin + 52, 6, 3);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 4, AT(1000), 0), 0);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 5, AT(1500), 0), 0);
	expect_late(test, map, still_origin + 6000, 13, 2);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 6, AT(7000), 0), 0);
	expect_late(test, map, still_origin + 37000, 15, 1);
	/* What is over when it is written is not late. */
	KUNIT_ASSERT_EQ(test, still_set_until(map, 7, 1, 0), 0);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 8, AT(8000), 0), 0);
	KUNIT_EXPECT_EQ(test, map->shard[0]->wheel->lateness[0], 2);
	for (i = 0; i < CMAP_LATENESS_BUCKETS; i++)
		sum += map->shard[0]->wheel->lateness[i];
	KUNIT_EXPECT_EQ(test, sum, 8);
	cmap_map_put(map);
}

/* The timer finds the shards in which something is due without a look at the others. */
static void alarms_wait_in_order(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 16 });
	struct test_context *ctx = test->priv;
	const struct cmap_alarm *alarm;
	struct rb_node *node;
	u64 key, last = 0;
	u32 count = 0;

	still_publish(map, still_origin);
	for (key = 0; key < 500; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(1 +
				ctx_random(ctx, 100000)), 0), 0);
	for (node = rb_first_cached(&map->clock.waiting); node;
	     node = rb_next(node)) {
		alarm = rb_entry(node, struct cmap_alarm, node);
		if (!last)
			KUNIT_EXPECT_EQ(test, alarm->next, map->clock.armed);
		KUNIT_EXPECT_GE(test, alarm->next, last);
		last = alarm->next;
		count++;
	}
	KUNIT_EXPECT_EQ(test, count, 16);
	cmap_map_put(map);
}

/* ---- operations on an entry that has expired and is not removed yet ---- */

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
	return still_write(map, write, key);
}

/* Keys 0 to 19 have expired, and nobody has removed them. */
static struct cmap *expired_map(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	u64 now = still_origin, key;

	still_publish(map, now);
	for (key = 0; key < 20; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, now * SLOT + 3, 0), 0);
	KUNIT_ASSERT_EQ(test, full_count_by_scan(test, map), 20);
	still_publish(map, now + 1);
	KUNIT_ASSERT_EQ(test, cmap_shard_entries(map->shard[0]), 20);
	return map;
}

static void absent_for_every_operation(struct kunit *test)
{
	struct cmap *map = expired_map(test);
	struct cmap_write write;
	u64 key;

	for (key = 0; key < 20; key++)
		KUNIT_EXPECT_FALSE(test, still_has(map, key));
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 20);

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
	KUNIT_EXPECT_EQ(test, still_touch(map, 7, U64_MAX / 4), -ENOENT);
	key = 8;
	KUNIT_EXPECT_EQ(test, cmap_op_key(map, &write.key, &key, 8), 0);
	write.flags = CMAP_WRITE_DELETE;
	KUNIT_EXPECT_EQ(test, cmap_op_compare_write(map, &write, &key, 8,
						    GFP_KERNEL), -ENOENT);
	/* The old deadline does not come back with KEEP. */
	KUNIT_EXPECT_EQ(test, still_set_until(map, 9, 0, CMAP_WRITE_KEEP), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 9), 0);
	KUNIT_EXPECT_TRUE(test, still_has(map, 9));

	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), 4);
	/* Clearing removes all, but these entries were gone before. */
	KUNIT_EXPECT_EQ(test, cmap_map_clear(map), 4);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	KUNIT_EXPECT_EQ(test, still_expired(map), 20);
	KUNIT_EXPECT_EQ(test, map->shard[0]->wheel->entries, 0);
	cmap_map_put(map);
}

/* Who asks only what a map is does not wait until what has expired is removed. */
static void brief_statistics_remove_nothing(struct kunit *test)
{
	struct cmap *map = expired_map(test);
	struct cmap_stat stat = { .flags = CMAP_STAT_BRIEF };

	cmap_stat_fill(map, &stat);
	KUNIT_EXPECT_EQ(test, stat.id, map->id);
	KUNIT_EXPECT_EQ(test, stat.key_max, map->key_max);
	KUNIT_EXPECT_EQ(test, stat.entries, 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 20);
	KUNIT_EXPECT_EQ(test, cmap_map_count(map, true), 0);
	stat.flags = 0;
	cmap_stat_fill(map, &stat);
	KUNIT_EXPECT_EQ(test, stat.expired, 20);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	cmap_map_put(map);
}

/* Whoever sets an entry decides on its deadline, or leaves it. */
static void deadlines_are_set_and_kept(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	struct cmap_write write;
	const u64 far = U64_MAX / 8;

	KUNIT_ASSERT_EQ(test, still_set_until(map, 1, far, 0), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), far);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 1, far + 5, CMAP_WRITE_KEEP), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), far);
	KUNIT_ASSERT_EQ(test, still_touch(map, 1, far + 7), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), far + 7);
	KUNIT_ASSERT_EQ(test, write_with(map, 1, CMAP_CODE_ADD, CMAP_WRITE_ADD |
					 CMAP_WRITE_TIMED | CMAP_WRITE_KEEP,
					 &write), 0);
	KUNIT_EXPECT_EQ(test, write.result, far + 7);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), far + 7);
	/* Without KEEP, and without a deadline, it has none. */
	KUNIT_ASSERT_EQ(test, full_set(map, 1, 8, 3, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), 0);
	KUNIT_EXPECT_EQ(test, map->shard[0]->wheel->entries, 0);
	/* An absent key gets the deadline, also with KEEP; one that has none keeps that. */
	KUNIT_ASSERT_EQ(test, still_set_until(map, 2, far, CMAP_WRITE_KEEP), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 2), far);
	KUNIT_ASSERT_EQ(test, still_set_until(map, 1, far, CMAP_WRITE_KEEP), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 1), 0);
	/* A refused write says which deadline there is. */
	KUNIT_EXPECT_EQ(test, write_with(map, 2, CMAP_CODE_SET,
					 CMAP_WRITE_ABSENT, &write), -EEXIST);
	KUNIT_EXPECT_EQ(test, write.result, far);
	KUNIT_EXPECT_EQ(test, still_touch(map, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, still_deadline(map, 2), 0);
	KUNIT_EXPECT_EQ(test, map->shard[0]->wheel->entries, 0);
	cmap_map_put(map);
}

/* A sum above the ceiling is refused, and changes nothing. */
static void sums_below_a_ceiling(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	const u16 flags = CMAP_WRITE_ADD | CMAP_WRITE_CEILING |
			  CMAP_WRITE_TIMED | CMAP_WRITE_KEEP;
	u64 key = 7, number;
	u32 len, i;

	for (i = 0; i < 6; i++) {
		struct cmap_write write = {
			.code = CMAP_CODE_ADD, .flags = flags, .number = 1,
			.value_len = 8, .ceiling = 3, .deadline = AT(1000),
		};
		int err = still_write(map, &write, key);

		KUNIT_EXPECT_EQ(test, err, i < 3 ? 0 : -ERANGE);
		KUNIT_EXPECT_EQ(test, write.number, min(i + 1, 3U));
		KUNIT_EXPECT_EQ(test, write.result, AT(1000));
	}
	KUNIT_EXPECT_EQ(test, full_get(map, key, &len, &number), 0);
	KUNIT_EXPECT_EQ(test, number, 3);
	/* The next window begins when this one is over. */
	still_publish(map, still_origin + 1001);
	{
		struct cmap_write write = {
			.code = CMAP_CODE_ADD, .flags = flags, .number = 1,
			.value_len = 8, .ceiling = 3, .deadline = AT(2000),
		};

		KUNIT_EXPECT_EQ(test, still_write(map, &write, key), 0);
		KUNIT_EXPECT_EQ(test, write.number, 1);
		KUNIT_EXPECT_EQ(test, write.result, AT(2000));
		/* A sum that no number can be is above the ceiling, too. */
		write.number = S64_MAX;
		KUNIT_EXPECT_EQ(test, still_write(map, &write, key), -ERANGE);
		/* Less is never refused. */
		write.number = -5;
		write.ceiling = -100;
		KUNIT_EXPECT_EQ(test, still_write(map, &write, key), 0);
		KUNIT_EXPECT_EQ(test, write.number, -4);
	}
	cmap_map_put(map);
}

/* A long value is copied into a node that is reserved for it. */
static void long_values_are_touched(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	static const u32 lens[] = { 0, 8, 256, 257, 4000, 40000, 100000 };
	u64 number;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		KUNIT_ASSERT_EQ(test, full_set(map, i, lens[i], i, GFP_KERNEL),
				0);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		KUNIT_EXPECT_EQ(test, still_touch(map, i, AT(50)), 0);
		KUNIT_EXPECT_EQ(test, still_deadline(map, i), AT(50));
		KUNIT_EXPECT_EQ(test, still_touch(map, i, AT(60)), 0);
		KUNIT_EXPECT_EQ(test, full_get(map, i, &len, &number), 0);
		KUNIT_EXPECT_EQ(test, len, lens[i]);
		if (len)
			KUNIT_EXPECT_EQ(test, number, i);
	}
	still_publish(map, still_origin + 61);
	cmap_map_expire(map, true);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	cmap_map_put(map);
}

/* A copied value comes with its own deadline, not with one that was seen before. */
static void copies_have_their_deadline(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	struct cmap_output output = { .room = 8, .len = 8, .deadline = AT(5) };
	struct cmap_key k;
	u64 key = 1;
	u32 size;
	void *copy;

	cmap_op_hash(map, &k, &key, sizeof(key));
	KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(10), 0), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_copy_value(map, &k, &output, GFP_KERNEL,
						 &copy, &size), 0);
	KUNIT_EXPECT_EQ(test, output.deadline, AT(10));
	cmap_op_free_copy(map, copy, size);

	KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_copy_value(map, &k, &output, GFP_KERNEL,
						 &copy, &size), 0);
	KUNIT_EXPECT_EQ(test, output.deadline, 0);
	cmap_op_free_copy(map, copy, size);
	cmap_map_put(map);
}

/* ---- feed and waits ---- */

/* Each entry that expires has one record, and each that is set has its deadline. */
static void feed_says_expire(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 1, .feed_bytes = 65536, .feed_value_max = 16,
	};
	struct cmap *map = still_map(test, &spec);
	struct cmap_filter *filter = cmap_filter_new(map, CMAP_FILTER_ALL, 0, 0);
	struct cmap_reader *reader = cmap_reader_new(map, filter);
	struct cmap_records records = { .looks = U64_MAX };
	const struct cmap_feed_record *record;
	u64 key, until, n = 0;

	KUNIT_ASSERT_EQ(test, cmap_records_new(&records, SZ_64K), 0);
	for (key = 0; key < 50; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, AT(10) + key, 0), 0);
	KUNIT_ASSERT_EQ(test, full_set(map, 50, 8, 50, GFP_KERNEL), 0);
	still_publish(map, still_origin + 11);
	/* A write first removes what has expired. */
	KUNIT_ASSERT_EQ(test, full_set(map, 7, 8, 7, GFP_KERNEL), 0);
	cmap_map_expire(map, true);
	cmap_reader_fill(reader, &records);
	KUNIT_EXPECT_EQ(test, records.count, 50 + 1 + 1 + 1 + 49);

	record = (void *)records.buf;
	for (n = 0; n < records.count; n++) {
		memcpy(&key, (void *)record + record->key_offset, 8);
		if (n < 51) {
			KUNIT_EXPECT_EQ(test, record->cause, CMAP_FEED_SET);
			KUNIT_EXPECT_EQ(test, key, n);
			KUNIT_EXPECT_EQ(test, record->flags,
					n < 50 ? CMAP_FEED_DEADLINE : 0);
			KUNIT_EXPECT_EQ(test, record->key_offset,
					n < 50 ? 40 : 32);
			memcpy(&until, record + 1, 8);
			if (n < 50)
				KUNIT_EXPECT_EQ(test, until, AT(10) + n);
			memcpy(&until, (void *)record + record->value_offset, 8);
			KUNIT_EXPECT_EQ(test, until, key);
		} else {
			KUNIT_EXPECT_EQ(test, record->cause, n == 52 ?
					CMAP_FEED_SET : CMAP_FEED_EXPIRE);
			KUNIT_EXPECT_EQ(test, record->value_len, n == 52 ? 8 : 0);
			if (n <= 52)
				KUNIT_EXPECT_EQ(test, key, 7);
		}
		record = (void *)record + record->size;
	}
	cmap_records_free(&records, map);
	cmap_reader_free(reader);
	cmap_filter_free(filter);
	cmap_map_put(map);
}

static int wait_key(struct cmap *map, u64 key, u64 version, u64 ns)
{
	struct cmap_waiter_key wait;
	struct cmap_waiter waiter = { .count = 1, .key = &wait };
	struct cmap_key k;

	cmap_op_hash(map, &k, &key, sizeof(key));
	cmap_wait_key_init(&waiter, 0, map, &k, version);
	return cmap_wait_look(&waiter) ?: ns ?
	       cmap_wait_keys(&waiter, ktime_add_ns(ktime_get(), ns)) : 0;
}

/* A key that expires changes, whoever removes it. */
static void waits_end_when_it_expires(struct kunit *test)
{
	struct cmap *map = still_map(test, &(struct cmap_spec){ .shards = 1 });
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .flags = CMAP_WRITE_TIMED,
		.deadline = AT(10), .value = "", .value_len = 0,
	};
	struct cmap *live;

	KUNIT_ASSERT_EQ(test, still_write(map, &write, 5), 0);
	KUNIT_EXPECT_EQ(test, wait_key(map, 5, write.version, 0), 0);
	still_publish(map, still_origin + 11);
	KUNIT_EXPECT_EQ(test, wait_key(map, 5, write.version, 0), 1);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(map->shard[0]), 0);
	cmap_map_put(map);

	/* With a clock that goes, a waiter is woken. */
	live = full_new(test, 1, 0);
	write.deadline = cmap_clock_deadline(50 * NSEC_PER_MSEC);
	KUNIT_ASSERT_EQ(test, still_write(live, &write, 5), 0);
	KUNIT_EXPECT_EQ(test, wait_key(live, 5, write.version,
				       30 * NSEC_PER_SEC), 1);
	KUNIT_EXPECT_GE(test, ktime_get_boottime_ns(), write.deadline);
	cmap_map_put(live);
}

/* ---- the timer ---- */

/* The timer publishes, the work removes, and then nothing runs any more. */
static void timer_runs_when_something_is_due(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	u64 key, begin = ktime_get_boottime_ns(), word;
	u32 tries = 0;

	for (key = 0; key < 500; key++)
		KUNIT_ASSERT_EQ(test, still_set_until(map, key, begin +
						(20 + key % 40) * NSEC_PER_MSEC,
						0), 0);
	KUNIT_ASSERT_EQ(test, still_set_until(map, key, begin + 3600 * NSEC_PER_SEC, 0),
			0);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&map->clock.timer));
	while (still_expired(map) < 500 && ++tries < 1000)
		msleep(20);
	KUNIT_EXPECT_EQ(test, still_expired(map), 500);
	KUNIT_EXPECT_EQ(test, still_entries(map), 1);
	/* It never was ahead of the clock. */
	word = cmap_clock_word(&map->clock);
	KUNIT_EXPECT_LT(test, word, ktime_get_boottime_ns());
	msleep(50);
	KUNIT_EXPECT_TRUE(test, list_empty(&map->clock.ringing));
	word = cmap_clock_word(&map->clock);
	msleep(100);
	/* The next one is due in an hour. */
	KUNIT_EXPECT_EQ(test, cmap_clock_word(&map->clock), word);
	KUNIT_EXPECT_GT(test, map->clock.armed, begin + 3599 * NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, full_delete(map, 500), 0);
	cmap_map_put(map);
}

/* ---- races ---- */

#define RACE_ROUNDS	20000

static struct cmap *race;
static bool race_over;
static atomic_t race_absent;
static atomic64_t race_reads;

/*
 * The key has a deadline that is not over at any time: it is touched before the old one
 * is.  And tables move all the time.
 */
static void race_writer(struct kunit *test)
{
	u64 now, key = 1;
	u32 i;

	for (i = 0; i < RACE_ROUNDS; i++) {
		now = 100 + 2 * i;
		KUNIT_ASSERT_EQ(test, i % 2 ? still_touch(race, key, (now + 3) * SLOT) :
				still_set_until(race, key, (now + 3) * SLOT, 0), 0);
		still_publish(race, now + 2);
		if (i % 2000 < 1000)
			full_set(race, 1000 + i % 2000, 8, 1, GFP_KERNEL);
		else
			full_delete(race, 1000 + i % 2000 - 1000);
	}
	WRITE_ONCE(race_over, true);
}

static void race_reader(void)
{
	const struct cmap_cursor start = {};
	struct cmap_scan *scan = kzalloc(sizeof(*scan), GFP_KERNEL);
	u64 found, reads = 0;
	u32 i;

	while (scan && !READ_ONCE(race_over)) {
		if (!still_has(race, 1))
			atomic_inc(&race_absent);
		reads++;
		let_others_run();
		if (reads % 64)
			continue;
		cmap_scan_begin(scan, race, &start);
		found = 0;
		do {
			rcu_read_lock();
			if (!cmap_scan_next(scan)) {
				rcu_read_unlock();
				break;
			}
			for (i = 0; i < scan->count; i++)
				found += !memcmp(scan->found[i].node->key,
						 &(u64){ 1 }, 8);
			cmap_scan_pass(scan);
			rcu_read_unlock();
		} while (true);
		if (found != 1)
			atomic_inc(&race_absent);
	}
	atomic64_add(reads, &race_reads);
	kfree(scan);
}

static void race_thread_run(struct kunit *test, unsigned int thread)
{
	if (!thread)
		race_writer(test);
	else
		race_reader();
}

static void touched_in_time_is_never_absent(struct kunit *test)
{
	race = still_map(test, &(struct cmap_spec){ .shards = 1 });
	race_over = false;
	atomic_set(&race_absent, 0);
	atomic64_set(&race_reads, 0);
	still_publish(race, 100);
	KUNIT_ASSERT_EQ(test, still_set_until(race, 1, 103 * SLOT, 0), 0);
	run_threads(test, 4, race_thread_run);
	KUNIT_EXPECT_EQ(test, atomic_read(&race_absent), 0);
	kunit_info(test, "%llu reads, %llu tables\n",
		   (u64)atomic64_read(&race_reads),
		   race->shard[0]->grows + race->shard[0]->shrinks);
	cmap_map_put(race);
}

static struct {
	u64 deadline;
	bool held;	/* a writer has found the entry, and holds the lock */
	bool tried;
	u64 word;	/* when it drops the lock */
} decided;

/* The timer runs where it was set: not on the CPU of the one who holds the lock. */
static void decide_thread(struct kunit *test, unsigned int thread)
{
	const u64 number = 1;
	struct cmap_stripe *stripe;
	struct cmap_key key;

	if (!thread) {
		u64 deadline = cmap_clock_deadline(30 * NSEC_PER_MSEC);

		KUNIT_EXPECT_EQ(test, still_set_until(race, number, deadline, 0), 0);
		/* Pairs with the acquire below. */
		smp_store_release(&decided.deadline, deadline);
		while (!READ_ONCE(decided.tried))
			msleep(20);
		return;
	}
	/* Pairs with the release above: the entry is there. */
	while (!smp_load_acquire(&decided.deadline))
		let_others_run();
	cmap_op_hash(race, &key, &number, sizeof(number));
	stripe = cmap_shard_lock(race->shard[0], cmap_hash_high(key.hash));
	decided.held = cmap_clock_closing(&race->clock) < decided.deadline;
	if (decided.held)
		mdelay(80);
	decided.word = cmap_clock_word(&race->clock);
	spin_unlock_bh(&stripe->lock);
	WRITE_ONCE(decided.tried, true);
}

static void expect_not_meanwhile(struct kunit *test, u64 others)
{
	u32 tries = 0;
	u64 key;

	do {
		race = full_new(test, 1, 0);
		for (key = 2; key < 2 + others; key++)
			KUNIT_ASSERT_EQ(test, full_set(race, key, 8, key,
						       GFP_KERNEL), 0);
		memset(&decided, 0, sizeof(decided));
		run_threads(test, 2, decide_thread);
		if (decided.held)
			KUNIT_EXPECT_LT(test, decided.word, decided.deadline);
		/* Then it expires. */
		while (still_has(race, 1))
			msleep(20);
		KUNIT_EXPECT_EQ(test, cmap_shard_stripes(race->shard[0]) > 1,
				others > 0);
		cmap_map_put(race);
	} while (!decided.held && ++tries < 20);
	KUNIT_EXPECT_TRUE(test, decided.held);
}

/* What a writer has found stays there for readers until the writer is done with it. */
static void found_entries_do_not_expire_meanwhile(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	expect_not_meanwhile(test, 0);
	/* The writer holds the lock of one stripe of many. */
	expect_not_meanwhile(test, 2000);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(expire_at_their_deadlines),
	KUNIT_CASE(removed_in_bounded_steps),
	KUNIT_CASE(alarm_is_set_for_the_first),
	KUNIT_CASE(next_while_a_list_is_spread),
	KUNIT_CASE(alarms_wait_in_order),
	KUNIT_CASE(lateness_has_no_bound),
	KUNIT_CASE(absent_for_every_operation),
	KUNIT_CASE(brief_statistics_remove_nothing),
	KUNIT_CASE(deadlines_are_set_and_kept),
	KUNIT_CASE(sums_below_a_ceiling),
	KUNIT_CASE(long_values_are_touched),
	KUNIT_CASE(copies_have_their_deadline),
	KUNIT_CASE(feed_says_expire),
	KUNIT_CASE(waits_end_when_it_expires),
	KUNIT_CASE(timer_runs_when_something_is_due),
	KUNIT_CASE(found_entries_do_not_expire_meanwhile),
	KUNIT_CASE(touched_in_time_is_never_absent),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_expire",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
