// SPDX-License-Identifier: GPL-2.0
/*
 * How throughput grows with CPUs, and with shards.
 */
#include "result.h"
#include "suite.h"
#include "tables.h"

#include <linux/math64.h>
#include <linux/sched/signal.h>

#define ENTRIES		100000U
#define SHARDS_MAX	64U

enum kind { ALONE, BESIDE_WRITER, WRITERS };

static const char * const names[] = {
	[ALONE] = "lookup, readers alone",
	[BESIDE_WRITER] = "lookup, beside a writer",
	[WRITERS] = "replace, all write",
};

static int scaling_run(struct bench_tables *tables, u32 peer, u32 threads, enum kind kind,
		       struct bench_series *series)
{
	struct bench_job job = bench_tables_job(tables, peer, threads);
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (kind == BESIDE_WRITER)
		job.writes_now_and_then = tables->entries;
	err = bench_workers_run(&job);
	if (!err && series)
		bench_series_add(series, div64_u64(job.ns * 1000, job.steps));
	if (kind != ALONE)
		bench_settle();

	return err;
}

static int scaling_report(const struct bench_tables *tables, u32 peer, u32 threads,
			  enum kind kind, u32 shards, struct bench_series *series)
{
	char operation[48];

	if (shards)
		snprintf(operation, sizeof(operation), "%s, %u shards",
			 names[kind], shards);
	else
		strscpy(operation, names[kind], sizeof(operation));
	return bench_tables_result(tables, peer, operation, "uniform", threads,
				   series);
}

static int scaling_measure(struct bench_tables *tables, enum kind kind, u32 threads)
{
	const struct bench_plan *plan = tables->plan;
	struct bench_series *series;
	u32 round, i;
	int err = 0;

	series = kcalloc(plan->peers, sizeof(*series), GFP_KERNEL);
	if (!series)
		return -ENOMEM;

	for (round = 0; round <= plan->rounds; round++) {
		for (i = 0; i < threads; i++)
			bench_draw_random(&tables->script[i], &tables->random,
					  NULL, tables->entries, plan->steps,
					  kind == WRITERS ? 100 : 0);
		for (i = 0; i < plan->peers && !err; i++)
			err = scaling_run(tables, i, threads, kind,
					  round ? &series[i] : NULL);
	}
	for (i = 0; i < plan->peers && !err; i++)
		err = scaling_report(tables, i, threads, kind, 0, &series[i]);
	kfree(series);

	return err;
}

static int by_cpus(const struct bench_plan *plan)
{
	struct bench_tables tables;
	u32 i, threads;
	int err, kind;

	err = bench_tables_init(&tables, plan, ENTRIES, 8, bench_cpus());
	for (i = 0; i < plan->peers && !err; i++)
		err = bench_tables_fill(&tables, i, 0, ENTRIES);
	for (kind = ALONE; kind <= WRITERS && !err; kind++) {
		if (!bench_wanted(plan, names[kind]))
			continue;
		for (threads = 1; threads <= tables.threads && !err;
		     threads = threads < tables.threads ?
			       min(2 * threads, tables.threads) : U32_MAX)
			err = scaling_measure(&tables, kind, threads);
	}
	bench_tables_free(&tables);

	return err;
}

/* Maps with each number of shards take turns, as peers do. */
static int by_shards(const struct bench_plan *plan)
{
	struct bench_plan shards_plan = *plan;
	struct bench_series *series;
	struct bench_tables tables;
	u32 round, i;
	int err;

	series = kcalloc(BENCH_PEERS_MAX, sizeof(*series), GFP_KERNEL);
	if (!series)
		return -ENOMEM;
	shards_plan.peers = ilog2(SHARDS_MAX) + 1;
	for (i = 0; i < shards_plan.peers; i++)
		shards_plan.peer[i] = &bench_cmap;

	err = bench_tables_init(&tables, &shards_plan, ENTRIES, 8, bench_cpus());
	for (i = 0; i < shards_plan.peers && !err; i++)
		err = bench_tables_fill(&tables, i, 1 << i, ENTRIES);
	for (round = 0; round <= plan->rounds && !err; round++) {
		for (i = 0; i < tables.threads; i++)
			bench_draw_random(&tables.script[i], &tables.random,
					  NULL, tables.entries, plan->steps,
					  100);
		for (i = 0; i < shards_plan.peers && !err; i++)
			err = scaling_run(&tables, i, tables.threads, WRITERS,
					  round ? &series[i] : NULL);
	}
	for (i = 0; i < shards_plan.peers && !err; i++)
		err = scaling_report(&tables, i, tables.threads, WRITERS, 1 << i,
				     &series[i]);
	bench_tables_free(&tables);
	kfree(series);

	return err;
}

/**
 * bench_suite_scaling() - measure with more and more CPUs, and shards
 * @plan: how much to do
 *
 * Context: Process.
 * Return: 0 or an errno.
 */
int bench_suite_scaling(const struct bench_plan *plan)
{
	int err = by_cpus(plan);

	if (!err && bench_wanted(plan, names[WRITERS]) &&
	    plan->peer[0] == &bench_cmap)
		err = by_shards(plan);
	return err;
}
