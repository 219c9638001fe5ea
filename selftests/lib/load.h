/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading and unloading modules: from /ko in a guest, or from the directory in
 * CMAP_MODULES.
 */
#ifndef CMAP_LOAD_H
#define CMAP_LOAD_H

#include "cmap_test.h"

#include <sys/syscall.h>

static inline int load_with(const char *name, const char *parameters)
{
	static const char * const below[] = { "", "sample/", "tests/" };
	const char *dir = getenv("CMAP_MODULES");
	char path[256];
	int fd = -1, err;
	unsigned int i;

	for (i = 0; fd < 0 && i < sizeof(below) / sizeof(*below); i++) {
		snprintf(path, sizeof(path), "%s/%s%s.ko", dir ? dir : "/ko",
			 below[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return err;
}

static inline int load(const char *name)
{
	return load_with(name, "");
}

static inline int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

#endif /* CMAP_LOAD_H */
