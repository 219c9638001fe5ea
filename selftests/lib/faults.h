/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the kernel's fault injection, if the kernel has it.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "cmap_test.h"

/* Returns 0, or -errno: -ENOENT if there is no such setting. */
static inline int set_fault(const char *what, const char *setting,
			    const char *value)
{
	char file[128];

	snprintf(file, sizeof(file), "/sys/kernel/debug/%s/%s", what, setting);
	return write_text(file, value);
}

/*
 * By default, fault injection spares allocations that may sleep and single
 * pages, and logs each failure.  Change all three.
 */
static inline void spare_no_allocation(void)
{
	static const struct { const char *what, *setting, *value; } set[] = {
		{ "failslab", "ignore-gfp-wait", "N" },
		{ "failslab", "verbose", "0" },
		{ "fail_page_alloc", "ignore-gfp-wait", "N" },
		{ "fail_page_alloc", "min-order", "0" },
		{ "fail_page_alloc", "verbose", "0" },
		{ "fail_usercopy", "verbose", "0" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(set) / sizeof(*set); i++) {
		int err = set_fault(set[i].what, set[i].setting, set[i].value);

		if (err && err != -ENOENT)
			printf("# %s/%s: %s\n", set[i].what, set[i].setting,
			       strerror(-err));
	}
}

#endif /* FAULTS_H */
