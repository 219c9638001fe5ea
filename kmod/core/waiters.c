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
static void take_out_locked(const struct cmap_stripe *stripe,
			    struct cmap_waiter_key *key)
{
	struct cmap_waiter *waiter = key->waiter;
	struct task_struct *task = waiter->task;

	lockdep_assert_held(&stripe->lock);

	hlist_del_init(&key->node);
	rcu_read_lock();
	/* F2 (b): a waiter that sees this sees what has changed, and @node. */
	smp_store_release(&waiter->woken, true);
	/* F2 (a): full barrier between the store and the look at the task's state. */
	wake_up_process(task);
	rcu_read_unlock();
}

/* After a key was taken out: clear its bit if few are left and none has that bit. */
static void clear_bit_locked(struct cmap_shard *shard, struct cmap_stripe *stripe,
			     u32 high)
{
	u32 bucket = cmap_waiters_bucket(shard, high), bits = 0;
	struct cmap_waiters *waiters = shard->waiters;
	const struct cmap_waiter_key *key;
	unsigned int looks = 0;

	lockdep_assert_held(&stripe->lock);

	hlist_for_each_entry(key, &waiters->bucket[bucket], node) {
		if (looks++ == CMAP_WAITER_LOOKS)
			return;
		bits |= cmap_waiters_bit(cmap_hash_high(key->key.hash));
	}
	waiters->filter[bucket] = bits;
}

/* Have the work wake all in a bucket.  Until others are in it, it needs no look. */
static void wake_by_work_locked(struct cmap_waiters *waiters,
				struct cmap_stripe *stripe, u32 bucket)
{
	lockdep_assert_held(&stripe->lock);

	/* Other bits of the word are other stripes'. */
	set_bit(bucket, waiters->due);
	waiters->filter[bucket] = 0;
	queue_work(cmap_queue_wake, &waiters->work);
}

/**
 * cmap_waiters_wake_key() - wake those who wait for a key, if there are any
 * @shard: the shard, which has waiters
 * @stripe: the key's stripe
 * @high: high half of the key's hash
 *
 * If they are many, or many are in their bucket, a work wakes all of the bucket.  So
 * those who wait for other keys cannot make a write long.
 *
 * Context: The stripe's lock.
 */
void cmap_waiters_wake_key(struct cmap_shard *shard, struct cmap_stripe *stripe,
			   u32 high)
{
	u32 bucket = cmap_waiters_bucket(shard, high), bits = 0;
	struct cmap_waiters *waiters = shard->waiters;
	struct cmap_waiter_key *key;
	struct hlist_node *next;
	unsigned int woken = 0, looks = 0;

	lockdep_assert_held(&stripe->lock);

	hlist_for_each_entry_safe(key, next, &waiters->bucket[bucket], node) {
		bool same = cmap_hash_high(key->key.hash) == high;

		if (looks++ == CMAP_WAITER_LOOKS ||
		    (same && woken++ == WRITER_WAKES)) {
			wake_by_work_locked(waiters, stripe, bucket);
			return;
		}
		if (same)
			take_out_locked(stripe, key);
		else
			bits |= cmap_waiters_bit(cmap_hash_high(key->key.hash));
	}
	waiters->filter[bucket] = bits;
}

/*
 * Wake some of those of a bucket whom the work is to wake.  False if there are none left.
 */
static bool wake_some_locked(struct cmap_waiters *waiters,
			     struct cmap_stripe *stripe, unsigned int bucket)
{
	unsigned int i;

	lockdep_assert_held(&stripe->lock);

	if (hlist_empty(&waiters->waking)) {
		if (!test_bit(bucket, waiters->due))
			return false;
		/* Those who enter themselves from now on are not concerned. */
		clear_bit(bucket, waiters->due);
		hlist_move_list(&waiters->bucket[bucket], &waiters->waking);
		waiters->filter[bucket] = 0;
	}
	for (i = 0; i < WORK_WAKES && !hlist_empty(&waiters->waking); i++)
		take_out_locked(stripe, hlist_entry(waiters->waking.first,
						    struct cmap_waiter_key,
						    node));
	return true;
}

/* The high half of a hash whose waiters are in a bucket. */
static u32 high_of(const struct cmap_shard *shard, u32 bucket)
{
	return bucket << (32 - CMAP_WAITER_BUCKET_BITS) >> shard->shard_bits;
}

static void waiters_work(struct work_struct *work)
{
	struct cmap_waiters *waiters = container_of(work, struct cmap_waiters,
						    work);
	struct cmap_stripe *stripe;
	unsigned int bucket;
	bool more;

	/* Who sets a bit behind this has queued the work once more. */
	for (bucket = 0; bucket < CMAP_WAITER_BUCKETS; bucket++) {
		u32 high = high_of(waiters->shard, bucket);

		if (!test_bit(bucket, waiters->due))
			continue;
		do {
			stripe = cmap_shard_lock(waiters->shard, high);
			more = wake_some_locked(waiters, stripe, bucket);
			spin_unlock_bh(&stripe->lock);
			cond_resched();
		} while (more);
	}
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

/* Have a shard's deletions noted in what has been allocated. */
static void note_deletions(struct cmap_shard *shard, u32 high)
{
	struct cmap_stripe *stripe = cmap_shard_lock(shard, high);
	u32 i, groups = CMAP_WAITER_GROUPS >> shard->stripe_bits;
	u64 *deleted = &shard->waiters->deleted[cmap_stripe_index(shard, stripe) *
						groups];

	for (i = 0; i < groups && !(stripe->events & CMAP_EVENT_WAITERS); i++)
		deleted[i] = cmap_stripe_written(shard, stripe) ?
			     stripe->version : 0;
	WRITE_ONCE(stripe->events, stripe->events | CMAP_EVENT_WAITERS);
	spin_unlock_bh(&stripe->lock);
}

/**
 * cmap_waiters_prepare() - allocate what a stripe needs to have waiters
 * @shard: the shard
 * @high: high half of a hash in the stripe
 *
 * From now on deletions are noted.  What has been deleted so far is not known.  So
 * all groups of the stripe get its present version, unless nothing was written yet.
 *
 * Context: Process.
 * Return: 0; -EDQUOT, -ENOMEM or -ENOSPC as for the map's own memory.
 */
int cmap_waiters_prepare(struct cmap_shard *shard, u32 high)
{
	struct cmap_waiters *waiters;
	int err;

	if (likely(READ_ONCE(cmap_shard_stripe(shard, high)->events) &
		   CMAP_EVENT_WAITERS))
		return 0;

	/* Pairs with the cmpxchg() below. */
	if (!smp_load_acquire(&shard->waiters)) {
		waiters = waiters_new(shard, &err);
		if (!waiters)
			return err;
		/* Full barrier: who sees the pointer sees what it points to. */
		if (cmpxchg(&shard->waiters, NULL, waiters))
			waiters_free(shard, waiters);
	}
	note_deletions(shard, high);

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
 * @shard: the shard
 * @stripe: the key's stripe, for which cmap_waiters_prepare() was called
 * @key: the key, which is absent
 * @version: a version that it is known to have had
 *
 * A version that no key of the shard can have is not one that this key had.
 *
 * Context: The stripe's lock.
 * Return: true if the key has not been there since.
 */
bool cmap_waiters_unchanged(const struct cmap_shard *shard,
			    const struct cmap_stripe *stripe,
			    const struct cmap_key *key, u64 version)
{
	u32 group = cmap_waiters_group(shard, cmap_hash_high(key->hash));

	lockdep_assert_held(&stripe->lock);

	if (version && (version & (shard->shards - 1)) != shard->index)
		return false;
	return version >= shard->waiters->deleted[group] &&
	       version <= stripe->version;
}

/**
 * cmap_waiters_enter() - have the next change of a key wake its waiter
 * @key: the key, which is in no list, and which has not changed yet
 *
 * Context: The stripe's lock.
 */
void cmap_waiters_enter(struct cmap_waiter_key *key)
{
	struct cmap_waiters *waiters = key->shard->waiters;
	u32 high = cmap_hash_high(key->key.hash);
	u32 bucket = cmap_waiters_bucket(key->shard, high);

	lockdep_assert_held(&cmap_shard_stripe(key->shard, high)->lock);

	hlist_add_head(&key->node, &waiters->bucket[bucket]);
	waiters->filter[bucket] |= cmap_waiters_bit(high);
	key->entered = true;
}

/**
 * cmap_waiters_leave() - end what cmap_waiters_enter() began
 * @key: the key.  Nobody uses it any more when this returns
 *
 * Context: Process; no lock of a stripe.
 */
void cmap_waiters_leave(struct cmap_waiter_key *key)
{
	u32 high = cmap_hash_high(key->key.hash);
	struct cmap_stripe *stripe = cmap_shard_lock(key->shard, high);

	if (!hlist_unhashed(&key->node)) {
		hlist_del_init(&key->node);
		clear_bit_locked(key->shard, stripe, high);
	}
	spin_unlock_bh(&stripe->lock);
	key->entered = false;
}
