/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cmap

#if !defined(CMAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CMAP_TRACE_H

#include "map.h"
#include "write.h"

#include <linux/tracepoint.h>
#include <uapi/linux/cmap.h>

/*
 * Names are cut to a fixed size.  A map can be renamed between reserving a record
 * and filling it, so the length of a name cannot size the record.
 */
#define CMAP_TRACE_NAME		64

TRACE_EVENT(cmap_get,
	TP_PROTO(const struct cmap *map, const struct cmap_key *key,
		 u32 value_len, int result, u64 version),
	TP_ARGS(map, key, value_len, result, version),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, hash)
		__field(u64, version)
		__field(u32, key_len)
		__field(u32, value_len)
		__field(int, result)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->hash = key->hash;
		__entry->version = version;
		__entry->key_len = key->len;
		__entry->value_len = value_len;
		__entry->result = result;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s hash=%016llx key_len=%u value_len=%u result=%d version=%llu",
		  __entry->id, __entry->name, __entry->hash,
		  __entry->key_len, __entry->value_len, __entry->result,
		  __entry->version)
);

/*
 * A write's record also has its condition and the version that it found.  For an
 * operation that compares values, `expected` is the version of the value that
 * compared equal.
 */
DECLARE_EVENT_CLASS(cmap_write,
	TP_PROTO(const struct cmap *map, const struct cmap_write *write,
		 int result),
	TP_ARGS(map, write, result),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, hash)
		__field(u64, version)
		__field(u64, expected)
		__field(u64, old_version)
		__field(u64, deadline)
		__field(u32, key_len)
		__field(u32, value_len)
		__field(int, result)
		__field(u16, flags)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->hash = write->key.hash;
		__entry->version = write->version;
		__entry->expected = write->flags & CMAP_WRITE_VERSION ?
				    write->expected : 0;
		__entry->old_version = write->old_version;
		__entry->deadline = write->result;
		__entry->key_len = write->key.len;
		__entry->value_len = write->flags & CMAP_WRITE_DELETE ?
				     write->old_len : write->value_len;
		__entry->result = result;
		__entry->flags = write->flags & CMAP_WRITE_CONDITIONS;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s hash=%016llx deadline=%llu key_len=%u value_len=%u result=%d version=%llu flags=%s expected=%llu old_version=%llu",
		  __entry->id, __entry->name, __entry->hash,
		  __entry->deadline,
		  __entry->key_len, __entry->value_len, __entry->result,
		  __entry->version,
		  __entry->flags ?
		  __print_flags(__entry->flags, "|",
				{ CMAP_OP_INSERT, "insert" },
				{ CMAP_OP_REPLACE, "replace" },
				{ CMAP_OP_VERSION, "version" }) : "none",
		  __entry->expected, __entry->old_version)
);

#define CMAP_TRACE_WRITE_OP(op)						\
DEFINE_EVENT(cmap_write, cmap_##op,					\
	TP_PROTO(const struct cmap *map,				\
		 const struct cmap_write *write, int result),		\
	TP_ARGS(map, write, result))

CMAP_TRACE_WRITE_OP(set);
CMAP_TRACE_WRITE_OP(delete);
CMAP_TRACE_WRITE_OP(take);
CMAP_TRACE_WRITE_OP(swap);
CMAP_TRACE_WRITE_OP(compare_swap);
CMAP_TRACE_WRITE_OP(compare_delete);
CMAP_TRACE_WRITE_OP(get_or_set);
CMAP_TRACE_WRITE_OP(add);
CMAP_TRACE_WRITE_OP(touch);

DECLARE_EVENT_CLASS(cmap_map,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, count)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->count = count;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s entries=%llu",
		  __entry->id, __entry->name, __entry->count)
);

DEFINE_EVENT(cmap_map, cmap_clear,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count));

DEFINE_EVENT(cmap_map, cmap_range,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count));

/*
 * An entry that has expired is removed: its version, that of the removal, and how many
 * nanoseconds after the deadline it was absent for readers.
 */
TRACE_EVENT(cmap_expire,
	TP_PROTO(const struct cmap *map, const struct cmap_node *node,
		 u64 version, u64 late),
	TP_ARGS(map, node, version, late),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, hash)
		__field(u64, version)
		__field(u64, old_version)
		__field(u64, deadline)
		__field(u64, late)
		__field(u32, key_len)
		__field(u32, value_len)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->hash = cmap_hash(&map->hash, node->key,
					  cmap_node_key_len(node));
		__entry->version = version;
		__entry->old_version = node->version;
		__entry->deadline = cmap_node_deadline(node);
		__entry->late = late;
		__entry->key_len = cmap_node_key_len(node);
		__entry->value_len = cmap_node_value_len(node);
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s hash=%016llx key_len=%u value_len=%u version=%llu old_version=%llu deadline=%llu late=%llu",
		  __entry->id, __entry->name, __entry->hash,
		  __entry->key_len, __entry->value_len, __entry->version,
		  __entry->old_version, __entry->deadline, __entry->late)
);

/* An entry whose owner has ended is removed: its version, and that of the removal. */
TRACE_EVENT(cmap_orphan,
	TP_PROTO(const struct cmap *map, const struct cmap_node *node,
		 u64 version),
	TP_ARGS(map, node, version),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, hash)
		__field(u64, version)
		__field(u64, old_version)
		__field(u32, key_len)
		__field(u32, value_len)
		__field(u32, owner)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->hash = cmap_hash(&map->hash, node->key,
					  cmap_node_key_len(node));
		__entry->version = version;
		__entry->old_version = node->version;
		__entry->key_len = cmap_node_key_len(node);
		__entry->value_len = cmap_node_value_len(node);
		__entry->owner = cmap_node_trailer(node)->owner;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s hash=%016llx key_len=%u value_len=%u version=%llu old_version=%llu owner=%u",
		  __entry->id, __entry->name, __entry->hash,
		  __entry->key_len, __entry->value_len, __entry->version,
		  __entry->old_version, __entry->owner)
);

/* A read of the feed, by call or of a watch, that returned records. */
TRACE_EVENT(cmap_feed_read,
	TP_PROTO(const struct cmap *map, u32 count, u32 bytes),
	TP_ARGS(map, count, bytes),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, count)
		__field(u32, bytes)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->count = count;
		__entry->bytes = bytes;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s records=%u bytes=%u",
		  __entry->id, __entry->name, __entry->count, __entry->bytes)
);

/* A reader that was too slow is told which records it has missed. */
TRACE_EVENT(cmap_feed_lost,
	TP_PROTO(const struct cmap *map, u64 first, u64 last),
	TP_ARGS(map, first, last),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, first)
		__field(u64, last)
		__field(u32, shard)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->first = first;
		__entry->last = last;
		__entry->shard = last & (map->shards - 1);
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s shard=%u first=%llu last=%llu",
		  __entry->id, __entry->name, __entry->shard, __entry->first,
		  __entry->last)
);

/* The end of a wait: how many of the keys have changed, or a negative errno. */
TRACE_EVENT(cmap_wait,
	TP_PROTO(const struct cmap *map, u32 keys, int result),
	TP_ARGS(map, keys, result),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, keys)
		__field(int, result)
		__array(char, name, CMAP_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->keys = keys;
		__entry->result = result;
		cmap_map_copy_name(map, __entry->name, CMAP_TRACE_NAME);
	),
	TP_printk("map=%llu name=%s keys=%u result=%d",
		  __entry->id, __entry->name, __entry->keys, __entry->result)
);

#endif /* CMAP_TRACE_H */

#ifndef CMAP_TRACE_WRITE
#define CMAP_TRACE_WRITE

static inline void cmap_trace_write(const struct cmap *map,
				    const struct cmap_write *w, int err)
{
	switch (w->code) {
	case CMAP_CODE_SET:
		trace_cmap_set(map, w, err);
		break;
	case CMAP_CODE_DELETE:
		trace_cmap_delete(map, w, err);
		break;
	case CMAP_CODE_TAKE:
		trace_cmap_take(map, w, err);
		break;
	case CMAP_CODE_SWAP:
		trace_cmap_swap(map, w, err);
		break;
	case CMAP_CODE_COMPARE_SWAP:
		trace_cmap_compare_swap(map, w, err);
		break;
	case CMAP_CODE_COMPARE_DELETE:
		trace_cmap_compare_delete(map, w, err);
		break;
	case CMAP_CODE_GET_OR_SET:
		trace_cmap_get_or_set(map, w, err);
		break;
	case CMAP_CODE_ADD:
		trace_cmap_add(map, w, err);
		break;
	case CMAP_CODE_TOUCH:
		trace_cmap_touch(map, w, err);
		break;
	}
}

#endif /* CMAP_TRACE_WRITE */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
