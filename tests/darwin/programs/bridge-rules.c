/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bridge-rules.c - what a program of macOS finds at the bridge interface, row by row: XNU bsd/net/if_bridge.c and if_bridgevar.h, with the
 * numbers and bytes that are written there, and no header's.  It knows nothing of tuntapd: so it shows what the stand-in is, or, on a Mac,
 * what the kernel is.  Run as root, in a network of its own, in which en7 is an Ethernet interface and en8 a Wi-Fi one; makes feths.
 * Prints TAP.  With a word it makes one call that the stand-in has to refuse aloud, and ends with 0 if nothing refused it.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "requests.h"
#include "rows.h"

#define ADD 0
#define DELETE 1
#define LIST 6
#define BRIDGE "bridge10000"

static int sock;
static const char *asked = BRIDGE; /* by what follows */

/* A request by name: 16 bytes of name, 16 of what it is about. */
static uint8_t about[32];

static int
ask(unsigned long request, const char *name, int32_t value)
{
	memset(about, 0, sizeof(about));
	strcpy((char *)about, name);
	memcpy(about + 16, &value, sizeof(value));
	return ioctl(sock, request, about);
}

static int
number_of(unsigned long request, const char *name)
{
	int32_t number;

	if (ask(request, name, 0) < 0) {
		return -1;
	}
	memcpy(&number, about + 16, sizeof(number));
	return request == GET_FLAGS ? (uint16_t)number : number;
}

/* The driver's own request: 16 bytes of name, command, length, address (40 in all). */
static int
specify(unsigned long request, uint64_t command, void *data, uint64_t bytes)
{
	uint8_t whole[40] = {0};
	uint64_t at = (uint64_t)(uintptr_t)data;

	strcpy((char *)whole, asked);
	memcpy(whole + 16, &command, 8);
	memcpy(whole + 24, &bytes, 8);
	memcpy(whole + 32, &at, 8);
	return ioctl(sock, request, whole);
}

/* A member: 16 bytes of name, 80 in all. */
static uint8_t member[80];

static int
change(uint64_t command, const char *name)
{
	memset(member, 0, sizeof(member));
	strcpy((char *)member, name);
	return specify(SET_SPEC, command, member, 80);
}

/* A list: 4 bytes of length, 8 of address, 12 in all. */
static uint8_t list[12], members[8 * 80];

static int
read_list(uint32_t bytes)
{
	uint64_t at = (uint64_t)(uintptr_t)members;

	memset(members, 0x55, sizeof(members));
	memcpy(list, &bytes, 4);
	memcpy(list + 4, &at, 8);
	if (specify(GET_SPEC, LIST, list, 12) < 0) {
		return -1;
	}
	memcpy(&bytes, list, 4);
	return (int)bytes;
}

static void
the_interface(void)
{
	row(BRIDGE " can be made", ask(CREATE2, BRIDGE, 0) == 0);
	row("but once, by either request", fails(ask(CREATE2, BRIDGE, 0), EEXIST) && fails(ask(CREATE, BRIDGE, 0), EEXIST));
	row("32768 is none", fails(ask(CREATE2, "bridge32768", 0), ENXIO));
	row("new: BROADCAST, NOTRAILERS, SIMPLEX, MULTICAST; neither UP nor RUNNING",
	    number_of(GET_FLAGS, BRIDGE) == (0x2 | 0x20 | 0x800 | 0x8000));
	row("MTU 1500", number_of(GET_MTU, BRIDGE) == 1500);
	row("not below 576", fails(ask(SET_MTU, BRIDGE, 575), EINVAL) && ask(SET_MTU, BRIDGE, 576) == 0);
	row("UP, and RUNNING with it", ask(SET_FLAGS, BRIDGE, 0x1) == 0 &&
	    number_of(GET_FLAGS, BRIDGE) == (0x1 | 0x2 | 0x20 | 0x40 | 0x800 | 0x8000));
}

static void
commands(void)
{
	row("no members: a list of nothing", read_list(0) == 0 && read_list(sizeof(members)) == 0);
	row("the list is asked for, not set", fails(specify(SET_SPEC, LIST, list, 12), EINVAL));
	row("a member is set, not asked for", fails(specify(GET_SPEC, ADD, member, 80), EINVAL));
	row("sizes are exact", fails(specify(SET_SPEC, ADD, member, 79), EINVAL) && fails(specify(SET_SPEC, ADD, member, 81), EINVAL) &&
	    fails(specify(SET_SPEC, DELETE, member, 76), EINVAL) && fails(specify(GET_SPEC, LIST, list, 16), EINVAL));
	row("there is no command 38", fails(specify(SET_SPEC, 38, member, 80), EINVAL));
}

static void
membership(void)
{
	(void)ask(CREATE, "feth10007", 0);
	(void)ask(CREATE, "feth10008", 0);
	(void)ask(SET_MTU, "feth10007", 1400);
	row("what is not there is no member", fails(change(ADD, "en99"), ENOENT) && fails(change(DELETE, "en99"), ENOENT));
	row("what carries no Ethernet is none", fails(change(ADD, "lo"), EINVAL));
	row("the first gives the MTU", change(ADD, "feth10007") == 0 && number_of(GET_MTU, BRIDGE) == 1400);
	row("once is enough", fails(change(ADD, "feth10007"), EEXIST));
	row("another MTU is refused", fails(change(ADD, "feth10008"), EINVAL));
	row("also to the bridge itself", fails(ask(SET_MTU, BRIDGE, 1500), EINVAL));
	row("the same one is not", ask(SET_MTU, "feth10008", 1400) == 0 && change(ADD, "feth10008") == 0);
	row("80 bytes each are to be had", read_list(0) == 160);
	row("names, LEARNING and DISCOVER", read_list(sizeof(members)) == 160 && strcmp((char *)members, "feth10007") == 0 &&
	    members[16] == 0x3 && strcmp((char *)members + 80, "feth10008") == 0 && members[160] == 0x55);
	row("as many as have room", read_list(159) == 80 && members[80] == 0x55);
	(void)ask(CREATE2, "bridge10001", 0);
	asked = "bridge10001";
	row("what is in another bridge is busy", fails(change(ADD, "feth10007"), EBUSY));
	asked = BRIDGE;
	row("a member can be taken out, once", change(DELETE, "feth10008") == 0 && fails(change(DELETE, "feth10008"), ENOENT));
	row("one that is destroyed goes", ask(DESTROY, "feth10007", 0) == 0 && if_nametoindex("feth10007") == 0);
	row("but is in the list for a while", read_list(sizeof(members)) == 80 && strcmp((char *)members, "feth10007") == 0);
	row("then not any more", read_list(sizeof(members)) >= 0 && read_list(sizeof(members)) >= 0 && read_list(sizeof(members)) >= 0 &&
	    read_list(sizeof(members)) == 0);
}

static void
media(void)
{
	uint8_t request[44] = "en7";
	int32_t current;

	memset(request + 4, 0, sizeof(request) - 4);
	row("en7 is Ethernet", ioctl(sock, GET_MEDIA, request) == 0 && memcpy(&current, request + 16, 4) && (current & 0xe0) == 0x20);
	memset(request, 0, sizeof(request));
	strcpy((char *)request, "en8");
	row("en8 is Wi-Fi", ioctl(sock, GET_MEDIA, request) == 0 && memcpy(&current, request + 28, 4) && (current & 0xe0) == 0x80);
}

/* What macOS takes, and nobody here should ask for; and what its kernel would read past the end of. */
static int
do_wrong(const char *word)
{
	(void)ask(CREATE2, BRIDGE, 0);
	if (strcmp(word, "other-command") == 0) {
		return specify(SET_SPEC, 4, member, 4); /* BRDGSCACHE */
	}
	if (strcmp(word, "hardware-address") == 0) {
		return ask(SET_MAC, BRIDGE, 0x1206);
	}
	if (strcmp(word, "endless-name") == 0) {
		memset(member, 'e', 16);
		return specify(SET_SPEC, ADD, member, 80);
	}
	return 64;
}

int
main(int argc, char **argv)
{
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (argc > 1) {
		return do_wrong(argv[1]) == 64 ? 64 : 0;
	}
	the_interface();
	commands();
	membership();
	media();
	row("both are destroyed", ask(DESTROY, BRIDGE, 0) == 0 && ask(DESTROY, "bridge10001", 0) == 0);
	row("but once", fails(ask(DESTROY, BRIDGE, 0), ENXIO));
	(void)ask(DESTROY, "feth10008", 0);
	close(sock);
	printf("1..%d\n", rows);
	return failures != 0;
}
