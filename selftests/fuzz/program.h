/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program: a sequence of calls, with numbers as arguments. abi.c gives the
 * numbers their meaning.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_CALLS	24	/* in a program, at most */
#define FUZZ_ARGS	18	/* of a call, at most */
#define FUZZ_REPEAT	64	/* repetitions of a call, at most */

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

void fuzz_remove(struct fuzz_program *program, unsigned int i);
void fuzz_insert(struct fuzz_program *program, unsigned int i,
		 const struct fuzz_call *call);

#endif /* FUZZ_PROGRAM_H */
