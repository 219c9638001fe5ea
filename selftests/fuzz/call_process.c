// SPDX-License-Identifier: GPL-2.0
#include "calls.h"
#include "abi.h"
#include "memory.h"
#include "touch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN	16

static pthread_mutex_t children_mutex = PTHREAD_MUTEX_INITIALIZER;
static pid_t children[CHILDREN];
static unsigned int children_count;

/* ---- a child with the same descriptors and mappings ---- */

static void write_until_killed(int fd)
{
	uint64_t key = 0;
	struct cmap_op op = {
		.size = sizeof(op), .key = (uintptr_t)&key, .key_len = 8,
		.value = (uintptr_t)&key, .value_len = 8,
	};
	int i;

	for (i = 0; i < 1000; i++) {
		key = (uint64_t)i % 20;
		ioctl(fd, i % 3 ? CMAP_IOCTL_SET : CMAP_IOCTL_DELETE, &op);
	}
}

static void alarm_in(uint64_t microseconds)
{
	struct itimerval timer = {
		.it_value.tv_usec = (suseconds_t)(microseconds % 3000 + 1),
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void child(const uint64_t *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (arg[0] % 4) {
	case 1:
		fuzz_touch(fuzz_window(arg[2]), FUZZ_PAGE, 100);
		break;
	case 2:
		alarm_in(arg[3]);
		write_until_killed(fuzz_fd(arg[1]));
		break;
	case 3:
		fuzz_window_clear(arg[2]);
		close(fuzz_fd(arg[1]));
		usleep((useconds_t)(arg[3] % 3000));
		break;
	}
	_exit(0);
}

FUZZ_CALL(fork)
{
	long result = -EAGAIN;
	pid_t pid;

	pthread_mutex_lock(&children_mutex);
	if (children_count < CHILDREN) {
		pid = fork();
		if (!pid)
			child(arg);
		result = pid < 0 ? -errno : 0;
		if (pid > 0)
			children[children_count++] = pid;
	}
	pthread_mutex_unlock(&children_mutex);

	return result;
}

void fuzz_reap(void)
{
	while (children_count) {
		pid_t pid = children[--children_count];

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* ---- the end of the process, at some moment ---- */

FUZZ_CALL(die)
{
	alarm_in(arg[0]);
	return 0;
}

/* ---- other calls ---- */

FUZZ_CALL(wait)
{
	usleep((useconds_t)(arg[0] % 3000));
	return 0;
}

/* Switch this thread between nobody and root. */
FUZZ_CALL(user)
{
	long id = arg[0] % 2 ? 65534 : 0;

	syscall(SYS_setfsgid, id);
	syscall(SYS_setfsuid, id);
	return 0;
}

FUZZ_CALL(fail)
{
	if (thread->fail_fd < 0)
		return -EOPNOTSUPP;
	thread->fail = (unsigned int)(arg[0] % 40 + 1);
	return 0;
}

static void write_fail(struct fuzz_thread *thread, unsigned int nth)
{
	char text[16];
	int len = sprintf(text, "%u", nth);

	/* This call may be the one that fails. */
	while (write(thread->fail_fd, text, (size_t)len) < 0)
		;
}

void fuzz_fail_begin(struct fuzz_thread *thread)
{
	if (thread->fail)
		write_fail(thread, thread->fail);
}

void fuzz_fail_end(struct fuzz_thread *thread)
{
	int saved = errno;

	if (thread->fail)
		write_fail(thread, 0);
	thread->fail = 0;
	errno = saved;
}
