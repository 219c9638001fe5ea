/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs out of nothing, and out of others.
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "program.h"

void fuzz_generate(struct fuzz_program *program, uint64_t *seed);

/* Change it a little; @other is one to take calls from. */
void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, uint64_t *seed);

#endif /* FUZZ_GENERATE_H */
