/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program: calls in a row, with their arguments as numbers whose meaning
 * abi.c gives.  As text it is one line:
 *
 *	open 0 2; create 0 0 38; &4*set 0 0 48 0 0 0 1; count 0
 *
 * Arguments are hexadecimal, those left out are 0.  & hands a call to the
 * second thread, N* makes it N times.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_CALLS	24	/* in a program, at most */
#define FUZZ_ARGS	16	/* of a call, at most */
#define FUZZ_REPEAT	64	/* times a call is made, at most */
#define FUZZ_TEXT	(FUZZ_CALLS * (FUZZ_ARGS * 17 + 32))

struct fuzz_call {
	uint8_t type;
	uint8_t peer;		/* made by the second thread */
	uint8_t repeat;
	uint64_t arg[FUZZ_ARGS];
};

struct fuzz_program {
	uint32_t n;
	struct fuzz_call call[FUZZ_CALLS];
};

/* Print to @text, which has FUZZ_TEXT bytes; no newline. */
void fuzz_print(const struct fuzz_program *program, char *text);

/* Read a line of text; false if it is no program. */
bool fuzz_parse(const char *line, size_t len, struct fuzz_program *program);

/* Read the next program of a text, past comments; false at the end. */
bool fuzz_next(const char **text, const char *end,
	       struct fuzz_program *program);

void fuzz_remove(struct fuzz_program *program, unsigned int i);
void fuzz_insert(struct fuzz_program *program, unsigned int i,
		 const struct fuzz_call *call);

#endif /* FUZZ_PROGRAM_H */
