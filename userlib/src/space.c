// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A process has a limit on mappings (vm.max_map_count) and may have one on
 * address space (RLIMIT_AS).  What the windows of all its maps take of either
 * is counted here, and is at most a quarter: the rest is the program's.
 *
 * All of this may be called in a signal handler: no locks, no malloc(), no
 * stdio.
 */
#include "space.h"
#include "internal.h"

#include <fcntl.h>
#include <sys/resource.h>

#define SHARE		4	/* one part in so many */
#define MAPPINGS_MOST	65530	/* the kernel's default */

/* Of all windows of this process.  A child inherits both with the mappings. */
static uint64_t mappings, address_space;

/* vm.max_map_count as it was when first asked for. */
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

/* Add if the sum stays within the limit. */
static int take(uint64_t *sum, uint64_t add, uint64_t most)
{
	uint64_t old = LOAD(sum);

	do {
		if (add > most || old > most - add)
			return -1;
	} while (!EXCHANGE_IF(sum, &old, old + add));
	return 0;
}

static void give(uint64_t *sum, uint64_t less)
{
	__atomic_fetch_sub(sum, less, __ATOMIC_RELAXED);
}

/* Before a mapping of so many bytes is made.  0, or -1 with errno set. */
int kcmap_space_reserve(size_t bytes)
{
	if (take(&mappings, 1, mappings_most() / SHARE))
		goto none;
	if (take(&address_space, bytes, address_space_most() / SHARE)) {
		give(&mappings, 1);
		goto none;
	}
	return 0;
none:
	errno = ENOMEM;
	return -1;
}

/* It has become so much smaller. */
void kcmap_space_shrink(size_t bytes)
{
	give(&address_space, bytes);
}

/* It is no more. */
void kcmap_space_release(size_t bytes)
{
	give(&address_space, bytes);
	give(&mappings, 1);
}
