/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - the configuration file (libconfuse).  See config.h and tuntapd.conf(5).
 *
 * Theory of operation.  The text goes through four steps, and each tells all that it finds.
 *
 *	tokens	conftext.c: what is no token is wrong; comments are blanked
 *	walk	here: NAME = VALUE, NAME += { VALUE, ... } and BLOCK TITLE { ... } are recognised.  A name that does not exist, or
 *		stands where it must not, is told with a suggestion and blanked, so that the rest can be looked at; of each value it
 *		is noted where it stands
 *	parse	libconfuse, to which all values are strings
 *	take	here: keys[] says what each value must be.  What stands outside of all blocks holds for every device, then what a block
 *		of a kind says, then the device's own block; the order in the file does not matter
 *
 * A file that says something wrong is refused whole: a daemon that guesses a mode is worse than none.
 *
 * Limits.  One pointer at file scope, while a file is parsed: libconfuse hands its error function nothing of the caller's, and has state of
 * its own, so files are read one at a time.
 */
#include "config.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "conftext.h"
#include "confvalue.h"
#include "hook.h"
#include "link.h"
#include "log.h"
#include "pairs.h"

/* linux/if_ether.h ETH_MIN_MTU; drivers/net/tun.c MAX_MTU, for a tap less its Ethernet header. */
#define MTU_MIN 68
#define MTU_MAX_TUN 65535
#define MTU_MAX_TAP 65521
/* RFC 8200, 5: less than this carries no IPv6. */
#define MTU_MIN_IPV6 1280
/* Half a million packets of memory are nobody's wish. */
#define QUEUE_PACKETS_MAX 100000
#define DEVICES_PER_USER_MAX DEVICE_PLACES_MAX

enum { AT_TOP = 1, AT_DEVICE = 2, AT_NAMES = 4, AT_ALL = 7 };

/* Whom a value is for. */
struct target {
	struct policy *policy;
	struct device_policy *device;
	uint8_t kind; /* enum device_kind; 0: both */
	bool single;  /* one device's block, not a default for several */
};

/* NULL, or what is wrong with text; may write that into why, CONFVALUE_WHY_SIZE bytes. */
typedef const char *take_value(struct target *to, const char *text, char *why);

struct key {
	const char *name;
	unsigned where; /* AT_ bits */
	bool list;
	take_value *take;
};

/* A place of values: the file outside of blocks, or a block. */
struct section {
	unsigned where;       /* one AT_ bit */
	uint32_t token;       /* its title's; the file: none */
	struct device_id id;  /* device blocks: unit DEVICE_UNIT_NAMED: of the whole kind */
	cfg_t *cfg;
};

/* Where a value stands. */
struct place {
	unsigned section;
	unsigned key;
	uint32_t token;
};

#define SECTIONS_MAX (1 + POLICY_BLOCKS_MAX + POLICY_NAMES_MAX)

struct reading {
	struct conftext text;
	struct section sections[SECTIONS_MAX]; /* [0]: outside of blocks */
	unsigned section_count, device_blocks, names_blocks;
	struct place *places;
	unsigned place_count, place_capacity;
	uint32_t stuck;      /* the token where the walk found no sense; token_count: none */
	char complaint[192]; /* libconfuse's */
	int complaint_line;
};

static struct reading *parsed_now;

static const char *
take_units(uint16_t *units, const char *text, char *why)
{
	uint32_t number;
	const char *wrong = confvalue_number(text, 0, DEVICE_UNITS_MAX, &number, why);

	if (wrong == NULL) {
		*units = (uint16_t)number;
	}
	return wrong;
}

static const char *
take_tun_units(struct target *to, const char *text, char *why)
{
	return take_units(&to->policy->tun_units, text, why);
}

static const char *
take_tap_units(struct target *to, const char *text, char *why)
{
	return take_units(&to->policy->tap_units, text, why);
}

static const char *
take_nodes(struct target *to, const char *text, char *why)
{
	const char *wrong = confvalue_bool(text, &to->policy->nodes, why);

	return wrong == NULL && to->policy->nodes ? os_nodes_missing() : wrong;
}

static const char *
take_devices_per_user(struct target *to, const char *text, char *why)
{
	return confvalue_number(text, 0, DEVICES_PER_USER_MAX, &to->policy->devices_per_user, why);
}

static const char *
take_pairs_group(struct target *to, const char *text, char *why)
{
	const char *wrong = confvalue_group(text, &to->policy->pairs_group, why);

	to->policy->pairs_by_group = wrong == NULL;
	return wrong;
}

static const char *
take_pairs_per_user(struct target *to, const char *text, char *why)
{
	return confvalue_number(text, 0, PAIRS_MAX, &to->policy->pairs_per_user, why);
}

static const char *
take_pairs_names(struct target *to, const char *text, char *why)
{
	if (text[0] == '\0' || strlen(text) >= POLICY_PATTERN_SIZE) {
		return "this is no pattern of names, or is too long for one";
	}
	snprintf(to->policy->pairs_names, sizeof(to->policy->pairs_names), "%s", text);
	return NULL;
}

static const char *
take_pairs_address(struct target *to, const char *text, char *why)
{
	struct policy *p = to->policy;
	struct netif_address *address = &p->pairs_addresses[p->pairs_address_count];
	const char *wrong;

	if (p->pairs_address_count == POLICY_ADDRESSES_MAX) {
		return "these are too many prefixes";
	}
	wrong = confvalue_address(text, address, why);
	if (wrong == NULL && address->has_peer) {
		return "this is no prefix";
	}
	p->pairs_address_count += wrong == NULL;
	return wrong;
}

static const char *
take_owner(struct target *to, const char *text, char *why)
{
	return confvalue_user(text, &to->device->entry.uid, why);
}

static const char *
take_group(struct target *to, const char *text, char *why)
{
	return confvalue_group(text, &to->device->entry.gid, why);
}

static const char *
take_mode(struct target *to, const char *text, char *why)
{
	return confvalue_mode(text, &to->device->entry.mode);
}

static const char *
take_program(struct target *to, const char *text, char *why)
{
	struct device_policy *d = to->device;
	const char *wrong;

	if (d->program_count == POLICY_PROGRAMS_MAX) {
		return "these are too many programs";
	}
	wrong = confvalue_path(text, d->programs[d->program_count], POLICY_PATH_SIZE);
	if (wrong == NULL) {
		d->program_count++;
	}
	return wrong;
}

static const char *
take_link(struct target *to, const char *text, char *why)
{
	const char *names[LINKS_MAX + 2] = {"auto"};
	const struct link_ops *link = link_find(text);
	const char *near;

	if (strcmp(text, "auto") == 0) {
		to->device->link[0] = '\0';
		return NULL;
	}
	if (link == NULL) {
		link_names(names + 1);
		near = conftext_nearest(text, names);
		snprintf(why, CONFVALUE_WHY_SIZE, "there is no link '%.32s'%s%s%s", text, near != NULL ? "; did you mean '" : "",
		    near != NULL ? near : "", near != NULL ? "'?" : "");
		return why;
	}
	if (to->kind != 0 && (link->kinds & (1u << to->kind)) == 0) {
		snprintf(why, CONFVALUE_WHY_SIZE, "the link '%s' makes no %s devices", text, devname_kind(to->kind));
		return why;
	}
	snprintf(to->device->link, sizeof(to->device->link), "%s", text);
	return NULL;
}

static const char *
take_prefer_kext(struct target *to, const char *text, char *why)
{
	return confvalue_bool(text, &to->device->prefer_kext, why);
}

static const char *
take_mtu(struct target *to, const char *text, char *why)
{
	return confvalue_number(text, MTU_MIN, to->kind == DEVICE_TUN ? MTU_MAX_TUN : MTU_MAX_TAP, &to->device->mtu, why);
}

static const char *
take_mac(struct target *to, const char *text, char *why)
{
	struct device_policy *d = to->device;
	const char *wrong;

	if (to->kind == DEVICE_TUN) {
		return "a tun device has no MAC address";
	}
	if (strcmp(text, "random") == 0) {
		d->mac_kind = POLICY_MAC_RANDOM;
		return NULL;
	}
	if (strcmp(text, "stable") == 0) {
		d->mac_kind = POLICY_MAC_STABLE;
		return NULL;
	}
	wrong = confvalue_mac(text, d->mac);
	if (wrong == NULL && !to->single) {
		return "several devices cannot have one MAC address: give it in the block of one device";
	}
	d->mac_kind = POLICY_MAC_FIXED;
	return wrong;
}

static const char *
take_queue_length(struct target *to, const char *text, char *why)
{
	return confvalue_number(text, 1, QUEUE_PACKETS_MAX, &to->device->queue_packets, why);
}

static const char *
take_address(struct target *to, const char *text, char *why)
{
	struct device_policy *d = to->device;
	struct netif_address *address = &d->addresses[d->address_count];
	const char *wrong;

	if (!to->single) {
		return "several devices cannot have one address: give it in the block of one device";
	}
	if (d->address_count == POLICY_ADDRESSES_MAX) {
		return "these are too many addresses";
	}
	wrong = confvalue_address(text, address, why);
	if (wrong == NULL) {
		/* As ifconfig has it; a tun device, and a net of one or two, have none. */
		address->broadcast = to->kind != DEVICE_TUN && address->family == 4 && !address->has_peer && address->prefix < 31;
		d->address_count++;
	}
	return wrong;
}

static const char *
take_route(struct target *to, const char *text, char *why)
{
	struct device_policy *d = to->device;
	const char *wrong;

	if (!to->single) {
		return "several devices cannot have one route: give it in the block of one device";
	}
	if (d->route_count == POLICY_ROUTES_MAX) {
		return "these are too many routes";
	}
	wrong = confvalue_route(text, &d->routes[d->route_count], why);
	if (wrong == NULL) {
		d->route_count++;
	}
	return wrong;
}

static const char *
take_up(struct target *to, const char *text, char *why)
{
	bool up = false;
	const char *wrong = confvalue_bool(text, &up, why);

	to->device->up = up ? POLICY_UP_YES : POLICY_UP_NO;
	return wrong;
}

static const char *
take_up_on_address(struct target *to, const char *text, char *why)
{
	return confvalue_bool(text, &to->device->up_on_address, why);
}

static const char *
take_persistent(struct target *to, const char *text, char *why)
{
	return confvalue_bool(text, &to->device->persistent, why);
}

static const char *
take_bridge(struct target *to, const char *text, char *why)
{
	if (to->kind != DEVICE_TAP) {
		return "only a tap device can be in a bridge: a tun device carries no Ethernet frames";
	}
	if (strlen(text) >= sizeof(to->device->bridge) || strpbrk(text, "/ \t\n:") != NULL) {
		snprintf(why, CONFVALUE_WHY_SIZE, "'%.32s' is not the name of an interface", text);
		return why;
	}
	strcpy(to->device->bridge, text);
	return NULL;
}

static const char *
take_nat(struct target *to, const char *text, char *why)
{
	return confvalue_bool(text, &to->device->nat, why);
}

static const char *
take_interface_names(struct target *to, const char *text, char *why)
{
	if (strcmp(text, "device") != 0 && strcmp(text, "kernel") != 0) {
		snprintf(why, CONFVALUE_WHY_SIZE, "'%.32s' is neither \"device\" nor \"kernel\"", text);
		return why;
	}
	to->device->kernel_name = strcmp(text, "kernel") == 0;
	return NULL;
}

static const char *
take_hook(char path[POLICY_PATH_SIZE], const char *text, char *why)
{
	const char *wrong;

	if (text[0] == '\0') {
		path[0] = '\0'; /* none, where more is said outside */
		return NULL;
	}
	wrong = confvalue_path(text, path, POLICY_PATH_SIZE);
	if (wrong == NULL && hook_check(path, why, CONFVALUE_WHY_SIZE) < 0) {
		wrong = why;
	}
	return wrong;
}

static const char *
take_open_hook(struct target *to, const char *text, char *why)
{
	return take_hook(to->device->open_hook, text, why);
}

static const char *
take_close_hook(struct target *to, const char *text, char *why)
{
	return take_hook(to->device->close_hook, text, why);
}

static const char *
take_capture(struct target *to, const char *text, char *why)
{
	if (strcmp(text, "opener") != 0 && strcmp(text, "permitted") != 0) {
		snprintf(why, CONFVALUE_WHY_SIZE, "'%.32s' is neither \"opener\" nor \"permitted\"", text);
		return why;
	}
	to->device->capture_permitted = strcmp(text, "permitted") == 0;
	return NULL;
}

static const struct key keys[] = {
	{"tun-units", AT_TOP, false, take_tun_units},
	{"tap-units", AT_TOP, false, take_tap_units},
	{"nodes", AT_TOP, false, take_nodes},
	{"devices-per-user", AT_TOP, false, take_devices_per_user},
	{"pairs-group", AT_TOP, false, take_pairs_group},
	{"pairs-per-user", AT_TOP, false, take_pairs_per_user},
	{"pairs-names", AT_TOP, false, take_pairs_names},
	{"pairs-addresses", AT_TOP, true, take_pairs_address},
	{"owner", AT_ALL, false, take_owner},
	{"group", AT_ALL, false, take_group},
	{"mode", AT_ALL, false, take_mode},
	{"programs", AT_ALL, true, take_program},
	{"link", AT_TOP | AT_DEVICE, false, take_link},
	{"prefer-kext", AT_TOP | AT_DEVICE, false, take_prefer_kext},
	{"mtu", AT_ALL, false, take_mtu},
	{"mac", AT_ALL, false, take_mac},
	{"queue-length", AT_ALL, false, take_queue_length},
	{"up", AT_ALL, false, take_up},
	{"up-on-address", AT_TOP | AT_DEVICE, false, take_up_on_address},
	{"addresses", AT_DEVICE, true, take_address},
	{"routes", AT_DEVICE, true, take_route},
	{"bridge", AT_DEVICE, false, take_bridge},
	{"nat", AT_DEVICE, false, take_nat},
	{"persistent", AT_DEVICE, false, take_persistent},
	{"interface-names", AT_TOP | AT_DEVICE, false, take_interface_names},
	{"capture", AT_TOP | AT_DEVICE, false, take_capture},
	{"open-hook", AT_ALL, false, take_open_hook},
	{"close-hook", AT_ALL, false, take_close_hook},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const block_names[] = {"device", "names", NULL};

/* KEYS if there is none of that name. */
static unsigned
find_key(const struct conftext *t, const struct conftext_token *token)
{
	unsigned key = 0;

	while (key < KEYS && !conftext_is(t, token, keys[key].name)) {
		key++;
	}
	return key;
}

static void
complain_at(struct reading *r, uint32_t token, const char *text)
{
	const struct conftext_token *t = &r->text.tokens[token];

	conftext_error(&r->text, t->line, t->column, "%s", text);
}

/* What is written instead of a key or of a block's name; other may be NULL. */
static void
suggest(struct reading *r, uint32_t token, const char *what, const char *near)
{
	const struct conftext_token *t = &r->text.tokens[token];
	char name[64];

	conftext_copy(&r->text, t, name, sizeof(name));
	if (near != NULL) {
		conftext_error(&r->text, t->line, t->column, "there is no %s '%s'; did you mean '%s'?", what, name, near);
	} else {
		conftext_error(&r->text, t->line, t->column, "there is no %s '%s'", what, name);
	}
}

static void
suggest_key(struct reading *r, uint32_t token, unsigned where)
{
	const char *names[KEYS + 1];
	unsigned count = 0;
	char name[64];

	for (unsigned i = 0; i < KEYS; i++) {
		if ((keys[i].where & where) != 0) {
			names[count++] = keys[i].name;
		}
	}
	names[count] = NULL;
	conftext_copy(&r->text, &r->text.tokens[token], name, sizeof(name));
	suggest(r, token, "key", conftext_nearest(name, names));
}

static int
add_place(struct reading *r, unsigned section, unsigned key, uint32_t token)
{
	if (r->place_count == r->place_capacity) {
		unsigned capacity = r->place_capacity > 0 ? 2 * r->place_capacity : 64;
		struct place *places = realloc(r->places, capacity * sizeof(*places));

		if (places == NULL) {
			return -1;
		}
		r->places = places;
		r->place_capacity = capacity;
	}
	r->places[r->place_count++] = (struct place){.section = section, .key = key, .token = token};
	return 0;
}

/* The token of the nth value of a key, or that of the section where there is none. */
static uint32_t
find_place(const struct reading *r, unsigned section, unsigned key, unsigned nth)
{
	for (unsigned i = 0; i < r->place_count; i++) {
		if (r->places[i].section == section && r->places[i].key == key && nth-- == 0) {
			return r->places[i].token;
		}
	}
	return r->sections[section].token;
}

static char
mark_at(const struct reading *r, uint32_t token)
{
	return token < r->text.token_count ? r->text.tokens[token].mark : '\0';
}

static bool
is_text(char mark)
{
	return mark == 'w' || mark == '"';
}

/* The end of what stands at token: a value, a list, or past the brace that closes one opened before. */
static uint32_t
end_of_list(const struct reading *r, uint32_t token)
{
	unsigned depth = 0;

	for (; token < r->text.token_count; token++) {
		depth += mark_at(r, token) == '{';
		if (mark_at(r, token) == '}' && --depth == 0) {
			return token + 1;
		}
	}
	return token;
}

/*
 * NAME = VALUE or NAME = { VALUE, ... }; token: the name.  0 and *token past it; 1: no sense from *token on; -1: no memory.
 */
static int
walk_values(struct reading *r, unsigned section, uint32_t *token)
{
	uint32_t name = *token, at = *token + 2, first = at;
	unsigned key = find_key(&r->text, &r->text.tokens[name]), where = r->sections[section].where;
	bool list = mark_at(r, at) == '{', append = mark_at(r, name + 1) == '+', known = key < KEYS && (keys[key].where & where) != 0;

	if (list) {
		at = end_of_list(r, at);
	} else if (is_text(mark_at(r, at))) {
		at++;
	} else {
		*token = at;
		return 1;
	}
	*token = at;
	if (key == KEYS) {
		suggest_key(r, name, where);
	} else if (!known) {
		complain_at(r, name, where == AT_TOP ? "this belongs in the block of a device" :
		    where == AT_NAMES && (keys[key].where & AT_DEVICE) != 0 ? "this is for the block of a device, not of names" :
		    "this is for the file as a whole: write it outside of blocks");
	} else if (!keys[key].list && (list || append)) {
		complain_at(r, name, "this takes one value");
		known = false;
	} else if (!append && find_place(r, section, key, 0) != r->sections[section].token) {
		complain_at(r, name, "this has a value already");
		known = false;
	}
	if (!known) {
		conftext_blank(&r->text, name, at);
		return 0;
	}
	for (; first < at; first++) {
		if (is_text(mark_at(r, first)) && add_place(r, section, key, first) < 0) {
			return -1;
		}
	}
	return 0;
}

/* A title that is no device's, or has a block already, or is past the bounds.  NULL: it is good. */
static const char *
check_device_title(struct reading *r, uint32_t title, struct device_id *id)
{
	char name[64];

	conftext_copy(&r->text, &r->text.tokens[title], name, sizeof(name));
	if (strcmp(name, "tun") == 0 || strcmp(name, "tap") == 0) {
		*id = (struct device_id){.kind = name[1] == 'u' ? DEVICE_TUN : DEVICE_TAP, .unit = DEVICE_UNIT_NAMED};
	} else if (!devname_parse(name, id)) {
		return "this is not the name of a device: those are tun0, tun1, ... and tap0, tap1, ..., and tun and tap for all of a kind";
	} else if (!device_id_valid(*id)) {
		return "there are not that many: see tun-units and tap-units";
	}
	for (unsigned i = 1; i < r->section_count; i++) {
		if (r->sections[i].where == AT_DEVICE && device_id_equal(r->sections[i].id, *id)) {
			return "this device has a block already";
		}
	}
	return r->device_blocks == POLICY_BLOCKS_MAX ? "these are too many blocks of devices" : NULL;
}

static const char *
check_names_title(struct reading *r, uint32_t title)
{
	const struct conftext_token *t = &r->text.tokens[title];

	if (t->length >= POLICY_PATTERN_SIZE) {
		return "no interface has a name that long";
	}
	for (unsigned i = 1; i < r->section_count; i++) {
		char other[POLICY_PATTERN_SIZE];

		if (r->sections[i].where == AT_NAMES && conftext_is(&r->text, t,
		    conftext_copy(&r->text, &r->text.tokens[r->sections[i].token], other, sizeof(other)))) {
			return "this pattern has a block already";
		}
	}
	return r->names_blocks == POLICY_NAMES_MAX ? "these are too many blocks of names" : NULL;
}

/* BLOCK TITLE {; token: the block's name.  0: *section is new; 1: told, and blanked up to *token. */
static int
enter_block(struct reading *r, uint32_t *token, unsigned *section)
{
	uint32_t name = *token, title = name + 1;
	struct section s = {.where = AT_NAMES, .token = title};
	const char *wrong;
	char text[64];

	*token = end_of_list(r, name + 2);
	if (conftext_is(&r->text, &r->text.tokens[name], "device")) {
		s.where = AT_DEVICE;
		wrong = check_device_title(r, title, &s.id);
	} else if (conftext_is(&r->text, &r->text.tokens[name], "names")) {
		wrong = check_names_title(r, title);
	} else {
		conftext_copy(&r->text, &r->text.tokens[name], text, sizeof(text));
		suggest(r, name, "block", conftext_nearest(text, block_names));
		conftext_blank(&r->text, name, *token);
		return 1;
	}
	if (wrong != NULL) {
		complain_at(r, title, wrong);
		conftext_blank(&r->text, name, *token);
		return 1;
	}
	r->device_blocks += s.where == AT_DEVICE;
	r->names_blocks += s.where == AT_NAMES;
	*section = r->section_count++;
	r->sections[*section] = s;
	return 0;
}

/* The statements of a file.  Where there is no sense to be found the parser says what it misses.  0, or -1 with ENOMEM. */
static int
walk(struct reading *r)
{
	uint32_t token = 0;
	unsigned section = 0;

	while (token < r->text.token_count) {
		char next = mark_at(r, token + 1);
		int result = 1;

		if (mark_at(r, token) == '}' && section != 0) {
			section = 0;
			token++;
			continue;
		}
		if (mark_at(r, token) == 'w' && (next == '=' || next == '+')) {
			result = walk_values(r, section, &token);
		} else if (mark_at(r, token) == 'w' && section == 0 && is_text(next) && mark_at(r, token + 2) == '{') {
			uint32_t past = token + 3;

			result = enter_block(r, &token, &section);
			token = result == 0 ? past : token;
			result = 0;
		}
		if (result != 0) {
			r->stuck = token;
			return result < 0 ? -1 : 0;
		}
	}
	if (section != 0) {
		complain_at(r, r->sections[section].token, "this block is not closed");
	}
	return 0;
}

static __attribute__((format(printf, 2, 0))) void
on_parse_error(cfg_t *cfg, const char *format, va_list args)
{
	if (parsed_now != NULL && parsed_now->complaint[0] == '\0') {
		vsnprintf(parsed_now->complaint, sizeof(parsed_now->complaint), format, args);
		parsed_now->complaint_line = cfg->line;
	}
}

/* Options of a place in the file; room for KEYS + 1 more than blocks. */
static void
list_options(unsigned where, cfg_opt_t *options)
{
	for (unsigned i = 0; i < KEYS; i++) {
		if ((keys[i].where & where) == 0) {
			continue;
		}
		if (keys[i].list) {
			*options++ = (cfg_opt_t)CFG_STR_LIST(keys[i].name, NULL, CFGF_NODEFAULT);
		} else {
			*options++ = (cfg_opt_t)CFG_STR(keys[i].name, NULL, CFGF_NODEFAULT);
		}
	}
	*options = (cfg_opt_t)CFG_END();
}

/* NULL with EX_OSERR, or with EX_CONFIG after what is wrong is noted. */
static cfg_t *
parse(struct reading *r, int *status)
{
	cfg_opt_t device[KEYS + 1], names[KEYS + 1], top[KEYS + 3] = {
		CFG_SEC("device", device, CFGF_MULTI | CFGF_TITLE),
		CFG_SEC("names", names, CFGF_MULTI | CFGF_TITLE),
	};
	cfg_t *cfg;
	int result;

	list_options(AT_DEVICE, device);
	list_options(AT_NAMES, names);
	list_options(AT_TOP, top + 2);
	cfg = cfg_init(top, CFGF_NONE);
	if (cfg == NULL) {
		*status = EX_OSERR;
		return NULL;
	}
	cfg_set_error_function(cfg, on_parse_error);
	parsed_now = r;
	result = cfg_parse_buf(cfg, r->text.text);
	parsed_now = NULL;
	if (result == CFG_SUCCESS && r->stuck == r->text.token_count) {
		return cfg;
	}
	*status = EX_CONFIG;
	if (r->stuck < r->text.token_count || result == CFG_SUCCESS || r->complaint_line <= 0) {
		complain_at(r, r->stuck, r->complaint[0] != '\0' ? r->complaint : "this has no meaning here");
	} else {
		conftext_error(&r->text, (uint32_t)r->complaint_line, 1, "%s", r->complaint);
	}
	cfg_free(cfg);
	return NULL;
}

/* The parser's blocks, in the file's order, as the walk noted them. */
static void
join_sections(struct reading *r, cfg_t *cfg)
{
	unsigned devices = 0, names = 0;

	r->sections[0].cfg = cfg;
	for (unsigned i = 1; i < r->section_count; i++) {
		r->sections[i].cfg = r->sections[i].where == AT_DEVICE ? cfg_getnsec(cfg, "device", devices++) :
		    cfg_getnsec(cfg, "names", names++);
	}
}

static unsigned
key_of(const char *(*take)(struct target *to, const char *text, char *why))
{
	unsigned key = 0;

	while (keys[key].take != take) {
		key++;
	}
	return key;
}

/*
 * An interface that stays while nobody holds its device: not every link has that.  Told where one of both is said, and not in each block
 * that takes it over.
 */
static void
check_persistent(struct reading *r, unsigned section, const struct device_policy *d, uint8_t kind)
{
	const struct link_ops *link = d->link[0] != '\0' ? link_find(d->link) : link_auto(kind);
	unsigned said = key_of(take_persistent);
	char why[CONFVALUE_WHY_SIZE];

	if (find_place(r, section, said, 0) == r->sections[section].token) {
		said = key_of(take_link);
	}
	if (!d->persistent || link == NULL || (link->kinds & (1u << kind)) == 0 || link->keep != NULL ||
	    find_place(r, section, said, 0) == r->sections[section].token) {
		return;
	}
	snprintf(why, sizeof(why), "the link '%s' makes no persistent interfaces: they would go with their last program", link->name);
	complain_at(r, find_place(r, section, said, 0), why);
}

/* What is right by itself and not with the rest. */
static void
check_together(struct reading *r, unsigned section, const struct device_policy *d, uint8_t kind)
{
	if (kind != 0) {
		check_persistent(r, section, d, kind);
	}
	if (d->route_count > 0 && !policy_brings_up(d)) {
		complain_at(r, find_place(r, section, key_of(take_route), 0), "a route needs the interface to be up: say up = true");
	}
	if (d->nat && d->address_count == 0) {
		complain_at(r, find_place(r, section, key_of(take_nat), 0), "nat needs addresses: their networks are what is translated");
	}
	if (d->nat && d->bridge[0] != '\0') {
		complain_at(r, find_place(r, section, key_of(take_nat), 0), "a device is in a bridge or behind nat, not both");
	}
	for (unsigned i = 0; i < d->address_count; i++) {
		if (d->addresses[i].family == 6 && d->mtu != 0 && d->mtu < MTU_MIN_IPV6) {
			complain_at(r, find_place(r, section, key_of(take_address), i), "with an MTU of less than 1280 there is no IPv6");
		}
	}
}

static void
take_section(struct reading *r, unsigned section, struct target *to)
{
	const struct section *s = &r->sections[section];

	for (unsigned key = 0; key < KEYS; key++) {
		unsigned count = (keys[key].where & s->where) != 0 ? cfg_size(s->cfg, keys[key].name) : 0;

		if (keys[key].take == take_program && count > 0) {
			to->device->program_count = 0; /* in place of what was said outside */
		}
		for (unsigned i = 0; i < count; i++) {
			const char *text = cfg_getnstr(s->cfg, keys[key].name, i);
			char why[CONFVALUE_WHY_SIZE];
			const char *wrong = keys[key].take(to, text != NULL ? text : "", why);

			if (wrong != NULL) {
				complain_at(r, find_place(r, section, key, i), wrong);
			}
		}
	}
	check_together(r, section, to->device, to->kind);
}

static void
take_device_block(struct reading *r, unsigned section, struct policy *p)
{
	const struct section *s = &r->sections[section];
	bool kind_block = s->id.unit == DEVICE_UNIT_NAMED;
	unsigned of_kind = s->id.kind == DEVICE_TUN ? POLICY_TUN : POLICY_TAP;
	unsigned index = kind_block ? of_kind : p->device_count++;
	struct target to = {.policy = p, .device = &p->devices[index], .kind = s->id.kind, .single = !kind_block};

	if (!kind_block) {
		p->devices[index] = p->devices[of_kind];
		p->index[s->id.kind - DEVICE_TUN][s->id.unit] = (uint8_t)index;
		if (!policy_has(p, s->id)) {
			complain_at(r, s->token, "there are not that many: see tun-units and tap-units");
		}
	}
	take_section(r, section, &to);
}

/* All values; the outermost first, since the others begin as copies of it. */
static void
take_all(struct reading *r, struct policy *p)
{
	struct target top = {.policy = p, .device = &p->devices[POLICY_TOP]};

	take_section(r, 0, &top);
	p->devices[POLICY_TUN] = p->devices[POLICY_TAP] = p->devices[POLICY_TOP];
	p->devices[POLICY_TUN].mac_kind = POLICY_MAC_RANDOM;
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 1; i < r->section_count; i++) {
			bool kind_block = r->sections[i].id.unit == DEVICE_UNIT_NAMED;

			if (r->sections[i].where == AT_DEVICE && kind_block == (turn == 0)) {
				take_device_block(r, i, p);
			}
		}
	}
	for (unsigned i = 1; i < r->section_count; i++) {
		struct names_policy *names = &p->names[p->names_count];
		struct target to = {.policy = p, .device = &names->device};

		if (r->sections[i].where == AT_NAMES) {
			names->device = p->devices[POLICY_TOP];
			snprintf(names->pattern, sizeof(names->pattern), "%s", cfg_title(r->sections[i].cfg));
			p->names_count++;
			take_section(r, i, &to);
		}
	}
}

static void
tell(struct reading *r, const char *name, const struct config_listener *listener)
{
	struct conftext *t = &r->text;
	char line[512];

	conftext_sort_errors(t);
	for (unsigned i = 0; i < t->error_count && i < CONFTEXT_ERRORS_MAX; i++) {
		snprintf(line, sizeof(line), "%s:%u:%u: %s", name, (unsigned)t->errors[i].line, (unsigned)t->errors[i].column,
		    t->errors[i].text);
		listener->say(listener->argument, line);
	}
	if (t->error_count > CONFTEXT_ERRORS_MAX) {
		snprintf(line, sizeof(line), "%s: %u more errors", name, t->error_count - CONFTEXT_ERRORS_MAX);
		listener->say(listener->argument, line);
	}
}

static void
tell_errno(const char *name, const struct config_listener *listener)
{
	char line[512];

	snprintf(line, sizeof(line), "%s: %s", name, errno == EFBIG ? "larger than 256 KiB" :
	    errno == EINVAL ? "this is no text" : strerror(errno));
	listener->say(listener->argument, line);
}

/* After the text is read. */
static int
make_policy(struct reading *r, struct policy **policy)
{
	int status = EX_OSERR;
	cfg_t *cfg;

	r->sections[0].where = AT_TOP;
	r->sections[0].token = r->text.token_count;
	r->section_count = 1;
	r->stuck = r->text.token_count;
	/* What is no token, and so was passed over, would only mislead the steps below. */
	if (r->text.error_count > 0) {
		return EX_CONFIG;
	}
	*policy = policy_new();
	if (*policy == NULL || walk(r) < 0) {
		return EX_OSERR;
	}
	cfg = parse(r, &status);
	if (cfg == NULL) {
		return status;
	}
	join_sections(r, cfg);
	take_all(r, *policy);
	cfg_free(cfg);
	return r->text.error_count > 0 ? EX_CONFIG : EX_OK;
}

int
config_parse(struct policy **policy, const char *name, const char *text, size_t length, const struct config_listener *listener)
{
	struct reading *r = calloc(1, sizeof(*r));
	int status = EX_OSERR;

	*policy = NULL;
	if (r == NULL) {
		goto out;
	}
	if (conftext_read(&r->text, text, length) < 0) {
		status = errno == ENOMEM ? EX_OSERR : EX_CONFIG;
		goto out;
	}
	errno = ENOMEM;
	status = make_policy(r, policy);
	tell(r, name, listener);
out:
	if (status == EX_OSERR || (r != NULL && status != EX_OK && r->text.error_count == 0)) {
		tell_errno(name, listener);
	}
	if (status != EX_OK) {
		policy_free(*policy);
		*policy = NULL;
	}
	if (r != NULL) {
		conftext_free(&r->text);
		free(r->places);
		free(r);
	}
	return status;
}

/* The whole file, one byte more than is allowed at most.  NULL with errno. */
static char *
read_file(const char *path, size_t *length)
{
	const size_t room = CONFTEXT_BYTES_MAX + 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	char *text = fd >= 0 ? malloc(room) : NULL;
	ssize_t n = -1;

	*length = 0;
	while (text != NULL && *length < room && (n = read(fd, text + *length, room - *length)) > 0) {
		*length += (size_t)n;
	}
	saved = errno;
	if (text != NULL && n < 0) {
		free(text);
		text = NULL;
	}
	if (fd >= 0) {
		close(fd);
	}
	errno = saved;
	return text;
}

int
config_load(struct policy **policy, const char *path, const struct config_listener *listener)
{
	bool named = path != NULL;
	size_t length;
	char *text;
	int status;

	path = named ? path : CONFIG_PATH_DEFAULT;
	text = read_file(path, &length);
	if (text == NULL && !named && errno == ENOENT) {
		return config_parse(policy, path, "", 0, listener);
	}
	if (text == NULL) {
		*policy = NULL;
		tell_errno(path, listener);
		return EX_NOINPUT;
	}
	status = config_parse(policy, path, text, length, listener);
	free(text);
	return status;
}

static void
say_in_log(void *argument, const char *line)
{
	log_errorx("%s", line);
}

const struct config_listener config_log = {.say = say_in_log};
