// SPDX-License-Identifier: GPL-2.0
#include "migrate.h"
#include "layout.h"
#include "lock.h"
#include "queue.h"

#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/wait_bit.h>

/* Entries for each four buckets at which a table is too full, or too empty. */
#define GROW_ABOVE		25
#define SHRINK_BELOW		5

/* A new pool is due when one part in so many of the old one is left. */
#define POOL_RESERVE		8

#define DRIFT_MAX		64	/* entries, of a stripe, that its shard does not know */

#define SPLIT_BITS		6	/* smallest table of a shard with several stripes */
#define MOVES_AT_ONCE		16	/* per lock hold of cmap_migrate_now() */

/* ---- the size that a table should have: each write asks for it ---- */

static u8 bits_max(const struct cmap_shard *shard)
{
	return min(CMAP_TABLE_BITS_MAX, 32 - shard->shard_bits);
}

/*
 * Do not shrink if that could make a chain too long.  Only an attacker makes
 * such chains, and each shrink would lengthen them.  The entries count, not the
 * buckets: empty buckets stay in their chain, but are not moved.
 */
static bool may_shrink(const struct cmap_table *table)
{
	return table->bits > CMAP_TABLE_BITS_MIN &&
	       !atomic_read(&table->overlong);
}

static __always_inline u8 bits_wanted(const struct cmap_shard *shard,
				      const struct cmap_table *table)
{
	u64 buckets = cmap_table_buckets(table);

	if (shard->entries * 4 > buckets * GROW_ABOVE &&
	    table->bits < bits_max(shard))
		return table->bits + 1;
	if (shard->entries * 4 < buckets * SHRINK_BELOW && may_shrink(table))
		return table->bits - 1;
	return table->bits;
}

/*
 * Check whether little is left of a pool and a new one would have more.  The
 * check succeeds early enough for writers and the work to move the table before
 * a writer finds nothing left, which would have to move all of it.
 *
 * A new pool does not become due again at once.  If no growth is due there are
 * up to 6.25 entries for each bucket, and a chain that was just moved has more
 * than ten for each bucket behind its first.  So three eighths of a new pool
 * are left, of which a write takes one bucket at most.  If the table cannot
 * grow, a new pool must wait until nothing is left.
 */
static __always_inline bool pool_wanted(const struct cmap_shard *shard,
					const struct cmap_table *table)
{
	u32 pool = table->pool_chunks_max << table->pool_bits;

	if (likely(table->pool_used <= pool - pool / POOL_RESERVE))
		return false;
	if (shard->entries * 4 <= (u64)cmap_table_buckets(table) * GROW_ABOVE)
		return true;
	return cmap_pool_exhausted(table) &&
	       shard->entries < (u64)CMAP_BUCKET_SLOTS << table->bits;
}

/*
 * Check whether there should be another table: of another size, or of the same
 * size with a new pool.  A new pool has free buckets unless the entries
 * themselves need all of them.
 */
static __always_inline bool table_wanted(const struct cmap_shard *shard,
					 const struct cmap_table *table,
					 u8 *bits)
{
	*bits = bits_wanted(shard, table);
	return *bits != table->bits || pool_wanted(shard, table);
}

/*
 * How far a stripe's number of entries may differ from what it has told.  If all
 * stripes differ by that much, the sum is less than half of the way to the number at
 * which the table becomes too full or too empty.  Beyond these each write asks.
 */
static u32 drift_max(const struct cmap_shard *shard, const struct cmap_table *table)
{
	u64 grow, shrink, room;

	if (!table)
		return 0;
	grow = ((u64)GROW_ABOVE << table->bits) / 4;
	shrink = table->bits == CMAP_TABLE_BITS_MIN ? 0 :
		 ((u64)SHRINK_BELOW << table->bits) / 4;
	if (shard->entries >= grow || shard->entries <= shrink)
		return shard->entries >= grow || shrink ? 0 :
		       min_t(u64, grow >> (shard->stripe_bits + 1), DRIFT_MAX);
	room = grow - shard->entries;
	if (shrink)
		room = min(room, shard->entries - shrink);
	room = min_t(u64, room >> (shard->stripe_bits + 1), DRIFT_MAX);
	/* All writers read this.  So it changes seldom. */
	return room ? rounddown_pow_of_two(room) : 0;
}

/**
 * cmap_migrate_tell() - tell a shard how many entries a stripe has
 * @shard: the shard
 * @stripe: one of its stripes
 *
 * Context: The stripe's lock and the shard's lock.
 */
void cmap_migrate_tell(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	u32 max;

	lockdep_assert_held(&shard->lock);

	shard->entries += stripe->drift;
	stripe->drift = 0;
	max = drift_max(shard, cmap_shard_table_locked(shard));
	if (max != shard->drift_max)
		WRITE_ONCE(shard->drift_max, max);
}

/**
 * cmap_migrate_settle() - have all stripes tell their shard how many entries they have
 * @shard: the shard
 *
 * Context: Process; no lock.
 */
void cmap_migrate_settle(struct cmap_shard *shard)
{
	u32 i;

	for (i = 0; i < cmap_shard_stripes(shard); i++) {
		struct cmap_stripe *stripe = cmap_shard_lock_nth(shard, i);

		cmap_lock(&shard->lock);
		cmap_migrate_tell(shard, stripe);
		spin_unlock(&shard->lock);
		spin_unlock_bh(&stripe->lock);
	}
}

/* ---- moving a bucket ---- */

static void prefetch_chain(const struct cmap_arena *arena,
			   const struct cmap_bucket *bucket)
{
	unsigned int i;

	for (i = 0; i < CMAP_BUCKET_SLOTS; i++)
		if (bucket->ref[i])
			prefetch(cmap_arena_node(arena, bucket->ref[i]));
}

/* Put a chain's entries into a table that readers do not search yet. */
static void copy_chain(struct cmap_table *old, struct cmap_bucket *bucket,
		       struct cmap_table *new, const struct cmap_arena *arena)
{
	unsigned int i;

	for (; bucket; bucket = cmap_bucket_next(old, bucket->head)) {
		prefetch_chain(arena, bucket);
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			cmap_ref ref = bucket->ref[i];
			struct cmap_node *node;
			struct cmap_slot slot;

			if (!ref)
				continue;
			node = cmap_arena_node(arena, ref);
			/* cmap_table_move() has made sure there is room. */
			if (WARN_ON_ONCE(cmap_table_place(new, node->hash_high,
							  U32_MAX, &slot)))
				continue;
			cmap_table_fill(new, &slot, node, bucket->tag[i], ref);
		}
	}
}

/* How many buckets of a table each stripe has. */
static u32 stripe_buckets(const struct cmap_table *table,
			  const struct cmap_arena *arena)
{
	return cmap_table_buckets(table) >> arena->stripe_bits;
}

/*
 * Copy the entries of the next buckets of a stripe.  Those that may need buckets of
 * the new table's pool do so under the shard's lock, which protects the pools.
 */
static int copy_chains(struct cmap_table *old, struct cmap_table *new,
		       const struct cmap_arena *arena, u32 from, u32 count)
{
	u32 entries = 0;
	u32 i;

	for (i = 0; i < count; i++)
		entries += cmap_chain_entries(old,
					      cmap_table_bucket(old, from + i));
	if (entries <= CMAP_BUCKET_SLOTS) {
		for (i = 0; i < count; i++)
			copy_chain(old, cmap_table_bucket(old, from + i), new,
				   arena);
		return 0;
	}

	cmap_lock(arena->lock);
	if (DIV_ROUND_UP(entries - CMAP_BUCKET_SLOTS, CMAP_BUCKET_SLOTS) >
	    cmap_pool_capacity(new) - new->pool_used) {
		spin_unlock(arena->lock);
		return -EAGAIN;
	}
	for (i = 0; i < count; i++)
		copy_chain(old, cmap_table_bucket(old, from + i), new, arena);
	spin_unlock(arena->lock);

	return 0;
}

/**
 * cmap_table_move() - move the next bucket of a stripe, or two when shrinking
 * @old: the table to move from
 * @new: the table to move to, of twice, half or the same size
 * @arena: the shard's arena
 * @nth: the stripe, of which not all buckets have been moved
 *
 * The number of entries decides what the new table's pool must have.  The
 * length of the old chains does not: they may have empty buckets.  Entries that
 * need n buckets of the pool behind one bucket need no more behind two.
 *
 * Context: The stripe's lock, and not the shard's.
 * Return: 0, or -EAGAIN with nothing moved if @new's pool needs more buckets.
 */
int cmap_table_move(struct cmap_table *old, struct cmap_table *new,
		    const struct cmap_arena *arena, u32 nth)
{
	u32 from = nth * stripe_buckets(old, arena) + old->moved[nth];
	u32 count = new->bits < old->bits ? 2 : 1;
	u32 i;

	if (copy_chains(old, new, arena, from, count))
		return -EAGAIN;

	for (i = 0; i < count; i++) {
		struct cmap_bucket *bucket = cmap_table_bucket(old, from + i);

		/*
		 * Pairs with the acquire in cmap_table_of(): a reader that sees
		 * the mark sees the entries in the new table.
		 */
		smp_store_release(&bucket->head,
				  bucket->head | CMAP_BUCKET_MOVED);
	}
	/* Pairs with the acquire in stripe_moved(). */
	smp_store_release(&old->moved[nth], old->moved[nth] + count);

	return 0;
}

/* ---- moving a table ---- */

static void finish_move(struct cmap_shard *shard, struct cmap_table *old,
			struct cmap_table *new)
{
	/*
	 * First show processes that the old table is not the shard's any more.
	 * A page fault in its place shows zeroes as soon as it does not find
	 * the table.  If the table were still listed then, all its keys would
	 * seem absent.
	 */
	cmap_view_set_tables(shard->arena.view, cmap_table_word(new),
			     cmap_table_word(cmap_shard_next_locked(shard, new)));
	rcu_assign_pointer(shard->table, new);
	cmap_table_free_rcu(old);
}

static bool stripe_moved(const struct cmap_shard *shard,
			 const struct cmap_table *old, u32 nth)
{
	/* Pairs with the release in cmap_table_move(). */
	return smp_load_acquire(&old->moved[nth]) ==
	       cmap_table_buckets(old) >> READ_ONCE(shard->stripe_bits);
}

/* Finish a move once all stripes have been moved. */
static void finish_if_moved(struct cmap_shard *shard)
{
	struct cmap_table *old, *new;
	u32 i;

	cmap_lock_bh(&shard->lock);
	old = cmap_shard_table_locked(shard);
	new = old ? cmap_shard_next_locked(shard, old) : NULL;
	for (i = 0; new && i < cmap_shard_stripes(shard); i++)
		if (!stripe_moved(shard, old, i))
			new = NULL;
	if (new)
		finish_move(shard, old, new);
	spin_unlock_bh(&shard->lock);
}

/*
 * Move buckets of one stripe.  @count: how many moves; what is left of them.
 * Returns as cmap_migrate_some() does.
 */
static int move_stripe(struct cmap_shard *shard, u32 nth, unsigned int *count)
{
	struct cmap_table *old, *new;
	struct cmap_stripe *stripe;
	bool done = false;
	int err = 0;

	rcu_read_lock();
	stripe = cmap_shard_lock_nth(shard, nth);
	nth = cmap_stripe_index(shard, stripe);
	old = cmap_shard_table_stripe(shard);
	new = old ? rcu_dereference_bh(old->next) : NULL;
	while (new && !err && *count && !stripe_moved(shard, old, nth)) {
		err = cmap_table_move(old, new, &shard->arena, nth);
		done = !err && stripe_moved(shard, old, nth);
		*count -= !err;
	}
	spin_unlock_bh(&stripe->lock);
	if (done)
		finish_if_moved(shard);
	rcu_read_unlock();

	return err ?: !!new;
}

/* Whether a stripe has nothing left to be moved.  If a table is not moved, none has. */
static bool has_moved(const struct cmap_shard *shard, u32 nth)
{
	const struct cmap_table *old;
	bool moved;

	rcu_read_lock();
	old = rcu_dereference(shard->table);
	/* Between a split and the next move this may be wrong, and then is not true. */
	moved = old && rcu_access_pointer(old->next) && stripe_moved(shard, old, nth);
	rcu_read_unlock();

	return moved;
}

/**
 * cmap_migrate_some() - move some buckets, if the table is being moved
 * @shard: the shard
 * @first: the stripe to begin with
 * @count: how many moves
 *
 * Context: Process or softirq; no lock.
 * Return: -EAGAIN if the new table's pool needs buckets first, 1 if there may be
 * more to move, else 0.
 */
int cmap_migrate_some(struct cmap_shard *shard, u32 first, unsigned int count)
{
	u32 i, stripes = cmap_shard_stripes(shard);
	int err = 1;

	for (i = 0; i < stripes && count && err > 0; i++) {
		u32 nth = (first + i) % stripes;

		if (!has_moved(shard, nth))
			err = move_stripe(shard, nth, &count);
	}
	/*
	 * If nothing is left, whoever moved the last bucket may not get to run.  Who needs
	 * the new table must not wait for it.
	 */
	if (count && err > 0)
		finish_if_moved(shard);
	return err;
}

/**
 * cmap_migrate_moved() - how many buckets have been moved
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: their number; 0 without a move.
 */
u32 cmap_migrate_moved(const struct cmap_shard *shard)
{
	const struct cmap_table *old = cmap_shard_table_locked(shard);
	u32 i, moved = 0;

	lockdep_assert_held(&shard->lock);

	if (!old || !cmap_shard_next_locked(shard, old))
		return 0;
	for (i = 0; i < cmap_shard_stripes(shard); i++)
		moved += READ_ONCE(old->moved[i]);
	return moved;
}

/**
 * cmap_migrate_may_ask() - check whether a table may be asked for again
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: false if there was no memory for one a moment ago.
 */
bool cmap_migrate_may_ask(const struct cmap_shard *shard)
{
	lockdep_assert_held(&shard->lock);

	return !time_before64(get_jiffies_64(), shard->resize_after);
}

/**
 * cmap_migrate_split() - split a shard that has grown, if that could not be done before
 * @shard: the shard, which has a table
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_migrate_split(struct cmap_shard *shard, gfp_t gfp)
{
	bool grown;

	rcu_read_lock();
	grown = rcu_dereference(shard->table)->bits >= SPLIT_BITS;
	rcu_read_unlock();
	if (grown)
		cmap_shard_split(shard, gfp);
}

/**
 * cmap_migrate_begin() - allocate the wanted table and begin to move into it
 * @shard: the shard, which has a table
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0; -EXFULL if there is none that would help, -EAGAIN if it must wait
 * until others have left; -EDQUOT, -ENOMEM or -ENOSPC.
 */
int cmap_migrate_begin(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_table *table, *new;
	bool idle, wanted;
	u8 from, to, bits;
	int err;

	cmap_lock_bh(&shard->lock);
	table = cmap_shard_table_locked(shard);
	from = table->bits;
	idle = !cmap_shard_next_locked(shard, table);
	wanted = idle && table_wanted(shard, table, &to);
	err = idle && !wanted && cmap_pool_exhausted(table) ? -EXFULL : 0;
	if (wanted && !cmap_shard_has_place(shard, to)) {
		wanted = false;
		err = -EAGAIN;
	}
	spin_unlock_bh(&shard->lock);
	if (!wanted)
		return err;

	if (to >= SPLIT_BITS)
		cmap_shard_split(shard, gfp);
	new = cmap_table_new(shard->arena.memory, shard->arena.nid, to,
			     shard->shard_bits, gfp, &err);
	if (!new)
		return err;

	cmap_lock_bh(&shard->lock);
	table = cmap_shard_table_locked(shard);
	if (table->bits == from && !cmap_shard_next_locked(shard, table) &&
	    table_wanted(shard, table, &bits) && bits == to &&
	    cmap_shard_settle(shard, new)) {
		rcu_assign_pointer(table->next, new);
		cmap_shard_show_table(shard, new);
		new = NULL;
		if (to > from)
			shard->grows++;
		else if (to < from)
			shard->shrinks++;
	}
	spin_unlock_bh(&shard->lock);
	cmap_table_free(new);

	return 0;
}

/*
 * The table that is being filled, if its pool is as large as it can be, or NULL.
 * @pool_bits: set to what kind of buckets its pool can get, or to 0.
 */
static const struct cmap_table *full_pool(struct cmap_shard *shard, u8 *pool_bits)
{
	const struct cmap_table *new;

	*pool_bits = 0;
	cmap_lock_bh(&shard->lock);
	new = cmap_shard_next_locked(shard, cmap_shard_table_locked(shard));
	if (new && new->pool_chunks < new->pool_chunks_max) {
		*pool_bits = new->pool_bits;
		new = NULL;
	}
	spin_unlock_bh(&shard->lock);

	return new;
}

/*
 * Move one bucket.  If the pool lacks buckets for it, set @pool_bits.  A pool that is
 * as large as it can be now, and was not before, got them from another writer meanwhile.
 */
static int move_or_look(struct cmap_shard *shard, u8 *pool_bits)
{
	const struct cmap_table *full, *still;
	int err;

	/* So that no other table gets the same address. */
	rcu_read_lock();
	full = full_pool(shard, pool_bits);
	err = cmap_migrate_some(shard, 0, 1);
	if (err == -EAGAIN) {
		still = full_pool(shard, pool_bits);
		err = still && still == full ? -EXFULL : 0;
	} else {
		*pool_bits = 0;
		err = min(err, 0);
	}
	rcu_read_unlock();

	return err;
}

/**
 * cmap_migrate_extend_pool() - allocate pool buckets for the table being filled
 * @shard: the shard
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * This does nothing if another writer has just done it.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0, -EDQUOT, -ENOMEM, -ENOSPC, or -EXFULL if its pool is as large as it
 * can be.
 */
int cmap_migrate_extend_pool(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_block *block;
	struct cmap_table *new;
	u8 pool_bits;
	int err;

	err = move_or_look(shard, &pool_bits);
	if (!pool_bits)
		return err;

	block = cmap_pool_prepare(shard->arena.memory, shard->arena.nid,
				  pool_bits, gfp, &err);
	if (!block)
		return err;

	cmap_lock_bh(&shard->lock);
	new = cmap_shard_next_locked(shard, cmap_shard_table_locked(shard));
	if (new) {
		cmap_pool_attach(new, pool_bits, &block);
		cmap_shard_show_pool(shard, new);
	}
	spin_unlock_bh(&shard->lock);
	cmap_block_free(block);

	return 0;
}

static int move_all(struct cmap_shard *shard, gfp_t gfp)
{
	int err;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = cmap_migrate_some(shard, 0, MOVES_AT_ONCE);
		if (err == -EAGAIN)
			err = cmap_migrate_extend_pool(shard, gfp) ?: 1;
		cond_resched();
	} while (err > 0);

	return err;
}

/**
 * cmap_migrate_wanted() - check whether a shard should have another table
 * @shard: the shard, which has one
 *
 * Context: Process or softirq; no lock.
 * Return: true if so.
 */
bool cmap_migrate_wanted(struct cmap_shard *shard)
{
	bool wanted;
	u8 bits;

	cmap_lock_bh(&shard->lock);
	wanted = table_wanted(shard, cmap_shard_table_locked(shard), &bits);
	spin_unlock_bh(&shard->lock);

	return wanted;
}

/**
 * cmap_migrate_due() - check whether a move should begin
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: true if the shard should have another table, is not moving into one, and
 * may ask for one.
 */
bool cmap_migrate_due(const struct cmap_shard *shard)
{
	const struct cmap_table *table = cmap_shard_table_locked(shard);
	u8 bits;

	lockdep_assert_held(&shard->lock);

	return table && table_wanted(shard, table, &bits) &&
	       !cmap_shard_next_locked(shard, table) &&
	       cmap_migrate_may_ask(shard);
}

/* True unless the wanted table must wait until another has left its place. */
static bool has_place(struct cmap_shard *shard)
{
	bool has;
	u8 bits;

	cmap_lock_bh(&shard->lock);
	has = !table_wanted(shard, cmap_shard_table_locked(shard), &bits) ||
	      cmap_shard_has_place(shard, bits);
	spin_unlock_bh(&shard->lock);

	return has;
}

/**
 * cmap_migrate_now() - give a shard a table of the size it needs, at once
 * @shard: the shard
 * @gfp: GFP_KERNEL, GFP_NOFS or GFP_NOIO
 *
 * This is for a writer that found every bucket of the pool taken: by chains
 * that are empty now, or because the work has not yet run that should have made
 * a larger table.  A fatal signal ends it.  Buckets moved before that stay
 * moved.
 *
 * Context: Process; no lock.
 * Return: 0, -EDQUOT, -EINTR, -ENOMEM, -ENOSPC or -EXFULL.
 */
int cmap_migrate_now(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_memory *memory = shard->arena.memory;
	int err;

	while ((err = cmap_migrate_begin(shard, gfp)) == -EAGAIN)
		if (wait_var_event_killable(&memory->leaving,
					    has_place(shard)))
			return -EINTR;
	err = err ?: move_all(shard, gfp);
	/* Let the work move the rest: there may not be another write. */
	if (err == -EINTR)
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
	return err;
}

/**
 * cmap_migrate_lack() - get the memory that cmap_migrate_now() allocates next
 * @shard: the shard, which has a table
 *
 * Context: The shard's lock.
 * Return: bytes, at least.
 */
u64 cmap_migrate_lack(const struct cmap_shard *shard)
{
	const struct cmap_table *table = cmap_shard_table_locked(shard);
	const struct cmap_table *next = cmap_shard_next_locked(shard, table);
	u8 bits;

	lockdep_assert_held(&shard->lock);

	if (next)
		return cmap_pool_bytes(next);
	table_wanted(shard, table, &bits);
	return cmap_table_array_bytes(bits);
}
