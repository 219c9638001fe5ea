// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writes with options: &struct kcmap_command and the command of the ABI.
 */
#include "internal.h"

#include <string.h>

/* The structure ended here in the first release that had it. */
#define LEAST (offsetof(struct kcmap_command, expected_version) + sizeof(uint64_t))

/* No padding behind the last member: no check would look at it. */
_Static_assert(sizeof(struct kcmap_command) == LEAST, "kcmap_command");

#define WRITE_ALL	(KCMAP_WRITE_VERSION | KCMAP_WRITE_TTL |	\
			 KCMAP_WRITE_DEADLINE | KCMAP_WRITE_KEEP_DEADLINE | \
			 KCMAP_WRITE_CEILING | KCMAP_WRITE_OWNED |	\
			 KCMAP_WRITE_OWNED_BY_PROCESS)

/* The flags are those of the ABI. */
#define SAME(name)							\
	_Static_assert((CMAP_OP_##name) == (KCMAP_WRITE_##name), #name)

SAME(VERSION);
SAME(TTL);
SAME(DEADLINE);
SAME(KEEP_DEADLINE);
SAME(CEILING);
SAME(OWNED);
SAME(OWNED_BY_PROCESS);

/* The command of the ABI for each operation that writes; 0 for the others. */
static const struct {
	uint16_t code;
	uint16_t flags;
} writes[] = {
	[KCMAP_OP_SET] = { CMAP_CODE_SET, 0 },
	[KCMAP_OP_INSERT] = { CMAP_CODE_SET, CMAP_OP_INSERT },
	[KCMAP_OP_REPLACE] = { CMAP_CODE_SET, CMAP_OP_REPLACE },
	[KCMAP_OP_DELETE] = { CMAP_CODE_DELETE, 0 },
	[KCMAP_OP_TAKE] = { CMAP_CODE_TAKE, 0 },
	[KCMAP_OP_SWAP] = { CMAP_CODE_SWAP, 0 },
	[KCMAP_OP_COMPARE_SWAP] = { CMAP_CODE_COMPARE_SWAP, 0 },
	[KCMAP_OP_COMPARE_DELETE] = { CMAP_CODE_COMPARE_DELETE, 0 },
	[KCMAP_OP_GET_OR_SET] = { CMAP_CODE_GET_OR_SET, 0 },
	[KCMAP_OP_ADD] = { CMAP_CODE_ADD, 0 },
	[KCMAP_OP_TOUCH] = { CMAP_CODE_TOUCH, 0 },
};

#define WRITES		((int)(sizeof(writes) / sizeof(*writes)))

/*
 * A member without its flag would be ignored, and the entry would never expire,
 * or be written whatever its version is.  So that is refused.
 */
static int is_consistent(const struct kcmap_command *command)
{
	uint32_t flags = command->flags;

	return !(flags & ~WRITE_ALL) &&
	       (flags & KCMAP_WRITE_VERSION || !command->expected_version) &&
	       (flags & KCMAP_WRITE_TTL || !command->ttl) &&
	       (flags & KCMAP_WRITE_DEADLINE || !command->deadline) &&
	       (flags & KCMAP_WRITE_CEILING || !command->ceiling) &&
	       ~flags & (KCMAP_WRITE_TTL | KCMAP_WRITE_DEADLINE) &&
	       ~flags & (KCMAP_WRITE_OWNED | KCMAP_WRITE_OWNED_BY_PROCESS);
}

static int put_operands(struct cmap_op *op, const struct kcmap_command *command)
{
	if (kcmap_op_key(op, command->key, command->key_len))
		return -1;
	switch (op->code) {
	case CMAP_CODE_SET:
		return kcmap_op_value(op, command->value, command->value_len);
	case CMAP_CODE_COMPARE_SWAP:
		if (kcmap_op_value(op, command->value, command->value_len))
			return -1;
		/* fall through */
	case CMAP_CODE_COMPARE_DELETE:
		return kcmap_op_old(op, command->expected,
				    command->expected_len);
	case CMAP_CODE_SWAP:
	case CMAP_CODE_GET_OR_SET:
		if (kcmap_op_value(op, command->value, command->value_len))
			return -1;
		/* fall through */
	case CMAP_CODE_TAKE:
		op->old = ptr_to_u64(command->old);
		kcmap_op_room(&op->old_len, command->old_size);
		return 0;
	case CMAP_CODE_ADD:
		op->number = command->delta;
		op->start = command->start;
		return 0;
	default:
		return 0;
	}
}

/* Fill in a command of the ABI.  0, or -1 with errno set. */
static int op_from(struct cmap_op *op, const struct kcmap_command *command)
{
	if (command->operation <= 0 || command->operation >= WRITES ||
	    !writes[command->operation].code || !is_consistent(command)) {
		errno = EINVAL;
		return -1;
	}
	*op = (struct cmap_op){
		.code = writes[command->operation].code,
		.flags = (uint16_t)(writes[command->operation].flags |
				    command->flags),
		.version = command->expected_version,
		.ceiling = command->ceiling,
		.deadline = command->flags & KCMAP_WRITE_TTL ?
			    command->ttl : command->deadline,
	};
	return put_operands(op, command);
}

/* The same of a structure of any size. */
int kcmap_op_from(struct cmap_op *op, const struct kcmap_command *command)
{
	struct kcmap_command resolved;

	if (command->sz == sizeof(resolved))
		return op_from(op, command);
	if (kcmap_struct_in(&resolved, sizeof(resolved), LEAST, command))
		return -1;
	return op_from(op, &resolved);
}

/* A key's new deadline, @ttl from now. */
void kcmap_op_touch(struct cmap_op *op, uint64_t ttl)
{
	op->flags = CMAP_OP_TTL;
	op->deadline = ttl;
}

/* With other errors, these fields still hold what was asked for. */
static int has_version(int error)
{
	return !error || error == -EEXIST || error == -ESTALE;
}

static int has_deadline(int error)
{
	return has_version(error) || error == -ERANGE;
}

/* What a command of the ABI has done, by its error and its other results. */
void kcmap_op_result(const struct cmap_op *op, struct kcmap_result *result)
{
	/*
	 * With any other error, the length field still holds the buffer's size.
	 */
	bool told = !op->error || op->error == -EMSGSIZE;

	*result = (struct kcmap_result){
		.error = -op->error,
		.number = op->error && op->error != -ERANGE ? 0 : op->number,
		.version = has_version(op->error) ? op->version : 0,
		.deadline = has_deadline(op->error) ? op->deadline : 0,
	};
	switch (op->code) {
	case CMAP_CODE_GET:
		result->value_len = told ? op->value_len : 0;
		break;
	case CMAP_CODE_SWAP:
	case CMAP_CODE_GET_OR_SET:
		result->existed = op->number;
		result->value_len = told ? op->old_len : 0;
		break;
	case CMAP_CODE_TAKE:
		result->existed = !op->error;
		result->value_len = told ? op->old_len : 0;
		break;
	}
}

API int kcmap_write(struct kcmap *map, const struct kcmap_command *command,
		    struct kcmap_result *result)
{
	struct cmap_op op;
	int err;

	if (kcmap_op_from(&op, command)) {
		if (result)
			*result = (struct kcmap_result){ .error = errno };
		return -1;
	}
	err = kcmap_call(map, _IO(CMAP_IOC_MAGIC, op.code), &op);
	if (result) {
		op.error = err ? -errno : 0;
		kcmap_op_result(&op, result);
	}
	return err;
}
