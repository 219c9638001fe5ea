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
