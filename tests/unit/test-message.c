/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-message.c - the whole check of every request and reply.
 *
 * Each case starts from a message that is accepted and changes one thing.  So a check that is taken out of message.c makes its row fail.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "protocol/message.h"

#define SERIAL 0xfeedf00du
#define REPLY_TO(type) ((type) | MESSAGE_REPLY)

/* A message that is accepted, with as many descriptors as it needs. */
static unsigned
make_good(union message *m, uint16_t type)
{
	message_init(m, type, SERIAL);
	switch (type) {
	case MESSAGE_ATTACH:
		m->attach.kind = DEVICE_TAP;
		m->attach.unit = 15;
		m->attach.access = MESSAGE_ACCESS_ALL;
		m->attach.nonblock = 1;
		return 1;
	case MESSAGE_HEADER_MODE:
		m->header_mode.place = DEVICE_PLACES_MAX - 1;
		m->header_mode.open_number = 12;
		m->header_mode.on = 1;
		return 1;
	case MESSAGE_STATUS:
		m->status.cursor = 31;
		return 0;
	case MESSAGE_NODE:
		m->node.access = MESSAGE_ACCESS_READ;
		m->node.nonblock = 1;
		return 0;
	case MESSAGE_TUN_SET:
		m->tun_set.what = TUN_SET_OWNER;
		m->tun_set.value = UINT32_MAX;
		return 1;
	case MESSAGE_CAPTURE:
		m->capture.kind = DEVICE_TUN;
		m->capture.unit = 15;
		return 0;
	case MESSAGE_PAIR_LIST:
		m->status.cursor = 31;
		return 0;
	case MESSAGE_BRIDGE:
		m->bridge.kind = DEVICE_TAP;
		m->bridge.unit = 15;
		memcpy(m->bridge.ifname, "eth0", 4);
		return 0;
	case MESSAGE_PAIR_DELETE:
		memcpy(m->pair_delete.ifname, "left", 4);
		return 0;
	case MESSAGE_PAIR:
		m->pair_make.mtu = 1400;
		m->pair_make.held = 1;
		for (unsigned n = 0; n < 2; n++) {
			memcpy(m->pair_make.ends[n].ifname, "pair%d", 6);
			m->pair_make.ends[n].has_netns = n == 1;
			m->pair_make.ends[n].address_count = 1;
			m->pair_make.ends[n].addresses[0] = (struct message_address){.family = 4, .prefix = 24, .bytes = {10, 0, 0, 1}};
		}
		return 1;
	case REPLY_TO(MESSAGE_PAIR):
	case REPLY_TO(MESSAGE_PAIR_LIST):
		m->pair.next = type == REPLY_TO(MESSAGE_PAIR) ? 0 : 4;
		m->pair.held = 1;
		memcpy(m->pair.program, "make", 4);
		for (unsigned n = 0; n < 2; n++) {
			memcpy(m->pair.ends[n].ifname, "pair0", 5);
			memcpy(m->pair.ends[n].name, "left", 4);
			m->pair.ends[n].ifindex = 7 + n;
		}
		return type == REPLY_TO(MESSAGE_PAIR) ? 1 : 0;
	case REPLY_TO(MESSAGE_CAPTURE):
		m->captured.linktype = LINKTYPE_RAW;
		m->captured.ifindex = 7;
		memcpy(m->captured.ifname, "tun15", 5);
		return 1;
	case REPLY_TO(MESSAGE_NODE):
		return 1;
	case REPLY_TO(MESSAGE_ATTACH):
		m->attached.kind = DEVICE_TAP;
		m->attached.unit = 15;
		m->attached.channel = CHANNEL_DIRECT;
		m->attached.ifindex = 7;
		m->attached.place = DEVICE_PLACES_MAX - 1;
		m->attached.mtu = 1500;
		m->attached.open_number = 12;
		memcpy(m->attached.ifname, "tap15", 5);
		return 2;
	case REPLY_TO(MESSAGE_STATUS):
		m->device.kind = DEVICE_TUN;
		m->device.unit = 3;
		m->device.state = DEVICE_UP;
		m->device.channel = CHANNEL_RELAYED;
		m->device.header_mode = 1;
		m->device.has_mac = 1;
		m->device.address_count = 2;
		m->device.addresses_total = 2;
		m->device.next = 4;
		memcpy(m->device.ifname, "tun3", 4);
		memcpy(m->device.link, "veth", 4);
		memcpy(m->device.program, "openvpn", 7);
		m->device.addresses[0] = (struct message_address){.family = 4, .prefix = 32, .peer = 1, .bytes = {10, 0, 0, 1}};
		m->device.addresses[1] = (struct message_address){.family = 6, .prefix = 128, .bytes = {0xfe, 0x80, [15] = 1}};
		return 0;
	case MESSAGE_RESULT:
		m->result.error = EPERM;
		return 0;
	default:
		return 0;
	}
}

static const uint16_t requests[] = {MESSAGE_ATTACH, MESSAGE_HEADER_MODE, MESSAGE_STATUS, MESSAGE_STOP, MESSAGE_NODE,
    MESSAGE_TUN_SET, MESSAGE_CAPTURE, MESSAGE_PAIR, MESSAGE_PAIR_LIST, MESSAGE_PAIR_DELETE,
    MESSAGE_BRIDGE};
static const size_t request_bytes[] = {48, 32, 32, 32, 32, 32, 32, 224, 32, 32, 40};
static const size_t reply_bytes[] = {64, 32, 368, 32, 32, 32, 48, 176, 176, 32, 32};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/*
 * Checks as what its type says it is, in a copy of exactly that size for the sanitizers' sake.  Here and in the long loops below an
 * assertion is made where it fails only: each one that holds costs a write to Check's parent process.
 */
static int
check(const union message *m, uint16_t good_type, size_t bytes, unsigned fd_count)
{
	union message *copy = malloc(bytes > 0 ? bytes : 1);
	uint16_t request_type = good_type == MESSAGE_RESULT ? MESSAGE_ATTACH : (uint16_t)(good_type & ~MESSAGE_REPLY);
	int error;

	if (copy == NULL) {
		ck_abort_msg("out of memory");
	}
	memcpy((void *)copy, m, bytes < sizeof(*m) ? bytes : sizeof(*m));
	errno = EXFULL;
	error = (good_type & MESSAGE_REPLY) == 0 ? message_check_request(copy, bytes, fd_count) :
	    message_check_reply(copy, bytes, fd_count, request_type, SERIAL);
	if (errno != EXFULL) {
		ck_abort_msg("errno was changed");
	}
	free(copy);
	return error;
}

static const uint16_t all_types[] = {
	MESSAGE_ATTACH,
	MESSAGE_HEADER_MODE,
	MESSAGE_STATUS,
	MESSAGE_STOP,
	MESSAGE_NODE,
	MESSAGE_TUN_SET,
	MESSAGE_CAPTURE,
	MESSAGE_PAIR,
	MESSAGE_PAIR_LIST,
	MESSAGE_PAIR_DELETE,
	MESSAGE_BRIDGE,
	REPLY_TO(MESSAGE_ATTACH),
	REPLY_TO(MESSAGE_HEADER_MODE),
	REPLY_TO(MESSAGE_STATUS),
	REPLY_TO(MESSAGE_STOP),
	REPLY_TO(MESSAGE_NODE),
	REPLY_TO(MESSAGE_TUN_SET),
	REPLY_TO(MESSAGE_CAPTURE),
	REPLY_TO(MESSAGE_PAIR),
	REPLY_TO(MESSAGE_PAIR_LIST),
	REPLY_TO(MESSAGE_PAIR_DELETE),
	REPLY_TO(MESSAGE_BRIDGE),
	MESSAGE_RESULT,
};
#define ALL_TYPES (sizeof(all_types) / sizeof(all_types[0]))

START_TEST(good_message_is_accepted)
{
	union message m;
	unsigned fds = make_good(&m, all_types[_i]);

	ck_assert_msg(check(&m, all_types[_i], m.header.size, fds) == 0, "type %#x", all_types[_i]);
}
END_TEST

START_TEST(sizes_are_those_of_the_structs)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		ck_assert_uint_eq(message_size(requests[i]), request_bytes[i]);
		ck_assert_uint_eq(message_size((uint16_t)REPLY_TO(requests[i])), reply_bytes[i]);
	}
	ck_assert_uint_eq(message_size(MESSAGE_RESULT), 32);
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		if ((type & ~(unsigned)MESSAGE_REPLY) > MESSAGE_BRIDGE || type == 0) {
			if (message_size((uint16_t)type) != 0) {
				ck_abort_msg("type %#x", type);
			}
		}
	}
}
END_TEST

START_TEST(any_other_length_is_refused)
{
	union message m;
	unsigned fds = make_good(&m, all_types[_i]);

	for (size_t bytes = 0; bytes <= sizeof(m) + 64; bytes++) {
		int expected = bytes == message_size(all_types[_i]) ? 0 : EBADMSG;

		m.header.size = (uint32_t)message_size(all_types[_i]);
		ck_assert_msg(check(&m, all_types[_i], bytes, fds) == expected, "type %#x, %zu bytes", all_types[_i], bytes);
		/* A size field that agrees with the wrong length does not help. */
		m.header.size = (uint32_t)bytes;
		ck_assert_msg(check(&m, all_types[_i], bytes, fds) == expected, "type %#x, %zu bytes, as said", all_types[_i],
		    bytes);
	}
}
END_TEST

START_TEST(any_other_header_is_refused)
{
	static const uint32_t sizes[] = {0, 1, 15, 16, 31, 33, 63, 65, 351, 353, 0x20000000, UINT32_MAX};
	union message good, m;
	unsigned fds = make_good(&good, all_types[_i]);
	size_t bytes = good.header.size;

	for (unsigned bit = 0; bit < 32; bit++) {
		m = good;
		m.header.magic ^= 1u << bit;
		ck_assert_msg(check(&m, all_types[_i], bytes, fds) == EBADMSG, "type %#x, magic bit %u", all_types[_i], bit);
		/* The magic comes first: nothing that is not ours is worth an answer. */
		m.header.version++;
		ck_assert_int_eq(check(&m, all_types[_i], bytes, fds), EBADMSG);
	}
	for (unsigned version = 0; version <= UINT16_MAX; version++) {
		int expected = version == MESSAGE_VERSION ? 0 : EPROTONOSUPPORT;

		m = good;
		m.header.version = (uint16_t)version;
		if (check(&m, all_types[_i], bytes, fds) != expected) {
			ck_abort_msg("type %#x, version %u", all_types[_i], version);
		}
	}
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		m = good;
		m.header.size = sizes[i];
		ck_assert_msg(check(&m, all_types[_i], bytes, fds) == EBADMSG, "type %#x, size %u", all_types[_i], sizes[i]);
	}
}
END_TEST

START_TEST(another_version_may_be_laid_out_otherwise)
{
	union message m;

	/* All that is known of it is its header. */
	for (size_t bytes = sizeof(m.header); bytes <= sizeof(m); bytes++) {
		make_good(&m, all_types[_i]);
		m.header.version = MESSAGE_VERSION + 1;
		m.header.type = 0x1234;
		m.header.size = 999;
		ck_assert_int_eq(check(&m, all_types[_i], bytes, 2), EPROTONOSUPPORT);
	}
}
END_TEST

START_TEST(any_other_type_is_refused)
{
	union message good, m;
	unsigned fds = make_good(&good, all_types[_i]);

	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		/* A result with an error stands for any reply; tested below. */
		if (type == all_types[_i] || ((all_types[_i] & MESSAGE_REPLY) != 0 && type == MESSAGE_RESULT)) {
			continue;
		}
		/* A message that is good in all but being what is waited for: a reply for a request, another's reply. */
		if (message_size((uint16_t)type) != 0) {
			fds = make_good(&m, (uint16_t)type);
			if ((all_types[_i] & MESSAGE_REPLY) == 0 && (type & MESSAGE_REPLY) == 0) {
				continue; /* another request */
			}
			if (all_types[_i] == MESSAGE_RESULT && type == REPLY_TO(MESSAGE_ATTACH)) {
				continue; /* check() takes a result for the answer to an attach */
			}
		} else {
			m = good;
			m.header.type = (uint16_t)type;
		}
		if (check(&m, all_types[_i], message_size((uint16_t)type) != 0 ? m.header.size : good.header.size, fds) != EBADMSG) {
			ck_abort_msg("%#x for %#x", type, all_types[_i]);
		}
	}
}
END_TEST

START_TEST(any_other_number_of_descriptors_is_refused)
{
	union message m;
	uint16_t type = all_types[_i];
	unsigned right = make_good(&m, type);

	for (unsigned fds = 0; fds < 8; fds++) {
		bool good = fds == right || (type == MESSAGE_ATTACH && fds == 0);

		ck_assert_msg(check(&m, type, m.header.size, fds) == (good ? 0 : EBADMSG), "type %#x, %u descriptors", type, fds);
	}
	ck_assert_int_eq(check(&m, type, m.header.size, UINT_MAX), EBADMSG);
}
END_TEST

START_TEST(reply_has_the_requests_serial)
{
	static const uint32_t others[] = {0, 1, SERIAL - 1, SERIAL + 1, SERIAL ^ 0x80000000u, UINT32_MAX};
	uint16_t type = all_types[_i];
	union message m;
	unsigned fds = make_good(&m, type);

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		/* A request's serial is the client's choice. */
		m.header.serial = others[i];
		ck_assert_msg(check(&m, type, m.header.size, fds) == ((type & MESSAGE_REPLY) != 0 ? EBADMSG : 0), "type %#x, %#x",
		    type, others[i]);
	}
}
END_TEST

/* One field of a good message, changed. */
static const struct {
	const char *name;
	uint16_t type;
	size_t offset;
	size_t bytes;
	uint64_t value;
	int error;
} fields[] = {
#define FIELD(type, s, member, value, error) \
	{#s "." #member " = " #value, type, offsetof(struct message_##s, member), sizeof(((struct message_##s *)0)->member), \
	    (uint64_t)(value), error}
	FIELD(MESSAGE_ATTACH, attach, kind, DEVICE_TUN, 0),
	FIELD(MESSAGE_ATTACH, attach, kind, 0, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, kind, 3, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, kind, 255, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, unit, 0, 0),
	FIELD(MESSAGE_ATTACH, attach, unit, DEVICE_UNITS_MAX - 1, 0),
	FIELD(MESSAGE_ATTACH, attach, unit, DEVICE_UNITS_MAX, 0), /* a name past the end: ENOENT, not garbage */
	FIELD(MESSAGE_ATTACH, attach, unit, DEVICE_UNITS_MAX + 1, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, unit, UINT16_MAX, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, access, MESSAGE_ACCESS_READ, 0),
	FIELD(MESSAGE_ATTACH, attach, access, MESSAGE_ACCESS_WRITE, 0),
	FIELD(MESSAGE_ATTACH, attach, access, 0, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, access, 4, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, access, 7, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, access, 0x83, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, nonblock, 0, 0),
	FIELD(MESSAGE_ATTACH, attach, nonblock, 2, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, nonblock, 255, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, dialect, DIALECT_LINUX, EBADMSG), /* with a unit */
	FIELD(MESSAGE_ATTACH, attach, dialect, 2, EBADMSG),
	FIELD(MESSAGE_ATTACH, attach, tun_flags, 1, EBADMSG),   /* in the bsd dialect */
	FIELD(MESSAGE_ATTACH, attach, ifname[0], 'x', EBADMSG), /* the same */
	FIELD(MESSAGE_NODE, node, access, 0, EBADMSG),
	FIELD(MESSAGE_NODE, node, access, MESSAGE_ACCESS_ALL, 0),
	FIELD(MESSAGE_NODE, node, access, 4, EBADMSG),
	FIELD(MESSAGE_NODE, node, nonblock, 2, EBADMSG),
	FIELD(MESSAGE_TUN_SET, tun_set, what, 0, EBADMSG),
	FIELD(MESSAGE_TUN_SET, tun_set, what, TUN_SET_PERSIST, EBADMSG), /* with a uid for its value */
	FIELD(MESSAGE_TUN_SET, tun_set, what, TUN_SET_GROUP, 0),
	FIELD(MESSAGE_TUN_SET, tun_set, what, 4, EBADMSG),
	FIELD(MESSAGE_TUN_SET, tun_set, value, 0, 0),
	FIELD(REPLY_TO(MESSAGE_NODE), result, error, EACCES, EBADMSG), /* with a descriptor */
	FIELD(MESSAGE_PAIR, pair_make, held, 0, 0),
	FIELD(MESSAGE_PAIR, pair_make, held, 2, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, mtu, 0, 0),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].ifname[0], 0, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].ifname[0], 0, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].ifname[15], 'x', EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].has_netns, 1, EBADMSG), /* with one descriptor */
	FIELD(MESSAGE_PAIR, pair_make, ends[1].has_netns, 0, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].has_netns, 2, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].pad[0], 1, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].pad[1], 1, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].address_count, 0, EBADMSG), /* and one stands there */
	FIELD(MESSAGE_PAIR, pair_make, ends[0].address_count, 2, EBADMSG), /* of no family */
	FIELD(MESSAGE_PAIR, pair_make, ends[0].address_count, 5, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[0].address_count, 255, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].addresses[0].family, 6, 0),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].addresses[0].family, 5, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].addresses[0].prefix, 33, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].addresses[0].peer, 1, EBADMSG),
	FIELD(MESSAGE_PAIR, pair_make, ends[1].addresses[3].bytes[0], 1, EBADMSG),
	FIELD(MESSAGE_PAIR_DELETE, pair_delete, ifname[0], 0, EBADMSG),
	FIELD(MESSAGE_PAIR_DELETE, pair_delete, ifname[15], 'x', EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, kind, DEVICE_TUN, EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, kind, 0, EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, unit, DEVICE_UNITS_MAX, 0), /* the daemon says that there is none */
	FIELD(MESSAGE_BRIDGE, bridge, unit, DEVICE_UNIT_NAMED, EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, pad, 1, EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, ifname[0], 0, EBADMSG), /* empty, and then not */
	FIELD(MESSAGE_BRIDGE, bridge, ifname[15], 'x', EBADMSG),
	FIELD(MESSAGE_BRIDGE, bridge, zero[3], 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR), pair, held, 0, EBADMSG), /* with a descriptor */
	FIELD(REPLY_TO(MESSAGE_PAIR), pair, error, EBUSY, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR), pair, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, held, 0, 0),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, held, 2, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, error, ENOENT, 0),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, ends[0].ifname[0], 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, ends[1].ifname[15], 'x', EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, ends[1].ifindex, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, ends[0].zero, 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, ends[0].netns, 0, 0),
	FIELD(REPLY_TO(MESSAGE_PAIR_LIST), pair, program[31], 'x', EBADMSG),
	FIELD(MESSAGE_CAPTURE, capture, kind, DEVICE_TAP, 0),
	FIELD(MESSAGE_CAPTURE, capture, kind, 0, EBADMSG),
	FIELD(MESSAGE_CAPTURE, capture, kind, 3, EBADMSG),
	FIELD(MESSAGE_CAPTURE, capture, zero, 1, EBADMSG),
	FIELD(MESSAGE_CAPTURE, capture, unit, DEVICE_UNITS_MAX, 0), /* ENOENT, not garbage */
	FIELD(MESSAGE_CAPTURE, capture, unit, DEVICE_UNIT_NAMED, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, error, EACCES, EBADMSG), /* with a descriptor */
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, linktype, LINKTYPE_ETHERNET, 0),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, linktype, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, linktype, 113, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, ifindex, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, ifname[0], 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_CAPTURE), captured, ifname[15], 'x', EBADMSG),
	FIELD(MESSAGE_HEADER_MODE, header_mode, place, 0, 0),
	FIELD(MESSAGE_HEADER_MODE, header_mode, place, DEVICE_PLACES_MAX, EBADMSG),
	FIELD(MESSAGE_HEADER_MODE, header_mode, place, UINT32_MAX, EBADMSG),
	FIELD(MESSAGE_HEADER_MODE, header_mode, on, 0, 0),
	FIELD(MESSAGE_HEADER_MODE, header_mode, on, 2, EBADMSG),
	FIELD(MESSAGE_HEADER_MODE, header_mode, on, 255, EBADMSG),
	FIELD(MESSAGE_HEADER_MODE, header_mode, open_number, UINT64_MAX, 0),
	FIELD(MESSAGE_STATUS, status, cursor, 0, 0),
	FIELD(MESSAGE_STATUS, status, cursor, UINT32_MAX, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, error, EBUSY, EBADMSG), /* with two descriptors */
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, ifindex, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, open_number, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, mtu, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, mtu, 9000, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, kind, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, kind, 3, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, unit, DEVICE_UNITS_MAX, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, unit, DEVICE_UNIT_NAMED, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, channel, CHANNEL_RELAYED, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, channel, CHANNEL_FRAMED, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, channel, CHANNEL_NODE, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, channel, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, channel, 5, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, ifname[0], 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, place, 0, 0),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, place, DEVICE_PLACES_MAX, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_ATTACH), attached, place, UINT32_MAX, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_HEADER_MODE), result, error, ENOTTY, 0),
	FIELD(REPLY_TO(MESSAGE_HEADER_MODE), result, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STOP), result, error, EPERM, 0),
	FIELD(REPLY_TO(MESSAGE_STOP), result, error, INT32_MIN, EBADMSG),
	FIELD(MESSAGE_RESULT, result, error, 0, EBADMSG), /* no success without the reply's own struct */
	FIELD(MESSAGE_RESULT, result, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, error, ENOENT, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, error, -1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, kind, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, kind, 3, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, unit, DEVICE_UNITS_MAX, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, unit, DEVICE_UNIT_NAMED, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, state, DEVICE_CLOSED, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, state, DEVICE_OPEN, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, state, 3, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, channel, 0, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, channel, CHANNEL_NODE, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, channel, 5, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, header_mode, 2, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, has_mac, 2, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, address_count, 0, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, address_count, 1, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, address_count, 3, EBADMSG), /* more than the total */
	FIELD(REPLY_TO(MESSAGE_STATUS), device, address_count, 255, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses_total, 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses_total, UINT16_MAX, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].family, 0, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].family, 2, EBADMSG), /* not AF_INET */
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].family, 6, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].prefix, 33, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].prefix, 0, 0),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].peer, 2, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].pad, 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].bytes[4], 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[0].bytes[15], 1, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[1].family, 4, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[1].family, 10, EBADMSG), /* not AF_INET6 */
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[1].prefix, 129, EBADMSG),
	FIELD(REPLY_TO(MESSAGE_STATUS), device, addresses[1].peer, 255, EBADMSG),
#undef FIELD
};

START_TEST(each_field_is_checked)
{
	union message m;
	unsigned fds = make_good(&m, fields[_i].type);
	int error;

	/* Little end first, as on every machine that this is built for. */
	memcpy((char *)&m + fields[_i].offset, &fields[_i].value, fields[_i].bytes);
	error = check(&m, fields[_i].type, m.header.size, fds);
	ck_assert_msg(error == fields[_i].error, "type %#x, %s: %d, not %d", fields[_i].type, fields[_i].name, error,
	    fields[_i].error);
}
END_TEST

static const struct {
	uint16_t type;
	size_t offset;
	size_t bytes;
} pads[] = {
	{MESSAGE_ATTACH, offsetof(struct message_attach, pad), 8},
	{MESSAGE_NODE, offsetof(struct message_node, pad), 14},
	{MESSAGE_TUN_SET, offsetof(struct message_tun_set, pad), 11},
	{MESSAGE_CAPTURE, offsetof(struct message_capture, pad), 12},
	{MESSAGE_PAIR, offsetof(struct message_pair_make, pad), 3},
	{MESSAGE_PAIR_LIST, offsetof(struct message_status, pad), 12},
	{REPLY_TO(MESSAGE_PAIR), offsetof(struct message_pair, pad), 3},
	{REPLY_TO(MESSAGE_PAIR_LIST), offsetof(struct message_pair, pad), 3},
	{REPLY_TO(MESSAGE_CAPTURE), offsetof(struct message_captured, pad), 4},
	{MESSAGE_HEADER_MODE, offsetof(struct message_header_mode, pad), 3},
	{MESSAGE_STATUS, offsetof(struct message_status, pad), 12},
	{MESSAGE_STOP, offsetof(struct message_stop, pad), 16},
	{REPLY_TO(MESSAGE_ATTACH), offsetof(struct message_attached, pad), 4},
	{REPLY_TO(MESSAGE_HEADER_MODE), offsetof(struct message_result, pad), 12},
	{REPLY_TO(MESSAGE_STOP), offsetof(struct message_result, pad), 12},
	{MESSAGE_RESULT, offsetof(struct message_result, pad), 12},
};

START_TEST(each_byte_of_a_pad_is_zero)
{
	for (size_t i = 0; i < pads[_i].bytes; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			union message m;
			unsigned fds = make_good(&m, pads[_i].type);

			((uint8_t *)&m)[pads[_i].offset + i] = (uint8_t)(1u << bit);
			ck_assert_msg(check(&m, pads[_i].type, m.header.size, fds) == EBADMSG, "type %#x, pad byte %zu",
			    pads[_i].type, i);
		}
	}
	/* The last pad byte is the last byte of the message, so that no byte between is unchecked. */
	ck_assert_uint_eq(pads[_i].offset + pads[_i].bytes, message_size(pads[_i].type));
}
END_TEST

static const struct {
	uint16_t type;
	size_t offset;
	size_t bytes;
} names[] = {
	{REPLY_TO(MESSAGE_ATTACH), offsetof(struct message_attached, ifname), MESSAGE_IFNAME_SIZE},
	{REPLY_TO(MESSAGE_STATUS), offsetof(struct message_device, ifname), MESSAGE_IFNAME_SIZE},
	{REPLY_TO(MESSAGE_STATUS), offsetof(struct message_device, link), MESSAGE_IFNAME_SIZE},
	{REPLY_TO(MESSAGE_STATUS), offsetof(struct message_device, program), MESSAGE_PROGRAM_SIZE},
};

START_TEST(each_name_ends_within_its_field)
{
	union message m;
	unsigned fds = make_good(&m, names[_i].type);

	memset((char *)&m + names[_i].offset, 'x', names[_i].bytes - 1);
	ck_assert_int_eq(check(&m, names[_i].type, m.header.size, fds), 0);
	memset((char *)&m + names[_i].offset, 'x', names[_i].bytes);
	ck_assert_int_eq(check(&m, names[_i].type, m.header.size, fds), EBADMSG);
}
END_TEST

START_TEST(attach_of_the_linux_dialect_has_a_name_and_a_descriptor)
{
	union message good, m;

	message_init(&good, MESSAGE_ATTACH, SERIAL);
	good.attach.kind = DEVICE_TUN;
	good.attach.access = MESSAGE_ACCESS_ALL;
	good.attach.unit = DEVICE_UNIT_NAMED;
	good.attach.dialect = DIALECT_LINUX;
	good.attach.tun_flags = 0x1001;
	for (unsigned fds = 0; fds < 4; fds++) {
		ck_assert_int_eq(check(&good, MESSAGE_ATTACH, sizeof(good.attach), fds), fds == 1 ? 0 : EBADMSG);
	}
	/* An empty name is one; a name ends within its field, and only zeroes come behind it. */
	m = good;
	memcpy(m.attach.ifname, "fifteen-letters", MESSAGE_IFNAME_SIZE - 1);
	ck_assert_int_eq(check(&m, MESSAGE_ATTACH, sizeof(m.attach), 1), 0);
	m.attach.ifname[MESSAGE_IFNAME_SIZE - 1] = 'x';
	ck_assert_int_eq(check(&m, MESSAGE_ATTACH, sizeof(m.attach), 1), EBADMSG);
	m = good;
	memcpy(m.attach.ifname, "vpn%d", 5);
	ck_assert_int_eq(check(&m, MESSAGE_ATTACH, sizeof(m.attach), 1), 0);
	m.attach.ifname[6] = 'x';
	ck_assert_int_eq(check(&m, MESSAGE_ATTACH, sizeof(m.attach), 1), EBADMSG);
	m = good;
	m.attach.unit = 0;
	ck_assert_int_eq(check(&m, MESSAGE_ATTACH, sizeof(m.attach), 1), EBADMSG);
}
END_TEST

START_TEST(node_comes_with_success_alone)
{
	union message m;

	make_good(&m, REPLY_TO(MESSAGE_NODE));
	m.result.error = EACCES;
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_NODE), m.header.size, 0), 0);
	m.result.error = 0;
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_NODE), m.header.size, 0), EBADMSG);
}
END_TEST

START_TEST(persistence_is_on_or_off)
{
	union message m;

	make_good(&m, MESSAGE_TUN_SET);
	m.tun_set.what = TUN_SET_PERSIST;
	for (uint32_t value = 0; value < 4; value++) {
		m.tun_set.value = value;
		ck_assert_int_eq(check(&m, MESSAGE_TUN_SET, m.header.size, 1), value <= 1 ? 0 : EBADMSG);
	}
}
END_TEST

START_TEST(refused_attach_has_no_descriptors)
{
	union message m;

	message_init(&m, REPLY_TO(MESSAGE_ATTACH), SERIAL);
	m.attached.error = EBUSY;
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_ATTACH), m.header.size, 0), 0);
	for (unsigned fds = 1; fds < 4; fds++) {
		ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_ATTACH), m.header.size, fds), EBADMSG);
	}
	m.attached.pad[3] = 1;
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_ATTACH), m.header.size, 0), EBADMSG);
}
END_TEST

START_TEST(result_with_an_error_stands_for_any_reply)
{
	union message m;

	make_good(&m, MESSAGE_RESULT);
	ck_assert_int_eq(message_check_reply(&m, m.header.size, 0, requests[_i], SERIAL), 0);
	ck_assert_int_eq(message_check_reply(&m, m.header.size, 1, requests[_i], SERIAL), EBADMSG);
	ck_assert_int_eq(message_check_reply(&m, m.header.size, 0, requests[_i], SERIAL + 1), EBADMSG);
	m.result.error = 0;
	ck_assert_int_eq(message_check_reply(&m, m.header.size, 0, requests[_i], SERIAL), EBADMSG);
}
END_TEST

START_TEST(reply_to_another_request_is_refused)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		union message m;
		unsigned fds = make_good(&m, (uint16_t)REPLY_TO(requests[i]));
		int expected = requests[i] == requests[_i] ? 0 : EBADMSG;

		ck_assert_int_eq(message_check_reply(&m, m.header.size, fds, requests[_i], SERIAL), expected);
	}
}
END_TEST

START_TEST(end_of_the_list_needs_no_device)
{
	union message m;

	message_init(&m, REPLY_TO(MESSAGE_STATUS), SERIAL);
	m.device.error = ENOENT;
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_STATUS), m.header.size, 0), 0);
	m.device.error = 0; /* a device of kind 0 */
	ck_assert_int_eq(check(&m, REPLY_TO(MESSAGE_STATUS), m.header.size, 0), EBADMSG);
}
END_TEST

START_TEST(initial_message_is_its_header_and_zeroes)
{
	union message m, expected = {0};

	memset((void *)&m, 0xee, sizeof(m));
	message_init(&m, all_types[_i], SERIAL);
	expected.header = (struct message_header){
		.magic = MESSAGE_MAGIC,
		.version = MESSAGE_VERSION,
		.type = all_types[_i],
		.size = (uint32_t)message_size(all_types[_i]),
		.serial = SERIAL,
	};
	ck_assert_mem_eq(&m, &expected, sizeof(m));
	ck_assert_mem_eq(&m, "ttpd", 4);
}
END_TEST

static const struct {
	uint16_t request;
	uint16_t reply;
	size_t error_offset;
} replies[] = {
	{MESSAGE_ATTACH, REPLY_TO(MESSAGE_ATTACH), offsetof(struct message_attached, error)},
	{MESSAGE_HEADER_MODE, REPLY_TO(MESSAGE_HEADER_MODE), offsetof(struct message_result, error)},
	{MESSAGE_STATUS, REPLY_TO(MESSAGE_STATUS), offsetof(struct message_device, error)},
	{MESSAGE_STOP, REPLY_TO(MESSAGE_STOP), offsetof(struct message_result, error)},
	{0, MESSAGE_RESULT, offsetof(struct message_result, error)},
	{MESSAGE_NODE, REPLY_TO(MESSAGE_NODE), offsetof(struct message_result, error)},
	{MESSAGE_TUN_SET, REPLY_TO(MESSAGE_TUN_SET), offsetof(struct message_result, error)},
	{MESSAGE_CAPTURE, REPLY_TO(MESSAGE_CAPTURE), offsetof(struct message_captured, error)},
	{MESSAGE_PAIR, REPLY_TO(MESSAGE_PAIR), offsetof(struct message_pair, error)},
	{MESSAGE_PAIR_LIST, REPLY_TO(MESSAGE_PAIR_LIST), offsetof(struct message_pair, error)},
	{MESSAGE_PAIR_DELETE, REPLY_TO(MESSAGE_PAIR_DELETE), offsetof(struct message_result, error)},
	{MESSAGE_BRIDGE, REPLY_TO(MESSAGE_BRIDGE), offsetof(struct message_result, error)},
	{MESSAGE_BRIDGE + 1, MESSAGE_RESULT, offsetof(struct message_result, error)},
	{0x7fff, MESSAGE_RESULT, offsetof(struct message_result, error)},
	{0xffff, MESSAGE_RESULT, offsetof(struct message_result, error)},
};

START_TEST(reply_is_made_from_its_request)
{
	union message request, reply, expected;
	int32_t error = ENOENT;

	message_init(&request, replies[_i].request, SERIAL);
	message_init(&expected, replies[_i].reply, SERIAL);
	memcpy((char *)&expected + replies[_i].error_offset, &error, sizeof(error));

	memset((void *)&reply, 0xee, sizeof(reply));
	message_init_reply(&reply, &request.header, ENOENT);
	ck_assert_mem_eq(&reply, &expected, sizeof(reply));
	ck_assert_int_eq(message_check_reply(&reply, reply.header.size, 0, replies[_i].request, SERIAL), 0);

	/* In the request's own place. */
	message_init_reply(&request, &request.header, ENOENT);
	ck_assert_mem_eq(&request, &expected, sizeof(request));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("checks");

	tcase_add_checked_fixture(tc, fds_note, fds_assert_as_noted);
	tcase_add_test(tc, sizes_are_those_of_the_structs);
	tcase_add_loop_test(tc, good_message_is_accepted, 0, ALL_TYPES);
	tcase_add_loop_test(tc, any_other_length_is_refused, 0, ALL_TYPES);
	tcase_add_loop_test(tc, any_other_header_is_refused, 0, ALL_TYPES);
	tcase_add_loop_test(tc, another_version_may_be_laid_out_otherwise, 0, ALL_TYPES);
	tcase_add_loop_test(tc, any_other_type_is_refused, 0, ALL_TYPES);
	tcase_add_loop_test(tc, any_other_number_of_descriptors_is_refused, 0, ALL_TYPES);
	tcase_add_loop_test(tc, reply_has_the_requests_serial, 0, ALL_TYPES);
	tcase_add_loop_test(tc, each_field_is_checked, 0, sizeof(fields) / sizeof(fields[0]));
	tcase_add_loop_test(tc, each_byte_of_a_pad_is_zero, 0, sizeof(pads) / sizeof(pads[0]));
	tcase_add_loop_test(tc, each_name_ends_within_its_field, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, attach_of_the_linux_dialect_has_a_name_and_a_descriptor);
	tcase_add_test(tc, node_comes_with_success_alone);
	tcase_add_test(tc, persistence_is_on_or_off);
	tcase_add_test(tc, refused_attach_has_no_descriptors);
	tcase_add_loop_test(tc, result_with_an_error_stands_for_any_reply, 0, REQUESTS);
	tcase_add_loop_test(tc, reply_to_another_request_is_refused, 0, REQUESTS);
	tcase_add_test(tc, end_of_the_list_needs_no_device);
	tcase_add_loop_test(tc, initial_message_is_its_header_and_zeroes, 0, ALL_TYPES);
	tcase_add_loop_test(tc, reply_is_made_from_its_request, 0, sizeof(replies) / sizeof(replies[0]));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
