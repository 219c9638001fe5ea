/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are written as a whole: whoever opens one finds all of it, old or new.
 */
#ifndef CMAP_TOOL_OUTPUT_H
#define CMAP_TOOL_OUTPUT_H

#include <stdint.h>
#include <stdio.h>

struct output {
	FILE *out;
	const char *file;	/* NULL: standard output */
	char *temporary;
};

void output_begin(struct output *output, const char *file, unsigned int mode);
void output_end(struct output *output);

/* Say on a terminal how far a command is. */
struct progress {
	int is_shown;
	uint64_t all;		/* 0: not known */
	uint64_t next;		/* when it is shown again, in nanoseconds */
};

void progress_begin(struct progress *progress, uint64_t all, int prints);
void progress_at(struct progress *progress, uint64_t done, uint64_t entries);
void progress_end(struct progress *progress);

#endif /* CMAP_TOOL_OUTPUT_H */
