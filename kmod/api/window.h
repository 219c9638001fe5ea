/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The window: a process maps the map's own tables and nodes, read-only.
 */
#ifndef CMAP_WINDOW_H
#define CMAP_WINDOW_H

struct cmap;
struct file;
struct vm_area_desc;
struct vm_area_struct;

int cmap_window_init(void);
void cmap_window_exit(void);

#ifdef CMAP_HAVE_MMAP_PREPARE
int cmap_window_mmap_prepare(struct vm_area_desc *desc);
#else
int cmap_window_mmap(struct file *file, struct vm_area_struct *vma);
#endif

#endif /* CMAP_WINDOW_H */
