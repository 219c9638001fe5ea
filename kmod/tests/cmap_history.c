// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel code that takes part in histories: a thread and a tasklet call the kernel
 * API while processes use the same map, and record the operations in the same memory
 * with the same clock.
 *
 * The contents of that memory are trusted, as only root can open the device.
 */
#include "cmap_history.h"

#include <linux/cmap.h>

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define BURST		32	/* operations in a burst */
#define RANGE_EVERY	32	/* bursts for each range */

/* State of an open file: the shared memory, once it is mapped. */
struct session {
	struct mutex lock;	/* held while @area is allocated */
	struct history_area *area;
	unsigned long size;
};

/**
 * struct runner - a worker in the kernel
 * @area: the shared memory
 * @log: its log
 * @room: how many records fit the log
 * @map: the map
 * @door: HISTORY_KERNEL or HISTORY_SOFTIRQ
 * @classes: number of classes of values
 * @bursts: bursts done so far
 * @in: buffer for the value to write
 * @out: buffer for the value read
 * @expect: buffer for the value to compare with
 * @tasklet: does a burst
 * @done: completed after a burst by the tasklet, and at the end by the thread
 * @cancel: the thread shall end early
 */
struct runner {
	struct history_area *area;
	struct history_log *log;
	u64 room;
	struct cmap *map;
	u32 door;
	u32 classes;
	u32 bursts;
	u64 *in;
	u64 *out;
	u64 *expect;
	struct tasklet_struct tasklet;
	struct completion done;
	bool cancel;
};

/* The next time.  Fully ordered, like the same operation in processes. */
static u64 runner_tick(struct runner *runner)
{
	return atomic64_inc_return((atomic64_t *)&runner->area->clock);
}

/* ---- operations ---- */

/* Get a value, half of the time by a copy and half of the time in place. */
static int runner_get(struct runner *runner, struct history_op *op, const u8 *key,
		      u32 key_len)
{
	u32 len = HISTORY_VALUE_MAX;
	struct cmap_value value;
	int err;

	if (op->kind == HISTORY_GET && op->begin & 1) {
		err = cmap_get(runner->map, key, key_len, runner->out, &len,
			       &op->version);
		if (!err)
			op->out = history_value_of(runner->out, len);
		return err;
	}

	rcu_read_lock();
	err = cmap_lookup(runner->map, key, key_len, &value) ? 0 : -ENOENT;
	if (!err) {
		op->out = op->kind == HISTORY_LENGTH ? value.len :
			  history_value_of(value.data, value.len);
		op->version = value.version;
	}
	rcu_read_unlock();

	return err;
}

/* For operations that return the old value: @err is 1 if there was one. */
static int runner_give_old(struct runner *runner, struct history_op *op, int err,
			   u32 len)
{
	if (err == 1)
		op->out = history_value_of(runner->out, len);
	return min(err, 0);
}

static const u16 codes[HISTORY_KINDS] = {
	[HISTORY_SET] = CMAP_CODE_SET,
	[HISTORY_INSERT] = CMAP_CODE_SET,
	[HISTORY_REPLACE] = CMAP_CODE_SET,
	[HISTORY_SET_VERSION] = CMAP_CODE_SET,
	[HISTORY_SWAP] = CMAP_CODE_SWAP,
	[HISTORY_COMPARE_SWAP] = CMAP_CODE_COMPARE_SWAP,
	[HISTORY_GET_OR_SET] = CMAP_CODE_GET_OR_SET,
	[HISTORY_ADD] = CMAP_CODE_ADD,
	[HISTORY_TOUCH] = CMAP_CODE_TOUCH,
};

static const u16 conditions[HISTORY_KINDS] = {
	[HISTORY_INSERT] = CMAP_OP_INSERT,
	[HISTORY_REPLACE] = CMAP_OP_REPLACE,
	[HISTORY_SET_VERSION] = CMAP_OP_VERSION,
};

static u64 address(const void *p)
{
	return (unsigned long)p;
}

/* What an operation writes has a deadline. */
static int runner_write_timed(struct runner *runner, struct history_op *op,
			      const u8 *key, u32 key_len, gfp_t gfp)
{
	struct cmap_op c = {
		.code = codes[op->kind],
		.flags = conditions[op->kind] | history_times(op),
		.key = address(key), .key_len = key_len,
		.deadline = op->deadline,
	};
	int err;

	if (history_writes_value(op->kind)) {
		c.value = address(runner->in);
		c.value_len = history_fill(op->in, runner->in);
	}
	switch (op->kind) {
	case HISTORY_SET_VERSION:
		c.version = op->expect;
		break;
	case HISTORY_COMPARE_SWAP:
		c.old = address(runner->expect);
		c.old_len = history_fill(op->expect, runner->expect);
		break;
	case HISTORY_SWAP:
	case HISTORY_GET_OR_SET:
		c.old = address(runner->out);
		c.old_len = HISTORY_VALUE_MAX;
		break;
	case HISTORY_ADD:
		c.number = op->in;
		c.start = op->expect;
		break;
	}

	err = cmap_execute(runner->map, &c, gfp);
	if (!err && op->kind == HISTORY_ADD)
		op->out = c.number;
	else if (!err && c.number && c.old == address(runner->out))
		op->out = history_value_of(runner->out, c.old_len);
	if (!err || err == -EEXIST || err == -ESTALE)
		op->version = c.version;
	return err;
}

static int runner_write(struct runner *runner, struct history_op *op, const u8 *key,
			u32 key_len, gfp_t gfp)
{
	struct cmap *map = runner->map;
	u64 *in = runner->in, *out = runner->out, *expect = runner->expect;
	u32 in_len = history_writes_value(op->kind) ?
		     history_fill(op->in, in) : 0;
	u32 len = HISTORY_VALUE_MAX;
	int err;

	switch (op->kind) {
	case HISTORY_SET:
		return cmap_set(map, key, key_len, in, in_len, 0, &op->version,
				gfp);
	case HISTORY_INSERT:
		return cmap_set(map, key, key_len, in, in_len, CMAP_OP_INSERT,
				&op->version, gfp);
	case HISTORY_REPLACE:
		return cmap_set(map, key, key_len, in, in_len, CMAP_OP_REPLACE,
				&op->version, gfp);
	case HISTORY_DELETE:
		return cmap_delete(map, key, key_len, 0, &op->version, gfp);
	case HISTORY_TAKE:
		err = cmap_take(map, key, key_len, out, &len, &op->version,
				gfp);
		return runner_give_old(runner, op, err ?: 1, len);
	case HISTORY_SWAP:
		err = cmap_swap(map, key, key_len, in, in_len, out, &len,
				&op->version, gfp);
		return runner_give_old(runner, op, err, len);
	case HISTORY_GET_OR_SET:
		err = cmap_get_or_set(map, key, key_len, in, in_len, out, &len,
				      &op->version, gfp);
		return runner_give_old(runner, op, err, len);
	case HISTORY_COMPARE_SWAP:
		return cmap_compare_swap(map, key, key_len, expect,
					 history_fill(op->expect, expect), in,
					 in_len, &op->version, gfp);
	case HISTORY_COMPARE_DELETE:
		return cmap_compare_delete(map, key, key_len, expect,
					   history_fill(op->expect, expect),
					   &op->version, gfp);
	case HISTORY_ADD:
		return cmap_add(map, key, key_len, op->in, op->expect,
				(s64 *)&op->out, &op->version, gfp);
	}

	return -EINVAL;
}

/* The same argument has the expected version, and then the entry's version. */
static int runner_write_version(struct runner *runner, struct history_op *op,
				const u8 *key, u32 key_len, gfp_t gfp)
{
	u64 version = op->expect;
	int err;

	if (op->kind == HISTORY_SET_VERSION)
		err = cmap_set(runner->map, key, key_len, runner->in,
			       history_fill(op->in, runner->in),
			       CMAP_OP_VERSION, &version, gfp);
	else
		err = cmap_delete(runner->map, key, key_len, CMAP_OP_VERSION,
				  &version, gfp);
	if (!err || err == -ESTALE)
		op->version = version;

	return err;
}

static int runner_call(struct runner *runner, struct history_op *op, const u8 *key,
		       u32 key_len, gfp_t gfp)
{
	if (history_times(op))
		return runner_write_timed(runner, op, key, key_len, gfp);
	switch (op->kind) {
	case HISTORY_GET:
	case HISTORY_LENGTH:
		return runner_get(runner, op, key, key_len);
	case HISTORY_SET_VERSION:
	case HISTORY_DELETE_VERSION:
		return runner_write_version(runner, op, key, key_len, gfp);
	default:
		return runner_write(runner, op, key, key_len, gfp);
	}
}

static void runner_do_op(struct runner *runner, gfp_t gfp)
{
	struct history_log *log = runner->log;
	struct history_op *op = history_choose(log, runner->door,
					       runner->classes);
	u8 key[HISTORY_KEY_MAX];
	u32 key_len = history_key(op->key, key);

	op->word = log->timed ? READ_ONCE(runner->area->word) : 0;
	op->begin = runner_tick(runner);
	op->err = runner_call(runner, op, key, key_len, gfp);
	op->now = history_after(log);
	op->end = runner_tick(runner);
	history_learn(log, op);
}

struct look {
	struct runner *runner;
	struct history_seen seen;
	u64 begin;
};

static bool runner_see(const void *key, u32 key_len, const struct cmap_value *value,
		       void *arg)
{
	struct look *look = arg;

	history_see(&look->seen, key, key_len, value->data, value->len,
		    value->version, look->begin, runner_tick(look->runner));
	return true;
}

static void runner_range(struct runner *runner, gfp_t gfp)
{
	struct look *look = kzalloc(sizeof(*look), gfp);
	struct cmap_cursor cursor = {};

	if (!look)
		return;
	look->runner = runner;
	look->seen.word = READ_ONCE(runner->area->word);
	look->begin = runner_tick(runner);
	if (!cmap_range(runner->map, &cursor, runner_see, look, gfp))
		history_note_seen(runner->log, runner->door, look->begin,
				  runner_tick(runner), &look->seen);
	kfree(look);
}

/* ---- bursts ---- */

static void runner_burst(struct runner *runner, gfp_t gfp)
{
	struct history_log *log = runner->log;
	u32 i;

	if (++runner->bursts % RANGE_EVERY == 0 &&
	    log->count + HISTORY_KEYS <= runner->room)
		runner_range(runner, gfp);
	for (i = 0; i < BURST && log->count < runner->room; i++)
		runner_do_op(runner, gfp);
}

static bool runner_ended(const struct runner *runner)
{
	return runner->log->count >= runner->room ||
	       READ_ONCE(runner->cancel);
}

/* Processes are slower, as they make system calls.  Wait for them. */
static void keep_pace(const struct runner *runner)
{
	while (!history_may_go_on(runner->area, runner->log) &&
	       !READ_ONCE(runner->cancel) && !fatal_signal_pending(current))
		usleep_range(50, 200);
}

static int runner_thread(void *arg)
{
	struct runner *runner = arg;

	while (!runner_ended(runner)) {
		keep_pace(runner);
		runner_burst(runner, GFP_KERNEL);
		cond_resched();
	}
	complete(&runner->done);

	return 0;
}

static int run_thread(struct runner *runner)
{
	struct task_struct *task;
	int err;

	task = kthread_run(runner_thread, runner, "cmap_history");
	if (IS_ERR(task))
		return PTR_ERR(task);
	err = wait_for_completion_killable(&runner->done);
	if (err) {
		WRITE_ONCE(runner->cancel, true);
		wait_for_completion(&runner->done);
	}

	return err;
}

static void burst_in_softirq(struct tasklet_struct *tasklet)
{
	struct runner *runner = from_tasklet(runner, tasklet, tasklet);

	runner_burst(runner, GFP_ATOMIC);
	complete(&runner->done);
}

static void schedule_burst(void *arg)
{
	struct runner *runner = arg;

	tasklet_schedule(&runner->tasklet);
}

static long schedule_burst_from_work(void *arg)
{
	schedule_burst(arg);
	return 0;
}

/*
 * Send an interrupt to one CPU after the other; the tasklet runs at the end of the
 * interrupt, wherever the CPU was.  With PREEMPT_RT a thread runs tasklets, and this
 * kind of interrupt must not schedule one.
 */
static void schedule_burst_on(unsigned int cpu, struct runner *runner)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		work_on_cpu(cpu, schedule_burst_from_work, runner);
	else
		smp_call_function_single(cpu, schedule_burst, runner, 1);
}

static int run_softirq(struct runner *runner)
{
	unsigned int cpu = 0;

	tasklet_setup(&runner->tasklet, burst_in_softirq);
	while (!runner_ended(runner) && !fatal_signal_pending(current)) {
		keep_pace(runner);
		reinit_completion(&runner->done);
		cpus_read_lock();
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
		schedule_burst_on(cpu, runner);
		cpus_read_unlock();
		wait_for_completion(&runner->done);
	}
	tasklet_kill(&runner->tasklet);

	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* ---- the device ---- */

static struct runner *runner_new(const struct session *session,
				 const struct history_run *args)
{
	struct runner *runner;
	u64 left;

	if (!session->area || args->log > session->size ||
	    !IS_ALIGNED(args->log, 8) || args->name[sizeof(args->name) - 1] ||
	    session->size - args->log < sizeof(struct history_log))
		return ERR_PTR(-EINVAL);
	runner = kzalloc(sizeof(*runner), GFP_KERNEL);
	if (!runner)
		return ERR_PTR(-ENOMEM);

	left = session->size - args->log - sizeof(struct history_log);
	runner->area = session->area;
	runner->log = (void *)session->area + args->log;
	runner->room = min_t(u64, runner->log->room,
			     left / sizeof(struct history_op));
	runner->door = args->door;
	runner->classes = runner->log->classes;
	/* Without sleeping, memory for long values is hardly ever free. */
	if (args->door == HISTORY_SOFTIRQ)
		runner->classes = min(runner->classes, 3U);
	init_completion(&runner->done);
	runner->in = vmalloc(3 * HISTORY_VALUE_MAX);
	if (!runner->in) {
		kfree(runner);
		return ERR_PTR(-ENOMEM);
	}
	runner->out = runner->in + HISTORY_VALUE_MAX / sizeof(u64);
	runner->expect = runner->out + HISTORY_VALUE_MAX / sizeof(u64);

	return runner;
}

static void runner_free(struct runner *runner)
{
	vfree(runner->in);
	kfree(runner);
}

static int runner_run(const struct session *session, const struct history_run *args)
{
	struct runner *runner = runner_new(session, args);
	int err;

	if (IS_ERR(runner))
		return PTR_ERR(runner);
	runner->map = cmap_open(args->name);
	if (IS_ERR(runner->map)) {
		err = PTR_ERR(runner->map);
		goto free_runner;
	}

	err = args->door == HISTORY_SOFTIRQ ? run_softirq(runner) :
					      run_thread(runner);
	cmap_put(runner->map);
free_runner:
	runner_free(runner);
	return err;
}

static int history_open(struct inode *inode, struct file *file)
{
	struct session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	file->private_data = session;
	return 0;
}

static int history_release(struct inode *inode, struct file *file)
{
	struct session *session = file->private_data;

	vfree(session->area);
	kfree(session);
	return 0;
}

static int history_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct session *session = file->private_data;
	unsigned long size = vma->vm_end - vma->vm_start;
	int err = 0;

	mutex_lock(&session->lock);
	if (session->area) {
		err = -EBUSY;
	} else {
		session->area = vmalloc_user(size);
		session->size = size;
		if (!session->area)
			err = -ENOMEM;
	}
	mutex_unlock(&session->lock);

	return err ?: remap_vmalloc_range(vma, session->area, 0);
}

static long history_ioctl(struct file *file, unsigned int command,
			  unsigned long arg)
{
	struct history_run args;

	if (command != HISTORY_RUN)
		return -ENOTTY;
	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	return runner_run(file->private_data, &args);
}

static const struct file_operations history_fops = {
	.owner = THIS_MODULE,
	.open = history_open,
	.release = history_release,
	.mmap = history_mmap,
	.unlocked_ioctl = history_ioctl,
};

static struct miscdevice history_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cmap_history",
	.fops = &history_fops,
	.mode = 0600,
};

module_misc_device(history_device);

MODULE_DESCRIPTION("Records histories of cmap's kernel API");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
