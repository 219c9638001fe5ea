// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mirror_keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS_LEAST	64

/* 0, or -1 with errno set. */
int kcmap_mirror_keys_new(struct kcmap_mirror_keys *keys)
{
	uint64_t secret[2];

	/* Whoever writes to the map must not choose keys that collide here. */
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -1;
	keys->hash = kcmap_hash_begin(secret);
	keys->bucket = calloc(BUCKETS_LEAST, sizeof(*keys->bucket));
	keys->buckets = BUCKETS_LEAST;
	keys->count = 0;
	return keys->bucket ? 0 : -1;
}

void kcmap_mirror_keys_free(struct kcmap_mirror_keys *keys)
{
	size_t i;

	for (i = 0; keys->bucket && i < keys->buckets; i++)
		while (keys->bucket[i])
			kcmap_mirror_drop(keys, &keys->bucket[i]);
	free(keys->bucket);
}

/* The place that refers to a key, or would: then it holds NULL. */
struct kcmap_mirror_key **kcmap_mirror_find(const struct kcmap_mirror_keys *keys,
					    const void *key, size_t len)
{
	uint64_t hash = kcmap_hash(&keys->hash, key, len);
	struct kcmap_mirror_key **at = &keys->bucket[hash & (keys->buckets - 1)];

	/* The pointer to an empty key may be NULL. */
	while (*at && ((*at)->hash != hash || (*at)->len != len ||
		       (len && memcmp((*at)->key, key, len))))
		at = &(*at)->next;
	return at;
}

/* Without memory for more buckets, the chains get longer. */
static void mirror_keys_grow(struct kcmap_mirror_keys *keys)
{
	size_t buckets = 2 * keys->buckets, i;
	struct kcmap_mirror_key **bucket = calloc(buckets, sizeof(*bucket));

	if (!bucket)
		return;
	for (i = 0; i < keys->buckets; i++) {
		while (keys->bucket[i]) {
			struct kcmap_mirror_key *key = keys->bucket[i];

			keys->bucket[i] = key->next;
			key->next = bucket[key->hash & (buckets - 1)];
			bucket[key->hash & (buckets - 1)] = key;
		}
	}
	free(keys->bucket);
	keys->bucket = bucket;
	keys->buckets = buckets;
}

/* Add a key that is not there; NULL with errno set. */
struct kcmap_mirror_key *kcmap_mirror_add(struct kcmap_mirror_keys *keys,
					  const void *key, size_t len)
{
	struct kcmap_mirror_key *added = calloc(1, sizeof(*added) + len);
	struct kcmap_mirror_key **at;

	if (!added)
		return NULL;
	if (keys->count >= keys->buckets)
		mirror_keys_grow(keys);
	added->hash = kcmap_hash(&keys->hash, key, len);
	added->len = len;
	if (len)
		memcpy(added->key, key, len);
	at = &keys->bucket[added->hash & (keys->buckets - 1)];
	added->next = *at;
	*at = added;
	keys->count++;
	return added;
}

/* Remove the key that a place refers to. */
void kcmap_mirror_drop(struct kcmap_mirror_keys *keys,
		       struct kcmap_mirror_key **at)
{
	struct kcmap_mirror_key *key = *at;

	*at = key->next;
	free(key);
	keys->count--;
}
