// SPDX-License-Identifier: GPL-2.0-only
// A handler that knows its two sysctls by marks serves any set that a row's data points to, as it does in later trees.
// File: kernel/umh.c
// Only where: usermodehelper_bset.cap[i]
@ exists @
typedef kernel_cap_t;
identifier table, cap_array, new_cap, i;
@@
 proc_cap_handler(struct ctl_table *table, ...)
 {
 ...
 if (table->data == CAP_PI)
 	cap_array[i] = usermodehelper_inheritable.cap[i];
 else
-	BUG();
+	cap_array[i] = ((kernel_cap_t *)table->data)->cap[i];
 ...
 if (table->data == CAP_PI)
 	usermodehelper_inheritable = cap_intersect(usermodehelper_inheritable, new_cap);
+if (table->data != CAP_BSET && table->data != CAP_PI)
+	*(kernel_cap_t *)table->data = cap_intersect(*(kernel_cap_t *)table->data, new_cap);
 ...
 }
