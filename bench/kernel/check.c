// SPDX-License-Identifier: GPL-2.0
/*
 * Before anything is measured: does each peer do what it should, and do drawn
 * numbers come as often as they should?
 */
#include "key.h"
#include "suite.h"
#include "workers.h"
#include "zipf.h"

#include <linux/err.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>

#define ENTRIES		3000
#define RANKS		1000
#define DRAWS		200000

/* ---- peers ---- */

struct subject {
	const struct bench_peer *peer;
	void *table;
	u32 key_size;
};

static int check_fails(const struct subject *subject, const char *what, u32 number)
{
	pr_err("%s, keys of %u bytes: %s is wrong at key %u\n",
	       subject->peer->name, subject->key_size, what, number);
	return -EILSEQ;
}

/* The same operation on numbers [from, to), which must return @expected. */
static int check_each(const struct subject *subject, u32 op, u32 from, u32 to,
		      u32 salt, int expected)
{
	static const char * const names[] = {
		[BENCH_LOOKUP] = "lookup", [BENCH_INSERT] = "insert",
		[BENCH_REPLACE] = "replace", [BENCH_REMOVE] = "remove",
	};
	u32 i;

	for (i = from; i < to; i++) {
		struct bench_value value;
		u64 sum = 0;
		int err;

		err = bench_step(subject->peer, subject->table,
				 subject->key_size, BENCH_STEP(op, i), salt,
				 &sum);
		if (err != expected)
			return check_fails(subject, names[op], i);
		bench_value_set(&value, i, salt);
		if (op == BENCH_LOOKUP && !err &&
		    sum != bench_value_sum(value.word))
			return check_fails(subject, "value", i);
	}
	cond_resched();

	return 0;
}

static int check_table(const struct subject *s)
{
	u32 half = ENTRIES / 2;

	return check_each(s, BENCH_LOOKUP, 0, ENTRIES, 0, -ENOENT) ?:
	       check_each(s, BENCH_REPLACE, 0, 10, 1, -ENOENT) ?:
	       check_each(s, BENCH_INSERT, 0, ENTRIES, 1, 0) ?:
	       check_each(s, BENCH_INSERT, 0, ENTRIES, 2, -EEXIST) ?:
	       check_each(s, BENCH_LOOKUP, 0, ENTRIES, 1, 0) ?:
	       check_each(s, BENCH_LOOKUP, ENTRIES, 2 * ENTRIES, 0, -ENOENT) ?:
	       check_each(s, BENCH_REPLACE, 0, half, 3, 0) ?:
	       check_each(s, BENCH_LOOKUP, 0, half, 3, 0) ?:
	       check_each(s, BENCH_LOOKUP, half, ENTRIES, 1, 0) ?:
	       check_each(s, BENCH_REMOVE, 0, half, 0, 0) ?:
	       check_each(s, BENCH_REMOVE, 0, half, 0, -ENOENT) ?:
	       check_each(s, BENCH_REPLACE, 0, half, 4, -ENOENT) ?:
	       check_each(s, BENCH_LOOKUP, 0, half, 0, -ENOENT) ?:
	       check_each(s, BENCH_LOOKUP, half, ENTRIES, 1, 0) ?:
	       check_each(s, BENCH_INSERT, 0, half, 5, 0) ?:
	       check_each(s, BENCH_LOOKUP, 0, half, 5, 0);
}

static int check_peer(const struct bench_peer *peer, u32 key_size)
{
	struct bench_shape shape = {
		.key_size = key_size,
		/* BPF needs some more where it frees after a grace period. */
		.capacity = 2 * ENTRIES,
	};
	struct subject subject = { .peer = peer, .key_size = key_size };
	int err;

	if (peer->integers && key_size != 8)
		return 0;

	subject.table = peer->create(&shape);
	if (IS_ERR(subject.table))
		return PTR_ERR(subject.table);
	err = check_table(&subject);
	peer->destroy(subject.table);

	return err;
}

/* ---- numbers ---- */

/*
 * Pearson's statistic.  With so many ranks, one that is right exceeds their
 * number by six times the root of twice that once in a thousand million.
 */
static int check_compare(const char *name, const u32 *seen,
			 const struct bench_zipf *zipf)
{
	u64 total = zipf ? zipf->sum[RANKS - 1] : RANKS;
	u64 limit = RANKS + 6 * int_sqrt(2 * RANKS);
	u64 statistic = 0;
	u32 i;

	for (i = 0; i < RANKS; i++) {
		u64 weight = 1, expected, apart;

		if (zipf)
			weight = zipf->sum[i] - (i ? zipf->sum[i - 1] : 0);
		/* In thousandths. */
		expected = mul_u64_u64_div_u64(weight, DRAWS * 1000ULL, total);
		apart = abs((s64)(seen[i] * 1000ULL - expected));
		statistic += div64_u64(apart * apart, expected);
	}
	statistic = div_u64(statistic, 1000);
	if (statistic <= limit)
		return 0;

	pr_err("%s numbers do not come as often as they should: %llu, at most %llu\n",
	       name, statistic, limit);
	return -EILSEQ;
}

/* The sums of i to the power of -0.99, from elsewhere, by 1e9. */
static int check_sum(const struct bench_zipf *zipf, u64 expected)
{
	u64 sum = mul_u64_u64_div_u64(zipf->sum[zipf->entries - 1], 1000000000,
				      BENCH_ZIPF_ONE);

	/* Each weight is rounded down from the one before. */
	if (sum <= expected && sum > expected - 100)
		return 0;
	pr_err("the weights of %u ranks add up to %llu, not %llu\n",
	       zipf->entries, sum, expected);
	return -EILSEQ;
}

static int check_numbers(void)
{
	struct bench_zipf *zipf = bench_zipf_new(RANKS);
	struct bench_zipf *large = bench_zipf_new(1000000);
	u32 *seen = kcalloc(RANKS, sizeof(*seen), GFP_KERNEL);
	struct rnd_state random;
	int err = -ENOMEM;
	u32 i;

	if (!zipf || !large || !seen)
		goto free;

	prandom_seed_state(&random, 1);
	err = check_sum(zipf, 7728953217) ?: check_sum(large, 15391849746);
	for (i = 0; i < DRAWS; i++)
		seen[bench_zipf_rank(zipf, &random)]++;
	err = err ?: check_compare("Zipf's", seen, zipf);

	memset(seen, 0, RANKS * sizeof(*seen));
	for (i = 0; i < DRAWS; i++)
		seen[bench_below(&random, RANKS)]++;
	err = err ?: check_compare("uniform", seen, NULL);

	/* Scattered ranks are as many numbers as there were ranks. */
	memset(seen, 0, RANKS * sizeof(*seen));
	for (i = 0; i < 20 * DRAWS; i++)
		seen[bench_zipf_number(zipf, &random)]++;
	for (i = 0; i < RANKS && !err; i++)
		err = seen[i] ? 0 : -EILSEQ;
free:
	kfree(seen);
	bench_zipf_free(large);
	bench_zipf_free(zipf);
	return err;
}

/**
 * bench_check() - check all peers, and the random numbers
 * @plan: who takes part
 *
 * Context: Process.
 * Return: 0; -EILSEQ if anything is wrong; or an errno.
 */
int bench_check(const struct bench_plan *plan)
{
	static const u32 key_sizes[] = { 8, 32, 100 };
	int err = check_numbers();
	u32 i, k;

	for (i = 0; i < plan->peers && !err; i++)
		for (k = 0; k < ARRAY_SIZE(key_sizes) && !err; k++)
			err = check_peer(plan->peer[i], key_sizes[k]);
	bench_settle();

	return err;
}
