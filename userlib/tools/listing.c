// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that list all maps, and what they may use.
 */
#include "commands.h"
#include "error.h"
#include "json.h"
#include "number.h"
#include "table.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
	{ "MODE", 0 }, { "OWNER", 0 }, { "GROUP", 0 }, { "ENTRIES", 1 }, { "BYTES", 1 },
	{ "NAME", 0 },
};

#define N_COLUMNS	(sizeof(columns) / sizeof(*columns))

struct listing {
	struct libscols_table *table;
	int human;
};

static void list_json(const struct kcmap_name_info *info)
{
	struct json_object *record = json_record("map");
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned int)info->mode);
	json_add_bytes(record, "name", TYPE_TEXT, info->name, strlen(info->name));
	json_add_number(record, "id", info->id);
	json_add_text(record, "mode", mode);
	json_add_number(record, "uid", info->uid);
	json_add_number(record, "gid", info->gid);
	json_add_truth(record, "window", !(info->flags & KCMAP_NO_WINDOW));
	json_add_truth(record, "wipe", info->flags & KCMAP_WIPE);
	json_add_number(record, "max_entries", info->max_entries);
	json_add_number(record, "max_bytes", info->max_bytes);
	json_add_number(record, "entries", info->entries);
	json_add_number(record, "bytes", info->bytes);
	json_print(stdout, record);
}

static int list_one(const struct kcmap_name_info *info, void *arg)
{
	const struct listing *listing = arg;
	const struct passwd *user = getpwuid(info->uid);
	const struct group *group = getgrgid(info->gid);
	char mode[8], uid[12], gid[12], entries[NUMBER_SIZE], bytes[NUMBER_SIZE];
	char *name;

	if (!listing->table) {
		list_json(info);
		return 0;
	}
	/* Any user may have made the map, with any bytes in its name. */
	name = escaped(info->name, strlen(info->name));
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)info->mode);
	snprintf(uid, sizeof(uid), "%u", info->uid);
	snprintf(gid, sizeof(gid), "%u", info->gid);
	table_add(listing->table, N_COLUMNS, (const char *[]) {
			mode, user ? user->pw_name : uid, group ? group->gr_name : gid,
			format_size(entries, info->entries, 0),
			format_size(bytes, info->bytes, listing->human), name,
		  });
	free(name);
	return 0;
}

/* Add what the list cannot show: anonymous maps, and other namespaces'. */
static void print_total(const struct arguments *args)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };
	struct json_object *record;
	char bytes[NUMBER_SIZE];

	if (kcmap_limits(&usage))
		die("limits");
	if (given(args, JSON)) {
		record = json_record("total");
		json_add_number(record, "maps", usage.all_maps);
		json_add_number(record, "bytes", usage.all_bytes);
		json_print(stdout, record);
		return;
	}
	printf("all %u maps, with and without a name: %s bytes\n", usage.all_maps,
	       format_size(bytes, usage.all_bytes, given(args, HUMAN)));
}

void do_list(const struct arguments *args)
{
	struct listing listing = { NULL, given(args, HUMAN) };

	if (!given(args, JSON))
		listing.table = table_new(columns, N_COLUMNS);
	if (kcmap_list(list_one, &listing))
		die("list");
	if (listing.table)
		table_print(listing.table);
	print_total(args);
}

/* ---- limits ---- */

struct limit {
	const char *name;	/* with text */
	const char *member;	/* with JSON */
	uint64_t used;
	uint64_t most;		/* 0: no limit */
	int is_size;
};

static void print_limit(const struct limit *limit, int human)
{
	char used[NUMBER_SIZE], most[NUMBER_SIZE];

	human &= limit->is_size;
	printf("%-16s %12s of %12s\n", limit->name, format_size(used, limit->used, human),
	       limit->most ? format_size(most, limit->most, human) : "no limit");
}

static void add_limit(struct json_object *record, const struct limit *limit)
{
	char most[32];

	snprintf(most, sizeof(most), "max_%s", limit->member);
	json_add_number(record, limit->member, limit->used);
	json_add_number(record, most, limit->most);
}

void do_limits(const struct arguments *args)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };
	const struct passwd *user;
	struct json_object *record;
	size_t i;

	if (kcmap_limits(&usage))
		die("limits");
	const struct limit limits[] = {
		{ "user's maps", "maps", usage.maps, usage.max_maps, 0 },
		{ "user's bytes", "bytes", usage.bytes, usage.max_bytes, 1 },
		{ "all maps", "all_maps", usage.all_maps, usage.all_max_maps, 0 },
		{ "all bytes", "all_bytes", usage.all_bytes, usage.all_max_bytes, 1 },
		{ "user's watches", "watches", usage.watches, usage.max_watches, 0 },
		{ "all watches", "all_watches", usage.all_watches, usage.all_max_watches, 0 },
		{ "user's owners", "owners", usage.owners, usage.max_owners, 0 },
		{ "all owners", "all_owners", usage.all_owners, usage.all_max_owners, 0 },
	};

	if (given(args, JSON)) {
		record = json_record("limits");
		json_add_number(record, "uid", usage.uid);
		for (i = 0; i < sizeof(limits) / sizeof(*limits); i++)
			add_limit(record, &limits[i]);
		json_print(stdout, record);
		return;
	}
	user = getpwuid(usage.uid);
	if (user)
		printf("user             %s\n", user->pw_name);
	else
		printf("user             %u\n", usage.uid);
	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		print_limit(&limits[i], given(args, HUMAN));
}
