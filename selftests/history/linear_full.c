// SPDX-License-Identifier: GPL-2.0
#include "linear_full.h"
#include "linear_model.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* The key is absent after @from and before @to. */
struct away {
	uint64_t from;
	uint64_t to;
};

/* The times when a key is absent, sorted and disjoint. */
struct aways {
	struct away *away;
	size_t count;
};

static int by_key_and_begin(const void *a, const void *b)
{
	const struct history_op *x = a, *y = b;

	if (x->key != y->key)
		return (int)x->key - (int)y->key;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (int)x->place - (int)y->place;
}

/* Whether the operation may have inserted the entry. */
static bool may_insert(const struct history_op *op)
{
	if (!op->begin || (op->err && !op->pending))
		return false;
	switch (op->kind) {
	case HISTORY_SET:
	case HISTORY_INSERT:
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
	case HISTORY_ADD:
		return true;
	}
	return false;
}

/* Whether the operation shows that the key was absent at some moment. */
static bool shows_away(const struct history_op *op)
{
	if (!op->begin || op->pending)
		return false;
	if (op->err)
		return op->err == -ENOENT;
	switch (op->kind) {
	case HISTORY_DELETE:
	case HISTORY_DELETE_VERSION:
	case HISTORY_COMPARE_DELETE:
	case HISTORY_TAKE:
	case HISTORY_CLEAR:
		return true;
	}
	return false;
}

/* Finds the times from all operations on one key, sorted by begin. */
static void find_aways(const struct history_op *op, size_t n,
		       struct aways *aways)
{
	uint64_t inserting = 0, *next = calloc(n + 1, sizeof(*next));
	size_t i;

	aways->away = calloc(n + 1, sizeof(*aways->away));
	if (!next || !aways->away)
		abort();
	next[n] = UINT64_MAX;
	for (i = n; i--;)
		next[i] = may_insert(&op[i]) ? op[i].begin : next[i + 1];

	for (i = 0; i < n; i++) {
		struct away *last = aways->away + aways->count;

		if (may_insert(&op[i]) && op[i].end > inserting)
			inserting = op[i].end;
		if (!shows_away(&op[i]) || inserting >= op[i].begin ||
		    next[i] <= op[i].end)
			continue;
		if (aways->count && last[-1].to == next[i]) {
			if (op[i].end < last[-1].from)
				last[-1].from = op[i].end;
			continue;
		}
		*last = (struct away){ .from = op[i].end, .to = next[i] };
		aways->count++;
	}
	free(next);
}

/* The index of the first time that ends after a moment; @n if there is none. */
static size_t away_after(const struct aways *aways, uint64_t when)
{
	size_t low = 0, high = aways->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (aways->away[mid].to > when)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* How many keys other than this one may be present at a moment. */
static unsigned int may_be_there(const struct aways *aways, unsigned int keys,
				 unsigned int but, uint64_t when)
{
	unsigned int key, there = 0;

	for (key = 0; key < keys; key++) {
		size_t i = away_after(&aways[key], when);

		if (key != but && (i == aways[key].count ||
				   aways[key].away[i].from > when))
			there++;
	}
	return there;
}

/*
 * The most other keys that may have been present at a moment of an operation.
 */
static unsigned int most_there(const struct aways *aways, unsigned int keys,
			       const struct history_op *op)
{
	unsigned int most = may_be_there(aways, keys, op->key, op->begin);
	unsigned int key, there;

	/* That number only rises when a key's absence ends. */
	for (key = 0; key < keys; key++) {
		const struct away *away = aways[key].away;
		size_t i = away_after(&aways[key], op->begin);

		for (; i < aways[key].count && away[i].to <= op->end; i++) {
			there = may_be_there(aways, keys, op->key, away[i].to);
			if (there > most)
				most = there;
		}
	}
	return most;
}

void linear_full_check(struct history_op *op, size_t n, unsigned int keys,
		       unsigned int limit, FILE *out, struct linear_full *full)
{
	struct aways aways[HISTORY_KEYS] = {};
	size_t from, to;
	unsigned int key, most;

	qsort(op, n, sizeof(*op), by_key_and_begin);
	for (from = 0; from < n; from = to) {
		for (to = from; to < n && op[to].key == op[from].key; to++)
			;
		find_aways(op + from, to - from, &aways[op[from].key]);
	}

	for (from = 0; from < n; from++) {
		if (!op[from].begin || op[from].pending ||
		    op[from].err != -ENOSPC)
			continue;
		most = most_there(aways, keys, &op[from]);
		full->refused++;
		full->tight += most == limit;
		full->wrong += most < limit;
		if (most >= limit || !out)
			continue;
		fprintf(out, "# key %u: refused with at most %u others of %u there:\n",
			op[from].key, most, limit);
		linear_print(out, &op[from]);
	}
	for (key = 0; key < HISTORY_KEYS; key++)
		free(aways[key].away);
}
