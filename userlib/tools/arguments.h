/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: options, and the arguments of a command.
 */
#ifndef CMAP_TOOL_ARGUMENTS_H
#define CMAP_TOOL_ARGUMENTS_H

#include <kcmap.h>

/* Options that only some commands take, and that change what is written. */
#define TAKES_TTL	(1U << 0)
#define TAKES_CEILING	(1U << 1)

struct arguments {
	struct kcmap_options options;
	unsigned int given;	/* TAKES_* of the options that were given */
	uint64_t ttl;		/* in nanoseconds; 0: no deadline */
	int64_t ceiling;
	int keys_only;
	int with_ttl;
	int exists_is_fine;
	int timeout;		/* in milliseconds */
	int argc;
	char **argv;
};

void arguments_parse(struct arguments *args, int argc, char **argv);

#endif /* CMAP_TOOL_ARGUMENTS_H */
