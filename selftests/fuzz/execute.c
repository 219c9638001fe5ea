// SPDX-License-Identifier: GPL-2.0
#include "execute.h"
#include "abi.h"
#include "calls.h"
#include "memory.h"
#include "state.h"
#include "touch.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static struct fuzz_thread threads[2];

/* Calls for the second thread, in order; NULL ends a program. */
static const struct fuzz_call *queue[FUZZ_CALLS + 1];
static unsigned int queued, taken;
static sem_t work, idle;

static void make(struct fuzz_thread *thread, const struct fuzz_call *call)
{
	const struct fuzz_type *type = &fuzz_types[call->type];
	unsigned int i;

	for (i = 0; i < call->repeat; i++) {
		long result = type->run(thread, type, call->arg);

		fuzz_step();
		__atomic_add_fetch(&fuzz->calls[call->type], 1,
				   __ATOMIC_RELAXED);
		if (result >= 0)
			__atomic_add_fetch(&fuzz->good[call->type], 1,
					   __ATOMIC_RELAXED);
	}
}

static void begin(struct fuzz_thread *thread)
{
	thread->version = 0;
	thread->fail = 0;
	memset(&thread->cursor, 0, sizeof(thread->cursor));
	fuzz_kcov_begin(&thread->kcov);
}

static void become_root(struct fuzz_thread *thread)
{
	static const uint64_t root[FUZZ_ARGS];

	fuzz_run_user(thread, NULL, root);
}

static void thread_init(struct fuzz_thread *thread, unsigned int number)
{
	thread->number = number;
	thread->fail_fd = open("/proc/thread-self/fail-nth",
			       O_WRONLY | O_CLOEXEC);
	fuzz_kcov_open(&thread->kcov);
}

static void *peer(void *arg)
{
	struct fuzz_thread *thread = arg;

	thread_init(thread, 1);
	sem_post(&idle);
	for (;;) {
		const struct fuzz_call *call;

		while (sem_wait(&work))
			;
		call = queue[taken];
		__atomic_store_n(&taken, taken + 1, __ATOMIC_RELEASE);
		if (call) {
			make(thread, call);
		} else {
			become_root(thread);
			sem_post(&idle);
		}
	}
	return NULL;
}

void fuzz_execute_init(void)
{
	pthread_t thread;

	umask(0);
	fuzz_touch_init();
	sem_init(&work, 0, 0);
	sem_init(&idle, 0, 0);
	thread_init(&threads[0], 0);
	pthread_create(&thread, NULL, peer, &threads[1]);
	while (sem_wait(&idle))
		;
	fuzz->guided = threads[0].kcov.fd >= 0;
}

/* Both threads begin at about the same time. */
static void hand_over(const struct fuzz_call *call)
{
	unsigned int tries;

	queue[queued++] = call;
	sem_post(&work);
	for (tries = 0; call && tries < 2000; tries++)
		if (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) == queued)
			break;
}

static bool note(uint8_t *edges)
{
	const uint64_t *pc;
	bool new = false;
	size_t n;
	int i;

	for (i = 0; i < 2; i++) {
		pc = fuzz_kcov_end(&threads[i].kcov, &n);
		if (fuzz_note(pc, n, edges))
			new = true;
	}
	return new;
}

bool fuzz_execute(const struct fuzz_program *program, uint8_t *edges)
{
	struct itimerval never = {};
	bool new;
	unsigned int i;

	fuzz->current = *program;
	fuzz->running = true;
	fuzz_memory_reset();
	queued = 0;
	taken = 0;
	begin(&threads[0]);
	begin(&threads[1]);
	for (i = 0; i < program->n; i++) {
		if (program->call[i].peer)
			hand_over(&program->call[i]);
		else
			make(&threads[0], &program->call[i]);
	}
	hand_over(NULL);
	while (sem_wait(&idle))
		;
	new = note(edges);
	setitimer(ITIMER_REAL, &never, NULL);
	become_root(&threads[0]);
	fuzz_reap();

	return new;
}

/* ---- cleaning up ---- */

static void unlink_all(int fd)
{
	static uint64_t buf[512];
	struct cmap_list list = {
		.size = sizeof(list), .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf),
	};
	const char *at = (const char *)buf;

	if (ioctl(fd, CMAP_IOCTL_LIST, &list))
		return;
	while (list.count--) {
		const struct cmap_list_entry *entry = (const void *)at;
		struct cmap_name name = {
			.size = sizeof(name), .name = (uintptr_t)at + entry->name_offset,
			.name_len = entry->name_len,
		};

		ioctl(fd, CMAP_IOCTL_UNLINK, &name);
		at += entry->size;
	}
}

void fuzz_tidy(void)
{
	int fd = open(CMAP_DEVICE, O_RDONLY | O_CLOEXEC);
	unsigned int i;

	for (i = 0; i < FUZZ_FDS; i++)
		close(fuzz_fd(i));
	for (i = 0; i < FUZZ_WINDOWS; i++)
		fuzz_window_clear(i);
	unlink_all(fd);
	close(fd);
	fuzz->recent[fuzz->programs % FUZZ_RECENT] = fuzz->current;
	fuzz->running = false;
	fuzz_step();
	__atomic_add_fetch(&fuzz->programs, 1, __ATOMIC_RELAXED);
}
