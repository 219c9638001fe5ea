// SPDX-License-Identifier: GPL-2.0
/*
 * An arena as a window shows it: the numbers of segments, and their places.
 */
#include "test_arena.h"
#include "../core/layout.h"

#include <linux/bitmap.h>
#include <linux/sizes.h>
#include <uapi/linux/cmap.h>

/* ---- numbers ---- */

static u64 shown(const struct cmap_view *view, u32 granule)
{
	size_t at = granule * sizeof(u64);
	struct page *page = cmap_view_page(view, at / PAGE_SIZE);

	return page ? *(u64 *)(page_address(page) + at % PAGE_SIZE) : 0;
}

static void show(struct kunit *test, struct test_arena *ta)
{
	struct cmap_view *view;
	int err;

	view = cmap_view_new(&ta->ctx->memory, NUMA_NO_NODE,
			     cmap_arena_granules(&ta->arena), &err);
	KUNIT_ASSERT_NOT_NULL(test, view);
	spin_lock_bh(&ta->lock);
	cmap_arena_show(&ta->arena, view);
	spin_unlock_bh(&ta->lock);
}

static void expect_shown(struct kunit *test, struct test_arena *ta)
{
	struct cmap_segtab *segtab = ta_segtab(ta);
	u32 i;

	for (i = CMAP_WINDOW_GRANULES_NONE; i < segtab->size; i++) {
		struct cmap_segment *segment = segtab->segment[i];

		KUNIT_EXPECT_EQ(test, shown(ta->arena.view, i),
				segment ? segment->number : 0);
	}
}

/* Make small segments, of many classes, until there are @count. */
static void many_segments(struct kunit *test, struct test_arena *ta, u32 count)
{
	u32 size = NODE_MIN;
	int err = 0;

	while (!err && ta_census(ta).segments < count) {
		/* A refill adds a segment if the one before is used up. */
		while (ta_take_ready(ta, size))
			;
		err = ta_refill(ta, size, GFP_KERNEL);
		size = size < 4000 ? size + size / 6 + 16 : NODE_MIN;
	}
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void view_grows_with_the_segments(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	struct cmap_refill early;
	u32 n, size;

	ta->ctx->memory.offered = true;
	many_segments(test, ta, 20);
	show(test, ta);
	expect_shown(test, ta);
	/* Until all granules of the view's first page are taken. */
	for (size = 32; cmap_list_page_of(2 * size - 1) == 0;)
		size *= 2;
	many_segments(test, ta, size - CMAP_WINDOW_GRANULES_NONE);
	KUNIT_EXPECT_EQ(test, ta_segtab(ta)->size, size);
	KUNIT_EXPECT_NULL(test, cmap_view_page(ta->arena.view, 1));

	/* A refill that is prepared now comes too late: the table grows before. */
	KUNIT_ASSERT_EQ(test, cmap_refill_prepare(&ta->arena, 4000,
						  GFP_KERNEL, &early), 0);
	KUNIT_EXPECT_NOT_NULL(test, early.segtab);
	KUNIT_EXPECT_NOT_NULL(test, early.level);

	/* Each allocation fails once, also that of the view's next page. */
	for (n = 0;; n++) {
		u64 before = ctx_bytes(ta->ctx);

		fail_allocs(n, U32_MAX);
		if (!ta_refill(ta, 4000, GFP_KERNEL))
			break;
		KUNIT_EXPECT_NE(test, fail_allocs_end(), 0);
		KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), before);
	}
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 0);
	KUNIT_EXPECT_GE(test, n, 6);
	KUNIT_EXPECT_NOT_NULL(test, cmap_view_page(ta->arena.view, 1));

	spin_lock_bh(&ta->lock);
	cmap_refill_attach(&ta->arena, &early);
	spin_unlock_bh(&ta->lock);
	KUNIT_EXPECT_NOT_NULL(test, early.segtab);
	KUNIT_EXPECT_NOT_NULL(test, early.level);
	cmap_refill_discard(&early);

	many_segments(test, ta, 2 * size + 50);
	expect_shown(test, ta);

	cmap_arena_destroy(&ta->arena);
}

/*
 * Begin to evacuate a segment, move one node of it, and stop.  The segment is then
 * used again.  False if no segment was chosen.
 */
static bool evacuate_but_one(struct test_arena *ta, cmap_ref *copy)
{
	struct cmap_arena *arena = &ta->arena;
	u32 from = 0;
	bool chosen, later = false;

	spin_lock_bh(&ta->lock);
	chosen = cmap_arena_evacuate(arena, &from, U32_MAX, 8, true, &later);
	if (chosen) {
		cmap_ref ref;

		do {
			ref = cmap_arena_evacuate_next(arena);
			if (ref)
				cmap_arena_evacuate_moved(arena);
		} while (ref && !cmap_arena_node(arena, ref)->version);
		*copy = ref ? cmap_arena_copy(arena, ref) : 0;
		if (*copy)
			cmap_arena_retire(arena, ref);
		cmap_arena_evacuate_end(arena);
	}
	spin_unlock_bh(&ta->lock);

	return chosen;
}

/*
 * If the evacuation of a segment stopped halfway, an entry could be copied out of the
 * segment and later back into the same node, with the same version.  A window reader
 * that was stopped meanwhile took parts of two values for one value.  So such a
 * segment gets a new number.
 */
static void numbers_change_where_nodes_were_moved(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u64 before[16] = {}, changed = 0;
	const u32 size = 1000;
	cmap_ref refs[200], copy = 0;
	struct cmap_segtab *segtab;
	u32 i;
	int err;

	ta->ctx->memory.offered = true;
	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = ta_take(ta, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
		ta_node(ta, refs[i])->lengths =
			cmap_node_lengths(8, 900);
		ta_node(ta, refs[i])->version = i + 1;
	}
	show(test, ta);
	segtab = ta_segtab(ta);
	for (i = 0; i < min_t(u32, segtab->size, 16); i++)
		before[i] = segtab->segment[i] ? segtab->segment[i]->number : 0;
	/* Half of the nodes stay live, two or more in each segment. */
	for (i = 1; i < ARRAY_SIZE(refs); i += 2) {
		ta_node(ta, refs[i])->version = 0;
		ta_retire(ta, refs[i]);
	}
	synchronize_rcu();

	KUNIT_ASSERT_TRUE(test, evacuate_but_one(ta, &copy));
	KUNIT_EXPECT_NE(test, copy, 0);
	for (i = 0; i < min_t(u32, segtab->size, 16); i++)
		if (segtab->segment[i] &&
		    segtab->segment[i]->number != before[i])
			changed++;
	KUNIT_EXPECT_EQ(test, changed, 1);
	expect_shown(test, ta);

	cmap_arena_destroy(&ta->arena);
}

static void view_without_memory(struct kunit *test)
{
	const u32 granules = 2000, pages = 4;
	struct test_context *ctx = test->priv;
	struct cmap_view *view;
	u32 n;
	int err;

	for (n = 0;; n++) {
		fail_allocs(n, U32_MAX);
		view = cmap_view_new(&ctx->memory, NUMA_NO_NODE, granules,
				     &err);
		if (!fail_allocs_end())
			break;
		KUNIT_EXPECT_NULL(test, view);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->all.bytes), 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, view);
	/* A view is for readers, and is not charged to the map's own account. */
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->all.bytes),
			pages * PAGE_SIZE);
	cmap_view_free(view);

	ctx->all.max = 2 * PAGE_SIZE;
	KUNIT_EXPECT_NULL(test, cmap_view_new(&ctx->memory, NUMA_NO_NODE,
					      granules, &err));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
}

/* ---- places ---- */

/* No segment is in two levels, and those of 2 MiB are aligned to 2 MiB. */
static void segments_lie_in_one_level(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 sizes[] = { 100, SZ_64K + 100, 5 * SZ_64K, SZ_1M + 100 };
	struct cmap_segtab *segtab;
	u32 i, n;
	int err;

	for (n = 0; n < 40; n++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			KUNIT_ASSERT_NE(test, ta_take(ta, sizes[i], &err),
					0);

	segtab = ta_segtab(ta);
	for (i = 0; i < segtab->size; i++) {
		struct cmap_segment *segment = segtab->segment[i];
		u32 last;

		if (!segment)
			continue;
		KUNIT_EXPECT_PTR_EQ(test, segtab->base[i], segment->base +
				    (i - segment->index) * CMAP_GRANULE_BYTES);
		KUNIT_EXPECT_TRUE(test, test_bit(i, segtab->map));
		last = segment->index +
		       (cmap_block_bytes(segment->block) - 1) /
		       CMAP_GRANULE_BYTES;
		KUNIT_EXPECT_LE(test, i, last);
		KUNIT_EXPECT_EQ(test,
				cmap_level_of(i, CMAP_WINDOW_GRANULES_NONE),
				cmap_level_of(last, CMAP_WINDOW_GRANULES_NONE));
		if (cmap_block_bytes(segment->block) == SZ_2M)
			KUNIT_EXPECT_EQ(test, segment->index %
					(SZ_2M / CMAP_GRANULE_BYTES), 0);
	}

	cmap_arena_destroy(&ta->arena);
}

/* Mark all granules as taken, except the last ones. */
static void take_granules(struct test_arena *ta, u32 left)
{
	struct cmap_segtab *segtab = ta_segtab(ta);

	bitmap_set(segtab->map, ta->arena.hint,
		   segtab->size - left - ta->arena.hint);
	segtab->taken = segtab->size - left;
	ta->arena.hint = segtab->size - left;
}

/*
 * A shard could have at most 16,383 segments, even where each of them was only one
 * page.  When no index was left, memory for a segment was still allocated and cleared,
 * only to be freed again.
 */
static void granules_are_spent(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	struct cmap_segtab *segtab;
	u32 n = 0;

	KUNIT_ASSERT_EQ(test, ta_refill(ta, 100, GFP_KERNEL), 0);
	segtab = use_largest_segtab(test, &ta->arena);

	/* When few granules are left, a segment fills its granules. */
	take_granules(ta, 33);
	while (ta_take_ready(ta, 100))
		n++;
	KUNIT_EXPECT_LT(test, n, CMAP_GRANULE_BYTES / 104 - 1);
	KUNIT_EXPECT_EQ(test, ta_refill(ta, 5000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx),
			ta_census(ta).bytes);
	KUNIT_EXPECT_GE(test, ta_census(ta).bytes, CMAP_GRANULE_BYTES);
	/* 32 consecutive granules are left.  A value of 1 MiB takes 17 of them. */
	KUNIT_EXPECT_EQ(test, ta_refill(ta, SZ_1M + 100, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, segtab->taken, CMAP_GRANULES_MAX - 15);
	take_granules(ta, 0);
	fail_allocs(1, U32_MAX);
	KUNIT_EXPECT_EQ(test, ta_refill(ta, 50000, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 0);

	cmap_arena_destroy(&ta->arena);
}

/* Each map has its own numbers, and uses none that does not fit 48 bits. */
static void numbers_are_spent(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	u64 number;

	KUNIT_EXPECT_EQ(test, cmap_memory_number(&ctx->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, 0);
	ctx->memory.offered = true;
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&ctx->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, CMAP_WINDOW_NUMBER_FIRST);
	atomic64_set(&ctx->memory.numbers,
		     (1ULL << 48) - 1 - CMAP_WINDOW_NUMBER_FIRST);
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&ctx->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, (1ULL << 48) - 1);
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&ctx->memory, &number),
			-ENOSPC);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(view_grows_with_the_segments),
	KUNIT_CASE(numbers_change_where_nodes_were_moved),
	KUNIT_CASE(view_without_memory),
	KUNIT_CASE(segments_lie_in_one_level),
	KUNIT_CASE(granules_are_spent),
	KUNIT_CASE(numbers_are_spent),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_arena_window",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
