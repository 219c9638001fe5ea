/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of all peers, filled alike, in which threads take turns.
 */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include "plan.h"
#include "workers.h"

struct bench_series;

/**
 * struct bench_tables - tables of all peers
 * @plan: how much to do
 * @entries: in each table
 * @key_size: bytes in a key
 * @table: each peer's; NULL where it takes no such keys
 * @threads: what scripts there are for
 * @script: for each thread
 * @random: what they are drawn from
 */
struct bench_tables {
	const struct bench_plan *plan;
	u32 entries;
	u32 key_size;
	void *table[BENCH_PEERS_MAX];
	u32 threads;
	struct bench_script *script;
	struct rnd_state random;
};

int bench_tables_init(struct bench_tables *tables, const struct bench_plan *plan,
		      u32 entries, u32 key_size, u32 threads);
int bench_tables_fill(struct bench_tables *tables, u32 peer, u32 shards,
		      u32 capacity);
void bench_tables_empty(struct bench_tables *tables, u32 peer);
void bench_tables_free(struct bench_tables *tables);
struct bench_job bench_tables_job(const struct bench_tables *tables, u32 peer,
				  u32 threads);
int bench_tables_result(const struct bench_tables *tables, u32 peer,
			const char *operation, const char *distribution,
			u32 threads, struct bench_series *series);
int bench_tables_results(const struct bench_tables *tables,
			 const char *operation, const char *distribution,
			 u32 threads, struct bench_series *series);

#endif /* BENCH_TABLES_H */
