/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.c - the administrator's programs that run when a device opens and closes.  See hook.h.
 *
 * Theory of operation.  A call is a job in a queue, in the order of the calls.  A job starts when fewer than HOOKS_RUNNING_MAX run and
 * none of the same device stands before it, so that the hook of a close never overtakes that of the open.  It is a child of the monitor
 * in a session of its own, with the monitor's rights, in the network namespace of the interface, with nothing of the monitor's but the
 * log as its output.  SIGCHLD tells of its end; a timer of its own ends it when its time is over.
 *
 * Trust.  A hook runs with root's rights, so only what root alone could have put there is run.  It is looked at when the configuration is
 * read, to tell the administrator, and again when it is run.  Nobody but root can change a path that has passed
 * in the time before it is executed, since all of its directories are root's.
 *
 * Limits.  The program that opens a device does not wait for the hook, and is not told how it ended.
 */
#include "hook.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "os.h"
#include "policy.h"

/* More descriptors than this, and a program that uses select(2) writes past its sets. */
#define FILES_SOFT_LIMIT 1024
/* Room for a variable of the environment. */
#define VARIABLE_SIZE 64

struct job {
	struct job *next;
	struct hooks *hooks;
	char path[POLICY_PATH_SIZE];
	char what[8];
	char device[32];
	char ifname[MESSAGE_IFNAME_SIZE];
	uid_t uid;
	pid_t pid;
	uint64_t netns;
	int netns_fd; /* owned; -1: none */
	pid_t child;  /* 0: it waits */
	bool killed;
	struct event *timer;
};

struct hooks {
	struct event_base *base;
	struct event *child_event;
	struct job *jobs; /* in order; some run */
	unsigned running, waiting;
	unsigned time_s;
	struct log_limit full_limit;
};

/* One directory or file on the way. */
static int
check_part(const char *path, const struct stat *st, bool last, char *why, size_t size)
{
	const char *wrong = NULL;

	if (S_ISLNK(st->st_mode)) {
		wrong = "is a symbolic link: name what it leads to";
	} else if (last ? !S_ISREG(st->st_mode) : !S_ISDIR(st->st_mode)) {
		wrong = last ? "is no file" : "is no directory";
	} else if (st->st_uid != 0) {
		wrong = "does not belong to root, so it is not run";
	} else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		wrong = "can be written by others than root, so it is not run";
	} else if (last && (st->st_mode & S_IXUSR) == 0) {
		wrong = "is not executable";
	}
	if (wrong != NULL) {
		snprintf(why, size, "%.80s %s", path, wrong);
		return -1;
	}
	return 0;
}

int
hook_check(const char *path, char *why, size_t size)
{
	char part[POLICY_PATH_SIZE];
	size_t length = strlen(path);
	struct stat st;

	if (path[0] != '/' || length >= sizeof(part) || strstr(path, "/../") != NULL) {
		snprintf(why, size, "'%.80s' is not a whole path", path);
		return -1;
	}
	/* "/" first, then each longer beginning that ends before a slash or is all. */
	for (size_t end = 1; end <= length; end++) {
		if (end > 1 && path[end] != '/' && path[end] != '\0') {
			continue;
		}
		memcpy(part, path, end);
		part[end] = '\0';
		if (lstat(part, &st) < 0) {
			snprintf(why, size, "%.80s: %s", part, strerror(errno));
			return -1;
		}
		if (check_part(part, &st, end == length, why, size) < 0) {
			return -1;
		}
	}
	return 0;
}

static void
on_time_over(evutil_socket_t fd, short what, void *argument)
{
	struct job *job = argument;

	log_warnx("%s: the %s hook %s takes longer than %u s: killing it", job->device, job->what, job->path,
	    job->hooks->time_s);
	job->killed = true;
	/* Itself, too: it may not have its own group yet. */
	kill(-job->child, SIGKILL);
	kill(job->child, SIGKILL);
}

static void
free_job(struct job *job)
{
	if (job->timer != NULL) {
		event_free(job->timer);
	}
	if (job->netns_fd >= 0) {
		close(job->netns_fd);
	}
	free(job);
}

/* In the child: becomes the hook.  All signals are blocked still.  Does not return. */
static void
become_hook(const struct job *job)
{
	char device[VARIABLE_SIZE], ifname[VARIABLE_SIZE], uid[VARIABLE_SIZE], pid[VARIABLE_SIZE];
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {device, ifname, uid, pid, path, NULL};
	char *argv[] = {(char *)(uintptr_t)job->path, (char *)(uintptr_t)job->what, (char *)(uintptr_t)job->device, NULL};
	struct rlimit files;
	sigset_t none;
	int null, back;

	snprintf(device, sizeof(device), "DEVICE=%s", job->device);
	snprintf(ifname, sizeof(ifname), "INTERFACE=%s", job->ifname);
	snprintf(uid, sizeof(uid), "UID=%ld", (long)job->uid);
	snprintf(pid, sizeof(pid), "PID=%ld", (long)job->pid);
	if (job->netns_fd >= 0 && os_netns_enter(job->netns_fd, &back) < 0) {
		log_warn("%s: the %s hook: entering the network namespace", job->device, job->what);
		_exit(126);
	}
	setsid();
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || chdir("/") < 0) {
		_exit(126);
	}
	os_close_from(STDERR_FILENO + 1);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FILES_SOFT_LIMIT) {
		files.rlim_cur = FILES_SOFT_LIMIT;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int number = 1; number < NSIG; number++) {
		(void)signal(number, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(job->path, argv, environment);
	log_warn("%s: running the %s hook %s", job->device, job->what, job->path);
	_exit(127);
}

/* False, logged: it cannot be run. */
static bool
start_job(struct job *job)
{
	const struct timeval limit = {.tv_sec = job->hooks->time_s};
	char why[192];
	sigset_t all, before;

	if (hook_check(job->path, why, sizeof(why)) < 0) {
		log_warnx("%s: the %s hook is not run: %s", job->device, job->what, why);
		return false;
	}
	job->timer = evtimer_new(job->hooks->base, on_time_over, job);
	if (job->timer == NULL || evtimer_add(job->timer, &limit) < 0) {
		log_warnx("%s: the %s hook is not run: out of memory", job->device, job->what);
		return false;
	}
	/* The loop's handlers must not run in the child: they share a pipe with ours. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	job->child = fork();
	if (job->child == 0) {
		become_hook(job);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (job->child < 0) {
		log_warn("%s: starting the %s hook", job->device, job->what);
		job->child = 0;
		return false;
	}
	log_debug("%s: %s hook %s is process %ld", job->device, job->what, job->path, (long)job->child);
	return true;
}

/* Whether a job of the same device stands before this one. */
static bool
must_wait(const struct hooks *h, const struct job *job)
{
	for (const struct job *other = h->jobs; other != job; other = other->next) {
		if (other->netns == job->netns && strcmp(other->device, job->device) == 0) {
			return true;
		}
	}
	return false;
}

static void
start_waiting(struct hooks *h)
{
	struct job **slot = &h->jobs;

	while (*slot != NULL && h->running < HOOKS_RUNNING_MAX) {
		struct job *job = *slot;

		if (job->child != 0 || must_wait(h, job)) {
			slot = &job->next;
			continue;
		}
		h->waiting--;
		if (start_job(job)) {
			h->running++;
			slot = &job->next;
		} else {
			*slot = job->next;
			free_job(job);
			slot = &h->jobs; /* it may have been what another waited for */
		}
	}
}

static void
say_end(const struct job *job, int status)
{
	if (WIFSIGNALED(status) && !job->killed) {
		log_warnx("%s: the %s hook %s ended by signal %d", job->device, job->what, job->path, WTERMSIG(status));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		log_warnx("%s: the %s hook %s ended with status %d", job->device, job->what, job->path, WEXITSTATUS(status));
	}
}

/* Takes in the ends of hooks, and of no other children. */
static void
on_child(evutil_socket_t number, short what, void *argument)
{
	struct hooks *h = argument;
	struct job **slot = &h->jobs;
	int status;

	while (*slot != NULL) {
		struct job *job = *slot;

		if (job->child == 0 || waitpid(job->child, &status, WNOHANG) != job->child) {
			slot = &job->next;
			continue;
		}
		say_end(job, status);
		h->running--;
		*slot = job->next;
		free_job(job);
	}
	start_waiting(h);
}

struct hooks *
hooks_new(struct event_base *base, unsigned time_s)
{
	struct hooks *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		return NULL;
	}
	h->base = base;
	h->time_s = time_s;
	h->child_event = evsignal_new(base, SIGCHLD, on_child, h);
	if (h->child_event == NULL || evsignal_add(h->child_event, NULL) < 0) {
		if (h->child_event != NULL) {
			event_free(h->child_event);
		}
		free(h);
		errno = ENOMEM;
		return NULL;
	}
	return h;
}

void
hooks_run(struct hooks *h, const struct hook_call *call)
{
	struct job *job, **end;

	if (h == NULL || call->path[0] == '\0') {
		return;
	}
	job = h->waiting < HOOKS_WAITING_MAX ? calloc(1, sizeof(*job)) : NULL;
	if (job == NULL) {
		if (log_limit_pass(&h->full_limit, "hooks left out")) {
			log_warnx("%s: the %s hook is not run: too many wait", call->device, call->what);
		}
		return;
	}
	job->hooks = h;
	snprintf(job->path, sizeof(job->path), "%s", call->path);
	snprintf(job->what, sizeof(job->what), "%s", call->what);
	snprintf(job->device, sizeof(job->device), "%s", call->device);
	snprintf(job->ifname, sizeof(job->ifname), "%s", call->ifname);
	job->uid = call->uid;
	job->pid = call->pid;
	job->netns = call->netns;
	/* The namespace lives as long as the job, which outlives the device that is closing. */
	job->netns_fd = call->netns_fd >= 0 ? fcntl(call->netns_fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (call->netns_fd >= 0 && job->netns_fd < 0) {
		log_warn("%s: the %s hook is not run", call->device, call->what);
		free(job);
		return;
	}
	for (end = &h->jobs; *end != NULL; end = &(*end)->next) {
		continue;
	}
	*end = job;
	h->waiting++;
	start_waiting(h);
}

static int64_t
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

void
hooks_free(struct hooks *h)
{
	int64_t end;

	if (h == NULL) {
		return;
	}
	end = now_s() + h->time_s;
	/* Each one that runs has a timer, so that the loop always comes back. */
	while (h->running > 0 && now_s() <= end) {
		event_base_loop(h->base, EVLOOP_ONCE);
	}
	if (h->running + h->waiting > 0) {
		log_warnx("%u hooks are killed or not run, since the daemon ends", h->running + h->waiting);
	}
	while (h->jobs != NULL) {
		struct job *job = h->jobs;

		h->jobs = job->next;
		if (job->child > 0) {
			kill(-job->child, SIGKILL);
			kill(job->child, SIGKILL);
			(void)waitpid(job->child, NULL, 0);
		}
		free_job(job);
	}
	event_free(h->child_event);
	free(h);
}
