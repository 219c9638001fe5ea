/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users would pick instead: each keeps the same entries, and is reached
 * by several processes.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#define VALUE_MAX	1024	/* longest value that is measured */

/**
 * struct peer - one of them
 * @name: in tables
 * @load: make it, with room for @room entries, once, before any process is
 *	forked; -1 if it is not to be had here
 * @attach: in each process, before it begins
 * @get: get the entry called @key; 0 if it is there and as it should be
 * @set: set it
 * @get_many: get @n entries by one call or one message, or NULL
 * @set_many: set them, or NULL
 * @bytes: memory it takes, as far as the system can tell; 0 if it cannot
 * @unload: end it
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

/* Names the copy of a window that peer_copy reads. */
extern const char *peer_copy_path;

/* Of servers: a process's own memory, and starting and ending one. */
double memory_of(int pid);
int server_start(const char *const argv[], const char *socket);
void server_stop(int pid);

#endif /* BENCH_PEERS_H */
