// SPDX-License-Identifier: GPL-2.0-or-later
#include "properties.h"
#include "clock.h"
#include "commands.h"
#include "error.h"
#include "json.h"
#include "number.h"
#include "open.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of struct kcmap_info, in the order in which they are printed. */
static const struct property {
	const char *name;
	size_t offset;
	enum { NUMBER32, NUMBER64, SIZE32, SIZE64 } kind;
} limits[] = {
#define PROPERTY(name, kind)	{ #name, offsetof(struct kcmap_info, name), kind }
	PROPERTY(shards, NUMBER32),
	PROPERTY(max_entries, NUMBER64),
	PROPERTY(max_bytes, SIZE64),
	PROPERTY(feed_bytes, SIZE32),
	PROPERTY(feed_value_max, SIZE32),
	PROPERTY(watches, NUMBER32),
}, counts[] = {
	PROPERTY(owners, NUMBER64),
	PROPERTY(owned, NUMBER64),
	PROPERTY(orphaned, NUMBER64),
	PROPERTY(deadlines, NUMBER64),
	PROPERTY(expired, NUMBER64),
}, contents[] = {
	PROPERTY(entries, NUMBER64),
	PROPERTY(bytes, SIZE64),
	PROPERTY(table_bytes, SIZE64),
	PROPERTY(buckets, NUMBER64),
	PROPERTY(longest_chain, NUMBER32),
	PROPERTY(grows, NUMBER64),
	PROPERTY(shrinks, NUMBER64),
	PROPERTY(allocs, NUMBER64),
	PROPERTY(reuses, NUMBER64),
	PROPERTY(retries, NUMBER64),
};

#define COUNT_OF(array)	(sizeof(array) / sizeof(*(array)))

static uint64_t number_of(const struct kcmap_info *info, const struct property *property)
{
	const char *at = (const char *)info + property->offset;
	uint32_t small;
	uint64_t large;

	if (property->kind == NUMBER64 || property->kind == SIZE64) {
		memcpy(&large, at, sizeof(large));
		return large;
	}
	memcpy(&small, at, sizeof(small));
	return small;
}

static void print_line(const char *name, const char *value)
{
	char label[32];

	snprintf(label, sizeof(label), "%s:", name);
	printf("%-14s %s\n", label, value);
}

/* With @before and @seconds, also how much a number has changed a second. */
static void print_numbers(const struct property *property, size_t n,
			  const struct kcmap_info *info, const struct kcmap_info *before,
			  double seconds, int human)
{
	char text[NUMBER_SIZE], line[2 * NUMBER_SIZE + 8];
	int64_t change;

	for (; n--; property++) {
		format_size(text, number_of(info, property), human &&
			    (property->kind == SIZE32 || property->kind == SIZE64));
		change = before ? (int64_t)(number_of(info, property) -
					    number_of(before, property)) : 0;
		if (change)
			snprintf(line, sizeof(line), "%s (%+.0f/s)", text,
				 (double)change / seconds);
		else
			snprintf(line, sizeof(line), "%s", text);
		print_line(property->name, line);
	}
}

/* How many entries expired less than so many milliseconds after their deadline. */
static void print_lateness(const struct kcmap_info *info)
{
	unsigned int i;

	printf("lateness:     ");
	for (i = 0; i < KCMAP_LATENESS_BUCKETS - 1; i++)
		if (info->lateness[i])
			printf(" <%ums:%" PRIu64, 1U << i, info->lateness[i]);
	if (info->lateness[i])
		printf(" later:%" PRIu64, info->lateness[i]);
	putchar('\n');
}

static void print_properties(const struct kcmap_info *info, const struct kcmap_info *before,
			     double seconds, int human)
{
	char text[2 * NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRIu64, info->id);
	print_line("id", text);
	snprintf(text, sizeof(text), "%04o", (unsigned int)info->mode);
	print_line("mode", text);
	snprintf(text, sizeof(text), "%u:%u", info->uid, info->gid);
	print_line("owner", text);
	print_line("key_max", format_size(text, info->key_max, human));
	print_line("value_max", format_size(text, info->value_max, human));
	if (*info->description) {
		char *description = escaped(info->description, strlen(info->description));

		print_line("description", description);
		free(description);
	}
	print_line("window", info->flags & KCMAP_NO_WINDOW ? "no" : "yes");
	print_line("wipe", info->flags & KCMAP_WIPE ? "yes" : "no");
	print_numbers(limits, COUNT_OF(limits), info, NULL, 1, human);
	print_line("default_ttl", format_time(text, info->default_ttl));
	print_numbers(counts, COUNT_OF(counts), info, before, seconds, human);
	print_lateness(info);
	print_numbers(contents, COUNT_OF(contents), info, before, seconds, human);
}

static void add_numbers(struct json_object *record, const struct property *property, size_t n,
			const struct kcmap_info *info)
{
	for (; n--; property++)
		json_add_number(record, property->name, number_of(info, property));
}

/* The record of a map that has the name, or none. */
struct json_object *properties_record(const char *name, const struct kcmap_info *info)
{
	struct json_object *record = json_record("map");
	char text[32];
	unsigned int i;

	if (name)
		json_add_bytes(record, "name", TYPE_TEXT, name, strlen(name));
	json_add_number(record, "id", info->id);
	snprintf(text, sizeof(text), "%04o", (unsigned int)info->mode);
	json_add_text(record, "mode", text);
	json_add_number(record, "uid", info->uid);
	json_add_number(record, "gid", info->gid);
	json_add_bytes(record, "description", TYPE_TEXT, info->description,
		       strlen(info->description));
	json_add_number(record, "key_max", info->key_max);
	json_add_number(record, "value_max", info->value_max);
	json_add_truth(record, "fixed_key", info->flags & KCMAP_FIXED_KEY);
	json_add_truth(record, "fixed_value", info->flags & KCMAP_FIXED_VALUE);
	json_add_truth(record, "window", !(info->flags & KCMAP_NO_WINDOW));
	json_add_truth(record, "wipe", info->flags & KCMAP_WIPE);
	add_numbers(record, limits, COUNT_OF(limits), info);
	json_add_seconds(record, "default_ttl", info->default_ttl);
	add_numbers(record, counts, COUNT_OF(counts), info);
	for (i = 0; i < KCMAP_LATENESS_BUCKETS; i++) {
		if (i == KCMAP_LATENESS_BUCKETS - 1)
			snprintf(text, sizeof(text), "late_more");
		else
			snprintf(text, sizeof(text), "late_%ums", 1U << i);
		json_add_number(record, text, info->lateness[i]);
	}
	add_numbers(record, contents, COUNT_OF(contents), info);
	return record;
}

void do_stat(const struct arguments *args)
{
	struct kcmap *map = open_own(args->argv[1]);
	struct kcmap_info info, before;
	char *name = unescape_name(args->argv[1]);
	uint64_t n = 0, time = clock_now(), last;

	do {
		if (n)
			clock_sleep(args->interval);
		stat_map(map, args->argv[1], &info);
		last = time;
		time = clock_now();
		if (given(args, JSON)) {
			json_print(stdout, properties_record(name, &info));
		} else {
			if (n)
				putchar('\n');
			print_properties(&info, n ? &before : NULL, (double)(time - last) / 1e9,
					 given(args, HUMAN));
		}
		if (fflush(stdout) || ferror(stdout))
			die_printing();
		before = info;
		n++;
	} while (given(args, WATCH) && n != args->limit);
	free(name);
	kcmap_close(map);
}
