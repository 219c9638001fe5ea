// SPDX-License-Identifier: GPL-2.0
#include "kcov.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#define WORDS (1UL << 17)

void fuzz_kcov_open(struct fuzz_kcov *kcov)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	kcov->fd = -1;
	if (fd < 0)
		return;
	if (!ioctl(fd, KCOV_INIT_TRACE, WORDS)) {
		kcov->words = mmap(NULL, WORDS * sizeof(uint64_t),
				   PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (kcov->words != MAP_FAILED &&
		    !ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
			kcov->fd = fd;
	}
	if (kcov->fd < 0)
		close(fd);
}

void fuzz_kcov_begin(struct fuzz_kcov *kcov)
{
	if (kcov->fd >= 0)
		__atomic_store_n(kcov->words, 0, __ATOMIC_RELAXED);
}

const uint64_t *fuzz_kcov_end(struct fuzz_kcov *kcov, size_t *n)
{
	*n = 0;
	if (kcov->fd < 0)
		return NULL;
	*n = __atomic_load_n(kcov->words, __ATOMIC_RELAXED);
	return kcov->words + 1;
}
