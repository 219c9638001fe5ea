// SPDX-License-Identifier: GPL-2.0
/* A BPF hash map, used by system calls.  Its descriptor is inherited. */
#include "bench.h"
#include "peers.h"

#include <bpf/bpf.h>

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TRIES	100

static int map = -1;

static int load(uint64_t room)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "peers", 8, bench.value_size,
			     room, &options);
	return map < 0 ? -1 : 0;
}

static int attach(void)
{
	return 0;
}

/*
 * While another process replaces an entry, a lookup may not find it, or may
 * return another entry that uses its memory by then.  Here both are detected,
 * and the lookup is repeated.
 */
static int get(uint64_t key)
{
	char value[VALUE_MAX];
	int tries;

	for (tries = 0; tries < TRIES; tries++)
		if (!bpf_map_lookup_elem(map, &key, value) &&
		    !memcmp(value, &key, 8))
			return 0;
	return -1;
}

static int set(uint64_t key, const void *value)
{
	return bpf_map_update_elem(map, &key, value, BPF_ANY);
}

static int set_many(const uint64_t *keys, size_t n, const void *value)
{
	static char values[MANY_MAX * VALUE_MAX];
	uint32_t count = n;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(values + i * bench.value_size, value, bench.value_size);
		memcpy(values + i * bench.value_size, &keys[i], 8);
	}
	return bpf_map_update_batch(map, keys, values, &count, NULL);
}

static double bytes(void)
{
	char path[64], line[128];
	double bytes = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	info = fopen(path, "r");
	while (info && fgets(line, sizeof(line), info))
		sscanf(line, "memlock: %lf", &bytes);
	if (info)
		fclose(info);
	return bytes;
}

static void unload(void)
{
	close(map);
}

const struct peer peer_bpf = {
	.name = "BPF", .load = load, .attach = attach, .get = get, .set = set,
	.set_many = set_many, .bytes = bytes, .unload = unload,
};
