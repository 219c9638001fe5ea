/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions that the linker puts in place of the library's calls (--wrap).
 */
#ifndef LIBKCMAP_TESTS_WRAP_H
#define LIBKCMAP_TESTS_WRAP_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

int __wrap_ioctl(int from, unsigned long command, ...);

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);
void *__real_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);

int __wrap_getrlimit(int which, struct rlimit *limit);
int __real_getrlimit(int which, struct rlimit *limit);

#endif /* LIBKCMAP_TESTS_WRAP_H */
