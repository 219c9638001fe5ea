// SPDX-License-Identifier: GPL-2.0
#include "zipf.h"

#include <linux/err.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>

/* A prime beyond any number of entries, so it shares no factor with one. */
#define SCATTER		2654435761ULL

static u64 multiply(u64 a, u64 b)
{
	return mul_u64_u64_shr(a, b, 64);
}

/*
 * (1 - 1/i) to the power of 0.99, computed by the binomial series, in which all
 * terms but the first are negative.  The result is a fraction of 2^64.
 */
static u64 one_step(u32 i)
{
	u64 x = div_u64(U64_MAX, i);
	u64 term = multiply(x, div_u64(U64_MAX, 100) * 99);
	u64 rest = 0;
	u32 k;

	for (k = 2; term; k++) {
		rest += term;
		term = mul_u64_u32_div(multiply(term, x), k * 100 - 199,
				       k * 100);
	}

	return -rest;
}

/**
 * bench_zipf_new() - make a distribution
 * @entries: how many ranks
 *
 * Context: Process.
 * Return: the distribution, or NULL.
 */
struct bench_zipf *bench_zipf_new(u32 entries)
{
	struct bench_zipf *zipf;
	u64 weight = 1ULL << 63;
	u64 sum = 0;
	u32 i;

	zipf = kvmalloc(struct_size(zipf, sum, entries), GFP_KERNEL);
	if (!zipf)
		return NULL;

	zipf->entries = entries;
	for (i = 0; i < entries; i++) {
		if (i)
			weight = multiply(weight, one_step(i + 1));
		sum += weight >> 8;
		zipf->sum[i] = sum;
		if (!(i % 65536))
			cond_resched();
	}

	return zipf;
}

/**
 * bench_zipf_free() - free a distribution
 * @zipf: the distribution, or NULL
 *
 * Context: Process.
 */
void bench_zipf_free(struct bench_zipf *zipf)
{
	kvfree(zipf);
}

/**
 * bench_zipf_rank() - draw a rank
 * @zipf: the distribution
 * @random: where from
 *
 * Context: Any.
 * Return: the rank, 0 for the most frequent.
 */
u32 bench_zipf_rank(const struct bench_zipf *zipf, struct rnd_state *random)
{
	u64 draw = (u64)prandom_u32_state(random) << 32 |
		   prandom_u32_state(random);
	u32 low = 0, high = zipf->entries - 1;

	draw = multiply(draw, zipf->sum[high]);
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (draw < zipf->sum[middle])
			high = middle;
		else
			low = middle + 1;
	}

	return low;
}

/**
 * bench_zipf_number() - draw a number
 * @zipf: the distribution
 * @random: where from
 *
 * Frequent numbers are not next to each other.
 *
 * Context: Any.
 * Return: the number.
 */
u32 bench_zipf_number(const struct bench_zipf *zipf, struct rnd_state *random)
{
	u32 rest;

	div_u64_rem(bench_zipf_rank(zipf, random) * SCATTER, zipf->entries,
		    &rest);
	return rest;
}
