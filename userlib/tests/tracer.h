/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that another one runs instruction by instruction.
 */
#ifndef LIBKCMAP_TESTS_TRACER_H
#define LIBKCMAP_TESTS_TRACER_H

#include <sched.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

/* The process that is traced. */
static pid_t pid;

/* The two processes run by turns.  On one CPU, that needs no wake-up of another. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static bool stopped(void)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static bool run_on(void)
{
	return !ptrace(PTRACE_CONT, pid, 0, 0) && stopped();
}

static bool one_step(void)
{
	return !ptrace(PTRACE_SINGLESTEP, pid, 0, 0) && stopped();
}

#endif /* LIBKCMAP_TESTS_TRACER_H */
