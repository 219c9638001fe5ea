/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Getting memory for a write that lacks some.
 */
#ifndef CMAP_SUPPLY_H
#define CMAP_SUPPLY_H

#include <linux/gfp.h>
#include <linux/types.h>

struct cmap;
struct cmap_node;
struct cmap_shard;
struct cmap_spec;
struct cmap_write;

int cmap_supply_write(struct cmap *map, struct cmap_shard *shard,
		      struct cmap_write *write, gfp_t gfp);
struct cmap_node *cmap_supply_reserve(struct cmap *map,
				      struct cmap_shard *shard,
				      struct cmap_write *write, gfp_t gfp,
				      int *err);

struct cmap *cmap_supply_map(const struct cmap_spec *spec);

#endif /* CMAP_SUPPLY_H */
