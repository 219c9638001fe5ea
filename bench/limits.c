// SPDX-License-Identifier: GPL-2.0
/*
 * Two promises of cmap: writers do not wait while a map grows, and readers on
 * more CPUs read more, with a writer at work.
 *
 * usage: limits [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j] [-u UNIT] growth
 *        limits [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j] readers
 */
#include "bench.h"

#include <kcmap.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE_SIZE	64
#define NAME		"bench-limits"

static const char *unit = "ns";
static struct kcmap *map;

static void set(uint64_t n)
{
	uint64_t value[VALUE_SIZE / 8] = { key_of(n) };

	check(kcmap_set(map, value, 8, value, sizeof(value), NULL), "kcmap_set");
}

static void map_new(int flags)
{
	kcmap_unlink(NAME);
	map = kcmap_open(NAME, O_RDWR | O_CREAT | flags, NULL);
	check(!map, "kcmap_open");
	kcmap_unlink(NAME);
}

/* ---- writes while the map grows ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Time each write of entries [from, to).  Returns what 1 in 10,000 exceeds. */
static double slow_write(uint64_t from, uint64_t to)
{
	double *times = malloc((to - from) * sizeof(*times)), slow;
	uint64_t n;

	check(!times, "malloc");
	for (n = from; n < to; n++) {
		double begin = now();

		set(n);
		times[n - from] = (now() - begin) * 1e9;
	}
	qsort(times, to - from, sizeof(*times), by_size);
	slow = times[(to - from) / 10000 * 9999 + (to - from) % 10000];
	free(times);
	return slow;
}

static void growth(void)
{
	struct series grows = {}, calm = {}, ratios = {};
	struct what what = {
		.suite = "limits", .distribution = "uniform", .threads = 1,
		.peer = "cmap call", .unit = unit,
	};
	int i;

	for (i = 0; i < bench.rounds; i++) {
		/* All entries are new, and tables double all the time... */
		map_new(KCMAP_O_NO_WINDOW);
		series_add(&grows, slow_write(0, bench.entries));
		/*
		 * ... and then the same writes, when the tables have their
		 * size.
		 */
		sleep(2);
		series_add(&calm, slow_write(0, bench.entries));
		series_add(&ratios, grows.value[i] / calm.value[i]);
		kcmap_close(map);
	}
	what.operation = "slowest write of 10 000, growing";
	result(&what, &grows);
	what.operation = "slowest write of 10 000";
	result(&what, &calm);
	what.operation = "slowest write of 10 000, growing to not";
	what.unit = "ratio";
	result(&what, &ratios);
	printf("  1 write in 10 000 takes longer than %.0f %s while the map grows to %llu entries,\n  %.0f when it has them: %.2f (%.2f to %.2f)\n",
	       series_median(&grows), unit,
	       (unsigned long long)bench.entries, series_median(&calm),
	       series_median(&ratios), series_min(&ratios),
	       series_max(&ratios));
}

/* ---- readers on one CPU and on two, beside a writer ---- */

static struct shared {
	pthread_barrier_t barrier;
	double seconds[2];
} *shared;

static void write_now_and_then(void)
{
	for (;;) {
		set(random_below(bench.entries));
		usleep(5000);
	}
}

static void read_all(int me)
{
	uint64_t value[VALUE_SIZE / 8], key;
	double begin = 0;
	size_t i;

	pin(me);
	random_seed(me);
	for (i = 0; i < bench.calls + bench.calls / 10; i++) {
		if (i == bench.calls / 10) {
			pthread_barrier_wait(&shared->barrier);
			begin = now();
		}
		key = key_of(random_below(bench.entries));
		check(kcmap_get(map, &key, 8, value, sizeof(value), NULL) !=
		      VALUE_SIZE || value[0] != key, "kcmap_get");
	}
	shared->seconds[me] = now() - begin;
	_exit(0);
}

/* Reads a second by that many readers. */
static double rate(int readers)
{
	pthread_barrierattr_t attr;
	pid_t reader[2];
	double sum = 0;
	int i, status;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->barrier, &attr, readers);
	fflush(stdout);
	for (i = 0; i < readers; i++) {
		reader[i] = fork();
		if (!reader[i])
			read_all(i);
	}
	for (i = 0; i < readers; i++) {
		waitpid(reader[i], &status, 0);
		if (status)
			exit(1);
		sum += bench.calls / shared->seconds[i];
	}
	return sum;
}

static void beside_writer(void)
{
	struct what what = {
		.suite = "limits", .distribution = "uniform",
		.peer = "cmap window",
	};
	struct series series[2] = {}, ratios = {};
	double one, two;
	pid_t writer;
	uint64_t n;
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(shared == MAP_FAILED, "mmap");
	map_new(0);
	for (n = 0; n < bench.entries; n++)
		set(n);
	fflush(stdout);
	writer = fork();
	if (!writer)
		write_now_and_then();
	for (i = 0; i < bench.rounds; i++) {
		one = rate(1);
		two = rate(2);
		series_add(&series[0], 1e9 / one);
		series_add(&series[1], 1e9 / two);
		series_add(&ratios, two / one);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	for (i = 0; i < 2; i++) {
		what.operation = "get, beside a writer";
		what.unit = "ns";
		what.threads = i + 1;
		result(&what, &series[i]);
	}
	what.operation = "get, beside a writer, 2 readers to 1";
	what.unit = "times";
	result(&what, &ratios);
	printf("  beside a writer, two readers on two CPUs read %.2f times as much as one (%.2f to %.2f)\n",
	       series_median(&ratios), series_min(&ratios),
	       series_max(&ratios));
}

int main(int argc, char **argv)
{
	int option;

	bench = (struct bench_options){
		.entries = 200000, .value_size = VALUE_SIZE, .rounds = 5,
		.calls = 1000000,
	};
	while ((option = getopt(argc, argv, BENCH_OPTIONS "u:")) != -1) {
		if (option == 'u')
			unit = optarg;
		else if (bench_option(option, optarg))
			exit(2);
	}
	if (optind + 1 == argc && !strcmp(argv[optind], "growth"))
		growth();
	else if (optind + 1 == argc && !strcmp(argv[optind], "readers"))
		beside_writer();
	else
		return 2;
	return 0;
}
