/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The effect of each operation on a key, one at a time.  This is the
 * specification against which histories are checked.
 */
#ifndef CMAP_LINEAR_MODEL_H
#define CMAP_LINEAR_MODEL_H

#include "linear_state.h"

#include <stdbool.h>
#include <stdio.h>

enum linear_step {
	LINEAR_CANNOT,		/* it would have returned another result */
	LINEAR_SAME,		/* possible, and the state is the same */
	LINEAR_CHANGED,		/* possible, and the state has changed */
};

/**
 * linear_apply() - carry out an operation
 * @op: the operation
 * @state: the key's state; what the operation reveals of the version is stored
 *	there even if nothing else changes
 * @expire: the entry expires before.  That is possible once its deadline is over
 *	by the machine's clock.  It must have happened when the map's clock had
 *	published that before the call
 *
 * Return: whether the result was possible, and whether the state changed.
 */
enum linear_step linear_apply(const struct history_op *op,
			      struct linear_state *state, bool expire);

/* Print an operation, on one line. */
void linear_print(FILE *out, const struct history_op *op);

#endif /* CMAP_LINEAR_MODEL_H */
