/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h - the daemon as a service of the machine: what the service manager knows of it, and what
 * is done to that.  One file per manager, service-linux.c (systemd) and service-darwin.c (launchd);
 * what they share is in service.c, and whether anything may be done at all is for cmd-service.c to
 * say.
 *
 * Functions that return an exit status have said on standard error what is wrong and what to do.
 * dry: nothing is changed, and what would be is said in words of sh(1) (action.h).
 */
#ifndef TUNTAPD_CLI_SERVICE_H
#define TUNTAPD_CLI_SERVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct service_state {
	bool installed; /* the manager can find a definition of it */
	bool loaded;    /* the manager has the control socket, and starts the daemon when it is wanted */
	bool running;   /* there is a process of it */
	bool enabled;   /* it starts with the machine */
	pid_t pid;      /* 0: it does not run, or the manager does not tell */
	char definition[PATH_MAX]; /* the file; empty: none */
};

/* The manager's name, for people. */
extern const char service_manager_name[];

/*
 * Whether the machine has the manager that these functions speak to.  EXIT_CODE_OK, or
 * EXIT_CODE_UNAVAILABLE with what to do in its place; quiet: nothing is said.
 */
int service_available(bool quiet);

/* Needs no right, and works where there is no manager: then the service is not there. */
void service_read_state(struct service_state *state);

/*
 * Makes the service be there, with that program, be started with the machine, and run: user,
 * definition, start.  Whatever of it is so already stays.  arguments: what follows `serve`.
 */
int service_install(bool dry, const char *program, const char *const arguments[]);

/*
 * Takes away all that service_install() made, and what the daemon left in its directory.  Nothing of
 * it need be there.  What a package installed stays, not enabled.
 */
int service_uninstall(bool dry);

/* It is installed.  Until the machine starts the next time: started, ended, or ended and started. */
int service_start(bool dry);
int service_stop(bool dry);
int service_restart(bool dry);

/*
 * For service-OS.c: a definition's text with program and arguments put in, each by a function that
 * appends a word to out.  Allocated; NULL with errno: ENOMEM.
 */
struct service_text {
	char *data;
	size_t length, room;
	bool failed;
};
typedef void (*service_quote_fn)(struct service_text *out, const char *word);
struct service_form {
	const char *text;
	service_quote_fn quote_program;
	service_quote_fn quote_argument;
	const char *before; /* each argument */
	const char *after;
};
char *service_fill(const struct service_form *form, const char *program, const char *const arguments[]);
void service_append(struct service_text *out, const char *bytes, size_t count);

#endif
