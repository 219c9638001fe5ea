// SPDX-License-Identifier: GPL-2.0
/*
 * Small maps are small, and every entry is.
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
	/* Half full tables and the last segments included. */
	EXPECT_LE(map_stat(fd).bytes / n, 72 + 64);
	close(fd);
}

/* Lookups stay short: the tables grow with the entries. */
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
