/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors that end the program.
 */
#ifndef CMAP_TOOL_ERROR_H
#define CMAP_TOOL_ERROR_H

#include <kcmap.h>

#define EXIT_NO_KEY	1
#define EXIT_FAILED	2
#define EXIT_TIMEOUT	3
#define EXIT_CONDITION	4	/* a condition did not hold, so nothing was written */
#define EXIT_NO_MAP	5

/* The current operation and its map, for die(). */
struct doing {
	enum kcmap_operation operation;
	const struct kcmap *map;
};

extern struct doing doing;

void error_init(void);
int status_of(int error, enum kcmap_operation operation);
void warn_of(const char *what, int error);
void warn_of_file(const char *file);
_Noreturn void die(const char *what);
_Noreturn void die_opening(const char *what);
_Noreturn void die_printing(void);
_Noreturn void die_of_usage(const char *what, const char *why);
_Noreturn void die_because(const char *what, const char *why);
_Noreturn void die_of_file(const char *file);

#endif /* CMAP_TOOL_ERROR_H */
