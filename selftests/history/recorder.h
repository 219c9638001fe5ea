/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that does operations through all the ways that processes have into
 * a map, and writes down what came of it.
 */
#ifndef CMAP_RECORDER_H
#define CMAP_RECORDER_H

#include "../../kmod/tests/cmap_history.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORDER_BATCH	12	/* elements of a batch, at most */
/* Records that one step makes at most: a batch with a clear in it. */
#define RECORDER_STEP	(RECORDER_BATCH + HISTORY_KEYS)

struct kcmap;

/**
 * struct recorder - one that does operations
 * @area: the memory that all share
 * @log: where it writes down what it does
 * @fd: the map, for system calls
 * @library: the map, for the library by system calls
 * @window: the map, for the library by the window
 * @buf: values to write, read and compare with, for each element of a batch
 * @range: room for what a range returns
 */
struct recorder {
	struct history_area *area;
	struct history_log *log;
	int fd;
	struct kcmap *library;
	struct kcmap *window;
	struct recorder_buf *buf;
	char *range;
};

/* Use the map of that name; 0 or a negative errno. */
int recorder_init(struct recorder *recorder, struct history_area *area,
		  struct history_log *log, const char *name);
void recorder_close(struct recorder *recorder);

/* One call, of any kind; or one that only reads, through the window. */
void recorder_step(struct recorder *recorder);
void recorder_look(struct recorder *recorder);

/* The clock's next number. */
static inline uint64_t history_tick(struct history_area *area)
{
	return __atomic_add_fetch(&area->clock, 1, __ATOMIC_SEQ_CST);
}

#endif /* CMAP_RECORDER_H */
