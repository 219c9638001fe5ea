// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"

#include <kcmap.h>

#include <errno.h>
#include <time.h>

/* In nanoseconds, from some moment on. */
uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
}

void clock_sleep(uint64_t time)
{
	struct timespec left = {
		(time_t)(time / KCMAP_SECOND), (long)(time % KCMAP_SECOND),
	};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}
