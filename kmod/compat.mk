# SPDX-License-Identifier: GPL-2.0
#
# Feature probes: which features the kernel has that we build for.  They look at its
# headers, never at its version, because stable kernels get backports.  compat.h uses
# the results.

cmap-inc := $(srctree)/include
cmap-has = $(if $(shell grep -sE $(1) $(cmap-inc)/$(2)),-D$(3))

# Symbol namespaces were bare tokens, then became strings.
CMAP_COMPAT += $(call cmap-has,'MODULE_INFO\(import_ns$(comma) *ns\)',linux/module.h,CMAP_HAVE_STRING_NS)

# Functions to change the flags of a mapping were added.
CMAP_COMPAT += $(call cmap-has,'vm_flags_clear',linux/mm.h,CMAP_HAVE_VM_FLAGS)

# mmap() describes a mapping before it exists, and its flags are bits.
CMAP_COMPAT += $(call cmap-has,'define vma_desc_clear_flags',linux/mm.h,CMAP_HAVE_MMAP_PREPARE)

# <asm/unaligned.h> became <linux/unaligned.h>.
CMAP_COMPAT += $(call cmap-has,'.',linux/unaligned.h,CMAP_HAVE_LINUX_UNALIGNED_H)

# Accounting of kernel memory was a separate option.
CMAP_COMPAT += $(call cmap-has,'CONFIG_MEMCG_KMEM',linux/memcontrol.h,CMAP_HAVE_MEMCG_KMEM)

# The object cgroups of a memory cgroup became one for each NUMA node.
CMAP_COMPAT += $(if $(shell sed -n '/^struct mem_cgroup_per_node {/,/^}/p' \
	$(cmap-inc)/linux/memcontrol.h | grep -w objcg),-DCMAP_HAVE_NODE_OBJCG)

# Page frame numbers had a type of their own.
CMAP_COMPAT += $(call cmap-has,'vmf_insert_pfn_pmd.struct vm_fault .vmf. pfn_t ',linux/huge_mm.h,CMAP_HAVE_PFN_T)

# The kernel says whether the data cache can alias.
CMAP_COMPAT += $(call cmap-has,'define cpu_dcache_is_aliasing',linux/cacheinfo.h,CMAP_HAVE_CACHE_ALIASING)

# Setting up a timer got a function that sets its callback, too.
CMAP_COMPAT += $(call cmap-has,'void hrtimer_setup.struct hrtimer .timer',linux/hrtimer.h,CMAP_HAVE_HRTIMER_SETUP)

# zap_vma_ptes() was renamed.
CMAP_COMPAT += $(call cmap-has,'void zap_special_vma_range',linux/mm.h,CMAP_HAVE_ZAP_SPECIAL_VMA_RANGE)
