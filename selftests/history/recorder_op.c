// SPDX-License-Identifier: GPL-2.0
#include "recorder_op.h"
#include "cmap_test.h"

#include <kcmap.h>

/* ---- operations as system calls ---- */

static const unsigned int codes[HISTORY_KINDS] = {
	[HISTORY_GET] = CMAP_CODE_GET,
	[HISTORY_LENGTH] = CMAP_CODE_GET,
	[HISTORY_SET] = CMAP_CODE_SET,
	[HISTORY_INSERT] = CMAP_CODE_SET,
	[HISTORY_REPLACE] = CMAP_CODE_SET,
	[HISTORY_SET_VERSION] = CMAP_CODE_SET,
	[HISTORY_DELETE] = CMAP_CODE_DELETE,
	[HISTORY_DELETE_VERSION] = CMAP_CODE_DELETE,
	[HISTORY_TAKE] = CMAP_CODE_TAKE,
	[HISTORY_SWAP] = CMAP_CODE_SWAP,
	[HISTORY_COMPARE_SWAP] = CMAP_CODE_COMPARE_SWAP,
	[HISTORY_COMPARE_DELETE] = CMAP_CODE_COMPARE_DELETE,
	[HISTORY_GET_OR_SET] = CMAP_CODE_GET_OR_SET,
	[HISTORY_ADD] = CMAP_CODE_ADD,
	[HISTORY_TOUCH] = CMAP_CODE_TOUCH,
	[HISTORY_CLEAR] = CMAP_CODE_CLEAR,
};

static const uint16_t op_flags[HISTORY_KINDS] = {
	[HISTORY_INSERT] = CMAP_OP_INSERT,
	[HISTORY_REPLACE] = CMAP_OP_REPLACE,
	[HISTORY_SET_VERSION] = CMAP_OP_VERSION,
	[HISTORY_DELETE_VERSION] = CMAP_OP_VERSION,
};

bool recorder_compares_values(unsigned int kind)
{
	return kind == HISTORY_COMPARE_SWAP || kind == HISTORY_COMPARE_DELETE;
}

/* Turn what a record says into bytes. */
void recorder_prepare(struct recorder_buf *buf, const struct history_op *op,
		    uint32_t room)
{
	buf->key_len = history_key(op->key, buf->key);
	buf->room = room;
	if (history_writes_value(op->kind))
		buf->in_len = history_fill(op->in, buf->in);
	if (recorder_compares_values(op->kind))
		buf->expect_len = history_fill(op->expect, buf->expect);
}

void recorder_fill(struct cmap_op *c, const struct history_op *op,
		 const struct recorder_buf *buf)
{
	*c = (struct cmap_op){
		.size = sizeof(*c),
		.code = codes[op->kind],
		.flags = op_flags[op->kind] | history_times(op),
		.deadline = op->deadline,
		.key = u64_of(buf->key), .key_len = buf->key_len,
	};
	switch (op->kind) {
	case HISTORY_GET:
		c->value = u64_of(buf->out);
		c->value_len = buf->room;
		break;
	case HISTORY_TAKE:
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
		c->old = u64_of(buf->out);
		c->old_len = buf->room;
		break;
	case HISTORY_COMPARE_SWAP:
	case HISTORY_COMPARE_DELETE:
		c->old = u64_of(buf->expect);
		c->old_len = buf->expect_len;
		break;
	case HISTORY_SET_VERSION:
	case HISTORY_DELETE_VERSION:
		c->version = op->expect;
		break;
	case HISTORY_ADD:
		c->number = op->in;
		c->start = op->expect;
		break;
	case HISTORY_CLEAR:
		c->key = 0;
		c->key_len = 0;
		break;
	}
	if (history_writes_value(op->kind)) {
		c->value = u64_of(buf->in);
		c->value_len = buf->in_len;
	}
}

/* Store the results in the record. */
void recorder_note(struct history_op *op, const struct cmap_op *c, int err,
		 const struct recorder_buf *buf)
{
	uint32_t len = op->kind == HISTORY_GET ? c->value_len : c->old_len;

	op->err = err;
	if (!err && (op->kind == HISTORY_LENGTH || op->kind == HISTORY_GET))
		op->told = c->deadline + 1;
	switch (op->kind) {
	case HISTORY_LENGTH:
		op->out = err ? 0 : c->value_len;
		break;
	case HISTORY_GET:
	case HISTORY_TAKE:
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
		if (err == -EMSGSIZE)
			op->out = len;
		else if (!err && (c->number || op->kind == HISTORY_GET ||
				  op->kind == HISTORY_TAKE))
			op->out = history_value_of(buf->out, len);
		break;
	case HISTORY_ADD:
		op->out = err ? 0 : c->number;
		break;
	}
	if (!err || err == -EEXIST || err == -ESTALE || err == -EMSGSIZE)
		op->version = c->version;
}

/* ---- operations as calls of the library ---- */

static void note_len(struct history_op *op, const struct recorder_buf *buf,
		     ssize_t len)
{
	if (len < 0)
		op->err = -errno;
	else
		op->out = history_value_of(buf->out, len);
}

/* For operations that return the old value. */
static void note_old(struct history_op *op, const struct recorder_buf *buf,
		     int there, size_t len)
{
	if (there < 0)
		op->err = -errno;
	else if (there)
		op->out = history_value_of(buf->out, len);
	if (op->err == -EMSGSIZE)
		op->out = len;
}

static void read_by_library(struct kcmap *map, struct history_op *op,
			    struct recorder_buf *b)
{
	uint64_t *version = (uint64_t *)&op->version;
	ssize_t len;

	if (op->kind == HISTORY_GET) {
		note_len(op, b, kcmap_get(map, b->key, b->key_len, b->out,
					  b->room, version));
		return;
	}
	len = kcmap_get(map, b->key, b->key_len, NULL, 0, version);
	if (len < 0)
		op->err = -errno;
	else
		op->out = len;
}

static int write_by_library(struct kcmap *map, struct history_op *op,
			    struct recorder_buf *b)
{
	uint64_t *version = (uint64_t *)&op->version;
	int64_t *sum = (int64_t *)&op->out;

	switch (op->kind) {
	case HISTORY_SET:
		return kcmap_set(map, b->key, b->key_len, b->in, b->in_len,
				 version);
	case HISTORY_INSERT:
		return kcmap_insert(map, b->key, b->key_len, b->in, b->in_len,
				    version);
	case HISTORY_REPLACE:
		return kcmap_replace(map, b->key, b->key_len, b->in, b->in_len,
				     version);
	case HISTORY_SET_VERSION:
		return kcmap_set_version(map, b->key, b->key_len, b->in,
					 b->in_len, op->expect, version);
	case HISTORY_DELETE:
		return kcmap_delete(map, b->key, b->key_len, version);
	case HISTORY_DELETE_VERSION:
		return kcmap_delete_version(map, b->key, b->key_len, op->expect,
					    version);
	case HISTORY_COMPARE_SWAP:
		return kcmap_compare_swap(map, b->key, b->key_len, b->expect,
					  b->expect_len, b->in, b->in_len,
					  version);
	case HISTORY_COMPARE_DELETE:
		return kcmap_compare_delete(map, b->key, b->key_len, b->expect,
					    b->expect_len, version);
	case HISTORY_ADD:
		return kcmap_add(map, b->key, b->key_len, op->in, op->expect,
				 sum, version);
	case HISTORY_CLEAR:
		return kcmap_clear(map) < 0 ? -1 : 0;
	}

	errno = EINVAL;
	return -1;
}

static const int operations[HISTORY_KINDS] = {
	[HISTORY_SET] = KCMAP_OP_SET,
	[HISTORY_INSERT] = KCMAP_OP_INSERT,
	[HISTORY_REPLACE] = KCMAP_OP_REPLACE,
	[HISTORY_SET_VERSION] = KCMAP_OP_SET,
	[HISTORY_SWAP] = KCMAP_OP_SWAP,
	[HISTORY_COMPARE_SWAP] = KCMAP_OP_COMPARE_SWAP,
	[HISTORY_GET_OR_SET] = KCMAP_OP_GET_OR_SET,
	[HISTORY_ADD] = KCMAP_OP_ADD,
	[HISTORY_TOUCH] = KCMAP_OP_TOUCH,
};

/* A write that has a deadline, as the library takes it. */
static struct kcmap_command command_of(const struct history_op *op,
				       struct recorder_buf *b)
{
	struct kcmap_command command = {
		.sz = sizeof(command), .operation = operations[op->kind],
		.flags = history_times(op), .deadline = op->deadline,
		.key = b->key, .key_len = b->key_len,
		.value = b->in, .value_len = b->in_len,
		.expected = b->expect, .expected_len = b->expect_len,
		.old = b->out, .old_size = b->room,
	};

	if (op->kind == HISTORY_ADD) {
		command.delta = op->in;
		command.start = op->expect;
	}
	if (op->kind == HISTORY_SET_VERSION) {
		command.flags |= KCMAP_WRITE_VERSION;
		command.expected_version = op->expect;
	}
	return command;
}

static void write_with_deadline(struct kcmap *map, struct history_op *op,
				struct recorder_buf *b)
{
	struct kcmap_command command = command_of(op, b);
	struct kcmap_result result;

	kcmap_write(map, &command, &result);
	recorder_note_result(op, &result, b);
}

void recorder_call_library(struct kcmap *map, struct history_op *op,
			  struct recorder_buf *b)
{
	uint64_t *version = (uint64_t *)&op->version;
	size_t len = b->room;
	int there;

	if (history_times(op)) {
		write_with_deadline(map, op, b);
		return;
	}
	switch (op->kind) {
	case HISTORY_GET:
	case HISTORY_LENGTH:
		read_by_library(map, op, b);
		break;
	case HISTORY_TAKE:
		note_len(op, b, kcmap_take(map, b->key, b->key_len, b->out,
					   b->room, version));
		break;
	case HISTORY_SWAP:
		there = kcmap_swap(map, b->key, b->key_len, b->in, b->in_len,
				   b->out, &len, version);
		note_old(op, b, there, len);
		break;
	case HISTORY_GET_OR_SET:
		there = kcmap_get_or_set(map, b->key, b->key_len, b->in,
					 b->in_len, b->out, &len, version);
		note_old(op, b, there, len);
		break;
	default:
		if (write_by_library(map, op, b))
			op->err = -errno;
	}
}

/* ---- operations as elements of the library's batches ---- */

int recorder_append(struct kcmap_batch *batch, const struct history_op *op,
		  struct recorder_buf *b)
{
	struct kcmap_command command;

	if (history_times(op)) {
		command = command_of(op, b);
		return kcmap_batch_write(batch, &command);
	}
	switch (op->kind) {
	case HISTORY_GET:
		return kcmap_batch_get(batch, b->key, b->key_len, b->out,
				       b->room);
	case HISTORY_LENGTH:
		return kcmap_batch_get(batch, b->key, b->key_len, NULL, 0);
	case HISTORY_SET:
		return kcmap_batch_set(batch, b->key, b->key_len, b->in,
				       b->in_len);
	case HISTORY_INSERT:
		return kcmap_batch_insert(batch, b->key, b->key_len, b->in,
					  b->in_len);
	case HISTORY_REPLACE:
		return kcmap_batch_replace(batch, b->key, b->key_len, b->in,
					   b->in_len);
	case HISTORY_SET_VERSION:
		return kcmap_batch_set_version(batch, b->key, b->key_len, b->in,
					       b->in_len, op->expect);
	case HISTORY_DELETE:
		return kcmap_batch_delete(batch, b->key, b->key_len);
	case HISTORY_DELETE_VERSION:
		return kcmap_batch_delete_version(batch, b->key, b->key_len,
						  op->expect);
	case HISTORY_TAKE:
		return kcmap_batch_take(batch, b->key, b->key_len, b->out,
					b->room);
	case HISTORY_SWAP:
		return kcmap_batch_swap(batch, b->key, b->key_len, b->in,
					b->in_len, b->out, b->room);
	case HISTORY_COMPARE_SWAP:
		return kcmap_batch_compare_swap(batch, b->key, b->key_len,
						b->expect, b->expect_len, b->in,
						b->in_len);
	case HISTORY_COMPARE_DELETE:
		return kcmap_batch_compare_delete(batch, b->key, b->key_len,
						  b->expect, b->expect_len);
	case HISTORY_GET_OR_SET:
		return kcmap_batch_get_or_set(batch, b->key, b->key_len, b->in,
					      b->in_len, b->out, b->room);
	case HISTORY_ADD:
		return kcmap_batch_add(batch, b->key, b->key_len, op->in,
				       op->expect);
	case HISTORY_CLEAR:
		return kcmap_batch_clear(batch);
	}
	return -1;
}

/* Converted to the kernel's form, so that results are stored in one place. */
void recorder_note_result(struct history_op *op, const struct kcmap_result *result,
			const struct recorder_buf *buf)
{
	struct cmap_op c = {
		.value_len = result->value_len,
		.old_len = result->value_len,
		.version = result->version,
		.deadline = result->deadline,
		.number = op->kind == HISTORY_ADD ? result->number :
						    result->existed,
	};

	recorder_note(op, &c, -result->error, buf);
}
