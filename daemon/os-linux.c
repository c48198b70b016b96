/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os-linux.c - Linux: credentials, network namespaces, confinement, readiness.
 *
 * Sources: unix(7) SO_PEERCRED; socket(7) SO_PEERGROUPS (the peer's supplementary groups, captured at connect, Linux 4.13);
 * SIOCGSKNS (the namespace of a socket; tun descriptors answer it too, drivers/net/tun.c).  A connection that
 * was accepted belongs to the namespace of the process that connected (net/unix/af_unix.c unix_stream_connect);
 * SIOCUNIXFILE (net/unix/af_unix.c unix_open_file: an O_PATH descriptor of the file that a socket is bound to, Linux 4.16).  ioctl_ns(2):
 * NS_GET_USERNS, NS_GET_OWNER_UID; setns(2): wants CAP_SYS_ADMIN here and there.  machine-id(5): 32 hexadecimal digits.
 * statx(2) AT_STATX_DONT_SYNC: what the kernel knows itself, without a question to a file system (fs/fuse/dir.c fuse_update_get_attr).
 * pidfd_open(2), pidfd_getfd(2) and waitid(2) P_PIDFD: Linux 5.6.
 */
#include "os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <linux/un.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "protocol/paths.h"
#include "protocol/transport.h"

int
os_peer_read(int sock, struct os_peer *peer)
{
	struct transport_peer basic;
	socklen_t length = 0;

	memset(peer, 0, sizeof(*peer));
	if (transport_peer(sock, &basic) < 0) {
		return -1;
	}
	peer->pid = basic.pid;
	peer->uid = basic.uid;
	peer->gid = basic.gid;
	/* Asked with no room, the kernel says how much it wants. */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0) {
		return 0;
	}
	if (errno != ERANGE) {
		return -1;
	}
	peer->groups = malloc(length);
	if (peer->groups == NULL) {
		return -1;
	}
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &length) < 0) {
		os_peer_clear(peer);
		return -1;
	}
	peer->group_count = (unsigned)(length / sizeof(gid_t));
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

int
os_socket_file(int sock, struct os_file *file)
{
	int family = 0, fd;
	socklen_t length = sizeof(family);
	struct stat st;

	/* The request's number means something else to other sockets. */
	if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0) {
		return -1;
	}
	if (family != AF_UNIX) {
		errno = ENOENT;
		return -1;
	}
	fd = ioctl(sock, SIOCUNIXFILE);
	if (fd < 0) {
		return -1;
	}
	if (fstat(fd, &st) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	*file = (struct os_file){.device = st.st_dev, .inode = st.st_ino};
	return 0;
}

void
os_program_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, size - 1);
		close(fd);
	}
	if (n <= 0) {
		snprintf(name, size, "?");
		return;
	}
	if (name[n - 1] == '\n') {
		n--;
	}
	name[n] = '\0';
}

bool
os_runs_program(pid_t pid, const char *path)
{
	struct stat theirs, wanted;
	char exe[64];

	/* The link leads to the file itself, also where the process sees other mounts or the file was replaced since. */
	snprintf(exe, sizeof(exe), "/proc/%ld/exe", (long)pid);
	return stat(exe, &theirs) == 0 && stat(path, &wanted) == 0 && theirs.st_dev == wanted.st_dev &&
	    theirs.st_ino == wanted.st_ino;
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

int
os_machine_id(uint8_t id[OS_MACHINE_ID_BYTES])
{
	static const char *const paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char text[2 * OS_MACHINE_ID_BYTES] = "";
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
		unsigned done = 0;

		if (fd >= 0) {
			close(fd);
		}
		for (; n == (ssize_t)sizeof(text) && done < OS_MACHINE_ID_BYTES; done++) {
			int high = hex_digit(text[2 * done]), low = hex_digit(text[2 * done + 1]);

			if (high < 0 || low < 0) {
				break;
			}
			id[done] = (uint8_t)(high << 4 | low);
		}
		if (done == OS_MACHINE_ID_BYTES) {
			return 0;
		}
	}
	errno = ENOENT;
	return -1;
}

static bool
is_tun_node(const struct statx *st)
{
	return S_ISCHR(st->stx_mode) && st->stx_rdev_major == PATHS_TUN_MAJOR && st->stx_rdev_minor == PATHS_TUN_MINOR;
}

enum os_descriptor
os_descriptor_of(int fd)
{
	int flags = fcntl(fd, F_GETFL), family = 0;
	socklen_t length = sizeof(family);
	struct statx st;

	/* O_PATH: nothing was opened; what the file claims to be is its file system's word alone. */
	if (flags < 0 || (flags & O_PATH) != 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0) {
		return OS_DESCRIPTOR_FOREIGN;
	}
	if (is_tun_node(&st)) {
		return OS_DESCRIPTOR_NODE;
	}
	if (S_ISSOCK(st.stx_mode) && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 && family == AF_UNIX) {
		return OS_DESCRIPTOR_SOCKET;
	}
	return OS_DESCRIPTOR_FOREIGN;
}

int
os_netns_own(uint64_t *id)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st) < 0) {
		return -1;
	}
	*id = st.st_ino;
	return 0;
}

/* 0 and the inode of an open file, or -1 with errno. */
static int
identity(int fd, uint64_t *id)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -1;
	}
	*id = st.st_ino;
	return 0;
}

int
os_netns_of_fd(int fd, uint64_t *id, int *ns)
{
	int saved;

	/* A stranger's descriptor may be of any driver, to which the number of the request below means something else. */
	if (os_descriptor_of(fd) == OS_DESCRIPTOR_FOREIGN) {
		errno = EINVAL;
		return -1;
	}
	*ns = ioctl(fd, SIOCGSKNS);
	if (*ns < 0) {
		return -1;
	}
	if (fcntl(*ns, F_SETFD, FD_CLOEXEC) < 0 || identity(*ns, id) < 0) {
		saved = errno;
		close(*ns);
		errno = saved;
		return -1;
	}
	return 0;
}

/* A namespace that is looked for: by its identity or by a question. */
struct wanted {
	uint64_t id; /* 0: any */
	bool (*is_it)(int ns, void *argument); /* NULL: it is */
	void *argument;
	dev_t device; /* of all namespaces */
};

/* The namespace at path, if it is the wanted one; or -1. */
static int
open_netns(const char *path, const struct wanted *w)
{
	struct stat st;
	int fd;

	/* Looked at before it is opened: what stands there may be anything. */
	if (stat(path, &st) < 0 || st.st_dev != w->device || (w->id != 0 && st.st_ino != w->id)) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_dev == w->device && (w->id == 0 || st.st_ino == w->id) &&
	    ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && (w->is_it == NULL || w->is_it(fd, w->argument))) {
		return fd;
	}
	close(fd);
	return -1;
}

/* Among DIRECTORY/ENTRY/REST of those entries that begin with a character of first. */
static int
search_netns(const char *directory, const char *first, const char *rest, const struct wanted *w)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	char path[512];
	int fd = -1;

	if (dir == NULL) {
		return -1;
	}
	while (fd < 0 && (entry = readdir(dir)) != NULL) {
		if (first == NULL || strchr(first, entry->d_name[0]) != NULL) {
			snprintf(path, sizeof(path), "%s/%s%s", directory, entry->d_name, rest);
			fd = open_netns(path, w);
		}
	}
	closedir(dir);
	return fd;
}

static int
search(struct wanted *w, pid_t hint)
{
	struct stat st;
	char path[64];
	int fd = -1;

	if (stat("/proc/self/ns/net", &st) == 0) {
		w->device = st.st_dev;
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)hint);
		fd = open_netns(path, w);
	}
	if (fd < 0) {
		fd = search_netns("/proc", "123456789", "/ns/net", w);
	}
	if (fd < 0) {
		fd = search_netns("/run/netns", NULL, "", w);
	}
	if (fd < 0) {
		errno = ENOENT;
	}
	return fd;
}

int
os_netns_search(uint64_t id, pid_t hint)
{
	struct wanted w = {.id = id};

	return search(&w, hint);
}

int
os_netns_search_by(bool (*is_it)(int ns, void *argument), void *argument, pid_t hint, uint64_t *id)
{
	struct wanted w = {.is_it = is_it, .argument = argument};
	int fd = search(&w, hint);

	if (fd >= 0 && identity(fd, id) < 0) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

int
os_netns_owner(int ns, uid_t *owner)
{
	int user_ns = ioctl(ns, NS_GET_USERNS), result, saved;

	if (user_ns < 0) {
		return -1;
	}
	result = ioctl(user_ns, NS_GET_OWNER_UID, owner);
	saved = errno;
	close(user_ns);
	errno = saved;
	return result;
}

int
os_netns_enter(int ns, int *back)
{
	int saved;

	*back = -1;
	if (ns < 0) {
		return 0;
	}
	*back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*back < 0) {
		return -1;
	}
	if (setns(ns, CLONE_NEWNET) < 0) {
		saved = errno;
		close(*back);
		errno = saved;
		return -1;
	}
	return 0;
}

void
os_netns_leave(int back)
{
	int saved = errno;

	if (back < 0) {
		return;
	}
	if (setns(back, CLONE_NEWNET) < 0) {
		log_error("coming back from another network namespace");
		_exit(EX_OSERR);
	}
	close(back);
	errno = saved;
}

int
os_netns_make(void)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), made = -1;

	if (own < 0) {
		return -1;
	}
	if (unshare(CLONE_NEWNET) == 0) {
		made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		os_netns_leave(own);
		return made;
	}
	made = errno;
	close(own);
	errno = made;
	return -1;
}

int
os_process_watch(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself (pidfd_open(2)) */
}

/* Fields of /proc/PID/stat, by their numbers in proc(5). */
#define STAT_FLAGS 9
#define STAT_STARTTIME 22

/* One of them, which is a number and not the second.  0, or -1 with errno: ESRCH; or those of open(2). */
static int
read_stat(pid_t pid, int field, uint64_t *value)
{
	char path[64], text[1024];
	const char *at;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		errno = errno == ENOENT ? ESRCH : errno;
		return -1;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0) {
		errno = ESRCH; /* what reading says of a process that has ended since (fs/proc/base.c proc_single_show) */
		return -1;
	}
	text[n] = '\0';
	/* The second field, the name, is in parentheses and may hold anything. */
	at = strrchr(text, ')');
	for (int fields = 2; at != NULL && fields < field; fields++) {
		at = strchr(at + 1, ' ');
	}
	if (at == NULL) {
		errno = ESRCH;
		return -1;
	}
	*value = strtoull(at + 1, NULL, 10);
	return 0;
}

int
os_process_start(pid_t pid, uint64_t *start)
{
	return read_stat(pid, STAT_STARTTIME, start);
}

bool
os_process_is_ending(pid_t pid)
{
	uint64_t flags;

	/* PF_EXITING of linux/sched.h: set before the descriptors are closed (kernel/exit.c do_exit: exit_signals, exit_files). */
	return read_stat(pid, STAT_FLAGS, &flags) == 0 ? (flags & 0x4) != 0 : errno == ESRCH;
}

uint64_t
os_process_memory(pid_t pid)
{
	char path[64], text[256];
	unsigned long long pages;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	/* Of the numbers in it the second (proc(5)). */
	return strchr(text, ' ') != NULL && (pages = strtoull(strchr(text, ' '), NULL, 10)) > 0 ?
	    (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

int
os_process_netns(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void
os_process_kill(int watch, pid_t pid)
{
	(void)syscall(SYS_pidfd_send_signal, watch, SIGKILL, NULL, 0);
}

void
os_process_reap(int watch, pid_t pid)
{
	siginfo_t info;

	(void)waitid(P_PIDFD, (id_t)watch, &info, WEXITED | WNOHANG);
}

int
os_process_borrow(int watch, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, watch, fd, 0);
}

/* A copy of process pid's descriptor, if it is of the tun node and is_it() is true of it; or -1 with errno. */
static int
borrow_tun(pid_t pid, int watch, const char *number, bool (*is_it)(int fd, void *argument), void *argument)
{
	char path[64];
	struct statx st;
	int fd;

	/*
	 * Looked at before it is borrowed: a copy of anything else is none of our business.  Whoever serves the file, a file system of the
	 * process's own, is not waited for.
	 */
	snprintf(path, sizeof(path), "/proc/%ld/fd/%.16s", (long)pid, number);
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 || !is_tun_node(&st)) {
		errno = ENOENT;
		return -1;
	}
	fd = os_process_borrow(watch, atoi(number));
	if (fd < 0) {
		return -1;
	}
	if (os_descriptor_of(fd) == OS_DESCRIPTOR_NODE && is_it(fd, argument)) {
		return fd;
	}
	close(fd);
	errno = ENOENT;
	return -1;
}

int
os_process_borrow_tun(pid_t pid, bool (*is_it)(int fd, void *argument), void *argument)
{
	int watch = os_process_watch(pid), fd = -1, error = ENOENT;
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	if (watch < 0) {
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	while (dir != NULL && fd < 0 && (entry = readdir(dir)) != NULL) {
		fd = borrow_tun(pid, watch, entry->d_name, is_it, argument);
		if (fd < 0 && errno == EPERM) {
			error = errno;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	close(watch);
	errno = error;
	return fd;
}

struct os_hangups {
	int epoll;
};

struct os_hangups *
os_hangups_new(void)
{
	struct os_hangups *set = malloc(sizeof(*set));

	if (set == NULL) {
		return NULL;
	}
	set->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (set->epoll < 0) {
		free(set);
		return NULL;
	}
	return set;
}

void
os_hangups_free(struct os_hangups *set)
{
	close(set->epoll);
	free(set);
}

int
os_hangups_add(struct os_hangups *set, int sock, uint64_t key)
{
	/* What is watched is the open file, not the descriptor: it stays in the set while anybody holds it (epoll(7), questions). */
	struct epoll_event event = {.events = EPOLLET, .data.u64 = key}; /* EPOLLHUP always is reported */

	return epoll_ctl(set->epoll, EPOLL_CTL_ADD, sock, &event);
}

void
os_hangups_remove(struct os_hangups *set, uint64_t key)
{
	/* It goes with the socket's last holder, who is dead. */
}

bool
os_hangups_next(struct os_hangups *set, uint64_t *key)
{
	struct epoll_event event;

	while (epoll_wait(set->epoll, &event, 1, 0) == 1) {
		if ((event.events & EPOLLHUP) != 0) {
			*key = event.data.u64;
			return true;
		}
	}
	return false;
}

/* The C library has no wrapper for capset(2) and capget(2); libcap would be one more dependency for two calls. */
static int
read_capabilities(struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capget, &header, data);
}

static int
drop_bounding_set(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
		return -1;
	}
	return (int)syscall(SYS_capset, &header, none);
}

const char *
os_rights_missing(void)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (read_capabilities(data) < 0) {
		return "the kernel does not tell our capabilities";
	}
	if ((data[0].effective & (1u << CAP_NET_ADMIN)) == 0) {
		return "the right to make interfaces (CAP_NET_ADMIN) is missing: start tuntapd as root, "
		    "or try 'tuntapd exec --private -- PROGRAM', which needs none";
	}
	return NULL;
}

/* Whether this user namespace maps just one user, so that there is no other to become. */
static bool
single_user(void)
{
	unsigned long inside, outside, count;
	bool single = false;
	FILE *f = fopen("/proc/self/uid_map", "re");

	if (f == NULL) {
		return false;
	}
	if (fscanf(f, "%lu %lu %lu", &inside, &outside, &count) == 3) {
		single = count == 1;
	}
	fclose(f);
	return single;
}

/* 0, or -1 with ENOENT where neither user exists or is root's other name. */
static int
find_user(uid_t *uid, gid_t *gid)
{
	const struct passwd *user = getpwnam("tuntapd");

	if (user == NULL) {
		user = getpwnam("nobody");
	}
	if (user == NULL || user->pw_uid == 0) {
		errno = ENOENT;
		return -1;
	}
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}

static int
become_user(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0) {
		return -1;
	}
	return setresuid(uid, uid, uid);
}

int
os_confine(int root_dir, const char **step)
{
	bool change_user = geteuid() == 0 && !single_user();
	uid_t uid = 0;
	gid_t gid = 0;

	/* The user database is read, and the bounding set cut, while there still are files and rights for it. */
	*step = "looking for the user tuntapd or nobody";
	if (change_user && find_user(&uid, &gid) < 0) {
		return -1;
	}
	*step = "changing the root directory";
	if (fchdir(root_dir) < 0 || chroot(".") < 0) {
		return -1;
	}
	*step = "dropping the capability bounding set";
	if (drop_bounding_set() < 0) {
		return -1;
	}
	*step = "changing the user";
	if (change_user && become_user(uid, gid) < 0) {
		return -1;
	}
	*step = "dropping capabilities";
	if (drop_capabilities() < 0) {
		return -1;
	}
	*step = "refusing new privileges";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -1;
	}
	*step = "refusing to be traced";
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

const char *
os_nodes_missing(void)
{
	/* Documentation/admin-guide/devices.txt: 234 to 254 are for whoever asks for any number (chrdev_alloc). */
	return "there are no real nodes on Linux, where any number can be a driver's, which would be opened then: the library shows the "
	    "devices";
}

int
os_exec_self(char *const argv[])
{
	/* Not the path: it may name another version by now, and monitor and worker must be of one. */
	return execv("/proc/self/exe", argv);
}

void
os_close_from(int first)
{
	(void)close_range((unsigned)first, ~0u, 0);
}

int
os_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

void
os_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}
