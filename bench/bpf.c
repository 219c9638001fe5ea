// SPDX-License-Identifier: GPL-2.0
/*
 * cmap's system calls beside those of a BPF hash map, in one process, in
 * turns: A B A B...  Absolute times say nothing on an emulated machine; the
 * ratio, taken round by round, says what one costs beside the other.
 *
 * usage: bpf [ENTRIES [ROUNDS]]
 */
#include <bpf/bpf.h>
#include <cmap.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define VALUE_SIZE	64
#define BATCH		256
#define CALLS		20000	/* in a round */
#define ROUNDS_MAX	101

static uint64_t entries = 100000;
static int rounds = 11;

static struct cmap *cmap;
static int bpf;
static struct cmap_batch *batch;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static uint64_t seed = 88172645463325252ULL;

static uint64_t random_key(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % entries;
}

/* ---- what is measured; each does CALLS entries ---- */

static char value[VALUE_SIZE];

static void cmap_lookups(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = random_key();

		check(cmap_get(cmap, &key, sizeof(key), value, sizeof(value),
			       NULL) != VALUE_SIZE, "cmap_get");
	}
}

static void bpf_lookups(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = random_key();

		check(bpf_map_lookup_elem(bpf, &key, value), "bpf lookup");
	}
}

static void cmap_misses(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = entries + random_key();

		check(cmap_get(cmap, &key, sizeof(key), value, sizeof(value),
			       NULL) >= 0, "cmap_get found");
	}
}

static void bpf_misses(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = entries + random_key();

		check(!bpf_map_lookup_elem(bpf, &key, value), "bpf found");
	}
}

static void cmap_updates(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = random_key();

		check(cmap_set(cmap, &key, sizeof(key), value, sizeof(value),
			       NULL), "cmap_set");
	}
}

static void bpf_updates(void)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t key = random_key();

		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf update");
	}
}

static void cmap_inserts(void)
{
	uint64_t key;

	for (key = 2 * entries; key < 2 * entries + CALLS / 2; key++)
		check(cmap_set(cmap, &key, sizeof(key), value, sizeof(value),
			       NULL), "cmap_set");
	for (key = 2 * entries; key < 2 * entries + CALLS / 2; key++)
		check(cmap_delete(cmap, &key, sizeof(key), NULL),
		      "cmap_delete");
}

static void bpf_inserts(void)
{
	uint64_t key;

	for (key = 2 * entries; key < 2 * entries + CALLS / 2; key++)
		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf insert");
	for (key = 2 * entries; key < 2 * entries + CALLS / 2; key++)
		check(bpf_map_delete_elem(bpf, &key), "bpf delete");
}

static uint64_t batch_keys[BATCH];
static char batch_values[BATCH][VALUE_SIZE];

static void cmap_batch_sets(void)
{
	int done, i;

	for (done = 0; done < CALLS; done += BATCH) {
		cmap_batch_reset(batch);
		for (i = 0; i < BATCH; i++) {
			batch_keys[i] = random_key();
			cmap_batch_set(batch, &batch_keys[i], sizeof(uint64_t),
				       batch_values[i], VALUE_SIZE);
		}
		check(cmap_batch_submit(batch, cmap) != BATCH, "cmap batch");
	}
}

static void bpf_batch_sets(void)
{
	uint32_t count;
	int done, i;

	for (done = 0; done < CALLS; done += BATCH) {
		for (i = 0; i < BATCH; i++)
			batch_keys[i] = random_key();
		count = BATCH;
		check(bpf_map_update_batch(bpf, batch_keys, batch_values,
					   &count, NULL), "bpf batch");
	}
}

static void cmap_all(void)
{
	struct cmap_iter *iter = cmap_iter_new(cmap, 0, NULL);
	struct cmap_item item;
	uint64_t seen = 0;

	while (cmap_iter_next(iter, &item) > 0)
		seen++;
	cmap_iter_free(iter);
	check(seen != entries, "cmap range");
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
	check(seen != entries, "bpf batch lookup");
}

/* ---- measuring ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double time_of(void (*fn)(void))
{
	double begin = now();

	fn();
	return now() - begin;
}

static void compare(const char *name, double calls, void (*a)(void),
		    void (*b)(void))
{
	double as[ROUNDS_MAX], bs[ROUNDS_MAX], ratios[ROUNDS_MAX];
	int i;

	a();
	b();
	for (i = 0; i < rounds; i++) {
		as[i] = time_of(a);
		bs[i] = time_of(b);
		ratios[i] = as[i] / bs[i];
	}
	qsort(as, rounds, sizeof(*as), by_size);
	qsort(bs, rounds, sizeof(*bs), by_size);
	qsort(ratios, rounds, sizeof(*ratios), by_size);
	printf("  %-28s %8.0f %8.0f    %5.2f   (%.2f to %.2f)\n", name,
	       as[rounds / 2] / calls * 1e9, bs[rounds / 2] / calls * 1e9,
	       ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
	fflush(stdout);
}

static void fill(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t key;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	cmap = cmap_open(NULL, O_RDWR | O_CREAT, NULL);
	check(!cmap, "cmap_open");
	bpf = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", sizeof(key),
			     VALUE_SIZE, entries * 2, &options);
	check(bpf < 0, "bpf_map_create");
	batch = cmap_batch_new(BATCH);
	check(!batch, "cmap_batch_new");
	for (key = 0; key < entries; key++) {
		check(cmap_set(cmap, &key, sizeof(key), value, sizeof(value),
			       NULL), "cmap_set");
		check(bpf_map_update_elem(bpf, &key, value, BPF_ANY),
		      "bpf update");
	}
}

int main(int argc, char **argv)
{
	struct cmap_info info = { .sz = sizeof(info) };

	if (argc > 1)
		entries = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		rounds = atoi(argv[2]);
	if (argc > 3 || entries < CALLS || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bpf [ENTRIES [ROUNDS]]\n");
		return 2;
	}

	fill();
	check(cmap_info(cmap, &info), "cmap_info");
	printf("  %llu entries of 8 + %d bytes; medians of %d rounds, in turns\n",
	       (unsigned long long)entries, VALUE_SIZE, rounds);
	printf("  cmap takes %.1f bytes for each\n\n",
	       (double)info.bytes / info.entries);
	printf("  %-28s %8s %8s    %5s\n", "ns for one", "cmap", "BPF",
	       "ratio");
	compare("lookup", CALLS, cmap_lookups, bpf_lookups);
	compare("lookup, absent", CALLS, cmap_misses, bpf_misses);
	compare("update", CALLS, cmap_updates, bpf_updates);
	compare("insert and delete", CALLS, cmap_inserts, bpf_inserts);
	compare("update, batch of 256", CALLS, cmap_batch_sets, bpf_batch_sets);
	compare("go through all", entries, cmap_all, bpf_all);

	return 0;
}
