// SPDX-License-Identifier: GPL-2.0
/*
 * Memory belongs to the memory cgroup of the one who writes, and its limit is
 * an errno, not the OOM killer (guarantee D2).
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

TEST(charged_and_limited)
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
		/* 4 MB went in; all of it must be on the group's bill. */
		if (err || after - before < 4000000)
			_exit(2);
		if (write_text(GROUP "/memory.max", "12000000") ||
		    write_text(GROUP "/memory.swap.max", "0"))
			write_text(GROUP "/memory.max", "12000000");
		for (; i < 100000 && !err; i++)
			err = set(fd, &i, sizeof(i), value, sizeof(value));
		if (err != -ENOMEM)
			_exit(3);
		/* Everything is still there, and there is a way on. */
		if (count(fd) != i - 1)
			_exit(4);
		for (i = 0; i < 200; i++)
			if (del(fd, &i, sizeof(i)))
				_exit(5);
		if (set(fd, "again", 5, value, sizeof(value)))
			_exit(6);
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	/* Asked from outside: reading takes memory, too. */
	EXPECT_EQ(0, number_in(GROUP "/memory.events", "oom_kill "));
	for (i = 0; i < patient(50) && rmdir(GROUP); i++)
		usleep(100000);
}

TEST_HARNESS_MAIN
