// SPDX-License-Identifier: GPL-2.0-or-later
#include "arguments.h"
#include "text.h"

#include <argp.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPT_ENTRIES = 0x100,
	OPT_BYTES,
	OPT_SHARDS,
	OPT_NO_WINDOW,
	OPT_WIPE,
	OPT_FEED_BYTES,
	OPT_FEED_VALUE_MAX,
	OPT_TIMEOUT,
	OPT_DEFAULT_TTL,
	OPT_TTL,
	OPT_WITH_TTL,
	OPT_CEILING,
};

static const struct argp_option options[] = {
	{ "exists", 'e', NULL, 0,
	  "create: accept an existing map; print \"created\" or \"exists\"", 0 },
	{ "keys", 'k', NULL, 0, "range, watch: print no values", 0 },
	{ "mode", 'm', "OCTAL", 0, "create: permission bits (0600)", 0 },
	{ "max-entries", OPT_ENTRIES, "N", 0, "create: limit on entries", 0 },
	{ "max-bytes", OPT_BYTES, "N", 0, "create: limit on memory, in bytes", 0 },
	{ "shards", OPT_SHARDS, "N", 0, "create: shards, a power of two", 0 },
	{ "feed-bytes", OPT_FEED_BYTES, "N", 0,
	  "create: bytes of changes to keep for watches, for each shard", 0 },
	{ "feed-value-max", OPT_FEED_VALUE_MAX, "N", 0,
	  "create: longest value to keep with a change", 0 },
	{ "default-ttl", OPT_DEFAULT_TTL, "TIME", 0,
	  "create: how long entries live that get no other time", 0 },
	{ "ttl", OPT_TTL, "TIME", 0,
	  "set, insert, replace, add, touch: how long the entry lives, or never to end", 0 },
	{ "ceiling", OPT_CEILING, "N", 0, "add: refuse a sum above N", 0 },
	{ "with-ttl", OPT_WITH_TTL, NULL, 0,
	  "range: print how long each entry lives", 0 },
	{ "no-window", OPT_NO_WINDOW, NULL, 0,
	  "create: a map that is read by system calls only", 0 },
	{ "timeout", OPT_TIMEOUT, "MS", 0,
	  "wait: milliseconds to wait (no limit)", 0 },
	{ "wipe", OPT_WIPE, NULL, 0, "create: overwrite deleted entries", 0 },
	{ 0 },
};

static const char doc[] =
	"Look at cmap maps and change them.\v"
	"  list                  list the named maps\n"
	"  create MAP            create an empty map\n"
	"  unlink MAP            remove a map's name\n"
	"  rename MAP NAME       give a map another name\n"
	"  chmod OCTAL MAP       set its permission bits\n"
	"  chown [USER][:GROUP] MAP\n"
	"                        set its owner, its group, or both\n"
	"  limits                print how much your own maps use and may use\n"
	"  get MAP KEY           print a value\n"
	"  wait MAP KEY          wait for the next change of a key, print its value\n"
	"  set MAP KEY VALUE     set a value\n"
	"  insert MAP KEY VALUE  set it only if the key is absent\n"
	"  replace MAP KEY VALUE set it only if the key is present\n"
	"  delete MAP KEY        delete an entry\n"
	"  take MAP KEY          print a value and delete the entry\n"
	"  add MAP KEY [N]       add N (1) to a number, print the sum\n"
	"  touch MAP KEY         give an entry another time to live\n"
	"  ttl MAP KEY           print for how many seconds an entry lives, or never to end\n"
	"  count MAP             print the number of entries\n"
	"  clear MAP             delete all entries, print how many there were\n"
	"  range MAP [PREFIX]    print every key and value\n"
	"  watch MAP [PREFIX]    print changes as they are made\n"
	"  stat MAP              print the properties of a map and what it holds\n"
	"\n"
	"In names, keys and values \\xHH stands for any byte and \\\\ for a backslash;\n"
	"'' is the empty key.  PREFIX limits a command to keys that begin with it.\n"
	"TIME is in seconds, as 1.5, or has a unit: 500ms, 10s, 5m, 24h, 30d.\n"
	"Long options can also come after the command.  What begins with one dash there is\n"
	"an argument, and so is all that follows --.\n"
	"Exit status: 0, 1 if there is no such key or map, 2 for other errors, 3 if a wait\n"
	"has timed out, 4 if a sum would be above --ceiling.";

static error_t parse_rest(struct argp_state *state);

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case 'e':
		args->exists_is_fine = 1;
		break;
	case 'k':
		args->keys_only = 1;
		break;
	case 'm':
		/* To the library, 0 would mean the default. */
		args->options.mode = (mode_t)parse_number(arg, 8, 1, 0666);
		break;
	case OPT_ENTRIES:
		args->options.max_entries =
			(uint64_t)parse_number(arg, 0, 0, INT64_MAX);
		break;
	case OPT_BYTES:
		args->options.max_bytes =
			(uint64_t)parse_number(arg, 0, 0, INT64_MAX);
		break;
	case OPT_SHARDS:
		args->options.shards =
			(uint32_t)parse_number(arg, 0, 0, UINT32_MAX);
		break;
	case OPT_FEED_BYTES:
		args->options.feed_bytes =
			(uint32_t)parse_number(arg, 0, 0, UINT32_MAX);
		break;
	case OPT_FEED_VALUE_MAX:
		args->options.feed_value_max =
			(uint32_t)parse_number(arg, 0, 0, UINT32_MAX);
		break;
	case OPT_NO_WINDOW:
		args->options.flags |= KCMAP_NO_WINDOW;
		break;
	case OPT_WIPE:
		args->options.flags |= KCMAP_WIPE;
		break;
	case OPT_TIMEOUT:
		args->timeout = (int)parse_number(arg, 0, 0, INT_MAX);
		break;
	case OPT_DEFAULT_TTL:
		args->options.default_ttl = parse_time(arg);
		break;
	case OPT_TTL:
		args->given |= TAKES_TTL;
		args->ttl = strcmp(arg, "never") ? parse_time(arg) : 0;
		break;
	case OPT_CEILING:
		args->given |= TAKES_CEILING;
		args->ceiling = parse_number(arg, 0, INT64_MIN, INT64_MAX);
		break;
	case OPT_WITH_TTL:
		args->with_ttl = 1;
		break;
	case ARGP_KEY_ARGS:
		return parse_rest(state);
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}

	return 0;
}

static const struct argp argp = {
	options, parse, "COMMAND [ARGUMENT...]", doc, NULL, NULL, NULL,
};

/*
 * The option that a word names, as getopt_long(3) finds it: by its whole name, or by
 * a beginning that no other option has.  Ends the program if there is none.
 */
static const struct argp_option *option_of(struct argp_state *state,
					   const char *name, size_t len)
{
	const struct argp_option *option, *found = NULL;
	unsigned int n = 0;

	for (option = options; option->name; option++) {
		if (strncmp(option->name, name, len))
			continue;
		found = option;
		n++;
		if (!option->name[len]) {
			n = 1;
			break;
		}
	}
	if (n != 1)
		argp_error(state, "option '--%.*s' is %s", (int)len, name,
			   n ? "ambiguous" : "unknown; -- goes before arguments that begin so");
	return found;
}

/* Carry out a long option behind the command.  Returns the words that it takes. */
static int parse_behind(struct argp_state *state, char **word, int left)
{
	char *name = *word + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct argp_option *option;
	int words = 1;

	if (!strcmp(name, "help"))
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	option = option_of(state, name, len);
	if (value) {
		value++;
		if (!option->arg)
			argp_error(state, "option '--%s' takes no argument",
				   option->name);
	} else if (option->arg) {
		if (left < 2)
			argp_error(state, "option '--%s' needs an argument",
				   option->name);
		value = word[1];
		words = 2;
	}
	parse(option->key, value, state);
	return words;
}

/*
 * The command and what follows: its arguments, and long options in between.  One dash
 * begins a number, a key or a value, and so do two after a lone "--".
 */
static error_t parse_rest(struct argp_state *state)
{
	struct arguments *args = state->input;
	char **words = state->argv + state->next;
	int n = state->argc - state->next, i = 0, only_arguments = 0;

	args->argv = words;
	while (i < n) {
		if (only_arguments || strncmp(words[i], "--", 2)) {
			args->argv[args->argc++] = words[i++];
		} else if (!words[i][2]) {
			only_arguments = 1;
			i++;
		} else {
			i += parse_behind(state, &words[i], n - i);
		}
	}
	return 0;
}

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "cmap %s\n", kcmap_version());
}

/* Parse the command line.  Ends the program if it is not valid. */
void arguments_parse(struct arguments *args, int argc, char **argv)
{
	*args = (struct arguments){
		.options = { .sz = sizeof(args->options) }, .timeout = -1,
	};
	argp_program_version_hook = print_version;
	argp_err_exit_status = EX_USAGE;
	/* After the command, a dash may begin an argument: see parse_rest(). */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, args);
}
