// SPDX-License-Identifier: GPL-2.0
/*
 * Named maps: owners, groups and modes, open, unlink, list.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <grp.h>
#include <sys/stat.h>

#define NAME "names_test"

/* What open and unlink give to somebody else. */
static int as_user(uid_t uid, gid_t gid, int flags, unsigned long command)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd;

		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(255);
		fd = device(flags);
		_exit(fd < 0 ? 254 : -name_call(fd, command, NAME));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -255;
}

static int wanted(int access, int allowed)
{
	return access & ~allowed ? -EACCES : 0;
}

static int open_as(uid_t uid, gid_t gid, int flags)
{
	return as_user(uid, gid, flags, CMAP_IOCTL_OPEN);
}

FIXTURE(names)
{
	int fd;
};

FIXTURE_SETUP(names)
{
	umask(0);
	self->fd = device(O_RDWR);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(names)
{
	unlink_named(NAME);
	close(self->fd);
}

TEST_F(names, create_open_unlink)
{
	int other = device(O_RDWR);
	char buf[4];
	uint32_t len = 4;

	EXPECT_EQ(-ENOENT, open_named(other, NAME));
	ASSERT_EQ(0, create_named(self->fd, NAME, 0600));
	EXPECT_EQ(-EEXIST, create_named(other, NAME, 0600));
	ASSERT_EQ(0, open_named(other, NAME));
	ASSERT_EQ(0, set(self->fd, "k", 1, "v", 1));
	EXPECT_EQ(0, get(other, "k", 1, buf, &len));

	/* Without its name the map lives on; the name is free at once. */
	EXPECT_EQ(0, unlink_named(NAME));
	EXPECT_EQ(-ENOENT, unlink_named(NAME));
	EXPECT_EQ(0, get(other, "k", 1, buf, &len));
	close(other);
	other = device(O_RDWR);
	EXPECT_EQ(-ENOENT, open_named(other, NAME));
	ASSERT_EQ(0, create_named(other, NAME, 0600));
	EXPECT_EQ(0, count(other));
	EXPECT_EQ(1, count(self->fd));
	close(other);
}

TEST_F(names, lives_without_descriptors)
{
	int other = device(O_RDWR);

	ASSERT_EQ(0, create_named(other, NAME, 0600));
	ASSERT_EQ(0, set(other, "k", 1, "v", 1));
	close(other);
	ASSERT_EQ(0, open_named(self->fd, NAME));
	EXPECT_EQ(1, count(self->fd));
}

TEST_F(names, bad_names)
{
	char longest[CMAP_NAME_MAX + 2];
	struct cmap_name args = { .size = sizeof(args) };
	struct cmap_create create = {};
	static const char * const bad[] = { "", ".", "..", "a/b", "/" };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(-EINVAL, open_named(self->fd, bad[i]));
		if (*bad[i])
			EXPECT_EQ(-EINVAL, create_named(self->fd, bad[i], 0));
	}
	memset(longest, 'n', sizeof(longest));
	args.name = u64_of(longest);
	args.name_len = CMAP_NAME_MAX + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_OPEN, &args));
	args.name_len = UINT32_MAX;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_OPEN, &args));
	args.name = u64_of("a\0b");
	args.name_len = 3;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_OPEN, &args));
	args.name = 1;
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_OPEN, &args));
	create.name = u64_of("x");
	EXPECT_EQ(-EINVAL, create_with(self->fd, &create));

	create.name = u64_of(longest);
	create.name_len = CMAP_NAME_MAX;
	EXPECT_EQ(0, create_with(self->fd, &create));
	longest[CMAP_NAME_MAX] = 0;
	EXPECT_EQ(0, unlink_named(longest));
}

/* A failed create leaves the descriptor as it was: not bound. */
TEST_F(names, failed_create_does_not_bind)
{
	int other = device(O_RDWR);

	ASSERT_EQ(0, create_named(self->fd, NAME, 0600));
	ASSERT_EQ(-EEXIST, create_named(other, NAME, 0600));
	EXPECT_EQ(-EBADFD, count(other));
	EXPECT_EQ(0, open_named(other, NAME));
	EXPECT_EQ(-EBUSY, open_named(other, NAME));
	close(other);
}

TEST_F(names, permissions)
{
	static const struct {
		unsigned int mode;
		int owner, group, other;	/* bits: 1 read, 2 write */
	} cases[] = {
		{ 0000, 0, 0, 0 }, { 0400, 1, 0, 0 }, { 0200, 2, 0, 0 },
		{ 0600, 3, 0, 0 }, { 0640, 3, 1, 0 }, { 0660, 3, 3, 0 },
		{ 0644, 3, 1, 1 }, { 0666, 3, 3, 3 }, { 0006, 0, 0, 3 },
		{ 0060, 0, 3, 0 }, { 0622, 3, 2, 2 },
	};
	static const int flags[] = { 0, O_RDONLY, O_WRONLY, O_RDWR };
	unsigned int i;
	int want;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pid_t pid = fork();

		/* Made by user 1000 of group 2000. */
		if (!pid) {
			if (setgroups(0, NULL) || setresgid(2000, 2000, 2000) ||
			    setresuid(1000, 1000, 1000))
				_exit(1);
			_exit(-create_named(device(O_RDWR), NAME,
					    cases[i].mode));
		}
		ASSERT_TRUE(children_ok(1));
		for (want = 1; want <= 3; want++) {
			EXPECT_EQ(wanted(want, cases[i].owner),
				  open_as(1000, 2000, flags[want]));
			EXPECT_EQ(wanted(want, cases[i].group),
				  open_as(1001, 2000, flags[want]));
			EXPECT_EQ(wanted(want, cases[i].other),
				  open_as(1001, 2001, flags[want]));
			/* A descriptor for neither is no way around that. */
			EXPECT_EQ(-EBADF, open_as(1001, 2001, O_ACCMODE));
			/* Root may, whatever the mode. */
			EXPECT_EQ(0, open_as(0, 0, flags[want]));
		}
		/* Only the owner and root remove the name. */
		EXPECT_EQ(-EACCES, as_user(1001, 2000, O_RDWR,
					   CMAP_IOCTL_UNLINK));
		EXPECT_EQ(0, as_user(i % 2 ? 1000 : 0, 2001, O_RDONLY,
				     CMAP_IOCTL_UNLINK));
	}
}

TEST_F(names, umask_and_owner)
{
	struct cmap_stat stat;

	umask(027);
	ASSERT_EQ(0, create_named(self->fd, NAME, 0666));
	umask(0);
	stat = map_stat(self->fd);
	EXPECT_EQ(0640, stat.mode);
	EXPECT_EQ(0, stat.uid);
	EXPECT_EQ(0, stat.gid);
}

TEST_F(names, list)
{
	struct cmap_list list = { .size = sizeof(list) };
	char name[32], buf[300];
	int fds[20], found[20] = {}, total = 0, i;
	uint64_t last = 0;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "list_%d", i);
		fds[i] = device(O_RDWR);
		ASSERT_EQ(0, create_named(fds[i], name, 0600));
	}
	close(new_map());	/* has no name: not listed */

	list.buf = u64_of(buf);
	for (;;) {
		char *p = buf;
		unsigned int n;

		memset(buf, POISON, sizeof(buf));
		list.buf_len = sizeof(buf);
		list.count = 77;
		ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_LIST, &list));
		if (!list.count)
			break;
		for (n = 0; n < list.count; n++) {
			struct cmap_list_entry *e = (void *)p;
			char *text = (char *)(e + 1);

			EXPECT_EQ(e->name_len, strlen(text));
			EXPECT_GT(e->id, last);
			last = e->id;
			if (sscanf(text, "list_%d", &i) == 1) {
				found[i]++;
				EXPECT_EQ(0600, e->mode);
			}
			p += e->size;
		}
		EXPECT_EQ(p, buf + list.buf_len);
	}
	for (i = 0; i < 20; i++)
		total += found[i] == 1;
	EXPECT_EQ(20, total);

	list.buf = 8;
	list.buf_len = sizeof(buf);
	list.cursor = 0;
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_LIST, &list));
	list.buf = u64_of(buf);
	list.buf_len = 10;
	list.cursor = 0;
	EXPECT_EQ(-EMSGSIZE, call(self->fd, CMAP_IOCTL_LIST, &list));
	EXPECT_GE(list.buf_len, sizeof(struct cmap_list_entry));
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "list_%d", i);
		EXPECT_EQ(0, unlink_named(name));
		close(fds[i]);
	}
}

/* Many make, open and remove one name at once: one maker at a time. */
TEST_F(names, race_for_a_name)
{
	int i;

	for (i = 0; i < 4; i++) {
		double end = now() + race_seconds() / 4;

		if (fork())
			continue;
		while (now() < end) {
			int fd = device(O_RDWR);
			int err = create_named(fd, NAME, 0600);

			if (err == -EEXIST)
				err = open_named(fd, NAME);
			if (err && err != -ENOENT)
				_exit(1);
			if (!err && set(fd, &i, sizeof(i), &i, sizeof(i)))
				_exit(2);
			err = unlink_named(NAME);
			if (err && err != -ENOENT)
				_exit(3);
			close(fd);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
}

TEST_HARNESS_MAIN
