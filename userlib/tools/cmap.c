// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmap - look at maps and change them from the shell.
 */
#include <kcmap.h>

#include "arguments.h"
#include "error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* A map's name; the caller frees it. */
static char *unescape_name(const char *text)
{
	struct bytes name = unescape(text);

	if (memchr(name.data, '\0', name.len)) {
		errno = EINVAL;
		die_opening(text);
	}
	return name.data;
}

static struct kcmap *open_map(const char *text, int oflag)
{
	char *name = unescape_name(text);
	/* Mapping the window does not pay for one read. */
	struct kcmap *map = kcmap_open(name, oflag | KCMAP_O_NO_WINDOW, NULL);

	if (!map)
		die_opening(text);
	doing.map = map;
	free(name);
	return map;
}

/* ---- the commands; argv[0] is the command's name ---- */

static int list_one(const struct kcmap_name_info *info, void *arg)
{
	const struct passwd *user = getpwuid(info->uid);
	const struct group *group = getgrgid(info->gid);
	char uid[12], gid[12];

	(void)arg;
	snprintf(uid, sizeof(uid), "%u", info->uid);
	snprintf(gid, sizeof(gid), "%u", info->gid);
	printf("%04o %-8s %-8s %10" PRIu64 " %12" PRIu64 " ",
	       (unsigned int)info->mode, user ? user->pw_name : uid,
	       group ? group->gr_name : gid, info->entries, info->bytes);
	/* Any user may have made the map, with any bytes in its name. */
	print_bytes(info->name, strlen(info->name));
	putchar('\n');
	return 0;
}

/* Add what the list cannot show: anonymous maps, and other namespaces'. */
static void print_total(void)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };

	if (kcmap_limits(&usage))
		die("limits");
	printf("all %u maps, with and without a name: %" PRIu64 " bytes\n",
	       usage.all_maps, usage.all_bytes);
}

static void do_list(const struct arguments *args)
{
	(void)args;
	printf("%4s %-8s %-8s %10s %12s %s\n", "MODE", "OWNER", "GROUP",
	       "ENTRIES", "BYTES", "NAME");
	if (kcmap_list(list_one, NULL))
		die("list");
	print_total();
}

static void print_limit(const char *what, uint64_t used, uint64_t limit)
{
	printf("%-16s %12" PRIu64 " of ", what, used);
	if (limit)
		printf("%12" PRIu64 "\n", limit);
	else
		printf("%12s\n", "no limit");
}

static void do_limits(const struct arguments *args)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };
	const struct passwd *user;

	(void)args;
	if (kcmap_limits(&usage))
		die("limits");
	user = getpwuid(usage.uid);
	if (user)
		printf("user             %s\n", user->pw_name);
	else
		printf("user             %u\n", usage.uid);
	print_limit("user's maps", usage.maps, usage.max_maps);
	print_limit("user's bytes", usage.bytes, usage.max_bytes);
	print_limit("all maps", usage.all_maps, usage.all_max_maps);
	print_limit("all bytes", usage.all_bytes, usage.all_max_bytes);
	print_limit("user's watches", usage.watches, usage.max_watches);
	print_limit("all watches", usage.all_watches, usage.all_max_watches);
}

static void print_difference(const char *what, uint64_t asked, uint64_t is)
{
	fprintf(stderr, "; %s is %" PRIu64 ", not %" PRIu64, what, is, asked);
}

/* The map exists, and does not have the options that were asked for. */
static void die_of_difference(const char *text, struct kcmap *map, int differ,
			      const struct kcmap_options *options)
{
	struct kcmap_info info = { .sz = sizeof(info) };

	if (kcmap_stat(map, &info))
		die(text);
	fprintf(stderr, "cmap: %s: exists", text);
	if (differ & KCMAP_DIFFER_MAX_ENTRIES)
		print_difference("max-entries", options->max_entries,
				 info.max_entries);
	if (differ & KCMAP_DIFFER_MAX_BYTES)
		print_difference("max-bytes", options->max_bytes,
				 info.max_bytes);
	if (differ & KCMAP_DIFFER_SHARDS)
		print_difference("shards", options->shards, info.shards);
	if (differ & KCMAP_DIFFER_FEED_BYTES)
		print_difference("feed-bytes", options->feed_bytes,
				 info.feed_bytes);
	if (differ & KCMAP_DIFFER_FEED_VALUE_MAX)
		print_difference("feed-value-max", options->feed_value_max,
				 info.feed_value_max);
	if (differ & KCMAP_DIFFER_DEFAULT_TTL)
		fputs("; default-ttl is another", stderr);
	if (options->flags & ~info.flags & KCMAP_NO_WINDOW)
		fputs("; it has a window", stderr);
	if (options->flags & ~info.flags & KCMAP_WIPE)
		fputs("; it does not wipe", stderr);
	fputc('\n', stderr);
	exit(EXIT_FAILED);
}

static void do_create(const struct arguments *args)
{
	char *name = unescape_name(args->argv[1]);
	int excl = args->exists_is_fine ? 0 : O_EXCL, differ;
	struct kcmap *map = kcmap_open(name, O_RDWR | O_CREAT | excl |
				       KCMAP_O_NO_WINDOW | KCMAP_O_ANY_OPTIONS,
				       &args->options);

	if (!map)
		die(args->argv[1]);
	if (!kcmap_created(map)) {
		differ = kcmap_options_differ(map, &args->options);
		if (differ < 0)
			die(args->argv[1]);
		if (differ)
			die_of_difference(args->argv[1], map, differ,
					  &args->options);
	}
	if (args->exists_is_fine)
		puts(kcmap_created(map) ? "created" : "exists");
	free(name);
	kcmap_close(map);
}

/* Open with any access; the owner may have left himself no permission. */
static struct kcmap *open_own(const char *text)
{
	static const int oflags[] = { O_RDONLY, O_WRONLY, O_ACCMODE };
	char *name = unescape_name(text);
	struct kcmap *map = NULL;
	size_t i;

	for (i = 0; !map && i < sizeof(oflags) / sizeof(*oflags); i++)
		map = kcmap_open(name, oflags[i] | KCMAP_O_NO_WINDOW, NULL);
	if (!map)
		die_opening(text);
	doing.map = map;
	free(name);
	return map;
}

static void do_rename(const struct arguments *args)
{
	struct kcmap *map = open_own(args->argv[1]);
	char *name = unescape_name(args->argv[2]);

	if (kcmap_rename(map, name))
		die(args->argv[2]);
	free(name);
	kcmap_close(map);
}

static void do_chmod(const struct arguments *args)
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

static void do_chown(const struct arguments *args)
{
	struct kcmap *map = open_own(args->argv[2]);
	uid_t uid;
	gid_t gid;

	parse_owner(args->argv[1], &uid, &gid);
	if (kcmap_chown(map, uid, gid))
		die(args->argv[2]);
	kcmap_close(map);
}

static void do_unlink(const struct arguments *args)
{
	char *name = unescape_name(args->argv[1]);

	if (kcmap_unlink(name))
		die(args->argv[1]);
	free(name);
}

/* The end of a command that prints the value of a key. */
static void print_value_and_close(struct kcmap *map, struct bytes key, void *value,
				  size_t len)
{
	print_bytes(value, len);
	putchar('\n');
	free(value);
	free(key.data);
	kcmap_close(map);
}

static void do_get(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes key = unescape(args->argv[2]);
	size_t len;
	void *value = kcmap_get_dup(map, key.data, key.len, &len, NULL);

	if (!value)
		die(args->argv[2]);
	print_value_and_close(map, key, value, len);
}

/*
 * Wait for a change from now on.  A wait for an absent key can end without one.  So
 * one that only looks comes first, and what follows goes on while the key is absent.
 */
static void do_wait(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes key = unescape(args->argv[2]);
	uint64_t version = 0;
	int was_there;
	size_t len;
	void *value;

	if (kcmap_wait(map, key.data, key.len, &version, 0) && errno != ETIMEDOUT)
		die(args->argv[2]);
	was_there = kcmap_get(map, key.data, key.len, NULL, 0, NULL) >= 0 ||
		    errno == EMSGSIZE;
	do {
		if (kcmap_wait(map, key.data, key.len, &version, args->timeout)) {
			if (errno != ETIMEDOUT)
				die(args->argv[2]);
			exit(EXIT_TIMEOUT);
		}
		value = kcmap_get_dup(map, key.data, key.len, &len, NULL);
	} while (!value && errno == ENOENT && !was_there);

	if (!value)
		die(args->argv[2]);
	print_value_and_close(map, key, value, len);
}

/* The command's options for a deadline. */
static struct kcmap_command command_with(const struct arguments *args, int operation,
					 struct bytes key)
{
	struct kcmap_command command = {
		.sz = sizeof(command), .operation = operation,
		.key = key.data, .key_len = key.len,
	};

	if (args->given & TAKES_TTL && args->ttl) {
		command.flags |= KCMAP_WRITE_TTL;
		command.ttl = args->ttl;
	} else if (args->given & TAKES_TTL) {
		command.flags |= KCMAP_WRITE_DEADLINE;
	}
	if (args->given & TAKES_CEILING) {
		command.flags |= KCMAP_WRITE_CEILING;
		command.ceiling = args->ceiling;
	}
	return command;
}

static void set_by(const struct arguments *args, int operation)
{
	struct kcmap *map = open_map(args->argv[1], O_WRONLY);
	struct bytes key = unescape(args->argv[2]);
	struct bytes value = unescape(args->argv[3]);
	struct kcmap_command command = command_with(args, operation, key);

	command.value = value.data;
	command.value_len = value.len;
	if (kcmap_write(map, &command, NULL))
		die(args->argv[2]);
	free(key.data);
	free(value.data);
	kcmap_close(map);
}

static void do_set(const struct arguments *args)
{
	set_by(args, KCMAP_OP_SET);
}

static void do_insert(const struct arguments *args)
{
	set_by(args, KCMAP_OP_INSERT);
}

static void do_replace(const struct arguments *args)
{
	set_by(args, KCMAP_OP_REPLACE);
}

static void do_touch(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_WRONLY);
	struct bytes key = unescape(args->argv[2]);
	struct kcmap_command command = command_with(args, KCMAP_OP_TOUCH, key);
	struct kcmap_info info = { .sz = sizeof(info) };

	/* Whoever prolongs a session must not make it last for ever by accident. */
	if (!command.flags) {
		if (kcmap_stat(map, &info))
			die(args->argv[1]);
		if (!info.default_ttl) {
			fprintf(stderr, "cmap: touch: %s has no default time to live, so --ttl is needed\n",
				args->argv[1]);
			exit(EX_USAGE);
		}
	}
	if (kcmap_write(map, &command, NULL))
		die(args->argv[2]);
	free(key.data);
	kcmap_close(map);
}

/* Print how long an entry lives from now on. */
static void print_ttl(uint64_t deadline)
{
	struct timespec ts;
	uint64_t now;

	if (!deadline) {
		fputs("never", stdout);
		return;
	}
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now = (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
	print_time(deadline > now ? deadline - now : 0);
}

static void do_ttl(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes key = unescape(args->argv[2]);
	uint64_t deadline;

	if (kcmap_get_deadline(map, key.data, key.len, &deadline, NULL))
		die(args->argv[2]);
	print_ttl(deadline);
	putchar('\n');
	free(key.data);
	kcmap_close(map);
}

static void do_take(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDWR);
	struct bytes key = unescape(args->argv[2]);
	struct kcmap_info info = { .sz = sizeof(info) };
	char *value;
	ssize_t len;

	if (kcmap_stat(map, &info))
		die(args->argv[1]);
	value = malloc(info.value_max + 1);
	if (!value)
		die("memory");
	len = kcmap_take(map, key.data, key.len, value, info.value_max, NULL);
	if (len < 0)
		die(args->argv[2]);
	print_value_and_close(map, key, value, (size_t)len);
}

static void do_delete(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_WRONLY);
	struct bytes key = unescape(args->argv[2]);

	if (kcmap_delete(map, key.data, key.len, NULL))
		die(args->argv[2]);
	free(key.data);
	kcmap_close(map);
}

static void do_add(const struct arguments *args)
{
	int64_t delta = args->argc > 3 ?
			parse_number(args->argv[3], 0, INT64_MIN, INT64_MAX) :
			1;
	struct kcmap *map = open_map(args->argv[1], O_RDWR);
	struct bytes key = unescape(args->argv[2]);
	struct kcmap_command command = command_with(args, KCMAP_OP_ADD, key);
	struct kcmap_result result;

	command.delta = delta;
	/* The time begins with the first addition; later ones do not prolong it. */
	if (command.flags & (KCMAP_WRITE_TTL | KCMAP_WRITE_DEADLINE))
		command.flags |= KCMAP_WRITE_KEEP_DEADLINE;
	if (kcmap_write(map, &command, &result))
		die(args->argv[2]);
	printf("%" PRId64 "\n", result.number);
	free(key.data);
	kcmap_close(map);
}

static void do_count(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	int64_t count = kcmap_count(map);

	if (count < 0)
		die(args->argv[1]);
	printf("%" PRId64 "\n", count);
	kcmap_close(map);
}

static void do_clear(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_WRONLY);
	int64_t count = kcmap_clear(map);

	if (count < 0)
		die(args->argv[1]);
	printf("%" PRId64 "\n", count);
	kcmap_close(map);
}

/* The optional prefix of a command. */
static struct bytes prefix_of(const struct arguments *args)
{
	return unescape(args->argc > 2 ? args->argv[2] : "");
}

static void do_range(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes prefix = prefix_of(args);
	struct kcmap_range *range;
	struct kcmap_item item;
	int more;

	range = kcmap_range_new(map, args->keys_only ? KCMAP_RANGE_KEYS : 0, NULL);
	if (!range || (prefix.len &&
		       kcmap_range_prefix(range, prefix.data, prefix.len)))
		die(args->argv[1]);
	while ((more = kcmap_range_next(range, &item)) > 0) {
		print_bytes(item.key, item.key_len);
		if (item.value) {
			putchar('\t');
			print_value(item.value, item.value_len);
		}
		if (args->with_ttl) {
			putchar('\t');
			print_ttl(item.deadline);
		}
		putchar('\n');
	}
	if (more)
		die(args->argv[1]);
	kcmap_range_free(range);
	free(prefix.data);
	kcmap_close(map);
}

/* ---- watch ---- */

static void print_change(const struct kcmap_change *change, int keys_only)
{
	switch (change->cause) {
	case KCMAP_CAUSE_SET:
		fputs("set\t", stdout);
		break;
	case KCMAP_CAUSE_DELETE:
		fputs("delete\t", stdout);
		break;
	case KCMAP_CAUSE_CLEAR:
		fputs("clear\t", stdout);
		break;
	case KCMAP_CAUSE_EXPIRE:
		fputs("expire\t", stdout);
		break;
	case KCMAP_CAUSE_LOST:
		printf("lost\t%" PRIu64 " changes\n", change->lost);
		return;
	default:
		printf("change %d\t", change->cause);
	}
	print_bytes(change->key, change->key_len);
	if (change->cause == KCMAP_CAUSE_SET && !keys_only) {
		putchar('\t');
		if (change->value)
			print_value(change->value, change->value_len);
		else
			printf("(%zu bytes)", change->value_len);
	}
	putchar('\n');
}

static void flush_line(void)
{
	if (fflush(stdout) || ferror(stdout))
		die_printing();
}

static struct kcmap_watch *open_watch(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes prefix = prefix_of(args);
	struct kcmap_key key = { prefix.data, prefix.len };
	struct kcmap_filter filter = { KCMAP_FILTER_PREFIX, 1, &key };
	struct kcmap_watch *watch;

	watch = kcmap_watch_open(map, prefix.len ? &filter : NULL, NULL, 0);
	if (!watch)
		die(args->argv[1]);
	/* The watch ends when nobody else has the map any more. */
	doing.map = NULL;
	kcmap_close(map);
	free(prefix.data);
	return watch;
}

static void do_watch(const struct arguments *args)
{
	struct kcmap_watch *watch = open_watch(args);
	struct kcmap_change change;
	int more;

	/* Scripts can wait for this before they make the first change. */
	fprintf(stderr, "cmap: watching %s\n", args->argv[1]);
	while ((more = kcmap_watch_next(watch, &change, -1)) != 0) {
		/* A signal that does not end the command, as SIGCONT. */
		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			die(args->argv[1]);
		print_change(&change, args->keys_only);
		/* Whoever reads this, or kills the command, gets whole lines. */
		flush_line();
	}
	kcmap_watch_close(watch);
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

static void do_stat(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct kcmap_info info = { .sz = sizeof(info) };

	if (kcmap_stat(map, &info))
		die(args->argv[1]);
	printf("id:            %" PRIu64 "\n", info.id);
	printf("mode:          %04o\n", (unsigned int)info.mode);
	printf("owner:         %u:%u\n", info.uid, info.gid);
	printf("key_max:       %u\n", info.key_max);
	printf("value_max:     %u\n", info.value_max);
	printf("window:        %s\n",
	       info.flags & KCMAP_NO_WINDOW ? "no" : "yes");
	printf("wipe:          %s\n", info.flags & KCMAP_WIPE ? "yes" : "no");
	printf("shards:        %u\n", info.shards);
	printf("max_entries:   %" PRIu64 "\n", info.max_entries);
	printf("max_bytes:     %" PRIu64 "\n", info.max_bytes);
	printf("feed_bytes:    %u\n", info.feed_bytes);
	printf("feed_value_max: %u\n", info.feed_value_max);
	printf("watches:       %u\n", info.watches);
	printf("default_ttl:   ");
	print_time(info.default_ttl);
	printf("\ndeadlines:     %" PRIu64 "\n", info.deadlines);
	printf("expired:       %" PRIu64 "\n", info.expired);
	print_lateness(&info);
	printf("entries:       %" PRIu64 "\n", info.entries);
	printf("bytes:         %" PRIu64 "\n", info.bytes);
	printf("table_bytes:   %" PRIu64 "\n", info.table_bytes);
	printf("buckets:       %" PRIu64 "\n", info.buckets);
	printf("longest_chain: %u\n", info.longest_chain);
	printf("grows:         %" PRIu64 "\n", info.grows);
	printf("shrinks:       %" PRIu64 "\n", info.shrinks);
	printf("allocs:        %" PRIu64 "\n", info.allocs);
	printf("reuses:        %" PRIu64 "\n", info.reuses);
	printf("retries:       %" PRIu64 "\n", info.retries);
	kcmap_close(map);
}

static const struct command {
	const char *name;
	enum kcmap_operation operation;
	int least;		/* the least number of arguments */
	int most;
	void (*run)(const struct arguments *args);
	unsigned int takes;	/* TAKES_* */
} commands[] = {
	{ "list", KCMAP_OP_LIST, 0, 0, do_list, 0 },
	{ "create", KCMAP_OP_OPEN, 1, 1, do_create, 0 },
	{ "unlink", KCMAP_OP_UNLINK, 1, 1, do_unlink, 0 },
	{ "rename", KCMAP_OP_RENAME, 2, 2, do_rename, 0 },
	{ "chmod", KCMAP_OP_CHMOD, 2, 2, do_chmod, 0 },
	{ "chown", KCMAP_OP_CHOWN, 2, 2, do_chown, 0 },
	{ "limits", KCMAP_OP_LIMITS, 0, 0, do_limits, 0 },
	{ "get", KCMAP_OP_GET, 2, 2, do_get, 0 },
	{ "wait", KCMAP_OP_WAIT, 2, 2, do_wait, 0 },
	{ "set", KCMAP_OP_SET, 3, 3, do_set, TAKES_TTL },
	{ "insert", KCMAP_OP_INSERT, 3, 3, do_insert, TAKES_TTL },
	{ "replace", KCMAP_OP_REPLACE, 3, 3, do_replace, TAKES_TTL },
	{ "delete", KCMAP_OP_DELETE, 2, 2, do_delete, 0 },
	{ "take", KCMAP_OP_TAKE, 2, 2, do_take, 0 },
	{ "add", KCMAP_OP_ADD, 2, 3, do_add, TAKES_TTL | TAKES_CEILING },
	{ "touch", KCMAP_OP_TOUCH, 2, 2, do_touch, TAKES_TTL },
	{ "ttl", KCMAP_OP_GET, 2, 2, do_ttl, 0 },
	{ "count", KCMAP_OP_COUNT, 1, 1, do_count, 0 },
	{ "clear", KCMAP_OP_CLEAR, 1, 1, do_clear, 0 },
	{ "range", KCMAP_OP_RANGE, 1, 2, do_range, 0 },
	{ "watch", KCMAP_OP_WATCH, 1, 2, do_watch, 0 },
	{ "stat", KCMAP_OP_STAT, 1, 1, do_stat, 0 },
};

int main(int argc, char **argv)
{
	struct arguments args;
	size_t i;

	arguments_parse(&args, argc, argv);

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, args.argv[0]))
			continue;
		if (args.argc - 1 < command->least ||
		    args.argc - 1 > command->most) {
			fprintf(stderr,
				"cmap: %s: wrong number of arguments; see cmap --help\n",
				command->name);
			return EX_USAGE;
		}
		if (args.given & ~command->takes) {
			fprintf(stderr, "cmap: %s: takes no %s; see cmap --help\n",
				command->name,
				args.given & ~command->takes & TAKES_TTL ?
				"--ttl" : "--ceiling");
			return EX_USAGE;
		}
		doing.operation = command->operation;
		command->run(&args);
		/* The error came earlier, and its errno is no longer known. */
		errno = EIO;
		if (fflush(stdout) || ferror(stdout))
			die_printing();
		return 0;
	}

	fprintf(stderr, "cmap: %s: no such command; see cmap --help\n",
		args.argv[0]);
	return EX_USAGE;
}
