/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A window that is a file in memory, with a valid map.  Tests that include this
 * read it without a module.
 *
 * The file has the size of a window, nearly all of it holes.  Its layout is
 * computed here from <linux/cmap.h> alone, without the library's code.
 */
#ifndef LIBKCMAP_TESTS_WINDOW_FILE_H
#define LIBKCMAP_TESTS_WINDOW_FILE_H

#include "../src/read_slow.h"
#include "../src/hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW_ID	77
#define SHARD_BITS	1
#define SHARDS		(1 << SHARD_BITS)
#define GRANULE		65536
#define KEYS		64
#define KEY_MAX		32
#define VALUE_MAX	256
#define NODE_UNITS	40
#ifndef TABLE_BITS
#define TABLE_BITS	6
#endif
#ifndef SLOTS_USED
#define SLOTS_USED	CMAP_WINDOW_SLOTS
#endif

/*
 * Even nodes are in a segment of one granule, odd ones in one of two granules.
 */
#define EVEN		4
#define ODD		12
#define ODD_FIRST	(8192 - KEYS / 2 * NODE_UNITS)

static int fd;
static size_t page = 4096;

/* ---- addresses ---- */

/* The address of an offset in the file. */
static char *at_offset(uint64_t offset)
{
	static char *base[CMAP_WINDOW_REGIONS];
	static uint64_t size[CMAP_WINDOW_REGIONS];
	uint64_t region = offset >> CMAP_WINDOW_REGION_SHIFT, least = 1 << 24;
	uint64_t start = CMAP_WINDOW_REGION(region);

	while (least <= offset - start + CMAP_VALUE_MAX)
		least *= 2;
	if (size[region] < least) {
		base[region] = mmap(NULL, least, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_NORESERVE, fd,
				    (off_t)start);
		size[region] = least;
	}
	return base[region] + (offset - start);
}

static struct cmap_window *header(void)
{
	return (void *)at_offset(0);
}

static struct cmap_window_shard *shard(uint32_t i)
{
	return (void *)at_offset(2 * page + i * page);
}

/* The highest power of two that is at most @n. */
static uint64_t power_below(uint64_t n)
{
	uint64_t power = 1;

	while (2 * power <= n)
		power *= 2;
	return power;
}

static unsigned int log2_of(uint64_t power)
{
	unsigned int n = 0;

	while (power >> n > 1)
		n++;
	return n;
}

/* The word that holds the segment number of a granule of a shard. */
static uint64_t *number_of(uint32_t i, uint64_t granule)
{
	uint64_t n = granule * 8 / page, first, level;

	if (!n)
		return (uint64_t *)shard(i) + granule;
	first = power_below(n);
	level = log2_of(first) + 1;
	return (uint64_t *)at_offset(CMAP_WINDOW_REGION(CMAP_WINDOW_LIST(level)) +
				     (i * first + n - first) * page +
				     granule * 8 % page);
}

static struct cmap_window_node *node_at(uint32_t i, uint32_t ref)
{
	uint64_t granule = ref >> 13, first = power_below(granule);
	unsigned int level = log2_of(first) - 1;

	return (void *)at_offset(CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(level)) +
				 (i * first + granule - first) * GRANULE +
				 (ref & 8191) * 8);
}

/*
 * The address of a table.  Its buckets use whole pages, and its pool as many.
 * Only the smallest table has both in one page.
 */
static struct cmap_window_bucket *table_at(uint32_t i, uint64_t table)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	uint64_t bytes = (uint64_t)64 << bits;

	if (bytes < page)
		bytes = page;
	if (bits > 5)
		bytes *= 2;
	return (void *)at_offset(CMAP_WINDOW_REGION(64 + bits +
					32 * CMAP_WINDOW_TABLE_BANK(table)) +
				 i * bytes);
}

static struct cmap_window_bucket *pool_of(uint32_t i, uint64_t table)
{
	char *base = (char *)table_at(i, table);
	uint64_t bytes = (uint64_t)64 << CMAP_WINDOW_TABLE_BITS(table);

	if (bytes < page && !CMAP_WINDOW_TABLE_INSIDE(table))
		bytes = page;
	return (void *)(base + bytes);
}

/* ---- the map ---- */

static uint64_t table_word(uint64_t number, unsigned int bits,
			   unsigned int bank)
{
	uint64_t inside = bits == 5;

	return number << 16 | inside << 7 | bank << 5 | bits;
}

#define EMPTY_KEY	1		/* the entry whose key is empty */

static size_t key_of(uint32_t i, char *key)
{
	if (i == EMPTY_KEY)
		return 0;
	return (size_t)snprintf(key, KEY_MAX + 1, "%0*u", i % 3 ? 8 : 20, i);
}

static uint32_t ref_of(uint32_t i)
{
	return i % 2 ? (ODD << 13) + ODD_FIRST + i * NODE_UNITS :
		       (EVEN << 13) + i * NODE_UNITS;
}

static struct cmap_window_bucket *place_for(struct cmap_window_bucket *table,
					    struct cmap_window_bucket *pool,
					    uint64_t index, unsigned int *slot)
{
	struct cmap_window_bucket *at = table + index;
	uint32_t n = 1;

	for (;;) {
		for (*slot = 0; *slot < SLOTS_USED; ++*slot)
			if (!at->ref[*slot])
				return at;
		/* Append the next free bucket of the pool. */
		while (pool[n - 1].head)
			n++;
		pool[n - 1].head = CMAP_WINDOW_LINKED;
		at->head |= n << 2;
		at = &pool[n - 1];
	}
}

static uint64_t hash_of(uint32_t i)
{
	const struct kcmap_hash begin =
		kcmap_hash_begin((const uint64_t *)header()->secret);
	char key[KEY_MAX + 1];
	size_t len = key_of(i, key);

	return kcmap_hash(&begin, key, len);
}

static uint32_t shard_of(uint32_t i)
{
	return (uint32_t)(hash_of(i) >> (64 - SHARD_BITS));
}

static inline struct cmap_window_node *node_of(uint32_t i)
{
	return node_at(shard_of(i), ref_of(i));
}

/* Put entry number @i, with the given ref, into its shard's table. */
static void put_at(uint32_t i, uint32_t ref)
{
	uint64_t hash = hash_of(i), table;
	uint32_t s = shard_of(i);
	struct cmap_window_node *node = node_at(s, ref);
	struct cmap_window_bucket *bucket;
	char key[KEY_MAX + 1];
	size_t len = key_of(i, key);
	unsigned int slot;

	node->version = i + 1;
	node->hash_high = (uint32_t)(hash >> 32);
	node->lengths = (uint32_t)len << 21 | i % VALUE_MAX;
	memcpy(node + 1, key, len);
	memset((char *)(node + 1) + ((len + 7) & ~(size_t)7), (char)i,
	       i % VALUE_MAX);

	table = shard(s)->table;
	bucket = place_for(table_at(s, table), pool_of(s, table),
			   hash << SHARD_BITS >>
			   (64 - CMAP_WINDOW_TABLE_BITS(table)), &slot);
	bucket->tag[slot] = (uint16_t)hash;
	bucket->ref[slot] = ref;
}

/* Add a trailer with all fields to a node. */
static inline struct cmap_window_trailer *extend(struct cmap_window_node *node,
						 uint32_t flags)
{
	size_t key_len = node->lengths >> 21 & 1023;
	size_t value_len = node->lengths & 0x1fffff;
	struct cmap_window_trailer *trailer = (void *)
		((char *)(node + 1) + ((key_len + 7) & ~(size_t)7) +
		 ((value_len + 7) & ~(size_t)7));

	*trailer = (struct cmap_window_trailer){
		.flags = flags, .owner = 5, .deadline = 1, .generation = 2,
		.transaction = 9, .old = 0,
	};
	node->lengths |= 1U << 31;
	return trailer;
}

static inline struct cmap_window_words *words(void)
{
	return (void *)at_offset(header()->words_offset);
}

/* Give an entry a deadline and nothing else. */
static inline void set_deadline(struct cmap_window_node *node, uint64_t deadline)
{
	extend(node, CMAP_WINDOW_DEADLINE)->deadline = deadline;
}

/* An owner's generation. */
static inline uint64_t *generation_of(uint32_t owner)
{
	return (uint64_t *)at_offset(CMAP_WINDOW_REGION(CMAP_WINDOW_OWNERS)) +
	       owner;
}

/* Give an entry an owner, and a deadline if @flags say so. */
static inline void set_owner(struct cmap_window_node *node, uint32_t owner,
			     uint32_t flags)
{
	struct cmap_window_trailer *trailer =
		extend(node, flags | CMAP_WINDOW_OWNER);

	trailer->owner = owner;
	trailer->generation = *generation_of(owner);
}

/* The slot of an entry that put_at() has put in its first bucket. */
static inline uint32_t *slot_of(uint32_t i)
{
	uint64_t hash = hash_of(i), table;
	uint32_t s = shard_of(i), slot;
	struct cmap_window_bucket *bucket;

	table = shard(s)->table;
	bucket = table_at(s, table) +
		 (hash << SHARD_BITS >> (64 - CMAP_WINDOW_TABLE_BITS(table)));
	for (slot = 0; slot < CMAP_WINDOW_SLOTS; slot++)
		if (bucket->ref[slot] == ref_of(i))
			return &bucket->ref[slot];
	return NULL;
}

static void make_header(uint64_t k0, uint64_t k1)
{
	*header() = (struct cmap_window){
		.magic = CMAP_WINDOW_MAGIC,
		.format = CMAP_WINDOW_FORMAT,
		.words_offset = (uint32_t)page,
		.shards_offset = (uint32_t)(2 * page),
		.page_bytes = (uint32_t)page,
		.shards = SHARDS,
		.shard_bits = SHARD_BITS,
		.key_max = KEY_MAX,
		.id = WINDOW_ID,
		.secret = { k0, k1 },
	};
}

/* The word of the table that a shard has at first. */
static uint64_t right_table(uint32_t i)
{
	return table_word(10 + i, TABLE_BITS, 0);
}

static void make(uint64_t k0, uint64_t k1)
{
	uint32_t i;

	make_header(k0, k1);
	for (i = 0; i < SHARDS; i++) {
		memset(shard(i), 0, page);
		shard(i)->table = right_table(i);
		*number_of(i, EVEN) = 20 + i;
		*number_of(i, ODD) = *number_of(i, ODD + 1) = 30 + i;
		memset(table_at(i, shard(i)->table), 0, 64 << TABLE_BITS);
		memset(pool_of(i, shard(i)->table), 0, 64 << TABLE_BITS);
	}
	for (i = 0; i < KEYS; i++)
		put_at(i, ref_of(i));
}

/* Create the file, with hashes of this secret. 0, or -1 with errno set. */
static int window_file(uint64_t k0, uint64_t k1)
{
	fd = memfd_create("window", 0);
	if (fd < 0 ||
	    ftruncate(fd, (off_t)CMAP_WINDOW_REGION(CMAP_WINDOW_REGIONS)))
		return -1;
	make(k0, k1);
	return 0;
}

/* A handle of such a map. */
static inline struct kcmap handle(void)
{
	return (struct kcmap){ .fd = fd, .id = WINDOW_ID };
}

#endif /* LIBKCMAP_TESTS_WINDOW_FILE_H */
