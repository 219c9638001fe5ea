/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of what the process may map its windows take.
 */
#ifndef LIBKCMAP_LIMITS_H
#define LIBKCMAP_LIMITS_H

#include <stddef.h>

int kcmap_limits_take(size_t bytes);
void kcmap_limits_give(size_t bytes);
void kcmap_limits_give_bytes(size_t bytes);

#endif /* LIBKCMAP_LIMITS_H */
