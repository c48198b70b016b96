/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine-arm64.c - on arm64 macOS passes the arguments behind the dots on the stack, each in 8 bytes, and Linux in registers as long as
 * there are some.  See machine.h.
 *
 * A function whose further arguments are one number or address gets it moved into the register where Linux wants it.  One that formats
 * gets a list: Linux's, with no registers left, reads the stack just so; and macOS' own list (va_list) is nothing but the address of the
 * next.  So a function that is not variadic in the library, where macOS' headers say that it is, finds something else than it was given
 * here, as on a Mac.
 *
 * Sources: "Writing ARM64 code for Apple platforms" (developer.apple.com); Procedure Call Standard for the Arm 64-bit Architecture, B.4
 * (struct va_list); Arm Architecture Reference Manual, C6 (the instructions).
 */
#include "machine.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const uint32_t machine_cpu = 0x0100000c;
const char machine_name[] = "arm64";

#define LOAD_X0_AT_16 0x58000080u  /* ldr x0, .+16 */
#define LOAD_X16_AT_20 0x580000b0u /* ldr x16, .+20 */
#define LOAD_X16_AT_12 0x58000070u
#define LOAD_X16_AT_8 0x58000050u
#define BRANCH_X16 0xd61f0200u     /* br x16 */
#define LOAD_STACK 0xf94003e0u     /* ldr xN, [sp]: N in the lowest bits */
#define STACK_TO 0x910003e0u       /* mov xN, sp */
#define NOTHING 0xd503201fu        /* nop */

#define TEXT_BYTES 4096

/* The Procedure Call Standard's list. */
union list {
	va_list args;
	struct {
		const void *stack, *general_top, *vector_top;
		int general_offset, vector_offset;
	} parts;
};
_Static_assert(sizeof(va_list) == 32, "the standard's layout");

static union list
list_at(const void *stack)
{
	return (union list){.parts = {.stack = stack}}; /* no registers are left */
}

static void
put(uint8_t *code, unsigned at, uint32_t instruction)
{
	memcpy(code + 4 * at, &instruction, sizeof(instruction));
}

void
machine_write_call(uint8_t code[MACHINE_CODE_BYTES], void (*function)(const char *), const char *parameter)
{
	put(code, 0, LOAD_X0_AT_16);
	put(code, 1, LOAD_X16_AT_20);
	put(code, 2, BRANCH_X16);
	put(code, 3, NOTHING);
	memcpy(code + 16, &parameter, 8);
	memcpy(code + 24, &function, 8);
}

void
machine_write_alias(uint8_t code[MACHINE_CODE_BYTES], void *function)
{
	put(code, 0, LOAD_X16_AT_8);
	put(code, 1, BRANCH_X16);
	memcpy(code + 8, &function, 8);
}

/* One instruction before the other function. */
static void
write_before(uint8_t code[MACHINE_CODE_BYTES], uint32_t instruction, void *function)
{
	put(code, 0, instruction);
	put(code, 1, LOAD_X16_AT_12);
	put(code, 2, BRANCH_X16);
	put(code, 3, NOTHING);
	memcpy(code + 16, &function, 8);
}

static int
list_printf(const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vprintf(format, list.args);
}

static int
list_fprintf(FILE *stream, const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vfprintf(stream, format, list.args);
}

static int
list_snprintf(char *text, size_t size, const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vsnprintf(text, size, format, list.args);
}

static int
list_sprintf(char *text, const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vsprintf(text, format, list.args);
}

static int
list_asprintf(char **text, const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vasprintf(text, format, list.args);
}

static int
list_sscanf(const char *text, const char *format, const void *stack)
{
	union list list = list_at(stack);

	return vsscanf(text, format, list.args);
}

/* The stand-in's own, which knows Darwin's errors. */
static void (*warn_of_error)(const char *format, ...);

static void
list_warn(const char *format, const void *stack)
{
	int saved = errno;
	char text[TEXT_BYTES];
	union list list = list_at(stack);

	(void)vsnprintf(text, sizeof(text), format, list.args);
	errno = saved;
	warn_of_error("%s", text);
}

static void
list_warnx(const char *format, const void *stack)
{
	union list list = list_at(stack);

	vwarnx(format, list.args);
}

static void
list_errx(int status, const char *format, const void *stack)
{
	union list list = list_at(stack);

	verrx(status, format, list.args);
}

/* Symbol; how many arguments come before the dots; the function that takes a list, or NULL: one more argument, in its register. */
static const struct {
	const char *symbol;
	unsigned fixed;
	void *takes_list;
} variadic[] = {
	{"_open", 2, NULL}, {"_openat", 3, NULL}, {"_fcntl", 2, NULL}, {"_ioctl", 2, NULL},
	{"_open$NOCANCEL", 2, NULL}, {"_openat$NOCANCEL", 3, NULL}, {"_fcntl$NOCANCEL", 2, NULL},
	{"_open_dprotected_np", 4, NULL}, {"_guarded_open_np", 4, NULL}, {"_guarded_open_dprotected_np", 6, NULL},
	{"_printf", 1, (void *)list_printf}, {"_fprintf", 2, (void *)list_fprintf}, {"_snprintf", 3, (void *)list_snprintf},
	{"_sprintf", 2, (void *)list_sprintf}, {"_asprintf", 2, (void *)list_asprintf}, {"_sscanf", 2, (void *)list_sscanf},
	{"_warn", 1, (void *)list_warn}, {"_warnx", 1, (void *)list_warnx}, {"_errx", 2, (void *)list_errx},
	/* A list already. */
	{"_vprintf", 1, (void *)list_printf}, {"_vfprintf", 2, (void *)list_fprintf}, {"_vsnprintf", 3, (void *)list_snprintf},
	{"_vasprintf", 2, (void *)list_asprintf}, {"_vwarnx", 1, (void *)list_warnx},
};
#define VARIADIC (sizeof(variadic) / sizeof(variadic[0]))

static size_t
find_variadic(const char *symbol)
{
	size_t i = 0;

	while (i < VARIADIC && strcmp(variadic[i].symbol, symbol) != 0) {
		i++;
	}
	return i;
}

bool
machine_adapts(const char *symbol)
{
	return find_variadic(symbol) < VARIADIC;
}

void
machine_adapt(uint8_t code[MACHINE_CODE_BYTES], const char *symbol, void *function)
{
	size_t i = find_variadic(symbol);

	if (strcmp(symbol, "_warn") == 0) {
		memcpy(&warn_of_error, &function, sizeof(function));
	}
	if (variadic[i].takes_list == NULL) {
		write_before(code, LOAD_STACK | variadic[i].fixed, function);
	} else if (symbol[1] == 'v') {
		machine_write_alias(code, variadic[i].takes_list);
	} else {
		write_before(code, STACK_TO | variadic[i].fixed, variadic[i].takes_list);
	}
}

/* Here they have been the only ones. */
bool
machine_has_plain(const char *form)
{
	return strcmp(form, "$INODE64") == 0 || strcmp(form, "$1050") == 0;
}
