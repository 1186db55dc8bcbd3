// SPDX-License-Identifier: GPL-2.0-only
// A throttled line keeps its interrupt, for which nothing would ask again, and is not interrupted while it reads on.
// File: arch/um/drivers/line.c
// Only where: deactivate_chan
@throttle@
@@
 line_throttle(...)
 {
 ...
-deactivate_chan(...);
 ...
 }

@unthrottle depends on throttle@
expression line, irq;
@@
 line_unthrottle(...)
 {
+unsigned long flags;
 ...
+local_irq_save(flags);
 chan_interrupt(line, irq);
+local_irq_restore(flags);
 }
