// SPDX-License-Identifier: GPL-2.0
/*
 * Writes with options, through the shared library: what each write does to a deadline,
 * touch, the rate limiter, batches, and what is refused.
 *
 * deadline: 60
 */
#include "expiry.h"

/* ---- what each write does to a deadline ---- */

static const struct {
	int operation;
	bool there;	/* before, with a deadline */
	bool keeps;	/* that one, without a flag */
} writes[] = {
	{ KCMAP_OP_SET, true }, { KCMAP_OP_SET, false },
	{ KCMAP_OP_INSERT, false }, { KCMAP_OP_REPLACE, true },
	{ KCMAP_OP_SWAP, true }, { KCMAP_OP_SWAP, false },
	{ KCMAP_OP_COMPARE_SWAP, true }, { KCMAP_OP_GET_OR_SET, false },
	{ KCMAP_OP_ADD, true, true }, { KCMAP_OP_ADD, false },
	{ KCMAP_OP_TOUCH, true },
};

#define WRITES	(sizeof(writes) / sizeof(*writes))
#define NUMBER	"8 bytes."

/* Make the entry that a write finds.  Returns its deadline; 0 if there is none. */
static uint64_t entry_before(struct kcmap *map, unsigned int i)
{
	struct kcmap_command set = command_of(KCMAP_OP_SET, 0, LONG);

	set.value = NUMBER;
	set.value_len = 8;
	if (writes[i].there)
		return kcmap_write(map, &set, NULL) ? 1 : deadline_of(map);
	kcmap_delete(map, "k", 1, NULL);
	return 0;
}

static struct kcmap_command nth_write(unsigned int i, uint32_t flags)
{
	static char old[8];
	struct kcmap_command command = command_of(writes[i].operation, flags, 0);

	printf("# operation %d, %s\n", writes[i].operation,
	       writes[i].there ? "there" : "absent");
	command.value = command.expected = NUMBER;
	command.value_len = command.expected_len = 8;
	command.old = old;
	command.old_size = sizeof(old);
	if (flags & KCMAP_WRITE_TTL)
		command.ttl = 2 * LONG;
	return command;
}

TEST_F(expiry, writes_without_a_deadline)
{
	struct kcmap_command command;
	struct kcmap_result result;
	unsigned int i;
	uint64_t old;

	for (i = 0; i < WRITES; i++) {
		command = nth_write(i, 0);
		old = entry_before(self->map, i);
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(writes[i].keeps ? old : 0, result.deadline);
		EXPECT_EQ(result.deadline, deadline_of(self->map));
	}
}

TEST_F(expiry, writes_with_a_time_to_live)
{
	struct kcmap_command command;
	struct kcmap_result result;
	uint64_t before;
	unsigned int i;

	for (i = 0; i < WRITES; i++) {
		command = nth_write(i, KCMAP_WRITE_TTL);
		entry_before(self->map, i);
		before = boot_now();
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_BETWEEN(before, result.deadline, boot_now(), 2 * LONG);
		EXPECT_EQ(result.deadline, deadline_of(self->map));
	}
}

TEST_F(expiry, writes_that_keep_a_deadline)
{
	struct kcmap_command command;
	struct kcmap_result result;
	uint64_t before, old;
	unsigned int i;

	for (i = 0; i < WRITES; i++) {
		command = nth_write(i, KCMAP_WRITE_TTL | KCMAP_WRITE_KEEP_DEADLINE);
		old = entry_before(self->map, i);
		before = boot_now();
		if (writes[i].operation == KCMAP_OP_TOUCH) {
			ERR(EINVAL, kcmap_write(self->map, &command, &result));
			continue;
		}
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		if (writes[i].there) {
			EXPECT_EQ(old, result.deadline);
		} else {
			EXPECT_BETWEEN(before, result.deadline, boot_now(),
				       2 * LONG);
		}
		EXPECT_EQ(result.deadline, deadline_of(self->map));
		/* Without another one, an absent entry gets none. */
		command = nth_write(i, KCMAP_WRITE_KEEP_DEADLINE);
		old = entry_before(self->map, i);
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(old, result.deadline);
	}
}

TEST_F(expiry, writes_with_a_time)
{
	uint64_t at = boot_now() + 3 * LONG;
	struct kcmap_command command;
	struct kcmap_result result;
	unsigned int i;

	for (i = 0; i < WRITES; i++) {
		command = nth_write(i, KCMAP_WRITE_DEADLINE);
		command.deadline = at;
		entry_before(self->map, i);
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(at, result.deadline);
		EXPECT_EQ(at, deadline_of(self->map));
		/* None. */
		command.deadline = 0;
		entry_before(self->map, i);
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(0, result.deadline);
		EXPECT_EQ(0, deadline_of(self->map));
		/* One that has passed. */
		command.deadline = 1;
		entry_before(self->map, i);
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_TRUE(expires(self->map));
	}
}

TEST_F(expiry, touch)
{
	struct kcmap_command command = command_of(KCMAP_OP_TOUCH, KCMAP_WRITE_VERSION, LONG);
	uint64_t v1, v2, v3, before = boot_now();
	struct kcmap_result result;
	char buf[8];

	ERR(ENOENT, kcmap_touch(self->map, "k", 1, LONG, NULL));
	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "value", 5, &v1));
	ASSERT_EQ(0, kcmap_touch(self->map, "k", 1, LONG, &v2));
	EXPECT_LT(v1, v2);
	EXPECT_BETWEEN(before, deadline_of(self->map), boot_now(), LONG);
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), &v3));
	EXPECT_EQ(v2, v3);
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	ERR(EINVAL, kcmap_touch(self->map, "k", 1, 0, NULL));

	command.key = "absent";
	command.key_len = 6;
	command.expected_version = v1;
	ERR(ENOENT, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(0, result.version | result.deadline);
	command.key = "k";
	command.key_len = 1;
	ERR(ESTALE, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(v2, result.version);
	EXPECT_EQ(deadline_of(self->map), result.deadline);
	command.expected_version = v2;
	EXPECT_EQ(0, kcmap_write(self->map, &command, &result));
	EXPECT_LT(v2, result.version);

	/* It lives on as long as it is touched. */
	ASSERT_EQ(0, kcmap_touch(self->map, "k", 1, SHORT, NULL));
	for (before = boot_now(); boot_now() < before + 4 * SHORT; usleep(5000))
		if (kcmap_touch(self->map, "k", 1, slowness() * 4 * SHORT, NULL))
			break;
	EXPECT_LE(before + 4 * SHORT, boot_now());
	EXPECT_EQ(0, kcmap_touch(self->map, "k", 1, 1, NULL));
	EXPECT_TRUE(expires(self->map));
}

/* At most so many in a window of time, in one call. */
TEST_F(expiry, rate_limiter)
{
	struct kcmap_command command = command_of(KCMAP_OP_ADD,
		KCMAP_WRITE_CEILING | KCMAP_WRITE_KEEP_DEADLINE, LONG);
	uint64_t before = boot_now(), first, version = 0;
	struct kcmap_result result;
	int i;

	command.delta = 1;
	command.ceiling = 3;
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(i, result.number);
		if (i == 1) {
			first = result.deadline;
			EXPECT_BETWEEN(before, first, boot_now(), LONG);
		}
		/* The window of time does not move. */
		EXPECT_EQ(first, result.deadline);
		EXPECT_LT(version, result.version);
		version = result.version;
	}
	for (i = 0; i < 2; i++) {
		ERR(ERANGE, kcmap_write(self->map, &command, &result));
		EXPECT_EQ(ERANGE, result.error);
		EXPECT_EQ(3, result.number);
		EXPECT_EQ(first, result.deadline);
	}
	/* Less is always possible, and what is below the ceiling. */
	command.delta = -2;
	EXPECT_EQ(0, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(1, result.number);
	command.delta = 3;
	ERR(ERANGE, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(1, result.number);
	command.delta = 2;
	EXPECT_EQ(0, kcmap_write(self->map, &command, &result));

	/* After its end another window begins. */
	ASSERT_EQ(0, kcmap_touch(self->map, "k", 1, KCMAP_MILLISECOND, NULL));
	ASSERT_TRUE(expires(self->map));
	command.delta = 1;
	EXPECT_EQ(0, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(1, result.number);
	EXPECT_LT(first, result.deadline);
	/* An absent entry may be above the ceiling already. */
	kcmap_delete(self->map, "k", 1, NULL);
	command.start = 3;
	ERR(ERANGE, kcmap_write(self->map, &command, &result));
	EXPECT_EQ(3, result.number);
	EXPECT_EQ(1, deadline_of(self->map));
}

/* ---- what is wrong is refused, and changes nothing ---- */

#define REFUSED() do {							\
	memset(&result, 0xff, sizeof(result));				\
	ERR(EINVAL, kcmap_write(self->map, &c, &result));		\
	EXPECT_EQ(EINVAL, result.error);				\
	EXPECT_EQ(0, result.version | result.deadline | result.number);	\
	EXPECT_EQ(1, kcmap_get(self->map, "k", 1, NULL, 0, &v2));	\
	EXPECT_EQ(version, v2);						\
	c = command_of(KCMAP_OP_SET, 0, 0);				\
} while (0)

TEST_F(expiry, no_such_operation_or_flag)
{
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, 0);
	struct kcmap_result result;
	uint64_t version, v2;
	int i;

	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "1", 1, &version));
	for (i = -2; i < 64; i++) {
		if ((i >= KCMAP_OP_SET && i <= KCMAP_OP_ADD) || i == KCMAP_OP_TOUCH)
			continue;
		c.operation = i;
		REFUSED();
	}
	for (i = 0; i < 32; i++) {
		if (1U << i & (KCMAP_WRITE_VERSION | KCMAP_WRITE_TTL |
			       KCMAP_WRITE_DEADLINE | KCMAP_WRITE_CEILING |
			       KCMAP_WRITE_KEEP_DEADLINE | KCMAP_WRITE_OWNED |
			       KCMAP_WRITE_OWNED_BY_PROCESS))
			continue;
		c.flags = 1U << i;
		REFUSED();
	}
}

/* What a process owns goes with it; both owners at once are refused. */
TEST_F(expiry, owned_by_a_process)
{
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap_command c = command_of(KCMAP_OP_SET,
					    KCMAP_WRITE_OWNED_BY_PROCESS, 0);
	int status;
	pid_t child;

	ASSERT_EQ(0, kcmap_set(self->map, "other", 5, "1", 1, NULL));
	child = fork();
	if (!child)
		_exit(kcmap_write(self->map, &c, NULL) ||
		      kcmap_get(self->map, "k", 1, NULL, 0, NULL) != 5);
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	ERR(ENOENT, kcmap_get(self->map, "k", 1, NULL, 0, NULL));
	EXPECT_EQ(1, kcmap_count(self->map));
	EXPECT_EQ(0, kcmap_write(self->map, &c, NULL));
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, NULL, 0, NULL));
	EXPECT_EQ(0, kcmap_stat(self->map, &info));
	EXPECT_EQ(1, info.owners);
	EXPECT_EQ(1, info.owned);
	EXPECT_EQ(1, info.orphaned);
	c.flags |= KCMAP_WRITE_OWNED;
	ERR(EINVAL, kcmap_write(self->map, &c, NULL));
	EXPECT_EQ(0, kcmap_set(self->map, "k", 1, "1", 1, NULL));
	EXPECT_EQ(0, kcmap_stat(self->map, &info));
	EXPECT_EQ(0, info.owned);
}

/* A member that its flag forgets would make an entry that never expires. */
TEST_F(expiry, members_without_their_flags)
{
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, 0);
	struct kcmap_result result;
	uint64_t version, v2;

	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "1", 1, &version));
	c.ttl = 1;
	REFUSED();
	c.deadline = 1;
	REFUSED();
	c.ceiling = -1;
	REFUSED();
	c.expected_version = version;
	REFUSED();
}

TEST_F(expiry, flags_that_do_not_fit)
{
	static const int none[] = { KCMAP_OP_DELETE, KCMAP_OP_TAKE,
				    KCMAP_OP_COMPARE_DELETE };
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, 0);
	struct kcmap_result result;
	uint64_t version, v2;
	int i;

	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "1", 1, &version));
	c.flags = KCMAP_WRITE_TTL;
	REFUSED();
	c.flags = KCMAP_WRITE_VERSION;
	REFUSED();
	c.flags = KCMAP_WRITE_CEILING;
	REFUSED();
	c.flags = KCMAP_WRITE_TTL | KCMAP_WRITE_DEADLINE;
	c.ttl = LONG;
	REFUSED();
	for (i = 0; i < 3; i++) {
		c.operation = none[i];
		c.flags = KCMAP_WRITE_TTL;
		c.ttl = LONG;
		REFUSED();
		c.operation = none[i];
		c.flags = KCMAP_WRITE_KEEP_DEADLINE;
		REFUSED();
	}
}

/* A structure may be longer than the library's, if it is zero there. */
TEST_F(expiry, sizes_of_a_command)
{
	struct {
		struct kcmap_command command;
		unsigned char beyond[8];
	} longer = { command_of(KCMAP_OP_SET, 0, 0) };
	struct kcmap_command *c = &longer.command;

	c->sz = sizeof(*c) - 1;
	ERR(EINVAL, kcmap_write(self->map, c, NULL));
	c->sz = 0;
	ERR(EINVAL, kcmap_write(self->map, c, NULL));
	c->sz = sizeof(longer);
	longer.beyond[7] = 1;
	ERR(EINVAL, kcmap_write(self->map, c, NULL));
	EXPECT_EQ(1, deadline_of(self->map));
	longer.beyond[7] = 0;
	EXPECT_EQ(0, kcmap_write(self->map, c, NULL));
	EXPECT_EQ(0, deadline_of(self->map));
}

/* Each operation is the call of its name. */
TEST_F(expiry, every_operation)
{
	struct kcmap_command c = command_of(KCMAP_OP_INSERT, 0, 0);
	struct kcmap_result r;
	char buf[8];

	ASSERT_EQ(0, kcmap_write(self->map, &c, &r));
	EXPECT_NE(0, r.version);
	ERR(EEXIST, kcmap_write(self->map, &c, &r));
	EXPECT_NE(0, r.version);
	c.operation = KCMAP_OP_GET_OR_SET;
	c.old = buf;
	c.old_size = sizeof(buf);
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	EXPECT_TRUE(r.existed);
	EXPECT_EQ(5, r.value_len);
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	c.operation = KCMAP_OP_SWAP;
	c.value = "other";
	c.old_size = 4;
	ERR(EMSGSIZE, kcmap_write(self->map, &c, &r));
	EXPECT_EQ(5, r.value_len);
	c.old_size = 5;
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	c.operation = KCMAP_OP_COMPARE_SWAP;
	c.expected = "value";
	c.expected_len = 5;
	ERR(ESTALE, kcmap_write(self->map, &c, &r));
	c.expected = "other";
	c.value = "third";
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	c.operation = KCMAP_OP_COMPARE_DELETE;
	ERR(ESTALE, kcmap_write(self->map, &c, &r));
	c.operation = KCMAP_OP_DELETE;
	c.flags = KCMAP_WRITE_VERSION;
	c.expected_version = r.version + 1000;
	ERR(ESTALE, kcmap_write(self->map, &c, &r));
	c.flags = 0;
	c.expected_version = 0;
	c.operation = KCMAP_OP_TAKE;
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	EXPECT_TRUE(r.existed);
	EXPECT_EQ(0, memcmp(buf, "third", 5));
	c.operation = KCMAP_OP_REPLACE;
	ERR(ENOENT, kcmap_write(self->map, &c, &r));
	c.operation = KCMAP_OP_ADD;
	c.delta = 4;
	c.start = 3;
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	EXPECT_EQ(7, r.number);
}

TEST_F(expiry, take_returns_the_deadline_of_what_it_took)
{
	struct kcmap_command c = command_of(KCMAP_OP_TAKE, 0, 0);
	struct kcmap_result r;
	uint64_t deadline;
	char buf[8];

	ASSERT_EQ(0, write_with(self->map, KCMAP_OP_SET, 0, LONG));
	deadline = deadline_of(self->map);
	c.old = buf;
	c.old_size = sizeof(buf);
	EXPECT_EQ(0, kcmap_write(self->map, &c, &r));
	EXPECT_EQ(deadline, r.deadline);
	EXPECT_EQ(1, deadline_of(self->map));
}

TEST_F(expiry, batch)
{
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, LONG);
	struct kcmap_batch *b = kcmap_batch_new(8);
	uint64_t before = boot_now();
	struct kcmap_result r;
	char buf[8];

	ASSERT_NE(NULL, b);
	EXPECT_EQ(0, kcmap_batch_write(b, &c));
	/* The structure was copied. */
	c.operation = KCMAP_OP_ADD;
	ERR(EINVAL, (c.sz = 0, kcmap_batch_write(b, &c)));
	EXPECT_EQ(1, kcmap_batch_get(b, "k", 1, buf, sizeof(buf)));
	EXPECT_EQ(2, kcmap_batch_touch(b, "k", 1, 2 * LONG));
	EXPECT_EQ(3, kcmap_batch_touch(b, "k", 1, 0));
	EXPECT_EQ(4, kcmap_batch_touch(b, "absent", 6, LONG));
	EXPECT_EQ(5, kcmap_batch_set(b, "k", 1, "x", 1));
	EXPECT_EQ(6, kcmap_batch_submit(b, self->map));
#define RESULT(i, want) do {						\
	ASSERT_EQ(0, kcmap_batch_result(b, i, &r));			\
	EXPECT_EQ(want, r.error);					\
} while (0)
	RESULT(0, 0);
	EXPECT_BETWEEN(before, r.deadline, boot_now(), LONG);
	RESULT(1, 0);
	EXPECT_BETWEEN(before, r.deadline, boot_now(), LONG);
	RESULT(2, 0);
	EXPECT_BETWEEN(before, r.deadline, boot_now(), 2 * LONG);
	RESULT(3, EINVAL);
	EXPECT_EQ(0, r.deadline);
	RESULT(4, ENOENT);
	EXPECT_EQ(0, r.deadline);
	RESULT(5, 0);
	EXPECT_EQ(0, r.deadline);
#undef RESULT
	kcmap_batch_free(b);
}

TEST_HARNESS_MAIN
