// SPDX-License-Identifier: GPL-2.0
#include "lock.h"

#include <linux/kconfig.h>
#include <linux/processor.h>

/* Some milliseconds: about as long as a host takes a CPU away. */
#define TRIES_MAX	(1U << 18)

/*
 * With PREEMPT_RT a waiter sleeps, and the holder inherits its priority.
 * Lockdep learns nothing from a lock that was only tried.
 */
#define TRIES		(IS_ENABLED(CONFIG_PREEMPT_RT) || \
			 IS_ENABLED(CONFIG_LOCKDEP) ? 0 : TRIES_MAX)

/**
 * cmap_lock_bh() - take the lock of a shard or of a stripe
 * @lock: the lock; spin_unlock_bh() releases it
 *
 * Context: Process or softirq; softirqs are disabled from here on.
 */
void cmap_lock_bh(spinlock_t *lock)
	__acquires(lock)
{
	unsigned int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (spin_trylock_bh(lock))
			return;
		cpu_relax();
	}
	spin_lock_bh(lock);
}

/**
 * cmap_lock() - take the lock of a shard or of a stripe where softirqs are disabled
 * @lock: the lock; spin_unlock() releases it
 *
 * Context: Process or softirq; softirqs are disabled already.
 */
void cmap_lock(spinlock_t *lock)
	__acquires(lock)
{
	unsigned int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (spin_trylock(lock))
			return;
		cpu_relax();
	}
	spin_lock(lock);
}
