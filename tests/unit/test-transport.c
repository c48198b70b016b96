/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-transport.c - the control socket: its file, its flags, its errors, and who is at the other end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fds.h"
#include "protocol/fdpass.h"
#include "protocol/transport.h"

#define STRANGER 54321

static char dir[64];
static char path[128];

static void
a_directory(void)
{
	fds_note();
	snprintf(dir, sizeof(dir), "/tmp/tuntapd-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
}

/* The tests remove what they made: the directory must be empty. */
static void
directory_end(void)
{
	ck_assert_msg(rmdir(dir) == 0, "%s: %s", dir, strerror(errno));
	fds_assert_as_noted();
}

static void
assert_flags(int fd, bool nonblock)
{
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, nonblock);
}

START_TEST(record_crosses_a_connection)
{
	int listener = transport_listen(path, 4), client, server;
	unsigned received = 0;
	char data[8];

	ck_assert_int_ge(listener, 0);
	assert_flags(listener, true);
	client = transport_connect(path);
	ck_assert_int_ge(client, 0);
	assert_flags(client, false);
	server = transport_accept(listener);
	ck_assert_int_ge(server, 0);
	assert_flags(server, true);

	ck_assert_int_eq(fdpass_send(client, "ask", 3, NULL, 0), 0);
	ck_assert_int_eq(fdpass_receive(server, data, sizeof(data), NULL, &received), 3);
	ck_assert_int_eq(fdpass_send(server, "reply", 5, NULL, 0), 0);
	ck_assert_int_eq(fdpass_receive(client, data, sizeof(data), NULL, &received), 5);
	ck_assert_mem_eq(data, "reply", 5);
	close(server);
	close(client);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static const mode_t umasks[] = {0, 022, 077, 0777};

START_TEST(file_is_0666_whatever_the_umask)
{
	mode_t before = umask(umasks[_i]);
	int listener = transport_listen(path, 4);
	struct stat st;

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_msg(st.st_mode == (S_IFSOCK | 0666), "umask %o: %o", umasks[_i], st.st_mode);
	ck_assert_uint_eq(umask(before), umasks[_i]); /* untouched: it is the whole process' */
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(nobody_waiting_is_eagain)
{
	int listener = transport_listen(path, 4);

	errno = 0;
	ck_assert_int_eq(transport_accept(listener), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(absent_daemon_is_enoent_or_econnrefused)
{
	int fd;

	errno = 0;
	ck_assert_int_eq(transport_connect(path), -1);
	ck_assert_int_eq(errno, ENOENT);

	/* What a killed daemon leaves. */
	close(transport_listen(path, 4));
	errno = 0;
	ck_assert_int_eq(transport_connect(path), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(unlink(path), 0);

	/* A file that is no socket. */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	errno = 0;
	ck_assert_int_eq(transport_connect(path), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(busy_path_is_eaddrinuse_and_stays)
{
	int listener = transport_listen(path, 4), client;

	ck_assert_int_ge(listener, 0);
	errno = 0;
	ck_assert_int_eq(transport_listen(path, 4), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	/* The first one's file is still there and leads to it. */
	client = transport_connect(path);
	ck_assert_int_ge(client, 0);
	close(client);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(link_in_the_way_is_not_followed)
{
	char target[128];
	struct stat st;
	int fd;

	snprintf(target, sizeof(target), "%s/target", dir);
	fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(symlink(target, path), 0);
	errno = 0;
	ck_assert_int_eq(transport_listen(path, 4), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(stat(target, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(target), 0);
}
END_TEST

START_TEST(no_directory_is_enoent)
{
	char below[160];

	snprintf(below, sizeof(below), "%s/none/socket", dir);
	errno = 0;
	ck_assert_int_eq(transport_listen(below, 4), -1);
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(transport_connect(below), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(empty_path_is_enoent)
{
	/* On Linux an empty sun_path would be an abstract address. */
	errno = 0;
	ck_assert_int_eq(transport_connect(""), -1);
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(transport_listen("", 4), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(path_must_fit_the_address)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	size_t used = strlen(dir);
	int listener, client;

	memset(name, 'x', sizeof(name));
	memcpy(name, dir, used);
	name[used] = '/';
	name[sizeof(name) - 1] = '\0';
	errno = 0;
	ck_assert_int_eq(transport_listen(name, 4), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	errno = 0;
	ck_assert_int_eq(transport_connect(name), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);

	/* One byte less, with its NUL, just fits. */
	name[sizeof(name) - 2] = '\0';
	listener = transport_listen(name, 4);
	ck_assert_msg(listener >= 0, "%s", strerror(errno));
	client = transport_connect(name);
	ck_assert_int_ge(client, 0);
	close(client);
	close(listener);
	ck_assert_int_eq(unlink(name), 0);
}
END_TEST

START_TEST(full_table_is_emfile)
{
	int listener = transport_listen(path, 4), client = transport_connect(path);
	int ends[2];

	ck_assert_int_ge(listener, 0);
	ck_assert_int_ge(client, 0);
	fds_fill_table(0);
	errno = 0;
	ck_assert_int_eq(transport_connect(path), -1);
	ck_assert_int_eq(errno, EMFILE);
	errno = 0;
	ck_assert_int_eq(transport_accept(listener), -1);
	ck_assert_int_eq(errno, EMFILE);
	errno = 0;
	ck_assert_int_eq(transport_pair(ends), -1);
	ck_assert_int_eq(errno, EMFILE);
	fds_unfill_table();
	close(client);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(daemon_that_does_not_accept_is_eagain)
{
	int listener = transport_listen(path, 0), clients[8];
	unsigned count = 0;
	struct timespec start, end;

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &start), 0);
	while (count < 8 && (clients[count] = transport_connect(path)) >= 0) {
		count++;
	}
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &end), 0);
	ck_assert_uint_lt(count, 8);
	ck_assert_int_ge(end.tv_sec - start.tv_sec, TRANSPORT_CONNECT_S - 1);
	while (count > 0) {
		close(clients[--count]);
	}
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(pair_is_two_joined_ends)
{
	unsigned received = 0;
	char data[8];
	int ends[2];

	ck_assert_int_eq(transport_pair(ends), 0);
	for (int i = 0; i < 2; i++) {
		assert_flags(ends[i], false);
		ck_assert_int_eq(fdpass_send(ends[i], "x", 1, NULL, 0), 0);
		ck_assert_int_eq(fdpass_receive(ends[1 - i], data, sizeof(data), NULL, &received), 1);
	}
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static void
assert_peer(int sock, pid_t pid, uid_t uid, gid_t gid)
{
	struct transport_peer peer = {.pid = -1, .uid = (uid_t)-1, .gid = (gid_t)-1};

	ck_assert_int_eq(transport_peer(sock, &peer), 0);
	ck_assert_int_eq(peer.pid, pid);
	ck_assert_uint_eq(peer.uid, uid);
	ck_assert_uint_eq(peer.gid, gid);
}

START_TEST(peer_is_who_connected)
{
	int listener = transport_listen(path, 4), client = transport_connect(path), server = transport_accept(listener);

	ck_assert_int_ge(server, 0);
	assert_peer(server, getpid(), geteuid(), getegid());
	assert_peer(client, getpid(), geteuid(), getegid()); /* and who listens */
	close(server);
	close(client);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(peer_is_the_one_at_connect_not_the_one_that_holds_it_now)
{
	int listener = transport_listen(path, 4), server, status;
	pid_t child;

	ck_assert_int_eq(chmod(dir, 0755), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		int fd;

		if (setresgid(STRANGER + 1, STRANGER + 1, STRANGER + 1) != 0 || setresuid(STRANGER, STRANGER, STRANGER) != 0) {
			_exit(1);
		}
		fd = transport_connect(path);
		_exit(fd >= 0 && fdpass_send(fd, "x", 1, NULL, 0) == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the other user could not connect: %#x", status);
	server = transport_accept(listener);
	ck_assert_int_ge(server, 0);
	assert_peer(server, child, STRANGER, STRANGER + 1);
	close(server);
	close(listener);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(peer_of_no_socket_is_an_error)
{
	struct transport_peer peer;
	int fd = fds_new_file();

	errno = 0;
	ck_assert_int_eq(transport_peer(fd, &peer), -1);
	ck_assert_int_eq(errno, ENOTSOCK);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("transport");
	TCase *tc = tcase_create("control socket");

	tcase_set_timeout(tc, 4 * TRANSPORT_CONNECT_S);
	tcase_add_checked_fixture(tc, a_directory, directory_end);
	tcase_add_test(tc, record_crosses_a_connection);
	tcase_add_loop_test(tc, file_is_0666_whatever_the_umask, 0, sizeof(umasks) / sizeof(umasks[0]));
	tcase_add_test(tc, nobody_waiting_is_eagain);
	tcase_add_test(tc, absent_daemon_is_enoent_or_econnrefused);
	tcase_add_test(tc, busy_path_is_eaddrinuse_and_stays);
	tcase_add_test(tc, link_in_the_way_is_not_followed);
	tcase_add_test(tc, no_directory_is_enoent);
	tcase_add_test(tc, empty_path_is_enoent);
	tcase_add_test(tc, path_must_fit_the_address);
	tcase_add_test(tc, full_table_is_emfile);
	tcase_add_test(tc, daemon_that_does_not_accept_is_eagain);
	tcase_add_test(tc, pair_is_two_joined_ends);
	tcase_add_test(tc, peer_is_who_connected);
	if (geteuid() == 0) {
		/* Others than root have nobody else to be. */
		tcase_add_test(tc, peer_is_the_one_at_connect_not_the_one_that_holds_it_now);
	}
	tcase_add_test(tc, peer_of_no_socket_is_an_error);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
