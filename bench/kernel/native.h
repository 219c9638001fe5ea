/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User Mode Linux runs on x86, but takes the code meant for any processor
 * where x86 has an instruction, or needs none.  What is measured there is
 * compiled with this before anything else, for what a kernel on x86 itself
 * would do.
 */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#if defined(BENCH_NATIVE) && !defined(__ASSEMBLY__)

#if !defined(CONFIG_UML) || !defined(CONFIG_X86_64)
#error "for User Mode Linux on x86 only"
#endif
#ifdef __LINUX_RCUPDATE_H
#error "to be included before <linux/rcupdate.h>"
#endif

#include "../../tools/vm/uml_barrier.h"

/*
 * rcu_read_lock() and rcu_read_unlock() call these functions, which are defined
 * below.
 */
#define __rcu_read_lock native_rcu_read_lock
#define __rcu_read_unlock native_rcu_read_unlock
#include <linux/rcupdate.h>
#undef __rcu_read_lock
#undef __rcu_read_unlock

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/sched.h>

/*
 * One instruction of x86, with the CPU's part of memory in a register of its
 * own; native.c puts it there.
 */
#undef this_cpu_add_8

#define this_cpu_add_8(pcp, value) ({			\
	asm volatile("addq %1, %%gs:%0"			\
		     : "+m" (*(u64 __force *)&(pcp))	\
		     : "re" ((u64)(value)));		\
})

/*
 * x86 finds the current task with one instruction; User Mode Linux needs a call.
 * RCU makes up to five such calls in a read section, and saves and restores
 * registers around them: 70 instructions, where x86 has 15.  The functions below
 * make one call at the beginning of a section and one at its end.
 */
void __rcu_read_unlock(void);

extern __always_inline void native_rcu_read_lock(void)
{
	struct task_struct *task = cpu_tasks[uml_curr_cpu()];

	WRITE_ONCE(task->rcu_read_lock_nesting,
		   READ_ONCE(task->rcu_read_lock_nesting) + 1);
	barrier();
}

extern __always_inline void native_rcu_read_unlock(void)
{
	struct task_struct *task = cpu_tasks[uml_curr_cpu()];
	int nesting = READ_ONCE(task->rcu_read_lock_nesting) - 1;

	barrier();
	WRITE_ONCE(task->rcu_read_lock_nesting, nesting);
	barrier();
	if (unlikely(!nesting && READ_ONCE(task->rcu_read_unlock_special.s))) {
		/* For that there is a function, which ends a section. */
		native_rcu_read_lock();
		__rcu_read_unlock();
	}
}

#endif

#ifndef __ASSEMBLY__
int bench_native_init(void);
#endif

#endif /* BENCH_NATIVE_H */
