/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that uses a map through every interface that processes have, and
 * records the results.
 */
#ifndef CMAP_RECORDER_H
#define CMAP_RECORDER_H

#include "../../kmod/tests/cmap_history.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORDER_BATCH	12	/* elements of a batch, at most */
/* Most records of one step: a batch that has a clear in it. */
#define RECORDER_STEP	(RECORDER_BATCH + HISTORY_KEYS)

struct cmap_window;
struct cmap_window_words;
struct kcmap;

/**
 * struct recorder - a thread that makes and records operations
 * @area: memory that all recorders share
 * @log: this recorder's records
 * @fd: the map, for system calls
 * @library: the map, for the library with system calls
 * @window: the map, for the library with the window
 * @buf: values to write, read and compare with, one for each batch element
 * @range: the buffer for ranges
 * @header: the map's window, if entries have deadlines; it leads to @words
 * @words: the page of words
 */
struct recorder {
	struct history_area *area;
	struct history_log *log;
	int fd;
	struct kcmap *library;
	struct kcmap *window;
	struct recorder_buf *buf;
	char *range;
	const struct cmap_window *header;
	const struct cmap_window_words *words;
};

/* Open the map of that name.  Returns 0 or a negative errno. */
int recorder_init(struct recorder *recorder, struct history_area *area,
		  struct history_log *log, const char *name);
void recorder_close(struct recorder *recorder);

/* Make one call of any kind; or, the second, one read through the window. */
void recorder_step(struct recorder *recorder);
void recorder_look(struct recorder *recorder);

/* The clock's next number. */
static inline uint64_t history_tick(struct history_area *area)
{
	return __atomic_add_fetch(&area->clock, 1, __ATOMIC_SEQ_CST);
}

#endif /* CMAP_RECORDER_H */
