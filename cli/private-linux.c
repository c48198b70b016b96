/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * private-linux.c - a world of its own for one program.  See private.h.
 *
 * Theory of operation.  This process enters a user, a network and a mount namespace of its own, in
 * which this user is root and nobody else exists.  It starts a daemon there, waits until that
 * answers, starts the program as a child with the shim, hands signals on, and when the program ends
 * stops the daemon and ends in the same way: with its status, or by the same signal, as shells
 * expect of what they started (128 + N in "$?").
 *
 * What stays behind.  The daemon's files are on a tmpfs in a directory of our own that only this
 * mount namespace sees, so of a world that is killed no more than that empty directory is left.
 * Daemon and program ask the kernel to be killed when this process dies; the namespaces, and
 * interfaces in them, go with their last process.  What the program itself started and left running
 * stays, without a daemon, as it would stay without us.
 *
 * Signals are attend.h's business.  The daemon is in a session of its own, and the terminal does not
 * reach it.
 *
 * The daemon runs with its defaults: the machine's configuration file is about the machine.
 *
 * Sources: user_namespaces(7), mount_namespaces(7), credentials(7).
 */
#include "cli/private.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/attend.h"
#include "cli/exitcode.h"
#include "cli/node.h"
#include "cli/pairing.h"
#include "cli/program.h"
#include "cli/query.h"
#include "protocol/monotonic.h"
#include "protocol/paths.h"

#define DIR_NAME "/tuntapd-XXXXXX"
/* The daemon answers in some tens of milliseconds. */
#define START_TIMEOUT_MS 5000
/* After the stop request, before SIGKILL. */
#define STOP_TIMEOUT_MS 2000
/* Between two looks at the socket; news of a child comes at once. */
#define LOOK_INTERVAL_MS 5

struct world {
	char dir[PATHS_SIZE]; /* "": none yet */
	char socket_path[PATHS_SIZE + 16];
	char log_path[PATHS_SIZE + 16];
	bool mounted;
	bool verbose;
	bool served;   /* and nobody has been told otherwise */
	pid_t daemon;  /* 0: not running */
	int daemon_status;
	struct attend attend;
};

/* A child that is not the program has ended. */
static void
on_other_end(void *argument, pid_t pid, int status)
{
	struct world *w = argument;

	if (pid == w->daemon) {
		w->daemon = 0;
		w->daemon_status = status;
	}
}


static int
make_dir(struct world *w)
{
	const char *parent = getenv("XDG_RUNTIME_DIR");

	/*
	 * The name of the socket in it must fit an address, with the daemon's own suffixes to
	 * spare.
	 */
	if (parent == NULL || parent[0] != '/' || strlen(parent) > 64) {
		parent = "/tmp";
	}
	snprintf(w->dir, sizeof(w->dir), "%s" DIR_NAME, parent);
	if (mkdtemp(w->dir) == NULL && strcmp(parent, "/tmp") != 0) {
		snprintf(w->dir, sizeof(w->dir), "/tmp" DIR_NAME);
		if (mkdtemp(w->dir) == NULL) {
			w->dir[0] = '\0';
		}
	}
	/* mkdtemp(3) leaves the pattern alone when it fails. */
	if (w->dir[0] == '\0' || strcmp(w->dir + strlen(w->dir) - 6, "XXXXXX") == 0) {
		w->dir[0] = '\0';
		warn("making a directory in /tmp");
		return EXIT_CODE_SYSTEM;
	}
	snprintf(w->socket_path, sizeof(w->socket_path), "%s/socket", w->dir);
	snprintf(w->log_path, sizeof(w->log_path), "%s/log", w->dir);
	return EXIT_CODE_OK;
}

static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), saved;
	ssize_t n;

	if (fd < 0) {
		return -1;
	}
	n = write(fd, text, strlen(text));
	saved = errno;
	close(fd);
	errno = saved;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* 0, or -1 with errno. */
static int
map_this_user(uid_t uid, gid_t gid)
{
	char line[48];

	if (write_file("/proc/self/setgroups", "deny") < 0) {
		return -1;
	}
	snprintf(line, sizeof(line), "0 %lu 1", (unsigned long)uid);
	if (write_file("/proc/self/uid_map", line) < 0) {
		return -1;
	}
	snprintf(line, sizeof(line), "0 %lu 1", (unsigned long)gid);
	return write_file("/proc/self/gid_map", line);
}

static int
refused(const char *step)
{
	int error = errno;

	warn("--private: %s", step);
	switch (error) {
	case EPERM:
	case EACCES:
		warnx("user namespaces are forbidden here: allow them (sysctl "
		    "kernel.unprivileged_userns_clone=1, "
		    "kernel.apparmor_restrict_unprivileged_userns=0; in a container, its "
		    "security profile), or let root "
		    "run 'tuntapd serve' and leave --private out");
		return EXIT_CODE_PERMISSION;
	case ENOSPC:
	case EUSERS:
		warnx("no more user or network namespaces are allowed here: raise sysctl "
		    "user.max_user_namespaces and "
		    "user.max_net_namespaces, or let root run 'tuntapd serve' and leave "
		    "--private out");
		return EXIT_CODE_PERMISSION;
	default:
		return EXIT_CODE_SYSTEM;
	}
}

static int
set_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result, saved;

	if (sock < 0) {
		return -1;
	}
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	result = ioctl(sock, SIOCSIFFLAGS, &request);
	saved = errno;
	close(sock);
	errno = saved;
	return result;
}

static int
enter(struct world *w)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0) {
		return refused("making namespaces");
	}
	if (map_this_user(uid, gid) < 0) {
		return refused("becoming root of a user namespace");
	}
	/* Mounts of the machine still come in; ours do not go out. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("tuntapd", w->dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=0755,size=4m") < 0) {
		return refused("mounting a tmpfs");
	}
	w->mounted = true;
	if (set_loopback_up() < 0) {
		return refused("bringing lo up");
	}
	return EXIT_CODE_OK;
}

static int
check_node(void)
{
	int fd = node_open();

	if (fd >= 0) {
		close(fd);
		return EXIT_CODE_OK;
	}
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		warnx("--private: " PATHS_TUN_NODE
		    " is missing: load the module ('modprobe tun' as root), or give the node to "
		    "the "
		    "container");
		return EXIT_CODE_NO_DAEMON;
	case EACCES:
	case EPERM:
		warnx("--private: this user cannot open " PATHS_TUN_NODE
		      ": let it, as most systems do ('chmod 0666 " PATHS_TUN_NODE
		      "' as root; in a container, allow the device 10:200)");
		return EXIT_CODE_PERMISSION;
	default:
		warn("--private: " PATHS_TUN_NODE);
		return EXIT_CODE_SYSTEM;
	}
}

/* In the child. */
static void
become_daemon(const struct world *w)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = STDERR_FILENO;

	if (!w->verbose) {
		log = open(w->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	}
	if (null < 0 || log < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) {
		_exit(EXIT_CODE_SYSTEM);
	}
	/*
	 * Neither a shim that we ourselves run under, nor whoever waits for us to be ready, has
	 * business with it.
	 */
	(void)setenv("TUNTAPD_DISABLE", "1", 1);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	execl("/proc/self/exe", "tuntapd", "serve", "-c", "/dev/null", "-s", w->socket_path,
	    (char *)NULL);
	_exit(EXIT_CODE_SYSTEM);
}

static int
start_daemon(struct world *w)
{
	w->daemon = fork();
	if (w->daemon == 0) {
		attend_prepare_child(&w->attend);
		become_daemon(w);
	}
	if (w->daemon < 0) {
		w->daemon = 0;
		warn("--private: starting the daemon");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

static void
show_log(const struct world *w)
{
	char text[4096];
	FILE *log = w->verbose ? NULL : fopen(w->log_path, "re");
	size_t n;

	if (log == NULL) {
		return;
	}
	while ((n = fread(text, 1, sizeof(text), log)) > 0) {
		(void)fwrite(text, 1, n, stderr);
	}
	fclose(log);
}

/*
 * Until the daemon answers.  An exit status; *interrupted is the signal that told us to end
 * meanwhile, or 0.
 */
static int
wait_for_daemon(struct world *w, int *interrupted)
{
	int64_t deadline_ms = monotonic_ms() + START_TIMEOUT_MS;

	while (w->daemon != 0) {
		struct message_device device;
		struct query query;
		uint32_t cursor = 0;
		int status = query_open(&query, w->socket_path, true), number;

		if (status == EXIT_CODE_OK) {
			status = query_next(&query, &cursor, &device);
		}
		query_close(&query);
		if (status == EXIT_CODE_OK || status == EXIT_CODE_NO) {
			return EXIT_CODE_OK;
		}
		if (monotonic_ms() >= deadline_ms) {
			show_log(w);
			warnx("--private: the daemon does not answer within %d s",
			    START_TIMEOUT_MS / 1000);
			return EXIT_CODE_NO_DAEMON;
		}
		number = attend_next_signal(&w->attend, LOOK_INTERVAL_MS);
		if (attend_is_end(number)) {
			*interrupted = number;
			return 128 + number;
		}
		if (number == SIGCHLD) {
			(void)attend_reap(&w->attend);
		}
	}
	show_log(w);
	warnx("--private: the daemon ended before it served");
	return WIFEXITED(w->daemon_status) && WEXITSTATUS(w->daemon_status) != 0
	    ? WEXITSTATUS(w->daemon_status)
	    : EXIT_CODE_NO_DAEMON;
}

static void
look_at_daemon(void *argument)
{
	struct world *w = argument;

	if (w->served && w->daemon == 0 && w->attend.program != 0) {
		w->served = false;
		show_log(w);
		warnx("--private: the daemon has ended: open devices go on, and no more "
		      "can be opened");
	}
}

static void
wait_for_daemon_end(struct world *w, int timeout_ms)
{
	int64_t deadline_ms = monotonic_ms() + timeout_ms;

	for (;;) {
		(void)attend_reap(&w->attend);
		if (w->daemon == 0 || monotonic_ms() >= deadline_ms) {
			return;
		}
		(void)attend_next_signal(&w->attend, LOOK_INTERVAL_MS);
	}
}

static void
stop_daemon(struct world *w)
{
	struct query query;

	(void)attend_reap(&w->attend);
	if (w->daemon == 0) {
		return;
	}
	if (query_open(&query, w->socket_path, true) == EXIT_CODE_OK) {
		(void)query_stop(&query);
	} else {
		(void)kill(w->daemon, SIGTERM);
	}
	query_close(&query);
	wait_for_daemon_end(w, STOP_TIMEOUT_MS);
	if (w->daemon != 0) {
		warnx("--private: the daemon does not end: killing it");
		(void)kill(w->daemon, SIGKILL);
		(void)waitpid(w->daemon, &w->daemon_status, 0);
		w->daemon = 0;
	}
}

static void
leave(struct world *w)
{
	stop_daemon(w);
	/* Detached, since what the program left running may have a file open there. */
	if (w->mounted && umount2(w->dir, MNT_DETACH) < 0) {
		warn("%s: taking the tmpfs away", w->dir);
	}
	if (w->dir[0] != '\0' && rmdir(w->dir) < 0) {
		warn("%s", w->dir);
	}
}

/* The pair that the program is to have, in this world; it goes with the world.  An exit status. */
static int
make_pair(const struct world *w, const struct pairing *pairing)
{
	struct message_pair made;
	struct query query;
	int hold, status = query_open(&query, w->socket_path, false);

	if (status == EXIT_CODE_OK) {
		status = pairing_make(pairing, &query, false, &made, &hold);
	}
	query_close(&query);
	return status == EXIT_CODE_OK ? pairing_export(&made) : status;
}

/* In a world that has its daemon.  An exit status; *ended_by: a signal that ended the program. */
static int
run(struct world *w, const struct program *program, char **argv, const struct pairing *pairing, int *ended_by)
{
	int status = pairing != NULL ? make_pair(w, pairing) : EXIT_CODE_OK;

	if (status == EXIT_CODE_OK && setenv("TUNTAPD_SOCKET", w->socket_path, 1) < 0) {
		warn("TUNTAPD_SOCKET");
		status = EXIT_CODE_SYSTEM;
	}
	if (status == EXIT_CODE_OK) {
		status = attend_start(&w->attend, program, argv);
	}
	if (status == EXIT_CODE_OK) {
		w->served = true;
		attend_watch(&w->attend, look_at_daemon);
		status = attend_status(&w->attend, ended_by);
	}
	return status;
}

int
private_run(const struct program *program, char **argv, bool verbose, const struct pairing *pairing)
{
	struct world w = {.verbose = verbose};
	int status, ended_by = 0;

	w.attend.on_other_end = on_other_end;
	w.attend.argument = &w;
	attend_begin(&w.attend);
	status = make_dir(&w);
	if (status == EXIT_CODE_OK) {
		status = enter(&w);
	}
	if (status == EXIT_CODE_OK) {
		status = check_node();
	}
	if (status == EXIT_CODE_OK) {
		status = start_daemon(&w);
	}
	if (status == EXIT_CODE_OK) {
		status = wait_for_daemon(&w, &ended_by);
	}
	if (status == EXIT_CODE_OK) {
		status = run(&w, program, argv, pairing, &ended_by);
	}
	leave(&w);
	if (ended_by != 0) {
		attend_end_by_signal(ended_by);
	}
	return status;
}
