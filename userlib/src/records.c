// SPDX-License-Identifier: LGPL-2.1-or-later
#include "records.h"

#include <stdlib.h>
#include <string.h>

#define BUF_SIZE	65536
#define DEADLINE_BYTES	8	/* behind the record's structure */
#define LATER_FIELDS	4096	/* room for what a later kernel may add */

static size_t feed_words(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

/* Ask for a map's feed. 0, or -1 with errno set. */
int kcmap_feed_of(const struct kcmap *map, struct kcmap_feed_of *of)
{
	struct cmap_stat stat = { .size = sizeof(stat) };

	if (kcmap_call_ours(map, CMAP_IOCTL_STAT, &stat))
		return -1;
	if (!stat.feed_bytes) {
		errno = EOPNOTSUPP;
		return -1;
	}
	*of = (struct kcmap_feed_of){
		.map = stat.id,
		.shards = stat.shards,
		.bytes = stat.feed_bytes,
		.clock_offset = stat.clock_offset,
		.record_max = (uint32_t)(feed_words(sizeof(struct cmap_feed_record) +
						    DEADLINE_BYTES + stat.key_max) +
					 feed_words(stat.feed_value_max)),
	};
	return 0;
}

/* Allocate an empty buffer that has room for a record of @size bytes. */
int kcmap_records_new(struct kcmap_records *records, uint32_t shards,
		      size_t size)
{
	size += LATER_FIELDS;
	if (size < BUF_SIZE)
		size = BUF_SIZE;
	records->buf = malloc(size);
	records->size = size;
	records->shards = shards;
	kcmap_records_begin(records, 0, NULL);
	return records->buf ? 0 : -1;
}

/* Have an empty buffer with room for @size bytes. */
int kcmap_records_enlarge(struct kcmap_records *records, size_t size)
{
	char *buf = realloc(records->buf, size);

	if (!buf)
		return -1;
	records->buf = buf;
	records->size = size;
	kcmap_records_begin(records, 0, NULL);
	return 0;
}

/*
 * Whether a record is within @room bytes, and its key and value are within the
 * record.  It may be garbage.
 */
int kcmap_record_valid(const struct cmap_feed_record *record, size_t room)
{
	size_t key_end = (size_t)record->key_offset + record->key_len;
	size_t value_end = record->value_offset;

	if (record->size < sizeof(*record) || record->size > room ||
	    record->size % 8 || record->key_offset < sizeof(*record) ||
	    key_end > record->size)
		return 0;
	if (!record->value_offset)
		return record->cause != CMAP_FEED_SET ||
		       record->flags & CMAP_FEED_NO_VALUE;
	return value_end >= key_end && value_end <= record->size &&
	       record->value_len <= record->size - value_end;
}

/* The deadline of a record that is valid. */
static uint64_t deadline_in(const struct cmap_feed_record *record)
{
	uint64_t deadline;

	if (!(record->flags & CMAP_FEED_DEADLINE) ||
	    record->key_offset < sizeof(*record) + DEADLINE_BYTES)
		return 0;
	memcpy(&deadline, record + 1, sizeof(deadline));
	return deadline;
}

static void fill_in_value(const struct cmap_feed_record *record,
			  struct kcmap_change *change)
{
	change->value_len = record->value_len;
	if (record->value_offset)
		change->value = (const char *)record + record->value_offset;
}

/*
 * Move on past a record, which is valid.  Returns 0 if it is not the next one of its
 * ring.
 */
static int records_pass(struct kcmap_records *records,
			const struct cmap_feed_record *record)
{
	struct cmap_feed_position *reader = records->reader;

	if (reader) {
		if (record->version != reader->version + records->shards)
			return 0;
		reader->version = record->version;
		reader->position += record->size;
	}
	records->next += record->size;
	return 1;
}

/*
 * Return the next record.  1, or 0 if there is none, or -1 with errno EBADMSG if
 * the rest is no records.  The rest of what was copied from a ring need not be.
 */
int kcmap_records_next(struct kcmap_records *records,
		       struct kcmap_change *change)
{
	const struct cmap_feed_record *record = (const void *)records->next;
	size_t left = kcmap_records_left(records);

	if (left < sizeof(*record) || !kcmap_record_valid(record, left) ||
	    !records_pass(records, record)) {
		records->next = records->end;
		errno = EBADMSG;
		return left && !records->reader ? -1 : 0;
	}
	*change = (struct kcmap_change){
		.cause = record->cause, .version = record->version,
	};
	if (record->cause == CMAP_FEED_LOST) {
		change->first = record->first;
		change->lost = (record->version - record->first) /
			       records->shards + 1;
	} else if (record->cause != CMAP_FEED_NAME) {
		change->key = (const char *)record + record->key_offset;
		change->key_len = record->key_len;
		if (record->cause == CMAP_FEED_SET) {
			fill_in_value(record, change);
			change->deadline = kcmap_deadline_of(deadline_in(record),
							     records->clock_offset);
		}
	}
	return 1;
}

/*
 * Move a cursor back to before the records of the buffer that have not been returned.
 * Records that a filter left out in between are left out again.  The cursor is behind
 * all of them, unless they are a ring's.  A record of the cause NAME, which belongs to no
 * shard, comes first in a buffer, so it has been returned.
 */
void kcmap_records_rewind(const struct kcmap_records *records,
			  struct cmap_feed_cursor *cursor)
{
	const struct cmap_feed_record *record;
	uint32_t shard, shards = cursor->shards;
	const char *at;
	uint64_t before;

	for (at = records->next; at < records->end; at += record->size) {
		record = (const void *)at;
		if (records->reader ||
		    !kcmap_record_valid(record, (size_t)(records->end - at)))
			return;
		before = (record->cause == CMAP_FEED_LOST ? record->first :
			  record->version) - shards;
		shard = (uint32_t)(before & (shards - 1));
		/* Versions ascend, so the first record of a shard decides. */
		if (before < cursor->at[shard].version) {
			cursor->at[shard].version = before;
			cursor->at[shard].position = 0;
		}
		if (at == records->next)
			cursor->next = shard;
	}
}

/* Check the buffer for a cursor.  Returns the cursor's length, or -1. */
ssize_t kcmap_cursor_out(uint32_t shards, void *cursor, size_t size)
{
	size_t bytes = CMAP_FEED_CURSOR_BYTES((size_t)shards);

	if ((cursor || size) && size < bytes) {
		errno = EMSGSIZE;
		return -1;
	}
	return (ssize_t)bytes;
}
