/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-request.c - one request and its reply, over a pair of joined connections: what comes back, and that nothing that came with a
 * bad answer stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "fds.h"
#include "protocol/fdpass.h"
#include "protocol/request.h"
#include "protocol/transport.h"

#define BOUND_MS 5000
#define SHORT_MS 50

/* What the other end does with the first request. */
struct other {
	int sock;
	int error;        /* of the attach that it answers */
	uint32_t serial_more; /* added to the serial */
	unsigned fd_count;
	bool silent;
	union message heard;
	unsigned heard_fds;
};

static void *
answer(void *context)
{
	struct other *o = context;
	int fds[2] = {STDIN_FILENO, STDIN_FILENO}, in[2];
	unsigned room = 2;
	union message reply;

	ck_assert_int_eq(request_wait(o->sock, POLLIN, BOUND_MS), 0);
	ck_assert_int_gt(fdpass_receive(o->sock, &o->heard, sizeof(o->heard), in, &room), 0);
	o->heard_fds = room;
	for (unsigned i = 0; i < room; i++) {
		close(in[i]);
	}
	if (!o->silent) {
		message_init_reply(&reply, &o->heard.header, o->error);
		reply.header.serial += o->serial_more;
		if (o->error == 0) {
			reply.attached.kind = o->heard.attach.kind;
			reply.attached.unit = o->heard.attach.unit;
			reply.attached.channel = CHANNEL_DIRECT;
			reply.attached.open_number = 1;
			reply.attached.ifindex = 1;
			reply.attached.mtu = 1500;
			reply.attached.ifname[0] = 't';
			reply.attached.place = device_place_fixed((struct device_id){DEVICE_TAP, 3});
		}
		ck_assert_int_eq(fdpass_send(o->sock, &reply, reply.header.size, fds, o->fd_count), 0);
	}
	close(o->sock);
	return NULL;
}

/* Asks the other end; the result of request_exchange(), with errno. */
static int
ask(struct other *o, union message *reply, int in[2], unsigned *in_count, int timeout_ms)
{
	union message request;
	pthread_t thread;
	int ends[2], result, saved, given = STDIN_FILENO;

	ck_assert_int_eq(transport_pair(ends), 0);
	o->sock = ends[1];
	ck_assert_int_eq(pthread_create(&thread, NULL, answer, o), 0);
	message_init(&request, MESSAGE_ATTACH, 7);
	request.attach.kind = DEVICE_TAP;
	request.attach.unit = 3;
	request.attach.access = MESSAGE_ACCESS_ALL;
	result = request_exchange(ends[0], &request, &given, 1, reply, in, in_count, timeout_ms);
	saved = errno;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	close(ends[0]);
	errno = saved;
	return result;
}

START_TEST(success_brings_descriptors)
{
	struct other o = {.fd_count = 2};
	union message reply;
	unsigned in_count = 2;
	int in[2];

	ck_assert_int_eq(ask(&o, &reply, in, &in_count, BOUND_MS), 0);
	ck_assert_int_eq(request_error(&reply), 0);
	ck_assert_uint_eq(in_count, 2);
	ck_assert_uint_eq(o.heard_fds, 1);
	ck_assert_uint_eq(o.heard.attach.unit, 3);
	for (unsigned i = 0; i < in_count; i++) {
		ck_assert_int_eq(fcntl(in[i], F_GETFD), FD_CLOEXEC);
		close(in[i]);
	}
}
END_TEST

START_TEST(error_of_the_daemon_is_the_replys)
{
	struct other o = {.error = EBUSY};
	union message reply;
	unsigned in_count = 2;
	int in[2];

	ck_assert_int_eq(ask(&o, &reply, in, &in_count, BOUND_MS), 0);
	ck_assert_int_eq(request_error(&reply), EBUSY);
	ck_assert_uint_eq(in_count, 0);
}
END_TEST

START_TEST(what_came_with_a_bad_answer_is_closed)
{
	struct other cases[] = {
		{.fd_count = 2, .serial_more = 1}, /* to another question */
		{.fd_count = 1},                   /* too few */
		{.fd_count = 2, .error = EACCES},  /* an error has none */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union message reply;
		unsigned in_count = 2;
		int in[2];

		ck_assert_int_eq(ask(&cases[i], &reply, in, &in_count, BOUND_MS), -1);
		ck_assert_int_eq(errno, EBADMSG);
		ck_assert_uint_eq(in_count, 0);
	}
}
END_TEST

START_TEST(end_without_an_answer)
{
	struct other o = {.silent = true};
	union message reply;
	unsigned in_count = 2;
	int in[2];

	ck_assert_int_eq(ask(&o, &reply, in, &in_count, BOUND_MS), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_uint_eq(in_count, 0);
}
END_TEST

START_TEST(silence_is_bounded)
{
	union message request, reply;
	unsigned none = 0;
	int ends[2];

	ck_assert_int_eq(transport_pair(ends), 0);
	message_init(&request, MESSAGE_STATUS, 1);
	ck_assert_int_eq(request_exchange(ends[0], &request, NULL, 0, &reply, NULL, &none, SHORT_MS), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(other_end_has_gone)
{
	union message request, reply;
	unsigned none = 0;
	int ends[2];

	ck_assert_int_eq(transport_pair(ends), 0);
	close(ends[1]);
	message_init(&request, MESSAGE_STATUS, 1);
	ck_assert_int_eq(request_exchange(ends[0], &request, NULL, 0, &reply, NULL, &none, BOUND_MS), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(ends[0]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("request");
	TCase *tc = tcase_create("exchange");

	tcase_add_checked_fixture(tc, fds_note, fds_assert_as_noted);
	tcase_add_test(tc, success_brings_descriptors);
	tcase_add_test(tc, error_of_the_daemon_is_the_replys);
	tcase_add_test(tc, what_came_with_a_bad_answer_is_closed);
	tcase_add_test(tc, end_without_an_answer);
	tcase_add_test(tc, silence_is_bounded);
	tcase_add_test(tc, other_end_has_gone);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
