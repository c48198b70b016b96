/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relays.c - starts relays and watches them.  See relays.h.
 *
 * Theory of operation.  For each relay the monitor makes a socket pair (sockpair.h), and starts the relay by fork and exec in the namespace
 * of its port, in a session of its own.  The relay says when it is ready, which takes some ten milliseconds, in which the monitor has
 * other work.  Until then the program's end is on its way from the monitor to itself, in the queue of a socket: an open descriptor would be
 * inherited by what the monitor starts in the meantime, and keep the channel from being closed.  The monitor never has the relay's end for
 * longer.  It watches the process, and the relay's end, in a set that
 * outlives its descriptors, so that the next open sees a hang-up as soon as the kernel does.  A relay that is late, to be ready or to end
 * after a hang-up, is killed, and then is one that has ended.
 *
 * Limits.  One process, and the pair's room each way, for each open relayed device.
 */
#include "relays.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "os.h"
#include "sockpair.h"
#include "protocol/channelname.h"
#include "protocol/fdpass.h"
#include "protocol/paths.h"
#include "protocol/sys.h"
#include "protocol/transport.h"

/*
 * A relay that is not ready by then will not be: it takes some ten milliseconds.  Less than a program waits (shim/attach.h), which so is
 * told.
 */
#define START_S 4

struct entry {
	struct relays *relays;
	uint32_t place;
	pid_t pid;
	int watch;           /* of the process; -1: there is none */
	struct event *event;
	int ready_fd;        /* where it says that it serves; -1: it has, or there is none */
	int program;         /* meanwhile, a socket in whose queue the program's end is */
	struct event *ready_event;
	struct event *end_timer; /* since it was seen that nobody holds its channel */
	bool hung_up;
};

struct relays {
	struct event_base *base;
	struct relays_callbacks callbacks;
	int rundir;
	uint64_t daemon; /* of the channels' names */
	struct os_hangups *hangups;
	struct entry at[DEVICE_PLACES_MAX];
};

/* The same for every daemon of a RUNDIR. */
static uint64_t
identity_of(int rundir)
{
	struct stat st;

	return fstat(rundir, &st) == 0 ? (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 40 : 0;
}

struct relays *
relays_new(struct event_base *base, int rundir, const struct relays_callbacks *callbacks)
{
	struct relays *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return NULL;
	}
	r->base = base;
	r->rundir = rundir;
	r->callbacks = *callbacks;
	r->daemon = identity_of(rundir);
	r->hangups = os_hangups_new();
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		r->at[place] = (struct entry){.relays = r, .place = place, .watch = -1, .ready_fd = -1, .program = -1};
	}
	if (r->hangups == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

/* The key of a place's present relay among the watched sockets: one that came late is of an earlier relay. */
static uint64_t
key_of(const struct entry *e)
{
	return (uint64_t)e->place << 32 | (uint32_t)e->pid;
}

static void
free_event(struct event **event)
{
	if (*event != NULL) {
		event_free(*event);
		*event = NULL;
	}
}

/* It has said what it had to say. */
static void
stop_listening(struct entry *e)
{
	free_event(&e->ready_event);
	if (e->ready_fd >= 0) {
		close(e->ready_fd);
		e->ready_fd = -1;
	}
	if (e->program >= 0) {
		close(e->program);
		e->program = -1;
	}
}

static void
forget(struct entry *e)
{
	free_event(&e->event);
	free_event(&e->end_timer);
	stop_listening(e);
	if (e->watch >= 0) {
		os_hangups_remove(e->relays->hangups, key_of(e));
		os_process_reap(e->watch, e->pid);
		close(e->watch);
		e->watch = -1;
	}
	e->pid = 0;
	e->hung_up = false;
}

void
relays_free(struct relays *r)
{
	if (r == NULL) {
		return;
	}
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		forget(&r->at[place]);
	}
	os_hangups_free(r->hangups);
	free(r);
}

static void
on_process_end(evutil_socket_t fd, short what, void *argument)
{
	struct entry *e = argument;
	struct relays *r = e->relays;
	uint32_t place = e->place;
	pid_t pid = e->pid;

	forget(e);
	r->callbacks.on_end(r->callbacks.argument, place, pid);
}

/* From now on its end is told.  0, or -1 with errno: ESRCH. */
static int
watch(struct entry *e, pid_t pid)
{
	int saved;

	e->pid = pid;
	e->watch = os_process_watch(pid);
	if (e->watch < 0) {
		e->pid = 0;
		return -1;
	}
	e->event = event_new(e->relays->base, e->watch, EV_READ, on_process_end, e);
	if (e->event == NULL || event_add(e->event, NULL) < 0) {
		saved = ENOMEM;
		forget(e);
		errno = saved;
		return -1;
	}
	return 0;
}

static void
take_hangups(struct relays *r)
{
	uint64_t key;

	while (os_hangups_next(r->hangups, &key)) {
		struct entry *e = &r->at[(key >> 32) % DEVICE_PLACES_MAX];

		e->hung_up |= key_of(e) == key;
	}
}

static void
file_of(uint32_t place, char path[32])
{
	char name[DEVNAME_SIZE];

	device_place_name(place, name);
	snprintf(path, 32, PATHS_RELAYS_DIR "/%s", name);
}

/* A new file: an earlier relay of that place may still have the old one mapped. */
static int
make_counters(const struct relays *r, uint32_t place)
{
	static const struct relay_counters none;
	char path[32];
	ssize_t n;
	int fd, saved;

	file_of(place, path);
	if (unlinkat(r->rundir, path, 0) < 0 && errno != ENOENT) {
		return -1;
	}
	fd = openat(r->rundir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Its room is taken now: on a full file system the relay would find out by SIGBUS. */
	n = fd >= 0 ? write(fd, &none, sizeof(none)) : 0;
	if (fd >= 0 && n != (ssize_t)sizeof(none)) {
		saved = n < 0 ? errno : ENOSPC;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* What the program asked open(2) for is what its end allows, also past the shim. */
static int
limit_access(int end, const struct relays_start *how)
{
	int flags = fcntl(end, F_GETFL);

	if (flags < 0 || fcntl(end, F_SETFL, how->nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0) {
		return -1;
	}
	if (how->access == MESSAGE_ACCESS_ALL) {
		return 0;
	}
	return shutdown(end, how->access == MESSAGE_ACCESS_READ ? SHUT_WR : SHUT_RD);
}

/* ends[0] is the program's, ends[1] the relay's. */
static int
make_channel(const struct relays *r, const struct relays_start *how, int ends[2])
{
	struct channelname name = {.daemon = r->daemon, .kind = how->kind, .place = how->place,
	    .open_number = how->open_number, .ifindex = how->ifindex};
	int back, result;

	/* A socket belongs to the namespace that it was made in: this one is asked about the interface. */
	if (getentropy(&name.nonce, sizeof(name.nonce)) < 0 || os_netns_enter(how->netns_fd, &back) < 0) {
		return -1;
	}
	result = sockpair_make(r->rundir, &name, ends);
	os_netns_leave(back);
	return result < 0 ? -1 : limit_access(ends[0], how);
}

/* Descriptors that a relay starts with. */
#define GIVEN 4

/* In the child: lays out the relay's descriptors and becomes it.  Does not return. */
static void
become_relay(const struct relays_start *how, const int given[GIVEN])
{
	static const int places[GIVEN] = {RELAY_FD_CHANNEL, RELAY_FD_ROOT, RELAY_FD_COUNTERS, RELAY_FD_READY};
	char name[] = "tuntapd", role[] = DAEMON_ROLE_PREFIX "relay", verbosity[16], ifname[MESSAGE_IFNAME_SIZE];
	char mac[RELAY_MAC_SIZE];
	char *argv[] = {name, role, verbosity, ifname, how->kind == DEVICE_TUN ? mac : NULL, NULL};
	int sources[GIVEN], back;

	/* The log goes where the daemon's does; nothing else of its terminal or its service manager is needed. */
	if (setsid() < 0 || os_netns_enter(how->port_netns_fd, &back) < 0) {
		_exit(EX_OSERR);
	}
	/* First out of the way, then into place, so that none lands on another. */
	for (unsigned i = 0; i < GIVEN; i++) {
		sources[i] = fcntl(given[i], F_DUPFD, RELAY_FD_FIRST_FREE);
		if (sources[i] < 0) {
			_exit(EX_OSERR);
		}
	}
	for (unsigned i = 0; i < GIVEN; i++) {
		if (dup2(sources[i], places[i]) < 0) {
			_exit(EX_OSERR);
		}
	}
	os_close_from(RELAY_FD_FIRST_FREE);
	snprintf(verbosity, sizeof(verbosity), "%d", log_verbosity());
	snprintf(ifname, sizeof(ifname), "%s", how->port_ifname);
	snprintf(mac, sizeof(mac), "%02x%02x%02x%02x%02x%02x", how->mac[0], how->mac[1], how->mac[2], how->mac[3], how->mac[4],
	    how->mac[5]);
	os_exec_self(argv);
	_exit(EX_OSERR);
}

static void
on_said(evutil_socket_t fd, short what, void *argument)
{
	struct entry *e = argument;
	struct relays *r = e->relays;
	unsigned fd_count = 1;
	int channel = -1;
	char byte = 0;
	bool serves = (what & EV_READ) != 0 && read(fd, &byte, 1) == 1 && byte == RELAY_READY &&
	    fdpass_receive(e->program, &byte, 1, &channel, &fd_count) == 1 && fd_count == 1;

	stop_listening(e);
	if (serves) {
		r->callbacks.on_ready(r->callbacks.argument, e->place, e->pid, channel);
		return;
	}
	if ((what & EV_TIMEOUT) != 0) {
		log_warnx("relay %ld does not come up: killing it", (long)e->pid);
	}
	os_process_kill(e->watch, e->pid); /* its end is what is told */
}

/* Puts the program's end away: into a queue, and out of the table of descriptors.  0, or -1 with errno. */
static int
put_away(struct entry *e, int *fd)
{
	int ends[2];

	if (transport_pair(ends) < 0) {
		return -1;
	}
	e->program = ends[1];
	if (fdpass_send(ends[0], "", 1, fd, 1) < 0) {
		sys_close(ends[0]);
		return -1;
	}
	close(ends[0]);
	close(*fd);
	*fd = -1;
	return 0;
}

/* From now on is heard what the relay says at fd, which is taken.  0, or -1 with errno: ENOMEM. */
static int
listen_to(struct entry *e, int *fd)
{
	static const struct timeval limit = {.tv_sec = START_S};

	e->ready_fd = *fd;
	*fd = -1;
	e->ready_event = event_new(e->relays->base, e->ready_fd, EV_READ, on_said, e);
	if (e->ready_event == NULL || event_add(e->ready_event, &limit) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

int
relays_open_root(const struct relays *r)
{
	return openat(r->rundir, PATHS_EMPTY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* What is open while a relay is started. */
enum { FD_PROGRAM, FD_CHANNEL, FD_ROOT, FD_COUNTERS, FD_READY_HERE, FD_READY_THERE, FDS };

static int
prepare_descriptors(const struct relays *r, const struct relays_start *how, int fds[FDS])
{
	for (unsigned i = 0; i < FDS; i++) {
		fds[i] = -1;
	}
	fds[FD_ROOT] = relays_open_root(r);
	fds[FD_COUNTERS] = make_counters(r, how->place);
	if (fds[FD_ROOT] < 0 || fds[FD_COUNTERS] < 0 || os_pipe(&fds[FD_READY_HERE]) < 0) {
		return -1;
	}
	return make_channel(r, how, &fds[FD_PROGRAM]);
}

static void
close_descriptors(const int fds[FDS])
{
	int saved = errno;

	for (unsigned i = 0; i < FDS; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	errno = saved;
}

/* 0, and the relay starts; or -1 with errno, and it may have to be ended. */
static int
start_process(struct entry *e, const struct relays_start *how, int fds[FDS], struct relays_process *process)
{
	const int given[GIVEN] = {fds[FD_CHANNEL], fds[FD_ROOT], fds[FD_COUNTERS], fds[FD_READY_THERE]};

	process->pid = fork();
	if (process->pid == 0) {
		become_relay(how, given);
	}
	if (process->pid < 0) {
		return -1;
	}
	if (watch(e, process->pid) < 0) {
		int saved = errno;

		(void)kill(process->pid, SIGKILL);
		(void)waitpid(process->pid, NULL, 0);
		errno = saved;
		return -1;
	}
	/* Only the relay has it now, so that its end shows. */
	close(fds[FD_READY_THERE]);
	fds[FD_READY_THERE] = -1;
	if (put_away(e, &fds[FD_PROGRAM]) < 0 || listen_to(e, &fds[FD_READY_HERE]) < 0) {
		return -1;
	}
	return os_process_start(process->pid, &process->start);
}

int
relays_start(struct relays *r, const struct relays_start *how, struct relays_process *process)
{
	struct entry *e = &r->at[how->place];
	int fds[FDS], saved;

	forget(e);
	if (prepare_descriptors(r, how, fds) < 0) {
		close_descriptors(fds);
		return -1;
	}
	if (start_process(e, how, fds, process) < 0) {
		saved = errno;
		relays_end(r, how->place);
		close_descriptors(fds);
		errno = saved;
		return -1;
	}
	(void)os_hangups_add(r->hangups, fds[FD_CHANNEL], key_of(e)); /* without it, the end of the process is what tells */
	close_descriptors(fds);
	return 0;
}

int
relays_adopt(struct relays *r, uint32_t place, const struct relays_process *process)
{
	struct entry *e = &r->at[place];
	uint64_t start;
	int end;

	forget(e);
	/* Watched first: a number that is looked at while it is watched cannot come to mean another process. */
	if (process->pid <= 0 || watch(e, process->pid) < 0) {
		errno = ESRCH;
		return -1;
	}
	if (os_process_start(process->pid, &start) < 0 || start != process->start) {
		forget(e);
		errno = ESRCH;
		return -1;
	}
	end = os_process_borrow(e->watch, RELAY_FD_CHANNEL);
	if (end >= 0) {
		(void)os_hangups_add(r->hangups, end, key_of(e));
		close(end);
	}
	return 0;
}

/* Whether the process has ended, now or within that time. */
static bool
has_ended(const struct entry *e, int timeout_ms)
{
	struct pollfd p = {.fd = e->watch, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR); /* its own end may be what interrupts: SIGCHLD */
	return n == 1;
}

static void
on_late(evutil_socket_t fd, short what, void *argument)
{
	struct entry *e = argument;

	log_warnx("relay %ld does not end though its channel is closed: killing it", (long)e->pid);
	os_process_kill(e->watch, e->pid);
}

enum relays_hold
relays_look(struct relays *r, uint32_t place)
{
	static const struct timeval limit = {.tv_sec = RELAYS_END_MS / 1000};
	struct entry *e = &r->at[place];

	if (e->watch < 0) {
		return RELAYS_OVER;
	}
	take_hangups(r);
	if (has_ended(e, 0)) {
		return RELAYS_OVER;
	}
	/* In this order: a relay that was not ending had its channel still, so that the hang-up was there to be seen. */
	if (!e->hung_up && !os_process_is_ending(e->pid)) {
		return RELAYS_HELD;
	}
	if (e->end_timer == NULL) {
		e->end_timer = evtimer_new(r->base, on_late, e);
		if (e->end_timer == NULL || evtimer_add(e->end_timer, &limit) < 0) {
			os_process_kill(e->watch, e->pid); /* better than a wait without end */
		}
	}
	return RELAYS_ENDING;
}

bool
relays_is_channel(const struct relays *r, int fd, uint32_t place, uint64_t open_number)
{
	struct channelname name;

	return sockpair_is_ours(r->rundir, fd, &name) && name.daemon == r->daemon && name.place == place &&
	    name.open_number == open_number;
}

void
relays_end(struct relays *r, uint32_t place)
{
	struct entry *e = &r->at[place];

	if (e->watch < 0) {
		return;
	}
	os_process_kill(e->watch, e->pid);
	(void)has_ended(e, RELAYS_END_MS); /* so that nothing of it is left */
	forget(e);
}

void
relays_read_counters(const struct relays *r, uint32_t place, struct relay_counters *counters)
{
	char path[32];
	ssize_t n;
	int fd;

	memset(counters, 0, sizeof(*counters));
	file_of(place, path);
	fd = openat(r->rundir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return;
	}
	/* A file, not a mapping: a relay that is not ours any more could cut it short.  One of an earlier daemon may have no last field. */
	n = read(fd, counters, sizeof(*counters));
	if (n < (ssize_t)offsetof(struct relay_counters, memory_limit) || counters->magic != RELAY_COUNTERS_MAGIC ||
	    counters->version != RELAY_COUNTERS_VERSION) {
		memset(counters, 0, sizeof(*counters));
	}
	close(fd);
}

void
relays_read_memory(const struct relays *r, uint32_t place, uint64_t *limit, uint64_t *now)
{
	const struct entry *e = &r->at[place];
	struct relay_counters counters;

	*limit = *now = 0;
	if (e->watch >= 0) {
		relays_read_counters(r, place, &counters);
		*limit = counters.memory_limit;
		*now = os_process_memory(e->pid);
	}
}
