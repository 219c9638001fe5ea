/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations on a map.  Each is written once, for all doors.
 *
 * A door is a way to call them: ioctl, batch, or the kernel API.  It describes in a
 * constant &struct cmap_door how bytes come in and go out, and instantiates the
 * operations of operation_table.h.  All functions here are inlined there, so the
 * compiler knows the door's constants, and the indirection costs nothing.
 *
 * The arguments are a &struct cmap_op.  The door defines what its addresses mean.
 * Results are stored into its fields as <uapi/linux/cmap.h> describes.  If the op asks for an
 * owner the door gives it, else NULL.
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
 * @faults: a copy can fault; and for an output the address 0 means that only the
 *	value's length is wanted
 * @borrow: makes input available until the end of the operation.  Its first
 *	argument is set to the input's own address or to a copy in the buffer
 * @borrow_both: the same for a key and a value
 * @read: copies bytes in
 * @write: copies bytes out
 * @write_nofault: copies bytes out within an RCU read section
 * @prove: checks, as far as possible, that bytes can be written to an address, and
 *	faults the pages in
 * @to_clock: makes a deadline of the map's clock from one of the caller's
 * @from_clock: the other way round
 *
 * All other functions return 0 or -EFAULT.
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
	u64 (*to_clock)(u64 deadline);
	u64 (*from_clock)(u64 deadline);
};

/* Buffers for input that a door has to copy. */
struct cmap_input {
	u8 key[CMAP_KEY_MAX] __aligned(8);
	u8 value[CMAP_COPY_LOCKED_MAX] __aligned(8);
};

/* ---- input ---- */

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

/* A long value is read straight into a reserved node. */
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

/* The caller has checked that key and value fit the buffers. */
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

/* ---- deadlines and owners ---- */

/* What asks for a deadline, or against one. */
#define CMAP_OP_TIMES							\
	(CMAP_OP_TTL | CMAP_OP_DEADLINE | CMAP_OP_KEEP_DEADLINE)

/* What a trailer is for. */
#define CMAP_OP_EXTENDS	(CMAP_OP_TIMES | CMAP_OP_OWNERS)

/* Decide what a write does about the entry's deadline and owner.  Most have none. */
static __always_inline int
cmap_op_begin_trailer(const struct cmap_door *door, const struct cmap *map,
		      const struct cmap_op *op, struct cmap_owner *owner,
		      struct cmap_write *write)
{
	u64 deadline = op->deadline;

	if (likely(!(op->flags & CMAP_OP_EXTENDS) && !map->default_ttl))
		return 0;
	if (op->flags & CMAP_OP_DEADLINE && deadline)
		deadline = door->to_clock(deadline);
	return cmap_op_set_trailer(map, op->flags, deadline, owner, write);
}

static __always_inline void
cmap_op_tell_deadline(const struct cmap_door *door, struct cmap_op *op,
		      u64 deadline)
{
	op->deadline = likely(!deadline) ? 0 : door->from_clock(deadline);
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

/* Look the entry up, and copy its value out if that takes no page fault. */
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
		output->deadline = cmap_node_deadline(node);
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

/*
 * Copy the value to a kernel buffer first, and from there to the caller outside the
 * RCU read section, where a page fault may sleep.
 */
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
cmap_op_get(const struct cmap_door *door, struct cmap *map,
	    struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
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
		cmap_op_tell_deadline(door, op, output.deadline);
	}

	return err;
}

/* ---- writes that return only a version ---- */

/*
 * Set up a write.  Clearing the whole struct would take longer than all the rest of
 * the setup.  So fields that belong to other flags, and pure results, stay
 * uninitialized.
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
	write->result = 0;
}

/* With these results the write has a version: its own, or the entry's. */
static __always_inline void
cmap_op_tell(const struct cmap_door *door, struct cmap_op *op,
	     const struct cmap_write *write, int err)
{
	if (!err || err == -EEXIST || err == -ESTALE)
		op->version = write->version;
	if (!err || err == -EEXIST || err == -ESTALE || err == -ERANGE)
		cmap_op_tell_deadline(door, op, write->result);
}

static __always_inline int
cmap_op_finish(const struct cmap_door *door, struct cmap *map,
	       struct cmap_write *write, struct cmap_op *op, gfp_t gfp)
{
	int err = cmap_op_write(map, write, gfp);

	if (unlikely(write->ref))
		cmap_op_unreserve(map, write);
	cmap_op_tell(door, op, write, err);
	return err;
}

/* Set up a set, and its condition. */
static __always_inline int
cmap_op_begin_set(const struct cmap_door *door, const struct cmap *map,
		  struct cmap_write *write, const struct cmap_op *op,
		  struct cmap_owner *owner)
{
	cmap_op_begin(write, CMAP_CODE_SET, 0);
	switch (op->flags & ~CMAP_OP_EXTENDS) {
	case 0:
		break;
	case CMAP_OP_INSERT:
		write->flags = CMAP_WRITE_ABSENT;
		break;
	case CMAP_OP_REPLACE:
		write->flags = CMAP_WRITE_PRESENT;
		break;
	case CMAP_OP_VERSION:
		write->flags = CMAP_WRITE_VERSION;
		write->expected = op->version;
		if (!op->version)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	return cmap_op_begin_trailer(door, map, op, owner, write);
}

static __always_inline int
cmap_op_set(const struct cmap_door *door, struct cmap *map,
	    struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	err = cmap_op_begin_set(door, map, &write, op, owner) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_finish(door, map, &write, op, gfp);
}

static __always_inline int
cmap_op_delete(const struct cmap_door *door, struct cmap *map,
	       struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_DELETE, CMAP_WRITE_DELETE);
	if (op->flags & CMAP_OP_VERSION) {
		if (!op->version)
			return -EINVAL;
		write.flags |= CMAP_WRITE_VERSION;
		write.expected = op->version;
	}

	err = cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_finish(door, map, &write, op, gfp);
}

/* Another deadline, the same value, a new version. */
static __always_inline int
cmap_op_touch(const struct cmap_door *door, struct cmap *map,
	      struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_TOUCH,
		      CMAP_WRITE_PRESENT | CMAP_WRITE_TOUCH | CMAP_WRITE_TIMED);
	write.deadline = 0;
	if (op->flags & CMAP_OP_VERSION) {
		if (!op->version)
			return -EINVAL;
		write.flags |= CMAP_WRITE_VERSION;
		write.expected = op->version;
	}
	err = cmap_op_begin_trailer(door, map, op, owner, &write) ?:
	      cmap_op_read_key(door, map, op, &input, &write.key) ?:
	      cmap_op_touch_entry(map, &write, gfp);
	cmap_op_tell(door, op, &write, err);
	return err;
}

static __always_inline int
cmap_op_add(const struct cmap_door *door, struct cmap *map,
	    struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_ADD, CMAP_WRITE_ADD);
	write.value_len = sizeof(s64);
	write.number = op->number;
	write.start = op->start;
	if (op->flags & CMAP_OP_CEILING) {
		write.flags |= CMAP_WRITE_CEILING;
		write.ceiling = op->ceiling;
	}
	/* Counting goes on until the deadline that the first count has set. */
	write.deadline = 0;
	if (!(op->flags & CMAP_OP_TIMES))
		write.flags |= CMAP_WRITE_TIMED | CMAP_WRITE_KEEP;
	err = cmap_op_begin_trailer(door, map, op, owner, &write) ?:
	      cmap_op_check_value(map, write.value_len) ?:
	      cmap_op_read_key(door, map, op, &input, &write.key) ?:
	      cmap_op_finish(door, map, &write, op, gfp);
	if (!err || err == -ERANGE)
		op->number = write.number;

	return err;
}

/* ---- writes that return the old value ---- */

/*
 * Before the entry changes, prove that the old value can be copied out, by copying
 * the present value.  If the value is still the same when the write is made,
 * nothing has to be copied afterwards.
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
		/* Start over if the old value fits, but exceeds the proven part. */
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
	cmap_op_tell_deadline(door, op, write->flags & CMAP_WRITE_DELETE ?
			      cmap_node_deadline(old) : write->result);
	if (old && cmap_op_wants_value(door, output) &&
	    old->version != output->version)
		err = door->write(output->at, cmap_node_value(old),
				  op->old_len);
	cmap_op_retire_old(map, write);

	return err;
}

static __always_inline int
cmap_op_take(const struct cmap_door *door, struct cmap *map,
	     struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	int err;

	cmap_op_begin(&write, CMAP_CODE_TAKE, CMAP_WRITE_DELETE);
	err = cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_write_and_give_old(door, map, &write, op,
						 &output, gfp);
}

static __always_inline int
cmap_op_swap(const struct cmap_door *door, struct cmap *map,
	     struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	int err;

	cmap_op_begin(&write, CMAP_CODE_SWAP, 0);
	err = cmap_op_begin_trailer(door, map, op, owner, &write) ?:
	      cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_write_and_give_old(door, map, &write, op,
						 &output, gfp);
}

static __always_inline int
cmap_op_get_or_set(const struct cmap_door *door, struct cmap *map,
		   struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	struct cmap_output output;
	unsigned int rounds = 0;
	bool got;
	int err;

	cmap_op_begin(&write, CMAP_CODE_GET_OR_SET, CMAP_WRITE_ABSENT);
	err = cmap_op_begin_trailer(door, map, op, owner, &write) ?:
	      cmap_op_output(door, &output, op->old, op->old_len) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	if (err)
		return err;

	/* It starts over only if the key was set and deleted in between. */
	do {
		err = cmap_op_get_value(door, map, &write.key, &output, gfp);
		got = err != -ENOENT;
		if (got) {
			write.version = output.version;
			write.old_version = output.version;
			write.result = output.deadline;
			cmap_trace_write(map, &write, err);
			break;
		}
		err = cmap_op_write(map, &write, gfp);
		output.len = 0;
		output.version = write.version;
		output.deadline = write.result;
		if (err != -EEXIST)
			break;
		err = cmap_op_start_over(gfp, &rounds);
	} while (!err);
	cmap_op_unreserve(map, &write);

	if (!err || err == -EMSGSIZE) {
		op->old_len = output.len;
		op->version = output.version;
		op->number = got;
		cmap_op_tell_deadline(door, op, output.deadline);
	}

	return err;
}

/* ---- writes that compare ---- */

/* Get the value to compare with.  A short one is copied to @buf at most. */
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

	/* Not vmemdup_user(), which does not charge the caller's memory cgroup. */
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
	cmap_op_tell(door, op, write, err);

	return err;
}

static __always_inline int
cmap_op_compare_swap(const struct cmap_door *door, struct cmap *map,
		     struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_COMPARE_SWAP, 0);
	err = cmap_op_begin_trailer(door, map, op, owner, &write) ?:
	      cmap_op_read_both(door, map, op, &input, &write, gfp);
	return err ?: cmap_op_compare_and_write(door, map, &write, op, gfp);
}

static __always_inline int
cmap_op_compare_delete(const struct cmap_door *door, struct cmap *map,
		       struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_write write __uninitialized;
	struct cmap_input input __uninitialized;
	int err;

	cmap_op_begin(&write, CMAP_CODE_COMPARE_DELETE, CMAP_WRITE_DELETE);
	err = cmap_op_read_key(door, map, op, &input, &write.key);
	return err ?: cmap_op_compare_and_write(door, map, &write, op, gfp);
}

/* ---- the whole map ---- */

static __always_inline int
cmap_op_clear(const struct cmap_door *door, struct cmap *map,
	      struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	op->number = cmap_map_clear(map);
	return 0;
}

static __always_inline int
cmap_op_count(const struct cmap_door *door, struct cmap *map,
	      struct cmap_op *op, struct cmap_owner *owner, gfp_t gfp)
{
	op->number = cmap_map_count(map, gfpflags_allow_blocking(gfp));
	return 0;
}

#endif /* CMAP_OPERATION_H */
