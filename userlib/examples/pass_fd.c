// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Give an anonymous map to another process through a unix socket.
 */
#include <kcmap.h>

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
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Returns the descriptor, or -1 if the message was something else. */
static int receive_fd(int sock)
{
	union control control;
	struct cmsghdr *cmsg;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || msg.msg_flags & MSG_CTRUNC ||
	    cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static int receiver(int sock)
{
	struct kcmap *map = kcmap_from_fd(receive_fd(sock));
	char value[16];
	ssize_t len;

	if (!map)
		return 1;
	len = kcmap_get(map, "greeting", 8, value, sizeof(value), NULL);
	if (len < 0)
		return 1;
	printf("received: %.*s\n", (int)len, value);
	kcmap_close(map);
	return 0;
}

int main(void)
{
	struct kcmap *map;
	int socks[2], status = 1;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks))
		return 1;
	child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (!child) {
		/*
		 * Close this end, or the child would never read the end of the
		 * file.
		 */
		close(socks[0]);
		return receiver(socks[1]);
	}
	close(socks[1]);

	map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	if (!map || kcmap_set(map, "greeting", 8, "hello", 5, NULL) ||
	    send_fd(socks[0], kcmap_fd(map))) {
		perror("pass_fd");
		return 1;
	}
	waitpid(child, &status, 0);
	kcmap_close(map);

	return status ? 1 : 0;
}
