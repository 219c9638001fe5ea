/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Publishing a prepared change.  Nothing here can fail.
 *
 * All changes that publish an entry, or remove one, go through
 * cmap_commit_locked(): writes, clearing, and moving nodes out of sparse segments.
 * It is inlined with a kind that the compiler knows.
 */
#ifndef CMAP_COMMIT_H
#define CMAP_COMMIT_H

#include "alloc.h"
#include "event.h"
#include "lock.h"
#include "lookup.h"
#include "quota.h"
#include "shard.h"

#include <linux/lockdep.h>
#include <uapi/linux/cmap.h>

/**
 * enum cmap_change_kind - what is done to a slot
 * @CMAP_CHANGE_INSERT: the slot gets an entry
 * @CMAP_CHANGE_REPLACE: the entry gets another value
 * @CMAP_CHANGE_DELETE: the entry is deleted
 * @CMAP_CHANGE_CLEAR: the same, because the map is cleared
 * @CMAP_CHANGE_EXPIRE: the same, because it has expired
 * @CMAP_CHANGE_ORPHAN: the same, because its owner has ended
 * @CMAP_CHANGE_MOVE: the entry gets another node; readers see no difference
 */
enum cmap_change_kind {
	CMAP_CHANGE_INSERT,
	CMAP_CHANGE_REPLACE,
	CMAP_CHANGE_DELETE,
	CMAP_CHANGE_CLEAR,
	CMAP_CHANGE_EXPIRE,
	CMAP_CHANGE_ORPHAN,
	CMAP_CHANGE_MOVE,
};

/**
 * struct cmap_change - a change that is prepared
 * @table: the table of the slot; for an insertion and a deletion
 * @slot: the slot
 * @node: the new node, complete but for its version; NULL for a deletion
 * @ref: its ref
 * @tag: tag of its key's hash; for an insertion
 * @old: the slot's old node; for all kinds but an insertion
 * @old_ref: its ref; for all kinds but an insertion
 * @keep_old: the caller reads the old node, and retires it
 */
struct cmap_change {
	struct cmap_table *table;
	const struct cmap_slot *slot;
	struct cmap_node *node;
	cmap_ref ref;
	u16 tag;
	struct cmap_node *old;
	cmap_ref old_ref;
	bool keep_old;
};

/**
 * cmap_entries_begin() - announce that the number of entries changes
 * @shard: the shard
 * @stripe: the stripe
 *
 * This comes before any part of the change can be seen, so a count includes
 * every entry that could be found when it began.
 *
 * Context: The stripe's lock.
 */
static __always_inline void cmap_entries_begin(struct cmap_shard *shard,
					       struct cmap_stripe *stripe)
{
	lockdep_assert_held(&stripe->lock);

	cmap_stripe_note_epoch(shard, stripe);
	WRITE_ONCE(stripe->changes, stripe->changes + 1);
	/* Pairs with the barrier in entries_at_rest(). */
	smp_wmb();
}

/**
 * cmap_entries_end() - set the new number of entries
 * @stripe: the stripe
 * @more: how many there are more than before; negative: less
 *
 * Context: The stripe's lock.
 */
static __always_inline void cmap_entries_end(struct cmap_stripe *stripe, s32 more)
{
	lockdep_assert_held(&stripe->lock);

	WRITE_ONCE(stripe->entries, stripe->entries + more);
	stripe->drift += more;
	/* Pairs with the acquire in entries_at_rest(). */
	smp_store_release(&stripe->changes, stripe->changes + 1);
}

/**
 * cmap_removal_begin() - announce that entries are removed
 * @shard: the shard
 * @stripe: the stripe
 *
 * Context: The stripe's lock.
 */
static __always_inline void cmap_removal_begin(struct cmap_shard *shard,
					       struct cmap_stripe *stripe)
{
	lockdep_assert_held(&stripe->lock);

	cmap_entries_begin(shard, stripe);
	cmap_quota_deleting(shard->quota, &stripe->credit);
}

/**
 * cmap_removal_end() - count entries that were removed, and return their credit
 * @shard: the shard
 * @stripe: the stripe
 * @removed: how many
 *
 * Context: The stripe's lock.
 */
static __always_inline void cmap_removal_end(struct cmap_shard *shard,
					     struct cmap_stripe *stripe,
					     u32 removed)
{
	lockdep_assert_held(&stripe->lock);

	cmap_entries_end(stripe, -(s32)removed);
	cmap_quota_return(shard->quota, &stripe->credit, removed);
}

/* Complete a node by its version.  Nobody can find the node yet. */
static __always_inline u64 cmap_commit_version(const struct cmap_shard *shard,
					       struct cmap_stripe *stripe,
					       struct cmap_node *node)
{
	u64 version = stripe->version + cmap_shard_version_step(shard);

	WRITE_ONCE(stripe->version, version);
	if (node) {
		/* Pairs with the window reader's acquire of the version. */
		smp_store_release(&node->version, version);
	}
	return version;
}

/*
 * Report a change that can be seen now, and before the old node is retired.  Without
 * a feed and listeners this is one test.  @cause is a constant.
 */
static __always_inline void cmap_commit_report(struct cmap_shard *shard,
					       struct cmap_stripe *stripe, u8 cause,
					       const struct cmap_node *node,
					       u64 version)
{
	if (likely(!stripe->events))
		return;
	if (cause == CMAP_FEED_SET)
		cmap_event_set(shard, stripe, node, version);
	else
		cmap_event_gone(shard, stripe, cause, node, version);
}

static inline void cmap_commit_own(struct cmap_shard *shard,
				   const struct cmap_node *old, cmap_ref old_ref,
				   const struct cmap_node *node, cmap_ref ref)
{
	bool was = old && cmap_node_is_owned(old);
	bool is = node && cmap_node_is_owned(node);

	if (likely(!was && !is))
		return;
	cmap_owned_replace(&shard->arena, shard->index, was ? old_ref : 0,
			   is ? ref : 0);
	shard->owned += is - was;
}

/*
 * Nodes that have a deadline are in the shard's wheel, and those that have an owner in its
 * list.  Either node may be NULL, if the compiler knows that.
 */
static __always_inline void
cmap_commit_relink(struct cmap_shard *shard,
		   const struct cmap_node *old, cmap_ref old_ref,
		   const struct cmap_node *node, cmap_ref ref)
{
	u32 lengths = (old ? old->lengths : 0) | (node ? node->lengths : 0);

	if (likely(!(lengths & CMAP_NODE_EXTENDED)))
		return;
	cmap_lock(&shard->lock);
	cmap_wheel_replace(shard->wheel, old ? cmap_node_timed(old) : NULL, ref,
			   node ? cmap_node_timed(node) : NULL);
	cmap_commit_own(shard, old, old_ref, node, ref);
	spin_unlock(&shard->lock);
}

/* A copy of a node takes its place in all lists. */
static inline void cmap_commit_move(struct cmap_shard *shard,
				    const struct cmap_change *change)
{
	if (cmap_node_timed(change->old))
		cmap_wheel_move(shard->wheel, change->old_ref, change->ref);
	if (cmap_node_is_owned(change->old))
		cmap_owned_move(&shard->arena, shard->index, change->old_ref,
				change->ref);
}

/* What the feed says of a deletion. */
static __always_inline u8 cmap_commit_cause(enum cmap_change_kind kind)
{
	switch (kind) {
	case CMAP_CHANGE_CLEAR:
		return CMAP_FEED_CLEAR;
	case CMAP_CHANGE_EXPIRE:
		return CMAP_FEED_EXPIRE;
	case CMAP_CHANGE_ORPHAN:
		return CMAP_FEED_OWNER;
	default:
		return CMAP_FEED_DELETE;
	}
}

/* Leave the old node to the caller, or keep it in the stash, or retire it. */
static __always_inline void
cmap_commit_retire_old(struct cmap_shard *shard, struct cmap_stripe *stripe,
		       const struct cmap_change *change)
{
	if (likely(!change->keep_old &&
		   cmap_stash_give(&shard->arena, &stripe->stash,
				   change->old_ref, change->old)))
		return;

	cmap_lock(&shard->lock);
	if (change->keep_old) {
		cmap_arena_in_hand(&shard->arena, change->old_ref, true);
	} else {
		cmap_arena_less_larger(&shard->arena, change->old_ref);
		cmap_arena_retire(&shard->arena, change->old_ref);
		cmap_stash_spill(&shard->arena, &stripe->stash,
				 cmap_shard_note_cpu(shard));
	}
	spin_unlock(&shard->lock);
}

/**
 * cmap_commit_locked() - carry out a prepared change
 * @shard: the shard
 * @stripe: the stripe of the slot
 * @kind: kind of the change; a constant
 * @change: the change
 *
 * An insertion and a deletion must be between cmap_entries_begin() and
 * cmap_entries_end().
 *
 * Context: The stripe's lock; for a move also the shard's, else not.
 * Return: the change's version; 0 for a move, which has none.
 */
static __always_inline u64
cmap_commit_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
		   enum cmap_change_kind kind,
		   const struct cmap_change *change)
{
	u64 version = 0;

	lockdep_assert_held(&stripe->lock);

	switch (kind) {
	case CMAP_CHANGE_INSERT:
		cmap_commit_relink(shard, NULL, 0, change->node, change->ref);
		version = cmap_commit_version(shard, stripe, change->node);
		cmap_table_fill(change->table, change->slot, change->node,
				change->tag, change->ref);
		cmap_commit_report(shard, stripe, CMAP_FEED_SET, change->node,
				   version);
		break;
	case CMAP_CHANGE_REPLACE:
		cmap_commit_relink(shard, change->old, change->old_ref,
				   change->node, change->ref);
		version = cmap_commit_version(shard, stripe, change->node);
		cmap_slot_replace(change->slot, change->ref);
		cmap_commit_report(shard, stripe, CMAP_FEED_SET, change->node,
				   version);
		cmap_commit_retire_old(shard, stripe, change);
		break;
	case CMAP_CHANGE_DELETE:
	case CMAP_CHANGE_CLEAR:
	case CMAP_CHANGE_EXPIRE:
	case CMAP_CHANGE_ORPHAN:
		cmap_table_delete(change->table, change->slot, change->old);
		version = cmap_commit_version(shard, stripe, NULL);
		cmap_commit_report(shard, stripe, cmap_commit_cause(kind),
				   change->old, version);
		cmap_commit_relink(shard, change->old, change->old_ref, NULL,
				   0);
		cmap_commit_retire_old(shard, stripe, change);
		break;
	case CMAP_CHANGE_MOVE:
		lockdep_assert_held(&shard->lock);
		if (unlikely(cmap_node_is_extended(change->old)))
			cmap_commit_move(shard, change);
		cmap_slot_replace(change->slot, change->ref);
		cmap_arena_retire(&shard->arena, change->old_ref);
		break;
	}

	return version;
}

#endif /* CMAP_COMMIT_H */
