// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a shard, compared with the model, while its table grows and shrinks.
 */
#include "site.h"
#include "../core/write.h"

#include <linux/bottom_half.h>
#include <linux/overflow.h>
#include <linux/slab.h>

/* ---- random writes ---- */

/* Choose a kind of write, and conditions that may hold or not. */
static void random_conditions(struct site *site, struct cmap_write *write,
			      const struct model_entry *entry, bool grow)
{
	struct lab *lab = site->lab;

	if (lab_below(lab, 100) < (grow ? 15 : 95))
		write->flags |= CMAP_WRITE_REMOVE;
	else if (lab_below(lab, 8) == 0)
		write->flags |= CMAP_WRITE_ADD;
	switch (lab_below(lab, 8)) {
	case 0:
		write->flags |= CMAP_WRITE_ABSENT;
		break;
	case 1:
		write->flags |= CMAP_WRITE_PRESENT;
		break;
	case 2:
		write->flags |= CMAP_WRITE_VERSION;
		write->expected = entry && lab_below(lab, 2) ?
				  entry->version : lab_below(lab, 1000) + 1;
		break;
	}
	if (lab_below(lab, 4) == 0) {
		write->flags |= CMAP_WRITE_KEEP_OLD;
		write->old_room = lab_below(lab, 3) ? VALUE_MAX :
						      lab_below(lab, 20);
	}
	write->number = (s64)lab_u64(lab) >> lab_below(lab, 64);
	write->start = (s64)lab_u64(lab) >> lab_below(lab, 64);
	write->value_len = lab_below(lab, 10) ? lab_below(lab, 40) :
						lab_below(lab, VALUE_MAX);
	if (lab_below(lab, 6) == 0 || write->flags & CMAP_WRITE_ADD)
		write->value_len = sizeof(s64);
}

/* The result that the write should have, according to the model. */
static int expected_result(const struct cmap_write *write,
			   const struct model_entry *entry, s64 *sum)
{
	*sum = write->start;
	if (!entry && write->flags & (CMAP_WRITE_PRESENT | CMAP_WRITE_VERSION |
				      CMAP_WRITE_REMOVE))
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
static void expect_old(struct kunit *test, struct site *site,
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
	cmap_shard_retire(site->shard, write->old_ref);
}

static void random_write(struct kunit *test, struct site *site, u32 keys,
			 bool grow)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_write write = {
		.key = site_key(site, lab_below(site->lab, keys), buf),
	};
	struct model_entry *entry = model_find(site->model, buf, write.key.len);
	s64 sum;
	int err, want;

	random_conditions(site, &write, entry, grow);
	want = expected_result(&write, entry, &sum);
	model_fill(site->buf, write.value_len, (u32)site->version);
	if (write.flags & (CMAP_WRITE_REMOVE | CMAP_WRITE_ADD) ||
	    lab_below(site->lab, 4)) {
		write.value = site->buf;
	} else {
		struct cmap_node *node = lab_reserve(site->shard, &write,
							    GFP_KERNEL, &err);

		KUNIT_ASSERT_NOT_NULL(test, node);
		memcpy(cmap_node_value(node), site->buf, write.value_len);
	}

	err = lab_write(site->shard, &write, GFP_KERNEL);
	cmap_shard_unreserve(site->shard, &write);
	KUNIT_ASSERT_EQ(test, err, want);
	if (err) {
		if (err == -ESTALE || err == -EEXIST)
			KUNIT_EXPECT_EQ(test, write.version, entry->version);
		site_expect(test, site, &write.key, entry);
		return;
	}

	KUNIT_EXPECT_GT(test, write.version, site->version);
	KUNIT_EXPECT_EQ(test, write.version % SHARDS, INDEX);
	site->version = write.version;
	expect_old(test, site, &write, entry);
	if (write.flags & CMAP_WRITE_REMOVE) {
		model_remove(site->model, entry);
		site_expect(test, site, &write.key, NULL);
		return;
	}
	if (write.flags & CMAP_WRITE_ADD) {
		KUNIT_EXPECT_EQ(test, write.number, sum);
		memcpy(site->buf, &sum, sizeof(sum));
	}
	KUNIT_ASSERT_TRUE(test, model_set(site->model, buf, write.key.len,
					  site->buf, write.value_len,
					  write.version));
	site_expect(test, site, &write.key,
		    model_find(site->model, buf, write.key.len));
}

static void writes_at_random(struct kunit *test)
{
	struct site *site = site_new(test, 4000, false);
	u32 i;

	for (i = 0; i < 60000; i++) {
		random_write(test, site, 4000, i / 12000 % 2 == 0);
		if (i % 6000 == 0)
			site_expect_all(test, site);
	}
	site_expect_all(test, site);
	KUNIT_EXPECT_GT(test, site->shard->grows, 3);
	KUNIT_EXPECT_GT(test, site->shard->shrinks, 0);
	site_free(site);
}

static void writes_at_random_wiped(struct kunit *test)
{
	struct site *site = site_new(test, 1000, true);
	u32 i;

	for (i = 0; i < 20000; i++)
		random_write(test, site, 1000, i / 4000 % 2 == 0);
	site_expect_all(test, site);
	site_free(site);
}

/* The shard is cleared bucket by bucket, with writes in between. */
static void clear_at_random(struct kunit *test)
{
	struct site *site = site_new(test, 3000, false);
	u64 removed = 0, order = 0, added;
	u32 i;

	KUNIT_EXPECT_EQ(test, cmap_shard_clear(site->shard, &order), 0);
	KUNIT_EXPECT_GT(test, order, U32_MAX);
	for (i = 0; i < 9000; i++)
		random_write(test, site, 3000, true);
	added = site->shard->entries;
	order = 0;
	while (order <= U32_MAX) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = site_key(site, 100000 + i++, buf);

		removed += cmap_shard_clear(site->shard, &order);
		added += !site_set(site, &key, NULL, 0, GFP_KERNEL);
	}
	KUNIT_EXPECT_EQ(test, site->shard->entries, added - removed);
	model_free(site->model);
	for (i = 0; i < 3000; i++) {
		u8 buf[MODEL_KEY_MAX];
		struct cmap_key key = site_key(site, i, buf);

		site_expect(test, site, &key, NULL);
	}
	site_free(site);
}

/* ---- atomic ---- */

/* Writes as in a softirq, while the table grows through many sizes. */
static void writes_without_sleeping(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < 5000; i++) {
		int err;

		key = site_key(site, i, buf);
		local_bh_disable();
		err = site_set(site, &key, buf, key.len, GFP_ATOMIC);
		local_bh_enable();
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	for (i = 0; i < 5000; i++) {
		key = site_key(site, i, buf);
		KUNIT_EXPECT_TRUE(test, site_has(site, &key));
	}
	KUNIT_EXPECT_GT(test, site->shard->grows, 3);
	site_free(site);
}

/* ---- a race ---- */

#define RACERS		3
#define OWN_KEYS	2000
#define ROUNDS		60000

static struct site *arena_of_race;

static u32 own_value(unsigned int thread, u32 key, u32 round)
{
	return (round * RACERS + thread) * 31 + key;
}

/* Each thread has keys of its own, and all threads add to one shared key. */
static void write_in_a_race(struct kunit *test, unsigned int thread)
{
	struct site *site = arena_of_race;
	u32 *last = kcalloc(OWN_KEYS, sizeof(*last), GFP_KERNEL);
	u8 buf[MODEL_KEY_MAX], shared_buf[MODEL_KEY_MAX];
	struct cmap_key shared = site_key(site, 1 << 30, shared_buf);
	struct rnd_state random;
	u64 version = 0;
	u32 i;

	prandom_seed_state(&random, thread + site->lab->secret[0]);
	for (i = 1; last && i <= ROUNDS; i++) {
		u32 n = prandom_u32_state(&random) % OWN_KEYS;
		struct cmap_key key = site_key(site, n * RACERS + thread, buf);
		u32 value = own_value(thread, n, i);
		struct cmap_node *node;

		rcu_read_lock();
		node = cmap_shard_find(site->shard, &key);
		KUNIT_EXPECT_EQ(test, node ? *(u32 *)cmap_node_value(node) : 0,
				last[n]);
		rcu_read_unlock();
		if (i / 10000 % 2 && last[n]) {
			KUNIT_EXPECT_EQ(test, site_delete(site, &key), 0);
			last[n] = 0;
		} else {
			KUNIT_EXPECT_EQ(test, site_set(site, &key, &value,
						       sizeof(value), GFP_KERNEL),
					0);
			last[n] = value;
		}
		if (i % 10 == 0) {
			struct cmap_write add = {
				.key = shared, .flags = CMAP_WRITE_ADD,
				.value_len = sizeof(s64), .number = 1,
			};

			KUNIT_EXPECT_EQ(test, lab_write(site->shard,
						&add, GFP_KERNEL), 0);
			KUNIT_EXPECT_GT(test, add.version, version);
			version = add.version;
		}
	}
	for (i = 0; last && i < OWN_KEYS; i++) {
		struct cmap_key key = site_key(site, i * RACERS + thread, buf);

		KUNIT_EXPECT_EQ(test, site_has(site, &key), !!last[i]);
	}
	KUNIT_EXPECT_NOT_NULL(test, last);
	kfree(last);
}

static void race(struct kunit *test)
{
	struct site *site = site_new(test, 1, false);
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key shared = site_key(site, 1 << 30, buf);
	struct cmap_node *node;

	arena_of_race = site;
	lab_race(test, RACERS, write_in_a_race);
	rcu_read_lock();
	node = cmap_shard_find(site->shard, &shared);
	KUNIT_EXPECT_NOT_NULL(test, node);
	if (node)
		KUNIT_EXPECT_EQ(test, *(s64 *)cmap_node_value(node),
				RACERS * ROUNDS / 10);
	rcu_read_unlock();
	site_free(site);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(writes_at_random),
	KUNIT_CASE(writes_at_random_wiped),
	KUNIT_CASE(clear_at_random),
	KUNIT_CASE(writes_without_sleeping),
	KUNIT_CASE_SLOW(race),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_shard",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
