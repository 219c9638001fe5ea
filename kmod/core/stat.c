// SPDX-License-Identifier: GPL-2.0
#include "stat.h"
#include "expire.h"
#include "lock.h"
#include "map.h"
#include "orphan.h"
#include "write.h"

#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/processor.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>
#include <uapi/linux/cmap.h>

#define COUNT_TRIES	64	/* while another count is under way */
#define COUNT_ROUNDS	8	/* while entries expire */

/* ---- counting ---- */

/*
 * Sum up the entries if nobody changes their number meanwhile.  Each stripe counts
 * the beginning and the end of every change of its number of entries.  If these
 * counts are even at the first pass and the same at the second, no stripe changed
 * between its two readings.  So all numbers held at the moment between the passes.
 * The counts only grow, so equal sums mean equal counts.
 */
static bool entries_at_rest(const struct cmap *map, u64 *entries)
{
	u64 changes = 0, again = 0;
	u32 i, any = 0;

	*entries = 0;
	for (i = 0; i < map->shards; i++)
		*entries += cmap_shard_sum(map->shard[i], &changes, &any);
	if (any & 1)
		return false;
	/* Pairs with the barrier in cmap_entries_begin(). */
	smp_rmb();
	for (i = 0; i < map->shards; i++)
		cmap_shard_sum(map->shard[i], &again, &any);

	return changes == again;
}

/*
 * Sum up the entries before an epoch.  Each write reads the epoch before it changes
 * anything, and a write that begins after another has ended does not read an earlier
 * epoch.  So the writes before the epoch are a set after which the map could have
 * stopped: with each write it contains all that had ended before that one began.
 */
static u64 entries_before_epoch(const struct cmap *map,
				struct cmap_quota *quota)
{
	u64 entries = 0;
	u32 i;

	WRITE_ONCE(quota->epoch, quota->epoch + 1);
	for (i = 0; i < map->shards; i++)
		entries += cmap_shard_entries_then(map->shard[i]);

	return entries;
}

/**
 * cmap_map_expire() - remove the entries that have expired, or whose owner has ended
 * @map: the map
 * @patient: the caller may sleep, and all are removed that were absent when this began;
 *	else a few in each shard
 *
 * Context: Process or softirq; no lock.
 * Return: false if some may be left, also after a fatal signal.
 */
bool cmap_map_expire(const struct cmap *map, bool patient)
{
	bool all = cmap_orphans_all(map->shard[0]->arena.owners, patient);
	u64 word = cmap_clock_word(&map->clock);
	u32 i;

	for (i = 0; word && i < map->shards; i++)
		all &= cmap_expire_shard(map->shard[i], word, patient);
	return all;
}

/**
 * cmap_map_entries() - count a map's entries
 * @map: the map
 *
 * Context: Process or softirq; no lock.
 * Return: the number of entries after a set of writes.  The set contains all writes
 * that had ended before the call and some of those under way during it; and with
 * each of these, all that had ended before it began.
 */
u64 cmap_map_entries(const struct cmap *map)
{
	struct cmap_quota *quota = map->shard[0]->quota;
	unsigned int tries = COUNT_TRIES;
	u64 entries;
	u32 i;

	do {
		if (cmap_quota_entries(quota, &entries) ||
		    entries_at_rest(map, &entries))
			return entries;
		if (!test_and_set_bit_lock(0, &quota->counting)) {
			entries = entries_before_epoch(map, quota);
			clear_bit_unlock(0, &quota->counting);
			return entries;
		}
		cpu_relax();
	} while (--tries);

	/* The other count does not get to run.  Sum up without one moment for all. */
	entries = 0;
	for (i = 0; i < map->shards; i++)
		entries += cmap_shard_entries(map->shard[i]);

	return entries;
}

/**
 * cmap_map_count() - count a map's entries that have not expired, nor lost their owner
 * @map: the map
 * @patient: the caller may sleep; else some may be counted that have just expired, or
 *	whose owner has just ended
 *
 * If more are absent meanwhile, a part of them may have been removed, so this counts again.
 *
 * Context: Process or softirq; no lock.
 * Return: as cmap_map_entries().  If entries go on to expire, or owners to end, some that
 * do at one moment may be counted and others not.
 */
u64 cmap_map_count(const struct cmap *map, bool patient)
{
	unsigned int rounds = 0;
	u64 word, ends, entries;

	do {
		word = cmap_clock_word(&map->clock);
		ends = cmap_owners_ends(&map->owners);
		cmap_map_expire(map, patient);
		entries = cmap_map_entries(map);
		/* Who removed an entry that was not counted has seen why before. */
		smp_rmb();
	} while (patient &&
		 (word != cmap_clock_word(&map->clock) ||
		  ends != cmap_owners_ends(&map->owners)) &&
		 ++rounds < COUNT_ROUNDS && !fatal_signal_pending(current));

	return entries;
}

/* ---- reports ---- */

static void stat_add_table(const struct cmap_table *table, struct cmap_stat *stat)
{
	stat->table_bytes += cmap_table_bytes(table);
	stat->buckets += cmap_table_buckets(table);
	stat->longest_chain = max(stat->longest_chain,
				  READ_ONCE(table->longest));
}

static void stat_add_wheel(const struct cmap_wheel *wheel, struct cmap_stat *stat)
{
	u32 i;

	stat->deadlines += wheel->entries;
	stat->expired += wheel->expired;
	for (i = 0; i < CMAP_LATENESS_BUCKETS; i++)
		stat->lateness[i] += wheel->lateness[i];
}

static void stat_add_shard(struct cmap_shard *shard, struct cmap_stat *stat)
{
	struct cmap_table *table;
	u64 reuses;

	cmap_lock_bh(&shard->lock);
	if (shard->wheel)
		stat_add_wheel(shard->wheel, stat);
	table = cmap_shard_table_locked(shard);
	while (table) {
		stat_add_table(table, stat);
		table = rcu_dereference_protected(table->next,
						  lockdep_is_held(&shard->lock));
	}
	stat->grows += shard->grows;
	stat->shrinks += shard->shrinks;
	stat->retries += shard->retries;
	stat->owned += shard->owned;
	stat->orphaned += shard->orphaned;
	/* Stripes may be counting: once is the same for both. */
	reuses = cmap_shard_reuses(shard);
	stat->allocs += shard->arena.allocs + reuses;
	stat->reuses += shard->arena.reuses + reuses;
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_stat_fill() - report a map's properties, contents and memory
 * @map: the map
 * @stat: all fields are set but size and flags; sums over shards are 0 with
 *	CMAP_STAT_BRIEF
 *
 * Context: Process; no lock.
 */
void cmap_stat_fill(const struct cmap *map, struct cmap_stat *stat)
{
	u32 i;

	*stat = (struct cmap_stat){
		.size = stat->size,
		.flags = stat->flags,
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
		.feed_bytes = map->feed_bytes,
		.feed_value_max = map->feed_value_max,
		.watches = atomic_read(&map->events.watchers),
		.default_ttl = map->default_ttl,
		.owners = READ_ONCE(map->owners.count),
	};
	memcpy(stat->description, map->description, sizeof(stat->description));
	if (stat->flags & CMAP_STAT_BRIEF)
		return;
	stat->entries = cmap_map_count(map, true);
	for (i = 0; i < map->shards; i++)
		stat_add_shard(map->shard[i], stat);
}

/**
 * cmap_stat_counters() - sum up the per-CPU counters
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
