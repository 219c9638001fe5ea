// SPDX-License-Identifier: GPL-2.0
/*
 * All operations and mixes of them, in tables of several sizes; and how much
 * memory the tables take.
 */
#include "result.h"
#include "suite.h"
#include "tables.h"
#include "zipf.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#define SPARE		64	/* that churn inserts before it removes */
#define LOOK_MS		50	/* between two looks at the free pages, */
#define LOOK_BYTES	SZ_256K	/* until less is freed in that time, */
#define LOOKS_MAX	200	/* or for so often */

struct size {
	u32 entries;
	u32 key_size;
	bool quick;		/* also when there is little time */
	enum { LOOKUPS, SOME, ALL } operations;
	bool memory;
};

static const struct size sizes[] = {
	{ 1000000, 8, true, ALL, true },
	{ 1000, 8, true, ALL, false },
	{ 32768, 8, false, LOOKUPS, false },
	{ 4000000, 8, false, LOOKUPS, false },
	{ 1000000, 32, false, SOME, true },
	{ 1000000, 100, false, SOME, true },
};

enum kind { HIT, MISS, REPLACE, INSERT, REMOVE, READ_95, READ_50, CHURN, MIX };

struct operation {
	const char *name;
	enum kind kind;
	bool zipf;
	bool writes;
	bool always;		/* also where only some are measured */
};

/* "delete" removes what "insert", the operation before it, inserted. */
static const struct operation operations[] = {
	{ "lookup, hit", HIT, .always = true },
	{ "lookup, miss", MISS, .always = true },
	{ "lookup, hit", HIT, .zipf = true, .always = true },
	{ "insert", INSERT, .writes = true, .always = true },
	{ "delete", REMOVE, .writes = true, .always = true },
	{ "replace", REPLACE, .writes = true },
	{ "95 lookup, 5 replace", READ_95, .writes = true },
	{ "95 lookup, 5 replace", READ_95, .zipf = true, .writes = true },
	{ "50 lookup, 50 replace", READ_50, .writes = true },
	{ "insert and delete", CHURN, .writes = true },
	{ "mix", MIX, .writes = true, .always = true },
};

static const char memory_name[] = "memory beyond key and value";

/* So many new entries does each thread insert at most. */
static u32 tables_extra(const struct bench_tables *tables)
{
	return min(tables->plan->steps, tables->entries / 4);
}

static void tables_draw(struct bench_tables *tables, const struct operation *operation,
			const struct bench_zipf *zipf, u32 thread)
{
	struct bench_script *script = &tables->script[thread];
	u32 first = tables->entries + thread * tables_extra(tables);
	u32 count = script->room;

	zipf = operation->zipf ? zipf : NULL;
	switch (operation->kind) {
	case HIT:
		bench_draw_random(script, &tables->random, zipf,
				  tables->entries, count, 0);
		break;
	case MISS:
		bench_draw_misses(script, &tables->random,
				  tables->entries + tables->threads * tables_extra(tables),
				  count);
		break;
	case REPLACE:
		bench_draw_random(script, &tables->random, zipf,
				  tables->entries, count, 100);
		break;
	case INSERT:
		bench_draw_same(script, BENCH_INSERT, first, tables_extra(tables));
		break;
	case REMOVE:
		bench_draw_same(script, BENCH_REMOVE, first, tables_extra(tables));
		break;
	case READ_95:
		bench_draw_random(script, &tables->random, zipf,
				  tables->entries, count, 5);
		break;
	case READ_50:
		bench_draw_random(script, &tables->random, zipf,
				  tables->entries, count, 50);
		break;
	case CHURN:
	case MIX:
		bench_draw_churn(script, &tables->random, tables->entries, first,
				 SPARE, count,
				 operation->kind == MIX ? 50 : 0);
		break;
	}
}

static int tables_run(struct bench_tables *tables, u32 peer, u32 threads, bool writes,
		      struct bench_series *series)
{
	struct bench_job job = bench_tables_job(tables, peer, threads);
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	err = bench_workers_run(&job);
	if (err)
		return err;
	if (writes)
		bench_settle();
	if (series)
		bench_series_add(series, div64_u64(job.ns * 1000, job.steps));

	return 0;
}

/* All peers, in turn, over and over again. */
static int tables_rounds(struct bench_tables *tables, const struct operation *operation,
			 const struct bench_zipf *zipf, u32 threads,
			 struct bench_series *series)
{
	const struct bench_plan *plan = tables->plan;
	u32 round, i;
	int err;

	for (round = 0; round <= plan->rounds; round++) {
		for (i = 0; i < threads; i++)
			tables_draw(tables, operation, zipf, i);
		for (i = 0; i < plan->peers; i++) {
			if (!tables->table[i])
				continue;
			err = tables_run(tables, i, threads, operation->writes,
					 round ? &series[i] : NULL);
			if (err)
				return err;
		}
	}

	return 0;
}

/* What is inserted in a round has to be removed before the next. */
static int rounds_in_pairs(struct bench_tables *tables, u32 threads,
			   struct bench_series *inserts,
			   struct bench_series *removes)
{
	static const struct operation pair[] = {
		{ "insert", INSERT, .writes = true },
		{ "delete", REMOVE, .writes = true },
	};
	const struct bench_plan *plan = tables->plan;
	u32 round, i, k, thread;
	int err;

	for (round = 0; round <= plan->rounds; round++) {
		for (i = 0; i < plan->peers; i++) {
			if (!tables->table[i])
				continue;
			for (k = 0; k < 2; k++) {
				struct bench_series *series =
					k ? &removes[i] : &inserts[i];

				for (thread = 0; thread < threads; thread++)
					tables_draw(tables, &pair[k], NULL, thread);
				err = tables_run(tables, i, threads, true,
						 round ? series : NULL);
				if (err)
					return err;
			}
		}
	}

	return 0;
}

static int tables_report(const struct bench_tables *tables,
			 const struct operation *operation, u32 threads,
			 struct bench_series *series)
{
	return bench_tables_results(tables, operation->name,
				    operation->zipf ? "zipf" : "uniform",
				    threads, series);
}

static int tables_measure(struct bench_tables *tables, const struct operation *operation,
			  const struct bench_zipf *zipf, u32 threads)
{
	struct bench_series *series;
	u32 peers = tables->plan->peers;
	int err;

	if (operation->kind == REMOVE)
		return 0;
	series = kcalloc(2 * peers, sizeof(*series), GFP_KERNEL);
	if (!series)
		return -ENOMEM;

	if (operation->kind == INSERT)
		err = rounds_in_pairs(tables, threads, series, series + peers) ?:
		      tables_report(tables, operation, threads, series) ?:
		      tables_report(tables, operation + 1, threads, series + peers);
	else
		err = tables_rounds(tables, operation, zipf, threads, series) ?:
		      tables_report(tables, operation, threads, series);
	kfree(series);

	return err;
}

static bool tables_wanted(const struct bench_plan *plan, const struct size *size,
			  const struct operation *operation)
{
	if (size->operations == LOOKUPS && operation->writes)
		return false;
	if (size->operations == SOME && !operation->always)
		return false;
	return bench_wanted(plan, operation->name);
}

static int measure_all(struct bench_tables *tables, const struct size *size,
		       const struct bench_zipf *zipf)
{
	u32 i, threads, all = size->operations == ALL ? tables->threads : 1;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(operations) && !err; i++) {
		if (!tables_wanted(tables->plan, size, &operations[i]))
			continue;
		for (threads = 1; threads <= all && !err;
		     threads += max(1U, all - 1))
			err = tables_measure(tables, &operations[i], zipf, threads);
	}

	return err;
}

/*
 * Free pages count everything, whoever's it is.  What a peer has given back may be
 * freed by a work yet: this waits until the number has stopped to grow.
 */
static u64 free_bytes(void)
{
	struct sysinfo info;
	u32 looks = LOOKS_MAX;
	u64 bytes = 0, last;

	bench_settle();
	do {
		last = bytes;
		if (last)
			msleep(LOOK_MS);
		si_meminfo(&info);
		bytes = (u64)info.freeram * info.mem_unit;
	} while (bytes > last + LOOK_BYTES && looks--);

	return bytes;
}

static int fill_all(struct bench_tables *tables, const struct size *size)
{
	bool memory = size->memory && bench_wanted(tables->plan, memory_name);
	u32 capacity = tables->entries + tables->threads * tables_extra(tables);
	u32 i;
	int err = 0;

	for (i = 0; i < tables->plan->peers && !err; i++) {
		struct bench_what what = {
			.peer = tables->plan->peer[i]->name,
			.operation = memory_name,
			.distribution = "uniform",
			.unit = "bytes",
			.entries = tables->entries,
			.key_size = tables->key_size,
			.threads = 1,
		};
		struct bench_series series = {};
		u64 before = free_bytes();

		/* A table costs least for each entry when it is full. */
		err = bench_tables_fill(tables, i, 0,
					memory ? tables->entries : capacity);
		if (err || !memory || !tables->table[i])
			continue;
		bench_series_add(&series,
				 div_u64((before - free_bytes()) * 1000,
					 tables->entries) -
				 (tables->key_size + BENCH_VALUE_SIZE) * 1000);
		err = bench_result_add(&what, &series);
		bench_tables_empty(tables, i);
		err = err ?: bench_tables_fill(tables, i, 0, capacity);
	}

	return err;
}

static bool any_wanted(const struct bench_plan *plan, const struct size *size)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (tables_wanted(plan, size, &operations[i]))
			return true;
	return size->memory && bench_wanted(plan, memory_name);
}

/**
 * bench_suite_tables() - measure operations in tables of several sizes
 * @plan: how much to do
 *
 * Context: Process.
 * Return: 0 or an errno.
 */
int bench_suite_tables(const struct bench_plan *plan)
{
	u32 i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++) {
		struct bench_zipf *zipf;
		struct bench_tables tables;

		if ((plan->quick && !sizes[i].quick) ||
		    sizes[i].entries > plan->most ||
		    !any_wanted(plan, &sizes[i]))
			continue;
		zipf = bench_zipf_new(sizes[i].entries);
		err = bench_tables_init(&tables, plan, sizes[i].entries,
					sizes[i].key_size, bench_cpus());
		if (!zipf)
			err = -ENOMEM;
		err = err ?: fill_all(&tables, &sizes[i]) ?:
		      measure_all(&tables, &sizes[i], zipf);
		bench_tables_free(&tables);
		bench_zipf_free(zipf);
	}

	return err;
}
