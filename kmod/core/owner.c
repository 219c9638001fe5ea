// SPDX-License-Identifier: GPL-2.0
#include "owner.h"
#include "queue.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define PAGE_WORDS	(PAGE_SIZE / sizeof(u64))

static_assert(CMAP_OWNER_PAGES * PAGE_WORDS >= CMAP_OWNERS_MAX);

/* ---- the table of generations ---- */

/* Make the page of an index, if there is none. */
static int owners_page(struct cmap_owners *owners, u32 index)
{
	struct cmap_block **page = &owners->page[index / PAGE_WORDS];
	struct cmap_block *block;
	int err;

	/* Pairs with the release below. */
	if (smp_load_acquire(page))
		return 0;
	block = cmap_block_alloc_shown(owners->memory, NUMA_NO_NODE, GFP_KERNEL,
				       &err);
	if (!block)
		return err;
	spin_lock_bh(&owners->lock);
	if (!*page) {
		/* Pairs with the acquires of @page. */
		smp_store_release(page, block);
		block = NULL;
	}
	spin_unlock_bh(&owners->lock);
	cmap_block_free(block);

	return 0;
}

/**
 * cmap_owners_init() - set up a map's owners: none
 * @owners: the owners, zeroed
 * @memory: the map's memory
 * @shard: the map's shards
 * @shards: how many
 *
 * Context: Any.
 */
void cmap_owners_init(struct cmap_owners *owners, struct cmap_memory *memory,
		      struct cmap_shard *const *shard, u32 shards)
{
	owners->memory = memory;
	owners->shard = shard;
	owners->shards = shards;
	xa_init_flags(&owners->slots, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH);
	spin_lock_init(&owners->lock);
	INIT_LIST_HEAD(&owners->ended);
}

/*
 * Get an owner with a reference: the first from an index on.  Not one that a work is about
 * to free.
 */
static struct cmap_owner *first_owner(struct cmap_owners *owners,
				      unsigned long *index)
{
	struct cmap_owner *owner;

	xa_lock_bh(&owners->slots);
	xa_for_each_start(&owners->slots, *index, owner, *index)
		if (refcount_inc_not_zero(&owner->refs))
			break;
	xa_unlock_bh(&owners->slots);
	++*index;

	return owner;
}

/**
 * cmap_owners_stop() - stop the works of a map that nobody uses any more
 * @owners: the map's owners
 *
 * Other works of the map still move nodes, and find the owners of these.
 *
 * Context: Process; not a work of the queue of works that remove entries.
 */
void cmap_owners_stop(struct cmap_owners *owners)
{
	struct cmap_owner *owner;
	unsigned long index = 0;

	while ((owner = first_owner(owners, &index))) {
		/* It may free its owner meanwhile, but for this reference. */
		cancel_work_sync(&owner->work);
		cmap_owner_put(owner);
	}
	/* Works that have freed their owner before may be about to return. */
	if (owners->ends)
		flush_workqueue(cmap_queue_expire);
}

/**
 * cmap_owners_free() - free a map's owners, and the table of generations
 * @owners: the map's owners, which were stopped, as have all works of the map
 *
 * Owners that have not ended, of users who forgot that, are freed as well.
 *
 * Context: Process.
 */
void cmap_owners_free(struct cmap_owners *owners)
{
	struct cmap_owner *owner;
	unsigned long index;
	u32 i;

	xa_for_each(&owners->slots, index, owner)
		kfree(owner);
	xa_destroy(&owners->slots);
	for (i = 0; i < CMAP_OWNER_PAGES; i++)
		cmap_block_free(owners->page[i]);
}

/* ---- owners ---- */

/*
 * Wait until an owner that has ended has no entries.  False if there is none, or after a
 * fatal signal.  Its place is free soon, unless somebody still uses it.
 */
static bool wait_for_place(struct cmap_owners *owners)
{
	struct cmap_owner *owner = cmap_owners_next_ended(owners, NULL);

	if (!owner)
		return false;
	flush_work(&owner->work);
	/* If it had few entries no work removes them.  Whoever does may need this CPU. */
	if (!list_empty_careful(&owner->link))
		schedule_timeout_killable(1);
	cmap_owner_put(owner);
	return !fatal_signal_pending(current);
}

static int take_place(struct cmap_owners *owners, struct cmap_owner *owner)
{
	int err;

	do
		err = xa_alloc_bh(&owners->slots, &owner->index, owner,
				  XA_LIMIT(0, CMAP_OWNERS_MAX - 1),
				  CMAP_GFP_KERNEL);
	while (err == -EBUSY && wait_for_place(owners));
	if (err)
		return err == -EBUSY ? -ENFILE : err;

	err = owners_page(owners, owner->index);
	if (err)
		xa_erase_bh(&owners->slots, owner->index);
	return err;
}

/**
 * cmap_owner_new() - make an owner without entries
 * @owners: the map's owners
 * @work: removes the owner's entries after its end, and then calls
 *	cmap_owner_drained()
 *
 * Context: Process.
 * Return: the owner, which ends by cmap_owner_end(); or an ERR_PTR: -EDQUOT, -ENFILE,
 * -ENOMEM, -ENOSPC.
 */
struct cmap_owner *cmap_owner_new(struct cmap_owners *owners, work_func_t work)
{
	struct cmap_owner *owner;
	int err;

	owner = kzalloc(struct_size(owner, in, owners->shards), CMAP_GFP_KERNEL);
	if (!owner)
		return ERR_PTR(-ENOMEM);
	owner->owners = owners;
	refcount_set(&owner->refs, 1);
	INIT_LIST_HEAD(&owner->link);
	INIT_WORK(&owner->work, work);
	err = take_place(owners, owner);
	if (err) {
		kfree(owner);
		return ERR_PTR(err);
	}
	owner->word = (u64 *)owners->page[owner->index / PAGE_WORDS]->base +
		      owner->index % PAGE_WORDS;
	owner->generation = *owner->word;
	spin_lock_bh(&owners->lock);
	WRITE_ONCE(owners->count, owners->count + 1);
	spin_unlock_bh(&owners->lock);

	return owner;
}

/**
 * cmap_owner_put() - drop a reference to an owner
 * @owner: the owner
 *
 * Nothing can be found in its place any more when the last one is dropped: it has ended,
 * and has no entries.
 *
 * Context: Process or softirq.
 */
void cmap_owner_put(struct cmap_owner *owner)
{
	if (!refcount_dec_and_test(&owner->refs))
		return;
	xa_erase_bh(&owner->owners->slots, owner->index);
	kfree(owner);
}

/**
 * cmap_owner_enter() - note that an entry of a shard gets an owner
 * @owner: the owner
 * @shard: index of the shard
 *
 * Context: The entry's stripe's lock, and in it the shard's.  What is written under the
 * former is the owner's then.
 * Return: false if the owner has ended.
 */
bool cmap_owner_enter(struct cmap_owner *owner, u32 shard)
{
	if (!owner->in[shard].used) {
		WRITE_ONCE(owner->in[shard].used, true);
		/*
		 * G3 (a): pairs with the barrier in cmap_owner_close().  Either this
		 * sees the end, or the end sees that it must wait for this shard's
		 * writers.  So does who finds @used set, under the shard's lock.
		 */
		smp_mb();
	}
	return !READ_ONCE(owner->ended);
}

/**
 * cmap_owner_close() - end an owner for writers that have not decided yet
 * @owner: the owner
 *
 * The caller waits for the writers of each shard in which the owner has entries, then
 * publishes the end.
 *
 * Context: Process or softirq; one caller.
 * Return: false if it has ended before.
 */
bool cmap_owner_close(struct cmap_owner *owner)
{
	if (owner->ended)
		return false;
	WRITE_ONCE(owner->ended, true);
	/* G3 (a): pairs with the barrier in cmap_owner_enter(). */
	smp_mb();
	return true;
}

/**
 * cmap_owner_publish_end() - end an owner for all readers
 * @owner: the owner, which has ended for writers
 *
 * Context: Process or softirq.
 */
void cmap_owner_publish_end(struct cmap_owner *owner)
{
	struct cmap_owners *owners = owner->owners;

	spin_lock_bh(&owners->lock);
	list_add_tail(&owner->link, &owners->ended);
	owner->end = owners->ends + 1;
	WRITE_ONCE(owners->ends, owner->end);
	WRITE_ONCE(owners->count, owners->count - 1);
	/*
	 * G3 (b): what writers have done that decided before can be seen.  So can the list:
	 * whoever has found an entry absent, and then counts entries, does not count it.
	 * Nobody removes the entries before, as the list is searched under the lock.
	 */
	smp_store_release(owner->word, owner->generation + 1);
	spin_unlock_bh(&owners->lock);
}

/**
 * cmap_owner_drained() - note that an owner that has ended has no entries any more
 * @owner: the owner; the reference of whoever ended it is dropped
 *
 * Context: Process or softirq.
 */
void cmap_owner_drained(struct cmap_owner *owner)
{
	spin_lock_bh(&owner->owners->lock);
	list_del_init(&owner->link);
	spin_unlock_bh(&owner->owners->lock);
	cmap_owner_put(owner);
}

/**
 * cmap_owners_next_ended() - get the owners that have ended and may have entries
 * @owners: the map's owners
 * @after: the one before, of which the caller's reference is dropped; NULL for the first
 *
 * If @after has been drained meanwhile this begins anew.
 *
 * Context: Process or softirq.
 * Return: the owner, with a reference; or NULL.
 */
struct cmap_owner *cmap_owners_next_ended(struct cmap_owners *owners,
					  struct cmap_owner *after)
{
	struct cmap_owner *owner = NULL;
	struct list_head *at;

	spin_lock_bh(&owners->lock);
	at = after && !list_empty(&after->link) ? &after->link : &owners->ended;
	if (at->next != &owners->ended) {
		owner = list_entry(at->next, struct cmap_owner, link);
		cmap_owner_get(owner);
	}
	spin_unlock_bh(&owners->lock);
	if (after)
		cmap_owner_put(after);

	return owner;
}

/**
 * cmap_owner_entries() - get how many entries an owner has
 * @owner: the owner
 *
 * Context: Any.
 * Return: the sum over all shards, each at a moment of its own.
 */
u64 cmap_owner_entries(const struct cmap_owner *owner)
{
	u64 entries = 0;
	u32 i;

	for (i = 0; i < owner->owners->shards; i++)
		entries += cmap_owned_entries(&owner->in[i]);
	return entries;
}

/* ---- the lists of entries ---- */

static struct cmap_trailer *owned_trailer(const struct cmap_arena *arena,
				       cmap_ref ref)
{
	return cmap_node_trailer(cmap_arena_node(arena, ref));
}

static struct cmap_owned *owned_of(const struct cmap_arena *arena, u32 shard,
				   const struct cmap_trailer *trailer)
{
	struct cmap_owner *owner = xa_load(&arena->owners->slots,
					   trailer->owner);

	return &owner->in[shard];
}

static void leave(struct cmap_arena *arena, u32 shard, cmap_ref ref)
{
	const struct cmap_trailer *trailer = owned_trailer(arena, ref);
	struct cmap_owned *owned = owned_of(arena, shard, trailer);
	cmap_ref next = trailer->owned_next, prev = trailer->owned_prev;

	if (next)
		owned_trailer(arena, next)->owned_prev = prev;
	if (prev)
		owned_trailer(arena, prev)->owned_next = next;
	else
		owned->first = next;
	/* The last access.  Pairs with the acquire in cmap_owned_entries(). */
	smp_store_release(&owned->entries, owned->entries - 1);
}

static void enter(struct cmap_arena *arena, u32 shard, cmap_ref ref)
{
	struct cmap_trailer *trailer = owned_trailer(arena, ref);
	struct cmap_owned *owned = owned_of(arena, shard, trailer);

	trailer->owned_next = owned->first;
	trailer->owned_prev = 0;
	if (owned->first)
		owned_trailer(arena, owned->first)->owned_prev = ref;
	owned->first = ref;
	WRITE_ONCE(owned->entries, owned->entries + 1);
}

/**
 * cmap_owned_replace() - have an entry leave its owner, or enter that of its new node
 * @arena: the shard's arena
 * @shard: index of the shard
 * @old: the entry's old node, which is not retired yet; 0 if it had no owner
 * @ref: the entry's new node, of an owner that cmap_owner_enter() has let in; 0 if it has
 *	no owner
 *
 * Context: The shard's lock.
 */
void cmap_owned_replace(struct cmap_arena *arena, u32 shard,
			cmap_ref old, cmap_ref ref)
{
	lockdep_assert_held(arena->lock);

	if (old)
		leave(arena, shard, old);
	if (ref)
		enter(arena, shard, ref);
}

/**
 * cmap_owned_move() - put a copy of an owned node in the place of the node
 * @arena: the shard's arena
 * @shard: index of the shard
 * @from: the node
 * @to: the copy
 *
 * Entries may have come since the copy was made, so its links are not used.
 *
 * Context: The shard's lock.
 */
void cmap_owned_move(struct cmap_arena *arena, u32 shard, cmap_ref from,
		     cmap_ref to)
{
	const struct cmap_trailer *old = owned_trailer(arena, from);
	struct cmap_trailer *trailer = owned_trailer(arena, to);

	lockdep_assert_held(arena->lock);

	trailer->owned_next = old->owned_next;
	trailer->owned_prev = old->owned_prev;
	if (trailer->owned_next)
		owned_trailer(arena, trailer->owned_next)->owned_prev = to;
	if (trailer->owned_prev)
		owned_trailer(arena, trailer->owned_prev)->owned_next = to;
	else
		owned_of(arena, shard, trailer)->first = to;
}
