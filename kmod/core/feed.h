/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's feed: a ring of records of its changes.
 *
 * The lock of the shard's one stripe orders writers.  Readers take no lock, and no writer
 * waits for one.  A reader copies, and looks afterwards whether what it copied may have been
 * overwritten.  <uapi/linux/cmap_feed.h> describes the ring as readers see it, in
 * the kernel and in processes alike; docs/design.md has the barriers.
 */
#ifndef CMAP_FEED_H
#define CMAP_FEED_H

#include "block.h"
#include "node.h"

#include <linux/types.h>
#include <uapi/linux/cmap.h>

/**
 * struct cmap_feed - a shard's feed
 * @ring: the ring
 * @words: what readers need to know about it
 * @mask: size of the ring, a power of two, less 1
 * @value_max: longest value in a record
 * @index: index of the shard
 * @shards: number of the map's shards
 * @part_shift: log2 of the bytes in a part of the ring
 * @wipe: overwrite the ring in the end
 * @part_end: where the last part ends in which a record begins
 * @end: where the end of the last record is stored: the two words take turns
 * @ring_block: the memory of @ring
 * @words_block: the memory of @words
 *
 * @part_end and @end are changed, and records are written, under the lock of the
 * shard's one stripe.  All else is constant.
 */
struct cmap_feed {
	u8 *ring;
	struct cmap_window_feed *words;
	u32 mask;
	u32 value_max;
	u32 index;
	u32 shards;
	u8 part_shift;
	bool wipe;
	u64 part_end;
	u64 *end;
	struct cmap_block *ring_block;
	struct cmap_block *words_block;
};

/* So many of the largest records fit into a ring, but for their deadlines. */
#define CMAP_FEED_RECORDS_MIN	4

/* What a step of a reader found. */
enum cmap_feed_step {
	CMAP_FEED_STEP_END,	/* nothing up to the given version */
	CMAP_FEED_STEP_RECORD,	/* a record */
	CMAP_FEED_STEP_LOST,	/* records were overwritten */
};

/**
 * struct cmap_feed_head - what is known about the next record
 * @record: its header; or one of the cause LOST, if records were lost
 * @position: where it begins
 * @after: where the reader is when it has passed the record, or the lost ones
 */
struct cmap_feed_head {
	struct cmap_feed_record record;
	u64 position;
	struct cmap_feed_position after;
};

struct cmap_feed *cmap_feed_new(struct cmap_memory *memory, int nid, u32 bytes,
				u32 value_max, u32 index, u32 shards, bool wipe,
				int *err);
void cmap_feed_free(struct cmap_feed *feed);

void cmap_feed_write(struct cmap_feed *feed, u8 cause,
		     const struct cmap_node *node, u64 version);

void cmap_feed_now(const struct cmap_feed *feed, struct cmap_feed_position *at);
u64 cmap_feed_tail(const struct cmap_feed *feed);
bool cmap_feed_valid(const struct cmap_feed *feed,
		     const struct cmap_feed_position *at);
enum cmap_feed_step cmap_feed_next(const struct cmap_feed *feed,
				   const struct cmap_feed_position *at,
				   u64 tail, struct cmap_feed_head *head);
bool cmap_feed_copy(const struct cmap_feed *feed,
		    const struct cmap_feed_head *head, void *to, u32 offset,
		    u32 bytes);

/* Bytes in a record without a deadline. */
static inline u32 cmap_feed_record_size(u32 key_len, u32 value_len)
{
	return ALIGN(sizeof(struct cmap_feed_record) + key_len, 8) +
	       ALIGN(value_len, 8);
}

/* Bytes in the largest record: it has a deadline, too. */
static inline u32 cmap_feed_record_max(u32 key_max, u32 value_max)
{
	return cmap_feed_record_size(key_max, value_max) + sizeof(u64);
}

/*
 * Begin a record.  Whatever readers copy from here on from now on is the new record, or
 * they notice that it was overwritten.
 */
static __always_inline struct cmap_feed_record *
cmap_feed_claim(const struct cmap_feed *feed, u64 start, u64 end)
{
	WRITE_ONCE(feed->words->claimed, end);
	/* F1 (a): a reader of anything that is stored below sees the claim. */
	smp_wmb();
	return (void *)(feed->ring + (start & feed->mask));
}

/* Publish a record, which has been written. */
static __always_inline void
cmap_feed_publish(struct cmap_feed *feed, struct cmap_window_feed *words,
		  u64 end, u64 version)
{
	feed->end = (u64 *)((unsigned long)feed->end ^ sizeof(u64));
	WRITE_ONCE(*feed->end, end);
	/* F1 (b): a reader that sees the version sees the record. */
	smp_store_release(&words->tail, version);
}

/* Two fields of two bytes, in the order in which they are in memory. */
static __always_inline u32 cmap_feed_pair(u32 first, u32 second)
{
	return IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? second + (first << 16) :
						   first + (second << 16);
}

/**
 * cmap_feed_write_fast() - write the record of a change, if that is simple
 * @feed: the feed
 * @cause: CMAP_FEED_SET and so on; a constant
 * @value: the node's value is the entry's now; a constant
 * @node: the new node, or the node that was deleted
 * @version: the change's version, the next one of the shard
 *
 * Most records are written here: those of whole words with the value, in a part of
 * the ring that has one already and in which there is room.
 *
 * Each instruction counts, so fields are written two at once, and the bytes that follow
 * backwards.
 *
 * Context: The lock of the shard's stripe.
 * Return: false if nothing was done, and cmap_feed_write() has to do it.
 */
static __always_inline bool
cmap_feed_write_fast(struct cmap_feed *feed, u8 cause, bool value,
		     const struct cmap_node *node, u64 version)
{
	unsigned long lengths = node->lengths, key_len, value_len, bytes;
	struct cmap_window_feed *words = feed->words;
	struct cmap_feed_record *record;
	u64 start, end;

	if (lengths & (CMAP_NODE_EXTENDED | 7 << CMAP_VALUE_LEN_BITS | 7))
		return false;
	key_len = lengths >> CMAP_VALUE_LEN_BITS;
	value_len = value ? lengths & ((1U << CMAP_VALUE_LEN_BITS) - 1) : 0;
	bytes = key_len + value_len;
	start = words->claimed;
	end = start + sizeof(*record) + bytes;
	if (value_len > feed->value_max || end > feed->part_end)
		return false;

	record = cmap_feed_claim(feed, start, end);
	record->size = sizeof(*record) + bytes;
	/* With @cause and @flags. */
	*(u32 *)&record->key_len =
		cmap_feed_pair(key_len, (__force u16)cpu_to_le16(cause));
	record->version = version;
	record->transaction = 0;
	record->value_len = value_len;
	/* With @value_offset. */
	*(u32 *)&record->key_offset =
		cmap_feed_pair(sizeof(*record),
			       value ? sizeof(*record) + key_len : 0);
	for (; bytes; bytes -= sizeof(u64))
		*(u64 *)((u8 *)(record + 1) + bytes - sizeof(u64)) =
			*(const u64 *)(node->key + bytes - sizeof(u64));
	cmap_feed_publish(feed, words, end, version);
	return true;
}

#endif /* CMAP_FEED_H */
