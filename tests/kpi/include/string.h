/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.h - memory and strings, of what the kernel has of them.
 */
#ifndef TUNTAPD_KPI_STRING_H
#define TUNTAPD_KPI_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *at, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);

#endif
