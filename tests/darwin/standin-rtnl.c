/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-rtnl.c - Linux's interfaces by rtnetlink.  See standin-rtnl.h.
 *
 * Redirecting is a filter that takes every frame (one instruction of classic BPF, cls_bpf) with the action mirred, where the interface's
 * frames come in.
 *
 * Sources: rtnetlink(7); linux/if_link.h, linux/veth.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h.
 */
#include "standin-rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin-netlink.h"

#define ANSWER_BYTES 16384

static const struct ifinfomsg plain;

static void
begin(struct standin_netlink *m, uint16_t type, uint16_t flags, const char *ifname)
{
	standin_netlink_begin(m, type, flags, &plain, sizeof(plain));
	standin_netlink_add(m, IFLA_IFNAME, ifname, strlen(ifname) + 1);
}

/* It gets no address by itself, so that it says nothing. */
static int
silence(const char *ifname)
{
	static const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	struct standin_netlink m;
	void *families, *inet6;

	begin(&m, RTM_NEWLINK, 0, ifname);
	families = standin_netlink_add(&m, IFLA_AF_SPEC, NULL, 0);
	inet6 = standin_netlink_add(&m, AF_INET6, NULL, 0);
	standin_netlink_add(&m, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	standin_netlink_end(&m, inet6);
	standin_netlink_end(&m, families);
	return standin_netlink_ask(&m);
}

int
rtnl_make_veth(const char *ifname, const char *other, const uint8_t mac[6], uint32_t index, uint32_t other_index)
{
	const struct ifinfomsg first = {.ifi_index = (int)index}, second = {.ifi_index = (int)other_index};
	struct standin_netlink m;
	void *info, *data, *peer;

	standin_netlink_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &first, sizeof(first));
	standin_netlink_add(&m, IFLA_IFNAME, ifname, strlen(ifname) + 1);
	standin_netlink_add(&m, IFLA_ADDRESS, mac, 6);
	info = standin_netlink_add(&m, IFLA_LINKINFO, NULL, 0);
	standin_netlink_add(&m, IFLA_INFO_KIND, "veth", sizeof("veth"));
	data = standin_netlink_add(&m, IFLA_INFO_DATA, NULL, 0);
	peer = standin_netlink_add(&m, VETH_INFO_PEER, &second, sizeof(second));
	standin_netlink_add(&m, IFLA_IFNAME, other, strlen(other) + 1);
	standin_netlink_end(&m, peer);
	standin_netlink_end(&m, data);
	standin_netlink_end(&m, info);
	return standin_netlink_ask(&m) < 0 || silence(ifname) < 0 || silence(other) < 0 ? -1 : 0;
}

int
rtnl_make_bridge(const char *ifname)
{
	struct standin_netlink m;
	void *info;

	begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifname);
	info = standin_netlink_add(&m, IFLA_LINKINFO, NULL, 0);
	standin_netlink_add(&m, IFLA_INFO_KIND, "bridge", sizeof("bridge"));
	standin_netlink_end(&m, info);
	return standin_netlink_ask(&m) < 0 || silence(ifname) < 0 ? -1 : 0;
}

int
rtnl_set_master(const char *ifname, uint32_t master)
{
	struct standin_netlink m;

	begin(&m, RTM_NEWLINK, 0, ifname);
	standin_netlink_add(&m, IFLA_MASTER, &master, sizeof(master));
	return standin_netlink_ask(&m);
}

int
rtnl_delete(const char *ifname)
{
	struct standin_netlink m;

	begin(&m, RTM_DELLINK, 0, ifname);
	return standin_netlink_ask(&m);
}

int
rtnl_set_alias(const char *ifname, const char *text)
{
	struct standin_netlink m;

	begin(&m, RTM_NEWLINK, 0, ifname);
	standin_netlink_add(&m, IFLA_IFALIAS, text, strlen(text));
	return standin_netlink_ask(&m);
}

/* The one message that says all of an interface, or -1 with errno. */
static int
read_link(const char *ifname, char answer[ANSWER_BYTES])
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct nlmsghdr *header = (const void *)answer;
	struct standin_netlink m;
	ssize_t n = -1;

	begin(&m, RTM_GETLINK, 0, ifname);
	if (fd >= 0) {
		n = send(fd, &m, m.header.nlmsg_len, 0) < 0 ? -1 : recv(fd, answer, ANSWER_BYTES, 0);
		close(fd);
	}
	if (n < (ssize_t)NLMSG_SPACE(sizeof(struct nlmsgerr))) {
		return -1;
	}
	if (header->nlmsg_type == RTM_NEWLINK) {
		return 0;
	}
	errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
	return -1;
}

/* Puts an attribute of an interface into value, which is of at most size bytes.  How many it has, 0: it is not there; -1 with errno. */
static ssize_t
read_attribute(const char *ifname, unsigned short type, void *value, size_t size)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	const struct nlmsghdr *header = (const void *)answer;
	ssize_t bytes = 0;
	int left;

	if (read_link(ifname, answer) < 0) {
		return -1;
	}
	left = (int)(header->nlmsg_len - NLMSG_SPACE(sizeof(struct ifinfomsg)));
	for (const struct rtattr *a = IFLA_RTA(NLMSG_DATA(header)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == type && RTA_PAYLOAD(a) <= size) {
			bytes = (ssize_t)RTA_PAYLOAD(a);
			memcpy(value, RTA_DATA(a), RTA_PAYLOAD(a));
		}
	}
	return bytes;
}

int
rtnl_get_alias(const char *ifname, char text[RTNL_ALIAS_SIZE])
{
	ssize_t bytes = read_attribute(ifname, IFLA_IFALIAS, text, RTNL_ALIAS_SIZE);

	text[bytes > 0 ? bytes - 1 : 0] = '\0';
	return bytes < 0 ? -1 : 0;
}

int
rtnl_get_master(const char *ifname, uint32_t *master)
{
	*master = 0;
	return read_attribute(ifname, IFLA_MASTER, master, sizeof(*master)) < 0 ? -1 : 0;
}

static struct tcmsg
discipline_of(uint32_t ifindex)
{
	return (struct tcmsg){.tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_CLSACT, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)};
}

int
rtnl_redirect(uint32_t from, uint32_t to)
{
	static const struct sock_filter all = {BPF_RET | BPF_K, 0, 0, UINT32_MAX};
	static const uint16_t instructions = 1;
	const struct tc_mirred action = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to};
	struct tcmsg what = discipline_of(from);
	void *options, *actions, *first, *parts;
	struct standin_netlink m;

	standin_netlink_begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &what, sizeof(what));
	standin_netlink_add(&m, TCA_KIND, "clsact", sizeof("clsact"));
	if (standin_netlink_ask(&m) < 0) {
		return -1;
	}
	what.tcm_handle = 0;
	what.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	what.tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	standin_netlink_begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &what, sizeof(what));
	standin_netlink_add(&m, TCA_KIND, "bpf", sizeof("bpf"));
	options = standin_netlink_add(&m, TCA_OPTIONS, NULL, 0);
	standin_netlink_add(&m, TCA_BPF_OPS_LEN, &instructions, sizeof(instructions));
	standin_netlink_add(&m, TCA_BPF_OPS, &all, sizeof(all));
	actions = standin_netlink_add(&m, TCA_BPF_ACT, NULL, 0);
	first = standin_netlink_add(&m, 1, NULL, 0);
	standin_netlink_add(&m, TCA_ACT_KIND, "mirred", sizeof("mirred"));
	parts = standin_netlink_add(&m, TCA_ACT_OPTIONS, NULL, 0);
	standin_netlink_add(&m, TCA_MIRRED_PARMS, &action, sizeof(action));
	standin_netlink_end(&m, parts);
	standin_netlink_end(&m, first);
	standin_netlink_end(&m, actions);
	standin_netlink_end(&m, options);
	return standin_netlink_ask(&m);
}

int
rtnl_redirect_no_more(uint32_t from)
{
	const struct tcmsg what = discipline_of(from);
	struct standin_netlink m;

	standin_netlink_begin(&m, RTM_DELQDISC, 0, &what, sizeof(what));
	return standin_netlink_ask(&m) < 0 && errno != ENOENT && errno != EINVAL ? -1 : 0; /* there may be none */
}
