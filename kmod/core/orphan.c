// SPDX-License-Identifier: GPL-2.0
#include "orphan.h"
#include "commit.h"
#include "expire.h"
#include "lock.h"
#include "maintain.h"
#include "queue.h"

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define ORPHAN_STEPS	32	/* entries removed before a pause */
#define FEW_ORPHANS	32	/* removed by whoever ends the owner */
#define WORK_MS		10	/* before a work lets others run */

/* ---- removing one entry, under its stripe's lock ---- */

static void commit_orphan(struct cmap_shard *shard, struct cmap_stripe *stripe,
			  const struct cmap_change *change)
{
	u64 version;

	cmap_lock(&shard->lock);
	shard->orphaned++;
	spin_unlock(&shard->lock);
	version = cmap_commit_locked(shard, stripe, CMAP_CHANGE_ORPHAN, change);
	/* Within the lock the node stays as it was, but for its link. */
	if (tracepoint_enabled(cmap_orphan))
		cmap_orphan_trace(shard, stripe, change->old, version);
}

static void remove_orphan(struct cmap_shard *shard, struct cmap_stripe *stripe,
			  struct cmap_table *table,
			  const struct cmap_slot *slot, struct cmap_node *node)
{
	const struct cmap_change change = {
		.table = table,
		.slot = slot,
		.old = node,
		.old_ref = slot->bucket->ref[slot->i],
	};

	cmap_removal_begin(shard, stripe);
	commit_orphan(shard, stripe, &change);
	cmap_removal_end(shard, stripe, 1);
}

/**
 * cmap_gone_locked() - remove an entry if it is absent for writers
 * @shard: the shard
 * @stripe: the entry's stripe
 * @table: the table of the slot
 * @slot: the entry's slot
 * @node: its node
 *
 * Context: The stripe's lock.
 * Return: true if the entry had expired, or its owner had ended.
 */
bool cmap_gone_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
		      struct cmap_table *table,
		      const struct cmap_slot *slot, struct cmap_node *node)
{
	lockdep_assert_held(&stripe->lock);

	if (cmap_node_expired(&shard->arena, node))
		cmap_expire_locked(shard, stripe, table, slot, node);
	else if (cmap_node_orphaned(&shard->arena, node))
		remove_orphan(shard, stripe, table, slot, node);
	else
		return false;
	return true;
}

/**
 * cmap_gone_commit() - remove an entry if it is absent for writers
 * @shard: the shard
 * @stripe: the entry's stripe
 * @change: the deletion
 *
 * The caller counts it, between cmap_removal_begin() and cmap_removal_end().
 *
 * Context: The stripe's lock.
 * Return: as cmap_gone_locked().
 */
bool cmap_gone_commit(struct cmap_shard *shard, struct cmap_stripe *stripe,
		      const struct cmap_change *change)
{
	lockdep_assert_held(&stripe->lock);

	if (cmap_node_expired(&shard->arena, change->old))
		cmap_expire_commit(shard, stripe, change);
	else if (cmap_node_orphaned(&shard->arena, change->old))
		commit_orphan(shard, stripe, change);
	else
		return false;
	return true;
}

/**
 * cmap_gone_key() - remove a key's entry if it is absent for writers
 * @shard: the shard
 * @stripe: the key's stripe
 * @key: the key
 *
 * Context: The stripe's lock.
 */
void cmap_gone_key(struct cmap_shard *shard, struct cmap_stripe *stripe,
		   const struct cmap_key *key)
{
	struct cmap_table *table = cmap_shard_table_stripe(shard);
	struct cmap_slot slot;
	struct cmap_node *node;

	lockdep_assert_held(&stripe->lock);

	node = table ? cmap_table_find(&table, &shard->arena, key, &slot) : NULL;
	if (node && unlikely(cmap_node_is_extended(node)) &&
	    cmap_gone_locked(shard, stripe, table, &slot, node))
		cmap_pending_hand_over(shard, stripe);
}

/* ---- all entries of owners that have ended ---- */

/* An entry of an owner: its node, and the high half of its hash.  0 if there is none. */
static cmap_ref first_of(struct cmap_shard *shard, const struct cmap_owned *owned, u32 *high)
{
	cmap_ref ref;

	cmap_lock_bh(&shard->lock);
	ref = owned->first;
	if (ref)
		*high = cmap_arena_node(&shard->arena, ref)->hash_high;
	spin_unlock_bh(&shard->lock);

	return ref;
}

/*
 * Remove an entry that was found in an owner's list.  Another one may have removed it
 * since, and its node may be another entry's: that is removed if it is absent, too.  It
 * counts as expired if it is that as well.  Returns how many were removed.
 */
static u32 orphan_ref(struct cmap_shard *shard, cmap_ref ref, u32 high)
{
	struct cmap_stripe *stripe = cmap_shard_lock(shard, high);
	struct cmap_table *table;
	struct cmap_slot slot;
	bool removed = false;

	table = cmap_shard_find_ref(shard, stripe, high, ref, &slot);
	if (table)
		removed = cmap_gone_locked(shard, stripe, table, &slot,
					   cmap_arena_node(&shard->arena, ref));
	if (removed)
		cmap_pending_hand_over(shard, stripe);
	spin_unlock_bh(&stripe->lock);

	return removed;
}

/*
 * Remove some entries of an owner that has ended.  @removed grows by how many.  True if there
 * may be more.
 */
static bool orphan_step(struct cmap_shard *shard, struct cmap_owner *owner,
			u64 *removed)
{
	struct cmap_owned *owned = &owner->in[shard->index];
	unsigned int i;
	cmap_ref ref;
	u32 high;

	for (i = 0; i < ORPHAN_STEPS; i++) {
		ref = first_of(shard, owned, &high);
		if (!ref)
			return false;
		*removed += orphan_ref(shard, ref, high);
	}
	return true;
}

static void orphan_rest(struct cmap_owner *owner, u32 i)
{
	struct cmap_shard *shard = owner->owners->shard[i];
	u64 removed = 0;

	while (orphan_step(shard, owner, &removed))
		;
}

/**
 * cmap_orphan_work() - remove the entries of an owner that has ended
 * @work: the owner's
 *
 * Context: Process.
 */
void cmap_orphan_work(struct work_struct *work)
{
	struct cmap_owner *owner = container_of(work, struct cmap_owner, work);
	ktime_t end = ktime_add_ms(ktime_get(), WORK_MS);
	struct cmap_owners *owners = owner->owners;
	unsigned int holds = 0;
	u64 removed = 0;
	u32 i;

	for (i = 0; i < owners->shards; i++) {
		/* Nothing enters any more. */
		while (cmap_owned_entries(&owner->in[i])) {
			if (!ktime_before(ktime_get(), end)) {
				queue_work(cmap_queue_expire, &owner->work);
				return;
			}
			if (orphan_step(owners->shard[i], owner, &removed))
				cmap_maintain_pause(&holds);
		}
	}
	cmap_owner_drained(owner);
}

/**
 * cmap_owner_end() - end an owner
 * @owner: the owner; nothing is done if it has ended before.  The caller's reference,
 *	which cmap_owner_new() returned, is dropped
 *
 * When this returns its entries are absent for every reader.  If there are more than a few,
 * a work removes them.
 *
 * Context: Process or softirq; no lock; one caller.
 */
void cmap_owner_end(struct cmap_owner *owner)
{
	struct cmap_owners *owners = owner->owners;
	u64 entries;
	u32 i;

	if (!cmap_owner_close(owner))
		return;
	for (i = 0; i < owners->shards; i++) {
		if (READ_ONCE(owner->in[i].used))
			cmap_shard_wait_for_writers(owners->shard[i]);
	}
	cmap_owner_publish_end(owner);

	entries = cmap_owner_entries(owner);
	if (entries > FEW_ORPHANS) {
		queue_work(cmap_queue_expire, &owner->work);
		return;
	}
	for (i = 0; entries && i < owners->shards; i++)
		if (cmap_owned_entries(&owner->in[i]))
			orphan_rest(owner, i);
	cmap_owner_drained(owner);
}

/**
 * cmap_orphans_some() - remove some entries of a shard whose owners have ended
 * @shard: the shard
 * @ends: how many owners had ended when the caller began; those that ended later are left
 *	alone, or the caller might never end
 * @removed: grows by how many were removed
 *
 * Context: Process or softirq; no lock.
 * Return: true if there may be more.
 */
bool cmap_orphans_some(struct cmap_shard *shard, u64 ends, u64 *removed)
{
	struct cmap_owners *owners = shard->arena.owners;
	struct cmap_owner *owner = NULL;

	if (list_empty_careful(&owners->ended))
		return false;
	while ((owner = cmap_owners_next_ended(owners, owner))) {
		bool is_later = owner->end > ends;

		if (!is_later && !cmap_owned_entries(&owner->in[shard->index]))
			continue;
		if (!is_later)
			orphan_step(shard, owner, removed);
		cmap_owner_put(owner);
		return !is_later;
	}
	return false;
}

/**
 * cmap_orphans_all() - remove what owners that have ended have left
 * @owners: the map's owners
 * @patient: the caller may sleep, and all are removed that had lost their owner when
 *	this began; else some in each shard
 *
 * Context: Process or softirq; no lock.
 * Return: false if some may be left, also after a fatal signal.
 */
bool cmap_orphans_all(struct cmap_owners *owners, bool patient)
{
	u64 ends = cmap_owners_ends(owners), removed = 0;
	unsigned int holds = 0;
	u32 i;

	for (i = 0; i < owners->shards; i++) {
		while (cmap_orphans_some(owners->shard[i], ends, &removed)) {
			if (!patient || fatal_signal_pending(current))
				return false;
			cmap_maintain_pause(&holds);
		}
	}
	return true;
}
