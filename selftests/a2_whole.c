// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A2: a value is seen as one writer wrote it, never a mix, of any
 * size; and one reader never sees a key's versions go back.
 *
 * deadline: 180
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#define BIG 65536

/* Every word says who wrote it, when, and how long the value is. */
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

static void write_values(int fd, int id, uint32_t least, uint32_t most)
{
	static uint32_t value[BIG / 4], old[BIG / 4];
	double end = now() + race_seconds();
	uint64_t seed = id + 1;
	uint32_t stamp = id << 24;

	while (now() < end) {
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
			del(fd, &key, 4);
			break;
		default:
			if (set(fd, &key, 4, value, len))
				_exit(2);
		}
	}
	_exit(0);
}

static void read_values(int fd, int *reads)
{
	static uint32_t value[BIG / 4];
	double end = now() + race_seconds();
	uint64_t last[3] = {}, version;

	/* However slow the machine is. */
	while (now() < end || *reads <= 10) {
		uint32_t key = *reads % 3, len = BIG;
		int err = get_version(fd, &key, 4, value, &len, &version);

		if (err && err != -ENOENT)
			_exit(3);
		if (!err && (!whole(value, len) || version < last[key]))
			_exit(4);
		if (!err)
			last[key] = version;
		++*reads;
	}
	_exit(0);
}

static void check_records(const struct cmap_entry *e, const void *key,
			  const void *value, void *arg)
{
	if (!whole(value, e->value_len))
		*(bool *)arg = true;
}

static void range_values(int fd)
{
	double end = now() + race_seconds();
	bool torn = false;

	while (now() < end && !torn)
		if (range_all(fd, 4 * BIG, check_records, &torn) < 0)
			_exit(5);
	_exit(torn ? 6 : 0);
}

static bool race(uint32_t least, uint32_t most)
{
	int *reads = shared_memory(sizeof(int));
	int fd = new_map(), i;
	bool ok;

	for (i = 0; i < 2; i++)
		if (!fork())
			write_values(fd, i, least, most);
	if (!fork())
		read_values(fd, reads);
	if (!fork())
		range_values(fd);
	ok = children_ok(4) && *reads > 10;
	close(fd);
	return ok;
}

TEST(values_of_8_bytes)
{
	EXPECT_TRUE(race(8, 8));
}

/* Below and above the length at which values are copied under the lock. */
TEST(values_of_200_to_400_bytes)
{
	EXPECT_TRUE(race(200, 400));
}

TEST(values_of_64_KiB)
{
	EXPECT_TRUE(race(BIG, BIG));
}

TEST(values_of_any_length)
{
	EXPECT_TRUE(race(8, BIG));
}

TEST_HARNESS_MAIN
