// SPDX-License-Identifier: GPL-2.0
/*
 * F2: no wake-up is lost.  waiters.h says why; docs/design.md has the barriers.
 */
#include "wait.h"
#include "orphan.h"
#include "lock.h"

#include <linux/hrtimer.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/**
 * cmap_wait_key_init() - set up one of the keys to wait for
 * @waiter: has room for it
 * @i: index of the key
 * @map: the map
 * @key: the key
 * @version: the version that it is known to have
 *
 * Context: Any.
 */
void cmap_wait_key_init(struct cmap_waiter *waiter, u32 i,
			const struct cmap *map, const struct cmap_key *key,
			u64 version)
{
	waiter->key[i] = (struct cmap_waiter_key){
		.waiter = waiter,
		.shard = cmap_map_shard(map, cmap_hash_high(key->hash)),
		.key = *key,
		.version = version,
	};
}

/*
 * Look for the key without a lock, and see whether it has another version.  False if it
 * is absent: then only the stripe's lock can tell.
 */
static bool look_present(struct cmap_waiter_key *key)
{
	const struct cmap_node *node;
	u64 version = key->version;

	rcu_read_lock();
	node = cmap_shard_find(key->shard, &key->key);
	if (node)
		version = READ_ONCE(node->version);
	rcu_read_unlock();

	key->changed = version != key->version;
	key->version = version;
	return node;
}

/* Look whether the key has changed.  If not, and if asked to, enter it. */
static bool wait_look_locked(struct cmap_stripe *stripe,
			     struct cmap_waiter_key *key, bool enter)
{
	const struct cmap_shard *shard = key->shard;
	const struct cmap_node *node;

	lockdep_assert_held(&stripe->lock);

	/* An entry that is absent is another change once it is removed. */
	cmap_gone_key(key->shard, stripe, &key->key);
	rcu_read_lock();
	node = cmap_shard_find(shard, &key->key);
	if (node) {
		key->changed = node->version != key->version;
		key->version = node->version;
	} else if (!cmap_waiters_unchanged(shard, stripe, &key->key,
					   key->version)) {
		key->changed = true;
		key->version = stripe->version;
	}
	rcu_read_unlock();

	if (!key->changed && enter && hlist_unhashed(&key->node))
		cmap_waiters_enter(key);
	return key->changed;
}

/* Look at all keys.  Returns how many have changed. */
static u32 look_at_all(struct cmap_waiter *waiter)
{
	u32 i, changed = 0;

	for (i = 0; i < waiter->count; i++) {
		struct cmap_waiter_key *key = &waiter->key[i];
		struct cmap_stripe *stripe;

		if (!look_present(key)) {
			stripe = cmap_shard_lock(key->shard,
						 cmap_hash_high(key->key.hash));
			wait_look_locked(stripe, key, false);
			spin_unlock_bh(&stripe->lock);
		}
		changed += key->changed;
	}
	return changed;
}

/* The same, and enter them, unless one has changed. */
static u32 look_and_enter(struct cmap_waiter *waiter)
{
	u32 i, changed = 0;

	/*
	 * Whoever wakes the waiter after this stores @woken after it, too, unless the
	 * look finds his change: see wait_look_locked().
	 */
	WRITE_ONCE(waiter->woken, false);
	for (i = 0; i < waiter->count; i++) {
		struct cmap_waiter_key *key = &waiter->key[i];
		struct cmap_stripe *stripe;

		stripe = cmap_shard_lock(key->shard,
					 cmap_hash_high(key->key.hash));
		changed += wait_look_locked(stripe, key, !changed);
		spin_unlock_bh(&stripe->lock);
	}
	return changed;
}

static void leave_all(struct cmap_waiter *waiter)
{
	u32 i;

	for (i = 0; i < waiter->count; i++)
		if (waiter->key[i].entered)
			cmap_waiters_leave(&waiter->key[i]);
}

/* Sleep until woken: 0, -ETIMEDOUT or -ERESTARTSYS. */
static int wait_sleep(struct cmap_waiter *waiter, ktime_t deadline)
{
	ktime_t *expires = deadline == KTIME_MAX ? NULL : &deadline;
	int err = 0;

	for (;;) {
		/* F2 (a): barrier between this and the look at @woken. */
		set_current_state(TASK_INTERRUPTIBLE);
		/* F2 (b). */
		if (smp_load_acquire(&waiter->woken))
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (!schedule_hrtimeout_range(expires, current->timer_slack_ns,
					      HRTIMER_MODE_ABS)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);

	return err;
}

/*
 * Whether a wait ends that was woken without a change: 0, -ETIMEDOUT or -ERESTARTSYS.
 * Sleeping does not tell, as those who wake the waiter can be faster than it.
 */
static int wait_over(ktime_t deadline)
{
	cond_resched();
	if (signal_pending(current))
		return -ERESTARTSYS;
	return ktime_get() >= deadline ? -ETIMEDOUT : 0;
}

static int wait_prepare(struct cmap_waiter *waiter)
{
	u32 i;
	int err;

	for (i = 0; i < waiter->count; i++) {
		const struct cmap_waiter_key *key = &waiter->key[i];

		err = cmap_waiters_prepare(key->shard,
					   cmap_hash_high(key->key.hash));
		if (err)
			return err;
	}
	return 0;
}

/**
 * cmap_wait_look() - look whether keys have changed, without waiting
 * @waiter: the keys
 *
 * Context: Process.
 * Return: how many keys have changed, which are marked; -EDQUOT, -ENOMEM or -ENOSPC as
 * of cmap_waiters_prepare().
 */
int cmap_wait_look(struct cmap_waiter *waiter)
{
	return wait_prepare(waiter) ?: look_at_all(waiter);
}

/**
 * cmap_wait_keys() - wait until at least one of some keys has changed
 * @waiter: the keys
 * @deadline: until when, by CLOCK_MONOTONIC; KTIME_MAX: no limit
 *
 * A key that is waited for has mostly not changed before the call, and has when the
 * waiter is woken.  So the first look is one under the lock, which can enter the key, and
 * the second one is not.
 *
 * Context: Process; the map stays.
 * Return: how many keys have changed, which are marked; -ETIMEDOUT; -ERESTARTSYS if
 * there is a signal; -EDQUOT, -ENOMEM or -ENOSPC as of cmap_waiters_prepare().
 */
int cmap_wait_keys(struct cmap_waiter *waiter, ktime_t deadline)
{
	int err = wait_prepare(waiter);
	u32 changed;

	if (err)
		return err;
	waiter->task = current;
	changed = look_and_enter(waiter);
	while (!changed && !err) {
		err = wait_sleep(waiter, deadline);
		if (err)
			break;
		/* The only one who could still use the only key has done so. */
		if (waiter->count == 1)
			waiter->key->entered = false;
		changed = look_at_all(waiter);
		if (changed)
			break;
		err = wait_over(deadline);
		if (!err)
			changed = look_and_enter(waiter);
	}
	leave_all(waiter);
	if (!changed)
		changed = look_at_all(waiter);

	return changed ?: err;
}
