/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What export writes of a map itself, and import makes it with.
 */
#ifndef CMAP_TOOL_EXPORT_H
#define CMAP_TOOL_EXPORT_H

#include <kcmap.h>

/* A member of struct kcmap_options, or a flag. */
struct exported {
	const char *name;
	size_t offset;
	size_t size;
	uint32_t flag;
};

extern const struct exported exported[];

uint64_t exported_get(const struct kcmap_options *options, const struct exported *it);

#endif /* CMAP_TOOL_EXPORT_H */
