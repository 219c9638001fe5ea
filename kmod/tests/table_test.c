// SPDX-License-Identifier: GPL-2.0
/*
 * Tables, with hashes that the test chooses, so that tags, buckets and whole hashes
 * collide.
 */
#include "lab.h"
#include "model.h"
#include "stock.h"
#include "../core/lookup.h"
#include "../core/migrate.h"

#include <uapi/linux/cmap.h>

/* A table with its arena and model.  Only one thread uses it. */
struct bench {
	struct stock *stock;
	struct cmap_table *table;
	struct model *model;
};

static struct bench *bench_new(struct kunit *test, u8 bits, u8 shard_bits)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->stock = stock_new(test, false);
	bench->model = model_new(test, 20000);
	bench->table = cmap_table_new(&bench->stock->lab->memory, NUMA_NO_NODE,
				      bits, shard_bits, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, bench->table);

	return bench;
}

static void bench_free(struct bench *bench)
{
	cmap_table_free(bench->table);
	cmap_arena_destroy(&bench->stock->arena);
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

static cmap_ref node_for(struct kunit *test, struct bench *bench,
			 const struct cmap_key *key, u64 version)
{
	struct cmap_node *node;
	cmap_ref ref;
	int err;

	ref = stock_take(bench->stock, cmap_node_size(key->len, 0), &err);
	KUNIT_ASSERT_NE(test, ref, 0);
	node = stock_node(bench->stock, ref);
	node->order = cmap_hash_order(key->hash);
	node->lengths = cmap_node_lengths(key->len, 0);
	node->version = version;
	memcpy(node->key, key->data, key->len);

	return ref;
}

static struct cmap_node *find(struct bench *bench, const struct cmap_key *key,
			      struct cmap_slot *slot)
{
	struct cmap_table *table = bench->table;
	struct cmap_node *node;

	rcu_read_lock();
	node = cmap_table_find(&table, &bench->stock->arena, key, slot);
	rcu_read_unlock();

	return node;
}

/* The table that has the entries of a part of the hash's range now. */
static struct cmap_table *table_of(struct bench *bench, u32 order)
{
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	u32 head;

	rcu_read_lock();
	table = cmap_table_of(bench->table, &bench->stock->arena, order,
			      &bucket, &head);
	rcu_read_unlock();

	return table;
}

static int extend(struct bench *bench, struct cmap_table *table)
{
	struct cmap_block *block;
	int err;

	block = cmap_pool_prepare(table->memory, NUMA_NO_NODE,
				  table->pool_bits, GFP_KERNEL, &err);
	if (!block)
		return err;
	spin_lock_bh(&bench->stock->lock);
	cmap_pool_attach(table, table->pool_bits, &block);
	spin_unlock_bh(&bench->stock->lock);
	err = block ? -ENOBUFS : 0;
	cmap_block_free(block);

	return err;
}

static int insert(struct kunit *test, struct bench *bench,
		  const struct cmap_key *key, u64 version)
{
	struct cmap_table *table = table_of(bench, cmap_hash_order(key->hash));
	struct cmap_slot slot;
	cmap_ref ref;
	int err;

	for (;;) {
		spin_lock_bh(&bench->stock->lock);
		err = cmap_table_place(table, cmap_hash_order(key->hash),
				       CMAP_CHAIN_MAX, &slot);
		spin_unlock_bh(&bench->stock->lock);
		if (err != -EAGAIN)
			break;
		err = extend(bench, table);
		if (err)
			return err;
	}
	if (err)
		return err;
	ref = node_for(test, bench, key, version);
	cmap_table_fill(table, &slot, stock_node(bench->stock, ref),
			cmap_hash_tag(key->hash), ref);

	return 0;
}

static void remove(struct bench *bench, const struct cmap_slot *slot)
{
	cmap_ref ref = slot->bucket->ref[slot->i];
	struct cmap_node *node = stock_node(bench->stock, ref);

	cmap_table_remove(table_of(bench, node->order), slot, node);
	stock_retire(bench->stock, ref);
}

/*
 * Check that the table has exactly the entries of the model, and that it has counted
 * the entries in overlong chains correctly.
 */
static void check(struct kunit *test, struct bench *bench)
{
	u32 i, buckets = cmap_table_buckets(bench->table), held = 0, excess = 0;

	for (i = 0; i < bench->model->count; i++) {
		struct model_entry *entry = &bench->model->entry[i];
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = *(u64 *)entry->value,
		};
		struct cmap_slot slot;
		struct cmap_node *node = find(bench, &key, &slot);

		KUNIT_ASSERT_NOT_NULL(test, node);
		KUNIT_ASSERT_EQ(test, node->version, entry->version);
		KUNIT_ASSERT_EQ(test, slot.bucket->tag[slot.i],
				cmap_hash_tag(key.hash));
	}
	for (i = 0; i < buckets; i++) {
		u32 order = i << bench->table->shift;
		struct cmap_bucket *bucket;
		struct cmap_table *table;
		u32 head, chain = 0, j;

		rcu_read_lock();
		table = cmap_table_of(bench->table, &bench->stock->arena,
				      order, &bucket, &head);
		/* A bucket that was moved to a larger table has become two. */
		if (table == bench->table)
			for (; bucket; bucket = cmap_bucket_next(table, head)) {
				head = bucket->head;
				for (j = 0; j < CMAP_BUCKET_SLOTS; j++)
					chain += !!bucket->ref[j];
			}
		rcu_read_unlock();
		held += chain;
		excess += chain - min(chain, CMAP_CHAIN_HALF);
	}
	if (!bench->table->moved) {
		KUNIT_ASSERT_EQ(test, held, bench->model->count);
		KUNIT_ASSERT_EQ(test, excess, bench->table->overlong);
	}
}

/* One random write, in the table and in the model. */
static void random_write(struct kunit *test, struct bench *bench, u32 keys,
			 u64 hash, u64 version, bool grow)
{
	struct lab *lab = bench->stock->lab;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key = key_of(buf, lab_below(lab, keys), hash);
	struct model_entry *entry = model_find(bench->model, buf, key.len);
	struct cmap_node *node;
	struct cmap_slot slot;
	int err;

	if (entry)
		key.hash = *(u64 *)entry->value;
	node = find(bench, &key, &slot);
	KUNIT_ASSERT_EQ(test, !!node, !!entry);
	if (entry && lab_below(lab, 100) < (grow ? 20 : 60)) {
		remove(bench, &slot);
		model_remove(bench->model, entry);
		return;
	}
	if (entry) {
		cmap_ref old = slot.bucket->ref[slot.i];

		KUNIT_ASSERT_EQ(test, node->version, entry->version);
		cmap_slot_replace(&slot, node_for(test, bench, &key, version));
		stock_retire(bench->stock, old);
	} else {
		err = insert(test, bench, &key, version);
		/* The chain, or the pool, may be full. */
		KUNIT_ASSERT_TRUE(test, !err || err == -EXFULL ||
				  err == -ENOBUFS);
		if (err)
			return;
	}
	KUNIT_ASSERT_TRUE(test, model_set(bench->model, buf, key.len, &key.hash,
					  sizeof(key.hash), version));
}

/* A hash with few buckets and few tags, so that many entries collide. */
static u64 narrow_hash(struct lab *lab)
{
	static const u16 tags[] = { 0, 1, 0x7fff, 0x8000, 0xffff };

	return (u64)lab_below(lab, 40) << 58 |
	       tags[lab_below(lab, ARRAY_SIZE(tags))];
}

static void collisions_at_random(struct kunit *test)
{
	struct bench *bench = bench_new(test, 7, 0);
	u32 i;

	for (i = 0; i < 30000; i++) {
		random_write(test, bench, 1500, narrow_hash(bench->stock->lab),
			     i + 1, i / 5000 % 2 == 0);
		if (i % 3000 == 0)
			check(test, bench);
	}
	check(test, bench);
	KUNIT_EXPECT_GT(test, bench->table->longest, 3);
	bench_free(bench);
}

/* A tag is found, and no other, whatever tags are beside it in the bucket. */
static void tags_side_by_side(struct kunit *test)
{
	static const u16 tags[] = {
		0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x0100
	};
	u32 shift, i;

	for (shift = 0; shift < CMAP_BUCKET_SLOTS; shift++) {
		struct bench *bench = bench_new(test, 5, 0);
		u8 buf[MODEL_KEY_MAX];
		struct cmap_slot slot;
		struct cmap_key key;

		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			key = key_of(buf, i, tags[(i + shift) % ARRAY_SIZE(tags)]);
			KUNIT_EXPECT_NULL(test, find(bench, &key, &slot));
			KUNIT_ASSERT_EQ(test, insert(test, bench, &key, i + 1),
					0);
		}
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			struct cmap_node *node;

			key = key_of(buf, i, tags[(i + shift) % ARRAY_SIZE(tags)]);
			node = find(bench, &key, &slot);
			KUNIT_ASSERT_NOT_NULL(test, node);
			KUNIT_EXPECT_EQ(test, node->version, i + 1);
			KUNIT_EXPECT_EQ(test, slot.i, i);
			/* The same tag, another key. */
			key = key_of(buf, i + 100, key.hash);
			KUNIT_EXPECT_NULL(test, find(bench, &key, &slot));
		}
		bench_free(bench);
	}
}

/* 170 keys can have one hash.  A 171st is refused until one of them is removed. */
static void chain_up_to_exfull(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	struct bench *bench = bench_new(test, 5, 3);
	struct cmap_slot slot;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u64 hash = lab_u64(bench->stock->lab);
	u32 i;

	for (i = 0; i < most; i++) {
		key = key_of(buf, i, hash);
		KUNIT_ASSERT_EQ(test, insert(test, bench, &key, i + 1), 0);
		KUNIT_EXPECT_EQ(test, bench->table->longest,
				1 + i / CMAP_BUCKET_SLOTS);
	}
	key = key_of(buf, most, hash);
	KUNIT_EXPECT_EQ(test, insert(test, bench, &key, 1), -EXFULL);
	KUNIT_EXPECT_NULL(test, find(bench, &key, &slot));
	KUNIT_EXPECT_EQ(test, bench->table->pool_used, CMAP_CHAIN_MAX);

	/* Other buckets are not affected. */
	key = key_of(buf, most, hash ^ 1ULL << 60);
	KUNIT_EXPECT_EQ(test, insert(test, bench, &key, 1), 0);

	i = lab_below(bench->stock->lab, most);
	key = key_of(buf, i, hash);
	KUNIT_ASSERT_NOT_NULL(test, find(bench, &key, &slot));
	remove(bench, &slot);
	key = key_of(buf, most + 1, hash);
	KUNIT_EXPECT_EQ(test, insert(test, bench, &key, 1), 0);
	key = key_of(buf, most + 2, hash);
	KUNIT_EXPECT_EQ(test, insert(test, bench, &key, 1), -EXFULL);
	for (i = 0; i < most; i++) {
		key = key_of(buf, i, hash);
		if (find(bench, &key, &slot))
			remove(bench, &slot);
	}
	bench_free(bench);
}

/* The buckets of the pool are used one after the other, up to the last one. */
static void pool_to_the_last_bucket(struct kunit *test)
{
	struct bench *bench = bench_new(test, 9, 0);
	struct cmap_table *table = bench->table;
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
		KUNIT_ASSERT_EQ(test, insert(test, bench, &key, 1), 0);
	}
	KUNIT_EXPECT_EQ(test, table->pool_used, buckets);
	KUNIT_EXPECT_EQ(test, cmap_pool_capacity(table), buckets);
	KUNIT_EXPECT_EQ(test, lab_bytes(bench->stock->lab) -
			cmap_table_bytes(table) > 0, true);

	/* A 21st entry in a bucket has no room, as the pool cannot grow further. */
	for (i = 0; i < 10; i++) {
		key = key_of(buf, buckets * 11 + i, 0);
		err = insert(test, bench, &key, 1);
		n += !err;
	}
	KUNIT_EXPECT_EQ(test, err, -ENOBUFS);
	KUNIT_EXPECT_EQ(test, n, 9);

	/* The pool does not take buckets made for a table of another size. */
	block = cmap_pool_prepare(table->memory, NUMA_NO_NODE,
				  table->pool_bits + 1, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, block);
	spin_lock_bh(&bench->stock->lock);
	cmap_pool_attach(table, table->pool_bits + 1, &block);
	spin_unlock_bh(&bench->stock->lock);
	KUNIT_EXPECT_NOT_NULL(test, block);
	cmap_block_free(block);
	bench_free(bench);
}

/* ---- moving ---- */

/* Move to a table of another or the same size, with writes in between. */
static void move(struct kunit *test, struct bench *bench, u8 bits)
{
	struct cmap_table *old = bench->table, *new;
	struct lab *lab = bench->stock->lab;
	u32 round = 0;
	int err;

	new = cmap_table_new(old->memory, NUMA_NO_NODE, bits,
			     32 - old->bits - old->shift, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, new);
	rcu_assign_pointer(old->next, new);
	while (old->moved < cmap_table_buckets(old)) {
		u32 moved = old->moved;

		spin_lock_bh(&bench->stock->lock);
		err = cmap_table_move(old, new, &bench->stock->arena);
		spin_unlock_bh(&bench->stock->lock);
		if (err) {
			KUNIT_ASSERT_EQ(test, err, -EAGAIN);
			KUNIT_ASSERT_EQ(test, old->moved, moved);
			check(test, bench);
			KUNIT_ASSERT_EQ(test, extend(bench, new), 0);
			continue;
		}
		if (round++ % 8 == 0)
			check(test, bench);
		random_write(test, bench, 1500,
			     (u64)lab_below(lab, 1 << 20) << 44 |
			     lab_below(lab, 1 << 16), 1000000 + round, true);
	}
	check(test, bench);
	bench->table = new;
	cmap_table_free_rcu(old);
	check(test, bench);
}

static void move_at_random(struct kunit *test)
{
	struct bench *bench = bench_new(test, 5, 0);
	struct lab *lab = bench->stock->lab;
	u8 bits[] = { 6, 7, 8, 7, 6, 6, 5, 5, 6, 5 };
	u32 b, i;

	for (b = 0; b < ARRAY_SIZE(bits); b++) {
		u32 want = 5 << bench->table->bits;

		for (i = 0; bench->model->count < want && i < 4 * want; i++)
			random_write(test, bench, 1500,
				     (u64)lab_below(lab, 1 << 20) << 44 |
				     lab_below(lab, 1 << 16), i + 1, true);
		for (i = 0; bits[b] < bench->table->bits &&
		     bench->model->count > want / 4 && i < 100000; i++)
			random_write(test, bench, 1500, 0, i + 1, false);
		move(test, bench, bits[b]);
	}
	bench_free(bench);
}

/* Long chains are split into two buckets, or two are joined into one. */
static void move_long_chains(struct kunit *test)
{
	struct bench *bench = bench_new(test, 6, 0);
	struct lab *lab = bench->stock->lab;
	u32 i;

	/* Two neighbours, which are one bucket in a table of half the size. */
	for (i = 0; i < 600; i++)
		random_write(test, bench, 300, (u64)lab_below(lab, 2) << 58 |
			     (u64)lab_below(lab, 2) << 57 | lab_below(lab, 3),
			     i + 1, true);
	move(test, bench, 7);
	move(test, bench, 6);
	move(test, bench, 6);
	move(test, bench, 5);
	KUNIT_EXPECT_GT(test, bench->table->longest, 15);
	KUNIT_EXPECT_GT(test, bench->table->overlong, 0);
	while (bench->model->count) {
		struct model_entry *entry = bench->model->entry;
		struct cmap_key key = {
			.data = entry->key,
			.len = entry->key_len,
			.hash = *(u64 *)entry->value,
		};
		struct cmap_slot slot;

		KUNIT_ASSERT_NOT_NULL(test, find(bench, &key, &slot));
		remove(bench, &slot);
		model_remove(bench->model, entry);
		if (bench->model->count % 32 == 0)
			check(test, bench);
	}
	KUNIT_EXPECT_EQ(test, bench->table->overlong, 0);
	bench_free(bench);
}

/*
 * A chain keeps its buckets when its entries are removed.  A move asked for as many
 * buckets in the new table, whose pool could be too small for that, and started over
 * for ever.
 */
static void move_emptied_chains(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	struct bench *bench = bench_new(test, 6, 0);
	struct cmap_slot slot;
	u8 buf[MODEL_KEY_MAX];
	struct cmap_key key;
	u32 i;

	for (i = 0; i < 2 * most; i++) {
		key = key_of(buf, i, (u64)(i / most) << 58);
		KUNIT_ASSERT_EQ(test, insert(test, bench, &key, 1), 0);
	}
	for (i = 0; i < 2 * most; i++) {
		key = key_of(buf, i, (u64)(i / most) << 58);
		KUNIT_ASSERT_NOT_NULL(test, find(bench, &key, &slot));
		remove(bench, &slot);
	}
	move(test, bench, 5);
	KUNIT_EXPECT_LT(test, bench->table->pool_used, 10);
	bench_free(bench);
}

/* ---- memory ---- */

static void account_exact(struct kunit *test)
{
	struct lab *lab = test->priv;
	u8 bits;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 16; bits++) {
		struct cmap_table *table;
		int err;

		table = cmap_table_new(&lab->memory, NUMA_NO_NODE, bits, 0,
				       GFP_KERNEL, &err);
		KUNIT_ASSERT_NOT_NULL(test, table);
		KUNIT_EXPECT_EQ(test, lab_bytes(lab), cmap_table_bytes(table));
		KUNIT_EXPECT_LE(test, sizeof(struct cmap_bucket) << bits,
				lab_bytes(lab));
		KUNIT_EXPECT_GE(test, cmap_table_buckets(table) <<
				(bits == CMAP_TABLE_BITS_MIN),
				lab_bytes(lab) / sizeof(struct cmap_bucket));
		cmap_table_free_rcu(table);
		lab_settle();
		KUNIT_EXPECT_EQ(test, lab_bytes(lab), 0);
	}
	cmap_table_free(NULL);
}

/*
 * The chunks of a pool were an eighth of the table, up to 2 MiB.  If memory was so
 * fragmented that no such chunk could be allocated, a table stayed half moved for ever.
 */
static void pool_in_small_pieces(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_table *table;
	u8 bits;
	int err;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 16; bits++) {
		table = cmap_table_new(&lab->memory, NUMA_NO_NODE, bits, 0,
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
	struct lab *lab = test->priv;
	struct cmap_table *table;
	int err;

	/* The limit allows three chunks of four. */
	lab->memory.account.max = 6 << 20;
	lab_fail(0, 1);
	table = cmap_table_new(&lab->memory, NUMA_NO_NODE, 17, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_EQ_MSG(test, lab_fail_end(), 0,
			    "it allocated what it could not pay for");
	KUNIT_EXPECT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_EQ(test, lab_bytes(lab), 0);

	/* A table for which there is no memory keeps no charge either. */
	lab->memory.account.max = 8 << 20;
	lab_fail(4, UINT_MAX);
	table = cmap_table_new(&lab->memory, NUMA_NO_NODE, 17, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_GT(test, lab_fail_end(), 0);
	KUNIT_EXPECT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, lab_bytes(lab), 0);
	lab->memory.account.max = 0;
}

/* If large chunks cannot be allocated, a table is made of small ones. */
static void small_chunks(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_table *table;
	u32 n, i;
	int err;

	/* Allocations: the table, a block, and its pages, which fail once. */
	lab_fail(2, 1);
	table = cmap_table_new(&lab->memory, NUMA_NO_NODE, 12, 0, GFP_KERNEL,
			       &err);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, table->chunks, 8);
	KUNIT_EXPECT_EQ(test, lab_bytes(lab), cmap_table_bytes(table));
	/* All buckets exist, and no two are the same. */
	for (i = 0; i < cmap_table_buckets(table); i++)
		cmap_table_bucket(table, i)->ref[0] = i;
	for (i = 0; i < cmap_table_buckets(table); i++)
		KUNIT_EXPECT_EQ(test, cmap_table_bucket(table, i)->ref[0], i);
	cmap_table_free(table);

	/* If small chunks fail, too, there is no table. */
	lab->memory.offered = true;
	for (n = 0;; n++) {
		lab_fail(n, U32_MAX);
		table = cmap_table_new(&lab->memory, NUMA_NO_NODE, 9, 0,
				       GFP_KERNEL, &err);
		if (!lab_fail_end())
			break;
		KUNIT_EXPECT_NULL(test, table);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, lab_bytes(lab), 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_NE(test, table->number, 0);
	cmap_table_free(table);

	lab->memory.account.max = PAGE_SIZE;
	KUNIT_EXPECT_NULL(test, cmap_table_new(&lab->memory, NUMA_NO_NODE, 9, 0,
					       GFP_KERNEL, &err));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
}

/* ---- places ---- */

/* Each bucket of a table is found at its place, and nothing between and beyond. */
static void found_in_its_place(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_extent extent;
	struct bench *bench;
	u8 bits;

	for (bits = CMAP_TABLE_BITS_MIN; bits <= 12; bits++) {
		u64 t = cmap_table_shape(bits), at;
		u64 pool = CMAP_WINDOW_POOL_OFFSET(t, PAGE_SIZE);
		struct cmap_table *table;

		lab->memory.account.max = 0;
		bench = bench_new(test, bits, 0);
		table = bench->table;
		while (!extend(bench, table))
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
		KUNIT_EXPECT_EQ(test, lab_bytes(lab), cmap_table_bytes(table));
		bench_free(bench);
	}

	/* A part of the pool that is not allocated yet is not found. */
	bench = bench_new(test, 9, 0);
	KUNIT_EXPECT_TRUE(test, cmap_table_find_page(bench->table, 0, &extent));
	KUNIT_EXPECT_FALSE(test, cmap_table_find_page(bench->table, 64 << 9,
						      &extent));
	bench_free(bench);
}

static struct cmap_table *settled(struct kunit *test, struct lab *lab, u8 bits,
				  struct cmap_places *places, u32 shard)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(&lab->memory, NUMA_NO_NODE, bits, 0, GFP_KERNEL,
			       &err);
	KUNIT_ASSERT_NOT_NULL(test, table);
	table->turn = cmap_places_turn(places, bits);
	if (table->turn < CMAP_WINDOW_TURNS) {
		cmap_table_settle(table, places, shard);
		return table;
	}
	cmap_table_free(table);
	return NULL;
}

/* Two tables never have the same place, not even while one is still leaving. */
static void each_table_has_its_place(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_table *table[CMAP_WINDOW_TURNS], *other;
	struct cmap_places places = {};
	u32 i;

	for (i = 0; i < CMAP_WINDOW_TURNS; i++) {
		KUNIT_EXPECT_LT(test, cmap_places_turn(&places, 7),
				CMAP_WINDOW_TURNS);
		table[i] = settled(test, lab, 7, &places, 3);
		KUNIT_ASSERT_NOT_NULL(test, table[i]);
		KUNIT_EXPECT_EQ(test, table[i]->turn, i);
		KUNIT_EXPECT_EQ(test, table[i]->place.offset,
				CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(7, i)) +
				3 * table[i]->place.bytes);
	}
	KUNIT_EXPECT_EQ(test, cmap_places_turn(&places, 7), CMAP_WINDOW_TURNS);
	KUNIT_EXPECT_NULL(test, settled(test, lab, 7, &places, 3));
	other = settled(test, lab, 8, &places, 3);
	KUNIT_ASSERT_NOT_NULL(test, other);

	rcu_read_lock();
	cmap_table_free_rcu(table[2]);
	KUNIT_EXPECT_EQ(test, cmap_places_turn(&places, 7), CMAP_WINDOW_TURNS);
	rcu_read_unlock();
	lab_settle();
	KUNIT_EXPECT_LT(test, cmap_places_turn(&places, 7),
				CMAP_WINDOW_TURNS);
	table[2] = settled(test, lab, 7, &places, 3);
	KUNIT_ASSERT_NOT_NULL(test, table[2]);
	KUNIT_EXPECT_EQ(test, table[2]->turn, 2);

	for (i = 0; i < CMAP_WINDOW_TURNS; i++)
		cmap_table_free(table[i]);
	cmap_table_free(other);
}

/* Places at which a process was shown zeroes are remembered, if a table was there. */
static void zeroes_are_remembered(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_places places = {};
	struct cmap_table *table;
	struct cmap_block *block;
	int err;

	KUNIT_EXPECT_FALSE(test, cmap_places_mark(&places, cmap_place_of(6, 0)));
	table = settled(test, lab, 6, &places, 0);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_TRUE(test, cmap_table_clean(table));
	KUNIT_EXPECT_TRUE(test, cmap_places_mark(&places, cmap_place_of(6, 0)));
	KUNIT_EXPECT_FALSE(test, cmap_table_clean(table));

	/* The same for the pool, which is allocated chunk by chunk. */
	block = cmap_pool_prepare(&lab->memory, NUMA_NO_NODE, table->pool_bits,
				  GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, block);
	cmap_pool_attach(table, table->pool_bits, &block);
	KUNIT_EXPECT_NULL(test, block);
	KUNIT_EXPECT_TRUE(test, table->unclean);

	/* When the table has left, its place has no zeroes mapped any more. */
	cmap_table_free_rcu(table);
	lab_settle();
	table = settled(test, lab, 6, &places, 0);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_TRUE(test, cmap_table_clean(table));
	cmap_table_free(table);
}

/* In tables of all sizes, buckets are in the order of hashes. */
static void one_order(struct kunit *test)
{
	struct lab *lab = test->priv;
	struct cmap_table table = {};
	u32 i;

	for (i = 0; i < 100000; i++) {
		u32 a = lab_u64(lab), b = lab_u64(lab);
		u32 shard_bits = lab_below(lab, 11);
		u32 shard_mask = ~((1ULL << (32 - shard_bits)) - 1);
		u32 index;
		u64 end;

		cmap_table_set_bits(&table, CMAP_TABLE_BITS_MIN +
				    lab_below(lab, 32 - 10 - CMAP_TABLE_BITS_MIN + 1),
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
	struct bench *bench = bench_new(test, 16, 0);
	struct lab *lab = bench->stock->lab;
	u64 before = lab_freed_in_softirq(), bytes = lab_bytes(lab);

	rcu_read_lock();
	cmap_table_free_rcu(bench->table);
	KUNIT_EXPECT_EQ(test, lab_bytes(lab), bytes);
	KUNIT_EXPECT_TRUE(test, cmap_memory_leaving(&lab->memory));
	rcu_read_unlock();
	cmap_memory_wait_all_left(&lab->memory);
	KUNIT_EXPECT_FALSE(test, cmap_memory_leaving(&lab->memory));
	KUNIT_EXPECT_LE(test, lab_bytes(lab), bytes - (64 << 16));
	KUNIT_EXPECT_EQ(test, lab_freed_in_softirq(), before);
	cmap_arena_destroy(&bench->stock->arena);
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
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
