// SPDX-License-Identifier: GPL-2.0
/*
 * A shard at its limits, and when memory is short.
 */
#include "test_shard.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/jiffies.h>

static void quota_exact(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	cmap_quota_init(&ts->ctx->quota, 500, 1);
	ts_each(test, ts, TS_SET, some_keys(0, 500));
	key = ts_key(ts, 500, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	cmap_shard_collect(ts->shard);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	key = ts_key(ts, 0, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ts_delete(ts, &key), 0);
	key = ts_key(ts, 500, buf);
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ts->shard->entries, 500);
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
		KUNIT_EXPECT_EQ(test, ts->shard->entries, 0);
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
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	ts->shard->resize_after += HZ * 1000;

	ts->ctx->memory.account.max = 0;
	fail_allocs(0, 1000);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 0);
	ts_settle(ts);
	KUNIT_EXPECT_EQ(test, table->moved, 0);

	/* After a while it is tried again. */
	ts->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, ts_set(ts, &key, "y", 1, GFP_KERNEL), 0);
	ts_settle(ts);
	/* The table is moved, and then shrinks, as it has few entries. */
	KUNIT_EXPECT_EQ(test, ts->shard->shrinks, 1);
	KUNIT_EXPECT_EQ(test, ts->shard->resize_after, 0);
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
	while (ts->shard->entries < 220) {
		key = ts_key(ts, i++, buf);
		if (ts_set(ts, &key, "v", 1, GFP_KERNEL))
			break;
	}
	KUNIT_EXPECT_GT(test, ts->shard->entries, 200);
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
	KUNIT_CASE(memory_limit),
	KUNIT_CASE(unreserved_goes_back),
	KUNIT_CASE(no_memory_for_the_first),
	KUNIT_CASE(no_memory_for_more),
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
