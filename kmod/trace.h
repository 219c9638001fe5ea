/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cmap

#if !defined(CMAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CMAP_TRACE_H

#include "map.h"

#include <linux/tracepoint.h>
#include <uapi/linux/cmap.h>

DECLARE_EVENT_CLASS(cmap_op,
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
		__string(name, map->name ? map->name : "")
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->hash = key->hash;
		__entry->version = version;
		__entry->key_len = key->len;
		__entry->value_len = value_len;
		__entry->result = result;
		cmap_assign_str(name, map->name ? map->name : "");
	),
	TP_printk("map=%llu name=%s hash=%016llx key_len=%u value_len=%u result=%d version=%llu",
		  __entry->id, __get_str(name), __entry->hash,
		  __entry->key_len, __entry->value_len, __entry->result,
		  __entry->version)
);

#define CMAP_TRACE_OP(op)						\
DEFINE_EVENT(cmap_op, cmap_##op,					\
	TP_PROTO(const struct cmap *map, const struct cmap_key *key,	\
		 u32 value_len, int result, u64 version),		\
	TP_ARGS(map, key, value_len, result, version))

CMAP_TRACE_OP(get);
CMAP_TRACE_OP(set);
CMAP_TRACE_OP(delete);
CMAP_TRACE_OP(take);
CMAP_TRACE_OP(swap);
CMAP_TRACE_OP(compare_swap);
CMAP_TRACE_OP(compare_delete);
CMAP_TRACE_OP(get_or_set);
CMAP_TRACE_OP(add);

DECLARE_EVENT_CLASS(cmap_map,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, count)
		__string(name, map->name ? map->name : "")
	),
	TP_fast_assign(
		__entry->id = map->id;
		__entry->count = count;
		cmap_assign_str(name, map->name ? map->name : "");
	),
	TP_printk("map=%llu name=%s entries=%llu",
		  __entry->id, __get_str(name), __entry->count)
);

DEFINE_EVENT(cmap_map, cmap_clear,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count));

DEFINE_EVENT(cmap_map, cmap_range,
	TP_PROTO(const struct cmap *map, u64 count),
	TP_ARGS(map, count));

#endif /* CMAP_TRACE_H */

#ifndef CMAP_TRACE_WRITE
#define CMAP_TRACE_WRITE

static inline void cmap_trace_write(const struct cmap *map,
				    const struct cmap_write *w, int err)
{
	switch (w->code) {
	case CMAP_CODE_SET:
		trace_cmap_set(map, &w->key, w->value_len, err, w->version);
		break;
	case CMAP_CODE_DELETE:
		trace_cmap_delete(map, &w->key, w->old_len, err, w->version);
		break;
	case CMAP_CODE_TAKE:
		trace_cmap_take(map, &w->key, w->old_len, err, w->version);
		break;
	case CMAP_CODE_SWAP:
		trace_cmap_swap(map, &w->key, w->value_len, err, w->version);
		break;
	case CMAP_CODE_COMPARE_SWAP:
		trace_cmap_compare_swap(map, &w->key, w->value_len, err,
					w->version);
		break;
	case CMAP_CODE_COMPARE_DELETE:
		trace_cmap_compare_delete(map, &w->key, w->old_len, err,
					  w->version);
		break;
	case CMAP_CODE_GET_OR_SET:
		trace_cmap_get_or_set(map, &w->key, w->value_len, err,
				      w->version);
		break;
	case CMAP_CODE_ADD:
		trace_cmap_add(map, &w->key, w->value_len, err, w->version);
		break;
	}
}

#endif /* CMAP_TRACE_WRITE */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
