/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_STAT_H
#define CMAP_STAT_H

struct cmap;
struct cmap_counters;
struct cmap_stat;
struct seq_file;

void cmap_stat_fill(const struct cmap *map, struct cmap_stat *stat);
void cmap_stat_counters(const struct cmap *map, struct cmap_counters *sum);
void cmap_stat_show_name(struct seq_file *seq, const struct cmap *map);

#endif /* CMAP_STAT_H */
