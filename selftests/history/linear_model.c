// SPDX-License-Identifier: GPL-2.0
#include "linear_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the entry can have this version.  If its version was not known yet,
 * it is known from here on.
 */
static bool has_version(struct linear_state *state, uint64_t version)
{
	if (!version || version == state->version)
		return true;
	if (state->version || version <= state->last)
		return false;
	state->version = version;
	state->last = version;
	return true;
}

/* A write made this version. */
static bool new_version(struct linear_state *state, uint64_t version)
{
	if (!version)
		return true;
	if (version <= state->last)
		return false;
	state->last = version;
	return true;
}

static enum linear_step seen(struct linear_state *state, uint64_t version)
{
	return has_version(state, version) ? LINEAR_SAME : LINEAR_CANNOT;
}

static enum linear_step write_until(struct linear_state *state, uint64_t value,
				    uint64_t version, uint64_t deadline)
{
	if (!new_version(state, version))
		return LINEAR_CANNOT;
	state->value = value;
	state->version = value ? version : 0;
	state->deadline = value ? deadline : 0;
	return LINEAR_CHANGED;
}

static enum linear_step write(struct linear_state *state,
			      const struct history_op *op, uint64_t value)
{
	return write_until(state, value, op->version, op->deadline);
}

static enum linear_step delete(struct linear_state *state,
			       const struct history_op *op)
{
	return write_until(state, 0, op->version, 0);
}

/* A read returned the version, and perhaps the deadline. */
static enum linear_step read_entry(struct linear_state *state,
				   const struct history_op *op)
{
	if (op->told && op->told - 1 != state->deadline)
		return LINEAR_CANNOT;
	return seen(state, op->version);
}

static enum linear_step yes_if(bool condition)
{
	return condition ? LINEAR_SAME : LINEAR_CANNOT;
}

static bool needs_entry(unsigned int kind)
{
	switch (kind) {
	case HISTORY_SET:
	case HISTORY_INSERT:
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
	case HISTORY_ADD:
	case HISTORY_CLEAR:
		return false;
	}
	return true;
}

/* The operation failed: whether that was right.  Nothing has changed. */
static enum linear_step apply_failed(const struct history_op *op,
				     struct linear_state *state)
{
	bool present = state->value;

	switch (op->err) {
	case -ENOENT:
		return yes_if(!present && needs_entry(op->kind));
	case -EEXIST:
		if (!present || op->kind != HISTORY_INSERT)
			return LINEAR_CANNOT;
		return seen(state, op->version);
	case -EMSGSIZE:
		if (!present ||
		    (op->out && op->out != history_len(state->value)))
			return LINEAR_CANNOT;
		return seen(state, op->version);
	case -EDOM:
		return yes_if(present && op->kind == HISTORY_ADD &&
			      history_class(state->value));
	case -ESTALE:
		if (!present)
			return LINEAR_CANNOT;
		switch (op->kind) {
		case HISTORY_SET_VERSION:
		case HISTORY_DELETE_VERSION:
			if (op->expect == op->version ||
			    op->expect == state->version)
				return LINEAR_CANNOT;
			return seen(state, op->version);
		case HISTORY_COMPARE_SWAP:
		case HISTORY_COMPARE_DELETE:
			if (op->expect == state->value)
				return LINEAR_CANNOT;
			return seen(state, op->version);
		}
		return LINEAR_CANNOT;
	case -ENOSPC:
		/* The maps have a limit on entries, but none on memory. */
		return yes_if(!present && op->kind >= HISTORY_SET &&
			      op->kind != HISTORY_CLEAR &&
			      !needs_entry(op->kind));
	case -EAGAIN:
	case -ENOMEM:
		/* Any write may lack memory.  Reads need none. */
		return yes_if(op->kind >= HISTORY_SET);
	}

	return LINEAR_CANNOT;
}

/* The entry exists, and the operation succeeded. */
static enum linear_step apply_to_entry(const struct history_op *op,
				       struct linear_state *state)
{
	uint64_t value = state->value;

	switch (op->kind) {
	case HISTORY_GET:
		return op->out == value ? read_entry(state, op) : LINEAR_CANNOT;
	case HISTORY_LENGTH:
		return op->out == history_len(value) ? read_entry(state, op) :
						       LINEAR_CANNOT;
	case HISTORY_GET_OR_SET:
		return op->out == value ? seen(state, op->version) :
					  LINEAR_CANNOT;
	case HISTORY_SET:
	case HISTORY_REPLACE:
		return write(state, op, op->in);
	case HISTORY_SET_VERSION:
		return has_version(state, op->expect) ?
		       write(state, op, op->in) : LINEAR_CANNOT;
	case HISTORY_DELETE:
	case HISTORY_CLEAR:
		return delete(state, op);
	case HISTORY_DELETE_VERSION:
		return has_version(state, op->expect) ? delete(state, op) :
							LINEAR_CANNOT;
	case HISTORY_TAKE:
		return op->out == value ? delete(state, op) : LINEAR_CANNOT;
	case HISTORY_SWAP:
		return op->out == value ? write(state, op, op->in) :
					  LINEAR_CANNOT;
	case HISTORY_COMPARE_SWAP:
		return op->expect == value ? write(state, op, op->in) :
					     LINEAR_CANNOT;
	case HISTORY_COMPARE_DELETE:
		return op->expect == value ? delete(state, op) : LINEAR_CANNOT;
	case HISTORY_ADD:
		return !history_class(value) && op->out == value + op->in ?
		       write_until(state, op->out, op->version,
				   state->deadline) : LINEAR_CANNOT;
	case HISTORY_TOUCH:
		return write(state, op, value);
	}

	return LINEAR_CANNOT;
}

/* The entry does not exist, and the operation succeeded. */
static enum linear_step apply_to_nothing(const struct history_op *op,
					 struct linear_state *state)
{
	switch (op->kind) {
	case HISTORY_SET:
	case HISTORY_INSERT:
		return write(state, op, op->in);
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
		return op->out ? LINEAR_CANNOT : write(state, op, op->in);
	case HISTORY_ADD:
		return op->out == op->expect + op->in ?
		       write(state, op, op->out) : LINEAR_CANNOT;
	case HISTORY_CLEAR:
		return LINEAR_SAME;
	}

	return LINEAR_CANNOT;
}

/*
 * The result is not known, so the operation does what it does in this state.  A
 * condition on an unknown version is taken to hold; if it does not, that is the
 * case that the operation had no effect.
 */
static enum linear_step apply_pending(const struct history_op *op,
				      struct linear_state *state)
{
	uint64_t value = state->value, new = op->in, deadline = op->deadline;

	switch (op->kind) {
	case HISTORY_SET:
	case HISTORY_SWAP:
		break;
	case HISTORY_INSERT:
	case HISTORY_GET_OR_SET:
		if (value)
			return LINEAR_SAME;
		break;
	case HISTORY_REPLACE:
		if (!value)
			return LINEAR_SAME;
		break;
	case HISTORY_SET_VERSION:
		if (!value || !has_version(state, op->expect))
			return LINEAR_SAME;
		break;
	case HISTORY_COMPARE_SWAP:
		if (value != op->expect)
			return LINEAR_SAME;
		break;
	case HISTORY_DELETE_VERSION:
		if (!value || !has_version(state, op->expect))
			return LINEAR_SAME;
		new = 0;
		break;
	case HISTORY_COMPARE_DELETE:
		if (value != op->expect)
			return LINEAR_SAME;
		new = 0;
		break;
	case HISTORY_DELETE:
	case HISTORY_TAKE:
	case HISTORY_CLEAR:
		new = 0;
		break;
	case HISTORY_ADD:
		if (history_class(value))
			return LINEAR_SAME;
		if (value)
			deadline = state->deadline;
		new = (value ?: op->expect) + op->in;
		break;
	case HISTORY_TOUCH:
		new = value;
		break;
	default:
		return LINEAR_SAME;
	}
	if (!new && !value)
		return LINEAR_SAME;

	return write_until(state, new, 0, deadline);
}

static enum linear_step apply(const struct history_op *op,
			      struct linear_state *state)
{
	if (op->pending)
		return apply_pending(op, state);
	if (op->err)
		return apply_failed(op, state);
	return state->value ? apply_to_entry(op, state) :
			      apply_to_nothing(op, state);
}

enum linear_step linear_apply(const struct history_op *op,
			      struct linear_state *state, bool expire)
{
	uint64_t deadline = state->deadline;

	if (op->now < state->time)
		return LINEAR_CANNOT;
	if (!expire)
		return deadline && deadline <= op->word ? LINEAR_CANNOT :
							  apply(op, state);
	if (!deadline || deadline > op->now)
		return LINEAR_CANNOT;
	state->value = 0;
	state->version = 0;
	state->deadline = 0;
	state->time = deadline;
	return apply(op, state) == LINEAR_CANNOT ? LINEAR_CANNOT : LINEAR_CHANGED;
}

/* ---- printing ---- */

static const char * const kinds[HISTORY_KINDS] = {
	[HISTORY_NOTHING] = "nothing",
	[HISTORY_GET] = "get",
	[HISTORY_LENGTH] = "length",
	[HISTORY_SET] = "set",
	[HISTORY_INSERT] = "insert",
	[HISTORY_REPLACE] = "replace",
	[HISTORY_SET_VERSION] = "set-version",
	[HISTORY_DELETE] = "delete",
	[HISTORY_DELETE_VERSION] = "delete-version",
	[HISTORY_TAKE] = "take",
	[HISTORY_SWAP] = "swap",
	[HISTORY_COMPARE_SWAP] = "compare-swap",
	[HISTORY_COMPARE_DELETE] = "compare-delete",
	[HISTORY_GET_OR_SET] = "get-or-set",
	[HISTORY_ADD] = "add",
	[HISTORY_TOUCH] = "touch",
	[HISTORY_CLEAR] = "clear",
};

static const char * const doors[HISTORY_DOORS] = {
	[HISTORY_IOCTL] = "ioctl",
	[HISTORY_LIBRARY] = "library",
	[HISTORY_WINDOW] = "window",
	[HISTORY_BATCH] = "batch",
	[HISTORY_LIBRARY_BATCH] = "library batch",
	[HISTORY_RANGE] = "range",
	[HISTORY_LIBRARY_RANGE] = "library range",
	[HISTORY_KERNEL] = "kernel",
	[HISTORY_SOFTIRQ] = "softirq",
};

void linear_print(FILE *out, const struct history_op *op)
{
	fprintf(out, "#   %8llu .. %8llu %s", op->begin, op->end,
		kinds[op->kind]);
	if (op->in)
		fprintf(out, " in %llx", op->in);
	if (op->expect)
		fprintf(out, " expect %llx", op->expect);
	if (op->deadline)
		fprintf(out, " until %llu", op->deadline);
	if (op->pending) {
		fprintf(out, ", killed");
	} else {
		fprintf(out, ": ");
		if (op->err)
			fprintf(out, "error %d", op->err);
		else
			fprintf(out, "ok");
		if (op->out)
			fprintf(out, " out %llx", op->out);
		if (op->version)
			fprintf(out, " version %llu", op->version);
		if (op->told)
			fprintf(out, " deadline %llu", op->told - 1);
	}
	if (op->now)
		fprintf(out, ", time %llu .. %llu", op->word, op->now);
	fprintf(out, " (%s", doors[op->door]);
	if (op->place)
		fprintf(out, ", element %u", op->place);
	fprintf(out, ")\n");
}
