/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: random numbers that can be repeated, allocations that fail,
 * threads that race, and memory whose account must be empty at the end.
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
 * struct lab - a test's context
 * @random: random numbers, from the seed that is in the log
 * @secret: the secret of @hash
 * @hash: a hash function
 * @memory: memory without a limit, which processes cannot map.  The test must leave
 *	it empty
 * @all: the account above @memory, in place of that of all maps; without a limit
 * @quota: a quota without a limit
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
 * From now on the calling thread's allocations in the core fail: @count of them,
 * after @skip that succeed.  lab_fail_end() returns how many have failed.
 */
void lab_fail(unsigned int skip, unsigned int count);
unsigned int lab_fail_end(void);

/*
 * Hold the next task that is about to decrement a counter of the core, which is named
 * as in the code.  lab_hold_wait() waits for it; it goes on after lab_hold_end().
 */
void lab_hold(const char *what);
bool lab_hold_wait(void);
void lab_hold_end(void);

/* Each time the caller has put memory into an arena, call @then; NULL to end that. */
void lab_after_refill(void (*then)(void));

/* The flags of all allocations since lab_fail(), ORed. */
gfp_t lab_gfp_seen(void);

/*
 * From now on count the bytes that are not 0 in pages that the core frees.
 * lab_freed_end() returns their number.
 */
void lab_freed(void);
u64 lab_freed_end(void);

/* How often the core has freed pages in a softirq so far. */
u64 lab_freed_in_softirq(void);

/* Run a function in @count threads, spread over the CPUs, and wait for them. */
void lab_race(struct kunit *test, unsigned int count,
	      void (*run)(struct kunit *test, unsigned int thread));

/*
 * Write to a shard, or reserve a node of it.  What the write lacks is allocated, but
 * nothing is waited for.
 */
int lab_write(struct cmap_shard *shard, struct cmap_write *write, gfp_t gfp);
struct cmap_node *lab_reserve(struct cmap_shard *shard,
			      struct cmap_write *write, gfp_t gfp, int *err);

/* Make a SIGKILL pending for this thread, or remove it. */
void lab_kill(bool killed);

/* Wait until all that was freed after a grace period, or by a work, is free. */
void lab_settle(void);

/* Replace an arena's segment table by one of the largest size. */
struct cmap_segtab *lab_largest_segtab(struct kunit *test,
				       struct cmap_arena *arena);

#endif /* CMAP_TESTS_LAB_H */
