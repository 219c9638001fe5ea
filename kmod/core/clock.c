// SPDX-License-Identifier: GPL-2.0
#include "clock.h"
#include "queue.h"

#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <uapi/linux/cmap.h>

static void arm_locked(struct cmap_clock *clock, u64 next)
{
	lockdep_assert_held(&clock->lock);

	clock->armed = next;
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

static struct cmap_alarm *first_locked(const struct cmap_clock *clock)
{
	lockdep_assert_held(&clock->lock);

	return rb_entry_safe(rb_first_cached(&clock->waiting),
			     struct cmap_alarm, node);
}

/* Chain the alarms of all shards in which something is due. */
static struct cmap_alarm *due_locked(struct cmap_clock *clock, u64 word)
{
	struct cmap_alarm *alarm, *due = NULL;

	lockdep_assert_held(&clock->lock);

	list_for_each_entry(alarm, &clock->ringing, ringing) {
		alarm->due = due;
		due = alarm;
	}
	for (alarm = first_locked(clock); alarm && alarm->next <= word;
	     alarm = rb_entry_safe(rb_next(&alarm->node), struct cmap_alarm,
				   node)) {
		alarm->due = due;
		due = alarm;
	}
	return due;
}

/*
 * Announce that deadlines up to @word are over, and wait for writers that have decided
 * before.  A writer that has not seen this has found an entry whose alarm is seen here:
 * it was set, under the clock's lock, before the entry could be found (G1 c).
 */
static void close_deadlines(struct cmap_clock *clock, u64 word)
{
	struct cmap_alarm *due;

	WRITE_ONCE(clock->closing, word);
	spin_lock(&clock->lock);
	due = due_locked(clock, word);
	spin_unlock(&clock->lock);
	for (; due; due = due->due)
		due->wait(due);
}

/**
 * cmap_clock_publish() - publish all slots that are over
 * @clock: the clock, which has a word
 * @now: the time
 *
 * The word only grows.  Only the timer calls this, and tests that have stopped it.
 *
 * Context: Softirq, or softirqs disabled; no lock: this takes those of stripes, outside of
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

static void unwait_locked(struct cmap_clock *clock, struct cmap_alarm *alarm)
{
	lockdep_assert_held(&clock->lock);

	if (RB_EMPTY_NODE(&alarm->node))
		return;
	rb_erase_cached(&alarm->node, &clock->waiting);
	RB_CLEAR_NODE(&alarm->node);
}

/* Start the works of all shards in which something is due.  Returns the next time. */
static u64 ring_locked(struct cmap_clock *clock, u64 word)
{
	struct cmap_alarm *alarm;
	u64 next;

	lockdep_assert_held(&clock->lock);

	while ((alarm = first_locked(clock)) && alarm->next <= word &&
	       !clock->stopped) {
		unwait_locked(clock, alarm);
		list_add_tail(&alarm->ringing, &clock->ringing);
		queue_work(cmap_queue_expire, &alarm->work);
	}
	next = alarm ? alarm->next : CMAP_NEVER;
	/* What else is due in these shards is not known yet. */
	if (!list_empty(&clock->ringing))
		next = min(next, word + (1ULL << CMAP_SLOT_SHIFT));
	return next;
}

static enum hrtimer_restart clock_timer(struct hrtimer *timer)
{
	struct cmap_clock *clock = container_of(timer, struct cmap_clock, timer);

	cmap_clock_publish(clock, ktime_get_boottime_ns());
	spin_lock(&clock->lock);
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
	clock->waiting = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&clock->ringing);
	spin_lock_init(&clock->lock);
	cmap_hrtimer_setup(&clock->timer, clock_timer, CLOCK_BOOTTIME,
			   HRTIMER_MODE_ABS_SOFT);
}

#define LATE_BYTES	(CMAP_CLOCK_SLOTS * sizeof(u16))

/* Who maps the map may cause this.  So it is not charged to the map, as the word's page. */
static u16 *late_new(struct cmap_clock *clock, gfp_t gfp, int *err)
{
	u16 *late;

	*err = cmap_charge(clock->memory->account.parent, LATE_BYTES);
	if (*err)
		return NULL;
	late = kzalloc(LATE_BYTES, cmap_gfp(gfp));
	if (!late) {
		cmap_uncharge(clock->memory->account.parent, LATE_BYTES);
		*err = -ENOMEM;
	}
	return late;
}

static void late_free(struct cmap_clock *clock, u16 *late)
{
	if (!late)
		return;
	cmap_uncharge(clock->memory->account.parent, LATE_BYTES);
	kfree(late);
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
	struct cmap_block *block;
	u16 *late;
	int err;

	/* Pairs with the release below. */
	if (smp_load_acquire(&clock->word))
		return 0;

	late = late_new(clock, gfp, &err);
	if (!late)
		return err;
	block = cmap_block_alloc_shown(clock->memory, NUMA_NO_NODE, gfp, &err);
	if (!block) {
		late_free(clock, late);
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
	late_free(clock, late);

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
	late_free(clock, clock->late);
}

/**
 * cmap_alarm_add() - add a shard's alarm, which is not set
 * @clock: the clock, which has a word
 * @alarm: the alarm
 * @lock: the shard's lock
 * @wait: returns when all that held a lock of a writer of the shard have dropped it.  It
 *	is called by the timer, without a lock
 * @work: removes what has expired
 *
 * Context: The shard's lock.
 */
void cmap_alarm_add(struct cmap_clock *clock, struct cmap_alarm *alarm,
		    spinlock_t *lock, void (*wait)(struct cmap_alarm *alarm),
		    work_func_t work)
{
	lockdep_assert_held(lock);

	alarm->next = CMAP_NEVER;
	alarm->lock = lock;
	alarm->wait = wait;
	RB_CLEAR_NODE(&alarm->node);
	INIT_LIST_HEAD(&alarm->ringing);
	INIT_WORK(&alarm->work, work);
	spin_lock(&clock->lock);
	alarm->link = clock->alarms;
	WRITE_ONCE(clock->alarms, alarm);
	spin_unlock(&clock->lock);
}

static bool rings_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct cmap_alarm, node)->next <
	       rb_entry(b, struct cmap_alarm, node)->next;
}

/* Have an alarm wait for @next.  If it rings, its work looks itself when it ends. */
static void wait_locked(struct cmap_clock *clock, struct cmap_alarm *alarm,
			u64 next)
{
	lockdep_assert_held(&clock->lock);

	unwait_locked(clock, alarm);
	WRITE_ONCE(alarm->next, next);
	if (next == CMAP_NEVER || !list_empty(&alarm->ringing))
		return;
	rb_add_cached(&alarm->node, &clock->waiting, rings_before);
	if (next < clock->armed)
		arm_locked(clock, next);
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
	lockdep_assert_held(alarm->lock);

	if (next >= alarm->next)
		return;
	spin_lock(&clock->lock);
	wait_locked(clock, alarm, next);
	spin_unlock(&clock->lock);
}

/**
 * cmap_alarm_ended() - note that nothing is due in a shard any more
 * @clock: the clock
 * @alarm: the alarm, whose work ends
 * @next: the value of the word at which it rings next; CMAP_NEVER if it does not
 *
 * When the last work ends it is known when something is due next.
 *
 * Context: The shard's lock.
 */
void cmap_alarm_ended(struct cmap_clock *clock, struct cmap_alarm *alarm,
		      u64 next)
{
	const struct cmap_alarm *first;

	lockdep_assert_held(alarm->lock);

	spin_lock(&clock->lock);
	list_del_init(&alarm->ringing);
	wait_locked(clock, alarm, next);
	if (list_empty(&clock->ringing)) {
		first = first_locked(clock);
		if (!first)
			hrtimer_try_to_cancel(&clock->timer);
		arm_locked(clock, first ? first->next : CMAP_NEVER);
	}
	spin_unlock(&clock->lock);
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
