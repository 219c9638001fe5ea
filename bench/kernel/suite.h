/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What there is to measure.
 */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "peer.h"
#include "result.h"

#define BENCH_PEERS_MAX		16

/**
 * struct bench_plan - how much to do
 * @peer: who takes part
 * @peers: how many
 * @rounds: of each measurement, after one that does not count
 * @steps: of each thread in a round
 * @most: entries in the largest table
 * @busy: other processes have the host's CPUs half of the time: measure only what
 *	suffers from that
 * @quick: leave out what takes long
 * @only: only operations whose name has this in it; "" for all
 */
struct bench_plan {
	const struct bench_peer *peer[BENCH_PEERS_MAX];
	u32 peers;
	u32 rounds;
	u32 steps;
	u32 most;
	bool busy;
	bool quick;
	const char *only;
};

int bench_check(const struct bench_plan *plan);
int bench_tables(const struct bench_plan *plan);
int bench_scaling(const struct bench_plan *plan);
int bench_growth(const struct bench_plan *plan);
int bench_writers(const struct bench_plan *plan);

bool bench_wanted(const struct bench_plan *plan, const char *operation);

#endif /* BENCH_SUITE_H */
