/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners of entries.  When an owner ends, its entries are absent for every reader at one
 * moment.
 *
 * That is one word: the owner's generation, which stands in a table that the window
 * shows.  The trailer of an owned entry has the owner's index in that table, and the
 * generation.  The entry is there as long as both numbers are equal.  When the owner ends
 * the word grows by one, for ever.  So what an end costs until nobody sees the entries does
 * not depend on how many there are.  orphan.h says how they are removed afterwards.
 *
 * A writer decides that an entry is there, and then changes it.  If the owner ended in
 * between, readers would find the entry gone, and then there again.  So an owner first
 * ends for writers (@ended), which decide under their stripe's lock.  Then each lock of a
 * stripe of the shards in which it ever had entries is taken once.  Then the word changes.  An entry
 * whose owner has ended for writers, and not yet for readers, is removed by the writer that
 * finds it.
 *
 * The nodes of an owner's entries in a shard are a list, linked by refs in their trailers.
 * Whatever replaces or removes such a node takes it from the list, under the shard's lock.
 * So an owner's lists have exactly the entries that are still its own, and entries are
 * found without a search when it ends.  Nothing is allocated for an entry.
 */
#ifndef CMAP_OWNER_H
#define CMAP_OWNER_H

#include "arena.h"
#include "block.h"

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <uapi/linux/cmap.h>

struct cmap_shard;

/* &struct cmap_op.flags: what asks for an owner */
#define CMAP_OP_OWNERS	(CMAP_OP_OWNED | CMAP_OP_OWNED_BY_PROCESS)

#define CMAP_OWNER_PAGES						\
	(CMAP_OWNERS_MAX * sizeof(u64) < PAGE_SIZE ? 1 :		\
	 CMAP_OWNERS_MAX * sizeof(u64) / PAGE_SIZE)

/**
 * struct cmap_owned - an owner's entries in a shard
 * @first: the first node of their list, or 0
 * @entries: how many there are
 * @used: the owner has, or had, entries here
 *
 * The shard's lock protects it, but @used can be read without.
 */
struct cmap_owned {
	cmap_ref first;
	u32 entries;
	bool used;
};

/**
 * struct cmap_owner - an owner of entries of a map
 * @owners: the map's owners
 * @refs: one of whoever ends it, then of @work, and one for each use
 * @index: its place in the table of generations
 * @word: there
 * @generation: the value that @word has until the owner ends
 * @ended: it has ended for writers
 * @end: how many owners of the map had ended when it had
 * @link: in the list of owners that have ended
 * @work: removes its entries after its end
 * @in: its entries in each shard
 */
struct cmap_owner {
	struct cmap_owners *owners;
	refcount_t refs;
	u32 index;
	u64 *word;
	u64 generation;
	bool ended;
	u64 end;
	struct list_head link;
	struct work_struct work;
	struct cmap_owned in[];
};

/**
 * struct cmap_owners - a map's owners
 * @memory: the map's memory
 * @shard: the map's shards
 * @shards: how many
 * @page: the pages of the table of generations; there only come more
 * @slots: the owners by index
 * @lock: protects the following; taken inside of no other lock
 * @ended: owners that have ended, and may have entries left; in this order
 * @ends: how many owners have ended so far
 * @count: how many there are that have not ended
 */
struct cmap_owners {
	struct cmap_memory *memory;
	struct cmap_shard *const *shard;
	u32 shards;
	struct cmap_block *page[CMAP_OWNER_PAGES];
	struct xarray slots;
	spinlock_t lock;
	struct list_head ended;
	u64 ends;
	u32 count;
};

void cmap_owners_init(struct cmap_owners *owners, struct cmap_memory *memory,
		      struct cmap_shard *const *shard, u32 shards);
void cmap_owners_stop(struct cmap_owners *owners);
void cmap_owners_free(struct cmap_owners *owners);

struct cmap_owner *cmap_owner_new(struct cmap_owners *owners, work_func_t work);
void cmap_owner_put(struct cmap_owner *owner);
bool cmap_owner_enter(struct cmap_owner *owner, u32 shard);
bool cmap_owner_close(struct cmap_owner *owner);
void cmap_owner_publish_end(struct cmap_owner *owner);
void cmap_owner_drained(struct cmap_owner *owner);
struct cmap_owner *cmap_owners_next_ended(struct cmap_owners *owners,
					  struct cmap_owner *after);
u64 cmap_owner_entries(const struct cmap_owner *owner);

void cmap_owned_replace(struct cmap_arena *arena, u32 shard,
			cmap_ref old, cmap_ref ref);
void cmap_owned_move(struct cmap_arena *arena, u32 shard, cmap_ref from,
		     cmap_ref to);

/*
 * How many entries an owner has in a shard.  If the owner has ended, and there are none, it
 * is not used there any more.
 */
static inline u32 cmap_owned_entries(const struct cmap_owned *owned)
{
	/* Pairs with the release in leave(). */
	return smp_load_acquire(&owned->entries);
}

/* Get a reference to an owner that one is held to. */
static inline void cmap_owner_get(struct cmap_owner *owner)
{
	refcount_inc(&owner->refs);
}

/**
 * cmap_owners_ends() - get how many owners have ended so far
 * @owners: the map's owners
 *
 * Context: Any.
 * Return: the number; 0 if no entry can have lost its owner.
 */
static inline u64 cmap_owners_ends(const struct cmap_owners *owners)
{
	return READ_ONCE(owners->ends);
}

/**
 * cmap_owners_generation() - get a word of the table of generations
 * @owners: the map's owners
 * @index: index of an owner, from the trailer of an entry
 *
 * Context: Any.
 * Return: the word.
 */
static inline u64 cmap_owners_generation(const struct cmap_owners *owners,
					 u32 index)
{
	const u32 words = PAGE_SIZE / sizeof(u64);
	const struct cmap_block *page;

	/* Pairs with the release in owners_page(). */
	page = smp_load_acquire(&owners->page[index / words]);
	return READ_ONCE(((const u64 *)page->base)[index % words]);
}

/* Whether an entry is owned.  If so, it is in its owner's list of the shard. */
static inline bool cmap_node_is_owned(const struct cmap_node *node)
{
	return unlikely(cmap_node_is_extended(node)) &&
	       cmap_node_trailer(node)->flags & CMAP_TRAILER_OWNER;
}

/* Whether an owned entry has lost its owner, for whoever holds its stripe's lock. */
static inline bool cmap_node_orphaned(const struct cmap_arena *arena,
				      const struct cmap_node *node)
{
	const struct cmap_owner *owner;

	if (likely(!cmap_node_is_owned(node)))
		return false;
	owner = xa_load(&arena->owners->slots, cmap_node_trailer(node)->owner);
	return READ_ONCE(owner->ended);
}

#endif /* CMAP_OWNER_H */
