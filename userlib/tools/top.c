// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The maps of the machine, again and again, those that are written most first.
 */
#include "clock.h"
#include "commands.h"
#include "error.h"
#include "json.h"
#include "number.h"
#include "open.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct column columns[] = {
	{ "ENTRIES", 1 }, { "BYTES", 1 }, { "CHANGE/S", 1 }, { "WRITES/S", 1 },
	{ "EXPIRED/S", 1 }, { "WATCHES", 1 }, { "NAME", 0 },
};

#define N_COLUMNS	(sizeof(columns) / sizeof(*columns))

/* A map at one moment. */
struct look {
	char *name;
	uint64_t id;
	uint64_t entries;
	uint64_t bytes;
	uint64_t writes;
	uint64_t expired;
	uint32_t watches;
	int has_info;		/* whether the three above are known */
	double writes_rate;
	double expired_rate;
	double bytes_rate;
};

struct looks {
	struct look *all;
	size_t n;
	size_t room;
	uint64_t time;
};

static int look_at(const struct kcmap_name_info *listed, void *arg)
{
	struct looks *looks = arg;
	struct kcmap_info info = { .sz = sizeof(info) };
	struct look *look;
	struct kcmap *map;

	if (looks->n == looks->room) {
		looks->room = looks->room ? 2 * looks->room : 64;
		looks->all = realloc(looks->all, looks->room * sizeof(*looks->all));
		if (!looks->all)
			die("memory");
	}
	look = &looks->all[looks->n++];
	*look = (struct look){
		.name = strdup(listed->name), .id = listed->id,
		.entries = listed->entries, .bytes = listed->bytes,
	};
	if (!look->name)
		die("memory");
	map = try_open(listed->name);
	if (map && !kcmap_stat(map, &info) && info.id == listed->id) {
		look->has_info = 1;
		look->writes = info.allocs;
		look->expired = info.expired;
		look->watches = info.watches;
	}
	kcmap_close(map);
	return 0;
}

static void look_at_all(struct looks *looks)
{
	looks->n = 0;
	looks->time = clock_now();
	if (kcmap_list(look_at, looks))
		die("list");
}

static void forget_names(struct looks *looks)
{
	while (looks->n)
		free(looks->all[--looks->n].name);
}

static int by_writes(const void *a, const void *b)
{
	const struct look *one = a, *other = b;

	if (one->writes_rate != other->writes_rate)
		return one->writes_rate < other->writes_rate ? 1 : -1;
	if (one->bytes != other->bytes)
		return one->bytes < other->bytes ? 1 : -1;
	return strcmp(one->name, other->name);
}

static void find_rates(struct looks *now, const struct looks *before)
{
	double seconds = (double)(now->time - before->time) / 1e9;
	size_t i, j;

	for (i = 0; i < now->n; i++) {
		struct look *look = &now->all[i];

		for (j = 0; j < before->n && before->all[j].id != look->id; j++)
			;
		if (j == before->n)
			continue;
		look->bytes_rate = ((double)look->bytes - (double)before->all[j].bytes) / seconds;
		if (!look->has_info || !before->all[j].has_info)
			continue;
		look->writes_rate = (double)(look->writes - before->all[j].writes) / seconds;
		look->expired_rate = (double)(look->expired - before->all[j].expired) / seconds;
	}
	qsort(now->all, now->n, sizeof(*now->all), by_writes);
}

static void print_json(const struct look *look)
{
	struct json_object *record = json_record("rates");

	json_add_bytes(record, "name", TYPE_TEXT, look->name, strlen(look->name));
	json_add_number(record, "id", look->id);
	json_add_number(record, "entries", look->entries);
	json_add_number(record, "bytes", look->bytes);
	json_add_real(record, "bytes_change", look->bytes_rate);
	if (look->has_info) {
		json_add_real(record, "writes", look->writes_rate);
		json_add_real(record, "expired", look->expired_rate);
		json_add_number(record, "watches", look->watches);
	}
	json_print(stdout, record);
}

static void add_line(struct libscols_table *table, const struct look *look)
{
	char entries[NUMBER_SIZE], bytes[NUMBER_SIZE], change[NUMBER_SIZE], size[NUMBER_SIZE];
	char writes[32] = "-", expired[32] = "-", watches[16] = "-";
	double rate = look->bytes_rate < 0 ? -look->bytes_rate : look->bytes_rate;
	char *name = escaped(look->name, strlen(look->name));

	if (look->has_info) {
		snprintf(writes, sizeof(writes), "%.0f", look->writes_rate);
		snprintf(expired, sizeof(expired), "%.0f", look->expired_rate);
		snprintf(watches, sizeof(watches), "%u", look->watches);
	}
	snprintf(change, sizeof(change), "%s%.24s", look->bytes_rate <= -1 ? "-" : "",
		 format_size(size, (uint64_t)rate, 1));
	table_add(table, N_COLUMNS, (const char *[]) {
			format_size(entries, look->entries, 0),
			format_size(bytes, look->bytes, 1),
			change, writes, expired, watches, name,
		  });
	free(name);
}

/* As many maps as a terminal has lines for; elsewhere all. */
static size_t most_lines(const struct arguments *args)
{
	struct winsize size;

	if (given(args, JSON) || !isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 4)
		return SIZE_MAX;
	return size.ws_row - 3U;
}

static void print_looks(const struct arguments *args, const struct looks *looks)
{
	struct libscols_table *table = NULL;
	size_t i, most = most_lines(args);

	if (!given(args, JSON)) {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		table = table_new(columns, N_COLUMNS);
	}
	for (i = 0; i < looks->n && i < most; i++) {
		if (table)
			add_line(table, &looks->all[i]);
		else
			print_json(&looks->all[i]);
	}
	if (table) {
		table_print(table);
		printf("%zu maps with a name\n", looks->n);
	}
	if (fflush(stdout) || ferror(stdout))
		die_printing();
}

void do_top(const struct arguments *args)
{
	struct looks two[2] = { { 0 } };
	uint64_t n = 0;

	look_at_all(&two[0]);
	do {
		struct looks *before = &two[n % 2], *now = &two[(n + 1) % 2];

		clock_sleep(args->interval ? args->interval : KCMAP_SECOND);
		look_at_all(now);
		find_rates(now, before);
		print_looks(args, now);
		forget_names(before);
		n++;
	} while (n != args->limit);
	forget_names(&two[n % 2]);
	free(two[0].all);
	free(two[1].all);
}
