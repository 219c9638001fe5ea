// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a key, compared with an eventfd: from a set to a waiter that runs.
 * Two processes take turns, each wakes the other.  And what waiters for other
 * keys cost a writer.
 *
 * usage: waits [-r ROUNDS] [-n CALLS] [-j] [-w WAITERS] [-u UNIT]
 *
 * UNIT is the unit of the clock: ns, unless the machine counts instructions.
 */
#include "bench.h"

#include <kcmap.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS	1024	/* that the writer uses */

static struct kcmap *map;
static int event[2];
static int waiters = 1000;
static const char *unit = "ns";

/* ---- taking turns: one of two processes ---- */

static uint64_t known;

static void eventfd_wake(int who)
{
	uint64_t one = 1;

	check(write(event[who], &one, sizeof(one)) != sizeof(one), "write");
}

static void eventfd_wait(int who)
{
	uint64_t count;

	check(read(event[who], &count, sizeof(count)) != sizeof(count), "read");
}

static void key_wake(int who)
{
	uint64_t key = key_of(who);

	check(kcmap_set(map, &key, sizeof(key), &key, sizeof(key), NULL),
	      "kcmap_set");
}

static void key_wait(int who)
{
	uint64_t key = key_of(who);

	check(kcmap_wait(map, &key, sizeof(key), &known, -1), "kcmap_wait");
}

static void turns(int who, void (*wake)(int who), void (*wait)(int who))
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		if (who == 0)
			wake(1);
		wait(who);
		if (who == 1)
			wake(0);
	}
}

/* The version of a key that nobody changes now. */
static void learn(int who)
{
	uint64_t key = key_of(who), value;

	key_wake(who);
	check(kcmap_get(map, &key, sizeof(key), &value, sizeof(value),
			&known) < 0, "kcmap_get");
}

/* Seconds from a wake-up to the next one. */
static double time_turns(const int cpu[2], void (*wake)(int who),
			 void (*wait)(int who))
{
	double begin;
	pid_t child;
	int status;

	learn(1);
	child = fork();
	check(child < 0, "fork");
	if (!child) {
		pin(cpu[1]);
		turns(1, wake, wait);
		_exit(0);
	}
	learn(0);
	pin(cpu[0]);
	begin = now();
	turns(0, wake, wait);
	begin = now() - begin;
	check(waitpid(child, &status, 0) != child || status, "waitpid");
	return begin / bench.calls / 2;
}

static void compare_turns(const char *name, int cpu0, int cpu1)
{
	struct pair pair = {};
	const int cpu[2] = { cpu0, cpu1 };
	const struct what what = {
		.suite = "waits", .peer = "cmap", .operation = name,
		.distribution = "-", .unit = unit, .threads = 2,
	};
	int i;

	time_turns(cpu, key_wake, key_wait);
	time_turns(cpu, eventfd_wake, eventfd_wait);
	for (i = 0; i < bench.rounds; i++) {
		double keys = time_turns(cpu, key_wake, key_wait) * 1e9;

		pair_add(&pair, keys, time_turns(cpu, eventfd_wake, eventfd_wait) * 1e9);
	}
	pair_print(name, &pair, 0);
	pair_result(&what, "eventfd", "cmap to eventfd", "ratio", &pair);
}

/* ---- a writer, and those who wait for other keys ---- */

static void *wait_for_other(void *arg)
{
	uint64_t key = key_of(KEYS + (uint64_t)(uintptr_t)arg), version = 0;

	while (!kcmap_wait(map, &key, sizeof(key), &version, -1) || version)
		;
	return NULL;
}

static double time_sets(void)
{
	double begin = now();
	size_t i;

	for (i = 0; i < bench.calls; i++)
		key_wake((int)random_below(KEYS));
	return (now() - begin) / bench.calls;
}

/* Threads of a child that is killed: they need not end by themselves. */
static void start_waiters(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < waiters; i++)
		check(pthread_create(&thread, &attr, wait_for_other,
				     (void *)(uintptr_t)i), "thread");
	sleep(1);
}

/* The same map throughout: it has had waiters, and has none now. */
static void compare_writer(void)
{
	struct pair pair = {};
	const struct what what = {
		.suite = "waits", .peer = "with waiters", .operation = "set",
		.distribution = "uniform", .unit = unit, .threads = 1,
	};
	char name[32];
	int i;

	pin(0);
	for (i = 0; i < bench.rounds; i++) {
		pid_t child = fork_ready(start_waiters);
		double with;

		time_sets();
		with = time_sets() * 1e9;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		time_sets();
		pair_add(&pair, with, time_sets() * 1e9);
	}
	snprintf(name, sizeof(name), "set, %d wait for others", waiters);
	pair_print(name, &pair, 0);
	pair_result(&what, "without waiters", "with to without", "ratio", &pair);
}

int main(int argc, char **argv)
{
	int option;

	bench.rounds = 7;
	bench.calls = 5000;
	while ((option = getopt(argc, argv, BENCH_OPTIONS "w:u:")) != -1) {
		if (option == 'w')
			waiters = atoi(optarg);
		else if (option == 'u')
			unit = optarg;
		else if (bench_option(option, optarg))
			return 2;
	}
	map = kcmap_open(NULL, O_RDWR | O_CREAT | KCMAP_O_NO_WINDOW, NULL);
	check(!map, "kcmap_open");
	event[0] = eventfd(0, 0);
	event[1] = eventfd(0, 0);
	check(event[0] < 0 || event[1] < 0, "eventfd");

	printf("  %-30s %10s %10s  %6s\n", "from a wake-up to the waiter",
	       "cmap", "eventfd", "ratio");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		compare_turns("wake-up on another CPU", 0, 1);
	compare_turns("wake-up on the same CPU", 0, 0);
	printf("  %-30s %10s %10s  %6s\n", "writer", "with", "without",
	       "ratio");
	compare_writer();
	kcmap_close(map);
	return 0;
}
