// SPDX-License-Identifier: GPL-2.0
#include "waiters.h"
#include "lock.h"
#include "queue.h"

#include <linux/memcontrol.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

/* So many are woken in one hold of the lock: by a writer, and by the work. */
#define WRITER_WAKES	4
#define WORK_WAKES	16

static_assert(sizeof(struct cmap_waiters) <= 4096 ||
	      IS_ENABLED(CONFIG_DEBUG_OBJECTS_WORK) || IS_ENABLED(CONFIG_LOCKDEP));

/*
 * Take a key out of its list and wake its task.  When @woken is set the waiter may
 * return, and its task end.  But the task is not freed before a grace period.
 */
static void take_out_locked(struct cmap_waiter_key *key)
{
	struct cmap_waiter *waiter = key->waiter;
	struct task_struct *task = waiter->task;

	lockdep_assert_held(&key->shard->lock);

	hlist_del_init(&key->node);
	rcu_read_lock();
	/* F2 (b): a waiter that sees this sees what has changed, and @node. */
	smp_store_release(&waiter->woken, true);
	/* F2 (a): full barrier between the store and the look at the task's state. */
	wake_up_process(task);
	rcu_read_unlock();
}

/* After a key was taken out: clear its bit if few are left and none has that bit. */
static void clear_bit_locked(struct cmap_waiters *waiters, u32 high)
{
	u32 bucket = cmap_waiters_bucket(high), bits = 0;
	const struct cmap_waiter_key *key;
	unsigned int looks = 0;

	lockdep_assert_held(&waiters->shard->lock);

	hlist_for_each_entry(key, &waiters->bucket[bucket], node) {
		if (looks++ == CMAP_WAITER_LOOKS)
			return;
		bits |= cmap_waiters_bit(cmap_hash_high(key->key.hash));
	}
	waiters->filter[bucket] = bits;
}

/* Have the work wake all in a bucket.  Until others are in it, it needs no look. */
static void wake_by_work_locked(struct cmap_waiters *waiters, u32 bucket)
{
	lockdep_assert_held(&waiters->shard->lock);

	__set_bit(bucket, waiters->due);
	waiters->filter[bucket] = 0;
	queue_work(cmap_queue_wake, &waiters->work);
}

/**
 * cmap_waiters_wake_key() - wake those who wait for a key, if there are any
 * @waiters: the shard's waiters
 * @high: high half of the key's hash
 *
 * If they are many, or many are in their bucket, a work wakes all of the bucket.  So
 * those who wait for other keys cannot make a write long.
 *
 * Context: The shard's lock.
 */
void cmap_waiters_wake_key(struct cmap_waiters *waiters, u32 high)
{
	u32 bucket = cmap_waiters_bucket(high), bits = 0;
	struct cmap_waiter_key *key;
	struct hlist_node *next;
	unsigned int woken = 0, looks = 0;

	lockdep_assert_held(&waiters->shard->lock);

	hlist_for_each_entry_safe(key, next, &waiters->bucket[bucket], node) {
		bool same = cmap_hash_high(key->key.hash) == high;

		if (looks++ == CMAP_WAITER_LOOKS ||
		    (same && woken++ == WRITER_WAKES)) {
			wake_by_work_locked(waiters, bucket);
			return;
		}
		if (same)
			take_out_locked(key);
		else
			bits |= cmap_waiters_bit(cmap_hash_high(key->key.hash));
	}
	waiters->filter[bucket] = bits;
}

/* Wake some of those whom the work is to wake.  False if there are none. */
static bool wake_some_locked(struct cmap_waiters *waiters)
{
	unsigned int i;

	lockdep_assert_held(&waiters->shard->lock);

	if (hlist_empty(&waiters->waking)) {
		unsigned int bucket = find_first_bit(waiters->due,
						     CMAP_WAITER_BUCKETS);

		if (bucket == CMAP_WAITER_BUCKETS)
			return false;
		/* Those who enter themselves from now on are not concerned. */
		__clear_bit(bucket, waiters->due);
		hlist_move_list(&waiters->bucket[bucket], &waiters->waking);
		waiters->filter[bucket] = 0;
	}
	for (i = 0; i < WORK_WAKES && !hlist_empty(&waiters->waking); i++)
		take_out_locked(hlist_entry(waiters->waking.first,
					    struct cmap_waiter_key, node));
	return true;
}

static void waiters_work(struct work_struct *work)
{
	struct cmap_waiters *waiters = container_of(work, struct cmap_waiters,
						    work);
	bool more;

	do {
		cmap_lock_bh(&waiters->shard->lock);
		more = wake_some_locked(waiters);
		spin_unlock_bh(&waiters->shard->lock);
		cond_resched();
	} while (more);
}

static struct cmap_account *account_of(const struct cmap_shard *shard)
{
	return shard->arena.memory->account.parent;
}

/*
 * It lives as long as the map.  So whoever pays for the map pays for it, not the reader
 * that came first.  But readers must not use up the map's own limit.
 */
static struct cmap_waiters *waiters_new(struct cmap_shard *shard, int *err)
{
	struct mem_cgroup *payer, *old;
	struct cmap_waiters *waiters;

	*err = cmap_charge(account_of(shard), sizeof(*waiters));
	if (*err)
		return NULL;

	payer = cmap_payer_memcg(shard->payer);
	old = set_active_memcg(payer);
	waiters = kzalloc(sizeof(*waiters), CMAP_GFP_KERNEL);
	set_active_memcg(old);
	mem_cgroup_put(payer);
	if (!waiters) {
		cmap_uncharge(account_of(shard), sizeof(*waiters));
		*err = -ENOMEM;
		return NULL;
	}
	waiters->shard = shard;
	INIT_WORK(&waiters->work, waiters_work);

	return waiters;
}

static void waiters_free(struct cmap_shard *shard, struct cmap_waiters *waiters)
{
	if (!waiters)
		return;
	cmap_uncharge(account_of(shard), sizeof(*waiters));
	kfree(waiters);
}

/**
 * cmap_waiters_prepare() - allocate what a shard needs to have waiters
 * @shard: the shard
 *
 * From now on deletions are noted.  What has been deleted so far is not known.  So
 * all groups get the present version, unless nothing was written yet.
 *
 * Context: Process.
 * Return: 0; -EDQUOT, -ENOMEM or -ENOSPC as for the map's own memory.
 */
int cmap_waiters_prepare(struct cmap_shard *shard)
{
	struct cmap_waiters *waiters;
	unsigned int i;
	int err;

	/* Pairs with the release below. */
	if (likely(smp_load_acquire(&shard->waiters)))
		return 0;

	waiters = waiters_new(shard, &err);
	if (!waiters)
		return err;

	cmap_lock_bh(&shard->lock);
	if (!shard->waiters) {
		for (i = 0; i < CMAP_WAITER_GROUPS; i++)
			waiters->deleted[i] = shard->version == shard->index ?
					      0 : shard->version;
		/* Pairs with the acquire above. */
		smp_store_release(&shard->waiters, waiters);
		WRITE_ONCE(shard->events, shard->events | CMAP_EVENT_WAITERS);
		waiters = NULL;
	}
	spin_unlock_bh(&shard->lock);
	waiters_free(shard, waiters);

	return 0;
}

/**
 * cmap_waiters_free() - free what a shard needs to have waiters
 * @shard: the shard, which nobody uses any more
 *
 * Context: Process.
 */
void cmap_waiters_free(struct cmap_shard *shard)
{
	if (shard->waiters)
		cancel_work_sync(&shard->waiters->work);
	waiters_free(shard, shard->waiters);
	shard->waiters = NULL;
}

/**
 * cmap_waiters_unchanged() - check that an absent key is as it was
 * @shard: the shard, for which cmap_waiters_prepare() was called
 * @key: the key, which is absent
 * @version: a version that it is known to have had
 *
 * A version that no key of the shard can have is not one that this key had.
 *
 * Context: The shard's lock.
 * Return: true if the key has not been there since.
 */
bool cmap_waiters_unchanged(const struct cmap_shard *shard,
			    const struct cmap_key *key, u64 version)
{
	u32 group = cmap_hash_high(key->hash) % CMAP_WAITER_GROUPS;

	lockdep_assert_held(&shard->lock);

	if (version && (version & (shard->shards - 1)) != shard->index)
		return false;
	return version >= shard->waiters->deleted[group] &&
	       version <= shard->version;
}

/**
 * cmap_waiters_enter() - have the next change of a key wake its waiter
 * @key: the key, which is in no list, and which has not changed yet
 *
 * Context: The shard's lock.
 */
void cmap_waiters_enter(struct cmap_waiter_key *key)
{
	struct cmap_waiters *waiters = key->shard->waiters;
	u32 high = cmap_hash_high(key->key.hash);
	u32 bucket = cmap_waiters_bucket(high);

	lockdep_assert_held(&key->shard->lock);

	hlist_add_head(&key->node, &waiters->bucket[bucket]);
	waiters->filter[bucket] |= cmap_waiters_bit(high);
	key->entered = true;
}

/**
 * cmap_waiters_leave() - end what cmap_waiters_enter() began
 * @key: the key.  Nobody uses it any more when this returns
 *
 * Context: Process; no lock of a shard.
 */
void cmap_waiters_leave(struct cmap_waiter_key *key)
{
	struct cmap_shard *shard = key->shard;

	cmap_lock_bh(&shard->lock);
	if (!hlist_unhashed(&key->node)) {
		hlist_del_init(&key->node);
		clear_bit_locked(shard->waiters, cmap_hash_high(key->key.hash));
	}
	spin_unlock_bh(&shard->lock);
	key->entered = false;
}
