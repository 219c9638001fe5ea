// SPDX-License-Identifier: GPL-2.0
#include "table.h"
#include "hash.h"
#include "queue.h"

#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define CHUNK_BITS_MAX		15	/* 2 MiB */
#define POOL_CHUNKS_BITS	11	/* log2 of the most chunks of a pool */
#define PAGE_BITS		(PAGE_SHIFT - 6)	/* log2 of buckets in a page */
#define POOL_BITS_MIN		max(PAGE_BITS, CMAP_TABLE_BITS_MIN + 1)

/* ---- memory ---- */

/* Pages of a chunk with 2^bits buckets. */
static u32 chunk_pages(u8 bits)
{
	return DIV_ROUND_UP(sizeof(struct cmap_bucket) << bits, PAGE_SIZE);
}

static void pool_init(struct cmap_table *table)
{
	if (cmap_table_inside(table)) {
		table->pool_bits = CMAP_TABLE_BITS_MIN;
		table->pool_chunks = 1;
		table->chunk[1] = table->chunk[0] + cmap_table_buckets(table);
	}
}

static void add_block(struct cmap_table *table, struct cmap_block *block)
{
	block->next = table->blocks;
	table->blocks = block;
}

/*
 * Pool buckets come in blocks of an high that the page allocator provides
 * whenever there is memory at all.  A table cannot be moved without them, and
 * there is no fallback to smaller blocks.  The blocks of the largest tables are
 * larger, so that the list of them takes no more than a few pages.
 */
static u8 pool_bits_of(u8 bits, u8 chunk_bits)
{
	int easy = PAGE_BITS + PAGE_ALLOC_COSTLY_ORDER;
	int most = min_t(int, chunk_bits, max(easy, bits - POOL_CHUNKS_BITS));

	return clamp(bits - 3, POOL_BITS_MIN,
		     clamp(most, POOL_BITS_MIN, CHUNK_BITS_MAX));
}

/**
 * cmap_table_array_bytes() - memory of a table without a pool
 * @bits: log2 of the number of buckets
 *
 * Context: Any.
 * Return: bytes of the array of buckets, whatever the size of its chunks.
 */
u64 cmap_table_array_bytes(u8 bits)
{
	return max_t(u64, (u64)sizeof(struct cmap_bucket) << bits, PAGE_SIZE);
}

/*
 * Allocate the chunks of the array, all of which are charged already.  @left:
 * bytes of those still to come.  After a fatal signal this gives up.
 */
static int table_fill_chunks(struct cmap_table *table, u32 chunks, int nid,
			     gfp_t gfp, u64 *left)
{
	u32 pages = chunk_pages(table->chunk_bits);

	while (table->chunks < chunks) {
		struct cmap_block *block;

		if (gfpflags_allow_blocking(gfp) &&
		    fatal_signal_pending(current))
			return -ENOMEM;
		block = cmap_block_alloc_charged(table->memory, nid, pages,
						 true, gfp);
		if (!block)
			return -ENOMEM;
		*left -= cmap_block_bytes(block);
		add_block(table, block);
		table->chunk[table->chunks++] = block->base;
	}

	return 0;
}

/* Returns NULL if memory is short.  Then nothing is charged any more. */
static struct cmap_table *table_try(struct cmap_memory *memory, int nid,
				    u64 number, u8 bits, u8 shard_bits,
				    u8 chunk_bits, gfp_t gfp)
{
	u8 pool_bits = pool_bits_of(bits, chunk_bits);
	u32 chunks = 1U << (bits - chunk_bits);
	u32 pool_chunks_max = max(1U, 1U << bits >> pool_bits);
	u64 left = cmap_table_array_bytes(bits);
	struct cmap_table *table;

	table = kzalloc_node(struct_size(table, chunk,
					 chunks + pool_chunks_max),
			     cmap_gfp(gfp), nid);
	if (!table)
		goto uncharge;

	table->memory = memory;
	table->number = number;
	cmap_table_set_bits(table, bits, shard_bits);
	table->chunk_bits = chunk_bits;
	table->chunk_mask = (1U << chunk_bits) - 1;
	table->pool_bits = pool_bits;
	table->pool_chunks_max = pool_chunks_max;
	table->longest = 1;

	if (table_fill_chunks(table, chunks, nid, gfp, &left))
		goto free;
	pool_init(table);

	return table;

free:
	cmap_table_free(table);
uncharge:
	cmap_uncharge(&memory->account, left);
	return NULL;
}

/**
 * cmap_table_new() - make an empty table
 * @memory: where the pages come from
 * @nid: NUMA node to prefer
 * @bits: log2 of the number of buckets,
 *	CMAP_TABLE_BITS_MIN..CMAP_TABLE_BITS_MAX
 * @shard_bits: hash bits that chose the shard
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * The whole array is charged before any of it is allocated.  Otherwise a table
 * too large for the account would take, piece by piece, what is left there from
 * those who need less.
 *
 * Context: Any that @gfp allows.
 * Return: the table, or NULL.
 */
struct cmap_table *cmap_table_new(struct cmap_memory *memory, int nid,
				  u8 bits, u8 shard_bits, gfp_t gfp, int *err)
{
	u8 chunk_bits = min_t(u8, bits, CHUNK_BITS_MAX);
	struct cmap_table *table;
	u64 number;

	*err = cmap_memory_number(memory, &number);
	if (*err)
		return NULL;

	/* If memory is fragmented, use smaller chunks. */
	for (;;) {
		*err = cmap_charge(&memory->account,
				   cmap_table_array_bytes(bits));
		if (*err)
			return NULL;
		table = table_try(memory, nid, number, bits, shard_bits,
				  chunk_bits, gfp);
		if (table)
			return table;
		*err = -ENOMEM;
		if (chunk_pages(chunk_bits) == 1)
			return NULL;
		chunk_bits = max_t(int, chunk_bits - 3, PAGE_BITS);
	}
}

/**
 * cmap_table_free() - free a table that nobody uses
 * @table: the table, or NULL
 *
 * Context: Any.
 */
void cmap_table_free(struct cmap_table *table)
{
	struct cmap_block *block;

	if (!table)
		return;

	while ((block = table->blocks)) {
		table->blocks = block->next;
		cmap_block_free(block);
	}
	kfree(table);
}

/* No process maps the table any more.  Free it and its place. */
static void table_left(struct cmap_place *place)
{
	struct cmap_table *table = container_of(place, struct cmap_table,
						place);
	struct cmap_places *places = table->places;
	unsigned int i = cmap_place_of(table->bits, table->bank);
	struct cmap_account *account = &table->memory->account;
	u64 bytes = cmap_table_bytes(table);

	cmap_table_free(table);
	cmap_account_returning(account, -(s64)bytes);
	/* Pairs with the acquire in cmap_places_bank(). */
	if (places)
		clear_bit_unlock(i, places->taken);
}

static void table_free_work(struct work_struct *work)
{
	struct cmap_table *table = container_of(to_rcu_work(work),
						struct cmap_table, free);

	/*
	 * Page faults that mark the place from here on do not concern this
	 * table.
	 */
	if (table->places)
		clear_bit(cmap_place_of(table->bits, table->bank),
			  table->places->zeroes);
	table->place.left = table_left;
	cmap_memory_leave(table->memory, &table->place);
}

/**
 * cmap_table_free_rcu() - free a table once its readers are done
 * @table: the table, which cannot be found any more; until it is free its memory
 *	counts it as leaving
 *
 * It may have thousands of blocks: too many for an RCU callback, which runs in
 * softirq, so a work frees them.
 *
 * Context: Any.
 */
void cmap_table_free_rcu(struct cmap_table *table)
{
	cmap_account_returning(&table->memory->account,
			       cmap_table_bytes(table));
	atomic_inc(&table->memory->leaving);
	INIT_RCU_WORK(&table->free, table_free_work);
	queue_rcu_work(cmap_queue_free, &table->free);
}

/**
 * cmap_table_bytes() - memory in a table's pages
 * @table: the table
 *
 * Context: RCU read section or the shard's lock, or no reader is left.
 * Return: bytes.
 */
u64 cmap_table_bytes(const struct cmap_table *table)
{
	u64 pages = (u64)table->chunks * chunk_pages(table->chunk_bits);

	if (!cmap_table_inside(table))
		pages += (u64)READ_ONCE(table->pool_chunks) *
			 chunk_pages(table->pool_bits);
	return pages * PAGE_SIZE;
}

/**
 * cmap_pool_bytes() - memory that more buckets for a table's pool take
 * @table: the table
 *
 * Context: The shard's lock.
 * Return: bytes.
 */
u64 cmap_pool_bytes(const struct cmap_table *table)
{
	return chunk_pages(table->pool_bits) * PAGE_SIZE;
}

/**
 * cmap_pool_prepare() - allocate buckets for a table's pool
 * @memory: where the pages come from
 * @nid: NUMA node to prefer
 * @pool_bits: of the table
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * Context: Any that @gfp allows.
 * Return: the buckets for cmap_pool_attach(), or NULL.
 */
struct cmap_block *cmap_pool_prepare(struct cmap_memory *memory, int nid,
				     u8 pool_bits, gfp_t gfp, int *err)
{
	return cmap_block_alloc(memory, nid, chunk_pages(pool_bits), true,
				gfp, err);
}

/**
 * cmap_pool_attach() - add buckets to a table's pool
 * @table: the table
 * @pool_bits: of the table that they were made for
 * @block: from cmap_pool_prepare(); NULL when the table has taken it, else the
 *	caller's to free
 *
 * If the pool is full, or its blocks have another size, nothing is done.  If
 * processes may see zeroes at the block's place, the table is marked unclean: a
 * reader that follows a chain there starts again.
 *
 * Context: The shard's lock.
 */
void cmap_pool_attach(struct cmap_table *table, u8 pool_bits,
		      struct cmap_block **block)
{
	if (table->pool_bits != pool_bits ||
	    table->pool_chunks == table->pool_chunks_max)
		return;

	add_block(table, *block);
	table->chunk[table->chunks + table->pool_chunks] = (*block)->base;
	/* Pairs with the acquire in cmap_table_find_page(). */
	smp_store_release(&table->pool_chunks, table->pool_chunks + 1);
	*block = NULL;
	if (!cmap_table_clean(table))
		table->unclean = true;
}

/* ---- its place ---- */

/**
 * cmap_places_bank() - find a free place for a table
 * @places: the shard's places
 * @bits: of the table
 *
 * Context: The shard's lock.
 * Return: the bank that the table can have, or CMAP_WINDOW_BANKS if all places
 * are taken; one becomes free when a table has left.
 */
u8 cmap_places_bank(const struct cmap_places *places, u8 bits)
{
	u8 bank;

	/* The acquire pairs with the release in table_left(). */
	for (bank = 0; bank < CMAP_WINDOW_BANKS; bank++)
		if (!test_bit_acquire(cmap_place_of(bits, bank),
				      places->taken))
			break;
	return bank;
}

/**
 * cmap_table_settle() - give a table its place
 * @table: the table, whose bank says which place
 * @places: the shard's places
 * @shard: index of the shard
 *
 * Context: The shard's lock.
 */
void cmap_table_settle(struct cmap_table *table, struct cmap_places *places,
		       u32 shard)
{
	unsigned int i = cmap_place_of(table->bits, table->bank);

	set_bit(i, places->taken);
	set_bit(i, places->known);
	table->places = places;
	table->place.offset = cmap_place_table(shard, table->bits, table->bank);
	table->place.bytes = cmap_place_table_bytes(table->bits);
}

/**
 * cmap_table_clean() - check that no process can see zeroes in a table's place
 * @table: the table, which page faults can find from now on
 *
 * Context: The shard's lock.
 * Return: true if so.
 */
bool cmap_table_clean(const struct cmap_table *table)
{
	if (!table->places)
		return true;

	/*
	 * Pairs with the barrier in cmap_places_mark(). Either this sees the
	 * mark, or the page fault sees the table.
	 */
	smp_mb();
	return !test_bit(cmap_place_of(table->bits, table->bank),
			 table->places->zeroes);
}

/**
 * cmap_places_known() - check whether a place ever had a table
 * @places: the shard's places
 * @i: which place
 *
 * Context: Any.
 * Return: true if so.
 */
bool cmap_places_known(const struct cmap_places *places, unsigned int i)
{
	return test_bit(i, places->known);
}

/**
 * cmap_places_mark() - mark a place before a process is shown zeroes there
 * @places: the shard's places
 * @i: which place
 *
 * If the caller still finds no table there after this, a table that gets the
 * place later finds the mark.
 *
 * Context: Read section of &struct cmap_mapped.faults.
 * Return: false if there never was a table.
 */
bool cmap_places_mark(struct cmap_places *places, unsigned int i)
{
	if (!cmap_places_known(places, i))
		return false;

	set_bit(i, places->zeroes);
	/* Pairs with the barrier in cmap_table_clean(). */
	smp_mb__after_atomic();
	return true;
}

/**
 * cmap_table_find_page() - find the memory at an offset in a table's place
 * @table: the table
 * @offset: the offset
 * @extent: set to the memory there, and where in the place that begins
 *
 * Context: RCU read section.
 * Return: false if nothing is there.
 */
bool cmap_table_find_page(const struct cmap_table *table, u64 offset,
			  struct cmap_extent *extent)
{
	u64 pool = CMAP_WINDOW_POOL_OFFSET(cmap_table_shape(table->bits),
					   PAGE_SIZE);
	u32 chunk;

	if (cmap_table_inside(table) || offset < pool) {
		extent->bytes = chunk_pages(table->chunk_bits) * PAGE_SIZE;
		chunk = offset / extent->bytes;
		extent->at = chunk * extent->bytes;
		if (chunk >= table->chunks)
			return false;
	} else {
		extent->bytes = chunk_pages(table->pool_bits) * PAGE_SIZE;
		chunk = (offset - pool) / extent->bytes;
		extent->at = pool + chunk * extent->bytes;
		/* Pairs with the release in cmap_pool_attach(). */
		if (chunk >= smp_load_acquire(&table->pool_chunks))
			return false;
		chunk += table->chunks;
	}
	extent->base = table->chunk[chunk];
	return true;
}

/* ---- writing ---- */

static bool bucket_free_slot(struct cmap_bucket *bucket,
			     struct cmap_slot *slot)
{
	unsigned int i;

	for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
		if (!bucket->ref[i]) {
			*slot = (struct cmap_slot){ bucket, i };
			return true;
		}
	}

	return false;
}

/**
 * cmap_table_free_slot() - find a free slot for a new entry in its chain as it is
 * @table: the table that the entry's bucket is in now
 * @high: high half of the key's hash
 * @slot: set to the slot
 *
 * Context: The stripe's lock.
 * Return: false if there is none.
 */
bool cmap_table_free_slot(struct cmap_table *table, u32 high,
			  struct cmap_slot *slot)
{
	struct cmap_bucket *bucket;

	bucket = cmap_table_bucket(table, cmap_table_index(table, high));
	for (; bucket; bucket = cmap_bucket_next(table, bucket->head))
		if (bucket_free_slot(bucket, slot))
			return true;
	return false;
}

/**
 * cmap_table_place() - find a free slot for a new entry
 * @table: the table that the entry's bucket is in now
 * @high: high half of the key's hash
 * @chain_max: most buckets that the chain may have behind its first
 * @slot: set to the slot
 *
 * Context: The stripe's lock and the shard's lock.
 * Return: 0; -EAGAIN if the pool needs more buckets; -EXFULL if the chain is
 * as long as it may be.
 */
int cmap_table_place(struct cmap_table *table, u32 high, u32 chain_max,
		     struct cmap_slot *slot)
{
	struct cmap_bucket *bucket, *last;
	u32 head, length = 0;

	bucket = cmap_table_bucket(table, cmap_table_index(table, high));
	do {
		if (bucket_free_slot(bucket, slot))
			return 0;
		last = bucket;
		bucket = cmap_bucket_next(table, bucket->head);
	} while (bucket && length++ < chain_max);

	if (bucket || length == chain_max)
		return -EXFULL;
	if (table->pool_used == cmap_pool_capacity(table))
		return -EAGAIN;

	head = last->head | ++table->pool_used << CMAP_BUCKET_NEXT_SHIFT;
	bucket = cmap_bucket_next(table, head);
	WRITE_ONCE(bucket->head, CMAP_BUCKET_LINKED);
	/* Pairs with the acquires of heads by readers. */
	smp_store_release(&last->head, head);
	*slot = (struct cmap_slot){ bucket, 0 };
	WRITE_ONCE(table->longest, max(table->longest, length + 2));

	return 0;
}

/**
 * cmap_slot_replace() - publish a new node of the same key
 * @slot: the slot of the entry
 * @ref: the node, complete
 *
 * The entry never leaves its slot while it is replaced, so no reader can miss
 * it (guarantee A3).
 *
 * Context: The stripe's lock.
 */
void cmap_slot_replace(const struct cmap_slot *slot, cmap_ref ref)
{
	/* Pairs with the acquire in cmap_bucket_find() and in the scan. */
	smp_store_release(&slot->bucket->ref[slot->i], ref);
}

/**
 * cmap_chain_entries() - count the entries of a chain
 * @table: the table
 * @bucket: the chain's first bucket
 *
 * Context: The stripe's lock.
 * Return: how many there are.
 */
u32 cmap_chain_entries(const struct cmap_table *table,
		       const struct cmap_bucket *bucket)
{
	u32 entries = 0;
	unsigned int i;

	for (; bucket; bucket = cmap_bucket_next(table, bucket->head))
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++)
			entries += !!bucket->ref[i];
	return entries;
}

/**
 * cmap_table_chain_entries() - count the entries of an overlong chain
 * @table: the table
 * @high: high half of a hash that belongs to the chain
 *
 * The number of entries counts, not that of buckets: entries stay where they
 * are when those before them in the chain are deleted.
 *
 * Context: The stripe's lock.
 * Return: the number, if the chain may have CMAP_CHAIN_HALF entries or more.
 * Returns 0 without scanning if no chain was ever long enough.
 */
u32 cmap_table_chain_entries(const struct cmap_table *table, u32 high)
{
	u32 index = cmap_table_index(table, high);

	if (likely(READ_ONCE(table->longest) * CMAP_BUCKET_SLOTS < CMAP_CHAIN_HALF))
		return 0;

	return cmap_chain_entries(table, cmap_table_bucket(table, index));
}

/**
 * cmap_table_fill() - publish a new entry in a free slot
 * @table: the table that the slot is in
 * @slot: from cmap_table_place()
 * @node: the entry's node, complete
 * @tag: the tag of its key's hash
 * @ref: its ref
 *
 * Context: The stripe's lock.
 */
void cmap_table_fill(struct cmap_table *table, const struct cmap_slot *slot,
		     const struct cmap_node *node, u16 tag, cmap_ref ref)
{
	/*
	 * Pairs with the barrier in the scan: a reader that sees the tag sees
	 * that the slot's previous entry is gone.
	 */
	smp_store_release(&slot->bucket->tag[slot->i], tag);
	cmap_slot_replace(slot, ref);
	/* Each lookup reads this line, so do not write it in vain. */
	if (unlikely(cmap_table_chain_entries(table, node->hash_high) >
		     CMAP_CHAIN_HALF))
		atomic_inc(&table->overlong);
}

/**
 * cmap_table_delete() - delete an entry from its slot
 * @table: the table that the slot is in
 * @slot: the entry's slot
 * @node: its node, still the caller's to retire
 *
 * Context: The stripe's lock.
 */
void cmap_table_delete(struct cmap_table *table, const struct cmap_slot *slot,
		       const struct cmap_node *node)
{
	if (unlikely(cmap_table_chain_entries(table, node->hash_high) >
		     CMAP_CHAIN_HALF))
		atomic_dec(&table->overlong);
	cmap_slot_replace(slot, 0);
}

/**
 * cmap_table_find_ref() - find the slot that refers to a node
 * @table: the table that @high is in now
 * @high: high half of the key's hash, if the node is an entry's
 * @ref: the node
 * @slot: set to that slot
 *
 * Context: The stripe's lock.
 * Return: false if no slot does: the node is no entry's.
 */
bool cmap_table_find_ref(const struct cmap_table *table, u32 high,
			 cmap_ref ref, struct cmap_slot *slot)
{
	struct cmap_bucket *bucket;
	unsigned int i;

	bucket = cmap_table_bucket(table, cmap_table_index(table, high));
	for (; bucket; bucket = cmap_bucket_next(table, bucket->head)) {
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			if (bucket->ref[i] != ref)
				continue;
			*slot = (struct cmap_slot){ bucket, i };
			return true;
		}
	}

	return false;
}
