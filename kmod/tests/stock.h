/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An arena with a lock of its own, to take nodes from.
 */
#ifndef CMAP_TESTS_STOCK_H
#define CMAP_TESTS_STOCK_H

#include "lab.h"
#include "../core/alloc.h"
#include "../core/evacuate.h"
#include "../core/refill.h"
#include "../core/trim.h"

struct stock {
	struct cmap_arena arena;
	spinlock_t lock;
	struct lab *lab;
};

struct stock *stock_new(struct kunit *test, bool wipe);

/* A node, or 0 if there is no memory, with the error in *err. */
cmap_ref stock_take(struct stock *stock, u32 size, int *err);
/* A node, or 0 if none is ready. */
cmap_ref stock_take_ready(struct stock *stock, u32 size);
int stock_refill(struct stock *stock, u32 size, gfp_t gfp);
void stock_retire(struct stock *stock, cmap_ref ref);

/* Only while nobody else can see it. */
struct cmap_node *stock_node(struct stock *stock, cmap_ref ref);

#endif /* CMAP_TESTS_STOCK_H */
