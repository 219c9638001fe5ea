/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks writes that a map refused for its limit on entries: may the map have
 * been full each time?
 *
 * This concerns all keys together.  For each key, the history tells when it was
 * certainly absent: after an operation that shows so, until the next write
 * begins that can have inserted it, if no such write overlaps the operation.
 * At all other times the key may have been present.  A refusal was wrong if at
 * each moment of the write fewer other keys than the limit may have been
 * present.
 */
#ifndef CMAP_LINEAR_FULL_H
#define CMAP_LINEAR_FULL_H

#include "../../kmod/tests/cmap_history.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct linear_full - the result
 * @refused: writes that were refused
 * @tight: refusals for which just as many other keys as the limit may have
 *	been present, and no more
 * @wrong: refusals for which fewer may have been present
 */
struct linear_full {
	uint64_t refused;
	uint64_t tight;
	uint64_t wrong;
};

/**
 * linear_full_check() - check the refusals of a map with no other entries
 * @op: the operations on all keys; they get sorted
 * @n: the number of operations
 * @keys: the number of keys
 * @limit: the map's limit on entries
 * @out: where to explain what is wrong, or NULL
 * @full: counts to add to
 */
void linear_full_check(struct history_op *op, size_t n, unsigned int keys,
		       unsigned int limit, FILE *out, struct linear_full *full);

#endif /* CMAP_LINEAR_FULL_H */
