// SPDX-License-Identifier: GPL-2.0
/* Names of maps: which map has a name, and when a map is freed. */
#include "maps.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <uapi/linux/cmap.h>

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

/*
 * The name holds a reference, and so does every open.  The last one frees the
 * map.
 */
static void names_and_references(struct kunit *test)
{
	const struct cmap_spec spec = {
		.name = "kunit", .shards = 1, .mode = 0600,
	};
	struct cmap *map = map_new(test, &spec), *other = map_new(test, &spec);
	u64 id = 0;

	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit", 0, false, NULL),
			    ERR_PTR(-ENOENT));
	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_add(other, here()), -EEXIST);
	cmap_map_put(other);
	KUNIT_EXPECT_EQ(test, refcount_read(&map->refs), 2);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "kunit",
						      CMAP_MAY_READ, false, NULL),
			    map);
	KUNIT_EXPECT_EQ(test, refcount_read(&map->refs), 3);
	cmap_map_put(map);
	cmap_map_put(map);

	/* Only the name's reference is left. */
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

/*
 * Rename a map, also without memory for the new name.  It is found by one name
 * only.
 */
static void rename_or_leave(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 1 };
	const struct cmap_spec other = { .name = "taken", .shards = 1 };
	const struct cmap_spec anonymous = { .shards = 1 };
	struct cmap *map = map_new(test, &spec), *taken = map_new(test, &other);
	struct cmap *none = map_new(test, &anonymous);
	char name[8];

	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new", 0), -ENOENT);
	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(taken, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(none, here()), 0);
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new", 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "taken", 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(none, "new", 0), -ENOENT);
	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), "new", 0, false, NULL),
			    ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new\n\x80long", 0), 0);
	cmap_map_copy_name(map, name, sizeof(name));
	KUNIT_EXPECT_STREQ(test, name, "new??lo");
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "new", 0), 0);
	/* A trace's record contained old bytes after the name. */
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

static void expect_named(struct kunit *test, const char *name, struct cmap *map)
{
	u32 renames = 77;

	KUNIT_EXPECT_PTR_EQ(test, cmap_names_open(here(), name, 0, false,
						  &renames),
			    map ?: ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, renames, map ? map->events.renames : 77);
	if (map)
		cmap_map_put(map);
}

/* A map takes a name from another one, or both exchange theirs. */
static void replace_and_exchange(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "flags", .shards = 1 };
	const struct cmap_spec spec_new = { .name = "flags.new", .shards = 1 };
	struct cmap *old = map_new(test, &spec), *new = map_new(test, &spec_new);

	KUNIT_ASSERT_EQ(test, cmap_names_add(old, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(new, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "none", CMAP_RENAME_EXCHANGE),
			-ENOENT);
	/* Its own name, with which nothing is to be done. */
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "flags.new",
						CMAP_RENAME_EXCHANGE), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "flags.new",
						CMAP_RENAME_REPLACE), 0);
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "flags", CMAP_RENAME_REPLACE),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	KUNIT_EXPECT_EQ(test, old->events.renames + new->events.renames, 0);
	expect_named(test, "flags", old);
	expect_named(test, "flags.new", new);

	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "flags", CMAP_RENAME_EXCHANGE),
			0);
	KUNIT_EXPECT_EQ(test, old->events.renames, 1);
	KUNIT_EXPECT_EQ(test, new->events.renames, 1);
	expect_named(test, "flags", new);
	expect_named(test, "flags.new", old);

	KUNIT_EXPECT_EQ(test, cmap_names_rename(old, "flags", CMAP_RENAME_REPLACE),
			0);
	expect_named(test, "flags", old);
	expect_named(test, "flags.new", NULL);
	/* As after an unlink: only this test has it. */
	KUNIT_EXPECT_EQ(test, refcount_read(&new->refs), 1);
	KUNIT_EXPECT_TRUE(test, new->unlinked);
	KUNIT_EXPECT_EQ(test, new->events.renames, 2);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "flags", CMAP_RENAME_REPLACE),
			-ENOENT);
	/* Nobody has the name, so there is nothing to replace. */
	KUNIT_EXPECT_EQ(test, cmap_names_rename(old, "free", CMAP_RENAME_REPLACE),
			0);
	expect_named(test, "free", old);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "free"), 0);
	KUNIT_EXPECT_EQ(test, old->events.renames, 4);
	cmap_map_put(old);
	cmap_map_put(new);
}

/* A map that has taken over another map's name keeps it. */
static void unlink_by_map(struct kunit *test)
{
	const struct cmap_spec spec = { .name = "kunit", .shards = 1 };
	const struct cmap_spec kernels = {
		.name = "kunit", .shards = 1, .kernel = true,
	};
	const struct cmap_spec others = { .name = "users", .shards = 1 };
	struct cmap *old = map_new(test, &spec), *new = map_new(test, &kernels);
	struct cmap *users = map_new(test, &others);

	KUNIT_ASSERT_EQ(test, cmap_names_add(old, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_unlink(here(), "kunit"), 0);
	KUNIT_ASSERT_EQ(test, cmap_names_add(new, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(old), -ENOENT);
	/* No process can remove or change the name of the kernel's map. */
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "kunit"), -EACCES);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(new, "other", 0), -EACCES);
	KUNIT_ASSERT_EQ(test, cmap_names_add(users, here()), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(users, "kunit",
						CMAP_RENAME_REPLACE), -EACCES);
	KUNIT_EXPECT_EQ(test, cmap_names_rename(users, "kunit",
						CMAP_RENAME_EXCHANGE), -EACCES);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "users"), 0);
	cmap_map_put(users);
	KUNIT_EXPECT_NULL(test, new->user);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink_map(new), 0);
	cmap_map_put(old);
	cmap_map_put(new);
}

/*
 * If there is no memory for a user, or the user has too many maps, nothing
 * changes.
 */
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
	fail_allocs(0, 1);
	KUNIT_EXPECT_EQ(test, cmap_names_set(map, &attr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
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
	/*
	 * A change to the present owner and mode succeeds, although the owner
	 * could not get the map now.
	 */
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

struct maker {
	struct cmap *map;
	struct completion done;
};

static int make_map(void *arg)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct maker *maker = arg;

	maker->map = cmap_map_new(&spec);
	complete(&maker->done);
	return 0;
}

/*
 * A map is first counted as freed, and then no longer as leaving.  A task that
 * was refused another map in between waited for the next map to be freed.
 * There was none, so it slept until any map ended.
 */
static void who_makes_a_map_is_woken(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	unsigned int max = cmap_max_maps;
	struct task_struct *task;
	struct maker maker;
	bool woken;

	cmap_max_maps = 1;
	hold_task("&maps_leaving");
	cmap_map_put(map);
	KUNIT_EXPECT_TRUE(test, hold_task_wait());
	/* The map is freed, and another one takes its place. */
	map = map_new(test, &spec);
	init_completion(&maker.done);
	task = kthread_run(make_map, &maker, "cmap_maker");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	msleep(200);
	KUNIT_EXPECT_FALSE(test, completion_done(&maker.done));
	hold_task_end();
	woken = wait_for_completion_timeout(&maker.done, 20 * HZ);
	KUNIT_EXPECT_TRUE(test, woken);
	cmap_map_put(map);
	if (woken)
		KUNIT_EXPECT_PTR_EQ(test, maker.map, ERR_PTR(-ENFILE));
	else
		wait_for_completion(&maker.done);
	if (!IS_ERR(maker.map))
		cmap_map_put(maker.map);
	cmap_max_maps = max;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(valid_names),
	KUNIT_CASE(names_and_references),
	KUNIT_CASE(rename_or_leave),
	KUNIT_CASE(replace_and_exchange),
	KUNIT_CASE(unlink_by_map),
	KUNIT_CASE(give_away_or_keep),
	KUNIT_CASE(unlink_all),
	KUNIT_CASE(who_makes_a_map_is_woken),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_registry",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
