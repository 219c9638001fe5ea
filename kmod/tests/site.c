// SPDX-License-Identifier: GPL-2.0
#include "site.h"
#include "../core/maintain.h"
#include "../core/migrate.h"
#include "../core/write.h"

#include <linux/slab.h>

static void shard_free(void *shard)
{
	cmap_maintain_close(shard);
	rcu_barrier();
	cmap_shard_destroy(shard);
	kfree(shard);
}

int site_resize(struct cmap_shard *shard)
{
	return cmap_migrate_now(shard, GFP_KERNEL);
}

struct site *site_new(struct kunit *test, u32 room, bool wipe)
{
	struct site *site = kunit_kzalloc(test, sizeof(*site), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, site);
	site->lab = test->priv;
	site->model = model_new(test, room);
	site->version = INDEX;
	site->buf = kunit_kmalloc(test, VALUE_MAX, GFP_KERNEL);
	site->shard = kzalloc(sizeof(*site->shard), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, site->buf && site->shard);
	cmap_shard_init(site->shard, INDEX, SHARDS, &site->lab->memory,
			&site->lab->quota, NULL, NUMA_NO_NODE, wipe);
	cmap_maintain_init(site->shard);

	return site;
}

void site_settle(struct site *site)
{
	while (work_busy(&site->shard->resize))
		flush_work(&site->shard->resize);
	lab_settle();
}

void site_free(struct site *site)
{
	shard_free(site->shard);
}

struct cmap_key site_key(struct site *site, u32 number,
			 u8 buf[MODEL_KEY_MAX])
{
	u32 len = model_key(number, buf);
	u64 hash = cmap_hash(&site->lab->hash, buf, len);

	return (struct cmap_key){
		.data = buf,
		.len = len,
		.hash = (u64)INDEX << 61 | hash >> 3,
	};
}

int site_set(struct site *site, const struct cmap_key *key,
	     const void *value, u32 len, gfp_t gfp)
{
	struct cmap_write write = {
		.key = *key, .value = value, .value_len = len,
	};

	return lab_write(site->shard, &write, gfp);
}

int site_delete(struct site *site, const struct cmap_key *key)
{
	struct cmap_write write = { .key = *key, .flags = CMAP_WRITE_REMOVE };

	return lab_write(site->shard, &write, GFP_KERNEL);
}

bool site_has(struct site *site, const struct cmap_key *key)
{
	bool found;

	rcu_read_lock();
	found = cmap_shard_find(site->shard, key);
	rcu_read_unlock();

	return found;
}

struct cmap_table *site_table(struct site *site)
{
	return rcu_dereference_protected(site->shard->table, 1);
}

void site_expect(struct kunit *test, struct site *site,
		 const struct cmap_key *key,
		 const struct model_entry *entry)
{
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_shard_find(site->shard, key);
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

void site_expect_all(struct kunit *test, struct site *site)
{
	u32 i;

	KUNIT_EXPECT_EQ(test, site->shard->entries, site->model->count);
	for (i = 0; i < site->model->count; i++) {
		struct model_entry *entry = &site->model->entry[i];
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = (u64)INDEX << 61 |
				cmap_hash(&site->lab->hash, entry->key,
					  entry->key_len) >> 3,
		};

		site_expect(test, site, &key, entry);
	}
}

struct cmap_key site_aimed(u32 number, u32 order, u8 buf[MODEL_KEY_MAX])
{
	return (struct cmap_key){
		.data = buf,
		.len = model_key(number, buf),
		.hash = (u64)INDEX << 61 | (u64)order << 29 |
			(number & 0xffff),
	};
}

void site_each(struct kunit *test, struct site *site, enum site_step step,
	       struct site_keys keys)
{
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = keys.first; i < keys.first + keys.count; i++) {
		key = keys.aimed ? site_aimed(i, keys.order, buf) :
				   site_key(site, i, buf);
		switch (step) {
		case SITE_SET:
			KUNIT_ASSERT_EQ(test, site_set(site, &key, "v", 1,
						       GFP_KERNEL), 0);
			break;
		case SITE_DELETE:
			KUNIT_ASSERT_EQ(test, site_delete(site, &key), 0);
			break;
		case SITE_EXPECT:
			KUNIT_EXPECT_TRUE(test, site_has(site, &key));
			break;
		}
	}
}

struct cmap_table *site_new_table(struct kunit *test, struct site *site,
				  u8 bits)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(&site->lab->memory, NUMA_NO_NODE, bits,
			       site->shard->shard_bits, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, table);

	return table;
}
