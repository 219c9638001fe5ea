/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often an operation took how long, to one part in 32.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <linux/types.h>

#define BENCH_HISTOGRAM_BITS	5

struct bench_histogram {
	u64 total;
	u64 max;
	u32 count[(64 - BENCH_HISTOGRAM_BITS + 1) << BENCH_HISTOGRAM_BITS];
};

void bench_histogram_add(struct bench_histogram *histogram, u64 value);
u64 bench_histogram_at(const struct bench_histogram *histogram, u32 share);

#endif /* BENCH_HISTOGRAM_H */
