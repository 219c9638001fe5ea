/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard: a part of a map with its own table and memory.  Its stripes are ranges of
 * hashes, each with a lock and counters of its own.  A small shard has one stripe.  When
 * it grows it is split into more, and stays so.
 *
 * Lock order: docs/design.md, "Locks", has the only list.  A shard's lock is
 * taken alone, or inside that of one of its stripes.  Inside it nothing is taken but
 * RCU, the lock of a bill, and those of the work queues and of the scheduler.  Two
 * stripes' locks are never held at once, nor are two shards'.  All of them disable
 * softirqs, because kernel
 * consumers may write in softirq.
 */
#ifndef CMAP_SHARD_H
#define CMAP_SHARD_H

#include "lookup.h"
#include "quota.h"
#include "stash.h"
#include "wheel.h"

#include <linux/cache.h>
#include <linux/lockdep.h>
#include <linux/semaphore.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct cmap_events;
struct cmap_feed;
struct mem_cgroup;
struct obj_cgroup;
struct cmap_waiters;

/* &struct cmap_stripe.events; 0 if a change is nobody's concern */
#define CMAP_EVENT_FEED		(1U << 0)	/* the map has a feed; constant */
#define CMAP_EVENT_ARMED	(1U << 1)	/* somebody listens */
#define CMAP_EVENT_WAITERS	(1U << 2)	/* there are @waiters; it stays */

#define CMAP_STRIPES_MAX	CMAP_TABLE_STRIPES

/**
 * struct cmap_stripe - a range of a shard's hashes, with a lock of its own
 * @lock: serializes the writers of keys whose hashes are in the stripe
 * @epoch: the quota's epoch that a write, or a count, last saw here
 * @version: version of the last write; each write adds the number of the map's
 *	stripes, so that versions differ between stripes, too
 * @entries: entries now; in a shard that was split, less those from before.  May be
 *	negative
 * @changes: how often a change of @entries has begun or ended
 * @drift: what @entries has grown by since &struct cmap_shard.entries was told
 * @events: CMAP_EVENT_*: what a change has to be reported to
 * @credit: the credit that the stripe holds of the quota
 * @reuses: how many nodes were taken from @stash since the arena was told
 * @stash: nodes that were freed here, and will be used here again
 *
 * All that most writes change is here, in one cache line.  @lock protects it, and
 * the buckets of the stripe in the shard's tables.
 */
struct cmap_stripe {
	spinlock_t lock;
	u32 epoch;
	u64 version;
	s32 entries;
	u32 changes;
	s16 drift;
	u8 events;
	struct cmap_credit credit;
	u32 reuses;
	struct cmap_stash stash;
} ____cacheline_aligned_in_smp;

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
 * @stripe_bits: log2 of the number of stripes now
 * @split_bits: log2 of their number once the shard has been split
 * @stripe: the stripes, if there is more than one
 * @then: for each of them: entries before the first change that saw its epoch
 * @first: the only stripe of a shard that has not been split.  Else it has the number of
 *	entries when that was done
 * @first_then: the same as @then
 * @resize_after: in jiffies, or 0: @resize failed, and must not run before
 * @drift_max: how far a stripe's number of entries may differ from what it told
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
 * @trim_due: @trim is to look at all segments; of a size for which all machines have
 *	xchg()
 * @written: sum of the stripes' versions at the last run of @trim
 * @sparse: the last run of @trim found too many free nodes
 * @lock: protects what the stripes share: node memory, the tables' pools, and which
 *	tables there are
 * @cpu: the CPU that took a node from a segment last, or gave one back
 * @entries: entries, as far as stripes have told
 * @grows: how often the table began to grow
 * @shrinks: how often it began to shrink
 * @retries: writes that started again to get memory
 * @owned: entries that have an owner
 * @orphaned: entries that were removed because their owner had ended
 *
 * @table, @arena, @resize_after, and everything below @lock are changed under
 * @lock; @table is read under RCU.
 */
struct cmap_shard {
	struct cmap_table __rcu *table;
	struct cmap_arena arena;
	u32 index ____cacheline_aligned_in_smp;
	u32 shards;
	u8 shard_bits;
	u8 stripe_bits;
	u8 split_bits;
	struct cmap_stripe *stripe;
	s32 *then;
	u64 resize_after;
	u32 drift_max;
	struct cmap_quota *quota;
	struct obj_cgroup *payer;
	struct mem_cgroup *ahead_payer;
	struct delayed_work resize;
	u32 resize_pause;
	struct work_struct ahead;
	struct delayed_work trim;
	bool sparse;
	unsigned int trim_due;
	struct cmap_feed *feed;
	struct cmap_events *listeners;
	struct cmap_waiters *waiters;
	struct cmap_wheel *wheel;
	u64 written;
	struct semaphore supply;

	s32 first_then;
	struct cmap_stripe first;
	spinlock_t lock ____cacheline_aligned_in_smp;
	int cpu;
	u64 entries;
	u64 grows;
	u64 shrinks;
	u64 retries;
	u64 owned;
	u64 orphaned;
};

void cmap_shard_init(struct cmap_shard *shard, u32 index, u32 shards, u32 stripes,
		     struct cmap_memory *memory, struct cmap_quota *quota,
		     struct obj_cgroup *payer, int nid, bool wipe);
void cmap_shard_destroy(struct cmap_shard *shard);

void cmap_shard_split(struct cmap_shard *shard, gfp_t gfp);
struct cmap_stripe *cmap_shard_lock(struct cmap_shard *shard, u32 high)
	__acquires(stripe);
struct cmap_stripe *cmap_shard_lock_in_bh(struct cmap_shard *shard, u32 high)
	__acquires(stripe);
struct cmap_stripe *cmap_shard_lock_nth(struct cmap_shard *shard, u32 nth)
	__acquires(stripe);
void cmap_shard_wait_for_writers(struct cmap_shard *shard);

u64 cmap_shard_versions(const struct cmap_shard *shard);
u64 cmap_shard_reuses(const struct cmap_shard *shard);
u64 cmap_shard_sum(const struct cmap_shard *shard, u64 *changes, u32 *any);
u64 cmap_shard_entries(const struct cmap_shard *shard);
u64 cmap_shard_entries_then(struct cmap_shard *shard);
void cmap_shard_collect(struct cmap_shard *shard, u32 nth);
struct cmap_table *cmap_shard_find_ref(struct cmap_shard *shard,
				       const struct cmap_stripe *stripe, u32 high,
				       cmap_ref ref, struct cmap_slot *slot);
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

/* How many stripes a shard has. */
static inline u32 cmap_shard_stripes(const struct cmap_shard *shard)
{
	/* Pairs with the release in use_stripes(). */
	return 1U << smp_load_acquire(&shard->stripe_bits);
}

/* What each write of a stripe adds to its version; a power of two. */
static inline u64 cmap_shard_version_step(const struct cmap_shard *shard)
{
	return (u64)shard->shards << shard->stripe_bits;
}

/* Whether there has been a write in a stripe. */
static inline bool cmap_stripe_written(const struct cmap_shard *shard,
				       const struct cmap_stripe *stripe)
{
	return stripe->version >= cmap_shard_version_step(shard);
}

/*
 * The stripe of the high half of a hash.  Once it is locked, cmap_stripe_in_use() says
 * whether it is still that.
 */
static inline struct cmap_stripe *cmap_shard_stripe(struct cmap_shard *shard, u32 high)
{
	/* Pairs with the release in use_stripes(). */
	u8 bits = smp_load_acquire(&shard->stripe_bits);

	return likely(bits) ?
	       &shard->stripe[high << shard->shard_bits >> (32 - bits)] :
	       &shard->first;
}

static inline bool cmap_stripe_in_use(const struct cmap_shard *shard,
				      const struct cmap_stripe *stripe)
{
	lockdep_assert_held(&stripe->lock);

	return likely(stripe != &shard->first) || !READ_ONCE(shard->stripe_bits);
}

/* The index of a stripe that is in use. */
static inline u32 cmap_stripe_index(const struct cmap_shard *shard,
				    const struct cmap_stripe *stripe)
{
	return stripe == &shard->first ? 0 : stripe - shard->stripe;
}

/*
 * Note which CPU uses the segments.  Returns true if another one did so before: then
 * their cache lines are elsewhere, and it pays to do more at once.
 */
static inline bool cmap_shard_note_cpu(struct cmap_shard *shard)
{
	int cpu = raw_smp_processor_id(), last = shard->cpu;

	lockdep_assert_held(&shard->lock);

	shard->cpu = cpu;
	return last != cpu;
}

/* The table that a writer begins at; it may have been moved meanwhile. */
static inline struct cmap_table *
cmap_shard_table_stripe(const struct cmap_shard *shard)
{
	/* Softirqs are disabled: that is an RCU read section. */
	return rcu_dereference_bh(shard->table);
}

/* Where a stripe's number of entries at its epoch is. */
static inline s32 *cmap_stripe_then(struct cmap_shard *shard,
				    const struct cmap_stripe *stripe)
{
	return stripe == &shard->first ? &shard->first_then :
					 &shard->then[stripe - shard->stripe];
}

/* For a count that began before: it gets the number of entries as it is. */
static inline void cmap_stripe_note_epoch(struct cmap_shard *shard,
					  struct cmap_stripe *stripe)
{
	u32 epoch = READ_ONCE(shard->quota->epoch);

	lockdep_assert_held(&stripe->lock);

	if (unlikely(stripe->epoch != epoch)) {
		stripe->epoch = epoch;
		*cmap_stripe_then(shard, stripe) = stripe->entries;
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
