// SPDX-License-Identifier: GPL-2.0
#include "api/debugfs.h"
#include "api/dev.h"
#include "api/window.h"
#include "core/account.h"
#include "core/limits.h"
#include "core/map.h"
#include "core/queue.h"
#include "core/registry.h"

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

module_param_named(max_maps, cmap_max_maps, uint, 0644);
MODULE_PARM_DESC(max_maps, "Most maps there can be (default 4096)");
module_param_named(max_maps_per_user, cmap_user_max_maps, uint, 0644);
MODULE_PARM_DESC(max_maps_per_user,
		 "Most maps of one user (default 0: a quarter of max_maps)");
module_param_named(max_watches, cmap_max_watches, uint, 0644);
MODULE_PARM_DESC(max_watches, "Most watches there can be (default 16384)");
module_param_named(max_watches_per_user, cmap_user_max_watches, uint, 0644);
MODULE_PARM_DESC(max_watches_per_user,
		 "Most watches of one user (default 0: a quarter of max_watches)");
module_param_named(max_waiters, cmap_max_waiters, uint, 0644);
MODULE_PARM_DESC(max_waiters,
		 "Most keys that can be waited for at once (default 16384)");
module_param_named(max_waiters_per_user, cmap_user_max_waiters, uint, 0644);
MODULE_PARM_DESC(max_waiters_per_user,
		 "Most keys that one user can wait for (default 0: a quarter of max_waiters)");
module_param_named(max_owners, cmap_max_owners, uint, 0644);
MODULE_PARM_DESC(max_owners,
		 "Most owners of entries there can be (default 16384)");
module_param_named(max_owners_per_user, cmap_user_max_owners, uint, 0644);
MODULE_PARM_DESC(max_owners_per_user,
		 "Most owners of entries of one user (default 0: a quarter of max_owners)");
module_param_named(max_shards, cmap_max_shards, uint, 0644);
MODULE_PARM_DESC(max_shards, "Most shards of a map (default 1024)");
module_param_named(max_bytes, cmap_account_all.max, ullong, 0644);
MODULE_PARM_DESC(max_bytes,
		 "Most memory of all maps (default half of the machine's)");

module_param_named(max_bytes_per_user, cmap_user_max_bytes, ullong, 0644);
MODULE_PARM_DESC(max_bytes_per_user,
		 "Most memory of one user's maps (default 0: a quarter of max_bytes)");
module_param_named(reserve_percent, cmap_reserve_percent, uint, 0644);
MODULE_PARM_DESC(reserve_percent,
		 "Percent of max_maps, max_watches, max_waiters, max_owners and max_bytes that only CAP_SYS_RESOURCE may use (default 5)");

static int __init cmap_init(void)
{
	int err;

	if (!cmap_account_all.max)
		cmap_account_all.max = (u64)totalram_pages() * PAGE_SIZE / 2;

	err = cmap_queue_init();
	if (err)
		return err;
	err = cmap_window_init();
	if (err)
		goto queue_exit;
	err = cmap_names_init();
	if (err)
		goto window_exit;
	err = cmap_dev_init();
	if (err)
		goto names_close;
	cmap_debugfs_init();

	return 0;

names_close:
	cmap_names_close();
window_exit:
	cmap_window_exit();
queue_exit:
	cmap_queue_exit();
	return err;
}

/*
 * The module can be unloaded only when no descriptor is open and no other module uses
 * its symbols.  So the only maps left are those that exist because of their names.
 */
static void __exit cmap_exit(void)
{
	cmap_debugfs_exit();
	cmap_dev_exit();
	cmap_names_close();
	/*
	 * All maps are being destroyed: after a grace period each one is in its
	 * queue, where it ends its works.  Flush before the queues are destroyed,
	 * because a queue that is being destroyed refuses delayed works.
	 */
	cmap_queue_flush();
	cmap_queue_exit();
	rcu_barrier();
	cmap_names_exit();
	cmap_window_exit();
	WARN_ON_ONCE(atomic64_read(&cmap_account_all.bytes));
}

module_init(cmap_init);
module_exit(cmap_exit);

MODULE_DESCRIPTION("Concurrent key/value maps shared by processes and the kernel");
MODULE_LICENSE("GPL");
MODULE_VERSION(CMAP_VERSION);
