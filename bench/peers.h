/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The alternatives to cmap.  Each stores the same entries, and several
 * processes use them.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#define VALUE_MAX	1024	/* longest value that is measured */

/**
 * struct peer - an alternative to cmap, or cmap itself
 * @name: its name in tables
 * @load: create it, with room for @room entries; called once, before any
 *	process is forked; returns -1 if this machine does not have it
 * @attach: called in each process before that begins
 * @get: get the entry with this key; returns 0 if it exists and is correct
 * @set: set that entry, or NULL
 * @get_many: get @n entries by one call or one message, or NULL
 * @set_many: set @n entries likewise, or NULL
 * @bytes: the memory that it uses; returns 0 if the system cannot tell
 * @unload: remove it
 */
struct peer {
	const char *name;
	int (*load)(uint64_t room);
	int (*attach)(void);
	int (*get)(uint64_t key);
	int (*set)(uint64_t key, const void *value);
	int (*get_many)(const uint64_t *keys, size_t n);
	int (*set_many)(const uint64_t *keys, size_t n, const void *value);
	double (*bytes)(void);
	void (*unload)(void);
};

#define MANY_MAX	256	/* of get_many, set_many */

extern const struct peer peer_window, peer_call, peer_copy;
extern const struct peer peer_bpf, peer_lmdb, peer_table;
extern const struct peer peer_memcached, peer_redis;

/* The copy of a window that peer_copy reads. */
extern const char *peer_copy_path;

/* For servers: a process's own memory; starting and stopping one. */
double memory_of(int pid);
int server_start(const char *const argv[], const char *socket);
void server_stop(int pid);

#endif /* BENCH_PEERS_H */
