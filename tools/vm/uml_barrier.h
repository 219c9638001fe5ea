/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory barriers of User Mode Linux as those of a kernel on x86.
 *
 * x86 keeps loads in order, and stores in order.  So a kernel on x86 has no
 * instruction for a release or an acquire.  User Mode Linux takes the definitions
 * that suit any processor, and waits at each release until all stores before it
 * have reached the cache.  Each unlock of a spinlock is a release: writers took up
 * to a third longer there than in a kernel on x86.
 *
 * The kernel is built with this included before anything else.  A header that
 * comes later and finds these defined leaves them alone.
 */
#if defined(__x86_64__) && !defined(__ASSEMBLY__)

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

#endif
