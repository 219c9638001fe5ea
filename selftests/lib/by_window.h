/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs in which all tests get values, and range over maps, through the
 * window.
 */
#ifndef CMAP_TEST_BY_WINDOW_H
#define CMAP_TEST_BY_WINDOW_H

#include "window.h"

__attribute__((constructor)) static void read_by_window(void)
{
	door = window_door;
}

#endif
