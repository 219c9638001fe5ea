/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The owners that a descriptor's entries can have: its open file description, and the
 * processes that have the description open.
 */
#ifndef CMAP_HOLDER_H
#define CMAP_HOLDER_H

#include <linux/fs.h>
#include <linux/types.h>

struct cmap_owner;

struct cmap_owner *cmap_file_owner(struct file *file, u16 flags);
int cmap_holders_flush(struct file *file, fl_owner_t id);
void cmap_holders_end(struct file *file);
u64 cmap_holders_entries(struct file *file);

#endif /* CMAP_HOLDER_H */
