// SPDX-License-Identifier: GPL-2.0
/*
 * Reading what has changed, and what writers pay for it.
 *
 * "reads": records of a map's feed, through the window and by a watch, compared with
 * copies of the same bytes from memory to memory, with inotify and with BPF's ring
 * buffer.  The records are there before the clock runs.
 *
 * "writes": see feed_writes.c.
 *
 * usage: feeds [-r ROUNDS] [-n CALLS] [-j] [-u UNIT] reads | writes
 *
 * UNIT is the unit of the clock: ns, unless the machine counts instructions.
 */
#include "bench.h"
#include "feeds.h"

#include <kcmap.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_BYTES	(1U << 20)
#define PAYLOAD_MAX	(FEED_KEY_SIZE + 1024)
#define HEADER		32	/* bytes in a record beside key and value */
#define PIECE		8192

const char *feed_unit = "ns";

/* Of the records that are read. */
static size_t value_size;
static struct kcmap *map;
static struct kcmap_feed *feed;
static struct kcmap_watch *watch;
static uint64_t read_sum;

static void make_records(size_t n)
{
	static char value[PAYLOAD_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t key[2] = { key_of(random_below(256)), 0 };

		check(kcmap_set(map, key, sizeof(key), value, value_size, NULL),
		      "kcmap_set");
	}
}

static void is_set(const struct kcmap_change *change)
{
	check(change->cause != KCMAP_CAUSE_SET, "records are missing");
	read_sum += change->version;
}

static void window_read(size_t n)
{
	struct kcmap_change change;

	while (n--) {
		check(kcmap_feed_next(feed, &change) != 1, "kcmap_feed_next");
		is_set(&change);
	}
}

static void watch_read(size_t n)
{
	struct kcmap_change change;

	while (n--) {
		check(kcmap_watch_next(watch, &change, 0) != 1, "kcmap_watch_next");
		is_set(&change);
	}
}

/* ---- the same bytes, in memory ---- */

static char *memory;
static char copied[2 * PIECE];

static void nothing(size_t n)
{
	(void)n;
}

/* A program that copies each record out of an array, to look at it there. */
static void copy_each(size_t n)
{
	size_t size = HEADER + FEED_KEY_SIZE + value_size, i;

	for (i = 0; i < n; i++) {
		/* Neither the length nor what becomes of the copy is known. */
		__asm__ volatile("" : "+r"(size));
		memcpy(copied + (i * size & (PIECE - 8)), memory + i * size, size);
		__asm__ volatile("" : : "r"(copied) : "memory");
	}
}

static void copy_pieces(size_t n)
{
	size_t bytes = n * (HEADER + FEED_KEY_SIZE + value_size), at, len;

	for (at = 0; at < bytes; at += len) {
		len = bytes - at < PIECE ? bytes - at : PIECE;
		__asm__ volatile("" : "+r"(len));
		memcpy(copied, memory + at, len);
		__asm__ volatile("" : : "r"(copied) : "memory");
	}
}

/* ---- comparing ---- */

static double time_read(const struct feed_peer *peer, size_t n)
{
	double begin;

	peer->make(n);
	begin = now();
	peer->read(n);
	return (now() - begin) / n * 1e9;
}

static void compare(size_t n, const struct feed_peer **peer, unsigned int peers)
{
	static struct series time[8], ratio[8];
	char name[32], both[96];
	struct what what = {
		.suite = "feeds", .operation = name, .distribution = "-",
		.unit = feed_unit, .threads = 1,
	};
	unsigned int i;
	int round;

	memset(time, 0, sizeof(time));
	memset(ratio, 0, sizeof(ratio));
	for (round = -1; round < bench.rounds; round++) {
		for (i = 0; i < peers; i++) {
			double took = time_read(peer[i], n);

			if (round < 0)
				continue;
			series_add(&time[i], took);
			series_add(&ratio[i], time[0].value[round] / took);
		}
	}
	snprintf(name, sizeof(name), "read of %zu bytes", FEED_KEY_SIZE + value_size);
	for (i = 0; i < peers; i++) {
		printf("  %-18s %-24s %10.1f  %7.2f   (%.2f to %.2f)\n", name,
		       peer[i]->name, series_median(&time[i]),
		       1 / series_median(&ratio[i]), 1 / series_max(&ratio[i]),
		       1 / series_min(&ratio[i]));
		what.peer = peer[i]->name;
		what.unit = feed_unit;
		result(&what, &time[i]);
		if (!i)
			continue;
		snprintf(both, sizeof(both), "%s to %s", peer[0]->name, peer[i]->name);
		what.peer = both;
		what.unit = "ratio";
		result(&what, &ratio[i]);
	}
	fflush(stdout);
}

static void open_map(size_t value)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .shards = 1, .feed_bytes = RING_BYTES,
		.feed_value_max = PAYLOAD_MAX,
	};

	value_size = value;
	map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	check(!map, "kcmap_open");
	feed = kcmap_feed_open(map, NULL, NULL, 0);
	watch = kcmap_watch_open(map, NULL, NULL, 0);
	check(!feed || !watch, "kcmap_feed_open");
}

static void reads(size_t value)
{
	/* What each source makes is read by all that read it. */
	static const struct feed_peer by_window = { "window", make_records, window_read };
	static const struct feed_peer by_watch = { "watch, read()", nothing, watch_read };
	static const struct feed_peer each = { "copy of each record", nothing, copy_each };
	static const struct feed_peer pieces = { "copy of 8 KiB at once", nothing, copy_pieces };
	const struct feed_peer *peer[8] = { &by_window, &by_watch, &each, &pieces };
	size_t size = HEADER + FEED_KEY_SIZE + value, n = RING_BYTES / 2 / size;
	unsigned int peers = 4;

	if (bench.calls && n > bench.calls)
		n = bench.calls;
	open_map(value);
	memory = malloc(RING_BYTES);
	check(!memory, "malloc");
	memset(memory, 1, RING_BYTES);
	peer[peers] = feed_inotify();
	peers += !!peer[peers];
	peer[peers] = FEED_KEY_SIZE + value <= 256 ?
		      feed_bpf(FEED_KEY_SIZE + value, RING_BYTES) : NULL;
	peers += !!peer[peers];
	compare(n, peer, peers);
	free(memory);
	kcmap_feed_close(feed);
	kcmap_watch_close(watch);
	kcmap_close(map);
}

int main(int argc, char **argv)
{
	int option;

	bench.rounds = 7;
	bench.calls = 4000;
	while ((option = getopt(argc, argv, BENCH_OPTIONS "u:")) != -1) {
		if (option == 'u')
			feed_unit = optarg;
		else if (bench_option(option, optarg))
			return 2;
	}
	if (optind + 1 == argc && !strcmp(argv[optind], "writes")) {
		feed_writes();
		return 0;
	}
	if (optind + 1 != argc || strcmp(argv[optind], "reads"))
		return 2;
	pin(0);
	printf("  %-18s %-24s %10s  %7s\n", "a record", "", feed_unit, "times");
	reads(8);
	reads(64);
	reads(1024);
	return 0;
}
