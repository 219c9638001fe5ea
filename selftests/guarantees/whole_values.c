// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A2: a value is read as one writer wrote it and is never a mix, at
 * any size.  To one reader, the versions of a key never go back.
 *
 * deadline: 360
 */
#include "race.h"
#include "doors.h"

#define BIG 65536

enum { WRITTEN, READ, RANGED };

/* Every word says who wrote the value, when, and how long it is. */
static void fill(uint32_t *value, uint32_t len, uint32_t stamp)
{
	uint32_t i;

	for (i = 0; i < len / 4; i++)
		value[i] = stamp ^ len;
}

static bool whole(const uint32_t *value, uint32_t len)
{
	uint32_t i;

	for (i = 1; i < len / 4; i++)
		if (value[i] != value[0])
			return false;
	return true;
}

static void write_values(int fd, int id, uint32_t least, uint32_t most,
			 struct race *race)
{
	static uint32_t value[BIG / 4], old[BIG / 4];
	uint64_t seed = id + 1;
	uint32_t stamp = id << 24;

	while (race_goes_on(race)) {
		uint64_t r = random_next(&seed);
		uint32_t key = r % 3;
		uint32_t len = least + (r >> 8) % (most - least + 1) / 8 * 8;
		struct cmap_op op = {
			.key = u64_of(&key), .key_len = 4,
			.value = u64_of(value), .value_len = len,
			.old = u64_of(old), .old_len = BIG,
		};

		fill(value, len, ++stamp);
		switch (r >> 40 & 3) {
		case 0:
			if (op_call(fd, CMAP_IOCTL_SWAP, &op) ||
			    !whole(old, op.old_len))
				_exit(1);
			break;
		case 1:
			delete(fd, &key, 4);
			break;
		default:
			if (set(fd, &key, 4, value, len))
				_exit(2);
		}
		race_did(race, WRITTEN);
	}
	_exit(0);
}

static void read_values(int fd, struct race *race)
{
	static uint32_t value[BIG / 4];
	uint64_t last[3] = {}, version;
	unsigned int n;

	for (n = 0; race_goes_on(race); n++) {
		uint32_t key = n % 3, len = BIG;
		int err = get_version(fd, &key, 4, value, &len, &version);

		if (err && err != -ENOENT)
			_exit(3);
		if (!err && (!whole(value, len) || version < last[key]))
			_exit(4);
		if (err)
			continue;
		last[key] = version;
		race_did(race, READ);
	}
	_exit(0);
}

static void check_records(const struct cmap_entry *e, const void *key,
			  const void *value, void *arg)
{
	if (!whole(value, e->value_len))
		*(bool *)arg = true;
}

static void range_values(int fd, struct race *race)
{
	bool torn = false;

	while (race_goes_on(race) && !torn) {
		if (range_all(fd, 4 * BIG, check_records, &torn) < 0)
			_exit(5);
		race_did(race, RANGED);
	}
	_exit(torn ? 6 : 0);
}

static bool are_whole(uint32_t least, uint32_t most)
{
	struct race *race = race_new(1);
	int fd = new_map(), i;
	bool ok;

	race_wants(race, WRITTEN, 300, "written");
	race_wants(race, READ, 300, "read");
	race_wants(race, RANGED, 50, "ranges");
	for (i = 0; i < 2; i++)
		if (!fork())
			write_values(fd, i, least, most, race);
	if (!fork())
		read_values(fd, race);
	if (!fork())
		range_values(fd, race);
	ok = race_ends(race, 4);
	close(fd);
	return ok;
}

TEST_F(read, a2_values_of_8_bytes)
{
	EXPECT_TRUE(are_whole(8, 8));
}

/* Around the length up to which values are copied under the lock. */
TEST_F(read, a2_values_of_200_to_400_bytes)
{
	EXPECT_TRUE(are_whole(200, 400));
}

TEST_F(read, a2_values_of_64_KiB)
{
	EXPECT_TRUE(are_whole(BIG, BIG));
}

TEST_F(read, a2_values_of_any_length)
{
	EXPECT_TRUE(are_whole(8, BIG));
}

TEST_HARNESS_MAIN
