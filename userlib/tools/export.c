// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing all entries of a map to a file, without loss: in the format of mdb_dump(1), or
 * as JSON.
 */
#include "commands.h"
#include "entry.h"
#include "error.h"
#include "export.h"
#include "json.h"
#include "number.h"
#include "open.h"
#include "output.h"
#include "properties.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER(name, size)	{ #name, offsetof(struct kcmap_options, name), size, 0 }
#define FLAG(name, flag)	{ #name, 0, 0, flag }

const struct exported exported[] = {
	NUMBER(mode, sizeof(mode_t)),
	NUMBER(key_max, 4),
	NUMBER(value_max, 4),
	NUMBER(shards, 4),
	NUMBER(max_entries, 8),
	NUMBER(max_bytes, 8),
	NUMBER(feed_bytes, 4),
	NUMBER(feed_value_max, 4),
	NUMBER(default_ttl, 8),
	FLAG(fixed_key, KCMAP_FIXED_KEY),
	FLAG(fixed_value, KCMAP_FIXED_VALUE),
	FLAG(no_window, KCMAP_NO_WINDOW),
	FLAG(wipe, KCMAP_WIPE),
	{ NULL, 0, 0, 0 },
};

/* The options with which the map can be made again. */
static struct kcmap_options options_of(const struct kcmap_info *info)
{
	return (struct kcmap_options){
		.sz = sizeof(struct kcmap_options), .flags = info->flags,
		.key_max = info->key_max, .value_max = info->value_max,
		.shards = info->shards, .max_entries = info->max_entries,
		.max_bytes = info->max_bytes, .mode = info->mode,
		.feed_bytes = info->feed_bytes, .feed_value_max = info->feed_value_max,
		.default_ttl = info->default_ttl,
	};
}

uint64_t exported_get(const struct kcmap_options *options, const struct exported *it)
{
	const char *at = (const char *)options + it->offset;
	uint32_t small = 0;
	uint64_t large = 0;

	if (it->flag)
		return !!(options->flags & it->flag);
	if (it->size == sizeof(large)) {
		memcpy(&large, at, sizeof(large));
		return large;
	}
	memcpy(&small, at, sizeof(small));
	return small;
}

/* ---- text ---- */

/* Two digits for each byte that is not printable, whatever the locale is. */
static void print_dump(FILE *out, const unsigned char *p, size_t len)
{
	putc(' ', out);
	for (; len--; p++) {
		if (*p == '\\')
			fputs("\\\\", out);
		else if (*p < ' ' || *p >= 0x7f)
			fprintf(out, "\\%02x", *p);
		else
			putc(*p, out);
	}
	putc('\n', out);
}

/* mdb_load(1) passes over lines that it does not know. */
static void print_header(FILE *out, const char *name, const struct kcmap_info *info)
{
	const struct kcmap_options options = options_of(info);
	const struct exported *it;

	fputs("VERSION=3\nformat=print\ntype=btree\n", out);
	fputs("cmap_name=", out);
	print_dump(out, (const unsigned char *)name, strlen(name));
	for (it = exported; it->name; it++)
		if (exported_get(&options, it))
			fprintf(out, "cmap_%s=%" PRIu64 "\n", it->name,
				exported_get(&options, it));
	if (*info->description) {
		fputs("cmap_description=", out);
		print_dump(out, (const unsigned char *)info->description,
			   strlen(info->description));
	}
	fputs("HEADER=END\n", out);
}

static void print_text(FILE *out, const struct arguments *args, const struct entry *entry)
{
	if (entry->deadline && !given(args, NO_TTL))
		fprintf(out, "cmap_ttl=%" PRIu64 "\n", time_left(entry->deadline));
	print_dump(out, entry->key, entry->key_len);
	print_dump(out, entry->value, entry->value_len);
}

/* ---- both ---- */

static void print_one(FILE *out, const struct arguments *args, struct entry *entry)
{
	/* It has expired meanwhile. */
	if (entry->deadline && !time_left(entry->deadline))
		return;
	if (!given(args, JSON)) {
		print_text(out, args, entry);
		return;
	}
	if (given(args, NO_TTL))
		entry->deadline = 0;
	json_print(out, entry_record("entry", args, entry));
}

static uint64_t print_entries(FILE *out, const struct arguments *args, struct kcmap *map,
			      uint64_t all)
{
	struct kcmap_range *range = kcmap_range_new(map, 0, NULL);
	struct progress progress;
	struct kcmap_item item;
	uint64_t n = 0;
	int more;

	if (!range)
		die(args->argv[1]);
	progress_begin(&progress, all, args->argc < 3);
	while ((more = kcmap_range_next(range, &item)) > 0) {
		struct entry entry = { item.key, item.key_len, item.value, item.value_len,
				       0, item.deadline };

		print_one(out, args, &entry);
		progress_at(&progress, n < all ? n : all, n);
		n++;
		if (ferror(out))
			break;
	}
	progress_end(&progress);
	if (more < 0)
		die(args->argv[1]);
	kcmap_range_free(range);
	return n;
}

void do_export(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	char *name = unescape_name(args->argv[1]);
	struct json_object *end;
	struct output output;
	struct kcmap_info info;
	uint64_t n;

	stat_map(map, args->argv[1], &info);
	output_begin(&output, args->argc > 2 ? args->argv[2] : NULL, info.mode);
	if (given(args, JSON))
		json_print(output.out, properties_record(name, &info));
	else
		print_header(output.out, name, &info);
	n = print_entries(output.out, args, map, info.entries);
	if (given(args, JSON)) {
		end = json_record("end");
		json_add_number(end, "entries", n);
		json_print(output.out, end);
	} else {
		fputs("DATA=END\n", output.out);
	}
	output_end(&output);
	free(name);
	kcmap_close(map);
}
