// SPDX-License-Identifier: GPL-2.0
#include "tables.h"
#include "key.h"
#include "result.h"

#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/**
 * bench_tables_init() - prepare
 * @tables: to be freed in any case
 * @plan: how much to do
 * @entries: in each table
 * @key_size: bytes in a key
 * @threads: most that there will be
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_tables_init(struct bench_tables *tables, const struct bench_plan *plan,
		      u32 entries, u32 key_size, u32 threads)
{
	u32 i;
	int err = 0;

	*tables = (struct bench_tables){
		.plan = plan,
		.entries = entries,
		.key_size = key_size,
		.threads = threads,
	};
	prandom_seed_state(&tables->random, 1);
	tables->script = kcalloc(tables->threads, sizeof(*tables->script),
				 GFP_KERNEL);
	if (!tables->script)
		return -ENOMEM;
	for (i = 0; i < tables->threads && !err; i++)
		err = bench_script_init(&tables->script[i], plan->steps);

	return err;
}

/**
 * bench_tables_fill() - make a peer's table and put the entries in
 * @tables: all peers'
 * @peer: which peer
 * @shards: for cmap
 * @capacity: most entries there will be
 *
 * Context: Process.
 * Return: 0, also where a peer takes no such keys; or an errno.
 */
int bench_tables_fill(struct bench_tables *tables, u32 peer, u32 shards,
		      u32 capacity)
{
	const struct bench_peer *p = tables->plan->peer[peer];
	struct bench_shape shape = {
		.key_size = tables->key_size,
		.capacity = capacity,
		.shards = shards,
	};
	void *table;
	u64 sum = 0;
	u32 i;

	if (p->integers && tables->key_size != 8)
		return 0;
	table = p->create(&shape);
	if (IS_ERR(table))
		return PTR_ERR(table);
	tables->table[peer] = table;

	for (i = 0; i < tables->entries; i++) {
		int err = bench_step(p, table, tables->key_size,
				     BENCH_STEP(BENCH_INSERT, i), 0, &sum);

		if (err)
			return err;
		if (!(i % 1024)) {
			cond_resched();
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	}
	bench_settle();

	return 0;
}

/**
 * bench_tables_empty() - free a peer's table
 * @tables: all peers'
 * @peer: which peer
 *
 * Context: Process.
 */
void bench_tables_empty(struct bench_tables *tables, u32 peer)
{
	if (!tables->table[peer])
		return;
	tables->plan->peer[peer]->destroy(tables->table[peer]);
	tables->table[peer] = NULL;
	bench_settle();
}

/**
 * bench_tables_free() - free all tables and scripts
 * @tables: all peers'
 *
 * Context: Process.
 */
void bench_tables_free(struct bench_tables *tables)
{
	u32 i;

	for (i = 0; i < tables->plan->peers; i++)
		bench_tables_empty(tables, i);
	for (i = 0; tables->script && i < tables->threads; i++)
		bench_script_free(&tables->script[i]);
	kfree(tables->script);
}

/**
 * bench_tables_job() - prepare a job in one peer's table
 * @tables: all peers'
 * @peer: which peer
 * @threads: how many follow their scripts
 *
 * Context: Any.
 * Return: the job, which takes no times of single steps.
 */
struct bench_job bench_tables_job(const struct bench_tables *tables, u32 peer,
				  u32 threads)
{
	return (struct bench_job){
		.peer = tables->plan->peer[peer],
		.table = tables->table[peer],
		.key_size = tables->key_size,
		.threads = threads,
		.script = tables->script,
	};
}

/**
 * bench_tables_result() - add one peer's times to the results
 * @tables: all peers'
 * @peer: which peer
 * @operation: what was measured
 * @distribution: of the keys
 * @threads: how many took part
 * @series: the times, in thousandths of a nanosecond
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_tables_result(const struct bench_tables *tables, u32 peer,
			const char *operation, const char *distribution,
			u32 threads, struct bench_series *series)
{
	struct bench_what what = {
		.peer = tables->plan->peer[peer]->name,
		.operation = operation,
		.distribution = distribution,
		.unit = "ns",
		.entries = tables->entries,
		.key_size = tables->key_size,
		.threads = threads,
	};

	return bench_result_add(&what, series);
}

/**
 * bench_tables_results() - add the times of all peers to the results
 * @tables: all peers'
 * @operation: what was measured
 * @distribution: of the keys
 * @threads: how many took part
 * @series: the times of each peer, in thousandths of a nanosecond
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_tables_results(const struct bench_tables *tables,
			 const char *operation, const char *distribution,
			 u32 threads, struct bench_series *series)
{
	u32 i;
	int err = 0;

	for (i = 0; i < tables->plan->peers && !err; i++)
		err = bench_tables_result(tables, i, operation, distribution,
					  threads, &series[i]);
	return err;
}
