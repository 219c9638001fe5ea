// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"
#include "clock.h"
#include "error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The temporary file of an output that has not come to its end. */
static char *unfinished;

static void remove_unfinished(void)
{
	if (unfinished)
		unlink(unfinished);
}

/* Write to a file that gets @mode, or to standard output. */
void output_begin(struct output *output, const char *file, unsigned int mode)
{
	int fd;

	*output = (struct output){ stdout, file, NULL };
	if (!file)
		return;
	/* Beside the file, because rename() does not leave the file system. */
	if (asprintf(&output->temporary, "%s.XXXXXX", file) < 0)
		die("memory");
	fd = mkostemp(output->temporary, 0);
	if (fd < 0)
		die_of_file(file);
	unfinished = output->temporary;
	atexit(remove_unfinished);
	output->out = fdopen(fd, "w");
	if (!output->out || fchmod(fd, mode))
		die_of_file(file);
}

/* The file is there from now on.  After a crash of the machine, it is the old or the new. */
void output_end(struct output *output)
{
	if (fflush(output->out) || ferror(output->out)) {
		if (!output->file)
			die_printing();
		die_of_file(output->file);
	}
	if (!output->file)
		return;
	if (fsync(fileno(output->out)) || fclose(output->out) ||
	    rename(output->temporary, output->file))
		die_of_file(output->file);
	unfinished = NULL;
	free(output->temporary);
}

/* ---- progress ---- */

/*
 * It stands on standard error, which must be a terminal.  @prints: the command prints
 * meanwhile, so that standard output must not be one.
 */
void progress_begin(struct progress *progress, uint64_t all, int prints)
{
	*progress = (struct progress){
		isatty(STDERR_FILENO) && !(prints && isatty(STDOUT_FILENO)), all,
		clock_now() + 500 * KCMAP_MILLISECOND,
	};
}

void progress_at(struct progress *progress, uint64_t done, uint64_t entries)
{
	uint64_t time;

	if (!progress->is_shown)
		return;
	time = clock_now();
	if (time < progress->next)
		return;
	progress->next = time + 200 * KCMAP_MILLISECOND;
	/* Past the filter of messages, for which the return is no text. */
	if (progress->all)
		dprintf(STDERR_FILENO, "\r%3u %%  %" PRIu64 " entries ",
			(unsigned int)(100.0 * (double)done / (double)progress->all),
			entries);
	else
		dprintf(STDERR_FILENO, "\r%" PRIu64 " entries ", entries);
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		dprintf(STDERR_FILENO, "\r\033[K");
}
