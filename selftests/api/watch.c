// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: reading, waiting, what they hold, and how many there can be.
 *
 * deadline: 240
 */
#include "race.h"
#include "feed.h"
#include "user.h"
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define PARAMETERS "/sys/module/cmap/parameters/"

static _Alignas(8) char buf[65536];

FIXTURE(watch)
{
	int fd;
	int all;		/* watches all, does not block */
};

FIXTURE_SETUP(watch)
{
	self->fd = new_feed(2, 65536, 100);
	ASSERT_GE(self->fd, 0);
	self->all = watch_new(self->fd, NULL, CMAP_WATCH_NONBLOCK);
	ASSERT_GE(self->all, 0);
}

FIXTURE_TEARDOWN(watch)
{
	close(self->all);
	close(self->fd);
}

static int set_key(int fd, const char *key)
{
	return set(fd, key, strlen(key), "value", 5);
}

static ssize_t read_watch(int watch, size_t size)
{
	ssize_t len = read(watch, buf, size);

	return len < 0 ? -errno : len;
}

TEST_F(watch, reads_records)
{
	const struct cmap_feed_record *record = (const void *)buf;

	EXPECT_EQ(-EAGAIN, read_watch(self->all, sizeof(buf)));
	ASSERT_EQ(0, set_key(self->fd, "key"));
	EXPECT_EQ(0, read_watch(self->all, 0));
	EXPECT_EQ(-EMSGSIZE, read_watch(self->all, 47));
	ASSERT_EQ(48, read_watch(self->all, 48));
	EXPECT_EQ(CMAP_FEED_SET, record->cause);
	EXPECT_EQ(0, memcmp("key", record_key(record), 3));
	EXPECT_EQ(0, memcmp("value", record_value(record), 5));
	EXPECT_EQ(-EAGAIN, read_watch(self->all, sizeof(buf)));
}

/* What could not be copied to the process is still there. */
TEST_F(watch, a_bad_buffer_loses_nothing)
{
	ASSERT_EQ(0, set_key(self->fd, "key"));
	ASSERT_EQ(-1, read(self->all, nowhere(), 4096));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(POLLIN, ready_within(self->all, 0));
	EXPECT_EQ(48, read_watch(self->all, sizeof(buf)));
}

TEST_F(watch, poll_says_when_there_is_a_record)
{
	EXPECT_EQ(0, ready_within(self->all, 0));
	ASSERT_EQ(0, set_key(self->fd, "key"));
	/* At once: without waiting for a work. */
	EXPECT_EQ(POLLIN, ready_within(self->all, 0));
	EXPECT_EQ(POLLIN, ready_within(self->all, 0));
	EXPECT_EQ(48, read_watch(self->all, sizeof(buf)));
	EXPECT_EQ(0, ready_within(self->all, 0));
}

TEST_F(watch, only_what_matches_wakes)
{
	struct filter filter = {};
	int watch, i;

	filter_add(&filter, CMAP_FILTER_KEYS, "mine", 4);
	watch = watch_new(self->fd, &filter, 0);
	ASSERT_GE(watch, 0);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, set_key(self->fd, "other"));
	EXPECT_EQ(0, ready_within(watch, 50));
	ASSERT_EQ(0, set_key(self->fd, "mine"));
	EXPECT_EQ(POLLIN, ready_within(watch, 0));
	EXPECT_EQ(48, read_watch(watch, sizeof(buf)));
	close(watch);
}

TEST_F(watch, epoll_level_and_edge)
{
	struct epoll_event event = { .events = EPOLLIN };
	int level = epoll_create1(0), edge = epoll_create1(0), i;

	ASSERT_EQ(0, epoll_ctl(level, EPOLL_CTL_ADD, self->all, &event));
	event.events = EPOLLIN | EPOLLET;
	ASSERT_EQ(0, epoll_ctl(edge, EPOLL_CTL_ADD, self->all, &event));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, epoll_wait(level, &event, 1, 0));
		ASSERT_EQ(0, set_key(self->fd, "key"));
		ASSERT_EQ(1, epoll_wait(edge, &event, 1, patient(60000)));
		EXPECT_EQ(1, epoll_wait(level, &event, 1, patient(60000)));
		EXPECT_EQ(1, epoll_wait(level, &event, 1, 0));
		EXPECT_EQ(48, read_watch(self->all, sizeof(buf)));
	}
	close(level);
	close(edge);
}

static void nothing(int signal)
{
}

TEST_F(watch, read_waits)
{
	struct sigaction action = { .sa_handler = nothing };
	int watch = watch_new(self->fd, NULL, 0);
	pid_t pid;

	ASSERT_GE(watch, 0);
	pid = fork();
	if (!pid)
		_exit(read_watch(watch, sizeof(buf)) == 48 ? 0 : 1);
	usleep(20000);
	ASSERT_EQ(0, set_key(self->fd, "key"));
	EXPECT_TRUE(children_ok(1));

	sigaction(SIGUSR1, &action, NULL);
	pid = fork();
	if (!pid)
		_exit(read_watch(watch, sizeof(buf)) == -EINTR ? 0 : 1);
	do {
		usleep(10000);
		kill(pid, SIGUSR1);
	} while (!waitpid(pid, NULL, WNOHANG));
	close(watch);
}

/* Two processes take turns: each waits for what the other writes. */
TEST_F(watch, no_wake_up_is_lost)
{
	int turns = 2000 * race_seconds() / slowness() + 100, i, side;

	for (side = 0; side < 2; side++) {
		struct filter filter = {};
		int watch;

		filter_add(&filter, CMAP_FILTER_KEYS, side ? "b" : "a", 1);
		watch = watch_new(self->fd, &filter, 0);
		ASSERT_GE(watch, 0);
		if (fork())
			continue;
		for (i = 0; i < turns; i++) {
			if (side && set_key(self->fd, "a"))
				_exit(1);
			if (!(i % 2 ? ready_within(watch, patient(60000)) : 1) ||
			    read_watch(watch, sizeof(buf)) != 48)
				_exit(2);
			if (!side && set_key(self->fd, "b"))
				_exit(3);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(2));
}

/* A watch holds the map, and ends when nobody can change it any more. */
TEST_F(watch, ends_with_the_map)
{
	EXPECT_EQ(1, map_stat(self->fd).watches);
	ASSERT_EQ(0, set_key(self->fd, "last"));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(POLLIN | POLLHUP, ready_within(self->all, patient(60000)));
	EXPECT_EQ(48, read_watch(self->all, sizeof(buf)));
	EXPECT_EQ(0, read_watch(self->all, sizeof(buf)));
	EXPECT_EQ(POLLHUP, ready_within(self->all, 0));
}

TEST_F(watch, gives_no_more_than_reading)
{
	struct cmap_op op = { .size = sizeof(op) };
	int fd;

	ASSERT_EQ(0, fcntl(self->all, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->all, F_GETFD));
	EXPECT_EQ(-ENOTTY, call(self->all, CMAP_IOCTL_CLEAR, &op));
	EXPECT_EQ(-1, write(self->all, "x", 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->all,
				   0));

	fd = device(O_RDWR);
	close(self->fd);
	self->fd = fd;
	ASSERT_EQ(0, create_with(fd, &(struct cmap_create){
			.name = u64_of("watch"), .name_len = 5, .mode = 0600,
			.feed_bytes = 4096,
		  }));
	fd = device(O_RDONLY);
	ASSERT_EQ(0, open_named(fd, "watch"));
	EXPECT_EQ(0, close(watch_new(fd, NULL, 0)));
	close(fd);
	fd = device(O_WRONLY);
	ASSERT_EQ(0, open_named(fd, "watch"));
	EXPECT_EQ(-EBADF, watch_new(fd, NULL, 0));
	close(fd);
	EXPECT_EQ(0, unlink_named("watch"));
}

TEST_F(watch, cursor_is_behind_what_was_read)
{
	struct cursor cursor;
	int watch;

	ASSERT_EQ(0, set_key(self->fd, "read"));
	ASSERT_EQ(48, read_watch(self->all, sizeof(buf)));
	ASSERT_EQ(0, set_key(self->fd, "next"));
	ASSERT_EQ(0, cursor_of(self->all, 2, &cursor));
	ASSERT_EQ(48, read_watch(self->all, sizeof(buf)));

	watch = watch_from(self->fd, NULL, CMAP_WATCH_NONBLOCK, &cursor);
	ASSERT_GE(watch, 0);
	EXPECT_EQ(POLLIN, ready_within(watch, 0));
	ASSERT_EQ(48, read_watch(watch, sizeof(buf)));
	EXPECT_EQ(0, memcmp("next", record_key((const void *)buf), 4));
	close(watch);
}

TEST_F(watch, limits)
{
	long long most = set_number(PARAMETERS "max_watches_per_user", 2);
	uint32_t before = limits_now().all_watches;

	ASSERT_GE(most, 0);
	if (!fork()) {
		int a, b;

		if (!become(4711, 4711))
			_exit(1);
		a = watch_new(self->fd, NULL, 0);
		b = watch_new(self->fd, NULL, 0);
		if (a < 0 || b < 0 || limits_now().watches != 2 ||
		    limits_now().max_watches != 2)
			_exit(2);
		if (watch_new(self->fd, NULL, 0) != -EDQUOT)
			_exit(3);
		close(a);
		a = watch_new(self->fd, NULL, 0);
		_exit(a < 0 ? 4 : 0);
	}
	EXPECT_TRUE(children_ok(1));
	set_number(PARAMETERS "max_watches_per_user", most);

	most = set_number(PARAMETERS "max_watches", before);
	EXPECT_EQ(-ENFILE, watch_new(self->fd, NULL, 0));
	set_number(PARAMETERS "max_watches", most);
	EXPECT_EQ(before, limits_now().all_watches);
}

/* A watch that gets no descriptor leaves nothing behind. */
TEST_F(watch, no_descriptor_is_left)
{
	uint32_t before = limits_now().all_watches;
	struct rlimit old, least = { 0, 0 };
	struct filter filter = {};

	filter_add(&filter, CMAP_FILTER_PREFIX, "key", 3);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	least.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &least));
	EXPECT_EQ(-EMFILE, watch_new(self->fd, NULL, 0));
	EXPECT_EQ(-EMFILE, watch_new(self->fd, &filter, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(before, limits_now().all_watches);
}

/* Its memory is charged to whoever makes it. */
TEST_F(watch, memory)
{
	long long most = set_number(PARAMETERS "max_bytes_per_user", 0);

	ASSERT_GE(most, 0);
	if (!fork()) {
		uint64_t before, with;
		int watch;

		if (!become(4711, 4711))
			_exit(1);
		before = limits_now().bytes;
		watch = watch_new(self->fd, NULL, 0);
		with = limits_now().bytes;
		if (watch < 0 || with < before + 512)
			_exit(2);
		close(watch);
		_exit(limits_now().bytes == before ? 0 : 3);
	}
	EXPECT_TRUE(children_ok(1));

	set_number(PARAMETERS "max_bytes_per_user", 512);
	if (!fork()) {
		if (!become(4711, 4711))
			_exit(1);
		_exit(watch_new(self->fd, NULL, 0) == -EDQUOT ? 0 : 2);
	}
	EXPECT_TRUE(children_ok(1));
	set_number(PARAMETERS "max_bytes_per_user", most);
}

/* A reader that is stopped does not keep anybody waiting. */
TEST_F(watch, stopped_readers)
{
	pid_t pid[20];
	int i;

	for (i = 0; i < 20; i++) {
		int watch = watch_new(self->fd, NULL, 0);

		pid[i] = fork();
		if (!pid[i])
			while (read_watch(watch, sizeof(buf)) > 0)
				;
		close(watch);
	}
	for (i = 0; i < 20; i++)
		kill(pid[i], SIGSTOP);
	for (i = 0; i < 10000; i++)
		ASSERT_EQ(0, set_key(self->fd, "key"));
	/* This one was overtaken, too, and is told so. */
	ASSERT_LT(0, read_watch(self->all, sizeof(buf)));
	EXPECT_EQ(CMAP_FEED_LOST, ((struct cmap_feed_record *)buf)->cause);
	for (i = 0; i < 20; i++)
		kill(pid[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

TEST_HARNESS_MAIN
