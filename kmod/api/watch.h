/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watches: descriptors that read a map's feed, and can be waited for.
 */
#ifndef CMAP_API_WATCH_H
#define CMAP_API_WATCH_H

#include <linux/types.h>

struct cmap;
struct cmap_feed_cursor;
struct cmap_filter;

int cmap_watch_open(struct cmap *map, struct cmap_filter *filter,
		    const struct cmap_feed_cursor *cursor, u32 renames,
		    bool nonblock);
int cmap_feed_where(void __user *arg, const struct cmap *map,
		    void (*get)(void *from, struct cmap_feed_cursor *cursor),
		    void *from);

#endif /* CMAP_API_WATCH_H */
