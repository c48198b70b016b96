/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat.c - keeps account of the devices whose networks are translated, and of what is to be put back.  See nat.h; natrules.h for the rules.
 *
 * Theory of operation.  Which devices have rules, how the switches of forwarding stood before the first, and what holds the kernel's
 * filter enabled, is in RUNDIR/nat, written before it becomes true; so the next daemon knows what one that was killed has left.  RUNDIR
 * does not outlive the machine's run, and neither does any of this.  What could not be put back stays in the record, and is tried again
 * when the next device is closed, but no more often than RETRY_MS says, and by the next daemon; but for what holds the filter enabled,
 * which the kernel may well know no more.
 *
 * Limits.  What holds the filter enabled is known only once it does: of a daemon that is killed in between, it stays so.
 */
#include "nat.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "natrules.h"
#include "protocol/devname.h"
#include "protocol/monotonic.h"
#include "protocol/paths.h"

#define RECORD_MAGIC 0x6e707474u /* "ttpn", little end first */
#define RECORD_VERSION 2
/* More than a device's configuration has addresses. */
#define NETWORKS_MAX 64

/* Whoever may open devices can have them closed as often as he likes. */
#define RETRY_MS 5000

/* Of a place: what is in has_rules. */
enum {
	RULES_NONE,
	RULES_WANTED,
	RULES_LEFT, /* nobody wants them any more, and they could not be taken away */
};

/* The file. */
struct record {
	uint32_t magic;
	uint32_t version;
	uint8_t switched_on[NATRULES_FORWARDS]; /* by us, so that it is to be switched off */
	uint8_t pad[6];
	uint64_t token;                         /* of natrules_hold(); 0: none */
	uint8_t has_rules[DEVICE_PLACES_MAX];   /* RULES_* */
};

static_assert(sizeof(struct record) == 24 + DEVICE_PLACES_MAX, "file layout");

struct nat {
	int file;
	unsigned identity;
	unsigned count;   /* of places that have rules */
	int64_t retry_ms; /* when what could not be put back may be tried again, monotonic */
	struct record record;
};

static int
write_record(struct nat *n)
{
	ssize_t bytes = pwrite(n->file, &n->record, sizeof(n->record), 0);

	if (bytes == (ssize_t)sizeof(n->record)) {
		return 0;
	}
	errno = bytes >= 0 ? ENOSPC : errno;
	return -1;
}

struct nat *
nat_new(int rundir)
{
	struct nat *n = calloc(1, sizeof(*n));
	struct stat st;

	if (n == NULL) {
		return NULL;
	}
	n->file = openat(rundir, PATHS_NAT, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (n->file < 0 || fstat(rundir, &st) < 0) {
		nat_free(n);
		return NULL;
	}
	n->identity = (unsigned)st.st_ino ^ (unsigned)st.st_dev << 20;
	if (pread(n->file, &n->record, sizeof(n->record), 0) != (ssize_t)sizeof(n->record) || n->record.magic != RECORD_MAGIC ||
	    n->record.version != RECORD_VERSION) {
		memset(&n->record, 0, sizeof(n->record));
		n->record.magic = RECORD_MAGIC;
		n->record.version = RECORD_VERSION;
	}
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		n->count += n->record.has_rules[place] != RULES_NONE;
	}
	return n;
}

void
nat_free(struct nat *n)
{
	int saved = errno;

	if (n != NULL) {
		if (n->file >= 0) {
			close(n->file);
		}
		free(n);
	}
	errno = saved;
}

/* The network that an address is in; of one with another end, that one's. */
static void
describe_network(const struct netif_address *a, struct natrules_network *network)
{
	uint8_t bytes[16] = {0}, size = a->family == 4 ? 4 : 16;
	char text[INET6_ADDRSTRLEN] = "";

	memcpy(bytes, a->has_peer ? a->peer : a->bytes, size);
	for (unsigned bit = a->prefix; bit < size * 8u; bit++) {
		bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	}
	(void)inet_ntop(a->family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	network->is_4 = a->family == 4;
	snprintf(network->text, sizeof(network->text), "%s/%u", text, (unsigned)a->prefix);
}

static bool
has_family(const struct netif_address *addresses, unsigned count, uint8_t family)
{
	for (unsigned i = 0; i < count; i++) {
		if (addresses[i].family == family) {
			return true;
		}
	}
	return false;
}

/* Switches forwarding on, as far as it is not, and remembers that.  0, or -1 with errno. */
static int
forward(struct nat *n, enum natrules_forwarding which, char why[NAT_WHY_SIZE])
{
	bool on = false;

	if (natrules_read_forwarding(which, &on) == 0) {
		if (on) {
			return 0;
		}
		n->record.switched_on[which] = 1;
		if (write_record(n) == 0 && natrules_switch_forwarding(which, true) == 0) {
			return 0;
		}
		n->record.switched_on[which] = 0; /* or somebody else's switching on would be taken back one day */
	}
	snprintf(why, NAT_WHY_SIZE, "switching on %s: %s", natrules_forwarding_name(which), strerror(errno));
	return -1;
}

/* As it was before.  False, logged: not all of it. */
static bool
forward_no_more(struct nat *n)
{
	bool all = true;

	for (enum natrules_forwarding which = 0; which < NATRULES_FORWARDS; which++) {
		bool on = true;

		if (n->record.switched_on[which] == 0) {
			continue;
		}
		/* It may be off already: nobody's any more. */
		if ((natrules_read_forwarding(which, &on) == 0 && !on) || natrules_switch_forwarding(which, false) == 0) {
			n->record.switched_on[which] = 0;
		} else {
			log_warn("switching off %s", natrules_forwarding_name(which));
			all = false;
		}
	}
	return all;
}

/*
 * The kernel heeds rules from now on, on our behalf.  Asked anew for each device: somebody may have switched it off for all, and with that
 * what was held before (XNU bsd/net/pf_ioctl.c DIOCSTOP).  0, or -1 with errno.
 */
static int
hold(struct nat *n, char why[NAT_WHY_SIZE])
{
	uint64_t before = n->record.token;
	char unused[NAT_WHY_SIZE];
	int saved;

	if (natrules_hold(&n->record.token, why) < 0) {
		return -1;
	}
	if (n->record.token == before) {
		return 0;
	}
	if (write_record(n) == 0) {
		if (before != 0) {
			(void)natrules_release(before, unused); /* it may be none any more */
		}
		return 0;
	}
	saved = errno;
	snprintf(why, NAT_WHY_SIZE, "writing it down: %s", strerror(saved));
	(void)natrules_release(n->record.token, unused);
	n->record.token = before;
	errno = saved;
	return -1;
}

static void
release(struct nat *n)
{
	char why[NAT_WHY_SIZE] = "";

	if (n->record.token != 0 && natrules_release(n->record.token, why) < 0) {
		log_warnx("ending the translation of addresses: %s", why);
	}
	n->record.token = 0;
}

/* The steps from what is written down to what is wanted, *made: there are rules; undone by the caller. */
static int
begin(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count, bool *made,
    char why[NAT_WHY_SIZE])
{
	const struct natrules_owner owner = {.identity = n->identity, .place = place};
	struct natrules_network networks[NETWORKS_MAX];

	if (count > NETWORKS_MAX) {
		snprintf(why, NAT_WHY_SIZE, "there are more than %d networks", NETWORKS_MAX);
		errno = ENOSPC;
		return -1;
	}
	for (unsigned i = 0; i < count; i++) {
		describe_network(&addresses[i], &networks[i]);
	}
	*made = natrules_add(&owner, ifname, networks, count, why) == 0;
	if (!*made || hold(n, why) < 0) {
		return -1;
	}
	if (has_family(addresses, count, 4) && forward(n, NATRULES_FORWARD_4, why) < 0) {
		return -1;
	}
	return has_family(addresses, count, 6) ? forward(n, NATRULES_FORWARD_6, why) : 0;
}

/* False, logged: they are there still, or were never, and the place has what is said of it in that case. */
static bool
take_rules_away(struct nat *n, uint32_t place, uint8_t otherwise)
{
	const struct natrules_owner owner = {.identity = n->identity, .place = place};
	char why[NAT_WHY_SIZE] = "";
	bool gone = natrules_remove(&owner, why) == 0;

	if (!gone) {
		log_warnx("taking rules of address translation away: %s", why);
		n->retry_ms = monotonic_ms() + RETRY_MS;
	}
	n->record.has_rules[place] = gone ? RULES_NONE : otherwise;
	n->count -= n->record.has_rules[place] == RULES_NONE;
	return gone;
}

/* Whether the machine's settings are ours still, and no rules. */
static bool
owes_settings(const struct nat *n)
{
	bool switched = false;

	for (enum natrules_forwarding which = 0; which < NATRULES_FORWARDS; which++) {
		switched |= n->record.switched_on[which] != 0;
	}
	return n->count == 0 && (switched || n->record.token != 0);
}

/* After rules were taken away, or when it is time to try again. */
static void
put_settings_back(struct nat *n)
{
	if (owes_settings(n)) {
		if (!forward_no_more(n)) {
			n->retry_ms = monotonic_ms() + RETRY_MS;
		}
		release(n);
	}
	if (write_record(n) < 0) {
		log_warn("writing which devices have rules of address translation");
	}
}

/* What could not be put back; the first that cannot be still ends it, since it is most likely the same for all. */
static void
retry(struct nat *n)
{
	bool goes_on = true;

	for (uint32_t place = 0; goes_on && n->count > 0 && place < DEVICE_PLACES_MAX; place++) {
		if (n->record.has_rules[place] == RULES_LEFT) {
			goes_on = take_rules_away(n, place, RULES_LEFT);
		}
	}
	put_settings_back(n);
}

int
nat_start(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count,
    char why[NAT_WHY_SIZE])
{
	uint8_t before = n->record.has_rules[place];
	bool made = false;
	int saved;

	n->count += before == RULES_NONE;
	n->record.has_rules[place] = RULES_WANTED;
	if (write_record(n) < 0) {
		snprintf(why, NAT_WHY_SIZE, "writing it down: %s", strerror(errno));
	} else if (begin(n, place, ifname, addresses, count, &made, why) == 0) {
		return 0;
	}
	saved = errno;
	/* Where they can be neither made nor taken away there are none, but those that were there before. */
	(void)take_rules_away(n, place, made || before != RULES_NONE ? RULES_LEFT : RULES_NONE);
	put_settings_back(n);
	errno = saved;
	return -1;
}

static bool
has_left(const struct nat *n)
{
	return n->count > 0 && memchr(n->record.has_rules, RULES_LEFT, sizeof(n->record.has_rules)) != NULL;
}

void
nat_stop(struct nat *n, uint32_t place)
{
	if (n->record.has_rules[place] == RULES_WANTED) {
		(void)take_rules_away(n, place, RULES_LEFT);
		put_settings_back(n);
	}
	if ((has_left(n) || owes_settings(n)) && monotonic_ms() >= n->retry_ms) {
		retry(n);
	}
}

void
nat_look(struct nat *n, bool (*is_there)(void *argument, uint32_t place), void *argument)
{
	for (uint32_t place = 0; n->count > 0 && place < DEVICE_PLACES_MAX; place++) {
		if (n->record.has_rules[place] == RULES_WANTED && !is_there(argument, place)) {
			n->record.has_rules[place] = RULES_LEFT;
		}
	}
	if (has_left(n) || owes_settings(n)) {
		retry(n);
	}
}
