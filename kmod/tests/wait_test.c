// SPDX-License-Identifier: GPL-2.0
/*
 * F2: waits.  A wait for a key to be other than a version returns for every such
 * change, also for one that came before and for one that was undone.
 */
#include "maps.h"
#include "../core/lock.h"
#include "../core/wait.h"

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#define LONG_NS		(600 * NSEC_PER_SEC)

/* ---- what the tests share ---- */

static void waiter_set(struct cmap_waiter *waiter, u32 i,
		       const struct cmap *map, const char *text, u64 version)
{
	struct cmap_key key;

	cmap_op_hash(map, &key, text, strlen(text));
	cmap_wait_key_init(waiter, i, map, &key, version);
}

/* Wait for one key: what cmap_wait_keys() returns, or 1 at once. */
static int wait_one(const struct cmap *map, const char *text, u64 *version,
		    u64 ns)
{
	struct cmap_waiter_key key;
	struct cmap_waiter waiter = { .count = 1, .key = &key };
	int changed;

	waiter_set(&waiter, 0, map, text, *version);
	changed = cmap_wait_look(&waiter) ?:
		  cmap_wait_keys(&waiter, ktime_add_ns(ktime_get(), ns));
	*version = key.version;
	return changed;
}

static int look_one(const struct cmap *map, const char *text, u64 *version)
{
	struct cmap_waiter_key key;
	struct cmap_waiter waiter = { .count = 1, .key = &key };
	int changed;

	waiter_set(&waiter, 0, map, text, *version);
	changed = cmap_wait_look(&waiter);
	*version = key.version;
	return changed;
}

static u64 set_text(struct kunit *test, struct cmap *map, const char *text)
{
	u64 version = 0;

	KUNIT_ASSERT_EQ(test, map_set(map, text, strlen(text), &version), 0);
	return version;
}

static struct cmap_stripe *stripe_of(const struct cmap *map,
				     const struct cmap_key *key)
{
	return cmap_shard_stripe(map->shard[0], cmap_hash_high(key->hash));
}

/* The version of the last write in a key's stripe. */
static u64 version_of(const struct cmap *map, const char *text)
{
	struct cmap_key key;

	cmap_op_hash(map, &key, text, strlen(text));
	return stripe_of(map, &key)->version;
}

/* Nobody is left in the lists of the map's shards. */
static void expect_no_waiters(struct kunit *test, const struct cmap *map)
{
	u32 i, bucket;

	for (i = 0; i < map->shards; i++) {
		const struct cmap_waiters *waiters = map->shard[i]->waiters;

		if (!waiters)
			continue;
		KUNIT_EXPECT_TRUE(test, hlist_empty(&waiters->waking));
		for (bucket = 0; bucket < CMAP_WAITER_BUCKETS; bucket++) {
			KUNIT_EXPECT_TRUE(test,
					  hlist_empty(&waiters->bucket[bucket]));
			KUNIT_EXPECT_EQ(test, waiters->filter[bucket], 0);
		}
	}
}

/* ---- what counts as a change ---- */

static void present_key_has_a_version(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 2 });
	u64 version = set_text(test, map, "a"), known = version, other;

	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	KUNIT_EXPECT_EQ(test, known, version);
	/* Any other version counts, be it earlier or later. */
	known = 0;
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, known, version);
	known = version + 2;
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	/* An equal value is another version. */
	other = set_text(test, map, "a");
	known = version;
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, known, other);
	/* Deleted; and then set again. */
	KUNIT_EXPECT_EQ(test, map_delete(map, "a", 1), 0);
	known = other;
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	set_text(test, map, "a");
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	cmap_map_put(map);
}

static void absent_key_that_was_there_meanwhile(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	u64 known = 0, version;

	/* In an empty shard 0 means that the key was never there. */
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	KUNIT_EXPECT_EQ(test, known, 0);
	/* Set and deleted again: seen, though nothing is there as before. */
	version = set_text(test, map, "a");
	KUNIT_EXPECT_EQ(test, map_delete(map, "a", 1), 0);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, known, version + cmap_shard_version_step(map->shard[0]));
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	/* The same from the version that a deletion has, and from a later one. */
	set_text(test, map, "b");
	set_text(test, map, "c");
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	known = version_of(map, "a");
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	set_text(test, map, "a");
	KUNIT_EXPECT_EQ(test, map_delete(map, "a", 1), 0);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	/* Versions that the shard has not reached are nobody's. */
	known = version_of(map, "a") + cmap_shard_version_step(map->shard[0]);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	cmap_map_put(map);
}

/* What was deleted before the first wait is not known: that is said once. */
static void first_wait_after_deletions(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	u64 known = 0;

	set_text(test, map, "a");
	KUNIT_EXPECT_EQ(test, map_delete(map, "a", 1), 0);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 1);
	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	cmap_map_put(map);
}

/* Other keys' sets are never mistaken for a change, and deletions rarely. */
static void other_keys_do_not_matter(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 1 });
	u64 known = 0;
	u32 i, mistakes = 0;
	char text[16];

	KUNIT_EXPECT_EQ(test, look_one(map, "a", &known), 0);
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "other%u", i);
		set_text(test, map, text);
		KUNIT_ASSERT_EQ(test, look_one(map, "a", &known), 0);
		KUNIT_ASSERT_EQ(test, map_delete(map, text, strlen(text)), 0);
		mistakes += look_one(map, "a", &known);
	}
	KUNIT_EXPECT_LT(test, mistakes, 100);
	cmap_map_put(map);
}

static void several_keys(struct kunit *test)
{
	struct cmap *map = map_new(test, &(struct cmap_spec){ .shards = 4 });
	struct cmap_waiter waiter = { .count = CMAP_WAIT_KEYS_MAX };
	u64 version;
	char text[CMAP_WAIT_KEYS_MAX][8];
	u32 i;

	waiter.key = kunit_kcalloc(test, CMAP_WAIT_KEYS_MAX,
				   sizeof(*waiter.key), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, waiter.key);
	for (i = 0; i < waiter.count; i++) {
		snprintf(text[i], sizeof(text[i]), "k%u", i);
		version = set_text(test, map, text[i]);
		waiter_set(&waiter, i, map, text[i], version);
	}
	KUNIT_EXPECT_EQ(test, cmap_wait_look(&waiter), 0);
	KUNIT_EXPECT_EQ(test, cmap_wait_keys(&waiter, ktime_get()), -ETIMEDOUT);
	/* All that have changed are marked. */
	version = set_text(test, map, text[3]);
	KUNIT_EXPECT_EQ(test, map_delete(map, text[77], 3), 0);
	KUNIT_EXPECT_EQ(test, cmap_wait_keys(&waiter, KTIME_MAX), 2);
	for (i = 0; i < waiter.count; i++)
		KUNIT_EXPECT_EQ(test, waiter.key[i].changed, i == 3 || i == 77);
	KUNIT_EXPECT_EQ(test, waiter.key[3].version, version);
	expect_no_waiters(test, map);
	cmap_map_put(map);
}

/* ---- waking ---- */

static struct {
	struct cmap *map;
	atomic_t waiting;
	atomic_t failed;
	u32 rounds;
	u64 known[2];	/* versions of keys that are there from the beginning */
} shared;

static void shared_begin(struct kunit *test, u32 shards, u32 rounds)
{
	shared.map = map_new(test, &(struct cmap_spec){ .shards = shards });
	atomic_set(&shared.waiting, 0);
	atomic_set(&shared.failed, 0);
	shared.rounds = rounds;
}

static void shared_end(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&shared.failed), 0);
	expect_no_waiters(test, shared.map);
	cmap_map_put(shared.map);
}

/* Two threads: each sets its key, and waits until the other has set its own. */
static void ping_pong_thread(struct kunit *test, unsigned int thread)
{
	static const char * const key[] = { "ping", "pong" };
	u64 known = shared.known[thread];
	u32 i;

	for (i = 0; i < shared.rounds; i++) {
		u64 version;

		if (thread == 1 &&
		    wait_one(shared.map, key[0], &known, LONG_NS) != 1)
			atomic_inc(&shared.failed);
		if (map_set(shared.map, key[thread], 4, &version))
			atomic_inc(&shared.failed);
		if (thread == 0 &&
		    wait_one(shared.map, key[1], &known, LONG_NS) != 1)
			atomic_inc(&shared.failed);
	}
}

static void ping_pong(struct kunit *test)
{
	shared_begin(test, 2, 500);
	/* A wait for an absent key could return without a change. */
	shared.known[1] = set_text(test, shared.map, "ping");
	shared.known[0] = set_text(test, shared.map, "pong");
	run_threads(test, 2, ping_pong_thread);
	shared_end(test);
}

/*
 * A writer sets and deletes one key, and goes on only when the waiter has seen that.
 * So a lost wake-up stops both.
 */
static void undone_thread(struct kunit *test, unsigned int thread)
{
	u64 known = shared.known[thread], version;
	u32 i;

	for (i = 0; i < shared.rounds; i++) {
		if (thread == 1) {
			if (wait_one(shared.map, "a", &known, LONG_NS) != 1)
				atomic_inc(&shared.failed);
			/* The set and the deletion may be two changes to see. */
			while (atomic_read(&shared.waiting) <= i)
				cond_resched();
			look_one(shared.map, "a", &known);
			if (map_set(shared.map, "seen", 4, &version))
				atomic_inc(&shared.failed);
			continue;
		}
		if (map_set(shared.map, "a", 1, &version) ||
		    map_delete(shared.map, "a", 1))
			atomic_inc(&shared.failed);
		atomic_inc(&shared.waiting);
		if (wait_one(shared.map, "seen", &known, LONG_NS) != 1)
			atomic_inc(&shared.failed);
	}
}

static void undone_changes_wake(struct kunit *test)
{
	shared_begin(test, 1, 500);
	shared.known[0] = set_text(test, shared.map, "seen");
	/* The absent key is known to be absent now. */
	shared.known[1] = 0;
	look_one(shared.map, "a", &shared.known[1]);
	run_threads(test, 2, undone_thread);
	shared_end(test);
}

#define CROWD	40

/* So many wait for one key that a work wakes most of them. */
static void crowd_thread(struct kunit *test, unsigned int thread)
{
	u64 known = 0, version;
	u32 i;

	for (i = 0; i < shared.rounds; i++) {
		if (thread) {
			atomic_inc(&shared.waiting);
			if (wait_one(shared.map, "a", &known, LONG_NS) != 1)
				atomic_inc(&shared.failed);
			continue;
		}
		while (atomic_read(&shared.waiting) < (i + 1) * CROWD)
			usleep_range(50, 100);
		if (map_set(shared.map, "a", 1, &version))
			atomic_inc(&shared.failed);
	}
}

static void many_wait_for_one_key(struct kunit *test)
{
	shared_begin(test, 1, 20);
	run_threads(test, CROWD + 1, crowd_thread);
	shared_end(test);
}

/* ---- buckets with many keys ---- */

#define BITS_APART	32	/* the same bucket and bit */

/* Waiters that do not sleep.  The first one in is the last in the bucket's list. */
struct many {
	struct cmap_waiter waiter[CROWD];
	struct cmap_waiter_key key[CROWD];
};

/* The first one waits for @text, the others for keys with hashes @apart apart. */
static struct many *many_enter(struct kunit *test, u32 count, const char *text,
			       u32 apart)
{
	struct many *many = kunit_kzalloc(test, sizeof(*many), GFP_KERNEL);
	struct cmap_shard *shard = shared.map->shard[0];
	struct cmap_stripe *stripe;
	struct cmap_key key;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, many);
	cmap_op_hash(shared.map, &key, text, strlen(text));
	/* All hashes are in one bucket. */
	key.hash &= ~(0xffULL << (56 - CMAP_WAITER_BUCKET_BITS));
	stripe = stripe_of(shared.map, &key);
	KUNIT_ASSERT_EQ(test, cmap_waiters_prepare(shard,
						   cmap_hash_high(key.hash)), 0);
	cmap_lock_bh(&stripe->lock);
	for (i = 0; i < count; i++) {
		many->waiter[i].task = current;
		many->waiter[i].count = 1;
		many->waiter[i].key = &many->key[i];
		cmap_wait_key_init(&many->waiter[i], 0, shared.map, &key, 0);
		cmap_waiters_enter(&many->key[i]);
		key.hash += (u64)apart << 32;
	}
	spin_unlock_bh(&stripe->lock);

	return many;
}

static u32 many_woken(const struct many *many)
{
	u32 i, woken = 0;

	for (i = 0; i < CROWD; i++)
		woken += READ_ONCE(many->waiter[i].woken);
	return woken;
}

static void many_leave(struct many *many)
{
	u32 i;

	for (i = 0; i < CROWD; i++)
		if (many->key[i].entered)
			cmap_waiters_leave(&many->key[i]);
}

/*
 * A writer looked at all keys of the bucket, so those who only wait could make its
 * writes as long as they liked.
 */
static void writer_looks_at_few(struct kunit *test)
{
	struct cmap_stripe *stripe;
	struct cmap_shard *shard;
	struct many *many;
	u32 count, at_once;

	shared_begin(test, 1, 0);
	shard = shared.map->shard[0];
	for (count = CMAP_WAITER_LOOKS - 1; count <= CROWD; count++) {
		bool few = count <= CMAP_WAITER_LOOKS;

		many = many_enter(test, count, "a", BITS_APART);
		stripe = stripe_of(shared.map, &many->key[0].key);
		cmap_lock_bh(&stripe->lock);
		cmap_waiters_wake(shard, stripe,
				  cmap_hash_high(many->key[0].key.hash), 0);
		at_once = many_woken(many);
		spin_unlock_bh(&stripe->lock);
		KUNIT_EXPECT_EQ(test, at_once, few ? 1 : 0);
		/* The work wakes all, also those who wait for other keys. */
		flush_work(&shard->waiters->work);
		KUNIT_EXPECT_EQ(test, many_woken(many), few ? 1 : count);
		many_leave(many);
	}
	shared_end(test);
}

/* The same for a wait that ends: then a bit stays that no key has. */
static void end_of_a_wait_looks_at_few(struct kunit *test)
{
	struct cmap_waiters *waiters;
	struct many *many;
	u32 high, bucket;

	shared_begin(test, 1, 0);
	/* So many keys have different bits of one bucket. */
	many = many_enter(test, CMAP_WAITER_LOOKS + 2, "a", 1);
	waiters = shared.map->shard[0]->waiters;
	high = cmap_hash_high(many->key[0].key.hash);
	bucket = cmap_waiters_bucket(shared.map->shard[0], high);
	cmap_waiters_leave(&many->key[0]);
	KUNIT_EXPECT_TRUE(test, waiters->filter[bucket] & cmap_waiters_bit(high));
	cmap_waiters_leave(&many->key[1]);
	KUNIT_EXPECT_EQ(test, hweight32(waiters->filter[bucket]),
			CMAP_WAITER_LOOKS);
	many_leave(many);
	shared_end(test);
}

/* Each thread waits for a key of its own, and all keys are in one bucket. */
static char rival[CROWD][8];

static void find_rivals(const struct cmap *map)
{
	u32 i, high, first = 0, found;
	struct cmap_key key;

	for (i = 0, found = 0; found < CROWD; i++) {
		snprintf(rival[found], sizeof(rival[found]), "%u", i);
		cmap_op_hash(map, &key, rival[found], strlen(rival[found]));
		high = cmap_hash_high(key.hash);
		if (!found)
			first = high;
		found += cmap_waiters_bucket(map->shard[0], high) ==
			 cmap_waiters_bucket(map->shard[0], first) &&
			 cmap_waiters_bit(high) == cmap_waiters_bit(first);
	}
}

static void rival_thread(struct kunit *test, unsigned int thread)
{
	u64 known = 0, version;
	u32 i, key;

	for (i = 0; i < shared.rounds; i++) {
		if (thread) {
			atomic_inc(&shared.waiting);
			if (wait_one(shared.map, rival[thread - 1], &known,
				     LONG_NS) != 1)
				atomic_inc(&shared.failed);
			continue;
		}
		while (atomic_read(&shared.waiting) < (i + 1) * CROWD)
			usleep_range(50, 100);
		for (key = 0; key < CROWD; key++)
			if (map_set(shared.map, rival[key], strlen(rival[key]),
				    &version))
				atomic_inc(&shared.failed);
	}
}

static void many_wait_in_one_bucket(struct kunit *test)
{
	shared_begin(test, 1, 20);
	find_rivals(shared.map);
	run_threads(test, CROWD + 1, rival_thread);
	shared_end(test);
}

/* ---- what else can happen ---- */

/* Waked without a change, as by a key with the same half of the hash. */
static void mistaken_thread(struct kunit *test, unsigned int thread)
{
	struct cmap_stripe *stripe;
	u64 known = 0, version;
	struct cmap_key key;
	u32 i;

	if (thread) {
		if (wait_one(shared.map, "a", &known, LONG_NS) != 1 || !known)
			atomic_inc(&shared.failed);
		atomic_set(&shared.waiting, 1);
		return;
	}
	cmap_op_hash(shared.map, &key, "a", 1);
	stripe = stripe_of(shared.map, &key);
	for (i = 0; i < shared.rounds; i++) {
		cmap_lock_bh(&stripe->lock);
		cmap_waiters_wake(shared.map->shard[0], stripe,
				  cmap_hash_high(key.hash), 0);
		spin_unlock_bh(&stripe->lock);
		usleep_range(20, 50);
	}
	if (atomic_read(&shared.waiting))
		atomic_inc(&shared.failed);
	if (map_set(shared.map, "a", 1, &version))
		atomic_inc(&shared.failed);
}

static void prepare_for(struct kunit *test, const char *text)
{
	struct cmap_key key;

	cmap_op_hash(shared.map, &key, text, strlen(text));
	KUNIT_ASSERT_EQ(test, cmap_waiters_prepare(shared.map->shard[0],
						   cmap_hash_high(key.hash)), 0);
}

static void woken_without_a_change(struct kunit *test)
{
	shared_begin(test, 1, 100);
	prepare_for(test, "a");
	run_threads(test, 2, mistaken_thread);
	shared_end(test);
}

static void timeout_leaves_nothing(struct kunit *test)
{
	u64 known = 0;

	shared_begin(test, 1, 0);
	KUNIT_EXPECT_EQ(test, wait_one(shared.map, "a", &known,
				       NSEC_PER_MSEC), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, known, 0);
	shared_end(test);
}

static void signal_leaves_nothing(struct kunit *test)
{
	u64 known = 0;

	shared_begin(test, 1, 0);
	set_killed(true);
	KUNIT_EXPECT_EQ(test, wait_one(shared.map, "a", &known, LONG_NS),
			-ERESTARTSYS);
	set_killed(false);
	shared_end(test);
}

/* Who is woken faster than it can sleep still ends at a signal, or in time. */
static struct {
	ktime_t deadline;	/* 0: it is killed at some time */
	u32 wakes;
	u32 late;		/* wakes after that */
} restless;

#define WAKES_TO_KILL	100
#define LATE_MAX	100

static void wake_once_more(void)
{
	struct cmap_stripe *stripe;
	struct cmap_key key;

	if (++restless.wakes == WAKES_TO_KILL && !restless.deadline)
		set_killed(true);
	if (restless.deadline ? ktime_get() > restless.deadline :
				restless.wakes > WAKES_TO_KILL)
		restless.late++;
	if (restless.late > LATE_MAX)
		return;
	cmap_op_hash(shared.map, &key, "a", 1);
	stripe = stripe_of(shared.map, &key);
	cmap_lock_bh(&stripe->lock);
	cmap_waiters_wake(shared.map->shard[0], stripe,
			  cmap_hash_high(key.hash), 0);
	spin_unlock_bh(&stripe->lock);
}

static void woken_all_the_time(struct kunit *test)
{
	struct cmap_waiter_key key;
	struct cmap_waiter waiter = { .count = 1, .key = &key };
	int killed, late;

	shared_begin(test, 1, 0);
	prepare_for(test, "a");
	waiter_set(&waiter, 0, shared.map, "a", 0);
	memset(&restless, 0, sizeof(restless));
	before_sleep(wake_once_more);
	killed = cmap_wait_keys(&waiter, KTIME_MAX);
	set_killed(false);
	KUNIT_EXPECT_EQ(test, killed, -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, restless.wakes, WAKES_TO_KILL);

	memset(&restless, 0, sizeof(restless));
	restless.deadline = ktime_add_ms(ktime_get(), 10);
	late = cmap_wait_keys(&waiter, restless.deadline);
	before_sleep(NULL);
	KUNIT_EXPECT_EQ(test, late, -ETIMEDOUT);
	KUNIT_EXPECT_LE(test, restless.late, 1);
	shared_end(test);
}

static void no_memory(struct kunit *test)
{
	u64 known = 0;

	shared_begin(test, 1, 0);
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, look_one(shared.map, "a", &known), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, look_one(shared.map, "a", &known), 0);
	shared_end(test);
}

/* The map's user pays, but a reader takes nothing of the map's own limit. */
static void waiters_are_charged(struct kunit *test)
{
	atomic64_t *own, *all;
	u64 known = 0, own_before, before, max = cmap_account_all.max;

	shared_begin(test, 1, 0);
	own = &shared.map->memory.account.bytes;
	all = &shared.map->memory.bill.account.bytes;
	own_before = atomic64_read(own);
	before = atomic64_read(all);
	cmap_account_all.max = atomic64_read(&cmap_account_all.bytes);
	KUNIT_EXPECT_EQ(test, look_one(shared.map, "a", &known), -ENOSPC);
	cmap_account_all.max = max;
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, look_one(shared.map, "a", &known), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(all), before);
	KUNIT_EXPECT_EQ(test, look_one(shared.map, "a", &known), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(all),
			before + sizeof(struct cmap_waiters));
	KUNIT_EXPECT_EQ(test, atomic64_read(own), own_before);
	shared_end(test);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(present_key_has_a_version),
	KUNIT_CASE(absent_key_that_was_there_meanwhile),
	KUNIT_CASE(first_wait_after_deletions),
	KUNIT_CASE(other_keys_do_not_matter),
	KUNIT_CASE(several_keys),
	KUNIT_CASE(ping_pong),
	KUNIT_CASE(undone_changes_wake),
	KUNIT_CASE(many_wait_for_one_key),
	KUNIT_CASE(writer_looks_at_few),
	KUNIT_CASE(end_of_a_wait_looks_at_few),
	KUNIT_CASE(many_wait_in_one_bucket),
	KUNIT_CASE(woken_without_a_change),
	KUNIT_CASE(timeout_leaves_nothing),
	KUNIT_CASE(signal_leaves_nothing),
	KUNIT_CASE(woken_all_the_time),
	KUNIT_CASE(no_memory),
	KUNIT_CASE(waiters_are_charged),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "cmap_wait",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = wait_cases,
};

kunit_test_suite(wait_suite);
