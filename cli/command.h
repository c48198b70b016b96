/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h - what a command of tuntapd is.  The table of all of them is in main.c; each is in its
 * own cmd-NAME.c.
 */
#ifndef TUNTAPD_CLI_COMMAND_H
#define TUNTAPD_CLI_COMMAND_H

#include <stdbool.h>

#include "cli/exitcode.h"
#include "protocol/devname.h"

struct command {
	const char *name;
	/* argv[0] is the command's name.  Returns an exit status, enum exit_code. */
	int (*run)(int argc, char **argv);
	const char *usage;       /* what follows "tuntapd NAME" */
	const char *summary;     /* one line, for the list */
	const char *description; /* lines of text, for `tuntapd help NAME` */
};

int cmd_bridge(int argc, char **argv);
int cmd_capture(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_fd(int argc, char **argv);
int cmd_ifname(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_pair(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_service(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_switch(int argc, char **argv);
int cmd_wait(int argc, char **argv);

/*
 * Complains on standard error, in printf's manner, names `tuntapd help NAME`, and returns
 * EXIT_CODE_USAGE.  A format of NULL: getopt_long has complained already.
 */
int command_usage_error(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Takes exactly one device's name from the rest of the command line.  True, or false after a
 * complaint: the caller returns EXIT_CODE_USAGE.
 */
bool command_device(const char *name, int argc, char **argv, struct device_id *id);

#endif
