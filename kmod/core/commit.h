/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The moment of a change: what makes a prepared one seen.  Nothing here can fail.
 *
 * All that publishes an entry, or takes one away, goes through
 * cmap_commit_locked(): writes, clearing, and moving nodes out of sparse segments.
 * It is inlined with a kind that the compiler knows.
 */
#ifndef CMAP_COMMIT_H
#define CMAP_COMMIT_H

#include "alloc.h"
#include "lookup.h"
#include "quota.h"
#include "shard.h"

#include <linux/lockdep.h>

/**
 * enum cmap_change_kind - what is done to a slot
 * @CMAP_CHANGE_INSERT: it gets an entry
 * @CMAP_CHANGE_REPLACE: its entry gets another value
 * @CMAP_CHANGE_REMOVE: its entry goes
 * @CMAP_CHANGE_MOVE: its entry gets other memory; nobody can tell
 */
enum cmap_change_kind {
	CMAP_CHANGE_INSERT,
	CMAP_CHANGE_REPLACE,
	CMAP_CHANGE_REMOVE,
	CMAP_CHANGE_MOVE,
};

/**
 * struct cmap_change - a change that is prepared
 * @table: the table that the slot is in; of an insertion and a removal
 * @slot: the slot
 * @node: the new node, complete but for its version; NULL for a removal
 * @ref: its ref
 * @tag: of its key; of an insertion
 * @old: the node that was there; of a removal, and of a replacement with @keep_old
 * @old_ref: its ref; of all but an insertion
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
 * cmap_entries_begin() - before the number of entries changes
 * @shard: the shard
 *
 * Before anything can be seen of that: whatever could be found when a count began
 * so is in it.
 *
 * Context: The shard's lock.
 */
static __always_inline void cmap_entries_begin(struct cmap_shard *shard)
{
	lockdep_assert_held(&shard->lock);

	cmap_shard_note_epoch(shard);
	WRITE_ONCE(shard->changes, shard->changes + 1);
	/* Pairs with the barrier in entries_at_rest(). */
	smp_wmb();
}

/**
 * cmap_entries_end() - the number of entries has changed
 * @shard: the shard
 * @entries: what it is now
 *
 * Context: The shard's lock.
 */
static __always_inline void cmap_entries_end(struct cmap_shard *shard,
					     u64 entries)
{
	lockdep_assert_held(&shard->lock);

	WRITE_ONCE(shard->entries, entries);
	/* Pairs with the acquire in entries_at_rest(). */
	smp_store_release(&shard->changes, shard->changes + 1);
}

/* Complete a node with its version; nobody can find it yet. */
static __always_inline u64 cmap_commit_version(struct cmap_shard *shard,
					       struct cmap_node *node)
{
	u64 version = shard->version += shard->shards;

	if (node) {
		/* Pairs with the window reader's acquire of the version. */
		smp_store_release(&node->version, version);
	}
	return version;
}

/* The old node is the caller's, or on its way to be reused. */
static __always_inline void
cmap_commit_retire_old(struct cmap_shard *shard,
		       const struct cmap_change *change)
{
	if (change->keep_old)
		cmap_arena_in_hand(&shard->arena, change->old_ref, true);
	else
		cmap_arena_retire(&shard->arena, change->old_ref);
}

/**
 * cmap_commit_locked() - carry out a prepared change
 * @shard: the shard
 * @kind: of the change; a constant
 * @change: the change
 *
 * One that changes the number of entries is between cmap_entries_begin() and
 * cmap_entries_end().
 *
 * Context: The shard's lock.
 * Return: the change's version; 0 of a move, which has none.
 */
static __always_inline u64
cmap_commit_locked(struct cmap_shard *shard, enum cmap_change_kind kind,
		   const struct cmap_change *change)
{
	u64 version = 0;

	lockdep_assert_held(&shard->lock);

	switch (kind) {
	case CMAP_CHANGE_INSERT:
		version = cmap_commit_version(shard, change->node);
		cmap_table_fill(change->table, change->slot, change->node,
				change->tag, change->ref);
		break;
	case CMAP_CHANGE_REPLACE:
		version = cmap_commit_version(shard, change->node);
		cmap_slot_replace(change->slot, change->ref);
		cmap_commit_retire_old(shard, change);
		break;
	case CMAP_CHANGE_REMOVE:
		cmap_table_remove(change->table, change->slot, change->old);
		version = cmap_commit_version(shard, NULL);
		cmap_commit_retire_old(shard, change);
		break;
	case CMAP_CHANGE_MOVE:
		cmap_slot_replace(change->slot, change->ref);
		cmap_commit_retire_old(shard, change);
		break;
	}

	return version;
}

#endif /* CMAP_COMMIT_H */
