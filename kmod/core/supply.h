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

/**
 * struct cmap_relief - a write that lacks something, and what was tried
 * @map: the map
 * @shard: the shard
 * @write: the write
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @counted: the write is counted in &struct cmap.short_of
 * @in_line: the write is registered in the queue for a node of its size
 * @queued: the write holds the shard's supply semaphore
 * @noio: from memalloc_noio_save(), if @queued
 * @sole: the write holds the map's supply semaphore, too
 * @rounds: how often the write got something, and then lacked something again
 * @vain: how often in a row too little memory was on its way back
 * @tries: how often in all there was nothing to wait for
 * @versions: sum of the versions of all shards at the last try
 * @lean: how often the machine or the memory cgroup had no memory
 * @since: in jiffies: since when only memory that writers hold could help.  The
 *	time of waits for grace periods is left out.  0 if it never was so
 */
struct cmap_relief {
	struct cmap *map;
	struct cmap_shard *shard;
	struct cmap_write *write;
	gfp_t gfp;
	bool counted;
	bool in_line;
	bool queued;
	unsigned int noio;
	bool sole;
	unsigned int rounds;
	unsigned int vain;
	unsigned int tries;
	u64 versions;
	unsigned int lean;
	unsigned long since;
};

int cmap_supply_write(struct cmap *map, struct cmap_shard *shard,
		      struct cmap_write *write, gfp_t gfp);
struct cmap_node *cmap_supply_reserve(struct cmap *map,
				      struct cmap_shard *shard,
				      struct cmap_write *write, gfp_t gfp,
				      int *err);

struct cmap *cmap_supply_map(const struct cmap_spec *spec);

#endif /* CMAP_SUPPLY_H */
