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

#include <uapi/linux/cmap.h>

#define NODE_MIN	sizeof(struct cmap_node)
#define NODE_MAX	(sizeof(struct cmap_node) + CMAP_KEY_MAX + CMAP_VALUE_MAX)

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

/* Back before anybody could see it. */
void stock_unalloc(struct stock *stock, cmap_ref ref);

/* True if there is more to come after a grace period. */
bool stock_trim(struct stock *stock, u32 step);

/* Whoever looks here is alone. */
struct cmap_segtab *stock_segtab(struct stock *stock);
struct cmap_segment *stock_segment(struct stock *stock, cmap_ref ref);

struct census {
	u32 segments;
	u32 live;
	u64 bytes;
};

/* What it has of segments. */
struct census stock_census(struct stock *stock);

#endif /* CMAP_TESTS_STOCK_H */
