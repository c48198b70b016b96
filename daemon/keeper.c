/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.c - holds the far end of a persistent pair while no relay does.  See keeper.h.
 *
 * Theory of operation.  The kernel takes a pair away with the namespace that its far end is in, and that with its last process.  So a pair
 * that is to be there while its device is closed, and while no daemon serves, has a process in that namespace which does nothing: it
 * waits for news of interfaces, and ends when the far end has gone, which is how the pair is taken away, by whomever.  A device's
 * relays join the namespace and leave it; who looks for it finds it by the pair (link-veth.c), so no record speaks of a keeper.
 *
 * It is in a session of its own, and the child of nobody who would have to wait for it: the process that starts it ends at once.  When it
 * is killed its pair goes, and is made anew where the daemon serves.
 *
 * Ownership and limits.  Two sockets for questions about interfaces, and no right at all.  It outlives the daemon.  Idle: no timer.
 */
#include "keeper.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "netif.h"
#include "os.h"
#include "protocol/sys.h"
#include "role.h"

/* It takes some ten milliseconds. */
#define START_MS 4000

static_assert(KEEPER_FD_ROOT == ROLE_FD_FIRST && KEEPER_FD_READY == ROLE_FD_FIRST + 1, "the order of role_start()");

/* Its number, which it says once it holds the namespace without rights.  0, or -1 with errno. */
static int
hear(int ready, pid_t *pid)
{
	struct pollfd p = {.fd = ready, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, START_MS);
	} while (n < 0 && errno == EINTR);
	if (n != 1 || read(ready, pid, sizeof(*pid)) != (ssize_t)sizeof(*pid)) {
		errno = ETIMEDOUT;
		return -1;
	}
	return 0;
}

int
keeper_start(int root, int ns, pid_t *pid)
{
	int ready[2], back, result = -1, status;
	pid_t starter;

	if (os_pipe(ready) < 0) {
		return -1;
	}
	if (os_netns_enter(ns, &back) < 0) {
		goto out;
	}
	starter = fork();
	if (starter == 0) {
		const int fds[] = {root, ready[1]};

		_exit(role_start("keeper", fds, 2) > 0 ? EX_OK : EX_OSERR);
	}
	os_netns_leave(back);
	if (starter < 0) {
		goto out;
	}
	while (waitpid(starter, &status, 0) < 0 && errno == EINTR) {
	}
	/* Only the keeper has it now, so that its end shows. */
	close(ready[1]);
	ready[1] = -1;
	result = hear(ready[0], pid);
out:
	sys_close(ready[0]);
	if (ready[1] >= 0) {
		sys_close(ready[1]);
	}
	return result;
}

/* Whether the far end is there, as far as can be told; news are only the reason to ask. */
static bool
is_needed(struct netif *netif)
{
	struct netif_event event;
	struct netif_status status;

	while (netif_next_event(netif, &event) > 0) {
	}
	return netif_read(netif, KEEPER_IFNAME, 0, false, &status) == 0 || errno != ENODEV;
}

int
keeper_run(void)
{
	struct netif *netif = netif_new(-1);
	struct pollfd news = {.events = POLLIN};
	const pid_t self = getpid();
	const char *step;

	/* It ends with the pair, not with the daemon. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (netif == NULL) {
		log_error("watching interfaces");
		return EX_OSERR;
	}
	if (os_confine(KEEPER_FD_ROOT, &step) < 0) {
		log_error("giving up rights: %s", step);
		return EX_NOPERM; /* the kernel frees the rest */
	}
	close(KEEPER_FD_ROOT);
	if (os_limit_calls(OS_ROLE_KEEPER) < 0) {
		log_debug("no filter of system calls");
	}
	if (write(KEEPER_FD_READY, &self, sizeof(self)) != (ssize_t)sizeof(self)) {
		return EX_OSERR; /* the daemon is gone, and with it the pair */
	}
	close(KEEPER_FD_READY);
	news.fd = netif_watch_fd(netif);
	while (is_needed(netif)) {
		if (poll(&news, 1, -1) < 0 && errno != EINTR) {
			log_error("waiting for news");
			return EX_SOFTWARE;
		}
	}
	netif_free(netif);
	return EX_OK;
}
