// SPDX-License-Identifier: GPL-2.0
#include "../core/map.h"
#include "../core/stat.h"
#include "cmd.h"
#include "file.h"
#include "time.h"
#include "uaccess.h"

#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

int cmap_cmd_stat(struct cmap_context *context, void __user *arg)
{
	struct cmap_stat stat;
	u32 size;
	int err;

	err = cmap_copy_in(&stat, arg, id);
	if (err)
		return err;
	if (stat.flags & ~CMAP_STAT_BRIEF)
		return -EINVAL;

	size = min_t(u32, stat.size, sizeof(stat));
	/* A caller that asks only for the id need not wait for sums over shards. */
	if (size == offsetofend(struct cmap_stat, id)) {
		stat.id = context->map->id;
	} else {
		cmap_stat_fill(context->map, &stat);
		stat.clock_offset = cmap_time_offset();
		stat.name_changes = READ_ONCE(context->map->events.renames) -
				    cmap_file_of(context->file)->renames;
	}

	return copy_to_user(arg + offsetof(struct cmap_stat, id), &stat.id,
			    size - offsetof(struct cmap_stat, id)) ?
	       -EFAULT : 0;
}
