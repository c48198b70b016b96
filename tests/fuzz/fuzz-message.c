/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-message.c - any bytes, as a request to the daemon and as a reply to a client.
 *
 * Input: number of descriptors, which request a reply would be to, its serial (four bytes), and then the record.
 * What is accepted must be what message.h says, said here a second time, and must be the very bytes that its fields make.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/message.h"

#define PREFIX_BYTES 6
#define RECORD_BYTES_MAX 1024

unsigned long fuzz_accepted;

static bool
id_within(uint8_t kind, unsigned unit, unsigned units)
{
	return (kind == DEVICE_TUN || kind == DEVICE_TAP) && unit < units;
}

/* A message made from nothing but the fields of an accepted one: equal bytes mean that there was nothing else in it. */
static void
must_be_its_fields(const union message *m, size_t bytes)
{
	union message again;

	message_init(&again, m->header.type, m->header.serial);
	switch (m->header.type) {
	case MESSAGE_ATTACH:
		again.attach.kind = m->attach.kind;
		again.attach.unit = m->attach.unit;
		again.attach.access = m->attach.access;
		again.attach.nonblock = m->attach.nonblock;
		again.attach.dialect = m->attach.dialect;
		again.attach.tun_flags = m->attach.tun_flags;
		memcpy(again.attach.ifname, m->attach.ifname, strnlen(m->attach.ifname, MESSAGE_IFNAME_SIZE - 1));
		break;
	case MESSAGE_HEADER_MODE:
		again.header_mode.open_number = m->header_mode.open_number;
		again.header_mode.place = m->header_mode.place;
		again.header_mode.on = m->header_mode.on;
		break;
	case MESSAGE_STATUS:
		again.status.cursor = m->status.cursor;
		break;
	case MESSAGE_STOP:
		break;
	case MESSAGE_NODE:
		again.node.access = m->node.access;
		again.node.nonblock = m->node.nonblock;
		break;
	case MESSAGE_TUN_SET:
		again.tun_set.what = m->tun_set.what;
		again.tun_set.value = m->tun_set.value;
		break;
	case MESSAGE_PAIR:
		again.pair_make.mtu = m->pair_make.mtu;
		again.pair_make.held = m->pair_make.held;
		for (unsigned n = 0; n < 2; n++) {
			const struct message_pair_end *e = &m->pair_make.ends[n];

			memcpy(again.pair_make.ends[n].ifname, e->ifname, strnlen(e->ifname, MESSAGE_IFNAME_SIZE - 1));
			again.pair_make.ends[n].has_netns = e->has_netns;
			again.pair_make.ends[n].address_count = e->address_count;
			memcpy(again.pair_make.ends[n].addresses, e->addresses, e->address_count * sizeof(e->addresses[0]));
		}
		break;
	case MESSAGE_PAIR_LIST:
		again.status.cursor = m->status.cursor;
		break;
	case MESSAGE_BRIDGE:
		again.bridge.kind = m->bridge.kind;
		again.bridge.unit = m->bridge.unit;
		memcpy(again.bridge.ifname, m->bridge.ifname, strnlen(m->bridge.ifname, MESSAGE_IFNAME_SIZE - 1));
		break;
	case MESSAGE_PAIR_DELETE:
		memcpy(again.pair_delete.ifname, m->pair_delete.ifname, strnlen(m->pair_delete.ifname, MESSAGE_IFNAME_SIZE - 1));
		break;
	case MESSAGE_PAIR | MESSAGE_REPLY:
	case MESSAGE_PAIR_LIST | MESSAGE_REPLY:
		again.pair = m->pair;
		if (m->pair.error == 0) {
			memset(again.pair.pad, 0, sizeof(again.pair.pad));
			again.pair.ends[0].zero = again.pair.ends[1].zero = 0;
		}
		break;
	case MESSAGE_CAPTURE:
		again.capture.kind = m->capture.kind;
		again.capture.unit = m->capture.unit;
		break;
	case MESSAGE_CAPTURE | MESSAGE_REPLY:
		again.captured = m->captured;
		again.captured.header = m->header;
		memset(again.captured.pad, 0, sizeof(again.captured.pad));
		break;
	case MESSAGE_ATTACH | MESSAGE_REPLY:
		again.attached = m->attached;
		again.attached.header = m->header;
		memset(again.attached.pad, 0, sizeof(again.attached.pad));
		break;
	case MESSAGE_STATUS | MESSAGE_REPLY:
		again.device = m->device;
		break;
	default:
		again.result.error = m->result.error;
		break;
	}
	fuzz_must(again.header.size == bytes && message_size(m->header.type) == bytes, "size of an accepted message");
	fuzz_must(memcmp(&again, m, bytes) == 0, "an accepted message is its fields and zeroes");
}

static bool
known(uint8_t kind, uint16_t unit)
{
	return id_within(kind, unit, DEVICE_UNITS_MAX) || (id_within(kind, 0, 1) && unit == DEVICE_UNIT_NAMED);
}

static void
request_must_hold(const union message *m, size_t bytes, unsigned fd_count)
{
	size_t expected = 32;

	switch (m->header.type) {
	case MESSAGE_ATTACH:
		expected = 48;
		break;
	case MESSAGE_PAIR:
		expected = 224;
		break;
	case MESSAGE_BRIDGE:
		expected = 40;
		break;
	default:
		break;
	}
	fuzz_must(bytes == expected, "size of a request");
	switch (m->header.type) {
	case MESSAGE_ATTACH:
		fuzz_must(m->attach.dialect == DIALECT_LINUX ? known(m->attach.kind, m->attach.unit) && fd_count == 1 :
		    id_within(m->attach.kind, m->attach.unit, DEVICE_UNITS_MAX + 1) && m->attach.ifname[0] == '\0', "attach: device");
		fuzz_must(m->attach.access >= 1 && m->attach.access <= 3 && m->attach.nonblock <= 1, "attach: flags");
		fuzz_must(fd_count <= 1, "attach: descriptors");
		break;
	case MESSAGE_HEADER_MODE:
		fuzz_must(m->header_mode.place < DEVICE_PLACES_MAX, "header mode: place");
		fuzz_must(m->header_mode.on <= 1, "header mode: on");
		fuzz_must(fd_count == 1, "header mode: descriptors");
		break;
	case MESSAGE_STATUS:
	case MESSAGE_STOP:
		fuzz_must(fd_count == 0, "status, stop: descriptors");
		break;
	case MESSAGE_NODE:
		fuzz_must(m->node.access >= 1 && m->node.access <= 3 && m->node.nonblock <= 1 && fd_count == 0, "node");
		break;
	case MESSAGE_BRIDGE:
		fuzz_must(m->bridge.kind == DEVICE_TAP && m->bridge.unit <= DEVICE_UNITS_MAX && fd_count == 0 &&
		    memchr(m->bridge.ifname, '\0', sizeof(m->bridge.ifname)) != NULL, "bridge");
		break;
	case MESSAGE_TUN_SET:
		fuzz_must(m->tun_set.what >= TUN_SET_PERSIST && m->tun_set.what <= TUN_SET_GROUP && fd_count == 1, "tun set");
		break;
	case MESSAGE_PAIR:
		fuzz_must(fd_count == (unsigned)(m->pair_make.ends[0].has_netns + m->pair_make.ends[1].has_netns) && fd_count <= 2 &&
		    m->pair_make.held <= 1, "pair: descriptors");
		for (unsigned n = 0; n < 2; n++) {
			const struct message_pair_end *e = &m->pair_make.ends[n];

			fuzz_must(strnlen(e->ifname, MESSAGE_IFNAME_SIZE) - 1 < MESSAGE_IFNAME_SIZE - 1 &&
			    e->address_count <= MESSAGE_PAIR_ADDRESSES_MAX, "pair: end");
			for (unsigned i = 0; i < e->address_count; i++) {
				fuzz_must((e->addresses[i].family == 4 && e->addresses[i].prefix <= 32) ||
				    (e->addresses[i].family == 6 && e->addresses[i].prefix <= 128), "pair: address");
			}
		}
		break;
	case MESSAGE_PAIR_LIST:
		fuzz_must(fd_count == 0, "pairs: descriptors");
		break;
	case MESSAGE_PAIR_DELETE:
		fuzz_must(strnlen(m->pair_delete.ifname, MESSAGE_IFNAME_SIZE) - 1 < MESSAGE_IFNAME_SIZE - 1 &&
		    fd_count == 0, "delete: name");
		break;
	case MESSAGE_CAPTURE:
		fuzz_must(id_within(m->capture.kind, m->capture.unit, DEVICE_UNITS_MAX + 1) && fd_count == 0, "capture");
		break;
	default:
		fuzz_must(false, "a request of no known type");
	}
	must_be_its_fields(m, bytes);
}

static void
device_must_hold(const struct message_device *d)
{
	fuzz_must(known(d->kind, d->unit) && d->state <= DEVICE_UP, "status: device");
	fuzz_must(d->header_mode <= 1 && d->has_mac <= 1 && d->channel <= CHANNEL_NODE, "status: flags");
	fuzz_must(d->address_count <= MESSAGE_ADDRESSES_MAX && d->address_count <= d->addresses_total, "status: counts");
	fuzz_must(strnlen(d->ifname, sizeof(d->ifname)) < sizeof(d->ifname) && strnlen(d->link, sizeof(d->link)) < sizeof(d->link) &&
	    strnlen(d->program, sizeof(d->program)) < sizeof(d->program), "status: names");
	for (unsigned i = 0; i < d->address_count; i++) {
		const struct message_address *a = &d->addresses[i];

		fuzz_must((a->family == 4 && a->prefix <= 32) || (a->family == 6 && a->prefix <= 128), "status: prefix");
		fuzz_must(a->peer <= 1 && a->pad == 0, "status: address");
		for (unsigned j = 4; a->family == 4 && j < sizeof(a->bytes); j++) {
			fuzz_must(a->bytes[j] == 0, "status: bytes behind an IPv4 address");
		}
	}
}

static void
reply_must_hold(const union message *m, size_t bytes, unsigned fd_count, uint16_t request_type, uint32_t serial)
{
	fuzz_must(m->header.serial == serial, "serial of a reply");
	if (m->header.type == MESSAGE_RESULT) {
		fuzz_must(m->result.error > 0 && fd_count == 0, "result");
	} else {
		fuzz_must(m->header.type == (request_type | MESSAGE_REPLY), "type of a reply");
		switch (request_type) {
		case MESSAGE_ATTACH:
			fuzz_must(m->attached.error >= 0 && fd_count == (m->attached.error == 0 ? 2 : 0), "attached: descriptors");
			if (m->attached.error == 0) {
				fuzz_must(known(m->attached.kind, m->attached.unit), "attached: device");
				fuzz_must(m->attached.open_number != 0 && m->attached.mtu != 0 && m->attached.ifindex != 0 &&
				    m->attached.channel >= CHANNEL_DIRECT && m->attached.channel <= CHANNEL_NODE &&
				    strnlen(m->attached.ifname, MESSAGE_IFNAME_SIZE) - 1 < MESSAGE_IFNAME_SIZE - 1, "attached: fields");
			}
			break;
		case MESSAGE_STATUS:
			fuzz_must(m->device.error >= 0 && fd_count == 0, "status: error");
			if (m->device.error == 0) {
				device_must_hold(&m->device);
			}
			break;
		case MESSAGE_PAIR:
		case MESSAGE_PAIR_LIST:
			fuzz_must(m->pair.error >= 0 && fd_count == (m->pair.error == 0 && request_type == MESSAGE_PAIR ? m->pair.held : 0),
			    "pair: descriptors of a reply");
			for (unsigned n = 0; m->pair.error == 0 && n < 2; n++) {
				fuzz_must(m->pair.ends[n].ifindex != 0 &&
				    strnlen(m->pair.ends[n].ifname, MESSAGE_IFNAME_SIZE) - 1 < MESSAGE_IFNAME_SIZE - 1, "pair: fields");
			}
			break;
		case MESSAGE_CAPTURE:
			fuzz_must(m->captured.error >= 0 && fd_count == (m->captured.error == 0 ? 1 : 0), "captured: descriptors");
			fuzz_must(m->captured.error != 0 || (m->captured.ifindex != 0 &&
			    (m->captured.linktype == LINKTYPE_ETHERNET || m->captured.linktype == LINKTYPE_RAW) &&
			    strnlen(m->captured.ifname, MESSAGE_IFNAME_SIZE) - 1 < MESSAGE_IFNAME_SIZE - 1), "captured: fields");
			break;
		case MESSAGE_NODE:
			fuzz_must(m->result.error >= 0 && fd_count == (m->result.error == 0 ? 1 : 0), "node: descriptors");
			break;
		default:
			fuzz_must(m->result.error >= 0 && fd_count == 0, "result of a request");
			break;
		}
	}
	must_be_its_fields(m, bytes);
}

/* What any refusal or acceptance says of the header. */
static void
answer_must_hold(int answer, const union message *m, size_t bytes)
{
	bool ours = bytes >= sizeof(m->header) && m->header.magic == MESSAGE_MAGIC;

	switch (answer) {
	case 0:
		fuzz_must(ours && m->header.version == MESSAGE_VERSION && m->header.size == bytes, "header of an accepted message");
		fuzz_accepted++;
		break;
	case EPROTONOSUPPORT:
		fuzz_must(ours && m->header.version != MESSAGE_VERSION, "header of another version");
		break;
	default:
		fuzz_must(answer == EBADMSG, "an errno that was not promised");
		fuzz_must(!ours || m->header.version == MESSAGE_VERSION, "another version taken for garbage");
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t request_type;
	union message *m;
	unsigned fd_count;
	uint32_t serial;
	size_t bytes;
	int answer;

	if (size < PREFIX_BYTES || size > RECORD_BYTES_MAX) {
		return 0;
	}
	fd_count = data[0] & 3;
	request_type = (uint16_t)(MESSAGE_ATTACH + data[1] % 10);
	memcpy(&serial, data + 2, sizeof(serial));
	bytes = size - PREFIX_BYTES;
	/* Of exactly that size: whoever looks past it is seen. */
	m = malloc(bytes > 0 ? bytes : 1);
	if (m == NULL) {
		return 0;
	}
	memcpy((void *)m, data + PREFIX_BYTES, bytes);

	answer = message_check_request(m, bytes, fd_count);
	answer_must_hold(answer, m, bytes);
	if (answer == 0) {
		request_must_hold(m, bytes, fd_count);
	}
	answer = message_check_reply(m, bytes, fd_count, request_type, serial);
	answer_must_hold(answer, m, bytes);
	if (answer == 0) {
		reply_must_hold(m, bytes, fd_count, request_type, serial);
	}
	if (bytes >= sizeof(m->header)) {
		union message reply;

		/* Whatever was asked, the error that the daemon answers can be understood by who asked. */
		message_init_reply(&reply, &m->header, EBADMSG);
		fuzz_must(message_check_reply(&reply, reply.header.size, 0, m->header.type & (uint16_t)~MESSAGE_REPLY,
		    m->header.serial) == 0, "an answer with an error");
	}
	free(m);
	return 0;
}
