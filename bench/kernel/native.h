/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User Mode Linux runs on x86, but takes the code meant for any processor
 * where x86 has an instruction, or needs none.  What is measured there is
 * compiled with this, for what a kernel on x86 itself would do.
 */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#if defined(CONFIG_UML) && defined(CONFIG_X86_64) && !defined(__ASSEMBLY__)

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <asm/barrier.h>

/* Loads stay in order, and so do stores. */
#undef __smp_rmb
#undef __smp_wmb
#undef __smp_load_acquire
#undef __smp_store_release

#define __smp_rmb()	barrier()
#define __smp_wmb()	barrier()

#define __smp_load_acquire(p)				\
({							\
	typeof(*(p)) ___value = READ_ONCE(*(p));	\
							\
	barrier();					\
	___value;					\
})

#define __smp_store_release(p, v)			\
do {							\
	barrier();					\
	WRITE_ONCE(*(p), v);				\
} while (0)

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

#endif

#ifndef __ASSEMBLY__
int bench_native_init(void);
#endif

#endif /* BENCH_NATIVE_H */
