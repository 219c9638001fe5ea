// SPDX-License-Identifier: GPL-2.0
/*
 * Node memory: an allocated node is used by nobody else, a retired one waits for its
 * readers, and every page is charged.
 */
#include "model.h"
#include "stock.h"

#include <linux/delay.h>
#include <linux/sizes.h>

/* ---- sizes ---- */

/* A node has at least the size asked for, and at most an eighth more. */
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
		segment = stock_segment(stock, ref);
		room = segment->units << CMAP_UNIT_SHIFT;
		KUNIT_EXPECT_GE(test, room, size);
		KUNIT_EXPECT_LT(test, room - size, max(16U, room / 8));
		KUNIT_EXPECT_GE(test, segment->class, class);
		KUNIT_EXPECT_LT(test, segment->class, CMAP_CLASSES);
		class = segment->class;
		stock_retire(stock, ref);
		KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab),
				stock_census(stock).bytes);
	}
	KUNIT_EXPECT_GT(test, class, CMAP_CLASSES - 4);

	cmap_arena_destroy(&stock->arena);
}

/* ---- reuse ---- */

/* Take nodes until no unused node of the class is left. */
static u32 take_all(struct stock *stock, u32 size, cmap_ref *refs, u32 max)
{
	u32 n = 0;
	int err;

	do {
		refs[n] = stock_take(stock, size, &err);
		if (!refs[n])
			return 0;
	} while (stock->arena.classes[stock_segment(stock, refs[n++])->class].bump &&
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

	/* A reader that was there before the node was retired. */
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

	/* A node that is retired later waits for a later grace period. */
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

	/* A node whose ref was never published need not wait. */
	stock_unalloc(stock, refs[1]);
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

	/* A node that was never published is wiped at once. */
	stock_unalloc(stock, refs[0]);
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[0], size));
	/* A retired node is wiped before it is reused. */
	stock_retire(stock, refs[1]);
	KUNIT_EXPECT_FALSE(test, wiped(stock, refs[1], size));
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[0]);
	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), refs[1]);
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[1], size));
	/* A retired node that nobody reuses is wiped by the trim. */
	stock_retire(stock, refs[2]);
	stock_retire(stock, refs[3]);
	KUNIT_EXPECT_TRUE(test, stock->arena.needs_trim);
	for (i = 0; stock_trim(stock, 1); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[2], size));
	KUNIT_EXPECT_TRUE(test, wiped(stock, refs[3], size));
	KUNIT_EXPECT_FALSE(test, wiped(stock, refs[4], size));

	cmap_arena_destroy(&stock->arena);
}

/*
 * Pages must not go back to the kernel with contents of a WIPE map.  A segment whose
 * last nodes were retired one after the other was freed when the grace period after
 * the last one was over, although only the first node had been wiped.  When an arena
 * was destroyed, nothing was wiped at all.
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
	KUNIT_EXPECT_TRUE(test, stock_trim(stock, 256));
	rcu_read_unlock();

	lab_freed();
	for (i = 0; stock_trim(stock, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);
	/* Each node may still have the link to the next one. */
	KUNIT_EXPECT_LE(test, lab_freed_end(), n * sizeof(cmap_ref));

	n = take_all(stock, size, refs, ARRAY_SIZE(refs));
	for (i = 0; i < n; i++)
		memset(stock_node(stock, refs[i]), 0xff, size);
	stock_retire(stock, refs[0]);
	lab_freed();
	cmap_arena_destroy(&stock->arena);
	KUNIT_EXPECT_EQ(test, lab_freed_end(), 0);
}

/* A trim wipes a bounded number of bytes in one lock hold, and ends after several. */
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
	for (i = 0; stock_trim(stock, 256); i++) {
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
	before = stock_census(stock).segments;
	KUNIT_ASSERT_GT(test, before, 10);
	KUNIT_EXPECT_FALSE(test, stock_trim(stock, 3));

	/* Retire all nodes but one.  The segment of that one stays. */
	for (i = 1; i < n; i++)
		stock_retire(stock, refs[i]);
	KUNIT_EXPECT_TRUE(test, stock->arena.needs_trim);
	rcu_read_lock();
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, stock_trim(stock, 3));
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, before);
	rcu_read_unlock();
	synchronize_rcu();
	stock_trim(stock, 3);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, 1);
	KUNIT_EXPECT_EQ(test, stock_census(stock).live, 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), stock_census(stock).bytes);

	/* The granules are used again, the lowest first. */
	hint = stock->arena.hint;
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, 4000) >> CMAP_OFFSET_BITS,
			hint);

	cmap_arena_destroy(&stock->arena);
}

/*
 * A writer that lacks memory waited for empty segments to be freed.  Each time other
 * writers took nodes of them as soon as the grace period was over.
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
	KUNIT_EXPECT_EQ(test, pending, stock_census(stock).bytes);

	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, 1000), 0);
	KUNIT_EXPECT_FALSE(test, stock_trim(stock, U32_MAX));
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, 0);
	KUNIT_EXPECT_NE(test, stock_take(stock, 1000, &err), 0);

	cmap_arena_destroy(&stock->arena);
}

/* A segment that is used again while it waits to be freed stays. */
static void emptied_and_used_again(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	cmap_ref ref;
	int err;

	ref = stock_take(stock, 2000, &err);
	KUNIT_ASSERT_NE(test, ref, 0);
	stock_retire(stock, ref);
	KUNIT_EXPECT_TRUE(test, stock_trim(stock, 256));
	ref = stock_take_ready(stock, 2000);
	KUNIT_ASSERT_NE(test, ref, 0);
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, stock_trim(stock, 256));
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, 1);
	/* Its last reader begins after the segment was empty for the first time. */
	rcu_read_lock();
	stock_retire(stock, ref);
	KUNIT_EXPECT_TRUE(test, stock_trim(stock, 256));
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, 1);
	rcu_read_unlock();
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, stock_trim(stock, 256));
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);

	cmap_arena_destroy(&stock->arena);
}

/* ---- ahead ---- */

/* Take nodes until the next segment of the class should be allocated ahead. */
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

/* No writer has to refill if there was time to allocate a segment ahead. */
static void a_segment_ahead(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 size = 1000, taken, segments, left, i;
	struct cmap_class *class;

	/* Not for small segments, nor if a segment is a quarter of the class. */
	taken = take_to_half(test, stock, size);
	segments = stock_census(stock).segments;
	class = &stock->arena.classes[stock->arena.ahead];
	KUNIT_EXPECT_GE(test, taken * size, 4 * (PAGE_SIZE << 2) / 2);

	attach_ahead(test, stock);
	KUNIT_EXPECT_TRUE(test, class->spare);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, segments + 1);
	/* Only one segment is kept ahead; another one is freed. */
	attach_ahead(test, stock);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, segments + 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), stock_census(stock).bytes);

	left = stock_segtab(stock)->segment[class->bump]->capacity -
	       stock_segtab(stock)->segment[class->bump]->bump +
	       stock_segtab(stock)->segment[class->spare]->capacity;
	for (i = 0; i < left; i++)
		KUNIT_ASSERT_NE(test, stock_take_ready(stock, size), 0);
	KUNIT_EXPECT_FALSE(test, class->spare);
	KUNIT_EXPECT_EQ(test, stock_take_ready(stock, size), 0);

	cmap_arena_destroy(&stock->arena);
}

/* Reclaim as a writer that lacks memory does.  Returns the bytes still to come. */
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
 * A trim freed the segment that had just been allocated ahead, so the next writer had
 * to allocate and clear one.  The segment stays while the class has entries, and is
 * freed when memory is short.
 */
static void trim_leaves_what_is_ahead(struct kunit *test)
{
	struct stock *stock = stock_new(test, false);
	u32 segments;

	take_to_half(test, stock, 1000);
	segments = stock_census(stock).segments;
	attach_ahead(test, stock);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, segments + 1);
	KUNIT_EXPECT_FALSE(test, stock_trim(stock, 256));
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, segments + 1);
	KUNIT_EXPECT_TRUE(test, stock->arena.classes[stock->arena.ahead].spare);

	KUNIT_EXPECT_EQ(test, reclaim(stock), 0);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, segments);
	KUNIT_EXPECT_FALSE(test, stock->arena.classes[stock->arena.ahead].spare);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), stock_census(stock).bytes);

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
	/* Four nodes fit a page, and all pages of the limit are used. */
	KUNIT_EXPECT_EQ(test, n, 20);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 5 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stock_census(stock).live, n);

	/* A larger node fails, too, and succeeds when there is room again. */
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 9000, GFP_KERNEL), -ENOSPC);
	for (i = 0; i < n; i++)
		stock_retire(stock, refs[i]);
	for (i = 0; stock_trim(stock, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), 0);
	taken = stock_take(stock, 9000, &err);
	KUNIT_EXPECT_NE(test, taken, 0);

	cmap_arena_destroy(&stock->arena);
}

/* Each allocation of a refill fails, one after the other.  None leaks memory. */
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
	/* For both flags: segment, block, pages, segment table, classes. */
	KUNIT_EXPECT_EQ(test, reached, 10);
}

/* If large blocks cannot be allocated, small segments are used. */
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
			stock_segment(stock, refs[n - 1])->class].bump);
	before = stock_census(stock);
	/* Allocations: the segment, the block, and then its pages, which fail once. */
	lab_fail(2, 1);
	KUNIT_EXPECT_EQ(test, stock_refill(stock, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	KUNIT_EXPECT_EQ(test, stock_census(stock).segments, before.segments + 1);
	KUNIT_EXPECT_EQ(test, lab_bytes(stock->lab), stock_census(stock).bytes);

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
 * Nodes that are held are used by nobody else.  Retired nodes do not change while a
 * reader can be in them.
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
				stock_unalloc(stock, gone.ref);
			}
		} else if (dice == 95) {
			stock_trim(stock, 1 + lab_below(lab, 8));
		} else if (dice == 96 && step % 10 == 0) {
			synchronize_rcu();
		}
		KUNIT_ASSERT_EQ(test, lab_bytes(lab), stock_census(stock).bytes);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, intact(stock, &held[i]));
	KUNIT_EXPECT_GT(test, stock->arena.reuses, 1000);

	cmap_arena_destroy(&stock->arena);
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
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_arena",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
