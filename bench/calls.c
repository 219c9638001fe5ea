// SPDX-License-Identifier: GPL-2.0
/*
 * cmap's system calls compared with those of a BPF hash map, in one process, in
 * turns: A B A B...  On an emulated machine absolute times mean nothing.  The
 * ratio, taken round by round, says what one costs compared with the other.
 *
 * usage: calls [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j] [-u UNIT]
 *
 * UNIT is the unit of the clock: ns, unless the machine counts instructions.
 */
#include "bench.h"

#include <bpf/bpf.h>
#include <kcmap.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define VALUE_SIZE	64
#define BATCH		256

static struct kcmap *cmap;
static int bpf;
static struct kcmap_batch *batch;
static const char *unit = "ns";

static uint64_t random_key(void)
{
	return random_below(bench.entries);
}

/* ---- the measured functions; each uses bench.calls entries ---- */

static char value[VALUE_SIZE];

static void cmap_lookups(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = random_key();

		check(kcmap_get(cmap, &key, sizeof(key), value, sizeof(value),
				NULL) != VALUE_SIZE, "kcmap_get");
	}
}

static void bpf_lookups(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = random_key();

		check(bpf_map_lookup_elem(bpf, &key, value), "bpf lookup");
	}
}

static void cmap_misses(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = bench.entries + random_key();

		check(kcmap_get(cmap, &key, sizeof(key), value, sizeof(value),
				NULL) >= 0, "kcmap_get found");
	}
}

static void bpf_misses(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = bench.entries + random_key();

		check(!bpf_map_lookup_elem(bpf, &key, value), "bpf found");
	}
}

static void cmap_updates(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = random_key();

		check(kcmap_set(cmap, &key, sizeof(key), value, sizeof(value),
				NULL), "kcmap_set");
	}
}

static void bpf_updates(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		uint64_t key = random_key();

		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf update");
	}
}

static void cmap_inserts(void)
{
	uint64_t key;

	for (key = 2 * bench.entries; key < 2 * bench.entries + bench.calls / 2; key++)
		check(kcmap_set(cmap, &key, sizeof(key), value, sizeof(value),
				NULL), "kcmap_set");
	for (key = 2 * bench.entries; key < 2 * bench.entries + bench.calls / 2; key++)
		check(kcmap_delete(cmap, &key, sizeof(key), NULL),
		      "kcmap_delete");
}

static void bpf_inserts(void)
{
	uint64_t key;

	for (key = 2 * bench.entries; key < 2 * bench.entries + bench.calls / 2; key++)
		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf insert");
	for (key = 2 * bench.entries; key < 2 * bench.entries + bench.calls / 2; key++)
		check(bpf_map_delete_elem(bpf, &key), "bpf delete");
}

static uint64_t batch_keys[BATCH];
static char batch_values[BATCH][VALUE_SIZE];

static void cmap_batch_sets(void)
{
	size_t done, i;

	for (done = 0; done < bench.calls; done += BATCH) {
		kcmap_batch_reset(batch);
		for (i = 0; i < BATCH; i++) {
			batch_keys[i] = random_key();
			kcmap_batch_set(batch, &batch_keys[i], sizeof(uint64_t),
					batch_values[i], VALUE_SIZE);
		}
		check(kcmap_batch_submit(batch, cmap) != BATCH, "cmap batch");
	}
}

static void bpf_batch_sets(void)
{
	uint32_t count;
	size_t done, i;

	for (done = 0; done < bench.calls; done += BATCH) {
		for (i = 0; i < BATCH; i++)
			batch_keys[i] = random_key();
		count = BATCH;
		check(bpf_map_update_batch(bpf, batch_keys, batch_values,
					   &count, NULL), "bpf batch");
	}
}

static void cmap_all(void)
{
	struct kcmap_range *range = kcmap_range_new(cmap, 0, NULL);
	struct kcmap_item item;
	uint64_t seen = 0;

	while (kcmap_range_next(range, &item) > 0)
		seen++;
	kcmap_range_free(range);
	check(seen != bench.entries, "cmap range");
}

static void bpf_all(void)
{
	uint32_t in, out, count, *from = NULL;
	uint64_t seen = 0;
	int err;

	do {
		count = BATCH;
		err = bpf_map_lookup_batch(bpf, from, &out, batch_keys,
					   batch_values, &count, NULL);
		seen += count;
		in = out;
		from = &in;
	} while (!err);
	check(seen != bench.entries, "bpf batch lookup");
}

/* ---- the same in batches, where BPF has one call for each kind ---- */

static void cmap_batch_gets(void)
{
	size_t done, i;

	for (done = 0; done < bench.calls; done += BATCH) {
		kcmap_batch_reset(batch);
		for (i = 0; i < BATCH; i++) {
			batch_keys[i] = random_key();
			kcmap_batch_get(batch, &batch_keys[i], sizeof(uint64_t),
					batch_values[i], VALUE_SIZE);
		}
		check(kcmap_batch_submit(batch, cmap) != BATCH, "cmap batch");
	}
}

/* ---- measuring ---- */

static double time_of(void (*fn)(void))
{
	double begin = now();

	fn();
	return now() - begin;
}

static void compare(const char *name, double calls, void (*a)(void),
		    void (*b)(void))
{
	const struct what what = {
		.suite = "calls", .peer = "cmap call", .operation = name,
		.distribution = "uniform", .unit = unit, .threads = 1,
	};
	struct pair pair = {};
	int i;

	a();
	b();
	for (i = 0; i < bench.rounds; i++) {
		double time_a = time_of(a) / calls * 1e9;

		pair_add(&pair, time_a, time_of(b) / calls * 1e9);
	}
	pair_print(name, &pair, 0);
	pair_result(&what, "BPF call", "cmap call to BPF call",
		    !strcmp(unit, "ns") ? "ratio" : "ratio of instructions", &pair);
}

/* ---- memory ---- */

static void take_bytes(const char *peer, double bytes)
{
	const struct what what = {
		.suite = "memory", .peer = peer,
		.operation = "beyond key and value", .distribution = "-",
		.unit = "bytes/entry", .threads = 1,
	};

	bytes -= sizeof(uint64_t) + VALUE_SIZE;
	printf("  %s takes %.1f bytes for each entry beyond key and value\n",
	       peer, bytes);
	result_one(&what, bytes);
}

/* The memory of a BPF map, as the kernel reports it. */
static double bpf_bytes(int map)
{
	char path[64], line[128];
	double bytes = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	info = fopen(path, "r");
	check(!info, path);
	while (fgets(line, sizeof(line), info))
		sscanf(line, "memlock: %lf", &bytes);
	fclose(info);
	return bytes;
}

static int bpf_new(uint64_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	int map = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", sizeof(uint64_t),
				 VALUE_SIZE, entries, &options);

	check(map < 0, "bpf_map_create");
	return map;
}

static void compare_memory(void)
{
	struct kcmap_info info = { .sz = sizeof(info) };
	int map = bpf_new(bench.entries);

	check(kcmap_stat(cmap, &info), "kcmap_stat");
	take_bytes("cmap", (double)info.bytes / info.entries);
	/* It was created for exactly this many entries, so it needs no more. */
	take_bytes("BPF", bpf_bytes(map) / bench.entries);
	close(map);
}

/* Print how many nodes of the updates were reused ones. */
static void reuse(void)
{
	struct kcmap_info before = { .sz = sizeof(before) }, after;
	const struct what what = {
		.suite = "memory", .peer = "cmap", .operation = "nodes reused",
		.distribution = "uniform", .unit = "share", .threads = 1,
	};
	double share;

	after = before;
	check(kcmap_stat(cmap, &before), "kcmap_stat");
	cmap_updates();
	check(kcmap_stat(cmap, &after), "kcmap_stat");
	share = (double)(after.reuses - before.reuses) /
		(after.allocs - before.allocs);
	printf("  %.4f of the nodes are reused ones, once it is warm\n",
	       share);
	result_one(&what, share);
}

static void fill(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t key;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	cmap = kcmap_open(NULL, O_RDWR | O_CREAT | KCMAP_O_NO_WINDOW, NULL);
	check(!cmap, "kcmap_open");
	bpf = bpf_new(bench.entries * 2);
	batch = kcmap_batch_new(BATCH);
	check(!batch, "kcmap_batch_new");
	for (key = 0; key < bench.entries; key++) {
		check(kcmap_set(cmap, &key, sizeof(key), value, sizeof(value),
				NULL), "kcmap_set");
		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf update");
	}
}

int main(int argc, char **argv)
{
	int option;

	bench = (struct bench_options){
		.entries = 100000, .value_size = VALUE_SIZE, .rounds = 11,
		.calls = 80 * BATCH,
	};
	while ((option = getopt(argc, argv, BENCH_OPTIONS "u:")) != -1) {
		if (option == 'u')
			unit = optarg;
		else if (bench_option(option, optarg))
			exit(2);
	}
	/* Inserts add entries, and BPF's map has a fixed size. */
	if (optind != argc || bench.entries < bench.calls ||
	    bench.value_size != VALUE_SIZE) {
		fprintf(stderr, "usage: calls [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j] [-u UNIT]\n");
		return 2;
	}

	pin(0);
	fill();
	compare_memory();
	printf("  %llu entries of 8 + %d bytes; medians of %d rounds, in turns\n\n",
	       (unsigned long long)bench.entries, VALUE_SIZE, bench.rounds);
	printf("  %s for one %*s %10s %10s  %6s\n", unit,
	       (int)(21 - strlen(unit)), "", "cmap", "BPF", "ratio");
	compare("get", bench.calls, cmap_lookups, bpf_lookups);
	compare("get, absent", bench.calls, cmap_misses, bpf_misses);
	compare("set", bench.calls, cmap_updates, bpf_updates);
	compare("insert and delete", bench.calls, cmap_inserts, bpf_inserts);
	compare("set, batch of 256", bench.calls, cmap_batch_sets,
		bpf_batch_sets);
	compare("get, batch of 256 to single", bench.calls, cmap_batch_gets,
		bpf_lookups);
	compare("go through all", bench.entries, cmap_all, bpf_all);
	printf("\n");
	reuse();

	return 0;
}
