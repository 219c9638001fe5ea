// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is charged to the memory cgroup of the writer.  Its limit causes an
 * errno and not the OOM killer (guarantee D2).
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <sys/stat.h>

#define GROUP "/sys/fs/cgroup/cmap_test"

static bool have_group(void)
{
	write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	return !access(GROUP "/memory.max", W_OK);
}

TEST(d2_charged_and_limited)
{
	static char value[4000];
	int fd, i, err = 0;
	long long before, after;

	if (!have_group())
		SKIP(return, "no memory cgroup");
	if (!fork()) {
		if (write_text(GROUP "/cgroup.procs", "0"))
			_exit(1);
		fd = new_map();
		before = number_in(GROUP "/memory.current", NULL);
		for (i = 0; i < 1000 && !err; i++)
			err = set(fd, &i, sizeof(i), value, sizeof(value));
		after = number_in(GROUP "/memory.current", NULL);
		/* 4 MB were written; all of it must be charged to the group. */
		if (err || after - before < 4000000)
			_exit(2);
		if (write_text(GROUP "/memory.max", "12000000") ||
		    write_text(GROUP "/memory.swap.max", "0"))
			write_text(GROUP "/memory.max", "12000000");
		for (; i < 100000 && !err; i++)
			err = set(fd, &i, sizeof(i), value, sizeof(value));
		if (err != -ENOMEM)
			_exit(3);
		/* All entries are still there, and deletes make room. */
		if (count(fd) != i - 1)
			_exit(4);
		for (i = 0; i < 200; i++)
			if (delete(fd, &i, sizeof(i)))
				_exit(5);
		if (set(fd, "again", 5, value, sizeof(value)))
			_exit(6);
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	/* Read by the parent, outside of the group: reading allocates, too. */
	EXPECT_EQ(0, number_in(GROUP "/memory.events", "oom_kill "));
	for (i = 0; i < patient(50) && rmdir(GROUP); i++)
		usleep(100000);
}

/* Cgroups that were removed while something still holds their memory. */
static long long dying(void)
{
	return number_in("/sys/fs/cgroup/cgroup.stat",
			 "nr_dying_subsys_memory ") >= 0 ?
	       number_in("/sys/fs/cgroup/cgroup.stat",
			 "nr_dying_subsys_memory ") :
	       number_in("/sys/fs/cgroup/cgroup.stat",
			 "nr_dying_descendants ");
}

#define PINS 20

/*
 * A named map held its creator's cgroup.  Each job that had created a map and
 * ended left a cgroup behind, for as long as the map had its name.  Tables that
 * are allocated later are charged to the parent cgroup, and the map can grow
 * on.
 */
TEST(a_named_map_keeps_no_removed_cgroup)
{
	long long before, left = 0;
	int fd, i, n, err = 0;
	char name[16];

	if (!have_group())
		SKIP(return, "no memory cgroup");
	before = dying();
	for (i = 0; i < PINS; i++) {
		have_group();
		snprintf(name, sizeof(name), "pin%d", i);
		if (!fork()) {
			if (write_text(GROUP "/cgroup.procs", "0"))
				_exit(1);
			fd = device(O_RDWR);
			if (create_named(fd, name, 0600))
				_exit(2);
			for (n = 0; n < 1000 && !err; n++)
				err = set(fd, &n, sizeof(n), "v", 1);
			_exit(err ? 3 : 0);
		}
		ASSERT_TRUE(children_ok(1));
		for (n = 0; n < 50 && rmdir(GROUP); n++)
			usleep(100000);
		ASSERT_LT(n, 50);
	}
	/* Other leftovers of a process take a while to disappear. */
	for (n = 0; n < 100; n++) {
		left = dying() - before;
		if (left <= PINS / 4)
			break;
		usleep(100000);
	}
	EXPECT_LE(left, PINS / 4);

	for (i = 0; i < PINS; i++) {
		snprintf(name, sizeof(name), "pin%d", i);
		fd = device(O_RDWR);
		ASSERT_EQ(0, open_named(fd, name));
		for (n = 0; n < 4000; n++)
			ASSERT_EQ(0, set(fd, &n, sizeof(n), "v", 1));
		EXPECT_EQ(4000, count(fd));
		close(fd);
		EXPECT_EQ(0, unlink_named(name));
	}
}

TEST_HARNESS_MAIN
