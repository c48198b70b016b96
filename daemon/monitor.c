/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor.c - the privileged process.
 *
 * Theory of operation.  The monitor holds the rights that interfaces need.  It owns the table of devices, the journal, the
 * state pages and the watches of interfaces (netns.h), and starts one worker, which talks to strangers.  It waits for four things: a
 * request from the worker, news of interfaces, a signal, the end of a process of ours.  Requests are answered one at a time, in
 * order, but for an open that waits for a relay (requests.h); each first takes in all news of interfaces, so that an open that follows a
 * close sees the close.
 *
 * Trust.  A request carries the client's connection.  The monitor checks the message as if the worker had not,
 * asks the kernel about the connection, and answers on it.  A malformed record from the worker ends the service.  A captured worker has
 * sockets of which the kernel would say that root is at the other end: its end of the pair between us, the control socket itself, a
 * client's end that an accomplice sent.  So the kernel is asked first whether the connection was accepted at the control socket.
 *
 * Reload.  SIGHUP has the configuration read again.  If it is good the policy is swapped whole, and holds for the opens to come; open
 * devices go on as they are.  If it is not, all stays as it was.
 *
 * End.  SIGTERM and SIGINT leave open devices alone: the next daemon finds them through the journal.  A stop request ends
 * them first.  If the worker dies the monitor ends with an error, so that the service manager starts a whole daemon.
 */
#include "monitor.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/bridge.h"
#include "daemon/captures.h"
#include "daemon/config.h"
#include "daemon/device.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/nat.h"
#include "daemon/nodes.h"
#include "daemon/os.h"
#include "daemon/pairs.h"
#include "daemon/privmsg.h"
#include "daemon/requests.h"
#include "daemon/rundir.h"
#include "protocol/fdpass.h"
#include "protocol/paths.h"
#include "protocol/transport.h"

/* News of a namespace taken in before a request, so that a storm of interface changes cannot keep requests waiting. */
#define EVENTS_BEFORE_REQUEST 256
/* How often a persistent interface that is down is looked at: its last close is no news there (netdev_state_change). */
#define LOOK_AT_KEPT_S 1
/* How long the worker may take to end after its socket closed. */
#define WORKER_END_S 2

struct monitor {
	struct event_base *base;
	struct rundir rundir;
	const char *config_path; /* NULL: the default */
	struct policy *policy;
	struct hooks *hooks;
	struct journal *journal;
	struct netns_table *netns;
	struct relays *relays;
	struct setup further;
	struct captures *captures;
	struct pairs *pairs;
	struct devices *devices;
	struct nodes *nodes;
	pid_t worker;
	int worker_fd;
	struct event *worker_event;
	struct event *signals[3];
	struct event *look_event; /* pending only while there are persistent interfaces */
	struct requests *requests;
	struct log_limit request_limit;
	int status;   /* of exit */
	bool stopped; /* with all devices, by a stop request */
};

static void
finish(struct monitor *m, int status)
{
	m->status = status;
	event_base_loopbreak(m->base);
}

static void
on_finish(void *argument, int status)
{
	struct monitor *m = argument;

	m->stopped = status == EX_OK;
	finish(m, status);
}

static void
on_interface_event(void *argument, struct netns *ns, const struct netif_event *event)
{
	struct monitor *m = argument;

	devices_on_event(m->devices, ns, event);
	pairs_on_event(m->pairs, ns, event);
}

static void
on_news_lost(void *argument, struct netns *ns)
{
	struct monitor *m = argument;

	devices_resync(m->devices, ns);
	pairs_resync(m->pairs);
}

static void
on_relay_ready(void *argument, uint32_t place, pid_t pid, int channel)
{
	struct monitor *m = argument;

	requests_go_on(m->requests, place, channel);
}

static void
on_relay_end(void *argument, uint32_t place, pid_t pid)
{
	struct monitor *m = argument;

	devices_on_relay_end(m->devices, place, pid);
	netns_take_news(m->netns, EVENTS_BEFORE_REQUEST); /* as before any request */
	requests_go_on(m->requests, place, -1);
}

static void
on_watch_failed(void *argument)
{
	log_error("watching interfaces");
	finish(argument, EX_OSERR);
}

static void
tell_worker(struct monitor *m, uint64_t client, int error, bool answered)
{
	struct priv_done done = {
		.header = {.magic = PRIV_MAGIC, .type = PRIV_DONE, .client = client},
		.error = error,
		.answered = answered,
	};

	/* The worker reads before it sends more, so its queue always has room; if not, it is no worker of ours. */
	if (fdpass_send(m->worker_fd, &done, sizeof(done), NULL, 0) < 0 && errno != EPIPE && errno != ECONNRESET) {
		log_error("answering the worker");
		finish(m, EX_SOFTWARE);
	}
}

static void
on_request_done(void *argument, uint64_t client, int error)
{
	tell_worker(argument, client, error, true);
}

static void
close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
			fds[i] = -1;
		}
	}
}

/* Why a request's connection is no client's, or there is no telling: nothing is sent there. */
static int
refuse_connection(struct monitor *m)
{
	int error = errno;

	if (log_limit_pass(&m->request_limit, "unanswered requests")) {
		log_warn("a request of the worker: its connection");
	}
	return error;
}

static void
on_worker(evutil_socket_t fd, short what, void *argument)
{
	struct monitor *m = argument;
	struct priv_request r;
	int fds[FDPASS_MAX] = {-1, -1, -1};
	unsigned fd_count = FDPASS_MAX;
	bool answered = false;
	ssize_t n;
	int error;

	memset(&r, 0, sizeof(r));
	n = fdpass_receive(fd, &r, sizeof(r), fds, &fd_count);
	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n < 0 && errno == EMFILE && r.header.magic == PRIV_MAGIC) {
		log_warnx("out of descriptors: a request is refused (raise the limit on open files)");
		tell_worker(m, r.header.client, ENFILE, false);
		return;
	}
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		log_errorx("the worker is gone: ending, open devices stay");
		finish(m, EX_SOFTWARE);
		return;
	}
	if (n >= 0 && ((fd_count > 1 && os_descriptor_of(fds[1]) == OS_DESCRIPTOR_FOREIGN) ||
	    (fd_count > 2 && os_descriptor_of(fds[2]) == OS_DESCRIPTOR_FOREIGN))) {
		log_errorx("the worker sent a descriptor that no worker sends: ending, open devices stay");
		finish(m, EX_PROTOCOL);
		return; /* closing it might wait for its owner; the end of the process does not */
	}
	if (n != (ssize_t)sizeof(r) || r.header.magic != PRIV_MAGIC || r.header.type != PRIV_REQUEST || fd_count < 1 ||
	    message_check_request(&r.message, r.message_bytes, fd_count - 1) != 0) {
		log_errorx("the worker sent what no worker sends: ending, open devices stay");
		finish(m, EX_PROTOCOL);
	} else {
		if (rundir_check_connection(&m->rundir, fds[0]) < 0) {
			error = refuse_connection(m);
		} else {
			netns_take_news(m->netns, EVENTS_BEFORE_REQUEST);
			error = requests_serve(m->requests, &r, fds, &answered);
		}
		/* Before the worker hears of it, which has copies until then: the last close of what a stranger sent is not ours. */
		close_all(fds, fd_count);
		if (error != EINPROGRESS) {
			tell_worker(m, r.header.client, error, answered);
		}
	}
	close_all(fds, n >= 0 ? fd_count : 0);
}

static void
on_signal(evutil_socket_t number, short what, void *argument)
{
	struct monitor *m = argument;

	log_info("signal %d: ending, %u open devices stay", (int)number, devices_open_count(m->devices));
	finish(m, EX_OK);
}

static void
on_time_to_look(evutil_socket_t fd, short what, void *argument)
{
	static const struct timeval interval = {.tv_sec = LOOK_AT_KEPT_S};
	struct monitor *m = argument;

	if (devices_look_at_kept(m->devices)) {
		(void)evtimer_add(m->look_event, &interval);
	}
}

static const char *
why_unavailable(const struct link_ops *link)
{
	return link != NULL ? link->unavailable() : "no link serves such devices on this platform";
}

/* Whether a unit's link is what the platform has for its kind: it has none by name, or one that cannot make such devices (link_of). */
static bool
is_made_by_auto(const struct policy *policy, struct device_id id)
{
	const struct link_ops *link = link_find(policy_device(policy, id)->link);

	return link == NULL || (link->kinds & (1u << id.kind)) == 0;
}

/* How many units of a kind have the platform's link. */
static unsigned
count_made_by_auto(const struct policy *policy, uint8_t kind)
{
	unsigned count = 0;

	for (struct device_id id = {.kind = kind}; policy_has(policy, id); id.unit++) {
		count += is_made_by_auto(policy, id);
	}
	return count;
}

/* The link that a configuration names at a place of its lists, first those of the devices. */
static const char *
link_name_at(const struct policy *policy, unsigned i)
{
	return i < policy->device_count ? policy->devices[i].link : policy->names[i - policy->device_count].device.link;
}

/*
 * What the configuration names must be there.  What it leaves to the platform must be there if no unit could be made without it; else the
 * administrator is told what cannot be opened.  An exit status.
 */
static int
check_links(const struct policy *policy)
{
	static const uint8_t kinds[] = {DEVICE_TUN, DEVICE_TAP};
	const char *missing[] = {why_unavailable(link_auto(DEVICE_TUN)), why_unavailable(link_auto(DEVICE_TAP))}, *text;
	unsigned lost[] = {count_made_by_auto(policy, DEVICE_TUN), count_made_by_auto(policy, DEVICE_TAP)};

	for (unsigned i = 0; i < policy->device_count + policy->names_count; i++) {
		const char *name = link_name_at(policy, i);

		text = name[0] != '\0' ? why_unavailable(link_find(name)) : NULL;
		if (text != NULL) {
			log_errorx("%s", text);
			return EX_UNAVAILABLE;
		}
	}
	if (missing[0] != NULL && missing[1] != NULL && lost[0] + lost[1] == (unsigned)policy->tun_units + policy->tap_units) {
		log_errorx("%s", missing[1]);
		return EX_UNAVAILABLE;
	}
	for (unsigned k = 0; k < sizeof(kinds); k++) {
		if (missing[k] != NULL && lost[k] > 0) {
			log_warnx("%u %s devices cannot be opened: %s", lost[k], devname_kind(kinds[k]), missing[k]);
		}
	}
	return EX_OK;
}

static void
on_reload(evutil_socket_t number, short what, void *argument)
{
	struct monitor *m = argument;
	struct policy *old = m->policy, *new;

	if (config_load(&new, m->config_path, &config_log) != EX_OK) {
		log_errorx("the configuration is not taken over: all stays as it was");
		return;
	}
	if (check_links(new) != EX_OK) {
		log_errorx("the configuration is not taken over: all stays as it was");
		policy_free(new);
		return;
	}
	m->policy = new;
	devices_set_policy(m->devices, new);
	pairs_set_policy(m->pairs, new);
	policy_free(old);
	on_time_to_look(-1, 0, m);
	/* The old list is still a whole one; opens are judged by the new policy in any case. */
	if (rundir_write_devices(&m->rundir, new) < 0) {
		log_warn("%s/" PATHS_DEVICES, m->rundir.path);
	}
	nodes_set_policy(m->nodes, new);
	log_info("read the configuration again: %u tun and %u tap devices", (unsigned)new->tun_units, (unsigned)new->tap_units);
}

/* In the child: lays out the worker's descriptors and becomes it.  Does not return. */
static void
become_worker(int monitor_fd, int listener, int root)
{
	char name[] = "tuntapd", role[] = DAEMON_ROLE_PREFIX "worker", verbosity[16];
	char *argv[] = {name, role, verbosity, NULL};
	/* First out of the way, then into place, so that none lands on another. */
	int sources[] = {monitor_fd, listener, root};
	static const int places[] = {PRIV_FD_MONITOR, PRIV_FD_LISTENER, PRIV_FD_ROOT};

	for (unsigned i = 0; i < 3; i++) {
		sources[i] = fcntl(sources[i], F_DUPFD, PRIV_FD_FIRST_FREE);
		if (sources[i] < 0) {
			_exit(EX_OSERR);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		if (dup2(sources[i], places[i]) < 0) {
			_exit(EX_OSERR);
		}
	}
	os_close_from(PRIV_FD_FIRST_FREE);
	snprintf(verbosity, sizeof(verbosity), "%d", log_verbosity());
	os_exec_self(argv);
	_exit(EX_OSERR);
}

static int
start_worker(struct monitor *m, int listener)
{
	int ends[2], root;

	root = openat(m->rundir.fd, PATHS_EMPTY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0) {
		log_error("%s/" PATHS_EMPTY_DIR, m->rundir.path);
		return -1;
	}
	if (transport_pair(ends) < 0) {
		log_error("socket pair");
		close(root);
		return -1;
	}
	m->worker = fork();
	if (m->worker == 0) {
		become_worker(ends[1], listener, root);
	}
	close(ends[1]);
	close(root);
	if (m->worker < 0) {
		log_error("starting the worker");
		close(ends[0]);
		return -1;
	}
	m->worker_fd = ends[0];
	return evutil_make_socket_nonblocking(m->worker_fd);
}

/* The worker ends when its socket does; one that does not is killed. */
static void
end_worker(struct monitor *m)
{
	int status = 0;

	if (m->worker_fd >= 0) {
		close(m->worker_fd);
		m->worker_fd = -1;
	}
	if (m->worker <= 0) {
		return;
	}
	for (unsigned i = 0; i < WORKER_END_S * 100; i++) {
		if (waitpid(m->worker, &status, WNOHANG) != 0) {
			break;
		}
		usleep(10000);
		if (i == WORKER_END_S * 100 - 1) {
			log_warnx("the worker does not end: killing it");
			kill(m->worker, SIGKILL);
			(void)waitpid(m->worker, &status, 0);
		}
	}
	if (WIFSIGNALED(status)) {
		log_warnx("the worker ended by signal %d", WTERMSIG(status));
	} else if (WEXITSTATUS(status) != 0) {
		log_warnx("the worker ended with status %d", WEXITSTATUS(status));
	}
	m->worker = 0;
}

static int
check_rights(void)
{
	const char *text = os_rights_missing();

	if (text != NULL) {
		log_errorx("%s", text);
		return EX_NOPERM;
	}
	return EX_OK;
}

/* Everything but the worker and the loop.  An exit status. */
static int
prepare(struct monitor *m, const struct daemon_options *options)
{
	struct netns_callbacks callbacks = {
		.on_event = on_interface_event, .on_lost = on_news_lost, .on_failed = on_watch_failed, .argument = m,
	};
	struct relays_callbacks relays_callbacks = {.on_ready = on_relay_ready, .on_end = on_relay_end, .argument = m};
	struct pairs_setup pairs_setup;
	struct requests_setup requests_setup;
	struct devices_setup setup;
	int status = config_load(&m->policy, options->config_path, &config_log);

	m->config_path = options->config_path;
	if (status == EX_OK) {
		status = check_rights();
	}
	if (status == EX_OK) {
		status = check_links(m->policy);
	}
	if (status == EX_OK) {
		status = rundir_open(&m->rundir, options->socket_path != NULL ? options->socket_path :
		    PATHS_SOCKET_DEFAULT);
	}
	if (status != EX_OK) {
		return status;
	}
	m->journal = journal_open(m->rundir.fd);
	m->base = event_base_new();
	m->netns = m->base != NULL ? netns_table_new(m->base, 0, &callbacks) : NULL;
	m->hooks = m->base != NULL ? hooks_new(m->base, HOOK_TIME_S) : NULL;
	m->relays = m->base != NULL ? relays_new(m->base, m->rundir.fd, &relays_callbacks) : NULL;
	m->captures = m->base != NULL ? captures_new(m->base, m->rundir.fd) : NULL;
	m->further.bridges = m->netns != NULL ? bridges_new(m->rundir.fd, netns_own(m->netns)->netif) : NULL;
	m->further.nat = nat_new(m->rundir.fd);
	m->nodes = nodes_new(NODES_DIRECTORY, m->rundir.fd);
	if (m->journal == NULL || m->netns == NULL || m->hooks == NULL || m->relays == NULL || m->captures == NULL ||
	    m->further.bridges == NULL || m->further.nat == NULL || m->nodes == NULL) {
		log_error("starting");
		return EX_OSERR;
	}
	setup = (struct devices_setup){
		.policy = m->policy,
		.hooks = m->hooks,
		.journal = m->journal,
		.netns = m->netns,
		.relays = m->relays,
		.further = m->further,
		.rundir = m->rundir.fd,
		.link_for = link_auto,
		.link_named = link_find,
	};
	m->devices = devices_new(&setup);
	pairs_setup = (struct pairs_setup){.policy = m->policy, .netns = m->netns, .base = m->base, .rundir = m->rundir.fd};
	m->pairs = pairs_new(&pairs_setup);
	requests_setup = (struct requests_setup){.base = m->base, .devices = m->devices,
	    .captures = m->captures, .pairs = m->pairs, .finish = on_finish, .done = on_request_done, .argument = m};
	m->requests = m->devices != NULL && m->pairs != NULL ? requests_new(&requests_setup) : NULL;
	if (m->requests == NULL) {
		log_error("starting");
		return EX_OSERR;
	}
	pairs_adopt(m->pairs);
	(void)devices_adopt(m->devices);
	return EX_OK;
}

static int
add_event(struct monitor *m, struct event **slot, int fd, short what, event_callback_fn callback)
{
	*slot = event_new(m->base, fd, what, callback, m);
	return *slot != NULL ? event_add(*slot, NULL) : -1;
}

/* With a control socket that is ours; until the loop ends. */
static int
serve_on(struct monitor *m, int listener)
{
	if (start_worker(m, listener) < 0) {
		return EX_OSERR;
	}
	if (add_event(m, &m->worker_event, m->worker_fd, EV_READ | EV_PERSIST, on_worker) < 0 ||
	    add_event(m, &m->signals[0], SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal) < 0 ||
	    add_event(m, &m->signals[1], SIGINT, EV_SIGNAL | EV_PERSIST, on_signal) < 0 ||
	    add_event(m, &m->signals[2], SIGHUP, EV_SIGNAL | EV_PERSIST, on_reload) < 0) {
		log_error("starting");
		return EX_OSERR;
	}
	if (rundir_write_devices(&m->rundir, m->policy) < 0) {
		log_error("%s/" PATHS_DEVICES, m->rundir.path);
		return EX_IOERR;
	}
	nodes_set_policy(m->nodes, m->policy);
	m->look_event = evtimer_new(m->base, on_time_to_look, m);
	if (m->look_event == NULL) {
		log_error("starting");
		return EX_OSERR;
	}
	on_time_to_look(-1, 0, m);
	log_info("serving %s: %u tun and %u tap devices", m->rundir.socket_path, (unsigned)m->policy->tun_units,
	    (unsigned)m->policy->tap_units);
	os_notify_ready();
	if (event_base_dispatch(m->base) < 0) {
		log_errorx("the event loop failed");
		return EX_SOFTWARE;
	}
	return m->status;
}

static int
serve(struct monitor *m)
{
	int listener = rundir_listen(&m->rundir), status;

	if (listener < 0) {
		return EX_UNAVAILABLE;
	}
	status = serve_on(m, listener);
	close(listener);
	if (rundir_withdraw(&m->rundir, m->stopped)) {
		nodes_remove_all(m->nodes);
	}
	return status;
}

static void
tear_down(struct monitor *m)
{
	struct event **events[] = {&m->worker_event, &m->signals[0], &m->signals[1], &m->signals[2], &m->look_event};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i] != NULL) {
			event_free(*events[i]);
		}
	}
	end_worker(m);
	hooks_free(m->hooks); /* the table still hears news, while the last of them end */
	requests_free(m->requests);
	devices_free(m->devices);
	relays_free(m->relays);
	bridges_free(m->further.bridges);
	nat_free(m->further.nat);
	captures_free(m->captures);
	pairs_free(m->pairs);
	nodes_free(m->nodes);
	netns_table_free(m->netns);
	journal_close(m->journal);
	if (m->base != NULL) {
		event_base_free(m->base);
	}
	rundir_close(&m->rundir);
	policy_free(m->policy);
}

int
monitor_run(const struct daemon_options *options)
{
	struct monitor m = {.worker_fd = -1, .rundir = {.fd = -1, .lock_fd = -1}};
	int status;

	/* Modes below are given in full; a peer that goes away is an error code, not a signal. */
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	os_raise_file_limit(); /* each open device costs one here */
	status = prepare(&m, options);
	if (status == EX_OK) {
		status = serve(&m);
	}
	tear_down(&m);
	return status;
}
