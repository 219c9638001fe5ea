/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that make the calls.  Each returns the result of its system
 * call, or a negative errno.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "kcov.h"

#include <linux/cmap.h>

struct fuzz_type;

#define FUZZ_FDS	8
#define FUZZ_FD_FIRST	100	/* above those that the process uses */
#define FUZZ_OTHERS	16	/* choices of fuzz_run_other() */
#define FUZZ_ADVICE	16	/* choices of fuzz_run_madvise() */
#define FUZZ_MEMORIES	12	/* choices of fuzz_run_memory() */

/* A cursor, which is right for maps of two shards. */
#define FUZZ_CURSOR	CMAP_FEED_CURSOR_BYTES(2)

struct fuzz_thread {
	unsigned int number;	/* 0 or 1 */
	struct fuzz_kcov kcov;
	int fail_fd;		/* or -1 */
	unsigned int fail;	/* which allocation of the next call fails */
	uint64_t version;	/* last seen */
	struct cmap_cursor cursor;
};

#define FUZZ_CALL(_name)						\
	long fuzz_run_##_name(struct fuzz_thread *thread,		\
			      const struct fuzz_type *type,		\
			      const uint64_t *arg)

FUZZ_CALL(ioctl);
FUZZ_CALL(element);
FUZZ_CALL(fill);
FUZZ_CALL(drain);
FUZZ_CALL(number);
FUZZ_CALL(compat);

FUZZ_CALL(open);
FUZZ_CALL(close);
FUZZ_CALL(dup);
FUZZ_CALL(pass);
FUZZ_CALL(reopen);
FUZZ_CALL(other);
FUZZ_CALL(watch);
FUZZ_CALL(waitkey);

FUZZ_CALL(mmap);
FUZZ_CALL(munmap);
FUZZ_CALL(mremap);
FUZZ_CALL(mprotect);
FUZZ_CALL(madvise);
FUZZ_CALL(touch);
FUZZ_CALL(memory);

FUZZ_CALL(fork);
FUZZ_CALL(die);
FUZZ_CALL(wait);
FUZZ_CALL(user);
FUZZ_CALL(fail);

static inline int fuzz_fd(uint64_t slot)
{
	return FUZZ_FD_FIRST + (int)(slot % FUZZ_FDS);
}

/* Call these before and after a call whose allocation may fail. */
void fuzz_fail_begin(struct fuzz_thread *thread);
void fuzz_fail_end(struct fuzz_thread *thread);

/* Find out once whether 32-bit calls can be made. */
void fuzz_compat_init(void);

/* Kill and reap the forked processes. */
void fuzz_reap(void);

#endif /* FUZZ_CALLS_H */
