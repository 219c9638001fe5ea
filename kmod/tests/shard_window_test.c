// SPDX-License-Identifier: GPL-2.0
/*
 * A shard as a window shows it: what is shown, and at which places.
 */
#include "test_shard.h"
#include "../core/layout.h"
#include "../core/maintain.h"

#include <linux/delay.h>
#include <uapi/linux/cmap.h>

/* ---- showing ---- */

static u64 shown(struct test_shard *ts, size_t offset)
{
	return *(u64 *)(page_address(cmap_view_page(ts->shard->arena.view,
						    0)) + offset);
}

static void show(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	struct cmap_table *table;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n;

	ts->ctx->memory.offered = true;
	ts_each(test, ts, TS_SET, some_keys(0, 3000));
	for (n = 0;; n++) {
		int err;

		fail_allocs(n, U32_MAX);
		err = cmap_shard_show(ts->shard);
		if (!fail_allocs_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_NULL(test, ts->shard->arena.view);
	}
	KUNIT_EXPECT_GT(test, n, 2);
	KUNIT_EXPECT_EQ(test, cmap_shard_show(ts->shard), 0);
	for (i = 3000; i < 9000; i++) {
		key = ts_key(ts, i, buf);
		KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1, GFP_KERNEL), 0);
	}
	ts_settle(ts);
	table = ts_table(ts);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(shown(ts,
			offsetof(struct cmap_window_shard, table))),
			table->number);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_BITS(shown(ts,
			offsetof(struct cmap_window_shard, table))),
			table->bits);
	KUNIT_EXPECT_EQ(test, shown(ts, offsetof(struct cmap_window_shard,
						 next)), 0);
	ts_free(ts);
}

/* ---- places ---- */

/* Pretend that a process that has the map mapped is in a page fault. */
static int fault_begin(struct test_shard *ts)
{
	return srcu_read_lock(&ts->ctx->memory.mapped->faults);
}

static void fault_end(struct test_shard *ts, int cookie)
{
	srcu_read_unlock(&ts->ctx->memory.mapped->faults, cookie);
}

/* Counts what the core unmaps.  There are no real mappings. */
static struct unmapped {
	struct cmap_mapped base;
	u64 bytes;
} unmapped;

static void note_unmap(struct cmap_mapped *mapped, u64 offset, u64 bytes)
{
	container_of(mapped, struct unmapped, base)->bytes += bytes;
}

static void note_free(struct cmap_mapped *mapped)
{
}

static struct test_shard *ts_mapped(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);

	unmapped = (struct unmapped){
		.base = { .unmap = note_unmap, .free = note_free },
	};
	ts->ctx->memory.offered = true;
	ts_each(test, ts, TS_SET, some_keys(0, 10));
	KUNIT_ASSERT_EQ(test, cmap_shard_show(ts->shard), 0);
	KUNIT_ASSERT_EQ(test, cmap_memory_map(&ts->ctx->memory, &unmapped.base),
			0);
	return ts;
}

static u64 shown_number(struct test_shard *ts, u32 granule)
{
	return shown(ts, granule * sizeof(u64));
}

/*
 * A segment is added at a place where a process has zeroes mapped.  Page faults find
 * the segment at once, but it is published only after the zeroes are unmapped.
 */
static void segment_behind_zeroes(struct kunit *test)
{
	struct test_shard *ts = ts_mapped(test);
	struct cmap_arena *arena = &ts->shard->arena;
	u32 granule = arena->hint;
	struct cmap_extent extent;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key(ts, 1000, buf);
	int cookie;

	cookie = fault_begin(ts);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(ts->shard, granule,
							false, &extent));
	KUNIT_EXPECT_EQ(test, shown_number(ts, granule), CMAP_VIEW_CLEAN);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(ts->shard, granule,
							true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	KUNIT_EXPECT_EQ(test, shown_number(ts, granule), CMAP_VIEW_ZEROES);

	/* A value of another size class, so that a segment is added. */
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, value, sizeof(value),
				     GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(ts->shard, granule,
							true, &extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);
	msleep(20);
	KUNIT_EXPECT_EQ(test, shown_number(ts, granule), CMAP_VIEW_ZEROES);
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	fault_end(ts, cookie);

	wait_for_frees();
	KUNIT_EXPECT_GE(test, shown_number(ts, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	/* If the view has no page for a granule, there never was a segment. */
	KUNIT_EXPECT_FALSE(test, cmap_shard_find_segment(ts->shard,
				CMAP_WINDOW_GRANULES - 1, true, &extent));
	ts_free(ts);
}

/* A segment is freed, and its place reused, only after it is unmapped. */
static void segment_leaves_its_place(struct kunit *test)
{
	struct test_shard *ts = ts_mapped(test);
	struct cmap_arena *arena = &ts->shard->arena;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = ts_key(ts, 1000, buf);
	u32 granule = arena->hint;
	int cookie, i;
	u64 bytes;

	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, value, sizeof(value),
				     GFP_KERNEL), 0);
	KUNIT_EXPECT_GE(test, shown_number(ts, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	bytes = ctx_bytes(ts->ctx);

	cookie = fault_begin(ts);
	KUNIT_ASSERT_EQ(test, ts_delete(ts, &key), 0);
	for (i = 0; i < 10 &&
	     shown_number(ts, granule) != CMAP_VIEW_CLEAN; i++) {
		/* Its stripe has stashed the node. */
		cmap_maintain_unstash(ts->shard, GFP_KERNEL);
		synchronize_rcu();
		cmap_maintain_trim(ts->shard);
	}
	KUNIT_EXPECT_EQ(test, shown_number(ts, granule), CMAP_VIEW_CLEAN);
	msleep(20);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ts->ctx), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_EQ(test, unmapped.bytes, 0);
	fault_end(ts, cookie);

	wait_for_frees();
	KUNIT_EXPECT_EQ(test, unmapped.bytes, CMAP_GRANULE_BYTES);
	KUNIT_EXPECT_LT(test, ctx_bytes(ts->ctx), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule);
	ts_free(ts);
}

/* The same for tables, which have a flag while they cannot be read yet. */
static void table_behind_zeroes(struct kunit *test)
{
	const size_t at = offsetof(struct cmap_window_shard, table);
	const size_t next = offsetof(struct cmap_window_shard, next);
	struct test_shard *ts = ts_mapped(test);
	struct cmap_extent extent;
	u32 bits = ts_table(ts)->bits;
	u32 bank = ts_table(ts)->bank;
	u64 word;
	int cookie;

	KUNIT_EXPECT_FALSE(test, cmap_shard_find_table(ts->shard, bits + 1,
						       0, 0, true, &extent));
	ts_each(test, ts, TS_SET, some_keys(10, 400));
	wait_for_frees();
	KUNIT_ASSERT_GT(test, ts_table(ts)->bits, bits);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(ts->shard,
			ts_table(ts)->bits, ts_table(ts)->bank, 0, true,
			&extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);

	cookie = fault_begin(ts);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(ts->shard, bits, bank,
						      0, true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	ts_each(test, ts, TS_DELETE, some_keys(10, 400));
	flush_delayed_work(&ts->shard->resize);
	KUNIT_ASSERT_EQ(test, ts_table(ts)->bits, bits);
	KUNIT_ASSERT_EQ(test, ts_table(ts)->bank, bank);
	word = shown(ts, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word),
			CMAP_WINDOW_TABLE_NOT_YET);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			ts_table(ts)->number);
	fault_end(ts, cookie);

	wait_for_frees();
	word = shown(ts, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word), 0);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			ts_table(ts)->number);
	KUNIT_EXPECT_EQ(test, shown(ts, next), 0);
	ts_free(ts);
}

/*
 * All places for a smaller table were taken by tables that were leaving when the
 * last entries were deleted.  The work gave up, and left it to the next write to
 * try again.  There was none, so the large table stayed.
 */
static void shrinks_without_another_write(struct kunit *test)
{
	struct test_shard *ts = ts_mapped(test);
	u32 bits = ts_table(ts)->bits;
	int cookie, i;

	cookie = fault_begin(ts);
	for (i = 0; i <= CMAP_WINDOW_BANKS && ts_table(ts)->bits == bits; i++) {
		ts_each(test, ts, TS_SET, some_keys(10, 300));
		ts_each(test, ts, TS_DELETE, some_keys(10, 300));
		flush_delayed_work(&ts->shard->resize);
	}
	KUNIT_EXPECT_GT(test, ts_table(ts)->bits, bits);
	fault_end(ts, cookie);

	for (i = 0; i < 1000 && ts_table(ts)->bits != bits; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, ts_table(ts)->bits, bits);
	ts_free(ts);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(show),
	KUNIT_CASE(segment_behind_zeroes),
	KUNIT_CASE(segment_leaves_its_place),
	KUNIT_CASE(table_behind_zeroes),
	KUNIT_CASE(shrinks_without_another_write),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard_window",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
