/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell.h - which words of a shell's command line name a device (words.h).
 *
 * Pure: no system call, no allocation, errno untouched.
 */
#ifndef TUNTAPD_SHIM_SHELL_H
#define TUNTAPD_SHIM_SHELL_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a command line that is looked at; a longer one is left as it is. */
#define SHELL_COMMAND_MAX 65535
/* Names found in one command line; what comes after is left. */
#define SHELL_NAMES_MAX 32

/* A name, as it stands in the command line. */
struct shell_name {
	uint16_t at;
	uint16_t bytes;
};

/* The names in command, in their order.  Returns how many. */
unsigned shell_search(const char *command, struct shell_name names[SHELL_NAMES_MAX]);

#endif
