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

TEST(overhead_of_an_entry)
{
	int fd = new_map();
	char value[64] = {};
	uint64_t key, n = 50000;

	for (key = 0; key < n; key++)
		ASSERT_EQ(0, set(fd, &key, sizeof(key), value, sizeof(value)));
	TH_LOG("%llu entries of 8 + 64 bytes take %.1f bytes each",
	       (unsigned long long)n, map_stat(fd).bytes / (double)n);
	/* Half-full tables and the last segments are included. */
	EXPECT_LE(map_stat(fd).bytes / n, 72 + 64);
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
