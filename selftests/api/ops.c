// SPDX-License-Identifier: GPL-2.0
/*
 * The meaning of each operation, alone and without races.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

FIXTURE(map)
{
	int fd;
};

FIXTURE_SETUP(map)
{
	self->fd = new_map();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(map)
{
	close(self->fd);
}

TEST_F(map, get_gives_what_was_set)
{
	uint64_t written = 0, read;
	uint32_t len = 16;
	char buf[16];

	ASSERT_EQ(0, set_flags(self->fd, "key", 3, "value", 5, 0, &written));
	ASSERT_EQ(0, get_version(self->fd, "key", 3, buf, &len, &read));
	EXPECT_EQ(5, len);
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	EXPECT_EQ((char)POISON, buf[5]);
	EXPECT_NE(0, written);
	EXPECT_EQ(written, read);
}

TEST_F(map, absent_is_ENOENT)
{
	char buf[4];
	uint32_t len = sizeof(buf);

	EXPECT_EQ(-ENOENT, get(self->fd, "nope", 4, buf, &len));
	EXPECT_EQ((char)POISON, buf[0]);
	EXPECT_EQ(-ENOENT, delete(self->fd, "nope", 4));
}

/* Every key length, and value lengths around the limits of the copy paths. */
TEST_F(map, all_lengths)
{
	static const uint32_t lens[] = {
		0, 1, 7, 8, 9, 63, 64, 255, 256, 257, 4095, 4096, 4097, 65535,
		65536, 65537, CMAP_VALUE_MAX - 1, CMAP_VALUE_MAX,
	};
	static char value[CMAP_VALUE_MAX], buf[CMAP_VALUE_MAX + 1];
	char key[CMAP_KEY_MAX];
	unsigned int i;
	uint32_t len;

	for (i = 0; i < sizeof(key); i++)
		key[i] = i * 7;
	for (i = 0; i <= CMAP_KEY_MAX; i++)
		ASSERT_EQ(0, set(self->fd, key, i, &i, sizeof(i)));
	for (i = 0; i <= CMAP_KEY_MAX; i++) {
		len = sizeof(buf);
		ASSERT_EQ(0, get(self->fd, key, i, buf, &len));
		ASSERT_EQ(sizeof(i), len);
		ASSERT_EQ(0, memcmp(buf, &i, sizeof(i)));
	}

	for (i = 0; i < sizeof(value); i++)
		value[i] = i * 31 + (i >> 8);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		ASSERT_EQ(0, set(self->fd, "v", 1, value, lens[i]));
		len = sizeof(buf);
		ASSERT_EQ(0, get(self->fd, "v", 1, buf, &len));
		ASSERT_EQ(lens[i], len);
		ASSERT_EQ(0, memcmp(buf, value, len));
		ASSERT_EQ((char)POISON, buf[len]);
	}
}

TEST_F(map, lengths_refused)
{
	static char big[CMAP_VALUE_MAX + 1];

	EXPECT_EQ(-E2BIG, set(self->fd, big, CMAP_KEY_MAX + 1, "v", 1));
	EXPECT_EQ(-E2BIG, set(self->fd, big, UINT32_MAX, "v", 1));
	EXPECT_EQ(-E2BIG, set(self->fd, "k", 1, big, CMAP_VALUE_MAX + 1));
	EXPECT_EQ(-E2BIG, set(self->fd, "k", 1, big, UINT32_MAX));
	EXPECT_EQ(0, count(self->fd));
}

TEST_F(map, buffer_too_short_says_how_much)
{
	char buf[8];
	uint32_t len = 4;

	ASSERT_EQ(0, set(self->fd, "k", 1, "12345", 5));
	EXPECT_EQ(-EMSGSIZE, get(self->fd, "k", 1, buf, &len));
	EXPECT_EQ(5, len);
	EXPECT_EQ((char)POISON, buf[0]);
	len = 0;
	EXPECT_EQ(0, get(self->fd, "k", 1, NULL, &len));
	EXPECT_EQ(5, len);
	len = 1;
	EXPECT_EQ(-EFAULT, get(self->fd, "k", 1, NULL, &len));
}

TEST_F(map, set_conditions)
{
	uint64_t v1 = 0, v2 = 0, v;

	v = 0;
	EXPECT_EQ(-ENOENT, set_flags(self->fd, "k", 1, "x", 1,
				     CMAP_OP_REPLACE, &v));
	v = 77;
	EXPECT_EQ(-ENOENT, set_flags(self->fd, "k", 1, "x", 1,
				     CMAP_OP_VERSION, &v));
	ASSERT_EQ(0, set_flags(self->fd, "k", 1, "1", 1, CMAP_OP_INSERT, &v1));
	v = 0;
	EXPECT_EQ(-EEXIST, set_flags(self->fd, "k", 1, "2", 1, CMAP_OP_INSERT,
				     &v));
	EXPECT_EQ(v1, v);
	ASSERT_EQ(0, set_flags(self->fd, "k", 1, "2", 1, CMAP_OP_REPLACE, &v2));
	EXPECT_GT(v2, v1);
	v = v1;
	EXPECT_EQ(-ESTALE, set_flags(self->fd, "k", 1, "3", 1, CMAP_OP_VERSION,
				     &v));
	EXPECT_EQ(v2, v);
	EXPECT_EQ(0, set_flags(self->fd, "k", 1, "3", 1, CMAP_OP_VERSION, &v));
	EXPECT_GT(v, v2);
}

TEST_F(map, flags_refused)
{
	uint64_t v = 1;
	unsigned int f;

	for (f = 1; f < 0x10000; f <<= 1) {
		if (f > CMAP_OP_OWNED_BY_PROCESS || f == CMAP_OP_CEILING)
			EXPECT_EQ(-EINVAL, set_flags(self->fd, "k", 1, "x", 1,
						     f, &v));
	}
	EXPECT_EQ(-EINVAL, set_flags(self->fd, "k", 1, "x", 1,
				     CMAP_OP_INSERT | CMAP_OP_REPLACE, &v));
	EXPECT_EQ(-EINVAL, set_flags(self->fd, "k", 1, "x", 1,
				     CMAP_OP_INSERT | CMAP_OP_VERSION, &v));
	v = 0;
	EXPECT_EQ(-EINVAL, set_flags(self->fd, "k", 1, "x", 1,
				     CMAP_OP_VERSION, &v));
	EXPECT_EQ(0, count(self->fd));
}

TEST_F(map, delete_conditions)
{
	struct cmap_op op = { .key = u64_of("k"), .key_len = 1 };
	uint64_t v = 0;

	ASSERT_EQ(0, set_flags(self->fd, "k", 1, "x", 1, 0, &v));
	op.flags = CMAP_OP_VERSION;
	op.version = v + 1;
	EXPECT_EQ(-ESTALE, op_call(self->fd, CMAP_IOCTL_DELETE, &op));
	EXPECT_EQ(v, op.version);
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_DELETE, &op));
	EXPECT_GT(op.version, v);
	EXPECT_EQ(-ENOENT, op_call(self->fd, CMAP_IOCTL_DELETE, &op));
	op.flags = CMAP_OP_INSERT;
	EXPECT_EQ(-EINVAL, op_call(self->fd, CMAP_IOCTL_DELETE, &op));
	EXPECT_EQ(0, count(self->fd));
}

TEST_F(map, take)
{
	char buf[8] = { POISON };
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.old = u64_of(buf), .old_len = 2,
	};

	EXPECT_EQ(-ENOENT, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	ASSERT_EQ(0, set(self->fd, "k", 1, "abc", 3));
	EXPECT_EQ(-EMSGSIZE, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(3, op.old_len);
	EXPECT_EQ(1, count(self->fd));
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(3, op.old_len);
	EXPECT_EQ(0, memcmp(buf, "abc", 3));
	EXPECT_EQ(0, count(self->fd));

	/* Only the length is asked for, but the entry is taken all the same. */
	ASSERT_EQ(0, set(self->fd, "k", 1, "abcd", 4));
	op.old = 0;
	op.old_len = 0;
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(4, op.old_len);
	EXPECT_EQ(0, count(self->fd));
}

TEST_F(map, swap)
{
	char buf[8];
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of("new"), .value_len = 3,
		.old = u64_of(buf), .old_len = sizeof(buf), .number = 99,
	};
	uint32_t len = sizeof(buf);

	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_SWAP, &op));
	EXPECT_EQ(0, op.number);
	EXPECT_EQ(0, op.old_len);
	op.value = u64_of("newer");
	op.value_len = 5;
	op.old_len = 2;
	EXPECT_EQ(-EMSGSIZE, op_call(self->fd, CMAP_IOCTL_SWAP, &op));
	EXPECT_EQ(3, op.old_len);
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_SWAP, &op));
	EXPECT_EQ(1, op.number);
	EXPECT_EQ(3, op.old_len);
	EXPECT_EQ(0, memcmp(buf, "new", 3));
	EXPECT_EQ(0, get(self->fd, "k", 1, buf, &len));
	EXPECT_EQ(5, len);
}

TEST_F(map, swap_of_long_values)
{
	static char a[70000], b[70000], buf[70000];
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of(b), .value_len = sizeof(b),
		.old = u64_of(buf), .old_len = sizeof(buf),
	};

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	ASSERT_EQ(0, set(self->fd, "k", 1, a, sizeof(a)));
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_SWAP, &op));
	EXPECT_EQ(0, memcmp(a, buf, sizeof(a)));
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(0, memcmp(b, buf, sizeof(b)));
}

TEST_F(map, compare_swap_and_delete)
{
	static char longer[1000], other[1000];
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of("y"), .value_len = 1,
		.old = u64_of("x"), .old_len = 1,
	};
	uint64_t v = 0;

	EXPECT_EQ(-ENOENT, op_call(self->fd, CMAP_IOCTL_COMPARE_SWAP, &op));
	EXPECT_EQ(-ENOENT, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	ASSERT_EQ(0, set_flags(self->fd, "k", 1, "z", 1, 0, &v));
	EXPECT_EQ(-ESTALE, op_call(self->fd, CMAP_IOCTL_COMPARE_SWAP, &op));
	EXPECT_EQ(v, op.version);
	op.old = u64_of("z");
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_COMPARE_SWAP, &op));
	EXPECT_GT(op.version, v);
	EXPECT_EQ(-ESTALE, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	op.old = u64_of("y");
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	EXPECT_EQ(0, count(self->fd));

	/*
	 * A prefix does not compare equal.  Long values differ in the last byte
	 * only.
	 */
	ASSERT_EQ(0, set(self->fd, "k", 1, longer, sizeof(longer)));
	op.old = u64_of(longer);
	op.old_len = sizeof(longer) - 1;
	EXPECT_EQ(-ESTALE, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	other[999] = 1;
	op.old = u64_of(other);
	op.old_len = sizeof(other);
	EXPECT_EQ(-ESTALE, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
	op.old = u64_of(longer);
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_COMPARE_DELETE, &op));
}

TEST_F(map, get_or_set)
{
	char buf[8];
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of("one"), .value_len = 3,
		.old = u64_of(buf), .old_len = sizeof(buf), .number = 7,
	};
	uint64_t v;

	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_GET_OR_SET, &op));
	EXPECT_EQ(0, op.number);
	EXPECT_EQ(0, op.old_len);
	v = op.version;
	op.value = u64_of("two");
	op.old_len = sizeof(buf);
	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_GET_OR_SET, &op));
	EXPECT_EQ(1, op.number);
	EXPECT_EQ(3, op.old_len);
	EXPECT_EQ(v, op.version);
	EXPECT_EQ(0, memcmp(buf, "one", 3));
	op.old_len = 1;
	EXPECT_EQ(-EMSGSIZE, op_call(self->fd, CMAP_IOCTL_GET_OR_SET, &op));
	EXPECT_EQ(3, op.old_len);
}

TEST_F(map, add)
{
	struct cmap_op op = {
		.key = u64_of("n"), .key_len = 1, .number = 5, .start = 100,
	};
	int64_t sum;

	EXPECT_EQ(0, op_call(self->fd, CMAP_IOCTL_ADD, &op));
	EXPECT_EQ(105, op.number);
	EXPECT_EQ(0, add(self->fd, "n", 1, -205, &sum));
	EXPECT_EQ(-100, sum);

	/* An overflow at either end leaves the value unchanged. */
	op.number = INT64_MIN + 99;
	EXPECT_EQ(-EOVERFLOW, op_call(self->fd, CMAP_IOCTL_ADD, &op));
	EXPECT_EQ(0, add(self->fd, "n", 1, INT64_MIN + 100, &sum));
	EXPECT_EQ(INT64_MIN, sum);
	EXPECT_EQ(-EOVERFLOW, add(self->fd, "n", 1, -1, NULL));
	EXPECT_EQ(0, add(self->fd, "n", 1, 0, &sum));
	EXPECT_EQ(INT64_MIN, sum);
	op = (struct cmap_op){
		.key = u64_of("m"), .key_len = 1, .number = 1,
		.start = INT64_MAX,
	};
	EXPECT_EQ(-EOVERFLOW, op_call(self->fd, CMAP_IOCTL_ADD, &op));
	EXPECT_EQ(1, count(self->fd));

	ASSERT_EQ(0, set(self->fd, "t", 1, "1234567", 7));
	EXPECT_EQ(-EDOM, add(self->fd, "t", 1, 1, NULL));
}

TEST_F(map, clear_and_count)
{
	char buf[8];
	uint32_t len = sizeof(buf);
	int i;

	EXPECT_EQ(0, count(self->fd));
	EXPECT_EQ(0, clear(self->fd));
	for (i = 0; i < 3000; i++)
		ASSERT_EQ(0, set(self->fd, &i, sizeof(i), &i, sizeof(i)));
	EXPECT_EQ(3000, count(self->fd));
	EXPECT_EQ(3000, clear(self->fd));
	EXPECT_EQ(0, count(self->fd));
	i = 77;
	EXPECT_EQ(-ENOENT, get(self->fd, &i, sizeof(i), buf, &len));
	EXPECT_EQ(0, range_all(self->fd, 4096, NULL, NULL));
}

TEST(fixed_sizes)
{
	struct cmap_create args = {
		.flags = CMAP_CREATE_FIXED_KEY | CMAP_CREATE_FIXED_VALUE,
		.key_max = 8, .value_max = 16,
	};
	int fd = new_map_with(&args);
	char value[17] = {};

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, set(fd, "12345678", 8, value, 16));
	EXPECT_EQ(-EINVAL, set(fd, "1234567", 7, value, 16));
	EXPECT_EQ(-E2BIG, set(fd, "123456789", 9, value, 16));
	EXPECT_EQ(-EINVAL, set(fd, "12345678", 8, value, 15));
	EXPECT_EQ(-E2BIG, set(fd, "12345678", 8, value, 17));
	EXPECT_EQ(-EINVAL, add(fd, "87654321", 8, 1, NULL));
	close(fd);

	args = (struct cmap_create){
		.flags = CMAP_CREATE_FIXED_VALUE, .value_max = 0,
	};
	fd = new_map_with(&args);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, set(fd, "member", 6, NULL, 0));
	EXPECT_EQ(-E2BIG, set(fd, "member", 6, value, 1));
	close(fd);
}

TEST_HARNESS_MAIN
