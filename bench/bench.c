// SPDX-License-Identifier: GPL-2.0
#include "bench.h"

#include <json-c/json.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct bench_options bench;

int bench_option(int option, const char *arg)
{
	switch (option) {
	case 'e':
		bench.entries = strtoull(arg, NULL, 0);
		return 0;
	case 'v':
		bench.value_size = strtoull(arg, NULL, 0);
		return 0;
	case 'r':
		bench.rounds = atoi(arg);
		if (bench.rounds < 1 || bench.rounds > ROUNDS_MAX) {
			fprintf(stderr, "1 to %d rounds\n", ROUNDS_MAX);
			exit(2);
		}
		return 0;
	case 'n':
		bench.calls = strtoull(arg, NULL, 0);
		return 0;
	case 'j':
		bench.json = 1;
		return 0;
	}
	return -1;
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* On a machine with fewer CPUs the process stays where it is. */
	sched_setaffinity(0, sizeof(set), &set);
}

pid_t fork_ready(void (*begin)(void))
{
	int ready[2];
	pid_t child;
	char c;

	check(pipe(ready), "pipe");
	child = fork();
	check(child < 0, "fork");
	if (!child) {
		begin();
		check(write(ready[1], "", 1) != 1, "write");
		for (;;)
			pause();
	}
	check(read(ready[0], &c, 1) != 1, "read");
	close(ready[0]);
	close(ready[1]);
	return child;
}

uint64_t key_of(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebULL;
	return n ^ n >> 31;
}

static uint64_t state = 88172645463325252ULL;

void random_seed(uint64_t seed)
{
	state = key_of(seed + 1) | 1;
}

uint64_t random_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

/* ---- results ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double nth(const struct series *series, int n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, series->value, sizeof(sorted));
	qsort(sorted, series->count, sizeof(*sorted), by_size);
	return sorted[n];
}

double series_median(const struct series *series)
{
	return nth(series, series->count / 2);
}

double series_min(const struct series *series)
{
	return nth(series, 0);
}

double series_max(const struct series *series)
{
	return nth(series, series->count - 1);
}

static void add_number(struct json_object *object, const char *name,
		       double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", value);
	json_object_object_add(object, name,
			       json_object_new_double_s(value, text));
}

static void add_text(struct json_object *object, const char *name,
		     const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

void result(const struct what *what, const struct series *series)
{
	struct json_object *object;

	if (!bench.json)
		return;
	object = json_object_new_object();
	add_text(object, "suite", what->suite);
	add_text(object, "peer", what->peer);
	add_text(object, "operation", what->operation);
	json_object_object_add(object, "entries",
			       json_object_new_uint64(bench.entries));
	json_object_object_add(object, "key_size", json_object_new_int(8));
	json_object_object_add(object, "value_size",
			       json_object_new_uint64(bench.value_size));
	json_object_object_add(object, "threads",
			       json_object_new_int(what->threads));
	add_text(object, "distribution", what->distribution);
	add_text(object, "unit", what->unit);
	add_number(object, "median", series_median(series));
	add_number(object, "min", series_min(series));
	add_number(object, "max", series_max(series));
	json_object_object_add(object, "rounds",
			       json_object_new_int(series->count));
	/* The mark separates it from the text for people. */
	printf("@%s\n", json_object_to_json_string_ext(object,
						       JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(object);
}

void result_one(const struct what *what, double value)
{
	const struct series series = { .value = { value }, .count = 1 };

	result(what, &series);
}

void pair_print(const char *name, const struct pair *pair, double bar)
{
	printf("  %-30s %10.1f %10.1f  %6.3f   (%.3f to %.3f)", name,
	       series_median(&pair->a), series_median(&pair->b),
	       series_median(&pair->ratio), series_min(&pair->ratio),
	       series_max(&pair->ratio));
	if (bar > 0)
		printf("  bar %g%s", bar,
		       series_median(&pair->ratio) > bar ? " MISSED" : "");
	printf("\n");
	fflush(stdout);
}

void pair_result(const struct what *what, const char *b, const char *ratio,
		 const char *ratio_unit, const struct pair *pair)
{
	struct what other = *what;

	result(what, &pair->a);
	other.peer = b;
	result(&other, &pair->b);
	other.peer = ratio;
	other.unit = ratio_unit;
	result(&other, &pair->ratio);
}
