/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exitcode.h - every status that the command ends with.
 *
 * The numbers are those of sysexits(3), which the daemon uses too, and of the shells for "cannot be
 * run" and "not found".  Scripts rely on them: never renumber.  `tuntapd exec` and `tuntapd fd`
 * that became the program, or ran it with --private, end as the program does.
 */
#ifndef TUNTAPD_CLI_EXITCODE_H
#define TUNTAPD_CLI_EXITCODE_H

enum exit_code {
	EXIT_CODE_OK = 0,
	/* A question answered with no: ifname of a closed device, wait that ran out of time; doctor: something is to be mended. */
	EXIT_CODE_NO = 1,
	/* doctor: something does not work. */
	EXIT_CODE_BROKEN = 2,
	/* Unknown command, option or device; a path that is too long. */
	EXIT_CODE_USAGE = 64,
	/* config, serve: the configuration file cannot be read. */
	EXIT_CODE_NO_INPUT = 66,
	/*
	 * No daemon serves the socket, or it does not answer; serve: another one does, no tun node;
	 * service: it is not installed, or there is no service manager.
	 */
	EXIT_CODE_NO_DAEMON = 69,
	EXIT_CODE_UNAVAILABLE = EXIT_CODE_NO_DAEMON,
	/* A defect of ours. */
	EXIT_CODE_SOFTWARE = 70,
	/* The system refused what should work: memory, descriptors, processes. */
	EXIT_CODE_SYSTEM = 71,
	/* serve: a file or directory of the daemon cannot be made; migrate: a directory cannot be moved. */
	EXIT_CODE_FILE = 73,
	/* Standard output cannot be written. */
	EXIT_CODE_OUTPUT = 74,
	/* fd, service: somebody has a device open. */
	EXIT_CODE_BUSY = 75,
	/* The daemon is of another version, or no tuntapd at all. */
	EXIT_CODE_PROTOCOL = 76,
	/* A right is missing; the message says which. */
	EXIT_CODE_PERMISSION = 77,
	/* config, serve: the configuration file is wrong. */
	EXIT_CODE_CONFIG = 78,
	/* exec, doctor: PROGRAM is there and cannot be run with the shim; fd: it cannot be run. */
	EXIT_CODE_CANNOT_RUN = 126,
	/* exec, fd, doctor: there is no PROGRAM. */
	EXIT_CODE_NOT_FOUND = 127,
};

#endif
