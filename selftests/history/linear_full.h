/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Was each write that a map refused for its limit on entries refused while the
 * map can have been full?
 *
 * That is no property of one key.  For each key the history tells when it was
 * certainly away: after something that shows so, until the next write begins
 * that can have made it, if none such overlaps what shows it.  At any other time
 * it may have been there.  If, at each moment of a refused write, fewer of the
 * other keys than the limit may have been there, the refusal was wrong.
 */
#ifndef CMAP_LINEAR_FULL_H
#define CMAP_LINEAR_FULL_H

#include "../../kmod/tests/cmap_history.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct linear_full - what came of it
 * @refused: writes refused
 * @tight: of these, what as many other keys as the limit, and no more, excuse
 * @wrong: what nothing excuses
 */
struct linear_full {
	uint64_t refused;
	uint64_t tight;
	uint64_t wrong;
};

/**
 * linear_full_check() - check the refusals of a map with no other entries
 * @op: the operations on all keys; they get sorted
 * @n: how many
 * @keys: how many keys there are
 * @limit: most entries
 * @out: where to explain what is wrong, or NULL
 * @full: added to
 */
void linear_full_check(struct history_op *op, size_t n, unsigned int keys,
		       unsigned int limit, FILE *out, struct linear_full *full);

#endif /* CMAP_LINEAR_FULL_H */
