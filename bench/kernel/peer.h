/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is compared: tables of one kind each, behind one struct of functions.
 *
 * A new one is a file like peer_xarray.c, a line in peers[] of plan.c, and a
 * line in Kbuild.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <linux/slab.h>
#include <linux/types.h>

#define BENCH_VALUE_SIZE	16

/*
 * What one thread writes lies so far from what others read: a cache line, and
 * the one beside it, which processors fetch with it.
 */
#define BENCH_APART		128

/**
 * struct bench_shape - what a table is made for
 * @key_size: bytes in each key
 * @capacity: most entries there will be, for those who must know
 * @shards: for cmap; 0 for its default
 */
struct bench_shape {
	u32 key_size;
	u32 capacity;
	u32 shards;
};

/**
 * struct bench_peer - a kind of table
 * @name: as it is to stand in results
 * @integers: takes keys of 8 bytes only, which are small integers
 * @fixed: has as many buckets as it was made with, so does not grow
 * @misses: a lookup may miss a key that is being replaced
 * @create: make a table; an ERR_PTR on failure, -EOPNOTSUPP if this kernel
 *	has no such thing
 * @destroy: free it and all that is in it
 * @lookup: find a key, add up its value where it stands with
 *	bench_value_sum(); false if there is none
 * @insert: add a key that is not there; else -EEXIST and nothing changes
 * @replace: give a key that is there a new value, which no reader sees half
 *	written; else -ENOENT and nothing changes
 * @remove: remove a key; -ENOENT if there is none
 *
 * All but @create and @destroy are called from several threads at once, which
 * may sleep.
 */
struct bench_peer {
	const char *name;
	bool integers;
	bool fixed;
	bool misses;
	void *(*create)(const struct bench_shape *shape);
	void (*destroy)(void *table);
	bool (*lookup)(void *table, const void *key, u64 *sum);
	int (*insert)(void *table, const void *key, const void *value);
	int (*replace)(void *table, const void *key, const void *value);
	int (*remove)(void *table, const void *key);
};

static inline u64 bench_value_sum(const u64 *value)
{
	return value[0] + value[1];
}

extern const struct bench_peer bench_cmap;
extern const struct bench_peer bench_rhashtable;
extern const struct bench_peer bench_siphash;
extern const struct bench_peer bench_hlist_rcu;
extern const struct bench_peer bench_hlist_rwlock;
extern const struct bench_peer bench_hlist_spinlock;
extern const struct bench_peer bench_xarray;
extern const struct bench_peer bench_bpf;
extern const struct bench_peer bench_bpf_alloc;

#endif /* BENCH_PEER_H */
