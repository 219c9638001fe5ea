// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that create maps and change what they are.
 */
#include "commands.h"
#include "description.h"
#include "error.h"
#include "number.h"
#include "open.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_difference(FILE *out, const char *what, uint64_t asked, uint64_t is)
{
	fprintf(out, "; %s is %" PRIu64 ", not %" PRIu64, what, is, asked);
}

static void print_description(FILE *out, const struct kcmap_info *info,
			      const struct kcmap_options *options)
{
	fputs("; types are \"", out);
	print_escaped(out, info->description, strlen(info->description));
	fprintf(out, "\", not \"%s\"", options->description);
}

/* The map exists, and does not have the options that were asked for. */
static void die_of_difference(const char *text, struct kcmap *map, int differ,
			      const struct kcmap_options *options)
{
	char *why = NULL;
	struct kcmap_info info;
	size_t size;
	FILE *out = open_memstream(&why, &size);

	stat_map(map, text, &info);
	if (!out)
		die("memory");
	fputs("exists", out);
	if (differ & KCMAP_DIFFER_KEY_MAX)
		print_difference(out, "key-max", options->key_max, info.key_max);
	if (differ & KCMAP_DIFFER_VALUE_MAX)
		print_difference(out, "value-max", options->value_max, info.value_max);
	if (differ & KCMAP_DIFFER_MAX_ENTRIES)
		print_difference(out, "max-entries", options->max_entries, info.max_entries);
	if (differ & KCMAP_DIFFER_MAX_BYTES)
		print_difference(out, "max-bytes", options->max_bytes, info.max_bytes);
	if (differ & KCMAP_DIFFER_SHARDS)
		print_difference(out, "shards", options->shards, info.shards);
	if (differ & KCMAP_DIFFER_FEED_BYTES)
		print_difference(out, "feed-bytes", options->feed_bytes, info.feed_bytes);
	if (differ & KCMAP_DIFFER_FEED_VALUE_MAX)
		print_difference(out, "feed-value-max", options->feed_value_max,
				 info.feed_value_max);
	if (differ & KCMAP_DIFFER_DEFAULT_TTL)
		fputs("; default-ttl is another", out);
	if (differ & KCMAP_DIFFER_DESCRIPTION)
		print_description(out, &info, options);
	if (options->flags & ~info.flags & KCMAP_NO_WINDOW)
		fputs("; it has a window", out);
	if (options->flags & ~info.flags & KCMAP_WIPE)
		fputs("; it does not wipe", out);
	if (fclose(out))
		die("memory");
	die_because(text, why);
}

void do_create(const struct arguments *args)
{
	char *name = unescape_name(args->argv[1]);
	int excl = given(args, EXISTS) ? 0 : O_EXCL, differ;
	struct kcmap_options options = args->options;
	struct kcmap *map;

	description_make(&options, args);
	map = kcmap_open(name, O_RDWR | O_CREAT | excl | KCMAP_O_NO_WINDOW |
			 KCMAP_O_ANY_OPTIONS, &options);
	if (!map)
		die(args->argv[1]);
	if (!kcmap_created(map)) {
		differ = kcmap_options_differ(map, &options);
		if (differ < 0)
			die(args->argv[1]);
		if (differ)
			die_of_difference(args->argv[1], map, differ,
					  &options);
	}
	if (given(args, EXISTS))
		puts(kcmap_created(map) ? "created" : "exists");
	free(name);
	kcmap_close(map);
}

void do_rename(const struct arguments *args)
{
	int forms = given(args, REPLACE) + given(args, EXCHANGE) + given(args, NO_REPLACE);
	struct kcmap *map;
	char *name;
	int err;

	if (forms > 1)
		die_of_usage(args->argv[0], "--replace, --exchange and --no-replace exclude each other");
	map = open_own(args->argv[1]);
	name = unescape_name(args->argv[2]);
	if (given(args, REPLACE))
		err = kcmap_publish(map, name);
	else if (given(args, EXCHANGE))
		err = kcmap_exchange(map, name);
	else
		err = kcmap_rename(map, name);
	if (err)
		die(args->argv[2]);
	free(name);
	kcmap_close(map);
}

void do_chmod(const struct arguments *args)
{
	struct kcmap *map = open_own(args->argv[2]);

	if (kcmap_chmod(map, (mode_t)parse_number(args->argv[1], 8, 0, 0666)))
		die(args->argv[2]);
	kcmap_close(map);
}

/* Parse "user", "user:group" or ":group"; names or numbers. -1 if left out. */
static void parse_owner(char *text, uid_t *uid, gid_t *gid)
{
	char *colon = strchr(text, ':');
	const struct passwd *user;
	const struct group *group;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (colon)
		*colon++ = '\0';
	if (*text) {
		user = getpwnam(text);
		*uid = user ? user->pw_uid :
		       (uid_t)parse_number(text, 10, 0, UINT32_MAX - 1);
	}
	if (colon && *colon) {
		group = getgrnam(colon);
		*gid = group ? group->gr_gid :
		       (gid_t)parse_number(colon, 10, 0, UINT32_MAX - 1);
	}
}

void do_chown(const struct arguments *args)
{
	struct kcmap *map = open_own(args->argv[2]);
	uid_t uid;
	gid_t gid;

	parse_owner(args->argv[1], &uid, &gid);
	if (kcmap_chown(map, uid, gid))
		die(args->argv[2]);
	kcmap_close(map);
}

void do_unlink(const struct arguments *args)
{
	char *name = unescape_name(args->argv[1]);

	if (kcmap_unlink(name))
		die(args->argv[1]);
	free(name);
}
