/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A window that is a file in memory, with a map in it that is right: the tests
 * that include this read it where there is no module.
 */
#ifndef LIBCMAP_TESTS_WINDOW_FILE_H
#define LIBCMAP_TESTS_WINDOW_FILE_H

#include "../src/window.h"
#include "../src/hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096
#define SPAN		((size_t)1 << CMAP_WINDOW_SHIFT)
#define SHARD_BITS	1
#define SHARDS		(1 << SHARD_BITS)
#define SHARD_BYTES	(sizeof(struct cmap_window_shard) + PAGE - 64)
#ifndef BLOCKS
#define BLOCKS		64		/* from CMAP_WINDOW_FIRST on */
#endif
#define FILE_SIZE	((CMAP_WINDOW_FIRST + BLOCKS) * SPAN)
#define KEYS		64
#define KEY_MAX		32
#define VALUE_MAX	256
#define NODE_UNITS	40
#ifndef TABLE_BITS
#define TABLE_BITS	6
#endif

static char *file;
static int fd;

static void *block(uint64_t number)
{
	return file + (number << CMAP_WINDOW_SHIFT);
}

static struct cmap_window_shard *shard(uint32_t i)
{
	return (void *)(file + PAGE + i * SHARD_BYTES);
}

#define EMPTY_KEY	1		/* the entry whose key is empty */

static size_t key_of(uint32_t i, char *key)
{
	if (i == EMPTY_KEY)
		return 0;
	return (size_t)snprintf(key, KEY_MAX + 1, "%0*u", i % 3 ? 8 : 20, i);
}

static uint64_t table_at(uint64_t number, unsigned int bits,
			 unsigned int chunk_bits, unsigned int pool_bits,
			 unsigned int inside)
{
	return number << 16 | inside << 13 | pool_bits << 9 | chunk_bits << 5 |
	       bits;
}

/* One that there may be: all in its block. */
static uint64_t right_table(uint64_t number)
{
	return table_at(number, TABLE_BITS, TABLE_BITS, TABLE_BITS, 1);
}

static struct cmap_window_bucket *place_for(struct cmap_window_bucket *table,
					    uint64_t hash, unsigned int *slot)
{
	struct cmap_window_bucket *pool = table + (1 << TABLE_BITS), *at;
	uint32_t n = 1;

	at = table + (hash << SHARD_BITS >> (64 - TABLE_BITS));
	for (;;) {
		for (*slot = 0; *slot < CMAP_WINDOW_SLOTS; ++*slot)
			if (!at->ref[*slot])
				return at;
		/* Chained to the next of the pool that is free. */
		while (pool[n - 1].head)
			n++;
		pool[n - 1].head = CMAP_WINDOW_LINKED;
		at->head |= n << 2;
		at = &pool[n - 1];
	}
}

static void put(const __u64 *words, uint32_t i)
{
	const struct cmap_hash begin =
		cmap_hash_begin((const uint64_t *)words);
	uint32_t index = i % 2, ref;
	struct cmap_window_bucket *bucket;
	struct cmap_window_shard *s;
	struct cmap_window_node *node;
	char key[KEY_MAX + 1];
	size_t len = key_of(i, key);
	uint64_t hash = cmap_hash(&begin, key, len);
	unsigned int slot;

	s = shard((uint32_t)(hash >> (64 - SHARD_BITS)));
	ref = index << 18 | i * NODE_UNITS;
	node = (void *)((char *)block(s->segment[index]) +
			(size_t)i * NODE_UNITS * 8);
	node->version = i + 1;
	node->order = (uint32_t)(hash >> 32);
	node->lengths = (uint32_t)len << 21 | i % VALUE_MAX;
	memcpy(node + 1, key, len);

	bucket = place_for(block(CMAP_WINDOW_TABLE_NUMBER(s->table)), hash,
			   &slot);
	bucket->tag[slot] = (uint16_t)hash;
	bucket->ref[slot] = ref;
}

static void make(uint64_t k0, uint64_t k1)
{
	struct cmap_window *header = (void *)file;
	uint64_t number = CMAP_WINDOW_FIRST;
	uint32_t i;

	header->magic = CMAP_WINDOW_MAGIC;
	header->format = CMAP_WINDOW_FORMAT;
	header->header_bytes = PAGE;
	header->shard_bytes = SHARD_BYTES;
	header->shards = SHARDS;
	header->shard_bits = SHARD_BITS;
	header->key_max = KEY_MAX;
	header->secret[0] = k0;
	header->secret[1] = k1;
	for (i = 0; i < SHARDS; i++) {
		memset(shard(i), 0, SHARD_BYTES);
		shard(i)->table = right_table(number);
		shard(i)->segment[0] = number + 1;
		shard(i)->segment[1] = number + 2;
		memset(block(number), 0, 2 * 64 << TABLE_BITS);
		number += 3;
	}
	for (i = 0; i < KEYS; i++)
		put(header->secret, i);
}

/* With a hash of that secret.  0, or -1 with errno set. */
static int window_file(uint64_t k0, uint64_t k1)
{
	fd = memfd_create("window", 0);
	if (fd < 0 || ftruncate(fd, FILE_SIZE))
		return -1;
	file = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		return -1;
	make(k0, k1);
	return 0;
}

#endif /* LIBCMAP_TESTS_WINDOW_FILE_H */
