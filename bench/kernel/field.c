// SPDX-License-Identifier: GPL-2.0
#include "field.h"
#include "key.h"

#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/**
 * bench_field_init() - prepare
 * @field: to be freed in any case
 * @plan: how much to do
 * @entries: in each table
 * @key_size: bytes in a key
 * @threads: most that there will be
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_field_init(struct bench_field *field, const struct bench_plan *plan,
		     u32 entries, u32 key_size, u32 threads)
{
	u32 i;
	int err = 0;

	*field = (struct bench_field){
		.plan = plan,
		.entries = entries,
		.key_size = key_size,
		.threads = threads,
	};
	prandom_seed_state(&field->random, 1);
	field->script = kcalloc(field->threads, sizeof(*field->script),
				GFP_KERNEL);
	if (!field->script)
		return -ENOMEM;
	for (i = 0; i < field->threads && !err; i++)
		err = bench_script_init(&field->script[i], plan->steps);

	return err;
}

/**
 * bench_field_fill() - make a peer's table and put the entries in
 * @field: the field
 * @peer: which peer
 * @shards: for cmap
 * @capacity: most entries there will be
 *
 * Context: Process.
 * Return: 0, also where a peer takes no such keys; or an errno.
 */
int bench_field_fill(struct bench_field *field, u32 peer, u32 shards,
		     u32 capacity)
{
	const struct bench_peer *p = field->plan->peer[peer];
	struct bench_shape shape = {
		.key_size = field->key_size,
		.capacity = capacity,
		.shards = shards,
	};
	void *table;
	u64 sum = 0;
	u32 i;

	if (p->integers && field->key_size != 8)
		return 0;
	table = p->create(&shape);
	if (IS_ERR(table))
		return PTR_ERR(table);
	field->table[peer] = table;

	for (i = 0; i < field->entries; i++) {
		int err = bench_step(p, table, field->key_size,
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
 * bench_field_empty() - free a peer's table
 * @field: the field
 * @peer: which peer
 *
 * Context: Process.
 */
void bench_field_empty(struct bench_field *field, u32 peer)
{
	if (!field->table[peer])
		return;
	field->plan->peer[peer]->destroy(field->table[peer]);
	field->table[peer] = NULL;
	bench_settle();
}

/**
 * bench_field_free() - free all tables and scripts
 * @field: the field
 *
 * Context: Process.
 */
void bench_field_free(struct bench_field *field)
{
	u32 i;

	for (i = 0; i < field->plan->peers; i++)
		bench_field_empty(field, i);
	for (i = 0; field->script && i < field->threads; i++)
		bench_script_free(&field->script[i]);
	kfree(field->script);
}
