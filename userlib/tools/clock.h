/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time that passes while a command runs.
 */
#ifndef CMAP_TOOL_CLOCK_H
#define CMAP_TOOL_CLOCK_H

#include <stdint.h>

uint64_t clock_now(void);
void clock_sleep(uint64_t time);

#endif /* CMAP_TOOL_CLOCK_H */
