// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls on a whole map.
 */
#include "internal.h"

#include <fcntl.h>
#include <string.h>

/* The structures ended here in the first release. */
#define LEAST (offsetof(struct kcmap_info, retries) + sizeof(uint64_t))
#define LEAST_USAGE							\
	(offsetof(struct kcmap_usage, all_max_bytes) + sizeof(uint64_t))

_Static_assert(KCMAP_LATENESS_BUCKETS == CMAP_LATENESS_BUCKETS, "lateness");

#define STRING(x) #x
#define STRING_OF(x) STRING(x)

API const char *kcmap_version(void)
{
	return STRING_OF(KCMAP_VERSION_MAJOR) "."
	       STRING_OF(KCMAP_VERSION_MINOR);
}

static int64_t number_of(struct kcmap *map, unsigned long command)
{
	struct cmap_op op = { .size = sizeof(op) };

	return kcmap_call(map, command, &op) ? -1 : op.number;
}

API int64_t kcmap_clear(struct kcmap *map)
{
	return number_of(map, CMAP_IOCTL_CLEAR);
}

API int64_t kcmap_count(struct kcmap *map)
{
	return number_of(map, CMAP_IOCTL_COUNT);
}

/* The caller's structure may be newer: zero what we do not know. */
static void copy_out(void *to, size_t room, const void *from, size_t size)
{
	if (room > size)
		memset((char *)to + size, 0, room - size);
	memcpy(to, from, room < size ? room : size);
}

API int kcmap_stat(struct kcmap *map, struct kcmap_info *info)
{
	struct cmap_stat stat = { .size = sizeof(stat) };
	struct kcmap_info full = { .sz = info->sz };

	if (info->sz < LEAST) {
		errno = EINVAL;
		return -1;
	}
	if (kcmap_call(map, CMAP_IOCTL_STAT, &stat))
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
	full.feed_bytes = stat.feed_bytes;
	full.feed_value_max = stat.feed_value_max;
	full.watches = stat.watches;
	full.default_ttl = stat.default_ttl;
	full.deadlines = stat.deadlines;
	full.expired = stat.expired;
	memcpy(full.lateness, stat.lateness, sizeof(full.lateness));
	/* The kernel takes any bytes, also without an end. */
	memcpy(full.description, stat.description, sizeof(full.description) - 1);
	full.owners = stat.owners;
	full.owned = stat.owned;
	full.orphaned = stat.orphaned;

	copy_out(info, info->sz, &full, sizeof(full));
	return 0;
}

static int read_limits(struct cmap_limits *args)
{
	int fd = open(CMAP_DEVICE, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -1;
	err = ioctl(fd, CMAP_IOCTL_LIMITS, args);
	close_quietly(fd);
	return err;
}

API int kcmap_limits(struct kcmap_usage *usage)
{
	struct cmap_limits args = { .size = sizeof(args) };
	struct kcmap_usage full = { .sz = usage->sz };

	if (usage->sz < LEAST_USAGE) {
		errno = EINVAL;
		return -1;
	}
	if (read_limits(&args))
		return -1;

	full.uid = args.uid;
	full.maps = args.maps;
	full.max_maps = args.max_maps;
	full.all_maps = args.all_maps;
	full.all_max_maps = args.all_max_maps;
	full.bytes = args.bytes;
	full.max_bytes = args.max_bytes;
	full.all_bytes = args.all_bytes;
	full.all_max_bytes = args.all_max_bytes;
	full.watches = args.watches;
	full.max_watches = args.max_watches;
	full.all_watches = args.all_watches;
	full.all_max_watches = args.all_max_watches;
	full.owners = args.owners;
	full.max_owners = args.max_owners;
	full.all_owners = args.all_owners;
	full.all_max_owners = args.all_max_owners;
	copy_out(usage, usage->sz, &full, sizeof(full));
	return 0;
}
