// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A3: a key that is being replaced is never seen as absent, though
 * the table it is in grows and shrinks meanwhile.
 *
 * deadline: 120
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#define KEYS 64

static void replace(int fd)
{
	double end = now() + race_seconds() * 2;
	uint64_t key, n = 0;

	while (now() < end) {
		key = ++n % KEYS;
		if (set(fd, &key, 8, &n, 8))
			_exit(1);
	}
	_exit(0);
}

/* Thousands of others come and go, so that tables move all the time. */
static void grow_and_shrink(int fd)
{
	double end = now() + race_seconds() * 2;
	uint64_t i;

	while (now() < end) {
		for (i = 1000; i < 4000; i++)
			if (set(fd, &i, 8, "x", 1))
				_exit(2);
		for (i = 1000; i < 4000; i++)
			if (del(fd, &i, 8))
				_exit(3);
	}
	_exit(0);
}

static void look(int fd, uint64_t *looks)
{
	double end = now() + race_seconds() * 2;
	uint64_t key, value;
	uint32_t len;

	while (now() < end) {
		key = ++*looks % KEYS;
		len = 8;
		if (get(fd, &key, 8, &value, &len) || value % KEYS != key)
			_exit(4);
	}
	_exit(0);
}

/* A range must see all of them, too. */
static void count_keys(const struct cmap_entry *e, const void *key,
		       const void *value, void *arg)
{
	if (*(const uint64_t *)key < KEYS)
		++*(int *)arg;
}

static void range(int fd)
{
	double end = now() + race_seconds() * 2;
	int seen;

	while (now() < end) {
		seen = 0;
		range_all(fd, 8192, count_keys, &seen);
		if (seen != KEYS)
			_exit(5);
	}
	_exit(0);
}

TEST(never_absent)
{
	uint64_t *looks = shared_memory(8), i;
	int fd = new_map();

	for (i = 0; i < KEYS; i++)
		ASSERT_EQ(0, set(fd, &i, 8, &i, 8));
	if (!fork())
		replace(fd);
	if (!fork())
		grow_and_shrink(fd);
	if (!fork())
		look(fd, looks);
	if (!fork())
		range(fd);
	EXPECT_TRUE(children_ok(4));
	EXPECT_GT(*looks, 1000);
	/* It was no idle race. */
	EXPECT_GT(map_stat(fd).grows, 2);
	EXPECT_GT(map_stat(fd).shrinks, 2);
	close(fd);
}

TEST_HARNESS_MAIN
