/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stat tells of a map.
 */
#ifndef CMAP_TOOL_PROPERTIES_H
#define CMAP_TOOL_PROPERTIES_H

#include <kcmap.h>

struct json_object;

struct json_object *properties_record(const char *name, const struct kcmap_info *info);

#endif /* CMAP_TOOL_PROPERTIES_H */
