// SPDX-License-Identifier: GPL-2.0
#include "linear.h"
#include "linear_model.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TRIED_MAX	(1U << 22)	/* configurations in one part */
#define NONE		UINT32_MAX

/*
 * A configuration that was tried: the set of operations done, and the resulting
 * state.  Both are stored as the sum of two random numbers for each.
 */
struct tried {
	uint64_t a;
	uint64_t b;
	uint64_t part;		/* the part in which it was tried */
};

/* A choice that can be undone. */
struct choice {
	uint32_t option;	/* of the options at that point */
	uint32_t done;		/* number of operations done before it */
	struct linear_state state;
};

/**
 * struct search - the search for an order of one part
 * @op: the part's operations, sorted by begin; elements of a batch by place
 * @n: the number of operations
 * @next: a list of those not done yet, in that order; its head is [n]
 * @prev: the same list backwards
 * @order: the operations done, in the order found so far
 * @done: their number
 * @best: the highest number that was ever done
 * @stop: if not 0: stop when this many are done
 * @state: the state after the operations done
 * @sum: the sum of the random numbers of the operations done
 * @choice: the choices made so far
 * @choices: their number
 * @tried: hash table of the configurations tried
 * @tried_size: its size, a power of two
 * @tried_count: configurations of this part in the table
 * @part: the part's number
 * @touches: it has touches, so one value can have several versions
 * @too_hard: the memory did not suffice
 */
struct search {
	struct history_op *op;
	uint32_t n;
	uint32_t *next;
	uint32_t *prev;
	uint32_t *order;
	uint32_t done;
	uint32_t best;
	uint32_t stop;
	struct linear_state state;
	uint64_t sum[2];
	struct choice *choice;
	uint32_t choices;
	struct tried *tried;
	uint32_t tried_size;
	uint32_t tried_count;
	uint64_t part;
	bool touches;
	bool too_hard;
};

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* ---- configurations that were tried ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t number_of(uint32_t i, unsigned int which)
{
	return mix((2ULL * i + which + 1) * 0x9e3779b97f4a7c15ULL);
}

static uint64_t number_of_state(const struct linear_state *state,
				unsigned int which)
{
	uint64_t x = mix(state->value + which * 0x9e3779b97f4a7c15ULL + 1);

	x = mix(x + state->version);
	x = mix(x + state->deadline);
	x = mix(x + state->time);
	return mix(x + state->last);
}

static void tried_grow(struct search *s)
{
	struct tried *old = s->tried;
	uint32_t size = s->tried_size, i, at;

	s->tried_size = 2 * size;
	s->tried = allocate(s->tried_size, sizeof(*s->tried));
	for (i = 0; i < size; i++) {
		if (old[i].part != s->part)
			continue;
		at = old[i].a & (s->tried_size - 1);
		while (s->tried[at].part == s->part)
			at = (at + 1) & (s->tried_size - 1);
		s->tried[at] = old[i];
	}
	free(old);
}

/* Returns true if the search reaches this configuration for the first time. */
static bool is_new(struct search *s)
{
	struct tried here = {
		.a = s->sum[0] + number_of_state(&s->state, 0),
		.b = s->sum[1] + number_of_state(&s->state, 1),
		.part = s->part,
	};
	uint32_t at = here.a & (s->tried_size - 1);

	while (s->tried[at].part == s->part) {
		if (s->tried[at].a == here.a && s->tried[at].b == here.b)
			return false;
		at = (at + 1) & (s->tried_size - 1);
	}
	s->tried[at] = here;
	if (++s->tried_count == TRIED_MAX)
		s->too_hard = true;
	else if (s->tried_count * 2 > s->tried_size)
		tried_grow(s);
	return true;
}

/* ---- doing and undoing operations ---- */

static void put_done(struct search *s, uint32_t i)
{
	s->next[s->prev[i]] = s->next[i];
	s->prev[s->next[i]] = s->prev[i];
	s->order[s->done++] = i;
	s->sum[0] += number_of(i, 0);
	s->sum[1] += number_of(i, 1);
}

/* In reverse order, so that each operation finds its old neighbours. */
static void undo_to(struct search *s, uint32_t done)
{
	while (s->done > done) {
		uint32_t i = s->order[--s->done];

		s->next[s->prev[i]] = i;
		s->prev[s->next[i]] = i;
		s->sum[0] -= number_of(i, 0);
		s->sum[1] -= number_of(i, 1);
	}
}

/* Its predecessor in the batch, if there is one, must be done. */
static bool is_ready(const struct search *s, uint32_t i)
{
	const struct history_op *op = &s->op[i], *before = op - 1;

	if (!op->place || !i || !before->place || before->begin != op->begin)
		return true;
	return s->prev[i] != i - 1;
}

static bool same_state(const struct linear_state *a,
		       const struct linear_state *b)
{
	return a->value == b->value && a->version == b->version &&
	       a->last == b->last && a->deadline == b->deadline &&
	       a->time == b->time;
}

/*
 * An operation that changes nothing can come first wherever it is possible:
 * whatever follows in another order can follow here, too.  That does not hold
 * if it tells a version without telling which entry had it.
 */
static bool is_free(const struct search *s, const struct history_op *op,
		    enum linear_step step, const struct linear_state *after)
{
	if (step != LINEAR_SAME || op->pending || op->kind == HISTORY_CLEAR)
		return false;
	return same_state(&s->state, after) ||
	       (!op->err && !s->touches &&
		(op->kind == HISTORY_GET || op->kind == HISTORY_GET_OR_SET));
}

/* Do all operations that need no choice. */
static void do_free_ones(struct search *s)
{
	bool again = true;

	while (again) {
		uint64_t end = UINT64_MAX;
		uint32_t i;

		again = false;
		for (i = s->next[s->n]; i != s->n && s->op[i].begin <= end;
		     i = s->next[i]) {
			struct linear_state after = s->state;
			enum linear_step step = LINEAR_CANNOT;

			if (is_ready(s, i))
				step = linear_apply(&s->op[i], &after, false);
			if (is_free(s, &s->op[i], step, &after)) {
				s->state = after;
				put_done(s, i);
				again = true;
			} else if (s->op[i].end < end) {
				end = s->op[i].end;
			}
		}
	}
	if (s->done > s->best)
		s->best = s->done;
}

/* ---- choosing ---- */

/* The version that an operation must have made, or 0 if unknown. */
static uint64_t version_made(const struct history_op *op)
{
	if (op->err || op->pending || op->kind < HISTORY_SET)
		return 0;
	if (op->kind == HISTORY_GET_OR_SET && op->out)
		return 0;
	return op->version;
}

/* The candidates for the next operation: those that begin before @end. */
struct front {
	uint64_t end;		/* the earliest end of all that are not done */
	uint64_t version;	/* the lowest version that one of them made */
	uint32_t first;		/* the operation with the earliest end */
};

static struct front front_of(const struct search *s)
{
	struct front front = { UINT64_MAX, UINT64_MAX, NONE };
	uint32_t i;

	for (i = s->next[s->n]; i != s->n && s->op[i].begin <= front.end;
	     i = s->next[i]) {
		uint64_t version = version_made(&s->op[i]);

		if (version && version < front.version)
			front.version = version;
		if (s->op[i].end < front.end) {
			front.end = s->op[i].end;
			front.first = i;
		}
	}

	return front;
}

/*
 * Whether an operation can be next, and the state that results.  @expire: the entry
 * expires before.
 */
static bool can_be_next(const struct search *s, const struct front *front,
			uint32_t i, bool expire, struct linear_state *after)
{
	const struct history_op *op = &s->op[i];
	enum linear_step step;

	/* Versions only increase. */
	if (version_made(op) > front->version || !is_ready(s, i))
		return false;
	*after = s->state;
	step = linear_apply(op, after, expire);
	if (step == LINEAR_CANNOT)
		return false;
	return step == LINEAR_CHANGED || op->kind == HISTORY_CLEAR ||
	       !same_state(&s->state, after);
}

/*
 * Whether an operation may have had no effect at all.  That matters only if it
 * delays what began after its end, or what follows it in its batch.
 */
static bool can_be_left_out(const struct search *s, const struct front *front,
			    uint32_t i)
{
	const struct history_op *op = &s->op[i];

	return op->pending && is_ready(s, i) &&
	       (i == front->first || op->place);
}

/*
 * Take one of the options: first each operation that can be next, last that a
 * pending operation had no effect.  Returns false if there are no more.
 */
static bool take(struct search *s, uint32_t option)
{
	struct front front = front_of(s);
	struct linear_state after;
	unsigned int expire;
	uint32_t i;

	for (i = s->next[s->n]; i != s->n && s->op[i].begin <= front.end;
	     i = s->next[i]) {
		for (expire = 0; expire < 2; expire++) {
			if (!can_be_next(s, &front, i, expire, &after) ||
			    option--)
				continue;
			s->state = after;
			put_done(s, i);
			return true;
		}
	}
	for (i = s->next[s->n]; i != s->n && s->op[i].begin <= front.end;
	     i = s->next[i]) {
		if (!can_be_left_out(s, &front, i) || option--)
			continue;
		put_done(s, i);
		return true;
	}

	return false;
}

static bool choose(struct search *s, uint32_t option)
{
	struct choice here = { option, s->done, s->state };

	if (!take(s, option))
		return false;
	s->choice[s->choices++] = here;
	return true;
}

/* Undo the last choice that has another option, and take that. */
static bool choose_other(struct search *s)
{
	while (s->choices) {
		struct choice last = s->choice[--s->choices];

		undo_to(s, last.done);
		s->state = last.state;
		if (choose(s, last.option + 1))
			return true;
	}

	return false;
}

/* ---- searching one part ---- */

static bool add_state(struct linear_states *states,
		      const struct linear_state *state)
{
	unsigned int i;

	for (i = 0; i < states->count; i++)
		if (same_state(&states->state[i], state))
			return true;
	if (i == LINEAR_STATES)
		return false;
	states->state[states->count++] = *state;
	return true;
}

/* All operations of later parts end later, so they cannot be too early. */
static bool add_end(struct linear_states *ends, struct linear_state state)
{
	state.time = 0;
	return add_state(ends, &state);
}

/*
 * Search all orders that are possible from one state, and add the states at the
 * end to @ends.  Returns early, with everything as it is, at s->stop.
 */
static void search_from(struct search *s, const struct linear_state *state,
			struct linear_states *ends)
{
	bool on;

	s->state = *state;
	s->choices = 0;
	do {
		do_free_ones(s);
		if (s->stop && s->done == s->stop)
			return;
		on = is_new(s);
		if (on && s->done == s->n) {
			s->too_hard |= !add_end(ends, s->state);
			on = false;
		}
	} while (!s->too_hard && ((on && choose(s, 0)) || choose_other(s)));
	undo_to(s, 0);
}

static void begin_part(struct search *s)
{
	uint32_t i;

	s->touches = false;
	for (i = 0; i <= s->n; i++) {
		s->next[i] = i == s->n ? 0 : i + 1;
		s->prev[i] = i ? i - 1 : s->n;
		if (i < s->n && s->op[i].kind == HISTORY_TOUCH)
			s->touches = true;
	}
	s->done = 0;
	s->best = 0;
	s->stop = 0;
	s->sum[0] = 0;
	s->sum[1] = 0;
	s->tried_count = 0;
	s->part++;
}

/* ---- explaining a failure ---- */

#define SHOWN_DONE	12
#define SHOWN_NEXT	40

static void print_state(FILE *out, const struct linear_state *state)
{
	fprintf(out, "#   (");
	if (state->value)
		fprintf(out, "value %llx, ", state->value);
	else
		fprintf(out, "absent, ");
	if (state->version)
		fprintf(out, "version %llu, ", state->version);
	if (state->deadline)
		fprintf(out, "until %llu, ", state->deadline);
	fprintf(out, "versions up to %llu)\n", state->last);
}

/* The search is at the point where it got furthest. */
static void print_search(const struct search *s, FILE *out)
{
	struct front front = front_of(s);
	uint32_t i, shown = 0;

	fprintf(out, "# after %u of %u operations, in this order:\n", s->done,
		s->n);
	for (i = s->done > SHOWN_DONE ? s->done - SHOWN_DONE : 0; i < s->done;
	     i++)
		linear_print(out, &s->op[s->order[i]]);
	print_state(out, &s->state);
	fprintf(out, "# one of these must come next, and none can:\n");
	for (i = s->next[s->n]; i != s->n && s->op[i].begin <= front.end &&
	     shown++ < SHOWN_NEXT; i = s->next[i])
		linear_print(out, &s->op[i]);
}

static void explain(struct search *s, const struct linear_states *begins,
		    FILE *out)
{
	struct linear_states ends = {};
	uint32_t best = s->best;
	unsigned int i;

	fprintf(out, "# key %u: no order explains what happened from %llu on;\n",
		s->op[0].key, s->op[0].begin);
	begin_part(s);
	s->stop = best;
	for (i = 0; i < begins->count; i++) {
		search_from(s, &begins->state[i], &ends);
		if (s->done || !best)
			break;
	}
	print_search(s, out);
}

/* ---- the whole history ---- */

static enum linear_verdict check_part(struct search *s,
				      struct linear_states *states, FILE *out)
{
	struct linear_states ends = {};
	unsigned int i;

	begin_part(s);
	for (i = 0; i < states->count && !s->too_hard; i++)
		search_from(s, &states->state[i], &ends);
	if (s->too_hard) {
		if (out)
			fprintf(out, "# key %u: too hard: %u operations at once\n",
				s->op[0].key, s->n);
		return LINEAR_TOO_HARD;
	}
	if (!ends.count) {
		if (out)
			explain(s, states, out);
		return LINEAR_NO;
	}
	*states = ends;
	return LINEAR_YES;
}

static int by_begin(const void *a, const void *b)
{
	const struct history_op *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (int)x->place - (int)y->place;
}

/* Remove what never began, and what died without any effect seen. */
static size_t tidy(struct history_op *op, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (!op[i].begin || op[i].kind == HISTORY_NOTHING)
			continue;
		if (op[i].pending && op[i].kind < HISTORY_SET)
			continue;
		op[kept++] = op[i];
	}
	qsort(op, kept, sizeof(*op), by_begin);

	return kept;
}

/* The end of the part that begins here: no operation is under way then. */
static size_t part_end(const struct history_op *op, size_t n, size_t from)
{
	uint64_t end = op[from].end;
	size_t i;

	for (i = from + 1; i < n && op[i].begin <= end; i++)
		if (op[i].end > end)
			end = op[i].end;
	return i;
}

static void begin_search(struct search *s, size_t n)
{
	*s = (struct search){
		.next = allocate(n + 1, sizeof(*s->next)),
		.prev = allocate(n + 1, sizeof(*s->prev)),
		.order = allocate(n + 1, sizeof(*s->order)),
		.choice = allocate(n + 1, sizeof(*s->choice)),
		.tried = allocate(4096, sizeof(*s->tried)),
		.tried_size = 4096,
	};
}

static void end_search(struct search *s)
{
	free(s->next);
	free(s->prev);
	free(s->order);
	free(s->choice);
	free(s->tried);
}

enum linear_verdict linear_check(struct history_op *op, size_t n,
				 struct linear_states *states, FILE *out,
				 struct linear_work *work)
{
	enum linear_verdict verdict = LINEAR_YES;
	struct linear_work none = {};
	struct search s;
	size_t from, to;

	if (!work)
		work = &none;
	n = tidy(op, n);
	begin_search(&s, n);
	for (from = 0; from < n && verdict == LINEAR_YES; from = to) {
		to = part_end(op, n, from);
		s.op = op + from;
		s.n = to - from;
		verdict = check_part(&s, states, out);

		work->parts++;
		work->ops += s.n;
		work->tried += s.tried_count;
		if (s.n > work->longest)
			work->longest = s.n;
	}
	end_search(&s);

	return verdict;
}
