/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * samples.c - what devices do while somebody watches.  See samples.h.
 *
 * One connection for as long as the daemon keeps it.  A daemon drops who is silent for some seconds
 * (daemon/client.c), so one that has ended since the last look is replaced at once; only a new one that
 * gets no answer means that no daemon serves.  A look is taken whole or not at all: a daemon that ends in the middle of its list
 * changes nothing.
 */
#include "cli/samples.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/exitcode.h"

void
samples_start(struct samples *s, const char *socket_path, const struct device_id *one)
{
	*s = (struct samples){.query = {.socket_path = socket_path, .sock = -1, .quiet = true}};
	if (one != NULL) {
		s->one = true;
		s->id = *one;
	}
}

void
samples_end(struct samples *s)
{
	query_close(&s->query);
	free(s->items);
	s->items = NULL;
	s->count = 0;
}

/* All devices or the one, in an array to be freed.  An exit status. */
static int
ask(struct samples *s, int timeout_ms, struct message_device **devices, size_t *count)
{
	*devices = NULL;
	*count = 0;
	s->query.timeout_ms = timeout_ms;
	if (!s->one) {
		return query_all(&s->query, devices, count);
	}
	*devices = malloc(sizeof(**devices));
	if (*devices == NULL) {
		s->query.error = ENOMEM;
		return EXIT_CODE_SYSTEM;
	}
	*count = 1;
	return query_find(&s->query, s->id, *devices);
}

/* The same, on the connection that there is, or else on a new one: see above. */
static int
ask_on_any(struct samples *s, int timeout_ms, struct message_device **devices, size_t *count)
{
	int status;

	if (s->query.sock >= 0) {
		status = ask(s, timeout_ms, devices, count);
		if (status == EXIT_CODE_OK || !query_was_lost(&s->query)) {
			return status;
		}
		free(*devices);
		query_close(&s->query);
	}
	*devices = NULL;
	*count = 0;
	status = query_open(&s->query, s->query.socket_path, true);
	return status == EXIT_CODE_OK ? ask(s, timeout_ms, devices, count) : status;
}

static bool
is_same_open(const struct message_device *a, const struct message_device *b)
{
	return a->state != DEVICE_CLOSED && b->state != DEVICE_CLOSED && a->kind == b->kind &&
	    a->unit == b->unit && a->netns == b->netns && a->ifindex == b->ifindex &&
	    a->open_number == b->open_number;
}

/* What was known of this open, or nothing. */
static const struct sample *
before(const struct samples *s, const struct message_device *device)
{
	for (size_t i = 0; i < s->count; i++) {
		if (is_same_open(&s->items[i].device, device)) {
			return &s->items[i];
		}
	}
	return NULL;
}

static void
fill(struct sample *item, const struct message_device *device, const struct sample *old, double at_s)
{
	if (old != NULL) {
		*item = *old;
		item->to_program = rate_between(
		    &old->device.to_program, &device->to_program, at_s - old->seen_s);
		item->from_program = rate_between(
		    &old->device.from_program, &device->from_program, at_s - old->seen_s);
		graph_add(&item->to_program_bytes, item->to_program.bytes);
		graph_add(&item->from_program_bytes, item->from_program.bytes);
		item->rated = true;
	}
	item->device = *device;
	item->seen_s = at_s;
}

/* A look that found no daemon. */
static void
miss(struct samples *s)
{
	s->served = false;
	for (size_t i = 0; i < s->count; i++) {
		s->items[i].rated = false;
		graph_add(&s->items[i].to_program_bytes, (double)NAN);
		graph_add(&s->items[i].from_program_bytes, (double)NAN);
	}
}

int
samples_take(struct samples *s, int timeout_ms)
{
	struct message_device *devices;
	struct sample *items = NULL;
	size_t count;
	double at_s;
	int status = ask_on_any(s, timeout_ms, &devices, &count);

	clock_gettime(CLOCK_REALTIME, &s->time);
	at_s = clock_now_s();
	if (status == EXIT_CODE_NO_DAEMON) {
		query_close(&s->query);
		miss(s);
		status = EXIT_CODE_OK;
		goto out;
	}
	if (status != EXIT_CODE_OK) {
		goto out;
	}
	items = calloc(count > 0 ? count : 1, sizeof(*items));
	if (items == NULL) {
		s->query.error = ENOMEM;
		status = EXIT_CODE_SYSTEM;
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		fill(&items[i], &devices[i], before(s, &devices[i]), at_s);
	}
	free(s->items);
	s->items = items;
	s->count = count;
	s->served = true;
out:
	free(devices);
	return status;
}
