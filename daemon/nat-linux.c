/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat-linux.c - address translation by nftables.  See nat.h.
 *
 * Theory of operation.  Each device has a table of its own, with one chain and one rule for each of its networks: what stops is one table
 * that is deleted, and nothing that anybody else configured is looked at, let alone changed.  (So a filter of somebody's that drops
 * what is forwarded goes on dropping it.)  Which devices have a table, and how the switches of forwarding stood before the first, is in
 * RUNDIR/nat, written before it becomes true.
 *
 * libnftables is loaded when it is needed first: few want it, and it brings five other libraries into each process.
 *
 * Sources: libnftables(3), nft(8); Documentation/networking/ip-sysctl.rst (ip_forward, conf/all/forwarding).
 */
#include "nat.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "protocol/devname.h"
#include "protocol/paths.h"

#define LIBRARY "libnftables.so.1"
#define RECORD_MAGIC 0x6e707474u /* "ttpn", little end first */
#define RECORD_VERSION 1
/* The commands of one device: a rule for each of its networks. */
#define COMMANDS_SIZE 4096

enum { FORWARD_4, FORWARD_6, FORWARDS };

static const char *const forward_paths[FORWARDS] = {"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"};

/* The file. */
struct record {
	uint32_t magic;
	uint32_t version;
	uint8_t switched_on[FORWARDS]; /* by us, so that it is to be switched off */
	uint8_t pad[6];
	uint8_t has_table[DEVICE_PLACES_MAX];
};

static_assert(sizeof(struct record) == 16 + DEVICE_PLACES_MAX, "file layout");

struct nat {
	int file;
	unsigned identity; /* of RUNDIR, so that two daemons of one namespace have different tables */
	unsigned count;    /* of places that have a table */
	struct record record;
};

/* The functions of libnftables that are used. */
struct nft {
	__typeof__(nft_ctx_new) *ctx_new;
	__typeof__(nft_ctx_free) *ctx_free;
	__typeof__(nft_ctx_buffer_error) *ctx_buffer_error;
	__typeof__(nft_ctx_get_error_buffer) *ctx_get_error_buffer;
	__typeof__(nft_run_cmd_from_buffer) *run_cmd_from_buffer;
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
		n->count += n->record.has_table[place] != 0;
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

static int
load(struct nft *nft, char why[NAT_WHY_SIZE])
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		snprintf(why, NAT_WHY_SIZE, "the library %s is needed (Debian: apt install libnftables1)", LIBRARY);
		errno = EOPNOTSUPP;
		return -1;
	}
	/* Never closed: who used it once uses it again, at the close. */
	*(void **)&nft->ctx_new = dlsym(library, "nft_ctx_new");
	*(void **)&nft->ctx_free = dlsym(library, "nft_ctx_free");
	*(void **)&nft->ctx_buffer_error = dlsym(library, "nft_ctx_buffer_error");
	*(void **)&nft->ctx_get_error_buffer = dlsym(library, "nft_ctx_get_error_buffer");
	*(void **)&nft->run_cmd_from_buffer = dlsym(library, "nft_run_cmd_from_buffer");
	if (nft->ctx_new == NULL || nft->ctx_free == NULL || nft->ctx_buffer_error == NULL || nft->ctx_get_error_buffer == NULL ||
	    nft->run_cmd_from_buffer == NULL) {
		snprintf(why, NAT_WHY_SIZE, "the library %s is not the one that is known", LIBRARY);
		errno = EOPNOTSUPP;
		return -1;
	}
	return 0;
}

/* Runs commands of nft(8), all or none.  0; or -1 with why, the first line of the library's own words, and errno EOPNOTSUPP. */
static int
run(const char *commands, char why[NAT_WHY_SIZE])
{
	struct nft_ctx *context;
	const char *text;
	struct nft nft;
	int result;

	if (load(&nft, why) < 0) {
		return -1;
	}
	context = nft.ctx_new(NFT_CTX_DEFAULT);
	if (context == NULL || nft.ctx_buffer_error(context) != 0) {
		snprintf(why, NAT_WHY_SIZE, "nftables cannot be used");
		result = -1;
	} else {
		result = nft.run_cmd_from_buffer(context, commands);
		text = nft.ctx_get_error_buffer(context);
		if (result != 0) {
			text = text != NULL ? text : "";
			snprintf(why, NAT_WHY_SIZE, "nftables: %.*s", (int)strcspn(text, "\n"), text);
		}
	}
	if (context != NULL) {
		nft.ctx_free(context);
	}
	if (result != 0) {
		errno = EOPNOTSUPP;
	}
	return result != 0 ? -1 : 0;
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
forward(struct nat *n, unsigned which, char why[NAT_WHY_SIZE])
{
	char now = '1';
	int fd = open(forward_paths[which], O_RDWR | O_CLOEXEC), result = -1;

	if (fd >= 0 && pread(fd, &now, 1, 0) == 1) {
		if (now != '0') {
			result = 0;
		} else {
			n->record.switched_on[which] = 1;
			result = write_record(n) == 0 && pwrite(fd, "1", 1, 0) == 1 ? 0 : -1;
		}
	}
	if (result < 0) {
		snprintf(why, NAT_WHY_SIZE, "switching on %s: %s", forward_paths[which], strerror(errno));
	}
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return result;
}

/* As it was before. */
static void
forward_no_more(struct nat *n)
{
	for (unsigned which = 0; which < FORWARDS; which++) {
		int fd;

		if (n->record.switched_on[which] == 0) {
			continue;
		}
		fd = open(forward_paths[which], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1) {
			log_warn("switching off %s", forward_paths[which]);
		}
		if (fd >= 0) {
			close(fd);
		}
		n->record.switched_on[which] = 0;
	}
}

/* Appends to commands, whose size is COMMANDS_SIZE; what does not fit shows as a command that is cut, and fails. */
static __attribute__((format(printf, 2, 3))) void
append(char *commands, const char *format, ...)
{
	size_t used = strlen(commands);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(commands + used, COMMANDS_SIZE - used, format, arguments);
	va_end(arguments);
}

static void
table_name(const struct nat *n, uint32_t place, char name[32])
{
	snprintf(name, 32, "tuntapd_%08x_%u", n->identity, (unsigned)place);
}

static int
add_table(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count,
    char why[NAT_WHY_SIZE])
{
	char commands[COMMANDS_SIZE] = "", table[32], network[INET6_ADDRSTRLEN];

	table_name(n, place, table);
	append(commands, "add table inet %s\nadd chain inet %s out { type nat hook postrouting priority srcnat ; }\n", table, table);
	for (unsigned i = 0; i < count; i++) {
		const struct netif_address *a = &addresses[i];
		bool is_4 = a->family == 4;

		if (inet_ntop(is_4 ? AF_INET : AF_INET6, a->has_peer ? a->peer : a->bytes, network, sizeof(network)) == NULL) {
			return -1;
		}
		append(commands, "add rule inet %s out %s saddr %s/%u oifname != \"%s\" masquerade\n", table, is_4 ? "ip" : "ip6", network,
		    (unsigned)a->prefix, ifname);
	}
	return run(commands, why);
}

static void
delete_table(struct nat *n, uint32_t place)
{
	char commands[128], table[32], why[NAT_WHY_SIZE] = "";

	table_name(n, place, table);
	/* Adding one that is there is nothing, and deleting one that is not would fail. */
	snprintf(commands, sizeof(commands), "add table inet %s\ndelete table inet %s\n", table, table);
	if (run(commands, why) < 0) {
		log_warnx("taking the translation table %s away: %s", table, why);
	}
}

int
nat_start(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count,
    char why[NAT_WHY_SIZE])
{
	int saved;

	nat_stop(n, place);
	n->record.has_table[place] = 1;
	n->count++;
	if (write_record(n) < 0) {
		snprintf(why, NAT_WHY_SIZE, "writing it down: %s", strerror(errno));
	} else if (add_table(n, place, ifname, addresses, count, why) == 0 &&
	    (!has_family(addresses, count, 4) || forward(n, FORWARD_4, why) == 0) &&
	    (!has_family(addresses, count, 6) || forward(n, FORWARD_6, why) == 0)) {
		return 0;
	}
	saved = errno;
	nat_stop(n, place);
	errno = saved;
	return -1;
}

void
nat_stop(struct nat *n, uint32_t place)
{
	if (n->record.has_table[place] == 0) {
		return;
	}
	delete_table(n, place);
	n->record.has_table[place] = 0;
	n->count--;
	if (n->count == 0) {
		forward_no_more(n);
	}
	if (write_record(n) < 0) {
		log_warn("writing which devices have a translation table");
	}
}

void
nat_look(struct nat *n, bool (*is_there)(void *argument, uint32_t place), void *argument)
{
	for (uint32_t place = 0; n->count > 0 && place < DEVICE_PLACES_MAX; place++) {
		if (n->record.has_table[place] != 0 && !is_there(argument, place)) {
			nat_stop(n, place);
		}
	}
}
