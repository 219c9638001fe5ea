/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: options, and the arguments of a command.
 */
#ifndef CMAP_TOOL_ARGUMENTS_H
#define CMAP_TOOL_ARGUMENTS_H

#include <kcmap.h>

struct arguments {
	struct kcmap_options options;
	int keys_only;
	int exists_is_fine;
	int timeout;		/* in milliseconds */
	int argc;
	char **argv;
};

void arguments_parse(struct arguments *args, int argc, char **argv);

#endif /* CMAP_TOOL_ARGUMENTS_H */
