/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Make a good history bad, by falsifying one result of many as a map with one
 * fault would.
 */
#ifndef CMAP_FALSIFY_H
#define CMAP_FALSIFY_H

#include "cmap_test.h"
#include "../../kmod/tests/cmap_history.h"

enum falsehood {
	OTHER_VALUE,		/* read the value of another time */
	OTHER_WRITTEN,		/* wrote another value than was read */
	OTHER_VERSION,		/* returned the version of another write */
	FOUND_NOTHING,		/* did not find what was there */
	CAME_LATE,		/* found what was over before the call */
	FALSEHOODS
};

static inline bool falsify_one(struct history_op *x, const struct history_op *y,
			       enum falsehood falsehood)
{
	if (x->pending || y->pending || x->err || y->err)
		return false;

	switch (falsehood) {
	case OTHER_VALUE:
		if (!x->out || !y->out || x->out == y->out)
			return false;
		x->out = y->out;
		return true;
	case OTHER_WRITTEN:
		if (!history_writes_value(x->kind) || !y->out ||
		    y->out != x->in)
			return false;
		x->in++;
		return true;
	case OTHER_VERSION:
		if (!x->version || !y->version || x->version == y->version)
			return false;
		x->version = y->version;
		return true;
	case FOUND_NOTHING:
		if (x->kind != HISTORY_GET)
			return false;
		x->out = 0;
		x->err = -ENOENT;
		x->version = 0;
		return true;
	case CAME_LATE:
		if (x->told < 2)
			return false;
		x->word = x->told - 1;
		return true;
	default:
		return false;
	}
}

/* Returns false if no operation could be falsified like that. */
static inline bool falsify(struct history_op *op, uint64_t n,
			   enum falsehood falsehood, uint64_t *seed)
{
	uint64_t tries, r;

	for (tries = 0; tries < 1000 * n; tries++) {
		r = random_next(seed) >> 8;
		if (falsify_one(&op[r % n], &op[(r >> 24) % n], falsehood))
			return true;
	}
	return false;
}

#endif /* CMAP_FALSIFY_H */
