/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a shard's feed through the window, as &struct cmap_window_feed in
 * <linux/cmap_feed.h> describes it.
 */
#ifndef LIBKCMAP_RING_H
#define LIBKCMAP_RING_H

#include "read_slow.h"
#include "records.h"

struct kcmap_ring {
	const struct cmap_window_feed *words;
	const char *base;
	uint32_t bytes;
	uint32_t index;		/* of the shard */
	uint32_t shards;
};

enum kcmap_outcome kcmap_ring_read(const struct kcmap_ring *ring,
				   struct cmap_feed_position *at,
				   struct kcmap_records *records);

#endif /* LIBKCMAP_RING_H */
