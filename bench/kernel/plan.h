/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who takes part in a run, and how much is measured.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "peer.h"

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

int bench_plan_peers(struct bench_plan *plan, const char *wanted);
bool bench_wanted(const struct bench_plan *plan, const char *operation);

#endif /* BENCH_PLAN_H */
