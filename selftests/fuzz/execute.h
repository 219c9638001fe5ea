/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running programs.  One thread hands some of the calls to a second one.
 */
#ifndef FUZZ_EXECUTE_H
#define FUZZ_EXECUTE_H

#include "program.h"

/* Start the threads. */
void fuzz_execute_init(void);

/* Run a program and record its edges.  Returns true if some are new. */
bool fuzz_execute(const struct fuzz_program *program, uint8_t *edges);

/* Close, unmap, reap and unlink everything that a program left. */
void fuzz_tidy(void);

#endif /* FUZZ_EXECUTE_H */
