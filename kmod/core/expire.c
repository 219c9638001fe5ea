// SPDX-License-Identifier: GPL-2.0
#include "expire.h"
#include "commit.h"
#include "lock.h"
#include "maintain.h"
#include "queue.h"

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define EXPIRE_STEPS	32	/* per lock hold: entries removed, or spread */
#define WORK_MS		10	/* before a work lets others run */

static void commit_expired(struct cmap_shard *shard,
			   const struct cmap_change *change, u64 late)
{
	u64 version;

	cmap_wheel_note_expired(shard->wheel, late);
	version = cmap_commit_locked(shard, CMAP_CHANGE_EXPIRE, change);
	/* Within the lock the node stays as it was, but for its link. */
	if (tracepoint_enabled(cmap_expire))
		cmap_expire_trace(shard, change->old, version, late);
}

static u64 entry_lateness(const struct cmap_shard *shard, const struct cmap_node *node)
{
	return cmap_clock_lateness(shard->arena.clock, cmap_node_deadline(node));
}

/**
 * cmap_expire_commit() - remove an entry that has expired
 * @shard: the shard
 * @change: the deletion
 *
 * The caller counts it, between cmap_entries_begin() and cmap_entries_end().
 *
 * Context: The shard's lock.
 */
void cmap_expire_commit(struct cmap_shard *shard,
			const struct cmap_change *change)
{
	lockdep_assert_held(&shard->lock);

	commit_expired(shard, change, entry_lateness(shard, change->old));
}

static void remove_entry(struct cmap_shard *shard, struct cmap_table *table,
			 const struct cmap_slot *slot, struct cmap_node *node,
			 u64 late)
{
	const struct cmap_change change = {
		.table = table,
		.slot = slot,
		.old = node,
		.old_ref = slot->bucket->ref[slot->i],
	};

	cmap_entries_begin(shard);
	cmap_quota_deleting(shard->quota, &shard->credit);
	commit_expired(shard, &change, late);
	cmap_entries_end(shard, shard->entries - 1);
	cmap_quota_return(shard->quota, &shard->credit, 1);
}

/**
 * cmap_expire_locked() - remove one entry that has expired
 * @shard: the shard
 * @table: the table of the slot
 * @slot: the entry's slot
 * @node: its node
 *
 * Context: The shard's lock.
 */
void cmap_expire_locked(struct cmap_shard *shard, struct cmap_table *table,
			const struct cmap_slot *slot, struct cmap_node *node)
{
	lockdep_assert_held(&shard->lock);

	remove_entry(shard, table, slot, node, entry_lateness(shard, node));
}

static struct cmap_node *find_entry(struct cmap_shard *shard,
				    const struct cmap_key *key,
				    struct cmap_table **table,
				    struct cmap_slot *slot)
{
	*table = cmap_shard_table_locked(shard);
	return *table ? cmap_table_find(table, &shard->arena, key, slot) : NULL;
}

/**
 * cmap_expire_written() - remove an entry whose deadline was over when it was written
 * @shard: the shard
 * @key: its key
 *
 * It expires at once, so it is not late.  Nobody waits for the clock, which may not have
 * been published for long: the entry is gone before the lock is dropped.
 *
 * Context: The shard's lock.
 */
void cmap_expire_written(struct cmap_shard *shard, const struct cmap_key *key)
{
	struct cmap_table *table;
	struct cmap_slot slot;
	struct cmap_node *node;

	lockdep_assert_held(&shard->lock);

	node = find_entry(shard, key, &table, &slot);
	if (node)
		remove_entry(shard, table, &slot, node, 0);
}

static void remove_ref(struct cmap_shard *shard, cmap_ref ref)
{
	struct cmap_node *node = cmap_arena_node(&shard->arena, ref);
	struct cmap_table *table = cmap_shard_table_for(shard, node->hash_high);
	struct cmap_slot slot;

	if (WARN_ON_ONCE(!cmap_table_find_ref(table, node->hash_high, ref,
					      &slot))) {
		cmap_wheel_replace(shard->wheel, cmap_node_timed(node), 0, NULL);
		return;
	}
	cmap_expire_locked(shard, table, &slot, node);
}

/* Remove some entries that have expired.  True if there may be more. */
static bool expire_some(struct cmap_shard *shard, u64 word)
{
	u32 steps = EXPIRE_STEPS;
	cmap_ref ref;

	while ((ref = cmap_wheel_due(shard->wheel, word, &steps)))
		remove_ref(shard, ref);
	return !steps;
}

/*
 * One hold of the lock.  @work: this is the shard's work, which sets the alarm.
 * @removed grows by what was removed.
 */
static bool expire_step(struct cmap_shard *shard, u64 word, bool work,
			u64 *removed)
{
	struct cmap_wheel *wheel = shard->wheel;
	unsigned int pending;
	u64 entries;
	bool more;

	cmap_lock_bh(&shard->lock);
	entries = shard->entries;
	more = expire_some(shard, word);
	*removed += entries - shard->entries;
	if (work && !more)
		cmap_alarm_ended(wheel->clock, &wheel->alarm,
				 cmap_wheel_next(wheel, word));
	pending = cmap_pending(shard);
	spin_unlock_bh(&shard->lock);
	/* Whoever removes these entries need not be their writer, and does not pay. */
	if (pending)
		cmap_pending_queue(shard, pending);

	return more;
}

static void expire_work(struct work_struct *work)
{
	struct cmap_wheel *wheel = container_of(work, struct cmap_wheel,
						alarm.work);
	struct cmap_shard *shard = container_of(wheel->arena, struct cmap_shard,
						arena);
	ktime_t end = ktime_add_ms(ktime_get(), WORK_MS);
	unsigned int holds = 0;
	u64 removed = 0;
	bool more;

	do {
		more = expire_step(shard, cmap_clock_word(wheel->clock), true,
				   &removed);
		if (more)
			cmap_maintain_pause(&holds);
	} while (more && ktime_before(ktime_get(), end));
	if (more)
		queue_work(cmap_queue_expire, &wheel->alarm.work);
}

/**
 * cmap_expire_begin() - give a shard its wheel
 * @shard: the shard, which has none
 * @wheel: the wheel
 *
 * Context: The shard's lock.
 */
void cmap_expire_begin(struct cmap_shard *shard, struct cmap_wheel *wheel)
{
	lockdep_assert_held(&shard->lock);

	/* Not later: entries that are not over for writers belong behind it. */
	wheel->base = (cmap_clock_closing(wheel->clock) + 1) >> CMAP_SLOT_SHIFT;
	cmap_alarm_add(wheel->clock, &wheel->alarm, &shard->lock, expire_work);
	/* Pairs with the acquire in cmap_expire_some(). */
	smp_store_release(&shard->wheel, wheel);
}

/**
 * cmap_expire_some() - remove some entries that have expired, in one hold of the lock
 * @shard: the shard
 * @word: what the clock has published
 * @removed: grows by how many were removed
 *
 * Context: Process or softirq; no lock.
 * Return: true if there may be more.
 */
bool cmap_expire_some(struct cmap_shard *shard, u64 word, u64 *removed)
{
	/* Pairs with the release in cmap_expire_begin(). */
	const struct cmap_wheel *wheel = smp_load_acquire(&shard->wheel);

	return wheel && READ_ONCE(wheel->alarm.next) <= word &&
	       expire_step(shard, word, false, removed);
}

/**
 * cmap_expire_shard() - remove what has expired, for a caller that cannot wait for it
 * @shard: the shard
 * @word: what the clock has published
 * @patient: the caller may sleep, and all that was due by @word is removed; else one
 *	hold of the lock must do
 *
 * Context: Process or softirq; no lock.
 * Return: false if something may be left, also after a fatal signal.
 */
bool cmap_expire_shard(struct cmap_shard *shard, u64 word, bool patient)
{
	unsigned int holds = 0;
	u64 removed = 0;

	while (cmap_expire_some(shard, word, &removed)) {
		if (!patient || fatal_signal_pending(current))
			return false;
		cmap_maintain_pause(&holds);
	}
	return true;
}
