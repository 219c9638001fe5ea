// SPDX-License-Identifier: GPL-2.0
/*
 * How soon the entries of a process that is killed are invisible: until a reader of the
 * window finds the last of them absent, and its death is reported.  Beside the same of a
 * process that owns none.  And what an owner costs: a set with one beside a set, and a get.
 *
 * usage: owners [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j]
 *
 * ENTRIES is the largest number that a process owns.
 */
#include "bench.h"

#include <kcmap.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE_SIZE	64
#define BAR_MS		1.0

static const char name[] = "bench-owners";
static struct kcmap *map;
static uint64_t owned;			/* by the child */
static char value[VALUE_SIZE];

static void set_owned(struct kcmap *own, uint64_t n, uint32_t flags)
{
	uint64_t key = key_of(n);
	const struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_SET,
		.flags = flags, .key = &key, .key_len = sizeof(key),
		.value = value, .value_len = VALUE_SIZE,
	};

	check(kcmap_write(own, &command, NULL), "kcmap_write");
}

/* ---- kills ---- */

static void begin_child(void)
{
	struct kcmap *own = kcmap_open(name, O_RDWR, NULL);
	uint64_t n;

	check(!own, "kcmap_open");
	for (n = 0; n < owned; n++)
		set_owned(own, n, KCMAP_WRITE_OWNED);
}

static int is_there(uint64_t n)
{
	uint64_t key = key_of(n);
	char got[VALUE_SIZE];

	return kcmap_get(map, &key, sizeof(key), got, sizeof(got), NULL) >= 0;
}

/* One kill: milliseconds until all is invisible, and the death reported. */
static double kill_one(void)
{
	pid_t child = fork_ready(begin_child);
	double begin;

	check(owned && (!is_there(0) || !is_there(owned - 1)), "entries");
	begin = now();
	kill(child, SIGKILL);
	while (owned && (is_there(0) || is_there(owned - 1)))
		;
	waitpid(child, NULL, 0);
	begin = (now() - begin) * 1000;
	check(owned && (is_there(0) || kcmap_count(map)), "invisible");
	return begin;
}

static void print_kills(const struct series *bare, const struct series *with,
			uint64_t entries)
{
	char operation[64];
	struct what what = {
		.suite = "owners", .peer = "cmap", .operation = operation,
		.distribution = "", .unit = "ms", .threads = 1,
	};
	double later = series_median(with) - series_median(bare);

	printf("  %9llu entries  %8.3f ms, slowest %8.3f; more than with none %8.3f, bar %.1f: %s\n",
	       (unsigned long long)entries, series_median(with),
	       series_max(with), later, BAR_MS, later <= BAR_MS ? "met" : "missed");
	snprintf(operation, sizeof(operation), "kill to invisible, %llu entries",
		 (unsigned long long)entries);
	result(&what, with);
	snprintf(operation, sizeof(operation), "kill to invisible, %llu entries, more than with none",
		 (unsigned long long)entries);
	result_one(&what, later);
}

static void kills(void)
{
	const uint64_t entries[] = { 0, 10, bench.entries };
	struct series series[3] = {};
	int round, i;

	/* In turns, as the machine is not equally fast all the time. */
	for (round = 0; round < bench.rounds; round++) {
		for (i = 0; i < 3; i++) {
			owned = entries[i];
			series_add(&series[i], kill_one());
		}
	}
	printf("From a kill until a reader finds nothing, and the death is reported:\n");
	printf("  %9d entries  %8.3f ms, slowest %8.3f\n", 0,
	       series_median(&series[0]), series_max(&series[0]));
	print_kills(&series[0], &series[1], entries[1]);
	print_kills(&series[0], &series[2], entries[2]);
}

/* ---- costs ---- */

static double set_all(uint32_t flags)
{
	double begin = now();
	size_t i;

	for (i = 0; i < bench.calls; i++)
		set_owned(map, i, flags);
	return (now() - begin) * 1e9 / bench.calls;
}

static double get_all(void)
{
	double begin = now();
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(!is_there(i), "kcmap_get");
	return (now() - begin) * 1e9 / bench.calls;
}

static void costs(void)
{
	struct series set[2] = {}, get[2] = {};
	struct what what = {
		.suite = "owners", .peer = "with to without", .unit = "ratio",
		.distribution = "", .threads = 1,
	};
	int round, i;

	for (round = 0; round < bench.rounds; round++) {
		for (i = 0; i < 2; i++) {
			uint32_t flags = i ? KCMAP_WRITE_OWNED : 0;

			set_all(flags);
			series_add(&set[i], set_all(flags));
			get_all();
			series_add(&get[i], get_all());
		}
	}
	printf("An owner: set %.0f ns, without %.0f; get %.0f ns, without %.0f\n",
	       series_median(&set[1]), series_median(&set[0]),
	       series_median(&get[1]), series_median(&get[0]));
	what.operation = "set";
	result_one(&what, series_median(&set[1]) / series_median(&set[0]));
	what.operation = "get";
	result_one(&what, series_median(&get[1]) / series_median(&get[0]));
}

int main(int argc, char **argv)
{
	int option;

	bench = (struct bench_options){
		.entries = 100000, .value_size = VALUE_SIZE, .rounds = 21,
		.calls = 20480,
	};
	while ((option = getopt(argc, argv, BENCH_OPTIONS)) != -1)
		if (bench_option(option, optarg))
			return 2;
	kcmap_unlink(name);
	map = kcmap_open(name, O_RDWR | O_CREAT, NULL);
	check(!map, "kcmap_open");
	kills();
	costs();
	kcmap_unlink(name);
	kcmap_close(map);
	return 0;
}
