/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Filters: which changes a reader wants.
 */
#ifndef LIBKCMAP_FILTER_H
#define LIBKCMAP_FILTER_H

#include "internal.h"

/* A filter as the kernel wants it. */
struct kcmap_wanted {
	struct cmap_feed_filter filter;
	struct cmap_feed_key key[CMAP_FEED_KEYS_MAX];
};

int kcmap_wanted_from(struct kcmap_wanted *wanted,
		      const struct kcmap_filter *filter);
struct kcmap_wanted *kcmap_wanted_copy(const struct kcmap_filter *filter);
int kcmap_wanted_has(const struct kcmap_wanted *wanted, const void *key,
		     size_t key_len);

#endif /* LIBKCMAP_FILTER_H */
