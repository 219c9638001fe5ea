/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard: a part of a map with its own lock, table, memory and counters.
 *
 * Lock order: docs/design.md, "Locks", has the only list.  Inside a shard's lock
 * nothing is taken but RCU, the lock of a bill, and those of the work queues and of
 * the scheduler.  Two
 * shards' locks are never held at once.  The lock disables softirqs, because kernel
 * consumers may write in softirq.
 */
#ifndef CMAP_SHARD_H
#define CMAP_SHARD_H

#include "lookup.h"
#include "quota.h"
#include "wheel.h"

#include <linux/cache.h>
#include <linux/lockdep.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct cmap_events;
struct cmap_feed;
struct mem_cgroup;
struct obj_cgroup;
struct cmap_waiters;

/* &struct cmap_shard.events; 0 if a change is nobody's concern */
#define CMAP_EVENT_FEED		(1U << 0)	/* the map has a feed; constant */
#define CMAP_EVENT_ARMED	(1U << 1)	/* somebody listens */
#define CMAP_EVENT_WAITERS	(1U << 2)	/* there are @waiters; it stays */

/**
 * struct cmap_shard - a part of a map
 * @table: the table, or NULL before the first entry
 * @arena: node memory
 * @index: index of the shard in the map
 * @shards: number of the map's shards
 * @shard_bits: log2 of @shards
 * @quota: the map's limit on entries
 * @payer: pays for tables that the work allocates
 * @ahead_payer: pays for the next allocation of @ahead; the shard holds a reference
 * @resize: allocates large tables and moves buckets
 * @resize_pause: pause of @resize in microseconds, or 0; only @resize uses it
 * @ahead: allocates segments before they are needed
 * @feed: the ring of records of changes, or NULL; constant
 * @listeners: the map's listeners; constant
 * @waiters: who waits for keys of this shard; NULL before the first one
 * @wheel: the entries that have a deadline; NULL before the first one
 * @supply: held by the first writer in the queue for a node; nests outside the
 *	map's, and both outside @lock
 * @trim: frees memory
 * @sparse: the last run of @trim found too many free nodes
 * @lock: serializes writers
 * @version: version of the last write; each write adds @shards, so that versions
 *	differ between shards, too
 * @events: CMAP_EVENT_*: what a change has to be reported to
 * @entries: entries now
 * @changes: how often a change of @entries has begun or ended
 * @entries_then: entries before the first change that saw @epoch
 * @credit: the credit that the shard holds of @quota
 * @epoch: the quota's epoch that a write, or a count, last saw here
 * @grows: how often the table began to grow
 * @shrinks: how often it began to shrink
 * @retries: writes that started again to get memory
 * @resize_after: in jiffies, or 0: @resize failed, and must not run before
 * @owned: entries that have an owner
 * @orphaned: entries that were removed because their owner had ended
 *
 * @table, @arena, and everything below @lock are changed under @lock; @table
 * is read under RCU.
 */
struct cmap_shard {
	struct cmap_table __rcu *table;
	struct cmap_arena arena;
	u32 index;
	u32 shards;
	u8 shard_bits;
	struct cmap_quota *quota;
	struct obj_cgroup *payer;
	struct mem_cgroup *ahead_payer;
	struct delayed_work resize;
	u32 resize_pause;
	struct work_struct ahead;
	struct delayed_work trim;
	bool sparse;
	struct cmap_feed *feed;
	struct cmap_events *listeners;
	struct cmap_waiters *waiters;
	struct cmap_wheel *wheel;
	struct semaphore supply;

	spinlock_t lock ____cacheline_aligned_in_smp;
	u32 events;
	u64 version;
	u64 entries;
	u64 changes;
	u64 entries_then;
	struct cmap_credit credit;
	u32 epoch;
	u64 grows;
	u64 shrinks;
	u64 retries;
	u64 resize_after;
	u64 owned;
	u64 orphaned;
};

void cmap_shard_init(struct cmap_shard *shard, u32 index, u32 shards,
		     struct cmap_memory *memory, struct cmap_quota *quota,
		     struct obj_cgroup *payer, int nid, bool wipe);
void cmap_shard_destroy(struct cmap_shard *shard);

u64 cmap_shard_entries_then(struct cmap_shard *shard);
void cmap_shard_collect(struct cmap_shard *shard);
int cmap_shard_show(struct cmap_shard *shard);
bool cmap_shard_has_place(const struct cmap_shard *shard, u8 bits);
bool cmap_shard_settle(struct cmap_shard *shard, struct cmap_table *table);
void cmap_shard_show_tables(struct cmap_shard *shard);
void cmap_shard_show_table(struct cmap_shard *shard, struct cmap_table *table);
void cmap_shard_show_pool(struct cmap_shard *shard, struct cmap_table *table);
bool cmap_shard_find_table(struct cmap_shard *shard, u8 bits, u8 bank,
			   u64 offset, bool zeroes, struct cmap_extent *extent);
bool cmap_shard_find_segment(struct cmap_shard *shard, u32 granule,
			     bool zeroes, struct cmap_extent *extent);

static inline struct cmap_table *
cmap_shard_table_locked(const struct cmap_shard *shard)
{
	return rcu_dereference_protected(shard->table,
					 lockdep_is_held(&shard->lock));
}

/* The table that another one is being moved into, or NULL. */
static inline struct cmap_table *
cmap_shard_next_locked(const struct cmap_shard *shard,
		       const struct cmap_table *table)
{
	return rcu_dereference_protected(table->next,
					 lockdep_is_held(&shard->lock));
}

/* The table that the bucket of the high half of a hash is in now, for changing it. */
static inline struct cmap_table *cmap_shard_table_for(struct cmap_shard *shard,
						      u32 high)
{
	struct cmap_bucket *bucket;
	u32 head;

	lockdep_assert_held(&shard->lock);

	return cmap_table_of(cmap_shard_table_locked(shard), &shard->arena,
			     high, &bucket, &head);
}

/* For a count that began before: it gets the number of entries as it is. */
static inline void cmap_shard_note_epoch(struct cmap_shard *shard)
{
	u32 epoch = READ_ONCE(shard->quota->epoch);

	lockdep_assert_held(&shard->lock);

	if (unlikely(shard->epoch != epoch)) {
		shard->epoch = epoch;
		shard->entries_then = shard->entries;
	}
}

/**
 * cmap_shard_find() - find an entry
 * @shard: the shard that the key belongs to
 * @key: the key
 *
 * Context: RCU read section.
 * Return: the entry's node, good for the rest of the section, or NULL.
 */
static __always_inline struct cmap_node *
cmap_shard_find(const struct cmap_shard *shard, const struct cmap_key *key)
{
	return cmap_lookup_entry(rcu_dereference(shard->table), &shard->arena,
				 key);
}

#endif /* CMAP_SHARD_H */
