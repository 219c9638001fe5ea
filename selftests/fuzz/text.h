/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs as text.  A program is one line:
 *
 *	open 0 2; create 0 0 38; &4*set 0 0 48 0 0 0 1; count 0
 *
 * Arguments are hexadecimal; those left out are 0. & gives a call to the second
 * thread, N* repeats it N times.
 */
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include "program.h"

#define FUZZ_TEXT	(FUZZ_CALLS * (FUZZ_ARGS * 17 + 32))

/* Print to @text, which has FUZZ_TEXT bytes, without a newline. */
void fuzz_print(const struct fuzz_program *program, char *text);

/* Parse a line of text.  Returns false if it is not a program. */
bool fuzz_parse(const char *line, size_t len, struct fuzz_program *program);

/*
 * Parse the next program of a text, past comments.  Returns false at the end.
 */
bool fuzz_next(const char **text, const char *end,
	       struct fuzz_program *program);

#endif /* FUZZ_TEXT_H */
