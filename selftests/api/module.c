// SPDX-License-Identifier: GPL-2.0
/*
 * The last part of guarantee D1: the module cannot be unloaded while anybody
 * uses a map, and can when nobody does.  Maps that exist only by name are freed
 * with it.
 */
#include "load.h"
#include "kselftest_harness.h"

TEST(d1_refused_while_a_descriptor_is_open)
{
	int fd = device(O_RDWR), bound = new_map();

	EXPECT_EQ(-EAGAIN, unload("cmap"));
	close(bound);
	/* A descriptor that is not bound to a map counts, too. */
	EXPECT_EQ(-EAGAIN, unload("cmap"));
	close(fd);
	ASSERT_EQ(0, unload("cmap"));
	EXPECT_EQ(-1, device(O_RDWR));
	ASSERT_EQ(0, load("cmap"));
}

TEST(d1_refused_while_a_kernel_user_is_loaded)
{
	int err = load("cmap_sample");

	if (err == -ENOENT)
		SKIP(return, "no sample module");
	ASSERT_EQ(0, err);
	EXPECT_EQ(-EWOULDBLOCK, unload("cmap"));
	ASSERT_EQ(0, unload("cmap_sample"));
	EXPECT_EQ(0, unload("cmap"));
	ASSERT_EQ(0, load("cmap"));
}

TEST(d1_names_go_with_the_module)
{
	int fd = device(O_RDWR), i;

	ASSERT_EQ(0, create_named(fd, "left_behind", 0600));
	for (i = 0; i < 20000; i++)
		ASSERT_EQ(0, set(fd, &i, sizeof(i), "value", 5));
	close(fd);
	ASSERT_EQ(0, unload("cmap"));
	ASSERT_EQ(0, load("cmap"));
	fd = device(O_RDWR);
	EXPECT_EQ(-ENOENT, open_named(fd, "left_behind"));
	close(fd);
}

/* Unload right after the last close, with tables still moving. */
TEST(d1_again_and_again)
{
	int round, i;

	for (round = 0; round < 10; round++) {
		int fd = new_map();

		for (i = 0; i < 300 * (round + 1); i++)
			ASSERT_EQ(0, set(fd, &i, sizeof(i), "value", 5));
		if (round & 1)
			clear(fd);
		close(fd);
		ASSERT_EQ(0, unload("cmap"));
		ASSERT_EQ(0, load("cmap"));
	}
}

TEST_HARNESS_MAIN
