// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of tasks: the pages of their kernel stacks, and address spaces. No task runs on its stack here, but its
 * thread_info lies there. Nothing is ever mapped in an address space; struct mm_struct is there for what it says about
 * credentials (dumpable, the user namespace it belongs to) and for being shared or not.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mmu_context.h>
#include <linux/mmzone.h>
#include <linux/oom.h>
#include <linux/string.h>
#include <linux/vmstat.h>
#include <asm/pgalloc.h>

#include "glue.h"
#include "compat.h"

#define STACKS (CAPCHECK_TASKS + 4) /* with those of the dead, which wait for a grace period */
#define STACK_PAGES (THREAD_SIZE / PAGE_SIZE)
#define STACK_END_SIZE (sizeof(struct thread_info) + sizeof(unsigned long))
#define PAGES (STACKS * STACK_PAGES + 1)

static char memory[PAGES * PAGE_SIZE] __aligned(THREAD_SIZE);
static struct page pages[PAGES];
static unsigned int used; /* bit n: stack n */

/* Nothing is mapped, so all address spaces have the same page directory, which is empty. */
static struct page *const empty_directory = &pages[PAGES - 1];

/* From these the kernel's macros derive which struct page describes an address. */
struct page *mem_map = pages;
unsigned long uml_physmem = (unsigned long)memory;

/* Statistics, on which nothing here depends. */
struct pglist_data contig_page_data;
atomic_long_t vm_node_stat[NR_VM_NODE_STAT_ITEMS];

struct page *__alloc_pages_noprof(gfp_t flags, unsigned int order, int node, nodemask_t *nodes)
{
	unsigned int stack = ffz(used);

	if (STACK_PAGES != 1U << order)
		capcheck_fatal("pages are asked for that are not a stack");
	if (stack >= STACKS)
		capcheck_fatal("more than %d stacks", STACKS);
	used |= BIT(stack);
	/* Nothing runs on these stacks: only what lies at their end, thread_info and a mark, is ever written. */
	memset(memory + stack * THREAD_SIZE, 0, STACK_END_SIZE);
	return &pages[stack * STACK_PAGES];
}

void __free_pages(struct page *page, unsigned int order)
{
	unsigned int stack = (page - pages) / STACK_PAGES;

	if (page == empty_directory)
		return;
	if (stack >= STACKS || !(used & BIT(stack)))
		capcheck_fatal("a stack is freed that is none");
	used &= ~BIT(stack);
}

unsigned long capcheck_stacks_held(void)
{
	return hweight32(used);
}

pgd_t *pgd_alloc(struct mm_struct *mm)
{
	return page_address(empty_directory);
}

/* UML would start a process of the host for each address space. */
int init_new_context(struct task_struct *task, struct mm_struct *mm)
{
	return 0;
}

void destroy_context(struct mm_struct *mm)
{
}

void __switch_mm(struct mm_id *id)
{
}

/* Nothing is mapped: there is nothing to find, to unmap, to flush or to count. */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long address)
{
	return NULL;
}

void exit_mmap(struct mm_struct *mm)
{
}

void flush_tlb_mm(struct mm_struct *mm)
{
}

void __init mmap_init(void)
{
}

/* Orders changes of oom_score_adj, of which there are none at the same time. */
DEFINE_MUTEX(oom_adj_mutex);
