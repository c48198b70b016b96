/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-netlink.c - asks Linux's rtnetlink(7) for what Darwin does by ioctl and routing socket.  See standin-netlink.h.
 */
#include "standin-netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin.h"

void
standin_netlink_begin(struct standin_netlink *m, uint16_t type, uint16_t flags, const void *fixed, size_t bytes)
{
	memset(m, 0, sizeof(*m));
	m->header = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes), .nlmsg_type = type,
	    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)};
	memcpy(NLMSG_DATA(&m->header), fixed, bytes);
}

void *
standin_netlink_add(struct standin_netlink *m, uint16_t type, const void *data, size_t bytes)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)m + NLMSG_ALIGN(m->header.nlmsg_len));

	if (NLMSG_ALIGN(m->header.nlmsg_len) + RTA_SPACE(bytes) > sizeof(*m)) {
		standin_refuse("a message of rtnetlink is too long");
	}
	*attribute = (struct rtattr){.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(bytes)};
	if (bytes > 0) {
		memcpy(RTA_DATA(attribute), data, bytes);
	}
	m->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
	return attribute;
}

void
standin_netlink_end(struct standin_netlink *m, void *nest)
{
	struct rtattr *attribute = nest;

	attribute->rta_len = (uint16_t)((char *)m + m->header.nlmsg_len - (char *)nest);
}

int
standin_netlink_ask(struct standin_netlink *m)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[8192];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = fd >= 0 && send(fd, m, m->header.nlmsg_len, 0) >= 0 ? recv(fd, &answer, sizeof(answer), 0) : -1;

	if (fd >= 0) {
		close(fd);
	}
	if (n < (ssize_t)(sizeof(answer.header) + sizeof(answer.error)) || answer.header.nlmsg_type != NLMSG_ERROR) {
		standin_refuse("rtnetlink does not answer: %s", strerror(errno));
	}
	if (answer.error.error != 0) {
		errno = -answer.error.error;
		return -1;
	}
	return 0;
}
