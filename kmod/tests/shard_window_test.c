// SPDX-License-Identifier: GPL-2.0
/*
 * A shard as a window shows it: what is shown, and at which places.
 */
#include "site.h"
#include "../core/layout.h"
#include "../core/maintain.h"

#include <linux/delay.h>
#include <uapi/linux/cmap.h>

/* ---- showing ---- */

static u64 shown(struct site *site, size_t offset)
{
	return *(u64 *)(page_address(cmap_view_page(site->shard->arena.view,
						    0)) + offset);
}

static void show(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	struct cmap_table *table;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i, n;

	site->lab->memory.offered = true;
	site_each(test, site, SITE_SET, site_some(0, 3000));
	for (n = 0;; n++) {
		int err;

		lab_fail(n, U32_MAX);
		err = cmap_shard_show(site->shard);
		if (!lab_fail_end()) {
			KUNIT_EXPECT_EQ(test, err, 0);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_NULL(test, site->shard->arena.view);
	}
	KUNIT_EXPECT_GT(test, n, 2);
	KUNIT_EXPECT_EQ(test, cmap_shard_show(site->shard), 0);
	for (i = 3000; i < 9000; i++) {
		key = site_key(site, i, buf);
		KUNIT_ASSERT_EQ(test, site_set(site, &key, "v", 1, GFP_KERNEL), 0);
	}
	site_settle(site);
	table = site_table(site);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(shown(site,
			offsetof(struct cmap_window_shard, table))),
			table->number);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_BITS(shown(site,
			offsetof(struct cmap_window_shard, table))),
			table->bits);
	KUNIT_EXPECT_EQ(test, shown(site, offsetof(struct cmap_window_shard,
						   next)), 0);
	site_free(site);
}

/* ---- places ---- */

/* Pretend that a process that has the map mapped is in a page fault. */
static int fault_begin(struct site *site)
{
	return srcu_read_lock(&site->lab->memory.mapped->faults);
}

static void fault_end(struct site *site, int cookie)
{
	srcu_read_unlock(&site->lab->memory.mapped->faults, cookie);
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

static struct site *site_mapped(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);

	unmapped = (struct unmapped){
		.base = { .unmap = note_unmap, .free = note_free },
	};
	site->lab->memory.offered = true;
	site_each(test, site, SITE_SET, site_some(0, 10));
	KUNIT_ASSERT_EQ(test, cmap_shard_show(site->shard), 0);
	KUNIT_ASSERT_EQ(test, cmap_memory_map(&site->lab->memory, &unmapped.base),
			0);
	return site;
}

static u64 shown_number(struct site *site, u32 granule)
{
	return shown(site, granule * sizeof(u64));
}

/*
 * A segment is added at a place where a process has zeroes mapped.  Page faults find
 * the segment at once, but it is published only after the zeroes are unmapped.
 */
static void segment_behind_zeroes(struct kunit *test)
{
	struct site *site = site_mapped(test);
	struct cmap_arena *arena = &site->shard->arena;
	u32 granule = arena->hint;
	struct cmap_extent extent;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = site_key(site, 1000, buf);
	int cookie;

	cookie = fault_begin(site);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							false, &extent));
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_CLEAN);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_ZEROES);

	/* A value of another size class, so that a segment is added. */
	KUNIT_ASSERT_EQ(test, site_set(site, &key, value, sizeof(value),
				       GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_segment(site->shard, granule,
							true, &extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);
	msleep(20);
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_ZEROES);
	KUNIT_EXPECT_TRUE(test, site_has(site, &key));
	fault_end(site, cookie);

	lab_settle();
	KUNIT_EXPECT_GE(test, shown_number(site, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	/* If the view has no page for a granule, there never was a segment. */
	KUNIT_EXPECT_FALSE(test, cmap_shard_find_segment(site->shard,
				CMAP_WINDOW_GRANULES - 1, true, &extent));
	site_free(site);
}

/* A segment is freed, and its place reused, only after it is unmapped. */
static void segment_leaves_its_place(struct kunit *test)
{
	struct site *site = site_mapped(test);
	struct cmap_arena *arena = &site->shard->arena;
	u8 value[200] = {}, buf[MODEL_KEY_MAX];
	struct cmap_key key = site_key(site, 1000, buf);
	u32 granule = arena->hint;
	int cookie, i;
	u64 bytes;

	KUNIT_ASSERT_EQ(test, site_set(site, &key, value, sizeof(value),
				       GFP_KERNEL), 0);
	KUNIT_EXPECT_GE(test, shown_number(site, granule),
			CMAP_WINDOW_NUMBER_FIRST);
	bytes = lab_bytes(site->lab);

	cookie = fault_begin(site);
	KUNIT_ASSERT_EQ(test, site_delete(site, &key), 0);
	for (i = 0; i < 10 &&
	     shown_number(site, granule) != CMAP_VIEW_CLEAN; i++) {
		synchronize_rcu();
		cmap_maintain_trim(site->shard);
	}
	KUNIT_EXPECT_EQ(test, shown_number(site, granule), CMAP_VIEW_CLEAN);
	msleep(20);
	KUNIT_EXPECT_EQ(test, lab_bytes(site->lab), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule + 1);
	KUNIT_EXPECT_EQ(test, unmapped.bytes, 0);
	fault_end(site, cookie);

	lab_settle();
	KUNIT_EXPECT_EQ(test, unmapped.bytes, CMAP_GRANULE_BYTES);
	KUNIT_EXPECT_LT(test, lab_bytes(site->lab), bytes);
	KUNIT_EXPECT_EQ(test, arena->hint, granule);
	site_free(site);
}

/* The same for tables, which have a flag while they cannot be read yet. */
static void table_behind_zeroes(struct kunit *test)
{
	const size_t at = offsetof(struct cmap_window_shard, table);
	const size_t next = offsetof(struct cmap_window_shard, next);
	struct site *site = site_mapped(test);
	struct cmap_extent extent;
	u32 bits = site_table(site)->bits;
	u32 turn = site_table(site)->turn;
	u64 word;
	int cookie;

	KUNIT_EXPECT_FALSE(test, cmap_shard_find_table(site->shard, bits + 1,
						       0, 0, true, &extent));
	site_each(test, site, SITE_SET, site_some(10, 400));
	lab_settle();
	KUNIT_ASSERT_GT(test, site_table(site)->bits, bits);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(site->shard,
			site_table(site)->bits, site_table(site)->turn, 0, true,
			&extent));
	KUNIT_EXPECT_NE(test, extent.bytes, 0);

	cookie = fault_begin(site);
	KUNIT_EXPECT_TRUE(test, cmap_shard_find_table(site->shard, bits, turn,
						      0, true, &extent));
	KUNIT_EXPECT_EQ(test, extent.bytes, 0);
	site_each(test, site, SITE_DELETE, site_some(10, 400));
	flush_work(&site->shard->resize);
	KUNIT_ASSERT_EQ(test, site_table(site)->bits, bits);
	KUNIT_ASSERT_EQ(test, site_table(site)->turn, turn);
	word = shown(site, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word),
			CMAP_WINDOW_TABLE_NOT_YET);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			site_table(site)->number);
	fault_end(site, cookie);

	lab_settle();
	word = shown(site, at);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_UNKNOWN(word), 0);
	KUNIT_EXPECT_EQ(test, CMAP_WINDOW_TABLE_NUMBER(word),
			site_table(site)->number);
	KUNIT_EXPECT_EQ(test, shown(site, next), 0);
	site_free(site);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(show),
	KUNIT_CASE(segment_behind_zeroes),
	KUNIT_CASE(segment_leaves_its_place),
	KUNIT_CASE(table_behind_zeroes),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard_window",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
