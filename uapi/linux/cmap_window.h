/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * cmap - the window: how a process reads a map that it has mapped.  A part of
 * <linux/cmap.h>, which includes this file.
 */
#ifndef _UAPI_LINUX_CMAP_WINDOW_H
#define _UAPI_LINUX_CMAP_WINDOW_H

#include <linux/types.h>

/**
 * DOC: The window
 *
 * A descriptor that is open for reading can be mapped, with PROT_READ and
 * MAP_SHARED.  The mapping can never become writable.  It shows the map's own
 * tables and nodes while the kernel changes them, so values can be read without
 * a system call.  This text says how; libkcmap does it.
 *
 * An offset in the file is a place: a region, see CMAP_WINDOW_REGION(), and an
 * offset in the region.  A region has one part for each shard, all of one size
 * and one after the other.  A place shows the memory that the shard has there
 * now, no matter what was there before.
 *
 * ======================= ===================================================
 * region                  what it shows
 * ======================= ===================================================
 * CMAP_WINDOW_HEAD        &struct cmap_window; &struct cmap_window_words at
 *                         @words_offset; the first page of each shard's
 *                         &struct cmap_window_shard from @shards_offset on
 * CMAP_WINDOW_LIST(level) more pages of &struct cmap_window_shard: of level n
 *                         (1 and up) those from 2^(n-1) to 2^n - 1
 * CMAP_WINDOW_NODE(level) nodes: of level n (1 and up) the granules from
 *                         2^(n+1) to 2^(n+2) - 1
 * CMAP_WINDOW_TABLE(bits, bank)
 *                         a table of 2^bits buckets, and its pool at
 *                         CMAP_WINDOW_POOL_OFFSET; CMAP_WINDOW_TABLE_BYTES in
 *                         all.  There are 4 banks of these regions
 * CMAP_WINDOW_FEED        &struct cmap_window_feed, one page for each shard
 * CMAP_WINDOW_RING        the feed's rings, @feed_bytes for each shard
 * CMAP_WINDOW_OWNERS      the owners' generations: CMAP_OWNERS_MAX words of 64
 *                         bits
 * ======================= ===================================================
 *
 * A shard's nodes are in a space of CMAP_WINDOW_GRANULES granules of
 * 2^CMAP_WINDOW_GRANULE_SHIFT bytes.  The first CMAP_WINDOW_GRANULES_NONE of
 * them do not exist.  A ref is an offset in this space, in units of 8 bytes.  A
 * segment of nodes has one or more consecutive granules, all of one level.  Its
 * number is used for no other segment of the map, ever.  For each of its
 * granules the number is in &struct cmap_window_shard, at the word with the
 * granule's index.  A number below CMAP_WINDOW_NUMBER_FIRST means that there is
 * no segment, or none that can be read here yet.
 *
 * A load from a place faults (SIGBUS) if there never was anything.  It does not
 * fault where a segment or a table is or was, or where a segment's number has
 * been published: if there is nothing any more it returns zeroes.  The page
 * with a granule's number exists before a ref to that granule is published.  A
 * node can extend beyond the granule in which it begins.  Before a reader loads
 * from there, it makes sure by step 3 below that the node is valid.
 *
 * A key's hash is a 64-bit number: SipHash-1-3 under the window's secret, with
 * one change.  The key's length is XORed into v1 before the first word, and is
 * not in the highest byte of the last word.  So a key of whole words has no
 * further word; for other keys the last word is padded with zeroes.  The
 * highest shard_bits bits of the hash are the shard.  The bits below, as many
 * as the table has, are the bucket.  The lowest 16 bits are the tag.
 *
 * To look a key up:
 *
 * 1. Load the shard's @table, T (0: no entry), and the bucket's @head.  If the
 *    head has CMAP_WINDOW_MOVED, load @next, and @table once more.  If that is
 *    still T, continue with next as T, else begin anew.
 * 2. For each slot with an equal tag: load the ref (0: none), then the number
 *    in @segment for the ref's granule (none: begin anew), then @version of the
 *    node (0: begin anew).  Load the ref once more (changed: do this slot
 *    again), then the first bucket's head (MOVED: begin anew).  Compare the
 *    key, copy the value.
 * 3. Look again: begin anew if @version or the number in @segment has changed,
 *    or if T is neither the shard's @table nor its @next any more.  Otherwise
 *    the copy is one whole value, the key's at the second load of the ref.
 * 4. Continue in the chained buckets (one is not CMAP_WINDOW_LINKED: begin
 *    anew).  If no slot has the key, look again at the first bucket's head,
 *    then at @table and @next, as above.  Then the key was absent.
 *
 * A flag that the reader does not know (in a table's word, in a bucket's @head,
 * in @lengths of a node with the key, in a trailer's @flags) means that it must
 * ask the kernel.  It never means that the key is absent.
 * If a trailer refers to a word of &struct cmap_window_words, or to an owner's
 * generation, that word is loaded between the two loads of the ref.  So there is
 * a moment at which the slot had the ref and the word had the value.  For a
 * deadline: if @expired_before is not below it, the entry is absent at that
 * moment.  For an owner: if the generation is another one than the trailer's.  A
 * reader that finds no trailer need not load a word.
 *
 * The page with an owner's generation exists before a trailer that refers to it
 * is published.  So before a reader loads from there, it makes sure by step 3
 * that the trailer is one.
 *
 * Each load up to the second one of @head has acquire semantics.  Each "look
 * again" begins with a load fence.
 * A reader can be stopped at any point for any time while the kernel reuses
 * memory.  These steps detect whatever has changed meanwhile.
 */
#define CMAP_WINDOW_MAGIC	0x70616d63	/* "cmap" */
#define CMAP_WINDOW_FORMAT	4

/* An offset in the file is a region's number, then the offset in the region. */
#define CMAP_WINDOW_REGION_SHIFT	45
#define CMAP_WINDOW_REGION(n)		((__u64)(n) << CMAP_WINDOW_REGION_SHIFT)
#define CMAP_WINDOW_HEAD		0
#define CMAP_WINDOW_LIST(level)		(0 + (level))	/* 1 to 15 */
#define CMAP_WINDOW_FEED		16	/* see <linux/cmap_feed.h> */
#define CMAP_WINDOW_RING		17
#define CMAP_WINDOW_OWNERS		18
/* 19 to 31 are reserved. */
#define CMAP_WINDOW_NODE(level)		(32 + (level))	/* 1 to 17 */
#define CMAP_WINDOW_TABLE(bits, bank)	(64 + (bank) * 32 + (bits))
#define CMAP_WINDOW_REGIONS		192

#define CMAP_WINDOW_LIST_LEVELS		16
#define CMAP_WINDOW_NODE_LEVELS		18
#define CMAP_WINDOW_BANKS		4

/* Bytes in a shard's part of a region.  For tables see below. */
#define CMAP_WINDOW_LIST_BYTES(level, page)	((__u64)(page) << ((level) - 1))
#define CMAP_WINDOW_NODE_BYTES(level)					\
	(1ULL << ((level) + 1 + CMAP_WINDOW_GRANULE_SHIFT))

#define CMAP_WINDOW_GRANULE_SHIFT	16
#define CMAP_WINDOW_GRANULES		(1U << 19)	/* of a shard */
#define CMAP_WINDOW_GRANULES_NONE	4

/* The lowest number of a segment. */
#define CMAP_WINDOW_NUMBER_FIRST	2

/**
 * struct cmap_window - the window's header, at offset 0
 * @magic: CMAP_WINDOW_MAGIC
 * @format: CMAP_WINDOW_FORMAT.  A reader of another one must use system calls
 * @words_offset: offset of &struct cmap_window_words, which begins a page
 * @shards_offset: offset of the first shard's first page
 * @page_bytes: size of a page, to which parts of the window are aligned
 * @feed_bytes: bytes in the ring of each shard; 0 if the map has no feed
 * @shards: number of shards
 * @shard_bits: log2 of @shards
 * @create_flags: CMAP_CREATE_*
 * @key_max: longest key
 * @id: number of the map, as in &struct cmap_stat
 * @secret: the secret of the hash
 *
 * The header is constant.
 */
struct cmap_window {
	__u32 magic;
	__u32 format;
	__u32 words_offset;
	__u32 shards_offset;
	__u32 page_bytes;
	__u32 feed_bytes;
	__u32 shards;
	__u32 shard_bits;
	__u32 create_flags;
	__u32 key_max;
	__aligned_u64 id;
	__aligned_u64 secret[2];
};

/**
 * struct cmap_window_words - words that change for the whole map
 * @expired_before: nanoseconds of the map's clock.  An entry with a deadline at
 *	or before this is absent.  It only grows, and is never later than the
 *	clock.  0 before the first entry expires
 * @committed: the last transaction that was committed
 *
 * Each word has 256 bytes: no CPU has longer cache lines.  The rest of the page
 * is reserved for more words.  The kernel does not use @committed yet: it is 0.
 */
struct cmap_window_words {
	__aligned_u64 expired_before;
	__aligned_u64 __reserved1[31];
	__aligned_u64 committed;
	__aligned_u64 __reserved2[31];
};

/**
 * struct cmap_window_shard - where a shard's tables and nodes are
 * @table: the table, see CMAP_WINDOW_TABLE_*; 0 before the first entry
 * @next: the table that it is being moved into, or 0
 * @__reserved: 0
 * @segment: for each granule from CMAP_WINDOW_GRANULES_NONE on, the number of
 *	the segment that is there
 *
 * Every read loads @table, so no word here changes with each write.
 *
 * The first granules do not exist, so that the word with a granule's index has
 * the granule's number.  Page 0 is in CMAP_WINDOW_HEAD.  Page n is in
 * CMAP_WINDOW_LIST(level), where the level is the number of bits in n.  So all
 * numbers for one CMAP_WINDOW_NODE are in one CMAP_WINDOW_LIST, or in page 0.
 */
struct cmap_window_shard {
	__aligned_u64 table;
	__aligned_u64 next;
	__aligned_u64 __reserved[2];
	__aligned_u64 segment[CMAP_WINDOW_GRANULES - CMAP_WINDOW_GRANULES_NONE];
};

/*
 * A table's word: its number, which no other table of the map ever has, and its
 * properties.  The bank says which of the CMAP_WINDOW_BANKS places for its size
 * it has.  If a table and the next one have the same size, their banks differ.
 * A table gets a place after the previous one is gone from all mappings.
 */
#define CMAP_WINDOW_TABLE_NUMBER(t)	((t) >> 16)
#define CMAP_WINDOW_TABLE_BITS(t)	((t) & 31)
#define CMAP_WINDOW_TABLE_BANK(t)	((t) >> 5 & 3)
#define CMAP_WINDOW_TABLE_INSIDE(t)	((t) >> 7 & 1)	/* see POOL_OFFSET */
#define CMAP_WINDOW_TABLE_UNKNOWN(t)	((t) & 0xff00)	/* flags */

/* The only flag so far: the table cannot be read here yet. */
#define CMAP_WINDOW_TABLE_NOT_YET	0x100U

/*
 * Offset of a table's pool from its first bucket.  The pool begins on a page,
 * except for the smallest table, which is in one page as a whole.
 */
#define CMAP_WINDOW_POOL_OFFSET(t, page)				\
	(CMAP_WINDOW_TABLE_INSIDE(t) ||					\
	 (64ULL << CMAP_WINDOW_TABLE_BITS(t)) > (page) ?		\
	 64ULL << CMAP_WINDOW_TABLE_BITS(t) : (__u64)(page))

/* Bytes in a shard's part of the table's region: whole pages. */
#define CMAP_WINDOW_TABLE_BYTES(t, page)				\
	((2 * CMAP_WINDOW_POOL_OFFSET(t, page) + (page) - 1) &		\
	 ~((__u64)(page) - 1))

#define CMAP_WINDOW_SLOTS	10
#define CMAP_WINDOW_MOVED	1U
#define CMAP_WINDOW_LINKED	2U
/* Bits 29 to 31 are reserved for flags. */
#define CMAP_WINDOW_NEXT(head)	((head) >> 2 & 0x7ffffff)

/**
 * struct cmap_window_bucket - a bucket
 * @head: CMAP_WINDOW_MOVED; CMAP_WINDOW_LINKED if this is a bucket of the pool
 *	that belongs to a chain; and CMAP_WINDOW_NEXT: 1 + index in the pool of
 *	the next bucket of the chain, or 0
 * @tag: tags of the entries
 * @ref: refs of their nodes: offsets in the shard's space of nodes, in units of
 *	8 bytes; 0 for none
 */
struct cmap_window_bucket {
	__u32 head;
	__u16 tag[CMAP_WINDOW_SLOTS];
	__u32 ref[CMAP_WINDOW_SLOTS];
};

/* Lengths of the key and the value, and whether a trailer follows the value. */
#define CMAP_WINDOW_EXTENDED		0x80000000U
#define CMAP_WINDOW_KEY_LEN(l)		((l) >> 21 & 0x3ff)
#define CMAP_WINDOW_VALUE_LEN(l)	((l) & 0x1fffff)

/**
 * struct cmap_window_node - one version of one entry
 * @version: the entry's version; 0 while the node belongs to no entry
 * @hash_high: the highest 32 bits of the key's hash, until the node is unlinked
 *	from its slot.  A reader that needs these or the tag loads both in step
 *	2.  After a load fence it loads the ref and the first bucket's head once
 *	more.  If these have not changed, and step 3 finds no change either,
 *	both are the entry's
 * @lengths: CMAP_WINDOW_KEY_LEN of the key, which follows this structure;
 *	CMAP_WINDOW_VALUE_LEN of the value, which follows the key at a multiple
 *	of 8; and CMAP_WINDOW_EXTENDED if a &struct cmap_window_trailer follows
 *	the value at a multiple of 8
 */
struct cmap_window_node {
	__aligned_u64 version;
	__u32 hash_high;
	__u32 lengths;
	/* char key[]; */
};

/* &struct cmap_window_trailer.flags */
#define CMAP_WINDOW_DEADLINE	(1U << 0)
#define CMAP_WINDOW_OWNER	(1U << 1)
#define CMAP_WINDOW_PENDING	(1U << 2)

/**
 * struct cmap_window_trailer - further properties of an entry
 * @flags: CMAP_WINDOW_DEADLINE and so on: which of the following fields are
 *	valid
 * @owner: index of the owner, in CMAP_WINDOW_OWNERS
 * @deadline: nanoseconds of the map's clock: CLOCK_BOOTTIME of the initial time
 *	namespace.  The entry is absent as soon as
 *	&struct cmap_window_words.expired_before reaches it
 * @__links: the kernel's own.  It changes while the node can be found
 * @generation: the owner's generation.  The entry is absent as soon as the word at
 *	@owner is another one
 * @transaction: while &struct cmap_window_words.committed is below this, the
 *	node @old is the entry
 * @old: the ref of the entry's previous node, or 0
 * @__reserved: 0
 * @__links2: the kernel's own, as @__links
 *
 * If @flags has only CMAP_WINDOW_DEADLINE, the trailer ends before @generation.
 * The kernel does not write trailers with CMAP_WINDOW_PENDING yet.
 */
struct cmap_window_trailer {
	__u32 flags;
	__u32 owner;
	__aligned_u64 deadline;
	__u32 __links[2];
	__aligned_u64 generation;
	__aligned_u64 transaction;
	__u32 old;
	__u32 __reserved;
	__u32 __links2[2];
};

#endif /* _UAPI_LINUX_CMAP_WINDOW_H */
