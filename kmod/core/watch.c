// SPDX-License-Identifier: GPL-2.0
#include "watch.h"
#include "registry.h"

#include <linux/sizes.h>
#include <linux/slab.h>

/* Bytes of records that one look may look at. */
#define LOOK_BYTES	SZ_1M

/* Whether the map's name has changed, and the watcher has not been told. */
static bool is_renamed(const struct cmap_watcher *watcher)
{
	return READ_ONCE(watcher->map->events.renames) != watcher->renames;
}

/*
 * Look for something to read.  True if there is something now, which there was not
 * before: the caller wakes the watcher.  If there is more to look at than one look may,
 * the work looks again.
 */
static bool watcher_look_locked(struct cmap_watcher *watcher)
{
	u64 looks = LOOK_BYTES;

	lockdep_assert_held(&watcher->lock);

	if (!watcher->waiting)
		return false;
	cmap_reader_arm(watcher->reader);
	if (is_renamed(watcher) || cmap_reader_look(watcher->reader, &looks))
		WRITE_ONCE(watcher->waiting, false);
	else if (!looks)
		WRITE_ONCE(watcher->missed, true);
	return !watcher->waiting;
}

/* Unlock a watcher.  If the work could not look at all of it, it looks again. */
static void watcher_unlock(struct cmap_watcher *watcher)
{
	mutex_unlock(&watcher->lock);
	/* Pairs with watcher_look(). */
	smp_mb();
	if (READ_ONCE(watcher->missed))
		cmap_events_look(&watcher->map->events);
}

/*
 * A listener's look.  Whoever holds the lock may not run for long, so this does not wait
 * for it: all listeners of the map would wait, too.
 */
static bool watcher_look(struct cmap_listener *listener)
{
	struct cmap_watcher *watcher = container_of(listener,
						    struct cmap_watcher,
						    listener);
	bool found = false;

	WRITE_ONCE(watcher->missed, true);
	/* Either this gets the lock, or who has it sees the store when it unlocks. */
	smp_mb();
	if (mutex_trylock(&watcher->lock)) {
		WRITE_ONCE(watcher->missed, false);
		found = watcher_look_locked(watcher);
		watcher_unlock(watcher);
	}

	if (found || cmap_watcher_ended(watcher))
		watcher->wake(watcher);
	return found;
}

/**
 * cmap_watcher_bytes() - get how much memory a watcher takes
 * @map: the map
 * @filter: its filter
 *
 * Context: Any.
 * Return: bytes, with the filter but without the &struct cmap_watcher.
 */
u64 cmap_watcher_bytes(const struct cmap *map, const struct cmap_filter *filter)
{
	return cmap_filter_bytes(filter) + cmap_reader_bytes(map) +
	       CMAP_FEED_CURSOR_BYTES(map->shards);
}

/**
 * cmap_watcher_begin() - start a watcher
 * @watcher: the watcher, zeroed but for @wake and @renames
 * @map: the map, which has a feed; the caller has a reference
 * @filter: which records it wants.  On success it belongs to the watcher
 * @cursor: where to begin, or NULL for the present end of the feed
 *
 * Context: Process.
 * Return: 0, -ENOMEM, or -EINVAL if the cursor is not valid.
 */
int cmap_watcher_begin(struct cmap_watcher *watcher, struct cmap *map,
		       struct cmap_filter *filter,
		       const struct cmap_feed_cursor *cursor)
{
	int err = -ENOMEM;

	watcher->before = kvzalloc(CMAP_FEED_CURSOR_BYTES(map->shards),
				   CMAP_GFP_KERNEL);
	watcher->reader = cmap_reader_new(map, filter);
	if (!watcher->before || !watcher->reader)
		goto free;
	err = cursor ? cmap_reader_set(watcher->reader, cursor) : 0;
	if (err)
		goto free;

	mutex_init(&watcher->lock);
	watcher->listener.look = watcher_look;
	watcher->filter = filter;
	watcher->map = map;
	cmap_map_hold(map);
	atomic_inc(&map->events.watchers);
	watcher->waiting = true;
	cmap_listener_add(&map->events, &watcher->listener);
	cmap_watcher_ready(watcher);
	return 0;

free:
	cmap_reader_free(watcher->reader);
	kvfree(watcher->before);
	return err;
}

/**
 * cmap_watcher_stop() - have a watcher not look any more
 * @watcher: the watcher.  When this returns @wake is called only by those who use it
 *
 * Context: Process.
 */
void cmap_watcher_stop(struct cmap_watcher *watcher)
{
	cmap_listener_remove(&watcher->map->events, &watcher->listener);
}

/**
 * cmap_watcher_end() - free what a watcher has
 * @watcher: the watcher, which was stopped and which nobody uses
 *
 * Context: Process.
 */
void cmap_watcher_end(struct cmap_watcher *watcher)
{
	struct cmap *map = watcher->map;

	cmap_reader_free(watcher->reader);
	kvfree(watcher->before);
	cmap_filter_free(watcher->filter);
	atomic_dec(&map->events.watchers);
	cmap_map_unhold(map);
}

/*
 * Begin a buffer with a record of the cause NAME, if the watcher has to be told.
 * Returns the record's size, 0 if there is none; or -EMSGSIZE.
 *
 * No ring has such a record: each version of a shard is that of a change of an entry,
 * and a map's name belongs to no shard.
 */
static int read_name(struct cmap_watcher *watcher, struct cmap_records *records)
{
	const struct cmap_feed_record record = {
		.size = sizeof(record),
		.cause = CMAP_FEED_NAME,
		.key_offset = sizeof(record),
	};

	lockdep_assert_held(&watcher->lock);

	if (!is_renamed(watcher))
		return 0;
	if (records->room < sizeof(record))
		return -EMSGSIZE;
	watcher->renames = READ_ONCE(watcher->map->events.renames);
	memcpy(records->buf, &record, sizeof(record));
	return sizeof(record);
}

/* Read what the feed has, behind a record of the cause NAME if there is news of it. */
static void read_locked(struct cmap_watcher *watcher, struct cmap_records *records)
{
	int name;

	lockdep_assert_held(&watcher->lock);

	name = read_name(watcher, records);
	if (name < 0) {
		records->used = 0;
		records->count = 0;
		records->needed = sizeof(struct cmap_feed_record);
		records->more = true;
		return;
	}
	records->buf += name;
	records->room -= name;
	cmap_reader_fill(watcher->reader, records);
	records->buf -= name;
	records->room += name;
	records->used += name;
	records->count += !!name;
}

/**
 * cmap_watcher_read() - read records
 * @watcher: the watcher
 * @records: see cmap_reader_fill().  A record of the cause NAME comes first
 *
 * Context: Process; one reader of the watcher at a time.
 */
void cmap_watcher_read(struct cmap_watcher *watcher,
		       struct cmap_records *records)
{
	bool found = false;

	mutex_lock(&watcher->lock);
	cmap_reader_get(watcher->reader, watcher->before);
	watcher->renames_before = watcher->renames;
	read_locked(watcher, records);
	WRITE_ONCE(watcher->waiting, !records->more);
	found = watcher_look_locked(watcher);
	watcher_unlock(watcher);

	/* What came since is news to those who have been told of the rest. */
	if (found)
		watcher->wake(watcher);
}

/**
 * cmap_watcher_unread() - undo the last read
 * @watcher: the watcher
 *
 * Context: Process; one reader of the watcher at a time.
 */
void cmap_watcher_unread(struct cmap_watcher *watcher)
{
	mutex_lock(&watcher->lock);
	WARN_ON_ONCE(cmap_reader_set(watcher->reader, watcher->before));
	watcher->renames = watcher->renames_before;
	WRITE_ONCE(watcher->waiting, false);
	watcher_unlock(watcher);

	watcher->wake(watcher);
}

/**
 * cmap_watcher_ready() - check whether there is something to read
 * @watcher: the watcher; if not, it will be woken when there is
 *
 * Context: Process.
 * Return: true if so.
 */
bool cmap_watcher_ready(struct cmap_watcher *watcher)
{
	bool found, ready;

	mutex_lock(&watcher->lock);
	found = watcher_look_locked(watcher);
	ready = !watcher->waiting;
	watcher_unlock(watcher);

	/* Others may wait, too. */
	if (found)
		watcher->wake(watcher);
	return ready;
}

/**
 * cmap_watcher_where() - get a cursor with a watcher's position
 * @watcher: the watcher
 * @cursor: has room for the positions of all shards
 *
 * Context: Process; no reader of the watcher.
 */
void cmap_watcher_where(struct cmap_watcher *watcher,
			struct cmap_feed_cursor *cursor)
{
	mutex_lock(&watcher->lock);
	cmap_reader_get(watcher->reader, cursor);
	watcher_unlock(watcher);
}
