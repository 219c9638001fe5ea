/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies from and to user memory, and the rules of <uapi/linux/cmap.h> for
 * structures of variable size.
 */
#ifndef CMAP_UACCESS_H
#define CMAP_UACCESS_H

#include <linux/types.h>
#include <linux/uaccess.h>

int cmap_user_copy_in(void *to, size_t size, size_t least,
		      const void __user *from);

/*
 * Copy a structure in and check its size.  It must reach up to and including @last.
 * A shorter one is extended with zeroes.  A longer one must be zero beyond the fields
 * that this kernel knows.
 */
#define cmap_copy_in(to, from, last)					\
	cmap_user_copy_in(to, sizeof(*(to)),				\
			  offsetofend(typeof(*(to)), last), from)

/* Copy fields [first, last] of a structure out. */
#define cmap_copy_out(to, from, first, last)				\
	cmap_user_write((void __user *)(to) +				\
			offsetof(typeof(*(from)), first),		\
			&(from)->first,					\
			offsetofend(typeof(*(from)), last) -		\
			offsetof(typeof(*(from)), first))

int cmap_user_read(void *to, const void __user *from, u32 len);
int cmap_user_read_both(void *a, const void __user *from_a, u32 a_len,
			void *b, const void __user *from_b, u32 b_len);
int cmap_user_write(void __user *to, const void *from, u32 len);
int cmap_user_write_nofault(void __user *to, const void *from, u32 len);

/*
 * Copy a structure of a few words in, word by word.  For use between
 * user_access_begin() and user_access_end().
 */
#define cmap_user_get_struct(to, from, fault) do {			\
	const u64 __user *__from = (const u64 __user *)(from);		\
	u64 *__to = (u64 *)(to);					\
	unsigned int __i;						\
									\
	BUILD_BUG_ON(sizeof(*(to)) % sizeof(u64));			\
	_Pragma("GCC unroll 16")					\
	for (__i = 0; __i < sizeof(*(to)) / sizeof(u64); __i++)		\
		unsafe_get_user(__to[__i], __from + __i, fault);	\
} while (0)

#endif /* CMAP_UACCESS_H */
