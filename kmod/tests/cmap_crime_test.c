// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a mistake on request, which a kernel for debugging must detect.  It proves
 * that the detectors work, so a run without reports means something.
 *
 *	echo leak >/sys/module/cmap_crime_test/parameters/commit
 */
#include <linux/cmap.h>

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define SIZE	100

/* Hide a number from the compiler, so that it does not see the mistake. */
static unsigned int hide_number(unsigned int n)
{
	OPTIMIZER_HIDE_VAR(n);
	return n;
}

static noinline void touch(const char *memory, unsigned int i)
{
	READ_ONCE(memory[i]);
}

static int use_after_free(void)
{
	char *memory = kmalloc(SIZE, GFP_KERNEL);
	char *gone = memory;

	OPTIMIZER_HIDE_VAR(gone);
	kfree(memory);
	touch(gone, 0);
	return 0;
}

static int out_of_bounds(void)
{
	char *memory = kmalloc(SIZE, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	touch(memory, hide_number(SIZE));
	kfree(memory);
	return 0;
}

static int undefined_shift(void)
{
	return hide_number(1) << hide_number(35) == 12345 ? -EINVAL : 0;
}

static int leak(void)
{
	char *memory = kmalloc(SIZE, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(memory);
	return memory ? 0 : -ENOMEM;
}

static int sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	kfree(kmalloc(SIZE, GFP_KERNEL));
	spin_unlock(&lock);
	return 0;
}

static int unprotected_rcu(void)
{
	static int __rcu *pointer;

	return rcu_dereference(pointer) ? -EINVAL : 0;
}

static int lock_inversion(void)
{
	static DEFINE_SPINLOCK(one);
	static DEFINE_SPINLOCK(other);

	spin_lock(&one);
	spin_lock(&other);
	spin_unlock(&other);
	spin_unlock(&one);

	spin_lock(&other);
	spin_lock(&one);
	spin_unlock(&one);
	spin_unlock(&other);
	return 0;
}

/* The kernel API's writes may not be called with interrupts disabled. */
static int interrupts_disabled(void)
{
	static const struct cmap_params params = {};
	struct cmap *map = cmap_create(&params);
	unsigned long flags;

	if (IS_ERR(map))
		return PTR_ERR(map);
	local_irq_save(flags);
	cmap_set(map, "k", 1, "v", 1, 0, NULL, GFP_ATOMIC);
	local_irq_restore(flags);
	cmap_put(map);
	return 0;
}

static unsigned long raced;

static void race_once(void)
{
	raced++;
	barrier();
}

static int race_thread(void *unused)
{
	while (!kthread_should_stop()) {
		race_once();
		cond_resched();
	}
	return 0;
}

static int race_on_data(void)
{
	struct task_struct *other = kthread_run(race_thread, NULL, "race");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(other))
		return PTR_ERR(other);
	while (time_before(jiffies, end)) {
		race_once();
		cond_resched();
	}
	return kthread_stop(other);
}

static const struct {
	const char *name;
	int (*commit)(void);
} crimes[] = {
	{ "use_after_free", use_after_free },
	{ "out_of_bounds", out_of_bounds },
	{ "undefined_shift", undefined_shift },
	{ "leak", leak },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "unprotected_rcu", unprotected_rcu },
	{ "lock_inversion", lock_inversion },
	{ "interrupts_disabled", interrupts_disabled },
	{ "data_race", race_on_data },
};

static int commit_crime(const char *name, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(crimes); i++)
		if (sysfs_streq(name, crimes[i].name))
			return crimes[i].commit();
	return -EINVAL;
}

static const struct kernel_param_ops commit_ops = { .set = commit_crime };

module_param_cb(commit, &commit_ops, NULL, 0200);
MODULE_PARM_DESC(commit, "Name of the crime");

static int __init crime_test_init(void)
{
	return 0;
}

static void __exit crime_test_exit(void)
{
}

module_init(crime_test_init);
module_exit(crime_test_exit);

MODULE_DESCRIPTION("Makes mistakes that kernels for debugging must find");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
