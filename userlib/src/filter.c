// SPDX-License-Identifier: LGPL-2.1-or-later
#include "filter.h"

#include <stdlib.h>
#include <string.h>

/*
 * Convert the caller's filter, or NULL, to the kernel's form, which refers to the
 * caller's keys.  The kernel checks the keys' lengths.
 */
int kcmap_wanted_from(struct kcmap_wanted *wanted,
		      const struct kcmap_filter *filter)
{
	static const unsigned int most[] = { 0, 1, CMAP_FEED_KEYS_MAX };
	unsigned int i;

	wanted->filter = (struct cmap_feed_filter){};
	if (!filter)
		return 0;
	if (filter->kind > KCMAP_FILTER_KEYS || filter->count > most[filter->kind] ||
	    !filter->count != (filter->kind == KCMAP_FILTER_ALL)) {
		errno = EINVAL;
		return -1;
	}

	for (i = 0; i < filter->count; i++) {
		wanted->key[i] = (struct cmap_feed_key){
			.key = ptr_to_u64(filter->keys[i].key),
		};
		if (length(filter->keys[i].key_len, &wanted->key[i].key_len))
			return -1;
	}
	wanted->filter.kind = filter->kind;
	wanted->filter.count = filter->count;
	if (filter->count)
		wanted->filter.keys = ptr_to_u64(wanted->key);
	return 0;
}

/* The same with a copy of the keys, from malloc(); NULL with errno set. */
struct kcmap_wanted *kcmap_wanted_copy(const struct kcmap_filter *filter)
{
	size_t bytes = 0;
	struct kcmap_wanted *wanted;
	unsigned int i;
	char *to;

	for (i = 0; filter && i < filter->count; i++) {
		if (i == CMAP_FEED_KEYS_MAX || filter->keys[i].key_len > CMAP_KEY_MAX) {
			errno = i == CMAP_FEED_KEYS_MAX ? EINVAL : E2BIG;
			return NULL;
		}
		bytes += filter->keys[i].key_len;
	}
	wanted = malloc(sizeof(*wanted) + bytes);
	if (!wanted || kcmap_wanted_from(wanted, filter)) {
		free(wanted);
		return NULL;
	}

	to = (char *)(wanted + 1);
	for (i = 0; i < wanted->filter.count; i++) {
		size_t len = filter->keys[i].key_len;

		/* The pointer to an empty key may be NULL. */
		if (len)
			memcpy(to, filter->keys[i].key, len);
		wanted->key[i].key = ptr_to_u64(to);
		to += len;
	}
	return wanted;
}

static const void *bytes_of(const struct cmap_feed_key *key)
{
	return (const void *)(uintptr_t)key->key;
}

/* Whether a key is wanted. */
int kcmap_wanted_has(const struct kcmap_wanted *wanted, const void *key,
		     size_t key_len)
{
	const struct cmap_feed_key *one = wanted->key;
	uint32_t i;

	switch (wanted->filter.kind) {
	case CMAP_FILTER_ALL:
		return 1;
	case CMAP_FILTER_PREFIX:
		return key_len >= one->key_len &&
		       !memcmp(key, bytes_of(one), one->key_len);
	default:
		for (i = 0; i < wanted->filter.count; i++, one++)
			if (one->key_len == key_len &&
			    !memcmp(key, bytes_of(one), key_len))
				return 1;
		return 0;
	}
}
