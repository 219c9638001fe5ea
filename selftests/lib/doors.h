/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fixture for tests that must pass with every way to read a map.  Each of its
 * tests runs once for each door.
 */
#ifndef CMAP_TEST_DOORS_H
#define CMAP_TEST_DOORS_H

#include "window.h"
#include "kselftest_harness.h"

FIXTURE(read)
{
	struct door door;
};

FIXTURE_VARIANT(read)
{
	bool window;
};

FIXTURE_VARIANT_ADD(read, by_call)
{
};

FIXTURE_VARIANT_ADD(read, by_window)
{
	.window = true,
};

FIXTURE_SETUP(read)
{
	self->door = door;
	if (variant->window)
		door = window_door;
}

FIXTURE_TEARDOWN(read)
{
	door = self->door;
}

#endif
