/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Listeners: whoever waits for changes of a map.
 *
 * A writer looks at one byte beside its lock, @events of &struct cmap_stripe.  If
 * somebody listens to the shard it is armed: then the writer disarms it and has a
 * work run.  The work arms the shards again and has each listener look for itself
 * whether it has what it waits for.  So a writer does the same whether one listens
 * or thousands do, and only once for each run of the work.
 *
 * If some runs in a row found nothing for anybody, there is a pause before the next
 * one.  So changes that nobody waits for cost writers next to nothing, however many
 * they are.  After a long run there is a longer pause, whatever it found.  So listeners
 * leave most of the CPU's time to others, however many they are.
 *
 * A map with a feed has one stripe a shard, so what is said here of a shard and its lock
 * is so of that stripe.
 *
 * No change is missed: a listener arms the shards first, under their locks, and
 * looks afterwards.  A change that it does not see then is one whose writer finds
 * the shard armed.  And if that writer's work has run meanwhile, it has looked for
 * the listener, too.
 */
#ifndef CMAP_EVENT_H
#define CMAP_EVENT_H

#include "shard.h"

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

/**
 * struct cmap_listener - somebody who waits for changes of a map
 * @node: entry in the list of listeners
 * @look: arms the shards that matter, and then looks whether there is what the
 *	listener waits for, or whether the map has ended.  If so it wakes the
 *	listener and returns true.  It does nothing and returns false while the
 *	listener does not wait.  May sleep, but not wait for a process, nor
 *	look for long
 */
struct cmap_listener {
	struct list_head node;
	bool (*look)(struct cmap_listener *listener);
};

/**
 * struct cmap_events - the listeners of a map
 * @mutex: protects @listeners; held while they look
 * @listeners: the listeners
 * @work: has them look
 * @idle: how many runs of @work in a row found nothing for anybody; not counted
 *	any further when there is a pause after each
 * @after: when the pause after the last run of @work ends, in jiffies
 * @watchers: how many watchers the map has, for reports
 * @ended: only listeners have references: nothing can change any more
 * @renames: how many times the map was renamed or lost its name; written under the
 *	mutex of the table of names
 */
struct cmap_events {
	struct mutex mutex;
	struct list_head listeners;
	struct delayed_work work;
	unsigned int idle;
	unsigned long after;
	atomic_t watchers;
	bool ended;
	u32 renames;
};

void cmap_events_init(struct cmap_events *events);
void cmap_events_close(struct cmap_events *events);
void cmap_events_look(struct cmap_events *events);
void cmap_events_end(struct cmap_events *events);
void cmap_events_renamed(struct cmap_events *events);
void cmap_listener_add(struct cmap_events *events, struct cmap_listener *listener);
void cmap_listener_remove(struct cmap_events *events,
			  struct cmap_listener *listener);

void cmap_event_arm(struct cmap_shard *shard);
void cmap_event_set(struct cmap_shard *shard, struct cmap_stripe *stripe,
		    const struct cmap_node *node, u64 version);
void cmap_event_gone(struct cmap_shard *shard, struct cmap_stripe *stripe,
		     u8 cause, const struct cmap_node *node, u64 version);

#endif /* CMAP_EVENT_H */
