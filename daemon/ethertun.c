/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ethertun.c - a tun device on an Ethernet interface.  See ethertun.h.
 *
 * Theory of operation.  Whatever the kernel sends through a tun is the program's, wherever it is addressed to: there is one way out, and
 * the program is it.  So beyond an Ethernet interface that stands for a tun there is one station, and it has every address but the
 * interface's own.  Toward the program the Ethernet header is taken off; toward the kernel each packet gets one from that station to the
 * interface, also a packet to many: the kernel goes by the IP address then, as it does with a tun's.
 *
 * Neighbours.  An interface that is set to use no ARP (IFF_NOARP) asks for none, and that is how a link makes it where it can: no
 * packet waits for an answer then, and no address is looked for twice.  But not every system has that, and programs clear the flag who
 * set an interface's flags without looking (`ifr_flags = IFF_UP`).  So who asks is answered, for any address: an ARP request, a
 * neighbour solicitation.  Not answered is who looks whether its own address is free (no sender's address, or the same as the target),
 * which a station that has every address would deny.  What of this the kernel says is the link's own affair, and not for the program, which
 * would not get it from a tun.
 *
 * The interface's address is known from the start, and each packet of the kernel's own tells it again; so one that somebody changes is
 * known with the next packet that the kernel sends.
 *
 * Sources: RFC 826, RFC 5227 (probe, announcement); RFC 4861 sections 4.3, 4.4, 7.2.4, RFC 4862 section 5.4.3 (duplicate address
 * detection); RFC 8200 section 8.1 (checksum).  Linux net/ipv4/arp.c arp_constructor, net/ipv6/ndisc.c ndisc_constructor (IFF_NOARP: frames
 * go to the interface's own address), net/ethernet/eth.c eth_type_trans, net/ipv4/ip_forward.c and tcp_ipv4.c (only what was sent to the
 * interface's own address is forwarded, or is TCP).
 */
#include "ethertun.h"

#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_IPV6 0x86dd

/* Ethernet, IPv4, and the length of their addresses: what an ARP packet begins with. */
static const uint8_t arp_start[] = {0, 1, 0x08, 0x00, 6, 4};
#define ARP_BYTES 28
#define ARP_REQUEST 1
#define ARP_REPLY 2

#define IPV6_BYTES 40
#define IPV6_ADDRESS_BYTES 16
#define ICMPV6 58
#define SOLICITATION 135
#define ADVERTISEMENT 136
/* Without options; and an advertisement with the one that tells the address. */
#define SOLICITATION_BYTES 24
#define ADVERTISEMENT_BYTES 32
#define FLAGS_SOLICITED_OVERRIDE 0x60
#define OPTION_TARGET_ADDRESS 2
#define HOPS 255

void
ethertun_init(struct ethertun *t, const uint8_t near[ETHERTUN_MAC_BYTES])
{
	memcpy(t->near, near, sizeof(t->near));
	memcpy(t->far, near, sizeof(t->far));
	t->far[ETHERTUN_MAC_BYTES - 1] ^= 1;
}

static unsigned
number_at(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void
put_number(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void
put_header(const struct ethertun *t, uint8_t header[ETHERTUN_HEADER_BYTES], unsigned type)
{
	memcpy(header, t->near, ETHERTUN_MAC_BYTES);
	memcpy(header + ETHERTUN_MAC_BYTES, t->far, ETHERTUN_MAC_BYTES);
	put_number(header + 2 * (size_t)ETHERTUN_MAC_BYTES, type);
}

/* Whose a frame is, the interface is called. */
static void
learn(struct ethertun *t, const uint8_t source[ETHERTUN_MAC_BYTES])
{
	if (memcmp(t->near, source, sizeof(t->near)) != 0 && (source[0] & 1) == 0) {
		ethertun_init(t, source);
	}
}

/* Who has the target?  The sender is told: the far end. */
static enum ethertun_frame
take_arp(const struct ethertun *t, const uint8_t *arp, size_t bytes, uint8_t *answer, size_t *answer_bytes)
{
	static const uint8_t nobody[4];
	const uint8_t *sender = arp + 8, *target = arp + 18;
	uint8_t *reply = answer + ETHERTUN_HEADER_BYTES;

	if (bytes < ARP_BYTES || memcmp(arp, arp_start, sizeof(arp_start)) != 0 || number_at(arp + 6) != ARP_REQUEST ||
	    memcmp(sender + 6, nobody, 4) == 0 || memcmp(sender + 6, target + 6, 4) == 0) {
		return ETHERTUN_IGNORED;
	}
	put_header(t, answer, TYPE_ARP);
	memcpy(reply, arp_start, sizeof(arp_start));
	put_number(reply + 6, ARP_REPLY);
	memcpy(reply + 8, t->far, ETHERTUN_MAC_BYTES);
	memcpy(reply + 14, target + 6, 4);
	memcpy(reply + 18, sender, 10);
	*answer_bytes = ETHERTUN_HEADER_BYTES + ARP_BYTES;
	return ETHERTUN_ASKED;
}

/* Of an ICMPv6 message behind its header, whose checksum field is 0. */
static unsigned
checksum(const uint8_t *packet, size_t message_bytes)
{
	uint32_t sum = ICMPV6 + (uint32_t)message_bytes;

	/* Both addresses, which stand right before the message. */
	for (size_t i = IPV6_BYTES - 2 * (size_t)IPV6_ADDRESS_BYTES; i < IPV6_BYTES + message_bytes; i += 2) {
		sum += number_at(packet + i);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static bool
is_solicitation(const uint8_t *packet, size_t bytes)
{
	return bytes >= IPV6_BYTES + SOLICITATION_BYTES && packet[6] == ICMPV6 && packet[7] == HOPS && packet[IPV6_BYTES] == SOLICITATION;
}

static enum ethertun_frame
take_solicitation(const struct ethertun *t, const uint8_t *packet, uint8_t *answer, size_t *answer_bytes)
{
	static const uint8_t nobody[IPV6_ADDRESS_BYTES];
	const uint8_t *source = packet + 8, *target = packet + IPV6_BYTES + 8;
	uint8_t *reply = answer + ETHERTUN_HEADER_BYTES, *message = reply + IPV6_BYTES;

	if (memcmp(source, nobody, sizeof(nobody)) == 0) {
		return ETHERTUN_IGNORED;
	}
	memset(answer, 0, ETHERTUN_ANSWER_MAX);
	put_header(t, answer, TYPE_IPV6);
	reply[0] = 6 << 4;
	put_number(reply + 4, ADVERTISEMENT_BYTES);
	reply[6] = ICMPV6;
	reply[7] = HOPS;
	memcpy(reply + 8, target, IPV6_ADDRESS_BYTES);
	memcpy(reply + 24, source, IPV6_ADDRESS_BYTES);
	message[0] = ADVERTISEMENT;
	message[4] = FLAGS_SOLICITED_OVERRIDE;
	memcpy(message + 8, target, IPV6_ADDRESS_BYTES);
	message[24] = OPTION_TARGET_ADDRESS;
	message[25] = 1; /* times eight bytes */
	memcpy(message + 26, t->far, ETHERTUN_MAC_BYTES);
	put_number(message + 2, checksum(reply, ADVERTISEMENT_BYTES));
	*answer_bytes = ETHERTUN_ANSWER_MAX;
	return ETHERTUN_ASKED;
}

enum ethertun_frame
ethertun_take(struct ethertun *t, const void *frame, size_t bytes, uint8_t answer[ETHERTUN_ANSWER_MAX], size_t *answer_bytes)
{
	const uint8_t *header = frame, *packet = header + ETHERTUN_HEADER_BYTES;

	if (bytes <= ETHERTUN_HEADER_BYTES) {
		return ETHERTUN_FOREIGN;
	}
	bytes -= ETHERTUN_HEADER_BYTES;
	switch (number_at(header + 2 * (size_t)ETHERTUN_MAC_BYTES)) {
	case TYPE_IPV4:
		learn(t, header + ETHERTUN_MAC_BYTES);
		return ETHERTUN_PACKET;
	case TYPE_IPV6:
		learn(t, header + ETHERTUN_MAC_BYTES);
		return is_solicitation(packet, bytes) ? take_solicitation(t, packet, answer, answer_bytes) : ETHERTUN_PACKET;
	case TYPE_ARP:
		learn(t, header + ETHERTUN_MAC_BYTES);
		return take_arp(t, packet, bytes, answer, answer_bytes);
	default:
		return ETHERTUN_FOREIGN;
	}
}

bool
ethertun_put(const struct ethertun *t, const void *packet, size_t bytes, uint8_t header[ETHERTUN_HEADER_BYTES])
{
	const uint8_t *first = packet;
	unsigned version = bytes > 0 ? *first >> 4 : 0;

	if (version != 4 && version != 6) {
		return false;
	}
	put_header(t, header, version == 4 ? TYPE_IPV4 : TYPE_IPV6);
	return true;
}
