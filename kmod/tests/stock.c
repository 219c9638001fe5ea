// SPDX-License-Identifier: GPL-2.0
#include "stock.h"

struct stock *stock_new(struct kunit *test, bool wipe)
{
	struct stock *stock = kunit_kzalloc(test, sizeof(*stock), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stock);
	stock->lab = test->priv;
	spin_lock_init(&stock->lock);
	cmap_arena_init(&stock->arena, &stock->lock, &stock->lab->memory,
			NUMA_NO_NODE, wipe);

	return stock;
}

cmap_ref stock_take_ready(struct stock *stock, u32 size)
{
	cmap_ref ref;

	spin_lock_bh(&stock->lock);
	ref = cmap_arena_alloc(&stock->arena, size);
	spin_unlock_bh(&stock->lock);

	return ref;
}

int stock_refill(struct stock *stock, u32 size, gfp_t gfp)
{
	struct cmap_refill refill;
	int err = cmap_refill_prepare(&stock->arena, size, gfp, &refill);

	if (err)
		return err;
	cmap_refill_use(&stock->arena, &refill);
	return 0;
}

cmap_ref stock_take(struct stock *stock, u32 size, int *err)
{
	cmap_ref ref;

	for (*err = 0; !*err; *err = stock_refill(stock, size, GFP_KERNEL)) {
		ref = stock_take_ready(stock, size);
		if (ref)
			return ref;
	}

	return 0;
}

void stock_retire(struct stock *stock, cmap_ref ref)
{
	spin_lock_bh(&stock->lock);
	cmap_arena_retire(&stock->arena, ref);
	spin_unlock_bh(&stock->lock);
}

struct cmap_node *stock_node(struct stock *stock, cmap_ref ref)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_arena_node(&stock->arena, ref);
	rcu_read_unlock();

	return node;
}

void stock_unalloc(struct stock *stock, cmap_ref ref)
{
	spin_lock_bh(&stock->lock);
	cmap_arena_free_unpublished(&stock->arena, ref);
	spin_unlock_bh(&stock->lock);
}

bool stock_trim(struct stock *stock, u32 step)
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

struct cmap_segtab *stock_segtab(struct stock *stock)
{
	return rcu_dereference_protected(stock->arena.segtab, 1);
}

struct cmap_segment *stock_segment(struct stock *stock, cmap_ref ref)
{
	return stock_segtab(stock)->segment[ref >> CMAP_OFFSET_BITS];
}

struct census stock_census(struct stock *stock)
{
	struct cmap_segtab *segtab = stock_segtab(stock);
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
