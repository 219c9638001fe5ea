/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Force-included where the core is compiled for its tests.  Each allocation asks the
 * test first whether it shall fail, and the test sees pages before they are freed.
 */
#ifndef CMAP_TESTS_FAIL_H
#define CMAP_TESTS_FAIL_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

/* Whether the allocation about to be made shall fail. */
bool cmap_test_alloc_fails(gfp_t gfp);

/* Called with pages that are about to be freed. */
void cmap_test_page_freed(unsigned long addr, unsigned int order);

/* Called before a counter is decremented and looked at, with the words for it. */
void cmap_test_before(const char *what);

/* Called when the calling thread is about to sleep in a wait for keys. */
void cmap_test_sleeps(void);

/* Called when what was allocated for an arena is in it. */
void cmap_test_refilled(void);

static inline void *cmap_test_kzalloc(size_t size, gfp_t gfp)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kzalloc(size, gfp);
}

static inline void *cmap_test_kvzalloc(size_t size, gfp_t gfp)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kvzalloc(size, gfp);
}

static inline void *cmap_test_kmalloc_node(size_t size, gfp_t gfp, int nid)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kmalloc_node(size, gfp, nid);
}

static inline void *cmap_test_kvmalloc_node(size_t size, gfp_t gfp, int nid)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kvmalloc_node(size, gfp, nid);
}

static inline void *cmap_test_kcalloc_node(size_t n, size_t size, gfp_t gfp,
					   int nid)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kcalloc_node(n, size, gfp, nid);
}

static inline void *cmap_test_kzalloc_node(size_t size, gfp_t gfp, int nid)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kzalloc_node(size, gfp, nid);
}

static inline char *cmap_test_kstrdup(const char *s, gfp_t gfp)
{
	return cmap_test_alloc_fails(gfp) ? NULL : kstrdup(s, gfp);
}

/* Pages that need not be zeroed have something in them. */
static inline struct page *cmap_test_alloc_pages(int nid, gfp_t gfp,
						 unsigned int order)
{
	struct page *page = NULL;

	if (!cmap_test_alloc_fails(gfp))
		page = alloc_pages_node(nid, gfp, order);
	if (page && !want_init_on_alloc(gfp))
		memset(page_address(page), 0x5a, PAGE_SIZE << order);
	return page;
}

static inline void *cmap_test_xa_store(struct xarray *xa, unsigned long index,
				       void *entry, gfp_t gfp)
{
	return cmap_test_alloc_fails(gfp) ? XA_ERROR(-ENOMEM) :
				  xa_store_bh(xa, index, entry, gfp);
}

static inline int cmap_test_xa_alloc(struct xarray *xa, u32 *id, void *entry,
				     struct xa_limit limit, gfp_t gfp)
{
	return cmap_test_alloc_fails(gfp) ? -ENOMEM :
	       xa_alloc_bh(xa, id, entry, limit, gfp);
}

static inline void cmap_test_free_pages(unsigned long addr, unsigned int order)
{
	cmap_test_page_freed(addr, order);
	free_pages(addr, order);
}

static inline int cmap_test_dec_return(atomic_t *counter, const char *what)
{
	cmap_test_before(what);
	return atomic_dec_return(counter);
}

/* A refill frees what it did not need of the segment table. */
static inline void cmap_test_kvfree(const void *p)
{
	cmap_test_refilled();
	kvfree(p);
}

static inline void cmap_test_set_state(unsigned int state)
{
	cmap_test_sleeps();
	set_current_state(state);
}

#undef kzalloc
#undef kvzalloc
#undef kmalloc_node
#undef kvmalloc_node
#undef kcalloc_node
#undef kzalloc_node
#undef kstrdup
#undef alloc_pages_node
#undef alloc_percpu_gfp
#undef xa_alloc_bh
#undef xa_store_bh
#undef free_pages
#undef kvfree
#undef atomic_dec_return
#undef set_current_state
#define kzalloc			cmap_test_kzalloc
#define kvzalloc		cmap_test_kvzalloc
#define kmalloc_node		cmap_test_kmalloc_node
#define kvmalloc_node		cmap_test_kvmalloc_node
#define kcalloc_node		cmap_test_kcalloc_node
#define kzalloc_node		cmap_test_kzalloc_node
#define kstrdup			cmap_test_kstrdup
#define alloc_pages_node	cmap_test_alloc_pages
#define xa_alloc_bh		cmap_test_xa_alloc
#define xa_store_bh		cmap_test_xa_store
#define free_pages		cmap_test_free_pages
#define kvfree			cmap_test_kvfree
#define atomic_dec_return(v)	cmap_test_dec_return(v, #v)
#define set_current_state	cmap_test_set_state
#define alloc_percpu_gfp(type, gfp)					\
	(cmap_test_alloc_fails(gfp) ? NULL :					\
	 (typeof(type) __percpu *)__alloc_percpu_gfp(sizeof(type),	\
						     __alignof__(type), gfp))

#endif /* CMAP_TESTS_FAIL_H */
