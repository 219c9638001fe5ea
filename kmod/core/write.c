// SPDX-License-Identifier: GPL-2.0
#include "write.h"
#include "quota.h"
#include "resize.h"

#include <linux/overflow.h>
#include <linux/prefetch.h>

#define CLEAR_BUCKETS		16	/* per lock hold */

/* ---- one write, under the lock ---- */

static int need(struct cmap_write *write, int what)
{
	write->need = what;
	return -EAGAIN;
}

/* Whether the conditions of a write hold for the entry, NULL if absent. */
static __always_inline int check(struct cmap_write *write,
				 const struct cmap_node *node)
{
	if (!node) {
		write->old_version = 0;
		return write->flags & (CMAP_WRITE_PRESENT | CMAP_WRITE_VERSION |
				       CMAP_WRITE_REMOVE) ? -ENOENT : 0;
	}

	write->old_version = node->version;
	write->old_len = cmap_node_value_len(node);
	if (write->flags & CMAP_WRITE_ABSENT) {
		write->version = node->version;
		return -EEXIST;
	}
	if (write->flags & CMAP_WRITE_VERSION &&
	    write->expected != node->version) {
		write->version = node->version;
		return -ESTALE;
	}
	if (write->flags & CMAP_WRITE_KEEP_OLD &&
	    write->old_room < cmap_node_value_len(node))
		return -EMSGSIZE;

	return 0;
}

static int add(struct cmap_write *write, const struct cmap_node *node, s64 *sum)
{
	s64 value = write->start;

	if (node && cmap_node_value_len(node) != sizeof(value))
		return -EDOM;
	if (node)
		value = *(const s64 *)cmap_node_value(node);

	return check_add_overflow(value, write->number, sum) ? -EOVERFLOW : 0;
}

static void fill_key(struct cmap_node *node, const struct cmap_write *write)
{
	node->order = cmap_hash_order(write->key.hash);
	node->lengths = cmap_node_lengths(write->key.len, write->value_len);
	cmap_copy(node->key, write->key.data, write->key.len);
}

/* A write found no node; @room: of the old one, or 0 if there is none. */
static noinline int need_node(struct cmap_shard *shard,
			      struct cmap_write *write, u32 room)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);

	write->room = room;
	if (!(write->flags & CMAP_WRITE_QUEUED) &&
	    cmap_arena_queued(&shard->arena, size))
		return need(write, CMAP_NEED_TURN);
	return need(write, CMAP_NEED_NODE);
}

/*
 * A node for a replacement whose size has none: one of the size of the old node,
 * if that is larger, once others cannot be had.
 */
static noinline cmap_ref take_larger(struct cmap_shard *shard,
				     const struct cmap_write *write, u32 room)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);

	if (!(write->flags & CMAP_WRITE_QUEUED) ||
	    !cmap_arena_larger(room, size))
		return 0;
	return cmap_arena_take(&shard->arena, room, CMAP_TAKE_QUEUED);
}

static unsigned int take_flags(const struct cmap_write *write)
{
	return write->flags & CMAP_WRITE_QUEUED ? CMAP_TAKE_QUEUED : 0;
}

/*
 * Get a node that is complete but for its version.  A value longer than
 * CMAP_COPY_LOCKED_MAX came in a reserved node.  @old: the node that it is to
 * replace, or 0.
 */
static __always_inline struct cmap_node *
make_node(struct cmap_shard *shard, struct cmap_write *write, cmap_ref old,
	  cmap_ref *ref)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);
	struct cmap_node *node;

	if (unlikely(write->ref)) {
		*ref = write->ref;
		if (!old && !cmap_arena_may_insert(&shard->arena, *ref))
			return NULL;
		cmap_arena_in_hand(&shard->arena, *ref, false);
		return cmap_arena_node(&shard->arena, *ref);
	}

	*ref = cmap_arena_take(&shard->arena, size, take_flags(write) |
			       (old ? 0 : CMAP_TAKE_INSERT));
	if (unlikely(!*ref) && old)
		*ref = take_larger(shard, write,
				   cmap_arena_room(&shard->arena, old));
	if (unlikely(!*ref))
		return NULL;
	node = cmap_arena_node(&shard->arena, *ref);
	fill_key(node, write);
	cmap_copy(cmap_node_value(node), write->value, write->value_len);

	return node;
}

static u64 next_version(struct cmap_shard *shard)
{
	return shard->version += shard->shards;
}

/* For a count that began before: it gets the number of entries as it is. */
static void note_epoch(struct cmap_shard *shard)
{
	u32 epoch = READ_ONCE(shard->quota->epoch);

	if (unlikely(shard->epoch != epoch)) {
		shard->epoch = epoch;
		shard->entries_then = shard->entries;
	}
}

/*
 * Before anything can be seen of a write that changes the number of entries:
 * whatever could be found when a count began so is in it.
 */
static void entries_begin(struct cmap_shard *shard)
{
	note_epoch(shard);
	WRITE_ONCE(shard->changes, shard->changes + 1);
	/* Pairs with the barrier in entries_at_rest(). */
	smp_wmb();
}

static void entries_end(struct cmap_shard *shard, u64 entries)
{
	WRITE_ONCE(shard->entries, entries);
	/* Pairs with the acquire in entries_at_rest(). */
	smp_store_release(&shard->changes, shard->changes + 1);
}

/* The old node is the caller's, or on its way to be reused. */
static void let_go(struct cmap_shard *shard, struct cmap_write *write,
		   struct cmap_node *node, cmap_ref ref)
{
	if (write->flags & CMAP_WRITE_KEEP_OLD) {
		write->old = node;
		write->old_ref = ref;
		cmap_arena_in_hand(&shard->arena, ref, true);
	} else {
		cmap_arena_retire(&shard->arena, ref);
	}
}

static __always_inline int remove(struct cmap_shard *shard,
				  struct cmap_write *write,
				  struct cmap_table *table,
				  const struct cmap_slot *slot,
				  struct cmap_node *node)
{
	cmap_ref ref = slot->bucket->ref[slot->i];

	entries_begin(shard);
	cmap_quota_deleting(shard->quota, &shard->credit);
	cmap_table_remove(table, slot, node);
	write->version = next_version(shard);
	let_go(shard, write, node, ref);
	entries_end(shard, shard->entries - 1);
	cmap_quota_return(shard->quota, &shard->credit, 1);

	return 0;
}

/* Complete a node with its version; nobody can find it yet. */
static void seal(struct cmap_shard *shard, struct cmap_write *write,
		 struct cmap_node *node)
{
	write->version = next_version(shard);
	/* Pairs with the window reader's acquire of the version. */
	smp_store_release(&node->version, write->version);
	write->ref = 0;
}

static int replace(struct cmap_shard *shard, struct cmap_write *write,
		   const struct cmap_slot *slot, struct cmap_node *old)
{
	cmap_ref ref, old_ref = slot->bucket->ref[slot->i];
	struct cmap_node *node = make_node(shard, write, old_ref, &ref);

	if (!node)
		return need_node(shard, write,
				 cmap_arena_room(&shard->arena, old_ref));

	seal(shard, write, node);
	cmap_slot_replace(slot, ref);
	let_go(shard, write, old, old_ref);

	return 0;
}

/* While a table shrinks, what will become of two chains counts. */
static bool too_many(const struct cmap_shard *shard,
		     const struct cmap_table *table, u32 order)
{
	const struct cmap_table *next =
		rcu_dereference_protected(table->next,
					  lockdep_is_held(&shard->lock));

	return next && next->bits < table->bits &&
	       cmap_table_crowd(table, order) >= CMAP_CHAIN_HALF;
}

static int insert(struct cmap_shard *shard, struct cmap_write *write,
		  struct cmap_table *table)
{
	u32 order = cmap_hash_order(write->key.hash);
	struct cmap_slot slot;
	struct cmap_node *node;
	cmap_ref ref;
	int err;

	if (unlikely(too_many(shard, table, order)))
		return -EXFULL;
	err = cmap_table_place(table, order, CMAP_CHAIN_MAX, &slot);
	if (err)
		return err == -EAGAIN ? need(write, CMAP_NEED_POOL) : err;
	/* The key is not there, and the map is full: both at this moment. */
	err = cmap_quota_draw(shard->quota, &shard->credit);
	if (err)
		return err == -EAGAIN ? need(write, CMAP_NEED_CREDIT) : err;

	node = make_node(shard, write, 0, &ref);
	if (!node) {
		cmap_quota_return(shard->quota, &shard->credit, 1);
		return need_node(shard, write, 0);
	}

	entries_begin(shard);
	seal(shard, write, node);
	cmap_table_fill(table, &slot, node, cmap_hash_tag(write->key.hash), ref);
	entries_end(shard, shard->entries + 1);
	cmap_quota_inserted(shard->quota, &shard->credit);

	return 0;
}

/* The table that a key's bucket is in now, for changing it. */
static struct cmap_table *table_for(struct cmap_shard *shard, u32 order)
{
	struct cmap_bucket *bucket;
	u32 head;

	return cmap_table_of(cmap_shard_table_locked(shard), &shard->arena,
			     order, &bucket, &head);
}

static __always_inline int write_locked(struct cmap_shard *shard,
					struct cmap_write *write)
{
	struct cmap_node *node = NULL;
	struct cmap_table *table;
	struct cmap_slot slot;
	s64 sum;
	int err;

	lockdep_assert_held(&shard->lock);

	write->old = NULL;
	write->old_len = 0;
	table = cmap_shard_table_locked(shard);
	if (table)
		node = cmap_table_find(&table, &shard->arena, &write->key,
				       &slot);

	err = check(write, node);
	if (!err && write->flags & CMAP_WRITE_ADD)
		err = add(write, node, &sum);
	if (err)
		return err;

	if (!table)
		return need(write, CMAP_NEED_TABLE);
	if (write->flags & CMAP_WRITE_REMOVE)
		return remove(shard, write, table, &slot, node);
	if (write->flags & CMAP_WRITE_ADD)
		write->value = &sum;
	if (node)
		err = replace(shard, write, &slot, node);
	else
		err = insert(shard, write, table);
	if (write->flags & CMAP_WRITE_ADD) {
		write->value = NULL;
		if (!err)
			write->number = sum;
	}

	return err;
}

/*
 * A write's share in what a shard needs done.  Nothing is new to one that left
 * the number of entries as it was, unless a table moves, or could not be had,
 * or the arena says so.
 */
static __always_inline unsigned int help(struct cmap_shard *shard, u64 entries,
					 int err)
{
	const struct cmap_table *table = cmap_shard_table_locked(shard);

	if (likely(!err && entries == shard->entries &&
		   !rcu_access_pointer(table->next) && !shard->resize_after &&
		   !shard->arena.untidy && !shard->arena.short_soon))
		return 0;
	return cmap_resize_help(shard) | cmap_chores(shard);
}

/*
 * Fetch what a write will look at, and the node that it will retire.  What
 * another writer changes meanwhile makes this useless at worst.
 */
static noinline void fetch(struct cmap_shard *shard, const struct cmap_key *key)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_shard_find(shard, key);
	if (node)
		prefetchw(node);
	rcu_read_unlock();
}

/* Who has to wait for the lock has time for that. */
static void lock_for_write(struct cmap_shard *shard, const struct cmap_key *key)
	__acquires(&shard->lock)
{
	if (likely(spin_trylock_bh(&shard->lock)))
		return;
	fetch(shard, key);
	spin_lock_bh(&shard->lock);
}

/* ---- getting what a write needs, outside the lock ---- */

static int get_table(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(shard->arena.memory, shard->arena.node,
			       CMAP_TABLE_BITS_MIN, shard->shard_bits, gfp,
			       &err);
	if (!table)
		return err;

	spin_lock_bh(&shard->lock);
	if (!cmap_shard_table_locked(shard) &&
	    cmap_shard_settle(shard, table)) {
		rcu_assign_pointer(shard->table, table);
		cmap_shard_show_table(shard, table);
		table = NULL;
	}
	spin_unlock_bh(&shard->lock);
	cmap_table_free(table);

	return 0;
}

/*
 * The table may be replaced while we allocate; then the new one's pool gets
 * the buckets if they fit it, and otherwise the write comes back for more.
 */
static int get_pool(struct cmap_shard *shard, u32 order, gfp_t gfp)
{
	struct cmap_table *table;
	struct cmap_block *block;
	u8 pool_bits;
	bool full;
	int err;

	spin_lock_bh(&shard->lock);
	table = table_for(shard, order);
	pool_bits = table->pool_bits;
	full = table->pool_chunks == table->pool_chunks_max;
	spin_unlock_bh(&shard->lock);

	if (full)
		return gfpflags_allow_blocking(gfp) ?
		       cmap_resize_now(shard, gfp) : -EAGAIN;
	block = cmap_pool_prepare(shard->arena.memory, shard->arena.node,
				  pool_bits, gfp, &err);
	if (!block)
		return err;

	spin_lock_bh(&shard->lock);
	table = table_for(shard, order);
	cmap_pool_attach(table, pool_bits, &block);
	cmap_shard_show_pool(shard, table);
	spin_unlock_bh(&shard->lock);
	cmap_block_free(block);

	return 0;
}

static int get_node(struct cmap_shard *shard, const struct cmap_write *write,
		    gfp_t gfp)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);
	struct cmap_refill refill;
	int err;

	if (write->room)
		err = cmap_refill_replace(&shard->arena, size, write->room, gfp,
					  &refill);
	else
		err = cmap_refill_prepare(&shard->arena, size, gfp, &refill);
	if (err)
		return err;

	cmap_refill_use(&shard->arena, &refill);
	return 0;
}

/* Get what stopped a write; entry credit is the map's affair. */
static int get_needed(struct cmap_shard *shard, const struct cmap_write *write,
		      gfp_t gfp)
{
	switch (write->need) {
	case CMAP_NEED_TABLE:
		return get_table(shard, gfp);
	case CMAP_NEED_POOL:
		return get_pool(shard, cmap_hash_order(write->key.hash), gfp);
	case CMAP_NEED_NODE:
		return get_node(shard, write, gfp);
	default:
		return -EAGAIN;
	}
}

/**
 * cmap_shard_write() - carry out one write
 * @shard: the shard that the key belongs to
 * @write: the write, with need CMAP_NEED_NOTHING
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed; after -EAGAIN,
 * -ENOSPC and -ENOMEM write->need says what could not be had.
 */
int cmap_shard_write(struct cmap_shard *shard, struct cmap_write *write,
		     gfp_t gfp)
{
	unsigned int chores;
	u64 entries;
	int err;

	for (;;) {
		lock_for_write(shard, &write->key);
		entries = shard->entries;
		err = write_locked(shard, write);
		if (err == -EAGAIN)
			WRITE_ONCE(shard->retries, shard->retries + 1);
		chores = help(shard, entries, err);
		spin_unlock_bh(&shard->lock);

		if (unlikely(chores))
			cmap_chores_start(shard, chores, gfp);
		if (likely(err != -EAGAIN))
			return err;
		err = get_needed(shard, write, gfp);
		/* No memory helps where a chain is too long, nor who was killed. */
		if (!err || err == -EXFULL || err == -EINTR)
			write->need = CMAP_NEED_NOTHING;
		if (err)
			return err;
	}
}

/**
 * cmap_shard_write_many() - carry out writes as long as they go well together
 * @shard: the shard that the keys belong to
 * @write: the writes
 * @err: set to 0 or a negative errno for each that was carried out
 * @count: how many
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: how many were carried out; the next one, if any, is for
 * cmap_shard_write().
 */
u32 cmap_shard_write_many(struct cmap_shard *shard, struct cmap_write *write,
			  int *err, u32 count, gfp_t gfp)
{
	unsigned int chores = 0;
	u32 i;

	spin_lock_bh(&shard->lock);
	for (i = 0; i < count && !chores; i++) {
		u64 entries = shard->entries;

		write[i].need = CMAP_NEED_NOTHING;
		err[i] = write_locked(shard, &write[i]);
		if (err[i] == -EAGAIN)
			break;
		chores = help(shard, entries, err[i]);
	}
	spin_unlock_bh(&shard->lock);

	if (unlikely(chores))
		cmap_chores_start(shard, chores, gfp);
	return i;
}

/* The room that the entry's node has that a write is going to replace, or 0. */
static u32 old_room(struct cmap_shard *shard, const struct cmap_write *write)
{
	struct cmap_table *table = cmap_shard_table_locked(shard);
	struct cmap_slot slot;

	if (!table ||
	    !cmap_table_find(&table, &shard->arena, &write->key, &slot))
		return 0;
	return cmap_arena_room(&shard->arena, slot.bucket->ref[slot.i]);
}

/*
 * Take a node for a long value.  Whether the write will insert is not known: by
 * then another may have inserted, or deleted, the entry.  An insert looks
 * again, see make_node().
 */
static cmap_ref reserve_locked(struct cmap_shard *shard,
			       struct cmap_write *write, u32 size)
{
	unsigned int flags = take_flags(write);
	cmap_ref ref;
	u32 room = 0;

	ref = cmap_arena_take(&shard->arena, size, flags | CMAP_TAKE_INSERT);
	if (unlikely(!ref))
		room = old_room(shard, write);
	if (room)
		ref = cmap_arena_take(&shard->arena, size, flags) ?:
		      take_larger(shard, write, room);
	if (likely(ref))
		cmap_arena_in_hand(&shard->arena, ref, true);
	else
		need_node(shard, write, room);

	return ref;
}

/**
 * cmap_shard_reserve() - get a node to be filled outside the lock
 * @shard: the shard that the key belongs to
 * @write: the write; its key and value_len are put into the node
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * The caller fills in the value, then either writes or unreserves.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: the node, or NULL.
 */
struct cmap_node *cmap_shard_reserve(struct cmap_shard *shard,
				     struct cmap_write *write, gfp_t gfp,
				     int *err)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);
	struct cmap_node *node = NULL;

	for (;;) {
		write->need = CMAP_NEED_NOTHING;
		spin_lock_bh(&shard->lock);
		write->ref = reserve_locked(shard, write, size);
		if (write->ref)
			node = cmap_arena_node(&shard->arena, write->ref);
		spin_unlock_bh(&shard->lock);

		if (node) {
			fill_key(node, write);
			return node;
		}
		*err = get_needed(shard, write, gfp);
		if (*err)
			return NULL;
	}
}

/**
 * cmap_shard_unreserve() - give back a reserved node that was not written
 * @shard: the shard
 * @write: the write; nothing is done if it took the node over
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_unreserve(struct cmap_shard *shard, struct cmap_write *write)
{
	unsigned int chores;

	if (!write->ref)
		return;

	spin_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, write->ref, false);
	cmap_arena_unalloc(&shard->arena, write->ref);
	chores = cmap_chores(shard);
	spin_unlock_bh(&shard->lock);
	write->ref = 0;

	if (chores)
		cmap_chores_start(shard, chores, GFP_ATOMIC);
}

/**
 * cmap_shard_hold() - say that who reserved a node queues, or no longer does
 * @shard: the shard
 * @write: the write; nothing is done if it has no node
 * @held: its node is in hand: others may wait for it
 *
 * Those before it in the queue must not wait for its node.
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_hold(struct cmap_shard *shard, const struct cmap_write *write,
		     bool held)
{
	if (!write->ref)
		return;

	spin_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, write->ref, held);
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_shard_held_bytes() - what of its map's memory in hand a write holds
 * @shard: the shard
 * @write: the write
 *
 * Context: Process or softirq; no lock.
 * Return: bytes of the node that was reserved, if it is a large value's.
 */
u64 cmap_shard_held_bytes(struct cmap_shard *shard,
			  const struct cmap_write *write)
{
	u64 bytes;

	if (!write->ref)
		return 0;

	spin_lock_bh(&shard->lock);
	bytes = cmap_arena_large_bytes(&shard->arena, write->ref);
	spin_unlock_bh(&shard->lock);

	return bytes;
}

/**
 * cmap_shard_retire() - give back an old node that a write handed out
 * @shard: the shard
 * @ref: the node
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_retire(struct cmap_shard *shard, cmap_ref ref)
{
	unsigned int chores;

	spin_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, ref, false);
	cmap_arena_retire(&shard->arena, ref);
	chores = cmap_chores(shard);
	spin_unlock_bh(&shard->lock);

	if (chores)
		cmap_chores_start(shard, chores, GFP_ATOMIC);
}

/**
 * cmap_shard_collect() - put the credit that a shard holds into the pool
 * @shard: the shard
 *
 * When this returns, no write that was pending in the shard before is.
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_collect(struct cmap_shard *shard)
{
	spin_lock_bh(&shard->lock);
	cmap_quota_collect(shard->quota, &shard->credit);
	spin_unlock_bh(&shard->lock);
}

/* ---- counting ---- */

/**
 * cmap_shard_entries_then() - how many entries a shard had when a count began
 * @shard: the shard
 *
 * Context: Process or softirq; no lock; only one at a time counts in a map.
 * Return: the number before the first write that saw the quota's epoch.
 */
u64 cmap_shard_entries_then(struct cmap_shard *shard)
{
	u64 entries;

	spin_lock_bh(&shard->lock);
	note_epoch(shard);
	entries = shard->entries_then;
	spin_unlock_bh(&shard->lock);

	return entries;
}

/* ---- for who lacks something ---- */

/**
 * cmap_shard_lack() - how much memory a write lacks
 * @shard: the shard
 * @write: the write, which failed for lack of it
 *
 * Context: Process or softirq; no lock.
 * Return: bytes, at least.
 */
struct cmap_lack cmap_shard_lack(struct cmap_shard *shard,
				 const struct cmap_write *write)
{
	struct cmap_lack lack = { .bytes = PAGE_SIZE };
	const struct cmap_table *table;

	if (write->need == CMAP_NEED_NODE || write->need == CMAP_NEED_TURN)
		return cmap_refill_lack(&shard->arena,
					cmap_node_size(write->key.len,
						       write->value_len),
					write->room);
	if (write->need != CMAP_NEED_POOL)
		return lack;

	spin_lock_bh(&shard->lock);
	table = table_for(shard, cmap_hash_order(write->key.hash));
	if (table->pool_chunks == table->pool_chunks_max)
		lack.bytes = cmap_resize_lack(shard);
	else
		lack.bytes = cmap_pool_bytes(table);
	spin_unlock_bh(&shard->lock);

	return lack;
}

/**
 * cmap_shard_outlook() - what a write that lacks a node can hope for
 * @shard: the shard
 * @write: the write
 *
 * Context: Process or softirq; no lock.
 * Return: whether it gets one without more memory, and when.
 */
struct cmap_outlook cmap_shard_outlook(struct cmap_shard *shard,
				       const struct cmap_write *write)
{
	u32 size = cmap_node_size(write->key.len, write->value_len);
	struct cmap_outlook outlook = {};

	/* One that was reserved lacks others for replacements. */
	if (write->ref)
		return outlook;
	spin_lock_bh(&shard->lock);
	outlook = cmap_arena_outlook(&shard->arena, size, !write->room);
	if (!outlook.coming && write->room &&
	    cmap_arena_larger(write->room, size))
		outlook = cmap_arena_outlook(&shard->arena, write->room, false);
	spin_unlock_bh(&shard->lock);

	return outlook;
}

/**
 * cmap_shard_spent() - whether a write lacks a number for a segment
 * @shard: the shard
 * @write: the write, which lacks a node
 *
 * Context: Process or softirq; no lock.
 * Return: true if all are taken, until one of the shard's segments has gone.
 */
bool cmap_shard_spent(struct cmap_shard *shard, const struct cmap_write *write)
{
	bool spent;

	spin_lock_bh(&shard->lock);
	spent = cmap_arena_spent(&shard->arena,
				 cmap_node_size(write->key.len,
						write->value_len));
	spin_unlock_bh(&shard->lock);

	return spent;
}

/**
 * cmap_shard_queue() - count a write that queues for a node
 * @shard: the shard
 * @write: the write
 * @count: 1 when it joins, -1 when it leaves
 *
 * Context: Process; no lock.
 * Return: false if there is nothing yet that it could queue for.
 */
bool cmap_shard_queue(struct cmap_shard *shard, const struct cmap_write *write,
		      int count)
{
	bool queued;

	spin_lock_bh(&shard->lock);
	queued = cmap_arena_queue(&shard->arena,
				  cmap_node_size(write->key.len,
						 write->value_len), count);
	spin_unlock_bh(&shard->lock);

	return queued;
}

/**
 * cmap_shard_serve() - say what the first in the queue lacks
 * @shard: the shard
 * @write: its write
 *
 * Context: Process; no lock.
 */
void cmap_shard_serve(struct cmap_shard *shard, const struct cmap_write *write)
{
	bool node = write->need == CMAP_NEED_NODE ||
		    write->need == CMAP_NEED_TURN;

	spin_lock_bh(&shard->lock);
	cmap_arena_serve(&shard->arena,
			 node ? cmap_node_size(write->key.len,
					       write->value_len) : 0);
	spin_unlock_bh(&shard->lock);
}

/* ---- clear ---- */

static u64 clear_chain(struct cmap_shard *shard, struct cmap_table *table,
		       struct cmap_bucket *bucket)
{
	u64 removed = 0;
	unsigned int i;

	for (; bucket; bucket = cmap_bucket_next(table, bucket->head)) {
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			struct cmap_slot slot = { bucket, i };
			cmap_ref ref = bucket->ref[i];

			if (!ref)
				continue;
			cmap_table_remove(table, &slot,
					  cmap_arena_node(&shard->arena, ref));
			cmap_arena_retire(&shard->arena, ref);
			next_version(shard);
			removed++;
		}
	}
	return removed;
}

/**
 * cmap_shard_clear() - remove the entries of some buckets
 * @shard: the shard
 * @order: where to begin, 0 at first; moved on, in the end beyond U32_MAX.
 *	It is the hash's order without the bits that choose the shard
 *
 * Context: Process; no lock.
 * Return: how many were removed.
 */
u64 cmap_shard_clear(struct cmap_shard *shard, u64 *order)
{
	u64 removed = 0;
	unsigned int i;
	unsigned int chores;

	spin_lock_bh(&shard->lock);
	if (!cmap_shard_table_locked(shard))
		*order = 1ULL << 32;
	entries_begin(shard);
	cmap_quota_deleting(shard->quota, &shard->credit);
	for (i = 0; i < CLEAR_BUCKETS && *order <= U32_MAX; i++) {
		u32 at = *order >> shard->shard_bits;
		struct cmap_table *table = table_for(shard, at);
		u32 index = cmap_table_index(table, at);

		removed += clear_chain(shard, table,
				       cmap_table_bucket(table, index));
		*order = ((u64)index + 1) << (32 - table->bits);
	}
	entries_end(shard, shard->entries - removed);
	cmap_quota_return(shard->quota, &shard->credit, removed);
	chores = cmap_resize_help(shard) | cmap_chores(shard);
	spin_unlock_bh(&shard->lock);

	if (chores)
		cmap_chores_start(shard, chores, GFP_KERNEL);

	return removed;
}
