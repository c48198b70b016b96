/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.c - layout and whole checks of what crosses the control socket.  See message.h.
 *
 * The order of a check: enough bytes for a header, magic, version, then everything else.  The version comes before type and size,
 * which another version may number and lay out otherwise.
 */
#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool
is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != 0) {
			return false;
		}
	}
	return true;
}

static bool
is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

size_t
message_size(uint16_t type)
{
	switch (type) {
	case MESSAGE_ATTACH:
		return sizeof(struct message_attach);
	case MESSAGE_HEADER_MODE:
		return sizeof(struct message_header_mode);
	case MESSAGE_STATUS:
		return sizeof(struct message_status);
	case MESSAGE_STOP:
		return sizeof(struct message_stop);
	case MESSAGE_NODE:
		return sizeof(struct message_node);
	case MESSAGE_TUN_SET:
		return sizeof(struct message_tun_set);
	case MESSAGE_CAPTURE:
		return sizeof(struct message_capture);
	case MESSAGE_CAPTURE | MESSAGE_REPLY:
		return sizeof(struct message_captured);
	case MESSAGE_PAIR:
		return sizeof(struct message_pair_make);
	case MESSAGE_PAIR_LIST:
		return sizeof(struct message_status);
	case MESSAGE_PAIR_DELETE:
		return sizeof(struct message_pair_delete);
	case MESSAGE_BRIDGE:
		return sizeof(struct message_bridge);
	case MESSAGE_PAIR | MESSAGE_REPLY:
	case MESSAGE_PAIR_LIST | MESSAGE_REPLY:
		return sizeof(struct message_pair);
	case MESSAGE_ATTACH | MESSAGE_REPLY:
		return sizeof(struct message_attached);
	case MESSAGE_STATUS | MESSAGE_REPLY:
		return sizeof(struct message_device);
	case MESSAGE_HEADER_MODE | MESSAGE_REPLY:
	case MESSAGE_STOP | MESSAGE_REPLY:
	case MESSAGE_NODE | MESSAGE_REPLY:
	case MESSAGE_TUN_SET | MESSAGE_REPLY:
	case MESSAGE_PAIR_DELETE | MESSAGE_REPLY:
	case MESSAGE_BRIDGE | MESSAGE_REPLY:
	case MESSAGE_RESULT:
		return sizeof(struct message_result);
	default:
		return 0;
	}
}

/* What all messages share.  0, EPROTONOSUPPORT or EBADMSG. */
static int
check_header(const union message *m, size_t bytes)
{
	if (bytes < sizeof(m->header) || m->header.magic != MESSAGE_MAGIC) {
		return EBADMSG;
	}
	if (m->header.version != MESSAGE_VERSION) {
		return EPROTONOSUPPORT;
	}
	if (message_size(m->header.type) == 0 || bytes != message_size(m->header.type) || m->header.size != bytes) {
		return EBADMSG;
	}
	return 0;
}

/* A text that is NUL-terminated and then zero. */
static bool
is_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	return length < size && is_zero((const uint8_t *)text + length, size - length);
}

static bool
access_ok(uint8_t access, uint8_t nonblock)
{
	return access != 0 && (access & ~MESSAGE_ACCESS_ALL) == 0 && nonblock <= 1;
}

static bool
attach_ok(const struct message_attach *a, unsigned fd_count)
{
	if (devname_kind(a->kind) == NULL || !access_ok(a->access, a->nonblock) || !is_zero(a->pad, sizeof(a->pad)) ||
	    !is_text(a->ifname, sizeof(a->ifname))) {
		return false;
	}
	switch (a->dialect) {
	case DIALECT_BSD:
		/* A unit past what a daemon can ever serve is answered with ENOENT, not taken for garbage: programs scan. */
		return a->unit <= DEVICE_UNITS_MAX && a->tun_flags == 0 && a->ifname[0] == '\0' && fd_count <= 1;
	case DIALECT_LINUX:
		return a->unit == DEVICE_UNIT_NAMED && fd_count == 1;
	default:
		return false;
	}
}

static bool
tun_set_ok(const struct message_tun_set *t, unsigned fd_count)
{
	return t->what >= TUN_SET_PERSIST && t->what <= TUN_SET_GROUP && (t->what != TUN_SET_PERSIST || t->value <= 1) &&
	    is_zero(t->pad, sizeof(t->pad)) && fd_count == 1;
}

static bool
header_mode_ok(const struct message_header_mode *h, unsigned fd_count)
{
	return h->place < DEVICE_PLACES_MAX && h->on <= 1 && is_zero(h->pad, sizeof(h->pad)) && fd_count == 1;
}

static bool
address_ok(const struct message_address *a)
{
	unsigned bits = a->family == 4 ? 32 : 128;

	return (a->family == 4 || a->family == 6) && a->prefix <= bits && a->peer <= 1 && a->pad == 0 &&
	    is_zero(a->bytes + bits / 8, sizeof(a->bytes) - bits / 8);
}

/* An interface's name: not empty, and zero past its end. */
static bool
is_name(const char name[MESSAGE_IFNAME_SIZE])
{
	return name[0] != '\0' && is_text(name, MESSAGE_IFNAME_SIZE);
}

static bool
pair_end_ok(const struct message_pair_end *e)
{
	if (!is_name(e->ifname) || e->has_netns > 1 || e->address_count > MESSAGE_PAIR_ADDRESSES_MAX || !is_zero(e->pad, sizeof(e->pad))) {
		return false;
	}
	for (unsigned i = 0; i < MESSAGE_PAIR_ADDRESSES_MAX; i++) {
		if (i < e->address_count ? !address_ok(&e->addresses[i]) || e->addresses[i].peer != 0 :
		    !is_zero((const uint8_t *)&e->addresses[i], sizeof(e->addresses[i]))) {
			return false;
		}
	}
	return true;
}

static bool
pair_make_ok(const struct message_pair_make *p, unsigned fd_count)
{
	return pair_end_ok(&p->ends[0]) && pair_end_ok(&p->ends[1]) && p->held <= 1 && is_zero(p->pad, sizeof(p->pad)) &&
	    fd_count == (unsigned)p->ends[0].has_netns + p->ends[1].has_netns;
}

static bool
bridge_ok(const struct message_bridge *b, unsigned fd_count)
{
	return b->kind == DEVICE_TAP && b->unit <= DEVICE_UNITS_MAX && b->pad == 0 && is_zero(b->zero, sizeof(b->zero)) &&
	    is_text(b->ifname, sizeof(b->ifname)) && fd_count == 0;
}

int
message_check_request(const union message *m, size_t bytes, unsigned fd_count)
{
	int error = check_header(m, bytes);
	bool ok;

	if (error != 0) {
		return error;
	}
	switch (m->header.type) {
	case MESSAGE_ATTACH:
		ok = attach_ok(&m->attach, fd_count);
		break;
	case MESSAGE_HEADER_MODE:
		ok = header_mode_ok(&m->header_mode, fd_count);
		break;
	case MESSAGE_PAIR:
		ok = pair_make_ok(&m->pair_make, fd_count);
		break;
	case MESSAGE_BRIDGE:
		ok = bridge_ok(&m->bridge, fd_count);
		break;
	case MESSAGE_PAIR_DELETE:
		ok = is_name(m->pair_delete.ifname) && fd_count == 0;
		break;
	case MESSAGE_PAIR_LIST:
	case MESSAGE_STATUS:
		ok = is_zero(m->status.pad, sizeof(m->status.pad)) && fd_count == 0;
		break;
	case MESSAGE_STOP:
		ok = is_zero(m->stop.pad, sizeof(m->stop.pad)) && fd_count == 0;
		break;
	case MESSAGE_NODE:
		ok = access_ok(m->node.access, m->node.nonblock) && is_zero(m->node.pad, sizeof(m->node.pad)) && fd_count == 0;
		break;
	case MESSAGE_TUN_SET:
		ok = tun_set_ok(&m->tun_set, fd_count);
		break;
	case MESSAGE_CAPTURE:
		ok = devname_kind(m->capture.kind) != NULL && m->capture.zero == 0 && m->capture.unit <= DEVICE_UNITS_MAX &&
		    is_zero(m->capture.pad, sizeof(m->capture.pad)) && fd_count == 0;
		break;
	default:
		ok = false; /* a reply */
		break;
	}
	return ok ? 0 : EBADMSG;
}

static bool
attached_ok(const struct message_attached *a, unsigned fd_count)
{
	struct device_id id = {.kind = a->kind, .unit = a->unit};

	if (!is_zero(a->pad, sizeof(a->pad)) || a->error < 0) {
		return false;
	}
	if (a->error != 0) {
		return fd_count == 0;
	}
	return fd_count == 2 && device_id_known(id) && a->place < DEVICE_PLACES_MAX && a->open_number != 0 && a->mtu != 0 &&
	    a->channel >= CHANNEL_DIRECT && a->channel <= CHANNEL_NODE && a->ifindex != 0 && a->ifname[0] != '\0' &&
	    is_terminated(a->ifname, sizeof(a->ifname));
}

static bool
captured_ok(const struct message_captured *c, unsigned fd_count)
{
	if (!is_zero(c->pad, sizeof(c->pad)) || c->error < 0) {
		return false;
	}
	if (c->error != 0) {
		return fd_count == 0;
	}
	return fd_count == 1 && (c->linktype == LINKTYPE_ETHERNET || c->linktype == LINKTYPE_RAW) && c->ifindex != 0 &&
	    c->ifname[0] != '\0' && is_text(c->ifname, sizeof(c->ifname));
}

static bool
pair_ok(const struct message_pair *p, unsigned fd_count, bool made)
{
	if (p->error != 0) {
		return p->error > 0 && fd_count == 0;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (!is_name(p->ends[i].ifname) || !is_name(p->ends[i].name) || p->ends[i].ifindex == 0 || p->ends[i].zero != 0) {
			return false;
		}
	}
	return p->held <= 1 && is_zero(p->pad, sizeof(p->pad)) && is_text(p->program, sizeof(p->program)) &&
	    fd_count == (made ? p->held : 0);
}

static bool
device_ok(const struct message_device *d)
{
	struct device_id id = {.kind = d->kind, .unit = d->unit};

	if (d->error != 0) {
		return d->error > 0;
	}
	if (d->address_count > MESSAGE_ADDRESSES_MAX) {
		return false;
	}
	for (unsigned i = 0; i < d->address_count; i++) {
		if (!address_ok(&d->addresses[i])) {
			return false;
		}
	}
	return device_id_known(id) && d->state <= DEVICE_UP && d->channel <= CHANNEL_NODE && d->header_mode <= 1 &&
	    d->has_mac <= 1 && d->address_count <= d->addresses_total && is_terminated(d->ifname, sizeof(d->ifname)) &&
	    is_terminated(d->link, sizeof(d->link)) && is_terminated(d->program, sizeof(d->program));
}

/* An errno and no descriptor, or success and as many as the request's kind brings. */
static bool
result_ok(const struct message_result *r, unsigned fd_count, unsigned fds_of_success)
{
	return r->error >= 0 && is_zero(r->pad, sizeof(r->pad)) && fd_count == (r->error == 0 ? fds_of_success : 0);
}

int
message_check_reply(const union message *m, size_t bytes, unsigned fd_count, uint16_t request_type, uint32_t serial)
{
	int error = check_header(m, bytes);
	bool ok;

	if (error != 0) {
		return error;
	}
	if (m->header.serial != serial) {
		return EBADMSG;
	}
	if (m->header.type == MESSAGE_RESULT) {
		ok = m->result.error > 0 && result_ok(&m->result, fd_count, 0);
	} else if (m->header.type != (request_type | MESSAGE_REPLY)) {
		ok = false;
	} else if (request_type == MESSAGE_ATTACH) {
		ok = attached_ok(&m->attached, fd_count);
	} else if (request_type == MESSAGE_STATUS) {
		ok = fd_count == 0 && device_ok(&m->device);
	} else if (request_type == MESSAGE_PAIR || request_type == MESSAGE_PAIR_LIST) {
		ok = pair_ok(&m->pair, fd_count, request_type == MESSAGE_PAIR);
	} else if (request_type == MESSAGE_CAPTURE) {
		ok = captured_ok(&m->captured, fd_count);
	} else {
		ok = result_ok(&m->result, fd_count, request_type == MESSAGE_NODE ? 1 : 0);
	}
	return ok ? 0 : EBADMSG;
}

void
message_init(union message *m, uint16_t type, uint32_t serial)
{
	memset(m, 0, sizeof(*m));
	m->header.magic = MESSAGE_MAGIC;
	m->header.version = MESSAGE_VERSION;
	m->header.type = type;
	m->header.size = (uint32_t)message_size(type);
	m->header.serial = serial;
}

void
message_init_reply(union message *m, const struct message_header *r, int error)
{
	/* r may be in m itself. */
	uint16_t type = (uint16_t)(r->type | MESSAGE_REPLY);

	message_init(m, message_size(type) != 0 ? type : MESSAGE_RESULT, r->serial);
	switch (m->header.type) {
	case MESSAGE_ATTACH | MESSAGE_REPLY:
		m->attached.error = error;
		break;
	case MESSAGE_STATUS | MESSAGE_REPLY:
		m->device.error = error;
		break;
	case MESSAGE_CAPTURE | MESSAGE_REPLY:
		m->captured.error = error;
		break;
	case MESSAGE_PAIR | MESSAGE_REPLY:
	case MESSAGE_PAIR_LIST | MESSAGE_REPLY:
		m->pair.error = error;
		break;
	default:
		m->result.error = error;
		break;
	}
}
