/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys and values are made from numbers, by the same few instructions for
 * all, so that no memory is read for them.
 *
 * A key of 8 bytes is the number itself, so that XArray can compete.
 */
#ifndef BENCH_KEY_H
#define BENCH_KEY_H

#include "peer.h"

#include <linux/math.h>

#define BENCH_KEY_MAX	100

struct bench_key {
	u64 word[DIV_ROUND_UP(BENCH_KEY_MAX, sizeof(u64))];
};

static inline void bench_key_set(struct bench_key *key, u32 size, u32 number)
{
	u32 i;

	key->word[0] = number;
	for (i = 1; i * sizeof(u64) < size; i++)
		key->word[i] = (number + i) * 0x9e3779b97f4a7c15ULL;
}

struct bench_value {
	u64 word[BENCH_VALUE_SIZE / sizeof(u64)];
};

/* @salt tells a key's values apart. */
static inline void bench_value_set(struct bench_value *value, u32 number,
				   u32 salt)
{
	value->word[0] = number * 0x9e3779b97f4a7c15ULL;
	value->word[1] = salt;
}

#endif /* BENCH_KEY_H */
