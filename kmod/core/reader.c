// SPDX-License-Identifier: GPL-2.0
#include "reader.h"
#include "event.h"
#include "feed.h"
#include "trace.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#define RESCHED_BYTES	65536	/* looked at between two looks at the scheduler */

/**
 * cmap_records_new() - allocate a buffer for records
 * @records: the buffer; all of it may be used
 * @size: bytes in it
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int cmap_records_new(struct cmap_records *records, u32 size)
{
	records->buf = kvmalloc(size, CMAP_GFP_KERNEL);
	records->size = size;
	records->room = size;
	return records->buf ? 0 : -ENOMEM;
}

/**
 * cmap_records_free() - free a buffer for records, wiped if the map wipes values
 * @records: the buffer; or one that was not allocated, zeroed
 * @map: the map
 *
 * Context: Process.
 */
void cmap_records_free(struct cmap_records *records, const struct cmap *map)
{
	if (map->flags & CMAP_CREATE_WIPE)
		kvfree_sensitive(records->buf, records->size);
	else
		kvfree(records->buf);
	records->buf = NULL;
}

/**
 * cmap_reader_new() - make a reader that begins at the present end of the feed
 * @map: the map, which has a feed
 * @filter: which records it wants; the caller's, for as long as the reader exists
 *
 * Context: Process.
 * Return: the reader, or NULL.
 */
struct cmap_reader *cmap_reader_new(struct cmap *map,
				    const struct cmap_filter *filter)
{
	struct cmap_reader *reader;
	u32 i;

	reader = kvzalloc(cmap_reader_bytes(map), CMAP_GFP_KERNEL);
	if (!reader)
		return NULL;

	reader->map = map;
	reader->filter = filter;
	for (i = 0; i < map->shards; i++)
		cmap_feed_now(map->shard[i]->feed, &reader->at[i]);
	return reader;
}

/**
 * cmap_reader_free() - free a reader
 * @reader: the reader, or NULL
 *
 * Context: Process.
 */
void cmap_reader_free(struct cmap_reader *reader)
{
	if (!reader)
		return;
	/* The map may wipe what is deleted, and this may be a key. */
	memzero_explicit(reader->key, sizeof(reader->key));
	kvfree(reader);
}

/**
 * cmap_reader_set() - have a reader begin at a cursor
 * @reader: the reader
 * @cursor: the cursor, which a process gave, with positions of all shards
 *
 * Context: Process.
 * Return: 0; or -EINVAL if the cursor is not one of this map, with nothing changed.
 */
int cmap_reader_set(struct cmap_reader *reader,
		    const struct cmap_feed_cursor *cursor)
{
	const struct cmap *map = reader->map;
	u32 i;

	if (cursor->map != map->id || cursor->shards != map->shards ||
	    cursor->next >= map->shards)
		return -EINVAL;
	for (i = 0; i < map->shards; i++)
		if (!cmap_feed_valid(map->shard[i]->feed, &cursor->at[i]))
			return -EINVAL;

	reader->next = cursor->next;
	memcpy(reader->at, cursor->at, map->shards * sizeof(*reader->at));
	return 0;
}

/**
 * cmap_reader_get() - get a cursor with a reader's position
 * @reader: the reader
 * @cursor: has room for the positions of all shards
 *
 * Context: Process.
 */
void cmap_reader_get(const struct cmap_reader *reader,
		     struct cmap_feed_cursor *cursor)
{
	cursor->map = reader->map->id;
	cursor->shards = reader->map->shards;
	cursor->next = reader->next;
	memcpy(cursor->at, reader->at,
	       reader->map->shards * sizeof(*reader->at));
}

/* Whether one may look at more bytes.  The reader does not keep its CPU meanwhile. */
static bool may_look(u64 *looks, u32 bytes)
{
	if (*looks < bytes)
		return false;
	if ((*looks ^ (*looks - bytes)) & RESCHED_BYTES)
		cond_resched();
	*looks -= bytes;
	return true;
}

/*
 * Find the next record of a shard that the filter wants, or a loss.  Records that it
 * does not want are passed.  At the end of *@looks this is like the end of the feed.
 */
static enum cmap_feed_step find_wanted(struct cmap_reader *reader, u32 shard,
				       u64 tail, u64 *looks,
				       struct cmap_feed_head *head)
{
	const struct cmap_feed *feed = reader->map->shard[shard]->feed;
	const struct cmap_feed_record *record = &head->record;
	struct cmap_feed_position *at = &reader->at[shard];
	enum cmap_feed_step step;

	for (;;) {
		step = cmap_feed_next(feed, at, tail, head);
		if (step != CMAP_FEED_STEP_RECORD ||
		    cmap_filter_all(reader->filter))
			return step;
		if (!may_look(looks, record->size)) {
			*looks = 0;
			return CMAP_FEED_STEP_END;
		}
		/* If it was overwritten meanwhile the next look finds the loss. */
		if (!cmap_feed_copy(feed, head, reader->key, record->key_offset,
				    record->key_len))
			continue;
		if (cmap_filter_matches(reader->filter, reader->key,
					record->key_len))
			return step;
		*at = head->after;
	}
}

/* Read a shard's records up to the present end.  False if not all of them fit. */
static bool fill_from_shard(struct cmap_reader *reader, u32 shard,
			    struct cmap_records *records)
{
	const struct cmap_feed *feed = reader->map->shard[shard]->feed;
	u64 tail = cmap_feed_tail(feed);
	struct cmap_feed_head head;
	enum cmap_feed_step step;

	for (;;) {
		u8 *to = records->buf + records->used;

		step = find_wanted(reader, shard, tail, &records->looks, &head);
		if (step == CMAP_FEED_STEP_END)
			return true;
		if (head.record.size > records->room - records->used) {
			records->needed = head.record.size;
			return false;
		}
		if (step == CMAP_FEED_STEP_LOST)
			memcpy(to, &head.record, sizeof(head.record));
		else if (!cmap_feed_copy(feed, &head, to, 0, head.record.size))
			continue;
		if (step == CMAP_FEED_STEP_LOST)
			trace_cmap_feed_lost(reader->map, head.record.first,
					     head.record.version);
		reader->at[shard] = head.after;
		records->used += head.record.size;
		records->count++;
	}
}

/**
 * cmap_reader_fill() - read records
 * @reader: the reader, moved on past what was read
 * @records: @buf, @room and @looks are given, the rest is set
 *
 * Each shard gets its turn: if the buffer is full, the next call begins with the next
 * shard.
 *
 * Context: Process.
 */
void cmap_reader_fill(struct cmap_reader *reader, struct cmap_records *records)
{
	u32 shards = reader->map->shards;
	u32 first = reader->next;
	u32 i;

	records->used = 0;
	records->count = 0;
	records->needed = 0;
	records->more = true;
	for (i = 0; i < shards; i++) {
		u32 shard = (first + i) & (shards - 1);
		u32 used = records->used;

		if (!test_bit(shard, reader->filter->shards))
			continue;
		reader->next = shard;
		if (!fill_from_shard(reader, shard, records)) {
			if (records->used > used)
				reader->next = (shard + 1) & (shards - 1);
			return;
		}
		if (!records->looks) {
			reader->next = (shard + 1) & (shards - 1);
			return;
		}
	}
	records->more = false;
}

/**
 * cmap_reader_look() - check whether there is something to read
 * @reader: the reader, moved on past what its filter does not want
 * @looks: how many bytes of records may be looked at; set to 0 if there are more
 *
 * Context: Process.
 * Return: true if there is a record that the filter wants, or if records were lost.
 */
bool cmap_reader_look(struct cmap_reader *reader, u64 *looks)
{
	u32 shards = reader->map->shards;
	struct cmap_feed_head head;
	u32 i;

	for_each_set_bit(i, reader->filter->shards, shards) {
		u64 tail = cmap_feed_tail(reader->map->shard[i]->feed);

		if (find_wanted(reader, i, tail, looks, &head) !=
		    CMAP_FEED_STEP_END)
			return true;
		if (!*looks)
			return false;
	}
	return false;
}

/**
 * cmap_reader_arm() - have the next change reported that a reader could want
 * @reader: the reader
 *
 * Context: Process; see cmap_event_arm().
 */
void cmap_reader_arm(const struct cmap_reader *reader)
{
	u32 i;

	for_each_set_bit(i, reader->filter->shards, reader->map->shards)
		cmap_event_arm(reader->map->shard[i]);
}
