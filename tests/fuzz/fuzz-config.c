/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-config.c - any bytes as the configuration file.
 *
 * A text is refused with at least one line that names a place in it, or is taken without a word; what is taken is within its bounds, and
 * what is shown of it is a text that makes the same policy.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/config.h"
#include "fuzz.h"

/* Longer texts are only slower. */
#define TEXT_BYTES_MAX 8192

unsigned long fuzz_accepted;

struct told {
	unsigned lines;
	size_t text_lines; /* in the text */
};

static void
hear(void *argument, const char *line)
{
	struct told *told = argument;
	unsigned number, column;

	told->lines++;
	fuzz_must(strchr(line, '\n') == NULL, "one line at a time");
	if (sscanf(line, "conf:%u:%u: ", &number, &column) == 2) {
		fuzz_must(number >= 1 && number <= told->text_lines && column >= 1, "the place is in the text");
	} else {
		fuzz_must(strcmp(line, "conf: this is no text") == 0 || strstr(line, " more errors") != NULL, "a line without a place");
	}
}

static void
device_must_hold(const struct device_policy *d)
{
	fuzz_must(d->address_count <= POLICY_ADDRESSES_MAX && d->route_count <= POLICY_ROUTES_MAX &&
	    d->program_count <= POLICY_PROGRAMS_MAX, "counts");
	fuzz_must(d->entry.mode <= 0777 && (d->mtu == 0 || (d->mtu >= 68 && d->mtu <= 65535)), "mode and MTU");
	fuzz_must(memchr(d->link, '\0', sizeof(d->link)) != NULL && memchr(d->open_hook, '\0', sizeof(d->open_hook)) != NULL, "texts");
	fuzz_must(d->route_count == 0 || policy_brings_up(d), "routes need the interface up");
	fuzz_must(d->mac_kind != POLICY_MAC_FIXED || (d->mac[0] & 1) == 0, "no group's MAC address");
	for (unsigned i = 0; i < d->address_count; i++) {
		fuzz_must(d->addresses[i].prefix <= (d->addresses[i].family == 4 ? 32 : 128), "prefix");
	}
}

static void
policy_must_hold(const struct policy *p)
{
	struct told told = {0};
	struct policy *again;
	char *shown = NULL;
	size_t length = 0;
	FILE *out;

	fuzz_must(p->tun_units <= DEVICE_UNITS_MAX && p->tap_units <= DEVICE_UNITS_MAX, "units");
	fuzz_must(p->device_count <= POLICY_FIRST_BLOCK + POLICY_BLOCKS_MAX && p->names_count <= POLICY_NAMES_MAX, "blocks");
	for (unsigned i = 0; i < p->device_count; i++) {
		device_must_hold(&p->devices[i]);
	}
	for (unsigned i = 0; i < p->names_count; i++) {
		device_must_hold(&p->names[i].device);
	}
	out = open_memstream(&shown, &length);
	fuzz_must(out != NULL, "memory");
	config_show(p, NULL, out);
	fclose(out);
	fuzz_must(config_parse(&again, "conf", shown, length, &(struct config_listener){hear, &told}) == EX_OK, "what is shown is good");
	fuzz_must(again->tun_units == p->tun_units && again->names_count == p->names_count, "what is shown says the same");
	for (unsigned i = 0; i < 2u * DEVICE_UNITS_MAX; i++) {
		struct device_id id = {.kind = i < DEVICE_UNITS_MAX ? DEVICE_TUN : DEVICE_TAP, .unit = (uint16_t)(i % DEVICE_UNITS_MAX)};

		fuzz_must(!policy_has(p, id) || memcmp(policy_device(p, id), policy_device(again, id), sizeof(struct device_policy)) == 0,
		    "what is shown says the same of each device");
	}
	policy_free(again);
	free(shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told told = {.text_lines = 1};
	struct policy *p;
	int status;

	if (size > TEXT_BYTES_MAX) {
		return 0;
	}
	for (size_t i = 0; i < size; i++) {
		told.text_lines += data[i] == '\n';
	}
	status = config_parse(&p, "conf", (const char *)data, size, &(struct config_listener){hear, &told});
	fuzz_must((status == EX_OK && told.lines == 0 && p != NULL) || (status == EX_CONFIG && told.lines > 0 && p == NULL),
	    "taken without a word, or refused with one");
	if (status == EX_OK) {
		fuzz_accepted++;
		policy_must_hold(p);
		policy_free(p);
	}
	return 0;
}
