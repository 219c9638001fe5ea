// SPDX-License-Identifier: GPL-2.0
#include "histogram.h"

#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#define BITS	BENCH_HISTOGRAM_BITS
#define STEPS	(1U << BITS)

/*
 * Values below 2 * STEPS have a place each; from there on STEPS of them share
 * a doubling.
 */
static u32 place_of(u64 value)
{
	u32 shift;

	if (value < STEPS)
		return value;
	shift = fls64(value) - 1 - BITS;
	return (shift << BITS) + (value >> shift);
}

static u64 value_at(u32 place)
{
	u32 shift;

	if (place < 2 * STEPS)
		return place;
	shift = (place >> BITS) - 1;
	return (u64)((place & (STEPS - 1)) + STEPS) << shift;
}

/**
 * bench_histogram_add() - add a value
 * @histogram: the histogram
 * @value: the value
 *
 * Context: Any; one caller at a time.
 */
void bench_histogram_add(struct bench_histogram *histogram, u64 value)
{
	histogram->count[place_of(value)]++;
	histogram->total++;
	histogram->max = max(histogram->max, value);
}

/**
 * bench_histogram_at() - the value that a share of all stays below or at
 * @histogram: the histogram
 * @share: of 10 000; with 10 000, the largest
 *
 * Context: Any.
 * Return: the value, rounded down to a part in 32.
 */
u64 bench_histogram_at(const struct bench_histogram *histogram, u32 share)
{
	u64 rank = div_u64(histogram->total * share, 10000);
	u64 seen = 0;
	u32 i;

	if (share >= 10000)
		return histogram->max;
	for (i = 0; i < ARRAY_SIZE(histogram->count); i++) {
		seen += histogram->count[i];
		if (seen > rank)
			return value_at(i);
	}

	return histogram->max;
}
