/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An arena for tests, with a lock of its own.
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

/* Take a node.  Returns 0 and sets *err if there is no memory. */
cmap_ref stock_take(struct stock *stock, u32 size, int *err);
/* Take a node that needs no allocation.  Returns 0 if there is none. */
cmap_ref stock_take_ready(struct stock *stock, u32 size);
int stock_refill(struct stock *stock, u32 size, gfp_t gfp);
void stock_retire(struct stock *stock, cmap_ref ref);

/* The caller must be the only user of the node. */
struct cmap_node *stock_node(struct stock *stock, cmap_ref ref);

/* Free a node whose ref was never published. */
void stock_unalloc(struct stock *stock, cmap_ref ref);

/* Trim.  True if more can be freed after a grace period. */
bool stock_trim(struct stock *stock, u32 step);

/* The caller must be the only user of the arena. */
struct cmap_segtab *stock_segtab(struct stock *stock);
struct cmap_segment *stock_segment(struct stock *stock, cmap_ref ref);

struct census {
	u32 segments;
	u32 live;
	u64 bytes;
};

/* Count the segments, their live nodes and their bytes. */
struct census stock_census(struct stock *stock);

#endif /* CMAP_TESTS_STOCK_H */
