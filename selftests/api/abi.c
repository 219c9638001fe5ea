// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of the ABI, and guarantee D3 (hostile callers) for single calls:
 * structures of every length, every flag and reserved field, every kind of bad
 * pointer.  Built for 32 bits, too.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#define LEAST_SHORT	40	/* GET, SET, DELETE: up to version */
#define LEAST_FULL	72	/* the others but TOUCH: up to start */

static const struct {
	unsigned long number;
	uint32_t least;
	uint32_t full;
} commands[] = {
	{ CMAP_IOCTL_CREATE, 56, sizeof(struct cmap_create) },
	{ CMAP_IOCTL_OPEN, 24, sizeof(struct cmap_name) },
	{ CMAP_IOCTL_UNLINK, 24, sizeof(struct cmap_name) },
	{ CMAP_IOCTL_LIST, 32, sizeof(struct cmap_list) },
	{ CMAP_IOCTL_RENAME, 24, sizeof(struct cmap_name) },
	{ CMAP_IOCTL_SETATTR, 24, sizeof(struct cmap_setattr) },
	{ CMAP_IOCTL_LIMITS, 64, sizeof(struct cmap_limits) },
	{ CMAP_IOCTL_GET, LEAST_SHORT, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_SET, LEAST_SHORT, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_DELETE, LEAST_SHORT, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_TAKE, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_SWAP, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_COMPARE_SWAP, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_COMPARE_DELETE, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_GET_OR_SET, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_ADD, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_TOUCH, 80, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_CLEAR, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_COUNT, LEAST_FULL, sizeof(struct cmap_op) },
	{ CMAP_IOCTL_STAT, 16, sizeof(struct cmap_stat) },
	{ CMAP_IOCTL_RANGE, 40, sizeof(struct cmap_range) },
	{ CMAP_IOCTL_BATCH, 32, sizeof(struct cmap_ops) },
	{ CMAP_IOCTL_FEED_READ, 56, sizeof(struct cmap_feed_read) },
	{ CMAP_IOCTL_FEED_CURSOR, 24, sizeof(struct cmap_feed_where) },
	{ CMAP_IOCTL_WATCH, 36, sizeof(struct cmap_watch) },
	{ CMAP_IOCTL_WAIT, 24, sizeof(struct cmap_wait) },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))
#define ROOM 8192

FIXTURE(abi)
{
	int fd;
	char *page;		/* one page with nothing mapped behind it */
	char *end;
	long page_size;
};

FIXTURE_SETUP(abi)
{
	self->page_size = sysconf(_SC_PAGESIZE);
	self->fd = new_map();
	ASSERT_GE(self->fd, 0);
	self->page = mmap(NULL, 2 * self->page_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	munmap(self->page + self->page_size, self->page_size);
	self->end = self->page + self->page_size;
	ASSERT_EQ(0, set(self->fd, "k", 1, "value", 5));
}

FIXTURE_TEARDOWN(abi)
{
	munmap(self->page, self->page_size);
	close(self->fd);
}

TEST_F(abi, layout)
{
	EXPECT_EQ(136, sizeof(struct cmap_create));
	EXPECT_EQ(24, sizeof(struct cmap_name));
	EXPECT_EQ(48, sizeof(struct cmap_list));
	EXPECT_EQ(72, sizeof(struct cmap_list_entry));
	EXPECT_EQ(24, sizeof(struct cmap_setattr));
	EXPECT_EQ(112, sizeof(struct cmap_limits));
	EXPECT_EQ(88, sizeof(struct cmap_op));
	EXPECT_EQ(400, sizeof(struct cmap_stat));
	EXPECT_EQ(56, sizeof(struct cmap_range));
	EXPECT_EQ(48, sizeof(struct cmap_entry));
	EXPECT_EQ(32, sizeof(struct cmap_ops));
	EXPECT_EQ(32, sizeof(struct cmap_feed_record));
	EXPECT_EQ(48, CMAP_FEED_CURSOR_BYTES(2));
	EXPECT_EQ(16, sizeof(struct cmap_feed_key));
	EXPECT_EQ(56, sizeof(struct cmap_feed_read));
	EXPECT_EQ(24, sizeof(struct cmap_feed_where));
	EXPECT_EQ(40, sizeof(struct cmap_watch));
	EXPECT_EQ(24, sizeof(struct cmap_wait_key));
	EXPECT_EQ(1280, sizeof(struct cmap_window_feed));
}

TEST_F(abi, d3_too_short_is_EINVAL)
{
	uint32_t buf[ROOM / 4];
	unsigned int i;
	uint32_t size;

	for (i = 0; i < COMMANDS; i++) {
		int fd = commands[i].number == CMAP_IOCTL_CREATE ||
			 commands[i].number == CMAP_IOCTL_OPEN ?
			 device(O_RDWR) : dup(self->fd);

		for (size = 0; size < commands[i].least; size++) {
			memset(buf, 0, sizeof(buf));
			buf[0] = size;
			EXPECT_EQ(-EINVAL, call(fd, commands[i].number, buf)) {
				TH_LOG("command %u size %u", i, size);
			}
		}
		close(fd);
	}
}

/* A short structure at the very end of memory, where more would fault. */
TEST_F(abi, d3_too_short_at_the_end_of_a_page)
{
	unsigned int i;

	for (i = 0; i < COMMANDS; i++) {
		uint32_t *at = (uint32_t *)(self->end - 4);

		*at = 4;
		EXPECT_EQ(commands[i].number == CMAP_IOCTL_CREATE ? -EINVAL :
			  -EINVAL, call(self->fd, commands[i].number, at));
		*at = commands[i].full;
		EXPECT_EQ(-EFAULT, call(self->fd, commands[i].number, at));
	}
}

TEST_F(abi, d3_longer_must_be_zero)
{
	unsigned int i, extra;
	char *buf = self->page;

	for (i = 0; i < COMMANDS; i++) {
		for (extra = 1; extra <= 64; extra += 9) {
			memset(buf, 0, self->page_size);
			*(uint32_t *)buf = commands[i].full + extra;
			buf[commands[i].full + extra - 1] = 1;
			EXPECT_EQ(-E2BIG,
				  call(self->fd, commands[i].number, buf)) {
				TH_LOG("command %u extra %u", i, extra);
			}
			buf[commands[i].full + extra - 1] = 0;
			EXPECT_NE(-E2BIG,
				  call(self->fd, commands[i].number, buf));
		}
		memset(buf, 0, self->page_size);
		*(uint32_t *)buf = UINT32_MAX;
		EXPECT_EQ(-EINVAL, call(self->fd, commands[i].number, buf));
	}
}

/* Every length from the least to the full one has the same effect. */
TEST_F(abi, d3_shorter_is_extended)
{
	char value[8];
	struct cmap_op op;
	uint32_t size;

	for (size = LEAST_SHORT; size <= sizeof(op); size++) {
		/* Bytes beyond the size are not read. */
		memset(&op, 0xff, sizeof(op));
		op.size = size;
		op.code = 0;
		op.flags = 0;
		op.key = u64_of("k");
		op.key_len = 1;
		op.value = u64_of(value);
		op.value_len = sizeof(value);
		ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_GET, &op));
		ASSERT_EQ(5, op.value_len);
		ASSERT_EQ(-1, op.number);
	}
}

/* Everything that a create refuses, each unknown flag included. */
static void bad_creates(struct __test_metadata *_metadata, int fd)
{
	static const struct {
		struct cmap_create create;
		int err;
	} bad[] = {
		{ { .__reserved = 1 }, -EINVAL },
		{ { .mode = 01000 }, -EINVAL },
		{ { .mode = 0700 }, -EINVAL },
		{ { .mode = 0x10000 }, -EINVAL },
		{ { .key_max = CMAP_KEY_MAX + 1 }, -EINVAL },
		{ { .value_max = CMAP_VALUE_MAX + 1 }, -EINVAL },
		{ { .shards = 3 }, -EINVAL },
		{ { .shards = 2 * CMAP_SHARDS_MAX }, -EINVAL },
		{ { .max_entries = 1ULL << 63 }, -EINVAL },
		{ { .max_bytes = UINT64_MAX }, -EINVAL },
		{ { .max_bytes = 1 }, -ENOSPC },
		{ { .feed_value_max = 1 }, -EINVAL },
		{ { .feed_bytes = 2048 }, -EINVAL },
		{ { .feed_bytes = 12288 }, -EINVAL },
		{ { .feed_bytes = 2 * CMAP_FEED_BYTES_MAX }, -EINVAL },
		{ { .feed_bytes = 65536, .feed_value_max = 16384 }, -EINVAL },
		{ { .feed_bytes = CMAP_FEED_BYTES_MAX,
		    .feed_value_max = CMAP_FEED_VALUE_MAX + 1 }, -EINVAL },
	};
	struct cmap_create create;
	unsigned int i;

	for (i = 4; i < 32; i++) {
		create = (struct cmap_create){ .flags = 1U << i };
		EXPECT_EQ(-EINVAL, create_with(fd, &create));
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		create = bad[i].create;
		EXPECT_EQ(bad[i].err, create_with(fd, &create)) {
			TH_LOG("number %u", i);
		}
	}
}

/* Only SET can insert, and only batch elements have a code. */
static void flags_of_other_commands(struct __test_metadata *_metadata, int fd)
{
	struct cmap_op op;
	unsigned int i;

	for (i = CMAP_CODE_TAKE; i <= CMAP_CODE_COUNT; i++) {
		if (i > CMAP_CODE_TOUCH && i < CMAP_CODE_CLEAR)
			continue;
		op = (struct cmap_op){
			.flags = 1, .key = u64_of("k"), .key_len = 1,
		};
		EXPECT_EQ(-EINVAL, op_call(fd, _IO(CMAP_IOC_MAGIC, i), &op));
		op.flags = 0;
		op.code = CMAP_CODE_GET;
		EXPECT_EQ(-EINVAL, op_call(fd, _IO(CMAP_IOC_MAGIC, i), &op));
	}
}

TEST_F(abi, d3_flags_and_reserved)
{
	struct cmap_name name = {
		.size = sizeof(name), .name = u64_of("x"), .name_len = 1,
	};
	static const struct cmap_setattr bad_setattr[] = {
		{ .flags = 8 }, { .flags = CMAP_SET_MODE, .mode = 01000 },
		{ .flags = CMAP_SET_MODE, .mode = 0111 }, { .mode = 0600 },
		{ .uid = 1 }, { .gid = 1 }, { .__reserved = 1 },
		{ .flags = CMAP_SET_UID, .uid = -1 },
		{ .flags = CMAP_SET_GID, .gid = -1 },
	};
	struct cmap_limits limits = { .size = sizeof(limits), .flags = 1 };
	struct cmap_list list = { .size = sizeof(list), .flags = 1 };
	struct cmap_stat stat = { .size = sizeof(stat), .flags = 2 };
	struct cmap_range range = { .size = sizeof(range), .flags = 2 };
	struct cmap_ops ops = { .size = sizeof(ops), .flags = 1 };
	unsigned int i;
	int fd = device(O_RDWR);

	bad_creates(_metadata, fd);

	name.flags = 1;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_UNLINK, &name));
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_RENAME, &name));
	name.flags = 2;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_OPEN, &name));
	for (i = 0; i < sizeof(bad_setattr) / sizeof(*bad_setattr); i++) {
		struct cmap_setattr attr = bad_setattr[i];

		attr.size = sizeof(attr);
		EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_SETATTR, &attr)) {
			TH_LOG("number %u", i);
		}
	}
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_LIMITS, &limits));
	name.flags = 0;
	name.__reserved = 1;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_OPEN, &name));
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_UNLINK, &name));
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_LIST, &list));
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_STAT, &stat));
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_RANGE, &range));
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_BATCH, &ops));
	ops.flags = 0;
	ops.__reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_BATCH, &ops));

	flags_of_other_commands(_metadata, self->fd);
	EXPECT_EQ(1, count(self->fd));
	close(fd);
}

TEST_F(abi, d3_unknown_commands)
{
	char buf[256] = {};
	unsigned int i, j;

	for (i = 0; i < 256; i++) {
		for (j = 0; j < COMMANDS; j++)
			if (_IOC_NR(commands[j].number) == i)
				break;
		if (j == COMMANDS)
			EXPECT_EQ(-ENOTTY, call(self->fd,
						_IO(CMAP_IOC_MAGIC, i), buf));
	}
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(CMAP_IOC_MAGIC + 1, 0x10), buf));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IOWR(CMAP_IOC_MAGIC, 0x10,
						struct cmap_op), buf));
	/* A terminal command, which programs try on any descriptor. */
	EXPECT_EQ(-ENOTTY, call(self->fd, 0x5401, buf));
}

TEST_F(abi, d3_not_bound_and_bound)
{
	struct cmap_create args = {};
	int fd = device(O_RDWR);
	unsigned int i;
	uint32_t buf[64];

	for (i = 0; i < COMMANDS; i++) {
		memset(buf, 0, sizeof(buf));
		buf[0] = commands[i].full;
		if (_IOC_NR(commands[i].number) >= CMAP_CODE_GET)
			EXPECT_EQ(-EBADFD, call(fd, commands[i].number, buf));
	}
	EXPECT_EQ(-EBUSY, create_with(self->fd, &args));
	EXPECT_EQ(-EBUSY, open_named(self->fd, "whatever"));
	close(fd);
}

TEST_F(abi, d3_access_modes)
{
	static const struct {
		unsigned int code;
		int mode;	/* bits: 1 read, 2 write */
	} needs[] = {
		{ CMAP_CODE_GET, 1 }, { CMAP_CODE_SET, 2 },
		{ CMAP_CODE_DELETE, 2 }, { CMAP_CODE_TAKE, 3 },
		{ CMAP_CODE_SWAP, 3 }, { CMAP_CODE_COMPARE_SWAP, 2 },
		{ CMAP_CODE_COMPARE_DELETE, 2 }, { CMAP_CODE_GET_OR_SET, 3 },
		{ CMAP_CODE_ADD, 3 }, { CMAP_CODE_CLEAR, 2 },
		{ CMAP_CODE_COUNT, 1 }, { CMAP_CODE_RANGE, 1 },
		{ CMAP_CODE_FEED_READ, 1 }, { CMAP_CODE_FEED_CURSOR, 1 },
	};
	int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int owner = device(O_RDWR);
	unsigned int i, m;

	ASSERT_EQ(0, create_named(owner, "abi_access", 0600));
	for (m = 0; m < 3; m++) {
		int fd = device(modes[m]);

		ASSERT_EQ(0, open_named(fd, "abi_access"));
		for (i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
			uint32_t buf[64] = { sizeof(struct cmap_op) };
			struct cmap_op op = {
				.size = sizeof(op), .code = needs[i].code,
				.value = u64_of(buf),
			};
			struct cmap_ops ops = {
				.size = sizeof(ops), .ops = u64_of(&op),
				.count = 1, .op_size = sizeof(op),
			};
			bool allowed = !(needs[i].mode & ~(m + 1));
			int err;

			if (needs[i].code == CMAP_CODE_RANGE)
				buf[0] = sizeof(struct cmap_range);
			err = call(fd, _IO(CMAP_IOC_MAGIC, needs[i].code), buf);
			EXPECT_EQ(allowed, err != -EBADF);
			/* A batch does not get around the check. */
			ASSERT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &ops));
			EXPECT_EQ(allowed, op.error != -EBADF);
		}
		close(fd);
	}
	close(owner);
	EXPECT_EQ(0, unlink_named("abi_access"));

	/* Creating or opening for writing needs a writable descriptor. */
	owner = device(O_RDONLY);
	EXPECT_EQ(-EBADF, create_named(owner, "abi_ro", 0600));
	close(owner);
}

TEST_F(abi, d3_bad_structure_pointers)
{
	unsigned int i;
	char *kernel = (char *)(uintptr_t)(sizeof(long) == 8 ?
				0xffff888000000000ULL : 0xc0001000UL);

	for (i = 0; i < COMMANDS; i++) {
		char *at = self->end - commands[i].full;

		EXPECT_EQ(-EFAULT, call(self->fd, commands[i].number, NULL));
		EXPECT_EQ(-EFAULT, call(self->fd, commands[i].number,
					self->end));
		EXPECT_EQ(-EFAULT, call(self->fd, commands[i].number, kernel));
		/* Complete at the page's end, and then one byte short. */
		memset(at, 0, commands[i].full);
		*(uint32_t *)at = commands[i].full;
		EXPECT_NE(-EFAULT, call(self->fd, commands[i].number, at));
		at++;
		memset(at, 0, self->end - at);
		*(uint32_t *)at = commands[i].full;
		EXPECT_EQ(-EFAULT, call(self->fd, commands[i].number, at));
	}
}

/* The results cannot be written, so nothing may change (part of D2). */
TEST_F(abi, d3_read_only_structure_changes_nothing)
{
	static const unsigned long writes[] = {
		CMAP_IOCTL_SET, CMAP_IOCTL_DELETE, CMAP_IOCTL_TAKE,
		CMAP_IOCTL_SWAP, CMAP_IOCTL_COMPARE_DELETE,
		CMAP_IOCTL_ADD, CMAP_IOCTL_CLEAR,
	};
	struct cmap_op *op = (struct cmap_op *)self->page;
	uint64_t before, after;
	char buf[8];
	uint32_t len;
	unsigned int i;

	len = sizeof(buf);
	ASSERT_EQ(0, get_version(self->fd, "k", 1, buf, &len, &before));
	for (i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		mprotect(self->page, self->page_size, PROT_READ | PROT_WRITE);
		*op = (struct cmap_op){
			.size = sizeof(*op), .key = u64_of("k"), .key_len = 1,
			.value = u64_of("new"), .value_len = 3,
			.old = u64_of("value"), .old_len = 5,
		};
		if (writes[i] == CMAP_IOCTL_TAKE || writes[i] == CMAP_IOCTL_SWAP)
			op->old = op->old_len = 0;
		mprotect(self->page, self->page_size, PROT_READ);
		EXPECT_EQ(-EFAULT, call(self->fd, writes[i], op)) {
			TH_LOG("write %u", i);
		}
		len = sizeof(buf);
		EXPECT_EQ(0, get_version(self->fd, "k", 1, buf, &len, &after));
		EXPECT_EQ(before, after);
	}
	mprotect(self->page, self->page_size, PROT_READ | PROT_WRITE);
}

TEST_F(abi, d3_bad_key_and_value_pointers)
{
	char buf[8];
	uint32_t len;

	memset(self->end - 4, 'q', 4);
	EXPECT_EQ(-EFAULT, set(self->fd, NULL, 1, "v", 1));
	EXPECT_EQ(-EFAULT, set(self->fd, self->end, 1, "v", 1));
	EXPECT_EQ(-EFAULT, set(self->fd, self->end - 4, 5, "v", 1));
	EXPECT_EQ(-EFAULT, set(self->fd, "q", 1, NULL, 1));
	EXPECT_EQ(-EFAULT, set(self->fd, "q", 1, self->end - 4, 5));
	EXPECT_EQ(-EFAULT, set(self->fd, "q", 1, self->end - 400, 1000));
	EXPECT_EQ(1, count(self->fd));
	EXPECT_EQ(0, set(self->fd, self->end - 4, 4, self->end - 4, 4));

	/* The value's buffer crosses a page's end, is read-only, or missing. */
	len = 5;
	memset(self->end - 4, POISON, 4);
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of(self->end - 4), .value_len = 5,
	};
	EXPECT_EQ(-EFAULT, op_call(self->fd, CMAP_IOCTL_GET, &op));
	mprotect(self->page, self->page_size, PROT_READ);
	op.value = u64_of(self->page);
	EXPECT_EQ(-EFAULT, op_call(self->fd, CMAP_IOCTL_GET, &op));
	mprotect(self->page, self->page_size, PROT_READ | PROT_WRITE);
	EXPECT_EQ(0, get(self->fd, "k", 1, buf, &len));
}

/* The old value cannot be written, so the entry stays as it is. */
TEST_F(abi, d3_bad_old_pointers_change_nothing)
{
	static const unsigned long takers[] = {
		CMAP_IOCTL_TAKE, CMAP_IOCTL_SWAP, CMAP_IOCTL_GET_OR_SET,
	};
	uint64_t before, after;
	char buf[8];
	uint32_t len = sizeof(buf);
	unsigned int i, j;

	ASSERT_EQ(0, get_version(self->fd, "k", 1, buf, &len, &before));
	mprotect(self->page, self->page_size, PROT_READ);
	for (i = 0; i < sizeof(takers) / sizeof(*takers); i++) {
		uint64_t bad[] = {
			1, u64_of(self->end), u64_of(self->end - 2),
			u64_of(self->page), UINT64_MAX - 2,
		};

		for (j = 0; j < sizeof(bad) / sizeof(*bad); j++) {
			struct cmap_op op = {
				.key = u64_of("k"), .key_len = 1,
				.value = u64_of("new"), .value_len = 3,
				.old = bad[j], .old_len = 100,
			};

			EXPECT_EQ(-EFAULT, op_call(self->fd, takers[i], &op));
			len = sizeof(buf);
			EXPECT_EQ(0, get_version(self->fd, "k", 1, buf, &len,
						 &after));
			EXPECT_EQ(before, after);
		}
	}
	mprotect(self->page, self->page_size, PROT_READ | PROT_WRITE);
}

/* Buffers without pages yet are filled in by page faults. */
TEST_F(abi, d3_buffers_not_yet_present)
{
	size_t size = 1 << 20;
	char *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char value[70000];
	uint32_t len = sizeof(value);
	struct cmap_op op = {
		.key = u64_of("big"), .key_len = 3,
		.value = u64_of(fresh), .value_len = size,
	};

	memset(value, 'v', sizeof(value));
	ASSERT_EQ(0, set(self->fd, "big", 3, value, len));
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_GET, &op));
	EXPECT_EQ(len, op.value_len);
	EXPECT_EQ(0, memcmp(fresh, value, len));
	madvise(fresh, size, MADV_DONTNEED);
	op.old = u64_of(fresh);
	op.old_len = size;
	ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_TAKE, &op));
	EXPECT_EQ(len, op.old_len);
	EXPECT_EQ(0, memcmp(fresh, value, len));
	munmap(fresh, size);
}

TEST_F(abi, d3_range_and_list_buffers)
{
	struct cmap_range range = { .size = sizeof(range) };
	struct cmap_list list = { .size = sizeof(list) };

	range.buf_len = 4096;
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_RANGE, &range));
	range = (struct cmap_range){ .size = sizeof(range) };
	EXPECT_EQ(-EMSGSIZE, call(self->fd, CMAP_IOCTL_RANGE, &range));
	EXPECT_EQ(sizeof(struct cmap_entry) + 8 + 8, range.buf_len);
	range.buf = u64_of(self->end - range.buf_len);
	range.cursor = (struct cmap_cursor){};
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));
	EXPECT_EQ(1, range.count);
	range.buf_len = UINT32_MAX;
	range.cursor = (struct cmap_cursor){};
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));

	/* Any cursor is a valid position. */
	range.cursor = (struct cmap_cursor){ UINT64_MAX, UINT64_MAX };
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));
	EXPECT_EQ(0, range.count);
	range.cursor = (struct cmap_cursor){ 1ULL << 47, UINT64_MAX };
	range.buf_len = 4096;
	range.buf = u64_of(self->page);
	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));

	EXPECT_EQ(0, call(self->fd, CMAP_IOCTL_LIST, &list));
}

/* No byte of a record comes from old kernel memory. */
TEST_F(abi, d3_padding_is_zero)
{
	struct cmap_range range = { .size = sizeof(range) };
	char *buf = self->page;
	unsigned int i, j;
	char *p = buf;
	char key[16];

	memset(key, 'k', sizeof(key));
	for (i = 1; i <= 16; i++)
		ASSERT_EQ(0, set(self->fd, key, i, "vvvvvvvvv", i % 9));
	memset(buf, POISON, self->page_size);
	range.buf = u64_of(buf);
	range.buf_len = self->page_size;
	ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_RANGE, &range));
	EXPECT_EQ(16, range.count);
	for (i = 0; i < range.count; i++) {
		struct cmap_entry *e = (struct cmap_entry *)p;

		EXPECT_GE(e->key_offset, sizeof(*e));
		for (j = e->key_offset + e->key_len; j < e->value_offset; j++)
			EXPECT_EQ(0, p[j]);
		for (j = e->value_offset + e->value_len; j < e->size; j++)
			EXPECT_EQ(0, p[j]);
		p += e->size;
	}
	EXPECT_EQ(p, buf + range.buf_len);
	EXPECT_EQ((char)POISON, *p);
}

TEST_HARNESS_MAIN
