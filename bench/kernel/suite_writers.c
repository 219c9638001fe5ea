// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads that write, and that read, in tables of the sizes where they
 * meet most: on a host that does nothing else, and on one that is busy.  There
 * a thread that holds a lock loses its CPU now and then, and with a peer whose
 * threads wait for each other the others lose that time, too.
 */
#include "result.h"
#include "suite.h"
#include "tables.h"

#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#define SPARE	64U	/* most that are inserted before some are deleted */

enum kind { BURSTS, CHURN, MIX, REPLACE, ONE_KEY, HIT, KINDS };

static const char * const names[KINDS] = {
	[CHURN] = "insert and delete", [MIX] = "mix", [REPLACE] = "replace",
	[ONE_KEY] = "replace one key", [HIT] = "lookup, hit",
};

/* Bursts are of two operations, each with a result of its own. */
static const char * const burst_names[] = {
	[BENCH_INSERT] = "insert", [BENCH_REMOVE] = "delete",
};

#define WRITES	(BIT(BURSTS) | BIT(CHURN) | BIT(MIX) | BIT(REPLACE))

/* By the logarithm of how many threads there are. */
enum { ONE, TWO, FOUR, EIGHT, THREADS };

struct size {
	u32 entries;
	u32 key_size;
	bool quick;			/* also when there is little time */
	unsigned long quiet[THREADS];	/* kinds on a host that is not busy, */
	unsigned long busy[THREADS];	/* and on one that is */
};

/*
 * What suite_tables.c measures on a quiet host is left out here.  On a busy host
 * each of these kinds takes about ten seconds, so there are only as many as take
 * three minutes.
 */
static const struct size sizes[] = {
	{ .entries = 1000000, .key_size = 8,
	  .busy = { [TWO] = BIT(MIX) | BIT(HIT) } },
	{ .entries = 100000, .key_size = 8, .quick = true,
	  .quiet = { [TWO] = WRITES, [FOUR] = BIT(MIX), [EIGHT] = BIT(MIX) },
	  .busy = { [TWO] = WRITES | BIT(HIT), [FOUR] = BIT(MIX),
		    [EIGHT] = BIT(MIX) } },
	{ .entries = 1000, .key_size = 8, .quick = true,
	  .quiet = { [ONE] = BIT(ONE_KEY), [TWO] = BIT(ONE_KEY) },
	  .busy = { [TWO] = BIT(CHURN) | BIT(MIX) | BIT(ONE_KEY) | BIT(HIT) } },
	{ .entries = 100, .key_size = 8,
	  .quiet = { [TWO] = BIT(CHURN) | BIT(MIX) },
	  .busy = { [TWO] = BIT(CHURN) | BIT(MIX) } },
	{ .entries = 5000, .key_size = 8,
	  .quiet = { [TWO] = BIT(CHURN) | BIT(MIX) },
	  .busy = { [TWO] = BIT(CHURN) | BIT(MIX) } },
	{ .entries = 300000, .key_size = 32,
	  .quiet = { [ONE] = BIT(MIX) | BIT(REPLACE), [TWO] = WRITES },
	  .busy = { [TWO] = BIT(MIX) } },
};

static unsigned long kinds_of(const struct bench_plan *plan,
			      const struct size *size, u32 threads)
{
	return plan->busy ? size->busy[threads] : size->quiet[threads];
}

static void name_of(const struct bench_plan *plan, const char *operation,
		    char *name, size_t room)
{
	snprintf(name, room, "%s%s", operation, plan->busy ? ", busy host" : "");
}

static bool writers_wanted(const struct bench_plan *plan, enum kind kind)
{
	char name[48];

	if (kind == BURSTS) {
		name_of(plan, burst_names[BENCH_INSERT], name, sizeof(name));
		if (bench_wanted(plan, name))
			return true;
		name_of(plan, burst_names[BENCH_REMOVE], name, sizeof(name));
	} else {
		name_of(plan, names[kind], name, sizeof(name));
	}
	return bench_wanted(plan, name);
}

/* So many new entries does each thread insert at most. */
static u32 writers_extra(const struct bench_tables *tables)
{
	return min(tables->plan->steps / 2, tables->entries / 4);
}

static void writers_draw(struct bench_tables *tables, enum kind kind, u32 thread,
			 u32 threads)
{
	struct bench_script *script = &tables->script[thread];
	u32 first = tables->entries + thread * writers_extra(tables);
	u32 count = script->room / DIV_ROUND_UP(threads, bench_cpus());

	switch (kind) {
	case BURSTS:
		bench_draw_bursts(script, first, writers_extra(tables), count);
		break;
	case CHURN:
	case MIX:
		bench_draw_churn(script, &tables->random, tables->entries, first,
				 min(SPARE, writers_extra(tables)), count,
				 kind == MIX ? 50 : 0);
		break;
	case REPLACE:
	case ONE_KEY:
		bench_draw_random(script, &tables->random, NULL,
				  kind == ONE_KEY ? 1 : tables->entries, count,
				  100);
		break;
	default:
		bench_draw_random(script, &tables->random, NULL, tables->entries,
				  count, 0);
	}
}

/*
 * A time is that of the round, divided by the operations of all threads.  In a
 * burst only the operation itself counts: its time by one thread's clock, divided
 * by the threads, which do as much at the same time.
 */
static void writers_add(const struct bench_job *job, struct bench_series *series,
			struct bench_series *removes)
{
	u64 inserted = job->op_steps[BENCH_INSERT] * job->threads;
	u64 removed = job->op_steps[BENCH_REMOVE] * job->threads;

	if (!job->bursts) {
		bench_series_add(series, div64_u64(job->ns * 1000, job->steps));
		return;
	}
	bench_series_add(series,
			 div64_u64(job->op_ns[BENCH_INSERT] * 1000, inserted));
	bench_series_add(removes,
			 div64_u64(job->op_ns[BENCH_REMOVE] * 1000, removed));
}

static int writers_run(struct bench_tables *tables, u32 peer, enum kind kind, u32 threads,
		       struct bench_series *series, struct bench_series *removes)
{
	struct bench_job job = bench_tables_job(tables, peer, threads);
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	job.bursts = kind == BURSTS;
	err = bench_workers_run(&job);
	if (err)
		return err;
	if (kind != HIT)
		bench_settle();
	if (series)
		writers_add(&job, series, removes);

	return 0;
}

static int writers_report(const struct bench_tables *tables, const char *operation,
			  u32 threads, struct bench_series *series)
{
	char name[48];

	name_of(tables->plan, operation, name, sizeof(name));
	return bench_tables_results(tables, name, "uniform", threads, series);
}

/* All peers, in turn, over and over again. */
static int writers_rounds(struct bench_tables *tables, enum kind kind, u32 threads,
			  struct bench_series *series)
{
	u32 round, i, peers = tables->plan->peers;
	int err;

	for (round = 0; round <= tables->plan->rounds; round++) {
		for (i = 0; i < threads; i++)
			writers_draw(tables, kind, i, threads);
		for (i = 0; i < peers; i++) {
			if (!tables->table[i])
				continue;
			err = writers_run(tables, i, kind, threads,
					  round ? &series[i] : NULL,
					  &series[peers + i]);
			if (err)
				return err;
		}
	}

	return 0;
}

static int writers_measure(struct bench_tables *tables, enum kind kind, u32 threads)
{
	struct bench_series *series;
	u32 peers = tables->plan->peers;
	int err;

	series = kcalloc(2 * peers, sizeof(*series), GFP_KERNEL);
	if (!series)
		return -ENOMEM;

	err = writers_rounds(tables, kind, threads, series);
	if (!err && kind != BURSTS)
		err = writers_report(tables, names[kind], threads, series);
	else if (!err)
		err = writers_report(tables, burst_names[BENCH_INSERT], threads,
				     series) ?:
		      writers_report(tables, burst_names[BENCH_REMOVE], threads,
				     series + peers);
	kfree(series);

	return err;
}

static int measure_size(const struct bench_plan *plan, const struct size *size)
{
	struct bench_tables tables;
	u32 i, kind, most = 0;
	int err;

	for (i = 0; i < THREADS; i++)
		for (kind = 0; kind < KINDS; kind++)
			if (kinds_of(plan, size, i) & BIT(kind) &&
			    writers_wanted(plan, kind))
				most = 1 << i;
	if (!most || size->entries > plan->most ||
	    (plan->quick && !size->quick))
		return 0;

	err = bench_tables_init(&tables, plan, size->entries, size->key_size,
				most);
	for (i = 0; i < plan->peers && !err; i++)
		err = bench_tables_fill(&tables, i, 0,
					size->entries + most * writers_extra(&tables));
	for (i = 0; i <= ilog2(most); i++)
		for (kind = 0; kind < KINDS && !err; kind++)
			if (kinds_of(plan, size, i) & BIT(kind) &&
			    writers_wanted(plan, kind))
				err = writers_measure(&tables, kind, 1 << i);
	bench_tables_free(&tables);

	return err;
}

/**
 * bench_suite_writers() - measure threads that meet
 * @plan: how much to do, and whether the host is busy
 *
 * Context: Process.
 * Return: 0 or an errno.
 */
int bench_suite_writers(const struct bench_plan *plan)
{
	u32 i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = measure_size(plan, &sizes[i]);

	return err;
}
