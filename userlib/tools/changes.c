// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that wait for changes.
 */
#include "commands.h"
#include "entry.h"
#include "error.h"
#include "json.h"
#include "open.h"
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- of one key ---- */

/*
 * Wait for a change from now on.  A wait for an absent key can end without one.  So
 * one that only looks comes first, and what follows goes on while the key is absent.
 */
void do_wait(const struct arguments *args)
{
	struct bytes key = key_of(args);
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct entry entry = { .key = key.data, .key_len = key.len };
	uint64_t version = 0;
	int was_there, absent;

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
		absent = read_entry_if_there(map, &entry);
	} while (absent && errno == ENOENT && !was_there);

	if (absent)
		die(args->argv[2]);
	print_value(args, &entry);
	free((void *)entry.value);
	free(key.data);
	kcmap_close(map);
}

/* ---- of a map ---- */

static const struct cause {
	const char *name;
	const char *colour;
} causes[] = {
	[KCMAP_CAUSE_SET] = { "set", "\033[32m" },
	[KCMAP_CAUSE_DELETE] = { "delete", "\033[31m" },
	[KCMAP_CAUSE_CLEAR] = { "clear", "\033[31m" },
	[KCMAP_CAUSE_EXPIRE] = { "expire", "\033[33m" },
	[KCMAP_CAUSE_OWNER] = { "owner", "\033[33m" },
	[KCMAP_CAUSE_NAME] = { "name", "\033[35m" },
	[KCMAP_CAUSE_LOST] = { "lost", "\033[1;31m" },
};

static void print_cause(int cause)
{
	int known = cause > 0 && (size_t)cause < sizeof(causes) / sizeof(*causes) &&
		    causes[cause].name;

	if (!known)
		printf("change %d", cause);
	else if (is_coloured())
		printf("%s%s\033[m", causes[cause].colour, causes[cause].name);
	else
		fputs(causes[cause].name, stdout);
	putchar('\t');
}

static void print_json_change(const struct arguments *args, const struct kcmap_change *change)
{
	const struct entry entry = {
		change->key, change->key_len, given(args, KEYS) ? NULL : change->value,
		change->value_len, change->version, change->deadline,
	};
	struct json_object *record;
	char unknown[24];
	int known = change->cause > 0 &&
		    (size_t)change->cause < sizeof(causes) / sizeof(*causes) &&
		    causes[change->cause].name;

	if (change->cause == KCMAP_CAUSE_LOST) {
		record = json_record("change");
		json_add_text(record, "cause", "lost");
		json_add_number(record, "lost", change->lost);
		json_add_number(record, "first", change->first);
		json_add_number(record, "version", change->version);
	} else if (change->cause == KCMAP_CAUSE_NAME) {
		record = json_record("change");
		json_add_text(record, "cause", "name");
	} else {
		snprintf(unknown, sizeof(unknown), "%d", change->cause);
		record = entry_record("change", args, &entry);
		json_add_text(record, "cause", known ? causes[change->cause].name : unknown);
		if (change->cause == KCMAP_CAUSE_SET)
			json_add_number(record, "value_bytes", change->value_len);
	}
	json_print(stdout, record);
}

static void print_change(const struct arguments *args, const struct kcmap_change *change)
{
	if (given(args, JSON)) {
		print_json_change(args, change);
		return;
	}
	print_cause(change->cause);
	if (change->cause == KCMAP_CAUSE_LOST) {
		printf("%" PRIu64 " changes\n", change->lost);
		return;
	}
	if (change->cause == KCMAP_CAUSE_NAME) {
		puts("changed");
		return;
	}
	type_print(stdout, args->key_type, change->key, change->key_len);
	if (change->cause == KCMAP_CAUSE_SET && !given(args, KEYS)) {
		putchar('\t');
		if (change->value)
			type_print(stdout, args->type, change->value, change->value_len);
		else
			printf("(%zu bytes)", change->value_len);
	}
	putchar('\n');
}

static struct kcmap_watch *open_watch(const struct arguments *args)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct bytes prefix = unescape(args->argc > 2 ? args->argv[2] : "");
	struct kcmap_key key = { prefix.data, prefix.len };
	struct kcmap_filter filter = { KCMAP_FILTER_PREFIX, 1, &key };
	struct kcmap_watch *watch;

	doing.operation = KCMAP_OP_WATCH;
	watch = kcmap_watch_open(map, prefix.len ? &filter : NULL, NULL, 0);
	if (!watch)
		die(args->argv[1]);
	/* The watch ends when nobody else has the map any more. */
	doing.map = NULL;
	kcmap_close(map);
	free(prefix.data);
	return watch;
}

/*
 * Wait until there is something to read, and end quietly if nobody reads the output any
 * more: the other end of a pipe is closed.  Other commands find out when they print.
 */
static void wait_for_change(struct kcmap_watch *watch)
{
	struct pollfd fds[] = {
		{ kcmap_watch_fd(watch), POLLIN, 0 },
		{ STDOUT_FILENO, 0, 0 },
	};

	if (poll(fds, 2, -1) > 0 && fds[1].revents) {
		errno = fds[1].revents & POLLNVAL ? EBADF : EPIPE;
		die_printing();
	}
}

/* The next change; 0 when the map is gone. */
static int next_change(struct kcmap_watch *watch, struct kcmap_change *change,
		       const struct arguments *args)
{
	int more;

	for (;;) {
		more = kcmap_watch_next(watch, change, 0);
		if (more >= 0)
			return more;
		/* EINTR: a signal that does not end the command, as SIGCONT. */
		if (errno == ETIMEDOUT)
			wait_for_change(watch);
		else if (errno != EINTR)
			die(args->argv[1]);
	}
}

void do_watch(const struct arguments *args)
{
	struct kcmap_watch *watch = open_watch(args);
	struct kcmap_change change;
	uint64_t n = 0;

	/* Scripts can wait for this before they make the first change. */
	fprintf(stderr, "cmap: watching %s\n", args->argv[1]);
	while (next_change(watch, &change, args)) {
		print_change(args, &change);
		/* Whoever reads this, or kills the command, gets whole lines. */
		if (fflush(stdout) || ferror(stdout))
			die_printing();
		if (++n == args->limit)
			break;
	}
	kcmap_watch_close(watch);
}
