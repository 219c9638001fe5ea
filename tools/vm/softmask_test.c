// SPDX-License-Identifier: GPL-2.0
/*
 * Linked with softmask.c.  A handler leaves the signal blocked, as User Mode
 * Linux does after softirqs, while more signals wait.  Those were once sent
 * again and put off again without end, in a guest that was being measured.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define SIGNALS 3

static atomic_int handled;

static void set_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(how, &set, NULL);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	handled++;
	set_mask(SIG_BLOCK);
}

static void send(void)
{
	pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){});
}

int main(void)
{
	struct sigaction action = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO,
	};
	int i;

	alarm(5);
	sigfillset(&action.sa_mask);
	if (sigaction(SIGRTMIN, &action, NULL))
		return 1;
	set_mask(SIG_UNBLOCK);
	set_mask(SIG_BLOCK);
	for (i = 0; i < SIGNALS; i++)
		send();
	if (handled)
		return 2;
	set_mask(SIG_UNBLOCK);
	if (handled != SIGNALS)
		return 3;
	/* The thread's mask is as it was before the handlers. */
	send();
	return handled == SIGNALS + 1 ? 0 : 4;
}
