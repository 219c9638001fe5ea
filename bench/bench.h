/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmarks share: time, keys, rounds, and how results come out.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ROUNDS_MAX	101

/* Options that all programs have; each sets its own defaults first. */
struct bench_options {
	uint64_t entries;
	size_t value_size;
	int rounds;
	size_t calls;		/* in a round */
	int json;		/* print results for machines, too */
};

extern struct bench_options bench;

/* Takes one of -e ENTRIES -v BYTES -r ROUNDS -n CALLS -j; 0 if it did. */
#define BENCH_OPTIONS "e:v:r:n:j"
int bench_option(int option, const char *arg);

double now(void);
void check(int failed, const char *what);
void pin(int cpu);

/* The nth key: spread over all 64 bits, so that order tells nothing. */
uint64_t key_of(uint64_t n);

/* Uniform, and quick: it is in the loops that are measured. */
uint64_t random_below(uint64_t n);
void random_seed(uint64_t seed);

/* What was measured, one number for each round. */
struct series {
	double value[ROUNDS_MAX];
	int count;
};

static inline void series_add(struct series *series, double value)
{
	if (series->count < ROUNDS_MAX)
		series->value[series->count++] = value;
}

double series_median(const struct series *series);
double series_min(const struct series *series);
double series_max(const struct series *series);

/* Where a number belongs. */
struct what {
	const char *suite;
	const char *peer;
	const char *operation;
	const char *distribution;
	const char *unit;
	int threads;
};

/* One line of JSON, if they are wanted. */
void result(const struct what *what, const struct series *series);
void result_one(const struct what *what, double value);

#endif /* BENCH_H */
