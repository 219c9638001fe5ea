// SPDX-License-Identifier: GPL-2.0
#include "resize.h"
#include "layout.h"
#include "queue.h"
#include "shard.h"

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/wait_bit.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

/* Entries for each four buckets at which a table is too full, or too empty. */
#define GROW_ABOVE		25
#define SHRINK_BELOW		5

/* One part in so many left of a pool: time for a new one. */
#define POOL_RESERVE		8

#define HELP_MOVES		2	/* by each write */
#define WORK_MOVES		16	/* per lock hold of the work */
#define WORK_HOLDS		8	/* after which it pauses in any case */
#define PAUSE_US		100	/* of the work, at least */
#define PAUSE_US_MAX		3200	/* while writers do without it */
#define WORK_MS			10	/* before it lets other works run */
#define WRITER_BITS_MAX		9	/* tables that a writer makes itself */
#define TRIM_SEGMENTS		256	/* per lock hold */
#define TRIM_DELAY		(HZ / 10)
#define EVACUATE_LOOKS		64	/* at nodes, per lock hold */
#define EVACUATE_BYTES		SZ_16K	/* that are copied, or one node */
#define UPKEEP_SHARE		4	/* eighths that may be live: see below */
#define RESIZE_DELAY		(HZ / 10)	/* after one that failed */

/* ---- the size that a table should have: each write asks for it ---- */

static u8 bits_max(const struct cmap_shard *shard)
{
	return min(CMAP_TABLE_BITS_MAX, 32 - shard->shard_bits);
}

/*
 * Shrinking puts two chains together.  It is left alone where that could make
 * one too long: such chains do not come by chance, and who has made them would
 * otherwise have them grow with each time that the table shrinks.  What counts
 * are the entries there are now: buckets that are left empty stay in their
 * chain, but do not go along.
 */
static bool may_shrink(const struct cmap_table *table)
{
	return table->bits > CMAP_TABLE_BITS_MIN && !table->excess;
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
 * Whether little is left of a pool, and a new one would have more: so early that
 * writers and the work have moved the table before one of them would have to do
 * it whole.  Where no growth is due there are up to 6.25 entries for each
 * bucket, and a chain that was just moved has more than ten for each bucket
 * behind its first.  So three eighths of a new pool are left, of which a write
 * takes one bucket at most: this does not come again at once.  Where growth
 * cannot be had it has to wait until nothing is left.
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
 * Whether there should be another table: of another size, or of the same one
 * but with a pool that has buckets again, which it has unless the entries
 * themselves need them all.
 */
static __always_inline bool table_wanted(const struct cmap_shard *shard,
					 const struct cmap_table *table,
					 u8 *bits)
{
	*bits = bits_wanted(shard, table);
	return *bits != table->bits || pool_wanted(shard, table);
}

static struct cmap_table *next_locked(const struct cmap_shard *shard,
				      const struct cmap_table *table)
{
	return rcu_dereference_protected(table->next,
					 lockdep_is_held(&shard->lock));
}

/* ---- moving ---- */

static void finish(struct cmap_shard *shard, struct cmap_table *old,
		   struct cmap_table *new)
{
	/*
	 * First processes are shown that the old table is none of the shard's.
	 * Page faults in its place find zeroes as soon as they do not find it;
	 * were it still listed then, all its keys would seem absent.
	 */
	cmap_view_set_tables(shard->arena.view, cmap_table_word(new),
			     cmap_table_word(next_locked(shard, new)));
	rcu_assign_pointer(shard->table, new);
	cmap_table_free_rcu(old);
}

/*
 * Move some buckets, if a move is on.  Returns -EAGAIN if the new table's
 * pool needs buckets first, 1 if there is more to move, else 0.
 */
static int move_some(struct cmap_shard *shard, unsigned int count)
{
	struct cmap_table *old = cmap_shard_table_locked(shard);
	struct cmap_table *new = old ? next_locked(shard, old) : NULL;
	int err;

	if (likely(!new))
		return 0;

	while (count--) {
		err = cmap_table_move(old, new, &shard->arena);
		if (err)
			return err;
		if (old->moved == cmap_table_buckets(old)) {
			finish(shard, old, new);
			return 0;
		}
	}

	return 1;
}

/* Whether what could not be had a moment ago may be asked for again. */
static bool may_ask(const struct cmap_shard *shard)
{
	return !time_before64(get_jiffies_64(), shard->resize_after);
}

/**
 * cmap_resize_help() - a writer's share in moving a table
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: CMAP_CHORE_POOL if that takes more buckets first, and it is not long
 * enough ago that there were none; else 0.
 */
unsigned int cmap_resize_help(struct cmap_shard *shard)
{
	if (likely(move_some(shard, HELP_MOVES) != -EAGAIN))
		return 0;
	return may_ask(shard) ? CMAP_CHORE_POOL : 0;
}

/*
 * Make the table wanted and begin to move into it.  Returns -EXFULL if there
 * is none that would help, -EAGAIN if it must wait until others have left.
 */
static int begin(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_table *table, *new;
	bool idle, wanted;
	u8 from, to, bits;
	int err;

	spin_lock_bh(&shard->lock);
	table = cmap_shard_table_locked(shard);
	from = table->bits;
	idle = !next_locked(shard, table);
	wanted = idle && table_wanted(shard, table, &to);
	err = idle && !wanted && cmap_pool_exhausted(table) ? -EXFULL : 0;
	if (wanted && !cmap_shard_has_place(shard, to)) {
		wanted = false;
		err = -EAGAIN;
	}
	spin_unlock_bh(&shard->lock);
	if (!wanted)
		return err;

	new = cmap_table_new(shard->arena.memory, shard->arena.node, to,
			     shard->shard_bits, gfp, &err);
	if (!new)
		return err;

	spin_lock_bh(&shard->lock);
	table = cmap_shard_table_locked(shard);
	if (table->bits == from && !next_locked(shard, table) &&
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
 * Give the pool of the table that is being filled more buckets, if it is still
 * short of some: another may just have done that.
 */
static int extend_pool(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_block *block;
	struct cmap_table *new;
	u8 pool_bits = 0;
	int err;

	spin_lock_bh(&shard->lock);
	err = move_some(shard, 1);
	if (err == -EAGAIN) {
		new = next_locked(shard, cmap_shard_table_locked(shard));
		pool_bits = new->pool_bits;
		if (new->pool_chunks == new->pool_chunks_max)
			err = -EXFULL;
	}
	spin_unlock_bh(&shard->lock);
	if (err != -EAGAIN)
		return min(err, 0);

	block = cmap_pool_prepare(shard->arena.memory, shard->arena.node,
				  pool_bits, gfp, &err);
	if (!block)
		return err;

	spin_lock_bh(&shard->lock);
	new = next_locked(shard, cmap_shard_table_locked(shard));
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
		spin_lock_bh(&shard->lock);
		err = move_some(shard, WORK_MOVES);
		spin_unlock_bh(&shard->lock);
		if (err == -EAGAIN)
			err = extend_pool(shard, gfp) ?: 1;
		cond_resched();
	} while (err > 0);

	return err;
}

/* How many buckets have been moved; 0 without a move. */
static u32 progress(const struct cmap_shard *shard)
{
	const struct cmap_table *old = cmap_shard_table_locked(shard);

	return next_locked(shard, old) ? old->moved : 0;
}

/*
 * The work's share in moving a table.  As long as there are writes they move
 * it themselves, and may be waiting for our CPU, for as long as a time slice,
 * or for the lock: so there are pauses, and if in one of them they moved as
 * much as we would have, that is left to them, and the next one is longer: each
 * time that we come back stops one of them.  A lock that is not fair, as in many
 * virtual machines, they may not even get before there is a pause.
 *
 * The queue runs a limited number of works at once.  Somebody may have more
 * tables than that to move: so this ends after a while, though not done.
 *
 * Returns 1 if there is more to move.
 */
static int move_rest(struct cmap_shard *shard)
{
	ktime_t end = ktime_add_ms(ktime_get(), WORK_MS);
	unsigned int pause = shard->resize_pause ?: PAUSE_US;
	unsigned int holds = 0;
	u64 version = U64_MAX;
	u32 moved = 0;
	bool written;
	int err;

	do {
		spin_lock_bh(&shard->lock);
		if (progress(shard) - moved < WORK_MOVES) {
			err = move_some(shard, WORK_MOVES);
			pause = PAUSE_US;
		} else {
			err = 1;
			pause = min(2 * pause, PAUSE_US_MAX);
		}
		moved = progress(shard);
		written = version != shard->version;
		version = shard->version;
		spin_unlock_bh(&shard->lock);

		if (err == -EAGAIN)
			err = extend_pool(shard, GFP_KERNEL) ?: 1;
		if (err > 0 && (written || ++holds % WORK_HOLDS == 0))
			usleep_range(pause, 4 * pause);
		else
			cond_resched();
	} while (err > 0 && ktime_before(ktime_get(), end));
	shard->resize_pause = err > 0 ? pause : 0;

	return err;
}

static bool resize_wanted(struct cmap_shard *shard)
{
	bool wanted;
	u8 bits;

	spin_lock_bh(&shard->lock);
	wanted = table_wanted(shard, cmap_shard_table_locked(shard), &bits);
	spin_unlock_bh(&shard->lock);

	return wanted;
}

/* Whether there is no table that must wait until another has left its place. */
static bool has_place(struct cmap_shard *shard)
{
	bool has;
	u8 bits;

	spin_lock_bh(&shard->lock);
	has = !table_wanted(shard, cmap_shard_table_locked(shard), &bits) ||
	      cmap_shard_has_place(shard, bits);
	spin_unlock_bh(&shard->lock);

	return has;
}

/**
 * cmap_resize_now() - give a shard a table of the size it needs, at once
 * @shard: the shard
 * @gfp: GFP_KERNEL, GFP_NOFS or GFP_NOIO
 *
 * For a writer that found every bucket of the pool taken: by chains that are
 * empty now, or because the work that should have made a larger table long ago
 * did not get to run.  A fatal signal ends it; what has been moved stays so.
 *
 * Context: Process; no lock.
 * Return: 0, -EDQUOT, -EINTR, -ENOMEM, -ENOSPC or -EXFULL.
 */
int cmap_resize_now(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_memory *memory = shard->arena.memory;
	int err;

	while ((err = begin(shard, gfp)) == -EAGAIN)
		if (wait_var_event_killable(&memory->leaving,
					    has_place(shard)))
			return -EINTR;
	return err ?: move_all(shard, gfp);
}

/**
 * cmap_resize_lack() - how much memory cmap_resize_now() takes next
 * @shard: the shard, which has a table
 *
 * Context: The shard's lock.
 * Return: bytes, at least.
 */
u64 cmap_resize_lack(const struct cmap_shard *shard)
{
	const struct cmap_table *table = cmap_shard_table_locked(shard);
	const struct cmap_table *next = next_locked(shard, table);
	u8 bits;

	if (next)
		return cmap_pool_bytes(next);
	table_wanted(shard, table, &bits);
	return cmap_table_array_bytes(bits);
}

/* Not before that, lest each write has all of it tried again; 0: at once. */
static void try_again_after(struct cmap_shard *shard, unsigned long delay)
{
	spin_lock_bh(&shard->lock);
	WRITE_ONCE(shard->resize_after,
		   delay ? get_jiffies_64() + delay : 0);
	spin_unlock_bh(&shard->lock);
}

/*
 * Without memory this gives up: writes go on in the table there is, and one of
 * them asks again later.
 */
static void resize_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(work, struct cmap_shard,
						resize);
	struct mem_cgroup *payer = cmap_payer_memcg(shard->payer);
	struct mem_cgroup *old = set_active_memcg(payer);
	int err;

	do
		err = begin(shard, GFP_KERNEL) ?: move_rest(shard);
	while (!err && resize_wanted(shard));
	if (err > 0) {
		/* Behind all that others have to do. */
		queue_work(cmap_queue_resize, &shard->resize);
		goto out;
	}
	/* -EXFULL may be over with the next write, which looks for itself. */
	if (err != -EXFULL)
		try_again_after(shard, err ? RESIZE_DELAY : 0);
out:
	set_active_memcg(old);
	mem_cgroup_put(payer);
}

/* ---- memory for writes to come ---- */

/*
 * Have memory allocated on the bill of the writer who came upon that it will be
 * needed: he would have had to, and shall not get around a limit of his by it.
 */
static void start_ahead(struct cmap_shard *shard)
{
	struct mem_cgroup *payer =
		current->mm ? get_mem_cgroup_from_mm(current->mm) : NULL;

	mem_cgroup_put(xchg(&shard->ahead_payer, payer));
	queue_work(cmap_queue_upkeep, &shard->ahead);
}

/* Without memory this does nothing: the writer will see for himself. */
static void ahead_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(work, struct cmap_shard, ahead);
	struct mem_cgroup *payer = xchg(&shard->ahead_payer, NULL);
	struct mem_cgroup *old = set_active_memcg(payer);
	u32 class = READ_ONCE(shard->arena.ahead);
	struct cmap_refill refill;

	if (!cmap_refill_ahead(&shard->arena, class, &refill))
		cmap_refill_use(&shard->arena, &refill);
	set_active_memcg(old);
	mem_cgroup_put(payer);
}

/* ---- giving memory back ---- */

/**
 * cmap_resize_trim() - free the segments that hold nothing
 * @shard: the shard
 * @freed: set to true if anything was freed
 *
 * Context: Process; no lock.
 * Return: true if there are more that wait for a grace period.
 */
bool cmap_resize_trim(struct cmap_shard *shard, bool *freed)
{
	LIST_HEAD(detached);
	bool pending = false;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&shard->lock);
		pending |= cmap_arena_trim(&shard->arena, &from, TRIM_SEGMENTS,
					   &detached);
		spin_unlock_bh(&shard->lock);
		cond_resched();
	}

	*freed |= !list_empty(&detached);
	cmap_arena_free_detached(&detached);

	return pending;
}

/**
 * cmap_resize_reclaim() - free what a writer that lacks memory can have
 * @shard: the shard
 * @freed: set to true if anything was freed
 *
 * Context: Process; no lock.
 * Return: bytes in segments that will be free after a grace period.
 */
u64 cmap_resize_reclaim(struct cmap_shard *shard, bool *freed)
{
	LIST_HEAD(detached);
	u64 pending = 0;
	u32 from = 0;

	while (from != U32_MAX) {
		spin_lock_bh(&shard->lock);
		pending += cmap_arena_reclaim(&shard->arena, &from,
					      TRIM_SEGMENTS, &detached);
		spin_unlock_bh(&shard->lock);
		cond_resched();
	}

	*freed |= !list_empty(&detached);
	cmap_arena_free_detached(&detached);
	/* The writer may give up, or be killed, before it is free. */
	if (pending)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);

	return pending;
}

/*
 * Put a copy in the place of a node, if it is an entry's.  That is so if its
 * slot can be found: what stands where the order was leads nowhere else.
 * Returns the bytes that were copied, or -ENOSPC.
 */
static int move_node(struct cmap_shard *shard, cmap_ref ref)
{
	struct cmap_arena *arena = &shard->arena;
	const struct cmap_node *node = cmap_arena_node(arena, ref);
	/* Who filled it, if it was reserved, has no lock. */
	u32 order = READ_ONCE(node->order);
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	struct cmap_slot slot;
	cmap_ref copy;
	u32 head;

	/* Reserved nodes may be there before the first entry is. */
	table = cmap_shard_table_locked(shard);
	if (!table)
		return 0;
	table = cmap_table_of(table, arena, order, &bucket, &head);
	if (!cmap_table_find_ref(table, order, ref, &slot))
		return 0;
	copy = cmap_arena_copy(arena, ref);
	if (!copy)
		return -ENOSPC;

	cmap_slot_replace(&slot, copy);
	cmap_arena_retire(arena, ref);

	return cmap_node_size(cmap_node_key_len(node),
			      cmap_node_value_len(node));
}

/* Empty some of the segment that was chosen; false when done with it. */
static bool evacuate_some(struct cmap_shard *shard)
{
	int bytes = 0, looks = 0;

	while (looks++ < EVACUATE_LOOKS && bytes < EVACUATE_BYTES) {
		cmap_ref ref = cmap_arena_evacuate_next(&shard->arena);
		int moved = ref ? move_node(shard, ref) : -ENOENT;

		if (moved < 0)
			return false;
		bytes += moved;
	}

	return true;
}

/*
 * Who was killed leaves the segment that was chosen to be used again, and what
 * has been emptied to the work.
 */
static u64 stop_evacuation(struct cmap_shard *shard)
{
	u64 emptied;

	spin_lock_bh(&shard->lock);
	emptied = cmap_arena_evacuate_end(&shard->arena);
	spin_unlock_bh(&shard->lock);
	queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);

	return emptied;
}

/**
 * cmap_resize_evacuate() - empty segments that are sparsely used
 * @shard: the shard
 * @share: live nodes that they may have, in eighths
 * @bytes: how much to empty
 * @urgent: for a writer that lacks memory; else only where too much is idle,
 *	and with pauses
 *
 * Their nodes go to others of their class.
 *
 * Context: Process; no lock.
 * Return: bytes in segments that will be free after a grace period.
 */
u64 cmap_resize_evacuate(struct cmap_shard *shard, u32 share, u64 bytes,
			 bool urgent)
{
	struct cmap_arena *arena = &shard->arena;
	unsigned int holds = 0;
	u64 emptied = 0;
	u32 from = 0;

	while (from != U32_MAX && emptied < bytes &&
	       !fatal_signal_pending(current)) {
		bool chosen;

		spin_lock_bh(&shard->lock);
		chosen = cmap_arena_evacuate(arena, &from, TRIM_SEGMENTS, share,
					     urgent);
		if (chosen && !evacuate_some(shard))
			emptied += cmap_arena_evacuate_end(arena);
		spin_unlock_bh(&shard->lock);

		if (chosen && !urgent && ++holds % WORK_HOLDS == 0)
			usleep_range(PAUSE_US, 4 * PAUSE_US);
		else
			cond_resched();
	}
	if (fatal_signal_pending(current))
		emptied += stop_evacuation(shard);

	return emptied;
}

/*
 * Where too many nodes are free, and were so a while ago, segments are emptied
 * of which no more than half is live: so less is copied than is freed.
 */
static void trim_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(to_delayed_work(work),
						struct cmap_shard, trim);
	bool freed = false, sparse, again;

	again = cmap_resize_trim(shard, &freed);

	spin_lock_bh(&shard->lock);
	sparse = cmap_arena_sparse(&shard->arena);
	spin_unlock_bh(&shard->lock);
	if (sparse && shard->sparse)
		again |= !!cmap_resize_evacuate(shard, UPKEEP_SHARE, U64_MAX,
						false);
	else
		again |= sparse;
	shard->sparse = sparse;

	if (again)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);
}

/* ---- chores: what a write leaves to be done outside the lock ---- */

/**
 * cmap_chores() - see what a shard needs done
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: CMAP_CHORE_*, for cmap_chores_start().
 */
unsigned int cmap_chores(struct cmap_shard *shard)
{
	struct cmap_table *table = cmap_shard_table_locked(shard);
	unsigned int chores = 0;
	u8 bits;

	if (table && table_wanted(shard, table, &bits) &&
	    !next_locked(shard, table) && may_ask(shard))
		chores |= CMAP_CHORE_RESIZE;
	if (shard->arena.untidy) {
		shard->arena.untidy = false;
		chores |= CMAP_CHORE_TRIM;
	}
	if (shard->arena.short_soon) {
		shard->arena.short_soon = false;
		chores |= CMAP_CHORE_AHEAD;
	}

	return chores;
}

/*
 * What we do not get the work may; and where it has given up, it goes on when
 * we do.
 */
static void ask_for_pool(struct cmap_shard *shard, gfp_t gfp)
{
	int err = extend_pool(shard, gfp);

	if (err || READ_ONCE(shard->resize_after)) {
		try_again_after(shard, err ? RESIZE_DELAY : 0);
		queue_work(cmap_queue_resize, &shard->resize);
	}
}

/**
 * cmap_chores_start() - do, or have done, what a shard needs
 * @shard: the shard
 * @chores: CMAP_CHORE_*
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Small tables are made on the spot, by whoever pays for them; clearing the
 * pages of a large one would take a writer too long.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_chores_start(struct cmap_shard *shard, unsigned int chores,
		       gfp_t gfp)
{
	bool small;

	if (chores & CMAP_CHORE_TRIM)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);
	/* In a softirq nobody is there who could pay. */
	if (chores & CMAP_CHORE_AHEAD && gfpflags_allow_blocking(gfp))
		start_ahead(shard);
	if (chores & CMAP_CHORE_POOL)
		ask_for_pool(shard, gfp);
	if (!(chores & CMAP_CHORE_RESIZE))
		return;

	rcu_read_lock();
	small = rcu_dereference(shard->table)->bits <= WRITER_BITS_MAX;
	rcu_read_unlock();

	/* Even if the work is queued: who knows when it gets to run. */
	if (small)
		begin(shard, gfp);
	queue_work(cmap_queue_resize, &shard->resize);
}

/**
 * cmap_resize_init() - make a shard's works
 * @shard: the shard
 *
 * Context: Any.
 */
void cmap_resize_init(struct cmap_shard *shard)
{
	INIT_WORK(&shard->resize, resize_work);
	INIT_WORK(&shard->ahead, ahead_work);
	INIT_DELAYED_WORK(&shard->trim, trim_work);
}

/**
 * cmap_resize_close() - end the work on a shard that nobody uses any more
 * @shard: the shard
 *
 * Context: Process.
 */
void cmap_resize_close(struct cmap_shard *shard)
{
	/* The resize can ask for a trim, not the other way round. */
	cancel_work_sync(&shard->resize);
	cancel_work_sync(&shard->ahead);
	mem_cgroup_put(shard->ahead_payer);
	shard->ahead_payer = NULL;
	cancel_delayed_work_sync(&shard->trim);
	if (shard->arena.view)
		cancel_work_sync(&shard->arena.view->reveal);
}
