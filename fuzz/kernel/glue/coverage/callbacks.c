// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked into kernels with coverage counters. Weak and visible, so that in a libFuzzer executable the calls of the
 * instrumented code reach libFuzzer, and in any other process they reach these, which do nothing.
 */
#include <stdint.h>

#define CALLBACK(name, ...) __attribute__((weak, visibility("default"))) void name(__VA_ARGS__) {}

CALLBACK(__sanitizer_cov_8bit_counters_init, uint8_t *start, uint8_t *stop)
CALLBACK(__sanitizer_cov_pcs_init, const uintptr_t *start, const uintptr_t *stop)
CALLBACK(__sanitizer_cov_trace_cmp1, uint8_t a, uint8_t b)
CALLBACK(__sanitizer_cov_trace_cmp2, uint16_t a, uint16_t b)
CALLBACK(__sanitizer_cov_trace_cmp4, uint32_t a, uint32_t b)
CALLBACK(__sanitizer_cov_trace_cmp8, uint64_t a, uint64_t b)
CALLBACK(__sanitizer_cov_trace_const_cmp1, uint8_t a, uint8_t b)
CALLBACK(__sanitizer_cov_trace_const_cmp2, uint16_t a, uint16_t b)
CALLBACK(__sanitizer_cov_trace_const_cmp4, uint32_t a, uint32_t b)
CALLBACK(__sanitizer_cov_trace_const_cmp8, uint64_t a, uint64_t b)
CALLBACK(__sanitizer_cov_trace_switch, uint64_t value, uint64_t *cases)
