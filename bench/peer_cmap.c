// SPDX-License-Identifier: GPL-2.0
/*
 * cmap in three ways: read through the window, read by system calls, and a
 * copy of a window, for machines without the module.
 */
#include "bench.h"
#include "copy.h"
#include "peers.h"

#include <kcmap.h>

#include <fcntl.h>
#include <string.h>

#define NAME "bench-peers"

const char *peer_copy_path;

static struct kcmap *map;
static struct kcmap_batch *batch;

static int load(int oflag)
{
	kcmap_unlink(NAME);
	map = kcmap_open(NAME, O_RDWR | O_CREAT | oflag, NULL);
	kcmap_unlink(NAME);
	return map ? 0 : -1;
}

static int load_window(uint64_t room)
{
	(void)room;
	return load(0);
}

static int load_call(uint64_t room)
{
	(void)room;
	return load(KCMAP_O_NO_WINDOW);
}

static int load_copy(uint64_t room)
{
	(void)room;
	map = peer_copy_path ? copy_open(peer_copy_path) : NULL;
	return map ? 0 : -1;
}

static int attach(void)
{
	batch = kcmap_batch_new(MANY_MAX);
	return batch ? 0 : -1;
}

static int get(uint64_t key)
{
	char value[VALUE_MAX];

	return kcmap_get(map, &key, 8, value, bench.value_size, NULL) !=
	       (ssize_t)bench.value_size || memcmp(value, &key, 8);
}

static int set(uint64_t key, const void *value)
{
	return kcmap_set(map, &key, 8, value, bench.value_size, NULL);
}

static int get_many(const uint64_t *keys, size_t n)
{
	static struct kcmap_lookup lookups[MANY_MAX];
	static char values[MANY_MAX][VALUE_MAX];
	size_t i;

	for (i = 0; i < n; i++)
		lookups[i] = (struct kcmap_lookup){
			.key = &keys[i], .key_len = 8, .buf = values[i],
			.size = bench.value_size,
		};
	if (kcmap_get_many(map, lookups, n) != (ssize_t)n)
		return -1;
	for (i = 0; i < n; i++)
		if (memcmp(values[i], &keys[i], 8))
			return -1;
	return 0;
}

static int get_batch(const uint64_t *keys, size_t n)
{
	static char values[MANY_MAX][VALUE_MAX];
	size_t i;

	kcmap_batch_reset(batch);
	for (i = 0; i < n; i++)
		kcmap_batch_get(batch, &keys[i], 8, values[i],
				bench.value_size);
	return kcmap_batch_submit(batch, map) != (int)n ||
	       memcmp(values[n - 1], &keys[n - 1], 8);
}

static int set_many(const uint64_t *keys, size_t n, const void *value)
{
	static char values[MANY_MAX][VALUE_MAX];
	size_t i;

	kcmap_batch_reset(batch);
	for (i = 0; i < n; i++) {
		memcpy(values[i], value, bench.value_size);
		memcpy(values[i], &keys[i], 8);
		kcmap_batch_set(batch, &keys[i], 8, values[i],
				bench.value_size);
	}
	return kcmap_batch_submit(batch, map) != (int)n;
}

static double bytes(void)
{
	struct kcmap_info info = { .sz = sizeof(info) };

	return kcmap_stat(map, &info) ? 0 : info.bytes;
}

static double no_bytes(void)
{
	return 0;
}

static void unload(void)
{
	kcmap_close(map);
	map = NULL;
}

const struct peer peer_window = {
	.name = "cmap window", .load = load_window, .attach = attach,
	.get = get, .set = set, .get_many = get_many, .set_many = set_many,
	.bytes = bytes, .unload = unload,
};

const struct peer peer_call = {
	.name = "cmap call", .load = load_call, .attach = attach,
	.get = get, .set = set, .get_many = get_batch, .set_many = set_many,
	.bytes = bytes, .unload = unload,
};

/* It was filled when it was saved, and nobody can write to it. */
const struct peer peer_copy = {
	.name = "cmap window", .load = load_copy, .attach = attach,
	.get = get, .get_many = get_many, .bytes = no_bytes, .unload = unload,
};
