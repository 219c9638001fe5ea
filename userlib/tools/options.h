/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: a command, its arguments and its options.
 */
#ifndef CMAP_TOOL_OPTIONS_H
#define CMAP_TOOL_OPTIONS_H

#include "type.h"

#include <kcmap.h>

enum option_index {
	OPTION_COLOR,
	OPTION_EXISTS,
	OPTION_KEYS,
	OPTION_MODE,
	OPTION_KEY_MAX,
	OPTION_VALUE_MAX,
	OPTION_MAX_ENTRIES,
	OPTION_MAX_BYTES,
	OPTION_SHARDS,
	OPTION_FEED_BYTES,
	OPTION_FEED_VALUE_MAX,
	OPTION_DEFAULT_TTL,
	OPTION_NO_WINDOW,
	OPTION_WIPE,
	OPTION_TTL,
	OPTION_CEILING,
	OPTION_IF_VERSION,
	OPTION_WITH_TTL,
	OPTION_TIMEOUT,
	OPTION_TYPE,
	OPTION_KEY_TYPE,
	OPTION_JSON,
	OPTION_HUMAN,
	OPTION_FILE,
	OPTION_RAW,
	OPTION_PREFIX,
	OPTION_MATCH,
	OPTION_LARGER,
	OPTION_LIMIT,
	OPTION_WATCH,
	OPTION_INTERVAL,
	OPTION_COUNT,
	OPTION_TEXTFILE,
	OPTION_CREATE,
	OPTION_KEEP,
	OPTION_NO_TTL,
	OPTION_SECONDS,
	OPTION_COMMANDS,
	OPTION_REPLACE,
	OPTION_EXCHANGE,
	OPTION_NO_REPLACE,
};

#define TAKES(option)	(UINT64_C(1) << OPTION_ ## option)

struct arguments {
	struct kcmap_options options;
	uint64_t given;		/* TAKES() of the options that were given */
	uint64_t ttl;		/* in nanoseconds; 0: no deadline */
	uint64_t version;
	uint64_t larger;
	uint64_t limit;
	uint64_t interval;	/* in nanoseconds */
	uint64_t seconds;	/* in nanoseconds */
	int64_t ceiling;
	int timeout;		/* in milliseconds */
	enum type type;
	enum type key_type;
	const char *file;
	const char *prefix;
	const char *match;
	const char *textfile;
	int argc;		/* with the command's name */
	char **argv;
};

/* Whether an option was given: given(args, JSON). */
#define given(args, option)	(((args)->given & TAKES(option)) != 0)

enum command_group { GROUP_MAPS, GROUP_ENTRIES, GROUP_CONTENTS, GROUP_MACHINE, GROUPS };

struct command {
	const char *name;
	const char *arguments;	/* as help shows them */
	const char *does;	/* in one line */
	enum command_group group;
	enum kcmap_operation operation;
	int least;		/* the least number of arguments */
	int most;
	void (*run)(const struct arguments *args);
	uint64_t takes;		/* TAKES() of its options */
	int has_short;		/* one dash begins an option, not an argument */
};

void options_init(const struct command *table);
const struct command *command_of_name(const char *name);
const struct command *options_parse(struct arguments *args, int argc, char **argv);
void do_help(const struct arguments *args);

#endif /* CMAP_TOOL_OPTIONS_H */
