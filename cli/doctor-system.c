/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-system.c - `tuntapd doctor`: looks at the whole system.
 *
 * The daemon comes first, since what the others say depends on which devices it has; then the system's own part, by what the system says
 * that it is, not by what this file was compiled for.
 */
#include "cli/doctor.h"

#include <err.h>
#include <stdlib.h>

#include "cli/doctor-checks.h"
#include "cli/exitcode.h"
#include "protocol/message.h"

void
doctor_examine(const struct probe *p, struct findings *f, struct doctor_devices *devices)
{
	doctor_check_daemon(p, f, devices);
	if (probe_is_macos(p)) {
		doctor_check_macos(p, f, devices);
		doctor_check_kexts(p, f);
	} else {
		doctor_check_linux(p, f, devices);
	}
}

int
doctor_system(const struct probe *p, bool json)
{
	struct findings f = {0};
	struct doctor_devices devices = {0};
	int status;

	doctor_examine(p, &f, &devices);
	switch (findings_worst(&f)) {
	case SEVERITY_INFO:
		status = EXIT_CODE_OK;
		break;
	case SEVERITY_WARNING:
		status = EXIT_CODE_NO;
		break;
	default:
		status = EXIT_CODE_BROKEN;
		break;
	}
	if (!json) {
		findings_print(stdout, &f);
	} else if (findings_print_json(stdout, &f, probe_is_macos(p) ? "macos" : "linux", p->socket_path) < 0) {
		warn("doctor");
		status = EXIT_CODE_SYSTEM;
	}
	free(devices.list);
	findings_free(&f);
	return status;
}
