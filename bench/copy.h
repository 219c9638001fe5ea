/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of a map's window, to be read where the module cannot be loaded: the
 * same library reads the same layout, beside peers that only run there.
 */
#ifndef BENCH_COPY_H
#define BENCH_COPY_H

#include <kcmap.h>

int copy_save(struct kcmap *map, const char *path);
struct kcmap *copy_open(const char *path);

/* Of the linker: --wrap=ioctl. */
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

#endif /* BENCH_COPY_H */
