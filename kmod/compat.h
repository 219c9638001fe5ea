/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows how kernels differ.  Force-included, so that the
 * rest reads as if written for the newest; compat.mk finds the features.
 */
#ifndef CMAP_COMPAT_H
#define CMAP_COMPAT_H

/* get_unaligned_le64() and its like moved. */
#ifdef CMAP_HAVE_LINUX_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#ifndef CMAP_HAVE_VM_FLAGS
#define vm_flags_set(vma, flags)	((vma)->vm_flags |= (flags))
#define vm_flags_clear(vma, flags)	((vma)->vm_flags &= ~(flags))
#endif

/* For what is written before it is read, where compilers zero the stack. */
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
 * One entry for all of a large page that nobody may get a reference to: where
 * kernels do not know such entries get_user_pages_fast() would give one.
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

/* Of a memory cgroup: what its kernel memory is charged to, maybe NULL. */
#ifdef CMAP_HAVE_NODE_OBJCG
#define cmap_memcg_objcg(memcg)		((memcg)->nodeinfo[numa_mem_id()]->objcg)
#else
#define cmap_memcg_objcg(memcg)		((memcg)->objcg)
#endif

/*
 * Whether a process's mapping of a page may show other contents than the
 * kernel's, because the CPU's cache has both.
 */
#ifdef CMAP_HAVE_CACHE_ALIASING
#include <linux/cacheinfo.h>
#define cmap_cache_aliases()	cpu_dcache_is_aliasing()
#else
#define cmap_cache_aliases()	(IS_ENABLED(CONFIG_MIPS) ||		\
				 IS_ENABLED(CONFIG_PARISC) ||		\
				 IS_ENABLED(CONFIG_SPARC64))
#endif

/* Entries' versions and words of the window are loaded and stored whole. */
#ifndef CONFIG_64BIT
#error "cmap needs a 64-bit kernel"
#endif

#endif /* CMAP_COMPAT_H */
