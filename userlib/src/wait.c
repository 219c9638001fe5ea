// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting until keys have other versions.
 */
#include "internal.h"

#include <stddef.h>
#include <time.h>

#define NS_PER_MS	1000000ULL

_Static_assert(KCMAP_WAIT_MAX == CMAP_WAIT_KEYS_MAX, "they are the kernel's");

/* When a timeout in milliseconds that begins now is over, for the kernel. */
static uint64_t deadline_of(int timeout)
{
	struct timespec now;

	if (timeout <= 0)
		return timeout ? CMAP_WAIT_FOREVER : 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS +
	       (uint64_t)now.tv_nsec + (uint64_t)timeout * NS_PER_MS;
}

static int call_wait(struct kcmap *map, struct cmap_wait_key *keys,
		     uint32_t count, int timeout)
{
	struct cmap_wait wait = {
		.size = sizeof(wait),
		.keys = ptr_to_u64(keys),
		.count = count,
		.deadline = deadline_of(timeout),
	};

	return kcmap_call(map, CMAP_IOCTL_WAIT, &wait) ? -1 : (int)wait.changed;
}

API int kcmap_wait(struct kcmap *map, const void *key, size_t key_len,
		   uint64_t *version, int timeout)
{
	struct cmap_wait_key wait_key = {
		.key = ptr_to_u64(key), .version = *version,
	};

	if (length(key_len, &wait_key.key_len) ||
	    call_wait(map, &wait_key, 1, timeout) < 0)
		return -1;
	*version = wait_key.version;
	return 0;
}

API int kcmap_wait_any(struct kcmap *map, struct kcmap_waited *keys, size_t n,
		       int timeout)
{
	struct cmap_wait_key wait_keys[KCMAP_WAIT_MAX] = {};
	int changed;
	size_t i;

	if (!n || n > KCMAP_WAIT_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < n; i++) {
		wait_keys[i].key = ptr_to_u64(keys[i].key);
		wait_keys[i].version = keys[i].version;
		if (length(keys[i].key_len, &wait_keys[i].key_len))
			return -1;
	}
	changed = call_wait(map, wait_keys, (uint32_t)n, timeout);
	if (changed < 0)
		return -1;
	for (i = 0; i < n; i++) {
		keys[i].changed = wait_keys[i].changed;
		keys[i].version = wait_keys[i].version;
	}
	return changed;
}
