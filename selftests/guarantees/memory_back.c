// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee E1: memory of deleted entries can be used again after a grace
 * period, and a map's memory is freed after its last user has gone.
 *
 * deadline: 120
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

static long available_kb(void)
{
	char text[2000] = {};
	int fd = open("/proc/meminfo", O_RDONLY);
	char *at;

	if (read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	close(fd);
	at = strstr(text, "MemFree:");
	return at ? atol(at + 8) : 0;
}

/* In each third of the time. */
#define ENOUGH_WRITES	5000

/* Replacing for a long time needs no more memory than for a short time. */
TEST(e1_replaced_nodes_are_reused)
{
	int fd = new_map(), i;
	uint64_t halfway;
	double end = now() + race_seconds();
	char value[200] = {};
	uint32_t key;

	while (now() < end || map_stat(fd).allocs < ENOUGH_WRITES)
		for (key = 0; key < 100; key++)
			ASSERT_EQ(0, set(fd, &key, 4, value, sizeof(value)));
	halfway = map_stat(fd).bytes;
	for (i = 2; i < 4; i++)
		for (end = now() + race_seconds();
		     now() < end || map_stat(fd).allocs < i * ENOUGH_WRITES;)
			for (key = 0; key < 100; key++)
				ASSERT_EQ(0, set(fd, &key, 4, value,
						 sizeof(value)));
	/* Nodes may wait for grace periods, which can be long, but not many. */
	EXPECT_LE(map_stat(fd).bytes, 3 * halfway +
		  map_stat(fd).allocs * sizeof(value) / 10);
	EXPECT_GT(map_stat(fd).reuses, map_stat(fd).allocs / 3);
	TH_LOG("%llu of %llu nodes were used before, %llu bytes in all",
	       (unsigned long long)map_stat(fd).reuses,
	       (unsigned long long)map_stat(fd).allocs,
	       (unsigned long long)map_stat(fd).bytes);
	close(fd);
}

/* A cleared map is soon as small as a new one. */
TEST(e1_emptied_map_is_small)
{
	int fd = new_map(), i;
	char value[1000] = {};

	for (i = 0; i < 20000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, value, 50 + i % 900));
	EXPECT_GT(map_stat(fd).bytes, 10 << 20);
	for (i = 0; i < 20000; i++)
		ASSERT_EQ(0, delete(fd, &i, 4));
	EXPECT_TRUE(shrinks_to(fd, 65536));
	close(fd);
}

/* A hundred maps of 4 MB, one after the other, leave nothing behind. */
TEST(e1_destroyed_maps_give_all_back)
{
	static char value[4000];
	long before, after = 0;
	int round, i;

	before = available_kb();
	for (round = 0; round < 100; round++) {
		int fd = new_map();

		for (i = 0; i < 1000; i++)
			ASSERT_EQ(0, set(fd, &i, 4, value, sizeof(value)));
		close(fd);
	}
	for (i = 0; i < patient(150); i++) {
		usleep(100000);
		after = available_kb();
		if (after > before - 16384)
			break;
	}
	/* 400 MB were used in turn; a few MB are other users of the system. */
	EXPECT_GT(after, before - 16384);
}

TEST_HARNESS_MAIN
