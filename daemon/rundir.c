/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rundir.c - the daemon's directory, lock and socket.  See rundir.h.
 *
 * RUNDIR must be a directory of our own user, writable by nobody else: programs believe its files.  For the default
 * socket it holds the socket, too; for another socket it stands beside it, in a directory that must exist.
 *
 * A service manager may make the control socket and keep it: then a daemon that ends leaves it, and the list of devices; and whoever
 * opens a device before the next one serves waits for that one, in place of being told that there is none.
 */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "link.h"
#include "log.h"
#include "protocol/devlist.h"
#include "protocol/paths.h"
#include "protocol/transport.h"

#define LISTEN_BACKLOG 128
/* How long a worker may take to see that its monitor is gone. */
#define WORKER_END_MS 2000
#define WORKER_TRIES 100
#define DEVICES_NEW PATHS_DEVICES ".new"

static int
make_dir(int parent, const char *path, mode_t mode)
{
	struct stat st;

	if (mkdirat(parent, path, mode) < 0 && errno != EEXIST) {
		return -1;
	}
	if (fstatat(parent, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
take_lock(struct rundir *r)
{
	char text[32] = "";
	ssize_t n;

	r->lock_fd = openat(r->fd, PATHS_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (r->lock_fd < 0) {
		log_error("%s/" PATHS_LOCK, r->path);
		return EX_CANTCREAT;
	}
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK) {
			log_error("%s/" PATHS_LOCK, r->path);
			return EX_OSERR;
		}
		n = pread(r->lock_fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		log_errorx("another daemon (pid %s) serves %s: stop that one, or choose another socket with -s",
		    text[0] != '\0' ? text : "unknown", r->socket_path);
		return EX_UNAVAILABLE;
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(r->lock_fd, 0) < 0 || pwrite(r->lock_fd, text, (size_t)n, 0) != n) {
		log_error("%s/" PATHS_LOCK, r->path);
		return EX_IOERR;
	}
	return EX_OK;
}

int
rundir_open(struct rundir *r, const char *socket_path)
{
	int status;

	*r = (struct rundir){.fd = -1, .lock_fd = -1};
	if (paths_in_rundir(socket_path, NULL, r->path, sizeof(r->path)) < 0 ||
	    strlen(socket_path) >= sizeof(r->socket_path)) {
		log_errorx("socket path '%s' is %s: choose a shorter one with -s", socket_path,
		    socket_path[0] == '\0' ? "empty" : "too long");
		return EX_USAGE;
	}
	strcpy(r->socket_path, socket_path);
	if (make_dir(AT_FDCWD, r->path, 0755) < 0) {
		if (errno == EPERM || errno == ENOTDIR) {
			log_errorx("%s is not a directory that only this user can write: remove it, or choose another "
			    "socket with -s", r->path);
			return EX_NOPERM;
		}
		log_error("making the directory %s", r->path);
		return errno == EACCES ? EX_NOPERM : EX_CANTCREAT;
	}
	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0) {
		log_error("%s", r->path);
		return EX_CANTCREAT;
	}
	status = take_lock(r);
	if (status != EX_OK) {
		rundir_close(r);
		return status;
	}
	if (make_dir(r->fd, PATHS_STATE_DIR, 0755) < 0 || make_dir(r->fd, PATHS_EMPTY_DIR, 0555) < 0 ||
	    make_dir(r->fd, PATHS_RELAYS_DIR, 0700) < 0) {
		log_error("making directories in %s", r->path);
		rundir_close(r);
		return EX_CANTCREAT;
	}
	return EX_OK;
}

void
rundir_close(struct rundir *r)
{
	if (r->fd >= 0) {
		close(r->fd);
		r->fd = -1;
	}
	if (r->lock_fd >= 0) {
		close(r->lock_fd);
		r->lock_fd = -1;
	}
}

/* The worker of a daemon that was killed a moment ago still listens, until it sees that it is alone: its end ends the connection. */
static bool
ends_soon(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, WORKER_END_MS) == 1 && (p.revents & POLLHUP) != 0;
}

/* With the lock in hand, a socket that nobody answers is what a killed daemon left. */
static int
remove_stale_socket(const struct rundir *r)
{
	struct stat st;
	int fd;

	if (lstat(r->socket_path, &st) < 0) {
		return errno == ENOENT ? 0 : -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_errorx("%s exists and is no socket: remove it, or choose another with -s", r->socket_path);
		errno = EEXIST;
		return -1;
	}
	/* Such a worker ends its connections first, and then its listening. */
	for (unsigned tries = 0; (fd = transport_connect(r->socket_path)) >= 0 && tries < WORKER_TRIES && ends_soon(fd); tries++) {
		close(fd);
		usleep(WORKER_END_MS * 1000 / WORKER_TRIES);
	}
	if (fd >= 0) {
		close(fd);
		log_errorx("%s: somebody else listens there: choose another socket with -s", r->socket_path);
		errno = EADDRINUSE;
		return -1;
	}
	log_info("%s: removing the socket of a daemon that is gone", r->socket_path);
	return unlink(r->socket_path);
}

/* The service manager's socket is ours if it is of the right kind and programs find it where this daemon's is.  Takes fd over. */
static int
adopt_socket(struct rundir *r, int fd)
{
	struct os_file named = {0};
	struct stat st;

	if (transport_adopt(fd) < 0) {
		log_error("the socket that the service manager made is not for %s", r->socket_path);
	} else if (os_socket_file(fd, &named) < 0 || lstat(r->socket_path, &st) < 0) {
		log_error("looking for the service manager's socket at %s", r->socket_path);
	} else if (named.device != st.st_dev || named.inode != st.st_ino) {
		log_errorx("the socket that the service manager made is not the one at %s: make both the same path", r->socket_path);
	} else {
		r->socket_file = named;
		r->handed_over = true;
		return fd;
	}
	close(fd);
	return -1;
}

int
rundir_listen(struct rundir *r)
{
	int fd = os_take_socket();

	if (fd >= 0) {
		return adopt_socket(r, fd);
	}
	if (errno == E2BIG) {
		log_errorx("the service manager made more than one socket; %s is all that is served", r->socket_path);
		return -1;
	}
	if (errno != ENOENT) {
		log_error("taking the socket that the service manager made");
		return -1;
	}
	if (remove_stale_socket(r) < 0) {
		if (errno != EEXIST && errno != EADDRINUSE) {
			log_error("%s", r->socket_path);
		}
		return -1;
	}
	fd = transport_listen(r->socket_path, LISTEN_BACKLOG);
	if (fd < 0) {
		log_error("listening on %s", r->socket_path);
		return -1;
	}
	if (os_socket_file(fd, &r->socket_file) < 0) {
		log_error("looking at %s", r->socket_path);
		close(fd);
		(void)unlink(r->socket_path);
		return -1;
	}
	return fd;
}

/* The name alone: where the kernel tells no more, of a socket from outside this daemon's user namespace. */
static bool
is_named(const struct rundir *r, int sock)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);

	memset(&address, 0, sizeof(address));
	return getsockname(sock, (struct sockaddr *)&address, &length) == 0 && length <= sizeof(address) && address.sun_family == AF_UNIX &&
	    strncmp(address.sun_path, r->socket_path, sizeof(address.sun_path)) == 0;
}

int
rundir_check_connection(const struct rundir *r, int sock)
{
	int listens = 0;
	socklen_t length = sizeof(listens);
	struct os_file file;

	/* Of what listens the kernel says, in place of a peer's, the credentials of who made it listen: ours. */
	if (getsockopt(sock, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || listens != 0) {
		errno = EACCES;
		return -1;
	}
	if (os_socket_file(sock, &file) == 0) {
		if (file.device == r->socket_file.device && file.inode == r->socket_file.inode) {
			return 0;
		}
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
		return -1;
	} else if (errno == EPERM && is_named(r, sock)) {
		return 0;
	}
	errno = EACCES;
	return -1;
}

int
rundir_write_devices(const struct rundir *r, const struct policy *policy)
{
	static const uint8_t kinds[] = {DEVICE_TUN, DEVICE_TAP}; /* the list's order */
	struct devlist_entry entries[2 * DEVICE_UNITS_MAX];
	char data[DEVLIST_BYTES_MAX];
	const bool has_kext = link_find(POLICY_LINK_KEXT) != NULL;
	unsigned count = 0;
	size_t size;
	int fd, saved;

	for (unsigned i = 0; i < sizeof(kinds); i++) {
		struct device_id id = {.kind = kinds[i]};

		for (; policy_has(policy, id); id.unit++) {
			const struct device_policy *device = policy_device(policy, id);

			entries[count] = device->entry;
			entries[count++].flags = has_kext && policy_wants_kext(device) ? DEVLIST_BEFORE_NODE : 0;
		}
	}
	size = devlist_make(data, policy->tun_units, policy->tap_units, entries, time(NULL));
	fd = openat(r->fd, DEVICES_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		return -1;
	}
	if (fchmod(fd, 0644) < 0 || write(fd, data, size) != (ssize_t)size ||
	    renameat(r->fd, DEVICES_NEW, r->fd, PATHS_DEVICES) < 0) {
		saved = errno;
		close(fd);
		(void)unlinkat(r->fd, DEVICES_NEW, 0);
		errno = saved;
		return -1;
	}
	return close(fd);
}

bool
rundir_withdraw(const struct rundir *r, bool for_good)
{
	if (r->handed_over && !for_good) {
		return false;
	}
	if (unlinkat(r->fd, PATHS_DEVICES, 0) < 0 && errno != ENOENT) {
		log_warn("removing %s/" PATHS_DEVICES, r->path);
	}
	if (!r->handed_over && unlink(r->socket_path) < 0 && errno != ENOENT) {
		log_warn("removing %s", r->socket_path);
	}
	return true;
}
