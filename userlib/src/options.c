// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <string.h>

/* The structure ended here in the first release. */
#define LEAST (offsetof(struct kcmap_options, mode) + sizeof(mode_t))

/* No padding behind the last member: no check would look at it. */
_Static_assert(offsetof(struct kcmap_options, description) +
	       sizeof(((struct kcmap_options *)0)->description) ==
	       sizeof(struct kcmap_options), "kcmap_options");
_Static_assert(sizeof(((struct kcmap_options *)0)->description) ==
	       CMAP_DESCRIPTION_SIZE, "description");

/*
 * Convert a caller's structure, which begins with its size, to our @size.  One
 * that is shorter, but at least @least bytes, is extended with zeroes.  A longer
 * one must hold only zeroes beyond what we know.
 */
int kcmap_struct_in(void *to, size_t size, size_t least, const void *given)
{
	const unsigned char *bytes = given;
	size_t given_size, i;

	memcpy(&given_size, given, sizeof(given_size));
	for (i = size; i < given_size; i++)
		if (bytes[i])
			given_size = 0;
	if (given_size < least) {
		errno = EINVAL;
		return -1;
	}
	if (given_size < size)
		memset((char *)to + given_size, 0, size - given_size);
	memcpy(to, given, given_size < size ? given_size : size);
	return 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	while (len--)
		if (bytes[len])
			return false;
	return true;
}

int kcmap_options_resolve(const struct kcmap_options *given,
			  struct kcmap_options *options)
{
	size_t size;

	memset(options, 0, sizeof(*options));
	if (given && kcmap_struct_in(options, sizeof(*options), LEAST, given))
		return -1;
	/* Of a description, nothing stands behind its end. */
	size = strnlen(options->description, sizeof(options->description));
	if (options->__reserved || size == sizeof(options->description) ||
	    !is_zero(options->description + size, sizeof(options->description) - size)) {
		errno = EINVAL;
		return -1;
	}
	options->sz = sizeof(*options);
	if (!options->mode)
		options->mode = 0600;

	return 0;
}

static int option_differs(uint64_t asked, uint64_t is)
{
	return asked && asked != is;
}

/* The kernel rounds a ring up to a page. */
static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return bytes && bytes < page ? page : bytes;
}

/* kcmap_options_differ() for the map of a descriptor. */
int kcmap_fd_differs(int fd, const struct kcmap_options *options)
{
	struct cmap_stat stat = { .size = sizeof(stat) };
	int differ = 0;

	if (ioctl(fd, CMAP_IOCTL_STAT, &stat))
		return -1;

	if (options->flags & ~stat.create_flags)
		differ |= KCMAP_DIFFER_FLAGS;
	if (option_differs(options->key_max, stat.key_max))
		differ |= KCMAP_DIFFER_KEY_MAX;
	if (option_differs(options->value_max, stat.value_max))
		differ |= KCMAP_DIFFER_VALUE_MAX;
	if (option_differs(options->shards, stat.shards))
		differ |= KCMAP_DIFFER_SHARDS;
	if (option_differs(options->max_entries, stat.max_entries))
		differ |= KCMAP_DIFFER_MAX_ENTRIES;
	if (option_differs(options->max_bytes, stat.max_bytes))
		differ |= KCMAP_DIFFER_MAX_BYTES;
	if (option_differs(whole_pages(options->feed_bytes), stat.feed_bytes))
		differ |= KCMAP_DIFFER_FEED_BYTES;
	if (option_differs(options->feed_value_max, stat.feed_value_max))
		differ |= KCMAP_DIFFER_FEED_VALUE_MAX;
	if (option_differs(options->default_ttl, stat.default_ttl))
		differ |= KCMAP_DIFFER_DEFAULT_TTL;
	if (*options->description && memcmp(options->description, stat.description,
					    sizeof(stat.description)))
		differ |= KCMAP_DIFFER_DESCRIPTION;
	return differ;
}

API int kcmap_options_differ(struct kcmap *map, const struct kcmap_options *given)
{
	struct kcmap_options options;

	if (kcmap_options_resolve(given, &options))
		return -1;
	if (kcmap_is_ours(map->fd, map->device, map->id) <= 0)
		return -1;
	return kcmap_fd_differs(map->fd, &options);
}
