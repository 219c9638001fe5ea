/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads from memory that may not be there.
 */
#ifndef FUZZ_TOUCH_H
#define FUZZ_TOUCH_H

#include <stddef.h>

/* Handle SIGSEGV and SIGBUS in this process. */
void fuzz_touch_init(void);

/* Load @n bytes, @step bytes apart.  0, or -EFAULT if one of them faulted. */
long fuzz_touch(const char *at, size_t step, size_t n);

#endif /* FUZZ_TOUCH_H */
