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
#define STASH_NODES		64	/* given back per lock hold */
#define RESIZE_DELAY		(HZ / 10)	/* after a resize that failed */

static u32 buckets_moved(struct cmap_shard *shard)
{
	u32 moved;

	cmap_lock_bh(&shard->lock);
	moved = cmap_migrate_moved(shard);
	spin_unlock_bh(&shard->lock);

	return moved;
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
		if (buckets_moved(shard) - moved < WORK_MOVES) {
			err = cmap_migrate_some(shard, 0, WORK_MOVES);
			pause = PAUSE_US;
		} else {
			err = 1;
			pause = min(2 * pause, PAUSE_US_MAX);
		}
		moved = buckets_moved(shard);
		written = version != cmap_shard_versions(shard);
		version = cmap_shard_versions(shard);

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

static bool may_ask(struct cmap_shard *shard)
{
	bool may;

	cmap_lock_bh(&shard->lock);
	may = cmap_migrate_may_ask(shard);
	spin_unlock_bh(&shard->lock);

	return may;
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
	do {
		cmap_migrate_settle(shard);
		err = cmap_migrate_begin(shard, GFP_KERNEL) ?: move_rest(shard);
		cmap_migrate_settle(shard);
	} while (!err && cmap_migrate_wanted(shard));
	if (err > 0) {
		/* The work queues behind all others. */
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
		goto out;
	}
	if (!err)
		cmap_migrate_split(shard, GFP_KERNEL);
	/*
	 * -EXFULL may no longer hold after the next write, which checks again.  A delay
	 * that is over would have all writes ask.
	 */
	if (err != -EXFULL)
		try_again_after(shard, err ? RESIZE_DELAY : 0);
	else if (may_ask(shard))
		try_again_after(shard, 0);
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

/* Have the stashes looked after. */
static void ask_for_upkeep(struct cmap_shard *shard)
{
	queue_delayed_work(cmap_queue_upkeep, &shard->trim, TRIM_DELAY);
}

/* Have the trim look at all segments, too. */
static void ask_for_trim(struct cmap_shard *shard)
{
	WRITE_ONCE(shard->trim_due, 1);
	ask_for_upkeep(shard);
}

/*
 * Give back some of what a stripe has stashed beyond what it may keep.  Returns how many
 * nodes.  @all: also those that readers may be in.  @left: set to true if it has any left.
 */
static u32 shrink_stash(struct cmap_shard *shard, u32 nth, u64 keep, bool all,
			bool *left)
{
	struct cmap_stripe *stripe = cmap_shard_lock_nth(shard, nth);
	u32 count = 0;

	if (stripe->stash.count > keep)
		count = min_t(u64, stripe->stash.count - keep, STASH_NODES);
	if (count || stripe->reuses) {
		cmap_lock(&shard->lock);
		shard->arena.allocs += stripe->reuses;
		shard->arena.reuses += stripe->reuses;
		WRITE_ONCE(stripe->reuses, 0);
		count = cmap_stash_empty(&shard->arena, &stripe->stash, count, all);
		spin_unlock(&shard->lock);
	}
	*left |= stripe->stash.count;
	spin_unlock_bh(&stripe->lock);

	return count;
}

/* Give back what stripes have stashed, and have them stash none for some jiffies. */
static int unstash(struct cmap_shard *shard, gfp_t gfp, unsigned long time)
{
	bool patient = gfpflags_allow_blocking(gfp);
	bool left = false, given = false;
	u32 i, count;

	cmap_stash_scarce(&shard->arena, time);
	for (i = 0; i < cmap_shard_stripes(shard) && (patient || !given); i++) {
		do {
			count = shrink_stash(shard, i, 0, patient, &left);
			given |= count;
			if (patient)
				cond_resched();
			/* Fewer: it was empty then.  Its writers may stash again soon. */
		} while (patient && count == STASH_NODES);
	}
	if (!given)
		return left ? -EAGAIN : 0;
	ask_for_trim(shard);

	return 1;
}

/**
 * cmap_maintain_unstash() - have all free nodes of a shard where writers share them
 * @shard: the shard
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * From here on until memory is no longer scarce, its stripes stash no nodes.  If
 * sleeping is not allowed, only some nodes are given back at once, and of these none that
 * readers may be in: the grace period that those wait for would begin anew.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 1 if nodes were given back; -EAGAIN if none were, but some can be after a grace
 * period; else 0.
 */
int cmap_maintain_unstash(struct cmap_shard *shard, gfp_t gfp)
{
	return unstash(shard, gfp, CMAP_SCARCE);
}

/*
 * Give back what stripes have stashed and will not need before the next run.  They do
 * not need more than the shard had writes since the last one.  Returns true if there are
 * stashed ones.
 */
static bool upkeep_stashes(struct cmap_shard *shard)
{
	u64 versions = cmap_shard_versions(shard);
	u64 writes = (versions - shard->written) >>
		     (shard->shard_bits + shard->stripe_bits);
	bool left = false;
	u32 i, count;

	shard->written = versions;
	/* Who stashes a node after its stripe has been looked at sets this again. */
	WRITE_ONCE(shard->arena.stashed, false);
	for (i = 0; i < cmap_shard_stripes(shard); i++) {
		do {
			count = shrink_stash(shard, i, writes, true, &left);
			cond_resched();
		} while (count);
	}
	if (left)
		WRITE_ONCE(shard->arena.stashed, true);

	return left;
}

/* Whether there is something for the trim to do that it was not asked to do yet. */
static bool needs_trim(struct cmap_shard *shard)
{
	bool needs;

	cmap_lock_bh(&shard->lock);
	needs = shard->arena.needs_trim;
	WRITE_ONCE(shard->arena.needs_trim, false);
	spin_unlock_bh(&shard->lock);

	return needs;
}

/**
 * cmap_maintain_pause() - let writers take locks between two holds of them
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
 * @own: the writer's map is the shard's.  Else its stripes stash nodes again at once: their
 *	writers need not suffer from a limit that others have reached
 * @freed: set to true if anything was freed
 *
 * Context: Process; no lock.
 * Return: bytes in segments that will be free after a grace period.
 */
u64 cmap_maintain_reclaim(struct cmap_shard *shard, bool own, bool *freed)
{
	LIST_HEAD(detached);
	u64 pending = 0;
	u32 from = 0;

	unstash(shard, GFP_KERNEL, own ? CMAP_SCARCE : CMAP_SCARCE_ELSEWHERE);
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
		ask_for_trim(shard);

	return pending;
}

/*
 * Move an entry's node, unless its segment is no longer the chosen one.  All of it is one
 * hold of the shard's lock: a segment gets a new number after the last of its nodes was
 * moved.  Without a node for the copy, the others stay where they are, too.  Returns as
 * move_node() does.
 */
static u32 copy_node(struct cmap_shard *shard, struct cmap_stripe *stripe,
		     struct cmap_change *change)
{
	struct cmap_arena *arena = &shard->arena;

	lockdep_assert_held(&shard->lock);

	if (!cmap_arena_evacuates(arena, change->old_ref))
		return 0;
	change->old = cmap_arena_node(arena, change->old_ref);
	change->ref = cmap_arena_copy(arena, change->old_ref);
	if (!change->ref) {
		cmap_arena_evacuate_stop(arena);
		return 0;
	}
	cmap_commit_locked(shard, stripe, CMAP_CHANGE_MOVE, change);

	return cmap_node_bytes(change->old);
}

/*
 * Move a node to another segment, if it is an entry's.  It is one if a slot
 * refers to it: in other nodes the word at the place of the high half leads to no
 * such slot.  Returns the bytes copied.
 */
static u32 move_node(struct cmap_shard *shard, cmap_ref ref, u32 high)
{
	struct cmap_stripe *stripe = cmap_shard_lock(shard, high);
	struct cmap_arena *arena = &shard->arena;
	struct cmap_change change = { .old_ref = ref };
	struct cmap_slot slot;
	u32 bytes = 0;
	bool found;

	change.slot = &slot;
	found = cmap_shard_find_ref(shard, stripe, high, ref, &slot);

	cmap_lock(&shard->lock);
	if (found)
		bytes = copy_node(shard, stripe, &change);
	cmap_arena_evacuate_moved(arena);
	spin_unlock(&shard->lock);
	spin_unlock_bh(&stripe->lock);
	return bytes;
}

/*
 * Choose the next node to be moved, and the stripe that it would be in.  If none is left,
 * finish with the segment.  All of it is one hold of the shard's lock, or another segment
 * could be finished with.  Returns 0 if a node is chosen, -EBUSY if the last ones are still
 * being moved, or -ENOENT, also if another one has finished.  @emptied: then set to the
 * bytes of a segment that will be free after a grace period.
 */
static int choose_node(struct cmap_shard *shard, cmap_ref *ref, u32 *high, u64 *emptied)
{
	struct cmap_arena *arena = &shard->arena;
	int err = 0;

	cmap_lock_bh(&shard->lock);
	*ref = cmap_arena_evacuate_next(arena);
	/* A reserved node is filled without a lock. */
	if (*ref)
		*high = READ_ONCE(cmap_arena_node(arena, *ref)->hash_high);
	else if (arena->victim && arena->victim_movers)
		err = -EBUSY;
	else
		err = -ENOENT;
	if (err == -ENOENT)
		*emptied = cmap_arena_evacuate_end(arena);
	spin_unlock_bh(&shard->lock);

	return err;
}

/*
 * Move some nodes out of the chosen segment.  Returns as choose_node() does.  The
 * segment may be another one's choice meanwhile: then its nodes are moved for that.
 */
static int evacuate_some(struct cmap_shard *shard, u64 *emptied)
{
	u32 bytes = 0, looks = 0;
	int err = 0;

	while (!err && looks++ < EVACUATE_LOOKS && bytes < EVACUATE_BYTES) {
		cmap_ref ref;
		u32 high;

		err = choose_node(shard, &ref, &high, emptied);
		if (!err)
			bytes += move_node(shard, ref, high);
	}

	return err;
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
	ask_for_trim(shard);

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

	/*
	 * A node that is stashed cannot be moved.  The upkeep leaves such nodes where they
	 * are: a segment with one of them is emptied later.
	 */
	if (urgent)
		cmap_maintain_unstash(shard, GFP_KERNEL);
	while (from != U32_MAX && emptied < bytes &&
	       !fatal_signal_pending(current)) {
		u64 bytes_now = 0;
		bool chosen;
		int err = 0;

		if (urgent)
			cmap_stash_scarce(arena, CMAP_SCARCE);
		cmap_lock_bh(&shard->lock);
		chosen = cmap_arena_evacuate(arena, &from, TRIM_SEGMENTS, share,
					     urgent, later);
		spin_unlock_bh(&shard->lock);
		if (chosen)
			err = evacuate_some(shard, &bytes_now);
		/* There is no node left for copies, or writers hold some of the nodes. */
		if (err == -ENOENT && !bytes_now)
			*later = true;
		emptied += bytes_now;

		/* Let those run that move the last nodes, whatever their priority. */
		if (err == -EBUSY)
			usleep_range(PAUSE_US, 4 * PAUSE_US);
		else if (chosen && !urgent)
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
	bool stashed = upkeep_stashes(shard);
	bool sparse, again, later = false;

	/*
	 * To look at all segments takes long.  If none became empty, and not too many
	 * nodes free, do not.
	 */
	if (!(xchg(&shard->trim_due, 0) | needs_trim(shard))) {
		if (stashed)
			ask_for_upkeep(shard);
		return;
	}
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
		ask_for_trim(shard);
	else if (stashed)
		ask_for_upkeep(shard);
}

/* ---- pending work: what a write leaves to be done outside the lock ---- */

/**
 * cmap_pending() - what work is pending in a shard
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: CMAP_PENDING_*, for cmap_pending_start().
 */
unsigned int cmap_pending(struct cmap_shard *shard)
{
	unsigned int pending = 0;

	lockdep_assert_held(&shard->lock);

	if (cmap_migrate_due(shard))
		pending |= CMAP_PENDING_RESIZE;
	if (READ_ONCE(shard->arena.needs_trim)) {
		WRITE_ONCE(shard->arena.needs_trim, false);
		pending |= CMAP_PENDING_TRIM;
	}
	if (READ_ONCE(shard->arena.needs_upkeep)) {
		WRITE_ONCE(shard->arena.needs_upkeep, false);
		pending |= CMAP_PENDING_UPKEEP;
	}
	if (shard->arena.below_low_watermark) {
		WRITE_ONCE(shard->arena.below_low_watermark, false);
		pending |= CMAP_PENDING_AHEAD;
	}

	return pending;
}

/**
 * cmap_pending_tell() - tell a shard how many entries a stripe has, and get pending work
 * @shard: the shard
 * @stripe: one of its stripes
 *
 * Context: The stripe's lock, not the shard's.
 * Return: CMAP_PENDING_*, for cmap_pending_start().
 */
unsigned int cmap_pending_tell(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	unsigned int pending;

	lockdep_assert_held(&stripe->lock);

	cmap_lock(&shard->lock);
	cmap_migrate_tell(shard, stripe);
	pending = cmap_pending(shard);
	spin_unlock(&shard->lock);

	return pending;
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
 * Context: Any.
 */
void cmap_pending_queue(struct cmap_shard *shard, unsigned int pending)
{
	if (pending & CMAP_PENDING_TRIM)
		ask_for_trim(shard);
	else if (pending & CMAP_PENDING_UPKEEP)
		ask_for_upkeep(shard);
	if (pending & CMAP_PENDING_RESIZE)
		queue_delayed_work(cmap_queue_resize, &shard->resize, 0);
}

/**
 * cmap_pending_hand_over() - have a shard's works do what is pending after a removal
 * @shard: the shard
 * @stripe: the stripe that has lost an entry
 *
 * Whoever removes an entry that has expired need not be its writer, and does not pay.
 *
 * Context: The stripe's lock, not the shard's.
 */
void cmap_pending_hand_over(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	unsigned int pending = cmap_pending_tell(shard, stripe);

	if (pending)
		cmap_pending_queue(shard, pending);
}

/**
 * cmap_pending_start() - do pending work, or have it done
 * @shard: the shard
 * @nth: the writer's stripe
 * @pending: CMAP_PENDING_*
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * A small table is allocated here, by the writer that pays for it.  Clearing
 * the pages of a large one would delay the writer for too long.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_pending_start(struct cmap_shard *shard, u32 nth, unsigned int pending,
			gfp_t gfp)
{
	bool small;

	/* In a softirq there is no task that could pay. */
	if (pending & CMAP_PENDING_AHEAD && gfpflags_allow_blocking(gfp))
		start_ahead(shard);
	if (pending & CMAP_PENDING_MOVE &&
	    cmap_migrate_some(shard, nth, ASSIST_MOVES) == -EAGAIN &&
	    may_ask(shard))
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
