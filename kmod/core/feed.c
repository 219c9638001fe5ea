// SPDX-License-Identifier: GPL-2.0
#include "feed.h"

#include <linux/compiler.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#define FIND_TRIES	8	/* each leaves more room to writers */

static_assert(sizeof(struct cmap_window_feed) <= PAGE_SIZE);
/* The addresses of the two words differ in one bit. */
static_assert(offsetof(struct cmap_window_feed, end) % (2 * sizeof(u64)) == 0);
static_assert(CMAP_FEED_BYTES_MIN / CMAP_FEED_PARTS >= 8);
/* An offset of the value has 16 bits. */
static_assert(sizeof(struct cmap_feed_record) + CMAP_KEY_MAX + 16 <= U16_MAX);

/* What stands at the end of the ring where a record did not fit. */
struct pad {
	u32 size;
	u16 zero;
	u8 cause;
	u8 zero2;
};

static_assert(offsetof(struct pad, cause) ==
	      offsetof(struct cmap_feed_record, cause));

/* ---- the ring ---- */

/**
 * cmap_feed_new() - make an empty feed
 * @memory: the map's memory
 * @nid: NUMA node to prefer
 * @bytes: size of the ring, a power of two, at least a page
 * @value_max: longest value in a record
 * @index: index of the shard
 * @shards: number of the map's shards
 * @wipe: overwrite the ring in the end
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * Context: Process.
 * Return: the feed, or NULL.
 */
struct cmap_feed *cmap_feed_new(struct cmap_memory *memory, int nid, u32 bytes,
				u32 value_max, u32 index, u32 shards, bool wipe,
				int *err)
{
	struct cmap_feed *feed;

	*err = -ENOMEM;
	feed = kzalloc_node(sizeof(*feed), CMAP_GFP_KERNEL, nid);
	if (!feed)
		return NULL;

	feed->mask = bytes - 1;
	feed->value_max = value_max;
	feed->index = index;
	feed->shards = shards;
	feed->part_shift = ilog2(bytes / CMAP_FEED_PARTS);
	feed->wipe = wipe;
	feed->words_block = cmap_block_alloc(memory, nid, 1, true,
					     GFP_KERNEL, err);
	if (feed->words_block)
		feed->ring_block = cmap_block_alloc(memory, nid,
						    bytes / PAGE_SIZE, true,
						    GFP_KERNEL, err);
	if (!feed->ring_block) {
		cmap_feed_free(feed);
		return NULL;
	}
	feed->words = feed->words_block->base;
	feed->ring = feed->ring_block->base;
	feed->words->tail = index;
	/* The first record's is the other one. */
	feed->end = &feed->words->end[0];

	return feed;
}

/**
 * cmap_feed_free() - free a feed
 * @feed: the feed, which nobody uses and no process has mapped; or NULL
 *
 * Context: Process.
 */
void cmap_feed_free(struct cmap_feed *feed)
{
	if (!feed)
		return;
	if (feed->wipe && feed->ring) {
		memzero_explicit(feed->ring, feed->mask + 1);
		memzero_explicit(feed->words, PAGE_SIZE);
	}
	cmap_block_free(feed->ring_block);
	cmap_block_free(feed->words_block);
	kfree(feed);
}

/* ---- writing ---- */

/*
 * The next record does not fit behind the last one.  Go on at the beginning of the
 * ring, and return its position.
 */
static u64 feed_wrap(struct cmap_feed *feed, u64 position)
{
	u32 offset = position & feed->mask;
	u32 rest = feed->mask + 1 - offset;

	WRITE_ONCE(feed->words->claimed, position + rest);
	/* F1 (a). */
	smp_wmb();
	*(struct pad *)(feed->ring + offset) = (struct pad){ .size = rest };

	return position + rest;
}

/*
 * The record will be the first one that begins in its part of the ring.  Until it has
 * been published its version is above the tail, and readers ignore the part.
 */
static void begin_part(struct cmap_feed *feed, u64 start, u64 version)
{
	u32 part = (start & feed->mask) >> feed->part_shift;

	WRITE_ONCE(feed->words->part[part].version, version);
	/* F1 (d): a reader that takes this position does not take an older version. */
	smp_wmb();
	WRITE_ONCE(feed->words->part[part].position, start);
	feed->part_end = ((start >> feed->part_shift) + 1) << feed->part_shift;
}

static void clear_after(u8 *begin, u32 len)
{
	memset(begin + len, 0, ALIGN(len, 8) - len);
}

/*
 * Write key and value.  They are copied at once: they follow each other in a node just as
 * they do in a record, and a node has whole words.  What follows each of them in its last
 * word may be anything in a node, and is 0 in a record.
 */
static void write_bytes(struct cmap_feed_record *record,
			const struct cmap_node *node)
{
	u32 bytes = record->size - record->key_offset;
	u8 *key = (u8 *)record + record->key_offset;

	memcpy(key, node->key, bytes);
	clear_after(key, record->key_len);
	if (record->value_offset)
		clear_after((u8 *)record + record->value_offset,
			    record->value_len);
}

/**
 * cmap_feed_write() - write the record of a change
 * @feed: the feed
 * @cause: CMAP_FEED_SET and so on
 * @node: the new node, or the node that was deleted
 * @version: the change's version, the next one of the shard
 *
 * Readers can find the record when this returns.
 *
 * Context: The lock of the shard's stripe, or nobody else knows the feed.
 */
void cmap_feed_write(struct cmap_feed *feed, u8 cause,
		     const struct cmap_node *node, u64 version)
{
	u32 key_len = cmap_node_key_len(node);
	u32 value_len = cause == CMAP_FEED_SET ? cmap_node_value_len(node) : 0;
	bool copied = cause == CMAP_FEED_SET && value_len <= feed->value_max;
	u64 deadline = cause == CMAP_FEED_SET ? cmap_node_deadline(node) : 0;
	u32 more = deadline ? sizeof(deadline) : 0;
	u32 size = cmap_feed_record_size(key_len, copied ? value_len : 0) + more;
	u64 start = feed->words->claimed;
	struct cmap_feed_record *record;

	if ((start & feed->mask) + size > feed->mask + 1ULL)
		start = feed_wrap(feed, start);
	if (start >= feed->part_end)
		begin_part(feed, start, version);

	record = cmap_feed_claim(feed, start, start + size);
	*record = (struct cmap_feed_record){
		.size = size,
		.key_len = key_len,
		.cause = cause,
		.flags = (cause == CMAP_FEED_SET && !copied ?
			  CMAP_FEED_NO_VALUE : 0) |
			 (deadline ? CMAP_FEED_DEADLINE : 0),
		.version = version,
		.value_len = value_len,
		.key_offset = sizeof(*record) + more,
		.value_offset = copied ? cmap_feed_record_size(key_len, 0) + more :
				0,
	};
	if (deadline)
		*(u64 *)(record + 1) = deadline;
	write_bytes(record, node);
	cmap_feed_publish(feed, feed->words, start + size, version);
}

/* ---- reading ---- */

/**
 * cmap_feed_tail() - get the version of the last record
 * @feed: the feed
 *
 * Context: Any.
 * Return: the version; the records up to it can be read.
 */
u64 cmap_feed_tail(const struct cmap_feed *feed)
{
	/* F1 (b). */
	return smp_load_acquire(&feed->words->tail);
}

/* Where the end of a version's record is in the two words for it. */
static u32 side_of(const struct cmap_feed *feed, u64 version)
{
	return (version & feed->shards) != 0;
}

/**
 * cmap_feed_now() - get the present end of a feed
 * @feed: the feed
 * @at: set to the position after the last record
 *
 * It is tried again only if a write has been completed meanwhile.
 *
 * Context: Any.
 */
void cmap_feed_now(const struct cmap_feed *feed, struct cmap_feed_position *at)
{
	const struct cmap_window_feed *words = feed->words;

	do {
		at->version = cmap_feed_tail(feed);
		at->position = READ_ONCE(words->end[side_of(feed, at->version)]);
		/*
		 * F1 (c): the next but one write stores this end.  Who sees its
		 * store sees the tail of the next write.
		 */
		smp_rmb();
	} while (READ_ONCE(words->tail) != at->version);
}

/**
 * cmap_feed_valid() - check a position that a process gave
 * @feed: the feed
 * @at: the position
 *
 * Whether @position fits the version is found out when the next record is read.
 *
 * Context: Any.
 * Return: true if a reader can be there.
 */
bool cmap_feed_valid(const struct cmap_feed *feed,
		     const struct cmap_feed_position *at)
{
	return at->version >= feed->index &&
	       ((at->version ^ feed->index) & (feed->shards - 1)) == 0 &&
	       at->version <= cmap_feed_tail(feed);
}

/*
 * Whether writers have come to a position, which a process may have made up.  What
 * stands in its place else is of an earlier round.
 */
static bool was_claimed(const struct cmap_feed *feed, u64 position)
{
	return position < READ_ONCE(feed->words->claimed);
}

/* Whether what was copied from a position on was not overwritten meanwhile. */
static bool still_there(const struct cmap_feed *feed, u64 position)
{
	/* F1 (a). */
	smp_rmb();
	return READ_ONCE(feed->words->claimed) - position <= feed->mask + 1ULL;
}

/*
 * Copy from a position on.  The bytes may be overwritten meanwhile, so nothing that
 * was copied is used before still_there().
 */
static void copy_from_ring(const struct cmap_feed *feed, u64 position, void *to,
			   u32 bytes)
{
	/* Writers do not wait.  still_there() finds out. */
	data_race(memcpy(to, feed->ring + (position & feed->mask),
			 bytes));
}

static u32 room_after(const struct cmap_feed *feed, u64 position)
{
	return feed->mask + 1 - (position & feed->mask);
}

/* Whether this can be the header of a record.  It may be a part of somebody's value. */
static bool record_is_sane(const struct cmap_feed_record *record)
{
	u32 key = sizeof(*record) +
		  (record->flags & CMAP_FEED_DEADLINE ? sizeof(u64) : 0);
	u32 head = ALIGN(key + record->key_len, 8);
	u64 value = record->value_offset ? ALIGN((u64)record->value_len, 8) : 0;

	return record->cause != CMAP_FEED_PAD && record->cause != CMAP_FEED_LOST &&
	       record->key_len <= CMAP_KEY_MAX &&
	       record->key_offset == key &&
	       (!record->value_offset || record->value_offset == head) &&
	       record->size == head + value;
}

/*
 * Get the header of the record at or, after padding, behind a position.  False if
 * there is none, because it was overwritten or the position never was a record's.
 * So the header is checked: the position may come from a process.
 */
static bool head_at(const struct cmap_feed *feed, u64 position,
		    struct cmap_feed_head *head)
{
	struct cmap_feed_record *record = &head->record;
	struct pad pad;

	if (position % 8 || !was_claimed(feed, position))
		return false;
	copy_from_ring(feed, position, &pad, sizeof(pad));
	if (!still_there(feed, position))
		return false;
	if (pad.cause == CMAP_FEED_PAD) {
		if (pad.size != room_after(feed, position))
			return false;
		position += pad.size;
	}
	if (room_after(feed, position) < sizeof(*record) ||
	    !was_claimed(feed, position))
		return false;
	copy_from_ring(feed, position, record, sizeof(*record));
	head->position = position;

	return still_there(feed, position) && record_is_sane(record) &&
	       record->size <= room_after(feed, position) &&
	       record->size <= (feed->mask + 1) / CMAP_FEED_RECORDS_MIN +
			       sizeof(u64);
}

/* Whether a position has the record of a version. */
static bool has_version(const struct cmap_feed *feed, u64 position, u64 version,
			struct cmap_feed_head *head)
{
	return head_at(feed, position, head) && head->record.version == version;
}

/*
 * Choose the part in which to look for a version: the last one that does not begin
 * after it, else the first one.  Parts of which less than @spare bytes have to be
 * written before they are overwritten do not count.
 */
static bool choose_part(const struct cmap_feed *feed, u64 version, u64 tail,
			u64 spare, struct cmap_feed_part *chosen)
{
	const struct cmap_window_feed *words = feed->words;
	u64 claimed = READ_ONCE(words->claimed);
	u32 i;

	chosen->version = 0;
	for (i = 0; i < CMAP_FEED_PARTS; i++) {
		struct cmap_feed_part part;
		bool after;

		part.position = READ_ONCE(words->part[i].position);
		/* F1 (d). */
		smp_rmb();
		part.version = READ_ONCE(words->part[i].version);
		after = part.version > version;
		if (!part.version || part.version > tail ||
		    part.position + feed->mask + 1 < claimed + spare)
			continue;
		if (!chosen->version ||
		    (chosen->version > version ?
		     part.version < chosen->version :
		     !after && part.version > chosen->version))
			*chosen = part;
	}
	return chosen->version;
}

/* Go on from a record to that of a version, or to the first one after it. */
static bool walk_to(const struct cmap_feed *feed, u64 version,
		    struct cmap_feed_head *head)
{
	u64 next = head->record.version;

	while (next < version) {
		next += feed->shards;
		if (!has_version(feed, head->position + head->record.size, next,
				 head))
			return false;
	}
	return true;
}

/*
 * Find the record of a version or, if that was overwritten, the first one that is
 * left.  Writers can overtake this, too, so each try begins with what there is then,
 * and leaves them more room.
 */
static bool find_version(const struct cmap_feed *feed, u64 version,
			 struct cmap_feed_head *head)
{
	struct cmap_feed_part part;
	unsigned int i;

	for (i = 0; i < FIND_TRIES; i++) {
		if (!choose_part(feed, version, cmap_feed_tail(feed),
				 ((u64)feed->mask + 1) / FIND_TRIES * i, &part))
			return false;
		if (has_version(feed, part.position, part.version, head) &&
		    walk_to(feed, version, head))
			return true;
	}
	return false;
}

/* Say that all records from a version up to @head->after are lost. */
static enum cmap_feed_step tell_lost(struct cmap_feed_head *head, u64 first)
{
	head->record = (struct cmap_feed_record){
		.size = sizeof(head->record),
		.cause = CMAP_FEED_LOST,
		.version = head->after.version,
		.first = first,
		.key_offset = sizeof(head->record),
	};
	return CMAP_FEED_STEP_LOST;
}

/**
 * cmap_feed_next() - find the record after a position
 * @feed: the feed
 * @at: the position
 * @tail: where to end, from cmap_feed_tail()
 * @head: set to what was found
 *
 * Context: Any.
 * Return: what was found.
 */
enum cmap_feed_step cmap_feed_next(const struct cmap_feed *feed,
				   const struct cmap_feed_position *at,
				   u64 tail, struct cmap_feed_head *head)
{
	u64 version = at->version + feed->shards;

	if (at->version >= tail)
		return CMAP_FEED_STEP_END;
	if (!has_version(feed, at->position, version, head) &&
	    !find_version(feed, version, head)) {
		/* Writers are faster.  All that there was is lost. */
		cmap_feed_now(feed, &head->after);
		return tell_lost(head, version);
	}
	if (head->record.version != version) {
		head->after.version = head->record.version - feed->shards;
		head->after.position = head->position;
		return tell_lost(head, version);
	}

	head->after.version = version;
	head->after.position = head->position + head->record.size;
	return CMAP_FEED_STEP_RECORD;
}

/**
 * cmap_feed_copy() - copy a part of a record
 * @feed: the feed
 * @head: the record, from cmap_feed_next()
 * @to: where to
 * @offset: where the part begins in the record
 * @bytes: its length; the part is in the record
 *
 * Context: Any.
 * Return: false if the record was overwritten meanwhile.
 */
bool cmap_feed_copy(const struct cmap_feed *feed,
		    const struct cmap_feed_head *head, void *to, u32 offset,
		    u32 bytes)
{
	copy_from_ring(feed, head->position + offset, to, bytes);
	return still_there(feed, head->position);
}
