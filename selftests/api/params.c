// SPDX-License-Identifier: GPL-2.0
/*
 * The module's parameters max_maps, max_shards and max_bytes.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

TEST(d2_max_maps)
{
	long long old = set_parameter("max_maps", 5);
	int fds[8], i, made = 0;

	usleep(200000);	/* Maps that earlier tests closed are freed by then. */
	for (i = 0; i < 8; i++) {
		fds[i] = new_map();
		made += fds[i] >= 0;
		if (fds[i] < 0)
			EXPECT_EQ(-ENFILE, fds[i]);
	}
	EXPECT_EQ(5, made);
	close(fds[0]);
	for (i = 0; i < 100; i++) {
		fds[0] = new_map();
		if (fds[0] >= 0)
			break;
		usleep(20000);
	}
	EXPECT_GE(fds[0], 0);
	for (i = 0; i < 5; i++)
		close(fds[i]);
	set_parameter("max_maps", old);
}

/*
 * The limit was tested for equality once.  Lowered below the number of existing
 * maps it had no effect any more.
 */
TEST(d2_max_maps_lowered_below_what_there_is)
{
	int fds[4], i, fd;
	long long old;

	for (i = 0; i < 4; i++) {
		fds[i] = new_map();
		ASSERT_GE(fds[i], 0);
	}
	old = set_parameter("max_maps", 2);
	fd = new_map();
	EXPECT_EQ(-ENFILE, fd);
	if (fd >= 0)
		close(fd);
	set_parameter("max_maps", old);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

TEST(max_shards)
{
	long long old = set_parameter("max_shards", 4);
	struct cmap_create args = { .shards = 8 };

	EXPECT_EQ(-EINVAL, new_map_with(&args));
	args.shards = 4;
	int fd = new_map_with(&args);

	EXPECT_GE(fd, 0);
	EXPECT_EQ(4, map_stat(fd).shards);
	close(fd);
	set_parameter("max_shards", old);
}

TEST(d2_max_bytes)
{
	long long old = set_parameter("max_bytes", 1000000);
	static char value[1000];
	int a = new_map(), b = new_map(), i, err = 0;

	for (i = 0; i < 5000 && !err; i++)
		err = set(i & 1 ? a : b, &i, sizeof(i), value, sizeof(value));
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_GT(i, 500);
	EXPECT_LE(map_stat(a).bytes + map_stat(b).bytes, 1000000);
	/* Reads and deletes work, and make room. */
	i = 2;
	EXPECT_EQ(0, delete(b, &i, sizeof(i)));
	EXPECT_EQ(0, set(b, &i, sizeof(i), value, sizeof(value)));
	set_parameter("max_bytes", old);
	close(a);
	close(b);
}

TEST_HARNESS_MAIN
