/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps that are filled up to their limits, with values of all lengths.
 */
#ifndef CMAP_TESTS_FULL_H
#define CMAP_TESTS_FULL_H

#include "context.h"
#include "../core/map.h"

#include <linux/sizes.h>

#define VALUE_MAX	SZ_128K

/* For &struct kunit_suite. */
int full_init(struct kunit *test);
void full_exit(struct kunit *test);
struct cmap *full_new(struct kunit *test, u32 shards, u64 max_bytes);

/* Set a key to a value that begins with @number, like a system call does. */
int full_set(struct cmap *map, u64 key, u32 len, u64 number, gfp_t gfp);
int full_add(struct cmap *map, u64 key);
int full_delete(struct cmap *map, u64 key);

/* Get the length of a value, and the number that it begins with. */
int full_get(struct cmap *map, u64 key, u32 *len, u64 *number);

/* Set keys 0, 1, ... until one is refused.  Returns how many were set. */
u64 full_fill(struct kunit *test, struct cmap *map, u32 len);

/* Count the entries that a scan of the whole map finds. */
u32 full_count_by_scan(struct kunit *test, struct cmap *map);

#endif /* CMAP_TESTS_FULL_H */
