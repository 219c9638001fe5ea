/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's work queues.
 *
 * Works that free memory have a queue apart from those that allocate, so they never
 * wait behind them.  No work waits for another one of its own queue, as a full
 * queue would then wait for ever.  No queue is bound to a CPU, because a long work
 * would hold up the works of other maps there.
 *
 * A writer that must not start I/O, because reclaim may wait for it, can wait for
 * memory that these queues give back: freed blocks and tables, and destroyed maps,
 * which in turn wait for works of the other queues.  So each queue has a rescuer:
 * it makes progress without memory for a new thread.  For the same reason no work
 * starts I/O for what it allocates.
 */
#ifndef CMAP_QUEUE_H
#define CMAP_QUEUE_H

struct workqueue_struct;

/* Allocates large tables and moves buckets.  A work may run for long. */
extern struct workqueue_struct *cmap_queue_resize;

/* Allocates segments ahead of need, and trims.  Each work is short. */
extern struct workqueue_struct *cmap_queue_upkeep;

/* Has listeners look for changes, and wakes waiters. */
extern struct workqueue_struct *cmap_queue_event;

/* Wakes waiters that are too many for a writer.  Each work is short. */
extern struct workqueue_struct *cmap_queue_wake;

/* Removes entries that have expired, or lost their owner.  Each work is short. */
extern struct workqueue_struct *cmap_queue_expire;

/* Frees blocks and tables. */
extern struct workqueue_struct *cmap_queue_free;

/* Destroys maps, and waits for works of all the other queues. */
extern struct workqueue_struct *cmap_queue_destroy;

int cmap_queue_init(void);
void cmap_queue_flush(void);
void cmap_queue_exit(void);

#endif /* CMAP_QUEUE_H */
