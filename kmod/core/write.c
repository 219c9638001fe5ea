// SPDX-License-Identifier: GPL-2.0
#include "write.h"
#include "alloc.h"
#include "commit.h"
#include "expire.h"
#include "lock.h"
#include "maintain.h"
#include "migrate.h"
#include "orphan.h"

#include <linux/jiffies.h>
#include <linux/math.h>
#include <linux/overflow.h>
#include <linux/prefetch.h>

#define CLEAR_BUCKETS		16	/* per lock hold */
#define STASH_NODES		16	/* given back per lock hold */

/* ---- one write, under the lock ---- */

static int blocked_on(struct cmap_write *write, int what)
{
	write->blocked_on = what;
	return -EAGAIN;
}

/* Tell what a write found that is refused because of it. */
static int write_refused(struct cmap_write *write, const struct cmap_node *node,
			 int err)
{
	write->version = node->version;
	write->result = cmap_node_deadline(node);
	return err;
}

/* Whether the conditions of a write hold for the entry, NULL if absent. */
static __always_inline int check_conditions(struct cmap_write *write,
					    const struct cmap_node *node)
{
	if (!node) {
		write->old_version = 0;
		return write->flags & (CMAP_WRITE_PRESENT | CMAP_WRITE_VERSION |
				       CMAP_WRITE_DELETE) ? -ENOENT : 0;
	}

	write->old_version = node->version;
	write->old_len = cmap_node_value_len(node);
	if (write->flags & CMAP_WRITE_ABSENT)
		return write_refused(write, node, -EEXIST);
	if (write->flags & CMAP_WRITE_VERSION &&
	    write->expected != node->version)
		return write_refused(write, node, -ESTALE);
	if (write->flags & CMAP_WRITE_KEEP_OLD &&
	    write->old_room < cmap_node_value_len(node))
		return -EMSGSIZE;

	return 0;
}

static int add_to_number(struct cmap_write *write, const struct cmap_node *node,
			 s64 *sum)
{
	s64 value = write->start;
	bool overflow;

	if (node && cmap_node_value_len(node) != sizeof(value))
		return -EDOM;
	if (node)
		value = *(const s64 *)cmap_node_value(node);

	overflow = check_add_overflow(value, write->number, sum);
	if (unlikely(write->flags & CMAP_WRITE_CEILING) && write->number > 0 &&
	    (overflow || *sum > write->ceiling)) {
		write->number = value;
		write->result = node ? cmap_node_deadline(node) : 0;
		return -ERANGE;
	}
	return overflow ? -EOVERFLOW : 0;
}

/*
 * A touched entry keeps its value.  A long one comes in a reserved node: if there is
 * none, the entry was short when the caller looked.
 */
static int keep_value(struct cmap_write *write, const struct cmap_node *node)
{
	if (write->ref)
		return 0;
	write->value_len = cmap_node_value_len(node);
	if (write->value_len > CMAP_COPY_LOCKED_MAX)
		return write_refused(write, node, -ESTALE);
	write->value = cmap_node_value(node);
	return 0;
}

/* False if the owner has ended. */
static bool enter_owner(struct cmap_shard *shard, const struct cmap_write *write)
{
	bool entered;

	cmap_lock(&shard->lock);
	entered = cmap_owner_enter(write->owner, shard->index);
	spin_unlock(&shard->lock);

	return entered;
}

/* Decide which deadline and owner the entry gets, before anything is prepared for it. */
static int choose_trailer(struct cmap_shard *shard, struct cmap_write *write,
			   const struct cmap_node *node)
{
	write->result = node && write->flags & CMAP_WRITE_KEEP ?
			cmap_node_deadline(node) : write->deadline;
	if (!write->result && !(write->flags & CMAP_WRITE_OWNED)) {
		write->flags &= ~CMAP_WRITE_EXTENDED;
		return 0;
	}
	if (write->flags & CMAP_WRITE_OWNED && !enter_owner(shard, write))
		return -EBADF;
	write->flags |= CMAP_WRITE_EXTENDED;
	/* Once there is a wheel it stays.  It is used under the shard's lock. */
	return !write->result || READ_ONCE(shard->wheel) ?
	       0 : blocked_on(write, CMAP_BLOCKED_ON_WHEEL);
}

static void fill_trailer(struct cmap_node *node, const struct cmap_write *write)
{
	struct cmap_trailer *trailer;

	node->lengths |= CMAP_NODE_EXTENDED;
	trailer = cmap_node_trailer(node);
	trailer->flags = write->result ? CMAP_TRAILER_DEADLINE : 0;
	trailer->owner = 0;
	trailer->deadline = write->result;
	if (write->flags & CMAP_WRITE_OWNED) {
		trailer->flags |= CMAP_TRAILER_OWNER;
		trailer->owner = write->owner->index;
		trailer->generation = write->owner->generation;
		trailer->transaction = 0;
		trailer->old = 0;
		trailer->padding = 0;
	}
}

static void fill_key(struct cmap_node *node, const struct cmap_write *write)
{
	node->hash_high = cmap_hash_high(write->key.hash);
	node->lengths = cmap_node_lengths(write->key.len, write->value_len);
	cmap_copy(node->key, write->key.data, write->key.len);
}

/*
 * Report that a write lacks a node.  @old: the old node, or 0 if there is none.
 */
static int lacks_node(struct cmap_shard *shard, struct cmap_write *write,
		      cmap_ref old)
{
	u32 size = cmap_write_size(write);

	write->room = old ? cmap_arena_room(&shard->arena, old) : 0;
	if (!(write->flags & CMAP_WRITE_QUEUED) &&
	    cmap_arena_queued(&shard->arena, size))
		return blocked_on(write, CMAP_BLOCKED_ON_QUEUE);
	return blocked_on(write, CMAP_BLOCKED_ON_NODE);
}

static noinline int blocked_on_node(struct cmap_shard *shard,
				    struct cmap_write *write, cmap_ref old)
{
	int err;

	cmap_lock(&shard->lock);
	err = lacks_node(shard, write, old);
	spin_unlock(&shard->lock);

	return err;
}

/*
 * Get a node for a replacement if there is none of its size: one of the old
 * node's size, if that is larger.  Only a queued write may do so.
 */
static noinline cmap_ref take_larger(struct cmap_shard *shard,
				     const struct cmap_write *write, cmap_ref old)
{
	u32 size = cmap_write_size_new(write);
	u32 room = cmap_arena_room(&shard->arena, old);

	if (!(write->flags & CMAP_WRITE_QUEUED) ||
	    !cmap_arena_larger(room, size))
		return 0;
	return cmap_arena_take(&shard->arena, room, old, true);
}

/*
 * Take a node that the writer of a long value has reserved and filled.  It has room for a
 * deadline that the entry does not get, or is one of the old node's size.
 */
static noinline cmap_ref take_reserved(struct cmap_shard *shard,
				       const struct cmap_write *write, cmap_ref old)
{
	cmap_ref ref = write->ref;

	cmap_lock(&shard->lock);
	if (!old && !cmap_arena_may_insert(&shard->arena, ref))
		ref = 0;
	else
		cmap_arena_in_hand(&shard->arena, ref, false);
	if (ref && cmap_arena_larger(write->ref_room, cmap_write_size_new(write)))
		cmap_arena_more_larger(&shard->arena);
	spin_unlock(&shard->lock);

	return ref;
}

/* Take a node that the stripe has not in its stash. */
static noinline cmap_ref take_node(struct cmap_shard *shard,
				   struct cmap_stripe *stripe,
				   const struct cmap_write *write, u32 size,
				   cmap_ref old)
{
	cmap_ref ref;

	cmap_lock(&shard->lock);
	ref = cmap_arena_take(&shard->arena, size, old,
			      write->flags & CMAP_WRITE_QUEUED);
	if (unlikely(!ref) && old) {
		ref = take_larger(shard, write, old);
		if (ref)
			cmap_arena_more_larger(&shard->arena);
	}
	/* Nodes of a size that is no longer used here do not stay in the stash. */
	if (stripe->stash.class != cmap_class_of(size))
		cmap_stash_empty(&shard->arena, &stripe->stash, STASH_NODES, true);
	if (ref)
		cmap_stash_fill(&shard->arena, &stripe->stash, size,
				cmap_shard_note_cpu(shard));
	spin_unlock(&shard->lock);

	return ref;
}

/*
 * Get a node that is complete but for its version.  A value longer than
 * CMAP_COPY_LOCKED_MAX comes in a reserved node.  @old: the node to be
 * replaced, or 0.
 */
static __always_inline struct cmap_node *
prepare_node(struct cmap_shard *shard, struct cmap_stripe *stripe,
	     struct cmap_write *write, cmap_ref old, cmap_ref *ref)
{
	u32 size = cmap_write_size_new(write);
	struct cmap_node *node;

	if (unlikely(write->ref)) {
		*ref = take_reserved(shard, write, old);
		if (!*ref)
			return NULL;
		node = cmap_arena_node(&shard->arena, *ref);
		if (write->flags & CMAP_WRITE_EXTENDED)
			fill_trailer(node, write);
		return node;
	}

	*ref = cmap_stash_take(&shard->arena, &stripe->stash, size);
	if (likely(*ref))
		WRITE_ONCE(stripe->reuses, stripe->reuses + 1);
	else
		*ref = take_node(shard, stripe, write, size, old);
	if (unlikely(!*ref))
		return NULL;
	node = cmap_arena_node(&shard->arena, *ref);
	fill_key(node, write);
	cmap_copy(cmap_node_value(node), write->value, write->value_len);
	if (unlikely(write->flags & CMAP_WRITE_EXTENDED))
		fill_trailer(node, write);

	return node;
}

/* Give the old node to the caller, if it asked for that. */
static __always_inline void tell_old(struct cmap_write *write,
				     const struct cmap_change *change)
{
	if (!change->keep_old)
		return;
	write->old = change->old;
	write->old_ref = change->old_ref;
}

static __always_inline int delete_entry(struct cmap_shard *shard,
					struct cmap_stripe *stripe,
					struct cmap_write *write,
					struct cmap_table *table,
					const struct cmap_slot *slot,
					struct cmap_node *node)
{
	const struct cmap_change change = {
		.table = table,
		.slot = slot,
		.old = node,
		.old_ref = slot->bucket->ref[slot->i],
		.keep_old = write->flags & CMAP_WRITE_KEEP_OLD,
	};

	cmap_removal_begin(shard, stripe);
	write->version = cmap_commit_locked(shard, stripe, CMAP_CHANGE_DELETE,
					    &change);
	tell_old(write, &change);
	cmap_removal_end(shard, stripe, 1);

	return 0;
}

static int replace_entry(struct cmap_shard *shard, struct cmap_stripe *stripe,
			 struct cmap_write *write, const struct cmap_slot *slot,
			 struct cmap_node *old)
{
	struct cmap_change change = {
		.slot = slot,
		.old = old,
		.old_ref = slot->bucket->ref[slot->i],
		.keep_old = write->flags & CMAP_WRITE_KEEP_OLD,
	};

	change.node = prepare_node(shard, stripe, write, change.old_ref,
				   &change.ref);
	if (!change.node)
		return blocked_on_node(shard, write, change.old_ref);

	write->version = cmap_commit_locked(shard, stripe, CMAP_CHANGE_REPLACE,
					    &change);
	write->ref = 0;
	tell_old(write, &change);

	return 0;
}

/*
 * Announce an entry of a chain that is so long that two of its kind would be too long
 * together, before it is there.  While a table shrinks there is none: then the chain that
 * two chains will become counts.  Both are under the lock under which a table begins to
 * shrink, and that looks at what is announced.
 */
static noinline int announce_overlong(struct cmap_shard *shard,
				      struct cmap_table *table)
{
	const struct cmap_table *next;
	int err = 0;

	cmap_lock(&shard->lock);
	next = cmap_shard_next_locked(shard, table);
	if (next && next->bits < table->bits)
		err = -EXFULL;
	else
		atomic_inc(&table->overlong);
	spin_unlock(&shard->lock);

	return err;
}

/* Get a bucket of the pool for a chain without a free slot. */
static noinline int lengthen_chain(struct cmap_shard *shard,
				   struct cmap_table *table, u32 high,
				   struct cmap_slot *slot)
{
	int err;

	cmap_lock(&shard->lock);
	err = cmap_table_place(table, high, CMAP_CHAIN_MAX, slot);
	/* The next look for work is soon. */
	if (unlikely(cmap_migrate_due(shard)) && !shard->resize_after)
		WRITE_ONCE(shard->resize_after, get_jiffies_64());
	spin_unlock(&shard->lock);

	return err;
}

/* Do everything of an insertion that can fail.  On success the credit is drawn. */
static __always_inline int prepare_insert(struct cmap_shard *shard,
					  struct cmap_stripe *stripe,
					  struct cmap_write *write,
					  struct cmap_change *change,
					  struct cmap_slot *slot)
{
	u32 high = cmap_hash_high(write->key.hash);
	int err = 0;

	if (unlikely(!cmap_table_free_slot(change->table, high, slot)))
		err = lengthen_chain(shard, change->table, high, slot);
	if (err)
		return err == -EAGAIN ?
		       blocked_on(write, CMAP_BLOCKED_ON_POOL) : err;
	/* The key is absent and the map is full, both at this moment. */
	err = cmap_quota_draw(shard->quota, &stripe->credit);
	if (err)
		return err == -EAGAIN ?
		       blocked_on(write, CMAP_BLOCKED_ON_CREDIT) : err;

	change->node = prepare_node(shard, stripe, write, 0, &change->ref);
	if (!change->node) {
		cmap_quota_return(shard->quota, &stripe->credit, 1);
		return blocked_on_node(shard, write, 0);
	}

	return 0;
}

static int insert_entry(struct cmap_shard *shard, struct cmap_stripe *stripe,
			struct cmap_write *write, struct cmap_table *table)
{
	struct cmap_slot slot;
	struct cmap_change change = {
		.table = table,
		.slot = &slot,
		.tag = cmap_hash_tag(write->key.hash),
	};
	bool overlong = cmap_table_chain_entries(table,
						 cmap_hash_high(write->key.hash)) >=
			CMAP_CHAIN_HALF;
	int err = unlikely(overlong) ? announce_overlong(shard, table) : 0;

	if (err)
		return err;

	err = prepare_insert(shard, stripe, write, &change, &slot);
	if (!err) {
		cmap_entries_begin(shard, stripe);
		write->version = cmap_commit_locked(shard, stripe,
						    CMAP_CHANGE_INSERT, &change);
		write->ref = 0;
		cmap_entries_end(stripe, 1);
		cmap_quota_inserted(shard->quota, &stripe->credit);
	}
	/* The entry counts by itself now. */
	if (unlikely(overlong))
		atomic_dec(&table->overlong);

	return err;
}

/*
 * Whether the deadline that the entry has got is over already.  If the entry kept its own,
 * @deadline does not count.
 */
static bool written_over(const struct cmap_shard *shard,
			 const struct cmap_write *write)
{
	return write->result &&
	       (write->result <= cmap_clock_closing(shard->arena.clock) ||
		(write->flags & CMAP_WRITE_OVER &&
		 write->result == write->deadline));
}

static __always_inline int write_locked(struct cmap_shard *shard,
					struct cmap_stripe *stripe,
					struct cmap_write *write)
{
	struct cmap_node *node = NULL;
	struct cmap_table *table;
	struct cmap_slot slot;
	s64 sum;
	int err;

	lockdep_assert_held(&stripe->lock);

	write->old = NULL;
	write->old_len = 0;
	table = cmap_shard_table_stripe(shard);
	if (table)
		node = cmap_table_find(&table, &shard->arena, &write->key,
				       &slot);

	if (node && unlikely(cmap_node_is_extended(node)) &&
	    cmap_gone_locked(shard, stripe, table, &slot, node))
		node = NULL;

	err = check_conditions(write, node);
	if (!err && write->flags & CMAP_WRITE_ADD)
		err = add_to_number(write, node, &sum);
	if (err)
		return err;

	if (!table)
		return blocked_on(write, CMAP_BLOCKED_ON_TABLE);
	if (write->flags & CMAP_WRITE_DELETE)
		return delete_entry(shard, stripe, write, table, &slot, node);
	if (unlikely(write->flags & CMAP_WRITE_TIMED)) {
		if (write->flags & CMAP_WRITE_TOUCH)
			err = keep_value(write, node);
		err = err ?: choose_trailer(shard, write, node);
		if (err)
			return err;
	}
	if (write->flags & CMAP_WRITE_ADD)
		write->value = &sum;
	if (node)
		err = replace_entry(shard, stripe, write, &slot, node);
	else
		err = insert_entry(shard, stripe, write, table);
	if (write->flags & CMAP_WRITE_ADD) {
		write->value = NULL;
		if (!err)
			write->number = sum;
	}
	/* If the new deadline has passed, the entry does not stay either. */
	if (unlikely(write->flags & CMAP_WRITE_EXTENDED) && !err &&
	    unlikely(written_over(shard, write)))
		cmap_expire_written(shard, stripe, &write->key);

	return err;
}

/*
 * A write's share in the work of a shard.  There is none if the shard has been told
 * roughly how many entries there are, unless a table is being moved or could not be
 * allocated, or the write or the arena lacks something.  A write whose condition does not
 * hold lacks nothing.
 */
static __always_inline unsigned int write_pending(struct cmap_shard *shard,
						 struct cmap_stripe *stripe, int err)
{
	const struct cmap_table *table = cmap_shard_table_stripe(shard);
	bool moving = table && rcu_access_pointer(table->next);
	bool lacks = err == -EAGAIN || err == -EXFULL;

	if (likely(!lacks && abs(stripe->drift) <= READ_ONCE(shard->drift_max) &&
		   !moving && !READ_ONCE(shard->resize_after) &&
		   !READ_ONCE(shard->arena.needs_upkeep) &&
		   !READ_ONCE(shard->arena.needs_trim) &&
		   !READ_ONCE(shard->arena.below_low_watermark)))
		return 0;
	return cmap_pending_tell(shard, stripe) | (moving ? CMAP_PENDING_MOVE : 0);
}

/*
 * Prefetch the nodes that a write will read, and retire.  If another writer
 * changes them meanwhile, this is useless but does no harm.
 */
static noinline void prefetch_for_write(struct cmap_shard *shard,
					const struct cmap_key *key)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_shard_find(shard, key);
	if (node)
		prefetchw(node);
	rcu_read_unlock();
}

/* Contended: use the wait to prefetch the bucket and the node. */
static __always_inline struct cmap_stripe *
lock_for_write(struct cmap_shard *shard, const struct cmap_key *key)
	__acquires(stripe)
{
	u32 high = cmap_hash_high(key->hash);
	struct cmap_stripe *stripe = cmap_shard_stripe(shard, high);

	if (likely(spin_trylock_bh(&stripe->lock))) {
		if (cmap_stripe_in_use(shard, stripe))
			return stripe;
		spin_unlock_bh(&stripe->lock);
	}
	prefetch_for_write(shard, key);
	return cmap_shard_lock(shard, high);
}

static noinline void count_retry(struct cmap_shard *shard)
{
	cmap_lock(&shard->lock);
	WRITE_ONCE(shard->retries, shard->retries + 1);
	spin_unlock(&shard->lock);
}

/**
 * cmap_shard_try_write() - try to carry out one write
 * @shard: the shard that the key belongs to
 * @write: the write
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed; after -EAGAIN write->blocked_on
 * says what the write lacks.
 */
int cmap_shard_try_write(struct cmap_shard *shard, struct cmap_write *write,
			 gfp_t gfp)
{
	struct cmap_stripe *stripe = lock_for_write(shard, &write->key);
	unsigned int pending;
	int err;

	err = write_locked(shard, stripe, write);
	if (unlikely(err == -EAGAIN))
		count_retry(shard);
	pending = write_pending(shard, stripe, err);
	spin_unlock_bh(&stripe->lock);

	if (unlikely(pending))
		cmap_pending_start(shard, cmap_stripe_index(shard, stripe), pending, gfp);
	return err;
}

/*
 * Carry out writes in one hold of a stripe's lock: those up to one of another stripe, or one
 * that lacks something, or one that leaves work pending.  Returns how many were carried out.
 */
static u32 write_run(struct cmap_shard *shard, struct cmap_stripe *stripe,
		     struct cmap_write *write, int *err, u32 count,
		     unsigned int *pending)
{
	u32 i;

	for (i = 0; i < count && !*pending; i++) {
		/* The shard may have been split. */
		if (cmap_shard_stripe(shard, cmap_hash_high(write[i].key.hash)) != stripe)
			break;
		err[i] = write_locked(shard, stripe, &write[i]);
		/* Entries that are absent may be all that makes the map full, or a chain. */
		if (err[i] == -EAGAIN ||
		    ((err[i] == -ENOSPC || err[i] == -EXFULL) &&
		     (cmap_clock_used(shard->arena.clock) ||
		      cmap_owners_ends(shard->arena.owners))))
			break;
		*pending = write_pending(shard, stripe, err[i]);
	}
	return i;
}

/**
 * cmap_shard_write_many() - carry out several writes, where those of a stripe share its lock
 * @shard: the shard that the keys belong to
 * @write: the writes
 * @err: set to 0 or a negative errno for each that was carried out
 * @count: how many
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: how many were carried out.  This stops before a write that lacks
 * something, and after one that leaves work pending.
 */
u32 cmap_shard_write_many(struct cmap_shard *shard, struct cmap_write *write,
			  int *err, u32 count, gfp_t gfp)
{
	unsigned int pending = 0;
	u32 i = 0, nth = 0, run = 1;

	/* Once for all stripes. */
	local_bh_disable();
	while (i < count && run && !pending) {
		u32 high = cmap_hash_high(write[i].key.hash);
		struct cmap_stripe *stripe = cmap_shard_lock_in_bh(shard, high);

		nth = cmap_stripe_index(shard, stripe);
		run = write_run(shard, stripe, &write[i], &err[i], count - i,
				&pending);
		spin_unlock(&stripe->lock);
		i += run;
	}
	local_bh_enable();

	if (unlikely(pending))
		cmap_pending_start(shard, nth, pending, gfp);
	return i;
}

/* The node of the entry that a write will replace, or 0. */
static cmap_ref find_old(struct cmap_shard *shard, const struct cmap_write *write)
{
	struct cmap_table *table = cmap_shard_table_locked(shard);
	struct cmap_slot slot;

	/* It may be gone at once: then the write finds out. */
	if (!table ||
	    !cmap_table_find(&table, &shard->arena, &write->key, &slot))
		return 0;
	return READ_ONCE(slot.bucket->ref[slot.i]);
}

/*
 * Take a node for a long value.  It is not known yet whether the write will
 * insert: another writer may insert or delete the entry meanwhile.  An insert
 * checks again, see prepare_node().
 */
static cmap_ref reserve_locked(struct cmap_shard *shard,
			       struct cmap_write *write, u32 size)
{
	bool queued = write->flags & CMAP_WRITE_QUEUED;
	cmap_ref old = 0, ref;

	lockdep_assert_held(&shard->lock);

	ref = cmap_arena_take(&shard->arena, size, 0, queued);
	if (unlikely(!ref))
		old = find_old(shard, write);
	if (old)
		ref = cmap_arena_take(&shard->arena, size, old, queued) ?:
		      take_larger(shard, write, old);
	if (likely(ref))
		cmap_arena_in_hand(&shard->arena, ref, true);
	else
		lacks_node(shard, write, old);

	return ref;
}

/**
 * cmap_shard_try_reserve() - try to get a node to be filled outside the lock
 * @shard: the shard that the key belongs to
 * @write: the write; its key and value_len are put into the node
 *
 * The caller fills in the value, then either writes or unreserves.
 *
 * If the entry may get a deadline or an owner there is room for it, whatever will be found.
 *
 * Context: Process or softirq; no lock.
 * Return: the node; or NULL, and write->blocked_on says what the write lacks.
 */
struct cmap_node *cmap_shard_try_reserve(struct cmap_shard *shard,
					 struct cmap_write *write)
{
	struct cmap_node *node = NULL;
	u32 size;

	if (write->flags & CMAP_WRITE_TIMED)
		write->flags |= CMAP_WRITE_EXTENDED;
	size = cmap_write_size_new(write);

	cmap_lock_bh(&shard->lock);
	write->ref = reserve_locked(shard, write, size);
	if (write->ref) {
		write->ref_room = cmap_arena_room(&shard->arena, write->ref);
		node = cmap_arena_node(&shard->arena, write->ref);
	}
	spin_unlock_bh(&shard->lock);

	if (node)
		fill_key(node, write);
	return node;
}

/**
 * cmap_shard_unreserve() - return a reserved node that was not written
 * @shard: the shard
 * @write: the write; nothing is done if it took the node over
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_unreserve(struct cmap_shard *shard, struct cmap_write *write)
{
	unsigned int pending;

	if (!write->ref)
		return;

	cmap_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, write->ref, false);
	cmap_arena_free_unpublished(&shard->arena, write->ref);
	pending = cmap_pending(shard);
	spin_unlock_bh(&shard->lock);
	write->ref = 0;

	if (pending)
		cmap_pending_start(shard, 0, pending, GFP_ATOMIC);
}

/**
 * cmap_shard_retire() - return an old node that a write handed out
 * @shard: the shard
 * @ref: the node
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_retire(struct cmap_shard *shard, cmap_ref ref)
{
	unsigned int pending;

	cmap_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, ref, false);
	cmap_arena_less_larger(&shard->arena, ref);
	cmap_arena_retire(&shard->arena, ref);
	pending = cmap_pending(shard);
	spin_unlock_bh(&shard->lock);

	if (pending)
		cmap_pending_start(shard, 0, pending, GFP_ATOMIC);
}

/* ---- clear ---- */

/* How many entries were removed, and how many that were absent before. */
struct cleared {
	u64 removed;
	u64 gone;
};

/*
 * Delete a chain's entries from a high half on.  Those before it were deleted when
 * their bucket was: the table has shrunk since.  What is there now came later.
 */
static void clear_chain(struct cmap_shard *shard, struct cmap_stripe *stripe,
			struct cmap_table *table, struct cmap_bucket *bucket,
			u32 from, struct cleared *cleared)
{
	unsigned int i;

	for (; bucket; bucket = cmap_bucket_next(table, bucket->head)) {
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			const struct cmap_slot slot = { bucket, i };
			struct cmap_change change = {
				.table = table, .slot = &slot,
			};
			cmap_ref ref = bucket->ref[i];

			if (!ref)
				continue;
			change.old = cmap_arena_node(&shard->arena, ref);
			if (change.old->hash_high << shard->shard_bits < from)
				continue;
			change.old_ref = ref;
			if (unlikely(cmap_node_is_extended(change.old)) &&
			    cmap_gone_commit(shard, stripe, &change)) {
				cleared->gone++;
				continue;
			}
			cmap_commit_locked(shard, stripe, CMAP_CHANGE_CLEAR, &change);
			cleared->removed++;
		}
	}
}

/**
 * cmap_shard_clear() - delete the entries of some buckets
 * @shard: the shard
 * @high: where to begin, 0 at first; moved on, in the end beyond U32_MAX.
 *	It is the high half of the hash without the bits that choose the shard
 *
 * Context: Process; no lock.
 * Return: how many were deleted, without those that were absent.
 */
u64 cmap_shard_clear(struct cmap_shard *shard, u64 *high)
{
	struct cleared cleared = {};
	struct cmap_stripe *stripe;
	struct cmap_table *table;
	unsigned int pending, i;

	if (!rcu_access_pointer(shard->table))
		*high = 1ULL << 32;
	if (*high > U32_MAX)
		return 0;

	stripe = cmap_shard_lock(shard, *high >> shard->shard_bits);
	cmap_removal_begin(shard, stripe);
	for (i = 0; i < CLEAR_BUCKETS && *high <= U32_MAX; i++) {
		u32 at = *high >> shard->shard_bits;
		struct cmap_bucket *bucket;
		u32 head;

		if (cmap_shard_stripe(shard, at) != stripe)
			break;
		table = cmap_table_of(cmap_shard_table_stripe(shard),
				      &shard->arena, at, &bucket, &head);
		clear_chain(shard, stripe, table, bucket, *high, &cleared);
		*high = ((u64)cmap_table_index(table, at) + 1) << (32 - table->bits);
	}
	cmap_removal_end(shard, stripe, cleared.removed + cleared.gone);
	pending = write_pending(shard, stripe, 0);
	spin_unlock_bh(&stripe->lock);

	if (pending)
		cmap_pending_start(shard, cmap_stripe_index(shard, stripe), pending,
				   GFP_KERNEL);

	return cleared.removed;
}
