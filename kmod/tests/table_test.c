// SPDX-License-Identifier: GPL-2.0
/*
 * Tables, with hashes that the test chooses, so that tags, buckets and whole hashes
 * collide.
 */
#include "context.h"
#include "model.h"
#include "test_arena.h"
#include "../core/lookup.h"
#include "../core/migrate.h"

#include <uapi/linux/cmap.h>

/* A table with its arena and model.  Only one thread uses it. */
struct test_table {
	struct test_arena *ta;
	struct cmap_table *table;
	struct model *model;
};

static struct test_table *tt_new(struct kunit *test, u8 bits, u8 shard_bits)
{
	struct test_table *tt = kunit_kzalloc(test, sizeof(*tt), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, tt);
	tt->ta = ta_new(test, false);
	tt->model = model_new(test, 20000);
	tt->table = cmap_table_new(&tt->ta->ctx->memory, NUMA_NO_NODE,
				   bits, shard_bits, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, tt->table);

	return tt;
}

static void tt_free(struct test_table *tt)
{
	cmap_table_free(tt->table);
	cmap_arena_destroy(&tt->ta->arena);
}

/*
 * Make a key with a hash that the test chooses.  The model stores the hash as the
 * "value", so a key keeps the hash that it got first.
 */
static struct cmap_key key_of(u8 buf[MODEL_KEY_MAX], u32 number, u64 hash)
{
	return (struct cmap_key){
		.data = buf,
		.len = model_key(number, buf),
		.hash = hash,
	};
}

static cmap_ref tt_new_node(struct kunit *test, struct test_table *tt,
			    const struct cmap_key *key, u64 version)
{
	struct cmap_node *node;
	cmap_ref ref;
	int err;

	ref = ta_take(tt->ta, cmap_node_size(key->len, 0), &err);
	KUNIT_ASSERT_NE(test, ref, 0);
	node = ta_node(tt->ta, ref);
	node->hash_high = cmap_hash_high(key->hash);
	node->lengths = cmap_node_lengths(key->len, 0);
	node->version = version;
	memcpy(node->key, key->data, key->len);

	return ref;
}

static struct cmap_node *tt_find(struct test_table *tt, const struct cmap_key *key,
				 struct cmap_slot *slot)
{
	struct cmap_table *table = tt->table;
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_table_find(&table, &tt->ta->arena, key, slot);
	rcu_read_unlock();

	return node;
}

/* The table that has the entries of a part of the hash's range now. */
static struct cmap_table *tt_table_of(struct test_table *tt, u32 high)
{
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	u32 head;

	rcu_read_lock();
	table = cmap_table_of(tt->table, &tt->ta->arena, high,
			      &bucket, &head);
	rcu_read_unlock();

	return table;
}

static int tt_extend_pool(struct test_table *tt, struct cmap_table *table)
{
	struct cmap_block *block;
	int err;

	block = cmap_pool_prepare(table->memory, NUMA_NO_NODE,
				  table->pool_bits, GFP_KERNEL, &err);
	if (!block)
		return err;
	spin_lock_bh(&tt->ta->lock);
	cmap_pool_attach(table, table->pool_bits, &block);
	spin_unlock_bh(&tt->ta->lock);
	err = block ? -ENOBUFS : 0;
	cmap_block_free(block);

	return err;
}

static int tt_insert(struct kunit *test, struct test_table *tt,
		     const struct cmap_key *key, u64 version)
{
	struct cmap_table *table = tt_table_of(tt, cmap_hash_high(key->hash));
	struct cmap_slot slot;
	cmap_ref ref;
	int err;

	for (;;) {
		spin_lock_bh(&tt->ta->lock);
		err = cmap_table_place(table, cmap_hash_high(key->hash),
				       CMAP_CHAIN_MAX, &slot);
		spin_unlock_bh(&tt->ta->lock);
		if (err != -EAGAIN)
			break;
		err = tt_extend_pool(tt, table);
		if (err)
			return err;
	}
	if (err)
		return err;
	ref = tt_new_node(test, tt, key, version);
	cmap_table_fill(table, &slot, ta_node(tt->ta, ref),
			cmap_hash_tag(key->hash), ref);

	return 0;
}

static void tt_remove(struct test_table *tt, const struct cmap_slot *slot)
{
	cmap_ref ref = slot->bucket->ref[slot->i];
	struct cmap_node *node = ta_node(tt->ta, ref);

	cmap_table_delete(tt_table_of(tt, node->hash_high), slot, node);
	ta_retire(tt->ta, ref);
}

/*
 * Check that the table has exactly the entries of the model, and that it has counted
 * the entries in overlong chains correctly.
 */
static void tt_check(struct kunit *test, struct test_table *tt)
{
	u32 i, buckets = cmap_table_buckets(tt->table), held = 0, overlong = 0;

	for (i = 0; i < tt->model->count; i++) {
		struct model_entry *entry = &tt->model->entry[i];
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = *(u64 *)entry->value,
		};
		struct cmap_slot slot;
		struct cmap_node *node = tt_find(tt, &key, &slot);

		KUNIT_ASSERT_NOT_NULL(test, node);
		KUNIT_ASSERT_EQ(test, node->version, entry->version);
		KUNIT_ASSERT_EQ(test, slot.bucket->tag[slot.i],
				cmap_hash_tag(key.hash));
	}
	for (i = 0; i < buckets; i++) {
		u32 high = i << tt->table->shift;
		struct cmap_bucket *bucket;
		struct cmap_table *table;
		u32 head, chain = 0, j;

		rcu_read_lock();
		table = cmap_table_of(tt->table, &tt->ta->arena,
				      high, &bucket, &head);
		/* A bucket that was moved to a larger table has become two. */
		if (table == tt->table)
			for (; bucket; bucket = cmap_bucket_next(table, head)) {
				head = bucket->head;
				for (j = 0; j < CMAP_BUCKET_SLOTS; j++)
					chain += !!bucket->ref[j];
			}
		rcu_read_unlock();
		held += chain;
		overlong += chain - min(chain, CMAP_CHAIN_HALF);
	}
	if (!tt->table->moved[0]) {
		KUNIT_ASSERT_EQ(test, held, tt->model->count);
		KUNIT_ASSERT_EQ(test, overlong, atomic_read(&tt->table->overlong));
	}
}

/* One random write, in the table and in the model. */
static void random_write(struct kunit *test, struct test_table *tt, u32 keys,
			 u64 hash, u64 version, bool grow)
{
	struct test_context *ctx = tt->ta->ctx;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(buf, ctx_random(ctx, keys), hash);
	struct model_entry *entry = model_find(tt->model, buf, key.len);
	struct cmap_node *node;
	struct cmap_slot slot;
	int err;

	if (entry)
		key.hash = *(u64 *)entry->value;
	node = tt_find(tt, &key, &slot);
	KUNIT_ASSERT_EQ(test, !!node, !!entry);
	if (entry && ctx_random(ctx, 100) < (grow ? 20 : 60)) {
		tt_remove(tt, &slot);
		model_remove(tt->model, entry);
		return;
	}
	if (entry) {
		cmap_ref old = slot.bucket->ref[slot.i];

		KUNIT_ASSERT_EQ(test, node->version, entry->version);
		cmap_slot_replace(&slot, tt_new_node(test, tt, &key, version));
		ta_retire(tt->ta, old);
	} else {
		err = tt_insert(test, tt, &key, version);
		/* The chain, or the pool, may be full. */
		KUNIT_ASSERT_TRUE(test, !err || err == -EXFULL ||
				  err == -ENOBUFS);
		if (err)
			return;
	}
	KUNIT_ASSERT_TRUE(test, model_set(tt->model, buf, key.len, &key.hash,
					  sizeof(key.hash), version));
}

/* A hash with few buckets and few tags, so that many entries collide. */
static u64 narrow_hash(struct test_context *ctx)
{
	static const u16 tags[] = { 0, 1, 0x7fff, 0x8000, 0xffff };

	return (u64)ctx_random(ctx, 40) << 58 |
	       tags[ctx_random(ctx, ARRAY_SIZE(tags))];
}

static void collisions_at_random(struct kunit *test)
{
	struct test_table *tt = tt_new(test, 7, 0);
	u32 i;

	for (i = 0; i < 30000; i++) {
		random_write(test, tt, 1500, narrow_hash(tt->ta->ctx),
			     i + 1, i / 5000 % 2 == 0);
		if (i % 3000 == 0)
			tt_check(test, tt);
	}
	tt_check(test, tt);
	KUNIT_EXPECT_GT(test, tt->table->longest, 3);
	tt_free(tt);
}

/* A tag is found, and no other, whatever tags are beside it in the bucket. */
static void tags_side_by_side(struct kunit *test)
{
	static const u16 tags[] = {
		0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x0100
	};
	u32 shift, i;

	for (shift = 0; shift < CMAP_BUCKET_SLOTS; shift++) {
		struct test_table *tt = tt_new(test, 5, 0);
		u8 buf[MODEL_KEY_MAX];
		struct cmap_slot slot;
		struct cmap_key key;

		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			key = key_of(buf, i, tags[(i + shift) % ARRAY_SIZE(tags)]);
			KUNIT_EXPECT_NULL(test, tt_find(tt, &key, &slot));
			KUNIT_ASSERT_EQ(test, tt_insert(test, tt, &key, i + 1),
					0);
		}
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			struct cmap_node *node;

			key = key_of(buf, i, tags[(i + shift) % ARRAY_SIZE(tags)]);
			node = tt_find(tt, &key, &slot);
			KUNIT_ASSERT_NOT_NULL(test, node);
			KUNIT_EXPECT_EQ(test, node->version, i + 1);
			KUNIT_EXPECT_EQ(test, slot.i, i);
			/* The same tag, another key. */
			key = key_of(buf, i + 100, key.hash);
			KUNIT_EXPECT_NULL(test, tt_find(tt, &key, &slot));
		}
		tt_free(tt);
	}
}

/* 170 keys can have one hash.  A 171st is refused until one of them is removed. */
static void chain_up_to_exfull(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	struct test_table *tt = tt_new(test, 5, 3);
	struct cmap_slot slot;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u64 hash = ctx_random_u64(tt->ta->ctx);
	u32 i;

	for (i = 0; i < most; i++) {
		key = key_of(buf, i, hash);
		KUNIT_ASSERT_EQ(test, tt_insert(test, tt, &key, i + 1), 0);
		KUNIT_EXPECT_EQ(test, tt->table->longest,
				1 + i / CMAP_BUCKET_SLOTS);
	}
	key = key_of(buf, most, hash);
	KUNIT_EXPECT_EQ(test, tt_insert(test, tt, &key, 1), -EXFULL);
	KUNIT_EXPECT_NULL(test, tt_find(tt, &key, &slot));
	KUNIT_EXPECT_EQ(test, tt->table->pool_used, CMAP_CHAIN_MAX);

	/* Other buckets are not affected. */
	key = key_of(buf, most, hash ^ 1ULL << 60);
	KUNIT_EXPECT_EQ(test, tt_insert(test, tt, &key, 1), 0);

	i = ctx_random(tt->ta->ctx, most);
	key = key_of(buf, i, hash);
	KUNIT_ASSERT_NOT_NULL(test, tt_find(tt, &key, &slot));
	tt_remove(tt, &slot);
	key = key_of(buf, most + 1, hash);
	KUNIT_EXPECT_EQ(test, tt_insert(test, tt, &key, 1), 0);
	key = key_of(buf, most + 2, hash);
	KUNIT_EXPECT_EQ(test, tt_insert(test, tt, &key, 1), -EXFULL);
	for (i = 0; i < most; i++) {
		key = key_of(buf, i, hash);
		if (tt_find(tt, &key, &slot))
			tt_remove(tt, &slot);
	}
	tt_free(tt);
}

/* The buckets of the pool are used one after the other, up to the last one. */
static void pool_to_the_last_bucket(struct kunit *test)
{
	struct test_table *tt = tt_new(test, 9, 0);
	struct cmap_table *table = tt->table;
	u32 i, buckets = cmap_table_buckets(table), n = 0;
	struct cmap_block *block;
	struct cmap_slot slot;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	int err;

	KUNIT_EXPECT_EQ(test, cmap_pool_capacity(table), 0);
	KUNIT_EXPECT_EQ(test, cmap_table_place(table, 0, CMAP_CHAIN_MAX, &slot),
			0);
	/* Each bucket gets one bucket of the pool. */
	for (i = 0; i < buckets * 11; i++) {
		key = key_of(buf, i, (u64)(i / 11) << (64 - 9));
		KUNIT_ASSERT_EQ(test, tt_insert(test, tt, &key, 1), 0);
	}
	KUNIT_EXPECT_EQ(test, table->pool_used, buckets);
	KUNIT_EXPECT_EQ(test, cmap_pool_capacity(table), buckets);
	KUNIT_EXPECT_EQ(test, ctx_bytes(tt->ta->ctx) -
			cmap_table_bytes(table) > 0, true);

	/* A 21st entry in a bucket has no room, as the pool cannot grow further. */
	for (i = 0; i < 10; i++) {
		key = key_of(buf, buckets * 11 + i, 0);
		err = tt_insert(test, tt, &key, 1);
		n += !err;
	}
	KUNIT_EXPECT_EQ(test, err, -ENOBUFS);
	KUNIT_EXPECT_EQ(test, n, 9);

	/* The pool does not take buckets made for a table of another size. */
	block = cmap_pool_prepare(table->memory, NUMA_NO_NODE,
				  table->pool_bits + 1, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, block);
	spin_lock_bh(&tt->ta->lock);
	cmap_pool_attach(table, table->pool_bits + 1, &block);
	spin_unlock_bh(&tt->ta->lock);
	KUNIT_EXPECT_NOT_NULL(test, block);
	cmap_block_free(block);
	tt_free(tt);
}

/* ---- moving ---- */

/* Move to a table of another or the same size, with writes in between. */
static void tt_move(struct kunit *test, struct test_table *tt, u8 bits)
{
	struct cmap_table *old = tt->table, *new;
	struct test_context *ctx = tt->ta->ctx;
	u32 round = 0;
	int err;

	new = cmap_table_new(old->memory, NUMA_NO_NODE, bits,
			     32 - old->bits - old->shift, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, new);
	rcu_assign_pointer(old->next, new);
	while (old->moved[0] < cmap_table_buckets(old)) {
		u32 moved = old->moved[0];

		local_bh_disable();
		err = cmap_table_move(old, new, &tt->ta->arena, 0);
		local_bh_enable();
		if (err) {
			KUNIT_ASSERT_EQ(test, err, -EAGAIN);
			KUNIT_ASSERT_EQ(test, old->moved[0], moved);
			tt_check(test, tt);
			KUNIT_ASSERT_EQ(test, tt_extend_pool(tt, new), 0);
			continue;
		}
		if (round++ % 8 == 0)
			tt_check(test, tt);
		random_write(test, tt, 1500,
			     (u64)ctx_random(ctx, 1 << 20) << 44 |
			     ctx_random(ctx, 1 << 16), 1000000 + round, true);
	}
	tt_check(test, tt);
	tt->table = new;
	cmap_table_free_rcu(old);
	tt_check(test, tt);
}

static void move_at_random(struct kunit *test)
{
	struct test_table *tt = tt_new(test, 5, 0);
	struct test_context *ctx = tt->ta->ctx;
	u8 bits[] = { 6, 7, 8, 7, 6, 6, 5, 5, 6, 5 };
	u32 b, i;

	for (b = 0; b < ARRAY_SIZE(bits); b++) {
		u32 want = 5 << tt->table->bits;

		for (i = 0; tt->model->count < want && i < 4 * want; i++)
			random_write(test, tt, 1500,
				     (u64)ctx_random(ctx, 1 << 20) << 44 |
				     ctx_random(ctx, 1 << 16), i + 1, true);
		for (i = 0; bits[b] < tt->table->bits &&
		     tt->model->count > want / 4 && i < 100000; i++)
			random_write(test, tt, 1500, 0, i + 1, false);
		tt_move(test, tt, bits[b]);
	}
	tt_free(tt);
}

/* Long chains are split into two buckets, or two are joined into one. */
static void move_long_chains(struct kunit *test)
{
	struct test_table *tt = tt_new(test, 6, 0);
	struct test_context *ctx = tt->ta->ctx;
	u32 i;

	/* Two neighbours, which are one bucket in a table of half the size. */
	for (i = 0; i < 600; i++)
		random_write(test, tt, 300, (u64)ctx_random(ctx, 2) << 58 |
			     (u64)ctx_random(ctx, 2) << 57 | ctx_random(ctx, 3),
			     i + 1, true);
	tt_move(test, tt, 7);
	tt_move(test, tt, 6);
	tt_move(test, tt, 6);
	tt_move(test, tt, 5);
	KUNIT_EXPECT_GT(test, tt->table->longest, 15);
	KUNIT_EXPECT_GT(test, atomic_read(&tt->table->overlong), 0);
	while (tt->model->count) {
		struct model_entry *entry = tt->model->entry;
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = *(u64 *)entry->value,
		};
		struct cmap_slot slot;

		KUNIT_ASSERT_NOT_NULL(test, tt_find(tt, &key, &slot));
		tt_remove(tt, &slot);
		model_remove(tt->model, entry);
		if (tt->model->count % 32 == 0)
			tt_check(test, tt);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&tt->table->overlong), 0);
	tt_free(tt);
}

/*
 * A chain keeps its buckets when its entries are removed.  A move asked for as many
 * buckets in the new table, whose pool could be too small for that, and started over
 * for ever.
 */
static void move_emptied_chains(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	struct test_table *tt = tt_new(test, 6, 0);
	struct cmap_slot slot;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < 2 * most; i++) {
		key = key_of(buf, i, (u64)(i / most) << 58);
		KUNIT_ASSERT_EQ(test, tt_insert(test, tt, &key, 1), 0);
	}
	for (i = 0; i < 2 * most; i++) {
		key = key_of(buf, i, (u64)(i / most) << 58);
		KUNIT_ASSERT_NOT_NULL(test, tt_find(tt, &key, &slot));
		tt_remove(tt, &slot);
	}
	tt_move(test, tt, 5);
	KUNIT_EXPECT_LT(test, tt->table->pool_used, 10);
	tt_free(tt);
}

/* ---- memory ---- */

static void account_exact(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	u8 bits;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 16; bits++) {
		struct cmap_table *table;
		int err;

		table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, bits, 0,
				       GFP_KERNEL, &err);
		KUNIT_ASSERT_NOT_NULL(test, table);
		KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), cmap_table_bytes(table));
		KUNIT_EXPECT_LE(test, sizeof(struct cmap_bucket) << bits,
				ctx_bytes(ctx));
		KUNIT_EXPECT_GE(test, cmap_table_buckets(table) <<
				(bits == CMAP_TABLE_BITS_MIN),
				ctx_bytes(ctx) / sizeof(struct cmap_bucket));
		cmap_table_free_rcu(table);
		wait_for_frees();
		KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);
	}
	cmap_table_free(NULL);
}

/*
 * The chunks of a pool were an eighth of the table, up to 2 MiB.  If memory was so
 * fragmented that no such chunk could be allocated, a table stayed half moved for ever.
 */
static void pool_in_small_pieces(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_table *table;
	u8 bits;
	int err;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 16; bits++) {
		table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, bits, 0,
				       GFP_KERNEL, &err);
		KUNIT_ASSERT_NOT_NULL(test, table);
		KUNIT_EXPECT_LE(test,
				sizeof(struct cmap_bucket) << table->pool_bits,
				PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER);
		KUNIT_EXPECT_GE(test, (u64)table->pool_chunks_max <<
				      table->pool_bits,
				cmap_table_buckets(table));
		cmap_table_free(table);
	}
}

/*
 * A table was charged chunk by chunk.  One that exceeded the limit was charged up to
 * the limit, and uncharged after its pages had been cleared.  Meanwhile every other
 * charge was refused.
 */
static void too_large_takes_nothing(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_table *table;
	int err;

	/* The limit allows three chunks of four. */
	ctx->memory.account.max = 6 << 20;
	fail_allocs(0, 1);
	table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, 17, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_EQ_MSG(test, fail_allocs_end(), 0,
			    "it allocated what it could not pay for");
	KUNIT_EXPECT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);

	/* A table for which there is no memory keeps no charge either. */
	ctx->memory.account.max = 8 << 20;
	fail_allocs(4, UINT_MAX);
	table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, 17, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_GT(test, fail_allocs_end(), 0);
	KUNIT_EXPECT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);
	ctx->memory.account.max = 0;
}

/* If large chunks cannot be allocated, a table is made of small ones. */
static void small_chunks(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_table *table;
	u32 n, i;
	int err;

	/* Allocations: the table, a block, and its pages, which fail once. */
	fail_allocs(2, 1);
	table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, 12, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, table->chunks, 8);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), cmap_table_bytes(table));
	/* All buckets exist, and no two are the same. */
	for (i = 0; i < cmap_table_buckets(table); i++)
		cmap_table_bucket(table, i)->ref[0] = i;
	for (i = 0; i < cmap_table_buckets(table); i++)
		KUNIT_EXPECT_EQ(test, cmap_table_bucket(table, i)->ref[0], i);
	cmap_table_free(table);

	/* If small chunks fail, too, there is no table. */
	ctx->memory.offered = true;
	for (n = 0;; n++) {
		fail_allocs(n, U32_MAX);
		table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, 9, 0,
				       GFP_KERNEL, &err);
		if (!fail_allocs_end())
			break;
		KUNIT_EXPECT_NULL(test, table);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_NE(test, table->number, 0);
	cmap_table_free(table);

	ctx->memory.account.max = PAGE_SIZE;
	KUNIT_EXPECT_NULL(test, cmap_table_new(&ctx->memory, NUMA_NO_NODE, 9, 0,
					       GFP_KERNEL, &err));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
}

/* ---- places ---- */

/* Each bucket of a table is found at its place, and nothing between and beyond. */
static void found_in_its_place(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_extent extent;
	struct test_table *tt;
	u8 bits;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 12; bits++) {
		u64 t = cmap_table_shape(bits), at;
		u64 pool = CMAP_WINDOW_POOL_OFFSET(t, PAGE_SIZE);
		struct cmap_table *table;

		ctx->memory.account.max = 0;
		tt = tt_new(test, bits, 0);
		table = tt->table;
		while (!tt_extend_pool(tt, table))
			;
		for (at = 0; at < cmap_place_table_bytes(bits);
		     at += sizeof(struct cmap_bucket)) {
			u32 i = at / sizeof(struct cmap_bucket);
			u32 k = (at - pool) / sizeof(struct cmap_bucket);
			void *want = NULL;

			if (i < cmap_table_buckets(table))
				want = cmap_table_bucket(table, i);
			else if (at >= pool && k < cmap_pool_capacity(table))
				want = cmap_bucket_next(table, (k + 1) <<
						CMAP_BUCKET_NEXT_SHIFT);
			if (!want)
				continue;
			KUNIT_ASSERT_TRUE(test, cmap_table_find_page(table, at,
								     &extent));
			KUNIT_ASSERT_PTR_EQ(test, extent.base +
					    (at - extent.at), want);
		}
		KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), cmap_table_bytes(table));
		tt_free(tt);
	}

	/* A part of the pool that is not allocated yet is not found. */
	tt = tt_new(test, 9, 0);
	KUNIT_EXPECT_TRUE(test, cmap_table_find_page(tt->table, 0, &extent));
	KUNIT_EXPECT_FALSE(test, cmap_table_find_page(tt->table, 64 << 9,
						      &extent));
	tt_free(tt);
}

static struct cmap_table *table_at_place(struct kunit *test,
					 struct test_context *ctx, u8 bits,
					 struct cmap_places *places, u32 shard)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(&ctx->memory, NUMA_NO_NODE, bits, 0, GFP_KERNEL,
			       &err);
	KUNIT_ASSERT_NOT_NULL(test, table);
	table->bank = cmap_places_bank(places, bits);
	if (table->bank < CMAP_WINDOW_BANKS) {
		cmap_table_settle(table, places, shard);
		return table;
	}
	cmap_table_free(table);
	return NULL;
}

/* Two tables never have the same place, not even while one is still leaving. */
static void each_table_has_its_place(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_table *table[CMAP_WINDOW_BANKS], *other;
	struct cmap_places places = {};
	u32 i;

	for (i = 0; i < CMAP_WINDOW_BANKS; i++) {
		KUNIT_EXPECT_LT(test, cmap_places_bank(&places, 7),
				CMAP_WINDOW_BANKS);
		table[i] = table_at_place(test, ctx, 7, &places, 3);
		KUNIT_ASSERT_NOT_NULL(test, table[i]);
		KUNIT_EXPECT_EQ(test, table[i]->bank, i);
		KUNIT_EXPECT_EQ(test, table[i]->place.offset,
				CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(7, i)) +
				3 * table[i]->place.bytes);
	}
	KUNIT_EXPECT_EQ(test, cmap_places_bank(&places, 7), CMAP_WINDOW_BANKS);
	KUNIT_EXPECT_NULL(test, table_at_place(test, ctx, 7, &places, 3));
	other = table_at_place(test, ctx, 8, &places, 3);
	KUNIT_ASSERT_NOT_NULL(test, other);

	rcu_read_lock();
	cmap_table_free_rcu(table[2]);
	KUNIT_EXPECT_EQ(test, cmap_places_bank(&places, 7), CMAP_WINDOW_BANKS);
	rcu_read_unlock();
	wait_for_frees();
	KUNIT_EXPECT_LT(test, cmap_places_bank(&places, 7),
				CMAP_WINDOW_BANKS);
	table[2] = table_at_place(test, ctx, 7, &places, 3);
	KUNIT_ASSERT_NOT_NULL(test, table[2]);
	KUNIT_EXPECT_EQ(test, table[2]->bank, 2);

	for (i = 0; i < CMAP_WINDOW_BANKS; i++)
		cmap_table_free(table[i]);
	cmap_table_free(other);
}

/* Places at which a process was shown zeroes are remembered, if a table was there. */
static void zeroes_are_remembered(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_places places = {};
	struct cmap_table *table;
	struct cmap_block *block;
	int err;

	KUNIT_EXPECT_FALSE(test, cmap_places_mark(&places, cmap_place_of(6, 0)));
	table = table_at_place(test, ctx, 6, &places, 0);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_TRUE(test, cmap_table_clean(table));
	KUNIT_EXPECT_TRUE(test, cmap_places_mark(&places, cmap_place_of(6, 0)));
	KUNIT_EXPECT_FALSE(test, cmap_table_clean(table));

	/* The same for the pool, which is allocated chunk by chunk. */
	block = cmap_pool_prepare(&ctx->memory, NUMA_NO_NODE, table->pool_bits,
				  GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, block);
	cmap_pool_attach(table, table->pool_bits, &block);
	KUNIT_EXPECT_NULL(test, block);
	KUNIT_EXPECT_TRUE(test, table->unclean);

	/* When the table has left, its place has no zeroes mapped any more. */
	cmap_table_free_rcu(table);
	wait_for_frees();
	table = table_at_place(test, ctx, 6, &places, 0);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_TRUE(test, cmap_table_clean(table));
	cmap_table_free(table);
}

/* In tables of all sizes, buckets are in the order of hashes. */
static void one_order(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	struct cmap_table table = {};
	u32 i;

	for (i = 0; i < 100000; i++) {
		u32 a = ctx_random_u64(ctx), b = ctx_random_u64(ctx);
		u32 shard_bits = ctx_random(ctx, 11);
		u32 shard_mask = ~((1ULL << (32 - shard_bits)) - 1);
		u32 index;
		u64 end;

		cmap_table_set_bits(&table, CMAP_TABLE_BITS_MIN +
				    ctx_random(ctx, 32 - 10 - CMAP_TABLE_BITS_MIN + 1),
				    shard_bits);
		a = (a & ~shard_mask) | (b & shard_mask);
		if (a > b)
			swap(a, b);
		index = cmap_table_index(&table, a);
		end = cmap_table_bucket_end(&table, a);
		KUNIT_ASSERT_LT(test, index, cmap_table_buckets(&table));
		KUNIT_ASSERT_LE(test, index, cmap_table_index(&table, b));
		KUNIT_ASSERT_GT(test, end, a);
		KUNIT_ASSERT_EQ(test, cmap_table_index(&table, end - 1), index);
		KUNIT_ASSERT_EQ(test, b < end,
				cmap_table_index(&table, b) == index);
	}
}

/*
 * A table of many blocks was freed in an RCU callback as a whole.  That is in softirq,
 * where nothing else can run on the CPU.
 */
static void large_tables_are_freed_by_a_work(struct kunit *test)
{
	struct test_table *tt = tt_new(test, 16, 0);
	struct test_context *ctx = tt->ta->ctx;
	u64 before = frees_in_softirq(), bytes = ctx_bytes(ctx);

	rcu_read_lock();
	cmap_table_free_rcu(tt->table);
	KUNIT_EXPECT_EQ(test, ctx_bytes(ctx), bytes);
	KUNIT_EXPECT_TRUE(test, cmap_memory_leaving(&ctx->memory));
	rcu_read_unlock();
	cmap_memory_wait_all_left(&ctx->memory);
	KUNIT_EXPECT_FALSE(test, cmap_memory_leaving(&ctx->memory));
	KUNIT_EXPECT_LE(test, ctx_bytes(ctx), bytes - (64 << 16));
	KUNIT_EXPECT_EQ(test, frees_in_softirq(), before);
	cmap_arena_destroy(&tt->ta->arena);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(collisions_at_random),
	KUNIT_CASE(tags_side_by_side),
	KUNIT_CASE(chain_up_to_exfull),
	KUNIT_CASE(pool_to_the_last_bucket),
	KUNIT_CASE_SLOW(move_at_random),
	KUNIT_CASE(move_long_chains),
	KUNIT_CASE(move_emptied_chains),
	KUNIT_CASE(account_exact),
	KUNIT_CASE(pool_in_small_pieces),
	KUNIT_CASE(too_large_takes_nothing),
	KUNIT_CASE(small_chunks),
	KUNIT_CASE(found_in_its_place),
	KUNIT_CASE(each_table_has_its_place),
	KUNIT_CASE(zeroes_are_remembered),
	KUNIT_CASE(one_order),
	KUNIT_CASE(large_tables_are_freed_by_a_work),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_table",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
