// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Metrics in the text format of OpenMetrics, which Prometheus also reads.
 */
#include "commands.h"
#include "error.h"
#include "open.h"
#include "output.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A map, and what it says of itself if the caller may ask it. */
struct sample {
	struct kcmap_name_info listed;
	struct kcmap_info info;
	int has_info;
};

struct samples {
	struct sample *all;
	size_t n;
	size_t room;
};

enum kind { GAUGE, COUNTER };

/* A family of metrics: one number of each map. */
static const struct family {
	const char *name;
	const char *unit;	/* that its name ends with, or "" */
	enum kind kind;
	size_t offset;		/* in struct sample */
	size_t size;
	int is_listed;		/* of each map, without asking it */
	const char *help;
} families[] = {
#define LISTED(name, unit, member, help) \
	{ "cmap_map_" name, unit, GAUGE, offsetof(struct sample, listed.member), \
	  sizeof(((struct sample *)0)->listed.member), 1, help }
#define ASKED(name, unit, kind, member, help) \
	{ "cmap_map_" name, unit, kind, offsetof(struct sample, info.member), \
	  sizeof(((struct sample *)0)->info.member), 0, help }
	LISTED("entries", "", entries, "Entries in the map."),
	LISTED("bytes", "bytes", bytes, "Memory that the map uses."),
	LISTED("limit_entries", "", max_entries, "The most entries; 0 for no limit."),
	LISTED("limit_bytes", "bytes", max_bytes, "The most memory; 0 for no limit."),
	ASKED("table_bytes", "bytes", GAUGE, table_bytes, "Memory of its tables."),
	ASKED("buckets", "", GAUGE, buckets, "Buckets of its tables."),
	ASKED("longest_chain", "", GAUGE, longest_chain, "The most buckets that a lookup searches."),
	ASKED("watches", "", GAUGE, watches, "Watches of the map's changes."),
	ASKED("deadlines", "", GAUGE, deadlines, "Entries that have a deadline."),
	ASKED("owners", "", GAUGE, owners, "Descriptors and processes that own entries."),
	ASKED("owned", "", GAUGE, owned, "Entries that have an owner."),
	ASKED("written", "", COUNTER, allocs, "Versions of entries that were written."),
	ASKED("reused", "", COUNTER, reuses, "Of these, on memory that was used before."),
	ASKED("retries", "", COUNTER, retries, "Writes that started over for memory."),
	ASKED("grows", "", COUNTER, grows, "Times that a table began to grow."),
	ASKED("shrinks", "", COUNTER, shrinks, "Times that a table began to shrink."),
	ASKED("expired", "", COUNTER, expired, "Entries that have expired."),
	ASKED("orphaned", "", COUNTER, orphaned, "Entries that were removed with their owner."),
};

static int collect_one(const struct kcmap_name_info *info, void *arg)
{
	struct samples *samples = arg;
	struct sample *sample;
	struct kcmap *map;

	if (samples->n == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 64;
		samples->all = realloc(samples->all, samples->room * sizeof(*samples->all));
		if (!samples->all)
			die("memory");
	}
	sample = &samples->all[samples->n++];
	*sample = (struct sample){ .listed = *info, .info.sz = sizeof(sample->info) };
	sample->listed.name = strdup(info->name);
	if (!sample->listed.name)
		die("memory");
	map = try_open(info->name);
	/* Another map may have got the name meanwhile. */
	sample->has_info = map && !kcmap_stat(map, &sample->info) &&
			   sample->info.id == info->id;
	kcmap_close(map);
	return 0;
}

/* A label is UTF-8, in which \, " and line feeds are escaped.  A name can be anything. */
static void print_label(FILE *out, const char *name)
{
	char *text = escaped(name, strlen(name));
	const char *p;

	for (p = text; *p; p++) {
		if (*p == '\\' || *p == '"')
			putc('\\', out);
		putc(*p, out);
	}
	free(text);
}

static uint64_t number_at(const struct sample *sample, const struct family *family)
{
	const char *at = (const char *)sample + family->offset;
	uint32_t small;
	uint64_t large;

	if (family->size == sizeof(large)) {
		memcpy(&large, at, sizeof(large));
		return large;
	}
	memcpy(&small, at, sizeof(small));
	return small;
}

static void print_head(FILE *out, const char *name, const char *unit, enum kind kind,
		       const char *help)
{
	fprintf(out, "# TYPE %s %s\n", name, kind == GAUGE ? "gauge" : "counter");
	if (*unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

static void print_family(FILE *out, const struct family *family, const struct samples *samples)
{
	size_t i;

	print_head(out, family->name, family->unit, family->kind, family->help);
	for (i = 0; i < samples->n; i++) {
		const struct sample *sample = &samples->all[i];

		if (!family->is_listed && !sample->has_info)
			continue;
		fprintf(out, "%s%s{map=\"", family->name, family->kind == COUNTER ? "_total" : "");
		print_label(out, sample->listed.name);
		fprintf(out, "\"} %" PRIu64 "\n", number_at(sample, family));
	}
}

/* Entries by how late they expired, as a histogram in seconds. */
static void print_lateness(FILE *out, const struct samples *samples)
{
	const char *name = "cmap_map_lateness_seconds";
	size_t i, b;

	fprintf(out, "# TYPE %s histogram\n# UNIT %s seconds\n", name, name);
	fprintf(out, "# HELP %s How long after their deadline entries were removed.\n", name);
	for (i = 0; i < samples->n; i++) {
		const struct sample *sample = &samples->all[i];
		uint64_t sum = 0;

		if (!sample->has_info || !sample->info.expired)
			continue;
		for (b = 0; b < KCMAP_LATENESS_BUCKETS; b++) {
			sum += sample->info.lateness[b];
			fprintf(out, "%s_bucket{map=\"", name);
			print_label(out, sample->listed.name);
			if (b < KCMAP_LATENESS_BUCKETS - 1)
				fprintf(out, "\",le=\"%g\"} %" PRIu64 "\n",
					(double)(1U << b) / 1000, sum);
			else
				fprintf(out, "\",le=\"+Inf\"} %" PRIu64 "\n", sum);
		}
	}
}

static void print_machine(FILE *out, const struct samples *samples)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };
	static const struct {
		const char *name;
		const char *unit;
		const char *help;
	} gauges[] = {
		{ "cmap_maps", "", "Maps of the machine, with and without a name." },
		{ "cmap_limit_maps", "", "The most maps; 0 for no limit." },
		{ "cmap_bytes", "bytes", "Memory that all maps use." },
		{ "cmap_limit_bytes", "bytes", "The most memory; 0 for no limit." },
		{ "cmap_watches", "", "Watches of all users." },
		{ "cmap_owners", "", "Owners of entries, of all users." },
		{ "cmap_limit_owners", "", "The most owners." },
		{ "cmap_unreadable_maps", "", "Maps that this user cannot ask." },
	};
	uint64_t numbers[sizeof(gauges) / sizeof(*gauges)], unreadable = 0;
	size_t i;

	if (kcmap_limits(&usage))
		die("limits");
	for (i = 0; i < samples->n; i++)
		unreadable += !samples->all[i].has_info;
	numbers[0] = usage.all_maps;
	numbers[1] = usage.all_max_maps;
	numbers[2] = usage.all_bytes;
	numbers[3] = usage.all_max_bytes;
	numbers[4] = usage.all_watches;
	numbers[5] = usage.all_owners;
	numbers[6] = usage.all_max_owners;
	numbers[7] = unreadable;
	for (i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
		print_head(out, gauges[i].name, gauges[i].unit, GAUGE, gauges[i].help);
		fprintf(out, "%s %" PRIu64 "\n", gauges[i].name, numbers[i]);
	}
}

void do_metrics(const struct arguments *args)
{
	struct samples samples = { 0 };
	struct output output;
	size_t i;

	if (kcmap_list(collect_one, &samples))
		die("list");
	/* A label stays as it is, whoever runs this.  Another user, node_exporter, reads it. */
	text_is_ascii();
	output_begin(&output, args->textfile, 0644);
	print_machine(output.out, &samples);
	for (i = 0; i < sizeof(families) / sizeof(*families); i++)
		print_family(output.out, &families[i], &samples);
	print_lateness(output.out, &samples);
	fputs("# EOF\n", output.out);
	output_end(&output);
	for (i = 0; i < samples.n; i++)
		free((void *)samples.all[i].listed.name);
	free(samples.all);
}
