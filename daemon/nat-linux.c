/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat-linux.c - address translation by nftables.  See natrules.h.
 *
 * Theory of operation.  Each device has a table of its own, with one chain and one rule for each of its networks: what stops is one table
 * that is deleted, and nothing that anybody else configured is looked at, let alone changed.  (So a filter of somebody's that drops
 * what is forwarded goes on dropping it.)
 *
 * libnftables is loaded when it is needed first: few want it, and it brings five other libraries into each process.
 *
 * Sources: libnftables(3), nft(8); Documentation/networking/ip-sysctl.rst (ip_forward, conf/all/forwarding).
 */
#include "natrules.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libnftables.so.1"
/* The commands of one device: a rule for each of its networks. */
#define COMMANDS_SIZE 8192
#define TABLE_SIZE 32

static const char *const forward_paths[NATRULES_FORWARDS] = {
	[NATRULES_FORWARD_4] = "/proc/sys/net/ipv4/ip_forward", [NATRULES_FORWARD_6] = "/proc/sys/net/ipv6/conf/all/forwarding",
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
table_name(const struct natrules_owner *owner, char name[TABLE_SIZE])
{
	snprintf(name, TABLE_SIZE, "tuntapd_%08x_%u", owner->identity, (unsigned)owner->place);
}

int
natrules_add(const struct natrules_owner *owner, const char *ifname, const struct natrules_network *networks, unsigned count,
    char why[NAT_WHY_SIZE])
{
	char commands[COMMANDS_SIZE] = "", table[TABLE_SIZE];

	table_name(owner, table);
	/* Adding one that is there is nothing, and deleting one that is not would fail. */
	append(commands, "add table inet %s\ndelete table inet %s\nadd table inet %s\n", table, table, table);
	append(commands, "add chain inet %s out { type nat hook postrouting priority srcnat ; }\n", table);
	for (unsigned i = 0; i < count; i++) {
		append(commands, "add rule inet %s out %s saddr %s oifname != \"%s\" masquerade\n", table, networks[i].is_4 ? "ip" : "ip6",
		    networks[i].text, ifname);
	}
	return run(commands, why);
}

int
natrules_remove(const struct natrules_owner *owner, char why[NAT_WHY_SIZE])
{
	char commands[128], table[TABLE_SIZE];

	table_name(owner, table);
	snprintf(commands, sizeof(commands), "add table inet %s\ndelete table inet %s\n", table, table);
	return run(commands, why);
}

int
natrules_hold(uint64_t *token, char why[NAT_WHY_SIZE])
{
	*token = 0; /* a table is heeded as long as it is there */
	return 0;
}

int
natrules_release(uint64_t token, char why[NAT_WHY_SIZE])
{
	return 0;
}

const char *
natrules_forwarding_name(enum natrules_forwarding which)
{
	return forward_paths[which];
}

/* One character of a switch's file.  0, or -1 with errno. */
static int
access_switch(enum natrules_forwarding which, char *value, bool writes)
{
	int fd = open(forward_paths[which], (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC), saved;
	ssize_t n;

	if (fd < 0) {
		return -1;
	}
	n = writes ? pwrite(fd, value, 1, 0) : pread(fd, value, 1, 0);
	saved = n == 0 ? EIO : errno;
	close(fd);
	errno = saved;
	return n == 1 ? 0 : -1;
}

int
natrules_read_forwarding(enum natrules_forwarding which, bool *on)
{
	char value = '0';

	if (access_switch(which, &value, false) < 0) {
		return -1;
	}
	*on = value != '0';
	return 0;
}

int
natrules_switch_forwarding(enum natrules_forwarding which, bool on)
{
	char value = on ? '1' : '0';

	return access_switch(which, &value, true);
}
