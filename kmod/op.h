/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on one key of a map, for commands and kernel users alike.
 */
#ifndef CMAP_OP_H
#define CMAP_OP_H

#include "map.h"

#include <uapi/linux/cmap.h>

/*
 * Values up to this are copied under the shard's lock; longer ones are put
 * into a reserved node before.
 */
#define CMAP_COPY_LOCKED_MAX	256

/**
 * cmap_op_check_key() - check a key's length
 * @map: the map
 * @len: bytes in the key
 *
 * Context: Any.
 * Return: 0, -EINVAL or -E2BIG.
 */
static inline int cmap_op_check_key(const struct cmap *map, u32 len)
{
	if (!len)
		return -EINVAL;
	if (len > map->key_max)
		return -E2BIG;
	if (map->flags & CMAP_CREATE_FIXED_KEY && len != map->key_max)
		return -EINVAL;
	return 0;
}

/**
 * cmap_op_check_value() - check a value's length
 * @map: the map
 * @len: bytes in the value
 *
 * Context: Any.
 * Return: 0, -EINVAL or -E2BIG.
 */
static inline int cmap_op_check_value(const struct cmap *map, u32 len)
{
	if (len > map->value_max)
		return -E2BIG;
	if (map->flags & CMAP_CREATE_FIXED_VALUE && len != map->value_max)
		return -EINVAL;
	return 0;
}

/**
 * cmap_op_hash() - set a key up that was checked
 * @map: the map
 * @key: set up; refers to @data
 * @data: the key
 * @len: bytes in it
 *
 * Context: Any.
 */
static inline void cmap_op_hash(const struct cmap *map, struct cmap_key *key,
				const void *data, u32 len)
{
	key->data = data;
	key->len = len;
	key->hash = cmap_hash(&map->secret, data, len);
}

int cmap_op_key(const struct cmap *map, struct cmap_key *key, const void *data,
		u32 len);

struct cmap_node *cmap_op_find(const struct cmap *map,
			       const struct cmap_key *key);
void cmap_op_note_get(struct cmap *map, const struct cmap_key *key,
		      u32 value_len, int err, u64 version);
int cmap_op_write(struct cmap *map, struct cmap_write *write, gfp_t gfp);
int cmap_op_compare_write(struct cmap *map, struct cmap_write *write,
			  const void *expected, u32 expected_len, gfp_t gfp);
struct cmap_node *cmap_op_reserve(struct cmap *map, struct cmap_write *write,
				  gfp_t gfp, int *err);
void cmap_op_unreserve(struct cmap *map, struct cmap_write *write);
void cmap_op_retire_old(struct cmap *map, struct cmap_write *write);
u64 cmap_op_clear(struct cmap *map);

#endif /* CMAP_OP_H */
