// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading a ring while the kernel writes it.  The reader may be stopped anywhere
 * for any time, so the kernel may overwrite what it reads.  It copies first, and
 * then checks that what it copied had not been overwritten.
 *
 * The ring may also be garbage.  Then a read returns garbage, but it stays in
 * the ring and in the buffer, and it ends: each step has a bound that does not
 * depend on what was read.
 */
#include "ring.h"
#include "steps.h"

/*
 * How often a record is looked for.  The first two tries take any record that is
 * left.  If writers overtake both, each further two leave them more room.
 */
#define TRIES		16

/* How often the end of the feed is looked for while writers move it. */
#define END_TRIES	1000

/* Most bytes to copy at once: they are returned while the cache has them. */
#define CHUNK		8192

/* Where a record was found. */
struct found {
	struct cmap_feed_position at;
	uint32_t size;
};

static uint64_t offset_of(const struct kcmap_ring *ring, uint64_t position)
{
	return position & (ring->bytes - 1);
}

static uint64_t room_after(const struct kcmap_ring *ring, uint64_t position)
{
	return ring->bytes - offset_of(ring, position);
}

/*
 * Whether something from a position on is in the ring: it was claimed, and has
 * not been overwritten.  A position that somebody invented can be too high by
 * whole rounds.  Then the right record is there, but it is overwritten before
 * the position is.
 */
static int in_ring(const struct kcmap_ring *ring, uint64_t position,
		   uint64_t claimed)
{
	return position % 8 == 0 && position < claimed &&
	       claimed - position <= ring->bytes;
}

/*
 * Look again: whether what was copied from a position on was still there.  For a
 * position that is too high the difference is below 0, and so very large.
 */
static int still_there(const struct kcmap_ring *ring, uint64_t position)
{
	LOAD_FENCE();
	return LOAD(&ring->words->claimed) - position <= ring->bytes;
}

static void copy_from_ring(const struct kcmap_ring *ring, uint64_t position,
			   void *to, size_t bytes)
{
	copy_bytes(to, ring->base + offset_of(ring, position), bytes);
}

/*
 * Move a position past the padding that may be there.  Returns whether a record
 * can begin where it is then.
 */
static int pass_padding(const struct kcmap_ring *ring, uint64_t *position)
{
	uint64_t claimed = LOAD(&ring->words->claimed), room;
	struct cmap_feed_record pad = {};

	if (!in_ring(ring, *position, claimed))
		return 0;
	copy_from_ring(ring, *position, &pad, 8);
	if (!still_there(ring, *position))
		return 0;
	room = room_after(ring, *position);
	if (pad.cause == CMAP_FEED_PAD) {
		if (pad.size != room)
			return 0;
		*position += room;
		room = ring->bytes;
	}
	return room >= sizeof(pad) && in_ring(ring, *position, claimed);
}

/* Find out whether a position has the record of a version. */
static int has_version(const struct kcmap_ring *ring, uint64_t position,
		       uint64_t version, struct found *found)
{
	struct cmap_feed_record record;

	if (!pass_padding(ring, &position))
		return 0;
	copy_from_ring(ring, position, &record, sizeof(record));
	if (!still_there(ring, position) ||
	    !kcmap_record_valid(&record, room_after(ring, position)) ||
	    record.version != version)
		return 0;
	found->at.version = version;
	found->at.position = position;
	found->size = record.size;
	return 1;
}

/* ---- finding a record ---- */

/*
 * Choose the part in which to look for a version: the last one that does not
 * begin after it, else the first one.  Parts of which less than @spare bytes
 * have to be written before they are overwritten do not count.
 */
static int choose_part(const struct kcmap_ring *ring, uint64_t version,
		       uint64_t tail, uint64_t spare,
		       struct cmap_feed_part *chosen)
{
	const struct cmap_window_feed *words = ring->words;
	uint64_t claimed = LOAD(&words->claimed);
	unsigned int i;

	chosen->version = 0;
	for (i = 0; i < CMAP_FEED_PARTS; i++) {
		struct cmap_feed_part part;

		part.position = LOAD(&words->part[i].position);
		/* A version that was loaded before it could be an older one. */
		LOAD_FENCE();
		part.version = LOAD(&words->part[i].version);
		if (!part.version || part.version > tail ||
		    (part.version ^ ring->index) & (ring->shards - 1) ||
		    part.position + ring->bytes < claimed + spare)
			continue;
		if (!chosen->version ||
		    (chosen->version > version ?
		     part.version < chosen->version :
		     part.version <= version &&
		     part.version > chosen->version))
			*chosen = part;
	}
	return chosen->version != 0;
}

/*
 * Find the record of a version or, if that was overwritten, the first one that
 * is left.
 */
static int find_version(const struct kcmap_ring *ring, uint64_t version,
			uint64_t tail, uint64_t spare, struct found *found)
{
	uint64_t steps = ring->bytes / sizeof(struct cmap_feed_record);
	struct cmap_feed_part part;

	if (!choose_part(ring, version, tail, spare, &part) ||
	    !has_version(ring, part.position, part.version, found))
		return 0;
	while (found->at.version < version)
		if (!steps-- ||
		    !has_version(ring, found->at.position + found->size,
				 found->at.version + ring->shards, found))
			return 0;
	return found->at.version <= tail;
}

/* Get the end of the feed.  Returns whether writers left the time for it. */
static int find_end(const struct kcmap_ring *ring, struct cmap_feed_position *at)
{
	const struct cmap_window_feed *words = ring->words;
	unsigned int tries;

	for (tries = 0; tries < END_TRIES; tries++) {
		at->version = LOAD_ACQUIRE(&words->tail);
		at->position = LOAD(&words->end[at->version / ring->shards & 1]);
		LOAD_FENCE();
		if (LOAD(&words->tail) == at->version)
			return 1;
	}
	return 0;
}

/* ---- reading ---- */

/*
 * Copy a run of records from a position on, which ends before the end of the feed.
 * Returns whether the next record is the first of the copy.  The others are checked
 * when they are returned.
 */
static int copy_run(const struct kcmap_ring *ring,
		    const struct cmap_feed_position *end, size_t most,
		    struct cmap_feed_position *at, struct kcmap_records *records)
{
	const struct cmap_feed_record *record = (const void *)records->buf;
	uint64_t position = at->position, len;

	if (!pass_padding(ring, &position) || position >= end->position)
		return 0;
	len = end->position - position;
	if (len > room_after(ring, position))
		len = room_after(ring, position);
	if (len > most)
		len = most;
	memcpy(records->buf, ring->base + offset_of(ring, position), len);
	if (!still_there(ring, position) || len < sizeof(*record) ||
	    !kcmap_record_valid(record, len) ||
	    record->version != at->version + ring->shards)
		return 0;

	at->position = position;
	kcmap_records_begin(records, len, at);
	return 1;
}

/* The same for a record of any size: few are longer than a chunk. */
static int copy_any(const struct kcmap_ring *ring,
		    const struct cmap_feed_position *end,
		    struct cmap_feed_position *at,
		    struct kcmap_records *records)
{
	return (records->size > CHUNK &&
		copy_run(ring, end, CHUNK, at, records)) ||
	       copy_run(ring, end, records->size, at, records);
}

/* Say that all records from a version up to that of the new position are lost. */
static void tell_lost(uint64_t first, const struct cmap_feed_position *at,
		      struct kcmap_records *records)
{
	const struct cmap_feed_record lost = {
		.size = sizeof(lost),
		.cause = CMAP_FEED_LOST,
		.version = at->version,
		.first = first,
		.key_offset = sizeof(lost),
	};

	memcpy(records->buf, &lost, sizeof(lost));
	kcmap_records_begin(records, sizeof(lost), NULL);
}

/**
 * kcmap_ring_read() - read the next records of a shard
 * @ring: the ring
 * @at: where the reader is; it moves on when records are returned
 * @records: an empty buffer, at least a quarter of the ring long
 *
 * Return: KCMAP_FOUND with at least one record, or a loss; KCMAP_ABSENT if there
 * is nothing up to the present end; KCMAP_CALL if the ring makes no sense.
 */
enum kcmap_outcome kcmap_ring_read(const struct kcmap_ring *ring,
				   struct cmap_feed_position *at,
				   struct kcmap_records *records)
{
	uint64_t version = at->version + ring->shards;
	struct cmap_feed_position end;
	struct found found;
	unsigned int i;

	if (LOAD(&ring->words->tail) <= at->version)
		return KCMAP_ABSENT;
	if (!find_end(ring, &end))
		return KCMAP_CALL;
	if (copy_any(ring, &end, at, records))
		return KCMAP_FOUND;
	for (i = 0; i < TRIES; i++) {
		/* The reader may have been stopped for long. */
		if (!find_end(ring, &end))
			return KCMAP_CALL;
		if (!find_version(ring, version, end.version,
				  (uint64_t)ring->bytes / TRIES * (i & ~1U),
				  &found))
			continue;
		at->position = found.at.position;
		if (found.at.version > version) {
			at->version = found.at.version - ring->shards;
			tell_lost(version, at, records);
			return KCMAP_FOUND;
		}
		if (copy_any(ring, &end, at, records))
			return KCMAP_FOUND;
	}

	/* Writers are faster.  All that there was is lost. */
	if (!find_end(ring, &end) || end.version < version ||
	    (end.version ^ ring->index) & (ring->shards - 1))
		return KCMAP_CALL;
	*at = end;
	tell_lost(version, at, records);
	return KCMAP_FOUND;
}
