// SPDX-License-Identifier: GPL-2.0-only
// The program that execve() starts: a task, and nothing else. No C library, so that starting it costs no system calls.
#include <elf.h>

#include "fuzz/executor/raw.h"
#include "fuzz/executor/task.h"

/// Called with the stack that the kernel made: argc, argv, envp, and the auxiliary vector.
extern "C" [[noreturn]] void begin_program(const unsigned long* stack) {
  const unsigned long* word = stack + 1 + stack[0] + 1;  // past argc, argv and its null
  while (*word) ++word;                                  // past envp
  unsigned long secure = 0;
  for (++word; word[0] != AT_NULL; word += 2) {
    if (word[0] == AT_SECURE) secure = word[1];
  }
  capcheck::continue_task(secure);
}

asm(".globl _start\n"
    "_start:\n"
    "xor %ebp, %ebp\n"
    "mov %rsp, %rdi\n"
    "and $-16, %rsp\n"
    "call begin_program\n"
    "ud2\n");
