// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that read and write one entry.
 */
#include "commands.h"
#include "entry.h"
#include "error.h"
#include "input.h"
#include "json.h"
#include "number.h"
#include "open.h"
#include "run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reads ---- */

void do_get(const struct arguments *args)
{
	struct bytes key = key_of(args);
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	struct entry entry = { .key = key.data, .key_len = key.len };

	read_entry(map, args->argv[2], &entry);
	print_value(args, &entry);
	free((void *)entry.value);
	free(key.data);
	kcmap_close(map);
}

void do_ttl(const struct arguments *args)
{
	struct bytes key = key_of(args);
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	char text[NUMBER_SIZE];
	uint64_t deadline;

	if (kcmap_get_deadline(map, key.data, key.len, &deadline, NULL))
		die(args->argv[2]);
	puts(format_ttl(text, deadline));
	free(key.data);
	kcmap_close(map);
}

/* ---- writes ---- */

/* What a command writes. */
struct writing {
	struct kcmap *map;
	struct bytes key;
	struct bytes value;
	struct kcmap_command command;
	struct kcmap_result result;
};

/* The command's options for a deadline and a version. */
static void add_options(struct kcmap_command *command, const struct arguments *args)
{
	if (given(args, TTL) && args->ttl) {
		command->flags |= KCMAP_WRITE_TTL;
		command->ttl = args->ttl;
	} else if (given(args, TTL)) {
		command->flags |= KCMAP_WRITE_DEADLINE;
	}
	if (given(args, CEILING)) {
		command->flags |= KCMAP_WRITE_CEILING;
		command->ceiling = args->ceiling;
	}
	if (given(args, IF_VERSION)) {
		command->flags |= KCMAP_WRITE_VERSION;
		command->expected_version = args->version;
	}
}

/* The value to write: an argument, or the contents of a file. */
static void take_value(struct writing *writing, const struct arguments *args, int at)
{
	if (given(args, FILE) == (args->argc > at))
		die_of_usage(args->argv[0], given(args, FILE) ?
			     "a value and --file" : "neither a value nor --file");
	writing->value = given(args, FILE) ? input_whole(args->file) :
			 type_parse(args->type, args->argv[at]);
	writing->command.value = writing->value.data;
	writing->command.value_len = writing->value.len;
}

/*
 * Begin a write whose value is the argument @at, or that has none.  Arguments are looked
 * at before the map is opened.
 */
static void writing_begin(struct writing *writing, const struct arguments *args, int oflag,
			  int operation, int at)
{
	*writing = (struct writing){ .key = key_of(args) };
	writing->command = (struct kcmap_command){
		.sz = sizeof(writing->command), .operation = operation,
		.key = writing->key.data, .key_len = writing->key.len,
	};
	add_options(&writing->command, args);
	if (at)
		take_value(writing, args, at);
	writing->map = open_map(args->argv[1], oflag);
	/* An error from here on is one of this operation. */
	doing.operation = (enum kcmap_operation)operation;
}

static void writing_go(struct writing *writing, const struct arguments *args)
{
	writing->result = (struct kcmap_result){ 0 };
	if (kcmap_write(writing->map, &writing->command, &writing->result))
		die(args->argv[2]);
}

static void writing_end(struct writing *writing)
{
	free(writing->command.old);
	free(writing->key.data);
	free(writing->value.data);
	kcmap_close(writing->map);
}

static void set_by(const struct arguments *args, int operation)
{
	struct writing writing;

	writing_begin(&writing, args, O_WRONLY, operation, 3);
	writing_go(&writing, args);
	writing_end(&writing);
}

void do_set(const struct arguments *args)
{
	set_by(args, KCMAP_OP_SET);
}

void do_insert(const struct arguments *args)
{
	set_by(args, KCMAP_OP_INSERT);
}

void do_replace(const struct arguments *args)
{
	set_by(args, KCMAP_OP_REPLACE);
}

/* The entry goes when this process ends, however it does. */
void do_hold(const struct arguments *args)
{
	struct writing writing;
	int status;

	writing_begin(&writing, args, O_WRONLY, KCMAP_OP_INSERT, 3);
	writing.command.flags |= KCMAP_WRITE_OWNED_BY_PROCESS;
	writing_go(&writing, args);
	if (args->argc <= 4) {
		/* Scripts can wait for this before they look for the key. */
		fprintf(stderr, "cmap: holding %s\n", args->argv[2]);
		for (;;)
			pause();
	}
	status = run_program(args->argv + 4);
	writing_end(&writing);
	exit(status);
}

void do_compare_swap(const struct arguments *args)
{
	struct bytes expected = type_parse(args->type, args->argv[3]);
	struct writing writing;

	writing_begin(&writing, args, O_WRONLY, KCMAP_OP_COMPARE_SWAP, 4);
	writing.command.expected = expected.data;
	writing.command.expected_len = expected.len;
	writing_go(&writing, args);
	writing_end(&writing);
	free(expected.data);
}

/* Room for the longest value that the map can have. */
static void expect_value(struct writing *writing, const struct arguments *args)
{
	struct kcmap_info info;

	stat_map(writing->map, args->argv[1], &info);
	writing->command.old = malloc(info.value_max + 1UL);
	writing->command.old_size = info.value_max;
	if (!writing->command.old)
		die("memory");
}

static void print_old(struct writing *writing, const struct arguments *args)
{
	const struct entry entry = {
		writing->key.data, writing->key.len,
		writing->command.old, writing->result.value_len, 0, 0,
	};

	print_value(args, &entry);
}

void do_swap(const struct arguments *args)
{
	struct writing writing;

	writing_begin(&writing, args, O_RDWR, KCMAP_OP_SWAP, 3);
	expect_value(&writing, args);
	writing_go(&writing, args);
	if (writing.result.existed)
		print_old(&writing, args);
	writing_end(&writing);
}

void do_take(const struct arguments *args)
{
	struct writing writing;

	writing_begin(&writing, args, O_RDWR, KCMAP_OP_TAKE, 0);
	expect_value(&writing, args);
	writing_go(&writing, args);
	print_old(&writing, args);
	writing_end(&writing);
}

void do_delete(const struct arguments *args)
{
	struct writing writing;

	writing_begin(&writing, args, O_WRONLY, KCMAP_OP_DELETE, 0);
	writing_go(&writing, args);
	writing_end(&writing);
}

void do_add(const struct arguments *args)
{
	int64_t delta = args->argc > 3 ?
			parse_number(args->argv[3], 0, INT64_MIN, INT64_MAX) : 1;
	struct writing writing;

	writing_begin(&writing, args, O_RDWR, KCMAP_OP_ADD, 0);
	writing.command.delta = delta;
	/* The time begins with the first addition; later ones do not prolong it. */
	if (given(args, TTL))
		writing.command.flags |= KCMAP_WRITE_KEEP_DEADLINE;
	writing_go(&writing, args);
	printf("%" PRId64 "\n", writing.result.number);
	writing_end(&writing);
}

void do_touch(const struct arguments *args)
{
	struct writing writing;
	struct kcmap_info info;

	writing_begin(&writing, args, O_WRONLY, KCMAP_OP_TOUCH, 0);
	/* Whoever prolongs a session must not make it last for ever by accident. */
	if (!given(args, TTL)) {
		stat_map(writing.map, args->argv[1], &info);
		if (!info.default_ttl) {
			char *why;

			if (asprintf(&why, "%s has no default time to live, so --ttl is needed",
				     args->argv[1]) < 0)
				die("memory");
			die_of_usage("touch", why);
		}
	}
	writing_go(&writing, args);
	writing_end(&writing);
}

/* The time is an argument, as other stores have it. */
void do_expire(const struct arguments *args)
{
	struct arguments touch = *args;

	touch.given |= TAKES(TTL);
	touch.ttl = strcmp(args->argv[3], "never") ? parse_time(args->argv[3]) : 0;
	do_touch(&touch);
}
