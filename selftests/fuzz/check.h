/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must be right after any program, beyond what the kernel itself
 * complains of.
 */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdbool.h>

/* In the parent of all workers, while there is no map. */
void fuzz_check_init(void);

/* The maps that the slots' descriptors are bound to; NULL or what is wrong. */
const char *fuzz_check_maps(void);

/* No map is left, nor a byte of any. */
const char *fuzz_check_nothing_left(void);

/* What the kernel said since it was last asked, if that was a complaint. */
const char *fuzz_check_kernel(void);

#endif /* FUZZ_CHECK_H */
