/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-fdpass.c - records of a stranger: any length, any number of descriptors, control data of any shape.
 *
 * The input is a list of steps, five bytes each: what to do and four numbers.  All descriptors that are sent are copies of one end of a
 * socket pair, the gauge; after the last step both ends of the connection and that end are closed, and the gauge's other end must read
 * end-of-file.  So a copy that is left anywhere is seen, on its way or in our table.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"
#include "protocol/fdpass.h"
#include "protocol/transport.h"

#define STEP_BYTES 5
#define STEPS_MAX 64
#define RECORD_ROOM 4096
#define FDS_ROOM 24
#define CONTROL_ROOM 512
/* Above every number that is open here: the gauge's copies are counted below it. */
#define NUMBERS 256

unsigned long fuzz_accepted;

struct world {
	int ends[2];
	int gauge[2];
	bool credentials; /* come with each record, and cut off descriptors for which there is room in the table */
};

static unsigned
count_open(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < NUMBERS; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

/* a: bytes of data; b: descriptors; c: in how many control messages, and what else is wrong with them; d: kind of control data. */
static void
send_record(const struct world *w, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	static char data[RECORD_ROOM];
	union {
		struct cmsghdr align;
		char bytes[CONTROL_ROOM];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = (size_t)a * 16 + (c >> 6)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};
	unsigned parts = 1 + (c & 3), count = b % FDS_ROOM;
	char *next = control.bytes;

	if (w->ends[0] < 0) {
		return;
	}
	memset(&control, 0, sizeof(control));
	for (unsigned part = 0; part < parts; part++) {
		unsigned here = count / parts;
		struct cmsghdr *header = (struct cmsghdr *)(void *)next;
		size_t space = CMSG_SPACE(here * sizeof(int));

		if (next + space > control.bytes + sizeof(control.bytes)) {
			break;
		}
		header->cmsg_level = (d & 4) != 0 ? SOL_SOCKET + 1 : SOL_SOCKET;
		header->cmsg_type = (d & 3) == 3 ? SCM_CREDENTIALS : (d & 3) == 2 ? d >> 3 : SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(here * sizeof(int));
		for (unsigned i = 0; i < here; i++) {
			memcpy(CMSG_DATA(header) + i * sizeof(int), &w->gauge[0], sizeof(int));
		}
		if ((c & 4) != 0) {
			header->cmsg_len -= d % 8; /* cut within a number */
		}
		next += space;
	}
	m.msg_controllen = (size_t)(next - control.bytes);
	if ((c & 8) != 0 && m.msg_controllen > d % 16) {
		m.msg_controllen -= d % 16;
	}
	if (count == 0 && (c & 16) != 0) {
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	/* The kernel refuses some of it, which is its business. */
	(void)sendmsg(w->ends[0], &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* a: room for data; b: room for descriptors; c: 0 or free numbers in the table, and one. */
static void
receive_record(const struct world *w, uint8_t a, uint8_t b, uint8_t c)
{
	size_t room = 1 + (size_t)a * 16;
	unsigned fd_room = b % (FDPASS_MAX + 2), fd_count = fd_room;
	int fds[FDPASS_MAX + 2], error;
	struct rlimit limit, low;
	char *data = malloc(room); /* of exactly that size */
	ssize_t n;

	if (data == NULL) {
		return;
	}
	memset(fds, 0xff, sizeof(fds));
	fuzz_must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	if (c != 0) {
		int lowest = dup(w->gauge[1]);

		fuzz_must(lowest >= 0, "dup");
		close(lowest);
		low = limit;
		low.rlim_cur = (rlim_t)lowest + c % 8;
		fuzz_must(setrlimit(RLIMIT_NOFILE, &low) == 0, "setrlimit");
	}
	errno = 0;
	n = fdpass_receive(w->ends[1], data, room, fds, &fd_count);
	error = errno;
	fuzz_must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");

	if (n <= 0) {
		fuzz_must(fd_count == 0, "no record, no descriptors");
		fuzz_must(n == 0 || error == EAGAIN || error == EBADMSG || error == EMFILE || error == ECONNRESET,
		    "an errno that was not promised");
		fuzz_must(error != EMFILE || c != 0 || w->credentials, "EMFILE with room in the table");
	} else {
		fuzz_accepted++;
		fuzz_must((size_t)n <= room, "length of a record");
		fuzz_must(fd_count <= fd_room && fd_count <= FDPASS_MAX, "number of descriptors");
	}
	for (unsigned i = 0; i < fd_count; i++) {
		fuzz_must(fcntl(fds[i], F_GETFD) == FD_CLOEXEC, "close-on-exec");
		close(fds[i]);
	}
	free(data);
}

static void
do_step(struct world *w, const uint8_t *step)
{
	int on;

	switch (step[0] % 8) {
	case 0:
	case 1:
	case 2:
		send_record(w, step[1], step[2], step[3], step[4]);
		break;
	case 3:
	case 4:
	case 5:
		receive_record(w, step[1], step[2], step[3]);
		break;
	case 6:
		/* The receiver never asks for credentials; if somebody does for it, they take the room of descriptors. */
		on = step[1] & 1;
		(void)setsockopt(w->ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
		w->credentials = true;
		break;
	default:
		if (w->ends[0] >= 0 && (step[1] & 7) == 7) {
			close(w->ends[0]);
			w->ends[0] = -1;
		} else if (w->ends[0] >= 0) {
			int fds[FDPASS_MAX] = {w->gauge[0], w->gauge[0], w->gauge[0]};

			(void)fdpass_send(w->ends[0], step, 1 + step[2] % STEP_BYTES, fds, step[3] % (FDPASS_MAX + 2));
		}
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned before = count_open();
	struct world w = {.credentials = false};
	char byte;

	fuzz_must(transport_pair(w.ends) == 0 && transport_pair(w.gauge) == 0, "transport_pair");
	for (unsigned i = 0; i < STEPS_MAX && size >= STEP_BYTES; i++) {
		do_step(&w, data);
		data += STEP_BYTES;
		size -= STEP_BYTES;
	}
	if (w.ends[0] >= 0) {
		close(w.ends[0]);
	}
	close(w.ends[1]);
	close(w.gauge[0]);
	fuzz_must(recv(w.gauge[1], &byte, 1, MSG_DONTWAIT) == 0, "no copy of a descriptor is left");
	close(w.gauge[1]);
	fuzz_must(count_open() == before, "as many open descriptors as before");
	return 0;
}
