// SPDX-License-Identifier: GPL-2.0
#include "touch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>

/* Where the thread continues after a fault; NULL while it expects none. */
static __thread void *landing;

static void set_landing(sigjmp_buf *place)
{
	__atomic_store_n(&landing, place, __ATOMIC_SEQ_CST);
}

static void handle_fault(int sig)
{
	sigjmp_buf *place = __atomic_load_n(&landing, __ATOMIC_SEQ_CST);

	if (place)
		siglongjmp(*place, 1);
	/*
	 * The fault is not in fuzz_touch(): a bug in the fuzzer, which ends it.
	 */
	signal(sig, SIG_DFL);
}

void fuzz_touch_init(void)
{
	struct sigaction action = { .sa_handler = handle_fault };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static __attribute_noinline__ void load_bytes(const char *at, size_t step, size_t n)
{
	for (; n--; at += step)
		__atomic_load_n(at, __ATOMIC_SEQ_CST);
}

long fuzz_touch(const char *at, size_t step, size_t n)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 1)) {
		set_landing(NULL);
		return -EFAULT;
	}
	set_landing(&here);
	load_bytes(at, step, n);
	set_landing(NULL);

	return 0;
}
