// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Give an anonymous map to another process through a unix socket.
 */
#include <cmap.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int send_fd(int sock, int fd)
{
	union control control = { .buf = { 0 } };
	struct iovec iov = { "m", 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int sock)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static int receiver(int sock)
{
	struct cmap *map = cmap_from_fd(receive_fd(sock));
	char value[16];
	ssize_t len;

	if (!map)
		return 1;
	len = cmap_get(map, "greeting", 8, value, sizeof(value), NULL);
	if (len < 0)
		return 1;
	printf("received: %.*s\n", (int)len, value);
	cmap_close(map);
	return 0;
}

int main(void)
{
	struct cmap *map;
	int socks[2], status = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks))
		return 1;
	if (!fork())
		return receiver(socks[1]);

	map = cmap_open(NULL, O_RDWR | O_CREAT, NULL);
	if (!map || cmap_set(map, "greeting", 8, "hello", 5, NULL) ||
	    send_fd(socks[0], cmap_fd(map))) {
		perror("pass_fd");
		return 1;
	}
	wait(&status);
	cmap_close(map);

	return status ? 1 : 0;
}
