/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening the map that an argument names.
 */
#ifndef CMAP_TOOL_OPEN_H
#define CMAP_TOOL_OPEN_H

#include <kcmap.h>

char *unescape_name(const char *text);
struct kcmap *open_map(const char *text, int oflag);
struct kcmap *open_own(const char *text);
struct kcmap *try_open(const char *name);
void stat_map(struct kcmap *map, const char *text, struct kcmap_info *info);

#endif /* CMAP_TOOL_OPEN_H */
