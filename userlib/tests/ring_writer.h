/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A writer of one shard's ring, made from <linux/cmap_feed.h> alone.  What a
 * record contains depends on its version, so readers can be judged.
 */
#ifndef LIBKCMAP_TESTS_RING_WRITER_H
#define LIBKCMAP_TESTS_RING_WRITER_H

#include "../src/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES	4096
#define SHARDS		4
#define INDEX		3
#define VALUE_MOST	300

struct writer {
	struct cmap_window_feed *words;
	char *ring;
	uint64_t position;
	uint64_t part_end;
	uint64_t version;
};

static size_t key_for(uint64_t version, char *key)
{
	return (size_t)sprintf(key, "%.*s%llu", (int)(version / SHARDS % 9),
			       "--------", (unsigned long long)version);
}

static size_t value_for(uint64_t version, char *value)
{
	size_t len = version / SHARDS * 37 % VALUE_MOST;

	memset(value, (int)(version / SHARDS % 251), len);
	return len;
}

static void writer_begin(struct writer *w, struct cmap_window_feed *words,
			 char *ring)
{
	memset(words, 0, sizeof(*words));
	words->tail = INDEX;
	*w = (struct writer){ .words = words, .ring = ring, .version = INDEX };
}

static struct kcmap_ring ring_of(const struct writer *w)
{
	return (struct kcmap_ring){
		.words = w->words, .base = w->ring, .bytes = RING_BYTES,
		.index = INDEX, .shards = SHARDS,
	};
}

static void write_record_at(struct writer *w, uint64_t start,
			    const struct cmap_feed_record *record,
			    const char *key, const char *value,
			    void (*between)(void))
{
	char *to = w->ring + start % RING_BYTES;

	memcpy(to + record->value_offset, value, record->value_len);
	if (between)
		between();
	memcpy(to, record, sizeof(*record));
	memcpy(to + sizeof(*record), key, record->key_len);
}

/*
 * The steps of a write, so that readers can be run between them.  Returns where the
 * record begins.
 */
static uint64_t write_record(struct writer *w, void (*between)(void))
{
	uint64_t version = w->version + SHARDS, start = w->position;
	uint64_t left = RING_BYTES - start % RING_BYTES;
	char key[64], value[VALUE_MOST];
	size_t key_len = key_for(version, key);
	size_t value_len = value_for(version, value);
	size_t offset = (sizeof(struct cmap_feed_record) + key_len + 7) / 8 * 8;
	struct cmap_feed_record record = {
		.size = (uint32_t)(offset + (value_len + 7) / 8 * 8),
		.key_len = (uint16_t)key_len,
		.cause = CMAP_FEED_SET,
		.version = version,
		.value_len = (uint32_t)value_len,
		.key_offset = sizeof(record),
		.value_offset = (uint16_t)offset,
	};

	if (record.size > left)
		start += left;
	STORE_RELEASE(&w->words->claimed, start + record.size);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (between)
		between();
	if (start != w->position)
		memcpy(w->ring + w->position % RING_BYTES,
		       &(uint64_t){ left }, 8);
	write_record_at(w, start, &record, key, value, between);
	if (start >= w->part_end) {
		uint64_t part_bytes = RING_BYTES / CMAP_FEED_PARTS;
		struct cmap_feed_part *part =
			&w->words->part[start % RING_BYTES / part_bytes];

		/* In this order, as in the kernel. */
		STORE(&part->version, version);
		STORE_RELEASE(&part->position, start);
		w->part_end = (start / part_bytes + 1) * part_bytes;
	}
	STORE(&w->words->end[version / SHARDS & 1], start + record.size);
	w->position = start + record.size;
	w->version = version;
	STORE_RELEASE(&w->words->tail, version);

	return start;
}

/*
 * Whether a record was overwritten, or the first one of its part: then nothing
 * leads to it.
 */
static bool had_to_be_lost(uint64_t start, uint64_t claimed)
{
	return start + RING_BYTES < claimed + RING_BYTES / CMAP_FEED_PARTS;
}

/*
 * Check what a read returned, which began at @before.  Returns the version that
 * the reader is at, or 0 if something is wrong.
 */
static uint64_t judge(struct kcmap_records *records, uint64_t before,
		      uint64_t *lost)
{
	char key[64], value[VALUE_MOST];
	struct kcmap_change change;
	int more;

	while ((more = kcmap_records_next_set(records, &change) ?
		       1 : kcmap_records_next(records, &change)) > 0) {
		if (change.cause == KCMAP_CAUSE_LOST) {
			if (change.first != before + SHARDS ||
			    change.version < change.first ||
			    change.version % SHARDS != INDEX ||
			    change.lost != (change.version - before) / SHARDS)
				return 0;
			*lost = change.version;
		} else if (change.cause != KCMAP_CAUSE_SET ||
			   change.version != before + SHARDS ||
			   change.key_len != key_for(change.version, key) ||
			   change.value_len != value_for(change.version, value) ||
			   memcmp(change.key, key, change.key_len) ||
			   memcmp(change.value, value, change.value_len)) {
			return 0;
		}
		before = change.version;
	}
	return more ? 0 : before;
}

#endif /* LIBKCMAP_TESTS_RING_WRITER_H */
