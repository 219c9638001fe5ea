// SPDX-License-Identifier: GPL-2.0
/*
 * Maps that are full: memory on its way back is used, and a write is refused only for
 * a reason.  That entries can be replaced is tested in replace_test.c.
 */
#include "full.h"
#include "../core/lack.h"
#include "../core/limits.h"
#include "../core/op.h"
#include "../core/queue.h"
#include "../core/registry.h"
#include "../core/supply.h"

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <uapi/linux/cmap.h>

/* ---- several writers ---- */

static struct contest {
	struct cmap *map;
	u64 keys;
	u32 len;
	u32 rounds;
	bool own;		/* delete and set an own key */
	atomic_t refused;
	atomic64_t slowest;	/* ns */
} contest;

static void contend(struct kunit *test, unsigned int thread)
{
	u64 key = thread, i, began, took, slowest;
	int err;

	for (i = 0; i < contest.rounds; i++) {
		if (contest.own)
			KUNIT_EXPECT_EQ(test, full_delete(contest.map, key), 0);
		else
			key = (i * 7 + thread * 31) % contest.keys;
		began = ktime_get_ns();
		err = full_set(contest.map, key, contest.len, i, GFP_KERNEL);
		took = ktime_get_ns() - began;
		slowest = atomic64_read(&contest.slowest);
		if (took > slowest)
			atomic64_cmpxchg(&contest.slowest, slowest, took);
		if (err) {
			atomic_inc(&contest.refused);
			/* The key was not deleted, so set it for the next round. */
			if (contest.own)
				full_set(contest.map, key, contest.len, i,
					 GFP_KERNEL);
		}
	}
}

static void hold_contest(struct kunit *test, u32 shards, u64 max_bytes,
			 u32 len, u32 rounds, bool own)
{
	struct cmap *map = full_new(test, shards, max_bytes);

	contest.map = map;
	contest.keys = full_fill(test, map, len);
	contest.len = len;
	contest.rounds = rounds;
	contest.own = own;
	atomic_set(&contest.refused, 0);
	atomic64_set(&contest.slowest, 0);
	run_threads(test, 4, contend);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&contest.refused), 0,
			    "%u bytes, %u shards", len, shards);
	kunit_info(test, "%u bytes, %u shards, %s: slowest %llu us", len,
		   shards, own ? "own keys" : "replacing",
		   atomic64_read(&contest.slowest) / 1000);
	cmap_map_put(map);
}

/*
 * Four writers that only replace were refused, because others were faster three
 * times.
 */
static void all_who_replace_in_a_full_map_can(struct kunit *test)
{
	hold_contest(test, 1, SZ_256K, 64, 500, false);
	hold_contest(test, 2, SZ_256K, 8, 500, false);
	hold_contest(test, 1, SZ_256K, 2000, 100, false);
	hold_contest(test, 1, SZ_1M, 100000, 30, false);
}

/*
 * A writer that deletes a key and sets it again has made room for itself.  It
 * was refused up to every fourth time, because memory on its way back was
 * overlooked.
 */
static void who_deletes_and_sets_again_has_room(struct kunit *test)
{
	hold_contest(test, 1, SZ_256K, 64, 300, true);
	hold_contest(test, 2, SZ_256K, 2000, 100, true);
	hold_contest(test, 1, SZ_1M, 100000, 30, true);
	hold_contest(test, 2, SZ_2M, 100000, 30, true);
}

#define SEVERAL	6	/* writers, and lengths */

/* In six size classes. */
static u32 one_of_several(u64 key)
{
	return 9000 + key / SEVERAL % SEVERAL * 4000;
}

/* Delete and set keys of one's own, each of which keeps its length. */
static void contend_with_several(struct kunit *test, unsigned int thread)
{
	u64 i, key;

	for (i = 0; i < contest.rounds; i++) {
		key = i * 7 % (contest.keys / SEVERAL) * SEVERAL + thread;
		KUNIT_EXPECT_EQ(test, full_delete(contest.map, key), 0);
		while (full_set(contest.map, key, one_of_several(key), i,
				GFP_KERNEL)) {
			atomic_inc(&contest.refused);
			cond_resched();
		}
	}
}

/*
 * Where values have several lengths, a writer that had given up a small segment got
 * a large one, with the room that others had made for themselves.  These were
 * refused, one in 300, and nobody could use what was idle in the large one.
 */
static void values_of_several_lengths_have_room(struct kunit *test)
{
	unsigned int round;
	struct cmap *map;
	u64 n;

	for (round = 0; round < 3; round++) {
		map = full_new(test, 4, 6 * SZ_1M);
		for (n = 0; !full_set(map, n, one_of_several(n), n, GFP_KERNEL); n++)
			;
		contest.map = map;
		contest.keys = n;
		contest.rounds = 500;
		atomic_set(&contest.refused, 0);
		run_threads(test, SEVERAL, contend_with_several);
		kunit_info(test, "%llu keys", n);
		KUNIT_EXPECT_EQ(test, atomic_read(&contest.refused), 0);
		cmap_map_put(map);
	}
}

static int replace_on(void *arg)
{
	u64 i = 0;

	while (!kthread_should_stop()) {
		i++;
		full_set(contest.map, i % contest.keys, contest.len, i, GFP_KERNEL);
		cond_resched();
	}
	return 0;
}

struct late {
	struct cmap *map;
	u64 key;
	u32 len;
	int err;
	struct completion done;
};

static int insert_late(void *arg)
{
	struct late *late = arg;

	late->err = full_set(late->map, late->key, late->len, 0, GFP_KERNEL);
	complete(&late->done);
	return 0;
}

static void start_late(struct kunit *test, struct late *late)
{
	struct task_struct *task;

	init_completion(&late->done);
	task = kthread_run(insert_late, late, "cmap_late");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
}

static void reserve(struct kunit *test, struct cmap *map,
		    struct cmap_write *write, const u64 *key, u32 len)
{
	int err;

	*write = (struct cmap_write){
		.code = CMAP_CODE_SET, .value_len = len,
	};
	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write->key, key, sizeof(*key)),
			0);
	KUNIT_ASSERT_NOT_NULL(test, cmap_op_reserve(map, write, GFP_KERNEL,
						    &err));
}

/*
 * The first writer in the queue waited for a node held by one behind it, which
 * waited in the queue itself.  Neither of them ever went on.
 */
static void nobody_waits_for_one_behind(struct kunit *test)
{
	static const u32 lens[] = { 1000, 100000 };
	u32 l;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		struct cmap *map = full_new(test, 1, SZ_1M);
		struct late late = { .map = map, .len = lens[l] };
		u64 n = full_fill(test, map, lens[l]), keys[] = { n, 1 }, i;
		unsigned long begin = jiffies;
		struct cmap_write insert, replace;
		int err;

		late.key = n + 1;
		KUNIT_ASSERT_EQ(test, full_delete(map, 0), 0);
		reserve(test, map, &insert, &keys[0], lens[l]);
		reserve(test, map, &replace, &keys[1], lens[l]);
		/* Use up all other free nodes. */
		for (i = 2; i < n && i < 20; i++)
			full_set(map, i, lens[l], i, GFP_KERNEL);
		synchronize_rcu();

		start_late(test, &late);
		msleep(50);
		err = cmap_op_write(map, &insert, GFP_KERNEL);
		KUNIT_EXPECT_TRUE(test, !err || err == -ENOSPC);
		cmap_op_unreserve(map, &insert);
		KUNIT_EXPECT_EQ(test, cmap_op_write(map, &replace, GFP_KERNEL),
				0);
		cmap_op_unreserve(map, &replace);
		wait_for_completion(&late.done);
		KUNIT_EXPECT_TRUE(test, !late.err || late.err == -ENOSPC);
		kunit_info(test, "%u bytes: %u ms", lens[l],
			   jiffies_to_msecs(jiffies - begin));
		KUNIT_EXPECT_LT_MSG(test, jiffies - begin, 5 * HZ, "%u bytes",
				    lens[l]);
		cmap_map_put(map);
	}
}

/*
 * Only the first writer in the queue had precedence.  When it had got its node,
 * a writer that did not queue took all others that the grace period had
 * brought.  The next one in the queue got none, and waited for another grace
 * period.
 */
static void who_queues_is_served_before_others(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, SZ_64K);
	struct cmap_shard *shard = map->shard[0];
	struct late late[2] = {
		{ .map = map, .key = 0, .len = 64 },
		{ .map = map, .key = 1, .len = 64 },
	};
	u64 n = full_fill(test, map, 64), i, key = 2;
	struct cmap_write first = {
		.value_len = 64, .blocked_on = CMAP_BLOCKED_ON_NODE,
	};
	u32 tries;
	int err;

	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &first.key, &key, sizeof(key)),
			0);
	/* Queue as a writer does that waits for a node. */
	down(&shard->supply);
	cmap_shard_serve(shard, &first);
	/* A thread that is slow to start finds nodes again, and does not queue. */
	for (tries = 0; tries < 20 && !atomic_read(&map->short_of); tries++) {
		if (tries)
			wait_for_completion(&late[0].done);
		i = 0;
		do
			err = full_set(map, i % n, 64, i, GFP_ATOMIC);
		while (!err && ++i < 1000);
		KUNIT_EXPECT_EQ(test, err, -EAGAIN);
		start_late(test, &late[0]);
		while (!atomic_read(&map->short_of) &&
		       !completion_done(&late[0].done))
			msleep(20);
	}
	/*
	 * Now everything that it needs is there, but it is not the first in the
	 * queue yet.
	 */
	synchronize_rcu();
	start_late(test, &late[1]);
	for (i = 0; i < 1000 && atomic_read(&map->short_of) < 2 &&
	     !completion_done(&late[1].done); i++)
		msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&late[1].done));
	KUNIT_EXPECT_FALSE(test, completion_done(&late[0].done));
	up(&shard->supply);
	for (i = 0; i < 2; i++) {
		wait_for_completion(&late[i].done);
		KUNIT_EXPECT_EQ(test, late[i].err, 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&map->short_of), 0);
	cmap_map_put(map);
}

/* Wait until a number has the expected value.  False if that takes too long. */
#define COMES_TO_BE(is, expected) ({					\
	u32 tries__ = 0;						\
									\
	while ((is) != (expected) && ++tries__ < 500)			\
		msleep(20);						\
	(is) == (expected);						\
})

/*
 * A writer had queued for a node and then lacked only credit.  All others
 * waited whose writes need such a node, although they need no credit.
 */
static void who_lacks_credit_keeps_nobody_waiting(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .max_entries = 4 };
	struct cmap *map = cmap_map_new(&spec);
	struct cmap_write first = {
		.value_len = 64, .blocked_on = CMAP_BLOCKED_ON_NODE,
	};
	struct late insert = { .key = 4, .len = 64 };
	struct late replace = { .key = 0, .len = 64 };
	struct cmap_shard *shard;
	struct cmap_class *class;
	bool replaced;
	u64 key;

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	shard = map->shard[0];
	for (key = 0; key < 3; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, 64, 0, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &first.key, &key, sizeof(key)), 0);
	class = &shard->arena.classes[cmap_class_of(cmap_node_size(sizeof(key), 64))];

	/*
	 * It queues for a node, and meanwhile another writer takes the last
	 * credit.
	 */
	down(&shard->supply);
	KUNIT_EXPECT_TRUE(test, cmap_shard_queue(shard, &first, 1));
	/* Count as many more as possible, and try one more. */
	KUNIT_EXPECT_TRUE(test, cmap_shard_queue(shard, &first, U16_MAX - 1));
	KUNIT_EXPECT_FALSE(test, cmap_shard_queue(shard, &first, 1));
	KUNIT_EXPECT_EQ(test, class->queued, U16_MAX);
	KUNIT_EXPECT_TRUE(test, cmap_shard_queue(shard, &first, 1 - U16_MAX));
	cmap_shard_serve(shard, &first);
	insert.map = replace.map = map;
	start_late(test, &insert);
	KUNIT_EXPECT_TRUE(test, COMES_TO_BE(READ_ONCE(class->queued), 2));
	KUNIT_EXPECT_EQ(test, full_set(map, key, 1000, 0, GFP_KERNEL), 0);
	__cmap_quota_deleting(&map->quota);
	cmap_shard_queue(shard, &first, -1);
	up(&shard->supply);

	KUNIT_EXPECT_TRUE(test, COMES_TO_BE(READ_ONCE(shard->arena.serving), 0));
	start_late(test, &replace);
	replaced = wait_for_completion_timeout(&replace.done, 10 * HZ);
	KUNIT_EXPECT_TRUE(test, replaced);
	KUNIT_EXPECT_FALSE(test, completion_done(&insert.done));
	__cmap_quota_inserted(&map->quota);
	wait_for_completion(&insert.done);
	KUNIT_EXPECT_EQ(test, insert.err, -ENOSPC);
	if (!replaced)
		wait_for_completion(&replace.done);
	cmap_map_put(map);
}

/*
 * A full map refuses inserts, also while replacements have memory on its way
 * back.
 */
static void inserts_are_refused_beside_replacements(struct kunit *test)
{
	static const u32 lens[] = { 64, 2000, 100000 };
	struct task_struct *task;
	u32 l, i;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		unsigned long begin = jiffies;

		contest.map = full_new(test, 1, SZ_1M);
		contest.len = lens[l];
		contest.keys = full_fill(test, contest.map, lens[l]);
		task = kthread_run(replace_on, NULL, "cmap_replace");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		for (i = 0; i < 5; i++)
			KUNIT_EXPECT_EQ(test, full_set(contest.map,
						       contest.keys + i, lens[l], 0,
						       GFP_KERNEL), -ENOSPC);
		kthread_stop(task);
		KUNIT_EXPECT_LT_MSG(test, jiffies - begin, 10 * HZ,
				    "%u bytes", lens[l]);
		cmap_map_put(contest.map);
	}
}

/*
 * A shard can number only so many segments.  When all numbers were taken, a
 * write was refused only after many looks for memory, and a write that must not
 * sleep was told to try again for ever.
 */
static void spent_numbers_are_said_at_once(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	struct cmap_shard *shard = map->shard[0];
	struct cmap_segtab *segtab;
	u64 retries;

	KUNIT_ASSERT_EQ(test, full_set(map, 0, 100, 0, GFP_KERNEL), 0);
	segtab = use_largest_segtab(test, &shard->arena);
	bitmap_fill(segtab->map, segtab->size);
	segtab->taken = segtab->size;

	retries = shard->retries;
	KUNIT_EXPECT_EQ(test, full_set(map, 1, 2000, 0, GFP_ATOMIC), -ENOSPC);
	KUNIT_EXPECT_EQ(test, full_set(map, 1, 200, 0, GFP_ATOMIC), -ENOSPC);
	KUNIT_EXPECT_EQ(test, full_set(map, 1, 200, 0, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_LE(test, shard->retries - retries, 6);
	/* Writes that need no new segment go on. */
	KUNIT_EXPECT_EQ(test, full_set(map, 1, 100, 0, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, full_set(map, 0, 100, 0, GFP_ATOMIC), 0);
	cmap_map_put(map);
}

static struct cmap_shard *shard_of(struct kunit *test, struct cmap *map, u64 key)
{
	struct cmap_key k;

	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &k, &key, sizeof(key)), 0);
	return cmap_op_shard(map, &k);
}

/*
 * Only a shard's own segments return a number.  When a shard had none left, the
 * segments of all shards were emptied.
 */
static void numbers_are_looked_for_where_they_lack(struct kunit *test)
{
	struct cmap *map = full_new(test, 2, 0);
	struct cmap_shard *spent = map->shard[0], *sparse = map->shard[1];
	/*
	 * The keys are so few that the shard's own work does not empty its
	 * segments.
	 */
	const u64 keys = 800;
	u64 key, allocs, only = U64_MAX;
	struct cmap_segtab *segtab;

	for (key = 0; key < keys; key++) {
		if (shard_of(test, map, key) == sparse || only == U64_MAX)
			KUNIT_ASSERT_EQ(test, full_set(map, key, 100, 0,
						       GFP_KERNEL), 0);
		if (shard_of(test, map, key) == spent && only == U64_MAX)
			only = key;
	}
	for (key = 0; key < keys; key++)
		if (shard_of(test, map, key) == sparse && key % 8)
			KUNIT_ASSERT_EQ(test, full_delete(map, key), 0);
	/* There is room for copies, so segments could be emptied. */
	synchronize_rcu();
	segtab = use_largest_segtab(test, &spent->arena);
	bitmap_fill(segtab->map, segtab->size);
	segtab->taken = segtab->size;

	allocs = sparse->arena.allocs;
	KUNIT_EXPECT_EQ(test, full_set(map, only, 2000, 0, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, sparse->arena.allocs, allocs);
	cmap_map_put(map);
}

/* ---- what other maps have on its way back ---- */

/*
 * At the limit for all maps, memory that one map had just given up was refused
 * to another one for up to a fifth of a second.
 */
static void memory_of_other_maps_is_waited_for(struct kunit *test)
{
	struct cmap *a = full_new(test, 2, 0), *b = full_new(test, 2, 0);
	/* The maps have no names, but are found among all maps. */
	int err = cmap_names_add(a, cmap_names_here()) ?:
		  cmap_names_add(b, cmap_names_here());
	const struct cmap_spec spec = { .shards = 4 };
	u32 way;

	KUNIT_ASSERT_EQ(test, err, 0);
	cmap_account_all.max = SZ_4M;
	for (way = 0; way < 2; way++) {
		u64 n = full_fill(test, a, 60000);

		if (way) {
			while (n)
				KUNIT_EXPECT_EQ(test, full_delete(a, --n), 0);
		} else {
			KUNIT_EXPECT_EQ(test, cmap_map_clear(a), n);
		}
		KUNIT_EXPECT_EQ(test, full_set(b, 1, 60000, 1, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, full_delete(b, 1), 0);
	}
	full_fill(test, a, 60000);
	cmap_map_put(a);
	a = cmap_supply_map(&spec);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, full_set(b, 1, 60000, 1, GFP_KERNEL), 0);
	cmap_map_put(a);
	cmap_map_put(b);
}

#define HANDS		8

/*
 * Hold as many replacements in hand as there is room for, let another map
 * replace a value, and write the held ones.  Returns the result of the other
 * map's write.
 */
static int replace_beside_hands(struct kunit *test, struct cmap *other,
				struct cmap *map, u64 n)
{
	struct late late = { .map = other, .len = 100000 };
	struct cmap_write *write;
	u64 key[HANDS];
	u32 held, i;
	int err;

	write = kunit_kcalloc(test, HANDS, sizeof(*write), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, write);
	for (held = 0; held < HANDS && held < n; held++) {
		key[held] = held;
		write[held].code = CMAP_CODE_SET;
		write[held].value_len = 100000;
		err = cmap_op_key(map, &write[held].key, &key[held],
				  sizeof(key[held]));
		KUNIT_ASSERT_EQ(test, err, 0);
		/* There is room for two, now or after a grace period. */
		if (!cmap_op_reserve(map, &write[held],
				     held < 2 ? GFP_KERNEL : GFP_ATOMIC, &err))
			break;
	}
	KUNIT_EXPECT_GE(test, held, 2);
	KUNIT_EXPECT_LT(test, held, HANDS);

	start_late(test, &late);
	for (i = 0; i < 100 && !atomic_read(&other->short_of) &&
	     !completion_done(&late.done); i++)
		msleep(20);
	msleep(100);
	while (held--) {
		KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write[held],
						    GFP_KERNEL), 0);
		cmap_op_unreserve(map, &write[held]);
	}
	wait_for_completion(&late.done);

	return late.err;
}

/*
 * At the limit for all maps, the replacement of a long value was refused
 * because of memory that another map's writers held, and were about to use or
 * return.  A writer waits for such memory for a second at most, so a slow
 * machine needs several tries.
 */
static void hands_of_other_maps_are_waited_for(struct kunit *test)
{
	struct cmap *a = full_new(test, 1, 0), *b = full_new(test, 1, 0);
	int err = cmap_names_add(a, cmap_names_here()) ?:
		  cmap_names_add(b, cmap_names_here());
	u32 tries = 0;
	u64 n;

	KUNIT_ASSERT_EQ(test, err, 0);
	cmap_account_all.max = SZ_2M;
	KUNIT_ASSERT_EQ(test, full_set(a, 0, 100000, 0, GFP_KERNEL), 0);
	n = full_fill(test, b, 100000);
	do
		err = replace_beside_hands(test, a, b, n);
	while (err == -ENOSPC && ++tries < 10);
	KUNIT_EXPECT_EQ(test, err, 0);
	cmap_map_put(a);
	cmap_map_put(b);
}

static void set_long(struct kunit *test, struct cmap *map, u64 keys)
{
	while (keys--)
		KUNIT_ASSERT_EQ(test, full_set(map, keys, 100000, 0, GFP_KERNEL), 0);
}

static u64 room_taken(const struct cmap_account *account)
{
	return atomic64_read(&account->bytes) +
	       atomic64_read(&account->headroom);
}

/*
 * Make three maps with long values.  A user who may not use the reserve pays
 * for two.
 */
static struct cmap_user *payer_begin(struct kunit *test, struct cmap **map)
{
	struct cmap_user *user = cmap_user_count(KUIDT_INIT(4711), false);
	u32 i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	for (i = 0; i < 3; i++) {
		map[i] = full_new(test, 1, 0);
		KUNIT_ASSERT_EQ(test, cmap_names_add(map[i],
						     cmap_names_here()), 0);
		set_long(test, map[i], 6);
		if (i < 2)
			KUNIT_ASSERT_EQ(test, cmap_bill_move(&map[i]->memory.bill,
							     &user->account,
							     false), 0);
	}
	cmap_reserve_percent = 0;
	return user;
}

static void payer_end(struct cmap_user *user, struct cmap **map)
{
	u32 i;

	cmap_account_all.max = 0;
	cmap_user_max_bytes = 0;
	cmap_reserve_percent = 5;
	for (i = 0; i < 3; i++)
		cmap_map_put(map[i]);
	wait_for_frees();
	wait_for_frees();
	cmap_user_uncount(user);
}

/*
 * Two limits were reached at once, a user's and that for all maps.  Only the
 * user's maps were examined, so memory on its way back from other maps did not
 * count.
 */
static void each_limit_is_looked_at(struct kunit *test)
{
	struct cmap_user *user;
	struct cmap *map[3];
	u32 i;

	user = payer_begin(test, map);
	cmap_user_max_bytes = room_taken(&user->account);
	cmap_account_all.max = room_taken(&cmap_account_all) - 200000;

	/*
	 * The user's limit needs two of the user's own values, that for all
	 * maps three.
	 */
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, full_delete(map[1], i), 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, full_delete(map[2], i), 0);
	KUNIT_EXPECT_EQ(test, full_set(map[0], 100, 100000, 0, GFP_KERNEL), 0);
	payer_end(user, map);
}

/*
 * Make a node as if it had just been reserved, as nobody waits for one held for
 * long.
 */
static void hold_anew(struct cmap_shard *shard, const struct cmap_write *write)
{
	cmap_shard_hold(shard, write, false);
	cmap_shard_hold(shard, write, true);
}

/*
 * The memory that others held was enough for the user's limit, but not for that
 * for all maps.  A writer then counted memory that it held itself, and waited a
 * second for itself.  With this fault every try takes that long; without it a
 * slow machine may delay one.
 */
static void nobody_waits_for_what_he_holds(struct kunit *test)
{
	unsigned long took = MAX_JIFFY_OFFSET, begin;
	struct cmap_write own, other[2];
	struct cmap_user *user;
	struct cmap *map[3];
	u64 key = 100, i;

	user = payer_begin(test, map);
	reserve(test, map[0], &own, &key, 100000);
	for (i = 0; i < 2; i++)
		reserve(test, map[1], &other[i], &i, 100000);
	cmap_user_max_bytes = room_taken(&user->account) - SZ_4K;
	cmap_account_all.max = room_taken(&cmap_account_all) - 150000;

	for (i = 0; i < 3; i++) {
		hold_anew(map[0]->shard[0], &own);
		hold_anew(map[1]->shard[0], &other[0]);
		begin = jiffies;
		KUNIT_EXPECT_NE(test, cmap_op_write(map[0], &own, GFP_KERNEL), 0);
		took = min(took, jiffies - begin);
	}
	KUNIT_EXPECT_LT(test, took, HZ / 2);

	cmap_op_unreserve(map[0], &own);
	for (i = 0; i < 2; i++)
		cmap_op_unreserve(map[1], &other[i]);
	payer_end(user, map);
}

/* ---- killed writers ---- */

static struct {
	struct cmap *map;
	u64 key;
	u32 left;
} thief;

static void steal(void)
{
	if (!thief.left)
		return;
	thief.left--;
	full_set(thief.map, thief.key++, 100000, 0, GFP_KERNEL);
}

/*
 * A writer got what it lacked, and others took it, again and again.  It went on
 * for as long as they did, even if it was killed: it checked for a signal only
 * before a wait.
 */
static void who_is_killed_ends_without_a_wait(struct kunit *test)
{
	const u32 thefts = 60;
	int err;

	thief.map = full_new(test, 1, 0);
	/* Make the table first, as a killed writer does not make one. */
	KUNIT_ASSERT_EQ(test, full_set(thief.map, 1000, 8, 0, GFP_KERNEL), 0);
	thief.key = 1;
	thief.left = thefts;
	after_refill(steal);
	set_killed(true);
	err = full_set(thief.map, 0, 100000, 0, GFP_KERNEL);
	set_killed(false);
	KUNIT_EXPECT_EQ(test, err, -EINTR);
	KUNIT_EXPECT_GT(test, thief.left, thefts / 2);
	/* A writer that is not killed goes on. */
	KUNIT_EXPECT_EQ(test, full_set(thief.map, 0, 100000, 0, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, thief.left, 0);
	after_refill(NULL);
	cmap_map_put(thief.map);
}

/* ---- work queues ---- */

struct errand {
	struct work_struct work, inner;
	struct workqueue_struct *queue;
};

static void take_a_while(struct work_struct *work)
{
	msleep(20);
}

static void flush_other(struct work_struct *work)
{
	struct errand *errand = container_of(work, struct errand, work);

	queue_work(errand->queue, &errand->inner);
	flush_work(&errand->inner);
}

/*
 * Writers, and reclaim, wait for memory that works free.  The queue in which
 * maps are destroyed had no rescuer.  Without one its works may never run if
 * memory is short.  The kernel warns if reclaim flushes such a queue.
 */
static void works_go_on_without_memory(struct kunit *test)
{
	struct workqueue_struct *reclaim = alloc_workqueue("cmap_reclaim",
							   WQ_UNBOUND |
							   WQ_MEM_RECLAIM, 0);
	struct workqueue_struct *queues[] = {
		cmap_queue_resize, cmap_queue_upkeep, cmap_queue_free,
		cmap_queue_wake, cmap_queue_destroy,
	};
	struct errand errand;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, reclaim);
	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		errand.queue = queues[i];
		INIT_WORK_ONSTACK(&errand.work, flush_other);
		INIT_WORK_ONSTACK(&errand.inner, take_a_while);
		queue_work(reclaim, &errand.work);
		flush_work(&errand.work);
		KUNIT_EXPECT_FALSE(test, work_busy(&errand.inner));
		destroy_work_on_stack(&errand.inner);
		destroy_work_on_stack(&errand.work);
	}
	destroy_workqueue(reclaim);
}

/* ---- without sleeping ---- */

/*
 * A writer that must not sleep was told to try again for ever where that could
 * not help: memory waited for a grace period, but this write could not use it.
 */
static void full_is_said_without_sleeping(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, SZ_128K);
	u64 n = full_fill(test, map, 1000);
	u32 tries = 0;
	int err;

	KUNIT_EXPECT_EQ(test, full_set(map, 0, 1000, 1, GFP_KERNEL), 0);
	do {
		err = full_set(map, n, 1000, 1, GFP_ATOMIC);
		msleep(50);
	} while (err == -EAGAIN && ++tries < 20);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	/* A replacement is possible, now or after a grace period. */
	tries = 0;
	do {
		err = full_set(map, 1, 1000, 1, GFP_ATOMIC);
		msleep(50);
	} while (err == -EAGAIN && ++tries < 20);
	KUNIT_EXPECT_EQ(test, err, 0);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(all_who_replace_in_a_full_map_can),
	KUNIT_CASE_SLOW(who_deletes_and_sets_again_has_room),
	KUNIT_CASE_SLOW(values_of_several_lengths_have_room),
	KUNIT_CASE_SLOW(nobody_waits_for_one_behind),
	KUNIT_CASE_SLOW(who_queues_is_served_before_others),
	KUNIT_CASE(who_lacks_credit_keeps_nobody_waiting),
	KUNIT_CASE_SLOW(inserts_are_refused_beside_replacements),
	KUNIT_CASE(spent_numbers_are_said_at_once),
	KUNIT_CASE(numbers_are_looked_for_where_they_lack),
	KUNIT_CASE_SLOW(memory_of_other_maps_is_waited_for),
	KUNIT_CASE_SLOW(hands_of_other_maps_are_waited_for),
	KUNIT_CASE(each_limit_is_looked_at),
	KUNIT_CASE_SLOW(nobody_waits_for_what_he_holds),
	KUNIT_CASE(who_is_killed_ends_without_a_wait),
	KUNIT_CASE(works_go_on_without_memory),
	KUNIT_CASE(full_is_said_without_sleeping),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_supply",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
