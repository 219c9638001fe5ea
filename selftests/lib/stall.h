/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory in which a copy stops: its last page is missing until stall_end()
 * provides it (userfaultfd).
 */
#ifndef CMAP_STALL_H
#define CMAP_STALL_H

#include "cmap_test.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#define STALL_PAGE 4096UL

struct stall {
	int uffd;
	char *mem;
	size_t size;
};

/* The address of the missing page. */
static inline char *stall_page(const struct stall *s)
{
	return s->mem + s->size - STALL_PAGE;
}

/* @size bytes of memory.  Returns false if userfaultfd cannot be used. */
static inline bool stall_new(struct stall *s, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	s->size = size;
	s->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	if (s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api))
		return false;
	memset(s->mem, 's', size - STALL_PAGE);
	reg.range.start = u64_of(stall_page(s));
	reg.range.len = STALL_PAGE;
	return !ioctl(s->uffd, UFFDIO_REGISTER, &reg);
}

/* Let the copy continue. */
static inline void stall_end(const struct stall *s)
{
	struct uffdio_zeropage zero = {
		.range = { u64_of(stall_page(s)), STALL_PAGE },
	};

	ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero);
}

static inline void stall_free(const struct stall *s)
{
	munmap(s->mem, s->size);
	close(s->uffd);
}

#endif /* CMAP_STALL_H */
