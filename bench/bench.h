/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for all benchmarks: time, keys, rounds, and printing of results.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define ROUNDS_MAX	101

/* Options of all programs; each program sets its own defaults first. */
struct bench_options {
	uint64_t entries;
	size_t value_size;
	int rounds;
	size_t calls;		/* in a round */
	int json;		/* print results as JSON, too */
};

extern struct bench_options bench;

/* Parse one of -e ENTRIES -v BYTES -r ROUNDS -n CALLS -j; 0 on success. */
#define BENCH_OPTIONS "e:v:r:n:j"
int bench_option(int option, const char *arg);

double now(void);
void check(int failed, const char *what);
void pin(int cpu);

/*
 * Fork a child that calls @begin, and then waits to be killed.  Returns when
 * @begin has returned there.
 */
pid_t fork_ready(void (*begin)(void));

/* The nth key.  Keys are spread over all 64 bits, in no order. */
uint64_t key_of(uint64_t n);

/* Uniform, and fast, because it is called within measured loops. */
uint64_t random_below(uint64_t n);
void random_seed(uint64_t seed);

/* The results of a measurement, one number for each round. */
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

/* What a number is a result of. */
struct what {
	const char *suite;
	const char *peer;
	const char *operation;
	const char *distribution;
	const char *unit;
	int threads;
};

/* Print one line of JSON, if that was asked for. */
void result(const struct what *what, const struct series *series);
void result_one(const struct what *what, double value);

/* Times of two things that are measured in turn, and the ratio of each two. */
struct pair {
	struct series a;
	struct series b;
	struct series ratio;
};

static inline void pair_add(struct pair *pair, double a, double b)
{
	series_add(&pair->a, a);
	series_add(&pair->b, b);
	series_add(&pair->ratio, a / b);
}

/* Print a row with the medians.  If there is a bar, say whether the ratio is above it. */
void pair_print(const char *name, const struct pair *pair, double bar);

/* Print the results: @what is that of @a; @b and the ratio have other peers. */
void pair_result(const struct what *what, const char *b, const char *ratio,
		 const char *ratio_unit, const struct pair *pair);

#endif /* BENCH_H */
