// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A3: a key that is being replaced is never absent, although its
 * table grows and shrinks meanwhile.
 *
 * deadline: 240
 */
#include "race.h"
#include "doors.h"

#define KEYS 64

enum { REPLACED, LOOKED, RANGED, WAVES };

static void replace(int fd, struct race *race)
{
	uint64_t key, n = 0;

	while (race_goes_on(race)) {
		key = ++n % KEYS;
		if (set(fd, &key, 8, &n, 8))
			_exit(1);
		race_did(race, REPLACED);
	}
	_exit(0);
}

/* Thousands of other keys come and go, so that tables move all the time. */
static void grow_and_shrink(int fd, struct race *race)
{
	uint64_t i;

	while (race_goes_on(race)) {
		for (i = 1000; i < 4000; i++)
			if (set(fd, &i, 8, "x", 1))
				_exit(2);
		for (i = 1000; i < 4000; i++)
			if (delete(fd, &i, 8))
				_exit(3);
		race_did(race, WAVES);
	}
	_exit(0);
}

static void look(int fd, struct race *race)
{
	uint64_t key, value, n = 0;
	uint32_t len;

	while (race_goes_on(race)) {
		key = ++n % KEYS;
		len = 8;
		if (get(fd, &key, 8, &value, &len) || value % KEYS != key)
			_exit(4);
		race_did(race, LOOKED);
	}
	_exit(0);
}

/* A range must find all of the keys, too. */
static void count_keys(const struct cmap_entry *e, const void *key,
		       const void *value, void *arg)
{
	if (*(const uint64_t *)key < KEYS)
		++*(int *)arg;
}

static void range(int fd, struct race *race)
{
	int seen;

	while (race_goes_on(race)) {
		seen = 0;
		range_all(fd, 8192, count_keys, &seen);
		if (seen != KEYS)
			_exit(5);
		race_did(race, RANGED);
	}
	_exit(0);
}

TEST_F(read, a3_never_absent)
{
	struct race *race = race_new(2);
	int fd = new_map();
	uint64_t i;

	for (i = 0; i < KEYS; i++)
		ASSERT_EQ(0, set(fd, &i, 8, &i, 8));
	race_wants(race, REPLACED, 10000, "replaced");
	race_wants(race, LOOKED, 10000, "looked up");
	race_wants(race, RANGED, 20, "ranges");
	race_wants(race, WAVES, 3, "waves of others");
	if (!fork())
		replace(fd, race);
	if (!fork())
		grow_and_shrink(fd, race);
	if (!fork())
		look(fd, race);
	if (!fork())
		range(fd, race);
	EXPECT_TRUE(race_ends(race, 4));
	/* Tables did move. */
	EXPECT_GT(map_stat(fd).grows, 2);
	EXPECT_GT(map_stat(fd).shrinks, 2);
	close(fd);
}

TEST_HARNESS_MAIN
