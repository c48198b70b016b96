/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os-darwin.c - macOS: credentials, processes, confinement.
 *
 * Theory of operation.  There is one network, whose identity is 0.  A process is watched by a kqueue of its own, which is readable once it
 * has ended; it does not hold the number, so a process that is known is told from another by when it started.
 *
 * Hang-ups.  Nothing tells when the other end of a datagram pair is closed, but it can be asked: the option that gives the other end's
 * process then says ENOTCONN.  So the set keeps a copy of each socket until it has hung up or matters no more.
 *
 * Confinement is an empty root directory and a user without rights.  There is no filter of system calls: sandbox_init(3) is deprecated and
 * takes profiles in a language that is not documented.
 *
 * Sources: unix(4); XNU bsd/kern/uipc_usrreq.c uipc_ctloutput (LOCAL_PEERCRED is of streams alone, captured at connect),
 * bsd/sys/proc_info.h, bsd/kern/kern_event.c (a kqueue is not inherited by fork); setrlimit(2) (no more than OPEN_MAX where the limit
 * is infinite).
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <launch.h>
#include <libproc.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/sys.h"

/* The service's own user, by the system's rule for such names; it need not exist. */
#define SERVICE_USER "_tuntapd"
/* The control socket's name in the job's property list (launchd/). */
#define JOB_SOCKET "control"
/* Descriptors looked at in one go. */
#define LIST_MAX 256

int
os_peer_read(int sock, struct os_peer *peer)
{
	struct xucred credentials;
	socklen_t length = sizeof(credentials), pid_length = sizeof(peer->pid);

	memset(peer, 0, sizeof(*peer));
	if (getsockopt(sock, SOL_LOCAL, LOCAL_PEERCRED, &credentials, &length) < 0 ||
	    getsockopt(sock, SOL_LOCAL, LOCAL_PEERPID, &peer->pid, &pid_length) < 0) {
		return -1;
	}
	if (length != sizeof(credentials) || credentials.cr_version != XUCRED_VERSION || credentials.cr_ngroups < 1 ||
	    credentials.cr_ngroups > NGROUPS) {
		errno = EINVAL;
		return -1;
	}
	peer->uid = credentials.cr_uid;
	peer->gid = credentials.cr_groups[0];
	peer->group_count = (unsigned)credentials.cr_ngroups - 1;
	if (peer->group_count == 0) {
		return 0;
	}
	peer->groups = malloc(peer->group_count * sizeof(gid_t));
	if (peer->groups == NULL) {
		return -1;
	}
	memcpy(peer->groups, &credentials.cr_groups[1], peer->group_count * sizeof(gid_t));
	return 0;
}

void
os_peer_clear(struct os_peer *peer)
{
	int saved = errno;

	free(peer->groups);
	peer->groups = NULL;
	peer->group_count = 0;
	errno = saved;
}

void
os_program_name(pid_t pid, char *name, size_t size)
{
	char path[PROC_PIDPATHINFO_MAXSIZE];
	const char *slash;

	if (proc_pidpath(pid, path, sizeof(path)) <= 0) {
		snprintf(name, size, "?");
		return;
	}
	slash = strrchr(path, '/');
	snprintf(name, size, "%s", slash != NULL ? slash + 1 : path);
}

bool
os_runs_program(pid_t pid, const char *path)
{
	char own[PROC_PIDPATHINFO_MAXSIZE];
	struct stat theirs, wanted;

	return proc_pidpath(pid, own, sizeof(own)) > 0 && stat(own, &theirs) == 0 && stat(path, &wanted) == 0 &&
	    theirs.st_dev == wanted.st_dev && theirs.st_ino == wanted.st_ino;
}

int
os_machine_id(uint8_t id[OS_MACHINE_ID_BYTES])
{
	static const struct timespec at_once;

	if (gethostuuid(id, &at_once) == 0) {
		return 0;
	}
	errno = ENOENT;
	return -1;
}

int
os_socket_file(int sock, struct os_file *file)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	struct stat st;

	/* The name is what was given to bind(2), so one from the root was bound by somebody who can make files there. */
	if (getsockname(sock, (struct sockaddr *)&address, &length) < 0) {
		return -1;
	}
	if (address.sun_family != AF_UNIX || address.sun_path[0] != '/' ||
	    strnlen(address.sun_path, sizeof(address.sun_path)) == sizeof(address.sun_path)) {
		errno = ENOENT;
		return -1;
	}
	if (lstat(address.sun_path, &st) < 0) {
		return -1;
	}
	*file = (struct os_file){.device = st.st_dev, .inode = st.st_ino};
	return 0;
}

enum os_descriptor
os_descriptor_of(int fd)
{
	int type;
	socklen_t length = sizeof(type);

	/* Asked of the socket layer, not of a file: it never waits. */
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_DGRAM) {
		return OS_DESCRIPTOR_FOREIGN;
	}
	return OS_DESCRIPTOR_SOCKET;
}

int
os_netns_own(uint64_t *id)
{
	*id = 0;
	return 0;
}

int
os_netns_of_fd(int fd, uint64_t *id, int *ns)
{
	struct stat st;

	*id = 0;
	*ns = -1;
	if (fstat(fd, &st) < 0) {
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
os_netns_search(uint64_t id, pid_t hint)
{
	errno = ENOENT;
	return -1;
}

int
os_netns_search_by(bool (*is_it)(int ns, void *argument), void *argument, pid_t hint, uint64_t *id)
{
	errno = ENOENT;
	return -1;
}

int
os_netns_owner(int ns, uid_t *owner)
{
	errno = EPERM;
	return -1;
}

int
os_netns_enter(int ns, int *back)
{
	*back = -1;
	if (ns >= 0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

void
os_netns_leave(int back)
{
}

int
os_netns_make(void)
{
	errno = EPERM;
	return -1;
}

int
os_process_watch(pid_t pid)
{
	struct kevent change;
	int watch = kqueue();

	if (watch < 0) {
		return -1;
	}
	EV_SET(&change, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
	if (sys_set_cloexec(watch) < 0 || kevent(watch, &change, 1, NULL, 0, NULL) < 0) {
		sys_close(watch);
		return -1;
	}
	return watch;
}

int
os_process_start(pid_t pid, uint64_t *start)
{
	struct proc_bsdinfo info;

	if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) != (int)sizeof(info)) {
		errno = ESRCH;
		return -1;
	}
	*start = info.pbi_start_tvsec * 1000000 + info.pbi_start_tvusec;
	return 0;
}

bool
os_process_is_ending(pid_t pid)
{
	return false; /* the sockets that are watched are held by the watch: no hang-up is missed */
}

uint64_t
os_process_memory(pid_t pid)
{
	struct proc_taskinfo info;

	return proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &info, sizeof(info)) == (int)sizeof(info) ? info.pti_resident_size : 0;
}

int
os_process_netns(pid_t pid)
{
	errno = ENOENT;
	return -1;
}

void
os_process_kill(int watch, pid_t pid)
{
	struct pollfd p = {.fd = watch, .events = POLLIN};

	/* What has ended may be another process by now.  Not asked with kevent(2): the news comes once, and others wait for it. */
	if (poll(&p, 1, 0) == 0) {
		(void)kill(pid, SIGKILL);
	}
}

void
os_process_reap(int watch, pid_t pid)
{
	struct pollfd p = {.fd = watch, .events = POLLIN};

	/* The end is told (NOTE_EXIT) a moment before there is one to be waited for (XNU bsd/kern/kern_exit.c proc_exit). */
	(void)waitpid(pid, NULL, poll(&p, 1, 0) == 1 ? 0 : WNOHANG);
}

int
os_process_borrow(int watch, int fd)
{
	errno = EPERM; /* no process gives its descriptors to another that asks for them */
	return -1;
}

int
os_process_borrow_tun(pid_t pid, bool (*is_it)(int fd, void *argument), void *argument)
{
	errno = ENOENT;
	return -1;
}

struct watched {
	uint64_t key;
	int sock;
	struct watched *next;
};

struct os_hangups {
	struct watched *first;
};

struct os_hangups *
os_hangups_new(void)
{
	return calloc(1, sizeof(struct os_hangups));
}

/* Takes *place out of the list. */
static void
forget(struct watched **place)
{
	struct watched *gone = *place;

	*place = gone->next;
	close(gone->sock);
	free(gone);
}

void
os_hangups_free(struct os_hangups *set)
{
	while (set->first != NULL) {
		forget(&set->first);
	}
	free(set);
}

int
os_hangups_add(struct os_hangups *set, int sock, uint64_t key)
{
	struct watched *w = malloc(sizeof(*w));

	if (w == NULL) {
		return -1;
	}
	w->key = key;
	w->sock = fcntl(sock, F_DUPFD_CLOEXEC, 0);
	if (w->sock < 0) {
		free(w);
		return -1;
	}
	w->next = set->first;
	set->first = w;
	return 0;
}

void
os_hangups_remove(struct os_hangups *set, uint64_t key)
{
	for (struct watched **place = &set->first; *place != NULL; place = &(*place)->next) {
		if ((*place)->key == key) {
			forget(place);
			return;
		}
	}
}

bool
os_hangups_next(struct os_hangups *set, uint64_t *key)
{
	for (struct watched **place = &set->first; *place != NULL; place = &(*place)->next) {
		pid_t pid;
		socklen_t length = sizeof(pid);

		if (getsockopt((*place)->sock, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) < 0 && errno == ENOTCONN) {
			*key = (*place)->key;
			forget(place);
			return true;
		}
	}
	return false;
}

const char *
os_rights_missing(void)
{
	return geteuid() == 0 ? NULL : "interfaces are made by root alone: start tuntapd with sudo, or as a service";
}

int
os_confine(int root_dir, const char **step)
{
	const struct passwd *user;
	uid_t uid;
	gid_t gid;

	/* The user database is asked while it can be: its server is reached by a name. */
	*step = "looking for the user " SERVICE_USER " or nobody";
	user = getpwnam(SERVICE_USER);
	if (user == NULL) {
		user = getpwnam("nobody");
	}
	if (user == NULL || user->pw_uid == 0) {
		errno = ENOENT;
		return -1;
	}
	uid = user->pw_uid;
	gid = user->pw_gid;
	*step = "changing the root directory";
	if (fchdir(root_dir) < 0 || chroot(".") < 0) {
		return -1;
	}
	*step = "changing the user";
	/* As root setuid(2) sets all three; the process cannot be traced by others afterwards (P_SUGID). */
	return setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0 ? -1 : 0;
}

int
os_limit_calls(enum os_role role)
{
	errno = ENOSYS; /* see above */
	return -1;
}

const char *
os_nodes_missing(void)
{
	return NULL;
}

int
os_exec_self(char *const argv[])
{
	char path[PROC_PIDPATHINFO_MAXSIZE];

	/* The path of the very file that runs, wherever it was moved. */
	if (proc_pidpath(getpid(), path, sizeof(path)) <= 0) {
		errno = ENOENT;
		return -1;
	}
	return execv(path, argv);
}

void
os_close_from(int first)
{
	struct proc_fdinfo list[LIST_MAX];
	int bytes, closed;

	/* The limit may be past all counting, so what is open is asked; a list that is full may be cut. */
	do {
		closed = 0;
		bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, list, sizeof(list));
		for (int i = 0; i < bytes / (int)sizeof(list[0]); i++) {
			if (list[i].proc_fd >= first && close(list[i].proc_fd) == 0) {
				closed++;
			}
		}
	} while (bytes == (int)sizeof(list) && closed > 0);
}

int
os_pipe(int ends[2])
{
	if (pipe(ends) < 0) {
		return -1;
	}
	if (sys_set_cloexec(ends[0]) < 0 || sys_set_cloexec(ends[1]) < 0) {
		sys_close(ends[0]);
		sys_close(ends[1]);
		return -1;
	}
	return 0;
}

void
os_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < OPEN_MAX ? limit.rlim_max : OPEN_MAX;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
os_take_socket(void)
{
	int *fds = NULL, fd = -1, error;
	size_t count = 0;

	error = launch_activate_socket(JOB_SOCKET, &fds, &count);
	if (error == 0 && count == 1 && sys_set_cloexec(fds[0]) < 0) {
		error = errno;
	} else if (error == 0 && count == 1) {
		fd = fds[0];
	}
	for (size_t i = 0; fd < 0 && i < count; i++) {
		sys_close(fds[i]);
	}
	free(fds);
	/* ESRCH: started by somebody else than launchd; EALREADY: asked before (launch(3)). */
	errno = error == ESRCH || (error == 0 && count == 0) ? ENOENT : error == 0 ? E2BIG : error;
	return fd;
}

void
os_notify_ready(void)
{
	/* launchd waits for nothing: its socket takes connections before there is a process. */
}
