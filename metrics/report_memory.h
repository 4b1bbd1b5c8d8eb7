/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_REPORT_MEMORY_H
#define METRICS_REPORT_MEMORY_H

/*
 * A report is tens of thousands of small values that are made one after the other and are all given
 * up together. Between these two calls jansson takes their memory from a few large blocks.
 *
 * Nothing that jansson allocated before may be freed between them, and nothing from between them
 * may be used afterwards, nor be freed. Only one thread may use jansson meanwhile.
 */
void report_memory_begin(void);

/* Frees all that was allocated since, and lets jansson allocate as it did before. */
void report_memory_end(void);

#endif
