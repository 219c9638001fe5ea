/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's feed: a ring of records of its changes.
 *
 * The shard's lock orders writers.  Readers take no lock, and no writer waits for
 * one.  A reader copies, and looks afterwards whether what it copied may have been
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
 * @ring_block: the memory of @ring
 * @words_block: the memory of @words
 *
 * @part_end is changed, and records are written, under the shard's lock.  All else is
 * constant.
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
	struct cmap_block *ring_block;
	struct cmap_block *words_block;
};

/* So many of the largest records fit into a ring. */
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
void cmap_feed_clear_padding(struct cmap_feed_record *record, u32 value_len);

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

/* Bytes in a record. */
static inline u32 cmap_feed_record_size(u32 key_len, u32 value_len)
{
	return ALIGN(sizeof(struct cmap_feed_record) + key_len, 8) +
	       ALIGN(value_len, 8);
}

/* Where the end of a version's record is in the two words for it. */
static __always_inline u32 cmap_feed_side(const struct cmap_feed *feed,
					  u64 version)
{
	return (version & feed->shards) != 0;
}

/* A record that is to be written.  All are words, so that none has to be extended. */
struct cmap_feed_layout {
	u64 start;
	unsigned long key_len;
	unsigned long value_len;
	unsigned long copied;	/* bytes of the value that are in the record */
	unsigned long value_offset;	/* in the record, or 0 */
	unsigned long size;
};

/*
 * Lay out a record.  @value: the node's value is the entry's now.  @simple: the node
 * has no trailer, key and value are whole words, and the value may be in the record.
 */
static __always_inline void
cmap_feed_lay_out(const struct cmap_feed *feed, const struct cmap_node *node,
		  bool value, bool simple, struct cmap_feed_layout *layout)
{
	layout->start = feed->words->claimed;
	layout->key_len = simple ? node->lengths >> CMAP_VALUE_LEN_BITS :
				   cmap_node_key_len(node);
	layout->value_len = value ? cmap_node_value_len(node) : 0;
	layout->copied = layout->value_len;
	layout->size = sizeof(struct cmap_feed_record) + layout->key_len;
	if (!simple)
		layout->size = ALIGN(layout->size, 8);
	layout->value_offset = value ? layout->size : 0;
	if (!simple && layout->value_len > feed->value_max) {
		layout->copied = 0;
		layout->value_offset = 0;
	}
	layout->size += simple ? layout->copied : ALIGN(layout->copied, 8);
}

/*
 * Write a record and publish it.
 *
 * Key and value are copied at once: they follow each other in a node just as they do
 * in a record, and a node has whole words.
 */
static __always_inline void
cmap_feed_publish(struct cmap_feed *feed, u8 cause, bool value, bool simple,
		  const struct cmap_node *node, u64 version,
		  const struct cmap_feed_layout *layout)
{
	struct cmap_window_feed *words = feed->words;
	u64 end = layout->start + layout->size;
	struct cmap_feed_record *record;

	WRITE_ONCE(words->claimed, end);
	/* F1 (a): a reader of anything that is stored below sees the claim. */
	smp_wmb();
	record = (void *)(feed->ring + (layout->start & feed->mask));
	record->size = layout->size;
	record->key_len = layout->key_len;
	record->cause = cause;
	record->flags = value && !simple && !layout->value_offset ?
			CMAP_FEED_NO_VALUE : 0;
	record->version = version;
	record->transaction = 0;
	record->value_len = layout->value_len;
	record->key_offset = sizeof(*record);
	record->value_offset = layout->value_offset;
	if (simple) {
		u64 *to = (u64 *)(record + 1), *stop = (void *)record +
						       layout->size;
		const u64 *from = (const u64 *)node->key;

		while (to < stop)
			*to++ = *from++;
	} else {
		memcpy(record + 1, node->key, layout->size - sizeof(*record));
		cmap_feed_clear_padding(record, layout->copied);
	}
	WRITE_ONCE(words->end[cmap_feed_side(feed, version)], end);
	/* F1 (b): a reader that sees the version sees the record. */
	smp_store_release(&words->tail, version);
}

/**
 * cmap_feed_write_fast() - write the record of a change, if that is simple
 * @feed: the feed
 * @cause: CMAP_FEED_SET and so on
 * @value: the node's value is the entry's now; a constant
 * @node: the new node, or the node that was deleted
 * @version: the change's version, the next one of the shard
 *
 * Most records are written here: those of whole words with the value, in a part of
 * the ring that has one already and in which there is room.
 *
 * Context: The shard's lock.
 * Return: false if nothing was done, and cmap_feed_write() has to do it.
 */
static __always_inline bool
cmap_feed_write_fast(struct cmap_feed *feed, u8 cause, bool value,
		     const struct cmap_node *node, u64 version)
{
	struct cmap_feed_layout layout __uninitialized;

	if (node->lengths & (CMAP_NODE_EXTENDED | 7 << CMAP_VALUE_LEN_BITS | 7))
		return false;
	cmap_feed_lay_out(feed, node, value, true, &layout);
	if (layout.value_len > feed->value_max ||
	    layout.start + layout.size > feed->part_end)
		return false;

	cmap_feed_publish(feed, cause, value, true, node, version, &layout);
	return true;
}

#endif /* CMAP_FEED_H */
