// SPDX-License-Identifier: GPL-2.0
#include "calls.h"
#include "abi.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY, 3 };

/* Put a descriptor into a slot, and close what was there. */
static long place(int fd, uint64_t slot)
{
	long result;

	if (fd < 0)
		return -errno;
	result = dup3(fd, fuzz_fd(slot), O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);

	return result;
}

FUZZ_CALL(open)
{
	return place(open(CMAP_DEVICE, modes[arg[1] % 4] | O_CLOEXEC), arg[0]);
}

FUZZ_CALL(close)
{
	return close(fuzz_fd(arg[0])) ? -errno : 0;
}

FUZZ_CALL(dup)
{
	return place(dup(fuzz_fd(arg[0])), arg[1]);
}

/* Open the device again through /proc/self/fd. */
FUZZ_CALL(reopen)
{
	char path[64];

	sprintf(path, "/proc/self/fd/%d", fuzz_fd(arg[0]));
	return place(open(path, modes[arg[2] % 4] | O_CLOEXEC), arg[1]);
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static long send_fd(int to, int fd)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	union control control = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static long receive_fd(int from, uint64_t slot)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union control control = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return place(fd, slot);
}

/*
 * Send a descriptor through a socket.  It may still be in there when that
 * closes.
 */
FUZZ_CALL(pass)
{
	int fd = fuzz_fd(arg[0]), ends[2];
	long result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	result = send_fd(ends[0], fd);
	if (!result && arg[2] % 3 == 1)
		close(fd);
	if (!result && arg[2] % 3 != 2)
		result = receive_fd(ends[1], arg[1]);
	close(ends[0]);
	close(ends[1]);

	return result;
}

static long add_to_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long result = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);

	close(epoll);
	return result;
}

static long pipe_it(int fd, bool in)
{
	int ends[2];
	long result;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	if (in)
		result = splice(fd, NULL, ends[1], NULL, 4096, 0);
	else
		result = write(ends[1], "x", 1) < 0 ? -1 :
			 splice(ends[0], NULL, fd, NULL, 1, 0);
	close(ends[0]);
	close(ends[1]);

	return result;
}

/* System calls that a device with only ioctl and mmap does not expect. */
static long other(int fd, uint64_t choice, uint64_t number)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
	struct stat stat;
	char buf[64] = {};
	int value = (int)number;

	switch (choice % FUZZ_OTHERS) {
	case 0:
		/* A watch would wait. */
		if (poll(&poll_fd, 1, 0) != 1 || !(poll_fd.revents & POLLIN))
			return 0;
		return read(fd, buf, sizeof(buf));
	case 1: return write(fd, buf, sizeof(buf));
	case 2: return lseek(fd, (off_t)number, SEEK_SET);
	case 3: return poll(&poll_fd, 1, 0);
	case 4: return ftruncate(fd, (off_t)number);
	case 5: return fsync(fd);
	case 6: return fallocate(fd, 0, 0, (off_t)number);
	case 7: return flock(fd, LOCK_EX | LOCK_NB);
	case 8: return fcntl(fd, F_SETFL, value & (O_NONBLOCK | O_APPEND));
	case 9: return add_to_epoll(fd);
	case 10: return sendfile(fd, fd, NULL, 4096);
	case 11: return pipe_it(fd, true);
	case 12: return pipe_it(fd, false);
	case 13: return ioctl(fd, FIONBIO, &value);
	case 14: return ioctl(fd, FIONREAD, &value);
	default: return fstat(fd, &stat);
	}
}

/* Mostly valid: the filter's keys are there, and the cursor may be. */
FUZZ_CALL(watch)
{
	struct cmap_feed_key key[2] = {
		{ .key = (uintptr_t)"key", .key_len = (uint32_t)arg[3] % 4 },
		{ .key = (uintptr_t)"other", .key_len = (uint32_t)arg[3] },
	};
	struct cmap_watch args = {
		.size = sizeof(args), .flags = (uint32_t)arg[4] % 3,
		.filter = {
			.kind = (uint32_t)arg[2] % 4,
			.count = (uint32_t)arg[2] % 4,
			.keys = arg[2] % 4 ? (uintptr_t)key : 0,
		},
		.cursor = arg[5] % 2 ? fuzz_pointer(arg[5]) : 0,
		.cursor_len = arg[5] % 2 ? FUZZ_CURSOR : 0,
	};
	int fd;

	fuzz_fail_begin(thread);
	fd = ioctl(fuzz_fd(arg[0]), CMAP_IOCTL_WATCH, &args);
	fuzz_fail_end(thread);
	return place(fd, arg[1]);
}

/* Mostly valid, and never for long: nobody may change the keys. */
FUZZ_CALL(waitkey)
{
	struct cmap_wait_key key[4] = {
		{ .key = (uintptr_t)"key", .key_len = (uint32_t)arg[2] % 4,
		  .version = arg[3] },
		{ .key = (uintptr_t)"other", .key_len = (uint32_t)arg[2],
		  .version = arg[3] },
	};
	struct cmap_wait args = {
		.size = sizeof(args), .keys = (uintptr_t)key,
		.count = (uint32_t)arg[1],
	};
	struct timespec now;
	long result;

	clock_gettime(CLOCK_MONOTONIC, &now);
	args.deadline = (uint64_t)now.tv_sec * 1000000000 +
			(uint64_t)now.tv_nsec + arg[4] * 1000;
	fuzz_fail_begin(thread);
	result = ioctl(fuzz_fd(arg[0]), CMAP_IOCTL_WAIT, &args);
	fuzz_fail_end(thread);
	return result < 0 ? -errno : result;
}

FUZZ_CALL(other)
{
	long result = other(fuzz_fd(arg[0]), arg[1], arg[2]);

	return result < 0 ? -errno : result;
}
