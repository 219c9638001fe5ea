// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /sys/kernel/debug/cmap:
 *
 *	maps	a paragraph for each map
 *	users	a line for all maps together, and one for each user
 *	shards	a line for each shard of each map, with the NUMA nodes of its parts;
 *		-1 for a part that does not exist
 */
#include "debugfs.h"
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/registry.h"
#include "../core/stat.h"
#include "fdinfo.h"

#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/user_namespace.h>
#include <uapi/linux/cmap.h>

static struct dentry *debugfs_dir;

static void maps_show_map(struct seq_file *seq, const struct cmap *map)
{
	struct cmap_stat stat = {};
	struct cmap_counters counters;
	u32 i;

	cmap_stat_fill(map, &stat);
	cmap_stat_counters(map, &counters);

	seq_printf(seq, "map:           %llu\n", map->id);
	seq_puts(seq, "name:          ");
	cmap_show_name(seq, map);
	seq_putc(seq, '\n');
	seq_printf(seq, "namespace:     %u\n", READ_ONCE(map->net_number));
	seq_printf(seq, "kernel:        %d\n", map->kernel);
	seq_printf(seq, "unlinked:      %d\n", READ_ONCE(map->unlinked));
	seq_printf(seq, "references:    %u\n", refcount_read(&map->refs) - 1);
	seq_printf(seq, "entries:       %llu\n", stat.entries);
	seq_printf(seq, "bytes:         %llu\n", stat.bytes);
	seq_printf(seq, "table_bytes:   %llu\n", stat.table_bytes);
	seq_printf(seq, "remote_bytes:  %lld\n",
		   atomic64_read(&map->memory.remote));
	seq_printf(seq, "shards:        %u\n", stat.shards);
	seq_printf(seq, "buckets:       %llu\n", stat.buckets);
	seq_printf(seq, "longest_chain: %u\n", stat.longest_chain);
	seq_printf(seq, "grows:         %llu\n", stat.grows);
	seq_printf(seq, "shrinks:       %llu\n", stat.shrinks);
	seq_printf(seq, "allocs:        %llu\n", stat.allocs);
	seq_printf(seq, "reuses:        %llu\n", stat.reuses);
	seq_printf(seq, "reuse_percent: %llu\n",
		   stat.allocs ? div64_u64(stat.reuses * 100, stat.allocs) : 0);
	seq_printf(seq, "retries:       %llu\n", stat.retries);
	seq_printf(seq, "default_ttl:   %llu\n", stat.default_ttl);
	seq_printf(seq, "owners:        %llu\n", stat.owners);
	seq_printf(seq, "owned:         %llu\n", stat.owned);
	seq_printf(seq, "orphaned:      %llu\n", stat.orphaned);
	seq_printf(seq, "deadlines:     %llu\n", stat.deadlines);
	seq_printf(seq, "expired:       %llu\n", stat.expired);
	seq_puts(seq, "lateness:     ");
	for (i = 0; i < CMAP_LATENESS_BUCKETS; i++)
		seq_printf(seq, " %llu", stat.lateness[i]);
	seq_putc(seq, '\n');
	seq_printf(seq, "reads:         %llu\n",
		   counters.hits + counters.misses);
	seq_printf(seq, "hits:          %llu\n\n", counters.hits);
}

static void *maps_next(struct seq_file *seq, void *v, loff_t *pos)
{
	u64 id = *pos;
	struct cmap *map = cmap_names_next(&id);

	if (!IS_ERR_OR_NULL(v))
		cmap_map_put(v);
	*pos = map ? id : *pos + 1;
	return map;
}

/* The position is the id of the map that is shown, and 0 before the first. */
static void *maps_start(struct seq_file *seq, loff_t *pos)
{
	u64 id = *pos ? *pos - 1 : 0;
	struct cmap *map = cmap_names_next(&id);

	if (map)
		*pos = id;
	return map;
}

static void maps_stop(struct seq_file *seq, void *v)
{
	if (v)
		cmap_map_put(v);
}

static int maps_show(struct seq_file *seq, void *v)
{
	maps_show_map(seq, v);
	return 0;
}

static const struct seq_operations maps_sops = {
	.start = maps_start,
	.next = maps_next,
	.stop = maps_stop,
	.show = maps_show,
};

DEFINE_SEQ_ATTRIBUTE(maps);

static int nid_of(const void *memory)
{
	if (!memory)
		return NUMA_NO_NODE;
	if (is_vmalloc_addr(memory))
		return page_to_nid(vmalloc_to_page(memory));
	return page_to_nid(virt_to_page(memory));
}

static void shards_show_shard(struct seq_file *seq, const struct cmap *map,
			      const struct cmap_shard *shard)
{
	const struct cmap_segtab *segtab;
	const struct cmap_table *table;

	rcu_read_lock();
	table = rcu_dereference(shard->table);
	segtab = rcu_dereference(shard->arena.segtab);
	seq_printf(seq, "map %llu shard %u node %d: entries %llu buckets %llu on nodes: shard %d table %d segments %d\n",
		   map->id, shard->index, shard->arena.nid,
		   cmap_shard_entries(shard),
		   table ? (u64)cmap_table_buckets(table) : 0,
		   nid_of(shard), nid_of(table), nid_of(segtab));
	rcu_read_unlock();
}

static int shards_show(struct seq_file *seq, void *v)
{
	const struct cmap *map = v;
	u32 i;

	for (i = 0; i < map->shards; i++) {
		shards_show_shard(seq, map, map->shard[i]);
		cond_resched();
	}
	return 0;
}

static const struct seq_operations shards_sops = {
	.start = maps_start,
	.next = maps_next,
	.stop = maps_stop,
	.show = shards_show,
};

DEFINE_SEQ_ATTRIBUTE(shards);

static void users_show_user(void *arg, kuid_t uid,
			    const struct cmap_limits *limits)
{
	struct seq_file *seq = arg;

	seq_printf(seq, "user %u maps %u of %u bytes %lld of %llu\n",
		   from_kuid_munged(seq_user_ns(seq), uid), limits->maps,
		   limits->max_maps, limits->bytes, limits->max_bytes);
}

static int users_show(struct seq_file *seq, void *v)
{
	struct cmap_limits all;

	cmap_limits_all(&all);
	seq_printf(seq, "all maps %u of %u bytes %lld of %llu\n",
		   all.all_maps, all.all_max_maps, all.all_bytes,
		   all.all_max_bytes);
	cmap_limits_each(users_show_user, seq);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(users);

/**
 * cmap_debugfs_init() - create the directory and its files; errors are ignored
 *
 * Context: Process.
 */
void cmap_debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir("cmap", NULL);
	debugfs_create_file("maps", 0400, debugfs_dir, NULL, &maps_fops);
	debugfs_create_file("users", 0400, debugfs_dir, NULL, &users_fops);
	debugfs_create_file("shards", 0400, debugfs_dir, NULL, &shards_fops);
}

/**
 * cmap_debugfs_exit() - remove the directory
 *
 * Context: Process.
 */
void cmap_debugfs_exit(void)
{
	debugfs_remove(debugfs_dir);
}
