// SPDX-License-Identifier: GPL-2.0
#include "event.h"
#include "feed.h"
#include "lock.h"
#include "queue.h"
#include "waiters.h"

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>

/*
 * Pauses between runs.  A few short runs in a row that find nothing are followed by none:
 * a watch that reads by itself causes them, and waits for the next change already.
 */
#define IDLE_RUNS	4
#define IDLE_PAUSE	msecs_to_jiffies(2)	/* at least a tick */
#define LONG_RUN	1000	/* in microseconds: pauses whatever it found */
#define PAUSE_SHARE	8	/* a long run takes at most a ninth of the time */
#define PAUSE_MAX	HZ	/* unless that would be longer */

static bool events_look(struct cmap_events *events)
{
	struct cmap_listener *listener;
	bool found = false;

	mutex_lock(&events->mutex);
	list_for_each_entry(listener, &events->listeners, node) {
		found |= listener->look(listener);
		cond_resched();
	}
	mutex_unlock(&events->mutex);

	return found;
}

/* How long the pause still takes, in jiffies. */
static unsigned long pause_left(const struct cmap_events *events)
{
	unsigned long left = READ_ONCE(events->after) - jiffies;

	/* If it is over, this is a large number. */
	return left <= PAUSE_MAX + 1 ? left : 0;
}

static void pause_begin(struct cmap_events *events, bool found, u64 took)
{
	unsigned long pause = 0;

	events->idle = found ? 0 : min(events->idle + 1, IDLE_RUNS + 1U);
	if (events->idle > IDLE_RUNS)
		pause = IDLE_PAUSE;
	/* The present tick has begun already, so it is not counted. */
	if (took >= LONG_RUN)
		pause = usecs_to_jiffies(min_t(u64, took * PAUSE_SHARE,
					       jiffies_to_usecs(PAUSE_MAX))) + 1;
	WRITE_ONCE(events->after, jiffies + pause);
}

static void events_work(struct work_struct *work)
{
	struct cmap_events *events = container_of(to_delayed_work(work),
						  struct cmap_events, work);
	ktime_t begin = ktime_get();
	bool found;

	/* It may have been queued before the pause began. */
	if (pause_left(events)) {
		cmap_events_look(events);
		return;
	}
	found = events_look(events);
	pause_begin(events, found, ktime_us_delta(ktime_get(), begin));
}

/**
 * cmap_events_init() - set up a map without listeners
 * @events: the map's
 *
 * Context: Process.
 */
void cmap_events_init(struct cmap_events *events)
{
	mutex_init(&events->mutex);
	INIT_LIST_HEAD(&events->listeners);
	INIT_DELAYED_WORK(&events->work, events_work);
	events->after = jiffies;
}

/**
 * cmap_events_close() - stop the work of a map that nobody uses any more
 * @events: the map's, without listeners
 *
 * Context: Process.
 */
void cmap_events_close(struct cmap_events *events)
{
	cancel_delayed_work_sync(&events->work);
}

/**
 * cmap_events_look() - have the listeners look, at once or after the pause
 * @events: the map's
 *
 * Context: Any; the map exists.
 */
void cmap_events_look(struct cmap_events *events)
{
	queue_delayed_work(cmap_queue_event, &events->work, pause_left(events));
}

/**
 * cmap_events_end() - tell the listeners that the map has ended
 * @events: the map's
 *
 * Context: Any; the map exists.
 */
void cmap_events_end(struct cmap_events *events)
{
	/* Who sees it sees all that was written before. */
	smp_store_release(&events->ended, true);
	cmap_events_look(events);
}

/**
 * cmap_events_renamed() - tell the listeners that the map has another name, or none
 * @events: the map's
 *
 * Context: The mutex of the table of names; the map exists.
 */
void cmap_events_renamed(struct cmap_events *events)
{
	WRITE_ONCE(events->renames, events->renames + 1);
	cmap_events_look(events);
}

/**
 * cmap_listener_add() - have a listener look after changes
 * @events: the map's
 * @listener: the listener, which arms the shards itself
 *
 * Context: Process.
 */
void cmap_listener_add(struct cmap_events *events, struct cmap_listener *listener)
{
	mutex_lock(&events->mutex);
	list_add_tail(&listener->node, &events->listeners);
	mutex_unlock(&events->mutex);
}

/**
 * cmap_listener_remove() - end a listener
 * @events: the map's
 * @listener: the listener; it does not look any more when this returns
 *
 * Context: Process.
 */
void cmap_listener_remove(struct cmap_events *events,
			  struct cmap_listener *listener)
{
	mutex_lock(&events->mutex);
	list_del(&listener->node);
	mutex_unlock(&events->mutex);
}

/**
 * cmap_event_arm() - have the next change of a shard reported
 * @shard: the shard; the map has a feed, so it has one stripe
 *
 * The caller is a listener, and looks for changes after this.
 *
 * If the shard is found armed without its lock, a writer may be about to disarm it.
 * Then the work runs after that, and has the caller look.
 *
 * Context: Process; no lock of a stripe.
 */
void cmap_event_arm(struct cmap_shard *shard)
{
	struct cmap_stripe *stripe = &shard->first;

	/* The caller's state is visible to the work before the look. */
	smp_mb();
	if (READ_ONCE(stripe->events) & CMAP_EVENT_ARMED)
		return;

	cmap_lock_bh(&stripe->lock);
	WRITE_ONCE(stripe->events, stripe->events | CMAP_EVENT_ARMED);
	spin_unlock_bh(&stripe->lock);
}

/*
 * Write a record, wake those who wait for the key, and if the shard is armed, disarm it
 * and have the listeners look.  Each of these may not be needed.
 */
static noinline void event_report(struct cmap_shard *shard, u8 cause,
				  const struct cmap_node *node, u64 version)
{
	/* It would cost the callers two registers, which they seldom need here. */
	struct cmap_stripe *stripe = cmap_shard_stripe(shard, node->hash_high);

	lockdep_assert_held(&stripe->lock);

	if (shard->feed)
		cmap_feed_write(shard->feed, cause, node, version);
	if (stripe->events & CMAP_EVENT_WAITERS)
		cmap_waiters_wake(shard, stripe, node->hash_high,
				  cause == CMAP_FEED_SET ? 0 : version);
	if (!(stripe->events & CMAP_EVENT_ARMED))
		return;

	WRITE_ONCE(stripe->events, stripe->events & ~CMAP_EVENT_ARMED);
	cmap_events_look(shard->listeners);
}

/**
 * cmap_event_set() - report that an entry was set, where that matters to somebody
 * @shard: the shard
 * @stripe: the key's stripe; @events is not 0
 * @node: the entry's node
 * @version: its version
 *
 * The change can be seen already.
 *
 * Context: The stripe's lock.
 */
void cmap_event_set(struct cmap_shard *shard, struct cmap_stripe *stripe,
		    const struct cmap_node *node, u64 version)
{
	lockdep_assert_held(&stripe->lock);

	if (unlikely(stripe->events != CMAP_EVENT_FEED) ||
	    unlikely(!cmap_feed_write_fast(shard->feed, CMAP_FEED_SET, true,
					   node, version)))
		event_report(shard, CMAP_FEED_SET, node, version);
}

/**
 * cmap_event_gone() - report that an entry was removed, where that matters to somebody
 * @shard: the shard
 * @stripe: the key's stripe; @events is not 0
 * @cause: CMAP_FEED_DELETE, or another cause
 * @node: the node that it had, which is not retired yet
 * @version: the change's version
 *
 * The change can be seen already.
 *
 * Context: The stripe's lock.
 */
void cmap_event_gone(struct cmap_shard *shard, struct cmap_stripe *stripe,
		     u8 cause, const struct cmap_node *node, u64 version)
{
	lockdep_assert_held(&stripe->lock);

	if (unlikely(stripe->events != CMAP_EVENT_FEED) ||
	    unlikely(!cmap_feed_write_fast(shard->feed, cause, false, node,
					   version)))
		event_report(shard, cause, node, version);
}
