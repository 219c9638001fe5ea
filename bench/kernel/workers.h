/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Worker threads, one pinned to each of some CPUs, that follow scripts.
 */
#ifndef BENCH_WORKERS_H
#define BENCH_WORKERS_H

#include "draw.h"
#include "peer.h"

struct bench_histogram;

/**
 * struct bench_job - what worker threads are to do
 * @peer: the kind of table
 * @table: the table
 * @key_size: bytes in its keys
 * @threads: how many threads; those beyond the last CPU begin with the first again
 * @script: what each of them does
 * @histogram: takes the times of each one's steps; or NULL
 * @writes_now_and_then: another thread, beside the first, replaces some of so
 *	many entries each millisecond; 0 for none
 * @bursts: scripts have many steps of an operation in a row: time these apart
 * @ns: out: from the first's beginning to the last's end
 * @steps: out: of all together
 * @op_ns: out: with @bursts, what each thread's steps of an operation took, added
 *	up
 * @op_steps: out: with @bursts, how many these are
 */
struct bench_job {
	const struct bench_peer *peer;
	void *table;
	u32 key_size;
	u32 threads;
	const struct bench_script *script;
	struct bench_histogram **histogram;
	u32 writes_now_and_then;
	bool bursts;
	u64 ns;
	u64 steps;
	u64 op_ns[BENCH_OPS];
	u64 op_steps[BENCH_OPS];
};

u32 bench_cpus(void);
int bench_workers_run(struct bench_job *job);
int bench_step(const struct bench_peer *peer, void *table, u32 key_size,
	       u32 step, u32 salt, u64 *sum);
void bench_settle(void);

#endif /* BENCH_WORKERS_H */
