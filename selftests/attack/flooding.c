// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D3: keys that collide affect only their own bucket.  A process that
 * maps a map knows the secret of its hash, so it can aim every key at one
 * bucket.  It gets a chain of 17 buckets with 170 entries, and EXFULL after
 * that.
 *
 * deadline: 240
 */
#include <pthread.h>

#include "flood.h"
#include "kselftest_harness.h"

/* Add keys that begin with @prefix until one is refused.  Returns how many. */
static int fill(struct target *t, unsigned int bits, uint64_t prefix,
		uint64_t *keys, int max, int *err)
{
	int n = 0;

	for (*err = 0; n < max; n++) {
		keys[n] = key_in(t, bits, prefix);
		*err = put_key(t, keys[n]);
		if (*err)
			break;
	}
	return n;
}

static int drop(struct target *t, const uint64_t *keys, int n)
{
	int i, bad = 0;

	for (i = 0; i < n; i++)
		bad += drop_key(t, keys[i]) != 0;
	return bad;
}

static int missing(struct target *t, const uint64_t *keys, int n)
{
	int i, bad = 0;

	for (i = 0; i < n; i++)
		bad += !has_key(t, keys[i]);
	return bad;
}

/* Keys of 4 bytes, so that none equals a key that was aimed. */
static int put_others(struct target *t, uint32_t from, uint32_t to)
{
	int bad = 0;

	for (; from < to; from++)
		bad += set(t->fd, &from, sizeof(from), "other", 5) != 0;
	return bad;
}

static int drop_others(struct target *t, uint32_t from, uint32_t to)
{
	int bad = 0;

	for (; from < to; from++)
		bad += delete(t->fd, &from, sizeof(from)) != 0;
	return bad;
}

static int others_in(struct target *t, uint32_t to, unsigned int bits,
		     uint64_t prefix)
{
	uint32_t key;
	int n = 0;

	for (key = 0; key < to; key++)
		n += kcmap_hash(&t->hash, &key, sizeof(key)) >> (64 - bits) ==
		     prefix;
	return n;
}

TEST(d3_chain_ends_where_it_is_said_to)
{
	static uint64_t keys[CHAIN_ENTRIES + 1];
	struct cmap_stat before, after;
	unsigned int others = 4000, i;
	struct target t;
	int n, err, here;

	ASSERT_TRUE(target_open(&t));
	ASSERT_EQ(0, put_others(&t, 0, others));
	ASSERT_TRUE(settles(&t, 10));
	here = others_in(&t, others, 10, 5);
	n = fill(&t, 10, 5, keys, CHAIN_ENTRIES + 1, &err);
	ASSERT_EQ(-EXFULL, err);
	EXPECT_EQ(CHAIN_ENTRIES, here + n);

	/*
	 * Other buckets are not affected, nor are reads and changes of these
	 * keys.
	 */
	before = map_stat(t.fd);
	EXPECT_EQ(CHAIN_BUCKETS, before.longest_chain);
	for (i = 0; i < 3000; i++)
		ASSERT_EQ(-EXFULL, put_key(&t, keys[n]));
	EXPECT_EQ(0, missing(&t, keys, n));
	EXPECT_FALSE(has_key(&t, keys[n]));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, put_key(&t, keys[i]));
	EXPECT_EQ(0, put_others(&t, 0, others));
	after = map_stat(t.fd);
	EXPECT_EQ(before.entries, after.entries);
	EXPECT_EQ(before.buckets, after.buckets);
	EXPECT_EQ(before.table_bytes, after.table_bytes);

	/* After a delete there is room for one key. */
	EXPECT_EQ(0, drop_key(&t, keys[0]));
	EXPECT_EQ(0, put_key(&t, keys[n]));
	EXPECT_EQ(-EXFULL, put_key(&t, keys[0]));

	/*
	 * Other keys can be added, except the few of that bucket.  Then the
	 * table grows, and there is room again.
	 */
	ASSERT_LE(put_others(&t, others, 3 * others), 100);
	ASSERT_TRUE(settles(&t, 11));
	EXPECT_EQ(0, put_key(&t, keys[0]));
	EXPECT_EQ(0, missing(&t, keys, n + 1));
	target_close(&t);
}

/*
 * A chained bucket stays chained as long as its table.  So keys that came and
 * went in one bucket after the other used up the pool.  The next write then
 * looped forever in the kernel, because it asked for a table of the size that
 * the table already had.
 */
TEST(d3_chains_left_behind)
{
	static uint64_t keys[CHAIN_ENTRIES];
	struct target t;
	int n, err, round;

	ASSERT_TRUE(target_open(&t));
	for (round = 0; round < 96; round++) {
		n = fill(&t, 5, round % 32, keys, CHAIN_ENTRIES, &err);
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, missing(&t, keys, n));
		ASSERT_EQ(0, drop(&t, keys, n));
	}
	EXPECT_TRUE(settles(&t, 5));
	EXPECT_EQ(4096, map_stat(t.fd).table_bytes);
	target_close(&t);
}

/*
 * Two neighbours with long chains become one bucket when the table shrinks.
 * Chains without entries were counted as if they had some, more than the pool
 * of the smaller table could hold.  The work then looped forever.
 */
TEST(d3_empty_chains_shrink)
{
	static uint64_t keys[2 * CHAIN_ENTRIES];
	struct target t;
	int n, err;

	ASSERT_TRUE(target_open(&t));
	n = fill(&t, 6, 0, keys, CHAIN_ENTRIES - 20, &err);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, put_others(&t, 0, 55));
	ASSERT_TRUE(settles(&t, 6));
	n += fill(&t, 6, 0, keys + n, 21, &err);
	EXPECT_EQ(-EXFULL, err);
	n += fill(&t, 6, 1, keys + n, CHAIN_ENTRIES, &err);
	EXPECT_LE(n + 55, 400);
	EXPECT_EQ(CHAIN_BUCKETS, map_stat(t.fd).longest_chain);
	ASSERT_EQ(0, drop(&t, keys, n));
	ASSERT_EQ(0, drop_others(&t, 0, 55));
	EXPECT_TRUE(settles(&t, 5));
	target_close(&t);
}

#define NEIGHBOURS 8

/*
 * When the table shrinks, two chains become one.  Flooded neighbours became one
 * chain of unlimited length.
 */
TEST(d3_shrinking_makes_no_longer_chain)
{
	static uint64_t keys[NEIGHBOURS][CHAIN_ENTRIES];
	const unsigned int others = 7000, few = CHAIN_SHORT - 20;
	int i, err, n[NEIGHBOURS], lost = 0;
	struct target t;

	ASSERT_TRUE(target_open(&t));
	ASSERT_EQ(0, put_others(&t, 0, others));
	ASSERT_TRUE(settles(&t, 11));
	for (i = 0; i < NEIGHBOURS; i++) {
		n[i] = fill(&t, 11, i, keys[i], CHAIN_ENTRIES, &err);
		ASSERT_GT(n[i], few);
	}

	/* While the chains are that long, the table stays large. */
	EXPECT_EQ(0, drop_others(&t, 0, others));
	usleep(200000);
	EXPECT_EQ(11, table_bits(&t));

	/*
	 * Shortened, two fit into one bucket, but the result is too long to
	 * shrink again.
	 */
	for (i = 0; i < NEIGHBOURS; i++)
		EXPECT_EQ(0, drop(&t, keys[i] + few, n[i] - few));
	EXPECT_TRUE(settles(&t, 10));
	EXPECT_GT(map_stat(t.fd).longest_chain, CHAIN_SHORT / 10);
	EXPECT_LE(map_stat(t.fd).longest_chain, CHAIN_BUCKETS);
	for (i = 0; i < NEIGHBOURS; i++)
		lost += missing(&t, keys[i], few);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(NEIGHBOURS * few, count(t.fd));
	EXPECT_EQ(NEIGHBOURS * few, range_all(t.fd, 65536, NULL, NULL));

	/* Without the flood, the table shrinks. */
	for (i = 0; i < NEIGHBOURS; i++)
		EXPECT_EQ(0, drop(&t, keys[i], few));
	EXPECT_TRUE(settles(&t, 5));
	target_close(&t);
}

/*
 * Entries that a shrinking table put behind a flood stayed there when the flood
 * had gone.  They were taken for a flood themselves, and the table stayed
 * large.
 */
TEST(d3_what_stood_behind_a_flood)
{
	static uint64_t flood[72], behind[20];
	struct target t;
	int err;

	ASSERT_TRUE(target_open(&t));
	ASSERT_EQ(0, put_others(&t, 0, 420));
	ASSERT_TRUE(settles(&t, 7));
	ASSERT_EQ(72, fill(&t, 7, 2, flood, 72, &err));
	ASSERT_EQ(20, fill(&t, 7, 3, behind, 20, &err));
	EXPECT_EQ(0, drop_others(&t, 60, 420));
	ASSERT_TRUE(settles(&t, 6));
	EXPECT_EQ(0, drop(&t, flood, 72));
	EXPECT_EQ(0, drop_others(&t, 0, 60));
	EXPECT_TRUE(settles(&t, 5));
	EXPECT_EQ(0, missing(&t, behind, 20));
	target_close(&t);
}

/* The tags are equal, too, so every slot of the chain is compared. */
TEST(d3_equal_tags)
{
	static uint64_t keys[CHAIN_ENTRIES], spacer[8];
	double end = now() + race_seconds() * 2;
	uint64_t absent, hash;
	uint16_t tag = 0;
	struct target t;
	int i, err, n = 0;

	ASSERT_TRUE(target_open(&t));
	/* The keys of one tag do not fit into one bucket. */
	ASSERT_EQ(8, fill(&t, 5, 3, spacer, 8, &err));
	while (n < CHAIN_ENTRIES - 8 && (n < 4 || now() < end)) {
		keys[n] = key_in(&t, 5, 3);
		hash = target_hash(&t, keys[n]);
		if (!n)
			tag = hash;
		n += (uint16_t)hash == tag;
	}
	absent = keys[--n];
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, put_key(&t, keys[i]));
	TH_LOG("%d keys of one bucket and tag", n);
	EXPECT_EQ(5, table_bits(&t));
	EXPECT_EQ(0, missing(&t, keys, n));
	EXPECT_FALSE(has_key(&t, absent));
	EXPECT_EQ(n + 8, range_all(t.fd, 200, NULL, NULL));
	EXPECT_EQ(0, drop(&t, keys, n / 2));
	EXPECT_EQ(0, missing(&t, keys + n / 2, n - n / 2));
	EXPECT_EQ(-ENOENT, drop_key(&t, keys[0]));
	target_close(&t);
}

/* ---- others at work ---- */

struct flood {
	struct target t;
	uint64_t keys[CHAIN_ENTRIES + 1];
	int n;			/* of the keys that were added */
	bool aimed, over;
	unsigned long writes[2];
};

#define OTHERS 4000

/*
 * Write as fast as possible: either keys of the chain, some of them refused, or
 * others.
 */
static void *hammer(void *arg)
{
	struct flood *flood = arg;
	uint32_t i = 0, key;

	while (!__atomic_load_n(&flood->over, __ATOMIC_RELAXED)) {
		bool aimed = __atomic_load_n(&flood->aimed, __ATOMIC_RELAXED);

		key = i++ % OTHERS;
		if (!aimed)
			set(flood->t.fd, &key, sizeof(key), "other", 5);
		else if (i % 4)
			put_key(&flood->t, flood->keys[flood->n]);
		else
			put_key(&flood->t, flood->keys[i % flood->n]);
		flood->writes[aimed]++;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

#define TIMES 2000
#define TURN 100

/*
 * Median times of writes next to an ordinary writer and next to one that
 * floods.
 */
static void measure(struct flood *flood, double median[2])
{
	static double times[2][TIMES];
	int i, aimed;

	for (i = 0; i < 2 * TIMES; i++) {
		uint32_t key = i % OTHERS;
		double begin;

		aimed = i / TURN % 2;
		if (i % TURN == 0) {
			__atomic_store_n(&flood->aimed, aimed, __ATOMIC_RELAXED);
			usleep(1000);
		}
		begin = now();
		set(flood->t.fd, &key, sizeof(key), "other", 5);
		times[aimed][i / TURN / 2 * TURN + i % TURN] = now() - begin;
	}
	for (aimed = 0; aimed < 2; aimed++) {
		qsort(times[aimed], TIMES, sizeof(double), compare);
		median[aimed] = times[aimed][TIMES / 2];
	}
}

/*
 * A write to another bucket of the same shard takes as long beside a flood as
 * beside any other writer.  The best of several tries counts, so that other
 * load on the machine does not decide.
 */
TEST(d3_others_do_not_notice)
{
	static struct flood flood;
	double median[2] = {}, best = 1e9;
	pthread_t thread;
	int i, err;

	ASSERT_TRUE(target_open(&flood.t));
	ASSERT_EQ(0, put_others(&flood.t, 0, OTHERS));
	ASSERT_TRUE(settles(&flood.t, 10));
	flood.n = fill(&flood.t, 10, 9, flood.keys, CHAIN_ENTRIES + 1, &err);
	ASSERT_EQ(-EXFULL, err);
	ASSERT_EQ(0, pthread_create(&thread, NULL, hammer, &flood));
	for (i = 0; i < 5 && best > 2; i++) {
		measure(&flood, median);
		TH_LOG("median of a write: %.1f us, beside a flood %.1f us",
		       median[0] * 1e6, median[1] * 1e6);
		if (median[1] / median[0] < best)
			best = median[1] / median[0];
	}
	__atomic_store_n(&flood.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_GT(flood.writes[0], 0);
	EXPECT_GT(flood.writes[1], 0);
	EXPECT_LE(best, 2);
	target_close(&flood.t);
}

#define STEADY 64

/* Fill and empty neighbouring chains of tables of all sizes. */
static void *flood_at_random(void *arg)
{
	static uint64_t keys[4][CHAIN_ENTRIES];
	struct flood *flood = arg;
	uint64_t random = 1;
	int i, err, n[4];

	while (!__atomic_load_n(&flood->over, __ATOMIC_RELAXED)) {
		unsigned int bits = 6 + random_next(&random) % 3;

		for (i = 0; i < 4; i++)
			n[i] = fill(&flood->t, bits, (1 << bits) - 4 + i,
				    keys[i], CHAIN_ENTRIES, &err);
		for (i = 0; i < 4; i++)
			flood->n += drop(&flood->t, keys[i], n[i]);
		flood->writes[0]++;
	}
	return NULL;
}

static uint32_t longest_of(struct flood *flood, uint32_t longest)
{
	uint32_t chain = map_stat(flood->t.fd).longest_chain;

	return chain > longest ? chain : longest;
}

/*
 * A flood comes and goes while the table grows and shrinks.  Other keys are
 * there all the time, no chain is too long, and in the end the table is as
 * small as without the flood.
 */
TEST(d3_flood_over_waves)
{
	double end = now() + race_seconds();
	static struct flood flood;
	uint64_t waves = 0, value;
	uint32_t key, len, longest = 0;
	pthread_t thread;
	int bad = 0, in;

	ASSERT_TRUE(target_open(&flood.t));
	ASSERT_EQ(0, put_others(&flood.t, 0, STEADY));
	ASSERT_EQ(0, pthread_create(&thread, NULL, flood_at_random, &flood));
	do {
		for (key = STEADY; key < 1200; key++) {
			in = set(flood.t.fd, &key, sizeof(key), "other", 5);
			bad += in && in != -EXFULL;
		}
		for (key = STEADY; key < 1200; key++) {
			uint32_t steady = key % STEADY;

			delete(flood.t.fd, &key, sizeof(key));
			len = sizeof(value);
			bad += get(flood.t.fd, &steady, 4, &value, &len) != 0;
			if (key % 16 == 0)
				longest = longest_of(&flood, longest);
		}
		waves++;
		/* Wait for enough of both, however slow the machine is. */
	} while (now() < end || waves < 3 ||
		 __atomic_load_n(&flood.writes[0], __ATOMIC_RELAXED) < 3);
	__atomic_store_n(&flood.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	TH_LOG("%d waves, %d floods, longest chain %u", (int)waves,
	       (int)flood.writes[0], longest);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, flood.n);
	EXPECT_LE(longest, CHAIN_BUCKETS);
	EXPECT_EQ(STEADY, count(flood.t.fd));
	EXPECT_TRUE(settles(&flood.t, 5));
	target_close(&flood.t);
}

TEST_HARNESS_MAIN
