// SPDX-License-Identifier: GPL-2.0
#include "clock.h"
#include "queue.h"

#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <uapi/linux/cmap.h>

static void arm_locked(struct cmap_clock *clock, u64 next)
{
	WRITE_ONCE(clock->armed, next);
	if (next < KTIME_MAX && !clock->stopped)
		hrtimer_start(&clock->timer, ns_to_ktime(next + 1),
			      HRTIMER_MODE_ABS_SOFT);
}

/*
 * Note how late the slots up to @last are published.  These are many if nothing was due for
 * long, or if the timer could not run: then their entries have one time of publication.
 */
static void note_late(struct cmap_clock *clock, u64 first, u64 last, u64 now)
{
	u64 slot = max(first + CMAP_CLOCK_SLOTS, last + 1) - CMAP_CLOCK_SLOTS;

	if (slot > first) {
		WRITE_ONCE(clock->pause.first, first);
		WRITE_ONCE(clock->pause.last, last);
		WRITE_ONCE(clock->pause.now, now);
	}
	for (; slot <= last; slot++)
		WRITE_ONCE(clock->late[slot % CMAP_CLOCK_SLOTS],
			   min_t(u64, (now - cmap_slot_end(slot)) >>
				      CMAP_CLOCK_LATE_SHIFT, U16_MAX));
}

/*
 * Announce that deadlines up to @word are over, and wait for writers that have decided
 * before.  A writer that has not seen this has found an entry whose alarm is seen here:
 * it was set, with a full barrier, before the entry could be found.
 */
static void close_deadlines(struct cmap_clock *clock, u64 word)
{
	struct cmap_alarm *alarm;

	WRITE_ONCE(clock->closing, word);
	/* G1 (d). */
	smp_mb();
	/* Pairs with the release in cmap_alarm_add(). */
	for (alarm = smp_load_acquire(&clock->alarms); alarm;
	     alarm = alarm->link) {
		if (READ_ONCE(alarm->next) > word)
			continue;
		spin_lock(alarm->lock);
		spin_unlock(alarm->lock);
	}
}

/**
 * cmap_clock_publish() - publish all slots that are over
 * @clock: the clock, which has a word
 * @now: the time
 *
 * The word only grows.  Only the timer calls this, and tests that have stopped it.
 *
 * Context: Softirq, or softirqs disabled; no lock: this takes those of shards, outside of
 * the clock's.
 */
void cmap_clock_publish(struct cmap_clock *clock, u64 now)
{
	u64 first = (*clock->word + 1) >> CMAP_SLOT_SHIFT;
	u64 slots = now >> CMAP_SLOT_SHIFT;
	u64 begin = ktime_get_boottime_ns();

	if (slots <= first)
		return;
	close_deadlines(clock, cmap_slot_end(slots - 1));
	/* Who waits for writers is late by that, too. */
	note_late(clock, first, slots - 1,
		  now + (ktime_get_boottime_ns() - begin));
	/* What writers have done that decided before can be seen. */
	smp_store_release(clock->word, cmap_slot_end(slots - 1));
}

/* Start the works of all shards in which something is due.  Returns the next time. */
static u64 ring_locked(struct cmap_clock *clock, u64 word)
{
	u64 next = CMAP_NEVER;
	struct cmap_alarm *alarm;

	for (alarm = clock->alarms; alarm; alarm = alarm->link) {
		u64 at = READ_ONCE(alarm->next);

		if (at > word)
			next = min(next, at);
		else if (!clock->stopped &&
			 queue_work(cmap_queue_expire, &alarm->work))
			clock->working++;
	}
	/* What else is due in these shards is not known yet. */
	if (clock->working)
		next = min(next, word + (1ULL << CMAP_SLOT_SHIFT));
	return next;
}

static enum hrtimer_restart clock_timer(struct hrtimer *timer)
{
	struct cmap_clock *clock = container_of(timer, struct cmap_clock, timer);

	cmap_clock_publish(clock, ktime_get_boottime_ns());
	spin_lock(&clock->lock);
	WRITE_ONCE(clock->armed, CMAP_NEVER);
	/* G1 (c): either this sees an alarm's time, or who set it sees @armed. */
	smp_mb();
	arm_locked(clock, ring_locked(clock, *clock->word));
	spin_unlock(&clock->lock);

	return HRTIMER_NORESTART;
}

/**
 * cmap_clock_init() - set up a map's clock
 * @clock: the clock, zeroed
 * @memory: the map's memory
 *
 * Context: Any.
 */
void cmap_clock_init(struct cmap_clock *clock, struct cmap_memory *memory)
{
	clock->memory = memory;
	clock->armed = CMAP_NEVER;
	spin_lock_init(&clock->lock);
	cmap_hrtimer_setup(&clock->timer, clock_timer, CLOCK_BOOTTIME,
			   HRTIMER_MODE_ABS_SOFT);
}

/**
 * cmap_clock_prepare() - make the word, if there is none
 * @clock: the clock
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0; -EDQUOT, -ENOMEM or -ENOSPC.
 */
int cmap_clock_prepare(struct cmap_clock *clock, gfp_t gfp)
{
	const size_t bytes = CMAP_CLOCK_SLOTS * sizeof(*clock->late);
	struct cmap_block *block;
	u16 *late;
	int err;

	/* Pairs with the release below. */
	if (smp_load_acquire(&clock->word))
		return 0;

	late = kzalloc(bytes, cmap_gfp(gfp));
	if (!late)
		return -ENOMEM;
	block = cmap_block_alloc_shown(clock->memory, NUMA_NO_NODE, gfp, &err);
	if (!block) {
		kfree(late);
		return err;
	}

	spin_lock_bh(&clock->lock);
	if (!clock->word) {
		struct cmap_window_words *words = block->base;

		clock->words = block;
		clock->late = late;
		block = NULL;
		late = NULL;
		/* Pairs with the acquires of @word. */
		smp_store_release(&clock->word, &words->expired_before);
	}
	spin_unlock_bh(&clock->lock);
	cmap_block_free(block);
	kfree(late);

	return 0;
}

/**
 * cmap_clock_stop() - stop the timer and the works of a map that nobody uses any more
 * @clock: the clock
 *
 * Context: Process.
 */
void cmap_clock_stop(struct cmap_clock *clock)
{
	struct cmap_alarm *alarm;

	spin_lock_bh(&clock->lock);
	clock->stopped = true;
	spin_unlock_bh(&clock->lock);
	hrtimer_cancel(&clock->timer);
	for (alarm = clock->alarms; alarm; alarm = alarm->link)
		cancel_work_sync(&alarm->work);
}

/**
 * cmap_clock_free() - free the word
 * @clock: the clock, which was stopped
 *
 * Context: Process.
 */
void cmap_clock_free(struct cmap_clock *clock)
{
	cmap_block_free(clock->words);
	kfree(clock->late);
}

/**
 * cmap_alarm_add() - add a shard's alarm, which is not set
 * @clock: the clock, which has a word
 * @alarm: the alarm
 * @lock: the shard's lock
 * @work: removes what has expired
 *
 * Context: The shard's lock.
 */
void cmap_alarm_add(struct cmap_clock *clock, struct cmap_alarm *alarm,
		    spinlock_t *lock, work_func_t work)
{
	alarm->next = CMAP_NEVER;
	alarm->lock = lock;
	INIT_WORK(&alarm->work, work);
	spin_lock(&clock->lock);
	alarm->link = clock->alarms;
	/* Pairs with the acquire in close_deadlines(). */
	smp_store_release(&clock->alarms, alarm);
	spin_unlock(&clock->lock);
}

/**
 * cmap_alarm_set() - have an alarm ring earlier
 * @clock: the clock
 * @alarm: the alarm
 * @next: the value of the word at which it rings; nothing is done if it rings before
 *
 * Context: The shard's lock.
 */
void cmap_alarm_set(struct cmap_clock *clock, struct cmap_alarm *alarm,
		    u64 next)
{
	if (next >= alarm->next)
		return;
	WRITE_ONCE(alarm->next, next);
	/* G1 (c) and (d). */
	smp_mb();
	if (next >= READ_ONCE(clock->armed))
		return;

	spin_lock(&clock->lock);
	if (next < clock->armed)
		arm_locked(clock, next);
	spin_unlock(&clock->lock);
}

/**
 * cmap_alarm_ended() - note that the work of an alarm has ended
 * @clock: the clock
 *
 * When the last one ends it is known when something is due next.
 *
 * Context: Process; no lock.
 */
void cmap_alarm_ended(struct cmap_clock *clock)
{
	u64 next;

	spin_lock_bh(&clock->lock);
	if (!--clock->working) {
		WRITE_ONCE(clock->armed, CMAP_NEVER);
		/* G1 (c). */
		smp_mb();
		next = ring_locked(clock, READ_ONCE(*clock->word));
		if (next == CMAP_NEVER)
			hrtimer_try_to_cancel(&clock->timer);
		arm_locked(clock, next);
	}
	spin_unlock_bh(&clock->lock);
}

/**
 * cmap_clock_lateness() - get how late an entry expired
 * @clock: the clock
 * @deadline: the entry's deadline, which is over
 *
 * If it was published more than a second ago, the result can be that of a later slot.
 *
 * Context: Process or softirq.
 * Return: nanoseconds from the deadline until the word reached it.
 */
u64 cmap_clock_lateness(const struct cmap_clock *clock, u64 deadline)
{
	u64 slot = deadline >> CMAP_SLOT_SHIFT;
	u64 late = READ_ONCE(clock->late[slot % CMAP_CLOCK_SLOTS]);
	u64 now = READ_ONCE(clock->pause.now);

	/* A writer removes it before it is published. */
	if (deadline > cmap_clock_word(clock))
		late = 0;
	else if (slot >= READ_ONCE(clock->pause.first) &&
		 slot <= READ_ONCE(clock->pause.last) && deadline < now)
		return now - deadline;
	return cmap_slot_end(slot) - deadline + (late << CMAP_CLOCK_LATE_SHIFT);
}

/**
 * cmap_clock_deadline() - get the deadline of an entry that lives for a time
 * @ttl: the time in nanoseconds
 *
 * Context: Any.
 * Return: the deadline, CMAP_DEADLINE_MAX if it is too far.
 */
u64 cmap_clock_deadline(u64 ttl)
{
	u64 deadline;

	if (check_add_overflow(ktime_get_boottime_ns(), ttl, &deadline))
		return CMAP_DEADLINE_MAX;
	return min(deadline, CMAP_DEADLINE_MAX);
}
