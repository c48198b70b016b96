/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine-x86_64.c - macOS and Linux call functions alike.  See machine.h.
 */
#include "machine.h"

#include <string.h>

const uint32_t machine_cpu = 0x01000007;
const char machine_name[] = "x86_64";

/* mov $parameter, %rdi; mov $function, %rax; jmp *%rax */
void
machine_write_call(uint8_t code[MACHINE_CODE_BYTES], void (*function)(const char *), const char *parameter)
{
	memcpy(code, "\x48\xbf", 2);
	memcpy(code + 2, &parameter, 8);
	memcpy(code + 10, "\x48\xb8", 2);
	memcpy(code + 12, &function, 8);
	memcpy(code + 20, "\xff\xe0", 2);
}

/* mov $function, %r11; jmp *%r11 */
void
machine_write_alias(uint8_t code[MACHINE_CODE_BYTES], void *function)
{
	memcpy(code, "\x49\xbb", 2);
	memcpy(code + 2, &function, 8);
	memcpy(code + 10, "\x41\xff\xe3", 3);
}

bool
machine_adapts(const char *symbol)
{
	return false;
}

void
machine_adapt(uint8_t code[MACHINE_CODE_BYTES], const char *symbol, void *function)
{
}

/* The symbol alone is the form of a macOS that nothing is built for. */
bool
machine_has_plain(const char *form)
{
	return false;
}
