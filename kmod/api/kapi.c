// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of <linux/cmap.h>, for kernel code.
 */
#include <linux/cmap.h>

#include "../core/map.h"
#include "../core/operation.h"
#include "../core/orphan.h"
#include "../core/registry.h"
#include "../core/scan.h"
#include "../core/supply.h"
#include "../core/trace.h"

#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

/* Most consecutive empty buckets that a range reads where it must not sleep. */
#define RANGE_EMPTY_MAX		256

/**
 * cmap_create() - create a map
 * @params: what it shall be
 *
 * No user pays for the map.  A name is in the initial network namespace and must
 * begin with CMAP_KERNEL_PREFIX, so no process can have used it before.
 *
 * Context: Process.
 * Return: the map, to be dropped by cmap_put(); or an ERR_PTR: -EEXIST, -EINTR,
 * -EINVAL, -ENFILE, -ENOMEM, -ENOSPC.
 */
struct cmap *cmap_create(const struct cmap_params *params)
{
	struct cmap_spec spec = {
		.name = params->name,
		.kernel = true,
		.flags = params->flags,
		.mode = params->mode,
		.uid = GLOBAL_ROOT_UID,
		.gid = GLOBAL_ROOT_GID,
		.key_max = params->key_max,
		.value_max = params->value_max,
		.shards = params->shards,
		.feed_bytes = params->feed_bytes,
		.feed_value_max = params->feed_value_max,
		.max_entries = params->max_entries,
		.max_bytes = params->max_bytes,
		.default_ttl = params->default_ttl,
		.description = params->description,
	};
	struct cmap *map;
	int err;

	might_alloc(GFP_KERNEL);
	if (spec.name && (!cmap_name_valid(spec.name, strlen(spec.name)) ||
			  !cmap_name_kernels(spec.name)))
		return ERR_PTR(-EINVAL);

	map = cmap_supply_map(&spec);
	if (IS_ERR(map))
		return map;
	err = cmap_names_add(map, cmap_names_initial());
	if (err) {
		cmap_map_put(map);
		return ERR_PTR(err);
	}

	return map;
}
EXPORT_SYMBOL_NS_GPL(cmap_create, CMAP_NAMESPACE);

/**
 * cmap_open() - find root's map by its name
 * @name: the name, in the initial network namespace
 *
 * Any process can create a map with a name that does not begin with
 * CMAP_KERNEL_PREFIX.  To protect the caller from such a map, one that does not
 * belong to root is refused.
 *
 * Context: Process.
 * Return: the map, to be dropped by cmap_put(); or an ERR_PTR: -ENOENT, -EACCES.
 */
struct cmap *cmap_open(const char *name)
{
	struct cmap *map = cmap_open_any(name);

	if (!IS_ERR(map) && !uid_eq(READ_ONCE(map->uid), GLOBAL_ROOT_UID)) {
		cmap_map_put(map);
		return ERR_PTR(-EACCES);
	}
	return map;
}
EXPORT_SYMBOL_NS_GPL(cmap_open, CMAP_NAMESPACE);

/**
 * cmap_open_any() - find a map by name, whoever owns it
 * @name: the name, in the initial network namespace
 *
 * Context: Process.
 * Return: the map, to be dropped by cmap_put(); or ERR_PTR(-ENOENT).
 */
struct cmap *cmap_open_any(const char *name)
{
	return cmap_names_open(cmap_names_initial(), name, 0, false, NULL);
}
EXPORT_SYMBOL_NS_GPL(cmap_open_any, CMAP_NAMESPACE);

/**
 * cmap_unlink() - remove a map's name
 * @map: the map
 *
 * If another map has the name by now, that map keeps it.
 *
 * Context: Process.
 * Return: 0, or -ENOENT if the map has no name, or no longer has it.
 */
int cmap_unlink(struct cmap *map)
{
	return cmap_names_unlink_map(map);
}
EXPORT_SYMBOL_NS_GPL(cmap_unlink, CMAP_NAMESPACE);

/**
 * cmap_put() - drop a reference to a map
 * @map: from cmap_create() or cmap_open().  No call that uses this reference is
 *	running
 *
 * Values found by cmap_lookup() stay valid until the end of their RCU read sections.
 *
 * Context: Process or softirq.
 */
void cmap_put(struct cmap *map)
{
	cmap_map_put(map);
}
EXPORT_SYMBOL_NS_GPL(cmap_put, CMAP_NAMESPACE);

/* ---- the door for kernel code: bytes are in kernel memory ---- */

static inline int direct_borrow(const void **at, void *buf, u64 from, u32 len)
{
	*at = (const void *)(uintptr_t)from;
	return 0;
}

static inline int direct_borrow_both(const void **key, void *key_buf,
				     u64 key_from, u32 key_len,
				     const void **value, void *value_buf,
				     u64 value_from, u32 value_len)
{
	*key = (const void *)(uintptr_t)key_from;
	*value = (const void *)(uintptr_t)value_from;
	return 0;
}

static inline int direct_read(void *to, u64 from, u32 len)
{
	memcpy(to, (const void *)(uintptr_t)from, len);
	return 0;
}

static inline int direct_write(u64 to, const void *from, u32 len)
{
	memcpy((void *)(uintptr_t)to, from, len);
	return 0;
}

/* Kernel code's deadlines are those of the map's clock. */
static inline u64 direct_clock(u64 deadline)
{
	return deadline;
}

static const struct cmap_door direct_door = {
	.borrow = direct_borrow,
	.borrow_both = direct_borrow_both,
	.read = direct_read,
	.write = direct_write,
	.write_nofault = direct_write,
	.to_clock = direct_clock,
	.from_clock = direct_clock,
};

#define OP(_fn, _flags, ...)						\
	static __always_inline int					\
	kernel_##_fn(struct cmap *map, struct cmap_op *op, gfp_t gfp)	\
	{								\
		if (op->flags & ~(_flags))				\
			return -EINVAL;					\
		return cmap_op_##_fn(&direct_door, map, op, NULL, gfp);	\
	}
#include "../core/operation_table.h"

#define OP_KEY(_key, _len)						\
	.key = (uintptr_t)(_key), .key_len = (_len)
#define OP_VALUE(_value, _len)						\
	.value = (uintptr_t)(_value), .value_len = (_len)
#define OP_OLD(_old, _len)						\
	.old = (uintptr_t)(_old), .old_len = (_len)

/* ---- reading ---- */

static void kapi_set_version(u64 *version, u64 value)
{
	if (version)
		*version = value;
}

static __always_inline bool kapi_lookup_entry(struct cmap *map, const void *key,
					      u32 key_len, struct cmap_value *value)
{
	const struct cmap_node *node;
	struct cmap_key k __uninitialized;

	if (unlikely(cmap_op_key(map, &k, key, key_len)))
		return false;

	node = cmap_op_find(map, &k);
	if (!node) {
		cmap_op_note_get(map, &k, 0, -ENOENT, 0);
		return false;
	}
	*value = (struct cmap_value){
		.data = cmap_node_value_after(node, key_len),
		.len = cmap_node_value_len(node),
		.version = node->version,
	};
	cmap_op_note_get(map, &k, value->len, 0, value->version);

	return true;
}

static noinline bool kapi_lookup_any(struct cmap *map, const void *key, u32 key_len,
				     struct cmap_value *value)
{
	return kapi_lookup_entry(map, key, key_len, value);
}

/**
 * cmap_lookup() - find a value without copying it
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: set to the value, which is valid until the end of the RCU read section
 *
 * Context: RCU read section; process or softirq.
 * Return: true if the key was found.
 */
bool cmap_lookup(struct cmap *map, const void *key, u32 key_len,
		 struct cmap_value *value)
{
	/* For the most common length: a constant makes the code a third shorter. */
	if (likely(key_len == 8))
		return kapi_lookup_entry(map, key, 8, value);
	return kapi_lookup_any(map, key, key_len, value);
}
EXPORT_SYMBOL_NS_GPL(cmap_lookup, CMAP_NAMESPACE);

/**
 * cmap_get() - copy a value
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @buf: buffer for the value
 * @len: in: room there; out: the value's length, also with -EMSGSIZE
 * @version: set to the entry's version; may be NULL
 *
 * Context: Process or softirq.
 * Return: 0, -E2BIG, -EINVAL, -EMSGSIZE or -ENOENT.
 */
int cmap_get(struct cmap *map, const void *key, u32 key_len, void *buf,
	     u32 *len, u64 *version)
{
	struct cmap_op op = { OP_KEY(key, key_len), OP_VALUE(buf, *len) };
	int err = kernel_get(map, &op, GFP_ATOMIC);

	*len = op.value_len;
	if (!err || err == -EMSGSIZE)
		kapi_set_version(version, op.version);

	return err;
}
EXPORT_SYMBOL_NS_GPL(cmap_get, CMAP_NAMESPACE);

/* ---- writing ---- */

/* Store the version, if the operation has set one. */
static int kapi_tell_version(const struct cmap_op *op, u64 *version, int err)
{
	if (!err || err == -EEXIST || err == -ESTALE)
		kapi_set_version(version, op->version);
	return err;
}

/**
 * cmap_set() - set a value
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: the value
 * @len: bytes in it
 * @flags: 0, CMAP_OP_INSERT, CMAP_OP_REPLACE or CMAP_OP_VERSION
 * @version: in, with CMAP_OP_VERSION: the version to replace; out: the new
 *	one, or with -EEXIST and -ESTALE the one there is; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EAGAIN, -EDQUOT, -EEXIST, -EINTR, -EINVAL, -ENOENT,
 * -ENOMEM, -ENOSPC, -ESTALE or -EXFULL.
 */
int cmap_set(struct cmap *map, const void *key, u32 key_len, const void *value,
	     u32 len, u32 flags, u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), OP_VALUE(value, len),
		.flags = flags, .version = version ? *version : 0,
	};

	might_alloc(gfp);
	if (flags > U16_MAX)
		return -EINVAL;
	return kapi_tell_version(&op, version, kernel_set(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_set, CMAP_NAMESPACE);

/**
 * cmap_delete() - delete an entry
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @flags: 0 or CMAP_OP_VERSION
 * @version: in, with CMAP_OP_VERSION: the version to delete; out: the
 *	deletion's, or with -ESTALE the one there is; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EINVAL, -ENOENT or -ESTALE.
 */
int cmap_delete(struct cmap *map, const void *key, u32 key_len, u32 flags,
		u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len),
		.flags = flags, .version = version ? *version : 0,
	};

	might_alloc(gfp);
	if (flags > U16_MAX)
		return -EINVAL;
	return kapi_tell_version(&op, version, kernel_delete(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_delete, CMAP_NAMESPACE);

/* Results of an operation that returns the old value: 1 if there was one. */
static int kapi_give_old(const struct cmap_op *op, u32 *old_len, u64 *version,
			 int err)
{
	if (!err || err == -EMSGSIZE)
		*old_len = op->old_len;
	return kapi_tell_version(op, version, err) ?: op->number;
}

/**
 * cmap_take() - delete an entry and get its value
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @old: buffer for the value
 * @old_len: in: room there; out: the value's length, also with -EMSGSIZE
 * @version: set to the deletion's version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EINVAL, -EMSGSIZE or -ENOENT.
 */
int cmap_take(struct cmap *map, const void *key, u32 key_len, void *old,
	      u32 *old_len, u64 *version, gfp_t gfp)
{
	struct cmap_op op = { OP_KEY(key, key_len), OP_OLD(old, *old_len) };
	int err;

	might_alloc(gfp);
	err = kernel_take(map, &op, gfp);
	return min(kapi_give_old(&op, old_len, version, err), 0);
}
EXPORT_SYMBOL_NS_GPL(cmap_take, CMAP_NAMESPACE);

/**
 * cmap_swap() - set a value and get the old one
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: the new value
 * @len: bytes in it
 * @old: buffer for the old value
 * @old_len: in: room there; out: the old value's length, also with -EMSGSIZE
 * @version: set to the new version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 1 if there was a value, 0 if none; or -E2BIG, -EAGAIN, -EDQUOT,
 * -EINTR, -EINVAL, -EMSGSIZE, -ENOMEM, -ENOSPC or -EXFULL.
 */
int cmap_swap(struct cmap *map, const void *key, u32 key_len,
	      const void *value, u32 len, void *old, u32 *old_len,
	      u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), OP_VALUE(value, len),
		OP_OLD(old, *old_len),
	};

	might_alloc(gfp);
	return kapi_give_old(&op, old_len, version, kernel_swap(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_swap, CMAP_NAMESPACE);

/**
 * cmap_compare_swap() - set a value if the present one is the expected one
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @expected: what the value must be
 * @expected_len: bytes in it
 * @value: the new value
 * @len: bytes in it
 * @version: set to the new version, or with -ESTALE to the one there is; may
 *	be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EAGAIN, -EDQUOT, -EINTR, -EINVAL, -ENOENT, -ENOMEM,
 * -ENOSPC or -ESTALE.
 */
int cmap_compare_swap(struct cmap *map, const void *key, u32 key_len,
		      const void *expected, u32 expected_len,
		      const void *value, u32 len, u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), OP_VALUE(value, len),
		OP_OLD(expected, expected_len),
	};

	might_alloc(gfp);
	return kapi_tell_version(&op, version, kernel_compare_swap(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_compare_swap, CMAP_NAMESPACE);

/**
 * cmap_compare_delete() - delete an entry if its value is the expected one
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @expected: what the value must be
 * @expected_len: bytes in it
 * @version: set to the deletion's version, or with -ESTALE to the one there
 *	is; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EAGAIN, -EINTR, -EINVAL, -ENOENT or -ESTALE.
 */
int cmap_compare_delete(struct cmap *map, const void *key, u32 key_len,
			const void *expected, u32 expected_len, u64 *version,
			gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), OP_OLD(expected, expected_len),
	};

	might_alloc(gfp);
	return kapi_tell_version(&op, version, kernel_compare_delete(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_compare_delete, CMAP_NAMESPACE);

/**
 * cmap_get_or_set() - get the value, or set it if the key is absent
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: the value to set
 * @len: bytes in it
 * @old: buffer for the value that is there
 * @old_len: in: room there; out: its length, also with -EMSGSIZE
 * @version: set to the entry's version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 1 if there was a value, 0 if @value was set; or -E2BIG, -EAGAIN,
 * -EDQUOT, -EINTR, -EINVAL, -EMSGSIZE, -ENOMEM, -ENOSPC or -EXFULL.
 */
int cmap_get_or_set(struct cmap *map, const void *key, u32 key_len,
		    const void *value, u32 len, void *old, u32 *old_len,
		    u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), OP_VALUE(value, len),
		OP_OLD(old, *old_len),
	};
	int err;

	might_alloc(gfp);
	err = kernel_get_or_set(map, &op, gfp);
	if (err == -EMSGSIZE)
		kapi_set_version(version, op.version);
	return kapi_give_old(&op, old_len, version, err);
}
EXPORT_SYMBOL_NS_GPL(cmap_get_or_set, CMAP_NAMESPACE);

/**
 * cmap_add() - add to a signed 64-bit number
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @delta: the number to add
 * @start: the number that an absent entry counts as
 * @sum: set to the sum; may be NULL
 * @version: set to the new version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EAGAIN, -EDOM, -EDQUOT, -EINTR, -EINVAL, -ENOMEM,
 * -ENOSPC, -EOVERFLOW or -EXFULL.
 */
int cmap_add(struct cmap *map, const void *key, u32 key_len, s64 delta,
	     s64 start, s64 *sum, u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), .number = delta, .start = start,
	};
	int err;

	might_alloc(gfp);
	err = kapi_tell_version(&op, version, kernel_add(map, &op, gfp));
	if (!err && sum)
		*sum = op.number;

	return err;
}
EXPORT_SYMBOL_NS_GPL(cmap_add, CMAP_NAMESPACE);

/**
 * cmap_touch() - give an entry another deadline
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @ttl: for how many nanoseconds from now the entry lives; not 0
 * @version: set to the new version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * cmap_execute() with CMAP_OP_DEADLINE can also make the entry live for ever.
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0, -E2BIG, -EAGAIN, -EDQUOT, -EINTR, -EINVAL, -ENOENT, -ENOMEM or -ENOSPC.
 */
int cmap_touch(struct cmap *map, const void *key, u32 key_len, u64 ttl,
	       u64 *version, gfp_t gfp)
{
	struct cmap_op op = {
		OP_KEY(key, key_len), .deadline = ttl,
		.flags = CMAP_OP_TTL,
	};

	might_alloc(gfp);
	return kapi_tell_version(&op, version, kernel_touch(map, &op, gfp));
}
EXPORT_SYMBOL_NS_GPL(cmap_touch, CMAP_NAMESPACE);

#define OP(_fn, ...)							\
	static int any_##_fn(struct cmap *map, struct cmap_op *op,	\
			     struct cmap_owner *owner, gfp_t gfp)	\
	{								\
		return cmap_op_##_fn(&direct_door, map, op, owner, gfp); \
	}
#include "../core/operation_table.h"

#define OP(_fn, _flags, _code, ...)					\
	[CMAP_CODE_##_code] = { .fn = any_##_fn, .flags = _flags },

static const struct {
	int (*fn)(struct cmap *map, struct cmap_op *op,
		  struct cmap_owner *owner, gfp_t gfp);
	u16 flags;
} operations[] = {
#include "../core/operation_table.h"
};

/**
 * cmap_execute() - carry out an operation on a key, with all that it can be told
 * @map: the map
 * @op: the operation, see &struct cmap_op.  @code says which, from CMAP_CODE_GET to
 *	CMAP_CODE_TOUCH.  Its pointers are addresses in the kernel, and deadlines are
 *	those of CLOCK_BOOTTIME.  @size is not used, nor is @error
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: as the operation's own function.
 */
int cmap_execute(struct cmap *map, struct cmap_op *op, gfp_t gfp)
{
	return cmap_execute_owned(map, op, NULL, gfp);
}
EXPORT_SYMBOL_NS_GPL(cmap_execute, CMAP_NAMESPACE);

/* ---- owners ---- */

/**
 * cmap_owner_create() - make an owner of entries
 * @map: the map, to which the caller has a reference for as long as the owner exists
 *
 * Context: Process.
 * Return: the owner, which ends by cmap_owner_destroy(); or an ERR_PTR: -ENFILE if the map
 * has CMAP_OWNERS_MAX of them, -ENOMEM, -ENOSPC.
 */
struct cmap_owner *cmap_owner_create(struct cmap *map)
{
	might_alloc(GFP_KERNEL);
	return cmap_owner_new(&map->owners, cmap_orphan_work);
}
EXPORT_SYMBOL_NS_GPL(cmap_owner_create, CMAP_NAMESPACE);

/**
 * cmap_owner_destroy() - end an owner
 * @owner: from cmap_owner_create().  No call that uses it is running
 *
 * When this returns, the owner's entries are absent for every reader: all from one moment
 * on.  If there are more than a few they are removed later.
 *
 * Context: Process or softirq.
 */
void cmap_owner_destroy(struct cmap_owner *owner)
{
	cmap_owner_end(owner);
}
EXPORT_SYMBOL_NS_GPL(cmap_owner_destroy, CMAP_NAMESPACE);

/**
 * cmap_execute_owned() - carry out an operation that gives an entry an owner
 * @map: the map
 * @op: the operation, as for cmap_execute(), with CMAP_OP_OWNED
 * @owner: the owner, of this map
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: as the operation's own function.
 */
int cmap_execute_owned(struct cmap *map, struct cmap_op *op,
		       struct cmap_owner *owner, gfp_t gfp)
{
	might_alloc(gfp);
	if (op->code > CMAP_CODE_TOUCH || !operations[op->code].fn ||
	    op->flags & ~operations[op->code].flags ||
	    op->flags & CMAP_OP_OWNED_BY_PROCESS)
		return -EINVAL;
	return operations[op->code].fn(map, op, owner, gfp);
}
EXPORT_SYMBOL_NS_GPL(cmap_execute_owned, CMAP_NAMESPACE);

/* ---- the whole map ---- */

/**
 * cmap_clear() - remove every entry that is there during the whole call
 * @map: the map
 *
 * Context: Process.
 * Return: how many were removed.
 */
u64 cmap_clear(struct cmap *map)
{
	struct cmap_op op = {};

	kernel_clear(map, &op, GFP_KERNEL);
	return op.number;
}
EXPORT_SYMBOL_NS_GPL(cmap_clear, CMAP_NAMESPACE);

/**
 * cmap_count() - count entries
 * @map: the map
 *
 * If many entries have just expired, some of them may be counted.
 *
 * Context: Process or softirq.
 * Return: how many there are.
 */
u64 cmap_count(struct cmap *map)
{
	struct cmap_op op = {};

	kernel_count(map, &op, GFP_ATOMIC);
	return op.number;
}
EXPORT_SYMBOL_NS_GPL(cmap_count, CMAP_NAMESPACE);

/* Call @fn for the entries that were found.  False if @fn wants to stop. */
static bool kapi_range_bucket(struct cmap_scan *scan, cmap_range_fn fn, void *arg)
{
	u32 i;

	for (i = 0; i < scan->count; i++) {
		const struct cmap_found *found = &scan->found[i];
		const struct cmap_value value = {
			.data = cmap_node_value(found->node),
			.len = cmap_node_value_len(found->node),
			.version = found->node->version,
		};

		scan->position = found->position;
		scan->tie = found->tie;
		if (!fn(found->node->key, cmap_node_key_len(found->node),
			&value, arg))
			return false;
	}
	cmap_scan_pass(scan);

	return true;
}

/**
 * cmap_range() - call a function for each entry
 * @map: the map
 * @cursor: where to begin, zeroed for the start.  Advanced past the last entry that
 *	@fn was called for
 * @fn: called for each entry in an RCU read section, in which key and value are
 *	valid; returns false to stop
 * @arg: for @fn
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * For an entry that is there during the whole call @fn is called exactly once, and for
 * no entry twice.  Between two buckets this leaves the RCU read section.
 *
 * @fn can stop the range only where there are entries.  So where sleeping is not
 * allowed, this ends by itself after many consecutive empty buckets, with -EAGAIN.
 * Call it again with the cursor, perhaps later.
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: 0 at the end of the map, 1 if @fn stopped, -EAGAIN if this ended
 * early, or -ENOMEM.
 */
int cmap_range(struct cmap *map, struct cmap_cursor *cursor, cmap_range_fn fn,
	       void *arg, gfp_t gfp)
{
	bool patient = gfpflags_allow_blocking(gfp);
	struct cmap_scan *scan;
	u64 count = 0;
	u32 empty = 0;
	int err = 0;

	might_alloc(gfp);
	scan = kmalloc(sizeof(*scan), gfp);
	if (!scan)
		return -ENOMEM;
	cmap_scan_begin(scan, map, cursor);

	while (!err && scan->position < CMAP_POSITION_END) {
		rcu_read_lock();
		if (cmap_scan_next(scan) && !kapi_range_bucket(scan, fn, arg))
			err = 1;
		rcu_read_unlock();

		count += scan->count;
		empty = scan->count ? 0 : empty + 1;
		if (patient)
			cond_resched();
		else if (!err && empty == RANGE_EMPTY_MAX)
			err = -EAGAIN;
	}

	cmap_scan_cursor(scan, scan->position, scan->tie, cursor);
	trace_cmap_range(map, count);
	kfree(scan);

	return err;
}
EXPORT_SYMBOL_NS_GPL(cmap_range, CMAP_NAMESPACE);
