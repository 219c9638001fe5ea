// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The read protocol: see "The window" in <linux/cmap.h>, whose steps are
 * numbered here.  docs/window.md says why it is right.
 *
 * What is read may be changing, or something else altogether by now; nothing
 * is believed before still() has looked again.
 *
 * All that one read goes through is inlined in it, which saves a third of it.
 */
#include "window.h"
#include "hash.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SPAN		((size_t)1 << CMAP_WINDOW_SHIFT)
#define OFFSET_BITS	17
#define OFFSET_MASK	((1U << OFFSET_BITS) - 1)
#define UNIT		16
#define CHUNK_BITS_FULL	15	/* so many buckets fill a block number's share */

/* After so many tries in vain the kernel is asked, which always answers. */
#define TRIES		64

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* How a step went. */
enum step {
	OK,
	NONE,
	AGAIN,		/* begin the read anew */
	GIVE_UP,	/* the kernel can do it */
};

/* A bucket in the table that it is in now. */
struct bucket {
	struct cmap_window_part *part;
	uint64_t table;
	const char *base;
	const struct cmap_window_bucket *first;
	uint32_t head;
};

/* A node, and what must not have changed when its contents are believed. */
struct node {
	const struct cmap_window_node *at;
	const __u64 *segment;
	uint64_t number;
	uint64_t version;
	size_t room;		/* from @at to the end of what is mapped */
};

/* ---- step 1: the bucket ---- */

static __always_inline size_t offset_of(uint32_t index, unsigned int chunk_bits)
{
	return ((size_t)(index >> chunk_bits) << CMAP_WINDOW_SHIFT) +
	       (size_t)(index & ((1U << chunk_bits) - 1)) *
	       sizeof(struct cmap_window_bucket);
}

static __always_inline const struct cmap_window_bucket *
bucket_at(const char *base, uint64_t table, unsigned int shard_bits,
	  uint64_t hash)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	unsigned int chunk_bits = CMAP_WINDOW_TABLE_CHUNK_BITS(table);
	size_t index = hash << shard_bits >> (64 - bits);

	/* Mostly all chunks are full, or there is but one. */
	if (likely(chunk_bits == CHUNK_BITS_FULL || chunk_bits == bits))
		return (const struct cmap_window_bucket *)base + index;
	return (const void *)(base + offset_of((uint32_t)index, chunk_bits));
}

/* Where a table is mapped; maps it if it is not. */
static __always_inline enum step table_base(struct cmap_view *view,
			    struct cmap_window_part *part, uint64_t table,
			    const char **base)
{
	struct cmap_place *place = &part->place[CMAP_WINDOW_TABLE_BITS(table)];

	if (unlikely(LOAD_ACQUIRE(&place->table) != table)) {
		if (cmap_view_map_table(view, part, table))
			return GIVE_UP;
		/* It may be gone by now; still() will tell. */
	}
	*base = LOAD_ACQUIRE(&place->base);
	return OK;
}

/* Where the bucket is in one of the shard's tables; nothing of it is read. */
static __always_inline enum step bucket_in(struct cmap_view *view, uint64_t hash,
				  uint64_t table, struct bucket *bucket)
{
	enum step step = table_base(view, bucket->part, table, &bucket->base);

	bucket->table = table;
	if (likely(step == OK))
		bucket->first = bucket_at(bucket->base, table,
					  view->shard_bits, hash);
	return step;
}

/* The bucket in the shard's table. */
static __always_inline enum step first_bucket(struct cmap_view *view, uint64_t hash,
				     struct bucket *bucket)
{
	uint64_t table;

	/* In two shifts, for there may be no bits at all. */
	bucket->part = &view->part[hash >> 1 >> (63 - view->shard_bits)];
	table = LOAD_ACQUIRE(&bucket->part->shard->table);
	if (unlikely(!table))
		return NONE;
	return bucket_in(view, hash, table, bucket);
}

/* On to the bucket that it has been moved to, if it has. */
static __always_inline enum step live_bucket(struct cmap_view *view, uint64_t hash,
				    struct bucket *bucket)
{
	const struct cmap_window_shard *shard = bucket->part->shard;
	uint64_t next;
	enum step step;

	for (;;) {
		bucket->head = LOAD_ACQUIRE(&bucket->first->head);
		if (likely(!(bucket->head & CMAP_WINDOW_MOVED)))
			return OK;

		/* As next is read before table, it is the next of that. */
		next = LOAD_ACQUIRE(&shard->next);
		if (!next || next == bucket->table ||
		    LOAD_ACQUIRE(&shard->table) != bucket->table)
			return AGAIN;
		step = bucket_in(view, hash, next, bucket);
		if (step != OK)
			return step;
	}
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

static __always_inline enum step segment_base(struct cmap_view *view,
			      struct cmap_window_part *part, uint32_t index,
			      uint64_t number, const char **base)
{
	struct cmap_segments *segments =
		LOAD_ACQUIRE(&part->segments);

	if (unlikely(!segments || index >= segments->count ||
		     LOAD_ACQUIRE(&segments->number[index]) != number)) {
		if (cmap_view_map_segment(view, part, index, number))
			return GIVE_UP;
		segments = LOAD_ACQUIRE(&part->segments);
	}
	*base = segments->base + index * SPAN;
	return OK;
}

/* The node in a slot; NONE if there is none. */
static __always_inline enum step find_node(struct cmap_view *view, const struct bucket *bucket,
			   const uint32_t *slot, struct node *node)
{
	struct cmap_window_part *part = bucket->part;
	uint32_t ref = LOAD_ACQUIRE(slot);
	uint32_t index = ref >> OFFSET_BITS;
	size_t offset = (size_t)(ref & OFFSET_MASK) * UNIT;
	const char *base;
	enum step step;

	if (!ref)
		return NONE;
	node->segment = &part->shard->segment[index];
	node->number = LOAD_ACQUIRE(node->segment);
	if (unlikely(!node->number))
		return AGAIN;
	step = segment_base(view, part, index, node->number, &base);
	if (unlikely(step != OK))
		return step;

	node->at = (const void *)(base + offset);
	node->room = SPAN - offset;
	if (unlikely(node->room < sizeof(*node->at)))
		return AGAIN;
	/* Most nodes lie in two lines; both shall be under way at once. */
	__builtin_prefetch((const char *)node->at + 64);
	node->version = LOAD_ACQUIRE(&node->at->version);

	/*
	 * If the ref is still there, and the bucket is the live one, then this
	 * version was the entry's at this moment.
	 */
	if (unlikely(LOAD_ACQUIRE(slot) != ref || moved(bucket)))
		return AGAIN;
	return likely(node->version) ? OK : AGAIN;
}

/* ---- step 3: looking again ---- */

static __always_inline int still(const struct bucket *bucket, const struct node *node)
{
	LOAD_FENCE();
	return likely(LOAD(&node->at->version) == node->version) &&
	       likely(LOAD(node->segment) == node->number) && listed(bucket);
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

/* The value, if it lies within what is mapped. */
static __always_inline const char *value_of(const struct node *node, size_t key_len,
			    size_t *len)
{
	size_t offset = value_offset(key_len);

	*len = LOAD(&node->at->value_len);
	if (unlikely(offset > node->room || *len > node->room - offset))
		return NULL;
	return (const char *)node->at + offset;
}

static __always_inline int has_key(const struct node *node, const struct cmap_want *want)
{
	const char *key = key_of(node);

	if (LOAD(&node->at->key_len) != want->key_len)
		return 0;
	if (likely(want->key_len == 8)) {
		uint64_t word;

		memcpy(&word, want->key, sizeof(word));
		return LOAD((const uint64_t *)key) == word;
	}
	if (want->key_len > node->room - sizeof(*node->at))
		return 0;
	return !memcmp(key, want->key, want->key_len);
}

/*
 * Nodes begin and end at multiples of 16 and values begin at multiples of 8:
 * the last word may hold more than the value, but nothing that is not ours to
 * read.
 */
static __always_inline void copy(void *to, const char *from, size_t len)
{
	char *out = to;
	uint64_t x;

#ifdef __SSE2__
	for (; len >= 16; len -= 16, from += 16, out += 16)
		_mm_storeu_si128((__m128i *)out,
				 _mm_loadu_si128((const __m128i *)from));
#endif
	for (; len >= 8; len -= 8, from += 8, out += 8) {
		x = LOAD((const uint64_t *)from);
		memcpy(out, &x, 8);
	}
	if (len) {
		x = LOAD((const uint64_t *)from);
		memcpy(out, &x, len);
	}
}

/* ---- one key ---- */

/* Bit i of the result: slot i may have the tag. */
#ifdef __SSE2__
static __always_inline unsigned int slots_with(const struct cmap_window_bucket *at,
				      uint16_t tag)
{
	__m128i eight = _mm_loadu_si128((const __m128i *)at->tag);
	__m128i two = _mm_loadu_si32(&at->tag[8]);
	__m128i tags = _mm_set1_epi16((short)tag);
	__m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(eight, tags),
					_mm_cmpeq_epi16(two, tags));

	return _mm_movemask_epi8(equal) & ((1U << CMAP_WINDOW_SLOTS) - 1);
}
#else
static __always_inline unsigned int slots_with(const struct cmap_window_bucket *at,
				      uint16_t tag)
{
	unsigned int slots = 0, i;

	for (i = 0; i < CMAP_WINDOW_SLOTS; i++)
		slots |= (unsigned int)(LOAD(&at->tag[i]) == tag) << i;
	return slots;
}
#endif

/* Hand the value of a node over, and see whether it was one. */
static __always_inline enum step take(const struct bucket *bucket,
			     const struct node *node,
			     const struct cmap_want *want,
			     struct cmap_got *got)
{
	const char *value = value_of(node, want->key_len, &got->len);

	if (unlikely(!value))
		return AGAIN;
	if (want->visit)
		want->visit(value, got->len, want->arg);
	else if (likely(got->len <= want->size))
		copy(want->buf, value, got->len);
	got->version = node->version;
	return still(bucket, node) ? OK : AGAIN;
}

/* A slot with the right tag: OK if it was the key's, NONE if another's. */
static __always_inline enum step try_slot(struct cmap_view *view,
				 const struct bucket *bucket,
				 const uint32_t *slot,
				 const struct cmap_want *want,
				 struct cmap_got *got)
{
	struct node node;
	enum step step = find_node(view, bucket, slot, &node);

	if (unlikely(step != OK))
		return step;
	if (likely(has_key(&node, want)))
		return take(bucket, &node, want, got);
	return still(bucket, &node) ? NONE : AGAIN;
}

static __always_inline enum step try_slots(struct cmap_view *view,
				  const struct bucket *bucket,
				  const struct cmap_window_bucket *at,
				  uint16_t tag, const struct cmap_want *want,
				  struct cmap_got *got)
{
	unsigned int slots = slots_with(at, tag);
	enum step step;

	for (; slots; slots &= slots - 1) {
		step = try_slot(view, bucket, &at->ref[__builtin_ctz(slots)],
				want, got);
		if (likely(step != NONE))
			return step;
	}

	return NONE;
}

/* Read the bucket that first_bucket() found, and those chained to it. */
static __always_inline enum step try_bucket(struct cmap_view *view, uint64_t hash,
				   struct bucket *bucket,
				   const struct cmap_want *want,
				   struct cmap_got *got)
{
	const struct cmap_window_bucket *at;
	unsigned int length = 0;
	uint32_t head;
	enum step step;

	step = live_bucket(view, hash, bucket);
	if (unlikely(step != OK))
		return step;

	at = bucket->first;
	head = bucket->head;
	for (;;) {
		step = try_slots(view, bucket, at, (uint16_t)hash, want, got);
		if (step != NONE)
			return step;
		at = next_bucket(bucket, head);
		if (likely(!at) || unlikely(++length > CMAP_GATHER_MAX))
			break;
		head = LOAD_ACQUIRE(&at->head);
		if (unlikely(!(head & CMAP_WINDOW_LINKED)))
			return AGAIN;
	}

	/* Step 4: the slots that were read were those of the live bucket. */
	LOAD_FENCE();
	return moved(bucket) || !listed(bucket) ? AGAIN : NONE;
}

static __always_inline enum cmap_outcome outcome_of(enum step step,
				    const struct cmap_want *want,
				    const struct cmap_got *got)
{
	if (step == NONE)
		return CMAP_ABSENT;
	return want->visit || likely(got->len <= want->size) ?
	       CMAP_FOUND : CMAP_TOO_SMALL;
}

/* The first try came to nothing. */
static __attribute_noinline__ enum cmap_outcome
try_again(struct cmap_view *view, uint64_t hash, const struct cmap_want *want,
	  struct cmap_got *got, enum step step)
{
	unsigned int tries;
	struct bucket bucket;

	for (tries = 1; step == AGAIN && tries < TRIES; tries++) {
		COUNT(&view->retries);
		step = first_bucket(view, hash, &bucket);
		if (step == OK)
			step = try_bucket(view, hash, &bucket, want, got);
	}
	if (step == OK || step == NONE)
		return outcome_of(step, want, got);

	COUNT(&view->calls);
	return CMAP_CALL;
}

/* The key's length is the map's to judge: let the kernel refuse it. */
static inline int key_fits(const struct cmap_view *view, size_t key_len)
{
	return likely(key_len - 1 < view->key_max) &&
	       (likely(!view->fixed_key) || key_len == view->key_max);
}

static __always_inline enum cmap_outcome read_key(struct cmap_view *view,
					 const struct cmap_want *want,
					 struct cmap_got *got)
{
	struct bucket bucket;
	enum step step;
	uint64_t hash;

	if (unlikely(!key_fits(view, want->key_len)))
		return CMAP_CALL;
	hash = cmap_hash(view->secret, want->key, want->key_len);
	step = first_bucket(view, hash, &bucket);
	if (likely(step == OK))
		step = try_bucket(view, hash, &bucket, want, got);
	if (unlikely(step != OK && step != NONE)) {
		/* Of its own, so that @want can live in registers. */
		const struct cmap_want again = *want;

		return try_again(view, hash, &again, got, step);
	}
	return outcome_of(step, want, got);
}

enum cmap_outcome cmap_window_get(struct cmap_view *view, const void *key,
				  size_t key_len, void *buf, size_t size,
				  struct cmap_got *got)
{
	const struct cmap_want want = {
		.key = key, .key_len = key_len, .buf = buf, .size = size,
	};

	return read_key(view, &want, got);
}

enum cmap_outcome cmap_window_visit(struct cmap_view *view,
				    const struct cmap_want *want,
				    struct cmap_got *got)
{
	return read_key(view, want, got);
}

/* ---- many keys ---- */

/* A node's place, if its segment has one, and be it another's by now. */
static inline void prefetch_nodes(const struct bucket *bucket, uint16_t tag)
{
	struct cmap_segments *segments =
		LOAD_ACQUIRE(&bucket->part->segments);
	unsigned int slots = slots_with(bucket->first, tag);

	for (; segments && slots; slots &= slots - 1) {
		uint32_t ref = LOAD(&bucket->first->ref[__builtin_ctz(slots)]);
		const char *node = segments->base + (size_t)ref * UNIT;

		if (unlikely(ref >> OFFSET_BITS >= segments->count))
			continue;
		__builtin_prefetch(node);
		__builtin_prefetch(node + 64);
	}
}

/* A key on its way. */
struct flight {
	struct bucket bucket;
	uint64_t hash;
	enum step step;
};

static __always_inline void take_off(struct cmap_view *view,
				   const struct cmap_lookup *lookup,
				   struct flight *flight)
{
	flight->step = GIVE_UP;
	if (unlikely(!key_fits(view, lookup->key_len)))
		return;
	flight->hash = cmap_hash(view->secret, lookup->key, lookup->key_len);
	flight->step = first_bucket(view, flight->hash, &flight->bucket);
	if (likely(flight->step == OK))
		__builtin_prefetch(flight->bucket.first);
}

static __always_inline enum cmap_outcome land(struct cmap_view *view,
					    struct cmap_lookup *lookup,
					    struct flight *flight)
{
	const struct cmap_want want = {
		.key = lookup->key, .key_len = lookup->key_len,
		.buf = lookup->buf, .size = lookup->size,
	};
	enum cmap_outcome outcome = CMAP_CALL;
	enum step step = flight->step;
	struct cmap_got got = {};

	if (likely(step == OK))
		step = try_bucket(view, flight->hash, &flight->bucket, &want,
				  &got);
	if (likely(step == OK || step == NONE)) {
		outcome = outcome_of(step, &want, &got);
	} else if (step == AGAIN) {
		const struct cmap_want again = want;

		outcome = try_again(view, flight->hash, &again, &got, AGAIN);
	}
	lookup->len = got.len;
	lookup->version = got.version;

	return outcome;
}

/*
 * In three rounds, each over all keys of a group, so that many misses are
 * under way at once: find the buckets, find the nodes, read.  Short rounds,
 * one after the other, are faster than one long one that does all three for
 * keys some places apart: of short ones the processor itself has several under
 * way.
 */
#define GROUP	64

static void get_group(struct cmap_view *view, struct cmap_lookup *lookups,
		      size_t n)
{
	static const int errors[] = {
		[CMAP_FOUND] = 0, [CMAP_ABSENT] = ENOENT,
		[CMAP_TOO_SMALL] = EMSGSIZE, [CMAP_CALL] = CMAP_ASK,
	};
	struct flight flights[GROUP];
	size_t i;

	for (i = 0; i < n; i++)
		take_off(view, &lookups[i], &flights[i]);
	for (i = 0; i < n; i++)
		if (likely(flights[i].step == OK))
			prefetch_nodes(&flights[i].bucket,
				       (uint16_t)flights[i].hash);
	for (i = 0; i < n; i++)
		lookups[i].error = errors[land(view, &lookups[i],
					       &flights[i])];
}

void cmap_window_get_many(struct cmap_view *view, struct cmap_lookup *lookups,
			  size_t n)
{
	for (; n > GROUP; n -= GROUP, lookups += GROUP)
		get_group(view, lookups, GROUP);
	get_group(view, lookups, n);
}

/* ---- a whole bucket, for ranges ---- */

static uint64_t position_of(const struct node *node)
{
	return (uint64_t)LOAD(&node->at->order) << 16 | LOAD(&node->at->tag);
}

static enum step gather_node(const struct bucket *bucket,
			     const struct node *node, uint64_t from,
			     struct cmap_bucket_read *read)
{
	struct cmap_gathered *entry = &read->entry[read->count];
	size_t key_len = LOAD(&node->at->key_len);
	size_t value_len, key_room;
	const char *value = value_of(node, key_len, &value_len);

	entry->position = position_of(node);
	if (!value || !still(bucket, node))
		return AGAIN;
	if (entry->position < from)
		return OK;

	key_room = (key_len + 7) & ~(size_t)7;
	if (read->keys_only)
		value_len = 0;
	entry->at = read->used;
	entry->version = node->version;
	entry->key_len = (uint32_t)key_len;
	entry->value_len = LOAD(&node->at->value_len);
	read->used += key_room + ((value_len + 7) & ~(size_t)7);
	if (read->used <= read->size) {
		copy(read->buf + entry->at, key_of(node), key_len);
		copy(read->buf + entry->at + key_room, value, value_len);
	}
	read->count++;

	return still(bucket, node) ? OK : AGAIN;
}

static enum step gather(struct cmap_view *view, uint64_t position,
			struct cmap_bucket_read *read)
{
	const struct cmap_window_bucket *at;
	struct bucket bucket;
	unsigned int below, length = 0, i;
	struct node node;
	uint32_t head;
	enum step step;

	read->count = 0;
	read->used = 0;
	/* An order is the upper half of a hash. */
	step = first_bucket(view, position << 16, &bucket);
	if (step == OK)
		step = live_bucket(view, position << 16, &bucket);
	if (step != OK && step != NONE)
		return step;

	below = 32 - view->shard_bits;
	if (step == OK)
		below -= CMAP_WINDOW_TABLE_BITS(bucket.table);
	read->end = (((position >> 16 >> below) + 1) << below) << 16;
	if (step == NONE)
		return OK;

	at = bucket.first;
	head = bucket.head;
	for (;;) {
		for (i = 0; i < CMAP_WINDOW_SLOTS; i++) {
			step = find_node(view, &bucket, &at->ref[i], &node);
			if (step == NONE)
				continue;
			if (step != OK)
				return step;
			if (read->count == CMAP_GATHER_MAX)
				return GIVE_UP;
			step = gather_node(&bucket, &node, position, read);
			if (step != OK)
				return step;
		}
		at = next_bucket(&bucket, head);
		if (!at || ++length > CMAP_GATHER_MAX)
			break;
		head = LOAD_ACQUIRE(&at->head);
		if (unlikely(!(head & CMAP_WINDOW_LINKED)))
			return AGAIN;
	}

	LOAD_FENCE();
	return moved(&bucket) || !listed(&bucket) ? AGAIN : OK;
}

static int by_position(const void *a, const void *b)
{
	const struct cmap_gathered *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/*
 * Entries of the bucket that @position is in, from there on, in order.  Two at
 * one position are ordered by a secret of the kernel's, or one entry that was
 * deleted and set again meanwhile; the kernel can tell.
 */
enum cmap_outcome cmap_window_bucket(struct cmap_view *view, uint64_t position,
				     struct cmap_bucket_read *read)
{
	unsigned int tries, i;
	enum step step = AGAIN;

	for (tries = 0; tries < TRIES && step == AGAIN; tries++) {
		step = gather(view, position, read);
		if (step == AGAIN)
			COUNT(&view->retries);
	}
	if (step != OK)
		return CMAP_CALL;

	qsort(read->entry, read->count, sizeof(*read->entry), by_position);
	for (i = 1; i < read->count; i++)
		if (read->entry[i].position == read->entry[i - 1].position)
			return CMAP_CALL;
	return read->used > read->size ? CMAP_TOO_SMALL : CMAP_FOUND;
}
