/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * requests.c - what the monitor does for a client.  See requests.h.
 *
 * Theory of operation.  One function per type of request: asks the kernel who is at the other end of the client's connection, has the
 * table concerned do the work, and answers on that connection.  An answer never waits: a fresh connection has room for one.
 *
 * An open may have to wait for a relay: its own, which starts, or that of the open before, which ends.  It is put aside meanwhile, with its
 * descriptors, and others are served.  When its own relay is ready, or has ended, the table has the rest done.  For the end of another's
 * the same request is made again whenever a relay has ended, and now and then, since a device can also go in other ways; one
 * request waits for a place at most, a second one finds the device busy.
 */
#include "requests.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/os.h"
#include "protocol/fdpass.h"

/* How often what waits for another's relay is tried. */
#define AGAIN_MS 50

/* An attach that waits for the relay of a place. */
struct waiting {
	TAILQ_ENTRY(waiting) entry;
	uint32_t place;
	uint64_t opening; /* of devices_attach(); 0: the relay is of the open before */
	struct priv_request request;
	int fds[2];       /* the connection, and the request's own or -1 */
};

struct requests {
	struct requests_setup setup;
	TAILQ_HEAD(waiting_list, waiting) waiting;
	struct event *again; /* pending only while something waits for another's relay */
	struct log_limit unanswered_limit;
	struct log_limit capture_limit;
};

static void on_time_to_try(evutil_socket_t fd, short what, void *argument);

struct requests *
requests_new(const struct requests_setup *setup)
{
	struct requests *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		return NULL;
	}
	q->setup = *setup;
	TAILQ_INIT(&q->waiting);
	q->again = evtimer_new(setup->base, on_time_to_try, q);
	if (q->again == NULL) {
		free(q);
		errno = ENOMEM;
		return NULL;
	}
	return q;
}

/* What waits for the relay of a place: for its own, or for that of the open before. */
static struct waiting *
find_waiting(struct requests *q, uint32_t place, bool own)
{
	struct waiting *w;

	TAILQ_FOREACH(w, &q->waiting, entry) {
		if (w->place == place && (w->opening != 0) == own) {
			return w;
		}
	}
	return NULL;
}

static void
close_waiting(struct waiting *w)
{
	for (unsigned i = 0; i < 2; i++) {
		if (w->fds[i] >= 0) {
			close(w->fds[i]);
			w->fds[i] = -1;
		}
	}
}

void
requests_free(struct requests *q)
{
	struct waiting *w;

	if (q == NULL) {
		return;
	}
	if (q->again != NULL) {
		event_free(q->again);
	}
	while ((w = TAILQ_FIRST(&q->waiting)) != NULL) {
		TAILQ_REMOVE(&q->waiting, w, entry);
		close_waiting(w);
		free(w);
	}
	free(q);
}

/* Answers on the client's connection.  Never waits: a fresh connection has room for one reply, and another's loss is its own. */
static void
answer(struct requests *q, int connection, const union message *reply, const int *fds, unsigned fd_count)
{
	if (fdpass_send(connection, reply, reply->header.size, fds, fd_count) == 0) {
		return;
	}
	if (errno == EPIPE || errno == ECONNRESET) {
		/*
		 * A client that ended before its answer is nothing to warn of: its descriptors are closed with the reply, its device with
		 * them.
		 */
		log_debug("a client did not wait for its answer");
	} else if (log_limit_pass(&q->unanswered_limit, "unanswered requests")) {
		log_warn("answering a client");
	}
}

/* A reply that is an errno alone, which is returned; 0: done. */
static int
result(struct requests *q, int connection, const union message *request, int error)
{
	union message reply;

	message_init_reply(&reply, &request->header, error);
	answer(q, connection, &reply, NULL, 0);
	return error;
}

/*
 * Who asks, and for which namespace: that of the given descriptor, where one came with the request, else that of the connection.  0, or an
 * errno.  The caller ends it with forget_asker().
 */
static int
learn_asker(int connection, int given_fd, struct os_peer *peer, struct device_attach *how)
{
	int error;

	if (os_peer_read(connection, peer) < 0) {
		error = errno;
		log_warn("asking the kernel about a client");
		return error;
	}
	how->peer = peer;
	how->how.uid = peer->uid;
	if (os_netns_of_fd(given_fd >= 0 ? given_fd : connection, &how->netns, &how->netns_fd) < 0) {
		error = errno == EPERM ? EACCES : errno;
		os_peer_clear(peer);
		return error;
	}
	return 0;
}

static void
forget_asker(struct os_peer *peer, const struct device_attach *how)
{
	os_peer_clear(peer);
	if (how->netns_fd >= 0) {
		close(how->netns_fd);
	}
}

/* The program has its device, or has gone. */
static void
answer_attached(struct requests *q, int *fds, const union message *request, const struct device_attached *attached, pid_t pid)
{
	char program[MESSAGE_PROGRAM_SIZE];
	union message reply;

	message_init_reply(&reply, &request->header, 0);
	reply.attached.ifindex = attached->ifindex;
	reply.attached.open_number = attached->open_number;
	reply.attached.mtu = attached->mtu;
	reply.attached.kind = attached->id.kind;
	reply.attached.unit = attached->id.unit;
	reply.attached.channel = (uint8_t)attached->channel_type;
	reply.attached.place = attached->place;
	memcpy(reply.attached.ifname, attached->ifname, sizeof(reply.attached.ifname));
	answer(q, fds[0], &reply, (int[]){attached->channel, attached->page}, 2);
	/*
	 * Not ours from here on, and at once: whoever closes the last copy waits while the kernel takes the interface away, and that
	 * must not be this loop.  Only if the client has gone is it; then the watch will tell.
	 */
	close(attached->channel);
	if (attached->channel == fds[1]) {
		fds[1] = -1;
	}
	close(attached->page);
	os_program_name(pid, program, sizeof(program));
	devices_settle(q->setup.devices, attached->place, program);
}

/* w waits for what the table said.  An errno: EINPROGRESS; or EBUSY: somebody does already. */
static int
put_aside(struct requests *q, struct waiting *w, const struct priv_request *r, int *fds, const struct device_attached *attached)
{
	static const struct timeval interval = {.tv_usec = AGAIN_MS * 1000};

	if (attached->opening == 0 && (find_waiting(q, attached->place, false) != NULL || evtimer_add(q->again, &interval) < 0)) {
		return EBUSY;
	}
	w->place = attached->place;
	w->opening = attached->opening;
	w->request = *r;
	for (unsigned i = 0; i < 2; i++) {
		w->fds[i] = fds[i];
		fds[i] = -1;
	}
	TAILQ_INSERT_TAIL(&q->waiting, w, entry);
	return EINPROGRESS;
}

/* after: of what has waited, or NULL; then channel is as for devices_attach_finish().  What the client was told, or EINPROGRESS. */
static int
attach(struct requests *q, const struct priv_request *r, int *fds, const struct waiting *after, int channel)
{
	const struct message_attach *a = &r->message.attach;
	struct waiting *w = calloc(1, sizeof(*w));
	struct os_peer peer;
	struct device_attach how = {
		.id = {.kind = a->kind, .unit = a->unit},
		.how = {.access = a->access, .nonblock = a->nonblock != 0, .given_fd = fds[1],
		    .dialect = (enum message_dialect)a->dialect, .tun_flags = a->tun_flags},
	};
	struct device_attached attached;
	int error;

	error = w != NULL ? learn_asker(fds[0], fds[1], &peer, &how) : ENOMEM;
	if (error != 0) {
		free(w);
		return result(q, fds[0], &r->message, error);
	}
	memcpy(how.ifname, a->ifname, sizeof(how.ifname));
	if ((after != NULL && after->opening != 0 ?
	    devices_attach_finish(q->setup.devices, &how, after->place, after->opening, channel, &attached) :
	    devices_attach(q->setup.devices, &how, &attached)) < 0) {
		error = errno;
	}
	forget_asker(&peer, &how);
	if (error == EINPROGRESS) {
		error = put_aside(q, w, r, fds, &attached);
		w = error == EINPROGRESS ? NULL : w;
	}
	free(w);
	if (error == 0) {
		answer_attached(q, fds, &r->message, &attached, peer.pid);
	} else if (error != EINPROGRESS) {
		(void)result(q, fds[0], &r->message, error);
	}
	return error;
}

/* What was put aside is taken up, and gone afterwards; or it is put aside again. */
static void
take_up(struct requests *q, struct waiting *w, int channel)
{
	int error = attach(q, &w->request, w->fds, w, channel);

	if (error != 0 && channel >= 0) {
		close(channel); /* else it has been handed on */
	}

	if (error != EINPROGRESS) {
		close_waiting(w);
		q->setup.done(q->setup.argument, w->request.header.client, error);
	}
	free(w);
}

static void
try_again(struct requests *q)
{
	struct waiting_list all = TAILQ_HEAD_INITIALIZER(all);
	struct waiting *w, *next;

	for (w = TAILQ_FIRST(&q->waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->opening == 0) {
			TAILQ_REMOVE(&q->waiting, w, entry);
			TAILQ_INSERT_TAIL(&all, w, entry);
		}
	}
	while ((w = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, w, entry);
		take_up(q, w, -1);
	}
}

static void
on_time_to_try(evutil_socket_t fd, short what, void *argument)
{
	try_again(argument);
}

void
requests_go_on(struct requests *q, uint32_t place, int channel)
{
	struct waiting *w = find_waiting(q, place, true);

	if (w != NULL) {
		TAILQ_REMOVE(&q->waiting, w, entry);
		take_up(q, w, channel);
	} else if (channel >= 0) {
		close(channel); /* its device has gone already */
	}
	try_again(q);
}

static int
capture(struct requests *q, int connection, const union message *request)
{
	struct os_peer peer;
	struct device_attach how = {.id = {.kind = request->capture.kind, .unit = request->capture.unit}};
	struct device_seen seen;
	struct captures_start start;
	char name[DEVNAME_SIZE], program[MESSAGE_PROGRAM_SIZE];
	union message reply;
	int error, client = -1;

	error = learn_asker(connection, -1, &peer, &how);
	if (error != 0) {
		return result(q, connection, request, error);
	}
	devname_format(how.id, name);
	message_init_reply(&reply, &request->header, 0);
	error = devices_see(q->setup.devices, &how, &seen) < 0 ? errno : 0;
	if (error == 0) {
		start = (struct captures_start){.netns_fd = seen.netns->fd, .ifindex = seen.ifindex, .bare = how.id.kind == DEVICE_TUN,
		    .uid = peer.uid};
		error = captures_start(q->setup.captures, &start, &client, &reply.captured.linktype) < 0 ? errno : 0;
		os_program_name(peer.pid, program, sizeof(program));
		if (log_limit_pass(&q->capture_limit, "captures")) {
			log_info("%s: uid %ld, pid %ld (%s) looks at its packets%s%s", name, (long)peer.uid, (long)peer.pid, program,
			    error != 0 ? ": refused: " : "", error != 0 ? strerror(error) : "");
		}
	}
	forget_asker(&peer, &how);
	if (error != 0) {
		return result(q, connection, request, error);
	}
	reply.captured.ifindex = seen.ifindex;
	memcpy(reply.captured.ifname, seen.ifname, sizeof(reply.captured.ifname));
	answer(q, connection, &reply, &client, 1);
	close(client);
	return 0;
}

/* fds: as many as the request's ends say. */
static int
pair(struct requests *q, int connection, const union message *request, const int *fds)
{
	struct os_peer peer;
	struct device_attach asker = {0};
	char program[MESSAGE_PROGRAM_SIZE];
	struct pairs_make how = {.peer = &peer, .program = program, .message = &request->pair_make};
	union message reply;
	int error, held = -1, there[2] = {-1, -1};

	error = learn_asker(connection, -1, &peer, &asker);
	if (error != 0) {
		return result(q, connection, request, error);
	}
	os_program_name(peer.pid, program, sizeof(program));
	for (unsigned n = 0; n < 2 && error == 0; n++) {
		how.netns[n] = asker.netns;
		how.netns_fds[n] = asker.netns_fd;
		if (request->pair_make.ends[n].has_netns) {
			error = os_netns_of_fd(*fds++, &how.netns[n], &there[n]) < 0 ? errno : 0;
			how.netns_fds[n] = there[n];
		}
	}
	message_init_reply(&reply, &request->header, 0);
	if (error == 0) {
		error = pairs_make(q->setup.pairs, &how, &reply.pair, &held) < 0 ? errno : 0;
	}
	forget_asker(&peer, &asker);
	for (unsigned n = 0; n < 2; n++) {
		if (there[n] >= 0) {
			close(there[n]);
		}
	}
	if (error != 0) {
		return result(q, connection, request, error == EPERM ? EACCES : error);
	}
	/* If the client has gone, its end is closed here, and the pair goes with it. */
	answer(q, connection, &reply, &held, held >= 0 ? 1 : 0);
	if (held >= 0) {
		close(held);
	}
	return 0;
}

static int
list_pairs(struct requests *q, int connection, const union message *request)
{
	union message reply;

	message_init_reply(&reply, &request->header, 0);
	pairs_describe(q->setup.pairs, request->status.cursor, &reply.pair);
	answer(q, connection, &reply, NULL, 0);
	return reply.pair.error;
}

static int
delete_pair(struct requests *q, int connection, const union message *request)
{
	struct device_attach asker = {0};
	struct os_peer peer;
	int error = learn_asker(connection, -1, &peer, &asker);

	if (error == 0) {
		error = pairs_delete(q->setup.pairs, &peer, asker.netns, request->pair_delete.ifname) < 0 ? errno : 0;
		forget_asker(&peer, &asker);
	}
	return result(q, connection, request, error);
}

static int
node(struct requests *q, int connection, const union message *request)
{
	struct os_peer peer;
	struct device_attach how = {
		.id = {.kind = DEVICE_TUN, .unit = DEVICE_UNIT_NAMED},
		.how = {.access = request->node.access, .nonblock = request->node.nonblock != 0, .given_fd = -1,
		    .dialect = DIALECT_LINUX},
	};
	union message reply;
	int error, fd;

	error = learn_asker(connection, -1, &peer, &how);
	if (error != 0) {
		return result(q, connection, request, error);
	}
	fd = devices_node(q->setup.devices, &how);
	error = fd < 0 ? errno : 0;
	forget_asker(&peer, &how);
	if (error != 0) {
		return result(q, connection, request, error);
	}
	message_init_reply(&reply, &request->header, 0);
	answer(q, connection, &reply, &fd, 1);
	close(fd);
	return 0;
}

/*
 * Requests that come with the device itself: the answer is the worker's to give, once it has closed its copy, and we ours.  Else the
 * program could close the device and open it again, and find it held.
 */

static int
tun_set(struct requests *q, int connection, const union message *request, int proof)
{
	const struct message_tun_set *t = &request->tun_set;
	struct os_peer peer;
	int error = 0;

	if (os_peer_read(connection, &peer) < 0) {
		return errno;
	}
	if (devices_tun_set(q->setup.devices, &peer, proof, (enum message_tun_what)t->what, t->value) < 0) {
		error = errno;
	}
	os_peer_clear(&peer);
	return error;
}

static int
header_mode(struct requests *q, const union message *request, int proof)
{
	return devices_set_header_mode(q->setup.devices, request->header_mode.place, request->header_mode.open_number, proof,
	    request->header_mode.on != 0) < 0 ? errno : 0;
}

static int
describe(struct requests *q, int connection, const union message *request)
{
	union message reply;

	message_init_reply(&reply, &request->header, 0);
	devices_describe(q->setup.devices, request->status.cursor, &reply.device);
	answer(q, connection, &reply, NULL, 0);
	return reply.device.error;
}

static int
bridge(struct requests *q, int connection, const union message *request)
{
	struct device_id id = {.kind = request->bridge.kind, .unit = request->bridge.unit};
	struct os_peer peer;
	int error = 0;

	if (os_peer_read(connection, &peer) < 0) {
		return result(q, connection, request, errno);
	}
	if (peer.uid != 0 && peer.uid != geteuid()) {
		error = EPERM; /* the machine's own network changes */
	} else if (devices_bridge(q->setup.devices, id, request->bridge.ifname) < 0) {
		error = errno;
	}
	os_peer_clear(&peer);
	return result(q, connection, request, error);
}

static int
stop(struct requests *q, int connection, const union message *request)
{
	struct os_peer peer;
	int error = 0;

	if (os_peer_read(connection, &peer) < 0) {
		error = errno;
	} else if (peer.uid != 0 && peer.uid != geteuid()) {
		error = EPERM;
	}
	os_peer_clear(&peer);
	if (error == 0) {
		log_info("stop request of uid %ld, pid %ld: ending %u open devices", (long)peer.uid, (long)peer.pid,
		    devices_open_count(q->setup.devices));
		(void)devices_end_all(q->setup.devices);
		(void)pairs_end_all(q->setup.pairs);
		q->setup.finish(q->setup.argument, EX_OK);
	}
	return result(q, connection, request, error);
}

/* The one switch: all that a worker can ask for. */
int
requests_serve(struct requests *q, const struct priv_request *r, int *fds, bool *answered)
{
	*answered = r->message.header.type != MESSAGE_HEADER_MODE && r->message.header.type != MESSAGE_TUN_SET;
	switch (r->message.header.type) {
	case MESSAGE_ATTACH:
		return attach(q, r, fds, NULL, -1);
	case MESSAGE_HEADER_MODE:
		return header_mode(q, &r->message, fds[1]);
	case MESSAGE_STATUS:
		return describe(q, fds[0], &r->message);
	case MESSAGE_STOP:
		return stop(q, fds[0], &r->message);
	case MESSAGE_NODE:
		return node(q, fds[0], &r->message);
	case MESSAGE_CAPTURE:
		return capture(q, fds[0], &r->message);
	case MESSAGE_PAIR:
		return pair(q, fds[0], &r->message, fds + 1);
	case MESSAGE_PAIR_LIST:
		return list_pairs(q, fds[0], &r->message);
	case MESSAGE_PAIR_DELETE:
		return delete_pair(q, fds[0], &r->message);
	case MESSAGE_BRIDGE:
		return bridge(q, fds[0], &r->message);
	case MESSAGE_TUN_SET:
		return tun_set(q, fds[0], &r->message, fds[1]);
	default:
		log_errorx("worker sent a request of type %u", r->message.header.type);
		q->setup.finish(q->setup.argument, EX_PROTOCOL);
		return EPROTO;
	}
}
