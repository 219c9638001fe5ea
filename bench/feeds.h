/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of "feeds" share.
 */
#ifndef FEEDS_H
#define FEEDS_H

#include <stddef.h>

#define FEED_KEY_SIZE	16

extern const char *feed_unit;

/* A source of records other than cmap: it makes @n of them, and then reads all. */
struct feed_peer {
	const char *name;
	void (*make)(size_t n);
	void (*read)(size_t n);
};

/* The peer, or NULL if this machine does not have it. */
const struct feed_peer *feed_inotify(void);
const struct feed_peer *feed_bpf(size_t payload, size_t ring_bytes);

void feed_writes(void);

#endif /* FEEDS_H */
