// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A quick look at what this machine does: how long operations take on a map of 10,000
 * entries, and whether what is read is what was written.
 */
#include "clock.h"
#include "commands.h"
#include "error.h"
#include "json.h"
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES		10000
#define VALUE		64
#define GROUP		64

struct bench {
	struct kcmap *map;		/* read through the window, if it can be */
	struct kcmap *calls;		/* read by system calls */
	struct kcmap_batch *batch;
	uint64_t next;			/* the next key */
	char values[GROUP][VALUE];
	uint32_t keys[GROUP];
};

static void bench_fail(const char *what)
{
	if (!errno)
		die_because(what, "it did not return what was written");
	die(what);
}

static uint32_t next_key(struct bench *bench)
{
	/* 7919 is prime to the number of entries, so each key has its turn. */
	bench->next = (bench->next + 7919) % ENTRIES;
	return (uint32_t)bench->next;
}

static void make_value(char value[VALUE], uint32_t key)
{
	memset(value, (int)(key % 251), VALUE);
	memcpy(value, &key, sizeof(key));
}

static void set_one(struct bench *bench)
{
	uint32_t key = next_key(bench);
	char value[VALUE];

	make_value(value, key);
	if (kcmap_set(bench->map, &key, sizeof(key), value, VALUE, NULL))
		bench_fail("set");
}

static void get_from(struct kcmap *map, struct bench *bench)
{
	uint32_t key = next_key(bench);
	char value[VALUE], want[VALUE];

	errno = 0;
	make_value(want, key);
	if (kcmap_get(map, &key, sizeof(key), value, VALUE, NULL) != VALUE ||
	    memcmp(value, want, VALUE))
		bench_fail("get");
}

static void get_one(struct bench *bench)
{
	get_from(bench->map, bench);
}

static void get_by_call(struct bench *bench)
{
	get_from(bench->calls, bench);
}

static void get_absent(struct bench *bench)
{
	uint32_t key = ENTRIES + next_key(bench);

	errno = 0;
	if (kcmap_get(bench->map, &key, sizeof(key), NULL, 0, NULL) >= 0 || errno != ENOENT)
		bench_fail("get of no key");
}

static void get_many(struct bench *bench)
{
	struct kcmap_lookup lookups[GROUP] = { { 0 } };
	char want[VALUE];
	unsigned int i;

	for (i = 0; i < GROUP; i++) {
		bench->keys[i] = next_key(bench);
		lookups[i].key = &bench->keys[i];
		lookups[i].key_len = sizeof(bench->keys[i]);
		lookups[i].buf = bench->values[i];
		lookups[i].size = VALUE;
	}
	errno = 0;
	if (kcmap_get_many(bench->map, lookups, GROUP) != GROUP)
		bench_fail("get of many");
	for (i = 0; i < GROUP; i++) {
		make_value(want, bench->keys[i]);
		if (memcmp(want, bench->values[i], VALUE))
			bench_fail("get of many");
	}
}

static void set_many(struct bench *bench)
{
	unsigned int i;

	kcmap_batch_reset(bench->batch);
	for (i = 0; i < GROUP; i++) {
		bench->keys[i] = next_key(bench);
		make_value(bench->values[i], bench->keys[i]);
		kcmap_batch_set(bench->batch, &bench->keys[i], sizeof(bench->keys[i]),
				bench->values[i], VALUE);
	}
	if (kcmap_batch_submit(bench->batch, bench->map) != GROUP)
		bench_fail("batch");
}

static void add_one(struct bench *bench)
{
	if (kcmap_add(bench->map, "n", 1, 1, 0, NULL, NULL))
		bench_fail("add");
}

static const struct measurement {
	const char *name;
	void (*run)(struct bench *bench);
	unsigned int keys;	/* in each run */
} measurements[] = {
	{ "set", set_one, 1 },
	{ "set of 64 in a batch", set_many, GROUP },
	{ "get", get_one, 1 },
	{ "get of 64 at once", get_many, GROUP },
	{ "get of an absent key", get_absent, 1 },
	{ "get by system call", get_by_call, 1 },
	{ "add", add_one, 1 },
};

#define N_MEASUREMENTS	(sizeof(measurements) / sizeof(*measurements))

/* Nanoseconds for a key.  Each part is long enough for the clock not to count. */
static double bench_measure(struct bench *bench, const struct measurement *what, uint64_t time)
{
	uint64_t begin = clock_now(), end, n = 0;
	unsigned int i;

	do {
		for (i = 0; i < 100; i++)
			what->run(bench);
		n += 100;
		end = clock_now();
	} while (end - begin < time);
	return (double)(end - begin) / (double)(n * what->keys);
}

static void bench_begin(struct bench *bench)
{
	struct kcmap_options options = { .sz = sizeof(options) };
	int fd;
	unsigned int i;

	bench->map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	if (!bench->map)
		die_opening("an anonymous map");
	/* Another handle of the same map. */
	fd = fcntl(kcmap_fd(bench->map), F_DUPFD_CLOEXEC, 0);
	setenv("KCMAP_NO_WINDOW", "1", 1);
	bench->calls = fd < 0 ? NULL : kcmap_from_fd(fd);
	bench->batch = kcmap_batch_new(GROUP);
	if (!bench->calls || !bench->batch)
		die("an anonymous map");
	for (i = 0; i < ENTRIES; i++)
		set_one(bench);
}

void do_bench(const struct arguments *args)
{
	static const struct column columns[] = {
		{ "OPERATION", 0 }, { "NS", 1 }, { "A SECOND", 1 },
	};
	struct bench *bench = calloc(1, sizeof(*bench));
	struct libscols_table *table = NULL;
	char each[32], rate[32];
	size_t i;

	if (!bench)
		die("memory");
	bench_begin(bench);
	if (!given(args, JSON))
		table = table_new(columns, 3);
	for (i = 0; i < N_MEASUREMENTS; i++) {
		double ns = bench_measure(bench, &measurements[i],
					  args->seconds ? args->seconds : KCMAP_SECOND / 5);

		snprintf(each, sizeof(each), "%.0f", ns);
		snprintf(rate, sizeof(rate), "%.0f", 1e9 / ns);
		if (table) {
			table_add(table, 3, (const char *[]) { measurements[i].name, each, rate });
		} else {
			struct json_object *record = json_record("measurement");

			json_add_text(record, "operation", measurements[i].name);
			json_add_real(record, "nanoseconds", ns);
			json_print(stdout, record);
		}
	}
	if (table)
		table_print(table);
	kcmap_batch_free(bench->batch);
	kcmap_close(bench->calls);
	kcmap_close(bench->map);
	free(bench);
}
