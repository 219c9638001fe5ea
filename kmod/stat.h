/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_STAT_H
#define CMAP_STAT_H

struct cmap;
struct cmap_counters;
struct cmap_stat;

void cmap_stat_fill(const struct cmap *map, struct cmap_stat *stat);
void cmap_stat_counters(const struct cmap *map, struct cmap_counters *sum);

#endif /* CMAP_STAT_H */
