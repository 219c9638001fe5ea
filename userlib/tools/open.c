// SPDX-License-Identifier: GPL-2.0-or-later
#include "open.h"
#include "error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A map's name; the caller frees it. */
char *unescape_name(const char *text)
{
	struct bytes name = unescape(text);

	if (memchr(name.data, '\0', name.len)) {
		errno = EINVAL;
		die_opening(text);
	}
	return name.data;
}

struct kcmap *open_map(const char *text, int oflag)
{
	char *name = unescape_name(text);
	/* Mapping the window does not pay for one read. */
	struct kcmap *map = kcmap_open(name, oflag | KCMAP_O_NO_WINDOW, NULL);

	if (!map)
		die_opening(text);
	doing.map = map;
	free(name);
	return map;
}

/* Open with any access; the owner may have left himself no permission. */
struct kcmap *try_open(const char *name)
{
	static const int oflags[] = { O_RDONLY, O_WRONLY, O_ACCMODE };
	struct kcmap *map = NULL;
	size_t i;

	for (i = 0; !map && i < sizeof(oflags) / sizeof(*oflags); i++)
		map = kcmap_open(name, oflags[i] | KCMAP_O_NO_WINDOW, NULL);
	return map;
}

struct kcmap *open_own(const char *text)
{
	char *name = unescape_name(text);
	struct kcmap *map = try_open(name);

	if (!map)
		die_opening(text);
	doing.map = map;
	free(name);
	return map;
}

void stat_map(struct kcmap *map, const char *text, struct kcmap_info *info)
{
	*info = (struct kcmap_info){ .sz = sizeof(*info) };
	if (kcmap_stat(map, info))
		die(text);
}
