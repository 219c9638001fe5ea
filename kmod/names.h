/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All maps: how many there are, by id, and those with a name by that.
 */
#ifndef CMAP_NAMES_H
#define CMAP_NAMES_H

#include <linux/types.h>

struct cmap;

/* Most maps there can be; a module parameter. */
extern unsigned int cmap_max_maps;

int cmap_names_count(void);
void cmap_names_uncount(void);

int cmap_names_add(struct cmap *map);
void cmap_names_forget(struct cmap *map);

struct cmap *cmap_names_open(const char *name, int access);
int cmap_names_unlink(const char *name);
struct cmap *cmap_names_next(u64 *id);
void cmap_names_unlink_all(void);
void cmap_names_exit(void);

bool cmap_name_valid(const char *name, size_t len);

#endif /* CMAP_NAMES_H */
