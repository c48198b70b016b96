/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h - all of the daemon that the command line may call.
 *
 * One executable plays every role.  daemon_serve() is the monitor: it starts the worker by executing
 * its own file again with a role as first argument, which the command line hands to daemon_role_run().
 */
#ifndef TUNTAPD_DAEMON_DAEMON_H
#define TUNTAPD_DAEMON_DAEMON_H

#include <stdbool.h>

struct daemon_options {
	const char *socket_path; /* NULL: PATHS_SOCKET_DEFAULT */
	const char *config_path; /* NULL: the default file, which may be absent; a named one must exist */
	int verbosity;           /* 0: informational and above; 1 and more: debug */
};

/*
 * Runs the daemon in the foreground until SIGTERM or SIGINT (devices stay open) or a stop request (devices are ended).
 * Logs to standard error.  Returns an exit status of <sysexits.h>: EX_OK; EX_USAGE (socket path too long);
 * EX_CONFIG; EX_NOPERM (rights are missing: the log line says which); EX_UNAVAILABLE (another daemon
 * serves this socket, or /dev/net/tun is missing and nothing works without it, or a link that the configuration names); EX_OSERR.
 */
int daemon_serve(const struct daemon_options *options);

/* The configuration file that is read where none is named. */
const char *daemon_config_default(void);

/*
 * Says on standard error all that is wrong with a configuration, each as FILE:LINE:COLUMN: text.  path NULL: the default file, which may be
 * absent.  EX_OK, EX_CONFIG, EX_NOINPUT (it cannot be read) or EX_OSERR.
 */
int daemon_config_check(const char *path);

/*
 * The same; and writes to standard output all that holds by it, for one device if device is not NULL ("tap0"), which must exist:
 * EX_USAGE.
 */
int daemon_config_show(const char *path, const char *device);

/* True if argv is how a daemon starts one of its own processes (argv[1] begins with DAEMON_ROLE_PREFIX). */
#define DAEMON_ROLE_PREFIX "--role="
bool daemon_role_requested(int argc, char **argv);

/* Becomes that process; returns its exit status.  Only ever called with descriptors that daemon_serve() laid out. */
int daemon_role_run(int argc, char **argv);

#endif
