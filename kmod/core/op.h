/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building blocks of the operations in operation.h.
 */
#ifndef CMAP_OP_H
#define CMAP_OP_H

#include "map.h"
#include "write.h"

#include <linux/slab.h>
#include <linux/tracepoint-defs.h>
#include <uapi/linux/cmap.h>

DECLARE_TRACEPOINT(cmap_get);

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
	if (unlikely(len > map->key_max))
		return -E2BIG;
	if (unlikely(len < map->key_min))
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
 * cmap_op_hash() - set up a key whose length was checked
 * @map: the map
 * @key: set; refers to @data
 * @data: the key
 * @len: bytes in it
 *
 * Context: Any.
 */
static __always_inline void
cmap_op_hash(const struct cmap *map, struct cmap_key *key, const void *data,
	     u32 len)
{
	key->data = data;
	key->len = len;
	key->hash = cmap_hash(&map->hash, data, len);
}

/**
 * cmap_op_key() - check a key's length and set it up
 * @map: the map
 * @key: set; refers to @data
 * @data: the key
 * @len: bytes in it
 *
 * Context: Any.
 * Return: 0, -EINVAL or -E2BIG.
 */
static __always_inline int cmap_op_key(const struct cmap *map,
				       struct cmap_key *key, const void *data,
				       u32 len)
{
	int err = cmap_op_check_key(map, len);

	if (!err)
		cmap_op_hash(map, key, data, len);
	return err;
}

/**
 * cmap_op_free_copy() - free a copy of values, wiped if the map wipes values
 * @map: the map that the values are from
 * @copy: from kvmalloc(), or NULL
 * @size: bytes in it
 *
 * Context: Process.
 */
static inline void cmap_op_free_copy(const struct cmap *map, void *copy,
				     size_t size)
{
	if (map->flags & CMAP_CREATE_WIPE)
		kvfree_sensitive(copy, size);
	else
		kvfree(copy);
}

static inline struct cmap_shard *cmap_op_shard(const struct cmap *map,
					       const struct cmap_key *key)
{
	return cmap_map_shard(map, cmap_hash_high(key->hash));
}

/**
 * cmap_op_find() - find an entry
 * @map: the map
 * @key: the key
 *
 * Context: RCU read section.
 * Return: the entry's node, valid until the end of the section; or NULL.
 */
static __always_inline struct cmap_node *
cmap_op_find(const struct cmap *map, const struct cmap_key *key)
{
	return cmap_shard_find(cmap_op_shard(map, key), key);
}

/* Where a value is copied to, and what was found. */
struct cmap_output {
	u64 at;			/* the address; for 0 see struct cmap_door */
	u32 room;		/* bytes there */
	u32 len;		/* of the value */
	u64 version;		/* of the entry */
	u64 deadline;		/* of the entry, or 0 */
};

void cmap_op_trace_get(const struct cmap *map, struct cmap_key key,
		       u32 value_len, int err, u64 version);

/**
 * cmap_op_note_get() - count and trace a get
 * @map: the map
 * @key: the key
 * @value_len: bytes in the value
 * @err: the outcome
 * @version: of the entry
 *
 * Context: Any.
 */
static __always_inline void
cmap_op_note_get(struct cmap *map, const struct cmap_key *key, u32 value_len,
		 int err, u64 version)
{
	if (!err)
		this_cpu_inc(map->counters->hits);
	else
		this_cpu_inc(map->counters->misses);
	if (tracepoint_enabled(cmap_get))
		cmap_op_trace_get(map, *key, value_len, err, version);
}

int cmap_op_set_trailer(const struct cmap *map, u16 flags, u64 deadline,
			struct cmap_owner *owner, struct cmap_write *write);
int cmap_op_write(struct cmap *map, struct cmap_write *write, gfp_t gfp);
int cmap_op_touch_entry(struct cmap *map, struct cmap_write *write, gfp_t gfp);
void cmap_op_write_many(struct cmap *map, struct cmap_write *write, int *err,
			u32 count, gfp_t gfp);
int cmap_op_start_over(gfp_t gfp, unsigned int *rounds);
int cmap_op_copy_value(struct cmap *map, const struct cmap_key *key,
		       struct cmap_output *output, gfp_t gfp, void **copy,
		       u32 *size);
int cmap_op_compare_write(struct cmap *map, struct cmap_write *write,
			  const void *expected, u32 expected_len, gfp_t gfp);
struct cmap_node *cmap_op_reserve(struct cmap *map, struct cmap_write *write,
				  gfp_t gfp, int *err);
void cmap_op_unreserve(struct cmap *map, struct cmap_write *write);
void cmap_op_retire_old(struct cmap *map, struct cmap_write *write);
u64 cmap_map_clear(struct cmap *map);

#endif /* CMAP_OP_H */
