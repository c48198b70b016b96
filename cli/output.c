/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.c - devices for people and for programs.  See output.h.
 *
 * A field has a title, a function that writes it for people, a JSON name and a function that makes
 * its JSON value.  Fields that mean something only while the device is open are empty, and null,
 * while it is closed.
 */
#include "cli/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/query.h"
#include "cli/samples.h"
#include "cli/jsontext.h"
#include "cli/text.h"
#include "protocol/devname.h"
#include "protocol/message.h"

/*
 * One cell: the longest is MESSAGE_ADDRESSES_MAX addresses of INET6_ADDRSTRLEN and their prefixes.
 */
#define CELL_BYTES 640
#define TIME_BYTES 32

/* Shown where it says something: see is_shown(). */
#define TITLE_NETNS "NETNS"
#define TITLE_MEMORY "MEMORY"

struct field {
	const char *title; /* NULL: in JSON alone */
	const char *name;  /* NULL: for people alone */
	bool while_closed; /* has a meaning then, too */
	void (*text)(const struct message_device *d, char *cell);
	json_t *(*json)(const struct message_device *d);
};

/* A device without a unit is called as its interface is. */
void
output_name(const struct message_device *d, char *cell, size_t size)
{
	size_t used = strlen(cell);

	if (d->unit == DEVICE_UNIT_NAMED) {
		text_append_safe(cell, size, d->ifname);
	} else {
		snprintf(cell + used, size - used, "%s%u", devname_kind(d->kind), d->unit);
	}
}

static void
device_text(const struct message_device *d, char *cell)
{
	output_name(d, cell, CELL_BYTES);
}

static json_t *
device_json(const struct message_device *d)
{
	return d->unit == DEVICE_UNIT_NAMED ? jsontext(d->ifname) :
	    json_sprintf("%s%u", devname_kind(d->kind), (unsigned)d->unit);
}

const char *
output_state_name(uint8_t state)
{
	switch (state) {
	case DEVICE_OPEN:
		return "open";
	case DEVICE_UP:
		return "up";
	default:
		return "closed";
	}
}

static void
state_text(const struct message_device *d, char *cell)
{
	snprintf(cell, CELL_BYTES, "%s", output_state_name(d->state));
}

static json_t *
state_json(const struct message_device *d)
{
	return json_string(output_state_name(d->state));
}

static void
kind_text(const struct message_device *d, char *cell)
{
	snprintf(cell, CELL_BYTES, "%s", devname_kind(d->kind));
}

static json_t *
kind_json(const struct message_device *d)
{
	return json_string(devname_kind(d->kind));
}

static json_t *
unit_json(const struct message_device *d)
{
	return d->unit == DEVICE_UNIT_NAMED ? json_null() : json_integer(d->unit);
}

static void
interface_text(const struct message_device *d, char *cell)
{
	text_append_safe(cell, CELL_BYTES, d->ifname);
}

static json_t *
interface_json(const struct message_device *d)
{
	return jsontext(d->ifname);
}

static json_t *
ifindex_json(const struct message_device *d)
{
	return json_integer(d->ifindex);
}

static void
link_text(const struct message_device *d, char *cell)
{
	text_append_safe(cell, CELL_BYTES, d->link);
}

static json_t *
link_json(const struct message_device *d)
{
	return jsontext(d->link);
}

static const char *
channel_name(uint8_t channel)
{
	return channel == CHANNEL_DIRECT ? "direct"
	    : channel == CHANNEL_RELAYED ? "relayed"
	    : channel == CHANNEL_FRAMED  ? "direct"
	    : channel == CHANNEL_NODE    ? "direct"
					 : "unknown";
}

static void
channel_text(const struct message_device *d, char *cell)
{
	snprintf(cell, CELL_BYTES, "%s", channel_name(d->channel));
}

static json_t *
channel_json(const struct message_device *d)
{
	return json_string(channel_name(d->channel));
}

/* JSON of this library has no larger number than INT64_MAX. */
static json_int_t
number(uint64_t value)
{
	return value <= INT64_MAX ? (json_int_t)value : INT64_MAX;
}

static json_t *
open_number_json(const struct message_device *d)
{
	return json_integer(number(d->open_number));
}

static void
netns_text(const struct message_device *d, char *cell)
{
	snprintf(cell, CELL_BYTES, "%" PRIu64, d->netns);
}

static json_t *
netns_json(const struct message_device *d)
{
	return d->netns != 0 ? json_integer(number(d->netns)) : json_null();
}

static const char *
user_name(uint32_t uid)
{
	const struct passwd *user = getpwuid((uid_t)uid);

	return user != NULL ? user->pw_name : NULL;
}

void
output_holder(const struct message_device *d, char *cell, size_t size)
{
	const char *user = user_name(d->uid);
	size_t used = strlen(cell);

	snprintf(cell + used, size - used, "%ld ", (long)d->pid);
	text_append_safe(cell, size, d->program);
	if (user != NULL) {
		text_append_safe(cell, size, " ");
		text_append_safe(cell, size, user);
	} else {
		used = strlen(cell);
		snprintf(cell + used, size - used, " %lu", (unsigned long)d->uid);
	}
}

static void
holder_text(const struct message_device *d, char *cell)
{
	output_holder(d, cell, CELL_BYTES);
}

static json_t *
holder_json(const struct message_device *d)
{
	const char *user = user_name(d->uid);

	return json_pack("{s:I, s:I, s:o, s:o}", "pid", (json_int_t)d->pid, "uid",
	    (json_int_t)d->uid, "user", user != NULL ? jsontext(user) : json_null(), "program",
	    jsontext(d->program));
}

static void
since_text(const struct message_device *d, char *cell)
{
	time_t since = (time_t)d->since;
	struct tm tm;

	if (localtime_r(&since, &tm) != NULL) {
		(void)strftime(cell, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	}
}

static json_t *
since_json(const struct message_device *d)
{
	time_t since = (time_t)d->since;
	char text[TIME_BYTES];
	struct tm tm;

	if (gmtime_r(&since, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		return json_null();
	}
	return json_string(text);
}

/* The message's check has seen to it that the family is one of the two. */
static const char *
address_name(const struct message_address *a, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, text, INET6_ADDRSTRLEN);
}

void
output_addresses(const struct message_device *d, char *cell, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	size_t used = strlen(cell), before = used;

	for (unsigned i = 0; i < d->address_count && used < size; i++) {
		used += (size_t)snprintf(cell + used, size - used, "%s%s/%u", used > before ? "," : "",
		    address_name(&d->addresses[i], text), d->addresses[i].prefix);
	}
	if (d->addresses_total > d->address_count && used < size) {
		snprintf(cell + used, size - used, ",+%d", d->addresses_total - d->address_count);
	}
}

static void
addresses_text(const struct message_device *d, char *cell)
{
	output_addresses(d, cell, CELL_BYTES);
}

static json_t *
addresses_json(const struct message_device *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < d->address_count; i++) {
		const struct message_address *a = &d->addresses[i];
		char text[INET6_ADDRSTRLEN];

		/* json_array_append_new() fails on a NULL value, and on a NULL list. */
		if (json_array_append_new(list,
			json_pack("{s:i, s:s, s:i, s:b}", "family", (int)a->family, "address",
			    address_name(a, text), "prefix", (int)a->prefix, "point_to_point", a->peer != 0)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
addresses_total_json(const struct message_device *d)
{
	return json_integer(d->addresses_total);
}

static void
mtu_text(const struct message_device *d, char *cell)
{
	snprintf(cell, CELL_BYTES, "%" PRIu32, d->mtu);
}

static json_t *
mtu_json(const struct message_device *d)
{
	return json_integer(d->mtu);
}

static void
mac_text(const struct message_device *d, char *cell)
{
	if (d->has_mac) {
		snprintf(cell, CELL_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", d->mac[0], d->mac[1],
		    d->mac[2], d->mac[3], d->mac[4], d->mac[5]);
	}
}

static json_t *
mac_json(const struct message_device *d)
{
	char text[CELL_BYTES] = "";

	mac_text(d, text);
	return d->has_mac ? json_string(text) : json_null();
}

static json_t *
header_mode_json(const struct message_device *d)
{
	return json_boolean(d->header_mode);
}

static void
counters_text(const struct message_counters *c, char *cell)
{
	snprintf(
	    cell, CELL_BYTES, "%" PRIu64 "/%" PRIu64 "/%" PRIu64, c->packets, c->bytes, c->dropped);
}

static json_t *
counters_json(const struct message_counters *c)
{
	return json_pack("{s:I, s:I, s:I}", "packets", number(c->packets), "bytes",
	    number(c->bytes), "dropped", number(c->dropped));
}

static void
to_program_text(const struct message_device *d, char *cell)
{
	counters_text(&d->to_program, cell);
}

static json_t *
to_program_json(const struct message_device *d)
{
	return counters_json(&d->to_program);
}

static void
from_program_text(const struct message_device *d, char *cell)
{
	counters_text(&d->from_program, cell);
}

static json_t *
from_program_json(const struct message_device *d)
{
	return counters_json(&d->from_program);
}

static void
memory_text(const struct message_device *d, char *cell)
{
	if (d->memory_limit != 0) {
		snprintf(cell, CELL_BYTES, "%" PRIu64 "/%" PRIu64, d->memory_relay, d->memory_limit);
	}
}

static json_t *
memory_json(const struct message_device *d)
{
	return d->memory_limit == 0 ? json_null() : json_pack("{s:I, s:I}", "limit", number(d->memory_limit), "relay",
	    number(d->memory_relay));
}

/* In the order of the table's columns and of the JSON's members. */
static const struct field fields[] = {
	{"DEVICE", "device", true, device_text, device_json},
	{"STATE", "state", true, state_text, state_json},
	{"INTERFACE", "interface", false, interface_text, interface_json},
	{NULL, "ifindex", false, NULL, ifindex_json},
	{"KIND", "kind", true, kind_text, kind_json},
	{NULL, "unit", true, NULL, unit_json},
	{"LINK", "link", false, link_text, link_json},
	{"CHANNEL", "channel", false, channel_text, channel_json},
	{NULL, "open_number", false, NULL, open_number_json},
	{TITLE_NETNS, "netns", false, netns_text, netns_json},
	{"HOLDER", "holder", false, holder_text, holder_json},
	{"SINCE", "since", false, since_text, since_json},
	{"ADDRESSES", "addresses", false, addresses_text, addresses_json},
	{NULL, "addresses_total", false, NULL, addresses_total_json},
	{"MTU", "mtu", false, mtu_text, mtu_json},
	{"MAC", "mac", false, mac_text, mac_json},
	{NULL, "header_mode", false, NULL, header_mode_json},
	{"IN", "to_program", false, to_program_text, to_program_json},
	{"OUT", "from_program", false, from_program_text, from_program_json},
	{TITLE_MEMORY, "memory", false, memory_text, memory_json},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* Whether a field has something to say of a device that most have not: most people have one network namespace, and no relays. */
static bool
is_worth_a_column(const struct field *f, const struct message_device *d)
{
	if (d->state == DEVICE_CLOSED) {
		return false;
	}
	return strcmp(f->title, TITLE_NETNS) == 0 ? !query_is_open_here(d) : d->memory_limit != 0;
}

/* Whether a field is shown for these devices. */
static bool
is_shown(const struct field *f, const struct message_device *devices, size_t count)
{
	if (f->title == NULL || (strcmp(f->title, TITLE_NETNS) != 0 && strcmp(f->title, TITLE_MEMORY) != 0)) {
		return f->title != NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_worth_a_column(f, &devices[i])) {
			return true;
		}
	}
	return false;
}

static void
make_cell(const struct field *f, const struct message_device *d, char *cell)
{
	cell[0] = '\0';
	if (f->while_closed || d->state != DEVICE_CLOSED) {
		f->text(d, cell);
	}
	if (cell[0] == '\0') {
		snprintf(cell, CELL_BYTES, "-");
	}
}

static void
print_padded(FILE *out, const char *text, int width)
{
	fprintf(out, "%s%*s", text, width > text_width(text) ? width - text_width(text) : 0, "");
}

int
output_table(FILE *out, const struct message_device *devices, size_t count)
{
	int widths[FIELD_COUNT] = {0};
	bool shown[FIELD_COUNT];
	char cell[CELL_BYTES];
	size_t last = 0;

	for (size_t f = 0; f < FIELD_COUNT; f++) {
		shown[f] = is_shown(&fields[f], devices, count);
		if (!shown[f]) {
			continue;
		}
		last = f;
		widths[f] = text_width(fields[f].title);
		for (size_t i = 0; i < count; i++) {
			make_cell(&fields[f], &devices[i], cell);
			widths[f] = text_width(cell) > widths[f] ? text_width(cell) : widths[f];
		}
	}
	for (size_t row = 0; row <= count; row++) {
		for (size_t f = 0; f <= last; f++) {
			if (!shown[f]) {
				continue;
			}
			if (row > 0) {
				make_cell(&fields[f], &devices[row - 1], cell);
			}
			print_padded(
			    out, row == 0 ? fields[f].title : cell, f < last ? widths[f] + 2 : 0);
		}
		fputc('\n', out);
	}
	return 0;
}

int
output_list(FILE *out, const struct message_device *device)
{
	char cell[CELL_BYTES];

	for (size_t f = 0; f < FIELD_COUNT; f++) {
		if (is_shown(&fields[f], device, 1)) {
			make_cell(&fields[f], device, cell);
			fprintf(out, "%-10s %s\n", fields[f].title, cell);
		}
	}
	return 0;
}

static json_t *
device_object(const struct message_device *d)
{
	json_t *object = json_object();

	for (size_t f = 0; f < FIELD_COUNT; f++) {
		json_t *value = fields[f].while_closed || d->state != DEVICE_CLOSED
		    ? fields[f].json(d)
		    : json_null();

		if (json_object_set_new(object, fields[f].name, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* Writes a document and lets go of it; NULL: it could not be made.  0, or -1 with errno. */
static int
write_document(FILE *out, json_t *root, size_t flags)
{
	if (root == NULL) {
		errno = ENOMEM;
		return -1;
	}
	/* ASCII alone: what a terminal would obey in UTF-8 is then \u0080, too. */
	if (json_dumpf(root, out, flags | JSON_ENSURE_ASCII) == 0) {
		fputc('\n', out);
	}
	json_decref(root);
	return 0;
}

int
output_json(FILE *out, const char *socket_path, const struct message_device *devices, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(list, device_object(&devices[i])) < 0) {
			json_decref(list);
			errno = ENOMEM;
			return -1;
		}
	}
	return write_document(out,
	    json_pack("{s:i, s:o, s:o}", "version", OUTPUT_JSON_VERSION, "socket",
		jsontext(socket_path), "devices", list),
	    JSON_INDENT(2));
}

static json_t *
rate_json(const struct rate *r)
{
	return json_pack(
	    "{s:f, s:f, s:f}", "packets", r->packets, "bytes", r->bytes, "dropped", r->dropped);
}

/* A device and its rates, which are null where there are none. */
static json_t *
sample_object(const struct sample *item)
{
	json_t *object = device_object(&item->device);
	json_t *rates = item->rated ? json_pack("{s:o, s:o}", "to_program",
					  rate_json(&item->to_program), "from_program",
					  rate_json(&item->from_program))
				    : json_null();

	if (json_object_set_new(object, "rates", rates) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int
output_json_samples(FILE *out, const struct samples *s)
{
	json_t *list = s->served ? json_array() : json_null();

	for (size_t i = 0; s->served && i < s->count; i++) {
		if (json_array_append_new(list, sample_object(&s->items[i])) < 0) {
			json_decref(list);
			errno = ENOMEM;
			return -1;
		}
	}
	return write_document(out,
	    json_pack("{s:i, s:o, s:f, s:o}", "version", OUTPUT_JSON_VERSION, "socket",
		jsontext(s->query.socket_path), "time",
		(double)s->time.tv_sec + (double)s->time.tv_nsec / 1e9, "devices", list),
	    JSON_COMPACT);
}

static json_t *
pair_end_object(const struct message_pair_seen *end)
{
	return json_pack("{s:o, s:o, s:I, s:o}", "name", jsontext(end->name), "interface", jsontext(end->ifname), "ifindex",
	    (json_int_t)end->ifindex, "netns", end->netns != 0 ? json_integer(number(end->netns)) : json_null());
}

static json_t *
pair_object(const struct message_pair *p)
{
	const char *user = user_name(p->uid);
	time_t since = (time_t)p->since;
	char text[TIME_BYTES] = "";
	struct tm tm;

	if (gmtime_r(&since, &tm) != NULL) {
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	return json_pack("{s:o, s:o, s:b, s:{s:I, s:I, s:o, s:o}, s:s}", "a", pair_end_object(&p->ends[0]), "b",
	    pair_end_object(&p->ends[1]), "held", p->held != 0, "maker", "pid", (json_int_t)p->pid, "uid", (json_int_t)p->uid, "user",
	    user != NULL ? jsontext(user) : json_null(), "program", jsontext(p->program), "since", text);
}

int
output_pair_json(FILE *out, const char *socket_path, const struct message_pair *pairs, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(list, pair_object(&pairs[i])) < 0) {
			json_decref(list);
			errno = ENOMEM;
			return -1;
		}
	}
	return write_document(out,
	    json_pack("{s:i, s:o, s:o}", "version", OUTPUT_JSON_VERSION, "socket", jsontext(socket_path), "pairs", list),
	    JSON_INDENT(2));
}
