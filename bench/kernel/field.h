/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of all peers, filled alike, in which threads take turns.
 */
#ifndef BENCH_FIELD_H
#define BENCH_FIELD_H

#include "crew.h"
#include "suite.h"

/**
 * struct bench_field - tables of all peers
 * @plan: how much to do
 * @entries: in each table
 * @key_size: bytes in a key
 * @table: each peer's; NULL where it takes no such keys
 * @threads: what scripts there are for
 * @script: for each thread
 * @random: what they are drawn from
 */
struct bench_field {
	const struct bench_plan *plan;
	u32 entries;
	u32 key_size;
	void *table[BENCH_PEERS_MAX];
	u32 threads;
	struct bench_script *script;
	struct rnd_state random;
};

int bench_field_init(struct bench_field *field, const struct bench_plan *plan,
		     u32 entries, u32 key_size, u32 threads);
int bench_field_fill(struct bench_field *field, u32 peer, u32 shards,
		     u32 capacity);
void bench_field_empty(struct bench_field *field, u32 peer);
void bench_field_free(struct bench_field *field);

#endif /* BENCH_FIELD_H */
