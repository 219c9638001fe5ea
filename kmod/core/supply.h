/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done for a write that lacks memory.
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
 * @counted: in &struct cmap.short_of
 * @in_line: among those that queue for a node of its size
 * @queued: it has the shard's supply semaphore
 * @noio: from memalloc_noio_save() then
 * @sole: it has the map's, too
 * @rounds: how often it got something, and lacked something again
 * @vain: how often in a row too little was on its way
 * @tries: how often at all there was no more to wait for
 * @versions: of all shards in sum, the last time
 * @lean: how often the machine or the memory cgroup had no memory
 * @since: in jiffies, since when all that can help is in writers' hands, without
 *	the time that it waited for a grace period; 0 if that never was so
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
