// SPDX-License-Identifier: GPL-2.0-only
// System calls without a C library: the result is the kernel's own, a value or a negated errno. Tasks need this:
// threads that they make have no thread-local storage, so no errno.
#ifndef CAPCHECK_FUZZ_EXECUTOR_RAW_H_
#define CAPCHECK_FUZZ_EXECUTOR_RAW_H_

#include <sys/syscall.h>

#ifndef __x86_64__
#error "the executor makes system calls of x86-64; another architecture needs its own raw.h"
#endif

namespace capcheck {

/// A system call of up to six arguments.
inline long raw_call(long number, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0, unsigned long d = 0,
                     unsigned long e = 0, unsigned long f = 0) {
  long result;
  register unsigned long r10 asm("r10") = d;
  register unsigned long r8 asm("r8") = e;
  register unsigned long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

/// The same, of arguments that may be pointers.
template <class... Arguments>
long raw(long number, Arguments... arguments) {
  return raw_call(number, (unsigned long)(arguments)...);
}

/// clone(2). The child calls entry(argument), which must not return, on the stack given; on a copy of the caller's own
/// if that is 0.
inline long raw_clone(unsigned long flags, unsigned long stack, void (*entry)(unsigned long), unsigned long argument) {
  long result;
  register unsigned long r10 asm("r10") = 0;
  register unsigned long r8 asm("r8") = 0;
  register unsigned long r12 asm("r12") = argument;
  register void (*r13)(unsigned long) asm("r13") = entry;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%ebp, %%ebp\n"
      "and $-16, %%rsp\n"
      "mov %%r12, %%rdi\n"
      "call *%%r13\n"
      "ud2\n"
      "1:\n"
      : "=a"(result)
      : "a"((long)SYS_clone), "D"(flags), "S"(stack), "d"(0ul), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace capcheck

#endif
