/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: chance that can be repeated, allocations that fail,
 * threads that race, and memory whose account is looked at in the end.
 */
#ifndef CMAP_TESTS_LAB_H
#define CMAP_TESTS_LAB_H

#include "../core/arena.h"
#include "../core/block.h"
#include "../core/hash.h"
#include "../core/quota.h"

#include <kunit/test.h>
#include <linux/prandom.h>

struct cmap_node;
struct cmap_shard;
struct cmap_write;

/**
 * struct lab - what a test works with
 * @random: chance, from the seed that the log names
 * @secret: of @hash
 * @hash: a hash function
 * @memory: no limit, not offered; the test must leave it empty
 * @all: the account above that, as of all maps; no limit, either
 * @quota: no limit
 */
struct lab {
	struct rnd_state random;
	u64 secret[2];
	struct cmap_hash hash;
	struct cmap_memory memory;
	struct cmap_account all;
	struct cmap_quota quota;
};

/* For &struct kunit_suite. */
int lab_init(struct kunit *test);
void lab_exit(struct kunit *test);

u32 lab_below(struct lab *lab, u32 end);
u64 lab_u64(struct lab *lab);

static inline u64 lab_bytes(struct lab *lab)
{
	return atomic64_read(&lab->memory.account.bytes);
}

/*
 * The caller's allocations in the core fail from here on: @count of them,
 * after @skip that do not.  lab_fail_end() says how many did.
 */
void lab_fail(unsigned int skip, unsigned int count);
unsigned int lab_fail_end(void);

/* All flags that the allocations since lab_fail() were made with. */
gfp_t lab_gfp_seen(void);

/*
 * Bytes that are not 0 in the pages that the core frees are counted from here
 * on.  lab_freed_end() says how many there were.
 */
void lab_freed(void);
u64 lab_freed_end(void);

/* How often so far the core freed pages in a softirq. */
u64 lab_freed_in_softirq(void);

/*
 * Run a function in @count threads, the first on the first CPU, the next on
 * the next, and wait for them.
 */
void lab_race(struct kunit *test, unsigned int count,
	      void (*run)(struct kunit *test, unsigned int thread));

/*
 * Write to a shard, and reserve a node of it, with what can be allocated but without
 * waiting for anything.
 */
int lab_write(struct cmap_shard *shard, struct cmap_write *write, gfp_t gfp);
struct cmap_node *lab_reserve(struct cmap_shard *shard,
			      struct cmap_write *write, gfp_t gfp, int *err);

/* Have a SIGKILL pending for this thread, or none. */
void lab_kill(bool killed);

/* Wait until what was freed under RCU, and what waited for that, is free. */
void lab_settle(void);
struct cmap_segtab *lab_largest_segtab(struct kunit *test,
				       struct cmap_arena *arena);

#endif /* CMAP_TESTS_LAB_H */
