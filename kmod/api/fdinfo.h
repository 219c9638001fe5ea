/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/PID/fdinfo: the map of a descriptor, and its size.
 */
#ifndef CMAP_FDINFO_H
#define CMAP_FDINFO_H

struct cmap;
struct file;
struct seq_file;

void cmap_show_name(struct seq_file *seq, const struct cmap *map);
void cmap_fdinfo_show(struct seq_file *seq, struct file *file);

#endif /* CMAP_FDINFO_H */
