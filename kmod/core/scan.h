/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walking through a map in ascending positions, bucket by bucket.
 */
#ifndef CMAP_SCAN_H
#define CMAP_SCAN_H

#include "node.h"

#include <linux/types.h>

struct cmap;
struct cmap_cursor;

#define CMAP_WALK_MAX	128	/* most entries found in one step */

/* One entry that was found.  Position and tie are the cursor to continue after it. */
struct cmap_found {
	struct cmap_node *node;
	u64 position;
	u64 tie;
};

/**
 * struct cmap_walk - a walk through a map
 * @map: the map
 * @position: entries below this position have been returned
 * @tie: at @position, entries up to this tie have been returned as well
 * @end: the first position after the bucket that was read
 * @count: entries in @found
 * @found: the next entries, in order
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
