// SPDX-License-Identifier: GPL-2.0
#include "workers.h"
#include "histogram.h"
#include "key.h"

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define CHUNK		1024U	/* steps between chances to let others run */
#define WRITES		32	/* of who writes now and then, at once */

/* What the workers of a job share; nobody writes there while the clock runs. */
struct shared {
	struct bench_job *job;
	atomic_t missing;
	bool done;
};

/* What a thread counts: on its own stack while the clock runs. */
struct tally {
	u64 sum;
	u32 missed;
	u32 failed;
	u32 failed_step;	/* the first, and what it returned */
	int failed_err;
	u64 op_ns[BENCH_OPS];
	u64 op_steps[BENCH_OPS];
};

/* Nothing of a worker shares a cache line with anything of another. */
struct worker {
	struct shared *shared;
	const struct bench_script *script;
	struct bench_histogram *histogram;
	struct task_struct *task;
	struct completion end;
	u64 begun;
	u64 ended;
	struct tally tally;
} __aligned(BENCH_APART);

/**
 * bench_cpus() - how many CPUs threads can be pinned to
 *
 * Context: Process.
 * Return: how many.
 */
u32 bench_cpus(void)
{
	return num_online_cpus();
}

/**
 * bench_settle() - wait until what was deleted is freed
 *
 * So that no peer pays for what another left behind, and free pages count what
 * there is.  rcu_barrier() does not wait for kfree_rcu(), and kvfree_rcu_barrier()
 * is not exported by all kernels that have it; but there the end of any slab cache
 * does both.  Older kernels may keep what kfree_rcu() was given for some seconds.
 *
 * Context: Process.
 */
void bench_settle(void)
{
	kmem_cache_destroy(kmem_cache_create("cmap_bench_settle", sizeof(long),
					     0, 0, NULL));
	rcu_barrier();
}

/* Inlined: what is measured should not wait for what measures it. */
static __always_inline int step_one(const struct bench_peer *peer, void *table,
				    u32 key_size, u32 step, u32 salt, u64 *sum)
{
	u32 number = BENCH_STEP_NUMBER(step);
	/* Where compilers zero the stack that took longer than a hash. */
	struct bench_value value __uninitialized;
	struct bench_key key __uninitialized;

	bench_key_set(&key, key_size, number);
	if (BENCH_STEP_OP(step) == BENCH_LOOKUP)
		return peer->lookup(table, &key, sum) ? 0 : -ENOENT;
	if (BENCH_STEP_OP(step) == BENCH_REMOVE)
		return peer->remove(table, &key);

	bench_value_set(&value, number, salt);
	if (BENCH_STEP_OP(step) == BENCH_INSERT)
		return peer->insert(table, &key, &value);
	return peer->replace(table, &key, &value);
}

/**
 * bench_step() - take one step
 * @peer: the kind of table
 * @table: the table
 * @key_size: bytes in its keys
 * @step: from a script
 * @salt: goes into the value, if one is written
 * @sum: the value's sum is added, if one is read
 *
 * Context: Process.
 * Return: 0, or an errno, -ENOENT for a lookup that finds nothing.
 */
int bench_step(const struct bench_peer *peer, void *table, u32 key_size,
	       u32 step, u32 salt, u64 *sum)
{
	return step_one(peer, table, key_size, step, salt, sum);
}

static __always_inline void take_step(struct tally *tally,
				      const struct bench_job *job, u32 step,
				      u32 salt, int expected)
{
	int err = step_one(job->peer, job->table, job->key_size, step, salt,
			   &tally->sum);

	if (likely(err == expected))
		return;
	if (job->peer->misses && err == -ENOENT &&
	    BENCH_STEP_OP(step) == BENCH_LOOKUP) {
		tally->missed++;
		return;
	}
	if (!tally->failed++) {
		tally->failed_step = step;
		tally->failed_err = err;
	}
}

/*
 * In a kernel with CONFIG_PREEMPT, cond_resched() does nothing, because threads
 * are preempted when an interrupt ends.  User Mode Linux has CONFIG_PREEMPT, but
 * does not preempt them there.
 */
static void let_others_run(void)
{
	if (need_resched())
		schedule();
}

static void worker_follow(struct tally *tally, const struct bench_job *job,
			  const struct bench_script *script)
{
	int expected = script->misses ? -ENOENT : 0;
	u32 i, end = 0, count = script->count;

	for (i = 0; i < count; let_others_run()) {
		end = min(end + CHUNK, count);
		for (; i < end; i++)
			take_step(tally, job, script->step[i], i, expected);
	}
}

static void follow_timed(struct tally *tally, const struct bench_job *job,
			 const struct bench_script *script,
			 struct bench_histogram *histogram)
{
	u32 i, end = 0, count = script->count;

	for (i = 0; i < count; let_others_run()) {
		end = min(end + CHUNK, count);
		for (; i < end; i++) {
			u64 begin = ktime_get_ns();

			take_step(tally, job, script->step[i], i, 0);
			bench_histogram_add(histogram, ktime_get_ns() - begin);
		}
	}
}

/* The clock is read at both ends of a burst, or of a part of it. */
static void follow_bursts(struct tally *tally, const struct bench_job *job,
			  const struct bench_script *script)
{
	u32 i, end, count = script->count;

	for (i = 0; i < count; let_others_run()) {
		u32 op = BENCH_STEP_OP(script->step[i]), first = i;
		u64 begin;

		end = min(i + CHUNK, count);
		begin = ktime_get_ns();
		for (; i < end && BENCH_STEP_OP(script->step[i]) == op; i++)
			take_step(tally, job, script->step[i], i, 0);
		tally->op_ns[op] += ktime_get_ns() - begin;
		tally->op_steps[op] += i - first;
	}
}

static int worker_run(void *arg)
{
	struct worker *worker = arg;
	struct shared *shared = worker->shared;
	/* Copies, so that nobody else writes in their cache lines. */
	struct bench_script script = *worker->script;
	struct bench_job job = *shared->job;
	struct tally tally = {};

	atomic_dec(&shared->missing);
	while (atomic_read(&shared->missing))
		let_others_run();

	worker->begun = ktime_get_ns();
	if (worker->histogram)
		follow_timed(&tally, &job, &script, worker->histogram);
	else if (job.bursts)
		follow_bursts(&tally, &job, &script);
	else
		worker_follow(&tally, &job, &script);
	worker->ended = ktime_get_ns();
	worker->tally = tally;
	kthread_complete_and_exit(&worker->end, 0);
}

static int write_now_and_then(void *arg)
{
	struct worker *worker = arg;
	struct bench_job job = *worker->shared->job;
	struct tally tally = {};
	struct rnd_state random;
	u32 i;

	prandom_seed_state(&random, 1);
	while (!READ_ONCE(worker->shared->done)) {
		for (i = 0; i < WRITES; i++) {
			u32 number = bench_below(&random,
						 job.writes_now_and_then);

			take_step(&tally, &job,
				  BENCH_STEP(BENCH_REPLACE, number), i, 0);
		}
		usleep_range(1000, 1100);
	}
	worker->tally = tally;
	kthread_complete_and_exit(&worker->end, 0);
}

static int workers_start(struct worker *worker, struct shared *shared,
			 int (*function)(void *), unsigned int cpu)
{
	worker->shared = shared;
	init_completion(&worker->end);
	worker->task = kthread_create_on_cpu(function, worker, cpu,
					     "cmap_bench/%u");
	return PTR_ERR_OR_ZERO(worker->task);
}

static int start_all(struct shared *shared, struct worker *workers, u32 all)
{
	const struct bench_job *job = shared->job;
	unsigned int cpu = cpumask_first(cpu_online_mask);
	u32 i;
	int err;

	for (i = 0; i < all; i++) {
		bool writer = i == job->threads;

		if (writer)
			cpu = cpumask_first(cpu_online_mask);
		else
			workers[i].script = &job->script[i];
		if (!writer && job->histogram)
			workers[i].histogram = job->histogram[i];
		err = workers_start(&workers[i], shared,
				    writer ? write_now_and_then : worker_run, cpu);
		if (err)
			goto stop;
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	for (i = 0; i < all; i++)
		wake_up_process(workers[i].task);

	return 0;

stop:
	while (i--)
		kthread_stop(workers[i].task);
	return err;
}

static void worker_complain(const struct bench_job *job, const struct tally *tally)
{
	pr_err("%s: %u steps went wrong; first was %u of key %u: %d\n",
	       job->peer->name, tally->failed,
	       BENCH_STEP_OP(tally->failed_step),
	       BENCH_STEP_NUMBER(tally->failed_step), tally->failed_err);
}

static int add_up(struct bench_job *job, const struct worker *workers, u32 all)
{
	u64 begun = U64_MAX, ended = 0;
	u32 i, op, failed = 0, missed = 0;

	job->steps = 0;
	memset(job->op_ns, 0, sizeof(job->op_ns));
	memset(job->op_steps, 0, sizeof(job->op_steps));
	for (i = 0; i < all; i++) {
		const struct tally *tally = &workers[i].tally;

		if (tally->failed)
			worker_complain(job, tally);
		failed += tally->failed;
		missed += tally->missed;
		if (i == job->threads)
			break;
		begun = min(begun, workers[i].begun);
		ended = max(ended, workers[i].ended);
		job->steps += workers[i].script->count;
		for (op = 0; op < BENCH_OPS; op++) {
			job->op_ns[op] += tally->op_ns[op];
			job->op_steps[op] += tally->op_steps[op];
		}
	}
	job->ns = ended - begun;
	if (missed)
		pr_notice("%s: %u lookups did not find what was there\n",
			  job->peer->name, missed);

	return failed ? -EILSEQ : 0;
}

/**
 * bench_workers_run() - have threads follow their scripts
 * @job: what to do
 *
 * Context: Process.
 * Return: 0; -ENOMEM; or -EILSEQ if any step did not do what it should have.
 */
int bench_workers_run(struct bench_job *job)
{
	u32 all = job->threads + !!job->writes_now_and_then;
	struct shared shared = {
		.job = job,
		.missing = ATOMIC_INIT(job->threads),
	};
	struct worker *workers;
	u32 i;
	int err;

	/* Begins with a page, so that each is aligned as it should be. */
	workers = vzalloc(array_size(all, sizeof(*workers)));
	if (!workers)
		return -ENOMEM;

	err = start_all(&shared, workers, all);
	if (!err) {
		for (i = 0; i < all; i++) {
			if (i == job->threads)
				WRITE_ONCE(shared.done, true);
			wait_for_completion(&workers[i].end);
		}
		err = add_up(job, workers, all);
	}
	vfree(workers);

	return err;
}
