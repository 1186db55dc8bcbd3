// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab allocator's interface over the host's memory.
 *
 * Plain build: objects are carved from large chunks, and freed objects wait in the free list of their cache. When a
 * program has ended and nothing of it is left, all free lists are dropped and carving starts again where it stood
 * before, so that the same program meets the same addresses every time. There are two such marks: after boot, and after
 * the first task was made.
 *
 * Sanitizer build: every object is an allocation of the host, so that AddressSanitizer watches each of them.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "glue.h"
#include "compat.h"

enum object_state { OBJECT_LIVE = 0x11fe, OBJECT_FREE = 0xdead };

/* Lies before every object. */
struct object {
	union {
		struct kmem_cache *cache; /* while it lives */
		struct object *next_free; /* a constructor's work must survive in a free object, so the link lies here */
	};
	u32 state;
	u32 size;
	char memory[] __aligned(16);
};

struct kmem_cache {
	const char *name;
	size_t object_size;
	slab_flags_t flags;
	void (*construct)(void *);
	struct object **free; /* its list in free_lists */
};

struct chunk {
	struct chunk *next;
	char *end;
	char memory[] __aligned(64);
};

#define CHUNK_SIZE (256 * 1024)
#define MAX_CACHES 128
#define SMALLEST_SHIFT 3
#define LARGEST_SHIFT 30

/* What the inline kmalloc() picks from when it knows the size; the tree says its type. */
typeof(kmalloc_caches) kmalloc_caches;

static struct kmem_cache caches[MAX_CACHES];
static unsigned int cache_count;
/* Together, since the end of every program empties them all. */
static struct object *free_lists[MAX_CACHES];
static struct kmem_cache *cache_of_shift[LARGEST_SHIFT + 1];

static unsigned long live_objects;

static struct chunk *first_chunk, *chunk;
static char *position;

/* Where carving can start again. */
struct mark {
	struct chunk *chunk;
	char *position;
	unsigned long live_objects;
};

static struct mark booted, ready;

/* Sanitizer build: what was freed of caches whose objects stay readable until the end of a grace period. */
static void *retired[1024];
static unsigned int retired_count;

static void *from_host(size_t size)
{
	void *memory = capcheck_host->allocate(size);

	if (!memory)
		capcheck_fatal("the host has no memory left (%zu bytes asked)", size);
	return memory;
}

static void next_chunk(size_t size)
{
	struct chunk *next = chunk ? chunk->next : first_chunk;

	/* A chunk too small for this object is passed over; the next reset makes it useful again. */
	while (next && next->end - next->memory < size) {
		chunk = next;
		next = next->next;
	}
	if (!next) {
		size_t room = max_t(size_t, size + sizeof(*next), CHUNK_SIZE);

		next = from_host(room);
		next->end = (char *)next + room;
		if (chunk)
			chunk->next = next;
		else
			first_chunk = next;
	}
	chunk = next;
	position = chunk->memory;
}

static struct object *carve(struct kmem_cache *cache)
{
	size_t size = ALIGN(sizeof(struct object) + cache->object_size, 16);
	struct object *object;

	if (!chunk || chunk->end - position < size)
		next_chunk(size);
	object = (struct object *)position;
	position += size;
	object->cache = cache;
	object->size = cache->object_size;
	if (cache->construct)
		cache->construct(object->memory);
	return object;
}

static void *take_from_host(struct kmem_cache *cache, gfp_t flags)
{
	void *memory = from_host(cache->object_size);

	/* Memory that was not asked to be zero must not happen to be zero. */
	if (!(flags & __GFP_ZERO))
		memset(memory, 0xa5, cache->object_size);
	if (cache->construct)
		cache->construct(memory);
	return memory;
}

static void *take(struct kmem_cache *cache, gfp_t flags)
{
	struct object *object;

	if (unlikely(!cache))
		capcheck_fatal("an object is asked of a slab cache that the harness's boot does not create");
	live_objects++;
	if (EVERY_OBJECT_FROM_HOST)
		return take_from_host(cache, flags);
	object = *cache->free;
	if (likely(object)) {
		*cache->free = object->next_free;
		object->cache = cache;
	} else {
		object = carve(cache);
	}
	object->state = OBJECT_LIVE;
	if (flags & __GFP_ZERO)
		memset(object->memory, 0, cache->object_size);
	return object->memory;
}

static void release_to_host(struct kmem_cache *cache, void *memory)
{
	if (!cache || !(cache->flags & SLAB_TYPESAFE_BY_RCU)) {
		capcheck_host->release(memory);
		return;
	}
	if (retired_count == ARRAY_SIZE(retired))
		capcheck_fatal("more than %zu objects of %s are freed in one call", ARRAY_SIZE(retired), cache->name);
	retired[retired_count++] = memory;
}

void capcheck_memory_release_retired(void)
{
	while (retired_count)
		capcheck_host->release(retired[--retired_count]);
}

static void give_back(struct kmem_cache *cache, void *memory)
{
	struct object *object;

	live_objects--;
	if (EVERY_OBJECT_FROM_HOST) {
		release_to_host(cache, memory);
		return;
	}
	object = container_of(memory, struct object, memory[0]);
	if (unlikely(object->state != OBJECT_LIVE))
		capcheck_fatal("a slab object is freed twice, or a pointer is freed that is none");
	if (cache && unlikely(object->cache != cache))
		capcheck_fatal("an object of the slab cache %s is freed into %s", object->cache->name, cache->name);
	cache = object->cache;
	object->state = OBJECT_FREE;
	object->next_free = *cache->free;
	*cache->free = object;
}

static struct kmem_cache *make_cache(const char *name, size_t size, void (*construct)(void *))
{
	struct kmem_cache *cache;

	if (cache_count == MAX_CACHES)
		capcheck_fatal("more than %d slab caches", MAX_CACHES);
	cache = &caches[cache_count];
	cache->free = &free_lists[cache_count++];
	cache->name = name;
	cache->object_size = size;
	cache->construct = construct;
	return cache;
}

struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size, struct kmem_cache_args *args,
					    slab_flags_t flags)
{
	struct kmem_cache *cache = make_cache(name, size, args ? args->ctor : NULL);

	cache->flags = flags;
	return cache;
}

void *kmem_cache_alloc_noprof(struct kmem_cache *cache, gfp_t flags)
{
	return take(cache, flags);
}

/* Which list of reclaimable objects an object is accounted to matters to a shrinker only, and there is none. */
void *kmem_cache_alloc_lru_noprof(struct kmem_cache *cache, struct list_lru *lru, gfp_t flags)
{
	return take(cache, flags);
}

/* One memory node. */
void *kmem_cache_alloc_node_noprof(struct kmem_cache *cache, gfp_t flags, int node)
{
	return take(cache, flags);
}

void kmem_cache_free(struct kmem_cache *cache, void *memory)
{
	give_back(cache, memory);
}

static void *take_size(size_t size, gfp_t flags)
{
	unsigned int shift;

	if (!size)
		return ZERO_SIZE_PTR;
	shift = max_t(unsigned int, SMALLEST_SHIFT, order_base_2(size));
	if (shift > LARGEST_SHIFT)
		return NULL;
	return take(cache_of_shift[shift], flags);
}

void *__kmalloc_noprof(size_t size, gfp_t flags)
{
	return take_size(size, flags);
}

void *__kmalloc_node_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t flags, int node)
{
	return take_size(size, flags);
}

void *__kmalloc_node_track_caller_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t flags, int node, unsigned long caller)
{
	return take_size(size, flags);
}

void *__kmalloc_cache_noprof(struct kmem_cache *cache, gfp_t flags, size_t size)
{
	return take(cache, flags);
}

void *__kmalloc_cache_node_noprof(struct kmem_cache *cache, gfp_t flags, int node, size_t size)
{
	return take(cache, flags);
}

void *__kmalloc_large_noprof(size_t size, gfp_t flags)
{
	return take_size(size, flags);
}

void kfree(const void *memory)
{
	if (!ZERO_OR_NULL_PTR(memory))
		give_back(NULL, (void *)memory);
}

void kfree_sensitive(const void *memory)
{
	kfree(memory);
}

/* Nothing here comes from vmalloc: kvmalloc() is kmalloc(). */
bool is_vmalloc_addr(const void *memory)
{
	return false;
}

void capcheck_memory_boot(void)
{
	unsigned int type, shift;

	for (shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++)
		cache_of_shift[shift] = make_cache("kmalloc", 1UL << shift, NULL);
	for (type = 0; type < NR_KMALLOC_TYPES; type++) {
		for (shift = SMALLEST_SHIFT; shift <= KMALLOC_SHIFT_HIGH; shift++)
			kmalloc_caches[type][shift] = cache_of_shift[shift];
		/* The two sizes between the powers of two. */
		kmalloc_caches[type][1] = cache_of_shift[7];
		kmalloc_caches[type][2] = cache_of_shift[8];
	}
}

static void set_mark(struct mark *mark)
{
	*mark = (struct mark) { chunk, position, live_objects };
}

/* Nothing lives that was carved after the mark. */
static void return_to(const struct mark *mark)
{
	if (EVERY_OBJECT_FROM_HOST)
		return;
	memset(free_lists, 0, cache_count * sizeof(free_lists[0]));
	chunk = mark->chunk;
	position = mark->position;
}

void capcheck_memory_booted(void)
{
	set_mark(&booted);
	return_to(&booted);
}

/*
 * Objects that were freed while the first task was made are left out, so that all worlds begin alike. How many objects
 * live then is counted once: if some have leaked since, the first task comes on top of them.
 */
void capcheck_memory_ready(void)
{
	unsigned long counted = ready.live_objects;

	set_mark(&ready);
	if (counted)
		ready.live_objects = counted;
	return_to(&ready);
}

unsigned long capcheck_memory_held(void)
{
	return live_objects - ready.live_objects;
}

unsigned long capcheck_memory_held_beyond_boot(void)
{
	return live_objects - booted.live_objects;
}

void capcheck_memory_forget_world(void)
{
	return_to(&ready);
}

void capcheck_memory_forget_all(void)
{
	return_to(&booted);
}
