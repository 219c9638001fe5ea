/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of a read, with the numbers that "The window" in <linux/cmap.h>
 * gives them. docs/window.md explains why they are correct.
 *
 * Memory that is read here may be changing, or may be used for something else
 * by now.  Nothing is trusted before node_unchanged() has checked again.
 *
 * Everything is inlined.  On a hit, every instruction saved lets the processor
 * start more cache misses of the next read.
 */
#ifndef LIBKCMAP_STEPS_H
#define LIBKCMAP_STEPS_H

#include "view.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define UNIT		8
#define GRANULE		((size_t)1 << CMAP_WINDOW_GRANULE_SHIFT)
#define GRANULE_UNITS	(GRANULE / UNIT)
#define GRANULE_BITS	13	/* log2 of that */

_Static_assert(GRANULE_UNITS == 1U << GRANULE_BITS, "GRANULE_BITS");

/* Bits of a bucket's head that are unknown here: the kernel must read it. */
#define HEAD_UNKNOWN	0xe0000000U

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* The result of a step. */
enum step {
	OK,
	NONE,		/* there is no such entry */
	AGAIN,		/* a writer changed it: start the read over */
	ASK,		/* cannot be mapped, or is unknown: ask the kernel */
	FURTHER,	/* the fast path does not cover it */
};

/* A bucket, and the table that holds it. */
struct bucket {
	struct kcmap_window_part *part;
	const struct cmap_window_shard *shard;
	uint64_t table;
	const char *base;	/* the table's address */
	const struct cmap_window_bucket *first;
};

/* A node, and what node_unchanged() compares before its contents are trusted. */
struct node {
	const struct cmap_window_node *at;
	const uint32_t *slot;
	const uint64_t *word;	/* holds the number of its segment */
	uint64_t number;	/* that number when it was read */
	uint32_t ref;
};

/* ---- step 1: the bucket ---- */

/* The shard that a hash belongs to. */
static __always_inline void find_shard(struct kcmap_view *view, uint64_t hash,
				       struct bucket *bucket)
{
	/* Two shifts, because shard_bits may be 0. */
	bucket->part = &view->part[hash >> 1 >> view->shard_shift];
	bucket->shard = bucket->part->shard;
}

/*
 * The index of a hash's bucket in a table.  The lowest 5 bits of @behind are 31
 * less the bits of the table; the others are ignored.
 */
static __always_inline size_t index_of(const struct kcmap_view *view,
				       uint64_t hash, unsigned int behind)
{
	return (uint32_t)(hash << view->shard_bits >> 33) >> (behind & 31);
}

/* The bucket, in a table whose address is known. */
static __always_inline void find_bucket(const struct kcmap_view *view,
					uint64_t hash, struct bucket *bucket)
{
	bucket->first = (const void *)bucket->base;
	bucket->first += index_of(view, hash, ~(unsigned int)bucket->table);
}

/*
 * The bucket in the table that the shard had lately.  Its address is computed
 * from @current alone, so the processor need not wait for the table's word.
 * The bucket is used only if the shard still has that table.
 */
static __always_inline enum step find_fast(const struct kcmap_view *view,
					   uint64_t hash,
					   struct bucket *bucket)
{
	uintptr_t current = LOAD_ACQUIRE(&bucket->part->current);
	size_t index = index_of(view, hash, (unsigned int)current);

	bucket->first = (const void *)((current & ~(uintptr_t)KCMAP_CURRENT_ALL) +
				       index * sizeof(*bucket->first));
	/* Not the next table: buckets are still being moved to it. */
	bucket->table = LOAD_ACQUIRE(&bucket->shard->table);
	return likely(kcmap_current_of((uint16_t)bucket->table) ==
		      (current & KCMAP_CURRENT_ALL)) ? OK : FURTHER;
}

/* The bucket after this one in its chain; NULL at the end. */
static __always_inline const struct cmap_window_bucket *
next_bucket(const struct kcmap_view *view, const struct bucket *bucket,
	    uint32_t head)
{
	uint64_t table = bucket->table;
	uint32_t place = CMAP_WINDOW_NEXT(head);
	const struct cmap_window_bucket *pool;
	uint64_t from;

	if (likely(!place--))
		return NULL;
	/*
	 * An index beyond the pool is no valid head: the bucket changed
	 * meanwhile.  With large pages a pool can have more buckets than its
	 * table.
	 */
	from = CMAP_WINDOW_POOL_OFFSET(table, view->page);
	if (place >= (CMAP_WINDOW_TABLE_BYTES(table, view->page) - from) /
		     sizeof(*pool))
		return NULL;
	pool = (const void *)(bucket->base + from);
	return pool + place;
}

/*
 * Whether the shard still has this table.  Only then was the memory that was
 * read this table's, and not zeroes or another table's.
 */
static __always_inline int shard_has_table(const struct bucket *bucket)
{
	return likely(LOAD_ACQUIRE(&bucket->shard->table) == bucket->table) ||
	       LOAD_ACQUIRE(&bucket->shard->next) == bucket->table;
}

static __always_inline int bucket_moved(const struct bucket *bucket)
{
	return LOAD_ACQUIRE(&bucket->first->head) &
	       (CMAP_WINDOW_MOVED | HEAD_UNKNOWN);
}

/* ---- step 2: the node ---- */

/* Bit i of the result: slot i may have the tag. */
#ifdef __SSE2__
static __always_inline unsigned int
slots_with(const struct cmap_window_bucket *at, uint16_t tag)
{
	__m128i eight = _mm_loadu_si128((const __m128i *)at->tag);
	__m128i two = _mm_loadu_si32(&at->tag[8]);
	__m128i tags = _mm_set1_epi16((short)tag);
	__m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(eight, tags),
					_mm_cmpeq_epi16(two, tags));

	return _mm_movemask_epi8(equal) & ((1U << CMAP_WINDOW_SLOTS) - 1);
}
#else
static __always_inline unsigned int
slots_with(const struct cmap_window_bucket *at, uint16_t tag)
{
	unsigned int slots = 0, i;

	for (i = 0; i < CMAP_WINDOW_SLOTS; i++)
		slots |= (unsigned int)(LOAD(&at->tag[i]) == tag) << i;
	return slots;
}
#endif

/* The level of a ref's granule; 0 for an invalid ref. */
static __always_inline size_t level_of(uint32_t ref)
{
	size_t highest = 31 ^ (unsigned int)__builtin_clz(ref |
							  3U << GRANULE_BITS);

	return highest - (GRANULE_BITS + 1);
}

static __always_inline size_t offset_in_granule(uint32_t ref)
{
	return (size_t)(ref & (GRANULE_UNITS - 1)) * UNIT;
}

/* The ref in a slot; NONE if the slot is empty. */
static __always_inline enum step find_node(const uint32_t *slot,
					   struct node *node)
{
	node->slot = slot;
	node->ref = LOAD_ACQUIRE(slot);
	return likely(node->ref) ? OK : NONE;
}

/*
 * Find the node's address and the number of its segment.  The node itself is
 * not read. open_node() and node_unchanged() check later that it was one.
 */
static __always_inline enum step place_node(const struct bucket *bucket,
					    struct node *node)
{
	const struct kcmap_level *level =
		&bucket->part->level[level_of(node->ref)];
	uintptr_t at = LOAD_ACQUIRE(&level->node);

	if (unlikely(!at))
		return ASK;
	node->at = (const void *)(at + (uintptr_t)node->ref * UNIT);
	node->word = (const uint64_t *)LOAD(&level->list) +
		     (node->ref >> GRANULE_BITS);
	node->number = LOAD_ACQUIRE(node->word);
	return likely(node->number >= CMAP_WINDOW_NUMBER_FIRST) ? OK : AGAIN;
}

/* Most nodes span two cache lines; fetch both at once. */
static __always_inline void prefetch_rest(const struct node *node)
{
	__builtin_prefetch((const char *)node->at + 64);
}

/* Whether the ref is still in its slot, and the bucket still the live one. */
static __always_inline int in_place(const struct bucket *bucket,
				    const struct node *node)
{
	return LOAD_ACQUIRE(node->slot) == node->ref && !bucket_moved(bucket);
}

/*
 * Load the version.  If the ref is in place after that, in the live bucket,
 * this was the entry's version at that moment.
 */
static __always_inline enum step open_node(const struct bucket *bucket,
					   const struct node *node,
					   uint64_t *version)
{
	*version = LOAD_ACQUIRE(&node->at->version);
	if (unlikely(!in_place(bucket, node)))
		return AGAIN;
	return likely(*version) ? OK : AGAIN;
}

/* ---- step 3: checking again ---- */

static __always_inline int node_unchanged(const struct bucket *bucket,
					  const struct node *node,
					  uint64_t version)
{
	LOAD_FENCE();
	return likely(LOAD(&node->at->version) == version) &&
	       likely(LOAD(node->word) == node->number) &&
	       shard_has_table(bucket);
}

/* Step 4: the slots that were read were those of the live bucket. */
static __always_inline int was_live(const struct bucket *bucket)
{
	LOAD_FENCE();
	return !bucket_moved(bucket) && shard_has_table(bucket);
}

/* ---- what is in a node ---- */

static __always_inline size_t value_offset(size_t key_len)
{
	return (sizeof(struct cmap_window_node) + key_len + 7) & ~(size_t)7;
}

static __always_inline const char *key_of(const struct node *node)
{
	return (const char *)(node->at + 1);
}

/*
 * The lengths in a node, which say how much of it to read.  They are no more
 * than a guess until node_unchanged() has checked again.
 */
struct extent {
	size_t offset;		/* where the value is, from the node */
	size_t len;		/* of the value */
};

/* Whether the key has this length, and nothing follows the value. */
static __always_inline int is_plain(uint32_t lengths, size_t key_len)
{
	return lengths >> 21 == key_len;
}

static __always_inline void get_extent(uint32_t lengths, size_t key_len,
				       struct extent *extent)
{
	extent->offset = value_offset(key_len);
	extent->len = CMAP_WINDOW_VALUE_LEN(lengths);
}

/* Bytes of a trailer up to and including the deadline: what is read of it. */
#define TRAILER_READ							\
	(offsetof(struct cmap_window_trailer, deadline) + sizeof(uint64_t))

_Static_assert(TRAILER_READ <= 24, "one cache line more at most");

/* The same for an entry that has an owner. */
#define TRAILER_READ_OWNED						\
	(offsetof(struct cmap_window_trailer, generation) + sizeof(uint64_t))

/* Whether the key has this length, and a trailer follows the value. */
static __always_inline int is_extended(uint32_t lengths, size_t key_len)
{
	return lengths >> 21 == (key_len | CMAP_WINDOW_EXTENDED >> 21);
}

/* Where the trailer is, from the node. */
static __always_inline size_t trailer_offset(const struct extent *extent)
{
	return (extent->offset + extent->len + 7) & ~(size_t)7;
}

static __always_inline const struct cmap_window_trailer *
trailer_of(const struct node *node, const struct extent *extent)
{
	return (const void *)((const char *)node->at + trailer_offset(extent));
}

/*
 * Whether the map's clock has reached a deadline.  The word is loaded after the
 * ref was found in its slot.  The caller looks at the slot once more afterwards,
 * so there is a moment at which the entry was there and this was the answer.
 */
static __always_inline int has_expired(const struct kcmap_view *view,
				       uint64_t deadline)
{
	return deadline <= LOAD_ACQUIRE(&view->words->expired_before);
}

/* Whether memory from a ref to @end is within the nodes of the ref's level. */
static __attribute_noinline__ int in_level(uint32_t ref, size_t end)
{
	size_t granule = (ref >> GRANULE_BITS) + (end - 1) / GRANULE;

	return granule < (size_t)4 << level_of(ref);
}

/*
 * Whether all of a node can be read.  The granule in which it begins can,
 * because it has a segment number.  If the node goes on beyond that granule,
 * node_unchanged() must first confirm that it is the node.  A segment, and so a
 * node, ends in the level in which it begins.
 */
static __always_inline int can_read_node(const struct bucket *bucket,
					 const struct node *node,
					 uint64_t version,
					 const struct extent *extent)
{
	size_t end = offset_in_granule(node->ref) + extent->offset +
		     extent->len;

	if (likely(end <= GRANULE))
		return 1;
	return in_level(node->ref, end) && node_unchanged(bucket, node, version);
}

static __always_inline int same_key(const struct node *node, const void *key,
				    size_t key_len)
{
	if (likely(key_len == 8)) {
		uint64_t word;

		memcpy(&word, key, sizeof(word));
		return LOAD((const uint64_t *)key_of(node)) == word;
	}
	/* The pointer to an empty key may be NULL. */
	return !key_len || !memcmp(key_of(node), key, key_len);
}

static __always_inline void copy_32(char *to, const char *from)
{
	struct { char c[16]; } a, b;

	memcpy(&a, from, 16);
	memcpy(&b, from + 16, 16);
	memcpy(to, &a, 16);
	memcpy(to + 16, &b, 16);
}

/*
 * Like memcpy(), and as fast, but the source may be changing.  The last bytes
 * are copied in one piece that overlaps the one before.
 */
static __always_inline void copy_bytes(char *to, const char *from, size_t len)
{
	struct { char c[16]; } a, b;
	uint64_t x, y;
	size_t i;

	if (likely(len >= 32)) {
		for (i = 0; i < len - 32; i += 32)
			copy_32(to + i, from + i);
		copy_32(to + len - 32, from + len - 32);
	} else if (len >= 16) {
		memcpy(&a, from, 16);
		memcpy(&b, from + len - 16, 16);
		memcpy(to, &a, 16);
		memcpy(to + len - 16, &b, 16);
	} else if (len >= 8) {
		memcpy(&x, from, 8);
		memcpy(&y, from + len - 8, 8);
		memcpy(to, &x, 8);
		memcpy(to + len - 8, &y, 8);
	} else {
		for (i = 0; i < len; i++)
			to[i] = LOAD(from + i);
	}
}

#endif /* LIBKCMAP_STEPS_H */
