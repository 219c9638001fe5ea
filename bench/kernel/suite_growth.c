// SPDX-License-Identifier: GPL-2.0
/*
 * How long the slowest writes and reads take while a table grows to thousands
 * of times its size, when it stays as it is, and while it shrinks.
 */
#include "histogram.h"
#include "result.h"
#include "suite.h"
#include "tables.h"

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#define FEW		1000U
#define MANY		4000000U
#define MANY_QUICK	250000U
#define ROUNDS_MAX	3U

static const struct { const char *name; u32 share; } shares[] = {
	{ "p50", 5000 }, { "p99", 9900 }, { "p99.99", 9999 }, { "max", 10000 },
};

enum phase { GROWING, STAYING, SHRINKING, PHASES };

static const char * const writes[PHASES] = {
	"insert while growing", "insert and delete, not growing",
	"delete while shrinking",
};

static const char * const reads[PHASES] = {
	"lookup while growing", "lookup, not growing", "lookup while shrinking",
};

/* The times of one peer: of writes and of reads, in each phase. */
struct times {
	struct bench_series series[2][PHASES][ARRAY_SIZE(shares)];
};

static void growth_draw(struct bench_tables *tables, enum phase phase, u32 many)
{
	struct bench_script *write = &tables->script[0];

	if (phase == GROWING)
		bench_draw_same(write, BENCH_INSERT, FEW, many - FEW);
	else if (phase == SHRINKING)
		bench_draw_same(write, BENCH_REMOVE, FEW, many - FEW);
	else
		bench_draw_churn(write, &tables->random, many, many, FEW / 2,
				 many / 2, 0);
	/* Read entries that stay during all phases. */
	if (tables->threads > 1)
		bench_draw_random(&tables->script[1], &tables->random, NULL, FEW,
				  many / 2, 0);
}

static void growth_add(struct bench_series *series,
		       const struct bench_histogram *histogram)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(shares); i++)
		bench_series_add(&series[i],
				 bench_histogram_at(histogram,
						    shares[i].share) * 1000);
}

static int growth_run(struct bench_tables *tables, u32 peer, enum phase phase,
		      struct times *times)
{
	struct bench_histogram *histogram[2] = {};
	u32 threads = min(2U, tables->threads);
	struct bench_job job = bench_tables_job(tables, peer, threads);
	int err = 0;
	u32 i;

	if (fatal_signal_pending(current))
		return -EINTR;
	job.histogram = histogram;
	for (i = 0; i < threads; i++) {
		histogram[i] = kvzalloc(sizeof(*histogram[i]), GFP_KERNEL);
		if (!histogram[i])
			err = -ENOMEM;
	}
	err = err ?: bench_workers_run(&job);
	for (i = 0; i < threads; i++) {
		if (!err && times)
			growth_add(times->series[i][phase], histogram[i]);
		kvfree(histogram[i]);
	}

	return err;
}

/* Each peer for itself, for others' tables would only be in the caches. */
static int growth_rounds(struct bench_tables *tables, u32 many, struct times *times)
{
	const struct bench_plan *plan = tables->plan;
	u32 round, i;
	int err, phase;

	for (round = 0; round < min(plan->rounds, ROUNDS_MAX); round++) {
		for (i = 0; i < plan->peers; i++) {
			err = bench_tables_fill(tables, i, 0, many + FEW);
			for (phase = 0; phase < PHASES && !err; phase++) {
				growth_draw(tables, phase, many);
				err = growth_run(tables, i, phase, &times[i]);
			}
			bench_tables_empty(tables, i);
			if (err)
				return err;
		}
	}

	return 0;
}

static int growth_report(const struct bench_tables *tables, u32 peer, u32 many,
			 const char *name, u32 share, struct bench_series *series)
{
	char operation[48];
	struct bench_what what = {
		.peer = tables->plan->peer[peer]->name,
		.operation = operation,
		.distribution = "uniform",
		.unit = "ns",
		.entries = many,
		.key_size = tables->key_size,
		.threads = 1,
	};

	snprintf(operation, sizeof(operation), "%s, %s", name,
		 shares[share].name);
	return bench_result_add(&what, series);
}

static int report_all(const struct bench_tables *tables, u32 many,
		      struct times *times)
{
	u32 i, phase, share;
	int err = 0;

	for (phase = 0; phase < PHASES; phase++)
		for (share = 0; share < ARRAY_SIZE(shares); share++)
			for (i = 0; i < tables->plan->peers && !err; i++)
				err = growth_report(tables, i, many, writes[phase],
						    share,
						    &times[i].series[0][phase][share]) ?:
				      growth_report(tables, i, many, reads[phase],
						    share,
						    &times[i].series[1][phase][share]);

	return err;
}

/**
 * bench_suite_growth() - measure while tables grow and shrink
 * @plan: how much to do; peers of a fixed size are left out
 *
 * Context: Process.
 * Return: 0 or an errno.
 */
int bench_suite_growth(const struct bench_plan *plan)
{
	u32 i, many = min(plan->most, plan->quick ? MANY_QUICK : MANY);
	struct bench_plan growing = *plan;
	struct bench_tables tables;
	struct times *times;
	int err;

	if (!bench_wanted(plan, "growing") || many <= FEW)
		return 0;
	growing.steps = many;
	growing.peers = 0;
	for (i = 0; i < plan->peers; i++)
		if (!plan->peer[i]->fixed)
			growing.peer[growing.peers++] = plan->peer[i];

	times = kvcalloc(growing.peers, sizeof(*times), GFP_KERNEL);
	if (!times)
		return -ENOMEM;
	err = bench_tables_init(&tables, &growing, FEW, 8, bench_cpus()) ?:
	      growth_rounds(&tables, many, times) ?:
	      report_all(&tables, many, times);
	bench_tables_free(&tables);
	kvfree(times);

	return err;
}
