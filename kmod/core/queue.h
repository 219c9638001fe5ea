/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's work queues.
 *
 * What frees memory never waits behind what asks for it, and no work waits for
 * another one of its own queue: a full queue would then wait for ever.  None is
 * bound to a CPU, on which a work could hold up the works of others.
 *
 * Writers that must not start I/O, for reclaim may be waiting for them, wait for
 * memory that comes back by these: blocks and tables that are freed, and maps that
 * are destroyed, which wait for works of the other queues.  So all have a rescuer:
 * none needs memory for a new thread to go on, and none starts I/O for what it
 * allocates.
 */
#ifndef CMAP_QUEUE_H
#define CMAP_QUEUE_H

struct workqueue_struct;

/* Makes large tables and moves buckets; a work may run for long. */
extern struct workqueue_struct *cmap_queue_resize;

/* Allocates segments ahead and trims; each work is short. */
extern struct workqueue_struct *cmap_queue_upkeep;

/* Frees blocks and tables. */
extern struct workqueue_struct *cmap_queue_free;

/* Destroys maps; waits for works of all the other queues. */
extern struct workqueue_struct *cmap_queue_destroy;

int cmap_queue_init(void);
void cmap_queue_flush(void);
void cmap_queue_exit(void);

#endif /* CMAP_QUEUE_H */
