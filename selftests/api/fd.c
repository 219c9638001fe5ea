// SPDX-License-Identifier: GPL-2.0
/*
 * A descriptor gives access to a map, also after fork, dup, exec and
 * SCM_RIGHTS.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

TEST(fork_and_dup_share_the_map)
{
	int fd = new_map();
	int copy = dup(fd);

	ASSERT_GE(fd, 0);
	if (!fork())
		_exit(set(fd, "child", 5, "x", 1) ? 1 : 0);
	ASSERT_TRUE(children_ok(1));
	EXPECT_EQ(1, count(fd));
	close(fd);
	EXPECT_EQ(1, count(copy));
	close(copy);
}

TEST(scm_rights)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int socks[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	if (!fork()) {
		fd = new_map();
		if (fd < 0 || set(fd, "k", 1, "sent", 4))
			_exit(1);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
		_exit(sendmsg(socks[1], &msg, 0) != 1);
	}
	ASSERT_EQ(1, recvmsg(socks[0], &msg, 0));
	ASSERT_TRUE(children_ok(1));
	/* The sender has exited; only the received descriptor keeps the map. */
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	EXPECT_EQ(1, count(fd));
	close(fd);
}

TEST(cannot_be_read_written_or_mapped_for_now)
{
	int fd = new_map();
	char c = 0;

	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(-1, write(fd, &c, 1));
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	close(fd);
}

/*
 * poll(), select() and epoll all say that the descriptor is ready.  Once poll()
 * said so, and epoll_ctl() failed with EPERM.
 */
TEST(polls_as_ready_everywhere)
{
	int fds[] = { device(O_RDWR), new_map(), device(O_RDONLY) };
	struct timeval at_once = {};
	fd_set readable, writable;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct pollfd pollfd = {
			.fd = fds[i], .events = POLLIN | POLLOUT | POLLPRI,
		};
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLOUT | EPOLLPRI, .data.fd = i,
		};
		int epoll = epoll_create1(0);

		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(1, poll(&pollfd, 1, 0));
		EXPECT_EQ(POLLIN | POLLOUT, pollfd.revents);

		FD_ZERO(&readable);
		FD_ZERO(&writable);
		FD_SET(fds[i], &readable);
		FD_SET(fds[i], &writable);
		EXPECT_EQ(2, select(fds[i] + 1, &readable, &writable, NULL,
				    &at_once));

		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event));
		event.events = 0;
		ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 0));
		EXPECT_EQ(EPOLLIN | EPOLLOUT, event.events);
		EXPECT_EQ(i, event.data.fd);

		/*
		 * Edge-triggered it is reported once, because nothing changes
		 * later.
		 */
		event.events = EPOLLIN | EPOLLET;
		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_MOD, fds[i], &event));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 0));
		if (i == 1)
			EXPECT_EQ(0, set(fds[i], "k", 1, "v", 1));
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
		close(fds[i]);
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
		close(epoll);
	}
}

static int race_fd;

static void *bind_one(void *arg)
{
	struct cmap_create args = {};

	return create_with(race_fd, &args) ? NULL : arg;
}

/* Two threads bind one descriptor: it gets one map, and the other is freed. */
TEST(bind_race)
{
	pthread_t threads[4];
	int round, i;

	for (round = 0; round < 50; round++) {
		int winners = 0;

		race_fd = device(O_RDWR);
		for (i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, bind_one, &race_fd);
		for (i = 0; i < 4; i++) {
			void *won;

			pthread_join(threads[i], &won);
			winners += won != NULL;
		}
		ASSERT_EQ(1, winners);
		ASSERT_EQ(0, count(race_fd));
		close(race_fd);
	}
}

/* Close the descriptor while another thread uses it. */
static void *use(void *arg)
{
	int fd = *(int *)arg, err;

	do {
		err = set(fd, "k", 1, "v", 1);
	} while (!err);
	return err == -EBADF || err == -EBADFD ? NULL : arg;
}

TEST(close_race)
{
	int round;

	for (round = 0; round < 30; round++) {
		int fd = new_map();
		pthread_t thread;
		void *bad;

		pthread_create(&thread, NULL, use, &fd);
		usleep(2000);
		close(fd);
		pthread_join(thread, &bad);
		ASSERT_EQ(NULL, bad);
	}
}

TEST_HARNESS_MAIN
