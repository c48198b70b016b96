/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * player.c - plays the daemon to one program of macOS: one tun device.  Usage: player SOCKET ADDRESS/PREFIX
 *
 * It has RUNDIR, device list and pages by the daemon's own code, and speaks the protocol on a stream with records, as
 * protocol/transport-darwin.c does.  The device is a tun of Linux's with packet information, which the stand-in takes for a utun
 * (standin-socket.c); it is given an address and brought up before the program gets it.  Says "serving", then one line for each request.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/rundir.h"
#include "daemon/statepage.h"
#include "protocol/message.h"
#include "protocol/page.h"

#define IFNAME "utun256"
#define MTU 1500

struct player {
	struct rundir rundir;
	struct statepage page;
	const char *address;
};

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0) {
		err(1, "%s", path);
	}
	return fd;
}

/* One record, as they are on a stream; *given: a descriptor that came with it, or -1. */
static size_t
receive(int fd, void *data, size_t room, int *given)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = data, .iov_len = room};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	uint32_t size;
	ssize_t n;

	*given = -1;
	/* The descriptors come with the first byte of what they were sent with. */
	iov = (struct iovec){.iov_base = &size, .iov_len = sizeof(size)};
	n = recvmsg(fd, &message, MSG_WAITALL);
	if (n != (ssize_t)sizeof(size) || size > room) {
		errx(1, "a record that is none");
	}
	if (message.msg_controllen > 0) {
		memcpy(given, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*given));
	}
	if (recv(fd, data, size, MSG_WAITALL) != (ssize_t)size) {
		errx(1, "a record that ends early");
	}
	return size;
}

static void
send_record(int fd, const void *data, size_t bytes, const int *fds, unsigned count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	uint32_t size = (uint32_t)bytes;
	struct iovec iov[] = {{.iov_base = &size, .iov_len = sizeof(size)}, {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_LEN(count * sizeof(int));
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){
			.cmsg_len = message.msg_controllen, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, count * sizeof(int));
	}
	if (sendmsg(fd, &message, 0) != (ssize_t)(sizeof(size) + bytes)) {
		err(1, "answering");
	}
}

static int
make_tun(uint32_t place, const char *address)
{
	struct ifreq request = {.ifr_name = IFNAME, .ifr_flags = IFF_TUN};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), mark = page_mark_of_place(place);
	char command[256];

	snprintf(command, sizeof(command), "ip addr add %s dev " IFNAME " && ip link set " IFNAME " up", address);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETSNDBUF, &mark) < 0 || system(command) != 0) {
		err(1, IFNAME);
	}
	return fd;
}

static void
attach(struct player *p, int fd, const union message *request)
{
	struct device_id id = {.kind = request->attach.kind, .unit = request->attach.unit};
	uint32_t place = device_place_fixed(id);
	struct statepage_open open = {.id = id, .channel = CHANNEL_FRAMED, .access = request->attach.access, .mtu = MTU, .ifname = IFNAME};
	union message reply;
	int fds[2];

	if (id.kind != DEVICE_TUN) {
		errx(1, "a tap is asked for");
	}
	fds[0] = make_tun(place, p->address);
	if (request->attach.nonblock) {
		(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	}
	open.ifindex = if_nametoindex(IFNAME);
	if (statepage_open(&p->page, p->rundir.fd, place) < 0 || statepage_begin(&p->page, &open) < 0 ||
	    statepage_set_up(&p->page, true) < 0) {
		err(1, "the page");
	}
	fds[1] = statepage_reader(&p->page, p->rundir.fd);
	message_init_reply(&reply, &request->header, 0);
	reply.attached.ifindex = open.ifindex;
	reply.attached.open_number = p->page.content.open_number;
	reply.attached.mtu = MTU;
	reply.attached.kind = (uint8_t)id.kind;
	reply.attached.unit = id.unit;
	reply.attached.channel = CHANNEL_FRAMED;
	reply.attached.place = place;
	strcpy(reply.attached.ifname, IFNAME);
	send_record(fd, &reply, reply.header.size, fds, 2);
	close(fds[0]); /* the program's alone */
	close(fds[1]);
}

static void
set_header_mode(struct player *p, int fd, const union message *request)
{
	union message reply;

	if (statepage_set_header_mode(&p->page, request->header_mode.on != 0) < 0) {
		err(1, "the page");
	}
	message_init_reply(&reply, &request->header, 0);
	send_record(fd, &reply, reply.header.size, NULL, 0);
}

int
main(int argc, char **argv)
{
	struct player p = {.rundir = {.fd = -1, .lock_fd = -1}, .address = argv[argc - 1]};
	struct policy *policy;
	int listener;

	if (argc != 3) {
		errx(64, "usage: player SOCKET ADDRESS/PREFIX");
	}
	log_init("player", 0);
	statepage_init(&p.page);
	if (config_load(&policy, NULL, &config_log) != 0 || rundir_open(&p.rundir, argv[1]) != 0) {
		errx(1, "starting");
	}
	listener = listen_at(argv[1]);
	if (rundir_write_devices(&p.rundir, policy) < 0) {
		err(1, "the list of devices");
	}
	printf("serving\n");
	fflush(stdout);
	for (;;) {
		union message request;
		int fd = accept(listener, NULL, NULL), given;

		if (fd < 0) {
			err(1, "accept");
		}
		(void)receive(fd, &request, sizeof(request), &given);
		switch (request.header.type) {
		case MESSAGE_ATTACH:
			printf("attach\n");
			attach(&p, fd, &request);
			break;
		case MESSAGE_HEADER_MODE:
			printf("header mode\n");
			set_header_mode(&p, fd, &request);
			break;
		default:
			errx(1, "a request of type %u", request.header.type);
		}
		fflush(stdout);
		if (given >= 0) {
			close(given);
		}
		close(fd);
	}
}
