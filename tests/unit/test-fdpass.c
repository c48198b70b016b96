/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-fdpass.c - records and their descriptors: what arrives, what is refused, and that nothing is left open.
 *
 * The fixture's end compares all open descriptors with those at the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fds.h"
#include "protocol/fdpass.h"
#include "protocol/transport.h"

#define MANY_FDS 16

static int ends[2];
static int files[MANY_FDS];
static unsigned file_count;

static void
a_connection(void)
{
	fds_note();
	ck_assert_int_eq(transport_pair(ends), 0);
	file_count = 0;
}

static void
close_end(int which)
{
	ck_assert_int_eq(close(ends[which]), 0);
	ends[which] = -1;
}

static void
connection_end(void)
{
	for (unsigned i = 0; i < file_count; i++) {
		close(files[i]);
	}
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0) {
			close_end(i);
		}
	}
	fds_assert_as_noted();
}

static void
make_files(unsigned count)
{
	for (file_count = 0; file_count < count; file_count++) {
		files[file_count] = fds_new_file();
	}
}

/* What a stranger may send: control as given, which fdpass_send() would never make. */
static void
send_raw(const void *data, size_t size, const void *control, size_t control_bytes)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = (void *)(uintptr_t)control,
		.msg_controllen = control_bytes,
	};

	ck_assert_int_eq(sendmsg(ends[0], &m, MSG_DONTWAIT | MSG_NOSIGNAL), (ssize_t)size);
}

/* The same with the first count files in as many control messages as parts. */
static void
send_files_raw(const void *data, size_t size, unsigned count, unsigned parts)
{
	union {
		struct cmsghdr align;
		char bytes[MANY_FDS * CMSG_SPACE(sizeof(int)) * 2];
	} control;
	char *next = control.bytes;

	memset(&control, 0, sizeof(control));
	for (unsigned part = 0, done = 0; part < parts; part++) {
		unsigned here = part + 1 < parts ? count / parts : count - done;
		struct cmsghdr *c = (struct cmsghdr *)(void *)next;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(here * sizeof(int));
		memcpy(CMSG_DATA(c), files + done, here * sizeof(int));
		next += CMSG_SPACE(here * sizeof(int));
		done += here;
	}
	send_raw(data, size, control.bytes, (size_t)(next - control.bytes));
}

/* Receives what must fail with that errno. */
static void
assert_refused(size_t room, unsigned fd_room, int error)
{
	char data[4096];
	int fds[FDPASS_MAX] = {-1, -1, -1};
	unsigned fd_count = fd_room;

	errno = 0;
	ck_assert_int_eq(fdpass_receive(ends[1], data, room, fds, &fd_count), -1);
	ck_assert_msg(errno == error, "%s, not %s", strerror(errno), strerror(error));
	ck_assert_uint_eq(fd_count, 0);
}

/* Receives what the next test record must be: proof that the one before was consumed, and no more than it. */
static void
assert_next_arrives(void)
{
	char data[8];
	unsigned fd_count = 0;

	ck_assert_int_eq(fdpass_send(ends[0], "next", 4, NULL, 0), 0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), NULL, &fd_count), 4);
	ck_assert_mem_eq(data, "next", 4);
}

START_TEST(record_arrives_with_its_descriptors)
{
	unsigned sent = (unsigned)_i, received = FDPASS_MAX;
	int fds[FDPASS_MAX] = {-1, -1, -1};
	char data[64];

	make_files(sent);
	ck_assert_int_eq(fdpass_send(ends[0], "a record", 8, files, sent), 0);
	/* They stayed the sender's. */
	for (unsigned i = 0; i < sent; i++) {
		ck_assert_int_ge(fcntl(files[i], F_GETFD), 0);
	}
	memset(data, '#', sizeof(data));
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 8);
	ck_assert_mem_eq(data, "a record#", 9);
	ck_assert_uint_eq(received, sent);
	for (unsigned i = 0; i < received; i++) {
		ck_assert(fds_same_file(fds[i], files[i])); /* in order */
		ck_assert_int_ne(fds[i], files[i]);
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	for (unsigned i = received; i < FDPASS_MAX; i++) {
		ck_assert_int_eq(fds[i], -1);
	}
}
END_TEST

START_TEST(records_stay_apart_and_in_order)
{
	char data[TRANSPORT_RECORD_MAX + 1];
	unsigned received;
	int fd;

	make_files(1);
	for (unsigned i = 1; i <= 4; i++) {
		memset(data, (int)('0' + i), i);
		ck_assert_int_eq(fdpass_send(ends[0], data, i, files, i % 2), 0);
	}
	for (unsigned i = 1; i <= 4; i++) {
		received = 1;
		ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), &fd, &received), (ssize_t)i);
		ck_assert_int_eq(data[0], (int)('0' + i));
		ck_assert_uint_eq(received, i % 2);
		if (received > 0) {
			close(fd);
		}
	}
}
END_TEST

START_TEST(longest_record_arrives_whole)
{
	static char sent[TRANSPORT_RECORD_MAX + 1], data[TRANSPORT_RECORD_MAX + 1];
	unsigned received = 0;

	for (size_t i = 0; i < sizeof(sent); i++) {
		sent[i] = (char)(i * 7);
	}
	ck_assert_int_eq(fdpass_send(ends[0], sent, TRANSPORT_RECORD_MAX, NULL, 0), 0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), NULL, &received), TRANSPORT_RECORD_MAX);
	ck_assert_mem_eq(data, sent, TRANSPORT_RECORD_MAX);
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], sent, TRANSPORT_RECORD_MAX + 1, NULL, 0), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

START_TEST(exact_room_is_enough)
{
	char data[9] = "########";
	unsigned received = 0;

	ck_assert_int_eq(fdpass_send(ends[0], "12345678", 8, NULL, 0), 0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, 8, NULL, &received), 8);
	ck_assert_str_eq(data, "12345678");
}
END_TEST

START_TEST(longer_record_is_ebadmsg_and_consumed)
{
	make_files(2);
	ck_assert_int_eq(fdpass_send(ends[0], "123456789", 9, files, (unsigned)_i), 0);
	assert_refused(8, FDPASS_MAX, EBADMSG);
	assert_next_arrives();
}
END_TEST

/* Descriptors sent, room for them. */
static const struct {
	unsigned sent;
	unsigned room;
} surpluses[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}, {3, 1}, {3, 2}, {4, 0}, {4, 3}, {5, 3}, {MANY_FDS, 0}, {MANY_FDS, 2}, {MANY_FDS, 3}};

START_TEST(more_descriptors_than_room_are_ebadmsg_and_closed)
{
	make_files(surpluses[_i].sent);
	send_files_raw("abc", 3, surpluses[_i].sent, 1);
	assert_refused(64, surpluses[_i].room, EBADMSG);
	assert_next_arrives();
}
END_TEST

START_TEST(room_above_the_maximum_counts_as_the_maximum)
{
	char data[8];
	int fds[MANY_FDS];
	unsigned received = MANY_FDS;

	make_files(FDPASS_MAX + 1);
	send_files_raw("abc", 3, FDPASS_MAX + 1, 1);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_uint_eq(received, 0);
}
END_TEST

START_TEST(fewer_descriptors_than_room_are_counted)
{
	char data[8];
	int fds[FDPASS_MAX] = {-1, -1, -1};
	unsigned received = 2;

	make_files(1);
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, files, 1), 0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 3);
	ck_assert_uint_eq(received, 1);
	ck_assert_int_eq(fds[1], -1);
	close(fds[0]);
}
END_TEST

START_TEST(descriptors_in_several_control_messages_are_all_counted)
{
	char data[8];
	int fds[FDPASS_MAX];
	unsigned received = FDPASS_MAX;

	make_files(4);
	send_files_raw("abc", 3, 3, 3);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 3);
	ck_assert_uint_eq(received, 3);
	for (unsigned i = 0; i < received; i++) {
		ck_assert(fds_same_file(fds[i], files[i]));
		close(fds[i]);
	}
	send_files_raw("abc", 3, 4, 4);
	assert_refused(64, FDPASS_MAX, EBADMSG);
}
END_TEST

START_TEST(empty_record_is_the_end_and_its_descriptors_are_closed)
{
	char data[8];
	int fds[FDPASS_MAX];
	unsigned received = FDPASS_MAX;

	make_files(2);
	if (_i == 0) {
		send_raw(NULL, 0, NULL, 0);
	} else {
		send_files_raw(NULL, 0, (unsigned)_i, 1);
	}
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 0);
	ck_assert_uint_eq(received, 0);
}
END_TEST

START_TEST(credentials_are_no_descriptors)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct ucred credentials = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
	char data[8];
	int fds[FDPASS_MAX];
	unsigned received = FDPASS_MAX;

	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_CREDENTIALS;
	control.align.cmsg_len = CMSG_LEN(sizeof(credentials));
	memcpy(CMSG_DATA(&control.align), &credentials, sizeof(credentials));
	if (_i == 1) {
		int on = 1;

		ck_assert_int_eq(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	}
	send_raw("abc", 3, control.bytes, sizeof(control.bytes));
	/* Whoever asked for them gets them from the kernel first, and they fit; there are no descriptors either way. */
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 3);
	ck_assert_uint_eq(received, 0);
}
END_TEST

START_TEST(control_data_cut_by_credentials_closes_what_came)
{
	int on = 1;

	/* Credentials take the room of the descriptors: some of these come, the rest is cut off. */
	ck_assert_int_eq(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	make_files(3);
	send_files_raw("abc", 3, 3, 1);
	assert_refused(64, FDPASS_MAX, EMFILE);
	assert_next_arrives();
}
END_TEST

/* Free numbers in the receiver's table, descriptors sent. */
static const struct {
	unsigned free;
	unsigned sent;
} tables[] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};

START_TEST(full_table_is_emfile_and_nothing_stays_open)
{
	make_files(tables[_i].sent);
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, files, tables[_i].sent), 0);
	fds_fill_table(tables[_i].free);
	assert_refused(64, FDPASS_MAX, EMFILE);
	/* Those that came were closed: as many numbers are free as before, and no more. */
	for (unsigned i = 0; i <= tables[_i].free; i++) {
		int fd = dup(ends[0]);

		ck_assert_msg((fd >= 0) == (i < tables[_i].free), "number %u of %u", i, tables[_i].free);
		if (fd >= 0) {
			files[file_count++] = fd;
		}
	}
	assert_next_arrives();
	fds_unfill_table();
}
END_TEST

START_TEST(table_with_just_enough_room)
{
	char data[8];
	int fds[FDPASS_MAX];
	unsigned received = FDPASS_MAX;

	make_files(2);
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, files, 2), 0);
	fds_fill_table(2);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), fds, &received), 3);
	ck_assert_uint_eq(received, 2);
	close(fds[0]);
	close(fds[1]);
	fds_unfill_table();
}
END_TEST

START_TEST(nothing_to_receive_is_eagain)
{
	/* On a blocking socket: a wait here would end in the test's timeout. */
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	assert_refused(64, FDPASS_MAX, EAGAIN);
}
END_TEST

START_TEST(full_socket_is_eagain_and_nothing_is_sent)
{
	char data[1024];
	unsigned sent = 0, arrived = 0, received;
	ssize_t n;

	memset(data, 'x', sizeof(data));
	make_files(1);
	while (fdpass_send(ends[0], data, sizeof(data), files, 1) == 0) {
		sent++;
		ck_assert_uint_lt(sent, 1u << 16);
	}
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(sent, 0);
	do {
		int fd = -1;

		received = 1;
		n = fdpass_receive(ends[1], data, sizeof(data), &fd, &received);
		if (n > 0) {
			ck_assert_int_eq(n, (ssize_t)sizeof(data));
			ck_assert_uint_eq(received, 1);
			close(fd);
			arrived++;
		}
	} while (n > 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(arrived, sent);
	assert_next_arrives();
}
END_TEST

START_TEST(closed_peer_is_epipe_without_a_signal)
{
	/* The default action would end this process. */
	ck_assert(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	make_files(1);
	close_end(1);
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, files, (unsigned)_i), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(end_of_file_is_zero)
{
	char data[8];
	int fd;
	unsigned received = 1;

	close_end(0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), &fd, &received), 0);
	ck_assert_uint_eq(received, 0);
}
END_TEST

START_TEST(what_was_sent_before_the_end_arrives)
{
	char data[8];
	int fd;
	unsigned received = 1;

	make_files(1);
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, files, 1), 0);
	close_end(0);
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), &fd, &received), 3);
	ck_assert_uint_eq(received, 1);
	ck_assert(fds_same_file(fd, files[0]));
	close(fd);
	received = 1;
	ck_assert_int_eq(fdpass_receive(ends[1], data, sizeof(data), &fd, &received), 0);
	ck_assert_uint_eq(received, 0);
}
END_TEST

START_TEST(descriptors_never_received_go_with_the_connection)
{
	int gauge[2];
	char byte;

	/* The far end of a socket pair tells when the last copy of the near one is closed. */
	ck_assert_int_eq(transport_pair(gauge), 0);
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, &gauge[0], 1), 0);
	close(gauge[0]);
	ck_assert_int_eq(recv(gauge[1], &byte, 1, MSG_DONTWAIT), -1);
	close_end(0);
	close_end(1);
	ck_assert_int_eq(recv(gauge[1], &byte, 1, 0), 0);
	close(gauge[1]);
}
END_TEST

START_TEST(bad_arguments_are_einval)
{
	int fds[FDPASS_MAX + 1];

	make_files(FDPASS_MAX + 1);
	memcpy(fds, files, sizeof(fds));
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, fds, FDPASS_MAX + 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, fds, UINT32_MAX), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], "", 0, NULL, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	/* Nothing went out. */
	assert_refused(64, FDPASS_MAX, EAGAIN);
}
END_TEST

START_TEST(other_errors_are_the_systems)
{
	int number = fds_new_file();
	unsigned received = 0;
	char data[8];

	errno = 0;
	ck_assert_int_eq(fdpass_send(number, "abc", 3, NULL, 0), -1);
	ck_assert_int_eq(errno, ENOTSOCK);
	errno = 0;
	ck_assert_int_eq(fdpass_receive(number, data, sizeof(data), NULL, &received), -1);
	ck_assert_int_eq(errno, ENOTSOCK);
	close(number);
	errno = 0;
	ck_assert_int_eq(fdpass_send(ends[0], "abc", 3, &number, 1), -1); /* closed: not to be passed on */
	ck_assert_int_eq(errno, EBADF);
	errno = 0;
	ck_assert_int_eq(fdpass_receive(number, data, sizeof(data), NULL, &received), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fdpass");
	TCase *tc = tcase_create("records");

	tcase_add_checked_fixture(tc, a_connection, connection_end);
	tcase_add_loop_test(tc, record_arrives_with_its_descriptors, 0, FDPASS_MAX + 1);
	tcase_add_test(tc, records_stay_apart_and_in_order);
	tcase_add_test(tc, longest_record_arrives_whole);
	tcase_add_test(tc, exact_room_is_enough);
	tcase_add_loop_test(tc, longer_record_is_ebadmsg_and_consumed, 0, 3);
	tcase_add_loop_test(tc, more_descriptors_than_room_are_ebadmsg_and_closed, 0, sizeof(surpluses) / sizeof(surpluses[0]));
	tcase_add_test(tc, room_above_the_maximum_counts_as_the_maximum);
	tcase_add_test(tc, fewer_descriptors_than_room_are_counted);
	tcase_add_test(tc, descriptors_in_several_control_messages_are_all_counted);
	tcase_add_loop_test(tc, empty_record_is_the_end_and_its_descriptors_are_closed, 0, 3);
	tcase_add_loop_test(tc, credentials_are_no_descriptors, 0, 2);
	tcase_add_test(tc, control_data_cut_by_credentials_closes_what_came);
	tcase_add_loop_test(tc, full_table_is_emfile_and_nothing_stays_open, 0, sizeof(tables) / sizeof(tables[0]));
	tcase_add_test(tc, table_with_just_enough_room);
	tcase_add_test(tc, nothing_to_receive_is_eagain);
	tcase_add_test(tc, full_socket_is_eagain_and_nothing_is_sent);
	tcase_add_loop_test(tc, closed_peer_is_epipe_without_a_signal, 0, 2);
	tcase_add_test(tc, end_of_file_is_zero);
	tcase_add_test(tc, what_was_sent_before_the_end_arrives);
	tcase_add_test(tc, descriptors_never_received_go_with_the_connection);
	tcase_add_test(tc, bad_arguments_are_einval);
	tcase_add_test(tc, other_errors_are_the_systems);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
