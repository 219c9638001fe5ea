// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of libkcmap, through the shared library.
 */
#include <kcmap.h>

#include "cmap_test.h"
#include "kselftest_harness.h"

#include <sys/stat.h>

FIXTURE(lib)
{
	struct kcmap *map;
};

FIXTURE_SETUP(lib)
{
	self->map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN(lib)
{
	kcmap_close(self->map);
}

static void expect_dup(struct __test_metadata *_metadata, struct kcmap *m,
		       const char *key, const char *want)
{
	size_t len;
	char *dup = kcmap_get_dup(m, key, strlen(key), &len, NULL);

	ASSERT_NE(NULL, dup);
	EXPECT_EQ(strlen(want), len);
	EXPECT_EQ(0, memcmp(dup, want, len));
	free(dup);
}

TEST_F(lib, one_key)
{
	struct kcmap *m = self->map;
	uint64_t v1, v2;
	char buf[16];
	size_t len;
	int64_t sum;

	ERR(ENOENT, kcmap_get(m, "k", 1, buf, sizeof(buf), NULL));
	ASSERT_EQ(0, kcmap_set(m, "k", 1, "one", 3, &v1));
	EXPECT_EQ(3, kcmap_get(m, "k", 1, buf, sizeof(buf), &v2));
	EXPECT_EQ(v1, v2);
	ERR(EMSGSIZE, kcmap_get(m, "k", 1, buf, 2, NULL));
	EXPECT_EQ(3, kcmap_get(m, "k", 1, NULL, 0, NULL));
	expect_dup(_metadata, m, "k", "one");
	errno = 0;
	EXPECT_EQ(NULL, kcmap_get_dup(m, "none", 4, &len, NULL));
	EXPECT_EQ(ENOENT, errno);
	ASSERT_EQ(0, kcmap_set(m, "empty", 5, NULL, 0, NULL));
	expect_dup(_metadata, m, "empty", "");

	ERR(EEXIST, kcmap_insert(m, "k", 1, "x", 1, &v2));
	EXPECT_EQ(v1, v2);
	ERR(ENOENT, kcmap_replace(m, "nope", 4, "x", 1, NULL));
	EXPECT_EQ(0, kcmap_replace(m, "k", 1, "two", 3, &v2));
	ERR(ESTALE, kcmap_set_version(m, "k", 1, "x", 1, v1, NULL));
	EXPECT_EQ(0, kcmap_set_version(m, "k", 1, "three", 5, v2, &v2));
	ERR(ESTALE, kcmap_delete_version(m, "k", 1, v1, NULL));
	EXPECT_EQ(0, kcmap_delete_version(m, "k", 1, v2, NULL));
	ERR(ENOENT, kcmap_delete(m, "k", 1, NULL));
	EXPECT_EQ(0, kcmap_insert(m, "k", 1, "x", 1, NULL));

	len = sizeof(buf);
	EXPECT_EQ(1, kcmap_swap(m, "k", 1, "y", 1, buf, &len, NULL));
	EXPECT_EQ(1, len);
	EXPECT_EQ('x', buf[0]);
	EXPECT_EQ(0, kcmap_swap(m, "new", 3, "y", 1, NULL, NULL, NULL));
	len = 0;
	ERR(EMSGSIZE, kcmap_swap(m, "k", 1, "z", 1, buf, &len, NULL));
	EXPECT_EQ(1, len);
	len = sizeof(buf);
	EXPECT_EQ(1, kcmap_get_or_set(m, "k", 1, "q", 1, buf, &len, NULL));
	EXPECT_EQ('y', buf[0]);
	EXPECT_EQ(0, kcmap_get_or_set(m, "gos", 3, "q", 1, buf, &len, NULL));
	ERR(ESTALE, kcmap_compare_swap(m, "k", 1, "x", 1, "z", 1, NULL));
	EXPECT_EQ(0, kcmap_compare_swap(m, "k", 1, "y", 1, "z", 1, NULL));
	ERR(ESTALE, kcmap_compare_delete(m, "k", 1, "y", 1, NULL));
	EXPECT_EQ(1, kcmap_take(m, "gos", 3, buf, sizeof(buf), NULL));
	EXPECT_EQ('q', buf[0]);
	EXPECT_EQ(0, kcmap_compare_delete(m, "k", 1, "z", 1, NULL));
	EXPECT_EQ(0, kcmap_add(m, "n", 1, 5, 10, &sum, NULL));
	EXPECT_EQ(15, sum);
	EXPECT_EQ(0, kcmap_add(m, "n", 1, -5, 10, NULL, NULL));
	EXPECT_EQ(3, kcmap_count(m));
	EXPECT_EQ(3, kcmap_clear(m));
	EXPECT_EQ(0, kcmap_count(m));
}

TEST_F(lib, lengths_beyond_32_bits)
{
	size_t huge = SIZE_MAX / 2 + 7;
	char buf[4];

	if (sizeof(size_t) == 4)
		SKIP(return, "size_t has 32 bits");
	ERR(E2BIG, kcmap_set(self->map, "k", huge, "v", 1, NULL));
	ERR(E2BIG, kcmap_set(self->map, "k", 1, "v", (1ULL << 32) + 1, NULL));
	ERR(E2BIG, kcmap_get(self->map, "k", (1ULL << 32) + 1, buf, 4, NULL));
	ERR(E2BIG, kcmap_delete(self->map, "k", 1ULL << 32, NULL));
	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "v", 1, NULL));
	EXPECT_EQ(1, kcmap_get(self->map, "k", 1, buf, huge, NULL));
}

TEST_F(lib, range)
{
	struct kcmap_cursor position;
	struct kcmap_range *range;
	struct kcmap_item item;
	static char big[200000];
	int i, n, seen[500] = {};

	memset(&item, 0xff, sizeof(item));
	for (i = 0; i < 500; i++)
		ASSERT_EQ(0, kcmap_set(self->map, &i, sizeof(i), &i, sizeof(i),
				       NULL));
	ASSERT_EQ(0, kcmap_set(self->map, "big", 3, big, sizeof(big), NULL));

	/* After each item, a new range continues where the first one stands. */
	range = kcmap_range_new(self->map, 0, NULL);
	for (n = 0; kcmap_range_next(range, &item) == 1; n++) {
		EXPECT_EQ(0, item.__reserved[0] | item.__reserved[1] | item.deadline);
		if (item.key_len == sizeof(i)) {
			memcpy(&i, item.key, sizeof(i));
			seen[i]++;
			EXPECT_EQ(0, memcmp(item.value, &i, sizeof(i)));
		} else {
			EXPECT_EQ(sizeof(big), item.value_len);
		}
		if (n % 50 == 7) {
			ASSERT_EQ(0, kcmap_range_cursor(range, &position));
			kcmap_range_free(range);
			range = kcmap_range_new(self->map, 0, &position);
		}
	}
	EXPECT_EQ(501, n);
	EXPECT_EQ(0, kcmap_range_next(range, &item));
	ASSERT_EQ(0, kcmap_range_cursor(range, &position));
	kcmap_range_free(range);
	for (i = 0; i < 500; i++)
		EXPECT_EQ(1, seen[i]);

	range = kcmap_range_new(self->map, 0, &position);
	EXPECT_EQ(0, kcmap_range_next(range, &item));
	kcmap_range_free(range);
	range = kcmap_range_new(self->map, KCMAP_RANGE_KEYS, NULL);
	for (n = 0; kcmap_range_next(range, &item) == 1; n++)
		EXPECT_EQ(NULL, item.value);
	EXPECT_EQ(501, n);
	kcmap_range_free(range);
	errno = 0;
	EXPECT_EQ(NULL, kcmap_range_new(self->map, 0xff00, NULL));
	EXPECT_EQ(EINVAL, errno);
	kcmap_range_free(NULL);
}

TEST_F(lib, batch)
{
	struct kcmap_batch *b = kcmap_batch_new(20);
	struct kcmap_result r;
	char get[8], take[8], swap[8], gos[8];

	ASSERT_NE(NULL, b);
	EXPECT_EQ(0, kcmap_batch_set(b, "k", 1, "one", 3));
	EXPECT_EQ(1, kcmap_batch_get(b, "k", 1, get, sizeof(get)));
	EXPECT_EQ(2, kcmap_batch_insert(b, "k", 1, "x", 1));
	EXPECT_EQ(3, kcmap_batch_replace(b, "k", 1, "two", 3));
	EXPECT_EQ(4, kcmap_batch_set_version(b, "k", 1, "x", 1, 1));
	EXPECT_EQ(5, kcmap_batch_swap(b, "k", 1, "three", 5, swap, 8));
	EXPECT_EQ(6, kcmap_batch_get_or_set(b, "g", 1, "four", 4, gos, 8));
	EXPECT_EQ(7, kcmap_batch_compare_swap(b, "k", 1, "three", 5, "3", 1));
	EXPECT_EQ(8, kcmap_batch_compare_delete(b, "k", 1, "x", 1));
	EXPECT_EQ(9, kcmap_batch_take(b, "k", 1, take, sizeof(take)));
	EXPECT_EQ(10, kcmap_batch_add(b, "n", 1, 4, 2));
	EXPECT_EQ(11, kcmap_batch_count(b));
	EXPECT_EQ(12, kcmap_batch_delete(b, "g", 1));
	EXPECT_EQ(13, kcmap_batch_delete_version(b, "n", 1, 12345));
	EXPECT_EQ(14, kcmap_batch_clear(b));
	EXPECT_EQ(15, kcmap_batch_submit(b, self->map));

#define RESULT(i, want) do {						\
	ASSERT_EQ(0, kcmap_batch_result(b, i, &r));			\
	EXPECT_EQ(want, r.error);					\
} while (0)
	RESULT(0, 0);
	RESULT(1, 0);
	EXPECT_EQ(3, r.value_len);
	RESULT(2, EEXIST);
	RESULT(3, 0);
	RESULT(4, ESTALE);
	RESULT(5, 0);
	EXPECT_TRUE(r.existed);
	EXPECT_EQ(0, memcmp(swap, "two", 3));
	RESULT(6, 0);
	EXPECT_FALSE(r.existed);
	RESULT(7, 0);
	RESULT(8, ESTALE);
	RESULT(9, 0);
	EXPECT_EQ('3', take[0]);
	RESULT(10, 0);
	EXPECT_EQ(6, r.number);
	RESULT(11, 0);
	EXPECT_EQ(2, r.number);
	RESULT(12, 0);
	RESULT(13, ESTALE);
	RESULT(14, 0);
	EXPECT_EQ(1, r.number);
	ERR(EINVAL, kcmap_batch_result(b, 15, &r));

	kcmap_batch_reset(b);
	while (kcmap_batch_count(b) >= 0)
		;
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(20, kcmap_batch_submit(b, self->map));
	kcmap_batch_free(b);
	errno = 0;
	EXPECT_EQ(NULL, kcmap_batch_new(0));
	EXPECT_EQ(EINVAL, errno);
}

static int find(const struct kcmap_name_info *info, void *arg)
{
	return !strcmp(info->name, arg) ? 42 : 0;
}

TEST_F(lib, names)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .max_entries = 7, .key_max = 20,
		.mode = 0644,
	};
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap *a, *b;

	errno = 0;
	EXPECT_EQ(NULL, kcmap_open("lib_name", O_RDWR, NULL));
	EXPECT_EQ(ENOENT, errno);
	a = kcmap_open("lib_name", O_RDWR | O_CREAT | O_EXCL, &options);
	ASSERT_NE(NULL, a);
	errno = 0;
	EXPECT_EQ(NULL, kcmap_open("lib_name", O_RDWR | O_CREAT | O_EXCL, NULL));
	EXPECT_EQ(EEXIST, errno);
	b = kcmap_open("lib_name", O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, b);
	ASSERT_EQ(0, kcmap_stat(b, &info));
	EXPECT_EQ(7, info.max_entries);
	EXPECT_EQ(20, info.key_max);
	EXPECT_EQ(0644, info.mode);
	EXPECT_EQ(42, kcmap_list(find, "lib_name"));
	EXPECT_EQ(0, kcmap_unlink("lib_name"));
	ERR(ENOENT, kcmap_unlink("lib_name"));
	EXPECT_EQ(0, kcmap_list(find, "lib_name"));
	kcmap_close(a);
	kcmap_close(b);
	kcmap_close(NULL);

	errno = 0;
	EXPECT_EQ(NULL, kcmap_open(NULL, O_RDWR, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, kcmap_open("x", O_RDWR | O_TRUNC, NULL));
	options.sz = 4;
	EXPECT_EQ(NULL, kcmap_open("x", O_RDWR | O_CREAT, &options));
	EXPECT_EQ(EINVAL, errno);
	info.sz = 8;
	ERR(EINVAL, kcmap_stat(self->map, &info));
}

static int open_error(const char *name, int oflag,
		      const struct kcmap_options *options)
{
	struct kcmap *map = kcmap_open(name, oflag, options);
	int err = map ? 0 : errno;

	kcmap_close(map);
	return err;
}

/* Once an open with O_CREAT ignored that an existing map had other options. */
TEST_F(lib, open_says_what_is_there)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .max_entries = 7, .key_max = 20,
		.flags = KCMAP_WIPE, .mode = 0644,
	};
	struct kcmap *a, *b;

	a = kcmap_open("lib_there", O_RDWR | O_CREAT, &options);
	ASSERT_NE(NULL, a);
	EXPECT_TRUE(kcmap_created(a));
	EXPECT_TRUE(kcmap_created(self->map));
	b = kcmap_open("lib_there", O_RDWR | O_CREAT, &options);
	ASSERT_NE(NULL, b);
	EXPECT_FALSE(kcmap_created(b));
	EXPECT_EQ(0, kcmap_options_differ(b, &options));
	EXPECT_EQ(0, kcmap_options_differ(b, NULL));
	kcmap_close(b);

	/* Options that are 0, and the mode, are not compared. */
	options = (struct kcmap_options){
		.sz = sizeof(options), .max_entries = 7, .mode = 0600,
	};
	EXPECT_EQ(0, open_error("lib_there", O_RDONLY | O_CREAT, &options));
	options.max_entries = 8;
	options.flags = KCMAP_NO_WINDOW;
	options.value_max = 100;
	EXPECT_EQ(EEXIST, open_error("lib_there", O_RDWR | O_CREAT, &options));
	EXPECT_EQ(0, open_error("lib_there", O_RDWR, &options));
	b = kcmap_open("lib_there", O_RDWR | O_CREAT | KCMAP_O_ANY_OPTIONS,
		       &options);
	ASSERT_NE(NULL, b);
	EXPECT_EQ(KCMAP_DIFFER_FLAGS | KCMAP_DIFFER_VALUE_MAX |
		  KCMAP_DIFFER_MAX_ENTRIES, kcmap_options_differ(b, &options));
	options.sz = 4;
	ERR(EINVAL, kcmap_options_differ(b, &options));
	kcmap_close(b);
	kcmap_close(a);
	EXPECT_EQ(0, kcmap_unlink("lib_there"));
}

TEST(description)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .description = "key=text value=i64",
	};
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_info info = { .sz = sizeof(info) };

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kcmap_stat(map, &info));
	EXPECT_STREQ("key=text value=i64", info.description);
	EXPECT_EQ(0, kcmap_options_differ(map, &options));
	options.description[0] = 'K';
	EXPECT_EQ(KCMAP_DIFFER_DESCRIPTION, kcmap_options_differ(map, &options));
	/* None is asked for. */
	memset(options.description, 0, sizeof(options.description));
	EXPECT_EQ(0, kcmap_options_differ(map, &options));
	/* Something behind the end, and no end. */
	options.description[5] = 'x';
	ERR(EINVAL, kcmap_options_differ(map, &options));
	memset(options.description, 'x', sizeof(options.description));
	ERR(EINVAL, kcmap_options_differ(map, &options));
	kcmap_close(map);
}

TEST_F(lib, create_takes_no_other_users_map)
{
	pid_t pid = fork();

	if (!pid) {
		struct kcmap_options all = { .sz = sizeof(all), .mode = 0666 };

		umask(0);
		if (setgid(1000) || setuid(1000))
			_exit(1);
		_exit(open_error("lib_other", O_RDWR | O_CREAT, &all));
	}
	ASSERT_TRUE(children_ok(1));
	EXPECT_EQ(EACCES, open_error("lib_other", O_RDWR | O_CREAT, NULL));
	EXPECT_EQ(0, open_error("lib_other", O_RDWR, NULL));
	EXPECT_EQ(0, open_error("lib_other",
				O_RDWR | O_CREAT | KCMAP_O_ANY_OWNER, NULL));
	EXPECT_EQ(EEXIST, open_error("lib_other", O_RDWR | O_CREAT | O_EXCL,
				     NULL));
	EXPECT_EQ(0, kcmap_unlink("lib_other"));
}

static int set_nothing(const struct kcmap_item *item, void *arg)
{
	return 0;
}

static void remove_nothing(const void *key, size_t key_len, void *arg)
{
}

TEST_F(lib, rename_chmod_chown)
{
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap *map = kcmap_open("lib_mode", O_RDWR | O_CREAT, NULL);

	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kcmap_rename(map, "lib_renamed"));
	ERR(EEXIST, kcmap_rename(map, "lib_renamed"));
	ERR(EINVAL, kcmap_rename(map, ""));
	ERR(EINVAL, kcmap_rename(map, "a/b"));
	ERR(ENOENT, kcmap_unlink("lib_mode"));
	EXPECT_EQ(0, kcmap_chmod(map, 0604));
	ERR(EINVAL, kcmap_chmod(map, 0111));
	EXPECT_EQ(0, kcmap_chown(map, 1000, -1));
	ASSERT_EQ(0, kcmap_stat(map, &info));
	EXPECT_EQ(0604, info.mode);
	EXPECT_EQ(1000, info.uid);
	EXPECT_EQ(0, info.gid);
	EXPECT_EQ(0, kcmap_chown(map, -1, 2000));
	EXPECT_EQ(0, kcmap_chown(map, -1, -1));
	ASSERT_EQ(0, kcmap_stat(map, &info));
	EXPECT_EQ(1000, info.uid);
	EXPECT_EQ(2000, info.gid);
	EXPECT_EQ(0, kcmap_unlink("lib_renamed"));
	ERR(ENOENT, kcmap_rename(map, "lib_mode"));
	ERR(ENOENT, kcmap_rename(self->map, "lib_mode"));
	kcmap_close(map);
}

/* The value of "k", or 0. */
static char value_of(struct kcmap *map)
{
	char value = 0;

	return kcmap_get(map, "k", 1, &value, 1, NULL) == 1 ? value : 0;
}

/*
 * A reader keeps the map that it has open, learns that another one was published, and
 * gets that one.
 */
TEST_F(lib, publish_and_reopen)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 4096,
	};
	struct kcmap *old = kcmap_open("lib_flags", O_RDWR | O_CREAT, &options);
	struct kcmap *new = kcmap_open("lib_flags.new", O_RDWR | O_CREAT, &options);
	struct kcmap *reader = kcmap_open("lib_flags", O_RDONLY, NULL);
	struct kcmap_change change;
	struct kcmap_watch *watch;

	ASSERT_TRUE(old && new && reader);
	ASSERT_EQ(0, kcmap_set(old, "k", 1, "o", 1, NULL));
	ASSERT_EQ(0, kcmap_set(new, "k", 1, "n", 1, NULL));
	EXPECT_EQ('o', value_of(reader));
	watch = kcmap_watch_open(reader, NULL, NULL, 0);
	ASSERT_NE(NULL, watch);
	EXPECT_EQ(0, kcmap_name_changed(reader));
	EXPECT_EQ(0, kcmap_reopen(reader, "lib_flags"));
	EXPECT_EQ('o', value_of(reader));

	ERR(ENOENT, kcmap_exchange(new, "lib_none"));
	ERR(EINVAL, kcmap_publish(new, "a/b"));
	ASSERT_EQ(0, kcmap_publish(new, "lib_flags"));
	/* The old map is as it was. */
	EXPECT_EQ('o', value_of(reader));
	EXPECT_EQ(1, kcmap_name_changed(reader));
	ASSERT_EQ(1, kcmap_watch_next(watch, &change, -1));
	EXPECT_EQ(KCMAP_CAUSE_NAME, change.cause);
	EXPECT_EQ(NULL, change.key);
	ERR(ETIMEDOUT, kcmap_watch_next(watch, &change, 0));
	kcmap_watch_close(watch);

	ERR(ENOENT, kcmap_reopen(reader, "lib_flags.new"));
	EXPECT_EQ('o', value_of(reader));
	EXPECT_EQ(1, kcmap_reopen(reader, "lib_flags"));
	EXPECT_EQ('n', value_of(reader));
	EXPECT_EQ(0, kcmap_name_changed(reader));
	/* It has the access that it had. */
	ERR(EBADF, kcmap_set(reader, "k", 1, "x", 1, NULL));

	EXPECT_EQ(0, kcmap_rename(new, "lib_flags.new"));
	EXPECT_EQ(1, kcmap_name_changed(reader));
	EXPECT_EQ(0, kcmap_reopen(reader, "lib_flags.new"));
	EXPECT_EQ(0, kcmap_name_changed(reader));
	EXPECT_EQ(0, kcmap_unlink("lib_flags.new"));
	ERR(ENOENT, kcmap_reopen(reader, "lib_flags.new"));
	ERR(ENOENT, kcmap_publish(new, "lib_flags"));
	kcmap_close(reader);
	kcmap_close(new);
	kcmap_close(old);
}

/* A handle that was opened to create a map takes no other user's on reopening. */
TEST_F(lib, reopen_keeps_its_distrust)
{
	struct kcmap *map = kcmap_open("lib_trust", O_RDWR | O_CREAT, NULL);
	struct kcmap *any = kcmap_open("lib_trust", O_RDWR, NULL);

	ASSERT_TRUE(map && any);
	ASSERT_EQ(0, kcmap_chown(map, 1000, -1));
	ERR(EACCES, kcmap_reopen(map, "lib_trust"));
	EXPECT_EQ(0, kcmap_reopen(any, "lib_trust"));
	EXPECT_EQ(0, kcmap_unlink("lib_trust"));
	kcmap_close(any);
	kcmap_close(map);
}

/* A mirror's update returns when the map's name has gone. */
TEST_F(lib, mirrors_return_for_the_name)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 4096,
	};
	struct kcmap *map = kcmap_open("lib_mirrored", O_RDWR | O_CREAT, &options);
	const struct kcmap_mirror_calls calls = {
		.sz = sizeof(calls), .set = set_nothing, .remove = remove_nothing,
	};
	struct kcmap_mirror_info info = { .sz = sizeof(info) };
	struct kcmap_mirror *mirror;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kcmap_set(map, "k", 1, "v", 1, NULL));
	mirror = kcmap_mirror_new(map, NULL, &calls, NULL);
	ASSERT_NE(NULL, mirror);
	EXPECT_EQ(1, kcmap_mirror_update(mirror, 0));
	EXPECT_EQ(0, kcmap_unlink("lib_mirrored"));
	EXPECT_EQ(0, kcmap_mirror_update(mirror, -1));
	EXPECT_EQ(1, kcmap_name_changed(map));
	EXPECT_EQ(0, kcmap_mirror_update(mirror, 0));
	ASSERT_EQ(0, kcmap_mirror_stat(mirror, &info));
	/* It has read the map once, not again because of that. */
	EXPECT_EQ(1, info.ranges);
	EXPECT_EQ(0, info.changes);
	kcmap_mirror_free(mirror);
	kcmap_close(map);
}

static int see_limits(const struct kcmap_name_info *info, void *arg)
{
	if (strcmp(info->name, "lib_limits"))
		return 0;
	return info->max_entries == 7 && info->max_bytes == 1000000 &&
	       info->flags == KCMAP_WIPE ? 42 : -1;
}

TEST_F(lib, usage_and_limits)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .max_entries = 7, .max_bytes = 1000000,
		.flags = KCMAP_WIPE,
	};
	struct {
		struct kcmap_usage usage;
		uint64_t more;
	} later = { .usage.sz = sizeof(later), .more = 1 };
	struct kcmap_usage usage = { .sz = sizeof(usage) };
	struct kcmap *map = kcmap_open("lib_limits", O_RDWR | O_CREAT, &options);

	ASSERT_NE(NULL, map);
	EXPECT_EQ(42, kcmap_list(see_limits, NULL));
	ASSERT_EQ(0, kcmap_limits(&usage));
	EXPECT_EQ(0, usage.uid);
	EXPECT_GE(usage.maps, 2);
	EXPECT_GE(usage.all_maps, usage.maps);
	EXPECT_EQ(0, usage.max_maps);
	EXPECT_GT(usage.all_max_maps, 0);
	EXPECT_GT(usage.bytes, 0);
	EXPECT_GE(usage.all_bytes, usage.bytes);
	EXPECT_EQ(0, kcmap_limits(&later.usage));
	EXPECT_EQ(0, later.more);
	usage.sz = 8;
	ERR(EINVAL, kcmap_limits(&usage));
	kcmap_close(map);
	EXPECT_EQ(0, kcmap_unlink("lib_limits"));
}

/* Options of a later library: longer, and refused unless zero there. */
TEST_F(lib, longer_options)
{
	struct {
		struct kcmap_options options;
		uint64_t more;
	} later = { .options.sz = sizeof(later) };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &later.options);

	EXPECT_NE(NULL, map);
	kcmap_close(map);
	later.more = 1;
	errno = 0;
	EXPECT_EQ(NULL, kcmap_open(NULL, O_RDWR | O_CREAT, &later.options));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(lib, descriptors)
{
	int fd = dup(kcmap_fd(self->map)), pipes[2];
	struct kcmap *map;

	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "v", 1, NULL));
	map = kcmap_from_fd(fd);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(1, kcmap_count(map));
	kcmap_close(map);
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));

	ASSERT_EQ(0, pipe(pipes));
	errno = 0;
	EXPECT_EQ(NULL, kcmap_from_fd(pipes[0]));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, kcmap_from_fd(-1));
	EXPECT_EQ(EBADF, errno);
	fd = device(O_RDWR);
	EXPECT_EQ(NULL, kcmap_from_fd(fd));
	EXPECT_EQ(EBADFD, errno);
	EXPECT_TRUE(fcntl(kcmap_fd(self->map), F_GETFD) & FD_CLOEXEC);
	EXPECT_STREQ("0.1", kcmap_version());

	/* Descriptor 0 works like any other. */
	close(0);
	map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kcmap_fd(map));
	EXPECT_EQ(0, kcmap_count(map));
	kcmap_close(map);
}

#define MEANS(error, operation, map, want)				\
	EXPECT_STREQ(want, kcmap_strerror(error, operation, map, why,	\
					  sizeof(why)))

/* strerror() says "Argument list too long" for a key that is too long. */
TEST_F(lib, errors_say_what_they_mean_of_this_map)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .key_max = 8, .value_max = 3,
		.max_entries = 1, .flags = KCMAP_FIXED_KEY,
	};
	struct kcmap *m = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	char why[KCMAP_STRERROR_MAX], buf[8];

	ASSERT_NE(NULL, m);
	ERR(E2BIG, kcmap_set(m, "123456789", 9, "v", 1, NULL));
	MEANS(errno, KCMAP_OP_SET, m,
	      "key longer than the map's key_max (8), or value longer than its value_max (3)");
	ERR(E2BIG, kcmap_get(m, "123456789", 9, buf, sizeof(buf), NULL));
	MEANS(errno, KCMAP_OP_GET, m,
	      "key longer than the map's key_max (8)");
	ERR(EINVAL, kcmap_get(m, "1", 1, buf, sizeof(buf), NULL));
	MEANS(errno, KCMAP_OP_GET, m,
	      "a length is not the map's fixed one: keys have 8 bytes");
	ASSERT_EQ(0, kcmap_set(m, "12345678", 8, "v", 1, NULL));
	ERR(ENOSPC, kcmap_set(m, "87654321", 8, "v", 1, NULL));
	MEANS(errno, KCMAP_OP_SET, m,
	      "the map is full: it has its max_entries (1)");
	errno = 0;
	EXPECT_EQ(NULL, kcmap_open("lib_nowhere", O_RDWR, NULL));
	MEANS(errno, KCMAP_OP_OPEN, NULL, "no map of that name");
	/* A descriptor that is no longer the map's is not asked for limits. */
	close(kcmap_fd(m));
	MEANS(E2BIG, KCMAP_OP_GET, m, "key longer than the map's key_max");
	kcmap_close(m);
}

/*
 * A program closed a handle's descriptor, and another map got its number.
 * kcmap_rename() and kcmap_chown() through the old handle then changed that
 * map.
 */
TEST_F(lib, another_map_is_not_renamed_or_given_away)
{
	struct kcmap_options options = { .sz = sizeof(options) };
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap *map = kcmap_open("lib_own", O_RDWR | O_CREAT, &options);
	struct kcmap *other = kcmap_open("lib_other", O_RDWR | O_CREAT,
					 &options);
	int number, i;

	ASSERT_NE(NULL, map);
	ASSERT_NE(NULL, other);
	EXPECT_EQ(0, kcmap_options_differ(map, &options));
	number = kcmap_fd(map);
	for (i = 0; i < 2; i++) {
		if (i)
			close(number);
		else
			ASSERT_EQ(number, dup2(kcmap_fd(other), number));
		errno = 0;
		EXPECT_EQ(-1, kcmap_rename(map, "lib_new"));
		EXPECT_EQ(EBADF, errno);
		errno = 0;
		EXPECT_EQ(-1, kcmap_chmod(map, 0666));
		EXPECT_EQ(EBADF, errno);
		errno = 0;
		EXPECT_EQ(-1, kcmap_chown(map, 1000, 1000));
		EXPECT_EQ(EBADF, errno);
		errno = 0;
		EXPECT_EQ(-1, kcmap_options_differ(map, &options));
		EXPECT_EQ(EBADF, errno);
	}
	ASSERT_EQ(0, kcmap_stat(other, &info));
	EXPECT_EQ(0600, info.mode);
	EXPECT_EQ(0, info.uid);
	kcmap_close(map);
	kcmap_close(other);
	EXPECT_EQ(0, kcmap_unlink("lib_own"));
	EXPECT_EQ(0, kcmap_unlink("lib_other"));
}

TEST_HARNESS_MAIN
