// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A process has a limit on mappings (vm.max_map_count) and may have one on
 * address space (RLIMIT_AS).  The windows of all its maps may use a quarter of
 * each; the rest is the program's.  What they use is counted here.
 *
 * All functions may be called in a signal handler: they use no locks, no
 * malloc(), no stdio.
 */
#include "space.h"
#include "internal.h"

#include <fcntl.h>
#include <sys/resource.h>

#define SHARE		4	/* windows may use one part in this many */
#define MAPPINGS_MOST	65530	/* the kernel's default */

/* For all windows of this process.  A child inherits counts and mappings. */
static uint64_t mappings, address_space;

/* vm.max_map_count, read once. */
static uint64_t mappings_most(void)
{
	static uint64_t known;
	uint64_t most = LOAD(&known);
	char digits[24];
	ssize_t len, i;
	int fd;

	if (most)
		return most;
	fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, digits, sizeof(digits));
	for (i = 0; i < len && digits[i] >= '0' && digits[i] <= '9'; i++)
		most = 10 * most + (uint64_t)(digits[i] - '0');
	if (fd >= 0)
		close(fd);
	if (!most)
		most = MAPPINGS_MOST;
	STORE(&known, most);

	return most;
}

static uint64_t address_space_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* Add, if the sum stays within the limit. */
static int add_within(uint64_t *sum, uint64_t add, uint64_t most)
{
	uint64_t old = LOAD(sum);

	do {
		if (add > most || old > most - add)
			return -1;
	} while (!EXCHANGE_IF(sum, &old, old + add));
	return 0;
}

static void subtract_from(uint64_t *sum, uint64_t less)
{
	__atomic_fetch_sub(sum, less, __ATOMIC_RELAXED);
}

/* Call before a mapping of @bytes is made. 0, or -1 with errno set. */
int kcmap_space_reserve(size_t bytes)
{
	if (add_within(&mappings, 1, mappings_most() / SHARE))
		goto none;
	if (add_within(&address_space, bytes, address_space_most() / SHARE)) {
		subtract_from(&mappings, 1);
		goto none;
	}
	return 0;
none:
	errno = ENOMEM;
	return -1;
}

/* The mapping turned out smaller by @bytes than what was reserved. */
void kcmap_space_shrink(size_t bytes)
{
	subtract_from(&address_space, bytes);
}

/* A mapping of @bytes is gone. */
void kcmap_space_release(size_t bytes)
{
	subtract_from(&address_space, bytes);
	subtract_from(&mappings, 1);
}
