/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - log lines with a level and a process tag, and their limit.  See log.h.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Longer texts are cut: a line stays one write, below PIPE_BUF, so lines of two processes do not mix. */
#define LINE_BYTES 1024

static const char *log_process = "main";
static int log_level_verbosity;

void
log_init(const char *process, int verbosity)
{
	log_process = process;
	log_level_verbosity = verbosity;
}

int
log_verbosity(void)
{
	return log_level_verbosity;
}

static void LOG_PRINTF(3, 0)
log_line(const char *level, int error, const char *format, va_list args)
{
	char line[LINE_BYTES];
	size_t length;
	int saved = errno, n;

	n = snprintf(line, sizeof(line), "tuntapd %s[%ld]: %s: ", log_process, (long)getpid(), level);
	length = n < 0 ? 0 : (size_t)n;
	n = vsnprintf(line + length, sizeof(line) - length, format, args);
	if (n > 0) {
		length += (size_t)n;
	}
	if (length < sizeof(line) && error != 0) {
		n = snprintf(line + length, sizeof(line) - length, ": %s", strerror(error));
		if (n > 0) {
			length += (size_t)n;
		}
	}
	if (length > sizeof(line) - 2) {
		length = sizeof(line) - 2;
	}
	/* What a stranger chose (a program's name) may hold control characters: one event stays one line. */
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[length++] = '\n';
	/* Nothing can be done about a log that cannot be written. */
	if (write(STDERR_FILENO, line, length) < 0) {
		errno = saved;
	}
	errno = saved;
}

#define LOG_BODY(level, error)                                  \
	do {                                                    \
		va_list args;                                   \
		va_start(args, format);                         \
		log_line((level), (error), format, args);       \
		va_end(args);                                   \
	} while (0)

void
log_debug(const char *format, ...)
{
	if (log_level_verbosity > 0) {
		LOG_BODY("debug", 0);
	}
}

void
log_info(const char *format, ...)
{
	LOG_BODY("info", 0);
}

void
log_warn(const char *format, ...)
{
	LOG_BODY("warning", errno);
}

void
log_warnx(const char *format, ...)
{
	LOG_BODY("warning", 0);
}

void
log_error(const char *format, ...)
{
	LOG_BODY("error", errno);
}

void
log_errorx(const char *format, ...)
{
	LOG_BODY("error", 0);
}

bool
log_limit_pass(struct log_limit *limit, const char *what)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	/* +1: a clock that has just started must not look like "no window yet". */
	if (limit->window_start_s == 0 || now.tv_sec + 1 - limit->window_start_s >= LOG_LIMIT_WINDOW_S) {
		if (limit->left_out > 0) {
			log_warnx("%s: %u more of these lines left out", what, limit->left_out);
		}
		limit->window_start_s = now.tv_sec + 1;
		limit->lines = 0;
		limit->left_out = 0;
	}
	if (limit->lines >= LOG_LIMIT_LINES) {
		limit->left_out++;
		return false;
	}
	limit->lines++;
	return true;
}
