// SPDX-License-Identifier: GPL-2.0
/*
 * Node memory: what is handed out is nobody else's, what is given back waits
 * for its readers, and the account has every page.
 */
#include "lab.h"
#include "model.h"
#include "stock.h"
#include "../core/layout.h"

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sizes.h>
#include <uapi/linux/cmap.h>

#define NODE_MIN	sizeof(struct cmap_node)
#define NODE_MAX	(sizeof(struct cmap_node) + CMAP_KEY_MAX + CMAP_VALUE_MAX)

static void unalloc(struct stock *stock, cmap_ref ref)
{
	spin_lock_bh(&stock->lock);
	cmap_arena_free_unpublished(&stock->arena, ref);
	spin_unlock_bh(&stock->lock);
}

/* True if there is more to come after a grace period. */
static bool trim(struct stock *stock, u32 step)
{
	LIST_HEAD(detached);
	bool pending = false;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&stock->lock);
		pending |= cmap_arena_trim(&stock->arena, &from, step,
					   &detached);
		spin_unlock_bh(&stock->lock);
	}
	cmap_arena_free_detached(&detached);

	return pending;
}

/* Whoever looks here is alone. */
static struct cmap_segtab *segtab_of(struct stock *stock)
{
	return rcu_dereference_protected(stock->arena.segtab, 1);
}

static struct cmap_segment *segment_of(struct stock *stock, cmap_ref ref)
{
	return segtab_of(stock)->segment[ref >> CMAP_OFFSET_BITS];
}

struct census {
	u32 segments;
	u32 live;
	u64 bytes;
};

static struct census census_of(struct stock *stock)
{
	struct cmap_segtab *segtab = segtab_of(stock);
	struct census census = {};
	u32 i;

	for (i = 0; segtab && i < segtab->size; i++) {
		struct cmap_segment *segment = segtab->segment[i];

		if (!segment || segment->index != i)
			continue;
		census.segments++;
		census.live += segment->live;
		census.bytes += cmap_block_bytes(segment->block);
	}

	return census;
}

/* ---- sizes ---- */

/* A node has the room asked for, and an eighth more at most. */
static void size_classes(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 size, class = 0;
	int err;

	for (size = NODE_MIN; size <= NODE_MAX;
	     size += size < 4096 ? 1 : size / 37) {
		cmap_ref ref = stock_take(stock, size, &err);
		struct cmap_segment *segment;
		u32 room;

		KUNIT_ASSERT_NE_MSG(test, ref, 0, "%u bytes: error %d", size,
				    err);
		segment = segment_of(stock, ref);
		room = segment->units << CMAP_UNIT_SHIFT;
		KUNIT_EXPECT_GE(test, room, size);
		KUNIT_EXPECT_LT(test, room - size, max(16U, room / 8));
		KUNIT_EXPECT_GE(test, segment->class, class);
		KUNIT_EXPECT_LT(test, segment->class, CMAP_CLASSES);
		class = segment->class;
		stock_retire(stock, ref);
		KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab),
				census_of(stock).bytes);
	}
	KUNIT_EXPECT_GT(test, class, CMAP_CLASSES - 4);

	cmap_arena_destroy(&stock->arena);
}

/* ---- reuse ---- */

/* Take nodes until the class has none that was never used. */
static u32 take_all(struct stock *stock, u32 size, cmap_ref *refs, u32 max)
{
	u32 n = 0;
	int err;

	do {
		refs[n] = stock_take(stock, size, &err);
		if (!refs[n])
			return 0;
	} while (stock->arena.classes[segment_of(stock, refs[n++])->class].bump &&
		 n < max);

	return n;
}

static void reuse_waits_for_readers(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 size = 1000, n, round;
	cmap_ref refs[16], ref;

	n = take_all(stock, size, refs, ARRAY_SIZE(refs));
	KUNIT_ASSERT_GT(test, n, 2);

	/* A reader that was there before the node was given back. */
	rcu_read_lock();
	stock_retire(stock, refs[0]);
	for (round = 0; round < 50; round++) {
		ref = stock_take_ready(stock, size);
		if (ref)
			break;
		mdelay(1);
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, ref, 0, "after %u ms", round);

	/* One given back later, whose grace period is not the first one's. */
	synchronize_rcu();
	rcu_read_lock();
	stock_retire(stock, refs[1]);
	ref = stock_take_ready(stock, size);
	KUNIT_EXPECT_EQ(test, ref, refs[0]);
	for (round = 0; round < 20; round++) {
		ref = stock_take_ready(stock, size);
		if (ref)
			break;
		mdelay(1);
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, ref, 0, "after %u ms", round);

	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[1]);
	KUNIT_EXPECT_EQ(test, stock->arena.reuses, 2);

	/* One that no reader can have seen need not wait. */
	unalloc(stock, refs[1]);
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[1]);

	cmap_arena_destroy(&stock->arena);
}

static void version_is_0_when_handed_out(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	int round, err;

	for (round = 0; round < 3; round++) {
		cmap_ref ref = stock_take(stock, 4000, &err);

		KUNIT_ASSERT_NE(test, ref, 0);
		KUNIT_EXPECT_EQ(test, stock_node(stock, ref)->version, 0);
		stock_node(stock, ref)->version = 77;
		stock_retire(stock, ref);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, stock->arena.reuses, 2);

	cmap_arena_destroy(&stock->arena);
}

/* ---- wiping ---- */

static bool wiped(struct stock *stock, cmap_ref ref, u32 size)
{
	struct cmap_node *node = stock_node(stock, ref);

	return !node->version && !node->lengths &&
	       !memchr_inv(node + 1, 0, size - sizeof(*node));
}

static void wiping(struct kunit *test)
{
	struct stock *stock = stock_new(test, true);
	u32 size = 512, i, n;
	cmap_ref refs[64];

	n = take_all(stock, size, refs, ARRAY_SIZE(refs));
	KUNIT_ASSERT_GT(test, n, 4);
	for (i = 0; i < n; i++)
		memset(stock_node(stock, refs[i]), 0xff, size);

	/* Not published: at once. */
	unalloc(stock, refs[0]);
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[0], size));
	/* Reused: before. */
	stock_retire(stock, refs[1]);
	KUNIT_EXPECT_FALSE(test, wiped(stock, refs[1], size));
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[0]);
	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[1]);
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[1], size));
	/* Nobody asks for it: soon. */
	stock_retire(stock, refs[2]);
	stock_retire(stock, refs[3]);
	KUNIT_EXPECT_TRUE(test, stock->arena.needs_trim);
	for (i = 0; trim(stock, 1); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[2], size));
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[3], size));
	KUNIT_EXPECT_FALSE(test, wiped(stock, refs[4], size));

	cmap_arena_destroy(&stock->arena);
}

/*
 * A node must not be handed to the rest of the kernel as it is.  A segment whose
 * last nodes were retired one after the other went when the grace period was
 * over that had begun with the last one, though but the first was wiped.  And
 * of an arena that was destroyed nothing was wiped at all.
 */
static void wiped_before_given_back(struct kunit *test)
{
	struct stock *stock = stock_new(test, true);
	u32 size = 512, i, n;
	cmap_ref refs[64];

	n = take_all(stock, size, refs, ARRAY_SIZE(refs));
	for (i = 0; i < n; i++) {
		struct cmap_node *node = stock_node(stock, refs[i]);

		node->version = 1;
		memset(node + 1, 0xff, size - sizeof(*node));
	}
	rcu_read_lock();
	for (i = 0; i < n; i++)
		stock_retire(stock, refs[i]);
	KUNIT_EXPECT_TRUE(test, trim(stock, 256));
	rcu_read_unlock();

	lab_freed();
	for (i = 0; trim(stock, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);
	/* Of each node there is the link to the next. */
	KUNIT_EXPECT_LE(test, lab_freed_end(), n * sizeof(cmap_ref));

	n = take_all(stock, size, refs, ARRAY_SIZE(refs));
	for (i = 0; i < n; i++)
		memset(stock_node(stock, refs[i]), 0xff, size);
	stock_retire(stock, refs[0]);
	lab_freed();
	cmap_arena_destroy(&stock->arena);
	KUNIT_EXPECT_EQ(test, lab_freed_end(), 0);
}

/* A trim wipes so much in one lock hold and no more, and gets there. */
static void wiping_in_pieces(struct kunit *test)
{
	struct stock *stock = stock_new(test, true);
	u32 size = SZ_32K, i, from = 0;
	LIST_HEAD(detached);
	cmap_ref refs[8];
	int err;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = stock_take(stock, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
		memset(stock_node(stock, refs[i]), 0xff, size);
	}
	for (i = 0; i < ARRAY_SIZE(refs); i++)
		stock_retire(stock, refs[i]);
	synchronize_rcu();

	spin_lock_bh(&stock->lock);
	KUNIT_EXPECT_TRUE(test, cmap_arena_trim(&stock->arena, &from, U32_MAX,
						&detached));
	spin_unlock_bh(&stock->lock);
	KUNIT_EXPECT_NE(test, from, U32_MAX);
	cmap_arena_free_detached(&detached);
	for (i = 0; trim(stock, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 20);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);

	cmap_arena_destroy(&stock->arena);
}

/* ---- giving back ---- */

static void empty_segments_go_back(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 size = 200, i, n = 4000, before, hint;
	cmap_ref *refs = kunit_kcalloc(test, n, sizeof(*refs), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, refs);
	for (i = 0; i < n; i++) {
		refs[i] = stock_take(stock, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
	}
	before = census_of(stock).segments;
	KUNIT_ASSERT_GT(test, before, 10);
	KUNIT_EXPECT_FALSE(test, trim(stock, 3));

	/* All but one: its segment stays. */
	for (i = 1; i < n; i++)
		stock_retire(stock, refs[i]);
	KUNIT_EXPECT_TRUE(test, stock->arena.needs_trim);
	rcu_read_lock();
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, trim(stock, 3));
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, before);
	rcu_read_unlock();
	synchronize_rcu();
	trim(stock, 3);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, 1);
	KUNIT_EXPECT_EQ(test, census_of(stock).live, 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), census_of(stock).bytes);

	/* Their granules are used again, the lowest first. */
	hint = stock->arena.hint;
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, 4000) >> CMAP_OFFSET_BITS,
			hint);

	cmap_arena_destroy(&stock->arena);
}

/* One that is used again while it waits to go back stays. */
/*
 * What a writer that lacks memory counted on was taken again by others as soon as
 * it could be, each time.
 */
static void what_is_reclaimed_is_not_used_again(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	cmap_ref refs[100];
	LIST_HEAD(detached);
	u32 i, from = 0;
	u64 pending;
	int err;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = stock_take(stock, 1000, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
	}
	for (i = 0; i < ARRAY_SIZE(refs); i++)
		stock_retire(stock, refs[i]);
	spin_lock_bh(&stock->lock);
	pending = cmap_arena_reclaim(&stock->arena, &from, U32_MAX, &detached);
	spin_unlock_bh(&stock->lock);
	cmap_arena_free_detached(&detached);
	KUNIT_EXPECT_EQ(test, pending, census_of(stock).bytes);

	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, 1000), 0);
	KUNIT_EXPECT_FALSE(test, trim(stock, U32_MAX));
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, 0);
	KUNIT_EXPECT_NE(test, stock_take(stock, 1000, &err), 0);

	cmap_arena_destroy(&stock->arena);
}

static void emptied_and_used_again(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	cmap_ref ref;
	int err;

	ref = stock_take(stock, 2000, &err);
	KUNIT_ASSERT_NE(test, ref, 0);
	stock_retire(stock, ref);
	KUNIT_EXPECT_TRUE(test, trim(stock, 256));
	ref = stock_take_ready(stock, 2000);
	KUNIT_ASSERT_NE(test, ref, 0);
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, trim(stock, 256));
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, 1);
	/* Its last reader comes after the first time it was empty. */
	rcu_read_lock();
	stock_retire(stock, ref);
	KUNIT_EXPECT_TRUE(test, trim(stock, 256));
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, 1);
	rcu_read_unlock();
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, trim(stock, 256));
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);

	cmap_arena_destroy(&stock->arena);
}

/* ---- ahead ---- */

/* Take nodes until a segment of the class will be needed soon. */
static u32 take_to_half(struct kunit *test, struct stock *stock, u32 size)
{
	cmap_ref ref;
	u32 n = 0;
	int err;

	while (!stock->arena.below_low_watermark && n < 10000) {
		ref = stock_take(stock, size, &err);
		KUNIT_ASSERT_NE(test, ref, 0);
		n++;
	}
	KUNIT_ASSERT_TRUE(test, stock->arena.below_low_watermark);
	stock->arena.below_low_watermark = false;

	return n;
}

static void attach_ahead(struct kunit *test, struct stock *stock)
{
	struct cmap_refill refill;

	KUNIT_ASSERT_EQ(test, cmap_refill_ahead(&stock->arena,
						stock->arena.ahead, &refill), 0);
	cmap_refill_use(&stock->arena, &refill);
}

/* Nobody has to refill if there was time to do it ahead. */
static void a_segment_ahead(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 size = 1000, taken, segments, left, i;
	struct cmap_class *class;

	/* Small segments are not worth it, nor is a quarter of all there is. */
	taken = take_to_half(test, stock, size);
	segments = census_of(stock).segments;
	class = &stock->arena.classes[stock->arena.ahead];
	KUNIT_EXPECT_GE(test, taken * size, 4 * (PAGE_SIZE << 2) / 2);

	attach_ahead(test, stock);
	KUNIT_EXPECT_TRUE(test, class->spare);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, segments + 1);
	/* Two spare ones are one too many. */
	attach_ahead(test, stock);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, segments + 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), census_of(stock).bytes);

	left = segtab_of(stock)->segment[class->bump]->capacity -
	       segtab_of(stock)->segment[class->bump]->bump +
	       segtab_of(stock)->segment[class->spare]->capacity;
	for (i = 0; i < left; i++)
		KUNIT_ASSERT_NE(test, stock_take_ready(stock, size), 0);
	KUNIT_EXPECT_FALSE(test, class->spare);
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), 0);

	cmap_arena_destroy(&stock->arena);
}

/* The same for a writer that lacks memory; the bytes that are still to come. */
static u64 reclaim(struct stock *stock)
{
	LIST_HEAD(detached);
	u64 pending = 0;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&stock->lock);
		pending += cmap_arena_reclaim(&stock->arena, &from, 256,
					      &detached);
		spin_unlock_bh(&stock->lock);
	}
	cmap_arena_free_detached(&detached);

	return pending;
}

/*
 * A trim took the segment that had just been allocated ahead, and the writer
 * whom it was for had to clear one himself.  It stays while there are entries
 * that will need more, and goes when memory is short.
 */
static void trim_leaves_what_is_ahead(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 segments;

	take_to_half(test, stock, 1000);
	segments = census_of(stock).segments;
	attach_ahead(test, stock);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, segments + 1);
	KUNIT_EXPECT_FALSE(test, trim(stock, 256));
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, segments + 1);
	KUNIT_EXPECT_TRUE(test, stock->arena.classes[stock->arena.ahead].spare);

	KUNIT_EXPECT_EQ(test, reclaim(stock), 0);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, segments);
	KUNIT_EXPECT_FALSE(test, stock->arena.classes[stock->arena.ahead].spare);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), census_of(stock).bytes);

	cmap_arena_destroy(&stock->arena);
}

/* ---- lack of memory ---- */

static void account_limit(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 taken = 0, i, n = 0;
	cmap_ref refs[64];
	int err;

	stock->lab->memory.account.max = 5 * PAGE_SIZE;
	do {
		refs[n] = stock_take(stock, 1000, &err);
		KUNIT_EXPECT_LE(test, lab_bytes(stock->lab), 5 * PAGE_SIZE);
	} while (refs[n] && ++n < ARRAY_SIZE(refs));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	/* 4 to a page, and every page there may be. */
	KUNIT_EXPECT_EQ(test, n, 20);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 5 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, census_of(stock).live, n);

	/* A larger one fails too, and goes when there is room again. */
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 9000, GFP_KERNEL), -ENOSPC);
	for (i = 0; i < n; i++)
		stock_retire(stock, refs[i]);
	for (i = 0; trim(stock, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);
	taken = stock_take(stock, 9000, &err);
	KUNIT_EXPECT_NE(test, taken, 0);

	cmap_arena_destroy(&stock->arena);
}

/* Every allocation of a refill fails in turn; none leaves a trace. */
static void no_memory(struct kunit *test)
{
	gfp_t how[] = { GFP_KERNEL, GFP_ATOMIC | __GFP_NOWARN };
	u32 g, n, reached = 0;

	for (g = 0; g < ARRAY_SIZE(how); g++) {
		struct stock *stock = stock_new(test, false);

		stock->lab->memory.offered = true;
		for (n = 0;; n++) {
			int err;

			lab_fail(n, U32_MAX);
			err = stock_refill(stock, 100, how[g]);
			if (!lab_fail_end()) {
				KUNIT_EXPECT_EQ(test, err, 0);
				break;
			}
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);
			KUNIT_EXPECT_EQ(test, stock_take_ready(stock, 100), 0);
			reached++;
		}
		KUNIT_EXPECT_NE(test, stock_take_ready(stock, 100), 0);
		cmap_arena_destroy(&stock->arena);
	}
	/* Segment, block, pages, segment table, classes. */
	KUNIT_EXPECT_EQ(test, reached, 10);
}

/* Where pages come in small pieces only, small segments do. */
static void smaller_segments(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	cmap_ref refs[256];
	struct census before;
	u32 n = 0;
	int err;

	do {
		refs[n] = stock_take(stock, 4000, &err);
		KUNIT_ASSERT_NE(test, refs[n], 0);
	} while (++n < 100 || stock->arena.classes[
			segment_of(stock, refs[n - 1])->class].bump);
	before = census_of(stock);
	/* The segment, then the block; the first pages are not to be had. */
	lab_fail(2, 1);
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	KUNIT_EXPECT_EQ(test, census_of(stock).segments, before.segments + 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), census_of(stock).bytes);

	cmap_arena_destroy(&stock->arena);
}

/* ---- everything at random ---- */

#define HELD		600

struct held {
	cmap_ref ref;
	u32 size;
	u32 origin;
};

static bool intact(struct stock *stock, const struct held *held)
{
	u8 want[64], *have = stock_node(stock, held->ref)->key;
	u32 left = held->size - sizeof(struct cmap_node);

	model_fill(want, sizeof(want), held->origin);
	return !memcmp(have, want, min(left, 64U)) &&
	       stock_node(stock, held->ref)->lengths == held->origin;
}

static u32 any_size(struct lab *lab)
{
	switch (lab_below(lab, 10)) {
	case 0:
		return NODE_MIN + lab_below(lab, 20000);
	case 1 ... 3:
		return NODE_MIN + lab_below(lab, 1000);
	default:
		return NODE_MIN + lab_below(lab, 64);
	}
}

static void hold(struct kunit *test, struct stock *stock, struct held *held,
		 u32 origin)
{
	struct cmap_node *node;
	int err;

	held->size = any_size(stock->lab);
	held->origin = origin;
	held->ref = stock_take(stock, held->size, &err);
	KUNIT_ASSERT_NE(test, held->ref, 0);
	node = stock_node(stock, held->ref);
	node->lengths = origin;
	model_fill(node->key, min_t(u32, held->size - sizeof(*node), 64),
		   origin);
}

/*
 * Nodes held are nobody else's, and those given back stay as they were while
 * a reader can be in them.
 */
static void at_random(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	struct held *held = kunit_kcalloc(test, HELD, sizeof(*held), GFP_KERNEL);
	struct lab *lab = stock->lab;
	u32 i, n = 0, step;

	KUNIT_ASSERT_NOT_NULL(test, held);
	for (step = 0; step < 60000; step++) {
		bool grow = step / 10000 % 2 == 0;
		u32 dice = lab_below(lab, 100);

		if (dice < (grow ? 60 : 30) && n < HELD) {
			hold(test, stock, &held[n++], step);
		} else if (dice < 95 && n) {
			struct held gone;

			i = lab_below(lab, n);
			gone = held[i];
			held[i] = held[--n];
			KUNIT_ASSERT_TRUE(test, intact(stock, &gone));
			if (dice % 4) {
				rcu_read_lock();
				stock_retire(stock, gone.ref);
				stock_take_ready(stock, NODE_MIN);
				KUNIT_EXPECT_TRUE(test, intact(stock, &gone));
				rcu_read_unlock();
			} else {
				unalloc(stock, gone.ref);
			}
		} else if (dice == 95) {
			trim(stock, 1 + lab_below(lab, 8));
		} else if (dice == 96 && step % 10 == 0) {
			synchronize_rcu();
		}
		KUNIT_ASSERT_EQ(test, lab_bytes(lab), census_of(stock).bytes);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, intact(stock, &held[i]));
	KUNIT_EXPECT_GT(test, stock->arena.reuses, 1000);

	cmap_arena_destroy(&stock->arena);
}

/* ---- what processes see ---- */

static u64 shown(const struct cmap_view *view, u32 granule)
{
	size_t at = granule * sizeof(u64);
	struct page *page = cmap_view_page(view, at / PAGE_SIZE);

	return page ? *(u64 *)(page_address(page) + at % PAGE_SIZE) : 0;
}

static void show(struct kunit *test, struct stock *stock)
{
	struct cmap_view *view;
	int err;

	view = cmap_view_new(&stock->lab->memory, NUMA_NO_NODE,
			     cmap_arena_granules(&stock->arena), &err);
	KUNIT_ASSERT_NOT_NULL(test, view);
	spin_lock_bh(&stock->lock);
	cmap_arena_show(&stock->arena, view);
	spin_unlock_bh(&stock->lock);
}

static void expect_shown(struct kunit *test, struct stock *stock)
{
	struct cmap_segtab *segtab = segtab_of(stock);
	u32 i;

	for (i = CMAP_WINDOW_GRANULES_NONE; i < segtab->size; i++) {
		struct cmap_segment *segment = segtab->segment[i];

		KUNIT_EXPECT_EQ(test, shown(stock->arena.view, i),
				segment ? segment->number : 0);
	}
}

/* Segments of many classes, small ones, until there are so many. */
static void many_segments(struct kunit *test, struct stock *stock, u32 count)
{
	u32 size = NODE_MIN;
	int err = 0;

	while (!err && census_of(stock).segments < count) {
		/* Each refill brings one if the one before was used up. */
		while (stock_take_ready(stock, size))
			;
		err = stock_refill(stock, size, GFP_KERNEL);
		size = size < 4000 ? size + size / 6 + 16 : NODE_MIN;
	}
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void view_grows_with_the_segments(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	struct cmap_refill early;
	u32 n, size;

	stock->lab->memory.offered = true;
	many_segments(test, stock, 20);
	show(test, stock);
	expect_shown(test, stock);
	/* Until all that the first page shows is taken. */
	for (size = 32; cmap_list_page_of(2 * size - 1) == 0;)
		size *= 2;
	many_segments(test, stock, size - CMAP_WINDOW_GRANULES_NONE);
	KUNIT_EXPECT_EQ(test, segtab_of(stock)->size, size);
	KUNIT_EXPECT_NULL(test, cmap_view_page(stock->arena.view, 1));

	/* One made for a table that has grown since comes too late. */
	KUNIT_ASSERT_EQ(test, cmap_refill_prepare(&stock->arena, 4000,
						  GFP_KERNEL, &early), 0);
	KUNIT_EXPECT_NOT_NULL(test, early.segtab);
	KUNIT_EXPECT_NOT_NULL(test, early.level);

	/* The next page fails in its turn, too. */
	for (n = 0;; n++) {
		u64 before = lab_bytes(stock->lab);

		lab_fail(n, U32_MAX);
		if (!stock_refill(stock, 4000, GFP_KERNEL))
			break;
		KUNIT_EXPECT_NE(test, lab_fail_end(), 0);
		KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), before);
	}
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 0);
	KUNIT_EXPECT_GE(test, n, 6);
	KUNIT_EXPECT_NOT_NULL(test, cmap_view_page(stock->arena.view, 1));

	spin_lock_bh(&stock->lock);
	cmap_refill_attach(&stock->arena, &early);
	spin_unlock_bh(&stock->lock);
	KUNIT_EXPECT_NOT_NULL(test, early.segtab);
	KUNIT_EXPECT_NOT_NULL(test, early.level);
	cmap_refill_discard(&early);

	many_segments(test, stock, 2 * size + 50);
	expect_shown(test, stock);

	cmap_arena_destroy(&stock->arena);
}

/*
 * Move a single node of a segment that was to be emptied, which is then used
 * again.  False if none was chosen.
 */
static bool evacuate_but_one(struct stock *stock, cmap_ref *copy)
{
	struct cmap_arena *arena = &stock->arena;
	u32 from = 0;
	bool chosen;

	spin_lock_bh(&stock->lock);
	chosen = cmap_arena_evacuate(arena, &from, U32_MAX, 8, true);
	if (chosen) {
		cmap_ref ref;

		do
			ref = cmap_arena_evacuate_next(arena);
		while (ref && !cmap_arena_node(arena, ref)->version);
		*copy = ref ? cmap_arena_copy(arena, ref) : 0;
		if (*copy)
			cmap_arena_retire(arena, ref);
		cmap_arena_evacuate_end(arena);
	}
	spin_unlock_bh(&stock->lock);

	return chosen;
}

/*
 * A node of a segment that was not emptied after all could get the version back
 * that it had before, with the copy of its copy: who read it all the while, by
 * way of a window, took for one value what were two.
 */
static void numbers_change_where_nodes_were_moved(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u64 before[16] = {}, changed = 0;
	const u32 size = 1000;
	cmap_ref refs[200], copy = 0;
	struct cmap_segtab *segtab;
	u32 i;
	int err;

	stock->lab->memory.offered = true;
	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = stock_take(stock, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
		stock_node(stock, refs[i])->lengths =
			cmap_node_lengths(8, 900);
		stock_node(stock, refs[i])->version = i + 1;
	}
	show(test, stock);
	segtab = segtab_of(stock);
	for (i = 0; i < min_t(u32, segtab->size, 16); i++)
		before[i] = segtab->segment[i] ? segtab->segment[i]->number : 0;
	/* Two are live in each, or more. */
	for (i = 1; i < ARRAY_SIZE(refs); i += 2) {
		stock_node(stock, refs[i])->version = 0;
		stock_retire(stock, refs[i]);
	}
	synchronize_rcu();

	KUNIT_ASSERT_TRUE(test, evacuate_but_one(stock, &copy));
	KUNIT_EXPECT_NE(test, copy, 0);
	for (i = 0; i < min_t(u32, segtab->size, 16); i++)
		if (segtab->segment[i] &&
		    segtab->segment[i]->number != before[i])
			changed++;
	KUNIT_EXPECT_EQ(test, changed, 1);
	expect_shown(test, stock);

	cmap_arena_destroy(&stock->arena);
}

static void view_without_memory(struct kunit *test)
{
	const u32 granules = 2000, pages = 4;
	struct lab *lab = test->priv;
	struct cmap_view *view;
	u32 n;
	int err;

	for (n = 0;; n++) {
		lab_fail(n, U32_MAX);
		view = cmap_view_new(&lab->memory, NUMA_NO_NODE, granules,
				     &err);
		if (!lab_fail_end())
			break;
		KUNIT_EXPECT_NULL(test, view);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, atomic64_read(&lab->all.bytes), 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, view);
	/* It is for readers, and not on the map's bill. */
	KUNIT_EXPECT_EQ(test, lab_bytes(lab), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&lab->all.bytes),
			pages * PAGE_SIZE);
	cmap_view_free(view);

	lab->all.max = 2 * PAGE_SIZE;
	KUNIT_EXPECT_NULL(test, cmap_view_new(&lab->memory, NUMA_NO_NODE,
					      granules, &err));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
}

/* ---- places ---- */

/* No node lies in two levels, and large segments as large pages do. */
static void segments_lie_in_one_level(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 sizes[] = { 100, SZ_64K + 100, 5 * SZ_64K, SZ_1M + 100 };
	struct cmap_segtab *segtab;
	u32 i, n;
	int err;

	for (n = 0; n < 40; n++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			KUNIT_ASSERT_NE(test, stock_take(stock, sizes[i], &err),
					0);

	segtab = segtab_of(stock);
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

	cmap_arena_destroy(&stock->arena);
}

/* All granules but the last ones are somebody's. */
static void take_granules(struct stock *stock, u32 left)
{
	struct cmap_segtab *segtab = segtab_of(stock);

	bitmap_set(segtab->map, stock->arena.hint,
		   segtab->size - left - stock->arena.hint);
	segtab->taken = segtab->size - left;
	stock->arena.hint = segtab->size - left;
}

/*
 * A shard had no more than 16,383 segments, of one page each where that was all
 * that could be had; and when there was no index left the memory for a segment
 * was still allocated and cleared, and given back.
 */
static void granules_are_spent(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	struct cmap_segtab *segtab;
	u32 n = 0;

	KUNIT_ASSERT_EQ(test, stock_refill(stock, 100, GFP_KERNEL), 0);
	segtab = lab_largest_segtab(test, &stock->arena);

	/* Where few are left no segment is smaller than one. */
	take_granules(stock, 33);
	while (stock_take_ready(stock, 100))
		n++;
	KUNIT_EXPECT_LT(test, n, CMAP_GRANULE_BYTES / 104 - 1);
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 5000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab),
			census_of(stock).bytes);
	KUNIT_EXPECT_GE(test, census_of(stock).bytes, CMAP_GRANULE_BYTES);
	/* 32 in a row are left, of which a value of 1 MiB takes 17. */
	KUNIT_EXPECT_EQ(test, stock_refill(stock, SZ_1M + 100, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, segtab->taken, CMAP_GRANULES_MAX - 15);
	take_granules(stock, 0);
	lab_fail(1, U32_MAX);
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 50000, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 0);

	cmap_arena_destroy(&stock->arena);
}

/* Numbers are each map's own, and end before they no longer fit. */
static void numbers_are_spent(struct kunit *test)
{
	struct lab *lab = test->priv;
	u64 number;

	KUNIT_EXPECT_EQ(test, cmap_memory_number(&lab->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, 0);
	lab->memory.offered = true;
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&lab->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, CMAP_WINDOW_NUMBER_FIRST);
	atomic64_set(&lab->memory.numbers,
		     (1ULL << 48) - 1 - CMAP_WINDOW_NUMBER_FIRST);
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&lab->memory, &number), 0);
	KUNIT_EXPECT_EQ(test, number, (1ULL << 48) - 1);
	KUNIT_EXPECT_EQ(test, cmap_memory_number(&lab->memory, &number),
			-ENOSPC);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(size_classes),
	KUNIT_CASE(reuse_waits_for_readers),
	KUNIT_CASE(version_is_0_when_handed_out),
	KUNIT_CASE(wiping),
	KUNIT_CASE(wiped_before_given_back),
	KUNIT_CASE(wiping_in_pieces),
	KUNIT_CASE(empty_segments_go_back),
	KUNIT_CASE(what_is_reclaimed_is_not_used_again),
	KUNIT_CASE(emptied_and_used_again),
	KUNIT_CASE(a_segment_ahead),
	KUNIT_CASE(trim_leaves_what_is_ahead),
	KUNIT_CASE(account_limit),
	KUNIT_CASE(no_memory),
	KUNIT_CASE(smaller_segments),
	KUNIT_CASE_SLOW(at_random),
	KUNIT_CASE(view_grows_with_the_segments),
	KUNIT_CASE(numbers_change_where_nodes_were_moved),
	KUNIT_CASE(view_without_memory),
	KUNIT_CASE(segments_lie_in_one_level),
	KUNIT_CASE(granules_are_spent),
	KUNIT_CASE(numbers_are_spent),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_arena",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
