/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scanning a map in ascending positions, bucket by bucket.
 */
#ifndef CMAP_SCAN_H
#define CMAP_SCAN_H

#include "node.h"

#include <linux/types.h>

struct cmap;
struct cmap_cursor;

#define CMAP_SCAN_MAX	128	/* most entries found in one step */

/* One entry that was found.  Position and tie are the cursor to continue after it. */
struct cmap_found {
	struct cmap_node *node;
	u64 position;
	u64 tie;
};

/**
 * struct cmap_scan - a scan of a map
 * @map: the map
 * @position: entries below this position have been returned
 * @tie: at @position, entries up to this tie have been returned as well
 * @end: the first position after the bucket that was read
 * @count: entries in @found
 * @found: the next entries, in order
 */
struct cmap_scan {
	struct cmap *map;
	u64 position;
	u64 tie;
	u64 end;
	u32 count;
	struct cmap_found found[CMAP_SCAN_MAX];
};

void cmap_scan_begin(struct cmap_scan *scan, struct cmap *map,
		     const struct cmap_cursor *cursor);
void cmap_scan_cursor(const struct cmap_scan *scan, u64 position, u64 tie,
		      struct cmap_cursor *cursor);
bool cmap_scan_next(struct cmap_scan *scan);
void cmap_scan_pass(struct cmap_scan *scan);

#endif /* CMAP_SCAN_H */
