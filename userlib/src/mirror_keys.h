/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keys that a mirror has given to the caller's table, with their versions.
 */
#ifndef LIBKCMAP_MIRROR_KEYS_H
#define LIBKCMAP_MIRROR_KEYS_H

#include "hash.h"

#include <stddef.h>
#include <stdint.h>

struct kcmap_mirror_key {
	struct kcmap_mirror_key *next;
	uint64_t hash;
	uint64_t version;	/* of the entry that the table has */
	uint64_t seen;		/* the last range that has found it */
	size_t len;
	char key[];
};

struct kcmap_mirror_keys {
	struct kcmap_hash hash;
	struct kcmap_mirror_key **bucket;
	size_t buckets;		/* a power of two */
	size_t count;
};

int kcmap_mirror_keys_new(struct kcmap_mirror_keys *keys);
void kcmap_mirror_keys_free(struct kcmap_mirror_keys *keys);
struct kcmap_mirror_key **kcmap_mirror_find(const struct kcmap_mirror_keys *keys,
					    const void *key, size_t len);
struct kcmap_mirror_key *kcmap_mirror_add(struct kcmap_mirror_keys *keys,
					  const void *key, size_t len);
void kcmap_mirror_drop(struct kcmap_mirror_keys *keys,
		       struct kcmap_mirror_key **at);

#endif /* LIBKCMAP_MIRROR_KEYS_H */
