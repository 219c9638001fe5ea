/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of the process's mappings and address space its windows use.
 */
#ifndef LIBKCMAP_SPACE_H
#define LIBKCMAP_SPACE_H

#include <stddef.h>

int kcmap_space_reserve(size_t bytes);
void kcmap_space_release(size_t bytes);
void kcmap_space_shrink(size_t bytes);

#endif /* LIBKCMAP_SPACE_H */
