// SPDX-License-Identifier: GPL-2.0
#include "native.h"

#ifdef BENCH_NATIVE

#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/prctl.h>

#define HOST_ARCH_PRCTL	158	/* of x86 */

/* A CPU is a thread of the host's, which does not use the register itself. */
static void set_gs(void *err)
{
	unsigned long offset = per_cpu_offset(raw_smp_processor_id());
	long ret;

	asm volatile("syscall"
		     : "=a" (ret)
		     : "0" (HOST_ARCH_PRCTL), "D" (ARCH_SET_GS), "S" (offset)
		     : "rcx", "r11", "memory");
	if (ret)
		WRITE_ONCE(*(int *)err, ret);
}

/**
 * bench_native_init() - let this_cpu_add() find each CPU's memory
 *
 * Before cmap counts anything.
 *
 * Context: Process.
 * Return: 0 or a negative errno.
 */
int bench_native_init(void)
{
	int err = 0;

	on_each_cpu(set_gs, &err, 1);
	return err;
}

#else

int bench_native_init(void)
{
	return 0;
}

#endif
