// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D2: at its limit a write fails with an errno and nothing changed;
 * reads and deletes go on.
 *
 * deadline: 120
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

TEST(max_entries_is_exact)
{
	static const uint32_t shards[] = { 1, 2, 8 };
	static const uint32_t limits[] = { 1, 2, 7, 100, 1000 };
	unsigned int s, l;

	for (s = 0; s < 3; s++) {
		for (l = 0; l < 5; l++) {
			struct cmap_create args = {
				.max_entries = limits[l], .shards = shards[s],
			};
			int fd = new_map_with(&args), i, err = 0;
			uint64_t n;

			ASSERT_GE(fd, 0);
			for (i = 0; i < 2000 && !err; i++)
				err = set(fd, &i, 4, &i, 4);
			ASSERT_EQ(-ENOSPC, err);
			ASSERT_EQ(limits[l], i - 1);
			/* Replacing goes on, and so does all the rest. */
			i = 0;
			ASSERT_EQ(0, set(fd, &i, 4, "new", 3));
			ASSERT_EQ(0, del(fd, &i, 4));
			i = 5000;
			ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
			i = 5001;
			ASSERT_EQ(-ENOSPC, set(fd, &i, 4, &i, 4));
			ASSERT_EQ(-ENOSPC, add(fd, &i, 4, 1, NULL));
			n = clear(fd);
			ASSERT_EQ(limits[l], n);
			ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
			close(fd);
		}
	}
}

/* Whatever races for the last places, in the end none is lost or doubled. */
TEST(max_entries_under_a_race)
{
	struct cmap_create args = { .max_entries = 500, .shards = 4 };
	int fd = new_map_with(&args), w;

	for (w = 0; w < 4; w++) {
		double end = now() + race_seconds() / 2;
		uint64_t seed = w + 1;

		if (fork())
			continue;
		while (now() < end) {
			uint32_t key = random_next(&seed) % 2000;
			int err = seed & 1 << 20 ? set(fd, &key, 4, "v", 1) :
						  del(fd, &key, 4);

			if (err && err != -ENOSPC && err != -ENOENT)
				_exit(1);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
	for (w = 0; w < 3000; w++)
		set(fd, &w, 4, "v", 1);
	EXPECT_EQ(500, count(fd));
	close(fd);
}

/* One shard: what is deleted makes room in its own shard. */
TEST(max_bytes)
{
	struct cmap_create args = { .max_bytes = 1 << 20, .shards = 1 };
	static char value[5000];
	int fd = new_map_with(&args), i, n, err = 0;
	char buf[100];
	uint32_t len;

	for (n = 0; !err; n++)
		err = set(fd, &n, 4, value, 100);
	n--;
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_EQ(n, count(fd));
	EXPECT_LE(map_stat(fd).bytes, 1 << 20);
	/* 160 bytes in all for each 4 + 100, tables included. */
	EXPECT_GT(n, (1 << 20) / 256);
	for (i = 0; i < n; i++) {
		len = sizeof(buf);
		ASSERT_EQ(0, get(fd, &i, 4, buf, &len));
	}
	/* A write that did not fit left nothing behind. */
	EXPECT_EQ(-ENOSPC, set(fd, "long", 4, value, sizeof(value)));
	len = sizeof(buf);
	EXPECT_EQ(-ENOENT, get(fd, "long", 4, buf, &len));
	EXPECT_EQ(n, count(fd));
	/*
	 * What was deleted makes room, for others of the same size: not for
	 * each, as a full bucket would need one more behind it, and the table
	 * cannot grow...
	 */
	i = 1;
	EXPECT_EQ(0, del(fd, &i, 4));
	for (i = n; i < n + 20; i++) {
		err = set(fd, &i, 4, value, 100);
		if (!err)
			break;
		EXPECT_EQ(-ENOSPC, err);
	}
	EXPECT_EQ(0, err);
	/* ...and, once all is gone, of any size. */
	EXPECT_EQ(n, clear(fd));
	for (n = 0, err = 0; !err; n++)
		err = set(fd, &n, 4, value, sizeof(value));
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_GT(n, (1 << 20) / 8000);
	close(fd);
}

/*
 * Replacing in a full map never fails for memory that only waits for a grace
 * period.
 */
TEST(replacing_in_a_full_map)
{
	struct cmap_create args = { .max_bytes = 1 << 20, .shards = 1 };
	static char value[2000];
	int fd = new_map_with(&args), n, i;

	for (n = 0; !set(fd, &n, 4, value, sizeof(value)); n++)
		;
	n--;
	ASSERT_EQ(0, del(fd, &n, 4));
	for (i = 0; i < 300; i++) {
		uint32_t key = i % n;

		ASSERT_EQ(0, set(fd, &key, 4, value, sizeof(value)));
	}
	close(fd);
}

TEST_HARNESS_MAIN
