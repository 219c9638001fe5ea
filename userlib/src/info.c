// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls on a whole map.
 */
#include "internal.h"

#include <string.h>

/* The first release's structure ended here. */
#define LEAST (offsetof(struct cmap_info, retries) + sizeof(uint64_t))

#define STRING(x) #x
#define STRING_OF(x) STRING(x)

API const char *cmap_version(void)
{
	return STRING_OF(CMAP_VERSION_MAJOR) "."
	       STRING_OF(CMAP_VERSION_MINOR);
}

static int64_t number_of(struct cmap *map, unsigned long command)
{
	struct cmap_op op = { .size = sizeof(op) };

	return ioctl(map->fd, command, &op) ? -1 : op.number;
}

API int64_t cmap_clear(struct cmap *map)
{
	return number_of(map, CMAP_IOCTL_CLEAR);
}

API int64_t cmap_count(struct cmap *map)
{
	return number_of(map, CMAP_IOCTL_COUNT);
}

API int cmap_info(struct cmap *map, struct cmap_info *info)
{
	struct cmap_stat stat = { .size = sizeof(stat) };
	struct cmap_info full = { .sz = info->sz };

	if (info->sz < LEAST) {
		errno = EINVAL;
		return -1;
	}
	if (ioctl(map->fd, CMAP_IOCTL_STAT, &stat))
		return -1;

	full.id = stat.id;
	full.flags = stat.create_flags;
	full.mode = stat.mode;
	full.uid = stat.uid;
	full.gid = stat.gid;
	full.key_max = stat.key_max;
	full.value_max = stat.value_max;
	full.shards = stat.shards;
	full.longest_chain = stat.longest_chain;
	full.max_entries = stat.max_entries;
	full.max_bytes = stat.max_bytes;
	full.entries = stat.entries;
	full.bytes = stat.bytes;
	full.table_bytes = stat.table_bytes;
	full.buckets = stat.buckets;
	full.grows = stat.grows;
	full.shrinks = stat.shrinks;
	full.allocs = stat.allocs;
	full.reuses = stat.reuses;
	full.retries = stat.retries;

	/* What a newer caller has and we do not is zero. */
	if (info->sz > sizeof(full))
		memset((char *)info + sizeof(full), 0, info->sz - sizeof(full));
	memcpy(info, &full,
	       info->sz < sizeof(full) ? info->sz : sizeof(full));

	return 0;
}
