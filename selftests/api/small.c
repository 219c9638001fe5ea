// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that small maps use, and that an entry costs.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

TEST(empty_map_takes_64_KiB_at_most)
{
	int fd = new_map();

	EXPECT_LE(map_stat(fd).bytes, 64 << 10);
	close(fd);
}

TEST(hundred_entries_take_128_KiB_at_most)
{
	int fd = new_map();
	char value[64] = {};
	uint64_t key;

	for (key = 0; key < 100; key++)
		ASSERT_EQ(0, set(fd, &key, sizeof(key), value, sizeof(value)));
	EXPECT_LE(map_stat(fd).bytes, 128 << 10);
	TH_LOG("100 entries of 8 + 64 bytes take %llu bytes",
	       (unsigned long long)map_stat(fd).bytes);
	close(fd);
}

/*
 * What the manual says of an entry: its tables double, and its segments grow, so
 * it takes more or less than the mean.  Each shard has some idle memory, so the
 * number of shards is not left to the machine.
 */
TEST(overhead_of_an_entry)
{
	struct cmap_create args = { .shards = 2 };
	double share, least = 1000, most = 0, sum = 0;
	uint64_t key, n = 25000, times = 0;
	char value[64] = {};
	int fd = new_map_with(&args);

	for (key = 0; key < 100000; key++) {
		ASSERT_EQ(0, set(fd, &key, sizeof(key), value, sizeof(value)));
		if (key + 1 < n)
			continue;
		/* Equal steps of the logarithm, over two doublings. */
		n += n / 16;
		share = map_stat(fd).bytes / (double)(key + 1) - 72;
		least = share < least ? share : least;
		most = share > most ? share : most;
		sum += share;
		times++;
	}
	TH_LOG("beyond 8 + 64 bytes an entry takes %.1f to %.1f, in the mean %.1f",
	       least, most, sum / times);
	EXPECT_LE(sum / times, 42);
	EXPECT_LE(most, 60);
	close(fd);
}

/* The bytes that a map needs for one more value of @len, and to replace it. */
static unsigned long long bytes_of_a_value(size_t len, const char *value)
{
	struct cmap_create one = { .shards = 1 };
	int fd = new_map_with(&one);
	uint64_t key = 0, n = 16;
	unsigned long long before;

	/* The first entry also allocates the table. */
	if (set(fd, &key, sizeof(key), value, 1))
		return ~0ULL;
	before = map_stat(fd).bytes;
	for (key = 1; key <= n; key++)
		if (set(fd, &key, sizeof(key), value, len))
			return ~0ULL;
	before = map_stat(fd).bytes - before;
	close(fd);
	return before / n;
}

/*
 * Values were stored in blocks of a power of two once.  One of 1 MiB used 2
 * MiB, and one of 64 KiB in a new map half a MiB.
 */
TEST(large_values_take_their_pages)
{
	static const size_t lengths[] = {
		65536, 70000, 100000, 131072, 150000, 262144, 300000, 524288,
		600000, 1000000, 1048576,
	};
	static char value[1 << 20];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		EXPECT_LE(bytes_of_a_value(lengths[i], value),
			  lengths[i] * 11 / 10 + 4096);
	TH_LOG("a value of 1 MiB takes %llu bytes",
	       bytes_of_a_value(1 << 20, value));
}

/* The mean time to set values of these lengths, in a map that has none yet. */
static double mean_of_lengths(uint32_t flags, uint32_t from, uint32_t step)
{
	struct cmap_create args = { .shards = 1, .flags = flags };
	static char value[1 << 20];
	int fd = new_map_with(&args);
	uint64_t key, n = 40;
	double begin = 0;

	/* The first entry also allocates the table. */
	for (key = 0; key <= n; key++) {
		if (key == 1)
			begin = now();
		if (set(fd, &key, sizeof(key), value, from + key * step))
			return 1e9;
	}
	begin = now() - begin;
	close(fd);
	return begin / n;
}

/*
 * A set with a length of its own each time took 18 ms in the mean, because up
 * to 2 MiB were allocated and cleared for each.
 */
TEST(lengths_of_their_own_cost_no_more)
{
	static const uint32_t flags[] = { 0, CMAP_CREATE_NO_WINDOW };
	unsigned int f;

	for (f = 0; f < 2; f++) {
		double own = mean_of_lengths(flags[f], 65536, 4000);
		double same = mean_of_lengths(flags[f], 65536 + 82000, 0);

		TH_LOG("%s window: %.0f us with lengths of their own, %.0f with one",
		       f ? "without a" : "with a", own * 1e6, same * 1e6);
		/* They are as long in the mean. */
		if (time_is_counted())
			EXPECT_LT(own, same * 1.5);
	}
}

/* The new value is stored before the old one is freed: two, and no more. */
TEST(large_value_is_replaced_in_little_more_than_two)
{
	struct cmap_create little = { .shards = 1, .max_bytes = 2400 << 10 };
	static char value[1 << 20];
	int fd = new_map_with(&little), i;

	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, set(fd, "k", 1, value, sizeof(value)));
	close(fd);
}

/* Tables grow with the entries, so chains stay short. */
TEST(chains_are_short)
{
	int fd = new_map();
	uint64_t key;

	for (key = 0; key < 50000; key++)
		ASSERT_EQ(0, set(fd, &key, sizeof(key), "v", 1));
	EXPECT_LE(map_stat(fd).longest_chain, 4);
	EXPECT_GT(map_stat(fd).grows, 0);
	close(fd);
}

TEST_HARNESS_MAIN
