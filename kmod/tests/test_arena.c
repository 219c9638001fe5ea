// SPDX-License-Identifier: GPL-2.0
#include "test_arena.h"

struct test_arena *ta_new(struct kunit *test, bool wipe)
{
	struct test_arena *ta = kunit_kzalloc(test, sizeof(*ta), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ta);
	ta->ctx = test->priv;
	spin_lock_init(&ta->lock);
	cmap_arena_init(&ta->arena, &ta->lock, &ta->ctx->memory,
			NUMA_NO_NODE, wipe);

	return ta;
}

cmap_ref ta_take_ready(struct test_arena *ta, u32 size)
{
	cmap_ref ref;

	spin_lock_bh(&ta->lock);
	ref = cmap_arena_alloc(&ta->arena, size);
	spin_unlock_bh(&ta->lock);

	return ref;
}

int ta_refill(struct test_arena *ta, u32 size, gfp_t gfp)
{
	struct cmap_refill refill;
	int err = cmap_refill_prepare(&ta->arena, size, gfp, &refill);

	if (err)
		return err;
	cmap_refill_use(&ta->arena, &refill);
	return 0;
}

cmap_ref ta_take(struct test_arena *ta, u32 size, int *err)
{
	cmap_ref ref;

	for (*err = 0; !*err; *err = ta_refill(ta, size, GFP_KERNEL)) {
		ref = ta_take_ready(ta, size);
		if (ref)
			return ref;
	}

	return 0;
}

void ta_retire(struct test_arena *ta, cmap_ref ref)
{
	spin_lock_bh(&ta->lock);
	cmap_arena_retire(&ta->arena, ref);
	spin_unlock_bh(&ta->lock);
}

struct cmap_node *ta_node(struct test_arena *ta, cmap_ref ref)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_arena_node(&ta->arena, ref);
	rcu_read_unlock();

	return node;
}

void ta_free_unpublished(struct test_arena *ta, cmap_ref ref)
{
	spin_lock_bh(&ta->lock);
	cmap_arena_free_unpublished(&ta->arena, ref);
	spin_unlock_bh(&ta->lock);
}

bool ta_trim(struct test_arena *ta, u32 step)
{
	LIST_HEAD(detached);
	bool pending = false;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&ta->lock);
		pending |= cmap_arena_trim(&ta->arena, &from, step,
					   &detached);
		spin_unlock_bh(&ta->lock);
	}
	cmap_arena_free_detached(&detached);

	return pending;
}

struct cmap_segtab *ta_segtab(struct test_arena *ta)
{
	return rcu_dereference_protected(ta->arena.segtab, 1);
}

struct cmap_segment *ta_segment(struct test_arena *ta, cmap_ref ref)
{
	return ta_segtab(ta)->segment[ref >> CMAP_OFFSET_BITS];
}

struct census ta_census(struct test_arena *ta)
{
	struct cmap_segtab *segtab = ta_segtab(ta);
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
