// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"
#include "error.h"
#include "number.h"
#include "table.h"

#include <argp.h>
#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* The key of an option without a letter. */
#define KEY(option)	(0x100 + OPTION_ ## option)

/* All options, each in its place.  A command takes some of them. */
static const struct argp_option options[] = {
	[OPTION_COLOR] = { "color", KEY(COLOR), "WHEN", 0,
		"colours: auto (on a terminal, without NO_COLOR), always or never", 0 },
	[OPTION_EXISTS] = { "exists", 'e', NULL, 0,
		"accept an existing map; print \"created\" or \"exists\"", 0 },
	[OPTION_KEYS] = { "keys", 'k', NULL, 0, "print no values", 0 },
	[OPTION_MODE] = { "mode", 'm', "OCTAL", 0, "permission bits (0600)", 0 },
	[OPTION_KEY_MAX] = { "key-max", KEY(KEY_MAX), "SIZE", 0, "longest key", 0 },
	[OPTION_VALUE_MAX] = { "value-max", KEY(VALUE_MAX), "SIZE", 0, "longest value", 0 },
	[OPTION_MAX_ENTRIES] = { "max-entries", KEY(MAX_ENTRIES), "N", 0, "limit on entries", 0 },
	[OPTION_MAX_BYTES] = { "max-bytes", KEY(MAX_BYTES), "SIZE", 0, "limit on memory", 0 },
	[OPTION_SHARDS] = { "shards", KEY(SHARDS), "N", 0, "shards, a power of two", 0 },
	[OPTION_FEED_BYTES] = { "feed-bytes", KEY(FEED_BYTES), "SIZE", 0,
		"changes to keep for watches, for each shard", 0 },
	[OPTION_FEED_VALUE_MAX] = { "feed-value-max", KEY(FEED_VALUE_MAX), "SIZE", 0,
		"longest value to keep with a change", 0 },
	[OPTION_DEFAULT_TTL] = { "default-ttl", KEY(DEFAULT_TTL), "TIME", 0,
		"how long entries live that get no other time", 0 },
	[OPTION_NO_WINDOW] = { "no-window", KEY(NO_WINDOW), NULL, 0,
		"a map that is read by system calls only", 0 },
	[OPTION_WIPE] = { "wipe", KEY(WIPE), NULL, 0, "overwrite deleted entries", 0 },
	[OPTION_TTL] = { "ttl", KEY(TTL), "TIME", 0,
		"how long the entry lives, or \"never\" to end", 0 },
	[OPTION_CEILING] = { "ceiling", KEY(CEILING), "N", 0, "refuse a sum above N", 0 },
	[OPTION_IF_VERSION] = { "if-version", KEY(IF_VERSION), "VERSION", 0,
		"only if the entry still has this version, which --json prints", 0 },
	[OPTION_WITH_TTL] = { "with-ttl", KEY(WITH_TTL), NULL, 0,
		"print how long each entry lives", 0 },
	[OPTION_TIMEOUT] = { "timeout", KEY(TIMEOUT), "MS", 0,
		"milliseconds to wait (no limit)", 0 },
	[OPTION_TYPE] = { "type", KEY(TYPE), "TYPE", 0,
		"what values are: text, hex, u64, i64 or json (text)", 0 },
	[OPTION_KEY_TYPE] = { "key-type", KEY(KEY_TYPE), "TYPE", 0, "what keys are (text)", 0 },
	[OPTION_JSON] = { "json", 'j', NULL, 0, "print JSON, one object a line", 0 },
	[OPTION_HUMAN] = { "human", 'H', NULL, 0, "print sizes with units, as 1.5M", 0 },
	[OPTION_FILE] = { "file", KEY(FILE), "FILE", 0,
		"the value is what a file contains; - is standard input", 0 },
	[OPTION_RAW] = { "raw", KEY(RAW), NULL, 0,
		"print the value's bytes as they are, not to a terminal", 0 },
	[OPTION_PREFIX] = { "prefix", KEY(PREFIX), "PREFIX", 0, "keys that begin so", 0 },
	[OPTION_MATCH] = { "match", KEY(MATCH), "PATTERN", 0,
		"keys that match a pattern of the shell's, as 'a*'", 0 },
	[OPTION_LARGER] = { "larger", KEY(LARGER), "SIZE", 0,
		"entries whose value is longer", 0 },
	[OPTION_LIMIT] = { "limit", 'n', "N", 0, "the most entries to print", 0 },
	[OPTION_WATCH] = { "watch", 'w', "SECONDS", OPTION_ARG_OPTIONAL,
		"print again after each so many seconds (1)", 0 },
	[OPTION_INTERVAL] = { "interval", 'i', "SECONDS", 0, "seconds between two looks (1)", 0 },
	[OPTION_COUNT] = { "count", 'n', "N", 0, "end after so many times", 0 },
	[OPTION_TEXTFILE] = { "textfile", KEY(TEXTFILE), "FILE", 0,
		"replace a file, in one step", 0 },
	[OPTION_CREATE] = { "create", KEY(CREATE), NULL, 0,
		"create the map, as it was, if it does not exist", 0 },
	[OPTION_KEEP] = { "keep", KEY(KEEP), NULL, 0, "leave keys that exist as they are", 0 },
	[OPTION_NO_TTL] = { "no-ttl", KEY(NO_TTL), NULL, 0,
		"without the times to live", 0 },
	[OPTION_SECONDS] = { "seconds", KEY(SECONDS), "SECONDS", 0,
		"how long each measurement takes (0.2)", 0 },
	[OPTION_COMMANDS] = { "commands", KEY(COMMANDS), NULL, 0,
		"list commands, arguments and options for programs", 0 },
	[OPTION_REPLACE] = { "replace", KEY(REPLACE), NULL, 0,
		"take the name from the map that has it, in one step", 0 },
	[OPTION_EXCHANGE] = { "exchange", KEY(EXCHANGE), NULL, 0,
		"give that map the old name, in one step", 0 },
	[OPTION_NO_REPLACE] = { "no-replace", KEY(NO_REPLACE), NULL, 0,
		"fail if a map has the name (the default)", 0 },
};

#define N_OPTIONS	(sizeof(options) / sizeof(*options))

static const char * const headings[GROUPS] = {
	[GROUP_MAPS] = "Maps:", [GROUP_ENTRIES] = "Entries:",
	[GROUP_CONTENTS] = "Contents:", [GROUP_MACHINE] = "This machine:",
};

static const char notes[] =
	"Options come after the command, or before it.  Each command has its own:\n"
	"cmap help COMMAND.  What begins with one dash is an argument, where a\n"
	"command takes keys, and so is all that follows --.\n"
	"In names, keys and values \\xHH stands for any byte and \\\\ for a backslash;\n"
	"'' is the empty key.  TIME is in seconds, as 1.5, or has a unit: 500ms, 10s,\n"
	"5m, 24h, 30d; SIZE is in bytes, or 64K, 1.5M, 2G.\n"
	"Exit status: 0, 1 if there is no such key, 2 for other errors, 3 if a wait\n"
	"has timed out, 4 if a condition did not hold, 5 if there is no such map,\n"
	"64 for wrong usage.";

static const struct command *all_commands;

/*
 * Set up the parser for a table of commands.  That table knows do_help(), so it is not
 * known here by its name.
 */
void options_init(const struct command *table)
{
	all_commands = table;
	argp_err_exit_status = EX_USAGE;
	/* With it, options would end at the first argument. */
	unsetenv("POSIXLY_CORRECT");
}

const struct command *command_of_name(const char *name)
{
	const struct command *command;

	for (command = all_commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

/* ---- options ---- */

static enum when_coloured when_of_name(const char *name)
{
	if (!strcmp(name, "auto"))
		return COLOUR_AUTO;
	if (!strcmp(name, "always"))
		return COLOUR_ALWAYS;
	if (!strcmp(name, "never"))
		return COLOUR_NEVER;
	die_of_usage(name, "not auto, always or never");
}

/* An option of a map to create.  Returns 0 if it is another. */
static int create_option(struct kcmap_options *create, enum option_index option, const char *arg)
{
	switch (option) {
	case OPTION_MODE:
		/* To the library, 0 would mean the default. */
		create->mode = (mode_t)parse_number(arg, 8, 1, 0666);
		return 1;
	case OPTION_KEY_MAX:
		create->key_max = (uint32_t)parse_size(arg, UINT32_MAX);
		return 1;
	case OPTION_VALUE_MAX:
		create->value_max = (uint32_t)parse_size(arg, UINT32_MAX);
		return 1;
	case OPTION_MAX_ENTRIES:
		create->max_entries = (uint64_t)parse_number(arg, 0, 0, INT64_MAX);
		return 1;
	case OPTION_MAX_BYTES:
		create->max_bytes = parse_size(arg, INT64_MAX);
		return 1;
	case OPTION_SHARDS:
		create->shards = (uint32_t)parse_number(arg, 0, 0, UINT32_MAX);
		return 1;
	case OPTION_FEED_BYTES:
		create->feed_bytes = (uint32_t)parse_size(arg, UINT32_MAX);
		return 1;
	case OPTION_FEED_VALUE_MAX:
		create->feed_value_max = (uint32_t)parse_size(arg, UINT32_MAX);
		return 1;
	case OPTION_DEFAULT_TTL:
		create->default_ttl = parse_time(arg);
		return 1;
	case OPTION_NO_WINDOW:
		create->flags |= KCMAP_NO_WINDOW;
		return 1;
	case OPTION_WIPE:
		create->flags |= KCMAP_WIPE;
		return 1;
	default:
		return 0;
	}
}

static void set_option(struct arguments *args, enum option_index option, const char *arg)
{
	args->given |= UINT64_C(1) << option;
	if (create_option(&args->options, option, arg))
		return;
	switch (option) {
	case OPTION_COLOR:
		when_coloured = when_of_name(arg);
		break;
	case OPTION_TTL:
		args->ttl = strcmp(arg, "never") ? parse_time(arg) : 0;
		break;
	case OPTION_CEILING:
		args->ceiling = parse_number(arg, 0, INT64_MIN, INT64_MAX);
		break;
	case OPTION_IF_VERSION:
		args->version = (uint64_t)parse_number(arg, 0, 1, INT64_MAX);
		break;
	case OPTION_TIMEOUT:
		args->timeout = (int)parse_number(arg, 0, 0, INT_MAX);
		break;
	case OPTION_TYPE:
		args->type = type_of_name(arg);
		break;
	case OPTION_KEY_TYPE:
		args->key_type = type_of_name(arg);
		break;
	case OPTION_FILE:
		args->file = arg;
		break;
	case OPTION_PREFIX:
		args->prefix = arg;
		break;
	case OPTION_MATCH:
		args->match = arg;
		break;
	case OPTION_LARGER:
		args->larger = parse_size(arg, INT64_MAX);
		break;
	case OPTION_LIMIT:
	case OPTION_COUNT:
		args->limit = (uint64_t)parse_number(arg, 0, 1, INT64_MAX);
		break;
	case OPTION_WATCH:
		args->interval = arg ? parse_time(arg) : KCMAP_SECOND;
		break;
	case OPTION_INTERVAL:
		args->interval = parse_time(arg);
		break;
	case OPTION_TEXTFILE:
		args->textfile = arg;
		break;
	case OPTION_SECONDS:
		args->seconds = parse_time(arg);
		break;
	default:
		break;
	}
}

/* ---- a command's parser ---- */

/* What argp passes on to the functions below. */
struct parsing {
	struct arguments *args;
	const struct command *command;
	char **guarded;		/* words that are arguments, whatever they begin with */
	int n_guarded;
};

/* The word that the user wrote. */
static char *unguarded_word(const struct parsing *parsing, char *word)
{
	int i;

	for (i = 0; word && i < parsing->n_guarded; i++)
		if (word == parsing->guarded[i])
			return word + 1;
	return word;
}

static error_t parse_command(int key, char *arg, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	const struct command *command = parsing->command;
	struct arguments *args = parsing->args;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		args->argv[args->argc++] = unguarded_word(parsing, arg);
		return 0;
	case ARGP_KEY_END:
		if (args->argc - 1 < command->least || args->argc - 1 > command->most)
			argp_error(state, "wrong number of arguments");
		return 0;
	default:
		for (i = 0; i < N_OPTIONS; i++) {
			if (options[i].key != key || !(command->takes & UINT64_C(1) << i))
				continue;
			set_option(args, (enum option_index)i, unguarded_word(parsing, arg));
			return 0;
		}
		return ARGP_ERR_UNKNOWN;
	}
}

/* Parse the words of a command; its name is the first of them. */
static void parse_words(struct parsing *parsing, int argc, char **argv)
{
	const struct command *command = parsing->command;
	struct argp_option taken[N_OPTIONS + 1] = { { 0 } };
	struct argp argp = { taken, parse_command, command->arguments, NULL, NULL, NULL, NULL };
	char name[64], doc[256];
	size_t i, n = 0;

	for (i = 0; i < N_OPTIONS; i++)
		if (command->takes & UINT64_C(1) << i)
			taken[n++] = options[i];
	snprintf(name, sizeof(name), "cmap %s", command->name);
	snprintf(doc, sizeof(doc), "%c%s.", toupper((unsigned char)command->does[0]),
		 command->does + 1);
	argv[0] = name;
	argp.doc = doc;
	argp_parse(&argp, argc, argv, 0, NULL, parsing);
}

/*
 * Where a command takes keys and values, one dash begins an argument, as -1.  argp does
 * not see it behind a byte that is put before it.
 */
static int is_argument(const struct command *command, const char *word)
{
	size_t i;

	if (word[0] != '-' || word[1] == '-')
		return 0;
	for (i = 0; command->has_short && i < N_OPTIONS; i++)
		if (command->takes & UINT64_C(1) << i && options[i].key == word[1])
			return 0;
	return 1;
}

static char *guard_word(struct parsing *parsing, const char *word)
{
	char *guarded;

	if (asprintf(&guarded, " %s", word) < 0)
		die("memory");
	parsing->guarded[parsing->n_guarded++] = guarded;
	return guarded;
}

/* ---- the whole command line ---- */

/* The commands, for cmap --help.  argp frees it. */
static char *list_commands(void)
{
	const struct command *command;
	char *text = NULL, line[64];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int group;

	if (!out)
		die("memory");
	for (group = 0; group < GROUPS; group++) {
		fprintf(out, "%s\n", headings[group]);
		for (command = all_commands; command->name; command++) {
			if ((int)command->group != group)
				continue;
			snprintf(line, sizeof(line), "%s %s", command->name, command->arguments);
			/* What is too long for its column has a line of its own. */
			if (strlen(line) > 28)
				fprintf(out, "  %s\n%31s%s\n", line, "", command->does);
			else
				fprintf(out, "  %-28s %s\n", line, command->does);
		}
		putc('\n', out);
	}
	fputs(notes, out);
	if (fclose(out))
		die("memory");
	return text;
}

static char *filter_help(int key, const char *text, void *input)
{
	(void)input;
	return key == ARGP_KEY_HELP_POST_DOC ? list_commands() : (char *)text;
}

/* Find the command.  Options before it belong to it. */
static error_t parse_before(int key, char *arg, struct argp_state *state)
{
	int *at = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARGS:
		*at = state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return key >= 0x100 && key < 0x100 + (int)N_OPTIONS ? 0 :
		       strchr("ekmjHnwi", key) && key ? 0 : ARGP_ERR_UNKNOWN;
	}
}

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "cmap %s\n", kcmap_version());
}

void (*argp_program_version_hook)(FILE *stream, struct argp_state *state) = print_version;

/* Parse the words before the command.  Returns the place of the command. */
static int find_command(int argc, char **argv)
{
	struct argp_option all[N_OPTIONS + 1] = { { 0 } };
	const struct argp argp = {
		all, parse_before, "COMMAND [ARGUMENT...]",
		"Look at cmap maps and change them.\v ", NULL, filter_help, NULL,
	};
	int at = argc;
	size_t i;

	for (i = 0; i < N_OPTIONS; i++) {
		all[i] = options[i];
		if (i != OPTION_COLOR)
			all[i].flags |= OPTION_HIDDEN;
		/* Here, two options cannot have one letter. */
		if (i == OPTION_COUNT)
			all[i].key = KEY(COUNT);
	}
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &at);
	return at;
}

/* Parse the command line.  Ends the program if it is not valid. */
const struct command *options_parse(struct arguments *args, int argc, char **argv)
{
	int at = find_command(argc, argv), i, n = 1;
	const struct command *command = command_of_name(argv[at]);
	struct parsing parsing = { .args = args, .command = command };
	char **words;

	if (!command)
		die_of_usage(argv[at], "no such command; see cmap --help");
	*args = (struct arguments){
		.options = { .sz = sizeof(args->options) }, .timeout = -1,
	};
	words = calloc((size_t)argc + 2, sizeof(*words));
	parsing.guarded = calloc((size_t)argc + 1, sizeof(*words));
	args->argv = calloc((size_t)argc + 1, sizeof(*words));
	if (!words || !parsing.guarded || !args->argv)
		die("memory");
	args->argv[args->argc++] = argv[at];
	for (i = 1; i < at; i++)
		words[n++] = argv[i];
	for (i = at + 1; i < argc; i++)
		words[n++] = is_argument(command, argv[i]) ?
			     guard_word(&parsing, argv[i]) : argv[i];
	parse_words(&parsing, n, words);
	return command;
}

/* ---- help ---- */

/* One line a command: its name, its arguments and its options, with tabs in between. */
static void print_commands(void)
{
	const struct command *command;
	size_t i;

	for (command = all_commands; command->name; command++) {
		printf("%s\t%s\t", command->name, command->arguments);
		for (i = 0; i < N_OPTIONS; i++) {
			if (!(command->takes & UINT64_C(1) << i))
				continue;
			printf("--%s%s ", options[i].name,
			       options[i].arg && !(options[i].flags & OPTION_ARG_OPTIONAL) ?
			       "=" : "");
		}
		puts("--help");
	}
}

void do_help(const struct arguments *args)
{
	char help[] = "--help", program[] = "cmap", *words[] = { program, help, NULL };
	struct parsing parsing = { .args = NULL };

	if (given(args, COMMANDS)) {
		print_commands();
		return;
	}
	if (args->argc < 2)
		find_command(2, words);
	parsing.command = command_of_name(args->argv[1]);
	if (!parsing.command)
		die_of_usage(args->argv[1], "no such command; see cmap --help");
	parse_words(&parsing, 2, words);
}
