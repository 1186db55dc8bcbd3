// SPDX-License-Identifier: GPL-2.0-only
/* What only older trees ask for; see compat.h. */
#include <linux/mm.h>
#include <linux/preempt.h>

#include "glue.h"
#include "compat.h"

/* How much memory there is. fork_init() asks this, and memblock_estimated_nr_free_pages() since 6.12. */
atomic_long_t _totalram_pages = ATOMIC_LONG_INIT(16UL << (30 - PAGE_SHIFT));

/*
 * kernel/rcu/tiny.c masks softirqs around its callbacks. Those that are raised meanwhile wait for the end of the call,
 * as all do here.
 */
void __local_bh_enable_ip(unsigned long ip, unsigned int count)
{
	preempt_count_sub(count);
}

/* dup_mmap() prepares for copying mappings, of which there are none. */
int kmem_cache_alloc_bulk_noprof(struct kmem_cache *cache, gfp_t flags, size_t count, void **objects)
{
	size_t i;

	for (i = 0; i < count; i++)
		objects[i] = kmem_cache_alloc_noprof(cache, flags);
	return (int)count;
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects)
{
	size_t i;

	for (i = 0; i < count; i++)
		kmem_cache_free(cache, objects[i]);
}

#if CAPCHECK_BEFORE(6, 12)
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align, slab_flags_t flags,
				     void (*construct)(void *))
{
	return __kmem_cache_create_args(name, size, &(struct kmem_cache_args){ .ctor = construct }, flags);
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size, unsigned int align,
					      slab_flags_t flags, unsigned int user_offset, unsigned int user_size,
					      void (*construct)(void *))
{
	return kmem_cache_create(name, size, align, flags, construct);
}
#endif

/* How a page directory is freed. */
void free_pages(unsigned long address, unsigned int order)
{
	__free_pages(virt_to_page((void *)address), order);
}
