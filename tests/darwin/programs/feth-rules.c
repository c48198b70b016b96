/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feth-rules.c - what a program of macOS finds at fake Ethernet interfaces, row by row: darwin.md 2 and 5, with the numbers and bytes that
 * are written there, and no header's.  It knows nothing of tuntapd: so it shows what the stand-in is, or, on a Mac, what the kernel is.
 * Run as root, in a network of its own.  Prints TAP.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "requests.h"
#include "rows.h"

static int sock;

/* A request by name: 16 bytes of name, 16 of what it is about. */
static uint8_t about[32];

static int
ask(unsigned long request, const char *name)
{
	memset(about, 0, 16);
	strcpy((char *)about, name);
	return ioctl(sock, request, about);
}

static int
ask_with(unsigned long request, const char *name, const void *value, size_t bytes)
{
	memset(about + 16, 0, 16);
	memcpy(about + 16, value, bytes);
	return ask(request, name);
}

static int
number_of(unsigned long request, const char *name)
{
	int32_t number;

	if (ask_with(request, name, "", 0) < 0) {
		return -1;
	}
	memcpy(&number, about + 16, sizeof(number));
	return number;
}

static int
flags_of(const char *name)
{
	uint16_t flags;

	if (ask_with(GET_FLAGS, name, "", 0) < 0) {
		return -1;
	}
	memcpy(&flags, about + 16, sizeof(flags));
	return flags;
}

static int
set_flags(const char *name, uint16_t flags)
{
	return ask_with(SET_FLAGS, name, &flags, sizeof(flags));
}

static int
set_mtu(const char *name, int32_t mtu)
{
	return ask_with(SET_MTU, name, &mtu, sizeof(mtu));
}

/* The driver's own request: 16 bytes of name, command, length, address (40 in all); of 160 bytes: 32 of nothing, then the peer's name. */
static uint8_t peer[160];

static int
specify(unsigned long request, const char *name, uint64_t command, uint64_t bytes)
{
	uint8_t whole[40] = {0};
	uint64_t at = (uint64_t)(uintptr_t)peer;

	strcpy((char *)whole, name);
	memcpy(whole + 16, &command, 8);
	memcpy(whole + 24, &bytes, 8);
	memcpy(whole + 32, &at, 8);
	return ioctl(sock, request, whole);
}

static int
set_peer(const char *name, const char *other)
{
	memset(peer, 0, sizeof(peer));
	strcpy((char *)peer + 32, other);
	return specify(SET_SPEC, name, 1, 160);
}

static bool
has_peer(const char *name, const char *other)
{
	memset(peer, 0x55, sizeof(peer));
	return specify(GET_SPEC, name, 1, 160) == 0 && strcmp((char *)peer + 32, other) == 0;
}

static void
creation(void)
{
	row("feth10007 can be made", ask(CREATE, "feth10007") == 0);
	row("but once", fails(ask(CREATE, "feth10007"), EEXIST));
	row("a second one, by the younger request", ask(CREATE2, "feth20007") == 0);
	row("number 32767 is the last", ask(CREATE, "feth32767") == 0 && ask(DESTROY, "feth32767") == 0);
	row("32768 is none", fails(ask(CREATE, "feth32768"), ENXIO));
	row("without a number, the lowest free one", ask(CREATE, "feth") == 0 && strcmp((char *)about, "feth0") == 0);
	row("and the one after it", ask(CREATE, "feth") == 0 && strcmp((char *)about, "feth1") == 0);
	row("which can be destroyed", ask(DESTROY, "feth0") == 0 && ask(DESTROY, "feth1") == 0);
	row("one that is not there cannot", fails(ask(DESTROY, "feth0"), ENXIO));
	row("utun is not made like this, nor destroyed", fails(ask(CREATE, "utun9"), EINVAL) && fails(ask(DESTROY, "utun9"), EINVAL));
	row("it has an index", if_nametoindex("feth10007") != 0 && if_nametoindex("feth10007") != if_nametoindex("feth20007"));
}

static void
properties(void)
{
	static const uint8_t mac[8] = {6, 18, 0x02, 1, 2, 3, 4, 5};
	int32_t device[3];

	row("new: BROADCAST, SIMPLEX, MULTICAST; neither UP nor RUNNING", flags_of("feth10007") == (0x2 | 0x800 | 0x8000));
	row("UP, and RUNNING with it", set_flags("feth10007", 0x1) == 0 && flags_of("feth10007") == (0x1 | 0x2 | 0x40 | 0x800 | 0x8000));
	row("both go again", set_flags("feth10007", 0) == 0 && flags_of("feth10007") == (0x2 | 0x800 | 0x8000));
	row("MTU 1500", number_of(GET_MTU, "feth10007") == 1500);
	row("2048 is the largest", set_mtu("feth10007", 2048) == 0 && fails(set_mtu("feth10007", 2049), EINVAL) &&
	    number_of(GET_MTU, "feth10007") == 2048);
	row("72 the smallest", set_mtu("feth10007", 72) == 0 && fails(set_mtu("feth10007", 71), EINVAL));
	row("which it tells", ask_with(GET_DEVICE_MTU, "feth10007", "", 0) == 0 && memcpy(device, about + 16, 12) && device[0] == 72 &&
	    device[1] == 72 && device[2] == 2048);
	row("its address can be another", set_mtu("feth10007", 1500) == 0 && ask_with(SET_MAC, "feth10007", mac, 8) == 0);
	row("nobody's flags are ENXIO", fails(flags_of("feth3"), ENXIO) && fails(set_mtu("feth3", 1500), ENXIO));
}

static void
settings(void)
{
	int value = 0, wide = 16370, more = 16371, less = 1499;
	size_t bytes = sizeof(value);

	row("net.link.fake.max_mtu is 2048", sysctlbyname("net.link.fake.max_mtu", &value, &bytes, NULL, 0) == 0 && value == 2048 &&
	    bytes == 4);
	row("1499 and 16371 are refused", fails(sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &more, 4), EINVAL) &&
	    fails(sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &less, 4), EINVAL));
	row("16370 is not", sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &wide, 4) == 0);
	row("it holds for interfaces that are made from now on", fails(set_mtu("feth10007", 2049), EINVAL) && ask(CREATE, "feth9") == 0 &&
	    set_mtu("feth9", 16370) == 0 && fails(set_mtu("feth9", 16371), EINVAL) && ask(DESTROY, "feth9") == 0);
	value = 2048;
	row("and can be put back", sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &value, 4) == 0);
	row("bsd_mode is 1, hwcsum 0", sysctlbyname("net.link.fake.bsd_mode", &value, &bytes, NULL, 0) == 0 && value == 1 &&
	    sysctlbyname("net.link.fake.hwcsum", &value, &bytes, NULL, 0) == 0 && value == 0);
	row("there is no net.link.fake.speed", fails(sysctlbyname("net.link.fake.speed", &value, &bytes, NULL, 0), ENOENT));
}

static void
peers(void)
{
	row("new: no peer", has_peer("feth10007", "") && peer[0] == 0);
	row("a peer that is not there", fails(set_peer("feth10007", "feth3"), ENXIO));
	row("one that is no feth", fails(set_peer("feth10007", "lo"), EINVAL));
	memset(peer, 0, sizeof(peer));
	peer[31] = 1;
	row("the reserved bytes have to be 0", fails(specify(SET_SPEC, "feth10007", 1, 160), EINVAL));
	memset(peer, 0, sizeof(peer));
	row("159 bytes are too few", fails(specify(SET_SPEC, "feth10007", 1, 159), EINVAL));
	row("there is no command 4", fails(specify(SET_SPEC, "feth10007", 4, 160), EOPNOTSUPP) &&
	    fails(specify(GET_SPEC, "feth10007", 2, 160), EOPNOTSUPP));
	row("one end tells, both know", set_peer("feth10007", "feth20007") == 0 && has_peer("feth10007", "feth20007") &&
	    has_peer("feth20007", "feth10007"));
	row("a third cannot join", ask(CREATE, "feth5") == 0 && fails(set_peer("feth5", "feth20007"), EBUSY) &&
	    fails(set_peer("feth10007", "feth5"), EBUSY));
	row("an empty name parts both", set_peer("feth20007", "") == 0 && has_peer("feth10007", "") && has_peer("feth20007", ""));
	row("then others can join", set_peer("feth5", "feth20007") == 0);
	row("destroying one end parts, and leaves the other", ask(DESTROY, "feth5") == 0 && has_peer("feth20007", "") &&
	    flags_of("feth20007") != -1);
}

static void
addresses(void)
{
	/* Name, then three addresses of 16 bytes: a length, a family, a port, four bytes. */
	uint8_t alias[64] = "feth10007";

	memcpy(alias + 16, "\x10\x02\x00\x00\x0a\x4f\x00\x01", 8);
	memcpy(alias + 32, "\x10\x02\x00\x00\x0a\x4f\x00\xff", 8);
	memcpy(alias + 48, "\x10\x02\x00\x00\xff\xff\xff\x00", 8);
	row("the first address sets UP, without RUNNING", ioctl(sock, 0x8040691aul, alias) == 0 &&
	    flags_of("feth10007") == (0x1 | 0x2 | 0x800 | 0x8000));
	row("which setting UP brings", set_flags("feth10007", 0x1) == 0 && flags_of("feth10007") == (0x1 | 0x2 | 0x40 | 0x800 | 0x8000));
	row("and taking down takes both", set_flags("feth10007", 0) == 0 && flags_of("feth10007") == (0x2 | 0x800 | 0x8000));
}

static void
others(void)
{
	row("who is not root makes, changes and destroys none", seteuid(65534) == 0 && fails(ask(CREATE, "feth6"), EPERM) &&
	    fails(ask(DESTROY, "feth10007"), EPERM) && fails(set_mtu("feth10007", 1500), EPERM) &&
	    fails(set_flags("feth10007", 1), EPERM) &&
	    fails(set_peer("feth10007", "feth20007"), EPERM));
	row("but may ask", has_peer("feth10007", "") && flags_of("feth10007") != -1 && number_of(GET_MTU, "feth10007") == 1500);
	row("root again", seteuid(0) == 0 && ask(DESTROY, "feth10007") == 0 && ask(DESTROY, "feth20007") == 0);
}

int
main(void)
{
	sock = socket(2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0);
	if (sock < 0) {
		perror("socket");
		return 1;
	}
	creation();
	properties();
	settings();
	peers();
	addresses();
	others();
	printf("1..%d\n", rows);
	return failures != 0;
}
