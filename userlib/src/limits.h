/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of what the process may map its windows take.
 */
#ifndef LIBCMAP_LIMITS_H
#define LIBCMAP_LIMITS_H

#include <stddef.h>

int cmap_limits_take(size_t bytes);
void cmap_limits_give(size_t bytes);
void cmap_limits_give_bytes(size_t bytes);

#endif /* LIBCMAP_LIMITS_H */
