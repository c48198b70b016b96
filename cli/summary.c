/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * summary.c - what a packet is, in a few words.  See summary.h.
 *
 * No more than who speaks with whom: for what they say there are tcpdump and Wireshark.  Whatever
 * is read is looked for within the packet first (view_take()), and what is not there is not told.
 *
 * Sources: RFC 791, 826, 8200, 9293, 768; IEEE 802.1Q.
 */
#include "cli/summary.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/message.h"

#define MAC_BYTES 6
#define TYPE_IPV4 0x0800u
#define TYPE_ARP 0x0806u
#define TYPE_IPV6 0x86ddu
#define TYPE_TAG 0x8100u
#define TYPE_SERVICE_TAG 0x88a8u

/* The rest of a packet. */
struct view {
	const uint8_t *data;
	size_t bytes;
};

struct line {
	char *text;
	size_t used; /* below SUMMARY_SIZE */
};

/* The next bytes, or NULL if there are not so many. */
static const uint8_t *
view_take(struct view *v, size_t bytes)
{
	const uint8_t *at = v->data;

	if (v->bytes < bytes) {
		return NULL;
	}
	v->data += bytes;
	v->bytes -= bytes;
	return at;
}

static unsigned
number16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void say(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not; what is inlined misleads the analyzer */
	n = vsnprintf(l->text + l->used, SUMMARY_SIZE - l->used, format, args);
	va_end(args);
	if (n > 0) {
		l->used += (size_t)n < SUMMARY_SIZE - l->used ? (size_t)n : SUMMARY_SIZE - 1 - l->used;
	}
}

static void
say_mac(struct line *l, const uint8_t *mac)
{
	say(l, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const char *
protocol_name(unsigned protocol)
{
	static const struct {
		unsigned protocol;
		const char *name;
	} names[] = {{1, "ICMP"}, {2, "IGMP"}, {4, "IPv4"}, {6, "TCP"}, {17, "UDP"}, {41, "IPv6"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"},
	    {58, "ICMPv6"}, {89, "OSPF"}, {132, "SCTP"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].protocol == protocol) {
			return names[i].name;
		}
	}
	return NULL;
}

/* TCP, UDP and SCTP begin with two ports. */
static void
say_transport(struct line *l, unsigned protocol, struct view v)
{
	const char *name = protocol_name(protocol);
	const uint8_t *ports = protocol == 6 || protocol == 17 || protocol == 132 ? view_take(&v, 4) : NULL;

	if (name != NULL) {
		say(l, " %s", name);
	} else {
		say(l, " protocol %u", protocol);
	}
	if (ports != NULL) {
		say(l, " %u > %u", number16(ports), number16(ports + 2));
	}
}

static void
say_addresses(struct line *l, int family, const uint8_t *from, const uint8_t *to)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

	if (inet_ntop(family, from, source, sizeof(source)) != NULL && inet_ntop(family, to, destination, sizeof(destination)) != NULL) {
		say(l, " %s > %s", source, destination);
	}
}

static void
say_ipv4(struct line *l, struct view v)
{
	const uint8_t *header = view_take(&v, 20);
	size_t options;

	say(l, "IPv4");
	if (header == NULL) {
		return;
	}
	say_addresses(l, AF_INET, header + 12, header + 16);
	options = (header[0] & 0xfu) > 5 ? ((header[0] & 0xfu) - 5) * 4 : 0;
	if ((number16(header + 6) & 0x1fff) != 0 || view_take(&v, options) == NULL) {
		v.bytes = 0; /* a later fragment has no ports */
	}
	say_transport(l, header[9], v);
}

static void
say_ipv6(struct line *l, struct view v)
{
	const uint8_t *header = view_take(&v, 40), *extension;
	unsigned next;

	say(l, "IPv6");
	if (header == NULL) {
		return;
	}
	say_addresses(l, AF_INET6, header + 8, header + 24);
	next = header[6];
	/* Options for hops and destination, and routing, have one form: what comes next, and their length. */
	while ((next == 0 || next == 43 || next == 60) && (extension = view_take(&v, 8)) != NULL &&
	    view_take(&v, (size_t)8 * extension[1]) != NULL) {
		next = extension[0];
	}
	say_transport(l, next, v);
}

static void
say_arp(struct line *l, struct view v)
{
	const uint8_t *arp = view_take(&v, 28);
	char sender[INET_ADDRSTRLEN], target[INET_ADDRSTRLEN];

	say(l, "ARP");
	if (arp == NULL || number16(arp) != 1 || number16(arp + 2) != TYPE_IPV4 ||
	    inet_ntop(AF_INET, arp + 14, sender, sizeof(sender)) == NULL || inet_ntop(AF_INET, arp + 24, target, sizeof(target)) == NULL) {
		return;
	}
	if (number16(arp + 6) == 1) {
		say(l, " who has %s, says %s", target, sender);
	} else {
		say(l, " %s is at ", sender);
		say_mac(l, arp + 8);
	}
}

static void
say_ip(struct line *l, struct view v)
{
	unsigned version = v.bytes > 0 ? v.data[0] >> 4 : 0;

	if (version == 4) {
		say_ipv4(l, v);
	} else if (version == 6) {
		say_ipv6(l, v);
	} else {
		say(l, "no IP packet");
	}
}

static void
say_ethernet(struct line *l, struct view v)
{
	const uint8_t *addresses = view_take(&v, (size_t)2 * MAC_BYTES), *type = view_take(&v, 2), *tag;

	if (addresses == NULL || type == NULL) {
		say(l, "no Ethernet frame");
		return;
	}
	while ((number16(type) == TYPE_TAG || number16(type) == TYPE_SERVICE_TAG) && (tag = view_take(&v, 4)) != NULL) {
		say(l, "VLAN %u ", number16(tag) & 0xfff);
		type = tag + 2;
	}
	switch (number16(type)) {
	case TYPE_IPV4:
		say_ipv4(l, v);
		break;
	case TYPE_IPV6:
		say_ipv6(l, v);
		break;
	case TYPE_ARP:
		say_arp(l, v);
		break;
	default:
		say(l, "type 0x%04x ", number16(type));
		say_mac(l, addresses + MAC_BYTES);
		say(l, " > ");
		say_mac(l, addresses);
		break;
	}
}

void
summary_packet(uint32_t linktype, const uint8_t *data, size_t bytes, char text[SUMMARY_SIZE])
{
	struct line l = {.text = text};
	struct view v = {.data = data, .bytes = bytes};

	text[0] = '\0';
	if (linktype == LINKTYPE_ETHERNET) {
		say_ethernet(&l, v);
	} else {
		say_ip(&l, v);
	}
}
