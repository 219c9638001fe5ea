// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: each element acts as if alone, in order, whatever the others do.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

static int batch(int fd, struct cmap_op *ops, unsigned int count,
		 unsigned int *done)
{
	struct cmap_ops args = {
		.size = sizeof(args), .ops = u64_of(ops), .count = count,
		.op_size = sizeof(*ops), .done = 12345,
	};
	int err = call(fd, CMAP_IOCTL_BATCH, &args);

	*done = args.done;
	return err;
}

FIXTURE(batch)
{
	int fd;
};

FIXTURE_SETUP(batch)
{
	self->fd = new_map();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(batch)
{
	close(self->fd);
}

#define OP(c, ...) { .size = sizeof(struct cmap_op), .code = CMAP_CODE_##c, \
		     .key = (uintptr_t)"k", .key_len = 1, .error = 99, __VA_ARGS__ }

TEST_F(batch, every_command)
{
	char got[8], taken[8], swapped[8], gos[8], records[256];
	struct cmap_stat stat = { .size = sizeof(stat) };
	struct cmap_range range = {
		.size = sizeof(range), .buf = u64_of(records),
		.buf_len = sizeof(records),
	};
	struct cmap_op ops[] = {
		OP(SET, .value = u64_of("one"), .value_len = 3),
		OP(GET, .value = u64_of(got), .value_len = 8),
		OP(SWAP, .value = u64_of("two"), .value_len = 3,
		   .old = u64_of(swapped), .old_len = 8),
		OP(COMPARE_SWAP, .value = u64_of("four"), .value_len = 4,
		   .old = u64_of("three"), .old_len = 5),
		OP(COMPARE_SWAP, .value = u64_of("four"), .value_len = 4,
		   .old = u64_of("two"), .old_len = 3),
		OP(GET_OR_SET, .value = u64_of("five"), .value_len = 4,
		   .old = u64_of(gos), .old_len = 8),
		OP(RANGE, .value = u64_of(&range)),
		OP(STAT, .value = u64_of(&stat)),
		OP(TAKE, .old = u64_of(taken), .old_len = 8),
		OP(DELETE),
		OP(ADD, .number = 7, .start = 1),
		OP(COUNT),
		OP(COMPARE_DELETE, .old = u64_of("x"), .old_len = 1),
		OP(CLEAR),
		OP(BATCH), OP(CREATE), OP(LIST), OP(UNLINK),
		{ .size = sizeof(struct cmap_op), .code = 0xffff },
	};
	static const int errors[] = {
		0, 0, 0, -ESTALE, 0, 0, 0, 0, 0, -ENOENT, 0, 0, -ESTALE, 0,
		-EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
	};
	unsigned int done, i;

	ASSERT_EQ(0, batch(self->fd, ops, sizeof(ops) / sizeof(*ops), &done));
	ASSERT_EQ(sizeof(errors) / sizeof(*errors), done);
	for (i = 0; i < done; i++)
		EXPECT_EQ(errors[i], ops[i].error) {
			TH_LOG("number %u", i);
		}
	EXPECT_EQ(3, ops[1].value_len);
	EXPECT_EQ(ops[0].version, ops[1].version);
	EXPECT_EQ(0, memcmp(got, "one", 3));
	EXPECT_EQ(1, ops[2].number);
	EXPECT_EQ(0, memcmp(swapped, "one", 3));
	EXPECT_EQ(1, ops[5].number);
	EXPECT_EQ(0, memcmp(gos, "four", 4));
	EXPECT_EQ(1, range.count);
	EXPECT_EQ(1, stat.entries);
	EXPECT_EQ(4, ops[8].old_len);
	EXPECT_EQ(0, memcmp(taken, "four", 4));
	EXPECT_EQ(8, ops[10].number);
	EXPECT_EQ(1, ops[11].number);
	EXPECT_EQ(1, ops[13].number);
}

TEST_F(batch, many)
{
	static struct cmap_op ops[1000];
	static int keys[1000], values[1000];
	unsigned int done;
	int i;

	for (i = 0; i < 1000; i++) {
		keys[i] = i;
		ops[i] = (struct cmap_op)OP(SET, .value = u64_of(&keys[i]),
					    .value_len = 4);
		ops[i].key = u64_of(&keys[i]);
		ops[i].key_len = i % 10 == 3 ? CMAP_KEY_MAX + 1 : 4;
	}
	ASSERT_EQ(0, batch(self->fd, ops, 1000, &done));
	EXPECT_EQ(1000, done);
	EXPECT_EQ(900, count(self->fd));
	for (i = 0; i < 1000; i++) {
		EXPECT_EQ(i % 10 == 3 ? -E2BIG : 0, ops[i].error);
		ops[i].code = CMAP_CODE_GET;
		ops[i].key_len = 4;
		ops[i].value = u64_of(&values[i]);
		values[i] = -1;
	}
	ASSERT_EQ(0, batch(self->fd, ops, 1000, &done));
	for (i = 0; i < 1000; i++) {
		EXPECT_EQ(i % 10 == 3 ? -ENOENT : 0, ops[i].error);
		EXPECT_EQ(i % 10 == 3 ? -1 : i, values[i]);
	}
	EXPECT_EQ(0, batch(self->fd, NULL, 0, &done));
	EXPECT_EQ(0, done);
}

static char long_bytes[5000], got[5000];

/* One element that differs from the sets around it, and its result. */
static const struct odd {
	uint16_t code;
	uint16_t flags;
	uint64_t version;
	const void *key;
	uint32_t key_len;
	void *value;
	uint32_t value_len;
	int error;
} odd_ones[] = {
	{ CMAP_CODE_SET, 0, 0, "k", 1, (void *)8, 1, -EFAULT },
	{ CMAP_CODE_SET, 0, 0, (void *)8, 1, "v", 1, -EFAULT },
	{ CMAP_CODE_SET, 0, 0, NULL, 0, "v", 1, 0 },
	{ CMAP_CODE_SET, 0, 0, "k", CMAP_KEY_MAX + 1, "v", 1, -E2BIG },
	{ CMAP_CODE_SET, 0, 0, "k", 1, "v", CMAP_VALUE_MAX + 1, -E2BIG },
	{ CMAP_CODE_SET, 0x8000, 0, "k", 1, "v", 1, -EINVAL },
	{ CMAP_CODE_SET, CMAP_OP_VERSION, 0, "k", 1, "v", 1, -EINVAL },
	{ CMAP_CODE_SET, CMAP_OP_INSERT, 0, "k", 1, "v", 1, -EEXIST },
	{ CMAP_CODE_SET, CMAP_OP_VERSION, 1, "k", 1, "v", 1, -ESTALE },
	{ CMAP_CODE_SET, CMAP_OP_REPLACE, 0, "none", 4, "v", 1, -ENOENT },
	{ CMAP_CODE_SET, 0, 0, "k", 1, long_bytes, sizeof(long_bytes), 0 },
	{ CMAP_CODE_SET, 0, 0, long_bytes, 200, "v", 1, 0 },
	{ CMAP_CODE_GET, 0, 0, "k", 1, got, sizeof(got), 0 },
	{ CMAP_CODE_DELETE, 0, 0, "k", 1, NULL, 0, 0 },
};

#define ROW 30

/* Sets of one key, each to another value, with one odd element among them. */
static void make_row(struct cmap_op *ops, int *values, unsigned int at,
		     const struct odd *odd)
{
	unsigned int i;

	for (i = 0; i < ROW; i++) {
		values[i] = at * 100 + i;
		ops[i] = (struct cmap_op)OP(SET, .value = u64_of(&values[i]),
					    .value_len = sizeof(values[i]));
	}
	ops[at].code = odd->code;
	ops[at].flags = odd->flags;
	ops[at].version = odd->version;
	ops[at].key = u64_of(odd->key);
	ops[at].key_len = odd->key_len;
	ops[at].value = u64_of(odd->value);
	ops[at].value_len = odd->value_len;
}

/*
 * Sets in a row are carried out together.  Each must still see the result of
 * those before it, and one that fails must not affect the others.  The odd
 * element is put at each place of the row in turn.
 */
TEST_F(batch, sets_in_a_row)
{
	const struct odd *odd = odd_ones, *end = odd + sizeof(odd_ones) / sizeof(*odd);
	struct cmap_op ops[ROW];
	unsigned int done, at, i;
	int values[ROW];
	uint64_t version;
	uint32_t len;

	for (; odd < end; odd++) {
		for (at = 1; at < ROW - 1; at++) {
			make_row(ops, values, at, odd);
			ASSERT_EQ(0, batch(self->fd, ops, ROW, &done));
			ASSERT_EQ(ROW, done);
			for (version = 0, i = 0; i < ROW; i++) {
				if (i == at)
					continue;
				ASSERT_EQ(0, ops[i].error);
				ASSERT_GT(ops[i].version, version);
				version = ops[i].version;
			}
			ASSERT_EQ(odd->error, ops[at].error)
				TH_LOG("odd one %td at %u", odd - odd_ones, at);
			if (odd->error == -EEXIST || odd->error == -ESTALE)
				ASSERT_EQ(ops[at - 1].version, ops[at].version);
			if (odd->code == CMAP_CODE_GET)
				ASSERT_EQ(0, memcmp(got, &values[at - 1],
						    sizeof(int)));
			len = sizeof(got);
			ASSERT_EQ(0, get(self->fd, "k", 1, got, &len));
			ASSERT_EQ(sizeof(int), len);
			ASSERT_EQ(0, memcmp(got, &values[ROW - 1], len));
		}
	}
	/* "k", the long key and the empty one. */
	EXPECT_EQ(3, count(self->fd));
}

TEST_F(batch, an_element_with_a_bad_pointer_fails_alone)
{
	struct cmap_op ops[] = {
		OP(SET, .value = u64_of("x"), .value_len = 1),
		OP(SET, .value = 8, .value_len = 1),
		OP(STAT, .value = 8),
		OP(SET, .value = u64_of("y"), .value_len = 1),
	};
	unsigned int done;

	ASSERT_EQ(0, batch(self->fd, ops, 4, &done));
	EXPECT_EQ(0, ops[0].error);
	EXPECT_EQ(-EFAULT, ops[1].error);
	EXPECT_EQ(-EFAULT, ops[2].error);
	EXPECT_EQ(0, ops[3].error);
}

/*
 * The array runs into unmapped or read-only memory, at many places in turn.
 * Exactly the whole elements before that place are carried out.
 */
TEST_F(batch, fault_in_the_middle)
{
	long page = sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fit, total = 100, guard, i;
	unsigned int done;

	for (guard = 0; guard < 2; guard++) {
		for (fit = 0; fit <= 40; fit++) {
			/* Room for @fit elements and half of another. */
			struct cmap_op *ops = (void *)(mem + 2 * page -
				fit * sizeof(*ops) - sizeof(*ops) / 2);
			int64_t sum;

			mprotect(mem, 3 * page, PROT_READ | PROT_WRITE);
			clear(self->fd);
			for (i = 0; (char *)(ops + i + 1) <= mem + 3 * page &&
			     i < total; i++)
				ops[i] = (struct cmap_op)OP(ADD, .number = 1);
			mprotect(mem + 2 * page, page,
				 guard ? PROT_READ : PROT_NONE);
			ASSERT_EQ(-EFAULT, batch(self->fd, ops, total, &done));
			ASSERT_EQ(fit, done);
			for (i = 0; i < fit; i++) {
				ASSERT_EQ(0, ops[i].error);
				ASSERT_EQ(i + 1, ops[i].number);
			}
			if (fit) {
				ASSERT_EQ(0, add(self->fd, "k", 1, 0, &sum));
				ASSERT_EQ(fit, sum);
			} else {
				ASSERT_EQ(0, count(self->fd));
			}
		}
	}
	munmap(mem, 3 * page);
}

TEST_F(batch, header_refused)
{
	struct cmap_op op = OP(COUNT);
	struct cmap_ops args = {
		.size = sizeof(args), .ops = u64_of(&op), .count = 1,
	};
	static const unsigned int bad[] = { 0, 8, 40, 71, 73, 76, 1 << 20 };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		args.op_size = bad[i];
		EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_BATCH, &args));
	}
	args.op_size = sizeof(op);
	args.count = CMAP_BATCH_MAX + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_BATCH, &args));
	args.count = 1;
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_BATCH, &args));
	EXPECT_EQ(0, op.error);
	op.size = 40;
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_BATCH, &args));
	EXPECT_EQ(-EINVAL, op.error);
	EXPECT_EQ(40, op.size);
}

/* Elements of a later ABI: longer, with zeroes in the unknown part. */
TEST_F(batch, longer_elements)
{
	struct {
		struct cmap_op op;
		uint64_t more[2];
	} ops[40] = {};
	struct cmap_ops args = {
		.size = sizeof(args), .ops = u64_of(ops), .count = 40,
		.op_size = sizeof(ops[0]),
	};
	int64_t sum;
	int i;

	for (i = 0; i < 40; i++) {
		ops[i].op = (struct cmap_op)OP(ADD, .number = 1);
		ops[i].op.size = sizeof(ops[0]);
	}
	ops[7].more[1] = 1;
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_BATCH, &args));
	EXPECT_EQ(40, args.done);
	for (i = 0; i < 40; i++)
		EXPECT_EQ(i == 7 ? -E2BIG : 0, ops[i].op.error);
	EXPECT_EQ(1, ops[7].more[1]);
	EXPECT_EQ(0, add(self->fd, "k", 1, 0, &sum));
	EXPECT_EQ(39, sum);
}

/*
 * Every element must have the size that the batch states.  In an array of
 * longer elements, another size was accepted once.  Then the check for zeroes
 * behind the element covered too much or nothing.
 */
TEST_F(batch, longer_elements_of_other_sizes)
{
	struct {
		struct cmap_op op;
		uint64_t more[2];
	} ops[5] = {};
	struct cmap_ops args = {
		.size = sizeof(args), .ops = u64_of(ops), .count = 5,
		.op_size = sizeof(ops[0]),
	};
	int64_t sum;
	int i;

	for (i = 0; i < 5; i++) {
		ops[i].op = (struct cmap_op)OP(ADD, .number = 1);
		ops[i].op.size = sizeof(ops[0]);
	}
	ops[1].op.size = sizeof(struct cmap_op);
	ops[1].more[0] = 1;
	ops[2].op.size = sizeof(ops[0]) + 8;
	ops[3].op.size = 16;
	ops[4].op.size = 4096;
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_BATCH, &args));
	EXPECT_EQ(5, args.done);
	EXPECT_EQ(0, ops[0].op.error);
	for (i = 1; i < 5; i++)
		EXPECT_EQ(-EINVAL, ops[i].op.error);
	EXPECT_EQ(0, add(self->fd, "k", 1, 0, &sum));
	EXPECT_EQ(1, sum);
}

/* Results of longer elements are written one by one, as far as they can be. */
TEST_F(batch, longer_elements_read_only)
{
	const size_t longer = sizeof(struct cmap_op) + 8;
	char *array = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cmap_ops args = {
		.size = sizeof(args), .ops = u64_of(array), .count = 3,
		.op_size = longer,
	};
	int64_t sum;
	int i;

	ASSERT_NE(MAP_FAILED, array);
	for (i = 0; i < 3; i++) {
		struct cmap_op op = (struct cmap_op)OP(ADD, .number = 1);

		op.size = longer;
		memcpy(array + i * longer, &op, sizeof(op));
	}
	ASSERT_EQ(0, mprotect(array, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_BATCH, &args));
	EXPECT_EQ(0, args.done);
	EXPECT_EQ(0, add(self->fd, "k", 1, 0, &sum));
	EXPECT_EQ(0, sum);
	munmap(array, 4096);
}

TEST_HARNESS_MAIN
