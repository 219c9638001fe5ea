// SPDX-License-Identifier: GPL-2.0
/* The lock of a shard: it has one holder at a time, and every waiter gets it. */
#include "context.h"
#include "../core/lock.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#define THREADS	3
#define ROUNDS	20000U
#define HOLDS	5
#define HOLD_MS	40

struct contest {
	spinlock_t lock;
	u64 number;			/* not atomic: the lock protects it */
	u32 rounds;
	struct completion done[THREADS];
	struct thread {
		struct contest *contest;
		struct completion *done;
	} thread[THREADS];
};

static int count_up(void *arg)
{
	struct thread *thread = arg;
	struct contest *contest = thread->contest;
	u32 i;

	for (i = 0; i < contest->rounds; i++) {
		cmap_lock_bh(&contest->lock);
		contest->number++;
		spin_unlock_bh(&contest->lock);
		if (i % 256 == 0)
			cond_resched();
	}
	complete(thread->done);
	return 0;
}

static void start_threads(struct kunit *test, struct contest *contest,
			  u32 rounds)
{
	u32 i;

	spin_lock_init(&contest->lock);
	contest->rounds = rounds;
	for (i = 0; i < THREADS; i++) {
		struct task_struct *task;

		init_completion(&contest->done[i]);
		contest->thread[i].contest = contest;
		contest->thread[i].done = &contest->done[i];
		task = kthread_run(count_up, &contest->thread[i],
				   "cmap_lock/%u", i);
		if (IS_ERR(task)) {
			KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(task));
			complete(&contest->done[i]);
		}
	}
}

static void wait_for_threads(struct contest *contest)
{
	u32 i;

	for (i = 0; i < THREADS; i++)
		wait_for_completion(&contest->done[i]);
}

static void one_holder_at_a_time(struct kunit *test)
{
	struct contest *contest = kunit_kzalloc(test, sizeof(*contest),
						GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, contest);
	start_threads(test, contest, ROUNDS);
	wait_for_threads(contest);
	KUNIT_EXPECT_EQ(test, contest->number, (u64)THREADS * ROUNDS);
}

/*
 * A holder keeps the lock for longer than any waiter spins.  By then the
 * waiters have joined the queue, and they get the lock one after the other.
 */
static void who_has_tried_for_long_gets_it(struct kunit *test)
{
	struct contest *contest = kunit_kzalloc(test, sizeof(*contest),
						GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, contest);
	spin_lock_init(&contest->lock);
	for (i = 0; i < HOLDS; i++) {
		contest->number = 0;
		start_threads(test, contest, 1);
		cmap_lock_bh(&contest->lock);
		mdelay(HOLD_MS);
		spin_unlock_bh(&contest->lock);
		wait_for_threads(contest);
		KUNIT_EXPECT_EQ(test, contest->number, (u64)THREADS);
	}
}

/* A task that waits for the lock, and one that is more urgent on the same CPU. */
struct rivals {
	spinlock_t lock;
	bool waits;
	bool urgent_ran;
	struct completion waited;
	struct completion done;
};

static int wait_for_lock(void *arg)
{
	struct rivals *rivals = arg;

	WRITE_ONCE(rivals->waits, true);
	cmap_lock_bh(&rivals->lock);
	spin_unlock_bh(&rivals->lock);
	complete(&rivals->waited);
	return 0;
}

static int run_urgently(void *arg)
{
	struct rivals *rivals = arg;

	WRITE_ONCE(rivals->urgent_ran, true);
	complete(&rivals->done);
	return 0;
}

static bool becomes_true(const bool *flag)
{
	unsigned int us;

	for (us = 0; us < USEC_PER_SEC && !READ_ONCE(*flag); us++)
		udelay(1);
	return READ_ONCE(*flag);
}

/*
 * A waiter in the lock's queue cannot leave its CPU, and takes its place in the
 * queue along if a host takes the CPU away.  One that only tries can: here a more
 * urgent task gets the CPU while the lock is still held.
 */
static void a_waiter_stands_in_no_queue(struct kunit *test)
{
	struct rivals *rivals = kunit_kzalloc(test, sizeof(*rivals), GFP_KERNEL);
	struct task_struct *waiter, *urgent;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_NOT_NULL(test, rivals);
	spin_lock_init(&rivals->lock);
	init_completion(&rivals->waited);
	init_completion(&rivals->done);
	waiter = kthread_create_on_cpu(wait_for_lock, rivals, 1, "cmap_waiter/%u");
	urgent = kthread_create_on_cpu(run_urgently, rivals, 1, "cmap_urgent/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(waiter) || IS_ERR(urgent));
	sched_set_fifo(urgent);
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(0)), 0);

	spin_lock_bh(&rivals->lock);
	wake_up_process(waiter);
	KUNIT_EXPECT_TRUE(test, becomes_true(&rivals->waits));
	wake_up_process(urgent);
	KUNIT_EXPECT_TRUE(test, becomes_true(&rivals->urgent_ran));
	spin_unlock_bh(&rivals->lock);

	wait_for_completion(&rivals->waited);
	wait_for_completion(&rivals->done);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(one_holder_at_a_time),
	KUNIT_CASE(a_waiter_stands_in_no_queue),
	KUNIT_CASE_SLOW(who_has_tried_for_long_gets_it),
	{}
};

static struct kunit_suite lock_suite = {
	.name = "cmap_lock",
	.test_cases = cases,
};

kunit_test_suite(lock_suite);
