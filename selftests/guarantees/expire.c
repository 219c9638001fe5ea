// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee G1: what has expired for one reader has expired for all, whichever
 * way they read, and never comes back.  Every operation treats an expired entry
 * as absent.  Lateness is bounded and measured.
 *
 * deadline: 300
 */
#include "feed.h"
#include "race.h"
#include "kselftest_harness.h"

#include <sched.h>
#include <stddef.h>

#define MS		1000000ULL
#define SECOND		(1000 * MS)
#define SLOT		(1ULL << 20)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x80
#endif

static uint64_t boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int key_op(int fd, unsigned long command, struct cmap_op *op,
		  uint64_t key)
{
	op->key = u64_of(&key);
	op->key_len = sizeof(key);
	return op_call(fd, command, op);
}

/* Set a key to its own number. */
static int set_with(int fd, uint64_t key, uint16_t flags, uint64_t deadline)
{
	struct cmap_op op = {
		.flags = flags, .deadline = deadline,
		.value = u64_of(&key), .value_len = sizeof(key),
	};

	return key_op(fd, CMAP_IOCTL_SET, &op, key);
}

static int touch_with(int fd, uint64_t key, uint16_t flags, uint64_t deadline)
{
	struct cmap_op op = { .flags = flags, .deadline = deadline };

	return key_op(fd, CMAP_IOCTL_TOUCH, &op, key);
}

/* -ENOENT, or 0 with the deadline. */
static int get_deadline(int fd, uint64_t key, uint64_t *deadline)
{
	struct cmap_op op = { .deadline = 1 };
	int err = key_op(fd, CMAP_IOCTL_GET, &op, key);

	if (deadline)
		*deadline = op.deadline;
	return err;
}

static bool there(int fd, uint64_t key)
{
	return !get_deadline(fd, key, NULL);
}

static bool waits_until_gone(int fd, uint64_t key)
{
	int i;

	for (i = 0; i < patient(5000) && there(fd, key); i++)
		usleep(1000);
	return !there(fd, key);
}

/* The word by which all readers decide, as a process sees it. */
static const uint64_t *map_word(int fd)
{
	const struct cmap_window *window = mmap(NULL, 4096, PROT_READ,
						MAP_SHARED, fd, 0);
	const struct cmap_window_words *words;

	if (window == MAP_FAILED)
		return NULL;
	words = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd,
		     window->words_offset);
	return words == MAP_FAILED ? NULL : (const void *)&words->expired_before;
}

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* ---- what the calls accept ---- */

TEST(arguments)
{
	static const unsigned long without[] = {
		CMAP_IOCTL_GET, CMAP_IOCTL_DELETE, CMAP_IOCTL_TAKE,
		CMAP_IOCTL_COMPARE_DELETE, CMAP_IOCTL_CLEAR, CMAP_IOCTL_COUNT,
	};
	static const unsigned long with[] = {
		CMAP_IOCTL_SET, CMAP_IOCTL_SWAP, CMAP_IOCTL_COMPARE_SWAP,
		CMAP_IOCTL_GET_OR_SET, CMAP_IOCTL_ADD, CMAP_IOCTL_TOUCH,
	};
	int fd = new_map();
	unsigned int i;

	for (i = 0; i < sizeof(without) / sizeof(*without); i++) {
		struct cmap_op op = { .deadline = SECOND };

		op.flags = CMAP_OP_TTL;
		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
		op.flags = CMAP_OP_DEADLINE;
		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
		op.flags = CMAP_OP_KEEP_DEADLINE;
		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
		op.flags = CMAP_OP_CEILING;
		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
	}
	for (i = 0; i < sizeof(with) / sizeof(*with); i++) {
		struct cmap_op op = { .deadline = SECOND };

		op.flags = CMAP_OP_TTL | CMAP_OP_DEADLINE;
		EXPECT_EQ(-EINVAL, key_op(fd, with[i], &op, 1));
		op.flags = CMAP_OP_TTL;
		op.deadline = 0;
		EXPECT_EQ(-EINVAL, key_op(fd, with[i], &op, 1));
		op.flags = CMAP_OP_CEILING;
		if (with[i] != CMAP_IOCTL_ADD)
			EXPECT_EQ(-EINVAL, key_op(fd, with[i], &op, 1));
		op.flags = 1 << 9;
		EXPECT_EQ(-EINVAL, key_op(fd, with[i], &op, 1));
	}
	EXPECT_EQ(-EINVAL, touch_with(fd, 1, CMAP_OP_KEEP_DEADLINE, 0));
	EXPECT_EQ(-ENOENT, touch_with(fd, 1, CMAP_OP_TTL, SECOND));
	EXPECT_EQ(0, count(fd));
	close(fd);
}

/* A structure that ends before the deadline works as it always did. */
TEST(earlier_size)
{
	struct {
		struct cmap_op op;
		uint64_t after;
	} at = { .op = { .key = u64_of("k"), .key_len = 1,
			 .value = u64_of("value"), .value_len = 5 } };
	const uint32_t earlier = offsetof(struct cmap_op, deadline);
	int fd = new_map();
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(&at), .count = 1,
		.op_size = earlier,
	};

	at.op.deadline = POISON;
	at.op.ceiling = POISON;
	at.op.size = earlier;
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_SET, &at.op));
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_ADD, &at.op) + EDOM);
	at.op.value = 0;
	at.op.value_len = 0;
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_GET, &at.op));
	EXPECT_EQ(5, at.op.value_len);
	at.op.value = u64_of("other");
	at.op.code = CMAP_CODE_SET;
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &batch));
	EXPECT_EQ(0, at.op.error);
	EXPECT_EQ(POISON, at.op.deadline);
	EXPECT_EQ(POISON, at.op.ceiling);
	/* The deadline that it does not have is 0. */
	at.op.flags = CMAP_OP_TTL;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_SET, &at.op));
	close(fd);
}

/* ---- which deadline an entry has ---- */

/* Whether a deadline is that of an entry that lives for a time from a moment on. */
static bool is_ttl(uint64_t deadline, uint64_t begin, uint64_t ttl)
{
	return deadline >= begin + ttl && deadline <= boottime() + ttl;
}

TEST(ttl_and_deadline)
{
	uint64_t begin = boottime(), got, until = begin + 1000 * SECOND;
	struct cmap_op op = { .flags = CMAP_OP_TTL, .deadline = 500 * SECOND };
	int fd = new_map();

	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, 1));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 500 * SECOND));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(op.deadline, got);
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, until));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(until, got);
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_KEEP_DEADLINE, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(until, got);
	/* With another flag, KEEP means: for an absent key. */
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_KEEP_DEADLINE | CMAP_OP_TTL, 1));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(until, got);
	/* A plain set removes it, as does a deadline of 0. */
	EXPECT_EQ(0, set_with(fd, 1, 0, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(0, got);
	EXPECT_EQ(0, touch_with(fd, 1, CMAP_OP_DEADLINE, until));
	EXPECT_EQ(1, map_stat(fd).deadlines);
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(0, got);
	EXPECT_EQ(0, map_stat(fd).deadlines);
	/* What is too far is the latest time there is. */
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_TTL, ~0ULL));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(INT64_MAX, got);
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, ~0ULL));
	EXPECT_TRUE(there(fd, 1));
	close(fd);
}

TEST(each_operation_sets_it)
{
	static const uint16_t ttl = CMAP_OP_TTL;
	uint64_t begin = boottime(), value = 5, old = 0;
	struct cmap_op op;
	int fd = new_map();

#define GIVEN	.flags = ttl, .deadline = 100 * SECOND,			\
		.value = u64_of(&value), .value_len = 8
	op = (struct cmap_op){ GIVEN };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SWAP, &op, 1));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ GIVEN, .old = u64_of(&value), .old_len = 8 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_COMPARE_SWAP, &op, 1));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ GIVEN };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_GET_OR_SET, &op, 2));
	EXPECT_EQ(0, op.number);
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	/* It is there: the deadline stays. */
	op = (struct cmap_op){ GIVEN, .old = u64_of(&old), .old_len = 8 };
	op.deadline = 7 * SECOND;
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_GET_OR_SET, &op, 2));
	EXPECT_EQ(1, op.number);
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ .flags = ttl, .deadline = 100 * SECOND,
			       .number = 1 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_ADD, &op, 3));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	/* Counting on keeps it. */
	op = (struct cmap_op){ .number = 1 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_ADD, &op, 3));
	EXPECT_EQ(2, op.number);
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ .flags = CMAP_OP_INSERT };
	EXPECT_EQ(-EEXIST, key_op(fd, CMAP_IOCTL_SET, &op, 3));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ .flags = CMAP_OP_VERSION, .version = 1 };
	EXPECT_EQ(-ESTALE, key_op(fd, CMAP_IOCTL_SET, &op, 3));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	op = (struct cmap_op){ .old = u64_of(&old), .old_len = 8 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_TAKE, &op, 3));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 100 * SECOND));
	EXPECT_EQ(2, map_stat(fd).deadlines);
	close(fd);
}

/* Another deadline, the same value, a new version. */
TEST(touch_changes_the_version)
{
	struct cmap_op op = { .flags = CMAP_OP_TTL, .deadline = SECOND * 9 };
	uint64_t version = 0, touched, value;
	uint32_t len = 8;
	int fd = new_map();

	EXPECT_EQ(0, set_flags(fd, "12345678", 8, "87654321", 8, 0, &version));
	op.key = u64_of("12345678");
	op.key_len = 8;
	EXPECT_EQ(0, op_call(fd, CMAP_IOCTL_TOUCH, &op));
	EXPECT_GT(op.version, version);
	touched = op.version;
	EXPECT_EQ(0, get_version(fd, "12345678", 8, &value, &len, &version));
	EXPECT_EQ(touched, version);
	EXPECT_EQ(0, memcmp(&value, "87654321", 8));
	/* Conditional on the version, too. */
	op.flags = CMAP_OP_DEADLINE | CMAP_OP_VERSION;
	op.version = touched - 1;
	EXPECT_EQ(-ESTALE, op_call(fd, CMAP_IOCTL_TOUCH, &op));
	EXPECT_EQ(touched, op.version);
	op.deadline = 0;
	EXPECT_EQ(0, op_call(fd, CMAP_IOCTL_TOUCH, &op));
	EXPECT_GT(op.version, touched);
	EXPECT_EQ(0, op.deadline);
	op.version = 0;
	EXPECT_EQ(-EINVAL, op_call(fd, CMAP_IOCTL_TOUCH, &op));
	close(fd);
}

TEST(default_ttl)
{
	struct cmap_create args = { .default_ttl = 50 * SECOND };
	int fd = new_map_with(&args);
	uint64_t begin = boottime(), got;
	struct cmap_op op = { .number = 1 };

	EXPECT_EQ(50 * SECOND, map_stat(fd).default_ttl);
	EXPECT_EQ(0, set_with(fd, 1, 0, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_TRUE(is_ttl(got, begin, 50 * SECOND));
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_EQ(0, got);
	EXPECT_EQ(0, touch_with(fd, 1, 0, 0));
	EXPECT_EQ(0, get_deadline(fd, 1, &got));
	EXPECT_TRUE(is_ttl(got, begin, 50 * SECOND));
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_ADD, &op, 2));
	EXPECT_TRUE(is_ttl(op.deadline, begin, 50 * SECOND));
	close(fd);
}

struct ranged {
	unsigned int timed;
	unsigned int wrong;
	int fd;
};

static void range_deadline(const struct cmap_entry *e, const void *key,
			   const void *value, void *arg)
{
	struct ranged *ranged = arg;
	uint64_t number, got = 1;

	memcpy(&number, key, sizeof(number));
	get_deadline(ranged->fd, number, &got);
	ranged->timed += !!e->deadline;
	ranged->wrong += e->key_offset < 48 || e->deadline != got;
}

TEST(range_says_it)
{
	struct ranged ranged = { .fd = new_map() };
	uint64_t key;

	for (key = 0; key < 200; key++)
		EXPECT_EQ(0, set_with(ranged.fd, key, key % 2 ? CMAP_OP_TTL : 0,
				      100 * SECOND + key));
	EXPECT_EQ(200, range_all(ranged.fd, 4096, range_deadline, &ranged));
	EXPECT_EQ(100, ranged.timed);
	EXPECT_EQ(0, ranged.wrong);
	close(ranged.fd);
}

TEST(batch)
{
	struct cmap_op op[3] = {};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(op), .count = 3,
		.op_size = sizeof(*op),
	};
	uint64_t begin = boottime();
	int fd = new_map(), i;

	for (i = 0; i < 3; i++) {
		op[i].size = sizeof(*op);
		op[i].code = CMAP_CODE_SET;
		op[i].key = u64_of(&"abc"[i]);
		op[i].key_len = 1;
	}
	op[0].flags = CMAP_OP_TTL;
	op[0].deadline = 30 * SECOND;
	op[1].flags = CMAP_OP_TTL;
	op[2].code = CMAP_CODE_GET;
	op[2].key = op[0].key;
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &batch));
	EXPECT_EQ(0, op[0].error);
	EXPECT_TRUE(is_ttl(op[0].deadline, begin, 30 * SECOND));
	EXPECT_EQ(-EINVAL, op[1].error);
	EXPECT_EQ(0, op[2].error);
	EXPECT_EQ(op[0].deadline, op[2].deadline);
	close(fd);
}

/* So many in each window of time, in one call each. */
TEST(rate_limit)
{
	int fd = new_map(), i;
	uint64_t end = 0;

	for (i = 0; i < 8; i++) {
		struct cmap_op op = {
			.flags = CMAP_OP_TTL | CMAP_OP_KEEP_DEADLINE |
				 CMAP_OP_CEILING,
			.deadline = 10 * SECOND, .number = 1, .ceiling = 5,
		};

		EXPECT_EQ(i < 5 ? 0 : -ERANGE, key_op(fd, CMAP_IOCTL_ADD, &op, 1));
		EXPECT_EQ(i < 5 ? i + 1 : 5, op.number);
		if (i)
			EXPECT_EQ(end, op.deadline);
		end = op.deadline;
	}
	close(fd);
}

/* ---- expiring ---- */

TEST(g1_expires_and_stays_away)
{
	uint64_t deadline;
	int fd = new_map(), i;

	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_TTL, 30 * MS));
	ASSERT_EQ(0, get_deadline(fd, 1, &deadline));
	while (there(fd, 1))
		;
	EXPECT_GE(boottime(), deadline);
	for (i = 0; i < 200; i++) {
		EXPECT_FALSE(there(fd, 1));
		EXPECT_EQ(0, count(fd));
		EXPECT_EQ(-ENOENT, touch_with(fd, 1, CMAP_OP_TTL, SECOND));
		usleep(500);
	}
	EXPECT_EQ(1, map_stat(fd).expired);
	EXPECT_EQ(0, map_stat(fd).deadlines);
	/* The next entry of the key has nothing to do with it. */
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_INSERT, 0));
	usleep(50000);
	EXPECT_TRUE(there(fd, 1));
	close(fd);
}

/* A deadline that has passed: the write is made, and nobody sees it. */
TEST(g1_deadline_that_has_passed)
{
	struct cmap_op op = { .flags = CMAP_OP_DEADLINE, .deadline = 1 };
	int fd = new_map();

	EXPECT_EQ(0, set_with(fd, 1, 0, 0));
	/* The clock's word is 0 before the first deadline. */
	EXPECT_EQ(0, set_with(fd, 2, CMAP_OP_TTL, 1));
	EXPECT_TRUE(waits_until_gone(fd, 2));
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, 1));
	EXPECT_GT(op.version, 0);
	EXPECT_FALSE(there(fd, 1));
	EXPECT_EQ(0, count(fd));
	EXPECT_EQ(2, map_stat(fd).expired);
	close(fd);
}

/*
 * The clock's word stands while nothing is due.  Such an entry does not wait for it, and
 * was not late by all that time.
 */
TEST(g1_deadline_that_has_passed_while_idle)
{
	struct cmap_op op = { .flags = CMAP_OP_DEADLINE | CMAP_OP_KEEP_DEADLINE };
	uint64_t version = 0;
	int fd = new_map();

	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, 1));
	EXPECT_FALSE(there(fd, 1));
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_TTL, 3600 * SECOND));
	EXPECT_EQ(0, set_with(fd, 2, CMAP_OP_DEADLINE, boottime() - MS));
	EXPECT_FALSE(there(fd, 2));
	EXPECT_EQ(2, map_stat(fd).expired);
	EXPECT_EQ(2, map_stat(fd).lateness[0]);
	/* An entry that keeps its own deadline stays. */
	op.deadline = 1;
	op.value = u64_of(&version);
	op.value_len = sizeof(version);
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, 1));
	EXPECT_TRUE(there(fd, 1));
	close(fd);
}

/* Only expired entries make the map full: then it is not. */
TEST(g1_full_of_expired_entries)
{
	struct cmap_create args = { .max_entries = 500 };
	int fd = new_map_with(&args);
	uint64_t key;
	int round;

	for (round = 0; round < 20; round++) {
		for (key = 0; key < 500; key++)
			ASSERT_EQ(0, set_with(fd, round * 500 + key,
					      CMAP_OP_TTL, 5 * MS));
		while (there(fd, round * 500 + 499))
			;
	}
	EXPECT_EQ(0, count(fd));
	for (key = 0; key < 500; key++)
		ASSERT_EQ(0, set_with(fd, key, 0, 0));
	EXPECT_EQ(-ENOSPC, set_with(fd, key, 0, 0));
	close(fd);
}

/* Nothing is published while nothing is due. */
TEST(idle_means_idle)
{
	int fd = new_map();
	const uint64_t *word = map_word(fd);
	uint64_t before;

	ASSERT_NE(NULL, word);
	EXPECT_EQ(0, load(word));
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_TTL, 3600 * SECOND));
	EXPECT_EQ(0, set_with(fd, 2, CMAP_OP_TTL, 20 * MS));
	EXPECT_TRUE(waits_until_gone(fd, 2));
	usleep(100000);
	before = load(word);
	EXPECT_LE(before, boottime());
	usleep(300000);
	EXPECT_EQ(before, load(word));
	close(fd);
}

/* Setting the clock changes nothing. */
TEST(clock_steps)
{
	struct timespec real;
	int fd = new_map();

	if (geteuid())
		SKIP(return, "needs root");
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_TTL, 100 * SECOND));
	EXPECT_EQ(0, set_with(fd, 2, CMAP_OP_TTL, 50 * MS));
	clock_gettime(CLOCK_REALTIME, &real);
	real.tv_sec += 86400;
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &real));
	EXPECT_TRUE(there(fd, 1));
	real.tv_sec -= 2 * 86400;
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &real));
	EXPECT_TRUE(waits_until_gone(fd, 2));
	EXPECT_TRUE(there(fd, 1));
	real.tv_sec += 86400;
	clock_settime(CLOCK_REALTIME, &real);
	close(fd);
}

/* Deadlines are those of the caller's time namespace. */
TEST(time_namespaces)
{
	const uint64_t ahead = 1000 * SECOND;
	uint64_t until = boottime() + 100 * SECOND, got;
	int fd = new_map();

	if (unshare(CLONE_NEWTIME) ||
	    write_text("/proc/self/timens_offsets", "boottime 1000 0"))
		SKIP(return, "no time namespaces");
	EXPECT_EQ(0, set_with(fd, 1, CMAP_OP_DEADLINE, until));
	EXPECT_EQ(0, set_with(fd, 3, CMAP_OP_TTL, 100 * SECOND));
	if (!fork()) {
		bool ok = !get_deadline(fd, 1, &got) && got == until + ahead &&
			  !get_deadline(fd, 3, &got) &&
			  got > boottime() && got <= boottime() + 100 * SECOND &&
			  !set_with(fd, 2, CMAP_OP_DEADLINE, until + ahead + 5) &&
			  /* This has passed in the initial namespace only. */
			  !set_with(fd, 4, CMAP_OP_DEADLINE,
				    boottime() + 100 * SECOND) && there(fd, 4) &&
			  /* Before the machine was started: it has passed. */
			  !set_with(fd, 5, CMAP_OP_DEADLINE, 1);
		_exit(!ok);
	}
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(0, get_deadline(fd, 2, &got));
	EXPECT_EQ(until + 5, got);
	EXPECT_TRUE(waits_until_gone(fd, 5));
	close(fd);
}

/* ---- the feed, and waits ---- */

TEST(g1_feed_and_wait)
{
	struct cmap_create args = {
		.shards = 1, .feed_bytes = 1 << 16, .feed_value_max = 8,
	};
	int fd = new_map_with(&args);
	struct cmap_wait_key key;
	struct cmap_wait wait = {
		.size = sizeof(wait), .keys = u64_of(&key), .count = 1,
		.deadline = CMAP_WAIT_FOREVER,
	};
	struct cmap_op op = {
		.flags = CMAP_OP_TTL, .deadline = 20 * MS,
	};
	const struct cmap_feed_record *record;
	struct cmap_feed_read read;
	struct cursor cursor;
	uint64_t number = 7;
	char buf[4096];

	ASSERT_EQ(0, cursor_of(fd, 1, &cursor));
	ASSERT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, number));
	key = (struct cmap_wait_key){
		.key = u64_of(&number), .key_len = 8, .version = op.version,
	};
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_WAIT, &wait));
	EXPECT_EQ(1, key.changed);
	EXPECT_GE(boottime(), op.deadline);
	EXPECT_FALSE(there(fd, number));

	ASSERT_EQ(0, feed_read(fd, &cursor, NULL, buf, sizeof(buf), &read));
	ASSERT_EQ(2, read.count);
	record = (const void *)buf;
	EXPECT_EQ(CMAP_FEED_SET, record->cause);
	EXPECT_EQ(CMAP_FEED_DEADLINE, record->flags & CMAP_FEED_DEADLINE);
	EXPECT_EQ(sizeof(*record) + 8, record->key_offset);
	EXPECT_EQ(0, memcmp(record + 1, &op.deadline, 8));
	record = record_next(record);
	EXPECT_EQ(CMAP_FEED_EXPIRE, record->cause);
	EXPECT_EQ(0, memcmp(record_key(record), &number, 8));
	EXPECT_GE(key.version, record->version);
	close(fd);
}

/* ---- races ---- */

#define KEYS		3000

struct shared {
	uint64_t deadline[KEYS];
};

/*
 * Compare what system calls say with the word that processes see: at a moment between
 * two looks at the word they agree.  Each key is set once.
 */
static int reads_agree(int fd, struct race *race, const struct shared *shared,
		       unsigned int seed)
{
	const uint64_t *word = map_word(fd);

	while (word && race_goes_on(race)) {
		uint64_t key = rand_r(&seed) % KEYS, before, after;
		uint64_t deadline = __atomic_load_n(&shared->deadline[key],
						    __ATOMIC_ACQUIRE);
		int err;

		if (!deadline)
			continue;
		before = load(word);
		err = get_deadline(fd, key, NULL);
		after = load(word);
		if ((err == -ENOENT && deadline > after) ||
		    (!err && deadline <= before) || (err && err != -ENOENT)) {
			printf("# deadline %llu: %d, word %llu to %llu\n",
			       (unsigned long long)deadline, err,
			       (unsigned long long)before,
			       (unsigned long long)after);
			return 1;
		}
		if (after > boottime())
			return 1;
		race_did(race, deadline <= before ? 1 : 0);
	}
	return !word;
}

TEST(g1_all_doors_agree)
{
	struct shared *shared = shared_memory(sizeof(*shared));
	struct race *race = race_new(1);
	uint64_t key, begin = boottime();
	/* On a slow machine, too, there are readers before the last one is over. */
	uint64_t span = race_seconds() * SECOND * slowness();
	int fd = new_map(), i;

	race_wants(race, 0, 1000, "reads before");
	race_wants(race, 1, 1000, "reads after");
	for (key = 0; key < KEYS; key++) {
		struct cmap_op op = {
			.flags = CMAP_OP_DEADLINE,
			.deadline = begin + span / KEYS * key + 20 * MS,
		};

		ASSERT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, key));
		shared->deadline[key] = op.deadline;
	}
	for (i = 0; i < 3; i++)
		if (!fork())
			_exit(reads_agree(fd, race, shared, i));
	EXPECT_TRUE(race_ends(race, 3));
	EXPECT_TRUE(waits_until_gone(fd, KEYS - 1));
	EXPECT_EQ(0, count(fd));
	EXPECT_EQ(KEYS, map_stat(fd).expired);
	close(fd);
}

/* A key that is touched in time is never absent, while others expire all the time. */
static int toucher(int fd, struct race *race)
{
	uint64_t last = boottime(), key = 0;

	while (race_goes_on(race)) {
		uint64_t t = boottime();

		/* This process was stopped for too long. */
		if (t - last > 900 * MS)
			race_stop(race);
		if (touch_with(fd, ~0ULL, CMAP_OP_TTL, SECOND))
			return 1;
		last = t;
		set_with(fd, key % 5000, CMAP_OP_TTL, MS + key % 7 * MS);
		key++;
		race_did(race, 0);
	}
	return 0;
}

static void find_one(const struct cmap_entry *e, const void *key,
		     const void *value, void *arg)
{
	if (!memcmp(key, &(uint64_t){ ~0ULL }, 8))
		++*(int *)arg;
}

static int finder(int fd, struct race *race)
{
	while (race_goes_on(race)) {
		int found = 0, i;

		for (i = 0; i < 50; i++)
			if (!there(fd, ~0ULL) && race_goes_on(race))
				return 1;
		range_all(fd, 65536, find_one, &found);
		if (found != 1 && race_goes_on(race))
			return 1;
		race_did(race, 1);
	}
	return 0;
}

TEST(g1_touched_in_time_is_never_absent)
{
	struct race *race = race_new(1);
	int fd = new_map(), i;

	race_wants(race, 0, 1000, "touches");
	race_wants(race, 1, 20, "ranges");
	ASSERT_EQ(0, set_with(fd, ~0ULL, CMAP_OP_TTL, 60 * SECOND));
	if (!fork())
		_exit(toucher(fd, race));
	for (i = 0; i < 2; i++)
		if (!fork())
			_exit(finder(fd, race));
	EXPECT_TRUE(race_ends(race, 3));
	close(fd);
}

/* How late entries expire beside so many others that do. */
static bool lateness(struct __test_metadata *_metadata, uint64_t others)
{
	struct cmap_create args = {};
	int fd = new_map_with(&args), i;
	uint64_t key, expired = 0, sum = 0, begin;
	struct cmap_stat stat;

	for (key = 0; key < others; key++)
		if (set_with(fd, key, CMAP_OP_TTL, 1000 * SECOND))
			return false;
	begin = boottime();
	for (key = 0; key < 2000; key++)
		if (set_with(fd, ~key, CMAP_OP_DEADLINE,
			     begin + SECOND + key * MS / 2))
			return false;
	for (i = 0; i < patient(3000) && expired < 2000; i++) {
		usleep(10000);
		stat = map_stat(fd);
		expired = stat.expired;
	}
	close(fd);
	printf("# beside %llu others, less than", (unsigned long long)others);
	for (i = 0; i < CMAP_LATENESS_BUCKETS; i++) {
		sum += stat.lateness[i];
		if (stat.lateness[i])
			printf(" %u ms: %llu,", 1U << i,
			       (unsigned long long)sum);
	}
	printf("\n");
	/* 99 of 100 are less than 16 ms late, on a machine that has time for it. */
	sum = stat.lateness[0] + stat.lateness[1] + stat.lateness[2] +
	      stat.lateness[3] + stat.lateness[4];
	return expired == 2000 && (sum * 100 >= 99 * expired || slowness() > 1);
}

TEST(g1_lateness)
{
	EXPECT_TRUE(lateness(_metadata, 0));
	EXPECT_TRUE(lateness(_metadata, 10000));
	EXPECT_TRUE(lateness(_metadata, getenv("CMAP_TEST_MANY") ?
			     1000000 : 100000));
}

TEST_HARNESS_MAIN
