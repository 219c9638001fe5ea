// SPDX-License-Identifier: GPL-2.0
/*
 * User Mode Linux with several CPUs makes a system call each time interrupts
 * are disabled or enabled.  Real processors use one instruction, and a system
 * call costs as much as a hundred lookups.  This library avoids those calls,
 * for measurements.
 *
 * It is loaded by LD_PRELOAD.  User Mode Linux blocks the signal with which
 * CPUs interrupt each other; here that only sets a flag of the thread.  A
 * signal that arrives while the flag is set is handled when the flag is
 * cleared.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IPI	SIGRTMIN
#define WORDS	(64 / 8)	/* bytes in the kernel's signal sets */
#define PENDING_MAX	64

/* The flag of a CPU.  Its thread starts with the signal blocked. */
static __thread sig_atomic_t masked = 1;
static __thread sig_atomic_t blocked = 1;
static __thread sig_atomic_t pending;
static __thread union sigval pending_value[PENDING_MAX];

static void (*handler)(int sig, siginfo_t *info, void *context);

static int really(int how, const sigset_t *set, sigset_t *old)
{
	return syscall(SYS_rt_sigprocmask, how, set, old, WORDS);
}

static bool only(const sigset_t *set, int sig)
{
	sigset_t want;

	sigemptyset(&want);
	sigaddset(&want, sig);
	return *(const unsigned long *)set == *(const unsigned long *)&want;
}

/* The handler may run between any two instructions. */
static void in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static void send_again(void)
{
	while (pending) {
		int i = --pending;

		pthread_sigqueue(pthread_self(), IPI, pending_value[i]);
		in_order();
	}
}

static int unmask(const sigset_t *set)
{
	int err = 0;

	masked = 0;
	in_order();
	if (blocked) {
		blocked = 0;
		err = really(SIG_UNBLOCK, set, NULL);
	}
	if (pending)
		send_again();
	return err;
}

/*
 * Before a CPU sleeps, it blocks its timer's signal and waits for both signals
 * with a signalfd.  For that the signal must really be blocked.
 */
static int block_for_sleep(void)
{
	sigset_t both;
	int err;

	sigemptyset(&both);
	sigaddset(&both, SIGALRM);
	sigaddset(&both, IPI);
	blocked = 1;
	err = really(SIG_BLOCK, &both, NULL);
	send_again();
	return err;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	if (set && !old && only(set, IPI)) {
		if (how == SIG_UNBLOCK)
			return unmask(set);
		masked = 1;
		in_order();
		return 0;
	}
	if (set && !old && how == SIG_BLOCK && masked && only(set, SIGALRM))
		return block_for_sleep();
	return really(how, set, old);
}

/*
 * The handler may have left the signal blocked: when it returns, the thread's
 * old mask is restored.  The same is done with the flag.  The signal itself
 * stays blocked until then.
 */
static void handle(int sig, siginfo_t *info, void *context)
{
	handler(sig, info, context);
	masked = 0;
	in_order();
	if (pending)
		send_again();
}

static void put_off(int sig, siginfo_t *info, void *context)
{
	if (!masked)
		handle(sig, info, context);
	else if (pending < PENDING_MAX)
		pending_value[pending++] = info->si_value;
	else
		_exit(127);
}

int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	static int (*next)(int sig, const struct sigaction *act,
			   struct sigaction *old);
	struct sigaction mine;

	if (!next)
		next = dlsym(RTLD_NEXT, "sigaction");
	if (sig != IPI || !act)
		return next(sig, act, old);

	handler = act->sa_sigaction;
	mine = *act;
	mine.sa_sigaction = put_off;
	return next(sig, &mine, old);
}
