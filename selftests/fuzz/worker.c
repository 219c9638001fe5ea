// SPDX-License-Identifier: GPL-2.0
#include "worker.h"
#include "faults.h"
#include "abi.h"
#include "calls.h"
#include "check.h"
#include "execute.h"
#include "generate.h"
#include "memory.h"
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE	120	/* seconds for a call, on a busy machine */
#define CHECK_LEFT	200	/* programs between checks of what is left */

/* ---- the worker ---- */

static void complain(const char *wrong)
{
	if (wrong)
		fuzz_found(wrong);
}

/* Run and check one program.  Returns true if it reached new code. */
static bool run(const struct fuzz_program *program, uint8_t *edges)
{
	bool new;

	memset(edges, 0, FUZZ_EDGES / 8);
	new = fuzz_execute(program, edges);
	complain(fuzz_check_maps());
	complain(fuzz_check_kernel());
	fuzz_tidy();
	if (fuzz->programs % CHECK_LEFT == 0)
		complain(fuzz_check_nothing_left());

	return new;
}

/* Whether a program still reaches all the new code in @wanted. */
static bool still_new(const struct fuzz_program *program,
		      const uint8_t *wanted)
{
	static uint8_t edges[FUZZ_EDGES / 8];
	unsigned int i;

	run(program, edges);
	for (i = 0; i < sizeof(edges); i++)
		if (wanted[i] & ~fuzz->edges[i] & ~edges[i])
			return false;
	return true;
}

/*
 * Remove calls that are not needed to get there: first many at once, then few.
 */
static bool minimise(struct fuzz_program *program, const uint8_t *wanted)
{
	struct fuzz_program less;
	unsigned int some, at, i;

	/* A program that reached it only by chance is not kept. */
	if (!still_new(program, wanted))
		return false;
	for (some = program->n / 2; some; some /= 2) {
		for (at = 0; at < program->n && program->n > some;) {
			less = *program;
			for (i = 0; i < some && at < less.n; i++)
				fuzz_remove(&less, at);
			if (less.n && still_new(&less, wanted))
				*program = less;
			else
				at += some;
		}
	}
	return true;
}

static void merge(uint8_t *into, const uint8_t *edges)
{
	unsigned int i;

	for (i = 0; i < FUZZ_EDGES / 8; i++)
		into[i] |= edges[i];
}

static void keep(const struct fuzz_program *program, const uint8_t *edges)
{
	struct fuzz_entry *entry = &fuzz->entry[fuzz->entries];

	if (fuzz->entries == FUZZ_CORPUS)
		return;
	entry->program = *program;
	memcpy(entry->edges, edges, FUZZ_EDGES / 8);
	fuzz->entries++;
}

/* Run the programs that were given, as they are. */
static void replay(void)
{
	while (fuzz->replayed < fuzz->given) {
		struct fuzz_entry *entry = &fuzz->entry[fuzz->replayed++];

		run(&entry->program, entry->edges);
		merge(fuzz->edges, entry->edges);
	}
}

static void choose(struct fuzz_program *program)
{
	uint64_t r = fuzz->seed * 0x9e3779b97f4a7c15;
	const struct fuzz_entry *a, *b;

	if (!fuzz->entries || (r >> 40) % 8 == 0) {
		fuzz_generate(program, &fuzz->seed);
		return;
	}
	/* Half of the time, use one of the newest. */
	a = &fuzz->entry[(r >> 43) % fuzz->entries];
	if (r >> 63 && fuzz->entries > 16)
		a = &fuzz->entry[fuzz->entries - 1 - (r >> 33) % 16];
	b = &fuzz->entry[(r >> 20) % fuzz->entries];
	*program = a->program;
	fuzz_mutate(program, &b->program, &fuzz->seed);
}

static void explore(void)
{
	static uint8_t edges[FUZZ_EDGES / 8];
	struct fuzz_program program;

	while (now() < fuzz->end) {
		choose(&program);
		if (!run(&program, edges))
			continue;
		if (minimise(&program, edges)) {
			run(&program, edges);
			keep(&program, edges);
		}
		merge(fuzz->edges, edges);
	}
}

static void worker(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	fuzz_execute_init();
	fuzz_tidy();
	replay();
	explore();
	complain(fuzz_check_nothing_left());
	fuzz->done = true;
	_exit(0);
}

/* ---- the supervisor ---- */

/* Print where each thread of a worker is stuck. */
static void print_stacks(pid_t pid)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "for t in /proc/%d/task/*; do cat $t/stack $t/syscall; done",
		 pid);
	fflush(stdout);
	if (system(command))
		printf("# fuzz: no stacks\n");
}

/* The worker's exit status, or -1 if it had to be killed. */
static int watch(pid_t pid)
{
	uint64_t steps = fuzz->steps;
	double since = now();
	int status, fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };

	while (!poll(&end, 1, 1000)) {
		if (fuzz->steps != steps) {
			steps = fuzz->steps;
			since = now();
		} else if (now() - since > DEADLINE) {
			fuzz_found("a call takes for ever");
			print_stacks(pid);
			kill(pid, SIGKILL);
			since = now();
		}
	}
	close(fd);
	waitpid(pid, &status, 0);

	return status;
}

static bool meant_to_die(const struct fuzz_program *program)
{
	unsigned int i;

	for (i = 0; i < program->n; i++)
		if (fuzz_types[program->call[i].type].run == fuzz_run_die)
			return true;
	return false;
}

void fuzz_work(void)
{
	int status;
	pid_t pid;

	fuzz->done = false;
	while (!fuzz->done) {
		fflush(stdout);
		pid = fork();
		if (!pid)
			worker();
		status = watch(pid);
		if (fuzz->done)
			break;
		fuzz->deaths++;
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM ||
		    !meant_to_die(&fuzz->current)) {
			printf("# fuzz: wait status %#x\n", status);
			fuzz_found("a worker died");
		}
		/* A fault that kills every worker would never end. */
		if (fuzz->findings > 100)
			break;
	}
}

/* ---- once ---- */

/* In a kernel without 32-bit calls the process is killed. */
static void try_compat(void)
{
	int status = -1;
	pid_t pid;

	/* In User Mode Linux, the call would go to the host's kernel. */
	if (user_mode_linux())
		return;
	pid = fork();
	if (!pid) {
		fuzz_compat_init();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == pid && !status)
		fuzz_compat_init();
}

int fuzz_work_init(void)
{
	if (fuzz_state_init() || fuzz_memory_init())
		return -1;
	try_compat();
	spare_no_allocation();
	fuzz_check_init();
	return 0;
}
