/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deadlines in the caller's time namespace.
 */
#ifndef CMAP_TIME_H
#define CMAP_TIME_H

#include "../core/clock.h"

#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time_namespace.h>

/* By how much the caller's CLOCK_BOOTTIME is ahead of the map's clock. */
static inline s64 cmap_time_offset(void)
{
	return timens_add_boottime_ns(0);
}

/* A deadline stays one: 0 would be none. */
static inline u64 cmap_time_shift(u64 deadline, s64 by)
{
	s64 sum;

	if (check_add_overflow((s64)min(deadline, CMAP_DEADLINE_MAX), by, &sum))
		return CMAP_DEADLINE_MAX;
	return max(sum, 1LL);
}

/**
 * cmap_time_to_clock() - make a deadline of the map's clock from one of the caller's
 * @deadline: the caller's, not 0
 *
 * Context: Process.
 * Return: the deadline; the earliest or latest one if it is beyond these.
 */
static inline u64 cmap_time_to_clock(u64 deadline)
{
	return cmap_time_shift(deadline, -cmap_time_offset());
}

/**
 * cmap_time_from_clock() - make a deadline of the caller's from one of the map's clock
 * @deadline: the map's, not 0
 *
 * Context: Process.
 * Return: the deadline; the earliest or latest one if it is beyond these.
 */
static inline u64 cmap_time_from_clock(u64 deadline)
{
	return cmap_time_shift(deadline, cmap_time_offset());
}

#endif /* CMAP_TIME_H */
