// SPDX-License-Identifier: GPL-2.0
/*
 * What writers pay for a feed: a set with one and without, beside watches of other keys,
 * beside readers that stopped and readers that have the feed mapped; and two writers
 * compared with one.
 */
#include "bench.h"
#include "feeds.h"

#include <kcmap.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING_BYTES	65536
#define KEYS		1024
#define WATCHES		1000
#define READERS		100

static struct kcmap *map;

/* Anonymous maps are inherited by fork(). */
static void open_map(uint32_t feed_bytes, uint32_t shards)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = feed_bytes, .shards = shards,
		.feed_value_max = feed_bytes ? 64 : 0,
	};
	int64_t i;

	map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	check(!map, "kcmap_open");
	for (i = 0; i < KEYS; i++) {
		uint64_t key = key_of(i);

		check(kcmap_set(map, &key, 8, &key, 8, NULL), "kcmap_set");
	}
}

/* Seconds for a set of any of the keys. */
static double time_sets(void)
{
	double begin = now();
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = key_of(random_below(KEYS));

		check(kcmap_set(map, &key, 8, &key, 8, NULL), "kcmap_set");
	}
	return (now() - begin) / bench.calls;
}

static void print(const char *name, const char *with, const char *without,
		  const struct pair *pair, int threads)
{
	char both[80];
	const struct what what = {
		.suite = "feeds", .peer = with, .operation = name,
		.distribution = "uniform", .unit = feed_unit, .threads = threads,
	};

	snprintf(both, sizeof(both), "%s to %s", with, without);
	pair_print(with, pair, 0);
	pair_result(&what, without, both, "ratio", pair);
}

/* Time sets, while @with has set up something, and while it has not. */
static void compare(const char *name, void (*with)(void), void (*without)(void))
{
	struct pair pair = {};
	int round;

	for (round = -1; round < bench.rounds; round++) {
		double with_it, without_it;

		with();
		time_sets();
		with_it = time_sets() * 1e9;
		without();
		time_sets();
		without_it = time_sets() * 1e9;
		if (round >= 0)
			pair_add(&pair, with_it, without_it);
	}
	print("set", name, "without", &pair, 1);
}

/* ---- the feed itself ---- */

static void make_feed(void)
{
	open_map(RING_BYTES, 0);
}

static void make_no_feed(void)
{
	kcmap_close(map);
	open_map(0, 0);
}

static void compare_feed(void)
{
	struct pair pair = {};
	int round;

	for (round = 0; round < bench.rounds; round++) {
		double with_it;

		make_feed();
		time_sets();
		with_it = time_sets() * 1e9;
		make_no_feed();
		time_sets();
		pair_add(&pair, with_it, time_sets() * 1e9);
		kcmap_close(map);
	}
	print("set", "a feed", "no feed", &pair, 1);
}

/* ---- watches of other keys ---- */

static struct kcmap_watch *watch[WATCHES];

static void make_watches(void)
{
	int i;

	for (i = 0; i < WATCHES; i++) {
		uint64_t key = key_of(KEYS + (uint64_t)i);
		struct kcmap_key keys = { &key, 8 };
		struct kcmap_filter filter = { KCMAP_FILTER_KEYS, 1, &keys };

		watch[i] = kcmap_watch_open(map, &filter, NULL, 0);
		check(!watch[i], "kcmap_watch_open");
	}
}

static void end_watches(void)
{
	int i;

	for (i = 0; i < WATCHES; i++)
		kcmap_watch_close(watch[i]);
}

/* ---- readers with a window ---- */

static pid_t reader[READERS];

/* Each has read from the window, and so has mapped it. */
static void read_window(void)
{
	struct kcmap_feed *feed = kcmap_feed_open(map, NULL, NULL, 0);
	struct kcmap_change change;

	check(!feed || kcmap_feed_next(feed, &change) < 0, "feed");
}

static void make_readers(void)
{
	int i;

	for (i = 0; i < READERS; i++)
		reader[i] = fork_ready(read_window);
}

static void make_stopped(void)
{
	int i, status;

	make_readers();
	for (i = 0; i < READERS; i++) {
		kill(reader[i], SIGSTOP);
		waitpid(reader[i], &status, WUNTRACED);
	}
}

static void end_readers(void)
{
	int i;

	for (i = 0; i < READERS; i++) {
		kill(reader[i], SIGKILL);
		waitpid(reader[i], NULL, 0);
	}
}

/* ---- two writers ---- */

/* Keys of one shard, or of all. */
static uint64_t chosen[2][KEYS];

static void choose_keys(bool apart)
{
	uint64_t next = 0, version;
	int count[2] = {}, who;

	while (count[0] < KEYS || count[1] < KEYS) {
		uint64_t key = key_of(next++);

		check(kcmap_set(map, &key, 8, &key, 8, &version), "kcmap_set");
		who = apart ? version % 2 : next % 2;
		if (count[who] < KEYS)
			chosen[who][count[who]++] = key;
	}
}

static void write_chosen(int who)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = chosen[who][random_below(KEYS)];

		check(kcmap_set(map, &key, 8, &key, 8, NULL), "kcmap_set");
	}
}

/* Sets in a second, of one or two writers that begin together. */
static double rate_of(int writers)
{
	unsigned int *go = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin, took;
	int status, who;
	pid_t child = 0;

	check(go == MAP_FAILED, "mmap");
	for (who = writers - 1; who > 0; who--) {
		child = fork();
		check(child < 0, "fork");
		if (child)
			continue;
		pin(who);
		__atomic_store_n(go, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(go, __ATOMIC_SEQ_CST) != 2)
			;
		write_chosen(who);
		_exit(0);
	}
	while (child && !__atomic_load_n(go, __ATOMIC_SEQ_CST))
		;
	begin = now();
	__atomic_store_n(go, 2, __ATOMIC_SEQ_CST);
	write_chosen(0);
	if (child)
		check(waitpid(child, &status, 0) != child || status, "waitpid");
	took = now() - begin;
	munmap(go, 4096);
	return writers * bench.calls / took;
}

static void compare_writers(const char *name, uint32_t feed_bytes, bool apart)
{
	struct pair pair = {};
	int round;

	open_map(feed_bytes, 2);
	choose_keys(apart);
	rate_of(2);
	for (round = 0; round < bench.rounds; round++) {
		double one = rate_of(1);

		pair_add(&pair, rate_of(2), one);
	}
	print("sets a second", name, "one writer", &pair, 2);
	kcmap_close(map);
}

void feed_writes(void)
{
	struct rlimit files = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &files);
	pin(0);
	printf("  %-30s %10s %10s  %6s\n", "a set", "with", "without", "ratio");
	compare_feed();
	open_map(RING_BYTES, 0);
	compare("1000 watches of other keys", make_watches, end_watches);
	compare("100 readers that stopped", make_stopped, end_readers);
	compare("100 readers with a window", make_readers, end_readers);
	kcmap_close(map);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	printf("  %-30s %10s %10s  %6s\n", "sets a second", "two", "one", "ratio");
	compare_writers("two writers, each its shard", RING_BYTES, true);
	compare_writers("two writers, the same keys", RING_BYTES, false);
	compare_writers("two writers, no feed, each its", 0, true);
	compare_writers("two writers, no feed, the same", 0, false);
}
