// SPDX-License-Identifier: GPL-2.0
/*
 * Limits on entries and on bytes: exact, alone and in a race.
 */
#include "lab.h"

#define SHARDS		8
#define LIMIT		1000

/* What is drawn and what is spare are the limit together, at every moment. */
static void entries_exact(struct kunit *test)
{
	struct lab *lab = test->priv;
	u32 credit[SHARDS] = {}, drawn = 0, i, n;
	struct cmap_quota quota;

	cmap_quota_init(&quota, LIMIT, SHARDS);
	for (n = 0; n < 100000; n++) {
		u64 have = drawn + atomic64_read(&quota.spare);

		i = lab_below(lab, SHARDS);
		for (u32 j = 0; j < SHARDS; j++)
			have += credit[j];
		KUNIT_ASSERT_EQ(test, have, LIMIT);
		/* Up to the limit and down again. */
		if (lab_below(lab, 100) < (n / 10000 % 2 ? 35 : 65)) {
			if (cmap_quota_draw(&quota, &credit[i]))
				drawn++;
			else
				KUNIT_ASSERT_EQ(test, credit[i], 0);
		} else if (drawn) {
			cmap_quota_return(&quota, &credit[i]);
			drawn--;
		}
	}

	/* With all credit collected the last one can be drawn, no more. */
	for (i = 0; i < SHARDS; i++)
		cmap_quota_collect(&quota, &credit[i]);
	while (cmap_quota_draw(&quota, &credit[0]))
		drawn++;
	KUNIT_EXPECT_EQ(test, drawn, LIMIT);
}

static void no_limit(struct kunit *test)
{
	struct cmap_quota quota;
	u32 credit = 0, i;

	cmap_quota_init(&quota, 0, SHARDS);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_TRUE(test, cmap_quota_draw(&quota, &credit));
	cmap_quota_return(&quota, &credit);
	cmap_quota_collect(&quota, &credit);
	KUNIT_EXPECT_EQ(test, credit, 0);
	KUNIT_EXPECT_TRUE(test, cmap_quota_draw(&quota, &credit));
}

static struct cmap_quota shared_quota;
static struct cmap_account parent, child[2];
static u32 drawn_by[2];
static u64 charged_by[2];

static void draw_and_charge(struct kunit *test, unsigned int thread)
{
	u32 credit = 0, i;

	for (i = 0; i < 200000; i++) {
		if (cmap_quota_draw(&shared_quota, &credit))
			drawn_by[thread]++;
		if (!cmap_charge(&child[thread], 3))
			charged_by[thread] += 3;
		if (i % 3 && drawn_by[thread]) {
			cmap_quota_return(&shared_quota, &credit);
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

	cmap_quota_init(&shared_quota, LIMIT, 2);
	parent = (struct cmap_account){ .max = 7000 };
	for (i = 0; i < 2; i++) {
		child[i] = (struct cmap_account){ .parent = &parent };
		drawn_by[i] = 0;
		charged_by[i] = 0;
	}
	lab_race(test, 2, draw_and_charge);
	KUNIT_EXPECT_EQ(test, drawn_by[0] + drawn_by[1] +
			atomic64_read(&shared_quota.spare), LIMIT);
	KUNIT_EXPECT_EQ(test, charged_by[0], atomic64_read(&child[0].bytes));
	KUNIT_EXPECT_EQ(test, charged_by[1], atomic64_read(&child[1].bytes));
	KUNIT_EXPECT_EQ(test, charged_by[0] + charged_by[1],
			atomic64_read(&parent.bytes));
}

/* A refusal anywhere up the line takes nothing. */
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
				charged++;
				cmap_uncharge(&part, 1000);
			}
			cond_resched();
		}
		return;
	}

	/* Too much for the one that is asked first; or for the second. */
	for (i = 0; i < 2000000; i++) {
		wrong += cmap_charge(&part, 5000) != -ENOSPC;
		wrong += cmap_charge(&part, 3500) != -ENOSPC;
		cond_resched();
	}
	WRITE_ONCE(enough, true);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/*
 * What could not be charged was taken, and then given back: meanwhile others
 * were refused what there was room for.
 */
static void too_much_hurts_nobody_else(struct kunit *test)
{
	enough = false;
	charged = refused = 0;
	lab_race(test, 2, charge_little_or_too_much);
	KUNIT_EXPECT_GT(test, charged, 0);
	KUNIT_EXPECT_EQ(test, refused, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&part.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&whole.bytes), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(entries_exact),
	KUNIT_CASE(no_limit),
	KUNIT_CASE(race),
	KUNIT_CASE(charge_all_or_nothing),
	KUNIT_CASE(too_much_hurts_nobody_else),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_quota",
	.init = lab_init,
	.exit = lab_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
