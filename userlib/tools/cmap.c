// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmap - look at maps and change them from the shell.
 */
#include "description.h"
#include "dispatch.h"
#include "error.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const struct command *command;
	struct arguments args;

	text_init();
	error_init();
	options_init(commands);
	command = options_parse(&args, argc, argv);
	description_apply(&args, command);
	doing.operation = command->operation;
	command->run(&args);
	/* The error came earlier, and its errno is no longer known. */
	errno = EIO;
	if (fflush(stdout) || ferror(stdout))
		die_printing();
	return 0;
}
