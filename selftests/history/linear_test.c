// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the checker of histories: with histories that are known to be good
 * or bad, against a checker that tries every order, and with good histories of
 * which one result was falsified.  They need no kernel module.
 */
#include "cmap_test.h"
#include "falsify.h"
#include "linear.h"
#include "linear_full.h"
#include "linear_model.h"
#include "kselftest_harness.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A few values of class 0, and one of another class. */
#define A 0x10
#define B 0x11
#define C 0x12
#define LONG (1ULL << HISTORY_CLASS_SHIFT | 0x50000)

#define OP(b, e, k, ...) \
	{ .begin = b, .end = e, .kind = HISTORY_##k, ##__VA_ARGS__ }

static enum linear_verdict verdict_of(const struct history_op *op, size_t n)
{
	struct history_op copy[64];
	struct linear_states states = { .count = 1 };

	memcpy(copy, op, n * sizeof(*op));
	return linear_check(copy, n, &states, NULL, NULL);
}

#define EXPECT_GOOD(...) do {						\
	const struct history_op _h[] = { __VA_ARGS__ };			\
	EXPECT_EQ(LINEAR_YES, verdict_of(_h, COUNT(_h)));		\
} while (0)

#define EXPECT_BAD(...) do {						\
	const struct history_op _h[] = { __VA_ARGS__ };			\
	EXPECT_EQ(LINEAR_NO, verdict_of(_h, COUNT(_h)));		\
} while (0)

static uint64_t wrongly_refused(const struct history_op *op, size_t n,
				unsigned int limit)
{
	struct history_op copy[64];
	struct linear_full full = {};

	memcpy(copy, op, n * sizeof(*op));
	linear_full_check(copy, n, 4, limit, NULL, &full);
	return full.wrong;
}

#define EXPECT_REFUSED(wrong, limit, ...) do {				\
	const struct history_op _h[] = { __VA_ARGS__ };			\
	EXPECT_EQ(wrong, wrongly_refused(_h, COUNT(_h), limit));	\
} while (0)

#define NOT_THERE(k) OP(1, 2, GET, .key = k, .err = -ENOENT)
#define REFUSED(b, e, k) OP(b, e, SET, .key = k, .in = A, .err = -ENOSPC)

TEST(refused_for_the_limit_on_entries)
{
	/* Only a key that is absent can be refused for that. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .err = -ENOSPC));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, SET, .in = B, .err = -ENOSPC));
	EXPECT_GOOD(OP(1, 2, SET, .in = A), OP(3, 5, DELETE),
		    OP(4, 6, SET, .in = B, .err = -ENOSPC));
	EXPECT_BAD(OP(1, 2, REPLACE, .in = A, .err = -ENOSPC));
	EXPECT_BAD(OP(1, 2, CLEAR, .err = -ENOSPC));
}

TEST(refused_while_full)
{
	/* The other key is unknown, present, or absent. */
	EXPECT_REFUSED(0, 3, REFUSED(3, 4, 0));
	EXPECT_REFUSED(0, 1, NOT_THERE(2), NOT_THERE(3),
		       OP(3, 4, SET, .key = 1, .in = A), REFUSED(5, 6, 0));
	EXPECT_REFUSED(1, 1, NOT_THERE(1), NOT_THERE(2), NOT_THERE(3),
		       REFUSED(5, 6, 0));
	EXPECT_REFUSED(1, 2, NOT_THERE(2), NOT_THERE(3),
		       OP(3, 4, SET, .key = 1, .in = A), REFUSED(5, 6, 0));
	/* A key does not count for its own refusal. */
	EXPECT_REFUSED(1, 3, NOT_THERE(3), REFUSED(5, 6, 0));
}

TEST(refused_while_it_was_deleted_or_set)
{
	/* The key is present until at least 3, and perhaps again from 9 on. */
	EXPECT_REFUSED(0, 3, OP(3, 6, DELETE, .key = 1), REFUSED(5, 8, 0));
	EXPECT_REFUSED(1, 3, OP(3, 6, DELETE, .key = 1), REFUSED(7, 8, 0));
	EXPECT_REFUSED(0, 3, OP(3, 6, DELETE, .key = 1), REFUSED(7, 10, 0),
		       OP(9, 20, SET, .key = 1, .in = A));
	EXPECT_REFUSED(0, 3, OP(3, 6, DELETE, .key = 1), REFUSED(10, 11, 0),
		       OP(9, 20, SET, .key = 1, .in = A));
	EXPECT_REFUSED(0, 3, OP(3, 6, DELETE, .key = 1), REFUSED(21, 22, 0),
		       OP(9, 20, SET, .key = 1, .in = A));
	EXPECT_REFUSED(0, 3, OP(3, 6, DELETE, .key = 1), REFUSED(21, 22, 0),
		       OP(9, 20, SET, .key = 1, .in = A, .pending = 1));
	/* A set that failed inserted nothing. */
	EXPECT_REFUSED(1, 3, OP(3, 6, DELETE, .key = 1), REFUSED(21, 22, 0),
		       OP(9, 20, SET, .key = 1, .in = A, .err = -ENOMEM));
	/* Not finding the key proves nothing while another process sets it. */
	EXPECT_REFUSED(0, 3, OP(3, 6, SET, .key = 1, .in = A),
		       OP(5, 7, GET, .key = 1, .err = -ENOENT),
		       REFUSED(8, 9, 0));
	EXPECT_REFUSED(0, 3, OP(3, 6, SET, .key = 1, .in = A),
		       OP(2, 4, GET, .key = 1, .err = -ENOENT),
		       REFUSED(8, 9, 0));
	/* Two keys were present, but never both at once. */
	EXPECT_REFUSED(1, 3, OP(3, 6, DELETE, .key = 1),
		       OP(7, 10, SET, .key = 1, .in = A),
		       OP(1, 2, GET, .key = 2, .err = -ENOENT),
		       OP(8, 30, GET, .key = 2, .err = -ENOENT),
		       REFUSED(11, 12, 0));
}

TEST(reads_beside_a_write)
{
	EXPECT_GOOD(OP(1, 10, SET, .in = A),
		    OP(2, 3, GET, .err = -ENOENT),
		    OP(4, 5, GET, .out = A),
		    OP(11, 20, COMPARE_SWAP, .expect = A, .in = B),
		    OP(12, 19, GET, .out = B),
		    OP(13, 21, TAKE, .out = B),
		    OP(22, 23, INSERT, .in = C));
}

TEST(stale_read)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, SET, .in = B),
		   OP(5, 6, GET, .out = A));
	EXPECT_GOOD(OP(1, 2, SET, .in = A), OP(3, 5, SET, .in = B),
		    OP(4, 6, GET, .out = A));
	/* Long after the write, with others in between. */
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, SET, .in = B),
		   OP(5, 6, GET, .out = B), OP(7, 8, DELETE),
		   OP(9, 10, GET, .out = B));
}

TEST(new_value_then_old_one_by_two_readers)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 20, SET, .in = B),
		   OP(4, 5, GET, .out = B), OP(6, 7, GET, .out = A));
	EXPECT_GOOD(OP(1, 2, SET, .in = A), OP(3, 20, SET, .in = B),
		    OP(4, 6, GET, .out = B), OP(5, 7, GET, .out = A));
}

TEST(two_readers_disagree_on_the_order_of_two_writers)
{
	EXPECT_BAD(OP(1, 20, SET, .in = A), OP(2, 21, SET, .in = B),
		   OP(3, 4, GET, .out = A), OP(5, 6, GET, .out = B),
		   OP(7, 8, GET, .out = A));
}

TEST(value_from_the_future)
{
	EXPECT_BAD(OP(1, 2, GET, .out = A), OP(3, 4, SET, .in = A));
	EXPECT_GOOD(OP(1, 4, GET, .out = A), OP(3, 5, SET, .in = A));
}

TEST(value_from_nowhere)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, GET, .out = B));
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 4, GET, .out = HISTORY_TORN));
}

TEST(lost_update)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 10, COMPARE_SWAP, .expect = A, .in = B),
		   OP(4, 11, COMPARE_SWAP, .expect = A, .in = C));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, ADD, .in = 1, .out = A + 1),
		   OP(4, 11, ADD, .in = 1, .out = A + 1));
	EXPECT_GOOD(OP(1, 2, SET, .in = A), OP(3, 10, ADD, .in = 1, .out = A + 2),
		    OP(4, 11, ADD, .in = 1, .out = A + 1));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 9, SWAP, .in = B, .out = A),
		   OP(4, 10, SWAP, .in = C, .out = A));
}

TEST(taken_twice)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, TAKE, .out = A),
		   OP(4, 11, TAKE, .out = A));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, DELETE),
		   OP(4, 11, TAKE, .out = A));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, DELETE), OP(4, 11, DELETE));
}

TEST(absent_while_it_is_replaced)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, SET, .in = B),
		   OP(4, 5, GET, .err = -ENOENT));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, REPLACE, .in = B),
		   OP(4, 5, INSERT, .in = C));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 10, SWAP, .in = B, .out = A),
		   OP(4, 5, REPLACE, .in = C, .err = -ENOENT));
}

TEST(two_creators)
{
	EXPECT_BAD(OP(1, 10, INSERT, .in = A), OP(2, 11, INSERT, .in = B));
	EXPECT_GOOD(OP(1, 10, INSERT, .in = A), OP(2, 11, DELETE),
		    OP(3, 12, INSERT, .in = B));
	EXPECT_BAD(OP(1, 10, GET_OR_SET, .in = A),
		   OP(2, 11, GET_OR_SET, .in = B));
	EXPECT_BAD(OP(1, 10, GET_OR_SET, .in = A),
		   OP(2, 11, GET_OR_SET, .in = B, .out = C));
	EXPECT_GOOD(OP(1, 10, GET_OR_SET, .in = A),
		    OP(2, 11, GET_OR_SET, .in = B, .out = A));
}

TEST(errors_are_observations)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, DELETE, .err = -ENOENT));
	EXPECT_BAD(OP(1, 2, INSERT, .in = A, .err = -EEXIST));
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 4, COMPARE_SWAP, .expect = A, .in = B, .err = -ESTALE));
	EXPECT_GOOD(OP(1, 2, SET, .in = A),
		    OP(3, 4, COMPARE_DELETE, .expect = B, .err = -ESTALE));
	EXPECT_BAD(OP(1, 2, COMPARE_DELETE, .expect = B, .err = -ESTALE));
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, ADD, .in = 1, .err = -EDOM));
	EXPECT_GOOD(OP(1, 2, SET, .in = LONG),
		    OP(3, 4, ADD, .in = 1, .err = -EDOM));
	/* No operation fails with this error. */
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 4, SET, .in = B, .err = -EIO));
	EXPECT_BAD(OP(1, 2, GET, .err = -ENOMEM));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .err = -ENOENT));
}

TEST(what_failed_changed_nothing)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 4, SET, .in = B, .err = -ENOMEM),
		   OP(5, 6, GET, .out = B));
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 4, INSERT, .in = B, .err = -EEXIST),
		   OP(5, 6, GET, .out = B));
	EXPECT_BAD(OP(1, 2, SET, .in = LONG),
		   OP(3, 4, TAKE, .out = history_len(LONG), .err = -EMSGSIZE),
		   OP(5, 6, GET, .err = -ENOENT));
	EXPECT_GOOD(OP(1, 2, SET, .in = LONG),
		    OP(3, 4, TAKE, .out = history_len(LONG), .err = -EMSGSIZE),
		    OP(5, 6, GET, .out = LONG));
}

TEST(lengths)
{
	EXPECT_BAD(OP(1, 2, SET, .in = LONG), OP(3, 4, LENGTH, .out = 8));
	EXPECT_BAD(OP(1, 2, LENGTH, .out = 8));
	EXPECT_BAD(OP(1, 2, SET, .in = LONG),
		   OP(3, 4, SWAP, .in = A, .out = 8, .err = -EMSGSIZE));
}

TEST(versions)
{
	/* For concurrent operations, the versions tell the order. */
	EXPECT_GOOD(OP(1, 10, SET, .in = A, .version = 8),
		    OP(2, 11, SET, .in = B, .version = 4),
		    OP(12, 13, GET, .out = A, .version = 8));
	EXPECT_BAD(OP(1, 10, SET, .in = A, .version = 8),
		   OP(2, 11, SET, .in = B, .version = 4),
		   OP(12, 13, GET, .out = B, .version = 4));
	/* Versions do not decrease, and no version comes twice. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, SET, .in = B, .version = 8));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, DELETE, .version = 12),
		   OP(5, 6, SET, .in = B, .version = 9));
	/* One version belongs to one value. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, GET, .out = A, .version = 9));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, LENGTH, .out = 8, .version = 9));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, INSERT, .in = B, .err = -EEXIST, .version = 7));
}

TEST(conditions_on_versions)
{
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .version = 8),
		    OP(3, 4, SET_VERSION, .in = B, .expect = 8, .version = 12),
		    OP(5, 6, DELETE_VERSION, .expect = 8, .err = -ESTALE,
		       .version = 12));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 9, SET_VERSION, .in = B, .expect = 8, .version = 12),
		   OP(4, 10, DELETE_VERSION, .expect = 8, .version = 16));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, SET_VERSION, .in = B, .expect = 8, .err = -ESTALE,
		      .version = 8));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 8),
		   OP(3, 4, SET_VERSION, .in = B, .expect = 4, .err = -ESTALE,
		      .version = 12));
}

TEST(batch_in_order)
{
	EXPECT_GOOD(OP(1, 9, SET, .in = A, .place = 1),
		    OP(1, 9, GET, .out = A, .place = 2),
		    OP(1, 9, DELETE, .place = 5));
	/* The second element sees the effect of the third, which is wrong. */
	EXPECT_BAD(OP(1, 9, SET, .in = A, .place = 1),
		   OP(1, 9, GET, .out = B, .place = 2),
		   OP(1, 9, SET, .in = B, .place = 3));
	EXPECT_BAD(OP(1, 9, SET, .in = A, .place = 1),
		   OP(1, 9, SET, .in = B, .place = 2),
		   OP(10, 11, GET, .out = A));
	/* As separate calls, without an order, that is possible. */
	EXPECT_GOOD(OP(1, 9, SET, .in = A), OP(1, 9, GET, .out = B),
		    OP(1, 9, SET, .in = B));
	/* Other calls may come between the elements of a batch. */
	EXPECT_GOOD(OP(1, 9, SET, .in = A, .place = 1),
		    OP(2, 3, SET, .in = B),
		    OP(1, 9, GET, .out = B, .place = 2));
}

TEST(killed_before_or_after)
{
	EXPECT_GOOD(OP(1, 2, SET, .in = A),
		    OP(3, 9, SET, .in = B, .pending = 1),
		    OP(10, 11, GET, .out = A));
	EXPECT_GOOD(OP(1, 2, SET, .in = A),
		    OP(3, 9, SET, .in = B, .pending = 1),
		    OP(10, 11, GET, .out = B, .version = 5));
	EXPECT_GOOD(OP(1, 2, SET, .in = A),
		    OP(3, 9, TAKE, .pending = 1),
		    OP(10, 11, GET, .err = -ENOENT));
	/* It cannot be both. */
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 9, SET, .in = B, .pending = 1),
		   OP(10, 11, GET, .out = B), OP(12, 13, GET, .out = A));
	/* An operation has no effect long after its caller died. */
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 9, SET, .in = B, .pending = 1),
		   OP(10, 11, GET, .out = A), OP(12, 13, GET, .out = B));
	/* An operation cannot do what its condition forbids. */
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 9, COMPARE_SWAP, .expect = C, .in = B, .pending = 1),
		   OP(10, 11, GET, .out = B));
	EXPECT_BAD(OP(1, 2, SET, .in = A),
		   OP(3, 9, ADD, .in = 1, .pending = 1),
		   OP(10, 11, GET, .out = A + 2));
}

TEST(version_of_what_a_killed_one_wrote)
{
	/* An error tells a version without telling which write made it. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .version = 4),
		    OP(3, 9, SET, .in = B, .pending = 1),
		    OP(4, 20, SET, .in = C, .version = 12),
		    OP(5, 21, INSERT, .in = A + 4, .err = -EEXIST, .version = 12),
		    OP(6, 7, GET, .out = B),
		    OP(22, 23, GET, .out = C, .version = 12));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .version = 4),
		   OP(3, 9, SET, .in = B, .pending = 1),
		   OP(10, 11, GET, .out = B, .version = 8),
		   OP(12, 13, GET, .out = B, .version = 9));
}

TEST(clear_takes_each_key_once)
{
	EXPECT_GOOD(OP(1, 2, SET, .in = A), OP(3, 9, CLEAR),
		    OP(4, 5, GET, .out = A), OP(6, 7, GET, .err = -ENOENT));
	EXPECT_GOOD(OP(3, 9, CLEAR), OP(4, 5, SET, .in = A),
		    OP(6, 10, GET, .err = -ENOENT));
	/* An entry that is present throughout is removed. */
	EXPECT_BAD(OP(1, 2, SET, .in = A), OP(3, 9, CLEAR),
		   OP(10, 11, GET, .out = A));
	EXPECT_BAD(OP(3, 9, CLEAR), OP(1, 2, SET, .in = A),
		   OP(4, 5, GET, .err = -ENOENT), OP(6, 7, SET, .in = B),
		   OP(10, 11, GET, .err = -ENOENT));
}

/* The clock has published W before the call, and it is N after the return. */
#define TIME(w, n) .word = w, .now = n

TEST(expires_at_its_deadline)
{
	/* Not before, and no later than the clock says. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, GET, .out = A, TIME(20, 49)),
		    OP(5, 6, GET, .err = -ENOENT, TIME(50, 60)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, GET, .err = -ENOENT, TIME(20, 49)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, GET, .out = A, TIME(50, 51)));
	/* In between, whoever reads decides. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, GET, .out = A, TIME(49, 70)),
		    OP(5, 6, GET, .err = -ENOENT, TIME(49, 80)));
	/* An entry without a deadline stays. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, TIME(10, 11)),
		   OP(3, 4, GET, .err = -ENOENT, TIME(20, 49)));
}

TEST(what_has_expired_never_comes_back)
{
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, GET, .err = -ENOENT, TIME(49, 70)),
		   OP(5, 6, GET, .out = A, TIME(49, 80)));
	/* Whoever began later by the clock cannot have found it before. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 9, GET, .err = -ENOENT, TIME(20, 70)),
		   OP(4, 8, INSERT, .in = B, TIME(20, 49)));
	/* Two readers disagree. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 9, GET, .err = -ENOENT, TIME(49, 70)),
		    OP(5, 6, GET, .out = A, TIME(49, 60)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 9, GET, .err = -ENOENT, TIME(49, 70)),
		   OP(10, 11, GET, .out = A, TIME(49, 80)));
	/* Nor by a touch, nor by an add. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, GET, .err = -ENOENT, TIME(49, 70)),
		   OP(5, 6, TOUCH, .deadline = 90, TIME(49, 80)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, ADD, .in = 1, .expect = B, .out = A + 1, TIME(50, 51)));
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, ADD, .in = 1, .expect = B, .out = B + 1, TIME(49, 51)));
}

TEST(writes_set_and_keep_deadlines)
{
	/* A touch in time. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, TOUCH, .deadline = 90, TIME(20, 30)),
		    OP(5, 6, GET, .out = A, .told = 91, TIME(60, 70)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, TOUCH, .deadline = 90, TIME(20, 30)),
		   OP(5, 6, GET, .err = -ENOENT, TIME(60, 70)));
	/* A set removes it, an add keeps it. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, SET, .in = B, TIME(20, 30)),
		    OP(5, 6, GET, .out = B, .told = 1, TIME(60, 70)));
	EXPECT_GOOD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		    OP(3, 4, ADD, .in = 1, .out = A + 1, .deadline = 99, TIME(20, 30)),
		    OP(5, 6, GET, .err = -ENOENT, TIME(60, 70)));
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, ADD, .in = 1, .out = A + 1, TIME(20, 30)),
		   OP(5, 6, GET, .out = A + 1, TIME(60, 70)));
	/* What a read tells of it must be so. */
	EXPECT_BAD(OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11)),
		   OP(3, 4, GET, .out = A, .told = 61, TIME(20, 30)));
	/* A deadline that has passed: the entry is gone at once. */
	EXPECT_GOOD(OP(1, 2, SET, .in = A, TIME(10, 11)),
		    OP(3, 4, SET, .in = B, .deadline = 20, TIME(30, 40)),
		    OP(5, 6, GET, .err = -ENOENT, TIME(30, 40)));
}

TEST(expiry_beside_killed_ones)
{
	/* An add counts on, or begins anew after the deadline, or never was. */
	const struct history_op begin =
		OP(1, 2, SET, .in = A, .deadline = 50, TIME(10, 11));
	const struct history_op killed =
		OP(3, 9, ADD, .in = 1, .expect = B, .deadline = 90, .pending = 1,
		   TIME(40, 60));

	EXPECT_GOOD(begin, killed, OP(10, 11, GET, .out = A, TIME(40, 60)));
	EXPECT_GOOD(begin, killed, OP(10, 11, GET, .out = A + 1, TIME(40, 60)));
	EXPECT_GOOD(begin, killed, OP(10, 11, GET, .out = B + 1, TIME(60, 61)));
	EXPECT_GOOD(begin, killed, OP(10, 11, GET, .err = -ENOENT, TIME(60, 61)));
	EXPECT_BAD(begin, killed, OP(10, 11, GET, .out = A + 1, TIME(60, 61)));
	/* A touch gives one value two versions. */
	EXPECT_GOOD(OP(1, 20, SET, .in = A, .pending = 1),
		    OP(2, 21, TOUCH, .pending = 1),
		    OP(3, 22, GET, .out = A, .version = 8),
		    OP(4, 23, GET, .out = A, .version = 4));
}

TEST(states_are_carried_over_cuts)
{
	/*
	 * Either of two writes can be the last, until somebody reads the key.
	 */
	EXPECT_GOOD(OP(1, 5, SET, .in = A), OP(2, 6, SET, .in = B),
		    OP(10, 11, GET, .out = A), OP(12, 13, GET, .out = A));
	EXPECT_BAD(OP(1, 5, SET, .in = A), OP(2, 6, SET, .in = B),
		   OP(10, 11, GET, .out = A), OP(12, 13, GET, .out = B));
}

TEST(it_says_what_is_wrong)
{
	struct history_op h[] = {
		OP(1, 2, SET, .in = A), OP(3, 4, SET, .in = B),
		OP(5, 6, GET, .out = A, .door = HISTORY_WINDOW),
	};
	struct linear_states states = { .count = 1 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	EXPECT_EQ(LINEAR_NO, linear_check(h, COUNT(h), &states, out, NULL));
	fclose(out);
	EXPECT_NE(NULL, strstr(text, "value 11"));
	EXPECT_NE(NULL, strstr(text, "5 ..        6 get: ok out 10 (window)"));
	free(text);
}

/* ---- against a checker that tries every order ---- */

static bool any_order(const struct history_op *op, unsigned int n,
		      unsigned int done, struct linear_state state)
{
	unsigned int i, j;

	if (done == (1U << n) - 1)
		return true;
	for (i = 0; i < n; i++) {
		struct linear_state after = state;
		bool first = !(done & 1U << i);

		for (j = 0; j < n; j++)
			if (!(done & 1U << j) && (op[j].end < op[i].begin ||
			    (op[j].begin == op[i].begin && op[j].place &&
			     op[j].place < op[i].place)))
				first = false;
		if (!first)
			continue;
		if (op[i].pending &&
		    any_order(op, n, done | 1U << i, state))
			return true;
		if (linear_apply(&op[i], &after, false) != LINEAR_CANNOT &&
		    any_order(op, n, done | 1U << i, after))
			return true;
		after = state;
		if (linear_apply(&op[i], &after, true) != LINEAR_CANNOT &&
		    any_order(op, n, done | 1U << i, after))
			return true;
	}

	return false;
}

/* With few values and little time, about as many are good as are bad. */
static void random_op(struct history_op *op, uint64_t *seed, unsigned int n)
{
	static const int errors[] = { -ENOENT, -EEXIST, -ESTALE, -ENOMEM };
	uint64_t r = random_next(seed) >> 8;

	*op = (struct history_op){
		.kind = HISTORY_GET + r % (HISTORY_KINDS - HISTORY_GET),
		.begin = (r >> 8) % (2 * n + 2) + 1,
		.in = 0x100 * (n + 1),
		.pending = (r >> 16) % 8 == 0,
	};
	if (op->kind == HISTORY_LENGTH)
		op->kind = HISTORY_GET;
	op->end = op->begin + 1 + (r >> 24) % 6;
	if ((r >> 32) % 3 == 0)
		op->err = errors[(r >> 34) % COUNT(errors)];
	if (op->kind == HISTORY_ADD)
		op->in = 1;
	op->expect = 0x100 * ((r >> 40) % 4);
	if (op->kind == HISTORY_SET_VERSION ||
	    op->kind == HISTORY_DELETE_VERSION)
		op->expect = 1 + (r >> 40) % 4;
	if (!op->err && (op->kind == HISTORY_GET || op->kind == HISTORY_SWAP ||
			 op->kind == HISTORY_TAKE ||
			 op->kind == HISTORY_GET_OR_SET ||
			 op->kind == HISTORY_ADD))
		op->out = 0x100 * ((r >> 44) % 5) + (op->kind == HISTORY_ADD);
	if (!op->out && (op->kind == HISTORY_GET || op->kind == HISTORY_TAKE))
		op->err = -ENOENT;
	/* The clock of deadlines is that of begins and ends, or is behind it. */
	op->word = op->begin - (r >> 46) % 2;
	op->now = op->end;
	if (op->kind >= HISTORY_SET && (r >> 48) % 2)
		op->deadline = 1 + (r >> 49) % (2 * n + 6);
	if (op->kind == HISTORY_GET && !op->err && (r >> 53) % 8 == 0)
		op->told = 1 + (r >> 48) % 4;
	/* ESTALE always tells the entry's version. */
	if (((r >> 50) % 3 == 0 && op->err != -ENOENT &&
	     op->kind != HISTORY_CLEAR) || op->err == -ESTALE)
		op->version = 1 + (r >> 52) % 6;
}

/*
 * Make some of the histories good: most results become those of running the
 * operations in the order of their begins.
 */
static void make_plausible(struct history_op *op, unsigned int n,
			   uint64_t *seed)
{
	struct linear_state state = {};
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct linear_state after = state;

		if (linear_apply(&op[i], &after, false) == LINEAR_CANNOT &&
		    random_next(seed) >> 8 & 3) {
			op[i].kind = HISTORY_GET;
			op[i].err = state.value ? 0 : -ENOENT;
			op[i].out = state.value;
			op[i].version = state.value ? state.version : 0;
			op[i].told = state.value ? state.deadline + 1 : 0;
			op[i].pending = 0;
			after = state;
		}
		state = after;
	}
}

TEST(agrees_with_one_that_tries_every_order)
{
	unsigned int verdicts[2] = {}, i, round;
	uint64_t seed = 4711;

	for (round = 0; round < 200000; round++) {
		unsigned int n = 3 + round % 4;
		struct history_op h[6];
		bool good;

		for (i = 0; i < n; i++)
			random_op(&h[i], &seed, i);
		make_plausible(h, n, &seed);
		/* Sometimes the first two are a batch. */
		if (round % 5 == 0) {
			h[1].begin = h[0].begin;
			h[1].end = h[0].end;
			h[0].place = 1;
			h[1].place = 2;
			h[1].pending = h[0].pending;
		}
		good = any_order(h, n, 0, (struct linear_state){});
		ASSERT_EQ(good ? LINEAR_YES : LINEAR_NO, verdict_of(h, n)) {
			for (i = 0; i < n; i++)
				linear_print(stdout, &h[i]);
		}
		verdicts[good]++;
	}
	TH_LOG("%u good, %u bad", verdicts[1], verdicts[0]);
	EXPECT_GT(verdicts[0], 20000);
	EXPECT_GT(verdicts[1], 20000);
}

/* ---- long histories, and falsified ones ---- */

#define WORKERS 6
#define LONG_N 20000

/* Choose the kind of an operation, and its result if the key has @value. */
static void choose_kind(struct history_op *op, unsigned int choice,
			uint64_t value)
{
	switch (choice) {
	case 0:
		op->kind = HISTORY_SET;
		break;
	case 1:
		op->kind = HISTORY_SWAP;
		op->out = value;
		break;
	case 2:
		op->kind = HISTORY_TAKE;
		op->in = 0;
		op->out = value;
		op->err = value ? 0 : -ENOENT;
		break;
	case 3:
		op->kind = HISTORY_COMPARE_SWAP;
		op->err = !value ? -ENOENT : value == op->expect ? 0 : -ESTALE;
		break;
	case 4:
		op->kind = HISTORY_INSERT;
		op->err = value ? -EEXIST : 0;
		break;
	default:
		op->kind = HISTORY_GET;
		op->out = value;
		op->err = value ? 0 : -ENOENT;
	}
}

/*
 * A history that is linearizable by construction: each operation takes effect
 * at a chosen moment within its interval.  Half of the entries have deadlines, by
 * the same clock.
 */
static void make_history(struct history_op *op, unsigned int n, bool versions,
			 uint64_t *seed)
{
	uint64_t free_at[WORKERS] = {};
	uint64_t value = 0, version = 0, seen[WORKERS] = {}, last = 0;
	uint64_t deadline = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t r = random_next(seed) >> 8, at = 100 * (i + 1);
		unsigned int w = r % WORKERS, tries;

		/* Choose a worker whose last operation ended before. */
		for (tries = 0; free_at[w] >= at && tries < WORKERS; tries++)
			w = (w + 1) % WORKERS;
		op[i] = (struct history_op){
			.begin = at - (r >> 8) % 400 > at ? 1 :
				 at - (r >> 8) % 400,
			.end = at + 1 + (r >> 20) % 400,
			.in = (i + 1ULL) << HISTORY_NUMBER_SHIFT,
			.expect = seen[w],
		};
		if (op[i].begin <= free_at[w])
			op[i].begin = free_at[w] + 1;
		if (op[i].begin > at)
			op[i].begin = at;
		free_at[w] = op[i].end;
		op[i].word = op[i].begin;
		op[i].now = op[i].end;
		if (deadline && deadline <= at)
			deadline = value = 0;
		choose_kind(&op[i], (r >> 32) % 8, value);
		seen[w] = value;
		if (op[i].kind == HISTORY_GET && value)
			op[i].told = deadline + 1;
		else if (op[i].in && r >> 40 & 1)
			op[i].deadline = at + (r >> 41) % 2000;
		if (!op[i].err && op[i].kind != HISTORY_GET) {
			value = op[i].in;
			version = ++last;
			deadline = op[i].deadline;
		}
		if (versions && op[i].err != -ENOENT)
			op[i].version = version;
	}
}

static enum linear_verdict check_copy(const struct history_op *op,
				      unsigned int n, struct linear_work *work)
{
	struct history_op *copy = malloc(n * sizeof(*op));
	struct linear_states states = { .count = 1 };
	enum linear_verdict verdict;

	memcpy(copy, op, n * sizeof(*op));
	verdict = linear_check(copy, n, &states, NULL, work);
	free(copy);
	return verdict;
}

TEST(long_histories)
{
	struct history_op *op = calloc(LONG_N + 1, sizeof(*op));
	struct linear_work work = {};
	uint64_t seed = 99;
	int versions;

	for (versions = 0; versions < 2; versions++) {
		make_history(op, LONG_N, versions, &seed);
		EXPECT_EQ(LINEAR_YES, check_copy(op, LONG_N, &work));
	}
	/* An operation that is under way all the time prevents cuts. */
	op[LONG_N] = (struct history_op){
		.begin = 1, .end = 200 * LONG_N, .kind = HISTORY_SET,
		.in = HISTORY_NEVER, .pending = 1, .now = 200 * LONG_N,
	};
	EXPECT_EQ(LINEAR_YES, check_copy(op, LONG_N + 1, &work));
	EXPECT_EQ(LONG_N + 1, work.longest);
	TH_LOG("%lu operations in %lu parts, %lu in the longest, %lu tried",
	       work.ops, work.parts, work.longest, work.tried);
	free(op);
}

/*
 * The histories are dense: four operations are under way at any time, and one
 * in eight is a delete.  So in half of the cases in which a key was wrongly
 * reported absent, it really was absent at some moment.
 */
TEST(falsified_responses_are_found)
{
	static const unsigned int least[FALSEHOODS] = {
		[OTHER_VALUE] = 990, [OTHER_WRITTEN] = 990,
		[OTHER_VERSION] = 970, [FOUND_NOTHING] = 400,
		[CAME_LATE] = 990,
	};
	unsigned int found[FALSEHOODS] = {}, i, n = 400, f;
	struct history_op *op = calloc(n, sizeof(*op));
	uint64_t seed = 7;

	for (f = 0; f < FALSEHOODS; f++) {
		for (i = 0; i < 1000; i++) {
			make_history(op, n, true, &seed);
			ASSERT_EQ(LINEAR_YES, check_copy(op, n, NULL));
			ASSERT_TRUE(falsify(op, n, f, &seed));
			found[f] += check_copy(op, n, NULL) == LINEAR_NO;
		}
		TH_LOG("falsehood %u: %u of 1000 found", f, found[f]);
		EXPECT_GE(found[f], least[f]);
	}
	free(op);
}

TEST_HARNESS_MAIN
