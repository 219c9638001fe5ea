// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of <linux/cmap.h> on the feed, for kernel code.
 */
#include <linux/cmap.h>

#include "../core/feed.h"
#include "../core/map.h"
#include "../core/queue.h"
#include "../core/watch.h"

#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define WORK_LOOKS	SZ_1M	/* bytes that one run of the work looks at */

/**
 * struct cmap_subscription - kernel code that hears of a map's changes
 * @watcher: reads and waits
 * @work: calls @fn
 * @fn: the subscriber's function
 * @arg: its argument
 * @records: room for records
 */
struct cmap_subscription {
	struct cmap_watcher watcher;
	struct work_struct work;
	cmap_subscriber_fn fn;
	void *arg;
	struct cmap_records records;
};

static void subscription_wake(struct cmap_watcher *watcher)
{
	struct cmap_subscription *subscription =
		container_of(watcher, struct cmap_subscription, watcher);

	queue_work(cmap_queue_event, &subscription->work);
}

static void subscription_work(struct work_struct *work)
{
	struct cmap_subscription *subscription =
		container_of(work, struct cmap_subscription, work);
	struct cmap_records *records = &subscription->records;
	u32 i, at = 0;

	records->looks = WORK_LOOKS;
	cmap_watcher_read(&subscription->watcher, records);
	for (i = 0; i < records->count; i++) {
		const struct cmap_feed_record *record =
			(const void *)(records->buf + at);

		subscription->fn(subscription->arg, record);
		at += record->size;
		cond_resched();
	}
	/* Others of this queue get their turn. */
	if (records->more)
		queue_work(cmap_queue_event, work);
}

static struct cmap_filter *prefix_filter(const struct cmap *map,
					 const void *prefix, u32 len)
{
	struct cmap_filter *filter;

	if (len > map->key_max)
		return ERR_PTR(-E2BIG);
	filter = len ? cmap_filter_new(map, CMAP_FILTER_PREFIX, 1, len) :
		       cmap_filter_new(map, CMAP_FILTER_ALL, 0, 0);
	if (!filter)
		return ERR_PTR(-ENOMEM);
	if (len)
		memcpy(cmap_filter_room(filter, 0, len), prefix, len);
	return filter;
}

/**
 * cmap_subscribe() - hear of a map's changes
 * @map: the map, which was made with a feed; the caller has a reference
 * @prefix: how the keys begin that matter
 * @prefix_len: bytes in @prefix; 0 for all keys
 * @fn: called with each record of a change that is made after this call, and with
 *	a record of the cause LOST where there are some missing, or NAME when the map
 *	is renamed or loses its name; see <uapi/linux/cmap_feed.h>
 * @arg: its first argument
 *
 * A work calls @fn, soon after a change, and possibly before this function returns: what
 * @fn uses is ready before the call.  It may sleep, and use the map.  It is called
 * once at a time, in the order of the feed.  While it runs, records that others write
 * may be lost to it: it is told of that.
 *
 * Context: Process.
 * Return: for cmap_unsubscribe(); or an ERR_PTR: -E2BIG, -ENOMEM, -EOPNOTSUPP.
 */
struct cmap_subscription *cmap_subscribe(struct cmap *map, const void *prefix,
					 u32 prefix_len, cmap_subscriber_fn fn,
					 void *arg)
{
	struct cmap_subscription *subscription;
	struct cmap_filter *filter;
	int err = -ENOMEM;

	might_alloc(GFP_KERNEL);
	if (!map->feed_bytes)
		return ERR_PTR(-EOPNOTSUPP);
	filter = prefix_filter(map, prefix, prefix_len);
	if (IS_ERR(filter))
		return ERR_CAST(filter);
	subscription = kzalloc(sizeof(*subscription), CMAP_GFP_KERNEL);
	if (!subscription)
		goto free_filter;

	subscription->fn = fn;
	subscription->arg = arg;
	INIT_WORK(&subscription->work, subscription_work);
	subscription->watcher.wake = subscription_wake;
	subscription->watcher.renames = READ_ONCE(map->events.renames);
	/* The largest record fits. */
	err = cmap_records_new(&subscription->records,
			       max_t(u32, SZ_16K,
				     cmap_feed_record_max(map->key_max,
							   map->feed_value_max)));
	if (!err)
		err = cmap_watcher_begin(&subscription->watcher, map, filter,
					 NULL);
	if (!err)
		return subscription;

	cmap_records_free(&subscription->records, map);
	kfree(subscription);
free_filter:
	cmap_filter_free(filter);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_NS_GPL(cmap_subscribe, CMAP_NAMESPACE);

/**
 * cmap_unsubscribe() - do not hear of a map's changes any more
 * @subscription: from cmap_subscribe().  When this returns its function is not
 *	running, and is not called any more
 *
 * Context: Process; not in that function.
 */
void cmap_unsubscribe(struct cmap_subscription *subscription)
{
	struct cmap *map = subscription->watcher.map;

	cmap_watcher_stop(&subscription->watcher);
	cancel_work_sync(&subscription->work);
	cmap_records_free(&subscription->records, map);
	cmap_watcher_end(&subscription->watcher);
	kfree(subscription);
}
EXPORT_SYMBOL_NS_GPL(cmap_unsubscribe, CMAP_NAMESPACE);
