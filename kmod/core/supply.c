// SPDX-License-Identifier: GPL-2.0
/*
 * A write that lacks memory gets, in this order:
 *
 * 1. its turn: those who lack something queue, by shard for nodes and then by
 *    map for memory, and get first what comes;
 * 2. a node of its size that only waits for a grace period;
 * 3. the memory of segments of its map that hold nothing;
 * 4. what of the map, or of all that draw on a limit that is reached, only waits
 *    for readers;
 * 5. segments that are sparsely used, once emptied, which takes free nodes;
 * 6. an error.
 *
 * As long as something is on its way that is enough it waits, until a fatal
 * signal.  It waits for no more than that, and never for the whole machine.
 */
#include "supply.h"
#include "lack.h"
#include "limits.h"
#include "map.h"
#include "registry.h"
#include "maintain.h"

#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>

#define NAP_US		200	/* between looks for the end of a wait, */
#define NAP_US_MAX	2000	/* longer if that takes long */
#define PATIENCE_US	4000	/* before a grace period is expedited, */
#define PATIENCE_US_QUEUE 1000	/* or if others wait as well */
#define WAIT_MAX	(HZ / 10)	/* before all is looked at again */
#define VAIN_MAX	16	/* tries when nothing was on its way, or helped */
#define TRIES_MAX	64	/* in all, though others wrote in between */
#define LEAN_MAX	3	/* tries when the machine had no memory */
#define IN_HAND_MAX	HZ	/* wait for nodes in writers' hands */
#define ROUNDS_KILLED	8	/* for who was killed: a write lacks few things */
#define COLLECT_ROUNDS	64	/* where nobody else may get to run */
#define EVACUATE_SHARES	4	/* the sparsest first, in so many steps */

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

static struct semaphore *queue_of(struct cmap_relief *relief,
				  enum queue_level level)
{
	return level == QUEUE_SHARD ? &relief->shard->supply :
				      &relief->map->supply;
}

static void leave_queue(struct cmap_relief *relief, enum queue_level level)
{
	up(queue_of(relief, level));
	lock_map_release(&queue_maps[level]);
}

static void relief_begin(struct cmap_relief *relief, struct cmap *map,
			 struct cmap_shard *shard, struct cmap_write *write,
			 gfp_t gfp)
{
	*relief = (struct cmap_relief){
		.map = map,
		.shard = shard,
		.write = write,
		.gfp = gfp,
	};
}

static void relief_end(struct cmap_relief *relief)
{
	if (relief->in_line)
		cmap_shard_queue(relief->shard, relief->write, -1);
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
 * Wait until a grace period is over, or something came back to an account, or
 * for a while.  A grace period that takes long is expedited, after @patience
 * microseconds: one at a time, and few.  Returns 0 or -EINTR.
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

/* Others wait behind this one, and some of them perhaps once more. */
static unsigned int patience(const struct cmap_relief *relief)
{
	return atomic_read(&relief->map->short_of) > 1 ? PATIENCE_US_QUEUE :
							 PATIENCE_US;
}

static int wait_for_memory(const struct cmap_relief *relief)
{
	return wait_for(&relief->map->memory.account,
			start_poll_synchronize_rcu(), patience(relief));
}

/* ---- nodes ---- */

/*
 * No writer of a map took anything in hand, or gave it back, for a long time:
 * those in a queue do not wait for the same hand one after the other.
 */
static bool hands_are_stuck(const struct cmap_memory *memory)
{
	return time_after(jiffies,
			  READ_ONCE(memory->hands_moved) + IN_HAND_MAX);
}

/*
 * All that can help is in the hands of writers, who are about to give it back;
 * unless they wait for something themselves.  True if that takes too long,
 * whatever else is written meanwhile.
 */
static bool hands_are_slow(struct cmap_relief *relief)
{
	if (!relief->since)
		relief->since = jiffies | 1;
	return time_after(jiffies, relief->since + IN_HAND_MAX);
}

/* Wait for nodes that are nobody's: that is no time that hands take. */
static int wait_for_grace(struct cmap_relief *relief, unsigned long grace)
{
	unsigned long begin = jiffies;
	int err = wait_for(&relief->map->memory.account, grace,
			   patience(relief));

	if (relief->since)
		relief->since = (relief->since + jiffies - begin) | 1;
	return err;
}

/*
 * See whether there will be a node without more memory, and wait for it.
 * Returns 1 if there will be none, 0 to try again, or -EINTR.
 */
static int await_node(struct cmap_relief *relief)
{
	struct cmap_outlook outlook = cmap_shard_outlook(relief->shard,
							 relief->write);

	if (!outlook.coming)
		return 1;
	if (outlook.waits)
		return wait_for_grace(relief, outlook.grace);
	if (hands_are_stuck(&relief->map->memory) || hands_are_slow(relief))
		return 1;
	usleep_range_state(NAP_US, 2 * NAP_US, TASK_KILLABLE);
	return 0;
}

/* ---- memory ---- */

/* Free what is free; returns the bytes that will be after a grace period. */
static u64 reclaim_map(struct cmap *map, bool *freed)
{
	u64 pending = 0;
	u32 i;

	for (i = 0; i < map->shards && !fatal_signal_pending(current); i++)
		pending += cmap_maintain_reclaim(map->shard[i], freed);
	return pending;
}

/* Whether a map draws on an account above its own, of which it may be the last. */
static bool draws_on(const struct cmap *map, const struct cmap_account *which)
{
	return which == &cmap_account_all ||
	       which == READ_ONCE(map->memory.bill.account.parent);
}

/* Bytes of large values that writers hold, and are about to give back. */
static u64 bytes_in_hand(const struct cmap_memory *memory)
{
	s64 bytes = atomic64_read(&memory->in_hand);

	return bytes > 0 && !hands_are_stuck(memory) ? bytes : 0;
}

/*
 * The same of all maps that draw on an account; @in_hand is set to the bytes that
 * their writers hold.
 */
static u64 reclaim_all(const struct cmap_account *account, bool *freed,
		       u64 *in_hand)
{
	struct cmap *map;
	u64 pending = 0;
	u64 id = 0;

	*in_hand = 0;
	while ((map = cmap_names_next(&id))) {
		if (draws_on(map, account)) {
			pending += reclaim_map(map, freed);
			*in_hand += bytes_in_hand(&map->memory);
		}
		cmap_map_put(map);
		if (fatal_signal_pending(current))
			break;
	}

	return pending;
}

/*
 * Empty segments of a shard, and of others if that is not enough; returns the bytes
 * that will be free after a grace period.  @later is set if there are none now, but
 * some can be emptied after one.
 */
static u64 evacuate(struct cmap_shard *first, struct cmap_shard **others,
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

/* The same for a write.  Some more than it lacks, for there will be others. */
static u64 evacuate_for_write(struct cmap_relief *relief, u64 bytes, bool *later)
{
	struct cmap *map = relief->map;
	u64 all = atomic64_read(&map->memory.account.bytes);

	return evacuate(relief->shard, map->shard, map->shards,
			max(bytes, all / 16), later);
}

/*
 * What was found of memory that is on its way: after a grace period, and in the
 * hands of writers.
 */
struct finding {
	bool freed;			/* some is there already */
	bool enough;			/* once the rest is there, too, */
	bool sure;			/* also without what is in hand */
	struct cmap_coming pending;
	struct cmap_coming in_hand;
	u64 held;			/* of that by who looks: no help to him */
	bool user;			/* has been looked at: his maps, */
	bool all;			/* all maps */
};

/* Look through the maps that draw on an account; false if that was done. */
static bool look_above(struct finding *finding, const struct cmap_account *level)
{
	/* A user's may be gone, with whatever it says. */
	if (level == &cmap_account_all) {
		if (finding->all)
			return false;
		finding->all = true;
		finding->pending.all = reclaim_all(level, &finding->freed,
						   &finding->in_hand.all);
	} else {
		if (finding->user)
			return false;
		finding->user = true;
		finding->pending.user = reclaim_all(level, &finding->freed,
						    &finding->in_hand.user);
	}
	return true;
}

static u64 of_others(u64 in_hand, u64 held)
{
	return in_hand - min(held, in_hand);
}

/*
 * Whether all levels of accounts have room once what is on its way is there.  At
 * each that has not, all that draw on it are looked at.
 */
static bool enough(struct cmap_account *account, const struct cmap_lack *lack,
		   bool hands, struct finding *finding)
{
	const struct cmap_account *level;
	struct cmap_coming coming;

	do {
		coming = finding->pending;
		if (hands) {
			coming.own += of_others(finding->in_hand.own,
						finding->held);
			coming.user += of_others(finding->in_hand.user,
						 finding->held);
			coming.all += of_others(finding->in_hand.all,
						finding->held);
		}
		level = cmap_account_short(account, lack->bytes, lack->headroom,
					   &coming);
	} while (level && level != account && look_above(finding, level));

	return !level;
}

/*
 * Look for it: in the map, and where limits above it stand in the way.  @held:
 * what the writer that looks holds itself.
 */
static void look_for_memory(struct cmap *map, const struct cmap_lack *lack,
			    u64 held, struct finding *finding)
{
	struct cmap_account *account = &map->memory.account;
	u64 pending;
	u64 hand;

	*finding = (struct finding){ .held = held };
	pending = reclaim_map(map, &finding->freed);
	finding->pending = (struct cmap_coming){ pending, pending, pending };
	hand = bytes_in_hand(&map->memory);
	finding->in_hand = (struct cmap_coming){ hand, hand, hand };

	finding->sure = enough(account, lack, false, finding);
	finding->enough = finding->sure || enough(account, lack, true, finding);
}

/* Changes with each write to the map. */
static u64 versions_of(const struct cmap *map)
{
	u64 versions = 0;
	u32 i;

	for (i = 0; i < map->shards; i++)
		versions += READ_ONCE(map->shard[i]->version);
	return versions;
}

/*
 * Whether to give up, as what is on its way is not enough; or there is @enough
 * now, and it does not help though nobody else takes it.  Shards were looked at
 * one after the other, so something may have come and gone: this takes more than
 * one look.
 *
 * Somebody else may write all the time, and what is lacked be nothing that the
 * account knows of: so there is an end to that as well.
 */
static bool in_vain(struct cmap_relief *relief, bool enough)
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
 * It is not memory that lacks but a number for a segment, and none is about to be
 * given back by what has left already.
 */
static bool spent(const struct cmap_relief *relief)
{
	return cmap_write_lacks_node(relief->write) &&
	       !cmap_memory_leaving(&relief->map->memory) &&
	       cmap_shard_spent(relief->shard, relief->write);
}

/*
 * Get a number for a segment: only a segment of the shard gives one back.  Returns
 * as await_memory() does.
 */
static int await_number(struct cmap_relief *relief, u64 bytes, bool fits, int err)
{
	struct cmap_shard *shard = relief->shard;
	bool freed = false, later = false;
	u64 pending;

	if (evacuate(shard, NULL, 0, bytes, &later))
		return wait_for_memory(relief);
	pending = cmap_maintain_reclaim(shard, &freed);
	if ((!pending && !freed && !later) || in_vain(relief, fits))
		return err;
	return freed ? 0 : wait_for_memory(relief);
}

/*
 * Get memory that was given up.  Returns 0 to try again, the error to fail with,
 * or -EINTR.
 */
static int await_memory(struct cmap_relief *relief, int err)
{
	struct cmap_account *account = &relief->map->memory.account;
	struct cmap_lack lack = cmap_shard_lack(relief->shard, relief->write);
	struct finding finding;
	bool later = false;
	bool fits;

	/* Where the machine lacks memory limits say nothing. */
	if (err == -ENOMEM && relief->lean++ >= LEAN_MAX)
		return err;
	look_for_memory(relief->map, &lack,
			cmap_shard_held_bytes(relief->shard, relief->write),
			&finding);
	if (fatal_signal_pending(current))
		return -EINTR;
	if (err == -ENOMEM && (finding.freed || finding.pending.own ||
			       atomic64_read(&account->returning) > 0))
		return finding.freed ? 0 : wait_for_memory(relief);

	fits = cmap_account_fits(account, lack.bytes, lack.headroom);
	if (limit_reached(err) && !fits &&
	    (finding.sure || (finding.enough && !hands_are_slow(relief)))) {
		if (finding.sure)
			relief->vain = 0;
		return wait_for_memory(relief);
	}
	if (err == -ENOSPC && spent(relief))
		return await_number(relief, lack.bytes, fits, err);
	if (!fits && evacuate_for_write(relief, lack.bytes, &later))
		return wait_for_memory(relief);
	if (in_vain(relief, fits))
		return err;
	/* Else all tries would be over before readers are. */
	return later ? wait_for_memory(relief) : 0;
}

/* ---- the reliefs ---- */

/*
 * Whether waiting would help a write that cannot wait.  Returns 0 to try again,
 * or the error to fail with.
 */
static int relieve_atomic(struct cmap_relief *relief, int err)
{
	struct cmap_write *write = relief->write;
	struct cmap_lack lack;

	/* It has no turn to wait for, but may take a larger node. */
	if (!(write->flags & CMAP_WRITE_QUEUED)) {
		write->flags |= CMAP_WRITE_QUEUED;
		return 0;
	}
	if (cmap_write_lacks_node(write) &&
	    cmap_shard_outlook(relief->shard, write).coming)
		return -EAGAIN;
	if (!limit_reached(err))
		return err;
	lack = cmap_shard_lack(relief->shard, write);
	if ((!cmap_account_short(&relief->map->memory.account, lack.bytes,
				 lack.headroom, NULL) && !spent(relief)) ||
	    delayed_work_pending(&relief->shard->trim) ||
	    READ_ONCE(relief->shard->arena.victim))
		return -EAGAIN;
	return err;
}

/*
 * Wait in a queue.  It is a semaphore, as these are first come, first served: a
 * mutex goes to whoever runs when it is free, and who waits may have to wait for
 * another grace period.  A node that was reserved is in nobody's hand meanwhile:
 * it is not given back before those further ahead have got theirs, so they must
 * not wait for it.  Returns 0 or -EINTR.
 */
static int wait_in_queue(struct cmap_relief *relief, enum queue_level level)
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

/* Who lacks a node is served before those who come later. */
static void get_in_line(struct cmap_relief *relief)
{
	if (!relief->in_line && cmap_write_lacks_node(relief->write))
		relief->in_line = cmap_shard_queue(relief->shard,
						   relief->write, 1);
}

/* Join the shard's queue.  Returns 0 or -EINTR. */
static int queue_up(struct cmap_relief *relief)
{
	atomic_inc(&relief->map->short_of);
	relief->counted = true;
	get_in_line(relief);
	if (wait_in_queue(relief, QUEUE_SHARD))
		return -EINTR;
	/* Who is behind may hold what I/O waits for, whatever this may do. */
	relief->noio = memalloc_noio_save();
	relief->queued = true;
	relief->write->flags |= CMAP_WRITE_QUEUED;
	cmap_shard_serve(relief->shard, relief->write);
	return 0;
}

/*
 * See what can be done for a write that lacks something but credit, and would fail
 * with @err.  From the first call on it may have the supply semaphores of the shard
 * and of the map.  Returns 0 to try again, or the error to fail with: @err, -EINTR,
 * or -EAGAIN if waiting would help who may not.
 */
static int relieve(struct cmap_relief *relief, int err)
{
	int wait;

	if (!gfpflags_allow_blocking(relief->gfp))
		return relieve_atomic(relief, err);
	if (!relief->queued)
		return queue_up(relief);
	if (fatal_signal_pending(current))
		return -EINTR;

	get_in_line(relief);
	cmap_shard_serve(relief->shard, relief->write);
	if (cmap_write_lacks_node(relief->write)) {
		wait = await_node(relief);
		if (wait <= 0)
			return wait;
	}
	if (!relief->sole) {
		if (wait_in_queue(relief, QUEUE_MAP))
			return -EINTR;
		relief->sole = true;
		/* Who had it before may have left something. */
		return 0;
	}
	return await_memory(relief, err);
}

/* ---- the limit on entries ---- */

/*
 * The next shard that holds credit, or the number of shards.  A hint: whether
 * there are holders the pool says.
 */
static u32 next_holder(const struct cmap *map, u32 from)
{
	/* A race with who sets or clears a bit: either answer is as good. */
	return data_race(find_next_bit(map->quota.holders, map->shards, from));
}

/*
 * Get credit for a write that found none, if there is some.
 *
 * The map is not full, or not provably: shards hold credit, or writes in other
 * shards are pending.  One shard after the other gives up what it holds, until
 * the pool has some; none holds any again before much is free.  So each time
 * that this is called in vain, others have got what was freed.  As that could go
 * on for long, a fatal signal ends it; and so does having tried often enough
 * where nobody else may get to run.
 * Returns 0 to try again; -EINTR or -EAGAIN to fail with.  @rounds counts, from 0.
 */
static int collect_credit(struct cmap *map, gfp_t gfp, unsigned int *rounds)
{
	bool patient = gfpflags_allow_blocking(gfp);
	u32 i;

	if (++*rounds == COLLECT_ROUNDS && !patient)
		return -EAGAIN;
	if (patient && fatal_signal_pending(current))
		return -EINTR;

	for (i = next_holder(map, 0); i < map->shards;
	     i = next_holder(map, i + 1)) {
		cmap_shard_collect(map->shard[i]);
		if (cmap_quota_available(&map->quota))
			return 0;
	}

	if (!patient) {
		cpu_relax();
		return 0;
	}
	/* Where locks can be preempted, theirs lends others our priority. */
	if (*rounds % COLLECT_ROUNDS == 0)
		for (i = 0; i < map->shards; i++)
			cmap_shard_collect(map->shard[i]);
	cond_resched();

	return 0;
}

/* ---- writing once it is there ---- */

/*
 * Get what a write lacks: allocate it; or else see what can be done for a write
 * that cannot allocate it.  Returns 0 to try again, or the error to fail with.
 */
static int supply_blocked(struct cmap_relief *relief, unsigned int *collected)
{
	struct cmap_write *write = relief->write;
	int err;

	/* It may get what it lacks each time, and others may take that. */
	if (relief->rounds++ >= ROUNDS_KILLED &&
	    gfpflags_allow_blocking(relief->gfp) && fatal_signal_pending(current))
		return -EINTR;
	err = cmap_lack_allocate(relief->shard, write, relief->gfp);
	if (!err || write->blocked_on == CMAP_BLOCKED_ON_NOTHING)
		return err;
	if (write->blocked_on != CMAP_BLOCKED_ON_CREDIT)
		return relieve(relief, err);
	/* It lacks no node: who comes now need not queue for one. */
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
	struct cmap_relief relief;
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
 * cmap_supply_reserve() - get a node that could not be had
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
	struct cmap_relief relief;

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
 * Get what the maps that draw on an account gave up.  Returns 0 to try again,
 * -ENOENT if there is nothing, or -EINTR.
 */
static int await_account(const struct cmap_account *account)
{
	bool freed = false;
	u64 in_hand;

	if (!reclaim_all(account, &freed, &in_hand) && !freed &&
	    atomic64_read(&account->returning) <= 0)
		return -ENOENT;
	return freed ? 0 : wait_for(account, start_poll_synchronize_rcu(),
				    PATIENCE_US);
}

/*
 * The same for the limit of the user who would pay.  Only maps that he pays for
 * help; to go over everybody's takes long, and who is refused can come again at
 * once.  One map more that counts for him keeps him meanwhile.  With as many as
 * he may have he is refused that, and nothing helps.
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
 * @spec: what it shall be
 *
 * Where a limit on memory is reached, the module's or that of the user who would
 * pay, this waits for what other maps below it have on its way back.
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
