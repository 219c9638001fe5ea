/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each operation does to a key, one at a time: the specification that
 * histories are held against.
 */
#ifndef CMAP_LINEAR_MODEL_H
#define CMAP_LINEAR_MODEL_H

#include "linear.h"

enum linear_step {
	LINEAR_CANNOT,		/* it would have returned something else */
	LINEAR_SAME,		/* so it can be, and nothing changed */
	LINEAR_CHANGED,		/* so it can be, and the state is another */
};

/**
 * linear_apply() - carry out an operation
 * @op: the operation
 * @state: what the key is; what is learned of its version is noted even when
 *	nothing changes
 *
 * Return: how it went.
 */
enum linear_step linear_apply(const struct history_op *op,
			      struct linear_state *state);

/* Print an operation, in a line. */
void linear_print(FILE *out, const struct history_op *op);

#endif /* CMAP_LINEAR_MODEL_H */
