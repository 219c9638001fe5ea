// SPDX-License-Identifier: GPL-2.0
/*
 * Limits on entries and on bytes are exact, with one thread and in a race.
 */
#include "context.h"
#include "../core/limits.h"

#define SHARDS		8
#define LIMIT		1000

static u64 free_credit(const struct cmap_quota *quota)
{
	return (u64)atomic64_read(&quota->pool) >> CMAP_QUOTA_FREE_SHIFT;
}

/* Draw credit, and collect it from other shards, as collect_credit() does. */
static int draw(struct cmap_quota *quota, struct cmap_credit *credit, u32 i,
		u32 shards)
{
	int err;
	u32 j;

	while ((err = cmap_quota_draw(quota, &credit[i])) == -EAGAIN) {
		for (j = 0; j < shards; j++) {
			if (credit[j].holder)
				break;
		}
		if (j == shards)
			break;
		cmap_quota_collect(quota, &credit[j]);
	}
	if (!err)
		cmap_quota_inserted(quota, &credit[i]);
	return err;
}

static void undo(struct cmap_quota *quota, struct cmap_credit *credit)
{
	cmap_quota_deleting(quota, credit);
	cmap_quota_return(quota, credit, 1);
}

static void credit_init(struct cmap_credit *credit, u32 shards)
{
	u32 i;

	memset(credit, 0, shards * sizeof(*credit));
	for (i = 0; i < shards; i++)
		credit[i].stripe = i;
}

/*
 * At every moment the limit is the sum of used, held and free credit.  A draw is
 * refused only if all credit is used.
 */
static void entries_exact(struct kunit *test)
{
	struct cmap_quota quota = {};
	struct test_context *ctx = test->priv;
	struct cmap_credit credit[SHARDS];
	u32 used = 0, i, n;

	credit_init(credit, SHARDS);
	cmap_quota_init(&quota, LIMIT, SHARDS);
	for (n = 0; n < 100000; n++) {
		u64 have = used + free_credit(&quota), known;

		i = ctx_random(ctx, SHARDS);
		for (u32 j = 0; j < SHARDS; j++)
			have += credit[j].held;
		KUNIT_ASSERT_EQ(test, have, LIMIT);
		if (cmap_quota_entries(&quota, &known))
			KUNIT_ASSERT_EQ(test, known, used);
		/* Fill up to the limit, and empty again. */
		if (ctx_random(ctx, 100) < (n / 10000 % 2 ? 35 : 65)) {
			int err = draw(&quota, credit, i, SHARDS);

			KUNIT_ASSERT_EQ(test, err, used == LIMIT ? -ENOSPC : 0);
			used += !err;
		} else if (used) {
			undo(&quota, &credit[i]);
			used--;
		}
	}
}

/*
 * Others were refused as soon as a write had drawn the last credit, even if that write
 * failed later; and while a delete had removed its entry, but not returned its credit.
 */
static void pending_is_not_full(struct kunit *test)
{
	struct cmap_credit credit[2];
	struct cmap_quota quota = {};
	u64 known = 0;

	credit_init(credit, 2);
	cmap_quota_init(&quota, 1, 2);
	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[0]), 0);
	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[1]), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, cmap_quota_entries(&quota, &known));
	cmap_quota_return(&quota, &credit[0], 1);
	KUNIT_EXPECT_TRUE(test, cmap_quota_entries(&quota, &known));
	KUNIT_EXPECT_EQ(test, known, 0);

	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[1]), 0);
	cmap_quota_inserted(&quota, &credit[1]);
	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[0]), -ENOSPC);
	cmap_quota_deleting(&quota, &credit[1]);
	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[0]), -EAGAIN);
	cmap_quota_return(&quota, &credit[1], 1);
	KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit[0]), 0);
	cmap_quota_inserted(&quota, &credit[0]);
	KUNIT_EXPECT_TRUE(test, cmap_quota_entries(&quota, &known));
	KUNIT_EXPECT_EQ(test, known, 1);
}

/* Far from the limit shards hold credit.  Near it no shard does, or begins to. */
static void holders_far_from_the_limit(struct kunit *test)
{
	struct cmap_credit credit[SHARDS];
	struct cmap_quota quota = {};
	u32 i, n = 0, asked = 0;
	s64 pool;

	credit_init(credit, SHARDS);
	cmap_quota_init(&quota, LIMIT, SHARDS);
	for (; n < LIMIT / 2; n++) {
		pool = atomic64_read(&quota.pool);
		KUNIT_ASSERT_EQ(test, draw(&quota, credit, n % SHARDS, SHARDS),
				0);
		asked += pool != atomic64_read(&quota.pool);
	}
	KUNIT_EXPECT_EQ(test, bitmap_weight(quota.holders, SHARDS), SHARDS);
	KUNIT_EXPECT_LE(test, asked, LIMIT / 2 / quota.batch + SHARDS);
	for (; n < LIMIT; n++)
		KUNIT_ASSERT_EQ(test, draw(&quota, credit, n % SHARDS, SHARDS),
				0);
	KUNIT_EXPECT_EQ(test, draw(&quota, credit, 0, SHARDS), -ENOSPC);
	KUNIT_EXPECT_EQ(test, bitmap_weight(quota.holders, SHARDS), 0);

	/* Credit that one shard returns is found by another at once. */
	for (i = 0; i < 100; i++) {
		undo(&quota, &credit[i % SHARDS]);
		KUNIT_ASSERT_EQ(test, cmap_quota_draw(&quota, &credit[0]), 0);
		cmap_quota_inserted(&quota, &credit[0]);
	}
	KUNIT_EXPECT_EQ(test, bitmap_weight(quota.holders, SHARDS), 0);
	for (; n > LIMIT / 2; n--)
		undo(&quota, &credit[n % SHARDS]);
	KUNIT_EXPECT_EQ(test, draw(&quota, credit, 0, SHARDS), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(quota.holders, SHARDS), 1);
}

static void no_limit(struct kunit *test)
{
	static const u64 none[] = { 0, 1ULL << 42, S64_MAX };
	struct cmap_credit credit = {};
	struct cmap_quota quota = {};
	u64 known;
	u32 i, n;

	for (n = 0; n < ARRAY_SIZE(none); n++) {
		cmap_quota_init(&quota, none[n], SHARDS);
		for (i = 0; i < 10; i++) {
			KUNIT_EXPECT_EQ(test, cmap_quota_draw(&quota, &credit),
					0);
			cmap_quota_inserted(&quota, &credit);
		}
		undo(&quota, &credit);
		cmap_quota_collect(&quota, &credit);
		KUNIT_EXPECT_EQ(test, credit.held, 0);
		KUNIT_EXPECT_FALSE(test, cmap_quota_entries(&quota, &known));
	}
	/* The greatest number that is a limit. */
	cmap_quota_init(&quota, (1ULL << 42) - 1, SHARDS);
	KUNIT_EXPECT_EQ(test, free_credit(&quota), (1ULL << 42) - 1);
}

static struct cmap_quota shared_quota;
static struct cmap_account parent, child[2];
static u32 drawn_by[2];
static u64 charged_by[2];

static void draw_and_charge(struct kunit *test, unsigned int thread)
{
	struct cmap_credit credit = { .stripe = thread };
	u32 i;

	for (i = 0; i < 200000; i++) {
		if (!cmap_quota_draw(&shared_quota, &credit)) {
			cmap_quota_inserted(&shared_quota, &credit);
			drawn_by[thread]++;
		}
		if (!cmap_charge(&child[thread], 3))
			charged_by[thread] += 3;
		if (i % 3 && drawn_by[thread]) {
			undo(&shared_quota, &credit);
			drawn_by[thread]--;
		}
		if (i % 3 && charged_by[thread]) {
			cmap_uncharge(&child[thread], 3);
			charged_by[thread] -= 3;
		}
	}
	cmap_quota_collect(&shared_quota, &credit);
}

static void race(struct kunit *test)
{
	u32 i;

	memset(&shared_quota, 0, sizeof(shared_quota));
	cmap_quota_init(&shared_quota, LIMIT, 2);
	parent = (struct cmap_account){ .max = 7000 };
	for (i = 0; i < 2; i++) {
		child[i] = (struct cmap_account){ .parent = &parent };
		drawn_by[i] = 0;
		charged_by[i] = 0;
	}
	run_threads(test, 2, draw_and_charge);
	KUNIT_EXPECT_EQ(test, drawn_by[0] + drawn_by[1] +
			free_credit(&shared_quota), LIMIT);
	KUNIT_EXPECT_EQ(test, charged_by[0], atomic64_read(&child[0].bytes));
	KUNIT_EXPECT_EQ(test, charged_by[1], atomic64_read(&child[1].bytes));
	KUNIT_EXPECT_EQ(test, charged_by[0] + charged_by[1],
			atomic64_read(&parent.bytes));
}

/* If any account refuses a charge, none is charged. */
static void charge_all_or_nothing(struct kunit *test)
{
	struct cmap_account top = { .max = 100 };
	struct cmap_account mid = { .max = 80, .parent = &top };
	struct cmap_account low = { .parent = &mid };

	KUNIT_EXPECT_EQ(test, cmap_charge(&low, 80), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&low, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_charge(&top, 20), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&top, 1), -ENOSPC);
	cmap_uncharge(&low, 50);
	KUNIT_EXPECT_EQ(test, cmap_charge(&low, 50), 0);
	cmap_uncharge(&low, 50);
	KUNIT_EXPECT_EQ(test, cmap_charge(&top, 50), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&low, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, atomic64_read(&low.bytes), 30);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mid.bytes), 30);
	KUNIT_EXPECT_EQ(test, atomic64_read(&top.bytes), 100);
}

static struct cmap_account whole = { .max = 3000 };
static struct cmap_account part = { .max = 4000, .parent = &whole };
static u32 charged, refused;
static bool enough;

static void charge_little_or_too_much(struct kunit *test, unsigned int thread)
{
	u32 wrong = 0, i;

	if (!thread) {
		while (!READ_ONCE(enough)) {
			if (cmap_charge(&part, 1000)) {
				refused++;
			} else {
				WRITE_ONCE(charged, charged + 1);
				cmap_uncharge(&part, 1000);
			}
			cond_resched();
		}
		return;
	}

	/*
	 * Too much for the first account, or for the second.  Continue until the
	 * other thread has run, too.
	 */
	for (i = 0; i < 2000000 || !READ_ONCE(charged); i++) {
		wrong += cmap_charge(&part, 5000) != -ENOSPC;
		wrong += cmap_charge(&part, 3500) != -ENOSPC;
		cond_resched();
	}
	WRITE_ONCE(enough, true);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/*
 * A charge that was refused had been charged for a moment.  Meanwhile charges for
 * which there was room were refused.
 */
static void too_much_hurts_nobody_else(struct kunit *test)
{
	enough = false;
	charged = refused = 0;
	run_threads(test, 2, charge_little_or_too_much);
	KUNIT_EXPECT_GT(test, charged, 0);
	KUNIT_EXPECT_EQ(test, refused, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&part.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&whole.bytes), 0);
}

/* ---- users ---- */

#define USER	KUIDT_INIT(1000)
#define OTHER	KUIDT_INIT(1001)

static void limits_init(void)
{
	cmap_account_all.max = 1000;
	cmap_user_max_bytes = 0;
	cmap_reserve_percent = 10;
}

static void limits_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 0);
	cmap_account_all.max = 0;
	cmap_reserve_percent = 5;
}

/* The reserve is right for any limit: no overflow, and never more than the limit. */
static void reserve_of_any_limit(struct kunit *test)
{
	cmap_reserve_percent = 10;
	KUNIT_EXPECT_EQ(test, cmap_reserve_of(0), 0);
	KUNIT_EXPECT_EQ(test, cmap_reserve_of(9), 0);
	KUNIT_EXPECT_EQ(test, cmap_reserve_of(4096), 409);
	KUNIT_EXPECT_EQ(test, cmap_reserve_of(U64_MAX), U64_MAX / 10);
	cmap_reserve_percent = UINT_MAX;
	KUNIT_EXPECT_EQ(test, cmap_reserve_of(U64_MAX), U64_MAX);
	/* If all of it is reserved, others have almost nothing, not no limit. */
	cmap_account_all.max = 1000;
	KUNIT_EXPECT_EQ(test, cmap_account_limit(&cmap_account_all, false), 1);
	KUNIT_EXPECT_EQ(test, cmap_account_limit(&cmap_account_all, true),
			1000);
	limits_exit(test);
}

static void users_limit_and_reserve(struct kunit *test)
{
	struct cmap_user *user = cmap_user_count(USER, false);
	struct cmap_user *root = cmap_user_count(GLOBAL_ROOT_UID, false);
	struct cmap_bill bill = {}, roots = {}, privileged = {};

	KUNIT_ASSERT_FALSE(test, IS_ERR(user) || IS_ERR(root));
	limits_init();
	cmap_bill_init(&bill, &user->account, false);
	cmap_bill_init(&roots, &root->account, false);
	cmap_bill_init(&privileged, &user->account, true);

	/* A user may have a quarter.  The errno says which limit was reached. */
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 250), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 1), -EDQUOT);
	/* Root has no such limit, but may not use the reserve for that reason. */
	KUNIT_EXPECT_EQ(test, cmap_charge(&roots.account, 651), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_charge(&roots.account, 650), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&privileged.account, 101), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cmap_charge(&privileged.account, 100), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&user->account.bytes), 350);
	/* Raise a limit that is reached. */
	cmap_uncharge(&roots.account, 650);
	cmap_user_max_bytes = 400;
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 51), -EDQUOT);
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 50), 0);

	cmap_uncharge(&bill.account, 300);
	cmap_uncharge(&privileged.account, 100);
	KUNIT_EXPECT_EQ(test, atomic64_read(&root->account.bytes), 0);
	cmap_user_uncount(user);
	cmap_user_uncount(root);
	cmap_user_max_bytes = 0;
	limits_exit(test);
}

static void bill_moves_as_far_as_limits_allow(struct kunit *test)
{
	struct cmap_user *user = cmap_user_count(USER, false);
	struct cmap_user *other = cmap_user_count(OTHER, false);
	struct cmap_bill bill = {}, others = {};

	KUNIT_ASSERT_FALSE(test, IS_ERR(user) || IS_ERR(other));
	limits_init();
	cmap_bill_init(&bill, &user->account, false);
	cmap_bill_init(&others, &other->account, false);
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 200), 0);
	KUNIT_EXPECT_EQ(test, cmap_charge(&others.account, 51), 0);

	KUNIT_EXPECT_EQ(test, cmap_bill_move(&bill, &other->account, false),
			-EDQUOT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&user->account.bytes), 200);
	cmap_uncharge(&others.account, 1);
	KUNIT_EXPECT_EQ(test, cmap_bill_move(&bill, &other->account, false), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&user->account.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&other->account.bytes), 250);
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 250);
	KUNIT_EXPECT_EQ(test, cmap_charge(&bill.account, 1), -EDQUOT);
	/* Moving it to the present payer succeeds in any case. */
	cmap_user_max_bytes = 1;
	KUNIT_EXPECT_EQ(test, cmap_bill_move(&bill, &other->account, false), 0);

	cmap_uncharge(&bill.account, 200);
	cmap_uncharge(&others.account, 50);
	cmap_user_uncount(user);
	cmap_user_uncount(other);
	cmap_user_max_bytes = 0;
	limits_exit(test);
}

/* There is one object for each user who pays for a map. */
static void users_come_and_go(struct kunit *test)
{
	struct cmap_user *user, *again;

	cmap_user_max_maps = 2;
	user = cmap_user_count(USER, false);
	again = cmap_user_count(USER, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user) || IS_ERR(again));
	KUNIT_EXPECT_PTR_EQ(test, user, again);
	KUNIT_EXPECT_PTR_EQ(test, cmap_user_count(USER, false),
			    (struct cmap_user *)ERR_PTR(-EDQUOT));
	KUNIT_EXPECT_PTR_EQ(test, cmap_user_count(USER, true), user);
	cmap_user_uncount(user);
	cmap_user_uncount(user);
	again = cmap_user_count(USER, false);
	KUNIT_EXPECT_PTR_EQ(test, again, user);
	cmap_user_uncount(user);
	KUNIT_EXPECT_EQ(test, user->count[CMAP_COUNTED_MAPS], 1);
	cmap_user_uncount(user);

	fail_allocs(0, 1);
	KUNIT_EXPECT_PTR_EQ(test, cmap_user_count(USER, false),
			    (struct cmap_user *)ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_EQ(test, fail_allocs_end(), 1);
	cmap_user_max_maps = 0;
}

static struct cmap_user *movers[2];
static struct cmap_bill moved;

static void charge_or_move(struct kunit *test, unsigned int thread)
{
	u32 wrong = 0, i;

	for (i = 0; i < 200000; i++) {
		if (!thread) {
			struct cmap_user *to = movers[i & 1];

			wrong += !!cmap_bill_move(&moved, &to->account, true);
		} else {
			wrong += !!cmap_charge(&moved.account, 7 * thread);
			cmap_uncharge(&moved.account, 7 * thread);
		}
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Bytes that were charged to one payer are uncharged from the payer of that moment. */
static void bill_moves_while_charged(struct kunit *test)
{
	movers[0] = cmap_user_count(USER, true);
	movers[1] = cmap_user_count(OTHER, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(movers[0]) || IS_ERR(movers[1]));
	memset(&moved, 0, sizeof(moved));
	cmap_bill_init(&moved, &movers[0]->account, true);
	run_threads(test, 3, charge_or_move);
	KUNIT_EXPECT_EQ(test, atomic64_read(&moved.account.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&movers[0]->account.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&movers[1]->account.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 0);
	cmap_user_uncount(movers[0]);
	cmap_user_uncount(movers[1]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(entries_exact),
	KUNIT_CASE(pending_is_not_full),
	KUNIT_CASE(holders_far_from_the_limit),
	KUNIT_CASE(no_limit),
	KUNIT_CASE(race),
	KUNIT_CASE(charge_all_or_nothing),
	KUNIT_CASE(too_much_hurts_nobody_else),
	KUNIT_CASE(reserve_of_any_limit),
	KUNIT_CASE(users_limit_and_reserve),
	KUNIT_CASE(bill_moves_as_far_as_limits_allow),
	KUNIT_CASE(users_come_and_go),
	KUNIT_CASE(bill_moves_while_charged),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_quota",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
