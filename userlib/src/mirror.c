// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping a table of the caller's equal to a map.
 *
 * The watch is made first, then the map is read, then follow the changes that
 * the watch has seen.  A change is carried out unless the table has a later
 * version of the entry.  When changes were lost, the shards in which that
 * happened are read once more, or without a window the whole map.  The entries
 * that are then in the table but not found were deleted at some moment since the
 * watch was where it is; if they are there again, the watch has a change that
 * says so.
 */
#include "filter.h"
#include "mirror_keys.h"
#include "records.h"

#include <stdlib.h>
#include <string.h>

struct kcmap_mirror {
	struct kcmap *map;
	struct kcmap_watch *watch;
	struct kcmap_wanted *wanted;
	struct kcmap_mirror_calls calls;
	void *arg;
	struct kcmap_mirror_keys keys;
	uint32_t shards;
	uint32_t missing;	/* shards of which more is missing than the watch has */
	uint64_t missing_bits[CMAP_SHARDS_MAX / 64];
	int64_t called;		/* functions, in this update */
	int renamed;		/* the map's name has changed, in this update */
	struct kcmap_mirror_info info;
};

/* Shards of a map of which something is missing. */
static int is_missing(const struct kcmap_mirror *mirror, uint32_t shard)
{
	return mirror->missing_bits[shard / 64] >> shard % 64 & 1;
}

static void mirror_miss(struct kcmap_mirror *mirror, uint32_t shard)
{
	mirror->missing += !is_missing(mirror, shard);
	mirror->missing_bits[shard / 64] |= 1ULL << shard % 64;
}

static void miss_all(struct kcmap_mirror *mirror)
{
	uint32_t shard;

	for (shard = 0; shard < mirror->shards; shard++)
		mirror_miss(mirror, shard);
}

/* All versions of an entry are its shard's. */
static uint32_t shard_of(const struct kcmap_mirror *mirror, uint64_t version)
{
	return (uint32_t)(version & (mirror->shards - 1));
}

#define LEAST (offsetof(struct kcmap_mirror_calls, remove) + sizeof(void *))
#define INFO_LEAST (offsetof(struct kcmap_mirror_info, ranges) + sizeof(uint64_t))

/* ---- the caller's table ---- */

/* The map has this entry, or had it a moment ago. */
static int give_entry(struct kcmap_mirror *mirror, const struct kcmap_item *item)
{
	struct kcmap_mirror_key **at, *key;
	int is_new;

	at = kcmap_mirror_find(&mirror->keys, item->key, item->key_len);
	key = *at;
	is_new = !key;
	if (is_new)
		key = kcmap_mirror_add(&mirror->keys, item->key, item->key_len);
	if (!key)
		return -1;
	key->seen = mirror->info.ranges;
	if (key->version >= item->version)
		return 0;

	mirror->called++;
	if (mirror->calls.set(item, mirror->arg)) {
		if (is_new)
			kcmap_mirror_drop(&mirror->keys,
					  kcmap_mirror_find(&mirror->keys,
							    item->key,
							    item->key_len));
		return -1;
	}
	key->version = item->version;
	return 0;
}

static void take_at(struct kcmap_mirror *mirror, struct kcmap_mirror_key **at)
{
	mirror->called++;
	mirror->calls.remove((*at)->key, (*at)->len, mirror->arg);
	kcmap_mirror_drop(&mirror->keys, at);
}

/* The key was absent after a change of this version. */
static void take_key(struct kcmap_mirror *mirror, const void *key, size_t len,
		     uint64_t version)
{
	struct kcmap_mirror_key **at = kcmap_mirror_find(&mirror->keys, key, len);

	if (*at && (*at)->version < version)
		take_at(mirror, at);
}

/* Take what the last range has not found, of the shards that it has read. */
static void take_unseen(struct kcmap_mirror *mirror)
{
	struct kcmap_mirror_keys *keys = &mirror->keys;
	size_t i;

	for (i = 0; i < keys->buckets; i++) {
		struct kcmap_mirror_key **at = &keys->bucket[i];

		while (*at) {
			if ((*at)->seen == mirror->info.ranges ||
			    !is_missing(mirror, shard_of(mirror, (*at)->version)))
				at = &(*at)->next;
			else
				take_at(mirror, at);
		}
	}
}

/* ---- reading the map ---- */

/* Get a key's entry from the map.  1, 0 if it is absent, or -1. */
static int get_entry(struct kcmap_mirror *mirror, const void *key, size_t len)
{
	struct kcmap_item item = { .key = key, .key_len = len };
	void *value;
	int err;

	value = kcmap_get_dup_deadline(mirror->map, key, len, &item.value_len,
				       &item.version, &item.deadline);
	if (!value)
		return errno == ENOENT ? 0 : -1;
	item.value = value;
	err = give_entry(mirror, &item);
	free(value);
	return err ? -1 : 1;
}

static int get_wanted_keys(struct kcmap_mirror *mirror)
{
	const struct kcmap_wanted *wanted = mirror->wanted;
	uint32_t i;

	for (i = 0; i < wanted->filter.count; i++)
		if (get_entry(mirror, (void *)(uintptr_t)wanted->key[i].key,
			      wanted->key[i].key_len) < 0)
			return -1;
	return 0;
}

/* Range over shards [first, *end), or over all: then that becomes *end. */
static int range_over(struct kcmap_mirror *mirror, uint32_t first, uint32_t *end)
{
	const struct kcmap_wanted *wanted = mirror->wanted;
	struct kcmap_range *range = kcmap_range_new(mirror->map, 0, NULL);
	struct kcmap_item item;
	int more = -1;

	if (!range)
		return -1;
	if (!kcmap_range_shards(range, first, *end, mirror->shards))
		*end = mirror->shards;
	if (wanted->filter.kind != CMAP_FILTER_PREFIX ||
	    !kcmap_range_prefix(range, (void *)(uintptr_t)wanted->key[0].key,
				wanted->key[0].key_len)) {
		while ((more = kcmap_range_next(range, &item)) > 0) {
			mirror->info.read++;
			if (give_entry(mirror, &item)) {
				more = -1;
				break;
			}
		}
	}
	kcmap_range_free(range);
	return more;
}

/* Shards in a row are read at once. */
static int range_over_missing(struct kcmap_mirror *mirror)
{
	uint32_t first, end;

	for (first = 0; first < mirror->shards; first = end + 1) {
		end = first;
		while (end < mirror->shards && is_missing(mirror, end))
			end++;
		if (end > first && range_over(mirror, first, &end))
			return -1;
	}
	return 0;
}

/* Read what is missing, to which the watch's changes are then added. */
static int make_whole(struct kcmap_mirror *mirror)
{
	int err;

	mirror->info.ranges++;
	err = mirror->wanted->filter.kind == CMAP_FILTER_KEYS ?
	      get_wanted_keys(mirror) : range_over_missing(mirror);
	if (err)
		return -1;
	take_unseen(mirror);
	mirror->missing = 0;
	memset(mirror->missing_bits, 0, sizeof(mirror->missing_bits));
	return 0;
}

/* ---- following changes ---- */

static int follow_set(struct kcmap_mirror *mirror,
		      const struct kcmap_change *change)
{
	struct kcmap_mirror_key *key = *kcmap_mirror_find(&mirror->keys,
							  change->key,
							  change->key_len);
	struct kcmap_item item = {
		.key = change->key, .key_len = change->key_len,
		.value = change->value, .value_len = change->value_len,
		.version = change->version, .deadline = change->deadline,
	};
	int there;

	if (key && key->version >= change->version)
		return 0;
	if (item.value)
		return give_entry(mirror, &item);
	/* The value is too long for the feed.  The map has it, or a later one. */
	there = get_entry(mirror, change->key, change->key_len);
	if (!there)
		take_key(mirror, change->key, change->key_len, change->version);
	return there < 0 ? -1 : 0;
}

static int mirror_follow(struct kcmap_mirror *mirror, const struct kcmap_change *change)
{
	if (change->cause == KCMAP_CAUSE_LOST) {
		mirror->info.lost += change->lost;
		mirror_miss(mirror, shard_of(mirror, change->version));
		return 0;
	}
	if (change->cause == KCMAP_CAUSE_NAME) {
		mirror->renamed = 1;
		return 0;
	}
	mirror->info.changes++;
	switch (change->cause) {
	case KCMAP_CAUSE_SET:
		return follow_set(mirror, change);
	case KCMAP_CAUSE_DELETE:
	case KCMAP_CAUSE_CLEAR:
	case KCMAP_CAUSE_EXPIRE:
	case KCMAP_CAUSE_OWNER:
		take_key(mirror, change->key, change->key_len, change->version);
		return 0;
	default:
		/* A cause of a later module: what it did can be read. */
		mirror_miss(mirror, shard_of(mirror, change->version));
		return 0;
	}
}

/* Carry out the changes that there are.  0, or -1 with errno set. */
static int follow_all(struct kcmap_mirror *mirror)
{
	struct kcmap_change change;
	int more;

	while ((more = kcmap_watch_next(mirror->watch, &change, 0)) > 0)
		if (mirror_follow(mirror, &change))
			return -1;
	/* 0: the map is gone, with all that could change. */
	return more < 0 && errno != ETIMEDOUT ? -1 : 0;
}

/* Bring the table up to date, however often changes are lost meanwhile. */
static int catch_up(struct kcmap_mirror *mirror)
{
	do {
		if ((mirror->missing && make_whole(mirror)) ||
		    follow_all(mirror)) {
			/* What failed is found by the next range. */
			miss_all(mirror);
			return -1;
		}
	} while (mirror->missing);
	return 0;
}

/* ---- the calls ---- */

API int64_t kcmap_mirror_update(struct kcmap_mirror *mirror, int timeout)
{
	struct kcmap_change change;
	int more;

	mirror->called = 0;
	mirror->renamed = 0;
	if (catch_up(mirror))
		return -1;
	/* The caller may want to reopen the map, so this does not wait. */
	if (mirror->called || mirror->renamed || !timeout)
		return mirror->called;

	more = kcmap_watch_next(mirror->watch, &change, timeout);
	if (more < 0)
		return errno == ETIMEDOUT ? 0 : -1;
	if (more && mirror_follow(mirror, &change)) {
		miss_all(mirror);
		return -1;
	}
	return catch_up(mirror) ? -1 : mirror->called;
}

API struct kcmap_mirror *kcmap_mirror_new(struct kcmap *map,
					  const struct kcmap_filter *filter,
					  const struct kcmap_mirror_calls *calls,
					  void *arg)
{
	struct kcmap_mirror *mirror;
	struct kcmap_feed_of of;

	if (calls->sz < LEAST || !calls->set || !calls->remove) {
		errno = EINVAL;
		return NULL;
	}
	if (kcmap_feed_of(map, &of))
		return NULL;
	mirror = calloc(1, sizeof(*mirror));
	if (!mirror)
		return NULL;
	mirror->map = map;
	mirror->shards = of.shards;
	miss_all(mirror);
	memcpy(&mirror->calls, calls, LEAST);
	mirror->arg = arg;
	mirror->wanted = kcmap_wanted_copy(filter);
	if (mirror->wanted && !kcmap_mirror_keys_new(&mirror->keys))
		mirror->watch = kcmap_watch_open(map, filter, NULL, 0);
	if (!mirror->watch) {
		kcmap_mirror_free(mirror);
		return NULL;
	}
	return mirror;
}

API int kcmap_mirror_stat(const struct kcmap_mirror *mirror,
			  struct kcmap_mirror_info *info)
{
	struct kcmap_mirror_info full = mirror->info;
	size_t sz = info->sz;

	if (sz < INFO_LEAST) {
		errno = EINVAL;
		return -1;
	}
	full.sz = sz;
	full.entries = mirror->keys.count;
	if (sz > sizeof(full))
		memset((char *)info + sizeof(full), 0, sz - sizeof(full));
	memcpy(info, &full, sz < sizeof(full) ? sz : sizeof(full));
	return 0;
}

API int kcmap_mirror_fd(const struct kcmap_mirror *mirror)
{
	return kcmap_watch_fd(mirror->watch);
}

API void kcmap_mirror_free(struct kcmap_mirror *mirror)
{
	int saved = errno;

	if (!mirror)
		return;
	kcmap_watch_close(mirror->watch);
	kcmap_mirror_keys_free(&mirror->keys);
	free(mirror->wanted);
	free(mirror);
	errno = saved;
}
