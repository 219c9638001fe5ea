/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of a read: see "The window" in <linux/cmap.h>, whose numbers these
 * are.  docs/window.md says why they are right.
 *
 * What is read may be changing, or something else altogether by now; nothing
 * is believed before still() has looked again.
 *
 * All is inlined where it is used: of a read that hits, every instruction less
 * lets the processor have more of the next read's cache misses under way.
 */
#ifndef LIBCMAP_STEPS_H
#define LIBCMAP_STEPS_H

#include "window.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SPAN		((size_t)1 << CMAP_WINDOW_SHIFT)
#define OFFSET_BITS	18
#define OFFSET_MASK	((1U << OFFSET_BITS) - 1)
#define UNIT		8

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* How a step went. */
enum step {
	OK,
	NONE,		/* there is no such entry */
	AGAIN,		/* it was changing: begin the read anew */
	UNMAPPED,	/* what comes next is not mapped here yet */
	FURTHER,	/* there is more to look at than a quick read does */
};

/* A bucket, and the table that it is in. */
struct bucket {
	struct cmap_window_part *part;
	uint64_t table;
	const char *base;	/* where the table is mapped */
	const struct cmap_window_bucket *first;
};

/* A node, and what must not have changed when its contents are believed. */
struct node {
	const struct cmap_window_node *at;
	const uint32_t *slot;
	uint64_t number;	/* block that was mapped there */
	uint32_t ref;
};

/* ---- step 1: the bucket ---- */

static __always_inline size_t offset_of(uint32_t index, unsigned int chunk_bits)
{
	return ((size_t)(index >> chunk_bits) << CMAP_WINDOW_SHIFT) +
	       (size_t)(index & ((1U << chunk_bits) - 1)) *
	       sizeof(struct cmap_window_bucket);
}

/* The shard that a hash belongs to. */
static __always_inline void find_shard(struct cmap_view *view, uint64_t hash,
				       struct bucket *bucket)
{
	/* In two shifts, for there may be no bits at all. */
	bucket->part = &view->part[hash >> 1 >> view->shard_shift];
}

/*
 * Where the bucket is in the table that a place has; nothing of it is read.
 * Whether that was the shard's table is for listed() to say in the end.
 */
static __always_inline enum step find_bucket(const struct cmap_place *place,
					     uint64_t hash,
					     struct bucket *bucket)
{
	uint32_t index = (uint32_t)(hash >> place->shift) & place->mask;

	bucket->table = LOAD_ACQUIRE(&place->table);
	if (unlikely(!is_block(bucket->table)))
		return UNMAPPED;
	/*
	 * From here on it may be another table's place; but not before this
	 * one is gone, see cmap_view_map_table().
	 */
	bucket->base = LOAD_ACQUIRE(&place->base);
	bucket->first = (const void *)bucket->base;
	if (likely(LOAD(&place->linear)))
		bucket->first += index;
	else
		bucket->first = (const void *)(bucket->base +
			offset_of(index, CMAP_WINDOW_TABLE_CHUNK_BITS(bucket->table)));
	return OK;
}

/* The bucket behind one in a chain; NULL at the end. */
static __always_inline const struct cmap_window_bucket *
next_bucket(const struct bucket *bucket, uint32_t head)
{
	uint64_t table = bucket->table;
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	unsigned int chunk_bits = CMAP_WINDOW_TABLE_CHUNK_BITS(table);
	unsigned int pool_bits = CMAP_WINDOW_TABLE_POOL_BITS(table);
	uint32_t place = CMAP_WINDOW_NEXT(head);
	size_t pool;

	if (likely(!place--))
		return NULL;
	/* No pool has more; what says so is not a head. */
	if (place >> (bits > pool_bits ? bits : pool_bits))
		return NULL;
	if (CMAP_WINDOW_TABLE_INSIDE(table))
		pool = sizeof(struct cmap_window_bucket) << bits;
	else
		pool = SPAN << (bits - chunk_bits);

	return (const void *)(bucket->base + pool + offset_of(place, pool_bits));
}

/* Whether the table is still one of the shard's; only then it was no zeroes. */
static __always_inline int listed(const struct bucket *bucket)
{
	const struct cmap_window_shard *shard = bucket->part->shard;

	return likely(LOAD_ACQUIRE(&shard->table) == bucket->table) ||
	       LOAD_ACQUIRE(&shard->next) == bucket->table;
}

static __always_inline int moved(const struct bucket *bucket)
{
	return LOAD_ACQUIRE(&bucket->first->head) & CMAP_WINDOW_MOVED;
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

static __always_inline uint32_t segment_of(const struct node *node)
{
	return node->ref >> OFFSET_BITS;
}

static __always_inline size_t offset_in(const struct node *node)
{
	return (size_t)(node->ref & OFFSET_MASK) * UNIT;
}

/* What a slot refers to; NONE if that is nothing. */
static __always_inline enum step find_node(const uint32_t *slot,
					   struct node *node)
{
	node->slot = slot;
	node->ref = LOAD_ACQUIRE(slot);
	return likely(node->ref) ? OK : NONE;
}

/*
 * Where that is mapped; nothing of it is read.  Whether what is mapped there
 * was the shard's segment is for still() to say in the end.
 */
static __always_inline enum step place_node(const struct bucket *bucket,
					    struct node *node)
{
	struct cmap_segments *segments = LOAD_ACQUIRE(&bucket->part->segments);
	uint32_t index = segment_of(node);

	if (unlikely(index >= segments->count))
		return UNMAPPED;
	node->number = LOAD_ACQUIRE(&segments->number[index]);
	if (unlikely(!is_block(node->number)))
		return UNMAPPED;
	/* A ref counts units from the first segment on. */
	node->at = (const void *)(segments->base + (size_t)node->ref * UNIT);
	return OK;
}

/* Most nodes lie in two lines; both shall be under way at once. */
static __always_inline void prefetch_rest(const struct node *node)
{
	__builtin_prefetch((const char *)node->at + 64);
}

/* The ref is still where it was found, and the bucket the live one. */
static __always_inline int in_place(const struct bucket *bucket,
				    const struct node *node)
{
	return LOAD_ACQUIRE(node->slot) == node->ref && !moved(bucket);
}

/*
 * Load the version.  If then the ref is still there, and the bucket is the live
 * one, this version was the entry's at that moment.
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

/* ---- step 3: looking again ---- */

static __always_inline int still(const struct bucket *bucket,
				 const struct node *node, uint64_t version)
{
	const struct cmap_window_shard *shard = bucket->part->shard;

	LOAD_FENCE();
	return likely(LOAD(&node->at->version) == version) &&
	       likely(LOAD(&shard->segment[segment_of(node)]) ==
		      node->number) && listed(bucket);
}

/* Step 4: the slots that were read were those of the live bucket. */
static __always_inline int was_live(const struct bucket *bucket)
{
	LOAD_FENCE();
	return !moved(bucket) && listed(bucket);
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
 * The value that a node has if it has a key of that length, and if all of this
 * lies within the segment.  (Of what comes before the value there is enough
 * behind the last segment, whatever a ref says; see view.c.)
 */
static __always_inline const char *value_of(const struct node *node,
					    size_t key_len, size_t *len)
{
	size_t offset = value_offset(key_len);

	*len = CMAP_WINDOW_VALUE_LEN(LOAD(&node->at->lengths));
	if (unlikely(offset_in(node) + offset + *len > SPAN))
		return NULL;
	return (const char *)node->at + offset;
}

static __always_inline int has_key(const struct node *node, const void *key,
				   size_t key_len)
{
	if (unlikely(CMAP_WINDOW_KEY_LEN(LOAD(&node->at->lengths)) != key_len))
		return 0;
	if (likely(key_len == 8)) {
		uint64_t word;

		memcpy(&word, key, sizeof(word));
		return LOAD((const uint64_t *)key_of(node)) == word;
	}
	/* An empty key may be NULL. */
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
 * As memcpy(), and as fast, but what is copied may be changing.  The last
 * bytes are copied together with some of those before them.
 */
static __always_inline void copy(char *to, const char *from, size_t len)
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

#endif /* LIBCMAP_STEPS_H */
