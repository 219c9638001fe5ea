/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads through a window.  The slow path, read_slow.c, reads whatever a window
 * can show; the fast path, read.c, falls back to it.
 */
#ifndef LIBKCMAP_READ_SLOW_H
#define LIBKCMAP_READ_SLOW_H

#include "view.h"

/* How a read through the window went. */
enum kcmap_outcome {
	KCMAP_FOUND,
	KCMAP_ABSENT,
	KCMAP_TOO_SMALL,	/* the buffer; the length is known */
	KCMAP_CALL,		/* ask the kernel */
};

/* One key to read. */
struct kcmap_want {
	const void *key;
	size_t key_len;
	void *buf;		/* copied to, unless there is @visit */
	size_t size;
	void (*visit)(const void *value, size_t len, void *arg);
	void *arg;
};

/* What was found. */
struct kcmap_got {
	size_t len;
	uint64_t version;
};

enum kcmap_outcome kcmap_window_read(struct kcmap_view *view,
				     const struct kcmap_want *want,
				     struct kcmap_got *got);

/* The entries of one bucket. */
struct kcmap_gathered {
	uint64_t position;
	uint64_t version;
	uint32_t key_len;
	uint32_t value_len;
	size_t at;		/* where the key is in the buffer, value behind */
};

#define KCMAP_GATHER_MAX 170	/* all that a bucket can hold */

struct kcmap_bucket_read {
	int keys_only;
	char *buf;
	size_t size;
	size_t used;		/* or, if that is more than size, needed */
	unsigned int count;
	uint64_t end;		/* first position behind the bucket */
	struct kcmap_gathered entry[KCMAP_GATHER_MAX];
};

enum kcmap_outcome kcmap_window_bucket(struct kcmap_view *view,
				       uint64_t position,
				       struct kcmap_bucket_read *read);

#endif /* LIBKCMAP_READ_SLOW_H */
