// SPDX-License-Identifier: GPL-2.0
#include "expire.h"
#include "commit.h"
#include "lock.h"
#include "maintain.h"
#include "queue.h"

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define EXPIRE_STEPS	32	/* before a pause: entries removed, or spread */
#define WORK_MS		10	/* before a work lets others run */

static void commit_expired(struct cmap_shard *shard, struct cmap_stripe *stripe,
			   const struct cmap_change *change, u64 late)
{
	u64 version;

	cmap_lock(&shard->lock);
	cmap_wheel_note_expired(shard->wheel, late);
	spin_unlock(&shard->lock);
	version = cmap_commit_locked(shard, stripe, CMAP_CHANGE_EXPIRE, change);
	/* Within the lock the node stays as it was, but for its link. */
	if (tracepoint_enabled(cmap_expire))
		cmap_expire_trace(shard, stripe, change->old, version, late);
}

static u64 entry_lateness(const struct cmap_shard *shard, const struct cmap_node *node)
{
	return cmap_clock_lateness(shard->arena.clock, cmap_node_deadline(node));
}

/**
 * cmap_expire_commit() - remove an entry that has expired
 * @shard: the shard
 * @stripe: the entry's stripe
 * @change: the deletion
 *
 * The caller counts it, between cmap_removal_begin() and cmap_removal_end().
 *
 * Context: The stripe's lock.
 */
void cmap_expire_commit(struct cmap_shard *shard, struct cmap_stripe *stripe,
			const struct cmap_change *change)
{
	lockdep_assert_held(&stripe->lock);

	commit_expired(shard, stripe, change, entry_lateness(shard, change->old));
}

static void remove_entry(struct cmap_shard *shard, struct cmap_stripe *stripe,
			 struct cmap_table *table,
			 const struct cmap_slot *slot, struct cmap_node *node,
			 u64 late)
{
	const struct cmap_change change = {
		.table = table,
		.slot = slot,
		.old = node,
		.old_ref = slot->bucket->ref[slot->i],
	};

	cmap_removal_begin(shard, stripe);
	commit_expired(shard, stripe, &change, late);
	cmap_removal_end(shard, stripe, 1);
}

/**
 * cmap_expire_locked() - remove one entry that has expired
 * @shard: the shard
 * @stripe: the entry's stripe
 * @table: the table of the slot
 * @slot: the entry's slot
 * @node: its node
 *
 * Context: The stripe's lock.
 */
void cmap_expire_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
			struct cmap_table *table,
			const struct cmap_slot *slot, struct cmap_node *node)
{
	lockdep_assert_held(&stripe->lock);

	remove_entry(shard, stripe, table, slot, node, entry_lateness(shard, node));
}

static struct cmap_node *find_entry(struct cmap_shard *shard,
				    const struct cmap_key *key,
				    struct cmap_table **table,
				    struct cmap_slot *slot)
{
	*table = cmap_shard_table_stripe(shard);
	return *table ? cmap_table_find(table, &shard->arena, key, slot) : NULL;
}

/**
 * cmap_expire_written() - remove an entry whose deadline was over when it was written
 * @shard: the shard
 * @stripe: the key's stripe
 * @key: its key
 *
 * It expires at once, so it is not late.  Nobody waits for the clock, which may not have
 * been published for long: the entry is gone before the lock is dropped.
 *
 * Context: The stripe's lock.
 */
void cmap_expire_written(struct cmap_shard *shard, struct cmap_stripe *stripe,
			 const struct cmap_key *key)
{
	struct cmap_table *table;
	struct cmap_slot slot;
	struct cmap_node *node;

	lockdep_assert_held(&stripe->lock);

	node = find_entry(shard, key, &table, &slot);
	if (node)
		remove_entry(shard, stripe, table, &slot, node, 0);
}

/*
 * Get an entry that has expired from the wheel.  @work: this is the shard's work, which
 * sets the alarm when there is none, in the same hold of the lock.  Returns its node, or 0
 * if there is none or *@steps is 0.  @high: set to the high half of its hash.
 */
static cmap_ref next_due(struct cmap_shard *shard, u64 word, bool work, u32 *steps,
			 u32 *high)
{
	struct cmap_wheel *wheel = shard->wheel;
	cmap_ref ref;

	cmap_lock_bh(&shard->lock);
	ref = cmap_wheel_due(wheel, word, steps);
	if (ref)
		*high = cmap_arena_node(&shard->arena, ref)->hash_high;
	else if (work && *steps)
		cmap_alarm_ended(wheel->clock, &wheel->alarm,
				 cmap_wheel_next(wheel, word));
	spin_unlock_bh(&shard->lock);

	return ref;
}

/*
 * Remove an entry that was found in the wheel.  Another one may have removed it since, and
 * its node may be another entry's: that is removed if it has expired, too.  Returns how
 * many were removed.
 */
static u32 expire_ref(struct cmap_shard *shard, cmap_ref ref, u32 high)
{
	struct cmap_stripe *stripe = cmap_shard_lock(shard, high);
	struct cmap_node *node = NULL;
	struct cmap_table *table;
	struct cmap_slot slot;

	table = cmap_shard_find_ref(shard, stripe, high, ref, &slot);
	if (table)
		node = cmap_arena_node(&shard->arena, ref);
	if (node && cmap_node_expired(&shard->arena, node)) {
		cmap_expire_locked(shard, stripe, table, &slot, node);
		cmap_pending_hand_over(shard, stripe);
	} else {
		node = NULL;
	}
	spin_unlock_bh(&stripe->lock);

	return !!node;
}

/*
 * Remove some entries that have expired.  @removed grows by how many.  True if there may
 * be more.
 */
static bool expire_step(struct cmap_shard *shard, u64 word, bool work,
			u64 *removed)
{
	u32 steps = EXPIRE_STEPS, high;
	cmap_ref ref;

	while ((ref = next_due(shard, word, work, &steps, &high)))
		*removed += expire_ref(shard, ref, high);
	return !steps;
}

static struct cmap_shard *shard_of(const struct cmap_alarm *alarm)
{
	const struct cmap_wheel *wheel = container_of(alarm, struct cmap_wheel, alarm);

	return container_of(wheel->arena, struct cmap_shard, arena);
}

static void wait_for_writers(struct cmap_alarm *alarm)
{
	cmap_shard_wait_for_writers(shard_of(alarm));
}

static void expire_work(struct work_struct *work)
{
	struct cmap_alarm *alarm = container_of(work, struct cmap_alarm, work);
	struct cmap_shard *shard = shard_of(alarm);
	ktime_t end = ktime_add_ms(ktime_get(), WORK_MS);
	unsigned int holds = 0;
	u64 removed = 0;
	bool more;

	do {
		more = expire_step(shard, cmap_clock_word(shard->arena.clock),
				   true, &removed);
		if (more)
			cmap_maintain_pause(&holds);
	} while (more && ktime_before(ktime_get(), end));
	if (more)
		queue_work(cmap_queue_expire, &alarm->work);
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
	cmap_alarm_add(wheel->clock, &wheel->alarm, &shard->lock,
		       wait_for_writers, expire_work);
	/* Pairs with the acquire in cmap_expire_some(). */
	smp_store_release(&shard->wheel, wheel);
}

/**
 * cmap_expire_some() - remove some entries that have expired
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
 * @patient: the caller may sleep, and all that was due by @word is removed; else
 *	some of it must do
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
