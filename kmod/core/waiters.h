/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's waiters: who waits for which key.
 *
 * Everything happens under the lock of a stripe.  Keys of different stripes share no list
 * and no group of what is here.  A waiter looks at its key and enters
 * itself in one hold of the lock.  So each change is either seen by the look, or its
 * writer finds the waiter: no wake-up is lost.
 *
 * A writer compares hashes, not keys: the waiter looks at its key again when it
 * runs.  A writer of a key that nobody waits for tests one bit of a word.  Others
 * look at a few waiters, and leave a long list to a work, which wakes all in it.
 *
 * An absent key has no node that could tell whether it was set and deleted again.
 * So the shard notes the version of the last deletion, for each of a few groups of
 * keys: an absent key has not changed since a version if no key of its group was
 * deleted since then.  This begins with the first wait in the stripe.
 */
#ifndef CMAP_WAITERS_H
#define CMAP_WAITERS_H

#include "shard.h"

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#define CMAP_WAITER_BUCKET_BITS	8
#define CMAP_WAITER_BUCKETS	(1U << CMAP_WAITER_BUCKET_BITS)
#define CMAP_WAITER_GROUP_BITS	6
#define CMAP_WAITER_GROUPS	(1U << CMAP_WAITER_GROUP_BITS)

/* So many keys of a bucket are looked at in one hold of the lock. */
#define CMAP_WAITER_LOOKS	16

/**
 * struct cmap_waiter - a task that waits for keys
 * @task: the task
 * @woken: set by whoever takes one of its keys out of its list.  After this store
 *	that one does not use the waiter any more
 * @count: number of @key
 * @key: the keys
 */
struct cmap_waiter {
	struct task_struct *task;
	bool woken;
	u32 count;
	struct cmap_waiter_key *key;
};

/**
 * struct cmap_waiter_key - a key that a task waits for
 * @node: entry in a list of the shard's waiters
 * @waiter: the waiter
 * @shard: the shard
 * @key: the key
 * @version: the version that it is known to have, or its version now if @changed
 * @changed: it has another version than it was known to have
 * @entered: the shard may know it; only the waiter uses this
 */
struct cmap_waiter_key {
	struct hlist_node node;
	struct cmap_waiter *waiter;
	struct cmap_shard *shard;
	struct cmap_key key;
	u64 version;
	bool changed;
	bool entered;
};

/**
 * struct cmap_waiters - the waiters of a shard
 * @shard: the shard
 * @work: wakes those who are too many for a writer
 * @due: buckets all of which @work is to wake
 * @waking: keys of one bucket, which @work is waking
 * @filter: for each bucket 32 bits: a key in it may have that part of the hash.  A key
 *	that @work is to wake needs no bit
 * @bucket: keys, by hash
 * @deleted: for each group of keys the version of its last deletion, or a later one
 *
 * A bucket and a group belong to one stripe each: the hash's topmost bits choose all of
 * them.  That stripe's lock protects them, the bit in @due, and @waking while it has keys
 * of that bucket.  @shard is constant.
 */
struct cmap_waiters {
	struct cmap_shard *shard;
	struct work_struct work;
	DECLARE_BITMAP(due, CMAP_WAITER_BUCKETS);
	struct hlist_head waking;
	u32 filter[CMAP_WAITER_BUCKETS];
	struct hlist_head bucket[CMAP_WAITER_BUCKETS];
	u64 deleted[CMAP_WAITER_GROUPS];
};

int cmap_waiters_prepare(struct cmap_shard *shard, u32 high);
void cmap_waiters_free(struct cmap_shard *shard);

bool cmap_waiters_unchanged(const struct cmap_shard *shard,
			    const struct cmap_stripe *stripe,
			    const struct cmap_key *key, u64 version);
void cmap_waiters_enter(struct cmap_waiter_key *key);
void cmap_waiters_leave(struct cmap_waiter_key *key);
void cmap_waiters_wake_key(struct cmap_shard *shard, struct cmap_stripe *stripe,
			   u32 high);

/* The hash's topmost bits are the same for all keys of the shard. */
static inline u32 cmap_waiters_bucket(const struct cmap_shard *shard, u32 high)
{
	return high << shard->shard_bits >> (32 - CMAP_WAITER_BUCKET_BITS);
}

static inline u32 cmap_waiters_group(const struct cmap_shard *shard, u32 high)
{
	return high << shard->shard_bits >> (32 - CMAP_WAITER_GROUP_BITS);
}

static inline u32 cmap_waiters_bit(u32 high)
{
	return 1U << (high % 32);
}

/**
 * cmap_waiters_wake() - wake those who wait for a key that has changed
 * @shard: the shard, which has waiters
 * @stripe: the key's stripe
 * @high: high half of the key's hash
 * @deleted: if the key was deleted: the version; else 0
 *
 * The change can be seen already.
 *
 * Context: The stripe's lock.
 */
static inline void cmap_waiters_wake(struct cmap_shard *shard,
				     struct cmap_stripe *stripe, u32 high,
				     u64 deleted)
{
	struct cmap_waiters *waiters = shard->waiters;

	lockdep_assert_held(&stripe->lock);

	if (deleted)
		waiters->deleted[cmap_waiters_group(shard, high)] = deleted;
	if (unlikely(waiters->filter[cmap_waiters_bucket(shard, high)] &
		     cmap_waiters_bit(high)))
		cmap_waiters_wake_key(shard, stripe, high);
}

#endif /* CMAP_WAITERS_H */
