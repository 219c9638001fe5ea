// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading in ways that only the window makes fast.  Without one they work as
 * well, by system calls.
 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* ---- in place ---- */

API int cmap_visit(struct cmap *map, const void *key, size_t key_len,
		   void (*fn)(const void *value, size_t len, void *arg),
		   void *arg, uint64_t *version)
{
	struct cmap_view *view = cmap_view_of(map);
	const struct cmap_want want = {
		.key = key, .key_len = key_len, .visit = fn, .arg = arg,
	};
	struct cmap_got got;
	size_t len;
	void *value;

	if (view) {
		switch (cmap_window_visit(view, &want, &got)) {
		case CMAP_FOUND:
			if (version)
				*version = got.version;
			return 0;
		case CMAP_ABSENT:
			errno = ENOENT;
			return -1;
		default:
			break;
		}
	}

	value = cmap_get_dup(map, key, key_len, &len, version);
	if (!value)
		return -1;
	fn(value, len, arg);
	free(value);
	return 0;
}

/* ---- many keys ---- */

static void look_up(struct cmap *map, struct cmap_lookup *lookup)
{
	ssize_t len = cmap_get(map, lookup->key, lookup->key_len, lookup->buf,
			       lookup->size, &lookup->version);

	lookup->error = len < 0 ? errno : 0;
	lookup->len = len < 0 ? 0 : (size_t)len;
	/* As with the window, the length that the buffer is too small for. */
	if (lookup->error == EMSGSIZE) {
		len = cmap_get(map, lookup->key, lookup->key_len, NULL, 0,
			       NULL);
		lookup->len = len < 0 ? 0 : (size_t)len;
	}
}

API ssize_t cmap_get_many(struct cmap *map, struct cmap_lookup *lookups,
			  size_t n)
{
	struct cmap_view *view = cmap_view_of(map);
	ssize_t found = 0;
	size_t i;

	if (view)
		cmap_window_get_many(view, lookups, n);
	for (i = 0; i < n; i++) {
		if (!view || lookups[i].error == CMAP_ASK)
			look_up(map, &lookups[i]);
		found += !lookups[i].error;
	}

	return found;
}

/* ---- what the window costs ---- */

API int cmap_window_stat(struct cmap *map, struct cmap_window_stat *stat)
{
	struct cmap_view *view = cmap_view_of(map);

	if (stat->sz < sizeof(*stat)) {
		errno = EINVAL;
		return -1;
	}
	if (!view) {
		errno = ENODEV;
		return -1;
	}

	memset((char *)stat + sizeof(stat->sz), 0,
	       stat->sz - sizeof(stat->sz));
	stat->retries = view->retries;
	stat->calls = view->calls;
	stat->maps = view->maps;
	return 0;
}
