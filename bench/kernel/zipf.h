/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers that come as often as Zipf says, with an exponent of 0.99: that of
 * rank i comes as often as i to the power of -0.99 to the first's once.
 */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <linux/prandom.h>
#include <linux/types.h>

/**
 * struct bench_zipf - a distribution
 * @entries: how many ranks
 * @sum: of the weights of rank 0 up to each; that of rank 0 is 2^55
 */
struct bench_zipf {
	u32 entries;
	u64 sum[];
};

#define BENCH_ZIPF_ONE	(1ULL << 55)

struct bench_zipf *bench_zipf_new(u32 entries);
void bench_zipf_free(struct bench_zipf *zipf);
u32 bench_zipf_rank(const struct bench_zipf *zipf, struct rnd_state *random);
u32 bench_zipf_number(const struct bench_zipf *zipf, struct rnd_state *random);

#endif /* BENCH_ZIPF_H */
