/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctl.c - ioctl: ours or not, and which dialect answers; by a name, which interface is meant.
 */
#include <stdarg.h>

#include "cancel.h"
#include "dialect.h"
#include "fdtable.h"
#include "ifioctl.h"
#include "os.h"
#include "real.h"
#include "recognise.h"

int
shim_ioctl(int fd, ioctl_request request, ...)
{
	fdtable_held held = recognise_device(fd);
	void *argument;
	va_list args;
	int result, before;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (held == 0) {
		return dialect_linux_ioctl(fd, (uint32_t)request, argument, &result) ||
		    ifioctl(fd, (uint32_t)request, argument, &result) ? result : real_ioctl(fd, request, argument);
	}
	if (recognise_is_other(fd, held)) {
		return real_ioctl(fd, request, argument);
	}
	before = cancel_hold(); /* no ioctl is a cancellation point */
	result = dialect_bsd_ioctl(fd, held, (uint32_t)request, argument);
	cancel_release(before);
	return result;
}
