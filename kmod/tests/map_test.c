// SPDX-License-Identifier: GPL-2.0
/*
 * Maps: what may be asked for, names and references, limits, and walks, in
 * which every entry comes once and in order.
 */
#include "lab.h"
#include "model.h"
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/op.h"
#include "../core/stat.h"
#include "../core/registry.h"
#include "../core/scan.h"

#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <uapi/linux/cmap.h>

static struct net *here(void)
{
	return cmap_names_here();
}

/* Until the maps that were put are gone. */
static void settle(void)
{
	lab_settle();
	lab_settle();
}

static void map_exit(struct kunit *test)
{
	settle();
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 0);
	lab_exit(test);
}

static struct cmap *map_new(struct kunit *test, const struct cmap_spec *spec)
{
	struct cmap *map = cmap_map_new(spec);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	return map;
}

/* ---- parameters ---- */

static void bad_parameters(struct kunit *test)
{
	static const struct cmap_spec bad[] = {
		{ .flags = 1U << 31 },
		{ .mode = 01000 },
		{ .mode = 0111 },
		{ .key_max = CMAP_KEY_MAX + 1 },
		{ .value_max = CMAP_VALUE_MAX + 1 },
		{ .shards = 3 },
		{ .shards = 2 * CMAP_SHARDS_MAX },
		{ .max_entries = (u64)S64_MAX + 1 },
		{ .max_bytes = (u64)S64_MAX + 1 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, cmap_map_new(&bad[i]),
					ERR_PTR(-EINVAL), "number %u", i);
}

static void defaults(struct kunit *test)
{
	const struct cmap_spec nothing = {};
	const struct cmap_spec fixed = {
		.flags = CMAP_CREATE_FIXED_KEY | CMAP_CREATE_FIXED_VALUE,
		.key_max = 8, .shards = 4,
	};
	struct cmap *map = map_new(test, &nothing);

	KUNIT_EXPECT_EQ(test, map->key_max, CMAP_KEY_MAX);
	KUNIT_EXPECT_EQ(test, map->value_max, CMAP_VALUE_MAX);
	KUNIT_EXPECT_EQ(test, map->shards,
			roundup_pow_of_two(num_possible_cpus()));
	KUNIT_EXPECT_EQ(test, 1ULL << 32 >> map->shard_shift, map->shards);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, CMAP_KEY_MAX), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, CMAP_KEY_MAX + 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, 0), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, CMAP_VALUE_MAX + 1),
			-E2BIG);
	cmap_map_put(map);

	map = map_new(test, &fixed);
	KUNIT_EXPECT_EQ(test, map->shards, 4);
	KUNIT_EXPECT_EQ(test, map->value_max, 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, cmap_op_check_key(map, 8), 0);
	KUNIT_EXPECT_EQ(test, cmap_op_check_value(map, 1), -E2BIG);
	cmap_map_put(map);
}

/* Shards are limited by the administrator, to a power of two. */
static void shards_limit(struct kunit *test)
{
	const struct cmap_spec two = { .shards = 2 }, four = { .shards = 4 };

	cmap_max_shards = 3;
	cmap_map_put(map_new(test, &two));
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&four), ERR_PTR(-EINVAL));
	cmap_max_shards = CMAP_SHARDS_MAX;
}

static void maps_limit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map;

	cmap_max_maps = 1;
	map = map_new(test, &spec);
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&spec), ERR_PTR(-ENFILE));
	cmap_map_put(map);
	settle();
	cmap_map_put(map_new(test, &spec));
	cmap_max_maps = 4096;
}

/* Every allocation of a new map fails in turn; none leaves a trace. */
static void no_memory(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 2 };
	const struct cmap_spec tight = { .shards = 4, .max_bytes = 100 };
	struct cmap *map;
	u32 n;

	for (n = 0;; n++) {
		lab_fail(n, U32_MAX);
		map = cmap_map_new(&spec);
		if (!lab_fail_end())
			break;
		KUNIT_EXPECT_PTR_EQ(test, map, ERR_PTR(-ENOMEM));
	}
	/* The user, the map, its name, the counters, two shards. */
	KUNIT_EXPECT_EQ(test, n, 6);
	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	lab_fail(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_add(map, here()), -ENOMEM);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit", 0, false),
			    ERR_PTR(-ENOENT));
	cmap_map_put(map);
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&tight), ERR_PTR(-ENOSPC));
}

/* ---- names ---- */

static void valid_names(struct kunit *test)
{
	char longest[CMAP_NAME_MAX + 2];

	memset(longest, 'n', sizeof(longest));
	longest[CMAP_NAME_MAX] = 0;
	KUNIT_EXPECT_TRUE(test, cmap_name_valid(longest, CMAP_NAME_MAX));
	longest[CMAP_NAME_MAX] = 'n';
	longest[CMAP_NAME_MAX + 1] = 0;
	KUNIT_EXPECT_FALSE(test, cmap_name_valid(longest, CMAP_NAME_MAX + 1));
	KUNIT_EXPECT_TRUE(test, cmap_name_valid("...", 3));
	KUNIT_EXPECT_FALSE(test, cmap_name_valid("", 0));
	KUNIT_EXPECT_FALSE(test, cmap_name_valid(".", 1));
	KUNIT_EXPECT_FALSE(test, cmap_name_valid("..", 2));
	KUNIT_EXPECT_FALSE(test, cmap_name_valid("a/b", 3));
	KUNIT_EXPECT_FALSE(test, cmap_name_valid("a\0b", 3));
}

/* The name is a reference, every open is one, and the last one counts. */
static void names_and_references(struct kunit *test)
{
	const struct cmap_spec spec = {
		.name = "kunit", .shards = 1, .mode = 0600,
	};
	struct cmap *map = map_new(test, &spec), *other = map_new(test, &spec);
	u64 id = 0;

	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit", 0, false),
			    ERR_PTR(-ENOENT));
	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_add(other, here()), -EEXIST);
	cmap_map_put(other);
	KUNIT_EXPECT_EQ(test, refcount_read(&map->refs), 2);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit",
						      CMAP_MAY_READ, false), map);
	KUNIT_EXPECT_EQ(test, refcount_read(&map->refs), 3);
	cmap_map_put(map);
	cmap_map_put(map);

	/* Only the name is left. */
	KUNIT_EXPECT_EQ(test, refcount_read(&map->refs), 1);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_next(&id), map);
	KUNIT_EXPECT_EQ(test, id, map->id);
	KUNIT_EXPECT_NULL(test, cmap_names_next(&id));
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit"), 0);
	KUNIT_EXPECT_TRUE(test, map->unlinked);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit"), -ENOENT);
	cmap_map_put(map);
	id = 0;
	KUNIT_EXPECT_NULL(test, cmap_names_next(&id));
}

/* Renamed, also where there is no memory for that, and found by one name. */
static void rename_or_leave(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 1 };
	const struct cmap_spec other = { .name = "taken", .shards = 1 };
	const struct cmap_spec anonymous = { .shards = 1 };
	struct cmap *map = map_new(test, &spec), *taken = map_new(test, &other);
	struct cmap *none = map_new(test, &anonymous);
	char name[8];

	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new"), -ENOENT);
	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(taken, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(none, here()), 0);
	lab_fail(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new"), -ENOMEM);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "taken"), -EEXIST);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(none, "new"), -ENOENT);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "new", 0, false),
			    ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new\n\x80long"), 0);
	cmap_map_copy_name(map, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "new??lo");
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new"), 0);
	/* A trace's record had what was there before behind it. */
	memset(name, 'x', sizeof(name));
	cmap_map_copy_name(map, name, sizeof(name));
	KUNIT_EXPECT_EQ(test, memcmp(name, "new\0\0\0\0", sizeof(name)), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit"), -ENOENT);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(map), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(map), -ENOENT);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(none), -ENOENT);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "taken"), 0);
	cmap_map_put(map);
	cmap_map_put(taken);
	cmap_map_put(none);
}

/* One that takes another's name by now keeps it. */
static void unlink_by_map(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 1 };
	const struct cmap_spec kernels = {
		.name = "kunit", .shards = 1, .kernel = true,
	};
	struct cmap *old = map_new(test, &spec), *new = map_new(test, &kernels);

	KUNIT_ASSERT_EQ(test, cmap_names_add(old, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_unlink(here(), "kunit"), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(new, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(old), -ENOENT);
	/* Of kernel code's, no process removes or changes the name. */
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit"), -EACCES);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "other"), -EACCES);
	KUNIT_EXPECT_NULL(test, new->user);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(new), 0);
	cmap_map_put(old);
	cmap_map_put(new);
}

/* With no memory for a user, or too many maps of his, nothing changes. */
static void give_away_or_keep(struct kunit *test)
{
	const struct cmap_spec spec = {
		.name = "kunit", .shards = 1, .mode = 0600,
	};
	const struct cmap_attr attr = {
		.valid = CMAP_SET_MODE | CMAP_SET_UID | CMAP_SET_GID,
		.mode = 0640, .uid = KUIDT_INIT(7), .gid = KGIDT_INIT(8),
	};
	struct cmap *map = map_new(test, &spec);
	s64 bytes = atomic64_read(&map->memory.bill.account.bytes);
	struct cmap_user *root = map->user;

	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	lab_fail(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_set(map, &attr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, lab_fail_end(), 1);
	cmap_user_max_bytes = bytes - 1;
	KUNIT_EXPECT_EQ(test, cmap_names_set(map, &attr), -EDQUOT);
	KUNIT_EXPECT_PTR_EQ(test, map->user, root);
	KUNIT_EXPECT_EQ(test, map->mode, 0600);
	KUNIT_EXPECT_TRUE(test, uid_eq(map->uid, GLOBAL_ROOT_UID));
	KUNIT_EXPECT_EQ(test, atomic64_read(&root->account.bytes), bytes);

	cmap_user_max_bytes = bytes;
	KUNIT_EXPECT_EQ(test, cmap_names_set(map, &attr), 0);
	KUNIT_EXPECT_TRUE(test, uid_eq(map->user->uid, attr.uid));
	KUNIT_EXPECT_EQ(test, atomic64_read(&map->user->account.bytes), bytes);
	KUNIT_EXPECT_EQ(test, map->mode, 0640);
	KUNIT_EXPECT_TRUE(test, gid_eq(map->gid, attr.gid));
	/* What is now is fine, though it could not be given any more. */
	cmap_user_max_bytes = 1;
	KUNIT_EXPECT_EQ(test, cmap_names_set(map, &attr), 0);
	cmap_user_max_bytes = 0;
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(map), 0);
	cmap_map_put(map);
}

static void unlink_all(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 40; i++) {
		char name[16];
		struct cmap_spec spec = { .name = name, .shards = 1 };
		struct cmap *map;

		snprintf(name, sizeof(name), "kunit%u", i);
		map = map_new(test, &spec);
		KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
		cmap_map_put(map);
	}
	cmap_names_unlink_all(here());
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit7"), -ENOENT);
}

/* ---- walks ---- */

static int set(struct cmap *map, const void *data, u32 len, u64 *version)
{
	struct cmap_write write = { .code = CMAP_CODE_SET, .value = "" };
	int err = cmap_op_key(map, &write.key, data, len) ?:
		  cmap_op_write(map, &write, GFP_KERNEL);

	*version = write.version;
	return err;
}

static int delete(struct cmap *map, const void *data, u32 len)
{
	struct cmap_write write = {
		.code = CMAP_CODE_DELETE, .flags = CMAP_WRITE_REMOVE,
	};

	return cmap_op_key(map, &write.key, data, len) ?:
	       cmap_op_write(map, &write, GFP_KERNEL);
}

/*
 * Set an entry at a position of the test's choice, as its key's hash would,
 * if it were that.  Its key starts with @number.
 */
static int set_at(struct cmap *map, u32 number, u32 order, u16 tag, u64 *version)
{
	struct cmap_write write = {
		.key = { &number, sizeof(number), (u64)order << 32 | tag },
		.value = "",
	};
	int err = lab_write(cmap_map_shard(map, order), &write,
				   GFP_KERNEL);

	*version = write.version;
	return err;
}

/* Walk on for at most @most entries; false at the end. */
static bool walk_on(struct kunit *test, struct cmap_walk *walk, u32 most,
		    void (*visit)(struct kunit *test,
				  const struct cmap_found *found, void *arg),
		    void *arg)
{
	u64 position = walk->position, tie = walk->tie;
	bool more;
	u32 i;

	rcu_read_lock();
	more = cmap_walk_next(walk);
	for (i = 0; more && i < min(most, walk->count); i++) {
		const struct cmap_found *found = &walk->found[i];

		KUNIT_EXPECT_TRUE(test, found->position > position ||
				  (found->position == position &&
				   found->tie > tie));
		position = found->position;
		tie = found->tie;
		visit(test, found, arg);
	}
	if (more && i == walk->count) {
		cmap_walk_pass(walk);
	} else if (more) {
		walk->position = position;
		walk->tie = tie;
	}
	rcu_read_unlock();

	return more;
}

/*
 * A cursor of a map without a window once was 48 bits of a key's hash, so that
 * whoever could read the map could look for keys that collide.
 */
static void cursors_tell_nothing(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 1, .flags = CMAP_CREATE_NO_WINDOW,
	};
	struct cmap *map = map_new(test, &spec), *other = map_new(test, &spec);
	struct cmap_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	struct cmap_cursor cursor, last = {};
	u32 i, ascending = 0, close = 0;

	KUNIT_ASSERT_NOT_NULL(test, walk);
	for (i = 0; i < 1000; i++) {
		u64 position = i % 2 ? i : get_random_u64() >> 16;
		u64 tie = i % 3 ? U64_MAX : i % 2 ? 0 : get_random_u64();

		walk->map = map;
		cmap_walk_cursor(walk, position, tie, &cursor);
		ascending += cursor.position > last.position;
		close += cursor.position >> 16 == last.position >> 16;
		close += cursor.tie >> 16 == last.tie >> 16;
		last = cursor;

		cmap_walk_begin(walk, map, &cursor);
		KUNIT_EXPECT_EQ(test, walk->position, position);
		KUNIT_EXPECT_EQ(test, walk->tie, tie);
		cmap_walk_begin(walk, other, &cursor);
		KUNIT_EXPECT_TRUE(test, walk->position != position);
	}
	KUNIT_EXPECT_EQ(test, close, 0);
	KUNIT_EXPECT_GT(test, ascending, 400);
	KUNIT_EXPECT_LT(test, ascending, 600);

	memset(&cursor, 0, sizeof(cursor));
	cmap_walk_begin(walk, map, &cursor);
	KUNIT_EXPECT_TRUE(test, !walk->position && !walk->tie);
	cmap_map_put(map);
	cmap_map_put(other);
}

/* Of a map with a window the library knows what they mean. */
static void cursors_are_positions(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	struct cmap_cursor cursor = { 42, U64_MAX };
	struct cmap *map = map_new(test, &spec);

	KUNIT_ASSERT_NOT_NULL(test, walk);
	cmap_walk_begin(walk, map, &cursor);
	KUNIT_EXPECT_EQ(test, walk->position, 42);
	cmap_walk_cursor(walk, 43, 1, &cursor);
	KUNIT_EXPECT_TRUE(test, cursor.position == 43 && cursor.tie == 1);
	cmap_map_put(map);
}

static void count_in_model(struct kunit *test, const struct cmap_found *found,
			   void *arg)
{
	struct model_entry *entry = model_find(arg, found->node->key,
					       cmap_node_key_len(found->node));

	/* Others come and go. */
	if (!entry)
		return;
	KUNIT_EXPECT_EQ(test, entry->version, found->node->version);
	entry->seen++;
}

static void expect_seen_once(struct kunit *test, struct model *model)
{
	u32 i;

	for (i = 0; i < model->count; i++) {
		KUNIT_EXPECT_EQ(test, model->entry[i].seen, 1);
		model->entry[i].seen = 0;
	}
}

/*
 * Everything that stays comes once, in pieces of any size, while other entries
 * make the tables grow and shrink.
 */
static void walk_at_random(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	struct model *model = model_new(test, 500);
	struct lab *lab = test->priv;
	u8 key[MODEL_KEY_MAX];
	u32 i, round, len;
	u64 version;

	KUNIT_ASSERT_NOT_NULL(test, walk);
	for (i = 0; i < 500; i++) {
		len = model_key(i, key);
		KUNIT_ASSERT_EQ(test, set(map, key, len, &version), 0);
		KUNIT_ASSERT_TRUE(test, model_set(model, key, len, "", 0,
						  version));
	}
	for (round = 0; round < 20; round++) {
		bool grow = round % 2 == 0;

		*walk = (struct cmap_walk){ .map = map };
		i = 500;
		while (walk_on(test, walk, 1 + lab_below(lab, 12),
			       count_in_model, model)) {
			u32 end = i + lab_below(lab, 40);

			for (; i < end && i < 8000; i++) {
				int err;

				len = model_key(i, key);
				err = grow ? set(map, key, len, &version) :
					     delete(map, key, len);
				KUNIT_EXPECT_TRUE(test, !err ||
						  (!grow && err == -ENOENT));
			}
		}
		expect_seen_once(test, model);
		KUNIT_EXPECT_EQ(test, walk->position, CMAP_POSITION_END);
	}
	KUNIT_EXPECT_GE(test, cmap_map_entries(map), 500);
	cmap_map_put(map);
}

static void count_by_number(struct kunit *test, const struct cmap_found *found,
			    void *arg)
{
	u32 *seen = arg;

	seen[*(u32 *)found->node->key]++;
}

/* All at one position: the tie alone tells them apart. */
static void walk_over_ties(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	const struct cmap_spec spec = { .shards = 2 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	u32 *seen = kunit_kcalloc(test, most + 2, sizeof(*seen), GFP_KERNEL);
	u32 i, step;
	u64 version;

	KUNIT_ASSERT_TRUE(test, walk && seen);
	for (i = 0; i < most; i++)
		KUNIT_ASSERT_EQ(test, set_at(map, i, 0x80000000, 7, &version),
				0);
	/* In other buckets, before and behind. */
	KUNIT_ASSERT_EQ(test, set_at(map, most, 1, 7, &version), 0);
	KUNIT_ASSERT_EQ(test, set_at(map, most + 1, ~0U, 0xffff, &version), 0);

	for (step = 1; step < 2 * CMAP_WALK_MAX; step += 1 + step / 4) {
		*walk = (struct cmap_walk){ .map = map };
		memset(seen, 0, (most + 2) * sizeof(*seen));
		while (walk_on(test, walk, step, count_by_number, seen))
			;
		for (i = 0; i < most + 2; i++)
			KUNIT_EXPECT_EQ_MSG(test, seen[i], 1, "%u by %u", i,
					    step);
	}

	/* Those that go are not waited for, and the others come all the same. */
	*walk = (struct cmap_walk){ .map = map };
	memset(seen, 0, (most + 2) * sizeof(*seen));
	for (i = 0; walk_on(test, walk, 3, count_by_number, seen); i += 2) {
		struct cmap_write write = {
			.key = { &i, sizeof(i), 0x80000000ULL << 32 | 7 },
			.flags = CMAP_WRITE_REMOVE,
		};

		if (i < most)
			KUNIT_EXPECT_EQ(test, lab_write(map->shard[1],
						&write, GFP_KERNEL), 0);
	}
	for (i = 1; i < most; i += 2)
		KUNIT_EXPECT_EQ(test, seen[i], 1);
	cmap_map_put(map);
}

/*
 * Deleted and set again while a bucket is read, an entry stands in two slots
 * for that reader; here the second is put there by hand.  It comes once, as
 * its later version.
 */
static void walk_over_two_slots(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_shard *shard = map->shard[0];
	struct cmap_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	u64 version[2];
	u32 way;

	KUNIT_ASSERT_NOT_NULL(test, walk);
	KUNIT_ASSERT_EQ(test, set_at(map, 0, 5, 5, &version[0]), 0);
	KUNIT_ASSERT_EQ(test, set_at(map, 1, 5, 5, &version[1]), 0);
	table = rcu_dereference_protected(shard->table, 1);
	bucket = cmap_table_bucket(table, cmap_table_index(table, 5));
	/* Two versions of key 0. */
	rcu_read_lock();
	*(u32 *)cmap_arena_node(&shard->arena, bucket->ref[1])->key = 0;
	rcu_read_unlock();
	for (way = 0; way < 2; way++) {
		*walk = (struct cmap_walk){ .map = map };
		rcu_read_lock();
		KUNIT_EXPECT_TRUE(test, cmap_walk_next(walk));
		KUNIT_EXPECT_EQ(test, walk->count, 1);
		KUNIT_EXPECT_EQ(test, walk->found[0].node->version, version[1]);
		rcu_read_unlock();
		swap(bucket->ref[0], bucket->ref[1]);
	}
	cmap_map_put(map);
}

/*
 * An order is overwritten when its node is retired, and a slot's tag when another
 * entry gets it, while a walk reads them: nothing that was found stands where
 * its key does not.  All is in the first bucket, for what seems to stand before
 * where a walk is it passes over.
 */
#define CHURNED		8
#define FILLERS		600

static struct churn {
	struct cmap *map;
	u32 key[CHURNED];
	atomic_t on;
} churn;

/* Keys that are in the first of 64 buckets, too. */
static void choose_keys(void)
{
	u32 number, n = 0;

	for (number = FILLERS; n < CHURNED; number++)
		if (!(cmap_hash(&churn.map->hash, &number, sizeof(number)) >> 58))
			churn.key[n++] = number;
}

/* While others have the bucket move, too. */
static void set_and_delete_keys(void)
{
	u32 round, i;
	u64 version;

	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 2 * FILLERS; i++) {
			u32 filler = i % FILLERS, *key = &churn.key[i % CHURNED];

			if (i < FILLERS)
				set(churn.map, &filler, sizeof(filler), &version);
			else
				delete(churn.map, &filler, sizeof(filler));
			delete(churn.map, key, sizeof(*key));
			set(churn.map, key, sizeof(*key), &version);
		}
		cond_resched();
	}
	atomic_set(&churn.on, 0);
}

struct walked {
	u32 seen;
	u32 wrong;
};

static void look_where(struct kunit *test, const struct cmap_found *found,
		       void *arg)
{
	struct walked *walked = arg;
	u64 hash = cmap_hash(&churn.map->hash, found->node->key,
			     cmap_node_key_len(found->node));

	walked->seen++;
	if (found->position != cmap_position(cmap_hash_order(hash),
					     cmap_hash_tag(hash)))
		walked->wrong++;
}

static void churn_or_walk(struct kunit *test, unsigned int thread)
{
	struct walked walked = {};
	struct cmap_walk *walk;

	if (!thread) {
		set_and_delete_keys();
		return;
	}
	walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);
	while (walk && atomic_read(&churn.on)) {
		*walk = (struct cmap_walk){ .map = churn.map };
		walk_on(test, walk, CMAP_WALK_MAX, look_where, &walked);
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, walked.seen, 1000);
	KUNIT_EXPECT_EQ(test, walked.wrong, 0);
}

static void walk_while_deleted(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU");
	churn.map = map_new(test, &spec);
	choose_keys();
	atomic_set(&churn.on, 1);
	lab_race(test, 2, churn_or_walk);
	cmap_map_put(churn.map);
}

/* ---- limits ---- */

/* At every limit on entries exactly so many fit, however they are spread. */
static void entries_limit(struct kunit *test)
{
	u32 limit;

	for (limit = 1; limit < 2000; limit += 1 + limit / 2) {
		const struct cmap_spec spec = {
			.shards = 8, .max_entries = limit,
		};
		struct cmap *map = map_new(test, &spec);
		u8 key[MODEL_KEY_MAX];
		u64 version;
		u32 i, len;

		for (i = 0; i < limit; i++) {
			len = model_key(i, key);
			KUNIT_ASSERT_EQ(test, set(map, key, len, &version), 0);
		}
		len = model_key(i, key);
		KUNIT_EXPECT_EQ(test, set(map, key, len, &version), -ENOSPC);
		KUNIT_EXPECT_EQ(test, cmap_map_entries(map), limit);
		KUNIT_EXPECT_EQ(test, cmap_map_clear(map), limit);
		KUNIT_EXPECT_EQ(test, set(map, key, len, &version), 0);
		cmap_map_put(map);
	}
}

/*
 * A delete left its credit in its shard, and an insert elsewhere looked through
 * all shards for it: at the limit it cost the more, the more shards there were.
 */
static void at_the_limit_nobody_looks_for_credit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 128, .max_entries = 200 };
	struct cmap *map = map_new(test, &spec);
	u64 version, retries = 0;
	u8 key[MODEL_KEY_MAX];
	u32 i, len;

	for (i = 0; i < 2000; i++) {
		if (i >= 200) {
			len = model_key(i - 200, key);
			KUNIT_ASSERT_EQ(test, delete(map, key, len), 0);
		}
		len = model_key(i, key);
		KUNIT_ASSERT_EQ(test, set(map, key, len, &version), 0);
		/* Tables and nodes are new at first. */
		if (i == 1000)
			for (len = 0; len < spec.shards; len++)
				retries -= map->shard[len]->retries;
	}
	KUNIT_EXPECT_EQ(test, bitmap_weight(map->quota.holders, spec.shards), 0);
	for (i = 0; i < spec.shards; i++)
		retries += map->shard[i]->retries;
	/* What is left are nodes: no more than there are shards. */
	KUNIT_EXPECT_LT(test, retries, spec.shards);
	cmap_map_put(map);
}

/*
 * A count was of no moment.  Where it finds no moment at which nobody writes it
 * is of before an epoch, whatever is written until it has seen all shards.
 */
static void count_of_before_an_epoch(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8 };
	struct cmap *map = map_new(test, &spec);
	u64 version, then = 0;
	u8 key[MODEL_KEY_MAX];
	u32 i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, set(map, key, model_key(i, key),
					  &version), 0);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 100);
	map->quota.epoch++;
	for (i = 0; i < 100; i++) {
		if (i % 3)
			KUNIT_ASSERT_EQ(test, delete(map, key, model_key(i, key)),
					0);
		else
			KUNIT_ASSERT_EQ(test, set(map, key,
						  model_key(100 + i, key),
						  &version), 0);
		if (i == 50)
			then = cmap_shard_entries_then(map->shard[0]);
	}
	KUNIT_EXPECT_EQ(test, then, cmap_shard_entries_then(map->shard[0]));
	for (i = 1; i < 8; i++)
		then += cmap_shard_entries_then(map->shard[i]);
	KUNIT_EXPECT_EQ(test, then, 100);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 68);

	/* A clear is a write, too. */
	map->quota.epoch++;
	cmap_map_clear(map);
	for (then = 0, i = 0; i < 8; i++)
		then += cmap_shard_entries_then(map->shard[i]);
	KUNIT_EXPECT_EQ(test, then, 68);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 0);
	cmap_map_put(map);
}

static void kill_me(bool killed)
{
	if (killed) {
		sigaddset(&current->pending.signal, SIGKILL);
		set_thread_flag(TIF_SIGPENDING);
	} else {
		sigdelset(&current->pending.signal, SIGKILL);
		clear_thread_flag(TIF_SIGPENDING);
	}
}

/*
 * A write that finds no credit while another shard's has not ended may not be
 * refused, and may not wait for ever either.
 */
static void waits_for_credit_with_an_end(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8, .max_entries = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value = "v", .value_len = 1,
	};
	u8 key[MODEL_KEY_MAX];
	u64 version;
	u32 len;

	len = model_key(0, key);
	KUNIT_ASSERT_EQ(test, set(map, key, len, &version), 0);
	len = model_key(1, key);
	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, key, len), 0);

	/* As if a write were under way in another shard. */
	__cmap_quota_deleting(&map->quota);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), -EAGAIN);
	kill_me(true);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), -EINTR);
	kill_me(false);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	__cmap_quota_inserted(&map->quota);

	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_map_entries(map), 1);
	cmap_map_put(map);
}

/* What is deleted makes room, in all sizes, and the limit is never passed. */
static void bytes_limit(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .max_bytes = 400000 };
	struct cmap *map = map_new(test, &spec);
	char *value = kunit_kzalloc(test, 20000, GFP_KERNEL);
	struct lab *lab = test->priv;
	u32 i, refused = 0, len;
	u8 key[MODEL_KEY_MAX];

	KUNIT_ASSERT_NOT_NULL(test, value);
	for (i = 0; i < 3000; i++) {
		struct cmap_write write = {
			.code = CMAP_CODE_SET, .value = value,
			.value_len = lab_below(lab, i % 2000 < 1000 ? 200 : 20000),
		};
		int err;

		len = model_key(lab_below(lab, 2000), key);
		KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, key, len), 0);
		err = cmap_op_write(map, &write, GFP_KERNEL);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOSPC);
			refused++;
			cmap_map_clear(map);
		}
		KUNIT_EXPECT_LE(test,
				atomic64_read(&map->memory.account.bytes),
				400000);
	}
	KUNIT_EXPECT_GT(test, refused, 5);
	KUNIT_EXPECT_LT(test, refused, 300);
	cmap_map_put(map);
}

/*
 * Who cannot wait for memory is told whether waiting would help.
 *
 * What is asserted here once depended on when grace periods ended: now it is
 * said where none can end, and where all have.
 */
static void bytes_limit_without_sleeping(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .max_bytes = 100000 };
	struct cmap *map = map_new(test, &spec);
	char *value = kunit_kzalloc(test, 1000, GFP_KERNEL);
	struct cmap_write write = { .code = CMAP_CODE_SET, .value = value };
	u32 i, longer = 0, waits = 0, more = 0;
	u64 hash;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, value);
	write.value_len = 200;
	for (i = 0; i < 200; i++) {
		KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, &i,
						  sizeof(i)), 0);
		err = cmap_op_write(map, &write, GFP_ATOMIC);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	hash = write.key.hash;

	/*
	 * Those of another size soon need new memory.  A table that was grown
	 * out of may still be leaving; when it has, waiting helps no more.
	 */
	write.value_len = 1000;
	do {
		write.key.hash = hash + 1 + longer;
		err = cmap_op_write(map, &write, GFP_ATOMIC);
		if (!err)
			longer++;
		else
			settle();
	} while (longer < 100 && (!err || (err == -EAGAIN && waits++ < 9)));
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);

	/* What was deleted helps nobody before its grace period is over. */
	rcu_read_lock();
	write.code = CMAP_CODE_DELETE;
	write.flags = CMAP_WRITE_REMOVE;
	for (i = 0; i < 200; i++) {
		KUNIT_EXPECT_EQ(test, cmap_op_key(map, &write.key, &i,
						  sizeof(i)), 0);
		KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC),
				0);
	}
	write.code = CMAP_CODE_SET;
	write.flags = 0;
	write.value_len = 200;
	do {
		write.key.hash = hash + ((u64)more << 40);
		err = cmap_op_write(map, &write, GFP_ATOMIC);
	} while (!err && more++ < 1000);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, err, -EAGAIN);
	synchronize_rcu();
	KUNIT_EXPECT_EQ(test, cmap_op_write(map, &write, GFP_ATOMIC), 0);
	cmap_map_put(map);
}

/*
 * A value found in a map was promised to be good for the rest of the RCU read
 * section, but when somebody else put the map meanwhile its memory went at once.
 */
static void found_and_put(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value = "value", .value_len = 5,
	};
	u64 bytes;
	u32 i;

	KUNIT_ASSERT_EQ(test, cmap_op_key(map, &write.key, "key", 3), 0);
	KUNIT_ASSERT_EQ(test, cmap_op_write(map, &write, GFP_KERNEL), 0);
	bytes = atomic64_read(&cmap_account_all.bytes);
	rcu_read_lock();
	KUNIT_EXPECT_NOT_NULL(test, cmap_op_find(map, &write.key));
	cmap_map_put(map);
	for (i = 0; i < 100; i++) {
		mdelay(1);
		if (atomic64_read(&cmap_account_all.bytes) != bytes)
			break;
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, i, 100, "it was freed after %u ms", i);
}

/* What starts over because others write ends where they cannot be waited for. */
static void starting_over_ends(struct kunit *test)
{
	unsigned int rounds = 0, n = 0;
	int err;

	do {
		err = cmap_op_start_over(GFP_ATOMIC, &rounds);
	} while (!err && ++n < 1000);
	KUNIT_EXPECT_EQ(test, err, -EAGAIN);
	KUNIT_EXPECT_GT(test, n, 10);

	for (n = 0; n < 1000; n++)
		KUNIT_ASSERT_EQ(test, cmap_op_start_over(GFP_KERNEL, &rounds), 0);
}

static struct cmap *roomy;
static atomic_t refused;

static void set_and_delete(struct kunit *test, unsigned int thread)
{
	struct cmap_write gone = {
		.code = CMAP_CODE_DELETE, .flags = CMAP_WRITE_REMOVE,
	};
	u8 key[MODEL_KEY_MAX];
	u32 i;

	for (i = 0; i < 100000; i++) {
		struct cmap_write write = {
			.code = CMAP_CODE_SET, .value = key, .value_len = 8,
		};
		u32 len = model_key(2 * i + thread, key);
		int err = cmap_op_key(roomy, &write.key, key, len) ?:
			  cmap_op_write(roomy, &write, GFP_KERNEL);

		if (err == -ENOSPC)
			atomic_inc(&refused);
		gone.key = write.key;
		if (!err)
			cmap_op_write(roomy, &gone, GFP_KERNEL);
		cond_resched();
	}
}

/*
 * Two threads with one entry each never fill a map that can have four.  Yet
 * they were refused: what one had collected from all shards the other drew.
 */
static void entries_limit_not_reached(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 8, .max_entries = 4 };

	roomy = map_new(test, &spec);
	atomic_set(&refused, 0);
	lab_race(test, 2, set_and_delete);
	KUNIT_EXPECT_EQ(test, atomic_read(&refused), 0);
	cmap_map_put(roomy);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(bad_parameters),
	KUNIT_CASE(defaults),
	KUNIT_CASE(shards_limit),
	KUNIT_CASE(maps_limit),
	KUNIT_CASE(no_memory),
	KUNIT_CASE(valid_names),
	KUNIT_CASE(names_and_references),
	KUNIT_CASE(rename_or_leave),
	KUNIT_CASE(unlink_by_map),
	KUNIT_CASE(give_away_or_keep),
	KUNIT_CASE(unlink_all),
	KUNIT_CASE(cursors_tell_nothing),
	KUNIT_CASE(cursors_are_positions),
	KUNIT_CASE_SLOW(walk_at_random),
	KUNIT_CASE(walk_over_ties),
	KUNIT_CASE(walk_over_two_slots),
	KUNIT_CASE_SLOW(walk_while_deleted),
	KUNIT_CASE(entries_limit),
	KUNIT_CASE(at_the_limit_nobody_looks_for_credit),
	KUNIT_CASE(count_of_before_an_epoch),
	KUNIT_CASE(waits_for_credit_with_an_end),
	KUNIT_CASE_SLOW(bytes_limit),
	KUNIT_CASE(bytes_limit_without_sleeping),
	KUNIT_CASE(entries_limit_not_reached),
	KUNIT_CASE(starting_over_ends),
	KUNIT_CASE(found_and_put),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_map",
	.init = lab_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
