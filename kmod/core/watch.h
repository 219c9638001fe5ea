/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watchers: a reader of a map's feed that can wait for something to read.
 */
#ifndef CMAP_WATCH_H
#define CMAP_WATCH_H

#include "event.h"
#include "reader.h"

#include <linux/mutex.h>

/**
 * struct cmap_watcher - a reader that can wait
 * @listener: looks for the watcher
 * @map: the map; the watcher has a reference
 * @filter: which records it wants
 * @reader: where it is
 * @before: where it was before the last read, to which it can return
 * @renames: of @renames of the map's events: how many it has been told of
 * @renames_before: the same, before the last read
 * @lock: protects the fields from @reader to @renames_before, and @waiting.  It is
 *	never held while anything is copied to a process
 * @missed: the work has not looked at everything, because somebody had @lock or because
 *	that was too much for one look: it has to look again when @lock is free
 * @waiting: there was nothing to read at the last look, and the shards are armed
 * @wake: called when @waiting has become false, or the map has ended; without @lock
 */
struct cmap_watcher {
	struct cmap_listener listener;
	struct cmap *map;
	struct cmap_filter *filter;
	struct cmap_reader *reader;
	struct cmap_feed_cursor *before;
	u32 renames;
	u32 renames_before;
	struct mutex lock;
	bool missed;
	bool waiting;
	void (*wake)(struct cmap_watcher *watcher);
};

u64 cmap_watcher_bytes(const struct cmap *map, const struct cmap_filter *filter);
int cmap_watcher_begin(struct cmap_watcher *watcher, struct cmap *map,
		       struct cmap_filter *filter,
		       const struct cmap_feed_cursor *cursor);
void cmap_watcher_stop(struct cmap_watcher *watcher);
void cmap_watcher_end(struct cmap_watcher *watcher);

void cmap_watcher_read(struct cmap_watcher *watcher,
		       struct cmap_records *records);
void cmap_watcher_unread(struct cmap_watcher *watcher);
bool cmap_watcher_ready(struct cmap_watcher *watcher);
void cmap_watcher_where(struct cmap_watcher *watcher,
			struct cmap_feed_cursor *cursor);

/* Whether nobody can change the map any more. */
static inline bool cmap_watcher_ended(const struct cmap_watcher *watcher)
{
	return READ_ONCE(watcher->map->events.ended);
}

#endif /* CMAP_WATCH_H */
