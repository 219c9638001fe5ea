/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lockdep has seen of the module's locks, in kernels that have it.
 */
#ifndef CMAP_LOCKDEP_H
#define CMAP_LOCKDEP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline bool lockdep_is_on(void)
{
	return !access("/proc/lockdep", R_OK);
}

/*
 * True if a lock of class @inner was taken while one of class @outer was held.
 * Without @inner, true if one of class @outer was taken at all.
 */
static inline bool lockdep_saw(const char *outer, const char *inner)
{
	FILE *file = fopen("/proc/lockdep", "r");
	bool inside = false, saw = false;
	char line[512], *name;

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		name = strrchr(line, ' ');
		if (!name)
			continue;
		name++;
		/* A class's line ends with its name.  Those inside it follow. */
		if (!strncmp(line, " -> ", 4)) {
			saw |= inside && inner && !strcmp(name, inner);
			continue;
		}
		inside = !strcmp(name, outer);
		saw |= inside && !inner;
	}
	if (file)
		fclose(file);
	return saw;
}

#endif /* CMAP_LOCKDEP_H */
