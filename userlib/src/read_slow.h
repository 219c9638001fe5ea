/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads through a window.  The slow path, read_slow.c, reads whatever a window
 * can show; the fast path, read.c, falls back to it.
 */
#ifndef LIBKCMAP_READ_SLOW_H
#define LIBKCMAP_READ_SLOW_H

#include "view.h"

/* The result of a read through the window. */
enum kcmap_outcome {
	KCMAP_FOUND,
	KCMAP_ABSENT,
	KCMAP_TOO_SMALL,	/* the buffer; the length is set */
	KCMAP_CALL,		/* ask the kernel */
};

/* One key to read. */
struct kcmap_want {
	const void *key;
	size_t key_len;
	void *buf;		/* where the value goes, if @visit is NULL */
	size_t size;
	void (*visit)(const void *value, size_t len, void *arg);
	void *arg;
};

/* What was found. */
struct kcmap_got {
	size_t len;
	uint64_t version;
	uint64_t deadline;	/* 0: none */
};

enum kcmap_outcome kcmap_window_read(struct kcmap_view *view,
				     const struct kcmap_want *want,
				     struct kcmap_got *got);

/* One entry of a bucket that was read. */
struct kcmap_gathered {
	uint64_t position;
	uint64_t version;
	uint64_t deadline;
	uint32_t key_len;
	uint32_t value_len;
	size_t at;		/* of the key in the buffer; the value follows */
};

#define KCMAP_GATHER_MAX 170	/* more entries than any bucket can hold */

struct kcmap_bucket_read {
	int keys_only;
	const char *prefix;	/* of the keys that are wanted */
	size_t prefix_len;
	char *buf;
	size_t size;
	size_t used;		/* if larger than size: bytes needed */
	unsigned int count;
	uint64_t end;		/* the first position after the bucket */
	struct kcmap_gathered entry[KCMAP_GATHER_MAX];
};

enum kcmap_outcome kcmap_window_bucket(struct kcmap_view *view,
				       uint64_t position,
				       struct kcmap_bucket_read *read);

#endif /* LIBKCMAP_READ_SLOW_H */
