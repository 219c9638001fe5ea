/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Each operation on a map, once, for all doors.
 *
 * A door says in a constant &struct cmap_door how bytes come in and go out.  It
 * instantiates the operations of operation_table.h; as all of them are inlined
 * there, what the door says is known to the compiler and costs nothing.
 *
 * An operation is asked for with a &struct cmap_op.  Its addresses mean what the
 * door says.  The fields that are results are set as <uapi/linux/cmap.h> says.
 */
#ifndef CMAP_OPERATION_H
#define CMAP_OPERATION_H

#include "op.h"
#include "registry.h"
#include "stat.h"
#include "trace.h"

#include <linux/err.h>
#include <linux/mm.h>

/**
 * struct cmap_door - how bytes come in and go out
 * @faults: addresses may be such that a copy faults; and with the address 0
 *	nothing but the length of a value is wanted
 * @borrow: sets its first argument to bytes that stay until the operation is
 *	over, at their address or copied to the buffer.  0 or -EFAULT
 * @borrow_both: the same for a key and a value
 * @read: copies bytes in.  0 or -EFAULT
 * @write: copies bytes out.  0 or -EFAULT
 * @write_nofault: the same in an RCU read section
 * @prove: sees to it that bytes can be written to an address, as far as that can
 *	be known.  0 or -EFAULT
 */
struct cmap_door {
	bool faults;
	int (*borrow)(const void **at, void *buf, u64 from, u32 len);
	int (*borrow_both)(const void **key, void *key_buf, u64 key_from,
			   u32 key_len, const void **value, void *value_buf,
			   u64 value_from, u32 value_len);
	int (*read)(void *to, u64 from, u32 len);
	int (*write)(u64 to, const void *from, u32 len);
	int (*write_nofault)(u64 to, const void *from, u32 len);
	int (*prove)(u64 to, u32 len);
};

/* Room for what a door has to copy. */
struct cmap_input {
	u8 key[CMAP_KEY_MAX] __aligned(8);
	u8 value[CMAP_COPY_LOCKED_MAX] __aligned(8);
};

/* ---- what comes in ---- */

static __always_inline int
cmap_op_read_key(const struct cmap_door *door, const struct cmap *map,
		 const struct cmap_op *op, struct cmap_input *input,
		 struct cmap_key *key)
{
	const void *data;
	int err;

	err = cmap_op_check_key(map, op->key_len) ?:
	      door->borrow(&data, input->key, op->key, op->key_len);
	if (!err)
		cmap_op_hash(map, key, data, op->key_len);
	return err;
}

/* A long value comes in a node. */
static __always_inline int
cmap_op_read_long_value(const struct cmap_door *door, struct cmap *map,
			const struct cmap_op *op, struct cmap_write *write,
			gfp_t gfp)
{
	struct cmap_node *node;
	int err;

	node = cmap_op_reserve(map, write, gfp, &err);
	if (!node)
		return err;
	err = door->read(cmap_node_value(node), op->value, op->value_len);
	if (err)
		cmap_op_unreserve(map, write);
	return err;
}

/* Both were found short enough for the buffers. */
static __always_inline int
cmap_op_read_short(const struct cmap_door *door, const struct cmap *map,
		   const struct cmap_op *op, void *key_buf, void *value_buf,
		   struct cmap_write *write)
{
	const void *key;
	int err;

	err = door->borrow_both(&key, key_buf, op->key, op->key_len,
				&write->value, value_buf, op->value,
				op->value_len);
	if (!err)
		cmap_op_hash(map, &write->key, key, op->key_len);
	return err;
}

static __always_inline int
cmap_op_read_both(const struct cmap_door *door, struct cmap *map,
		  const struct cmap_op *op, struct cmap_input *input,
		  struct cmap_write *write, gfp_t gfp)
{
	int err = cmap_op_check_value(map, op->value_len) ?:
		  cmap_op_check_key(map, op->key_len);

	if (err)
		return err;

	write->value_len = op->value_len;
	if (unlikely(op->value_len > CMAP_COPY_LOCKED_MAX))
		return cmap_op_read_key(door, map, op, input, &write->key) ?:
		       cmap_op_read_long_value(door, map, op, write, gfp);

	return cmap_op_read_short(door, map, op, input->key, input->value,
				  write);
}

/* ---- get ---- */

static __always_inline int
cmap_op_output(const struct cmap_door *door, struct cmap_output *output,
	       u64 at, u32 room)
{
	*output = (struct cmap_output){ .at = at, .room = room };
	return door->faults && !at && room ? -EFAULT : 0;
}

static __always_inline bool
cmap_op_wants_value(const struct cmap_door *door,
		    const struct cmap_output *output)
{
	return !door->faults || output->at;
}

/* Look at the entry, and copy its value out if that takes no page fault. */
static __always_inline int
cmap_op_peek(const struct cmap_door *door, struct cmap *map,
	     const struct cmap_key *key, struct cmap_output *output)
{
	bool wanted = cmap_op_wants_value(door, output);
	struct cmap_node *node;
	int err = 0;

	rcu_read_lock();
	node = cmap_op_find(map, key);
	if (!node) {
		err = -ENOENT;
	} else {
		output->len = cmap_node_value_len(node);
		output->version = node->version;
		if (wanted && output->len > output->room)
			err = -EMSGSIZE;
		else if (wanted && output->len)
			err = door->write_nofault(output->at,
					cmap_node_value_after(node, key->len),
					output->len);
	}
	rcu_read_unlock();

	return err;
}

/* Copy it out of a buffer that a page fault cannot pull away. */
static __always_inline int
cmap_op_get_bounced(const struct cmap_door *door, struct cmap *map,
		    const struct cmap_key *key, struct cmap_output *output,
		    gfp_t gfp)
{
	void *copy;
	u32 size;
	int err;

	err = cmap_op_copy_value(map, key, output, gfp, &copy, &size);
	if (err)
		return err;
	err = door->write(output->at, copy, output->len);
	cmap_op_free_copy(map, copy, size);

	return err;
}

static __always_inline int
cmap_op_get_value(const struct cmap_door *door, struct cmap *map,
		  const struct cmap_key *key, struct cmap_output *output,
		  gfp_t gfp)
{
	int err = cmap_op_peek(door, map, key, output);

	if (door->faults && unlikely(err == -EFAULT))
		err = cmap_op_get_bounced(door, map, key, output, gfp);
	return err;
}

static __always_inline int
cmap_op_get(const struct cmap_door *door, struct cmap *map, struct cmap_op *op,
	    gfp_t gfp)
{
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	struct cmap_key key;
	int err;

	err = cmap_op_output(door, &output, op->value, op->value_len) ?:
	      cmap_op_read_key(door, map, op, &input, &key);
	if (err)
		return err;

	err = cmap_op_get_value(door, map, &key, &output, gfp);
	cmap_op_note_get(map, &key, output.len, err, output.version);
	if (!err || err == -EMSGSIZE) {
		op->value_len = output.len;
		op->version = output.version;
	}

	return err;
}

/* ---- writes that give nothing back but a version ---- */

/*
 * Set up a write.  Clearing all of it would take longer than what it is for;
 * what only goes with other flags, or only comes out, stays as it is.
 */
static __always_inline void
cmap_op_begin(struct cmap_write *write, u16 code, u16 flags)
{
	write->code = code;
	write->flags = flags;
	write->value_len = 0;
	write->value = NULL;
	write->ref = 0;
	write->version = 0;
}

/* After these the write says a version: its own, or the entry's. */
static __always_inline void
cmap_op_tell_version(struct cmap_op *op, const struct cmap_write *write,
		     int err)
{
	if (!err || err == -EEXIST || err == -ESTALE)
		op->version = write->version;
}

static __always_inline int
cmap_op_finish(struct cmap *map, struct cmap_write *write, struct cmap_op *op,
	       gfp_t gfp)
{
	int err = cmap_op_write(map, write, gfp);

	if (unlikely(write->ref))
		cmap_op_unreserve(map, write);
	cmap_op_tell_version(op, write, err);
	return err;
}

/* On what condition a value is set. */
static __always_inline int
cmap_op_begin_set(struct cmap_write *write, const struct cmap_op *op)
{
	cmap_op_begin(write, CMAP_CODE_SET, 0);
	switch (op->flags) {
	case 0:
		return 0;
	case CMAP_OP_INSERT:
		write->flags = CMAP_WRITE_ABSENT;
		return 0;
	case CMAP_OP_REPLACE:
		write->flags = CMAP_WRITE_PRESENT;
		return 0;
	case CMAP_OP_VERSION:
		write->flags = CMAP_WRITE_VERSION;
		write->expected = op->version;
		return op->version ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static __always_inline int
cmap_op_set(const struct cmap_door *door, struct cmap *map, struct cmap_op *op,
	    gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	err = cmap_op_begin_set(&write, op) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_finish(map, &write, op, gfp);
}

static __always_inline int
cmap_op_delete(const struct cmap_door *door, struct cmap *map,
	       struct cmap_op *op, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_DELETE, CMAP_WRITE_REMOVE);
	if (op->flags & CMAP_OP_VERSION) {
		if (!op->version)
			return -EINVAL;
		write.flags |= CMAP_WRITE_VERSION;
		write.expected = op->version;
	}

	err = cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_finish(map, &write, op, gfp);
}

static __always_inline int
cmap_op_add(const struct cmap_door *door, struct cmap *map, struct cmap_op *op,
	    gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_ADD, CMAP_WRITE_ADD);
	write.value_len = sizeof(s64);
	write.number = op->number;
	write.start = op->start;
	err = cmap_op_check_value(map, write.value_len) ?:
	      cmap_op_read_key(door, map, op, &input, &write.key) ?:
	      cmap_op_finish(map, &write, op, gfp);
	if (!err)
		op->number = write.number;

	return err;
}

/* ---- writes that give back what was there ---- */

/*
 * Make sure that the old value can be written to where it is wanted before the
 * entry changes: by writing there what is the value now.  If it is still the
 * value when the write is made, that was all.
 */
static __always_inline int
cmap_op_prove(const struct cmap_door *door, struct cmap *map,
	      const struct cmap_key *key, struct cmap_output *output,
	      u32 *proven)
{
	int err;

	output->version = 0;
	*proven = output->room;
	if (!door->faults)
		return 0;
	*proven = output->at ? 0 : U32_MAX;
	if (!output->at)
		return 0;

	err = cmap_op_peek(door, map, key, output);
	if (err == -EFAULT) {
		output->version = 0;
		if (door->prove(output->at, output->len))
			return -EFAULT;
		err = 0;
	}
	if (!err)
		*proven = output->len;

	return 0;
}

static __always_inline int
cmap_op_write_and_give_old(const struct cmap_door *door, struct cmap *map,
			   struct cmap_write *write, struct cmap_op *op,
			   struct cmap_output *output, gfp_t gfp)
{
	unsigned int rounds = 0;
	struct cmap_node *old;
	int err;

	write->flags |= CMAP_WRITE_KEEP_OLD;
	do {
		err = cmap_op_prove(door, map, &write->key, output,
				    &write->old_room);
		if (err)
			break;
		err = cmap_op_write(map, write, gfp);
		/* Longer than what was proven, but not than the room? */
		if (!door->faults || err != -EMSGSIZE ||
		    write->old_len > output->room)
			break;
		err = cmap_op_start_over(gfp, &rounds);
	} while (!err);
	cmap_op_unreserve(map, write);

	if (err == -EMSGSIZE)
		op->old_len = write->old_len;
	if (err)
		return err;

	op->version = write->version;
	old = write->old;
	op->number = old != NULL;
	op->old_len = old ? cmap_node_value_len(old) : 0;
	if (old && cmap_op_wants_value(door, output) &&
	    old->version != output->version)
		err = door->write(output->at, cmap_node_value(old),
				  op->old_len);
	cmap_op_retire_old(map, write);

	return err;
}

static __always_inline int
cmap_op_take(const struct cmap_door *door, struct cmap *map, struct cmap_op *op,
	     gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	int err;

	cmap_op_begin(&write, CMAP_CODE_TAKE, CMAP_WRITE_REMOVE);
	err = cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_write_and_give_old(door, map, &write, op,
						 &output, gfp);
}

static __always_inline int
cmap_op_swap(const struct cmap_door *door, struct cmap *map, struct cmap_op *op,
	     gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	int err;

	cmap_op_begin(&write, CMAP_CODE_SWAP, 0);
	err = cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_write_and_give_old(door, map, &write, op,
						 &output, gfp);
}

static __always_inline int
cmap_op_get_or_set(const struct cmap_door *door, struct cmap *map,
		   struct cmap_op *op, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	unsigned int rounds = 0;
	bool got;
	int err;

	cmap_op_begin(&write, CMAP_CODE_GET_OR_SET, CMAP_WRITE_ABSENT);
	err = cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	if (err)
		return err;

	/* Each time around somebody else has set and deleted it. */
	do {
		err = cmap_op_get_value(door, map, &write.key, &output, gfp);
		got = err != -ENOENT;
		if (got) {
			write.version = output.version;
			write.old_version = output.version;
			cmap_trace_write(map, &write, err);
			break;
		}
		err = cmap_op_write(map, &write, gfp);
		output.len = 0;
		output.version = write.version;
		if (err != -EEXIST)
			break;
		err = cmap_op_start_over(gfp, &rounds);
	} while (!err);
	cmap_op_unreserve(map, &write);

	if (!err || err == -EMSGSIZE) {
		op->old_len = output.len;
		op->version = output.version;
		op->number = got;
	}

	return err;
}

/* ---- writes that compare ---- */

/* Get at the value to compare with; a copy of a short one is in @buf. */
static __always_inline int
cmap_op_read_expected(const struct cmap_door *door, const struct cmap *map,
		      const struct cmap_op *op, void *buf, u32 size,
		      const void **expected, void **copy, gfp_t gfp)
{
	int err = cmap_op_check_value(map, op->old_len);

	*copy = NULL;
	if (err)
		return err;
	if (!door->faults || op->old_len <= size)
		return door->borrow(expected, buf, op->old, op->old_len);

	/* Not vmemdup_user(): this can last, and is the caller's to pay. */
	*copy = kvmalloc(op->old_len, cmap_gfp(gfp));
	*expected = *copy;
	if (!*copy)
		return -ENOMEM;
	return door->read(*copy, op->old, op->old_len);
}

static __always_inline int
cmap_op_compare_and_write(const struct cmap_door *door, struct cmap *map,
			  struct cmap_write *write, struct cmap_op *op,
			  gfp_t gfp)
{
	u8 buf[CMAP_COPY_LOCKED_MAX] __uninitialized;
	const void *expected;
	void *copy;
	int err;

	err = cmap_op_read_expected(door, map, op, buf, sizeof(buf), &expected,
				    &copy, gfp) ?:
	      cmap_op_compare_write(map, write, expected, op->old_len, gfp);
	if (copy)
		cmap_op_free_copy(map, copy, op->old_len);
	cmap_op_unreserve(map, write);
	if (!err || err == -ESTALE)
		op->version = write->version;

	return err;
}

static __always_inline int
cmap_op_compare_swap(const struct cmap_door *door, struct cmap *map,
		     struct cmap_op *op, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_COMPARE_SWAP, 0);
	err = cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_compare_and_write(door, map, &write, op, gfp);
}

static __always_inline int
cmap_op_compare_delete(const struct cmap_door *door, struct cmap *map,
		       struct cmap_op *op, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_COMPARE_DELETE, CMAP_WRITE_REMOVE);
	err = cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_compare_and_write(door, map, &write, op, gfp);
}

/* ---- the whole map ---- */

static __always_inline int
cmap_op_clear(const struct cmap_door *door, struct cmap *map,
	      struct cmap_op *op, gfp_t gfp)
{
	op->number = cmap_map_clear(map);
	return 0;
}

static __always_inline int
cmap_op_count(const struct cmap_door *door, struct cmap *map,
	      struct cmap_op *op, gfp_t gfp)
{
	op->number = cmap_map_entries(map);
	return 0;
}

#endif /* CMAP_OPERATION_H */
