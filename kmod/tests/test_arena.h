/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An arena for tests, with a lock of its own.
 */
#ifndef CMAP_TESTS_TEST_ARENA_H
#define CMAP_TESTS_TEST_ARENA_H

#include "context.h"
#include "../core/alloc.h"
#include "../core/evacuate.h"
#include "../core/refill.h"
#include "../core/trim.h"

#include <uapi/linux/cmap.h>

#define NODE_MIN	sizeof(struct cmap_node)
#define NODE_MAX	(sizeof(struct cmap_node) + CMAP_KEY_MAX + CMAP_VALUE_MAX)

struct test_arena {
	struct cmap_arena arena;
	spinlock_t lock;
	struct test_context *ctx;
};

struct test_arena *ta_new(struct kunit *test, bool wipe);

/* Take a node.  Returns 0 and sets *err if there is no memory. */
cmap_ref ta_take(struct test_arena *ta, u32 size, int *err);
/* Take a node that needs no allocation.  Returns 0 if there is none. */
cmap_ref ta_take_ready(struct test_arena *ta, u32 size);
int ta_refill(struct test_arena *ta, u32 size, gfp_t gfp);
void ta_retire(struct test_arena *ta, cmap_ref ref);

/* The caller must be the only user of the node. */
struct cmap_node *ta_node(struct test_arena *ta, cmap_ref ref);

/* Free a node whose ref was never published. */
void ta_free_unpublished(struct test_arena *ta, cmap_ref ref);

/* Trim.  True if more can be freed after a grace period. */
bool ta_trim(struct test_arena *ta, u32 step);

/* The caller must be the only user of the arena. */
struct cmap_segtab *ta_segtab(struct test_arena *ta);
struct cmap_segment *ta_segment(struct test_arena *ta, cmap_ref ref);

struct census {
	u32 segments;
	u32 live;
	u64 bytes;
};

/* Count the segments, their live nodes and their bytes. */
struct census ta_census(struct test_arena *ta);

#endif /* CMAP_TESTS_TEST_ARENA_H */
