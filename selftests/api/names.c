// SPDX-License-Identifier: GPL-2.0
/*
 * Named maps: owners, groups and modes, open, unlink, list.
 */
#include "lockdep.h"
#include "race.h"
#include "user.h"
#include "kselftest_harness.h"

#include <sys/stat.h>

#define NAME "names_test"

/* What open and unlink return to another user. */
static int as_user(uid_t uid, gid_t gid, int flags, unsigned long command)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd;

		if (!become(uid, gid))
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

	/*
	 * The map lives on without its name, which can be used again at once.
	 */
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

/* A failed create leaves the descriptor unbound. */
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

		/* The creator is user 1000 of group 2000. */
		if (!pid) {
			if (!become(1000, 2000))
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
			/*
			 * Opening for neither reading nor writing does not get
			 * around that.
			 */
			EXPECT_EQ(-EACCES, open_as(1001, 2001, O_ACCMODE));
			EXPECT_EQ(-EACCES, open_as(1001, 2000, O_ACCMODE));
			/* Owners may do that. */
			EXPECT_EQ(0, open_as(1000, 2000, O_ACCMODE));
			EXPECT_EQ(0, open_as(0, 0, O_ACCMODE));
			/* Root may, whatever the mode is. */
			EXPECT_EQ(0, open_as(0, 0, flags[want]));
		}
		/* Only the owner and root may remove the name. */
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

#define LISTED 20

/*
 * Go through the entries of one reply, and count each name "list_N" in
 * found[N]. *last is the id of the last entry, and ids only grow.
 */
static void read_list(struct __test_metadata *_metadata,
		      const struct cmap_list *list, const char *buf, int *found,
		      uint64_t *last)
{
	const char *p = buf;
	unsigned int n;
	int i;

	for (n = 0; n < list->count; n++) {
		const struct cmap_list_entry *e = (const void *)p;
		const char *text = p + e->name_offset;

		EXPECT_GE(e->name_offset, sizeof(*e));
		EXPECT_EQ(e->name_len, strlen(text));
		EXPECT_GT(e->id, *last);
		*last = e->id;
		if (sscanf(text, "list_%d", &i) == 1) {
			ASSERT_TRUE(i >= 0 && i < LISTED);
			found[i]++;
			EXPECT_EQ(0600, e->mode);
		}
		p += e->size;
	}
	EXPECT_EQ(p, buf + list->buf_len);
}

TEST_F(names, list)
{
	struct cmap_list list = { .size = sizeof(list) };
	int fds[LISTED], found[LISTED] = {}, total = 0, i;
	char name[32], buf[300];
	uint64_t last = 0;

	for (i = 0; i < LISTED; i++) {
		snprintf(name, sizeof(name), "list_%d", i);
		fds[i] = device(O_RDWR);
		ASSERT_EQ(0, create_named(fds[i], name, 0600));
	}
	close(new_map());	/* has no name, so it is not listed */

	list.buf = u64_of(buf);
	for (;;) {
		memset(buf, POISON, sizeof(buf));
		list.buf_len = sizeof(buf);
		list.count = 77;
		ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_LIST, &list));
		if (!list.count)
			break;
		read_list(_metadata, &list, buf, found, &last);
	}
	for (i = 0; i < LISTED; i++)
		total += found[i] == 1;
	EXPECT_EQ(LISTED, total);

	for (i = 0; i < LISTED; i++) {
		snprintf(name, sizeof(name), "list_%d", i);
		EXPECT_EQ(0, unlink_named(name));
		close(fds[i]);
	}
}

TEST_F(names, list_without_room)
{
	struct cmap_list list = { .size = sizeof(list) };
	char buf[300];

	ASSERT_EQ(0, create_named(self->fd, NAME, 0600));
	list.buf = 8;
	list.buf_len = sizeof(buf);
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_LIST, &list));
	list.buf = u64_of(buf);
	list.buf_len = 10;
	list.cursor = 0;
	EXPECT_EQ(-EMSGSIZE, call(self->fd, CMAP_IOCTL_LIST, &list));
	EXPECT_GE(list.buf_len, sizeof(struct cmap_list_entry));
}

/* Many create, open and remove one name at once; each create has one winner. */
TEST_F(names, race_for_a_name)
{
	struct race *race = race_new(0.25);
	int i;

	race_wants(race, 0, 200, "created");
	race_wants(race, 1, 10, "opened by another one");
	for (i = 0; i < 4; i++) {
		if (fork())
			continue;
		while (race_goes_on(race)) {
			int fd = device(O_RDWR);
			int err = create_named(fd, NAME, 0600);
			bool created = !err;

			if (err == -EEXIST)
				err = open_named(fd, NAME);
			if (err && err != -ENOENT)
				_exit(1);
			if (!err)
				race_did(race, created ? 0 : 1);
			if (!err && set(fd, &i, sizeof(i), &i, sizeof(i)))
				_exit(2);
			err = unlink_named(NAME);
			if (err && err != -ENOENT)
				_exit(3);
			close(fd);
		}
		_exit(0);
	}
	EXPECT_TRUE(race_ends(race, 4));
}

/* ---- maps of other users ---- */

/* Run a function as another user, and return its result. */
static int run_as(uid_t uid, gid_t gid, int (*fn)(int arg), int arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!become(uid, gid))
			_exit(255);
		_exit(-fn(arg));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -255;
}

static int make_one(int mode)
{
	return create_named(device(O_RDWR), NAME, mode);
}

static int open_flags(int flags)
{
	struct cmap_name args = {
		.size = sizeof(args), .flags = flags,
		.name = u64_of(NAME), .name_len = strlen(NAME),
	};

	return call(device(O_RDWR), CMAP_IOCTL_OPEN, &args);
}

/*
 * A user created a map called "sessions", writable for all, before the service
 * that was meant to create it.  Root's writes went into that map.
 */
TEST_F(names, trusted_open_refuses_other_users_maps)
{
	ASSERT_EQ(0, run_as(1000, 1000, make_one, 0666));
	EXPECT_EQ(0, run_as(1000, 1000, open_flags, CMAP_OPEN_TRUSTED));
	EXPECT_EQ(-EACCES, run_as(1001, 1000, open_flags, CMAP_OPEN_TRUSTED));
	EXPECT_EQ(-EACCES, run_as(0, 0, open_flags, CMAP_OPEN_TRUSTED));
	/* Without CMAP_OPEN_TRUSTED the map is opened. */
	EXPECT_EQ(0, run_as(1001, 1000, open_flags, 0));
	EXPECT_EQ(0, run_as(0, 0, open_flags, 0));
	ASSERT_EQ(0, unlink_named(NAME));

	EXPECT_EQ(-ENOENT, run_as(0, 0, open_flags, CMAP_OPEN_TRUSTED));
	ASSERT_EQ(0, make_one(0666));
	EXPECT_EQ(0, run_as(0, 0, open_flags, CMAP_OPEN_TRUSTED));
	EXPECT_EQ(0, run_as(1001, 1000, open_flags, CMAP_OPEN_TRUSTED));
}

static int setattr(int fd, uint32_t flags, uint32_t mode, uint32_t uid,
		   uint32_t gid)
{
	struct cmap_setattr attr = {
		.size = sizeof(attr), .flags = flags, .mode = mode, .uid = uid,
		.gid = gid,
	};

	return call(fd, CMAP_IOCTL_SETATTR, &attr);
}

static int chmod_fd(int fd)
{
	return setattr(fd, CMAP_SET_MODE, 0640, 0, 0);
}

static int chown_fd(int fd)
{
	return setattr(fd, CMAP_SET_UID, 0, 1001, 0);
}

static int chown_to_oneself(int fd)
{
	return setattr(fd, CMAP_SET_UID | CMAP_SET_GID, 0, 1000, 2000);
}

static int chgrp_fd(int fd)
{
	return setattr(fd, CMAP_SET_GID, 0, 0, 2001);
}

/* One of the two changes is not allowed, so neither is done. */
static int chmod_and_chown_fd(int fd)
{
	return setattr(fd, CMAP_SET_MODE | CMAP_SET_UID, 0, 1001, 0);
}

static int rename_fd(int fd)
{
	return name_call(fd, CMAP_IOCTL_RENAME, "renamed_test");
}

TEST_F(names, owner_changes_mode_and_group)
{
	struct cmap_stat stat;

	ASSERT_EQ(0, run_as(1000, 2000, make_one, 0600));
	ASSERT_EQ(0, open_named(self->fd, NAME));

	EXPECT_EQ(-EPERM, run_as(1001, 2000, chmod_fd, self->fd));
	EXPECT_EQ(-EPERM, run_as(1001, 2000, chgrp_fd, self->fd));
	EXPECT_EQ(-EPERM, run_as(1001, 2000, chown_fd, self->fd));
	EXPECT_EQ(-EPERM, run_as(1000, 2000, chown_fd, self->fd));
	EXPECT_EQ(-EPERM, run_as(1000, 2000, chgrp_fd, self->fd));
	EXPECT_EQ(-EPERM, run_as(1000, 2000, chmod_and_chown_fd, self->fd));
	stat = map_stat(self->fd);
	EXPECT_EQ(0600, stat.mode);
	EXPECT_EQ(1000, stat.uid);
	EXPECT_EQ(2000, stat.gid);

	EXPECT_EQ(-EACCES, open_as(1001, 2000, O_RDONLY));
	EXPECT_EQ(0, run_as(1000, 2000, chmod_fd, self->fd));
	EXPECT_EQ(0640, map_stat(self->fd).mode);
	EXPECT_EQ(0, open_as(1001, 2000, O_RDONLY));
	EXPECT_EQ(0, run_as(1000, 2000, chown_to_oneself, self->fd));
	/* The owner is a member of that group. */
	EXPECT_EQ(0, run_as(1000, 2001, chgrp_fd, self->fd));
	EXPECT_EQ(2001, map_stat(self->fd).gid);
	EXPECT_EQ(-EACCES, open_as(1001, 2000, O_RDONLY));
	/* Root may. */
	EXPECT_EQ(0, chown_fd(self->fd));
	EXPECT_EQ(1001, map_stat(self->fd).uid);
	EXPECT_EQ(-EACCES, open_as(1000, 2000, O_RDONLY));
	EXPECT_EQ(0, open_as(1001, 2000, O_RDWR));
	EXPECT_EQ(0, setattr(self->fd, CMAP_SET_MODE | CMAP_SET_UID |
			     CMAP_SET_GID, 0666, 0, 0));
	EXPECT_EQ(0, map_stat(self->fd).uid);
	EXPECT_EQ(0, map_stat(self->fd).gid);
	EXPECT_EQ(0666, map_stat(self->fd).mode);
}

/*
 * The map's mode denies its owner everything.  The owner can change the mode,
 * but cannot read or write with the descriptor used for that.
 */
static int change_what_is_denied(int unused)
{
	int fd = device(O_ACCMODE), other = device(O_RDONLY);
	uint32_t len = 4;
	char buf[4];

	(void)unused;
	if (open_named(other, NAME) != -EACCES || open_named(fd, NAME))
		return -1;
	if (set(fd, "k", 1, "v", 1) != -EBADF ||
	    get(fd, "k", 1, buf, &len) != -EBADF || clear(fd) != -EBADF ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
		return -2;
	if (map_stat(fd).mode || chmod_fd(fd) || rename_fd(fd) ||
	    name_call(fd, CMAP_IOCTL_RENAME, NAME))
		return -3;
	return open_named(other, NAME);
}

TEST_F(names, owner_changes_what_he_may_not_open)
{
	ASSERT_EQ(0, run_as(1000, 2000, make_one, 0));
	EXPECT_EQ(0, run_as(1000, 2000, change_what_is_denied, 0));
	ASSERT_EQ(0, open_named(self->fd, NAME));
	EXPECT_EQ(0640, map_stat(self->fd).mode);
}

TEST_F(names, owner_renames)
{
	int other = device(O_RDWR);

	ASSERT_EQ(0, run_as(1000, 2000, make_one, 0666));
	ASSERT_EQ(0, open_named(self->fd, NAME));
	ASSERT_EQ(0, create_named(other, "taken_test", 0600));

	EXPECT_EQ(-EPERM, run_as(1001, 2000, rename_fd, self->fd));
	EXPECT_EQ(-EEXIST, name_call(self->fd, CMAP_IOCTL_RENAME,
				     "taken_test"));
	EXPECT_EQ(-EEXIST, name_call(self->fd, CMAP_IOCTL_RENAME, NAME));
	EXPECT_EQ(-EINVAL, name_call(self->fd, CMAP_IOCTL_RENAME, "a/b"));
	EXPECT_EQ(-EACCES, name_call(self->fd, CMAP_IOCTL_RENAME,
				     CMAP_KERNEL_PREFIX "x"));
	EXPECT_EQ(0, run_as(1000, 2000, rename_fd, self->fd));
	EXPECT_EQ(-ENOENT, unlink_named(NAME));
	EXPECT_EQ(0, name_call(self->fd, CMAP_IOCTL_RENAME, NAME));
	EXPECT_EQ(-ENOENT, unlink_named("renamed_test"));

	ASSERT_EQ(0, unlink_named(NAME));
	EXPECT_EQ(-ENOENT, name_call(self->fd, CMAP_IOCTL_RENAME, NAME));
	EXPECT_EQ(0, unlink_named("taken_test"));
	close(other);
	other = new_map();
	EXPECT_EQ(-ENOENT, name_call(other, CMAP_IOCTL_RENAME, NAME));
	close(other);
}

/* During a rename everybody finds the map under exactly one of the names. */
TEST_F(names, renamed_while_others_look)
{
	static const char * const name[] = {
		NAME, "a_much_longer_name_than_the_other_one_of_names_test",
	};
	struct race *race = race_new(1);
	int i, n, err;

	race_wants(race, 0, 500, "lists");
	race_wants(race, 1, 500, "renames");
	ASSERT_EQ(0, create_named(self->fd, NAME, 0600));
	ASSERT_EQ(0, set(self->fd, "k", 1, "v", 1));
	for (i = 0; i < 2; i++) {
		if (fork())
			continue;
		while (race_goes_on(race)) {
			struct cmap_list list = { .size = sizeof(list) };
			char buf[512];
			struct cmap_list_entry *e = (void *)buf;
			int fd = device(O_RDONLY);

			list.buf = u64_of(buf);
			list.buf_len = sizeof(buf);
			if (call(fd, CMAP_IOCTL_LIST, &list) || list.count != 1)
				_exit(1);
			if (strcmp(buf + e->name_offset, name[0]) &&
			    strcmp(buf + e->name_offset, name[1]))
				_exit(2);
			if (open_named(fd, name[0]) && open_named(fd, name[1]) &&
			    open_named(fd, name[0]) && open_named(fd, name[1]) &&
			    open_named(fd, name[0]))
				printf("# missed it five times\n");
			close(fd);
			race_did(race, 0);
		}
		_exit(0);
	}
	for (n = 1; race_goes_on(race); n++) {
		err = name_call(self->fd, CMAP_IOCTL_RENAME, name[n & 1]);
		EXPECT_EQ(0, err);
		if (err)
			race_stop(race);
		race_did(race, 1);
	}
	EXPECT_TRUE(race_ends(race, 2));
	if (!(n & 1))
		EXPECT_EQ(0, name_call(self->fd, CMAP_IOCTL_RENAME, NAME));
}

/* A user who took the name first kept kernel code from creating its map. */
TEST_F(names, kernels_names_are_not_for_users)
{
	EXPECT_EQ(-EACCES, create_named(self->fd, CMAP_KERNEL_PREFIX "x", 0600));
	EXPECT_EQ(-EACCES, create_named(self->fd, CMAP_KERNEL_PREFIX, 0600));
	EXPECT_EQ(-ENOENT, open_named(self->fd, CMAP_KERNEL_PREFIX "x"));
	EXPECT_EQ(0, create_named(self->fd, "kernel", 0600));
	EXPECT_EQ(0, unlink_named("kernel"));
}

/* ---- namespaces ---- */

/* The number of maps, once that has not changed for a while. */
static uint64_t maps_left(void)
{
	uint64_t maps = limits_now().all_maps, now_there;
	int i, same = 0;

	for (i = 0; i < patient(300) && same < 20; i++) {
		usleep(50000);
		now_there = limits_now().all_maps;
		same = now_there == maps ? same + 1 : 0;
		maps = now_there;
	}
	return maps;
}

/*
 * When a namespace ends, its names are removed, and so its maps are freed.  The
 * kernel ends one namespace after the other, and waits for grace periods in
 * between.  On a slow machine there can be a second between two.
 */
static bool maps_become(uint64_t maps)
{
	int i;

	for (i = 0; i < patient(600) && limits_now().all_maps != maps; i++)
		usleep(50000);
	return limits_now().all_maps == maps;
}

static int names_seen(void)
{
	struct cmap_list list = { .size = sizeof(list) };
	char buf[4096];
	int fd = device(O_RDONLY), err;

	list.buf = u64_of(buf);
	list.buf_len = sizeof(buf);
	err = call(fd, CMAP_IOCTL_LIST, &list);
	close(fd);
	return err ?: list.count;
}

/* Runs in a namespace of its own; @fd is a map of the parent's namespace. */
static int in_another_namespace(int fd)
{
	int own = device(O_RDWR);

	if (names_seen() || open_named(own, NAME) != -ENOENT ||
	    unlink_named(NAME) != -ENOENT)
		return -1;
	if (create_named(own, NAME, 0666) || set(own, "own", 3, "v", 1))
		return -2;
	if (names_seen() != 1 || count(own) != 1 || count(fd))
		return -3;
	close(own);
	own = device(O_RDWR);
	/* The name keeps the new map; the descriptor keeps the parent's. */
	if (open_named(own, NAME) || count(own) != 1)
		return -4;
	if (set(fd, "k", 1, "v", 1))
		return -5;
	return 0;
}

static int namespace_of_root(int fd)
{
	return unshare(CLONE_NEWNET) ? -254 : in_another_namespace(fd);
}

static int namespace_of_user(int fd)
{
	char text[64];

	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -254;
	/* The creator of a user namespace is root in it. */
	snprintf(text, sizeof(text), "0 %d 1", 1000);
	if (write_text("/proc/self/uid_map", text))
		return -253;
	return in_another_namespace(fd);
}

/*
 * Root in a user namespace may do everything with the maps of that namespace.
 */
static int root_in_its_namespace(int fd)
{
	int own = device(O_RDWR);
	int err = namespace_of_user(fd);

	if (err)
		return err;
	if (open_named(own, NAME))
		return -6;
	if (chmod_fd(own) || map_stat(own).mode != 0640)
		return -7;
	/* It may not change maps of the initial namespace. */
	if (chmod_fd(fd) != -EPERM || rename_fd(fd) != -EPERM)
		return -8;
	return 0;
}

FIXTURE(namespaces)
{
	int fd;
	uint64_t maps;
};

FIXTURE_SETUP(namespaces)
{
	umask(0);
	self->fd = device(O_RDWR);
	ASSERT_EQ(0, create_named(self->fd, NAME, 0666));
	self->maps = maps_left();
}

FIXTURE_TEARDOWN(namespaces)
{
	EXPECT_TRUE(maps_become(self->maps));
	EXPECT_EQ(0, unlink_named(NAME));
	close(self->fd);
}

static void expect_fine(struct __test_metadata *_metadata, int err)
{
	if (err == -254)
		SKIP(return, "no namespaces");
	EXPECT_EQ(0, err);
}

TEST_F(namespaces, have_names_of_their_own)
{
	expect_fine(_metadata, run_as(0, 0, namespace_of_root, self->fd));
	EXPECT_EQ(1, names_seen());
}

TEST_F(namespaces, of_unprivileged_users)
{
	expect_fine(_metadata, run_as(1000, 1000, namespace_of_user, self->fd));
	clear(self->fd);
	expect_fine(_metadata, run_as(1000, 1000, root_in_its_namespace,
				      self->fd));
	EXPECT_EQ(0666, map_stat(self->fd).mode);
}

/* A map whose name ends with its namespace stays for those who have it open. */
TEST_F(namespaces, ends_while_the_map_is_open)
{
	int own = device(O_RDWR), i;

	if (!fork()) {
		if (unshare(CLONE_NEWNET))
			_exit(254);
		_exit(-create_named(own, NAME, 0600));
	}
	if (!children_ok(1)) {
		close(own);
		SKIP(return, "no namespaces");
	}
	for (i = 0; i < 200 && rename_fd(own) != -ENOENT; i++)
		usleep(50000);
	EXPECT_LT(i, 200);
	EXPECT_EQ(0, set(own, "k", 1, "v", 1));
	EXPECT_EQ(1, count(own));
	close(own);
}

static int open_trusted_in(int net)
{
	return setns(net, CLONE_NEWNET) ? -254 : open_flags(CMAP_OPEN_TRUSTED);
}

static int open_any_in(int net)
{
	return setns(net, CLONE_NEWNET) ? -254 : open_flags(0);
}

/* Runs inside, and creates a map there. */
static int own_a_map(const struct inside *in, void *arg)
{
	if (make_one(0666))
		return 1;
	/* Other users inside must trust that root. */
	if (run_as(5, 5, open_flags, CMAP_OPEN_TRUSTED))
		return 2;
	return inside_shows(in) ? 0 : 3;
}

/*
 * Root of the machine entered a user's network namespace, and a trusted open
 * took the user's map for one of root's.
 */
TEST_F(namespaces, trusted_open_from_outside)
{
	struct inside in;
	char file[64];
	int err, net;

	err = inside_start(&in, 1000, CLONE_NEWUSER | CLONE_NEWNET, own_a_map,
			   NULL);
	if (err == -ENOSYS)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, err);
	ASSERT_TRUE(inside_seen(&in));
	snprintf(file, sizeof(file), "/proc/%d/ns/net", in.pid);
	net = open(file, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(net, 0);
	EXPECT_EQ(-EACCES, run_as(0, 0, open_trusted_in, net));
	EXPECT_EQ(0, run_as(0, 0, open_any_in, net));
	close(net);
	ASSERT_TRUE(inside_resume(&in));
	EXPECT_TRUE(children_ok(1));
}

/* Names are created and opened in namespaces that come and go. */
TEST_F(namespaces, race_with_their_end)
{
	struct race *race = race_new(1);
	int i;

	if (access("/proc/self/ns/net", F_OK))
		SKIP(return, "no namespaces");
	race_wants(race, 0, 30, "namespaces");
	for (i = 0; i < 3; i++) {
		if (fork())
			continue;
		while (race_goes_on(race)) {
			if (unshare(CLONE_NEWNET))
				_exit(2);
			if (create_named(device(O_RDWR), NAME, 0600) ||
			    names_seen() != 1 ||
			    open_named(device(O_RDWR), NAME))
				_exit(1);
			closefrom(self->fd + 1);
			race_did(race, 0);
		}
		_exit(0);
	}
	EXPECT_TRUE(race_ends(race, 3));
}

/*
 * Names were added under the mutex of all names, with memory allocated under it.
 * So one user whose cgroup was full made all users wait.  Lockdep takes a lock
 * of its own, fs_reclaim, for each allocation that may wait.
 */
TEST_F(names, nothing_is_allocated_under_the_lock_of_names)
{
	struct cmap_create args = {
		.name = u64_of(NAME), .name_len = strlen(NAME), .mode = 0600,
	};
	struct cmap_name other = {
		.size = sizeof(other),
		.name = u64_of("names_other"), .name_len = 11,
	};
	int fd = device(O_RDWR);

	ASSERT_EQ(0, create_with(self->fd, &args));
	ASSERT_EQ(0, open_named(fd, NAME));
	ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_RENAME, &other));
	ASSERT_EQ(0, unlink_named("names_other"));
	close(fd);
	if (!lockdep_is_on())
		SKIP(return, "this kernel has no lockdep");
	EXPECT_TRUE(lockdep_saw("fs_reclaim", NULL));
	EXPECT_TRUE(lockdep_saw("names_mutex", NULL));
	EXPECT_FALSE(lockdep_saw("names_mutex", "fs_reclaim"));
}

TEST_HARNESS_MAIN
