// SPDX-License-Identifier: GPL-2.0
/*
 * The empty string is a valid key, as in the dictionaries of programming
 * languages, for every interface: ioctl, batch, library, window, range.
 *
 * It was refused with EINVAL once.  Programs whose keys are strings from
 * elsewhere had to treat that one key specially.
 */
#include <kcmap.h>

#include "cmap_test.h"
#include "kselftest_harness.h"

FIXTURE(empty_key)
{
	struct kcmap *map;
	int fd;
};

FIXTURE_VARIANT(empty_key)
{
	unsigned int flags;	/* CMAP_CREATE_* */
	const void *key;
};

FIXTURE_VARIANT_ADD(empty_key, window)
{
	.key = "",
};

FIXTURE_VARIANT_ADD(empty_key, window_null)
{
	.key = NULL,
};

FIXTURE_VARIANT_ADD(empty_key, calls)
{
	.flags = CMAP_CREATE_NO_WINDOW, .key = "",
};

FIXTURE_VARIANT_ADD(empty_key, calls_null)
{
	.flags = CMAP_CREATE_NO_WINDOW, .key = NULL,
};

FIXTURE_SETUP(empty_key)
{
	struct cmap_create args = { .flags = variant->flags, .shards = 2 };

	self->fd = new_map_with(&args);
	ASSERT_GE(self->fd, 0);
	self->map = kcmap_from_fd(dup(self->fd));
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN(empty_key)
{
	kcmap_close(self->map);
	close(self->fd);
}

TEST_F(empty_key, by_ioctl)
{
	struct cmap_op op = { .key = u64_of(variant->key) };
	char buf[8];
	uint32_t len = sizeof(buf);
	uint64_t version = 0;

	EXPECT_EQ(-ENOENT, get(self->fd, variant->key, 0, buf, &len));
	ASSERT_EQ(0, set_flags(self->fd, variant->key, 0, "one", 3,
			       CMAP_OP_INSERT, &version));
	/* A key of one NUL byte is another key. */
	ASSERT_EQ(0, set(self->fd, "\0", 1, "not it", 6));
	len = sizeof(buf);
	ASSERT_EQ(0, get(self->fd, variant->key, 0, buf, &len));
	EXPECT_EQ(3, len);
	EXPECT_EQ(0, memcmp(buf, "one", 3));
	EXPECT_EQ(-EEXIST, set_flags(self->fd, variant->key, 0, "x", 1,
				     CMAP_OP_INSERT, &(uint64_t){ 0 }));
	ASSERT_EQ(0, set_flags(self->fd, variant->key, 0, "two", 3,
			       CMAP_OP_VERSION, &version));

	op.value = u64_of("three");
	op.value_len = 5;
	op.old = u64_of(buf);
	op.old_len = sizeof(buf);
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_SWAP, &op));
	EXPECT_EQ(1, op.number);
	EXPECT_EQ(0, memcmp(buf, "two", 3));
	op.old_len = sizeof(buf);
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_GET_OR_SET, &op));
	EXPECT_EQ(1, op.number);
	EXPECT_EQ(0, memcmp(buf, "three", 5));
	op.old_len = 5;
	op.value_len = 0;
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_COMPARE_SWAP, &op));
	op.old_len = sizeof(buf);
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(0, op.old_len);
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_ADD, &op));
	EXPECT_EQ(-EDOM, set(self->fd, variant->key, 0, "x", 1) ?:
			 op_call(self->fd, CMAP_IOCTL_ADD, &op));
	op.old = u64_of("x");
	op.old_len = 1;
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	EXPECT_EQ(-ENOENT, delete(self->fd, variant->key, 0));
	EXPECT_EQ(1, count(self->fd));
}

TEST_F(empty_key, in_a_batch)
{
	struct kcmap_batch *batch = kcmap_batch_new(8);
	struct kcmap_result result;
	char buf[8], old[8];
	unsigned int i;

	ASSERT_NE(NULL, batch);
	/* Sets in a row are carried out together. */
	kcmap_batch_set(batch, variant->key, 0, "one", 3);
	kcmap_batch_set(batch, "k", 1, "else", 4);
	kcmap_batch_set(batch, variant->key, 0, "two", 3);
	kcmap_batch_get(batch, variant->key, 0, buf, sizeof(buf));
	kcmap_batch_swap(batch, variant->key, 0, "", 0, old, sizeof(old));
	kcmap_batch_delete(batch, variant->key, 0);
	kcmap_batch_count(batch);
	ASSERT_EQ(7, kcmap_batch_submit(batch, self->map));
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, kcmap_batch_result(batch, i, &result));
		EXPECT_EQ(0, result.error);
	}
	EXPECT_EQ(1, result.number);
	EXPECT_EQ(0, memcmp(buf, "two", 3));
	EXPECT_EQ(0, memcmp(old, "two", 3));
	kcmap_batch_free(batch);
}

static void note_len(const void *value, size_t len, void *arg)
{
	*(size_t *)arg = len;
}

TEST_F(empty_key, by_the_library)
{
	const void *key = variant->key;
	struct kcmap_lookup lookups[6] = {};
	struct kcmap *map = self->map;
	uint64_t version = 0, again = 0;
	char bufs[6][8], *copied;
	size_t len = 0, i;
	int64_t sum;

	ERR(ENOENT, kcmap_get(map, key, 0, bufs[0], 8, NULL));
	ERR(ENOENT, kcmap_visit(map, key, 0, note_len, &len, NULL));
	ASSERT_EQ(0, kcmap_insert(map, key, 0, "value", 5, &version));
	ASSERT_EQ(0, kcmap_set(map, "12345678", 8, "word", 4, NULL));
	EXPECT_EQ(5, kcmap_get(map, key, 0, bufs[0], 8, &again));
	EXPECT_EQ(version, again);
	EXPECT_EQ(0, memcmp(bufs[0], "value", 5));
	ERR(EMSGSIZE, kcmap_get(map, key, 0, bufs[0], 4, NULL));
	EXPECT_EQ(5, kcmap_get(map, key, 0, NULL, 0, NULL));
	EXPECT_EQ(0, kcmap_visit(map, key, 0, note_len, &len, NULL));
	EXPECT_EQ(5, len);
	copied = kcmap_get_dup(map, key, 0, &len, NULL);
	ASSERT_NE(NULL, copied);
	EXPECT_EQ(0, memcmp(copied, "value", 5));
	free(copied);

	/* The empty key among words, which are hashed several at a time. */
	for (i = 0; i < 6; i++)
		lookups[i] = (struct kcmap_lookup){
			.key = i == 2 ? key : "12345678",
			.key_len = i == 2 ? 0 : 8,
			.buf = bufs[i], .size = sizeof(bufs[i]),
		};
	EXPECT_EQ(6, kcmap_get_many(map, lookups, 6));
	EXPECT_EQ(0, memcmp(bufs[2], "value", 5));
	EXPECT_EQ(version, lookups[2].version);

	EXPECT_EQ(0, kcmap_replace(map, key, 0, "v", 1, &version));
	EXPECT_EQ(0, kcmap_set_version(map, key, 0, "w", 1, version, &version));
	EXPECT_EQ(0, kcmap_delete_version(map, key, 0, version, NULL));
	EXPECT_EQ(0, kcmap_add(map, key, 0, 2, 40, &sum, NULL));
	EXPECT_EQ(42, sum);
	EXPECT_EQ(8, kcmap_take(map, key, 0, bufs[0], 8, NULL));
	ERR(ENOENT, kcmap_delete(map, key, 0, NULL));
}

struct look {
	unsigned int empty;
	unsigned int others;
	struct cmap_cursor cursor;	/* right after the empty key */
};

static void see(const struct cmap_entry *e, const void *key, const void *value,
		void *arg)
{
	struct look *look = arg;

	if (e->key_len) {
		look->others++;
	} else {
		look->empty++;
		look->cursor = e->cursor;
	}
}

/* The value is empty, too, so the entry uses no bytes at all. */
TEST_F(empty_key, in_ranges)
{
	struct look look = {};
	char buf[4096];
	struct cmap_range range = {
		.size = sizeof(range), .buf = u64_of(buf),
		.buf_len = sizeof(buf),
	};
	unsigned int i, left = 0;

	ASSERT_EQ(0, set(self->fd, variant->key, 0, NULL, 0));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, set(self->fd, &i, sizeof(i), "v", 1));
	ASSERT_EQ(101, range_all(self->fd, sizeof(buf), see, &look));
	EXPECT_EQ(1, look.empty);
	EXPECT_EQ(100, look.others);

	/*
	 * From the cursor in its record on, the empty key does not come again.
	 */
	range.cursor = look.cursor;
	do {
		const struct cmap_entry *e = (void *)buf;

		range.buf_len = sizeof(buf);
		ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));
		for (i = 0; i < range.count; i++) {
			EXPECT_NE(0, e->key_len);
			e = (void *)e + e->size;
			left++;
		}
	} while (range.count);
	EXPECT_LE(left, 100);
}

TEST_F(empty_key, by_ranges_of_the_library)
{
	struct kcmap_cursor position;
	struct kcmap_range *range;
	struct kcmap_item item;
	unsigned int i, empty, n;

	/* Alone in the map, before the range has allocated any buffer. */
	ASSERT_EQ(0, kcmap_set(self->map, variant->key, 0, NULL, 0, NULL));
	range = kcmap_range_new(self->map, 0, NULL);
	ASSERT_EQ(1, kcmap_range_next(range, &item));
	EXPECT_NE(NULL, item.key);
	EXPECT_EQ(0, item.key_len);
	EXPECT_NE(NULL, item.value);
	EXPECT_EQ(0, item.value_len);
	EXPECT_EQ(0, kcmap_range_next(range, &item));
	kcmap_range_free(range);

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, kcmap_set(self->map, &i, sizeof(i), "v", 1, NULL));
	range = kcmap_range_new(self->map, KCMAP_RANGE_KEYS, NULL);
	for (n = empty = 0; kcmap_range_next(range, &item) == 1; n++) {
		EXPECT_NE(NULL, item.key);
		EXPECT_EQ(NULL, item.value);
		if (item.key_len)
			continue;
		empty++;
		/* A second range continues after the empty key. */
		ASSERT_EQ(0, kcmap_range_cursor(range, &position));
		kcmap_range_free(range);
		range = kcmap_range_new(self->map, KCMAP_RANGE_KEYS, &position);
	}
	EXPECT_EQ(101, n);
	EXPECT_EQ(1, empty);
	kcmap_range_free(range);
}

/* If keys have a fixed length, the empty key is refused everywhere. */
TEST(of_a_fixed_length)
{
	struct cmap_create args = {
		.flags = CMAP_CREATE_FIXED_KEY, .key_max = 8,
	};
	struct kcmap_lookup lookup = { .key = "" };
	struct kcmap *map;
	int fd, i;

	for (i = 0; i < 2; i++) {
		fd = new_map_with(&args);
		ASSERT_GE(fd, 0);
		map = kcmap_from_fd(fd);
		ASSERT_NE(NULL, map);
		EXPECT_EQ(-EINVAL, set(fd, "", 0, "v", 1));
		EXPECT_EQ(-EINVAL, add(fd, NULL, 0, 1, NULL));
		ERR(EINVAL, kcmap_get(map, "", 0, NULL, 0, NULL));
		ERR(EINVAL, kcmap_get(map, NULL, 0, &i, sizeof(i), NULL));
		EXPECT_EQ(0, kcmap_get_many(map, &lookup, 1));
		EXPECT_EQ(EINVAL, lookup.error);
		EXPECT_EQ(0, count(fd));
		kcmap_close(map);
		args.flags |= CMAP_CREATE_NO_WINDOW;
	}
}

TEST_HARNESS_MAIN
