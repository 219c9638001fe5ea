/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running programs: two threads, one of which hands calls to the other.
 */
#ifndef FUZZ_EXECUTE_H
#define FUZZ_EXECUTE_H

#include "program.h"

/* Make the threads ready. */
void fuzz_execute_init(void);

/* Run a program, and note its edges; true if some are new. */
bool fuzz_execute(const struct fuzz_program *program, uint8_t *edges);

/* Close, unmap, reap and unlink all that a program left. */
void fuzz_tidy(void);

#endif /* FUZZ_EXECUTE_H */
