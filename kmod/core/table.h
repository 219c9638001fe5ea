/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's table: an array of buckets, one cache line each.
 *
 * A table never changes its size.  To grow or shrink, a shard allocates a new
 * table, moves bucket after bucket into it, and then frees the old table.  A
 * moved bucket stays as it was, for readers that are in it.  It is marked, so
 * that other readers go on to the new table.
 *
 * A bucket that is full is followed by one from the table's pool.  The pool is
 * freed with the table, and a chained bucket stays in its chain until then.  So
 * a reader that follows a chain never meets a bucket that was reused.
 */
#ifndef CMAP_TABLE_H
#define CMAP_TABLE_H

#include "arena.h"
#include "place.h"

#include <uapi/linux/cmap.h>

#include <linux/workqueue.h>

#define CMAP_BUCKET_SLOTS	10
#define CMAP_TABLE_BITS_MIN	5	/* with its pool, one page of 4 KiB */
#define CMAP_TABLE_BITS_MAX	26
#define CMAP_TABLE_STRIPES	16	/* most stripes of a shard */
#define CMAP_CHAIN_MAX		16	/* buckets behind the first */
/* Entries of a chain, so that two such chains make one that is not too long. */
#define CMAP_CHAIN_HALF		((1 + CMAP_CHAIN_MAX) / 2 * CMAP_BUCKET_SLOTS)

/*
 * @head: bit 0: moved; bit 1: a bucket of the pool that is in use; above: 1 + index
 * of the next bucket in the pool.  Bits 29 to 31 are reserved for flags: a reader
 * must not take them for a part of the index.
 */
#define CMAP_BUCKET_MOVED	1U
#define CMAP_BUCKET_LINKED	2U
#define CMAP_BUCKET_NEXT_SHIFT	2
#define CMAP_BUCKET_NEXT_BITS	27

/* A pool has as many buckets as its table, or as a page has room for. */
static_assert(CMAP_TABLE_BITS_MAX < CMAP_BUCKET_NEXT_BITS);

struct cmap_bucket {
	union {
		struct {
			u32 head;
			u16 tag[CMAP_BUCKET_SLOTS];
		};
		u64 word[3];		/* to compare four tags at once */
	};
	cmap_ref ref[CMAP_BUCKET_SLOTS];
} __aligned(64);

static_assert(sizeof(struct cmap_bucket) == 64);

/**
 * struct cmap_table - an array of buckets, and a pool of more
 * @next: the table that this one is being, or was, moved into
 * @free: frees the table after a grace period
 * @memory: the memory that the pages belong to
 * @blocks: the pages
 * @places: the shard's places, if the table has one of them; only if processes
 *	can map the shard
 * @place: frees the table after it is unmapped
 * @number: its number in the window; 0 if processes cannot map it
 * @bits: log2 of the number of buckets
 * @bank: which of the places for tables of its size the table has
 * @hidden: processes may see zeroes in its place, and must not look there yet
 * @unclean: processes may see zeroes where its pool grew
 * @shift: how far to shift an high right to get the bucket's index
 * @mask: mask of that index; the bits above chose the shard
 * @chunk_bits: log2 of the buckets in a chunk
 * @chunk_mask: mask of the index within a chunk
 * @pool_bits: log2 of the buckets in a chunk of the pool
 * @chunks: chunks of the array
 * @pool_chunks: chunks that the pool has now
 * @pool_chunks_max: chunks that the pool can have
 * @pool_used: buckets taken from the pool
 * @longest: buckets in the longest chain that there ever was
 * @overlong: sum over all chains of the entries above CMAP_CHAIN_HALF
 * @moved: how many buckets of each stripe have been moved into @next
 * @chunk: the chunks of the array, then those of the pool
 *
 * @next, buckets and pool chunks are read under RCU.  Buckets of the array, and those
 * chained to them, are changed under their stripe's lock, which also guards @moved.
 * The shard's lock guards @next, @pool_*, @hidden and @unclean.
 * @longest, and in page faults @pool_chunks, are read without it.  The rest is
 * constant.
 */
struct cmap_table {
	struct cmap_table __rcu *next;
	struct rcu_work free;
	struct cmap_memory *memory;
	struct cmap_block *blocks;
	struct cmap_places *places;
	struct cmap_place place;
	u64 number;
	u8 bits;
	u8 shift;
	u8 chunk_bits;
	u8 pool_bits;
	u8 bank;
	bool hidden;
	bool unclean;
	u32 mask;
	u32 chunk_mask;
	u32 chunks;
	u32 pool_chunks;
	u32 pool_chunks_max;
	u32 pool_used;
	u32 longest;
	atomic_t overlong;
	u32 moved[CMAP_TABLE_STRIPES];
	struct cmap_bucket *chunk[];
};

/* The slot of an entry. */
struct cmap_slot {
	struct cmap_bucket *bucket;
	unsigned int i;
};

static inline u32 cmap_table_buckets(const struct cmap_table *table)
{
	return 1U << table->bits;
}

static inline u32 cmap_pool_capacity(const struct cmap_table *table)
{
	return table->pool_chunks << table->pool_bits;
}

/*
 * True if the pool has no bucket left.  The table may have free slots then,
 * because chains keep buckets that they once needed.
 */
static inline bool cmap_pool_exhausted(const struct cmap_table *table)
{
	return table->pool_chunks == table->pool_chunks_max &&
	       table->pool_used == cmap_pool_capacity(table);
}

/* Set which bits of the high half choose the bucket. */
static inline void cmap_table_set_bits(struct cmap_table *table, u8 bits,
				       u8 shard_bits)
{
	table->bits = bits;
	table->shift = 32 - bits - shard_bits;
	table->mask = cmap_table_buckets(table) - 1;
}

static inline u32 cmap_table_index(const struct cmap_table *table, u32 high)
{
	return high >> table->shift & table->mask;
}

/* The first high after those of the bucket of @high. */
static inline u64 cmap_table_bucket_end(const struct cmap_table *table,
					u32 high)
{
	return (((u64)high >> table->shift) + 1) << table->shift;
}

static inline struct cmap_bucket *
cmap_table_bucket(const struct cmap_table *table, u32 index)
{
	return &table->chunk[index >> table->chunk_bits]
			    [index & table->chunk_mask];
}

/* The smallest table's pool is the rest of its only page. */
static inline bool cmap_table_inside(const struct cmap_table *table)
{
	return table->bits == CMAP_TABLE_BITS_MIN;
}

/* The shape of a table with so many buckets, as the window's word has it. */
static inline u64 cmap_table_shape(u8 bits)
{
	return bits | (u64)(bits == CMAP_TABLE_BITS_MIN) << 7;
}

/* Bytes of each shard's part of a region. */
static inline u64 cmap_place_table_bytes(u8 bits)
{
	return CMAP_WINDOW_TABLE_BYTES(cmap_table_shape(bits), PAGE_SIZE);
}

/* The offset of a table's place in the window. */
static inline u64 cmap_place_table(u32 shard, u8 bits, u8 bank)
{
	return CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(bits, bank)) +
	       shard * cmap_place_table_bytes(bits);
}

/* A table's word in the window; 0 for NULL. */
static inline u64 cmap_table_word(const struct cmap_table *table)
{
	if (!table)
		return 0;
	return table->number << 16 |
	       (table->hidden ? CMAP_WINDOW_TABLE_NOT_YET : 0) |
	       table->bank << 5 | cmap_table_shape(table->bits);
}

/**
 * cmap_bucket_next() - get the next bucket of a chain
 * @table: the table of the chain
 * @head: the bucket's head, loaded with acquire semantics
 *
 * The acquire pairs with the release in cmap_table_place().
 *
 * Context: RCU read section or the shard's lock.
 * Return: the next bucket, or NULL.
 */
static inline struct cmap_bucket *
cmap_bucket_next(const struct cmap_table *table, u32 head)
{
	u32 index = head >> CMAP_BUCKET_NEXT_SHIFT &
		    ((1U << CMAP_BUCKET_NEXT_BITS) - 1);

	if (likely(!index--))
		return NULL;

	return &table->chunk[table->chunks + (index >> table->pool_bits)]
			    [index & ((1U << table->pool_bits) - 1)];
}

struct cmap_table *cmap_table_new(struct cmap_memory *memory, int nid,
				  u8 bits, u8 shard_bits, gfp_t gfp, int *err);
void cmap_table_free(struct cmap_table *table);
void cmap_table_free_rcu(struct cmap_table *table);
u64 cmap_table_array_bytes(u8 bits);
u64 cmap_table_bytes(const struct cmap_table *table);

bool cmap_table_free_slot(struct cmap_table *table, u32 high,
			  struct cmap_slot *slot);
int cmap_table_place(struct cmap_table *table, u32 high, u32 chain_max,
		     struct cmap_slot *slot);
u32 cmap_chain_entries(const struct cmap_table *table,
		       const struct cmap_bucket *bucket);
u32 cmap_table_chain_entries(const struct cmap_table *table, u32 high);
void cmap_slot_replace(const struct cmap_slot *slot, cmap_ref ref);
void cmap_table_fill(struct cmap_table *table, const struct cmap_slot *slot,
		     const struct cmap_node *node, u16 tag, cmap_ref ref);
bool cmap_table_find_ref(const struct cmap_table *table, u32 high,
			 cmap_ref ref, struct cmap_slot *slot);
void cmap_table_delete(struct cmap_table *table, const struct cmap_slot *slot,
		       const struct cmap_node *node);

u64 cmap_pool_bytes(const struct cmap_table *table);

u8 cmap_places_bank(const struct cmap_places *places, u8 bits);
void cmap_table_settle(struct cmap_table *table, struct cmap_places *places,
		       u32 shard);
bool cmap_table_clean(const struct cmap_table *table);
bool cmap_places_known(const struct cmap_places *places, unsigned int i);
bool cmap_places_mark(struct cmap_places *places, unsigned int i);
bool cmap_table_find_page(const struct cmap_table *table, u64 offset,
			  struct cmap_extent *extent);

struct cmap_block *cmap_pool_prepare(struct cmap_memory *memory, int nid,
				     u8 pool_bits, gfp_t gfp, int *err);
void cmap_pool_attach(struct cmap_table *table, u8 pool_bits,
		      struct cmap_block **block);

#endif /* CMAP_TABLE_H */
