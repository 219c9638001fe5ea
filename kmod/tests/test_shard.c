// SPDX-License-Identifier: GPL-2.0
#include "test_shard.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/write.h"

#include <linux/slab.h>

static void shard_free(struct cmap_shard *shard)
{
	cmap_maintain_close(shard);
	rcu_barrier();
	cmap_shard_destroy(shard);
	kfree(shard);
}

int ts_resize(struct cmap_shard *shard)
{
	return cmap_migrate_now(shard, GFP_KERNEL);
}

struct test_shard *ts_new(struct kunit *test, u32 room, bool wipe)
{
	struct test_shard *ts = kunit_kzalloc(test, sizeof(*ts), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ts);
	ts->ctx = test->priv;
	ts->model = model_new(test, room);
	ts->version = INDEX;
	ts->buf = kunit_kmalloc(test, VALUE_MAX, GFP_KERNEL);
	ts->shard = kzalloc(sizeof(*ts->shard), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, ts->buf && ts->shard);
	cmap_shard_init(ts->shard, INDEX, SHARDS, CMAP_STRIPES_MAX,
			&ts->ctx->memory, &ts->ctx->quota, NULL, NUMA_NO_NODE,
			wipe);
	cmap_maintain_init(ts->shard);

	return ts;
}

void ts_settle(struct test_shard *ts)
{
	while (work_busy(&ts->shard->resize.work))
		flush_delayed_work(&ts->shard->resize);
	wait_for_frees();
}

void ts_free(struct test_shard *ts)
{
	shard_free(ts->shard);
}

struct cmap_key ts_key(struct test_shard *ts, u32 number,
		       u8 buf[MODEL_KEY_MAX])
{
	u32 len = model_key(number, buf);
	u64 hash = cmap_hash(&ts->ctx->hash, buf, len);

	return (struct cmap_key){
		.data = buf,
		.len = len,
		.hash = (u64)INDEX << 61 | hash >> 3,
	};
}

int ts_set(struct test_shard *ts, const struct cmap_key *key,
	   const void *value, u32 len, gfp_t gfp)
{
	struct cmap_write write = {
		.key = *key, .value = value, .value_len = len,
	};

	return shard_write(ts->shard, &write, gfp);
}

int ts_delete(struct test_shard *ts, const struct cmap_key *key)
{
	struct cmap_write write = { .key = *key, .flags = CMAP_WRITE_DELETE };

	return shard_write(ts->shard, &write, GFP_KERNEL);
}

bool ts_has(struct test_shard *ts, const struct cmap_key *key)
{
	bool found;

	rcu_read_lock();
	found = cmap_shard_find(ts->shard, key);
	rcu_read_unlock();

	return found;
}

struct cmap_table *ts_table(struct test_shard *ts)
{
	return rcu_dereference_protected(ts->shard->table, 1);
}

void ts_expect(struct kunit *test, struct test_shard *ts,
	       const struct cmap_key *key,
	       const struct model_entry *entry)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_shard_find(ts->shard, key);
	KUNIT_EXPECT_EQ(test, !!node, !!entry);
	if (node && entry) {
		u32 len = cmap_node_value_len(node);

		KUNIT_EXPECT_EQ(test, node->version, entry->version);
		KUNIT_EXPECT_EQ(test, len, entry->value_len);
		KUNIT_EXPECT_TRUE(test, len == entry->value_len &&
				  !memcmp(cmap_node_value(node), entry->value,
					  entry->value_len));
	}
	rcu_read_unlock();
}

void ts_expect_all(struct kunit *test, struct test_shard *ts)
{
	u32 i;

	KUNIT_EXPECT_EQ(test, cmap_shard_entries(ts->shard), ts->model->count);
	for (i = 0; i < ts->model->count; i++) {
		struct model_entry *entry = &ts->model->entry[i];
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = (u64)INDEX << 61 |
				cmap_hash(&ts->ctx->hash, entry->key,
					  entry->key_len) >> 3,
		};

		ts_expect(test, ts, &key, entry);
	}
}

struct cmap_key ts_key_at(u32 number, u32 high, u8 buf[MODEL_KEY_MAX])
{
	return (struct cmap_key){
		.data = buf,
		.len = model_key(number, buf),
		.hash = (u64)INDEX << 61 | (u64)high << 29 |
			(number & 0xffff),
	};
}

void ts_each(struct kunit *test, struct test_shard *ts, enum ts_step step,
	     struct test_keys keys)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = keys.first; i < keys.first + keys.count; i++) {
		key = keys.aimed ? ts_key_at(i, keys.high, buf) :
				   ts_key(ts, i, buf);
		switch (step) {
		case TS_SET:
			KUNIT_ASSERT_EQ(test, ts_set(ts, &key, "v", 1,
						     GFP_KERNEL), 0);
			break;
		case TS_DELETE:
			KUNIT_ASSERT_EQ(test, ts_delete(ts, &key), 0);
			break;
		case TS_EXPECT:
			KUNIT_EXPECT_TRUE(test, ts_has(ts, &key));
			break;
		}
	}
}

struct cmap_table *ts_new_table(struct kunit *test, struct test_shard *ts,
				u8 bits)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(&ts->ctx->memory, NUMA_NO_NODE, bits,
			       ts->shard->shard_bits, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, table);

	return table;
}
