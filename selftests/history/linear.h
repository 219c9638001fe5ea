/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a history of operations on one key linearizable?
 *
 * After Wing and Gong ("Testing and verifying concurrent objects", 1993): look
 * for an order of the operations that agrees with time, that is in which none
 * comes before another one that had ended when it began, and that explains
 * what each of them returned.  With Lowe's memory of the configurations tried
 * ("Testing for linearizability", 2017).  As linearizability is a property of
 * each key alone, histories are checked key by key.
 *
 * Wherever no operation is under way the history is cut, and all states that
 * the part before can have led to are carried over the cut; so memory is
 * needed for the longest part, not for the whole.
 *
 * Each write must write a value of its own: values tell who wrote them.
 */
#ifndef CMAP_LINEAR_H
#define CMAP_LINEAR_H

#include "../../kmod/tests/cmap_history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct linear_state - what a key can be at some moment
 * @value: its value; 0: it is absent
 * @version: its entry's version; 0: not known
 * @last: the greatest version known of the key: later ones are greater
 */
struct linear_state {
	__u64 value;
	__u64 version;
	__u64 last;
};

#define LINEAR_STATES	64

/**
 * struct linear_states - all that a key can be
 * @count: how many there are
 * @state: these
 */
struct linear_states {
	unsigned int count;
	struct linear_state state[LINEAR_STATES];
};

enum linear_verdict {
	LINEAR_YES,
	LINEAR_NO,
	LINEAR_TOO_HARD,	/* beyond what memory there is: no verdict */
};

/**
 * struct linear_work - what checking took
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
 * @n: how many
 * @states: what the key can be before them; set to what it can be after, if
 *	there is an order.  The key is absent in the one state that is all 0
 * @out: where to explain what is wrong, or NULL
 * @work: added to; may be NULL
 *
 * Return: the verdict.
 */
enum linear_verdict linear_check(struct history_op *op, size_t n,
				 struct linear_states *states, FILE *out,
				 struct linear_work *work);

#endif /* CMAP_LINEAR_H */
