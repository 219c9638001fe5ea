// SPDX-License-Identifier: GPL-2.0
/*
 * The function of <linux/cmap.h> that waits, for kernel code.
 */
#include <linux/cmap.h>

#include "../core/op.h"
#include "../core/trace.h"
#include "../core/wait.h"

#include <linux/module.h>

/**
 * cmap_wait() - wait until a key has another version
 * @map: the map
 * @key: the key; not changed meanwhile
 * @key_len: bytes in it
 * @version: the version that the key is known to have.  On success set to its
 *	version now.  See &struct cmap_wait_key in <uapi/linux/cmap_feed.h> for the
 *	versions of an absent key
 * @deadline: until when, by CLOCK_MONOTONIC; 0: only look; KTIME_MAX: no limit
 *
 * It returns for every change, also for one before the call, and for one that has
 * been undone.  It may return without a change of a key that is absent.
 *
 * Context: Process; the caller has a reference to the map.
 * Return: 0, -E2BIG, -EDQUOT, -EINVAL, -ENOMEM, -ENOSPC, -ETIMEDOUT; -ERESTARTSYS if
 * there is a signal.
 */
int cmap_wait(struct cmap *map, const void *key, u32 key_len, u64 *version,
	      ktime_t deadline)
{
	struct cmap_waiter_key waiter_key;
	struct cmap_waiter waiter = { .count = 1, .key = &waiter_key };
	struct cmap_key hashed;
	int changed;

	might_sleep();
	changed = cmap_op_key(map, &hashed, key, key_len);
	if (changed)
		return changed;
	cmap_wait_key_init(&waiter, 0, map, &hashed, *version);
	changed = cmap_wait_keys(&waiter, deadline);
	trace_cmap_wait(map, 1, changed);
	if (changed < 0)
		return changed;

	*version = waiter_key.version;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cmap_wait, CMAP_NAMESPACE);
