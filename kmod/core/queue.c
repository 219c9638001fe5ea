// SPDX-License-Identifier: GPL-2.0
#include "queue.h"

#include <linux/rcupdate.h>
#include <linux/workqueue.h>

struct workqueue_struct *cmap_queue_resize;
struct workqueue_struct *cmap_queue_upkeep;
struct workqueue_struct *cmap_queue_event;
struct workqueue_struct *cmap_queue_wake;
struct workqueue_struct *cmap_queue_expire;
struct workqueue_struct *cmap_queue_free;
struct workqueue_struct *cmap_queue_destroy;

static struct workqueue_struct *queue_new(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0, name);
}

/**
 * cmap_queue_init() - allocate the queues
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int cmap_queue_init(void)
{
	cmap_queue_resize = queue_new("cmap_resize");
	if (!cmap_queue_resize)
		return -ENOMEM;
	cmap_queue_upkeep = queue_new("cmap_upkeep");
	if (!cmap_queue_upkeep)
		goto destroy_resize;
	cmap_queue_free = queue_new("cmap_free");
	if (!cmap_queue_free)
		goto destroy_upkeep;
	cmap_queue_event = queue_new("cmap_event");
	if (!cmap_queue_event)
		goto destroy_free;
	cmap_queue_wake = queue_new("cmap_wake");
	if (!cmap_queue_wake)
		goto destroy_event;
	cmap_queue_expire = queue_new("cmap_expire");
	if (!cmap_queue_expire)
		goto destroy_wake;
	cmap_queue_destroy = queue_new("cmap_destroy");
	if (!cmap_queue_destroy)
		goto destroy_expire;

	return 0;

destroy_expire:
	destroy_workqueue(cmap_queue_expire);
destroy_wake:
	destroy_workqueue(cmap_queue_wake);
destroy_event:
	destroy_workqueue(cmap_queue_event);
destroy_free:
	destroy_workqueue(cmap_queue_free);
destroy_upkeep:
	destroy_workqueue(cmap_queue_upkeep);
destroy_resize:
	destroy_workqueue(cmap_queue_resize);
	return -ENOMEM;
}

/**
 * cmap_queue_flush() - wait until everything that was dropped so far is freed
 *
 * After rcu_barrier() whatever waited for a grace period is in its queue.  The end
 * of a map waits for its shards' works and for its memory, so that queue is flushed
 * first.
 *
 * Context: Process.
 */
void cmap_queue_flush(void)
{
	rcu_barrier();
	flush_workqueue(cmap_queue_destroy);
	flush_workqueue(cmap_queue_expire);
	flush_workqueue(cmap_queue_resize);
	flush_workqueue(cmap_queue_upkeep);
	/* Those works may have freed tables, after another grace period. */
	rcu_barrier();
	flush_workqueue(cmap_queue_free);
}

/**
 * cmap_queue_exit() - destroy the queues, when no map is left
 *
 * Context: Process.
 */
void cmap_queue_exit(void)
{
	destroy_workqueue(cmap_queue_destroy);
	destroy_workqueue(cmap_queue_expire);
	destroy_workqueue(cmap_queue_wake);
	destroy_workqueue(cmap_queue_event);
	destroy_workqueue(cmap_queue_free);
	destroy_workqueue(cmap_queue_upkeep);
	destroy_workqueue(cmap_queue_resize);
}
