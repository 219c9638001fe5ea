/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a history of operations on one key linearizable?
 *
 * The algorithm is that of Wing and Gong ("Testing and verifying concurrent
 * objects", 1993).  It looks for an order of the operations that explains all
 * of their results.  In this order, no operation comes before one that had
 * ended when it began.  Configurations that were tried are remembered, after
 * Lowe ("Testing for linearizability", 2017).  Linearizability is a property of
 * each key, so histories are checked key by key.
 *
 * The history is cut wherever no operation is under way.  All states that are
 * possible at a cut are carried over to the next part.  So memory is needed for
 * the longest part, not for the whole history.
 *
 * Each write but a touch must have a different value, because values identify the
 * writes.
 */
#ifndef CMAP_LINEAR_H
#define CMAP_LINEAR_H

#include "linear_state.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum linear_verdict {
	LINEAR_YES,
	LINEAR_NO,
	LINEAR_TOO_HARD,	/* not enough memory: no verdict */
};

/**
 * struct linear_work - the effort of checking
 * @ops: operations checked
 * @parts: parts, from cut to cut
 * @longest: operations in the longest part
 * @tried: configurations remembered
 */
struct linear_work {
	uint64_t ops;
	uint64_t parts;
	uint64_t longest;
	uint64_t tried;
};

/**
 * linear_check() - look for an order that explains a history
 * @op: the operations on one key; they get sorted
 * @n: the number of operations
 * @states: the possible states before them; set to those after them, if there
 *	is an order.  A state that is all 0 means that the key is absent
 * @out: where to explain what is wrong, or NULL
 * @work: counts to add to, or NULL
 *
 * Return: the verdict.
 */
enum linear_verdict linear_check(struct history_op *op, size_t n,
				 struct linear_states *states, FILE *out,
				 struct linear_work *work);

#endif /* CMAP_LINEAR_H */
