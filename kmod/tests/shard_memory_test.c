// SPDX-License-Identifier: GPL-2.0
/*
 * A shard at its limits, and when memory is short.
 */
#include "site.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/jiffies.h>

static void quota_exact(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;

	cmap_quota_init(&site->lab->quota, 500, 1);
	site_each(test, site, SITE_SET, site_some(0, 500));
	key = site_key(site, 500, buf);
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	cmap_shard_collect(site->shard);
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "v", 1, GFP_KERNEL), -ENOSPC);
	key = site_key(site, 0, buf);
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "w", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, site_delete(site, &key), 0);
	key = site_key(site, 500, buf);
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "v", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, site->shard->entries, 500);
	site_free(site);
}

/* At the limit on memory writes fail, and everything else works as before. */
static void memory_limit(struct kunit *test)
{
	struct site *site = site_new(test, 2000, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n = 0;
	int err;

	site->lab->memory.account.max = 20 * PAGE_SIZE;
	for (i = 0; i < 2000; i++) {
		struct cmap_write write = {
			.key = site_key(site, i, buf),
			.value = site->buf, .value_len = 100,
		};

		model_fill(site->buf, 100, i);
		err = lab_write(site->shard, &write, GFP_KERNEL);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOSPC);
			KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
			site_expect(test, site, &write.key, NULL);
			continue;
		}
		n++;
		KUNIT_ASSERT_TRUE(test, model_set(site->model, buf,
						  write.key.len, site->buf, 100,
						  write.version));
	}
	KUNIT_EXPECT_GT(test, n, 300);
	KUNIT_EXPECT_LT(test, n, 700);
	KUNIT_EXPECT_LE(test, lab_bytes(site->lab), 20 * PAGE_SIZE);
	site_expect_all(test, site);
	while (site->model->count) {
		struct model_entry *entry = &site->model->entry[0];

		key = (struct cmap_key){
			entry->key, entry->key_len,
			(u64)INDEX << 61 | cmap_hash(&site->lab->hash,
						     entry->key,
						     entry->key_len) >> 3
		};
		KUNIT_ASSERT_EQ(test, site_delete(site, &key), 0);
		model_remove(site->model, entry);
	}
	site_free(site);
}

/*
 * A segment that was made for a long value stayed until the next write to the shard if
 * the value was not written after all.  That happens if its copy faults, or its
 * condition does not hold, in a shard without entries.
 */
static void unreserved_goes_back(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_write write = { .value_len = 100000 };
	u8 buf[MODEL_KEY_MAX];
	int err;

	write.key = site_key(site, 0, buf);
	KUNIT_ASSERT_NOT_NULL(test, lab_reserve(site->shard, &write,
						       GFP_KERNEL, &err));
	KUNIT_EXPECT_GT(test, lab_bytes(site->lab), 100000);
	cmap_shard_unreserve(site->shard, &write);
	flush_delayed_work(&site->shard->trim);
	KUNIT_EXPECT_EQ(test, lab_bytes(site->lab), 0);
	site_free(site);
}

/* The first write needs everything: table, node, segment table.  Each one fails once. */
static void no_memory_for_the_first(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = site_key(site, 1, buf);
	u32 n;

	site->lab->memory.offered = true;
	for (n = 0;; n++) {
		int err;

		lab_fail(n, U32_MAX);
		err = site_set(site, &key, "v", 1, GFP_KERNEL);
		if (!lab_fail_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_FALSE(test, site_has(site, &key));
		KUNIT_EXPECT_EQ(test, site->shard->entries, 0);
	}
	KUNIT_EXPECT_GE(test, n, 5);
	KUNIT_EXPECT_TRUE(test, site_has(site, &key));
	site_free(site);
}

/* The allocations for pool buckets and for a long value's node fail. */
static void no_memory_for_more(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_write write = { .value_len = 3000 };
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n, failures = 0;
	int err;

	site->lab->memory.offered = true;
	/* A table of 64 buckets, whose pool is allocated when it is needed. */
	for (i = 0; i < 210; i++) {
		key = site_aimed(i, i * (U32_MAX / 210), buf);
		KUNIT_ASSERT_EQ(test, site_set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	for (i = 0; i < 60; i++) {
		for (n = 0;; n++) {
			key = site_aimed(1000 + i, 0x12345678, buf);
			lab_fail(n, U32_MAX);
			err = site_set(site, &key, "v", 1, GFP_KERNEL);
			if (!err)
				break;
			KUNIT_ASSERT_NE(test, lab_fail_end(), 0);
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_FALSE(test, site_has(site, &key));
			failures++;
		}
		lab_fail_end();
	}
	KUNIT_EXPECT_GE(test, failures, 2);

	for (n = 0;; n++) {
		write.key = key;
		lab_fail(n, U32_MAX);
		if (lab_reserve(site->shard, &write, GFP_KERNEL, &err))
			break;
		KUNIT_ASSERT_NE(test, lab_fail_end(), 0);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, write.blocked_on, CMAP_BLOCKED_ON_NODE);
	}
	lab_fail_end();
	KUNIT_EXPECT_GE(test, n, 3);
	cmap_shard_unreserve(site->shard, &write);
	KUNIT_EXPECT_EQ(test, write.ref, 0);
	site_free(site);
}

/*
 * While there was no memory for a move, each write tried to allocate what the move
 * lacked, and had the work try it, too, even if the write only replaced a value.
 */
static void move_without_memory_is_not_tried_by_each_write(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table, *next;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	site_each(test, site, SITE_SET,
		  site_some_aimed(0, 2 * CMAP_BUCKET_SLOTS, 0));
	table = site_table(site);
	next = site_new_table(test, site, table->bits + 1);
	rcu_assign_pointer(table->next, next);
	site->lab->memory.account.max = 1;
	key = site_aimed(0, 0, buf);
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "w", 1, GFP_KERNEL), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);
	site->shard->resize_after += HZ * 1000;

	site->lab->memory.account.max = 0;
	lab_fail(0, 1000);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, site_set(site, &key, "x", 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 0);
	site_settle(site);
	KUNIT_EXPECT_EQ(test, table->moved, 0);

	/* After a while it is tried again. */
	site->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "y", 1, GFP_KERNEL), 0);
	site_settle(site);
	/* The table is moved, and then shrinks, as it has few entries. */
	KUNIT_EXPECT_EQ(test, site->shard->shrinks, 1);
	KUNIT_EXPECT_EQ(test, site->shard->resize_after, 0);
	site_free(site);
}

/* There is no memory for a larger table: writes go on in the present one. */
static void no_memory_to_grow(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i = 200;

	site_each(test, site, SITE_SET, site_some(0, i));
	/* There are free nodes, but no page can be allocated. */
	site->lab->memory.account.max = lab_bytes(site->lab);
	while (site->shard->entries < 220) {
		key = site_key(site, i++, buf);
		if (site_set(site, &key, "v", 1, GFP_KERNEL))
			break;
	}
	KUNIT_EXPECT_GT(test, site->shard->entries, 200);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, site_resize(site->shard), -ENOSPC);

	site->lab->memory.account.max = 0;
	KUNIT_EXPECT_EQ(test, site_resize(site->shard), 0);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 1);
	site_free(site);
}

/* Have free nodes for some keys, beside the reserve that inserts leave. */
static void leave_free(struct kunit *test, struct site *site, u32 first,
		       u32 count)
{
	struct cmap_write *writes = kunit_kcalloc(test, count, sizeof(*writes),
						  GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX];
	u32 i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, writes);
	for (i = 0; i < count; i++) {
		writes[i].key = site_key(site, first + i, buf);
		writes[i].value_len = 1;
		KUNIT_ASSERT_NOT_NULL(test, lab_reserve(site->shard,
						&writes[i], GFP_KERNEL, &err));
	}
	while (count--)
		cmap_shard_unreserve(site->shard, &writes[count]);
}

static unsigned int chores(struct site *site)
{
	unsigned int chores;

	spin_lock_bh(&site->shard->lock);
	chores = cmap_pending(site->shard);
	spin_unlock_bh(&site->shard->lock);

	return chores;
}

/*
 * While there was no memory for a larger table, the work tried to allocate it after
 * each write.
 */
static void no_memory_to_grow_for_a_while(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = site_key(site, 0, buf);

	site_each(test, site, SITE_SET, site_some(0, 200));
	/* Have free nodes for 20 more. */
	leave_free(test, site, 200, 20);
	site->lab->memory.account.max = lab_bytes(site->lab);
	site_each(test, site, SITE_SET, site_some(200, 20));
	flush_work(&site->shard->resize);
	/* This thread may be preempted for long; the pause must not end meanwhile. */
	site->shard->resize_after += HZ * 1000;
	KUNIT_EXPECT_EQ(test, site->shard->grows, 0);
	KUNIT_EXPECT_EQ(test, chores(site) & CMAP_PENDING_RESIZE, 0);

	/* After a while it is tried again. */
	site->lab->memory.account.max = 0;
	site->shard->resize_after = get_jiffies_64();
	KUNIT_EXPECT_EQ(test, site_set(site, &key, "w", 1, GFP_KERNEL), 0);
	flush_work(&site->shard->resize);
	KUNIT_EXPECT_EQ(test, site->shard->grows, 1);
	site_free(site);
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
		struct site *site = site_new(test, 1, false);
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key;

		lab_fail(0, 0);
		/* Tables, nodes, chains that need the pool, and a move. */
		for (i = 0; i < 500; i++) {
			key = site_key(site, i, buf);
			KUNIT_ASSERT_EQ(test, site_set(site, &key, "v", 1, gfps[g]),
					0);
		}
		for (i = 0; i < 150; i++) {
			key = site_aimed(i, 7, buf);
			KUNIT_ASSERT_EQ(test, site_set(site, &key, "v", 1, gfps[g]),
					0);
		}
		if (gfpflags_allow_blocking(gfps[g]))
			KUNIT_EXPECT_EQ(test, cmap_migrate_now(site->shard,
							      gfps[g]), 0);
		lab_fail_end();
		KUNIT_EXPECT_NE(test, lab_gfp_seen(), 0);
		KUNIT_EXPECT_EQ(test, lab_gfp_seen() & mask, gfps[g] & mask);
		KUNIT_EXPECT_GT(test, site->shard->grows, 0);
		site_free(site);
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
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
