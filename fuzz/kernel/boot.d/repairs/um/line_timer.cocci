// SPDX-License-Identifier: GPL-2.0-only
// A serial line that a timer reads is not interrupted by its own interrupt: both would write to one buffer.
// File: arch/um/drivers/chan_kern.c
@@
expression list arguments;
expression wanted;
@@
 line_timer_cb(...)
 {
+unsigned long flags;
 ...
+local_irq_save(flags);
 if (wanted)
   chan_interrupt(arguments);
+local_irq_restore(flags);
 }
