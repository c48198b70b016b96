/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - what loader and stand-in need to know of the processor: machine-x86_64.c, machine-arm64.c.
 */
#ifndef TUNTAPD_TESTS_DARWIN_MACHINE_H
#define TUNTAPD_TESTS_DARWIN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Of a Mach-O file for it (mach/machine.h), and what it is called. */
extern const uint32_t machine_cpu;
extern const char machine_name[];

/* Room that a piece of code needs at the most, bytes. */
#define MACHINE_CODE_BYTES 64

/* A function without parameters that calls another, and gives it one. */
void machine_write_call(uint8_t code[MACHINE_CODE_BYTES], void (*function)(const char *), const char *parameter);

/* A function that is another, by an address of its own. */
void machine_write_alias(uint8_t code[MACHINE_CODE_BYTES], void *function);

/* Whether macOS calls a function otherwise than Linux; then, what stands for it: code that has function called as Linux wants it. */
bool machine_adapts(const char *symbol);
void machine_adapt(uint8_t code[MACHINE_CODE_BYTES], const char *symbol, void *function);

/* Whether the form of a symbol ("$INODE64") is that which the symbol alone means. */
bool machine_has_plain(const char *form);

#endif
