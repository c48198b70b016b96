/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confshow.c - a policy written as a configuration file, with everything in it that holds.  See config.h.
 *
 * A file that this writes, read again, makes the same policy.  A block shows all of what holds for its device, and not only where it
 * differs from what holds for others.
 */
#include "config.h"

#include <stdio.h>

#include "confvalue.h"

static void
show_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			fputc('\\', out);
		}
		fputc(*c, out);
	}
	fputc('"', out);
}

static void
show_text(FILE *out, const char *indent, const char *key, const char *text)
{
	fprintf(out, "%s%s = ", indent, key);
	show_quoted(out, text);
	fputc('\n', out);
}

static void
show_bool(FILE *out, const char *indent, const char *key, bool value)
{
	fprintf(out, "%s%s = %s\n", indent, key, value ? "true" : "false");
}

/* The nth value of a list goes between these. */
static void
show_comma(FILE *out, const char *indent, const char *key, unsigned nth)
{
	if (nth == 0) {
		fprintf(out, "%s%s = {", indent, key);
	} else {
		fputs(", ", out);
	}
}

static void
show_list_end(FILE *out, unsigned count)
{
	if (count > 0) {
		fputs("}\n", out);
	}
}

static void
show_mac(FILE *out, const char *indent, const struct device_policy *d)
{
	const uint8_t *m = d->mac;

	if (d->mac_kind == POLICY_MAC_FIXED) {
		fprintf(out, "%smac = \"%02x:%02x:%02x:%02x:%02x:%02x\"\n", indent, m[0], m[1], m[2], m[3], m[4], m[5]);
	} else {
		show_text(out, indent, "mac", d->mac_kind == POLICY_MAC_STABLE ? "stable" : "random");
	}
}

static void
show_lists(FILE *out, const char *indent, const struct device_policy *d)
{
	char text[CONFVALUE_TEXT_SIZE];

	for (unsigned i = 0; i < d->program_count; i++) {
		show_comma(out, indent, "programs", i);
		show_quoted(out, d->programs[i]);
	}
	show_list_end(out, d->program_count);
	for (unsigned i = 0; i < d->address_count; i++) {
		show_comma(out, indent, "addresses", i);
		confvalue_address_text(&d->addresses[i], text);
		show_quoted(out, text);
	}
	show_list_end(out, d->address_count);
	for (unsigned i = 0; i < d->route_count; i++) {
		show_comma(out, indent, "routes", i);
		confvalue_route_text(&d->routes[i], text);
		show_quoted(out, text);
	}
	show_list_end(out, d->route_count);
}

/* What every place may say; kind 0: of either. */
static void
show_common(FILE *out, const char *indent, uint8_t kind, const struct device_policy *d)
{
	fprintf(out, "%sowner = %u\n%sgroup = %u\n%smode = \"%04o\"\n", indent, (unsigned)d->entry.uid, indent,
	    (unsigned)d->entry.gid, indent, (unsigned)d->entry.mode);
	if (d->mtu != 0) {
		fprintf(out, "%smtu = %u\n", indent, (unsigned)d->mtu);
	}
	if (kind != DEVICE_TUN) {
		show_mac(out, indent, d);
	}
	if (d->queue_packets != 0) {
		fprintf(out, "%squeue-length = %u\n", indent, (unsigned)d->queue_packets);
	}
	if (d->up != POLICY_UP_DEFAULT) {
		show_bool(out, indent, "up", d->up == POLICY_UP_YES);
	}
	show_text(out, indent, "open-hook", d->open_hook);
	show_text(out, indent, "close-hook", d->close_hook);
	show_lists(out, indent, d);
}

/* What is for devices alone. */
static void
show_of_devices(FILE *out, const char *indent, const struct device_policy *d)
{
	show_text(out, indent, "link", d->link[0] != '\0' ? d->link : "auto");
	if (d->prefer_kext) {
		show_bool(out, indent, "prefer-kext", true);
	}
	show_text(out, indent, "interface-names", d->kernel_name ? "kernel" : "device");
	show_bool(out, indent, "up-on-address", d->up_on_address);
	show_text(out, indent, "capture", d->capture_permitted ? "permitted" : "opener");
}

static void
show_block(FILE *out, const char *title, uint8_t kind, const struct device_policy *d)
{
	fprintf(out, "\ndevice %s {\n", title);
	show_of_devices(out, "\t", d);
	show_common(out, "\t", kind, d);
	if (d->bridge[0] != '\0') {
		show_text(out, "\t", "bridge", d->bridge);
	}
	if (d->nat) {
		show_bool(out, "\t", "nat", true);
	}
	show_bool(out, "\t", "persistent", d->persistent);
	fputs("}\n", out);
}

static void
show_devices(const struct policy *policy, FILE *out)
{
	static const uint8_t kinds[] = {DEVICE_TUN, DEVICE_TAP};

	for (unsigned i = 0; i < sizeof(kinds); i++) {
		uint8_t kind = kinds[i];
		struct device_id id = {.kind = kind};
		char name[DEVNAME_SIZE];

		show_block(out, devname_kind(kind), kind, &policy->devices[kind == DEVICE_TUN ? POLICY_TUN : POLICY_TAP]);
		for (; policy_has(policy, id); id.unit++) {
			if (policy->index[kind - DEVICE_TUN][id.unit] >= POLICY_FIRST_BLOCK) {
				devname_format(id, name);
				show_block(out, name, kind, policy_device(policy, id));
			}
		}
	}
}

static void
show_pairs(const struct policy *policy, FILE *out)
{
	char text[CONFVALUE_TEXT_SIZE];

	if (policy->pairs_by_group) {
		fprintf(out, "pairs-group = %u\n", (unsigned)policy->pairs_group);
	}
	fprintf(out, "pairs-per-user = %u\n", (unsigned)policy->pairs_per_user);
	show_text(out, "", "pairs-names", policy->pairs_names);
	for (unsigned i = 0; i < policy->pairs_address_count; i++) {
		show_comma(out, "", "pairs-addresses", i);
		confvalue_address_text(&policy->pairs_addresses[i], text);
		show_quoted(out, text);
	}
	show_list_end(out, policy->pairs_address_count);
}

void
config_show(const struct policy *policy, const struct device_id *only, FILE *out)
{
	const struct device_policy *top = &policy->devices[POLICY_TOP];
	char name[DEVNAME_SIZE];

	if (only != NULL) {
		devname_format(*only, name);
		show_block(out, name, only->kind, policy_device(policy, *only));
		return;
	}
	fprintf(out, "tun-units = %u\ntap-units = %u\ndevices-per-user = %u\n", (unsigned)policy->tun_units,
	    (unsigned)policy->tap_units, (unsigned)policy->devices_per_user);
	if (policy->nodes) {
		show_bool(out, "", "nodes", true);
	}
	show_pairs(policy, out);
	show_of_devices(out, "", top);
	show_common(out, "", 0, top);
	show_devices(policy, out);
	for (unsigned i = 0; i < policy->names_count; i++) {
		fputs("\nnames ", out);
		show_quoted(out, policy->names[i].pattern);
		fputs(" {\n", out);
		show_common(out, "\t", 0, &policy->names[i].device);
		fputs("}\n", out);
	}
}
