/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Going through a map in the order of positions, bucket by bucket.
 */
#ifndef CMAP_SCAN_H
#define CMAP_SCAN_H

#include "node.h"

#include <linux/types.h>

struct cmap;
struct cmap_cursor;

#define CMAP_WALK_MAX	128	/* entries found at once */

/* One entry found, and the cursor to go on behind it. */
struct cmap_found {
	struct cmap_node *node;
	u64 position;
	u64 tie;
};

/**
 * struct cmap_walk - a walk through a map
 * @map: the map
 * @position: entries up to this position,
 * @tie: and there up to this tie, have been dealt with
 * @end: the first position behind the bucket that was read
 * @count: entries in @found
 * @found: the next ones, in order
 */
struct cmap_walk {
	struct cmap *map;
	u64 position;
	u64 tie;
	u64 end;
	u32 count;
	struct cmap_found found[CMAP_WALK_MAX];
};

void cmap_walk_begin(struct cmap_walk *walk, struct cmap *map,
		     const struct cmap_cursor *cursor);
void cmap_walk_cursor(const struct cmap_walk *walk, u64 position, u64 tie,
		      struct cmap_cursor *cursor);
bool cmap_walk_next(struct cmap_walk *walk);
void cmap_walk_pass(struct cmap_walk *walk);

#endif /* CMAP_SCAN_H */
