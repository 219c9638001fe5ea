/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows how kernels differ.  It is force-included, so all other
 * code is written for the newest kernel.  compat.mk finds out which features exist.
 */
#ifndef CMAP_COMPAT_H
#define CMAP_COMPAT_H

/* get_unaligned_le64() and similar functions moved. */
#ifdef CMAP_HAVE_LINUX_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#ifndef CMAP_HAVE_VM_FLAGS
#define vm_flags_set(vma, flags)	((vma)->vm_flags |= (flags))
#define vm_flags_clear(vma, flags)	((vma)->vm_flags &= ~(flags))
#endif

/*
 * For variables that are written before they are read.  Where the compiler zeroes the
 * stack (CONFIG_INIT_STACK_ALL_ZERO), this saves the time.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized		__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#ifdef CMAP_HAVE_STRING_NS
#define CMAP_NAMESPACE		"CMAP"
#else
#define CMAP_NAMESPACE		CMAP
#endif

/*
 * A PMD entry can map a huge page without a reference only where the architecture has
 * special entries for that.  Elsewhere get_user_pages_fast() would take a reference.
 */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define CMAP_HUGE_PFNMAP	1
#ifdef CMAP_HAVE_PFN_T
#include <linux/pfn_t.h>
#define cmap_pfn(pfn)		pfn_to_pfn_t(pfn)
#else
#define cmap_pfn(pfn)		(pfn)
#endif
#ifndef CMAP_HAVE_ZAP_SPECIAL_VMA_RANGE
#define zap_special_vma_range	zap_vma_ptes
#endif
#endif

/* The object cgroup that a memory cgroup's kernel memory is charged to; can be NULL. */
#ifdef CMAP_HAVE_NODE_OBJCG
#define cmap_memcg_objcg(memcg)		((memcg)->nodeinfo[numa_mem_id()]->objcg)
#else
#define cmap_memcg_objcg(memcg)		((memcg)->objcg)
#endif

/*
 * Whether the CPU's data cache can alias: then a process's mapping of a page may show
 * other contents than the kernel's mapping.
 */
#ifdef CMAP_HAVE_CACHE_ALIASING
#include <linux/cacheinfo.h>
#define cmap_cache_aliases()	cpu_dcache_is_aliasing()
#else
#define cmap_cache_aliases()	(IS_ENABLED(CONFIG_MIPS) ||		\
				 IS_ENABLED(CONFIG_PARISC) ||		\
				 IS_ENABLED(CONFIG_SPARC64))
#endif

#ifdef CMAP_HAVE_HRTIMER_SETUP
#define cmap_hrtimer_setup	hrtimer_setup
#else
#define cmap_hrtimer_setup(timer, callback, clock, mode) do {		\
	hrtimer_init(timer, clock, mode);				\
	(timer)->function = callback;					\
} while (0)
#endif

/* Versions and the window's words are 64 bits, which one load or store must access. */
#ifndef CONFIG_64BIT
#error "cmap needs a 64-bit kernel"
#endif

#endif /* CMAP_COMPAT_H */
