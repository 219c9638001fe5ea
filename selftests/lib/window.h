/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The window as a door: the library gets values and ranges over maps, and must
 * read through the window when it does.
 */
#ifndef CMAP_TEST_WINDOW_H
#define CMAP_TEST_WINDOW_H

#include <kcmap.h>

#include "cmap_test.h"

#define WINDOW_HANDLES 1024

/* One handle for each descriptor, created when it is first needed. */
static struct kcmap *window_handles[WINDOW_HANDLES];

static inline void forget_window(int fd)
{
	if (fd < 0 || fd >= WINDOW_HANDLES)
		return;
	kcmap_close(window_handles[fd]);
	window_handles[fd] = NULL;
}

/* Make sure that reads use the window. */
static inline struct kcmap *window_of(int fd)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };

	if (!window_handles[fd]) {
		window_handles[fd] = kcmap_from_fd(dup(fd));
		if (!window_handles[fd] ||
		    kcmap_window_stat(window_handles[fd], &stat)) {
			printf("# no window\n");
			abort();
		}
	}
	return window_handles[fd];
}

static inline int get_by_window(int fd, const void *key, size_t key_len,
				void *buf, uint32_t *len, uint64_t *version)
{
	ssize_t got;

	got = kcmap_get(window_of(fd), key, key_len, buf, *len, version);
	if (got < 0)
		return -errno;
	*len = got;
	return 0;
}

static inline int64_t range_by_window(int fd, size_t size, entry_fn fn, void *arg)
{
	struct kcmap_range *range = kcmap_range_new(window_of(fd), 0, NULL);
	struct kcmap_cursor position;
	struct kcmap_item item;
	int64_t seen = 0;
	int got;

	while ((got = kcmap_range_next(range, &item)) > 0) {
		struct cmap_entry e = {
			.key_len = item.key_len, .value_len = item.value_len,
			.version = item.version,
		};

		kcmap_range_cursor(range, &position);
		e.cursor.position = position.position;
		e.cursor.tie = position.tie;
		if (fn)
			fn(&e, item.key, item.value, arg);
		seen++;
	}
	kcmap_range_free(range);

	return got < 0 ? -errno : seen;
}

static const struct door window_door = {
	.get = get_by_window, .range = range_by_window, .forget = forget_window,
};

#endif
