// SPDX-License-Identifier: GPL-2.0
/*
 * Are operations and entries drawn as often as the workloads' definitions say?
 *
 * Shares are compared in bins of ranks, by powers of two.  The published
 * generator is exact for the first two ranks and an approximation after that:
 * up to a tenth too much for the next few.  So the first two must pass a
 * chi-square test, bins up to rank 8 must be within 10 % of the law, and the
 * others within 3 %.  To show that the test can fail, a smaller theta and
 * uniform numbers must not pass.
 */
#include "bench.h"
#include "mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS	1000000
#define ITEMS	100000
#define BINS	18

static int tests, failures;

static void report(int ok, const char *name)
{
	tests++;
	failures += !ok;
	printf("  %sok %d %s\n", ok ? "" : "not ", tests, name);
}

static int bin_of(uint64_t rank)
{
	return 63 - __builtin_clzll(rank + 1);
}

/* The share that each bin should have. */
static void law(double *share, uint64_t items, double theta)
{
	double zeta = 0;
	uint64_t n;
	int i;

	memset(share, 0, BINS * sizeof(*share));
	for (n = 0; n < items; n++) {
		share[bin_of(n)] += 1 / pow(n + 1, theta);
		zeta += 1 / pow(n + 1, theta);
	}
	for (i = 0; i < BINS; i++)
		share[i] /= zeta;
}

typedef uint64_t draw(const void *from);

static uint64_t draw_zipf(const void *from)
{
	return zipf_next(from);
}

static uint64_t draw_uniform(const void *from)
{
	return random_below(((const struct zipf *)from)->items);
}

/* Whether ranks follow the law with the workloads' theta. */
static int is_zipf(draw *fn, const struct zipf *from)
{
	uint64_t bins[BINS] = {}, first[2] = {};
	double share[BINS], zeta = 0, chi = 0, expected;
	int i, fits = 1;

	law(share, from->items, ZIPF_THETA);
	zeta = 1 / share[0];
	for (i = 0; i < DRAWS; i++) {
		uint64_t rank = fn(from);

		bins[bin_of(rank)]++;
		if (rank < 2)
			first[rank]++;
	}
	for (i = 0; i < 2; i++) {
		expected = DRAWS / pow(i + 1, ZIPF_THETA) / zeta;
		chi += pow(first[i] - expected, 2) / expected;
	}
	/* Two degrees of freedom; exceeded by chance once in 10,000. */
	if (chi > 18.4)
		fits = 0;
	for (i = 1; i <= bin_of(from->items - 1); i++)
		if (fabs(bins[i] / (share[i] * DRAWS) - 1) >
		    (i < 3 ? 0.1 : 0.03))
			fits = 0;
	return fits;
}

/* Whether the frequent ranks are spread evenly over all entries. */
static int is_spread(void)
{
	double chi = 0;
	int slices[64] = {}, i;

	for (i = 0; i < 64000; i++)
		slices[scramble(i) % ITEMS * 64 / ITEMS]++;
	for (i = 0; i < 64; i++)
		chi += pow(slices[i] - 1000.0, 2) / 1000;
	/* 63 degrees of freedom; exceeded by chance once in 10,000. */
	return chi < 112;
}

/* Whether operations and entries are drawn as defined. */
static int is_mix(const char *name, double hottest)
{
	struct mix_state state;
	uint64_t *hits = calloc(ITEMS + DRAWS, sizeof(*hits));
	uint64_t ops[MIX_OPS] = {}, number, most = 0, newest = 0;
	double chi = 0;
	int i, fits = 1;

	mix_init(&state, mix_find(name), ITEMS);
	for (i = 0; i < DRAWS; i++) {
		enum mix_op op = mix_next(&state, &number);

		ops[op]++;
		if (op == MIX_INSERT)
			continue;
		if (++hits[number] > most)
			most = hits[number];
		newest += number == state.entries - 1;
	}
	for (i = 0; i < MIX_OPS; i++) {
		double expected = state.mix->percent[i] / 100.0 * DRAWS;

		if (expected)
			chi += pow(ops[i] - expected, 2) / expected;
		else if (ops[i])
			fits = 0;
	}
	if (chi > 15.1)
		fits = 0;
	/*
	 * Either the most frequent entry, or the one that is newest at the
	 * time.
	 */
	most = state.mix->latest ? newest : most;
	if (fabs(most / (hottest * (DRAWS - ops[MIX_INSERT])) - 1) > 0.03)
		fits = 0;
	free(hits);
	return fits;
}

int main(void)
{
	double share[BINS], scrambled = 1 / SCRAMBLED_ZETA;
	struct zipf zipf, flatter;

	zipf_init(&zipf, ITEMS, ZIPF_THETA);
	zipf_init(&flatter, ITEMS, 0.95);
	report(is_zipf(draw_zipf, &zipf), "ranks follow Zipf's law");
	report(!is_zipf(draw_zipf, &flatter), "another theta is noticed");
	report(!is_zipf(draw_uniform, &zipf), "uniform numbers are noticed");
	zipf_init(&flatter, ITEMS / 2, ZIPF_THETA);
	zipf_grow(&flatter, ITEMS);
	report(fabs(flatter.zeta - zipf.zeta) < 1e-9 &&
	       fabs(flatter.eta - zipf.eta) < 1e-9, "growing is as good");
	report(is_spread(), "scrambled ranks lie anywhere");
	report(is_mix("A", scrambled), "workload A");
	report(is_mix("B", scrambled), "workload B");
	report(is_mix("C", scrambled), "workload C");
	law(share, ITEMS, ZIPF_THETA);
	report(is_mix("D", share[0]), "workload D");
	report(is_mix("F", scrambled), "workload F");
	report(!is_mix("A", scrambled * 1.1), "a wrong share is noticed");

	printf("%sok 1 mix\n", failures ? "not " : "");
	return !!failures;
}
