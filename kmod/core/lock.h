/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The locks of shards and stripes, on machines whose CPUs may stand still.
 *
 * A spinlock of the kernel is mostly a queue: it goes to those who wait in the
 * order in which they came.  In a virtual machine the next in the queue may be a
 * CPU that the host has just taken away.  Then nobody has the lock until the host
 * gives that CPU back, which takes milliseconds, while a shard's lock is held for
 * less than one microsecond.  Each writer that comes meanwhile joins the queue,
 * and may be the next one to be taken away.
 *
 * So a writer that waits for a shard's lock does not queue at first.  It looks
 * until the lock is free and then tries to take it: the lock goes to a CPU that
 * runs.  A writer that has tried for a long time joins the queue after all, so
 * that none waits for ever.
 */
#ifndef CMAP_LOCK_H
#define CMAP_LOCK_H

#include <linux/spinlock.h>

void cmap_lock(spinlock_t *lock) __acquires(lock);
void cmap_lock_bh(spinlock_t *lock) __acquires(lock);

#endif /* CMAP_LOCK_H */
