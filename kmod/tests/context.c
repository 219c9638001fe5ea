// SPDX-License-Identifier: GPL-2.0
/*
 * insmod cmap_kunit.ko [seed=N]
 */
#include "context.h"
#include "../core/maintain.h"
#include "fail.h"
#include "../core/lack.h"
#include "../core/queue.h"

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

static ulong seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "Seed of random numbers (default 0: another each time)");

/*
 * Allocations by works that may start I/O.  There must be none: a thread that must
 * not start I/O can wait for the work.
 */
static atomic_t works_with_io;

int ctx_init(struct kunit *test)
{
	struct test_context *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	kunit_info(test, "seed=%lu", seed);
	prandom_seed_state(&ctx->random, seed);
	ctx->secret[0] = ctx_random_u64(ctx);
	ctx->secret[1] = ctx_random_u64(ctx);
	ctx->hash = cmap_hash_begin(ctx->secret);
	cmap_quota_init(&ctx->quota, 0, 1);
	cmap_memory_init(&ctx->memory, 0, false);
	ctx->memory.account.parent = &ctx->all;
	test->priv = ctx;

	return 0;
}

void ctx_exit(struct kunit *test)
{
	struct test_context *ctx = test->priv;

	fail_allocs_end();
	wait_for_frees();
	KUNIT_EXPECT_EQ(test, atomic_xchg(&works_with_io, 0), 0);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->all.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->memory.leaving), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->all.returning), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->all.headroom), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ctx->memory.in_hand), 0);
	cmap_memory_exit(&ctx->memory);
}

u32 ctx_random(struct test_context *ctx, u32 end)
{
	return ((u64)prandom_u32_state(&ctx->random) * end) >> 32;
}

u64 ctx_random_u64(struct test_context *ctx)
{
	return (u64)prandom_u32_state(&ctx->random) << 32 |
	       prandom_u32_state(&ctx->random);
}

/* What supply.c does before it asks for more memory, or waits. */
static int have_shared(struct cmap_shard *shard, const struct cmap_write *write,
		       int err, gfp_t gfp, bool *tried)
{
	u32 i;

	if (write->blocked_on == CMAP_BLOCKED_ON_CREDIT) {
		for (i = 0; i < cmap_shard_stripes(shard); i++)
			cmap_shard_collect(shard, i);
		return 0;
	}
	if (!err || *tried || !cmap_write_lacks_node(write))
		return err;
	*tried = true;
	cmap_maintain_unstash(shard, gfp);
	return 0;
}

int shard_write(struct cmap_shard *shard, struct cmap_write *write, gfp_t gfp)
{
	bool tried = false;
	int err;

	do {
		write->blocked_on = CMAP_BLOCKED_ON_NOTHING;
		err = cmap_shard_try_write(shard, write, gfp);
		if (err != -EAGAIN)
			return err;
		err = cmap_lack_allocate(shard, write, gfp);
		err = have_shared(shard, write, err, gfp, &tried);
	} while (!err);

	return err;
}

struct cmap_node *shard_reserve(struct cmap_shard *shard,
				struct cmap_write *write, gfp_t gfp, int *err)
{
	struct cmap_node *node;

	do {
		node = cmap_shard_try_reserve(shard, write);
		if (node)
			return node;
		*err = cmap_lack_allocate(shard, write, gfp);
	} while (!*err);

	return NULL;
}

/* ---- allocations that fail ---- */

/* Only allocations of @task fail, and only @task changes the other fields. */
static struct {
	struct task_struct *task;
	unsigned int skip;
	unsigned int count;
	unsigned int failed;
	gfp_t seen;
} failing;

bool cmap_test_alloc_fails(gfp_t gfp)
{
	if (current->flags & PF_WQ_WORKER && current_gfp_context(gfp) & __GFP_IO)
		atomic_inc(&works_with_io);
	if (READ_ONCE(failing.task) != current)
		return false;
	failing.seen |= gfp;
	if (failing.skip) {
		failing.skip--;
		return false;
	}
	if (failing.failed == failing.count)
		return false;

	failing.failed++;
	return true;
}

void fail_allocs(unsigned int skip, unsigned int count)
{
	failing.skip = skip;
	failing.count = count;
	failing.failed = 0;
	failing.seen = 0;
	WRITE_ONCE(failing.task, current);
}

unsigned int fail_allocs_end(void)
{
	WRITE_ONCE(failing.task, NULL);
	return failing.failed;
}

gfp_t alloc_gfp_seen(void)
{
	return failing.seen;
}

/* ---- tasks that are held, and overtaken ---- */

static struct {
	const char *what;
	struct completion there;
	struct completion go_on;
} hold;

void cmap_test_before(const char *what)
{
	/* Pairs with the release in hold_task(). */
	const char *held = smp_load_acquire(&hold.what);

	if (!held || strcmp(held, what))
		return;
	WRITE_ONCE(hold.what, NULL);
	complete(&hold.there);
	wait_for_completion(&hold.go_on);
}

void hold_task(const char *what)
{
	init_completion(&hold.there);
	init_completion(&hold.go_on);
	/* Pairs with the acquire in cmap_test_before(). */
	smp_store_release(&hold.what, what);
}

bool hold_task_wait(void)
{
	return wait_for_completion_timeout(&hold.there, 60 * HZ);
}

void hold_task_end(void)
{
	WRITE_ONCE(hold.what, NULL);
	complete(&hold.go_on);
}

static struct {
	struct task_struct *task;
	void (*then)(void);
} refill;

void cmap_test_refilled(void)
{
	if (READ_ONCE(refill.task) != current)
		return;
	/* What @then refills itself does not call it again. */
	WRITE_ONCE(refill.task, NULL);
	refill.then();
	WRITE_ONCE(refill.task, current);
}

void after_refill(void (*then)(void))
{
	refill.then = then;
	WRITE_ONCE(refill.task, then ? current : NULL);
}

static struct {
	struct task_struct *task;
	void (*then)(void);
} sleeper;

void cmap_test_sleeps(void)
{
	if (READ_ONCE(sleeper.task) == current)
		sleeper.then();
}

void before_sleep(void (*then)(void))
{
	sleeper.then = then;
	WRITE_ONCE(sleeper.task, then ? current : NULL);
}

/* ---- pages that are freed ---- */

static bool looking;
static atomic64_t left_over;
static atomic64_t in_softirq;

void cmap_test_page_freed(unsigned long addr, unsigned int order)
{
	const u8 *byte = (const u8 *)addr;
	size_t i;

	if (in_serving_softirq())
		atomic64_inc(&in_softirq);
	for (i = 0; READ_ONCE(looking) && i < PAGE_SIZE << order; i++)
		if (byte[i])
			atomic64_inc(&left_over);
}

void count_unwiped(void)
{
	atomic64_set(&left_over, 0);
	WRITE_ONCE(looking, true);
}

u64 count_unwiped_end(void)
{
	WRITE_ONCE(looking, false);
	return atomic64_read(&left_over);
}

u64 frees_in_softirq(void)
{
	return atomic64_read(&in_softirq);
}

/* ---- threads ---- */

struct racer {
	struct kunit *test;
	unsigned int thread;
	void (*run)(struct kunit *test, unsigned int thread);
	struct completion done;
};

static int race_thread(void *arg)
{
	struct racer *racer = arg;

	racer->run(racer->test, racer->thread);
	complete(&racer->done);
	return 0;
}

void run_threads(struct kunit *test, unsigned int count,
		 void (*run)(struct kunit *test, unsigned int thread))
{
	struct racer *racers = kunit_kcalloc(test, count, sizeof(*racers),
					     GFP_KERNEL);
	unsigned int cpu = cpumask_first(cpu_online_mask);
	unsigned int i, started;

	KUNIT_ASSERT_NOT_NULL(test, racers);
	for (started = 0; started < count; started++) {
		struct racer *racer = &racers[started];
		struct task_struct *task;

		*racer = (struct racer){
			.test = test, .thread = started, .run = run,
		};
		init_completion(&racer->done);
		task = kthread_create(race_thread, racer, "cmap_race/%u", started);
		if (IS_ERR(task))
			break;
		kthread_bind(task, cpu);
		wake_up_process(task);

		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}

	for (i = 0; i < started; i++)
		wait_for_completion(&racers[i].done);
	KUNIT_ASSERT_EQ(test, started, count);
}

/*
 * Let other tasks of this CPU run, in a loop that takes no lock.  User Mode Linux does not
 * preempt kernel code when an interrupt returns, and cond_resched() does nothing in a
 * preemptible kernel.
 */
void let_others_run(void)
{
	if (need_resched())
		schedule();
}

void wait_for_frees(void)
{
	/* rcu_barrier() alone does not wait if there is no callback. */
	synchronize_rcu();
	/* Works that wait for a grace period may free more after another one. */
	cmap_queue_flush();
	rcu_barrier();
}

/* It has room for all segments; their memory is not allocated. */
struct cmap_segtab *use_largest_segtab(struct kunit *test,
				       struct cmap_arena *arena)
{
	struct cmap_segtab *small, *segtab;
	u32 i;

	small = rcu_dereference_protected(arena->segtab, 1);
	segtab = kvzalloc(struct_size(segtab, base, CMAP_GRANULES_MAX) +
			  CMAP_GRANULES_MAX * sizeof(*segtab->segment) +
			  CMAP_GRANULES_MAX / BITS_PER_BYTE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segtab);
	segtab->size = CMAP_GRANULES_MAX;
	segtab->segment = (void *)&segtab->base[segtab->size];
	segtab->map = (void *)&segtab->segment[segtab->size];
	for (i = 0; i < small->size; i++) {
		segtab->base[i] = small->base[i];
		segtab->segment[i] = small->segment[i];
	}
	bitmap_copy(segtab->map, small->map, small->size);
	rcu_assign_pointer(arena->segtab, segtab);
	kvfree(small);

	return segtab;
}

/* ---- signals ---- */

void set_killed(bool killed)
{
	if (killed) {
		sigaddset(&current->pending.signal, SIGKILL);
		set_thread_flag(TIF_SIGPENDING);
	} else {
		sigdelset(&current->pending.signal, SIGKILL);
		clear_thread_flag(TIF_SIGPENDING);
	}
}

/* ---- the module ---- */

static int __init tests_module_init(void)
{
	while (!seed)
		seed = get_random_u32();
	return cmap_queue_init();
}

static void __exit tests_module_exit(void)
{
	cmap_queue_exit();
	rcu_barrier();
}

module_init(tests_module_init);
module_exit(tests_module_exit);

MODULE_DESCRIPTION("KUnit tests of cmap's core");
MODULE_LICENSE("GPL");
