// SPDX-License-Identifier: GPL-2.0
#include "uaccess.h"

#include <linux/mm.h>
#include <linux/uaccess.h>

/*
 * Most keys and values are a few words.  For those copy_from_user() and
 * copy_to_user() need more time for checks and for choosing a method than for the
 * copy.  So up to SHORT_MAX bytes are copied a word at a time.  Unlike with those
 * functions, nothing checks the size of the kernel's buffer.
 */
#define SHORT_MAX	128

static bool is_short(u32 len)
{
	return len <= SHORT_MAX &&
	       IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS);
}

#define get_each(to, from, at, len, type, fault)			\
	for (; (at) + sizeof(type) <= (len); (at) += sizeof(type))	\
		unsafe_get_user(*(type *)((to) + (at)),			\
				(const type __user *)((from) + (at)), fault)
#define get_word(to, from, at, fault)					\
	unsafe_get_user(*(u64 *)((to) + (at)),				\
			(const u64 __user *)((from) + (at)), fault)
#define get_all(to, from, len, fault) do {				\
	u32 __at = 0;							\
									\
	for (; __at + 4 * sizeof(u64) <= (len); __at += 4 * sizeof(u64)) { \
		get_word(to, from, __at, fault);			\
		get_word(to, from, __at + sizeof(u64), fault);		\
		get_word(to, from, __at + 2 * sizeof(u64), fault);	\
		get_word(to, from, __at + 3 * sizeof(u64), fault);	\
	}								\
	get_each(to, from, __at, len, u64, fault);			\
	if (likely(__at == (len)))					\
		break;							\
	get_each(to, from, __at, len, u32, fault);			\
	get_each(to, from, __at, len, u16, fault);			\
	get_each(to, from, __at, len, u8, fault);			\
} while (0)

#define put_each(to, from, at, len, type, fault)			\
	for (; (at) + sizeof(type) <= (len); (at) += sizeof(type))	\
		unsafe_put_user(*(const type *)((from) + (at)),		\
				(type __user *)((to) + (at)), fault)
#define put_word(to, from, at, fault)					\
	unsafe_put_user(*(const u64 *)((from) + (at)),			\
			(u64 __user *)((to) + (at)), fault)
#define put_all(to, from, len, fault) do {				\
	u32 __at = 0;							\
									\
	for (; __at + 4 * sizeof(u64) <= (len); __at += 4 * sizeof(u64)) { \
		put_word(to, from, __at, fault);			\
		put_word(to, from, __at + sizeof(u64), fault);		\
		put_word(to, from, __at + 2 * sizeof(u64), fault);	\
		put_word(to, from, __at + 3 * sizeof(u64), fault);	\
	}								\
	put_each(to, from, __at, len, u64, fault);			\
	if (likely(__at == (len)))					\
		break;							\
	put_each(to, from, __at, len, u32, fault);			\
	put_each(to, from, __at, len, u16, fault);			\
	put_each(to, from, __at, len, u8, fault);			\
} while (0)

/**
 * cmap_user_read() - copy from user memory, fast for few bytes
 * @to: buffer with room for @len bytes
 * @from: user pointer
 * @len: bytes
 *
 * Context: Process; may fault.
 * Return: 0 or -EFAULT.
 */
int cmap_user_read(void *to, const void __user *from, u32 len)
{
	if (!is_short(len))
		return copy_from_user(to, from, len) ? -EFAULT : 0;
	if (!user_read_access_begin(from, len))
		return -EFAULT;

	get_all(to, from, len, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/**
 * cmap_user_copy_in() - copy in a structure that begins with its size
 * @to: set to the structure
 * @size: bytes in the structure as this kernel knows it
 * @least: bytes that the caller's must have
 * @from: user pointer
 *
 * The size is taken together with the fields.  So a caller that changes it during the
 * call gains nothing.
 *
 * Context: Process; may fault.
 * Return: 0; -EINVAL if it is too short or unreasonably long; -E2BIG if bytes
 * beyond @size are not zero; or -EFAULT.
 */
int cmap_user_copy_in(void *to, size_t size, size_t least,
		      const void __user *from)
{
	u32 *own_size = to;
	u32 given;

	/* Most callers have a structure of our size. */
	if (!cmap_user_read(to, from, size) && *own_size == size)
		return 0;
	/*
	 * Begin again.  After a fault, tell a structure that is too short from one that
	 * cannot be read.
	 */
	if (copy_from_user(to, from, least)) {
		if (get_user(given, (const u32 __user *)from))
			return -EFAULT;
		return given < least ? -EINVAL : -EFAULT;
	}

	given = *own_size;
	if (given < least || given > PAGE_SIZE)
		return -EINVAL;
	if (given > size) {
		int zero = check_zeroed_user(from + size, given - size);

		if (zero <= 0)
			return zero ?: -E2BIG;
	}

	memset(to + least, 0, size - least);
	if (given > least &&
	    copy_from_user(to + least, from + least,
			   min_t(size_t, given, size) - least))
		return -EFAULT;

	return 0;
}

/**
 * cmap_user_read_both() - copy two pieces from user memory in one access section
 * @a: buffer with room for @a_len bytes
 * @from_a: user pointer
 * @a_len: bytes
 * @b: buffer with room for @b_len bytes
 * @from_b: user pointer
 * @b_len: bytes
 *
 * Context: Process; may fault.
 * Return: 0 or -EFAULT.
 */
int cmap_user_read_both(void *a, const void __user *from_a, u32 a_len,
			void *b, const void __user *from_b, u32 b_len)
{
	if (!is_short(a_len) || !is_short(b_len))
		return cmap_user_read(a, from_a, a_len) ?:
		       cmap_user_read(b, from_b, b_len);
	if (!access_ok(from_b, b_len) ||
	    !user_read_access_begin(from_a, a_len))
		return -EFAULT;

	get_all(a, from_a, a_len, fault);
	get_all(b, from_b, b_len, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static __always_inline int user_write_short(void __user *to, const void *from, u32 len)
{
	if (!user_write_access_begin(to, len))
		return -EFAULT;

	put_all(to, from, len, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * cmap_user_write() - copy to user memory, fast for few bytes
 * @to: user pointer
 * @from: @len bytes
 * @len: bytes
 *
 * Context: Process; may fault.
 * Return: 0 or -EFAULT.
 */
int cmap_user_write(void __user *to, const void *from, u32 len)
{
	if (!is_short(len))
		return copy_to_user(to, from, len) ? -EFAULT : 0;
	return user_write_short(to, from, len);
}

/**
 * cmap_user_write_nofault() - copy to user memory with page faults disabled
 * @to: user pointer
 * @from: @len bytes
 * @len: bytes
 *
 * Context: Process; also in an RCU read section.
 * Return: 0 or -EFAULT.
 */
int cmap_user_write_nofault(void __user *to, const void *from, u32 len)
{
	int err;

	if (!is_short(len))
		return copy_to_user_nofault(to, from, len);

	pagefault_disable();
	err = user_write_short(to, from, len);
	pagefault_enable();
	return err;
}
