/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of a map's window, for machines on which the module cannot be loaded.
 * The same library reads the same layout, next to peers that only run there.
 */
#ifndef BENCH_COPY_H
#define BENCH_COPY_H

#include <kcmap.h>

int copy_save(struct kcmap *map, const char *path);
struct kcmap *copy_open(const char *path);

/* The linker redirects ioctl(): --wrap=ioctl. */
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

#endif /* BENCH_COPY_H */
