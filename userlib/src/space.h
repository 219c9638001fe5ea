/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of what the process may map its windows take.
 */
#ifndef LIBKCMAP_SPACE_H
#define LIBKCMAP_SPACE_H

#include <stddef.h>

int kcmap_space_reserve(size_t bytes);
void kcmap_space_release(size_t bytes);
void kcmap_space_shrink(size_t bytes);

#endif /* LIBKCMAP_SPACE_H */
