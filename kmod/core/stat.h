/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting a map's entries, and reports about a map.
 */
#ifndef CMAP_STAT_H
#define CMAP_STAT_H

#include <linux/types.h>

struct cmap;
struct cmap_counters;
struct cmap_stat;

bool cmap_map_expire(const struct cmap *map, bool patient);
u64 cmap_map_entries(const struct cmap *map);
u64 cmap_map_count(const struct cmap *map, bool patient);
void cmap_stat_fill(const struct cmap *map, struct cmap_stat *stat);
void cmap_stat_counters(const struct cmap *map, struct cmap_counters *sum);

#endif /* CMAP_STAT_H */
