/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-kqueue.c - kqueue and kevent, as libevent and the daemon use them.  See standin.h.
 *
 * A kqueue is an epoll instance, so it can itself be polled and watched.  What Linux has no number for gets a descriptor of its own: a
 * process that is watched a pidfd, a signal an eventfd that the handler writes to (standin-signal.c).  A kqueue is not inherited by fork
 * (XNU bsd/kern/kern_event.c): there it is closed in the child, here a child that uses one is ended.
 *
 * Sources: kqueue(2); XNU bsd/sys/event.h (numbers; struct kevent is 32 bytes), bsd/kern/kern_event.c; darwin.md 6 (a datagram pair: EV_EOF
 * never appears, and what was closed is seen by an EV_ADD alone).
 */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define READ (-1)
#define WRITE (-2)
#define PROC (-5)
#define SIGNAL (-6)

#define EV_ADD 0x1
#define EV_DELETE 0x2
#define EV_ENABLE 0x4
#define EV_ONESHOT 0x10
#define EV_CLEAR 0x20
#define EV_RECEIPT 0x40
#define EV_ERROR 0x4000
#define EV_EOF 0x8000
#define NOTE_EXIT 0x80000000u

#define QUEUES_MAX 64
#define NOTES_MAX 512
#define EVENTS_MAX 64

struct darwin_kevent {
	uint64_t ident;
	int16_t filter;
	uint16_t flags;
	uint32_t fflags;
	int64_t data;
	void *udata;
};
_Static_assert(sizeof(struct darwin_kevent) == 32, "the kernel's layout");

struct note {
	uint64_t ident;
	int16_t filter; /* 0: free */
	uint16_t flags;
	int fd; /* what epoll watches */
	bool due; /* at once, whatever epoll says */
	void *udata;
};

struct queue {
	int fd; /* -1: free */
	pid_t owner;
	struct note notes[NOTES_MAX];
};

static struct queue *queues[QUEUES_MAX];
/* By Darwin's number of a signal: what the handler writes to; 0: nothing. */
static int signal_fds[32];

static struct queue *
find_queue(int fd)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		if (queues[i] != NULL && queues[i]->fd == fd) {
			if (queues[i]->owner != getpid()) {
				standin_refuse("kevent: a kqueue is not inherited by fork");
			}
			return queues[i];
		}
	}
	return NULL;
}

static int
darwin_kqueue(void)
{
	struct queue **place = NULL;
	int fd = standin_fails("kqueue") ? -1 : epoll_create1(0);

	for (unsigned i = 0; i < QUEUES_MAX && place == NULL; i++) {
		if (queues[i] == NULL) {
			place = &queues[i];
		}
	}
	if (fd < 0) {
		return (int)standin_translated(-1);
	}
	if (place == NULL || (*place = calloc(1, sizeof(**place))) == NULL) {
		standin_refuse("too many kqueues");
	}
	(*place)->fd = fd;
	(*place)->owner = getpid();
	standin_set_kind(fd, &standin_queue);
	return fd;
}

static void
forget_queue(int fd)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		struct queue *q = queues[i];

		if (q == NULL || q->fd != fd) {
			continue;
		}
		for (unsigned j = 0; j < NOTES_MAX; j++) {
			if (q->notes[j].filter == PROC) {
				close(q->notes[j].fd);
			}
		}
		free(q);
		queues[i] = NULL;
	}
}

static struct note *
find_note(struct queue *q, uint64_t ident, int16_t filter)
{
	for (unsigned i = 0; i < NOTES_MAX; i++) {
		if (q->notes[i].filter == filter && (filter == 0 || q->notes[i].ident == ident)) {
			return &q->notes[i];
		}
	}
	return NULL;
}

/* Makes epoll watch a descriptor for what the notes of it want: nothing, read, write. */
static int
watch(struct queue *q, int fd)
{
	struct epoll_event event = {.data.fd = fd};
	int result;

	for (unsigned i = 0; i < NOTES_MAX; i++) {
		if (q->notes[i].filter != 0 && q->notes[i].fd == fd) {
			event.events |= q->notes[i].filter == WRITE ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
			event.events |= q->notes[i].filter >= WRITE && (q->notes[i].flags & EV_CLEAR) != 0 ? EPOLLET : 0;
		}
	}
	if (event.events == 0) {
		return epoll_ctl(q->fd, EPOLL_CTL_DEL, fd, NULL);
	}
	result = epoll_ctl(q->fd, EPOLL_CTL_MOD, fd, &event);
	return result < 0 && errno == ENOENT ? epoll_ctl(q->fd, EPOLL_CTL_ADD, fd, &event) : result;
}

/* The number is closed: so it is for every kqueue.  (epoll would watch on while there is a copy.) */
void
standin_queue_forgets(int fd)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		struct queue *q = queues[i];
		bool had = false;

		if (q == NULL || q->owner != getpid()) {
			continue;
		}
		for (unsigned j = 0; j < NOTES_MAX; j++) {
			struct note *note = &q->notes[j];

			if ((note->filter == READ || note->filter == WRITE) && note->ident == (uint64_t)fd) {
				note->filter = 0;
				had = true;
			}
		}
		if (had) {
			(void)epoll_ctl(q->fd, EPOLL_CTL_DEL, fd, NULL);
		}
	}
}

static void
on_signal(int darwin)
{
	static const uint64_t one = 1;

	(void)!write(signal_fds[darwin], &one, sizeof(one));
}

/* What epoll can watch of it, or -1 with errno. */
static int
descriptor_of(const struct darwin_kevent *change)
{
	int number = (int)change->ident;

	switch (change->filter) {
	case READ:
	case WRITE:
		if (change->fflags != 0) {
			standin_refuse("kevent: fflags %#x of a descriptor", change->fflags);
		}
		return fcntl(number, F_GETFD) < 0 ? -1 : number;
	case PROC:
		if (change->fflags != NOTE_EXIT) {
			standin_refuse("kevent: fflags %#x of a process", change->fflags);
		}
		return (int)syscall(SYS_pidfd_open, (pid_t)change->ident, 0);
	case SIGNAL:
		if (standin_linux_signal(number) == 0 || signal_fds[number] != 0) {
			standin_refuse("kevent: signal %d", number);
		}
		signal_fds[number] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		standin_watch_signal(number, on_signal);
		return signal_fds[number];
	default:
		standin_refuse("kevent: filter %d", change->filter);
	}
}

static int
add(struct queue *q, const struct darwin_kevent *change)
{
	struct note *note = find_note(q, change->ident, change->filter);
	const struct standin_kind *kind;
	int fd;

	if (note != NULL) {
		note->udata = change->udata;
		note->due |= change->filter == READ && standin_kind_of(note->fd) == &standin_datagram && standin_is_orphan(note->fd);
		return 0;
	}
	fd = descriptor_of(change);
	if (fd < 0) {
		return -1;
	}
	note = find_note(q, 0, 0);
	if (note == NULL) {
		standin_refuse("kevent: too many notes");
	}
	*note = (struct note){.ident = change->ident, .filter = change->filter, .flags = change->flags, .fd = fd, .udata = change->udata};
	kind = standin_kind_of(fd);
	note->due = change->filter == READ && kind == &standin_datagram && standin_is_orphan(fd);
	if (watch(q, fd) < 0) {
		standin_refuse("kevent: epoll does not take descriptor %d", fd);
	}
	return 0;
}

static int
take_away(struct queue *q, struct note *note)
{
	int fd = note->fd;

	if (note->filter == SIGNAL) {
		standin_watch_signal((int)note->ident, NULL);
		signal_fds[note->ident] = 0;
	}
	*note = (struct note){0};
	(void)watch(q, fd);
	return 0;
}

static int
change_one(struct queue *q, const struct darwin_kevent *change)
{
	struct note *note = find_note(q, change->ident, change->filter);
	int fd;

	/* EV_CLEAR tells once of what comes; of processes and signals the kernel does so anyway. */
	if ((change->flags & ~(EV_ADD | EV_DELETE | EV_ENABLE | EV_RECEIPT | EV_ONESHOT | EV_CLEAR)) != 0 || change->filter == 0) {
		standin_refuse("kevent: filter %d, flags %#x", change->filter, change->flags);
	}
	if ((change->flags & EV_DELETE) == 0) {
		return (change->flags & EV_ADD) != 0 || note != NULL ? add(q, change) : (errno = ENOENT, -1);
	}
	if (note == NULL) {
		errno = ENOENT;
		return -1;
	}
	fd = note->fd;
	(void)take_away(q, note);
	if (change->filter <= PROC) {
		close(fd);
	}
	return 0;
}

static int64_t
readable_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? bytes : 1;
}

/* What happened, for one note; false: nothing that it wants. */
static bool
happened(struct queue *q, struct note *note, uint32_t events, struct darwin_kevent *out)
{
	uint64_t count;
	int fd = note->fd;

	*out = (struct darwin_kevent){.ident = note->ident, .filter = note->filter, .flags = EV_ADD, .udata = note->udata};
	switch (note->filter) {
	case READ:
		if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) == 0) {
			return false;
		}
		out->data = readable_bytes(fd);
		out->flags |= (events & (EPOLLHUP | EPOLLRDHUP)) != 0 ? EV_EOF : 0;
		break;
	case WRITE:
		if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) {
			return false;
		}
		out->data = 8192;
		out->flags |= (events & EPOLLHUP) != 0 ? EV_EOF : 0;
		break;
	case PROC:
		out->fflags = NOTE_EXIT;
		out->flags |= EV_EOF | EV_ONESHOT | EV_CLEAR;
		(void)take_away(q, note);
		close(fd);
		return true;
	default:
		if (read(fd, &count, sizeof(count)) != sizeof(count)) {
			return false;
		}
		out->data = (int64_t)count;
		out->flags |= EV_CLEAR;
		break;
	}
	if ((note->flags & EV_ONESHOT) != 0) {
		(void)take_away(q, note);
	}
	return true;
}

static int
collect(struct queue *q, struct darwin_kevent *events, int room, int timeout_ms)
{
	struct epoll_event found[EVENTS_MAX];
	int given = 0, count;

	for (unsigned i = 0; i < NOTES_MAX && given < room; i++) {
		if (q->notes[i].filter != 0 && q->notes[i].due) {
			q->notes[i].due = false;
			given += happened(q, &q->notes[i], EPOLLIN, &events[given]);
		}
	}
	count = epoll_wait(q->fd, found, room - given < EVENTS_MAX ? (room - given > 0 ? room - given : 1) : EVENTS_MAX,
	    given > 0 ? 0 : timeout_ms);
	if (count < 0) {
		return given > 0 ? given : -1;
	}
	for (int i = 0; i < count; i++) {
		for (unsigned j = 0; j < NOTES_MAX && given < room; j++) {
			if (q->notes[j].filter != 0 && q->notes[j].fd == found[i].data.fd) {
				given += happened(q, &q->notes[j], found[i].events, &events[given]);
			}
		}
	}
	return given;
}

static int
darwin_kevent(int fd, const struct darwin_kevent *changes, int change_count, struct darwin_kevent *events, int room,
    const struct timespec *timeout)
{
	struct queue *q = find_queue(fd);
	int given = 0, result, timeout_ms = -1;

	if (q == NULL) {
		errno = EBADF;
		return (int)standin_translated(-1);
	}
	for (int i = 0; i < change_count; i++) {
		result = change_one(q, &changes[i]);
		if (result < 0 && given == room) {
			return (int)standin_translated(-1);
		}
		if (result < 0 || ((changes[i].flags & EV_RECEIPT) != 0 && given < room)) {
			events[given] = changes[i];
			events[given].flags = EV_ERROR;
			events[given++].data = result < 0 ? standin_darwin_error(errno) : 0;
		}
	}
	if (given > 0 || room == 0) {
		return given;
	}
	if (timeout != NULL) {
		/* Never early: parts of a millisecond are a whole one. */
		timeout_ms = (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000);
	}
	return (int)standin_translated(collect(q, events, room, timeout_ms));
}

const struct standin_kind standin_queue = {.name = "kqueue", .forget = forget_queue};

const struct standin_symbol standin_kqueue_symbols[] = {
	OTHER(kqueue), OTHER(kevent),
	{NULL, NULL},
};
