/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks after each program, for faults that the kernel itself does not report.
 */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdbool.h>

/* Call in the parent of all workers, while there is no map. */
void fuzz_check_init(void);

/* Check the maps in all slots.  Returns NULL, or what is wrong. */
const char *fuzz_check_maps(void);

/* Check that no map and no byte of memory is left. */
const char *fuzz_check_nothing_left(void);

/* Returns a complaint in the kernel's log since the last call, or NULL. */
const char *fuzz_check_kernel(void);

#endif /* FUZZ_CHECK_H */
