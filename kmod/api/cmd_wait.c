// SPDX-License-Identifier: GPL-2.0
/*
 * The command that waits for keys.
 */
#include "../core/limits.h"
#include "../core/op.h"
#include "../core/trace.h"
#include "../core/wait.h"
#include "cmd.h"
#include "uaccess.h"

#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/**
 * struct wait_call - a call that waits
 * @waiter: the waiter
 * @user: the keys as the process has them
 * @bytes: copies of the keys
 * @one: room for these, of a call with one short key
 */
struct wait_call {
	struct cmap_waiter waiter;
	struct cmap_wait_key *user;
	u8 *bytes;
	struct {
		struct cmap_waiter_key key;
		struct cmap_wait_key user;
		u8 bytes[64] __aligned(8);
	} one;
};

/* Check the keys.  Returns their length together; or -E2BIG or -EINVAL. */
static int wait_keys_check(const struct cmap *map, const struct cmap_wait_key *key,
			   u32 count)
{
	int sum = 0, err;
	u32 i;

	for (i = 0; i < count; i++) {
		err = cmap_op_check_key(map, key[i].key_len);
		if (err)
			return err;
		sum += key[i].key_len;
	}
	return sum;
}

static int wait_keys_copy_in(const struct cmap *map, struct wait_call *call,
			     u32 count)
{
	u8 *at = call->bytes;
	struct cmap_key key;
	u32 i;

	for (i = 0; i < count; i++) {
		struct cmap_wait_key *user = &call->user[i];

		if (cmap_user_read(at, u64_to_user_ptr(user->key), user->key_len))
			return -EFAULT;
		cmap_op_hash(map, &key, at, user->key_len);
		cmap_wait_key_init(&call->waiter, i, map, &key, user->version);
		at += user->key_len;
	}
	call->waiter.count = count;
	return 0;
}

/* Set up a call: the keys are checked and copied in. */
static int wait_call_begin(const struct cmap *map, struct wait_call *call,
			   const struct cmap_wait *wait)
{
	int bytes;

	call->user = wait->count == 1 ? &call->one.user :
		     kmalloc_array(wait->count, sizeof(*call->user),
				   CMAP_GFP_KERNEL);
	if (!call->user)
		return -ENOMEM;
	if (cmap_user_read(call->user, u64_to_user_ptr(wait->keys),
			   wait->count * sizeof(*call->user)))
		return -EFAULT;
	bytes = wait_keys_check(map, call->user, wait->count);
	if (bytes < 0)
		return bytes;

	call->bytes = bytes <= (int)sizeof(call->one.bytes) ? call->one.bytes :
		      kvmalloc(bytes, CMAP_GFP_KERNEL);
	call->waiter.key = wait->count == 1 ? &call->one.key :
			   kvmalloc_array(wait->count,
					  sizeof(*call->waiter.key),
					  CMAP_GFP_KERNEL);
	if (!call->bytes || !call->waiter.key)
		return -ENOMEM;
	return wait_keys_copy_in(map, call, wait->count);
}

static void wait_call_end(struct wait_call *call)
{
	if (call->waiter.key != &call->one.key)
		kvfree(call->waiter.key);
	if (call->bytes != call->one.bytes)
		kvfree(call->bytes);
	if (call->user != &call->one.user)
		kfree(call->user);
}

/*
 * Wait, and count the keys as long as that takes.  At a limit, or if the deadline is
 * past, only look.
 */
static int wait_counted(struct cmap_waiter *waiter, u64 deadline)
{
	struct cmap_user *user;
	int changed;

	if (deadline != CMAP_WAIT_FOREVER && deadline <= ktime_get_ns())
		return cmap_wait_look(waiter) ?: -ETIMEDOUT;
	user = cmap_current_count(CMAP_COUNTED_WAITERS, waiter->count);
	if (IS_ERR(user))
		return cmap_wait_look(waiter) ?: PTR_ERR(user);
	changed = cmap_wait_keys(waiter, min_t(u64, deadline, KTIME_MAX));
	cmap_current_uncount(CMAP_COUNTED_WAITERS, waiter->count, user);

	return changed;
}

/* Mark the keys that have changed, and copy them out. */
static int wait_keys_copy_out(const struct wait_call *call, u64 to)
{
	u32 i;

	for (i = 0; i < call->waiter.count; i++) {
		call->user[i].changed = call->waiter.key[i].changed;
		call->user[i].version = call->waiter.key[i].version;
	}
	return cmap_user_write(u64_to_user_ptr(to), call->user,
			       i * sizeof(*call->user));
}

int cmap_cmd_wait(struct cmap_context *context, void __user *arg)
{
	struct wait_call call __uninitialized;
	struct cmap_wait wait __uninitialized;
	int changed;

	changed = cmap_copy_in(&wait, arg, changed);
	if (changed)
		return changed;
	if (wait.flags || !wait.count || wait.count > CMAP_WAIT_KEYS_MAX)
		return -EINVAL;

	call.user = NULL;
	call.bytes = NULL;
	call.waiter.key = NULL;
	changed = wait_call_begin(context->map, &call, &wait);
	if (changed)
		goto end;
	changed = wait_counted(&call.waiter, wait.deadline);
	trace_cmap_wait(context->map, wait.count, changed);
	if (changed <= 0)
		goto end;
	wait.changed = changed;
	changed = wait_keys_copy_out(&call, wait.keys) ?:
		  cmap_copy_out((struct cmap_wait __user *)arg, &wait, changed,
				changed);
end:
	wait_call_end(&call);
	return changed;
}
