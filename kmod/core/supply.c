// SPDX-License-Identifier: GPL-2.0
/*
 * A write that lacks memory is helped by the first of the reliefs that can: see
 * the list of them, reliefs[], further down.
 *
 * The write waits as long as enough memory is on its way back, until a fatal
 * signal.  It waits for no other memory, and never for the whole machine.
 */
#include "supply.h"
#include "lack.h"
#include "limits.h"
#include "map.h"
#include "maintain.h"
#include "reclaim.h"
#include "registry.h"

#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>

#define NAP_US		200	/* between two checks of a wait */
#define NAP_US_MAX	2000	/* the same, after a long wait */
#define PATIENCE_US	4000	/* before a grace period is expedited */
#define PATIENCE_US_QUEUE 1000	/* the same, if other writers queue as well */
#define WAIT_MAX	(HZ / 10)	/* before everything is examined again */
#define VAIN_MAX	16	/* tries when nothing was on its way, or helped */
#define TRIES_MAX	64	/* tries in all, even if others wrote in between */
#define LEAN_MAX	3	/* tries when the machine had no memory */
#define ROUNDS_KILLED	8	/* of a killed writer: a write lacks few things */
#define COLLECT_ROUNDS	64	/* rounds when no other task may get to run */
#define UNSTASH_MAX	16	/* times in softirq */
#define EVACUATE_SHARES	4	/* steps, from the sparsest segments on */

/**
 * struct relief - a write that lacks something, and what was tried
 * @map: the map
 * @shard: the shard
 * @write: the write
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @counted: the write is counted in &struct cmap.short_of
 * @in_line: bytes in the node for which it is registered in the queue; 0: it is not
 * @queued: the write holds the shard's supply semaphore
 * @noio: from memalloc_noio_save(), if @queued
 * @sole: the write holds the map's supply semaphore, too
 * @rounds: how often the write got something, and then lacked something again
 * @vain: how often in a row too little memory was on its way back
 * @tries: how often in all there was nothing to wait for
 * @versions: sum of the versions of all shards at the last try
 * @lean: how often the machine or the memory cgroup had no memory
 * @unstashed: how often nodes were taken out of stashes in softirq
 * @stashed: there were nodes in stashes then that wait for a grace period
 * @since: in jiffies: since when only memory that writers hold could help.  The
 *	time of waits for grace periods is left out.  0 if it never was so
 * @lack: the memory that it lacks
 * @finding: what of it was on its way back at the last look
 * @fits: the limits had room for it then
 */
struct relief {
	struct cmap *map;
	struct cmap_shard *shard;
	struct cmap_write *write;
	gfp_t gfp;
	bool counted;
	u32 in_line;
	bool queued;
	unsigned int noio;
	bool sole;
	unsigned int rounds;
	unsigned int vain;
	unsigned int tries;
	u64 versions;
	unsigned int lean;
	unsigned int unstashed;
	bool stashed;
	unsigned long since;
	struct cmap_lack lack;
	struct cmap_finding finding;
	bool fits;
};

/* What a relief returns if it cannot help, so the next one is tried. */
#define NO_HELP		1

/* The queues of a shard and of its map, in the order in which they are joined. */
enum queue_level { QUEUE_SHARD, QUEUE_MAP };

/*
 * Lockdep knows no semaphores.  One map for each level tells it what is held, so it
 * reports a wrong order and two queues of one level at a time.
 */
#ifdef CONFIG_LOCKDEP
static struct lock_class_key queue_keys[2];
static struct lockdep_map queue_maps[] = {
	STATIC_LOCKDEP_MAP_INIT("cmap_shard_supply", &queue_keys[QUEUE_SHARD]),
	STATIC_LOCKDEP_MAP_INIT("cmap_map_supply", &queue_keys[QUEUE_MAP]),
};
#endif

static struct semaphore *queue_of(struct relief *relief,
				  enum queue_level level)
{
	return level == QUEUE_SHARD ? &relief->shard->supply :
				      &relief->map->supply;
}

static void leave_queue(struct relief *relief, enum queue_level level)
{
	up(queue_of(relief, level));
	lock_map_release(&queue_maps[level]);
}

static void relief_begin(struct relief *relief, struct cmap *map,
			 struct cmap_shard *shard, struct cmap_write *write,
			 gfp_t gfp)
{
	*relief = (struct relief){
		.map = map,
		.shard = shard,
		.write = write,
		.gfp = gfp,
	};
}

static void relief_end(struct relief *relief)
{
	if (relief->in_line)
		cmap_shard_unqueue(relief->shard, relief->in_line);
	if (relief->counted)
		atomic_dec(&relief->map->short_of);
	if (relief->sole)
		leave_queue(relief, QUEUE_MAP);
	if (relief->queued) {
		leave_queue(relief, QUEUE_SHARD);
		memalloc_noio_restore(relief->noio);
	}
	relief->write->flags &= ~CMAP_WRITE_QUEUED;
}

static bool limit_reached(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* ---- waiting ---- */

/*
 * Wait until a grace period is over, or some memory has returned to an account,
 * or WAIT_MAX has passed.  If the grace period takes longer than @patience
 * microseconds, expedite it.  One wait expedites only one grace period.
 * Returns 0 or -EINTR.
 */
static int wait_for(const struct cmap_account *account, unsigned long grace,
		    unsigned int patience)
{
	s64 before = atomic64_read(&account->bytes);
	s64 all = atomic64_read(&cmap_account_all.bytes);
	u64 hurry = ktime_get_ns() + patience * NSEC_PER_USEC;
	unsigned long end = jiffies + WAIT_MAX;
	unsigned int nap = NAP_US;

	while (!poll_state_synchronize_rcu(grace) &&
	       atomic64_read(&account->bytes) >= before &&
	       atomic64_read(&cmap_account_all.bytes) >= all &&
	       time_before(jiffies, end)) {
		usleep_range_state(nap, 2 * nap, TASK_KILLABLE);
		if (fatal_signal_pending(current))
			return -EINTR;
		nap = min(nap + nap / 4, NAP_US_MAX);
		if (ktime_get_ns() < hurry)
			continue;
		start_poll_synchronize_rcu_expedited();
		hurry = U64_MAX;
	}

	return 0;
}

/* With others queued, expedite sooner. */
static unsigned int expedite_delay(const struct relief *relief)
{
	return atomic_read(&relief->map->short_of) > 1 ? PATIENCE_US_QUEUE :
							 PATIENCE_US;
}

static int wait_for_memory(const struct relief *relief)
{
	return wait_for(&relief->map->memory.account,
			start_poll_synchronize_rcu(), expedite_delay(relief));
}

/* ---- nodes ---- */

/*
 * True if this write has waited too long for memory that other writers hold.
 * They usually return it soon, but they may themselves wait for something.
 * Other writes to the map do not extend this wait.
 */
static bool hands_are_slow(struct relief *relief)
{
	if (!relief->since)
		relief->since = jiffies | 1;
	return time_after(jiffies, relief->since + CMAP_IN_HAND_MAX);
}

/* Wait for a grace period.  This time does not count towards CMAP_IN_HAND_MAX. */
static int wait_for_grace(struct relief *relief, unsigned long grace)
{
	unsigned long begin = jiffies;
	int err = wait_for(&relief->map->memory.account, grace,
			   expedite_delay(relief));

	if (relief->since)
		relief->since = (relief->since + jiffies - begin) | 1;
	return err;
}

/* A relief: wait for a node that will become free without more memory. */
static int await_node(struct relief *relief, int err)
{
	struct cmap_outlook outlook;

	if (!cmap_write_lacks_node(relief->write))
		return NO_HELP;
	outlook = cmap_shard_outlook(relief->shard, relief->write);
	if (!outlook.coming)
		return NO_HELP;
	if (outlook.waits)
		return wait_for_grace(relief, outlook.grace);
	if (cmap_hands_stuck(&relief->map->memory) || hands_are_slow(relief))
		return NO_HELP;
	usleep_range_state(NAP_US, 2 * NAP_US, TASK_KILLABLE);
	return 0;
}

/* ---- memory ---- */

/*
 * Empty sparse segments of a shard, and of other shards if that is not enough.
 * Returns the bytes that will be free after a grace period.  @later is set if
 * no segment can be emptied now, but one can after a grace period.
 */
static u64 evacuate_shards(struct cmap_shard *first, struct cmap_shard **others,
			   u32 count, u64 bytes, bool *later)
{
	u32 share, i;
	u64 emptied;

	for (share = 1; share <= EVACUATE_SHARES; share++) {
		u32 eighths = share * 8 / EVACUATE_SHARES;

		emptied = cmap_maintain_evacuate(first, eighths, bytes, true,
						 later);
		for (i = 0; i < count && emptied < bytes; i++)
			emptied += cmap_maintain_evacuate(others[i], eighths,
							  bytes - emptied, true,
							  later);
		if (emptied || fatal_signal_pending(current))
			return emptied;
	}

	return 0;
}

/*
 * Empty segments for a write.  Empty more than it lacks, as other writes will
 * follow.
 */
static u64 evacuate_for_write(struct relief *relief, u64 bytes, bool *later)
{
	struct cmap *map = relief->map;
	u64 all = atomic64_read(&map->memory.account.bytes);

	return evacuate_shards(relief->shard, map->shard, map->shards,
			       max(bytes, all / 16), later);
}

/* Changes with each write to the map. */
static u64 versions_of(const struct cmap *map)
{
	u64 versions = 0;
	u32 i;

	for (i = 0; i < map->shards; i++)
		versions += cmap_shard_versions(map->shard[i]);
	return versions;
}

/*
 * Count a failed try; true after VAIN_MAX of them.  Shards are examined one
 * after the other, so one look proves nothing.  @enough: there is enough memory
 * now; such a try only counts if no other writer wrote meanwhile, for that one
 * may have taken it.
 *
 * Other writers may write all the time, and this write may lack something that
 * none of them frees.  So the number of all tries is limited, too.
 */
static bool in_vain(struct relief *relief, bool enough)
{
	u64 versions = versions_of(relief->map);

	if (!enough || versions == relief->versions)
		relief->vain++;
	else
		usleep_range_state(NAP_US, 2 * NAP_US, TASK_KILLABLE);
	relief->versions = versions;

	return relief->vain > VAIN_MAX || ++relief->tries > TRIES_MAX;
}

/*
 * True if the write lacks a number for a segment rather than memory, and no
 * segment that is already leaving will return one.
 */
static bool numbers_spent(const struct relief *relief)
{
	return cmap_write_lacks_node(relief->write) &&
	       !cmap_memory_leaving(&relief->map->memory) &&
	       cmap_shard_spent(relief->shard, relief->write);
}

/*
 * Wait for the readers of this moment, as only what they keep can help.  A grace
 * period counts as one try in vain, however long it takes.  Returns 0 to try again,
 * the error to fail with, or -EINTR.
 */
static int wait_for_readers(struct relief *relief, int err)
{
	unsigned long grace = start_poll_synchronize_rcu();

	if (relief->vain > VAIN_MAX)
		return err;
	while (!poll_state_synchronize_rcu(grace))
		if (wait_for(&relief->map->memory.account, grace,
			     expedite_delay(relief)))
			return -EINTR;
	relief->vain++;
	return 0;
}

/*
 * A relief: free the segments without live nodes, and find out what else is on its
 * way back.  When the machine lacks memory, limits say nothing, and whatever comes
 * back may help.
 */
static int reclaim_memory(struct relief *relief, int err)
{
	struct cmap_account *account = &relief->map->memory.account;
	struct cmap_finding *finding = &relief->finding;

	if (err == -ENOMEM && relief->lean++ >= LEAN_MAX)
		return err;
	relief->lack = cmap_shard_lack(relief->shard, relief->write);
	cmap_reclaim_look(relief->map, &relief->lack,
			  cmap_shard_held_bytes(relief->shard, relief->write),
			  finding);
	if (fatal_signal_pending(current))
		return -EINTR;
	if (err == -ENOMEM && (finding->freed || finding->pending.own ||
			       atomic64_read(&account->returning) > 0))
		return finding->freed ? 0 : wait_for_memory(relief);

	relief->fits = cmap_account_fits(account, relief->lack.bytes,
					 relief->lack.headroom);
	return NO_HELP;
}

/* A relief: wait for memory on its way back to a limit that is reached. */
static int await_memory(struct relief *relief, int err)
{
	const struct cmap_finding *finding = &relief->finding;

	if (!limit_reached(err) || relief->fits)
		return NO_HELP;
	if (!finding->sure && (!finding->enough || hands_are_slow(relief)))
		return NO_HELP;
	if (finding->sure)
		relief->vain = 0;
	return wait_for_memory(relief);
}

/*
 * A relief: get a number for a segment.  Only a segment of the same shard returns
 * one.
 */
static int await_number(struct relief *relief, int err)
{
	struct cmap_shard *shard = relief->shard;
	bool freed = false, later = false;
	u64 pending;

	if (err != -ENOSPC || !numbers_spent(relief))
		return NO_HELP;
	if (evacuate_shards(shard, NULL, 0, relief->lack.bytes, &later))
		return wait_for_memory(relief);
	pending = cmap_maintain_reclaim(shard, true, &freed);
	if (freed)
		return in_vain(relief, relief->fits) ? err : 0;
	return pending || later ? wait_for_readers(relief, err) : err;
}

/* A relief: empty sparse segments, which takes free nodes. */
static int empty_segments(struct relief *relief, int err)
{
	bool later = false;

	if (relief->fits)
		return NO_HELP;
	if (evacuate_for_write(relief, relief->lack.bytes, &later))
		return wait_for_memory(relief);
	return later ? wait_for_readers(relief, err) : NO_HELP;
}

/* The last relief: try again, but not for ever. */
static int try_again(struct relief *relief, int err)
{
	return in_vain(relief, relief->fits) ? err : 0;
}

/* ---- the reliefs ---- */

/*
 * True if a write that must not sleep would have memory later.  Only its own shard
 * is examined: more would take too long in softirq.
 */
static bool memory_is_coming(const struct relief *relief)
{
	struct cmap_lack lack = cmap_shard_lack(relief->shard, relief->write);
	struct cmap_coming coming;
	u64 bytes;

	if (cmap_shard_emptying(relief->shard, relief->write, &bytes))
		return true;
	coming = (struct cmap_coming){ bytes, bytes, bytes };
	return !cmap_account_short(&relief->map->memory.account, lack.bytes,
				   lack.headroom, &coming) && !numbers_spent(relief);
}

/*
 * A relief: have the shard's free nodes where all its writers find them.  Other stripes
 * may have stashed what the write lacks.  In softirq there may be more of them than should
 * be looked at.
 */
static int empty_stashes(struct relief *relief, int err)
{
	int given;

	if (!cmap_write_lacks_node(relief->write))
		return NO_HELP;
	given = cmap_maintain_unstash(relief->shard, relief->gfp);
	relief->stashed = given == -EAGAIN;
	if (given <= 0)
		return NO_HELP;
	return gfpflags_allow_blocking(relief->gfp) ||
	       relief->unstashed++ < UNSTASH_MAX ? 0 : -EAGAIN;
}

/*
 * Decide whether waiting would help a write that must not sleep.  Returns 0 to
 * try again, or the error to fail with.
 */
static int relieve_atomic(struct relief *relief, int err)
{
	struct cmap_write *write = relief->write;
	int answer = empty_stashes(relief, err);

	if (answer != NO_HELP)
		return answer;
	/*
	 * Such a write does not queue, and takes nothing from those who do.  If there
	 * are none, it may take a larger node.
	 */
	if (write->blocked_on == CMAP_BLOCKED_ON_QUEUE) {
		write->blocked_on = CMAP_BLOCKED_ON_NODE;
		err = cmap_lack_allocate(relief->shard, write, relief->gfp) ?:
		      -EAGAIN;
	} else if (!(write->flags & CMAP_WRITE_QUEUED)) {
		write->flags |= CMAP_WRITE_QUEUED;
		return 0;
	}
	if (cmap_write_lacks_node(write) &&
	    (relief->stashed || cmap_shard_outlook(relief->shard, write).coming))
		return -EAGAIN;
	if (!limit_reached(err))
		return err;
	return memory_is_coming(relief) ? -EAGAIN : err;
}

/*
 * Wait in a queue.  Returns 0 or -EINTR.
 *
 * The queue is a semaphore because that is first come, first served.  A mutex
 * goes to any task that runs when it is released, and the waiting one may then
 * need another grace period.
 *
 * A reserved node of this write does not count as in hand while it waits.
 * Writers ahead in the queue must not wait for it, as it is returned only after
 * they are served.
 */
static int wait_in_queue(struct relief *relief, enum queue_level level)
{
	struct semaphore *queue = queue_of(relief, level);
	int err;

	lock_map_acquire(&queue_maps[level]);
	if (!down_trylock(queue))
		return 0;
	cmap_shard_hold(relief->shard, relief->write, false);
	err = down_killable(queue);
	cmap_shard_hold(relief->shard, relief->write, true);
	if (err)
		lock_map_release(&queue_maps[level]);

	return err ? -EINTR : 0;
}

/* Register a write that lacks a node, so that later ones do not overtake it. */
static void get_in_line(struct relief *relief)
{
	if (!relief->in_line && cmap_write_lacks_node(relief->write) &&
	    cmap_shard_queue(relief->shard, relief->write, 1))
		relief->in_line = cmap_write_size(relief->write);
}

static int queue_up(struct relief *relief)
{
	atomic_inc(&relief->map->short_of);
	relief->counted = true;
	get_in_line(relief);
	if (wait_in_queue(relief, QUEUE_SHARD))
		return -EINTR;
	/*
	 * Writers behind this one may hold what I/O waits for.  So it starts no
	 * I/O, whatever its flags allow.
	 */
	relief->noio = memalloc_noio_save();
	relief->queued = true;
	relief->write->flags |= CMAP_WRITE_QUEUED;
	cmap_shard_serve(relief->shard, relief->write);
	return 0;
}

/*
 * A relief: queue up in the shard, for a node.  The first in the queue gets what
 * becomes free.
 */
static int join_shard_queue(struct relief *relief, int err)
{
	if (!relief->queued)
		return queue_up(relief);
	if (fatal_signal_pending(current))
		return -EINTR;

	get_in_line(relief);
	cmap_shard_serve(relief->shard, relief->write);
	return NO_HELP;
}

/* A relief: queue up in the map, for memory. */
static int join_map_queue(struct relief *relief, int err)
{
	if (relief->sole)
		return NO_HELP;
	if (wait_in_queue(relief, QUEUE_MAP))
		return -EINTR;
	relief->sole = true;
	/* The previous holder may have left memory. */
	return 0;
}

/*
 * The reliefs, in the order in which they are tried.  Each returns 0 to try the
 * write again, NO_HELP, or the error to fail with: the one that it was given, or
 * -EINTR.
 */
static int (* const reliefs[])(struct relief *relief, int err) = {
	empty_stashes,
	join_shard_queue,
	await_node,
	join_map_queue,
	reclaim_memory,
	await_memory,
	await_number,
	empty_segments,
	try_again,
};

/*
 * Help a write that lacks something other than credit and would fail with @err.
 * After the first call it may hold the supply semaphores of the shard and of
 * the map.  Returns 0 to try again, or the error to fail with: @err, -EINTR, or
 * -EAGAIN if waiting would help a write that must not sleep.
 */
static int relieve_write(struct relief *relief, int err)
{
	unsigned int i;
	int answer;

	if (!gfpflags_allow_blocking(relief->gfp))
		return relieve_atomic(relief, err);
	for (i = 0; i < ARRAY_SIZE(reliefs); i++) {
		answer = reliefs[i](relief, err);
		if (answer != NO_HELP)
			return answer;
	}
	return err;
}

/* ---- the limit on entries ---- */

/* How many stripes there can be. */
static u32 stripes_of(const struct cmap *map)
{
	return map->shards * map->stripes;
}

static void collect(const struct cmap *map, u32 i)
{
	cmap_shard_collect(map->shard[i / map->stripes], i % map->stripes);
}

/*
 * The next stripe that holds credit, or the number of stripes.  This is a hint;
 * only the pool says for sure whether there are holders.
 */
static u32 next_holder(const struct cmap *map, u32 from)
{
	/* This races with a writer that changes a bit.  Either answer is good. */
	return data_race(find_next_bit(map->quota.holders, stripes_of(map),
				       from));
}

/*
 * Get credit for a write that found none.  Returns 0 to try again, or -EINTR or
 * -EAGAIN to fail with.  @rounds counts the calls, from 0.
 *
 * The map may not be full: shards hold credit, or writes in other shards are
 * pending.  One shard after the other gives up its credit until the pool has
 * some.  No shard becomes a holder again before much is free.  So if a call
 * gets nothing, other writers have taken what was freed.
 *
 * That can go on for long.  A fatal signal ends it.  A write that must not
 * sleep fails after COLLECT_ROUNDS, as no other task may get to run.
 */
static int collect_credit(struct cmap *map, gfp_t gfp, unsigned int *rounds)
{
	bool patient = gfpflags_allow_blocking(gfp);
	u32 i;

	if (++*rounds == COLLECT_ROUNDS && !patient)
		return -EAGAIN;
	if (patient && fatal_signal_pending(current))
		return -EINTR;

	for (i = next_holder(map, 0); i < stripes_of(map);
	     i = next_holder(map, i + 1)) {
		collect(map, i);
		if (cmap_quota_available(&map->quota))
			return 0;
	}

	if (!patient) {
		cpu_relax();
		return 0;
	}
	/*
	 * If a lock's holder can be preempted, waiting for that lock lends it
	 * our priority.
	 */
	if (*rounds % COLLECT_ROUNDS == 0)
		for (i = 0; i < stripes_of(map); i++)
			collect(map, i);
	cond_resched();

	return 0;
}

/* ---- writing once it is there ---- */

/*
 * Allocate what a write lacks.  If that fails, see what else can be done for
 * the write.  Returns 0 to try again, or the error to fail with.
 */
static int supply_blocked(struct relief *relief, unsigned int *collected)
{
	struct cmap_write *write = relief->write;
	int err;

	/*
	 * The write may get what it lacks each time, and others may take it
	 * each time.
	 */
	if (relief->rounds++ >= ROUNDS_KILLED &&
	    gfpflags_allow_blocking(relief->gfp) && fatal_signal_pending(current))
		return -EINTR;
	err = cmap_lack_allocate(relief->shard, write, relief->gfp);
	if (!err || write->blocked_on == CMAP_BLOCKED_ON_NOTHING)
		return err;
	if (write->blocked_on != CMAP_BLOCKED_ON_CREDIT)
		return relieve_write(relief, err);
	/* The write lacks no node, so others need not queue for one. */
	if (relief->queued)
		cmap_shard_serve(relief->shard, write);
	return collect_credit(relief->map, relief->gfp, collected);
}

/**
 * cmap_supply_write() - carry out a write that lacked something
 * @map: the map
 * @shard: the shard that the key belongs to
 * @write: the write, for which cmap_shard_try_write() returned -EAGAIN
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed.
 */
int cmap_supply_write(struct cmap *map, struct cmap_shard *shard,
		      struct cmap_write *write, gfp_t gfp)
{
	unsigned int collected = 0;
	struct relief relief;
	int err;

	relief_begin(&relief, map, shard, write, gfp);
	do {
		err = supply_blocked(&relief, &collected);
		if (err)
			break;
		err = cmap_shard_try_write(shard, write, gfp);
	} while (err == -EAGAIN);
	relief_end(&relief);

	return err;
}

/**
 * cmap_supply_reserve() - get a node when the shard has none free
 * @map: the map
 * @shard: the shard that the key belongs to
 * @write: the write, for which cmap_shard_try_reserve() returned NULL
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EAGAIN, -EDQUOT, -EINTR, -ENOMEM or -ENOSPC
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: the node, or NULL.
 */
struct cmap_node *cmap_supply_reserve(struct cmap *map,
				      struct cmap_shard *shard,
				      struct cmap_write *write, gfp_t gfp,
				      int *err)
{
	struct cmap_node *node = NULL;
	unsigned int collected = 0;
	struct relief relief;

	relief_begin(&relief, map, shard, write, gfp);
	do {
		*err = supply_blocked(&relief, &collected);
		if (*err)
			break;
		node = cmap_shard_try_reserve(shard, write);
	} while (!node);
	relief_end(&relief);

	return node;
}

/* ---- making maps ---- */

/*
 * Get memory that maps of an account have given up.  Returns 0 to try again,
 * -ENOENT if there is none, or -EINTR.
 */
static int await_account(const struct cmap_account *account)
{
	bool freed = false;
	u64 in_hand;

	if (!cmap_reclaim_all(account, &freed, &in_hand) && !freed &&
	    atomic64_read(&account->returning) <= 0)
		return -ENOENT;
	return freed ? 0 : wait_for(account, start_poll_synchronize_rcu(),
				    PATIENCE_US);
}

/*
 * Get memory that maps of the paying user have given up.  Only this user's maps
 * are examined: examining all would take long, and a refused user can try again
 * at once.
 *
 * Counting one more map keeps the user's account meanwhile.  If the user
 * already has as many maps as allowed, that fails, and memory would not help
 * either.
 */
static int await_user(const struct cmap_spec *spec)
{
	kuid_t uid = cmap_user_payer(current_user_ns(), spec->uid);
	struct cmap_user *user = cmap_user_count(uid, false);
	int err;

	if (IS_ERR(user))
		return PTR_ERR(user);
	err = await_account(&user->account);
	cmap_user_uncount(user);
	return err;
}

/**
 * cmap_supply_map() - make an empty map
 * @spec: properties of the map
 *
 * If a limit on memory is reached, the module's or the paying user's, this
 * waits for memory on its way back from other maps below that limit.
 *
 * Context: Process.
 * Return: as of cmap_map_new(); also -EINTR.
 */
struct cmap *cmap_supply_map(const struct cmap_spec *spec)
{
	unsigned int tries = 0;
	struct cmap *map;
	int err;

	for (;;) {
		map = cmap_map_new(spec);
		if (!IS_ERR(map) || !limit_reached(PTR_ERR(map)) ||
		    tries++ == VAIN_MAX)
			return map;
		err = PTR_ERR(map) == -EDQUOT ? await_user(spec) :
						await_account(&cmap_account_all);
		if (err)
			return err == -EINTR ? ERR_PTR(err) : map;
	}
}
