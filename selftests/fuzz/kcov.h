/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel code that a thread runs through, if the kernel can record it.
 */
#ifndef FUZZ_KCOV_H
#define FUZZ_KCOV_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_kcov {
	int fd;			/* or -1 */
	uint64_t *words;	/* their number, then the addresses */
};

/* Call in the thread to be recorded. */
void fuzz_kcov_open(struct fuzz_kcov *kcov);
void fuzz_kcov_begin(struct fuzz_kcov *kcov);

/* The addresses since fuzz_kcov_begin(). */
const uint64_t *fuzz_kcov_end(struct fuzz_kcov *kcov, size_t *n);

#endif /* FUZZ_KCOV_H */
