// SPDX-License-Identifier: GPL-2.0-or-later
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/cmap.h>

struct doing doing;

void die(const char *what)
{
	int err = errno, status = err == ENOENT ? EXIT_NO_KEY :
				  err == ERANGE ? EXIT_CEILING : EXIT_FAILED;
	char why[KCMAP_STRERROR_MAX];

	/*
	 * Without the device the kernel cannot be asked.  Without udev, its
	 * node may be left over from a module that was unloaded.
	 */
	if (access("/sys/module/cmap", F_OK) &&
	    (err == ENXIO || err == ENODEV || access(CMAP_DEVICE, F_OK))) {
		fprintf(stderr, "cmap: %s: module not loaded: try modprobe cmap\n",
			CMAP_DEVICE);
		exit(EXIT_FAILED);
	}
	if (err == ENOENT && access(CMAP_DEVICE, F_OK)) {
		what = CMAP_DEVICE;
		status = EXIT_FAILED;
	}
	/* Make an empty key visible. */
	fprintf(stderr, "cmap: %s: %s\n", *what ? what : "''",
		kcmap_strerror(err, doing.operation, doing.map, why,
			       sizeof(why)));
	exit(status);
}

void die_opening(const char *what)
{
	doing.operation = KCMAP_OP_OPEN;
	die(what);
}

/* An error of printing has nothing to do with maps. */
void die_printing(void)
{
	fprintf(stderr, "cmap: output: %s\n", strerror(errno));
	exit(EXIT_FAILED);
}
