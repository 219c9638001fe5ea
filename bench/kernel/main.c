// SPDX-License-Identifier: GPL-2.0
/*
 * cmap beside what else there is in the kernel.
 *
 * Write "check", "quick" or "full" to cmap_bench/run in debugfs, and read
 * cmap_bench/results when that returns.
 */
#include "native.h"
#include "result.h"
#include "suite.h"

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static unsigned int rounds = 5;
module_param(rounds, uint, 0644);
MODULE_PARM_DESC(rounds, "rounds of each measurement (default: 5)");

static unsigned int steps;
module_param(steps, uint, 0644);
MODULE_PARM_DESC(steps, "operations of each thread in a round (default: 50000, on a busy host 20000)");

static unsigned int most = 4000000;
module_param(most, uint, 0644);
MODULE_PARM_DESC(most, "entries in the largest table (default: 4000000)");

static bool busy;
module_param(busy, bool, 0644);
MODULE_PARM_DESC(busy, "measure what suffers from a busy host, and only that (default: no)");

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "measure only operations whose name has this in it");

static char *peers_wanted = "";
module_param_named(peers, peers_wanted, charp, 0444);
MODULE_PARM_DESC(peers, "measure only peers whose name is in this");

static DEFINE_MUTEX(running);
static struct dentry *dir;

/* One round, which leaves no results, of all that threads do beside each other. */
static int check_writers(const struct bench_plan *plan)
{
	struct bench_plan once = *plan;
	int err;

	once.rounds = 0;
	once.steps = min(once.steps, 1000U);
	once.most = min(once.most, 100000U);
	once.busy = false;
	err = bench_suite_writers(&once);
	once.busy = true;
	return err ?: bench_suite_writers(&once);
}

static int bench_run(const char *what)
{
	struct bench_plan plan = {
		.rounds = clamp(rounds, 1U, BENCH_ROUNDS_MAX),
		.steps = steps ? clamp(steps, 1000U, 10000000U) :
				 busy ? 20000 : 50000,
		.most = clamp(most, 1000U, 100000000U),
		.busy = busy,
		.quick = !strcmp(what, "quick"),
		.only = only,
	};
	int err;

	if (!plan.quick && strcmp(what, "check") && strcmp(what, "full"))
		return -EINVAL;
	if (plan.quick) {
		plan.rounds = min(plan.rounds, 3U);
		plan.steps = min(plan.steps, 20000U);
	}

	bench_result_clear();
	err = bench_plan_peers(&plan, peers_wanted) ?: bench_check(&plan);
	if (err)
		return err;
	if (!strcmp(what, "check"))
		return check_writers(&plan);
	if (busy)
		return bench_suite_writers(&plan);
	return bench_suite_tables(&plan) ?: bench_suite_scaling(&plan) ?:
	       bench_suite_growth(&plan) ?: bench_suite_writers(&plan);
}

static ssize_t run_write(struct file *file, const char __user *data,
			 size_t size, loff_t *offset)
{
	char what[16];
	int err;

	if (size >= sizeof(what))
		return -EINVAL;
	if (copy_from_user(what, data, size))
		return -EFAULT;
	what[size] = 0;

	if (mutex_lock_interruptible(&running))
		return -EINTR;
	err = bench_run(strim(what));
	mutex_unlock(&running);

	return err ?: size;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.write = run_write,
	.llseek = noop_llseek,
};

static int results_show(struct seq_file *file, void *unused)
{
	bench_result_show(file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int __init bench_init(void)
{
	int err = bench_native_init();

	if (err)
		return err;
	dir = debugfs_create_dir("cmap_bench", NULL);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	debugfs_create_file("results", 0400, dir, NULL, &results_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(dir);
	bench_result_clear();
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("cmap beside what else there is in the kernel");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
