/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A map's clock: which deadlines are over.
 *
 * That is one word, @expired_before of the window's words: an entry with a deadline at
 * or before it is absent.  All readers compare with this word, in the kernel and in
 * processes, so they agree.  Nobody else looks at the time.
 *
 * The word moves in steps of a slot, 2^20 ns, and only when something is due.  Then a
 * timer publishes it.  The timer does not look at entries: each shard has an alarm,
 * which says when something in it is due next.
 *
 * A writer decides that an entry is there, and then changes it.  If the word passed the
 * entry's deadline in between, readers would find it gone, and then there again.  So the
 * timer first announces the word's next value (@closing), by which writers decide, and
 * waits for those that have decided before: it takes the lock of each stripe of the shards
 * in which something is due, once.  Then it publishes the word.  An entry that is over for writers
 * and not yet for readers is removed by the writer that finds it, which is when it
 * expires.
 *
 * Removing what has expired is left to the shards' works.  As long as one of these has not
 * finished, it is not known what else is due, so the timer goes on with each slot.
 *
 * Alarms that wait are in a tree, by time.  So what the timer does depends on the number
 * of shards in which something is due, and not on that of all shards.
 */
#ifndef CMAP_CLOCK_H
#define CMAP_CLOCK_H

#include "block.h"

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define CMAP_SLOT_SHIFT		20
#define CMAP_NEVER		U64_MAX

/* The latest deadline that there is. */
#define CMAP_DEADLINE_MAX	((u64)KTIME_MAX)

/* For how many slots a clock remembers how late they were published. */
#define CMAP_CLOCK_SLOTS	1024
#define CMAP_CLOCK_LATE_SHIFT	16	/* in units of 65 microseconds */

/**
 * struct cmap_alarm - when something is due in a shard
 * @link: the next alarm of the clock
 * @node: in the clock's tree, while it waits
 * @ringing: in the clock's list, from when it rings until its work ends
 * @due: only for the timer: the next alarm in whose shard something is due
 * @next: the value that the word has when something is due; CMAP_NEVER if nothing is.
 *	It may be too early, never too late.  It is changed under the shard's lock and
 *	the clock's, so either protects it
 * @lock: the shard's lock
 * @wait: waits for the shard's writers; see cmap_alarm_add()
 * @work: removes what has expired, and then sets @next
 */
struct cmap_alarm {
	struct cmap_alarm *link;
	struct rb_node node;
	struct list_head ringing;
	struct cmap_alarm *due;
	u64 next;
	spinlock_t *lock;
	void (*wait)(struct cmap_alarm *alarm);
	struct work_struct work;
};

/**
 * struct cmap_clock - a map's clock
 * @word: the word; NULL before the first deadline and the first mapping
 * @closing: the word, or the next value that it will have; only the timer sets it
 * @words: the page with the word
 * @memory: the map's memory
 * @lock: protects the fields below; taken inside of a shard's lock, and in softirq
 * @alarms: the alarms; there only come more
 * @waiting: those that wait, by @next
 * @ringing: those whose works have been started and not ended
 * @armed: for which value of the word the timer is set, or CMAP_NEVER
 * @stopped: the timer is set no more
 * @late: how late each of the last slots was published, by the slot's number
 * @pause: the last publication of more slots than @late has: the first and the last of
 *	them, and when it was
 * @timer: the timer
 */
struct cmap_clock {
	u64 *word;
	u64 closing;
	struct cmap_block *words;
	struct cmap_memory *memory;
	spinlock_t lock;
	struct cmap_alarm *alarms;
	struct rb_root_cached waiting;
	struct list_head ringing;
	u64 armed;
	bool stopped;
	u16 *late;
	struct {
		u64 first;
		u64 last;
		u64 now;
	} pause;
	struct hrtimer timer;
};

void cmap_clock_init(struct cmap_clock *clock, struct cmap_memory *memory);
int cmap_clock_prepare(struct cmap_clock *clock, gfp_t gfp);
void cmap_clock_publish(struct cmap_clock *clock, u64 now);
void cmap_clock_stop(struct cmap_clock *clock);
void cmap_clock_free(struct cmap_clock *clock);

void cmap_alarm_add(struct cmap_clock *clock, struct cmap_alarm *alarm,
		    spinlock_t *lock, void (*wait)(struct cmap_alarm *alarm),
		    work_func_t work);
void cmap_alarm_set(struct cmap_clock *clock, struct cmap_alarm *alarm,
		    u64 next);
void cmap_alarm_ended(struct cmap_clock *clock, struct cmap_alarm *alarm,
		      u64 next);
u64 cmap_clock_lateness(const struct cmap_clock *clock, u64 deadline);
u64 cmap_clock_deadline(u64 ttl);

/**
 * cmap_clock_word() - get the word
 * @clock: the clock
 *
 * Context: Any.
 * Return: deadlines up to this one are over.
 */
static inline u64 cmap_clock_word(const struct cmap_clock *clock)
{
	/* Pairs with the release in cmap_clock_prepare(). */
	const u64 *word = smp_load_acquire(&clock->word);

	return word ? READ_ONCE(*word) : 0;
}

/**
 * cmap_clock_closing() - get which deadlines are over for writers
 * @clock: the clock
 *
 * Context: The lock of the stripe that is written.
 * Return: deadlines up to this one are over.  Readers see later ones as over only after
 * the lock was dropped.
 */
static inline u64 cmap_clock_closing(const struct cmap_clock *clock)
{
	return READ_ONCE(clock->closing);
}

/**
 * cmap_clock_used() - check whether entries may have expired
 * @clock: the clock
 *
 * A map that is mapped has a word, also if no entry ever had a deadline.
 *
 * Context: Any.
 * Return: false if no entry has had a deadline.
 */
static inline bool cmap_clock_used(const struct cmap_clock *clock)
{
	return READ_ONCE(clock->alarms);
}

/* The value of the word when a slot is over. */
static inline u64 cmap_slot_end(u64 slot)
{
	return ((slot + 1) << CMAP_SLOT_SHIFT) - 1;
}

#endif /* CMAP_CLOCK_H */
