/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making programs, new ones and variants of others.
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "program.h"

void fuzz_generate(struct fuzz_program *program, uint64_t *seed);

/* Change a program a little; calls may be taken from @other. */
void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, uint64_t *seed);

#endif /* FUZZ_GENERATE_H */
