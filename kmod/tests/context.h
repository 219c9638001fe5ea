/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: random numbers that can be repeated, allocations that fail,
 * threads that race, and memory whose account must be empty at the end.
 */
#ifndef CMAP_TESTS_CONTEXT_H
#define CMAP_TESTS_CONTEXT_H

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
 * struct test_context - a test's context
 * @random: random numbers, from the seed that is in the log
 * @secret: the secret of @hash
 * @hash: a hash function
 * @memory: memory without a limit, which processes cannot map.  The test must leave
 *	it empty
 * @all: the account above @memory, in place of that of all maps; without a limit
 * @quota: a quota without a limit
 */
struct test_context {
	struct rnd_state random;
	u64 secret[2];
	struct cmap_hash hash;
	struct cmap_memory memory;
	struct cmap_account all;
	struct cmap_quota quota;
};

/* For &struct kunit_suite. */
int ctx_init(struct kunit *test);
void ctx_exit(struct kunit *test);

u32 ctx_random(struct test_context *ctx, u32 end);
u64 ctx_random_u64(struct test_context *ctx);

static inline u64 ctx_bytes(struct test_context *ctx)
{
	return atomic64_read(&ctx->memory.account.bytes);
}

/*
 * From now on the calling thread's allocations in the core fail: @count of them,
 * after @skip that succeed.  fail_allocs_end() returns how many have failed.
 */
void fail_allocs(unsigned int skip, unsigned int count);
unsigned int fail_allocs_end(void);

/*
 * Hold the next task that is about to decrement a counter of the core, which is named
 * as in the code.  hold_task_wait() waits for it; it goes on after hold_task_end().
 */
void hold_task(const char *what);
bool hold_task_wait(void);
void hold_task_end(void);

/* Each time the caller has put memory into an arena, call @then; NULL to end that. */
void after_refill(void (*then)(void));

/* Each time the caller is about to sleep in a wait, call @then; NULL to end that. */
void before_sleep(void (*then)(void));

/* The flags of all allocations since fail_allocs(), ORed. */
gfp_t alloc_gfp_seen(void);

/*
 * From now on count the bytes that are not 0 in pages that the core frees.
 * count_unwiped_end() returns their number.
 */
void count_unwiped(void);
u64 count_unwiped_end(void);

/* How often the core has freed pages in a softirq so far. */
u64 frees_in_softirq(void);

/* Run a function in @count threads, spread over the CPUs, and wait for them. */
void run_threads(struct kunit *test, unsigned int count,
		 void (*run)(struct kunit *test, unsigned int thread));

/*
 * Write to a shard, or reserve a node of it.  What the write lacks is allocated, but
 * nothing is waited for.
 */
int shard_write(struct cmap_shard *shard, struct cmap_write *write, gfp_t gfp);
struct cmap_node *shard_reserve(struct cmap_shard *shard,
				struct cmap_write *write, gfp_t gfp, int *err);

/* Make a SIGKILL pending for this thread, or remove it. */
void set_killed(bool killed);

/* Wait until all that was freed after a grace period, or by a work, is free. */
void let_others_run(void);
void wait_for_frees(void);

/* Replace an arena's segment table by one of the largest size. */
struct cmap_segtab *use_largest_segtab(struct kunit *test,
				       struct cmap_arena *arena);

#endif /* CMAP_TESTS_CONTEXT_H */
