// SPDX-License-Identifier: GPL-2.0
/*
 * Makes grace periods long: a thread stays in RCU read sections, for hold_ms each
 * time.  Another thread writes to the map "held", without sleeping in the calls, and
 * counts their results.
 */
#include <linux/cmap.h>

#include <linux/bottom_half.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#define KEYS	100

static unsigned int hold_ms = 1000;
module_param(hold_ms, uint, 0444);
MODULE_PARM_DESC(hold_ms, "How long a read section lasts");

/*
 * Writes that succeeded, that failed with EAGAIN, that failed for lack of memory or
 * room, and that failed with any other error.
 */
static unsigned long written, again, refused, wrong;
module_param(written, ulong, 0444);
module_param(again, ulong, 0444);
module_param(refused, ulong, 0444);
module_param(wrong, ulong, 0444);

static struct cmap *map;
static struct task_struct *holder, *writer;

/* Spin, as sleeping in a read section is not allowed.  It can be preempted. */
static int hold_thread(void *unused)
{
	while (!kthread_should_stop()) {
		unsigned long end = jiffies + msecs_to_jiffies(hold_ms);

		rcu_read_lock();
		while (time_before(jiffies, end) && !kthread_should_stop())
			cpu_relax();
		rcu_read_unlock();
		schedule_timeout_interruptible(1);
	}
	return 0;
}

static int write_thread(void *unused)
{
	char value[200] = {};
	u32 i = 0;

	while (!kthread_should_stop()) {
		u32 key = i++ % KEYS;
		int err;

		local_bh_disable();
		err = cmap_set(map, &key, sizeof(key), value, sizeof(value), 0,
			       NULL, GFP_ATOMIC);
		local_bh_enable();

		if (!err)
			written++;
		else if (err == -EAGAIN)
			again++;
		else if (err == -ENOSPC || err == -ENOMEM)
			refused++;
		else
			wrong++;
		if (err || !(i % KEYS))
			schedule_timeout_interruptible(1);
	}
	return 0;
}

static int __init hold_test_init(void)
{
	map = cmap_open("held");
	if (IS_ERR(map))
		return PTR_ERR(map);

	holder = kthread_run(hold_thread, NULL, "cmap_hold");
	if (IS_ERR(holder)) {
		cmap_put(map);
		return PTR_ERR(holder);
	}
	writer = kthread_run(write_thread, NULL, "cmap_write");
	if (IS_ERR(writer)) {
		kthread_stop(holder);
		cmap_put(map);
		return PTR_ERR(writer);
	}

	return 0;
}

static void __exit hold_test_exit(void)
{
	kthread_stop(writer);
	kthread_stop(holder);
	cmap_put(map);
}

module_init(hold_test_init);
module_exit(hold_test_exit);

MODULE_DESCRIPTION("Test of cmap while grace periods are long");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
