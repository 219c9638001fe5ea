/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of a map's feed that were copied and are yet to be returned.  They
 * come from the kernel, or from a ring in the window.
 */
#ifndef LIBKCMAP_RECORDS_H
#define LIBKCMAP_RECORDS_H

#include "internal.h"

/*
 * A buffer.  The kernel's records are whole, and of many shards.  Those of a ring
 * follow each other by version, and the last one may be copied in part.  So each is
 * checked when it is returned, and only then the ring's reader moves on.
 */
struct kcmap_records {
	char *buf;
	size_t size;		/* of the buffer */
	const char *next;	/* record */
	const char *end;	/* of what is used */
	uint32_t shards;
	/* Where the reader of a ring is; NULL: the cursor is after all records. */
	struct cmap_feed_position *reader;
	int64_t clock_offset;	/* see kcmap_deadline_of() */
};

/* What is known about a map's feed. */
struct kcmap_feed_of {
	uint64_t map;		/* number of the map */
	uint32_t shards;
	uint32_t bytes;		/* in each ring */
	uint32_t record_max;	/* bytes in the largest record */
	int64_t clock_offset;
};

int kcmap_feed_of(const struct kcmap *map, struct kcmap_feed_of *of);

int kcmap_records_new(struct kcmap_records *records, uint32_t shards,
		      size_t size);
int kcmap_records_enlarge(struct kcmap_records *records, size_t size);
int kcmap_record_valid(const struct cmap_feed_record *record, size_t room);
int kcmap_records_next(struct kcmap_records *records,
		       struct kcmap_change *change);
void kcmap_records_rewind(const struct kcmap_records *records,
			  struct cmap_feed_cursor *cursor);
ssize_t kcmap_cursor_out(uint32_t shards, void *cursor, size_t size);

/* Begin to return the records of a buffer. */
static inline void kcmap_records_begin(struct kcmap_records *records,
				       size_t used,
				       struct cmap_feed_position *reader)
{
	records->next = records->buf;
	records->end = records->buf + used;
	records->reader = reader;
}

static inline size_t kcmap_records_left(const struct kcmap_records *records)
{
	return (size_t)(records->end - records->next);
}

/*
 * Return the next record of a ring, if it sets an entry, has the value and no field
 * that we do not know.  Most are like that.  Else return 0: kcmap_records_next() knows
 * more.
 *
 * This takes half the instructions.  All is compared with what it has to be, so
 * garbage passes only if it is a record.
 */
static __always_inline int
kcmap_records_next_set(struct kcmap_records *records,
		       struct kcmap_change *change)
{
	const struct cmap_feed_record *record = (const void *)records->next;
	struct cmap_feed_position *reader = records->reader;
	size_t left = kcmap_records_left(records), value_offset, size;

	if (left < sizeof(*record) || !reader)
		return 0;
	value_offset = (sizeof(*record) + record->key_len + 7) & ~(size_t)7;
	size = (value_offset + record->value_len + 7) & ~(size_t)7;
	if (record->cause != CMAP_FEED_SET || record->flags ||
	    record->key_offset != sizeof(*record) ||
	    record->value_offset != value_offset || record->size != size ||
	    size > left || record->version != reader->version + records->shards)
		return 0;

	/* The size that was loaded is known earlier than the one computed. */
	records->next += record->size;
	reader->position += record->size;
	reader->version = record->version;
	*change = (struct kcmap_change){
		.cause = KCMAP_CAUSE_SET,
		.key = record + 1,
		.key_len = record->key_len,
		.value = (const char *)record + value_offset,
		.value_len = record->value_len,
		.version = record->version,
	};
	return 1;
}

#endif /* LIBKCMAP_RECORDS_H */
