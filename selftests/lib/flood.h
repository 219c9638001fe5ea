/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attack a map whose secret is known: find keys that fall into one bucket.
 */
#ifndef FLOOD_H
#define FLOOD_H

#include "cmap_test.h"
#include "../../userlib/src/hash.h"

#define CHAIN_ENTRIES	170	/* 17 buckets of 10: the documented limit */
#define CHAIN_BUCKETS	17
#define CHAIN_SHORT	80	/* with at most this many, a table may shrink */

/* The header, and the first page of the only shard. */
#define WINDOW_BYTES	12288

/* A map of one shard, and the contents of its window. */
struct target {
	int fd;
	const struct cmap_window *header;
	struct kcmap_hash hash;
	const struct cmap_window_shard *shard;
	uint64_t next;		/* the next key to try */
};

/* Use an existing map of one shard.  The caller still owns it. */
static inline bool target_see(struct target *t, int fd)
{
	t->fd = fd;
	t->header = mmap(NULL, WINDOW_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (t->header == MAP_FAILED)
		return false;
	t->hash = kcmap_hash_begin((const uint64_t *)t->header->secret);
	t->shard = (const void *)((const char *)t->header +
				  t->header->shards_offset);
	t->next = 1;
	return true;
}

static inline void target_leave(struct target *t)
{
	munmap((void *)t->header, WINDOW_BYTES);
}

static inline bool target_open(struct target *t)
{
	struct cmap_create args = { .shards = 1 };
	int fd = new_map_with(&args);

	return fd >= 0 && target_see(t, fd);
}

static inline void target_close(struct target *t)
{
	target_leave(t);
	close(t->fd);
}

static inline uint64_t target_hash(const struct target *t, uint64_t key)
{
	return kcmap_hash(&t->hash, &key, sizeof(key));
}

/* The next key whose hash begins with the @bits bits of @prefix. */
static inline uint64_t key_in(struct target *t, unsigned int bits,
			      uint64_t prefix)
{
	uint64_t key = t->next;

	while (target_hash(t, key) >> (64 - bits) != prefix)
		key++;
	t->next = key + 1;
	return key;
}

/* log2 of the table's buckets; 0 while it is being moved. */
static inline unsigned int table_bits(const struct target *t)
{
	if (__atomic_load_n(&t->shard->next, __ATOMIC_ACQUIRE))
		return 0;
	return CMAP_WINDOW_TABLE_BITS(__atomic_load_n(&t->shard->table,
						      __ATOMIC_RELAXED));
}

/* Wait until the table has 2^@bits buckets.  Returns false if it does not. */
static inline bool settles(const struct target *t, unsigned int bits)
{
	double end = now() + 20 * slowness();

	while (table_bits(t) != bits) {
		if (now() > end) {
			printf("# %u bits, not %u\n", table_bits(t), bits);
			return false;
		}
		usleep(10000);
	}
	return true;
}

static inline int put_key(const struct target *t, uint64_t key)
{
	return set(t->fd, &key, sizeof(key), &key, sizeof(key));
}

static inline int drop_key(const struct target *t, uint64_t key)
{
	return delete(t->fd, &key, sizeof(key));
}

static inline bool has_key(const struct target *t, uint64_t key)
{
	uint64_t value = 0;
	uint32_t len = sizeof(value);

	return !get(t->fd, &key, sizeof(key), &value, &len) && value == key;
}

#endif /* FLOOD_H */
