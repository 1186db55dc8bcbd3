// SPDX-License-Identifier: GPL-2.0-only
// The guest's processes die with the kernel, however it dies; before 6.12 they went on as the host's, traced by nobody.
// File: arch/um/os-Linux/skas/process.c
// Only where: PTRACE_O_TRACESYSGOOD
@@
expression request, pid;
@@
 ptrace(request, pid, NULL,
-(void *) PTRACE_O_TRACESYSGOOD
+(void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
 )
