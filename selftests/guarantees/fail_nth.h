/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls whose allocations fail, and the maps on which they are made.
 */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include <kcmap.h>

#include "cmap_test.h"

#define NAME		"fail_nth"
#define OTHER_NAME	"fail_nth_2"
#define LONG		20000
#define HUGE		100000	/* more than a range reads at once */
#define SOME		650	/* a length that no entry of the map has */
#define FILLERS		20
#define FEED_BYTES	8192
#define FEED_VALUE_MAX	64

/* The map on which a call is made. */
struct subject {
	int fd;
	int fresh;		/* a descriptor that is not bound */
	int pipes[2];
	struct kcmap *handle;	/* the library's handle */
	char *window;
};

#define EMPTY		1	/* on an empty map */
#define WINDOW		2	/* opens a window */
#define UNMAPPED	4	/* on a map that was never mapped */
#define HUGE_ONE	8	/* with a huge entry */
#define FEED		16	/* on a map with a feed that has all changes */

struct call {
	const char *name;
	int (*fn)(struct subject *s);
	unsigned int flags;
	const char *kapi;	/* for call_kernel() */
};

extern const struct call sys_calls[], feed_calls[], lib_calls[];
extern const unsigned int sys_calls_count, feed_calls_count, lib_calls_count;

extern char big[HUGE];

#define OUT_BYTES	102400
extern char out[OUT_BYTES];

/* Memory for results that does not exist yet, so that it takes a page fault. */
void *cold(void);

/* 0 if a condition on the call's result holds. */
#define CHECK(condition) ((condition) ? 0 : -EPROTO)

/* The same for a call that returned @err and @len bytes in @out. */
int got(int err, uint32_t len, const void *want, uint32_t want_len);

#endif /* FAIL_NTH_H */
