// SPDX-License-Identifier: GPL-2.0
#include "maintain.h"
#include "alloc.h"
#include "commit.h"
#include "evacuate.h"
#include "layout.h"
#include "lock.h"
#include "migrate.h"
#include "queue.h"
#include "refill.h"
#include "trim.h"

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#define ASSIST_MOVES		2	/* by each write */
#define WORK_MOVES		16	/* per lock hold of the work */
#define WORK_HOLDS		8	/* after which it pauses in any case */
#define PAUSE_US		100	/* shortest pause of the work */
#define PAUSE_US_MAX		3200	/* longest, while writers move enough */
#define WORK_MS			10	/* before it lets other works run */
#define WRITER_BITS_MAX		9	/* largest table that a writer allocates */
#define TRIM_SEGMENTS		256	/* per lock hold */
#define TRIM_DELAY		(HZ / 10)
#define EVACUATE_LOOKS		64	/* at nodes, per lock hold */
#define EVACUATE_BYTES		SZ_16K	/* copied per lock hold, or one node */
#define UPKEEP_SHARE		4	/* eighths that may be live: see trim_work() */
#define RESIZE_DELAY		(HZ / 10)	/* after a resize that failed */

/* How many buckets have been moved; 0 without a move. */
static u32 buckets_moved(const struct cmap_shard *shard)
{
	const struct cmap_table *old = cmap_shard_table_locked(shard);

	return cmap_shard_next_locked(shard, old) ? old->moved : 0;
}

/*
 * The work's share in moving a table.  Writers move buckets too and compete
 * with us for CPU and lock.  Pause between holds; if they moved enough
 * meanwhile, do nothing and double the pause.  The pause also helps where locks
 * are not fair, as in many virtual machines: without it writers may never get
 * the lock.
 *
 * The queue runs a limited number of works at once, and one user may have more
 * tables than that to move.  So this returns after WORK_MS even if it is not
 * done.
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
		cmap_lock_bh(&shard->lock);
		if (buckets_moved(shard) - moved < WORK_MOVES) {
			err = cmap_migrate_some(shard, WORK_MOVES);
			pause = PAUSE_US;
		} else {
			err = 1;
			pause = min(2 * pause, PAUSE_US_MAX);
		}
		moved = buckets_moved(shard);
		written = version != shard->version;
		version = shard->version;
		spin_unlock_bh(&shard->lock);

		if (err == -EAGAIN)
			err = cmap_migrate_extend_pool(shard, GFP_KERNEL) ?: 1;
		if (err > 0 && (written || ++holds % WORK_HOLDS == 0))
			usleep_range(pause, 4 * pause);
		else
			cond_resched();
	} while (err > 0 && ktime_before(ktime_get(), end));
	shard->resize_pause = err > 0 ? pause : 0;

	return err;
}

/* Delay the next try, or else each write would cause one. 0: no delay. */
static void try_again_after(struct cmap_shard *shard, unsigned long delay)
{
	cmap_lock_bh(&shard->lock);
	WRITE_ONCE(shard->resize_after,
		   delay ? get_jiffies_64() + delay : 0);
	spin_unlock_bh(&shard->lock);
}

/*
 * Memory settings of a work.  It starts no I/O: reclaim may wait for a writer,
 * that for the destruction of a map, and that for this work.  If an allocation
 * fails, the work can go on without it.
 */
struct duty {
	struct mem_cgroup *payer;
	struct mem_cgroup *old;
	unsigned int noio;
};

static void duty_begin(struct duty *duty, struct mem_cgroup *payer)
{
	duty->payer = payer;
	duty->old = set_active_memcg(payer);
	duty->noio = memalloc_noio_save();
}

static void duty_end(const struct duty *duty)
{
	memalloc_noio_restore(duty->noio);
	set_active_memcg(duty->old);
	mem_cgroup_put(duty->payer);
}

/*
 * If there is no memory, this gives up.  Writes go on in the present table, and
 * one of them asks again later.
 */
static void resize_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(to_delayed_work(work),
						struct cmap_shard, resize);
	struct duty duty;
	int err;

	duty_begin(&duty, cmap_payer_memcg(shard->payer));
	do
		err = cmap_migrate_begin(shard, GFP_KERNEL) ?: move_rest(shard);
	while (!err && cmap_migrate_wanted(shard));
	if (err > 0) {
		/* The work queues behind all others. */
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
		goto out;
	}
	/* -EXFULL may no longer hold after the next write, which checks again. */
	if (err != -EXFULL)
		try_again_after(shard, err ? RESIZE_DELAY : 0);
	/*
	 * Tables that are leaving take all places, for some grace periods.  This
	 * does not need a write to be tried again: there may not be any.
	 */
	if (err == -EAGAIN)
		queue_delayed_work(cmap_queue_resize, &shard->resize,
				   RESIZE_DELAY);
out:
	duty_end(&duty);
}

/* ---- memory for writes to come ---- */

/*
 * Charge the memory cgroup of the writer that hit the low-water mark, so that
 * it cannot escape its limit through the worker.
 */
static void start_ahead(struct cmap_shard *shard)
{
	struct mem_cgroup *payer =
		current->mm ? get_mem_cgroup_from_mm(current->mm) : NULL;

	mem_cgroup_put(xchg(&shard->ahead_payer, payer));
	queue_work(cmap_queue_upkeep, &shard->ahead);
}

/*
 * If there is no memory, this does nothing.  The writer will then allocate
 * itself.
 */
static void ahead_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(work, struct cmap_shard, ahead);
	u32 class = READ_ONCE(shard->arena.ahead);
	struct cmap_refill refill;
	struct duty duty;

	duty_begin(&duty, xchg(&shard->ahead_payer, NULL));
	if (!cmap_refill_ahead(&shard->arena, class, &refill))
		cmap_refill_use(&shard->arena, &refill);
	duty_end(&duty);
}

/* ---- giving memory back ---- */

/**
 * cmap_maintain_pause() - let writers take a shard's lock between two holds of it
 * @holds: how often this was called; 0 at first
 *
 * Locks are not fair everywhere, see move_rest(), so now and then this sleeps.
 *
 * Context: Process; no lock.
 */
void cmap_maintain_pause(unsigned int *holds)
{
	if (++*holds % WORK_HOLDS == 0)
		usleep_range(PAUSE_US, 4 * PAUSE_US);
	else
		cond_resched();
}

/**
 * cmap_maintain_trim() - free the segments without live nodes
 * @shard: the shard
 *
 * Context: Process; no lock.
 * Return: true if there are more that wait for a grace period.
 */
bool cmap_maintain_trim(struct cmap_shard *shard)
{
	LIST_HEAD(detached);
	bool pending = false;
	u32 from = 0;

	while (from != U32_MAX) {
		cmap_lock_bh(&shard->lock);
		pending |= cmap_arena_trim(&shard->arena, &from, TRIM_SEGMENTS,
					   &detached);
		spin_unlock_bh(&shard->lock);
		cond_resched();
	}

	cmap_arena_free_detached(&detached);

	return pending;
}

/**
 * cmap_maintain_reclaim() - free memory for a writer that lacks some
 * @shard: the shard
 * @freed: set to true if anything was freed
 *
 * Context: Process; no lock.
 * Return: bytes in segments that will be free after a grace period.
 */
u64 cmap_maintain_reclaim(struct cmap_shard *shard, bool *freed)
{
	LIST_HEAD(detached);
	u64 pending = 0;
	u32 from = 0;

	while (from != U32_MAX) {
		cmap_lock_bh(&shard->lock);
		pending += cmap_arena_reclaim(&shard->arena, &from,
					      TRIM_SEGMENTS, &detached);
		spin_unlock_bh(&shard->lock);
		cond_resched();
	}

	*freed |= !list_empty(&detached);
	cmap_arena_free_detached(&detached);
	/* The writer may give up or be killed before the memory is free. */
	if (pending)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);

	return pending;
}

/*
 * Move a node to another segment, if it is an entry's.  It is one if a slot
 * refers to it: in other nodes the word at the place of the high leads to no
 * such slot.  Returns the bytes copied, or -ENOSPC.
 */
static int move_node(struct cmap_shard *shard, cmap_ref ref)
{
	struct cmap_arena *arena = &shard->arena;
	struct cmap_node *node = cmap_arena_node(arena, ref);
	/* A reserved node is filled without the lock. */
	u32 high = READ_ONCE(node->hash_high);
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	struct cmap_slot slot;
	struct cmap_change change = {
		.slot = &slot, .old = node, .old_ref = ref,
	};
	u32 head;

	/* Nodes can be reserved before the shard has a table. */
	table = cmap_shard_table_locked(shard);
	if (!table)
		return 0;
	table = cmap_table_of(table, arena, high, &bucket, &head);
	if (!cmap_table_find_ref(table, high, ref, &slot))
		return 0;
	change.ref = cmap_arena_copy(arena, ref);
	if (!change.ref)
		return -ENOSPC;

	cmap_commit_locked(shard, CMAP_CHANGE_MOVE, &change);

	return cmap_node_bytes(node);
}

/* Move some nodes out of the chosen segment.  Returns false when done with it. */
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
 * After a fatal signal: let the chosen segment be used again, and leave emptied
 * ones to the trim work.
 */
static u64 stop_evacuation(struct cmap_shard *shard)
{
	u64 emptied;

	cmap_lock_bh(&shard->lock);
	emptied = cmap_arena_evacuate_end(&shard->arena);
	spin_unlock_bh(&shard->lock);
	queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);

	return emptied;
}

/**
 * cmap_maintain_evacuate() - empty segments that are sparsely used
 * @shard: the shard
 * @share: live nodes that they may have, in eighths
 * @bytes: how much to empty
 * @urgent: for a writer that lacks memory; else only where too much is idle,
 *	and with pauses
 * @later: set to true if one was found that can be emptied after a grace period
 *
 * Their nodes go to others of their class.
 *
 * Context: Process; no lock.
 * Return: bytes in segments that will be free after a grace period.
 */
u64 cmap_maintain_evacuate(struct cmap_shard *shard, u32 share, u64 bytes,
			   bool urgent, bool *later)
{
	struct cmap_arena *arena = &shard->arena;
	unsigned int holds = 0;
	u64 emptied = 0;
	u32 from = 0;

	while (from != U32_MAX && emptied < bytes &&
	       !fatal_signal_pending(current)) {
		bool chosen;

		cmap_lock_bh(&shard->lock);
		chosen = cmap_arena_evacuate(arena, &from, TRIM_SEGMENTS, share,
					     urgent, later);
		if (chosen && !evacuate_some(shard)) {
			u64 bytes_now = cmap_arena_evacuate_end(arena);

			/*
			 * There is no node left for copies, or writers hold
			 * some of the nodes.
			 */
			*later |= !bytes_now;
			emptied += bytes_now;
		}
		spin_unlock_bh(&shard->lock);

		if (chosen && !urgent)
			cmap_maintain_pause(&holds);
		else
			cond_resched();
	}
	if (fatal_signal_pending(current))
		emptied += stop_evacuation(shard);

	return emptied;
}

/*
 * If too many nodes are free now and were so at the last run, empty sparse
 * segments.  At most half of such a segment is live, so less is copied than
 * freed.
 */
static void trim_work(struct work_struct *work)
{
	struct cmap_shard *shard = container_of(to_delayed_work(work),
						struct cmap_shard, trim);
	bool sparse, again, later = false;

	again = cmap_maintain_trim(shard);

	cmap_lock_bh(&shard->lock);
	sparse = cmap_arena_sparse(&shard->arena);
	spin_unlock_bh(&shard->lock);
	if (sparse && shard->sparse)
		again |= !!cmap_maintain_evacuate(shard, UPKEEP_SHARE, U64_MAX,
						  false, &later);
	else
		again |= sparse;
	shard->sparse = sparse;

	if (again)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);
}

/* ---- pending work: what a write leaves to be done outside the lock ---- */

static __always_inline unsigned int pending_locked(struct cmap_shard *shard)
{
	unsigned int pending = 0;

	lockdep_assert_held(&shard->lock);

	if (cmap_migrate_due(shard))
		pending |= CMAP_PENDING_RESIZE;
	if (shard->arena.needs_trim) {
		shard->arena.needs_trim = false;
		pending |= CMAP_PENDING_TRIM;
	}
	if (shard->arena.below_low_watermark) {
		shard->arena.below_low_watermark = false;
		pending |= CMAP_PENDING_AHEAD;
	}

	return pending;
}

/**
 * cmap_pending() - what work is pending in a shard
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: CMAP_PENDING_*, for cmap_pending_start().
 */
unsigned int cmap_pending(struct cmap_shard *shard)
{
	lockdep_assert_held(&shard->lock);

	return pending_locked(shard);
}

/**
 * cmap_pending_assist() - move a writer's share of a table; get pending work
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: CMAP_PENDING_*, for cmap_pending_start().
 */
unsigned int cmap_pending_assist(struct cmap_shard *shard)
{
	const struct cmap_table *table = cmap_shard_table_locked(shard);
	unsigned int pending = 0;

	lockdep_assert_held(&shard->lock);

	if (table && unlikely(cmap_shard_next_locked(shard, table)) &&
	    cmap_migrate_some(shard, ASSIST_MOVES) == -EAGAIN &&
	    cmap_migrate_may_ask(shard))
		pending = CMAP_PENDING_POOL;
	return pending | pending_locked(shard);
}

/*
 * If allocation fails here, the work tries.  If the work had given up, our
 * success restarts it.
 */
static void ask_for_pool(struct cmap_shard *shard, gfp_t gfp)
{
	int err = cmap_migrate_extend_pool(shard, gfp);

	if (err || READ_ONCE(shard->resize_after)) {
		try_again_after(shard, err ? RESIZE_DELAY : 0);
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
	}
}

/**
 * cmap_pending_queue() - have pending work done by the shard's works
 * @shard: the shard
 * @pending: CMAP_PENDING_*
 *
 * This is for callers that must not pay for memory, as they are not the writers.
 *
 * Context: Process or softirq.
 */
void cmap_pending_queue(struct cmap_shard *shard, unsigned int pending)
{
	if (pending & CMAP_PENDING_TRIM)
		queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);
	if (pending & CMAP_PENDING_RESIZE)
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
}

/**
 * cmap_pending_start() - do pending work, or have it done
 * @shard: the shard
 * @pending: CMAP_PENDING_*
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * A small table is allocated here, by the writer that pays for it.  Clearing
 * the pages of a large one would delay the writer for too long.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_pending_start(struct cmap_shard *shard, unsigned int pending,
			gfp_t gfp)
{
	bool small;

	/* In a softirq there is no task that could pay. */
	if (pending & CMAP_PENDING_AHEAD && gfpflags_allow_blocking(gfp))
		start_ahead(shard);
	if (pending & CMAP_PENDING_POOL)
		ask_for_pool(shard, gfp);
	if (pending & CMAP_PENDING_RESIZE) {
		rcu_read_lock();
		small = rcu_dereference(shard->table)->bits <= WRITER_BITS_MAX;
		rcu_read_unlock();
		/* Even if the work is queued: it may not get to run soon. */
		if (small)
			cmap_migrate_begin(shard, gfp);
	}
	cmap_pending_queue(shard, pending);
}

/**
 * cmap_maintain_init() - initialize a shard's works
 * @shard: the shard
 *
 * Context: Any.
 */
void cmap_maintain_init(struct cmap_shard *shard)
{
	INIT_DELAYED_WORK(&shard->resize, resize_work);
	INIT_WORK(&shard->ahead, ahead_work);
	INIT_DELAYED_WORK(&shard->trim, trim_work);
}

/**
 * cmap_maintain_close() - stop the works of a shard that is no longer used
 * @shard: the shard
 *
 * Context: Process.
 */
void cmap_maintain_close(struct cmap_shard *shard)
{
	/* The resize can ask for a trim, not the other way round. */
	cancel_delayed_work_sync(&shard->resize);
	cancel_work_sync(&shard->ahead);
	mem_cgroup_put(shard->ahead_payer);
	shard->ahead_payer = NULL;
	cancel_delayed_work_sync(&shard->trim);
	if (shard->arena.view)
		cancel_work_sync(&shard->arena.view->reveal);
}
