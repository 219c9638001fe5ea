// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a shard, compared with the model, while its table grows and shrinks.
 */
#include "test_shard.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/overflow.h>
#include <linux/slab.h>

/* ---- random writes ---- */

/* Choose a kind of write, and conditions that may hold or not. */
static void random_conditions(struct test_shard *ts, struct cmap_write *write,
			      const struct model_entry *entry, bool grow)
{
	struct test_context *ctx = ts->ctx;

	if (ctx_random(ctx, 100) < (grow ? 15 : 95))
		write->flags |= CMAP_WRITE_DELETE;
	else if (ctx_random(ctx, 8) == 0)
		write->flags |= CMAP_WRITE_ADD;
	switch (ctx_random(ctx, 8)) {
	case 0:
		write->flags |= CMAP_WRITE_ABSENT;
		break;
	case 1:
		write->flags |= CMAP_WRITE_PRESENT;
		break;
	case 2:
		write->flags |= CMAP_WRITE_VERSION;
		write->expected = entry && ctx_random(ctx, 2) ?
				  entry->version : ctx_random(ctx, 1000) + 1;
		break;
	}
	if (ctx_random(ctx, 4) == 0) {
		write->flags |= CMAP_WRITE_KEEP_OLD;
		write->old_room = ctx_random(ctx, 3) ? VALUE_MAX :
						      ctx_random(ctx, 20);
	}
	write->number = (s64)ctx_random_u64(ctx) >> ctx_random(ctx, 64);
	write->start = (s64)ctx_random_u64(ctx) >> ctx_random(ctx, 64);
	write->value_len = ctx_random(ctx, 10) ? ctx_random(ctx, 40) :
						ctx_random(ctx, VALUE_MAX);
	if (ctx_random(ctx, 6) == 0 || write->flags & CMAP_WRITE_ADD)
		write->value_len = sizeof(s64);
}

/* The result that the write should have, according to the model. */
static int expected_result(const struct cmap_write *write,
			   const struct model_entry *entry, s64 *sum)
{
	*sum = write->start;
	if (!entry && write->flags & (CMAP_WRITE_PRESENT | CMAP_WRITE_VERSION |
				      CMAP_WRITE_DELETE))
		return -ENOENT;
	if (entry && write->flags & CMAP_WRITE_ABSENT)
		return -EEXIST;
	if (entry && write->flags & CMAP_WRITE_VERSION &&
	    write->expected != entry->version)
		return -ESTALE;
	if (entry && write->flags & CMAP_WRITE_KEEP_OLD &&
	    write->old_room < entry->value_len)
		return -EMSGSIZE;
	if (!(write->flags & CMAP_WRITE_ADD))
		return 0;
	if (entry && entry->value_len != sizeof(s64))
		return -EDOM;
	if (entry)
		memcpy(sum, entry->value, sizeof(*sum));
	return check_add_overflow(*sum, write->number, sum) ? -EOVERFLOW : 0;
}

/* The writer owns the old node until it retires it. */
static void expect_old(struct kunit *test, struct test_shard *ts,
		       struct cmap_write *write, struct model_entry *entry)
{
	if (!(write->flags & CMAP_WRITE_KEEP_OLD) || !entry) {
		KUNIT_EXPECT_NULL(test, write->old);
		return;
	}
	KUNIT_ASSERT_NOT_NULL(test, write->old);
	KUNIT_EXPECT_EQ(test, write->old_len, entry->value_len);
	KUNIT_EXPECT_EQ(test, write->old->version, entry->version);
	KUNIT_EXPECT_EQ(test, memcmp(cmap_node_value(write->old), entry->value,
				     entry->value_len), 0);
	cmap_shard_retire(ts->shard, write->old_ref);
}

static void random_write(struct kunit *test, struct test_shard *ts, u32 keys,
			 bool grow)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_write write = {
		.key = ts_key(ts, ctx_random(ts->ctx, keys), buf),
	};
	struct model_entry *entry = model_find(ts->model, buf, write.key.len);
	s64 sum;
	int err, want;

	random_conditions(ts, &write, entry, grow);
	want = expected_result(&write, entry, &sum);
	model_fill(ts->buf, write.value_len, (u32)ts->version);
	if (write.flags & (CMAP_WRITE_DELETE | CMAP_WRITE_ADD) ||
	    ctx_random(ts->ctx, 4)) {
		write.value = ts->buf;
	} else {
		struct cmap_node *node = shard_reserve(ts->shard, &write,
							    GFP_KERNEL, &err);

		KUNIT_ASSERT_NOT_NULL(test, node);
		memcpy(cmap_node_value(node), ts->buf, write.value_len);
	}

	err = shard_write(ts->shard, &write, GFP_KERNEL);
	cmap_shard_unreserve(ts->shard, &write);
	KUNIT_ASSERT_EQ(test, err, want);
	if (err) {
		if (err == -ESTALE || err == -EEXIST)
			KUNIT_EXPECT_EQ(test, write.version, entry->version);
		ts_expect(test, ts, &write.key, entry);
		return;
	}

	KUNIT_EXPECT_GT(test, write.version, entry ? entry->version : 0);
	KUNIT_EXPECT_EQ(test, write.version % SHARDS, INDEX);
	ts->version = write.version;
	expect_old(test, ts, &write, entry);
	if (write.flags & CMAP_WRITE_DELETE) {
		model_remove(ts->model, entry);
		ts_expect(test, ts, &write.key, NULL);
		return;
	}
	if (write.flags & CMAP_WRITE_ADD) {
		KUNIT_EXPECT_EQ(test, write.number, sum);
		memcpy(ts->buf, &sum, sizeof(sum));
	}
	KUNIT_ASSERT_TRUE(test, model_set(ts->model, buf, write.key.len,
					  ts->buf, write.value_len,
					  write.version));
	ts_expect(test, ts, &write.key,
		  model_find(ts->model, buf, write.key.len));
}

static void writes_at_random(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 4000, false);
	u32 i;

	for (i = 0; i < 60000; i++) {
		random_write(test, ts, 4000, i / 12000 % 2 == 0);
		if (i % 6000 == 0)
			ts_expect_all(test, ts);
	}
	ts_expect_all(test, ts);
	KUNIT_EXPECT_GT(test, ts->shard->grows, 3);
	KUNIT_EXPECT_GT(test, ts->shard->shrinks, 0);
	ts_free(ts);
}

static void writes_at_random_wiped(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1000, true);
	u32 i;

	for (i = 0; i < 20000; i++)
		random_write(test, ts, 1000, i / 4000 % 2 == 0);
	ts_expect_all(test, ts);
	ts_free(ts);
}

/* The shard is cleared bucket by bucket, with writes in between. */
static void clear_at_random(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 3000, false);
	u64 removed = 0, high = 0, added;
	u32 i;

	KUNIT_EXPECT_EQ(test, cmap_shard_clear(ts->shard, &high), 0);
	KUNIT_EXPECT_GT(test, high, U32_MAX);
	for (i = 0; i < 9000; i++)
		random_write(test, ts, 3000, true);
	added = cmap_shard_entries(ts->shard);
	high = 0;
	while (high <= U32_MAX) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = ts_key(ts, 100000 + i++, buf);

		removed += cmap_shard_clear(ts->shard, &high);
		added += !ts_set(ts, &key, NULL, 0, GFP_KERNEL);
	}
	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), added - removed);
	model_free(ts->model);
	for (i = 0; i < 3000; i++) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = ts_key(ts, i, buf);

		ts_expect(test, ts, &key, NULL);
	}
	ts_free(ts);
}

/* ---- atomic ---- */

/* Writes as in a softirq, while the table grows through many sizes. */
static void writes_without_sleeping(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < 5000; i++) {
		int err;

		key = ts_key(ts, i, buf);
		local_bh_disable();
		err = ts_set(ts, &key, buf, key.len, GFP_ATOMIC);
		local_bh_enable();
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	for (i = 0; i < 5000; i++) {
		key = ts_key(ts, i, buf);
		KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	}
	KUNIT_EXPECT_GT(test, ts->shard->grows, 3);
	ts_free(ts);
}

/* ---- a race ---- */

#define RACERS		3
#define OWN_KEYS	2000
#define ROUNDS		60000

static struct test_shard *arena_of_race;

static u32 own_value(unsigned int thread, u32 key, u32 round)
{
	return (round * RACERS + thread) * 31 + key;
}

/* Each thread has keys of its own, and all threads add to one shared key. */
static void write_in_a_race(struct kunit *test, unsigned int thread)
{
	struct test_shard *ts = arena_of_race;
	u32 *last = kcalloc(OWN_KEYS, sizeof(*last), GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX], shared_buf[MODEL_KEY_MAX];
	struct cmap_key shared = ts_key(ts, 1 << 30, shared_buf);
	struct rnd_state random;
	u64 version = 0;
	u32 i;

	prandom_seed_state(&random, thread + ts->ctx->secret[0]);
	for (i = 1; last && i <= ROUNDS; i++) {
		u32 n = prandom_u32_state(&random) % OWN_KEYS;
		struct cmap_key key = ts_key(ts, n * RACERS + thread, buf);
		u32 value = own_value(thread, n, i);
		struct cmap_node *node;

		rcu_read_lock();
		node = cmap_shard_find(ts->shard, &key);
		KUNIT_EXPECT_EQ(test, node ? *(u32 *)cmap_node_value(node) : 0,
				last[n]);
		rcu_read_unlock();
		if (i / 10000 % 2 && last[n]) {
			KUNIT_EXPECT_EQ(test, ts_delete(ts, &key), 0);
			last[n] = 0;
		} else {
			KUNIT_EXPECT_EQ(test, ts_set(ts, &key, &value,
						     sizeof(value), GFP_KERNEL),
					0);
			last[n] = value;
		}
		if (i % 10 == 0) {
			struct cmap_write add = {
				.key = shared, .flags = CMAP_WRITE_ADD,
				.value_len = sizeof(s64), .number = 1,
			};

			KUNIT_EXPECT_EQ(test, shard_write(ts->shard,
						&add, GFP_KERNEL), 0);
			KUNIT_EXPECT_GT(test, add.version, version);
			version = add.version;
		}
	}
	for (i = 0; last && i < OWN_KEYS; i++) {
		struct cmap_key key = ts_key(ts, i * RACERS + thread, buf);

		KUNIT_EXPECT_EQ(test, ts_has(ts, &key), !!last[i]);
	}
	KUNIT_EXPECT_NOT_NULL(test, last);
	kfree(last);
}

static void race(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key shared = ts_key(ts, 1 << 30, buf);
	struct cmap_node *node;

	arena_of_race = ts;
	run_threads(test, RACERS, write_in_a_race);
	rcu_read_lock();
	node = cmap_shard_find(ts->shard, &shared);
	KUNIT_EXPECT_NOT_NULL(test, node);
	if (node)
		KUNIT_EXPECT_EQ(test, *(s64 *)cmap_node_value(node),
				RACERS * ROUNDS / 10);
	rcu_read_unlock();
	ts_free(ts);
}

/* A key of the shard that clearing has passed when it has come to @high. */
static struct cmap_key passed_key(struct test_shard *ts, u64 high,
				  u8 buf[MODEL_KEY_MAX])
{
	struct cmap_key key;
	u32 n = 100000;

	do
		key = ts_key(ts, n++, buf);
	while (cmap_hash_high(key.hash) << ts->shard->shard_bits >= high);
	return key;
}

/*
 * A key was set after its bucket had been cleared, and was cleared a second time: the
 * table had shrunk meanwhile, so the key shared its bucket with keys that were still
 * to come.  To whoever looked the key was gone, though nobody had deleted it.
 */
static void clearing_passes_each_key_once(struct kunit *test)
{
	struct test_shard *ts = ts_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u64 high = 0;
	u32 n;

	for (n = 0; n < 4000; n++) {
		key = ts_key(ts, n, buf);
		KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "x", 1, GFP_KERNEL), 0);
	}
	ts_settle(ts);
	KUNIT_ASSERT_GE(test, ts_table(ts)->bits, 9);
	cmap_shard_clear(ts->shard, &high);
	for (n = 0; n < 4000; n++) {
		key = ts_key(ts, n, buf);
		ts_delete(ts, &key);
	}
	ts_settle(ts);
	KUNIT_ASSERT_EQ(test, ts_table(ts)->bits, CMAP_TABLE_BITS_MIN);

	key = passed_key(ts, high, buf);
	KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "y", 1, GFP_KERNEL), 0);
	while (high <= U32_MAX)
		cmap_shard_clear(ts->shard, &high);
	KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
	ts_free(ts);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(writes_at_random),
	KUNIT_CASE(writes_at_random_wiped),
	KUNIT_CASE(clear_at_random),
	KUNIT_CASE(clearing_passes_each_key_once),
	KUNIT_CASE(writes_without_sleeping),
	KUNIT_CASE_SLOW(race),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
