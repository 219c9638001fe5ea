// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"
#include "error.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells have it. */
#define EXIT_NOT_RUN	126
#define EXIT_NOT_FOUND	127
#define EXIT_SIGNALLED	128

/* What asks this process to end, and is passed on to the program. */
static const int passed_on[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };

/* What a terminal sends to both. */
static const int of_terminal[] = { SIGINT, SIGQUIT };

#define COUNT_OF(array)	(sizeof(array) / sizeof(*(array)))

static pid_t program;	/* set while signals are blocked */

static void pass_on(int number)
{
	int before = errno;

	kill(program, number);
	errno = before;
}

/* Signals that were ignored stay so, as nohup(1) wants it. */
static void take_signals(struct sigaction *before)
{
	const struct sigaction pass = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	size_t i;

	for (i = 0; i < COUNT_OF(passed_on); i++) {
		struct sigaction now;

		sigaction(passed_on[i], NULL, &now);
		if (now.sa_handler != SIG_IGN)
			sigaction(passed_on[i], &pass, NULL);
	}
	for (i = 0; i < COUNT_OF(of_terminal); i++)
		sigaction(of_terminal[i], &ignore, &before[i]);
}

/* The program ends if this process is killed, for then nothing is held any more. */
static _Noreturn void become(char **argv, pid_t parent, const struct sigaction *before,
			     const sigset_t *mask)
{
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_SIGNALLED + SIGTERM);
	for (i = 0; i < COUNT_OF(passed_on); i++) {
		struct sigaction now;

		sigaction(passed_on[i], NULL, &now);
		now.sa_handler = now.sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL;
		sigaction(passed_on[i], &now, NULL);
	}
	for (i = 0; i < COUNT_OF(of_terminal); i++)
		sigaction(of_terminal[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	i = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
	warn_of_file(argv[0]);
	_exit((int)i);
}

/*
 * Run a program to its end, and pass on signals to it.  Returns its exit status, as a
 * shell would.
 */
int run_program(char **argv)
{
	struct sigaction before[COUNT_OF(of_terminal)];
	pid_t parent = getpid();
	sigset_t all, mask;
	int status;

	/* A signal that comes before the program is known is passed on afterwards. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	take_signals(before);
	program = fork();
	if (!program)
		become(argv, parent, before, &mask);
	if (program < 0)
		die_of_file("fork");
	sigprocmask(SIG_SETMASK, &mask, NULL);
	while (waitpid(program, &status, 0) < 0)
		if (errno != EINTR)
			die_of_file(argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNALLED + WTERMSIG(status);
}
