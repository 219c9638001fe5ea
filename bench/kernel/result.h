/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was measured: the rounds of a measurement, and the list of all.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <linux/types.h>

struct seq_file;

#define BENCH_ROUNDS_MAX	31

/* Values are in thousandths of their unit. */
struct bench_series {
	u32 count;
	u64 value[BENCH_ROUNDS_MAX];
};

/**
 * struct bench_what - what was measured
 * @peer: the kind of table
 * @operation: what it did
 * @distribution: of keys
 * @unit: of the numbers
 * @entries: in the table
 * @key_size: bytes in a key
 * @threads: at once
 */
struct bench_what {
	const char *peer;
	const char *operation;
	const char *distribution;
	const char *unit;
	u32 entries;
	u32 key_size;
	u32 threads;
};

void bench_series_add(struct bench_series *series, u64 value);

int bench_result_add(const struct bench_what *what,
		     struct bench_series *series);
void bench_result_show(struct seq_file *file);
void bench_result_clear(void);

#endif /* BENCH_RESULT_H */
