// SPDX-License-Identifier: GPL-2.0
/*
 * A shard at its limits, and when memory is short.
 */
#include "test_shard.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/queue.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

static const struct cmap_stripe *nth_stripe(const struct test_shard *ts, u32 nth)
{
	return ts->shard->stripe ? &ts->shard->stripe[nth] : &ts->shard->first;
}

static u32 stashed(const struct test_shard *ts)
{
	u32 i, nodes = 0;

	for (i = 0; i < cmap_shard_stripes(ts->shard); i++)
		nodes += nth_stripe(ts, i)->stash.count;
	return nodes;
}

/*
 * Stripes stash nodes that were freed.  Who lacks memory gets them, and no stripe
 * stashes any for a while.
 */
static void stashes_are_emptied(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_class *class;

	ts_each(test, ts, TS_SET, some_keys(0, 2000));
	ts_each(test, ts, TS_DELETE, some_keys(0, 500));
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	/* To its segment such a node is in use. */
	class = &ts->shard->arena.classes[nth_stripe(ts, 0)->stash.class];
	KUNIT_EXPECT_GE(test, class->nodes - class->free, stashed(ts));

	cmap_maintain_unstash(ts->shard, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	ts_each(test, ts, TS_DELETE, some_keys(500, 1));
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	ts_free(ts);
}

/*
 * Whoever reached the limit on all maps had the stripes of all of them stash nothing for a
 * second, at each try.
 */
static void others_stash_again_soon(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	unsigned long until;
	bool freed = false;

	ts_each(test, ts, TS_SET, some_keys(0, 2000));
	ts_each(test, ts, TS_DELETE, some_keys(0, 500));
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	cmap_maintain_reclaim(ts->shard, false, &freed);
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	until = ts->shard->arena.scarce_until;
	KUNIT_EXPECT_TRUE(test, !until || time_before(until, jiffies + HZ / 2));

	/* That does not help its own writers less. */
	cmap_maintain_reclaim(ts->shard, true, &freed);
	until = ts->shard->arena.scarce_until;
	cmap_maintain_reclaim(ts->shard, false, &freed);
	KUNIT_EXPECT_EQ(test, ts->shard->arena.scarce_until, until);
	ts_free(ts);
}

/* The stripe of the keys that ts_key_at() makes. */
static struct cmap_stripe *stripe_at(struct test_shard *ts, u32 high)
{
	return cmap_shard_stripe(ts->shard, high >> ts->shard->shard_bits);
}

static u32 stashed_at(struct test_shard *ts, u32 high)
{
	return stripe_at(ts, high)->stash.count;
}

/* Delete keys as in softirq. */
static void delete_atomic(struct kunit *test, struct test_shard *ts, u32 count, u32 high)
{
	u8 buf[MODEL_KEY_MAX];
	u32 i;

	for (i = 0; i < count; i++) {
		struct cmap_write write = {
			.key = ts_key_at(i, high, buf), .flags = CMAP_WRITE_DELETE,
		};

		KUNIT_EXPECT_EQ(test, shard_write(ts->shard, &write, GFP_ATOMIC), 0);
	}
}

/*
 * Who must not sleep took nodes from the first stripe that had some, though readers might
 * be in them, so they were of no use, and their grace period began anew.  Nodes of other
 * stripes that were ready were not found.
 */
static void ready_nodes_are_found_without_sleeping(struct kunit *test)
{
	const u32 busy = 0, idle = 7 << 28;
	struct test_shard *ts = ts_new(test, 1, false);
	u32 waiting, ready;

	ts_each(test, ts, TS_SET, some_keys(0, 2000));
	ts_each(test, ts, TS_DELETE, some_keys(0, 1000));
	ts_settle(ts);
	cmap_maintain_unstash(ts->shard, GFP_KERNEL);
	/* Nothing is stashed while the keys are set. */
	ts->shard->arena.scarce_until = (jiffies + 1000 * HZ) | 1;
	ts_each(test, ts, TS_SET, some_keys_at(0, 20, busy));
	ts_each(test, ts, TS_SET, some_keys_at(0, 20, idle));
	ts->shard->arena.scarce_until = 0;
	/* The work looks after the stashes only when the test is over. */
	ts->shard->arena.stashed = true;
	cancel_delayed_work_sync(&ts->shard->trim);

	delete_atomic(test, ts, 20, idle);
	synchronize_rcu();
	rcu_read_lock();
	delete_atomic(test, ts, 20, busy);
	ready = stashed_at(ts, idle);
	waiting = stashed_at(ts, busy);
	KUNIT_EXPECT_GT(test, ready, 0);
	KUNIT_EXPECT_GT(test, waiting, 0);
	KUNIT_EXPECT_EQ(test, cmap_maintain_unstash(ts->shard, GFP_ATOMIC), 1);
	KUNIT_EXPECT_LT(test, stashed_at(ts, idle), ready);
	while (cmap_maintain_unstash(ts->shard, GFP_ATOMIC) > 0)
		;
	KUNIT_EXPECT_EQ(test, stashed_at(ts, busy), waiting);
	KUNIT_EXPECT_EQ(test, cmap_maintain_unstash(ts->shard, GFP_ATOMIC), -EAGAIN);
	rcu_read_unlock();

	/* The last ones may wait for the grace period after the next. */
	do {
		synchronize_rcu();
	} while (cmap_maintain_unstash(ts->shard, GFP_ATOMIC));
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	ts_free(ts);
}

/*
 * If all waiting nodes of a stash were given back, the others waited for no grace period
 * until the next one was freed.
 */
static void what_is_left_waits(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_stash *stash = &ts->shard->first.stash;

	ts_each(test, ts, TS_SET, some_keys_at(0, 20, 0));
	rcu_read_lock();
	delete_atomic(test, ts, 20, 0);
	KUNIT_EXPECT_NE(test, stash->waiting, 0);
	KUNIT_EXPECT_NE(test, stash->fresh, 0);
	spin_lock_bh(&ts->shard->first.lock);
	spin_lock(&ts->shard->lock);
	while (stash->ready)
		cmap_stash_empty(&ts->shard->arena, stash, 1, true);
	KUNIT_EXPECT_EQ(test, cmap_stash_empty(&ts->shard->arena, stash, 1, true), 1);
	spin_unlock(&ts->shard->lock);
	spin_unlock_bh(&ts->shard->first.lock);
	KUNIT_EXPECT_NE(test, stash->waiting, 0);
	KUNIT_EXPECT_EQ(test, stash->fresh, 0);
	rcu_read_unlock();
	ts_free(ts);
}

/* The work gives back what the stripes had no use for since its last run. */
static void idle_stashes_are_emptied(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);

	ts_each(test, ts, TS_SET, some_keys(0, 2000));
	ts_each(test, ts, TS_DELETE, some_keys(0, 2000));
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	/* For the first run the shard is in use. */
	flush_delayed_work(&ts->shard->trim);
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	flush_delayed_work(&ts->shard->trim);
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	/* The next one that is stashed has the work run again. */
	ts_each(test, ts, TS_SET, some_keys(0, 200));
	ts_each(test, ts, TS_DELETE, some_keys(0, 200));
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	flush_delayed_work(&ts->shard->trim);
	flush_delayed_work(&ts->shard->trim);
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	ts_free(ts);
}

/*
 * A stash took as many nodes as were a stripe's share of the class.  That can be more than
 * it can count: a shard of a map with a feed has one stripe.
 */
static void stashes_are_not_too_large(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_stash *stash = &ts->shard->first.stash;
	struct cmap_class *class;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key_at(1, 0, buf);
	u32 nodes, count;

	/* No node is taken ahead. */
	ts->shard->arena.scarce_until = (jiffies + 1000 * HZ) | 1;
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	ts->shard->arena.scarce_until = 0;
	/* As if there were very many, and no work looked after them. */
	ts->shard->arena.stashed = true;
	class = &ts->shard->arena.classes[stash->class];
	nodes = class->nodes;
	count = stash->count;
	class->nodes = U32_MAX;
	stash->count = SZ_64K - 1;
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, stash->count == SZ_64K);
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, stash->count <= SZ_64K);
	class->nodes = nodes;
	stash->count = count + !!(stash->waiting | stash->fresh);
	ts_free(ts);
}

/* Who begins to stash nodes need not have all segments looked at. */
static void stashes_need_no_trim(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key(ts, 7, buf);

	ts_each(test, ts, TS_SET, some_keys(0, 2000));
	ts_settle(ts);
	cmap_maintain_unstash(ts->shard, GFP_KERNEL);
	while (delayed_work_pending(&ts->shard->trim))
		flush_delayed_work(&ts->shard->trim);
	ts->shard->arena.scarce_until = 0;

	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_GT(test, stashed(ts), 0);
	KUNIT_EXPECT_EQ(test, ts->shard->trim_due, 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&ts->shard->trim));
	ts_free(ts);
}

/* Nodes that come from segments go back to segments. */
static void long_values_are_not_stashed(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	u32 i;
	int err;

	for (i = 0; i < 400; i++) {
		struct cmap_write write = { .value_len = CMAP_COPY_LOCKED_MAX + 1 };
		struct cmap_node *node;

		write.key = ts_key(ts, i % 200, buf);
		node = shard_reserve(ts->shard, &write, GFP_KERNEL, &err);
		KUNIT_ASSERT_NOT_NULL(test, node);
		memset(cmap_node_value(node), 0, write.value_len);
		KUNIT_ASSERT_EQ(test, shard_write(ts->shard, &write, GFP_KERNEL), 0);
	}
	KUNIT_EXPECT_EQ(test, stashed(ts), 0);
	ts_free(ts);
}

static u32 class_of(const struct cmap_key *key)
{
	return cmap_class_of(cmap_node_size(key->len, 1));
}

/*
 * In a full shard inserts leave some nodes to replacements.  A replacement takes one of
 * these and frees another.  If that were stashed, an insert could take it.
 */
static void reserve_is_not_stashed(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX], other_buf[MODEL_KEY_MAX];
	struct cmap_key key, other;
	u32 i, n = 300;

	/* All in one stripe, so that an insert finds what the replacement frees. */
	key = ts_key_at(1, 0, buf);
	ts_each(test, ts, TS_SET, some_keys_at(0, 20, 0));
	ts_each(test, ts, TS_SET, some_keys(1000, n));
	ts_settle(ts);
	ts->ctx->memory.account.max = ctx_bytes(ts->ctx);
	for (; n < 10000; n++) {
		other = ts_key(ts, 1000 + n, other_buf);
		if (class_of(&other) == class_of(&key) &&
		    ts_set(ts, &other, "v", 1, GFP_KERNEL))
			break;
	}
	KUNIT_ASSERT_LT(test, n, 10000);

	for (i = 0; i < 40; i++) {
		synchronize_rcu();
		ts->shard->arena.scarce_until = 0;
		KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
		synchronize_rcu();
		other = ts_key_at(20 + i, 0, other_buf);
		if (class_of(&other) == class_of(&key))
			KUNIT_EXPECT_EQ(test, ts_set(ts, &other, "v", 1,
						     GFP_KERNEL), -ENOSPC);
	}
	ts_free(ts);
}

static const struct cmap_class *class_for(const struct test_shard *ts, u32 key_len,
					  u32 value_len)
{
	u32 nth = cmap_class_of(cmap_node_size(key_len, value_len));

	return &ts->shard->arena.classes[nth];
}

/*
 * Without memory a short value gets a node as large as the one that it replaces.  That
 * was stashed later as if it were small, and its memory did not come back.
 */
static void larger_nodes_are_not_stashed(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	const struct cmap_stash *stash = &ts->shard->first.stash;
	struct cmap_write write = { .value_len = 3000 };
	const struct cmap_class *large;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 used, i;
	int err;

	key = ts_key_at(1, 0, buf);
	write.key = key;
	KUNIT_ASSERT_NOT_NULL(test, shard_reserve(ts->shard, &write, GFP_KERNEL, &err));
	KUNIT_ASSERT_EQ(test, shard_write(ts->shard, &write, GFP_KERNEL), 0);
	large = class_for(ts, key.len, 3000);
	used = large->nodes - large->free;
	KUNIT_ASSERT_EQ(test, used, 1);

	/* One for a reserved node that is not written, one for a write. */
	for (i = 0; i < 2; i++) {
		write = (struct cmap_write){
			.key = key, .flags = CMAP_WRITE_QUEUED,
			.value = "x", .value_len = 1,
		};
		if (i) {
			err = cmap_shard_try_write(ts->shard, &write, GFP_ATOMIC);
			KUNIT_ASSERT_EQ(test, err, 0);
			break;
		}
		KUNIT_ASSERT_NOT_NULL(test, cmap_shard_try_reserve(ts->shard, &write));
		cmap_shard_unreserve(ts->shard, &write);
		KUNIT_EXPECT_EQ(test, ts->shard->arena.larger, 0);
	}
	KUNIT_EXPECT_EQ(test, ts->shard->arena.larger, 1);
	KUNIT_EXPECT_EQ(test, large->nodes - large->free, used);

	/* Small nodes become plenty.  The next write frees the larger one. */
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "y", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, large->nodes - large->free, 0);
	KUNIT_EXPECT_EQ(test, ts->shard->arena.larger, 0);
	KUNIT_EXPECT_EQ(test, stash->waiting | stash->fresh, 0);
	/* From then on freed nodes are stashed again. */
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "z", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_NE(test, stash->waiting | stash->fresh, 0);
	ts_free(ts);
}

static void quota_exact(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	cmap_quota_init(&ts->ctx->quota, 500, CMAP_STRIPES_MAX);
	ts_each(test, ts, TS_SET, some_keys(0, 500));
	key = ts_key(ts, 500, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	for (i = 0; i < cmap_shard_stripes(ts->shard); i++)
		cmap_shard_collect(ts->shard, i);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	key = ts_key(ts, 0, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ts_delete(ts, &key), 0);
	key = ts_key(ts, 500, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), 500);
	ts_free(ts);
}

/* At the limit on memory writes fail, and everything else works as before. */
static void memory_limit(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 2000, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n = 0;
	int err;

	ts->ctx->memory.account.max = 20 * PAGE_SIZE;
	for (i = 0; i < 2000; i++) {
		struct cmap_write write = {
			.key = ts_key(ts, i, buf),
			.value = ts->buf, .value_len = 100,
		};

		model_fill(ts->buf, 100, i);
		err = shard_write(ts->shard, &write, GFP_KERNEL);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOSPC);
			KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
			ts_expect(test, ts, &write.key, NULL);
			continue;
		}
		n++;
		KUNIT_ASSERT_TRUE(test, model_set(ts->model, buf,
						  write.key.len, ts->buf, 100,
						  write.version));
	}
	KUNIT_EXPECT_GT(test, n, 300);
	KUNIT_EXPECT_LT(test, n, 700);
	KUNIT_EXPECT_LE(test, ctx_bytes(ts->ctx), 20 * PAGE_SIZE);
	ts_expect_all(test, ts);
	while (ts->model->count) {
		struct model_entry *entry = &ts->model->entry[0];

		key = (struct cmap_key){
			entry->key, entry->key_len,
			(u64)INDEX << 61 | cmap_hash(&ts->ctx->hash,
						     entry->key,
						     entry->key_len) >> 3
		};
		KUNIT_ASSERT_EQ(test, ts_delete(ts, &key), 0);
		model_remove(ts->model, entry);
	}
	ts_free(ts);
}

/*
 * A segment that was made for a long value stayed until the next write to the shard if
 * the value was not written after all.  That happens if its copy faults, or its
 * condition does not hold, in a shard without entries.
 */
static void unreserved_goes_back(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_write write = { .value_len = 100000 };
	u8 buf[MODEL_KEY_MAX];
	int err;

	write.key = ts_key(ts, 0, buf);
	KUNIT_ASSERT_NOT_NULL(test, shard_reserve(ts->shard, &write,
						       GFP_KERNEL, &err));
	KUNIT_EXPECT_GT(test, ctx_bytes(ts->ctx), 100000);
	cmap_shard_unreserve(ts->shard, &write);
	flush_delayed_work(&ts->shard->trim);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ts->ctx), 0);
	ts_free(ts);
}

/* The first write needs everything: table, node, segment table.  Each one fails once. */
static void no_memory_for_the_first(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key(ts, 1, buf);
	u32 n;

	ts->ctx->memory.offered = true;
	for (n = 0;; n++) {
		int err;

		fail_allocs(n, U32_MAX);
		err = ts_set(ts, &key, "v", 1, GFP_KERNEL);
		if (!fail_allocs_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_FALSE(test, ts_has(ts, &key));
		KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), 0);
	}
	KUNIT_EXPECT_GE(test, n, 5);
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	ts_free(ts);
}

/* The allocations for pool buckets and for a long value's node fail. */
static void no_memory_for_more(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_write write = { .value_len = 3000 };
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n, failures = 0;
	int err;

	ts->ctx->memory.offered = true;
	/* A table of 64 buckets, whose pool is allocated when it is needed. */
	for (i = 0; i < 210; i++) {
		key = ts_key_at(i, i * (U32_MAX / 210), buf);
		KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	}
	ts_settle(ts);
	for (i = 0; i < 60; i++) {
		for (n = 0;; n++) {
			key = ts_key_at(1000 + i, 0x12345678, buf);
			fail_allocs(n, U32_MAX);
			err = ts_set(ts, &key, "v", 1, GFP_KERNEL);
			if (!err)
				break;
			KUNIT_ASSERT_NE(test, fail_allocs_end(), 0);
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_FALSE(test, ts_has(ts, &key));
			failures++;
		}
		fail_allocs_end();
	}
	KUNIT_EXPECT_GE(test, failures, 2);

	for (n = 0;; n++) {
		write.key = key;
		fail_allocs(n, U32_MAX);
		if (shard_reserve(ts->shard, &write, GFP_KERNEL, &err))
			break;
		KUNIT_ASSERT_NE(test, fail_allocs_end(), 0);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
	}
	fail_allocs_end();
	KUNIT_EXPECT_GE(test, n, 3);
	cmap_shard_unreserve(ts->shard, &write);
	KUNIT_EXPECT_EQ(test, write.ref, 0);
	ts_free(ts);
}

/*
 * While there was no memory for a move, each write tried to allocate what the move
 * lacked, and had the work try it, too, even if the write only replaced a value.
 */
static void move_without_memory_is_not_tried_by_each_write(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	ts_each(test, ts, TS_SET,
		some_keys_at(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits + 1);
	rcu_assign_pointer(table->next, next);
	ts->ctx->memory.account.max = 1;
	key = ts_key_at(0, 0, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, table->moved[0], 0);
	ts->shard->resize_after += HZ * 1000;

	ts->ctx->memory.account.max = 0;
	fail_allocs(0, 1000);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, table->moved[0], 0);

	/* After a while it is tried again. */
	ts->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "y", 1, GFP_KERNEL), 0);
	ts_settle(ts);
	/* The table is moved, and then shrinks, as it has few entries. */
	KUNIT_EXPECT_EQ(test, ts->shard->shrinks, 1);
	KUNIT_EXPECT_EQ(test, ts->shard->resize_after, 0);
	ts_free(ts);
}

/* A shard that could not be split when it grew is split by the next work. */
static void split_later(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 bits = ts->shard->split_bits;

	ts->shard->split_bits = 0;
	ts_each(test, ts, TS_SET, some_keys(0, 300));
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, cmap_shard_stripes(ts->shard), 1);
	ts->shard->split_bits = bits;
	queue_delayed_work(cmap_queue_resize, &ts->shard->resize, 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, cmap_shard_stripes(ts->shard), CMAP_STRIPES_MAX);
	ts_each(test, ts, TS_EXPECT, some_keys(0, 300));
	ts_free(ts);
}

/*
 * Only who moved the last bucket of all finished the move.  If that task did not get to
 * run, others that need the new table looked for more buckets for ever.
 */
static void move_is_finished_by_anybody(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table, *next;
	u32 i;
	int err = 1;

	/* So few that no chain of the next table needs a bucket of the pool. */
	ts_each(test, ts, TS_SET, some_keys(0, 10));
	ts_settle(ts);
	table = ts_table(ts);
	next = ts_new_table(test, ts, table->bits + 1);
	/* As by a task that is preempted before it can finish. */
	spin_lock_bh(&ts->shard->first.lock);
	rcu_assign_pointer(table->next, next);
	for (i = 0; i < cmap_table_buckets(table); i++)
		KUNIT_EXPECT_EQ(test, cmap_table_move(table, next, &ts->shard->arena,
						      0), 0);
	spin_unlock_bh(&ts->shard->first.lock);
	for (i = 0; i < 3 && err > 0; i++)
		err = cmap_migrate_some(ts->shard, 0, 1);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_PTR_EQ(test, ts_table(ts), next);
	ts_each(test, ts, TS_EXPECT, some_keys(0, 10));
	ts_free(ts);
}

/* There is no memory for a larger table: writes go on in the present one. */
static void no_memory_to_grow(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i = 200;

	ts_each(test, ts, TS_SET, some_keys(0, i));
	/* There are free nodes, but no page can be allocated. */
	ts->ctx->memory.account.max = ctx_bytes(ts->ctx);
	while (cmap_shard_entries(ts->shard) < 220) {
		key = ts_key(ts, i++, buf);
		if (ts_set(ts, &key, "v", 1, GFP_KERNEL))
			break;
	}
	KUNIT_EXPECT_GT(test, cmap_shard_entries(ts->shard), 200);
	KUNIT_EXPECT_EQ(test, ts->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), -ENOSPC);

	ts->ctx->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, ts_resize(ts->shard), 0);
	KUNIT_EXPECT_EQ(test, ts->shard->grows, 1);
	ts_free(ts);
}

/* Have free nodes for some keys, beside the reserve that inserts leave. */
static void leave_free(struct kunit *test, struct test_shard *ts, u32 first,
		       u32 count)
{
	struct cmap_write *writes = kunit_kcalloc(test, count, sizeof(*writes),
						  GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX];
	u32 i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, writes);
	for (i = 0; i < count; i++) {
		writes[i].key = ts_key(ts, first + i, buf);
		writes[i].value_len = 1;
		KUNIT_ASSERT_NOT_NULL(test, shard_reserve(ts->shard,
						&writes[i], GFP_KERNEL, &err));
	}
	while (count--)
		cmap_shard_unreserve(ts->shard, &writes[count]);
}

static unsigned int pending_work(struct test_shard *ts)
{
	unsigned int pending;

	spin_lock_bh(&ts->shard->lock);
	pending = cmap_pending(ts->shard);
	spin_unlock_bh(&ts->shard->lock);

	return pending;
}

/*
 * While there was no memory for a larger table, the work tried to allocate it after
 * each write.
 */
static void no_memory_to_grow_for_a_while(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key(ts, 0, buf);

	ts_each(test, ts, TS_SET, some_keys(0, 200));
	/* Have free nodes for 20 more. */
	leave_free(test, ts, 200, 20);
	ts->ctx->memory.account.max = ctx_bytes(ts->ctx);
	ts_each(test, ts, TS_SET, some_keys(200, 20));
	flush_delayed_work(&ts->shard->resize);
	/* This thread may be preempted for long; the pause must not end meanwhile. */
	ts->shard->resize_after += HZ * 1000;
	KUNIT_EXPECT_EQ(test, ts->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, pending_work(ts) & CMAP_PENDING_RESIZE, 0);

	/* After a while it is tried again. */
	ts->ctx->memory.account.max = 0;
	ts->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	flush_delayed_work(&ts->shard->resize);
	KUNIT_EXPECT_EQ(test, ts->shard->grows, 1);
	ts_free(ts);
}

/*
 * For a caller with GFP_NOFS or GFP_NOIO memory was allocated with GFP_KERNEL, so it
 * could wait for a file system or I/O that waited for the caller.
 */
static void allocates_as_the_caller_may(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_NOIO, GFP_NOFS, GFP_KERNEL, GFP_ATOMIC };
	gfp_t mask = __GFP_IO | __GFP_FS | __GFP_DIRECT_RECLAIM;
	u32 g, i;

	for (g = 0; g < ARRAY_SIZE(gfps); g++) {
		struct test_shard *ts = ts_new(test, 1, false);
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key;

		fail_allocs(0, 0);
		/* Tables, nodes, chains that need the pool, and a move. */
		for (i = 0; i < 500; i++) {
			key = ts_key(ts, i, buf);
			KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, gfps[g]),
					0);
		}
		for (i = 0; i < 150; i++) {
			key = ts_key_at(i, 7, buf);
			KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, gfps[g]),
					0);
		}
		if (gfpflags_allow_blocking(gfps[g]))
			KUNIT_EXPECT_EQ(test, cmap_migrate_now(ts->shard,
							      gfps[g]), 0);
		fail_allocs_end();
		KUNIT_EXPECT_NE(test, alloc_gfp_seen(), 0);
		KUNIT_EXPECT_EQ(test, alloc_gfp_seen() & mask, gfps[g] & mask);
		KUNIT_EXPECT_GT(test, ts->shard->grows, 0);
		ts_free(ts);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(move_without_memory_is_not_tried_by_each_write),
	KUNIT_CASE(quota_exact),
	KUNIT_CASE(stashes_are_emptied),
	KUNIT_CASE(others_stash_again_soon),
	KUNIT_CASE(ready_nodes_are_found_without_sleeping),
	KUNIT_CASE(what_is_left_waits),
	KUNIT_CASE(idle_stashes_are_emptied),
	KUNIT_CASE(stashes_need_no_trim),
	KUNIT_CASE(stashes_are_not_too_large),
	KUNIT_CASE(long_values_are_not_stashed),
	KUNIT_CASE(reserve_is_not_stashed),
	KUNIT_CASE(larger_nodes_are_not_stashed),
	KUNIT_CASE(memory_limit),
	KUNIT_CASE(unreserved_goes_back),
	KUNIT_CASE(no_memory_for_the_first),
	KUNIT_CASE(no_memory_for_more),
	KUNIT_CASE(split_later),
	KUNIT_CASE(move_is_finished_by_anybody),
	KUNIT_CASE(no_memory_to_grow),
	KUNIT_CASE(no_memory_to_grow_for_a_while),
	KUNIT_CASE(allocates_as_the_caller_may),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard_memory",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
