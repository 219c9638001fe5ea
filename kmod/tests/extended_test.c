// SPDX-License-Identifier: GPL-2.0
/*
 * Extended nodes.  The kernel makes only those with a deadline or an owner, so the tests make
 * others.
 */
#include "full.h"
#include "../core/class.h"
#include "../core/maintain.h"
#include "../core/op.h"
#include "../core/registry.h"

#include <linux/bits.h>
#include <linux/rcupdate.h>
#include <uapi/linux/cmap.h>

#define LEN	100
/* An entry with a deadline would have to be in the shard's wheel. */
#define NO_DEADLINE	(~CMAP_TRAILER_DEADLINE)

#define ROOM	(LEN + 4 + sizeof(struct cmap_trailer))	/* 104 is a multiple of 8 */

/* The node of a key.  No other thread changes the map. */
static struct cmap_node *node_of(struct kunit *test, struct cmap *map, u64 key)
{
	struct cmap_node *node;
	struct cmap_key k;

	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &k, &key, sizeof(key)), 0);
	rcu_read_lock();
	node = (struct cmap_node *)cmap_op_find(map, &k);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, node);
	return node;
}

/*
 * The trailer that a key's node has in these tests.  An entry with an owner would have to be
 * in its list.
 */
static struct cmap_trailer trailer_of(u64 key, u32 flags)
{
	return (struct cmap_trailer){
		.flags = flags & ~CMAP_TRAILER_OWNER, .owner = key + 1, .deadline = key + 2,
		.generation = key + 3, .transaction = key + 4, .old = key + 5,
	};
}

/* The entry has a value of ROOM bytes.  Now it has one of LEN bytes and a trailer. */
static void extend(struct kunit *test, struct cmap *map, u64 key, u32 flags)
{
	struct cmap_node *node = node_of(test, map, key);

	node->lengths = cmap_node_lengths(sizeof(key), LEN) |
			CMAP_NODE_EXTENDED;
	*cmap_node_trailer(node) = trailer_of(key, flags);
}

/* The value begins with the key, as full_set() makes it. */
static void set_extended(struct kunit *test, struct cmap *map, u64 key,
			 u32 flags)
{
	KUNIT_ASSERT_EQ(test, full_set(map, key, ROOM, key, GFP_KERNEL), 0);
	extend(test, map, key, flags);
}

static void expect_extended(struct kunit *test, struct cmap *map, u64 key,
			    u32 flags)
{
	const struct cmap_trailer trailer = trailer_of(key, flags);
	struct cmap_node *node = node_of(test, map, key);
	u64 number;
	u32 len;

	KUNIT_EXPECT_EQ(test, full_get(map, key, &len, &number), 0);
	KUNIT_EXPECT_EQ(test, len, LEN);
	KUNIT_EXPECT_EQ(test, number, key);
	KUNIT_ASSERT_TRUE(test, cmap_node_is_extended(node));
	KUNIT_EXPECT_MEMEQ(test, cmap_node_trailer(node), &trailer,
			   sizeof(trailer));
}

/* A trailer is behind the value, at a multiple of 8, and inside the node. */
static void trailers_have_their_place(struct kunit *test)
{
	struct cmap_node *node = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	u32 key_len, value_len;

	KUNIT_ASSERT_NOT_NULL(test, node);
	for (key_len = 0; key_len <= CMAP_KEY_MAX; key_len += 7) {
		for (value_len = 0; value_len < 40; value_len++) {
			u32 plain = cmap_node_size(key_len, value_len), at;

			node->lengths = cmap_node_lengths(key_len, value_len);
			KUNIT_EXPECT_EQ(test, cmap_node_bytes(node), plain);
			KUNIT_EXPECT_FALSE(test, cmap_node_is_extended(node));
			node->lengths |= CMAP_NODE_EXTENDED;
			KUNIT_EXPECT_EQ(test, cmap_node_key_len(node), key_len);
			KUNIT_EXPECT_EQ(test, cmap_node_value_len(node),
					value_len);
			at = (u8 *)cmap_node_trailer(node) - (u8 *)node;
			KUNIT_EXPECT_EQ(test, at % 8, 0);
			KUNIT_EXPECT_GE(test, at, plain);
			KUNIT_EXPECT_LT(test, at, plain + 8);
			/* With nothing but a deadline it is shorter. */
			cmap_node_trailer(node)->flags = CMAP_TRAILER_DEADLINE;
			KUNIT_EXPECT_EQ(test, cmap_node_bytes(node), at + 24);
			cmap_node_trailer(node)->flags |= CMAP_TRAILER_OWNER;
			KUNIT_EXPECT_EQ(test, cmap_node_bytes(node),
					at + sizeof(struct cmap_trailer));
			KUNIT_EXPECT_EQ(test, cmap_node_bytes(node),
					cmap_node_size_extended(key_len,
								value_len,
								U32_MAX));
			memset(cmap_node_trailer(node), 0,
			       sizeof(struct cmap_trailer));
		}
	}
	/* The largest extended node has a class, too. */
	KUNIT_EXPECT_LT(test,
			cmap_class_of(cmap_node_size_extended(CMAP_KEY_MAX,
							      CMAP_VALUE_MAX,
							      U32_MAX)),
			CMAP_CLASSES);
}

/* Whatever flags a trailer has, known or not, the entry is there. */
static void found_whatever_its_flags(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	u64 key, number;
	u32 len;

	for (key = 0; key < 32; key++)
		set_extended(test, map, key, BIT(key));
	set_extended(test, map, key, 0);
	set_extended(test, map, ++key, U32_MAX);
	for (key = 0; key < 32; key++)
		expect_extended(test, map, key, BIT(key));
	expect_extended(test, map, key, 0);
	expect_extended(test, map, ++key, U32_MAX);
	KUNIT_EXPECT_EQ(test, full_get(map, ++key, &len, &number), -ENOENT);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), key);

	/* Replacing and deleting them works as with other entries. */
	KUNIT_EXPECT_EQ(test, full_set(map, 3, 50, 300, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, full_get(map, 3, &len, &number), 0);
	KUNIT_EXPECT_EQ(test, len, 50);
	KUNIT_EXPECT_EQ(test, number, 300);
	KUNIT_EXPECT_FALSE(test, cmap_node_is_extended(node_of(test, map, 3)));
	KUNIT_EXPECT_EQ(test, full_delete(map, 4), 0);
	KUNIT_EXPECT_EQ(test, full_get(map, 4, &len, &number), -ENOENT);
	KUNIT_EXPECT_EQ(test, full_count_by_scan(test, map), key - 1);
	cmap_map_put(map);
}

/* A table that grows keeps extended entries. */
static void kept_while_the_table_moves(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	u64 key;

	for (key = 0; key < 50; key++)
		set_extended(test, map, key, key);
	for (key = 50; key < 5000; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, 8, key, GFP_KERNEL),
				0);
	KUNIT_EXPECT_GT(test, map->shard[0]->grows, 0);
	for (key = 0; key < 50; key++)
		expect_extended(test, map, key, key);
	cmap_map_put(map);
}

/* Evacuation copies the trailer with the rest of the node. */
static void copied_with_its_trailer(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, 0);
	const u64 count = 20000, step = 50;
	struct cmap_node **before;
	u64 key, moved = 0;
	u32 rounds = 0;
	bool later;

	before = kunit_kcalloc(test, count / step, sizeof(*before), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	for (key = 0; key < count; key++)
		KUNIT_ASSERT_EQ(test, full_set(map, key, ROOM, key, GFP_KERNEL),
				0);
	for (key = 0; key < count; key++) {
		if (key % step) {
			KUNIT_ASSERT_EQ(test, full_delete(map, key), 0);
			continue;
		}
		extend(test, map, key, NO_DEADLINE);
		before[key / step] = node_of(test, map, key);
	}
	do {
		later = false;
		cmap_maintain_evacuate(map->shard[0], 8, U64_MAX, true, &later);
		synchronize_rcu();
	} while (later && ++rounds < 10);
	for (key = 0; key < count; key += step) {
		expect_extended(test, map, key, NO_DEADLINE);
		moved += node_of(test, map, key) != before[key / step];
	}
	KUNIT_EXPECT_GT(test, moved, count / step / 2);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(trailers_have_their_place),
	KUNIT_CASE(found_whatever_its_flags),
	KUNIT_CASE(kept_while_the_table_moves),
	KUNIT_CASE(copied_with_its_trailer),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_extended",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
