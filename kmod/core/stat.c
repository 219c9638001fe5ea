// SPDX-License-Identifier: GPL-2.0
#include "stat.h"
#include "map.h"

#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <linux/user_namespace.h>
#include <uapi/linux/cmap.h>

static void add_table(const struct cmap_table *table, struct cmap_stat *stat)
{
	stat->table_bytes += cmap_table_bytes(table);
	stat->buckets += cmap_table_buckets(table);
	stat->longest_chain = max(stat->longest_chain,
				  READ_ONCE(table->longest));
}

static void add_shard(struct cmap_shard *shard, struct cmap_stat *stat)
{
	struct cmap_table *table;

	spin_lock_bh(&shard->lock);
	table = cmap_shard_table_locked(shard);
	while (table) {
		add_table(table, stat);
		table = rcu_dereference_protected(table->next,
					lockdep_is_held(&shard->lock));
	}
	stat->grows += shard->grows;
	stat->shrinks += shard->shrinks;
	stat->retries += shard->retries;
	stat->allocs += shard->arena.allocs;
	stat->reuses += shard->arena.reuses;
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_stat_fill() - see what a map is and holds
 * @map: the map
 * @stat: everything but its size and flags is set
 *
 * Context: Process; no lock.
 */
void cmap_stat_fill(const struct cmap *map, struct cmap_stat *stat)
{
	u32 i;

	*stat = (struct cmap_stat){
		.size = stat->size,
		.id = map->id,
		.create_flags = map->flags,
		.mode = READ_ONCE(map->mode),
		.uid = from_kuid_munged(current_user_ns(),
					READ_ONCE(map->uid)),
		.gid = from_kgid_munged(current_user_ns(),
					READ_ONCE(map->gid)),
		.key_max = map->key_max,
		.value_max = map->value_max,
		.shards = map->shards,
		.max_entries = map->max_entries,
		.max_bytes = map->memory.account.max,
		.bytes = atomic64_read(&map->memory.account.bytes),
	};
	stat->entries = cmap_map_entries(map);
	for (i = 0; i < map->shards; i++)
		add_shard(map->shard[i], stat);
}

/**
 * cmap_stat_counters() - sum up what the CPUs counted
 * @map: the map
 * @sum: set to the sums
 *
 * Context: Any.
 */
void cmap_stat_counters(const struct cmap *map, struct cmap_counters *sum)
{
	unsigned int cpu;

	*sum = (struct cmap_counters){};
	for_each_possible_cpu(cpu) {
		const struct cmap_counters *counters =
			per_cpu_ptr(map->counters, cpu);

		sum->hits += READ_ONCE(counters->hits);
		sum->misses += READ_ONCE(counters->misses);
	}
}

/**
 * cmap_stat_show_name() - print a map's name
 * @seq: where to
 * @map: the map
 *
 * A name can have all bytes but two; a line, and a terminal, cannot.
 *
 * Context: Process.
 */
void cmap_stat_show_name(struct seq_file *seq, const struct cmap *map)
{
	const struct cmap_label *label;

	rcu_read_lock();
	label = rcu_dereference(map->label);
	if (label)
		seq_escape_str(seq, label->text,
			       ESCAPE_ANY | ESCAPE_NAP | ESCAPE_APPEND, "\\");
	rcu_read_unlock();
}
