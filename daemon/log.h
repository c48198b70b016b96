/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - one line per event on standard error, as launchd and systemd want it.
 *
 * A line is "tuntapd PROCESS[PID]: LEVEL: TEXT", written with one write(2).  A line about a device begins with its
 * name: "tap3: opened by uid 501, pid 812 (openvpn)".  Whoever decides logs, once; what a stranger can repeat
 * passes a struct log_limit first.  The level and the process tag are the one state at file scope.
 */
#ifndef TUNTAPD_DAEMON_LOG_H
#define TUNTAPD_DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* process: "monitor", "worker"; kept, not copied.  verbosity 0: no debug lines. */
void log_init(const char *process, int verbosity);

/* What log_init() was told; for handing on to the next process. */
int log_verbosity(void);

void log_debug(const char *format, ...) LOG_PRINTF(1, 2);
void log_info(const char *format, ...) LOG_PRINTF(1, 2);
/* log_warn and log_error add ": " and the text of errno; the x forms do not.  errno is kept by all. */
void log_warn(const char *format, ...) LOG_PRINTF(1, 2);
void log_warnx(const char *format, ...) LOG_PRINTF(1, 2);
void log_error(const char *format, ...) LOG_PRINTF(1, 2);
void log_errorx(const char *format, ...) LOG_PRINTF(1, 2);

/*
 * At most LOG_LIMIT_LINES line(s) in LOG_LIMIT_WINDOW_S seconds for one cause; the first line of the next window is
 * preceded by one that says how many were left out.  Zero-initialise.
 */
#define LOG_LIMIT_LINES 1
#define LOG_LIMIT_WINDOW_S 10
struct log_limit {
	int64_t window_start_s; /* CLOCK_MONOTONIC; 0: no window yet */
	unsigned lines;
	unsigned left_out;
};

/* True if the caller may log now.  what names the cause in the "left out" line. */
bool log_limit_pass(struct log_limit *limit, const char *what);

#endif
