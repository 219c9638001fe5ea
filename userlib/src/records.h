/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of a map's feed that were copied and are yet to be returned.  They
 * come from the kernel, or from a ring in the window.
 */
#ifndef LIBKCMAP_RECORDS_H
#define LIBKCMAP_RECORDS_H

#include "internal.h"

struct kcmap_records {
	char *buf;
	size_t size;	/* of the buffer */
	size_t used;
	size_t at;	/* where the next record begins */
};

/* What is known about a map's feed. */
struct kcmap_feed_of {
	uint64_t map;		/* number of the map */
	uint32_t shards;
	uint32_t bytes;		/* in each ring */
	uint32_t record_max;	/* bytes in the largest record */
};

int kcmap_feed_of(const struct kcmap *map, struct kcmap_feed_of *of);

int kcmap_records_new(struct kcmap_records *records, size_t size);
int kcmap_records_enlarge(struct kcmap_records *records, size_t size);
int kcmap_record_valid(const struct cmap_feed_record *record, size_t room);
int kcmap_records_next(struct kcmap_records *records, uint32_t shards,
		       struct kcmap_change *change);
void kcmap_records_rewind(const struct kcmap_records *records,
			  struct cmap_feed_cursor *cursor);
ssize_t kcmap_cursor_out(uint32_t shards, void *cursor, size_t size);

static inline int kcmap_records_empty(const struct kcmap_records *records)
{
	return records->at == records->used;
}

#endif /* LIBKCMAP_RECORDS_H */
