// SPDX-License-Identifier: GPL-2.0
/*
 * Node memory: an allocated node is used by nobody else, a retired one waits for its
 * readers, and every page is charged.
 */
#include "model.h"
#include "test_arena.h"

#include <linux/delay.h>
#include <linux/sizes.h>

/* ---- sizes ---- */

/* A node has at least the size asked for, and at most an eighth more. */
static void size_classes(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 size, class = 0;
	int err;

	for (size = NODE_MIN; size <= NODE_MAX;
	     size += size < 4096 ? 1 : size / 37) {
		cmap_ref ref = ta_take(ta, size, &err);
		struct cmap_segment *segment;
		u32 room;

		KUNIT_ASSERT_NE_MSG(test, ref, 0, "%u bytes: error %d", size,
				    err);
		segment = ta_segment(ta, ref);
		room = segment->units << CMAP_UNIT_SHIFT;
		KUNIT_EXPECT_GE(test, room, size);
		KUNIT_EXPECT_LT(test, room - size, max(16U, room / 8));
		KUNIT_EXPECT_GE(test, segment->class, class);
		KUNIT_EXPECT_LT(test, segment->class, CMAP_CLASSES);
		class = segment->class;
		ta_retire(ta, ref);
		KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx),
				ta_census(ta).bytes);
	}
	KUNIT_EXPECT_GT(test, class, CMAP_CLASSES - 4);

	cmap_arena_destroy(&ta->arena);
}

/* ---- reuse ---- */

/* Take nodes until no unused node of the class is left. */
static u32 take_all(struct test_arena *ta, u32 size, cmap_ref *refs, u32 max)
{
	u32 n = 0;
	int err;

	do {
		refs[n] = ta_take(ta, size, &err);
		if (!refs[n])
			return 0;
	} while (ta->arena.classes[ta_segment(ta, refs[n++])->class].bump &&
		 n < max);

	return n;
}

static void reuse_waits_for_readers(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 size = 1000, n, round;
	cmap_ref refs[16], ref;

	n = take_all(ta, size, refs, ARRAY_SIZE(refs));
	KUNIT_ASSERT_GT(test, n, 2);

	/* A reader that was there before the node was retired. */
	rcu_read_lock();
	ta_retire(ta, refs[0]);
	for (round = 0; round < 50; round++) {
		ref = ta_take_ready(ta, size);
		if (ref)
			break;
		mdelay(1);
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, ref, 0, "after %u ms", round);

	/* A node that is retired later waits for a later grace period. */
	synchronize_rcu();
	rcu_read_lock();
	ta_retire(ta, refs[1]);
	ref = ta_take_ready(ta, size);
	KUNIT_EXPECT_EQ(test, ref, refs[0]);
	for (round = 0; round < 20; round++) {
		ref = ta_take_ready(ta, size);
		if (ref)
			break;
		mdelay(1);
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, ref, 0, "after %u ms", round);

	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, size), refs[1]);
	KUNIT_EXPECT_EQ(test, ta->arena.reuses, 2);

	/* A node whose ref was never published need not wait. */
	ta_free_unpublished(ta, refs[1]);
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, size), refs[1]);

	cmap_arena_destroy(&ta->arena);
}

static void version_is_0_when_handed_out(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	int round, err;

	for (round = 0; round < 3; round++) {
		cmap_ref ref = ta_take(ta, 4000, &err);

		KUNIT_ASSERT_NE(test, ref, 0);
		KUNIT_EXPECT_EQ(test, ta_node(ta, ref)->version, 0);
		ta_node(ta, ref)->version = 77;
		ta_retire(ta, ref);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, ta->arena.reuses, 2);

	cmap_arena_destroy(&ta->arena);
}

/* ---- wiping ---- */

static bool wiped(struct test_arena *ta, cmap_ref ref, u32 size)
{
	struct cmap_node *node = ta_node(ta, ref);

	return !node->version && !node->lengths &&
	       !memchr_inv(node + 1, 0, size - sizeof(*node));
}

static void wiping(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, true);
	u32 size = 512, i, n;
	cmap_ref refs[64];

	n = take_all(ta, size, refs, ARRAY_SIZE(refs));
	KUNIT_ASSERT_GT(test, n, 4);
	for (i = 0; i < n; i++)
		memset(ta_node(ta, refs[i]), 0xff, size);

	/* A node that was never published is wiped at once. */
	ta_free_unpublished(ta, refs[0]);
	KUNIT_EXPECT_TRUE(test, wiped(ta, refs[0], size));
	/* A retired node is wiped before it is reused. */
	ta_retire(ta, refs[1]);
	KUNIT_EXPECT_FALSE(test, wiped(ta, refs[1], size));
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, size), refs[0]);
	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, size), refs[1]);
	KUNIT_EXPECT_TRUE(test, wiped(ta, refs[1], size));
	/* A retired node that nobody reuses is wiped by the trim. */
	ta_retire(ta, refs[2]);
	ta_retire(ta, refs[3]);
	KUNIT_EXPECT_TRUE(test, ta->arena.needs_trim);
	for (i = 0; ta_trim(ta, 1); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_TRUE(test, wiped(ta, refs[2], size));
	KUNIT_EXPECT_TRUE(test, wiped(ta, refs[3], size));
	KUNIT_EXPECT_FALSE(test, wiped(ta, refs[4], size));

	cmap_arena_destroy(&ta->arena);
}

/*
 * Pages must not go back to the kernel with contents of a WIPE map.  A segment whose
 * last nodes were retired one after the other was freed when the grace period after
 * the last one was over, although only the first node had been wiped.  When an arena
 * was destroyed, nothing was wiped at all.
 */
static void wiped_before_given_back(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, true);
	u32 size = 512, i, n;
	cmap_ref refs[64];

	n = take_all(ta, size, refs, ARRAY_SIZE(refs));
	for (i = 0; i < n; i++) {
		struct cmap_node *node = ta_node(ta, refs[i]);

		node->version = 1;
		memset(node + 1, 0xff, size - sizeof(*node));
	}
	rcu_read_lock();
	for (i = 0; i < n; i++)
		ta_retire(ta, refs[i]);
	KUNIT_EXPECT_TRUE(test, ta_trim(ta, 256));
	rcu_read_unlock();

	count_unwiped();
	for (i = 0; ta_trim(ta, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 0);
	/* Each node may still have the link to the next one. */
	KUNIT_EXPECT_LE(test, count_unwiped_end(), n * sizeof(cmap_ref));

	n = take_all(ta, size, refs, ARRAY_SIZE(refs));
	for (i = 0; i < n; i++)
		memset(ta_node(ta, refs[i]), 0xff, size);
	ta_retire(ta, refs[0]);
	count_unwiped();
	cmap_arena_destroy(&ta->arena);
	KUNIT_EXPECT_EQ(test, count_unwiped_end(), 0);
}

/* A trim wipes a bounded number of bytes in one lock hold, and ends after several. */
static void wiping_in_pieces(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, true);
	u32 size = SZ_32K, i, from = 0;
	LIST_HEAD(detached);
	cmap_ref refs[8];
	int err;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = ta_take(ta, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
		memset(ta_node(ta, refs[i]), 0xff, size);
	}
	for (i = 0; i < ARRAY_SIZE(refs); i++)
		ta_retire(ta, refs[i]);
	synchronize_rcu();

	spin_lock_bh(&ta->lock);
	KUNIT_EXPECT_TRUE(test, cmap_arena_trim(&ta->arena, &from, U32_MAX,
						&detached));
	spin_unlock_bh(&ta->lock);
	KUNIT_EXPECT_NE(test, from, U32_MAX);
	cmap_arena_free_detached(&detached);
	for (i = 0; ta_trim(ta, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 20);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 0);

	cmap_arena_destroy(&ta->arena);
}

/* ---- giving back ---- */

static void empty_segments_go_back(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 size = 200, i, n = 4000, before, hint;
	cmap_ref *refs = kunit_kcalloc(test, n, sizeof(*refs), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, refs);
	for (i = 0; i < n; i++) {
		refs[i] = ta_take(ta, size, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
	}
	before = ta_census(ta).segments;
	KUNIT_ASSERT_GT(test, before, 10);
	KUNIT_EXPECT_FALSE(test, ta_trim(ta, 3));

	/* Retire all nodes but one.  The segment of that one stays. */
	for (i = 1; i < n; i++)
		ta_retire(ta, refs[i]);
	KUNIT_EXPECT_TRUE(test, ta->arena.needs_trim);
	rcu_read_lock();
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, ta_trim(ta, 3));
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, before);
	rcu_read_unlock();
	synchronize_rcu();
	ta_trim(ta, 3);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, 1);
	KUNIT_EXPECT_EQ(test, ta_census(ta).live, 1);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), ta_census(ta).bytes);

	/* The granules are used again, the lowest first. */
	hint = ta->arena.hint;
	KUNIT_EXPECT_EQ(test, ta_refill(ta, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, 4000) >> CMAP_OFFSET_BITS,
			hint);

	cmap_arena_destroy(&ta->arena);
}

/*
 * A writer that lacks memory waited for empty segments to be freed.  Each time other
 * writers took nodes of them as soon as the grace period was over.
 */
static void what_is_reclaimed_is_not_used_again(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	cmap_ref refs[100];
	LIST_HEAD(detached);
	u32 i, from = 0;
	u64 pending;
	int err;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = ta_take(ta, 1000, &err);
		KUNIT_ASSERT_NE(test, refs[i], 0);
	}
	for (i = 0; i < ARRAY_SIZE(refs); i++)
		ta_retire(ta, refs[i]);
	spin_lock_bh(&ta->lock);
	pending = cmap_arena_reclaim(&ta->arena, &from, U32_MAX, &detached);
	spin_unlock_bh(&ta->lock);
	cmap_arena_free_detached(&detached);
	KUNIT_EXPECT_EQ(test, pending, ta_census(ta).bytes);

	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, 1000), 0);
	KUNIT_EXPECT_FALSE(test, ta_trim(ta, U32_MAX));
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, 0);
	KUNIT_EXPECT_NE(test, ta_take(ta, 1000, &err), 0);

	cmap_arena_destroy(&ta->arena);
}

/* A segment that is used again while it waits to be freed stays. */
static void emptied_and_used_again(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	cmap_ref ref;
	int err;

	ref = ta_take(ta, 2000, &err);
	KUNIT_ASSERT_NE(test, ref, 0);
	ta_retire(ta, ref);
	KUNIT_EXPECT_TRUE(test, ta_trim(ta, 256));
	ref = ta_take_ready(ta, 2000);
	KUNIT_ASSERT_NE(test, ref, 0);
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, ta_trim(ta, 256));
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, 1);
	/* Its last reader begins after the segment was empty for the first time. */
	rcu_read_lock();
	ta_retire(ta, ref);
	KUNIT_EXPECT_TRUE(test, ta_trim(ta, 256));
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, 1);
	rcu_read_unlock();
	synchronize_rcu();
	KUNIT_EXPECT_FALSE(test, ta_trim(ta, 256));
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 0);

	cmap_arena_destroy(&ta->arena);
}

/* ---- ahead ---- */

/* Take nodes until the next segment of the class should be allocated ahead. */
static u32 take_to_half(struct kunit *test, struct test_arena *ta, u32 size)
{
	cmap_ref ref;
	u32 n = 0;
	int err;

	while (!ta->arena.below_low_watermark && n < 10000) {
		ref = ta_take(ta, size, &err);
		KUNIT_ASSERT_NE(test, ref, 0);
		n++;
	}
	KUNIT_ASSERT_TRUE(test, ta->arena.below_low_watermark);
	ta->arena.below_low_watermark = false;

	return n;
}

static void attach_ahead(struct kunit *test, struct test_arena *ta)
{
	struct cmap_refill refill;

	KUNIT_ASSERT_EQ(test, cmap_refill_ahead(&ta->arena,
						ta->arena.ahead, &refill), 0);
	cmap_refill_use(&ta->arena, &refill);
}

/* No writer has to refill if there was time to allocate a segment ahead. */
static void a_segment_ahead(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 size = 1000, taken, segments, left, i;
	struct cmap_class *class;

	/* Not for small segments, nor if a segment is a quarter of the class. */
	taken = take_to_half(test, ta, size);
	segments = ta_census(ta).segments;
	class = &ta->arena.classes[ta->arena.ahead];
	KUNIT_EXPECT_GE(test, taken * size, 4 * (PAGE_SIZE << 2) / 2);

	attach_ahead(test, ta);
	KUNIT_EXPECT_TRUE(test, class->spare);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, segments + 1);
	/* Only one segment is kept ahead; another one is freed. */
	attach_ahead(test, ta);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, segments + 1);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), ta_census(ta).bytes);

	left = ta_segtab(ta)->segment[class->bump]->capacity -
	       ta_segtab(ta)->segment[class->bump]->bump +
	       ta_segtab(ta)->segment[class->spare]->capacity;
	for (i = 0; i < left; i++)
		KUNIT_ASSERT_NE(test, ta_take_ready(ta, size), 0);
	KUNIT_EXPECT_FALSE(test, class->spare);
	KUNIT_EXPECT_EQ(test, ta_take_ready(ta, size), 0);

	cmap_arena_destroy(&ta->arena);
}

/* Reclaim as a writer that lacks memory does.  Returns the bytes still to come. */
static u64 reclaim(struct test_arena *ta)
{
	LIST_HEAD(detached);
	u64 pending = 0;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&ta->lock);
		pending += cmap_arena_reclaim(&ta->arena, &from, 256,
					      &detached);
		spin_unlock_bh(&ta->lock);
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
	struct test_arena *ta = ta_new(test, false);
	u32 segments;

	take_to_half(test, ta, 1000);
	segments = ta_census(ta).segments;
	attach_ahead(test, ta);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, segments + 1);
	KUNIT_EXPECT_FALSE(test, ta_trim(ta, 256));
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, segments + 1);
	KUNIT_EXPECT_TRUE(test, ta->arena.classes[ta->arena.ahead].spare);

	KUNIT_EXPECT_EQ(test, reclaim(ta), 0);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, segments);
	KUNIT_EXPECT_FALSE(test, ta->arena.classes[ta->arena.ahead].spare);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), ta_census(ta).bytes);

	cmap_arena_destroy(&ta->arena);
}

/* ---- lack of memory ---- */

static void account_limit(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	u32 taken = 0, i, n = 0;
	cmap_ref refs[64];
	int err;

	ta->ctx->memory.account.max = 5 * PAGE_SIZE;
	do {
		refs[n] = ta_take(ta, 1000, &err);
		KUNIT_EXPECT_LE(test, ctx_bytes(ta->ctx), 5 * PAGE_SIZE);
	} while (refs[n] && ++n < ARRAY_SIZE(refs));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	/* Four nodes fit a page, and all pages of the limit are used. */
	KUNIT_EXPECT_EQ(test, n, 20);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 5 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ta_census(ta).live, n);

	/* A larger node fails, too, and succeeds when there is room again. */
	KUNIT_EXPECT_EQ(test, ta_refill(ta, 9000, GFP_KERNEL), -ENOSPC);
	for (i = 0; i < n; i++)
		ta_retire(ta, refs[i]);
	for (i = 0; ta_trim(ta, 256); i++) {
		KUNIT_ASSERT_LT(test, i, 10);
		synchronize_rcu();
	}
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 0);
	taken = ta_take(ta, 9000, &err);
	KUNIT_EXPECT_NE(test, taken, 0);

	cmap_arena_destroy(&ta->arena);
}

/* Each allocation of a refill fails, one after the other.  None leaks memory. */
static void no_memory(struct kunit *test)
{
	gfp_t how[] = { GFP_KERNEL, GFP_ATOMIC | __GFP_NOWARN };
	u32 g, n, reached = 0;

	for (g = 0; g < ARRAY_SIZE(how); g++) {
		struct test_arena *ta = ta_new(test, false);

		ta->ctx->memory.offered = true;
		for (n = 0;; n++) {
			int err;

			fail_allocs(n, U32_MAX);
			err = ta_refill(ta, 100, how[g]);
			if (!fail_allocs_end()) {
				KUNIT_EXPECT_EQ(test, err, 0);
				break;
			}
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), 0);
			KUNIT_EXPECT_EQ(test, ta_take_ready(ta, 100), 0);
			reached++;
		}
		KUNIT_EXPECT_NE(test, ta_take_ready(ta, 100), 0);
		cmap_arena_destroy(&ta->arena);
	}
	/* For both flags: segment, block, pages, segment table, classes. */
	KUNIT_EXPECT_EQ(test, reached, 10);
}

/*
 * A short value in place of a large one lacks no more than that one gives back.  More
 * would be refused, though the headroom has it.
 */
static void lack_of_a_shorter_value(struct kunit *test)
{
	static const u32 sizes[] = { 100, 4000, 30000 };
	struct test_arena *ta = ta_new(test, false);
	const u32 old = 40000;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct cmap_lack lack = cmap_refill_lack(&ta->arena, sizes[i], old);

		KUNIT_EXPECT_TRUE(test, lack.headroom);
		KUNIT_EXPECT_GT(test, lack.bytes, sizes[i]);
		KUNIT_EXPECT_LE(test, lack.bytes, ALIGN(old + old / 16, PAGE_SIZE));
		/* An insert has to leave nodes for replacements, and headroom is not its. */
		KUNIT_EXPECT_GE(test, cmap_refill_lack(&ta->arena, sizes[i], 0).bytes,
				lack.bytes);
		KUNIT_EXPECT_FALSE(test, cmap_refill_lack(&ta->arena, sizes[i], 0).headroom);
	}
	cmap_arena_destroy(&ta->arena);
}

/* If large blocks cannot be allocated, small segments are used. */
static void smaller_segments(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	cmap_ref refs[256];
	struct census before;
	u32 n = 0;
	int err;

	do {
		refs[n] = ta_take(ta, 4000, &err);
		KUNIT_ASSERT_NE(test, refs[n], 0);
	} while (++n < 100 || ta->arena.classes[
			ta_segment(ta, refs[n - 1])->class].bump);
	before = ta_census(ta);
	/* Allocations: the segment, the block, and then its pages, which fail once. */
	fail_allocs(2, 1);
	KUNIT_EXPECT_EQ(test, ta_refill(ta, 4000, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, ta_census(ta).segments, before.segments + 1);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ta->ctx), ta_census(ta).bytes);

	cmap_arena_destroy(&ta->arena);
}

/* ---- everything at random ---- */

#define HELD		600

struct held {
	cmap_ref ref;
	u32 size;
	u32 origin;
};

static bool intact(struct test_arena *ta, const struct held *held)
{
	u8 want[64], *have = ta_node(ta, held->ref)->key;
	u32 left = held->size - sizeof(struct cmap_node);

	model_fill(want, sizeof(want), held->origin);
	return !memcmp(have, want, min(left, 64U)) &&
	       ta_node(ta, held->ref)->lengths == held->origin;
}

static u32 any_size(struct test_context *ctx)
{
	switch (ctx_random(ctx, 10)) {
	case 0:
		return NODE_MIN + ctx_random(ctx, 20000);
	case 1 ... 3:
		return NODE_MIN + ctx_random(ctx, 1000);
	default:
		return NODE_MIN + ctx_random(ctx, 64);
	}
}

static void hold(struct kunit *test, struct test_arena *ta, struct held *held,
		 u32 origin)
{
	struct cmap_node *node;
	int err;

	held->size = any_size(ta->ctx);
	held->origin = origin;
	held->ref = ta_take(ta, held->size, &err);
	KUNIT_ASSERT_NE(test, held->ref, 0);
	node = ta_node(ta, held->ref);
	node->lengths = origin;
	model_fill(node->key, min_t(u32, held->size - sizeof(*node), 64),
		   origin);
}

/*
 * A writer in softirq cleared up to 2 MiB, while other tasks waited for the CPU.
 */
static void softirq_clears_little(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC };
	const size_t most[] = { SZ_2M, SZ_64K };
	u32 i, nodes = SZ_16M / 1024 + SZ_2M / 1024;
	struct cmap_refill refill;
	int err;

	for (i = 0; i < nodes; i++)
		KUNIT_ASSERT_NE(test, ta_take(ta, 1024, &err), 0);
	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		KUNIT_ASSERT_EQ(test, cmap_refill_prepare(&ta->arena, 1024,
							  gfps[i], &refill), 0);
		KUNIT_EXPECT_EQ(test, cmap_block_bytes(refill.segment->block),
				most[i]);
		cmap_refill_discard(&refill);
	}
	cmap_arena_destroy(&ta->arena);
}

/*
 * What processes can map is zeroed, whoever had the pages before.  Long values were
 * cleared in all maps before they were written: 1 MiB twice for each set.
 */
static void zeroed_where_it_can_be_read(struct kunit *test)
{
	static const u32 sizes[] = { 64, 70000, 131072 };
	struct test_context *ctx = test->priv;
	u32 way, s;
	int err;

	for (way = 0; way < 4; way++) {
		bool offered = way & 1, wipe = way & 2;
		struct test_arena *ta = ta_new(test, wipe);

		ctx->memory.offered = offered;
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			cmap_ref ref = ta_take(ta, sizes[s], &err);
			const u8 *node;

			KUNIT_ASSERT_NE(test, ref, 0);
			node = (const u8 *)ta_node(ta, ref);
			if (offered || wipe)
				KUNIT_EXPECT_NULL(test, memchr_inv(node, 0, sizes[s]));
			else if (!want_init_on_alloc(GFP_KERNEL))
				KUNIT_EXPECT_NOT_NULL(test, memchr_inv(node, 0, sizes[s]));
			ta_free_unpublished(ta, ref);
		}
		cmap_arena_destroy(&ta->arena);
		ctx->memory.offered = false;
	}
}

/*
 * Nodes that are held are used by nobody else.  Retired nodes do not change while a
 * reader can be in them.
 */
static void at_random(struct kunit *test)
{
	struct test_arena *ta = ta_new(test, false);
	struct held *held = kunit_kcalloc(test, HELD, sizeof(*held), GFP_KERNEL);
	struct test_context *ctx = ta->ctx;
	u32 i, n = 0, step;

	KUNIT_ASSERT_NOT_NULL(test, held);
	for (step = 0; step < 60000; step++) {
		bool grow = step / 10000 % 2 == 0;
		u32 dice = ctx_random(ctx, 100);

		if (dice < (grow ? 60 : 30) && n < HELD) {
			hold(test, ta, &held[n++], step);
		} else if (dice < 95 && n) {
			struct held gone;

			i = ctx_random(ctx, n);
			gone = held[i];
			held[i] = held[--n];
			KUNIT_ASSERT_TRUE(test, intact(ta, &gone));
			if (dice % 4) {
				rcu_read_lock();
				ta_retire(ta, gone.ref);
				ta_take_ready(ta, NODE_MIN);
				KUNIT_EXPECT_TRUE(test, intact(ta, &gone));
				rcu_read_unlock();
			} else {
				ta_free_unpublished(ta, gone.ref);
			}
		} else if (dice == 95) {
			ta_trim(ta, 1 + ctx_random(ctx, 8));
		} else if (dice == 96 && step % 10 == 0) {
			synchronize_rcu();
		}
		KUNIT_ASSERT_EQ(test, ctx_bytes(ctx), ta_census(ta).bytes);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, intact(ta, &held[i]));
	KUNIT_EXPECT_GT(test, ta->arena.reuses, 1000);

	cmap_arena_destroy(&ta->arena);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(size_classes),
	KUNIT_CASE(reuse_waits_for_readers),
	KUNIT_CASE(version_is_0_when_handed_out),
	KUNIT_CASE(zeroed_where_it_can_be_read),
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
	KUNIT_CASE(lack_of_a_shorter_value),
	KUNIT_CASE(smaller_segments),
	KUNIT_CASE(softirq_clears_little),
	KUNIT_CASE_SLOW(at_random),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_arena",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
