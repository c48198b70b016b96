/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.c - what the command asks of the daemon.  See query.h.
 *
 * Each request has a serial of its own, and a reply is checked whole (message.h) before anything of
 * it is used: the socket may belong to anybody.  A reply never carries descriptors here.
 */
#include "cli/query.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "protocol/monotonic.h"
#include "protocol/paths.h"
#include "protocol/request.h"
#include "protocol/transport.h"

/* More devices than a daemon has, in all namespaces: one whose list never ends is none of ours. */
#define DEVICES_MAX 8192u
/* Beside the errnos in query.error: the daemon serves no unit of that number. */
#define NO_SUCH_UNIT (-1)

const char *
query_socket_path(const char *option)
{
	const char *path = option;

	if (path == NULL) {
		path = getenv("TUNTAPD_SOCKET");
		if (path != NULL && path[0] == '\0') {
			path = NULL;
		}
	}
	return path != NULL ? path : PATHS_SOCKET_DEFAULT;
}

/* The exit status for an errno. */
static int
status_of(int error)
{
	switch (error) {
	case NO_SUCH_UNIT:
		return EXIT_CODE_USAGE;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
	case ETIMEDOUT:
	case EAGAIN:
	case EPIPE:
	case ECONNRESET:
		return EXIT_CODE_NO_DAEMON;
	case EACCES:
	case EPERM:
		return EXIT_CODE_PERMISSION;
	case ENAMETOOLONG:
	case EINVAL:
		return EXIT_CODE_USAGE;
	case EPROTONOSUPPORT:
	case EPROTOTYPE:
	case EBADMSG:
		return EXIT_CODE_PROTOCOL;
	default:
		return EXIT_CODE_SYSTEM;
	}
}

void
query_say(const struct query *q)
{
	const char *path = q->socket_path;
	bool is_default = strcmp(path, PATHS_SOCKET_DEFAULT) == 0;

	switch (q->error) {
	case NO_SUCH_UNIT:
		warnx("the daemon at %s serves no %s device of that number: 'tuntapd status' lists "
		    "those that it serves",
		    path, devname_kind(q->id.kind));
		break;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		warnx("no daemon serves %s: start one with 'tuntapd serve%s%s' as root", path,
		    is_default ? "" : " -s ", is_default ? "" : path);
		break;
	case ETIMEDOUT:
	case EAGAIN:
		warnx("the daemon at %s does not answer: look at its log, or restart it (open "
		    "devices stay)",
		    path);
		break;
	case EPIPE:
	case ECONNRESET:
		warnx("the daemon at %s hung up: look at its log, and try again", path);
		break;
	case EACCES:
	case EPERM:
		warnx("%s: permission denied: try again as root, or as a user who may enter its "
		    "directory",
		    path);
		break;
	case ENAMETOOLONG:
	case EINVAL:
		warnx("'%s' is no path for a socket: it is %s; choose another with -s", path,
		    path[0] == '\0' ? "empty" : "too long");
		break;
	case EPROTONOSUPPORT:
		warnx("the daemon at %s is of another version than this command (" TUNTAPD_VERSION
		    "): restart the daemon, or use its own tuntapd", path);
		break;
	case EPROTOTYPE:
	case EBADMSG:
		warnx("what answers at %s is no tuntapd daemon: choose another socket with -s",
		    path);
		break;
	default:
		errno = q->error;
		warn("%s", path);
		break;
	}
}

/* Says why the daemon cannot be asked, and what to do; returns the exit status for it. */
int
query_complain(struct query *q, int error)
{
	q->error = error;
	if (!q->quiet) {
		query_say(q);
	}
	return status_of(error);
}

/* The daemon has no device of that number. */
static int
complain_unit(struct query *q, struct device_id id)
{
	q->id = id;
	return query_complain(q, NO_SUCH_UNIT);
}

bool
query_was_lost(const struct query *q)
{
	return q->error == ENOENT || q->error == ECONNREFUSED || q->error == EPIPE ||
	    q->error == ECONNRESET;
}

int
query_open(struct query *q, const char *socket_path, bool quiet)
{
	char rundir[PATHS_SIZE];

	*q = (struct query){.socket_path = socket_path, .sock = -1, .quiet = quiet, .timeout_ms = QUERY_TIMEOUT_MS};
	/* The same check as the daemon's, so that both refuse the same paths. */
	if (paths_in_rundir(socket_path, NULL, rundir, sizeof(rundir)) < 0) {
		return query_complain(q, errno);
	}
	q->sock = transport_connect(socket_path);
	return q->sock < 0 ? query_complain(q, errno) : EXIT_CODE_OK;
}

void
query_close(struct query *q)
{
	if (q->sock >= 0) {
		close(q->sock);
		q->sock = -1;
	}
}

/* Sends a request without descriptors and takes its checked reply, which has none.  0, or an errno. */
static int
exchange(struct query *q, const union message *request, union message *reply)
{
	unsigned no_fds = 0;

	if (request_exchange(q->sock, request, NULL, 0, reply, NULL, &no_fds, q->timeout_ms) < 0) {
		return errno;
	}
	return request_error(reply);
}

int
query_next(struct query *q, uint32_t *cursor, struct message_device *device)
{
	union message request, reply;
	int error;

	q->devices = *cursor == 0 ? 0 : q->devices + 1;
	message_init(&request, MESSAGE_STATUS, ++q->serial);
	request.status.cursor = *cursor;
	error = exchange(q, &request, &reply);
	if (error == ENOENT && reply.header.type == (MESSAGE_STATUS | MESSAGE_REPLY)) {
		*cursor = 0;
		return EXIT_CODE_NO;
	}
	if (error == 0 && reply.device.next != 0 &&
	    (reply.device.next <= *cursor || q->devices >= DEVICES_MAX)) {
		error = EBADMSG; /* would go on for ever */
	}
	if (error != 0) {
		return query_complain(q, error);
	}
	*cursor = reply.device.next;
	*device = reply.device;
	return EXIT_CODE_OK;
}

int
query_all(struct query *q, struct message_device **devices, size_t *count)
{
	uint32_t cursor = 0;

	*devices = NULL;
	*count = 0;
	do {
		struct message_device *more = realloc(*devices, (*count + 1) * sizeof(*more));
		int status;

		if (more == NULL) {
			return query_complain(q, errno);
		}
		*devices = more;
		status = query_next(q, &cursor, &more[*count]);
		if (status == EXIT_CODE_NO) {
			return EXIT_CODE_OK;
		}
		if (status != EXIT_CODE_OK) {
			return status;
		}
		++*count;
	} while (cursor != 0);
	return EXIT_CODE_OK;
}

bool
query_is_open_here(const struct message_device *device)
{
	struct stat st;

	if (device->state == DEVICE_CLOSED) {
		return false;
	}
	/* Where there are no namespaces a daemon says 0, and nothing is looked up. */
	return device->netns == 0 || stat("/proc/self/ns/net", &st) < 0 ||
	    st.st_ino == device->netns;
}

static bool
is_named(const struct message_device *device, struct device_id id)
{
	return device_id_equal((struct device_id){.kind = device->kind, .unit = device->unit}, id);
}

/* How good an answer a device is to a question for its name. */
static int
rank(const struct message_device *device)
{
	return query_is_open_here(device) ? 2 : device->state != DEVICE_CLOSED ? 1 : 0;
}

int
query_find(struct query *q, struct device_id id, struct message_device *device)
{
	uint32_t cursor = q->found_at, here;
	int best = -1, status;

	/* Asked again and again for one device, it most likely is where it was. */
	if (cursor != 0) {
		q->devices = 0;
		status = query_next(q, &cursor, device);
		if (status == EXIT_CODE_OK && is_named(device, id) && query_is_open_here(device)) {
			return EXIT_CODE_OK;
		}
		if (status != EXIT_CODE_OK && status != EXIT_CODE_NO) {
			return status;
		}
	}
	cursor = 0;
	do {
		struct message_device item = {0};

		here = cursor;
		status = query_next(q, &cursor, &item);
		if (status == EXIT_CODE_NO) {
			break;
		}
		if (status != EXIT_CODE_OK) {
			return status;
		}
		if (is_named(&item, id) && rank(&item) > best) {
			*device = item;
			q->found_at = here;
			best = rank(&item);
		}
	} while (cursor != 0);
	if (best >= 0) {
		return EXIT_CODE_OK;
	}
	return complain_unit(q, id);
}

/* Says why there is no device, in the shim's words; returns the exit status for it. */
static int
complain_attach(const struct query *q, struct device_id id, int error)
{
	char name[DEVNAME_SIZE];

	devname_format(id, name);
	if (!q->quiet) {
		warnx("%s: %s", name, request_attach_reason(error));
	}
	return error == EBUSY ? EXIT_CODE_BUSY
	    : error == EACCES || error == EPERM ? EXIT_CODE_PERMISSION
						: EXIT_CODE_SYSTEM;
}

int
query_attach(struct query *q, struct device_id id, int node, struct message_attached *attached, int *channel)
{
	union message request, reply;
	unsigned in_count = 2;
	int in[2], error;

	message_init(&request, MESSAGE_ATTACH, ++q->serial);
	request.attach.kind = id.kind;
	request.attach.unit = id.unit;
	request.attach.access = MESSAGE_ACCESS_ALL;
	if (request_exchange(q->sock, &request, &node, node >= 0 ? 1 : 0, &reply, in, &in_count,
		q->timeout_ms) < 0) {
		return query_complain(q, errno);
	}
	error = request_error(&reply);
	if (error == ENOENT && reply.header.type != MESSAGE_RESULT) {
		return complain_unit(q, id);
	}
	if (error != 0) {
		return complain_attach(q, id, error);
	}
	/* The page is the shim's; who has none sees the kernel's own device. */
	close(in[1]);
	*channel = in[0];
	*attached = reply.attached;
	return EXIT_CODE_OK;
}

/* Says why there is nothing to see; returns the exit status for it. */
static int
complain_capture(const struct query *q, struct device_id id, int error)
{
	char name[DEVNAME_SIZE];

	devname_format(id, name);
	switch (error) {
	case ENODEV:
		if (!q->quiet) {
			warnx("nobody has %s open in this network namespace: 'tuntapd wait --open %s' waits for that", name, name);
		}
		return EXIT_CODE_NO;
	case EACCES:
	case EPERM:
		if (!q->quiet) {
			warnx("%s: only root, or who has it open and may, sees its packets (the daemon's log says which it was; "
			      "'capture' in tuntapd.conf(5))",
			    name);
		}
		return EXIT_CODE_PERMISSION;
	case EMFILE:
		if (!q->quiet) {
			warnx("%s: this user looks at as many devices as one may at a time", name);
		}
		return EXIT_CODE_SYSTEM;
	case EPROTONOSUPPORT:
		if (!q->quiet) {
			warnx("%s: its packets are neither Ethernet nor IP", name);
		}
		return EXIT_CODE_SYSTEM;
	default:
		if (!q->quiet) {
			errno = error;
			warn("%s: looking at its packets", name);
		}
		return EXIT_CODE_SYSTEM;
	}
}

int
query_capture(struct query *q, struct device_id id, struct message_captured *captured, int *sock)
{
	union message request, reply;
	unsigned in_count = 1;
	int error;

	message_init(&request, MESSAGE_CAPTURE, ++q->serial);
	request.capture.kind = id.kind;
	request.capture.unit = id.unit;
	if (request_exchange(q->sock, &request, NULL, 0, &reply, sock, &in_count, q->timeout_ms) < 0) {
		return query_complain(q, errno);
	}
	error = request_error(&reply);
	if (error == ENOENT && reply.header.type != MESSAGE_RESULT) {
		return complain_unit(q, id);
	}
	if (error != 0) {
		return complain_capture(q, id, error);
	}
	*captured = reply.captured;
	return EXIT_CODE_OK;
}

/*
 * Until the daemon has gone from its directory: its lock is the last thing that it lets go.  Looked
 * at, not waited for, so that a daemon that starts at this moment finds the lock free.
 */
static int
wait_for_lock(const struct query *q, int64_t deadline_ms)
{
	char path[PATHS_SIZE];
	int fd, result;

	if (paths_in_rundir(q->socket_path, PATHS_LOCK, path, sizeof(path)) < 0) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? 0 : -1;
	}
	while ((result = flock(fd, LOCK_SH | LOCK_NB)) < 0 && errno == EWOULDBLOCK) {
		if (monotonic_ms() >= deadline_ms) {
			errno = ETIMEDOUT;
			break;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	close(fd);
	return result;
}

int
query_bridge(struct query *q, struct device_id id, const char *ifname)
{
	union message request, reply;

	message_init(&request, MESSAGE_BRIDGE, ++q->serial);
	request.bridge.kind = id.kind;
	request.bridge.unit = id.unit;
	memcpy(request.bridge.ifname, ifname, strnlen(ifname, sizeof(request.bridge.ifname) - 1));
	return exchange(q, &request, &reply);
}

int
query_stop(struct query *q)
{
	int64_t deadline_ms;
	union message request, reply;
	int error;

	message_init(&request, MESSAGE_STOP, ++q->serial);
	error = exchange(q, &request, &reply);
	if (error == EPERM || error == EACCES) {
		if (!q->quiet) {
			warnx("only root and the daemon's own user may end the daemon at %s",
			    q->socket_path);
		}
		return EXIT_CODE_PERMISSION;
	}
	if (error != 0) {
		return query_complain(q, error);
	}
	deadline_ms = monotonic_ms() + QUERY_TIMEOUT_MS;
	/* No more replies come: what makes the connection readable is its end. */
	if (request_wait(q->sock, POLLIN, QUERY_TIMEOUT_MS) < 0 || wait_for_lock(q, deadline_ms) < 0) {
		if (!q->quiet) {
			warn("the daemon at %s took the request and has not ended", q->socket_path);
		}
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}
