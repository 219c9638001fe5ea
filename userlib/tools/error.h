/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors that end the program.
 */
#ifndef CMAP_TOOL_ERROR_H
#define CMAP_TOOL_ERROR_H

#include <kcmap.h>

#define EXIT_NO_KEY	1	/* the one failure that scripts test for */
#define EXIT_FAILED	2
#define EXIT_TIMEOUT	3
#define EXIT_CEILING	4	/* a sum would be above the ceiling */

/* The current operation and its map, for die(). */
struct doing {
	enum kcmap_operation operation;
	const struct kcmap *map;
};

extern struct doing doing;

void die(const char *what);
void die_opening(const char *what);
void die_printing(void);

#endif /* CMAP_TOOL_ERROR_H */
