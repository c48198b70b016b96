/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-names.c - names of devices and of their interfaces: pages, interface ioctls, and the words of programs that are started.
 *
 * The kernel is fake-os.c's, with the interfaces of a row; the C library's functions are this file's, and note what they are called with.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-os.h"
#include "protocol/paths.h"
#include "shim/ifioctl.h"
#include "shim/ifname.h"
#include "shim/real.h"
#include "shim/state.h"
#include "shim/words.h"
#include "tests/unit/suite.h"

#define OUR_NETNS 4026531840u
#define OTHER_NETNS 4026531841u
/* A descriptor number for calls that the fake functions answer. */
#define NUMBER 3

/* What the fake functions were called with. */
static struct {
	unsigned calls;
	const char *path;
	char *const *argv;
	char *const *envp;
	char words[8][64]; /* of argv */
	unsigned count;
	char command[300];
	bool same;      /* the caller's own array or command */
	const void *mine;
} seen;

/* TUNTAPD_SOCKET's, which the shim's constructor has read. */
static char directory[64];

/* A page, as the daemon writes one. */
static struct state_page
page_of(uint8_t kind, uint16_t unit, uint32_t ifindex, const char *ifname, uint64_t netns)
{
	struct device_id id = {.kind = kind, .unit = unit};
	struct state_page page = {
		.magic = PAGE_MAGIC, .version = PAGE_VERSION, .open_number = 1, .ifindex = ifindex, .kind = kind, .unit = unit,
		.netns = netns, .place = device_place_fixed(id),
	};

	strcpy(page.ifname, ifname);
	return page;
}

/* In this process's memory, at a place. */
static void
map_page(uint32_t place, const struct state_page *page)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	ck_assert(fd >= 0 && ftruncate(fd, PAGE_FILE_BYTES) == 0 && pwrite(fd, page, sizeof(*page), 0) == sizeof(*page));
	ck_assert_int_eq(state_map(place, fd), 0);
	close(fd);
}

/* A file under RUNDIR. */
static void
write_file(const char *name, const void *data, size_t bytes)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/socket.d/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
}

static void
write_page(uint32_t place, const struct state_page *page)
{
	char path[32] = PATHS_STATE_DIR "/";

	device_place_name(place, path + strlen(path));
	write_file(path, page, sizeof(*page));
}

static void
interface(unsigned number, uint32_t ifindex, const char *name)
{
	fake_os.interfaces[number].ifindex = ifindex;
	strcpy(fake_os.interfaces[number].name, name);
}

static uint32_t
place_of(uint8_t kind, uint16_t unit)
{
	return device_place_fixed((struct device_id){.kind = kind, .unit = unit});
}

/* The directory of a daemon, with no device open. */
static void
world(void)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/socket.d", directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/socket.d/state", directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	fake_os_reset();
	atomic_store(&real_slots[REAL_read], 0); /* of files, really */
	fake_os.netns = OUR_NETNS;
	interface(0, 1, "lo");
	interface(1, 7, "ttd4");
	memset(&seen, 0, sizeof(seen));
	errno = 77;
}

static void
world_end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s/socket.d", directory);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a path of ours */
}

/* tap2's interface is ttd4, and this process holds it. */
static void
one_tap_held(void)
{
	struct state_page page = page_of(DEVICE_TAP, 2, 7, "ttd4", OUR_NETNS);

	world();
	map_page(place_of(DEVICE_TAP, 2), &page);
	errno = 77;
}

/* The same, held by another process. */
static void
one_tap_of_others(void)
{
	struct state_page page = page_of(DEVICE_TAP, 2, 7, "ttd4", OUR_NETNS);

	world();
	write_page(place_of(DEVICE_TAP, 2), &page);
	errno = 77;
}

static void
expect_mapped(const char *device, const char *ifname)
{
	char name[IFNAME_SIZE];

	ck_assert_msg(ifname_of_device(device, name), "%s", device);
	ck_assert_str_eq(name, ifname);
	ck_assert(ifname_to_device(ifname, name));
	ck_assert_str_eq(name, device);
	ck_assert_int_eq(errno, 77);
}

static void
expect_unmapped(const char *device, const char *ifname)
{
	char name[IFNAME_SIZE];

	ck_assert_msg(!ifname_of_device(device, name), "%s", device);
	ck_assert_msg(!ifname_to_device(ifname, name), "%s", ifname);
	ck_assert_int_eq(errno, 77);
}

START_TEST(a_held_device_is_mapped_both_ways)
{
	expect_mapped("tap2", "ttd4");
	expect_mapped("tap2:1", "ttd4:1");
	expect_unmapped("tap3", "ttd5");
	expect_unmapped("tun2", "ttd");
	expect_unmapped("tap2:123456789012", "ttd4:123456789012");
	expect_unmapped("tap22222222222222222222222", "ttd44444444444444444444444");
	expect_unmapped("lo", "lo");
	expect_unmapped("", "");
}
END_TEST

START_TEST(a_device_of_others_is_mapped_by_its_file)
{
	const struct devlist_header few = {.magic = DEVLIST_MAGIC, .version = DEVLIST_VERSION, .tun_units = 1, .tap_units = 3};
	const struct devlist_header fewer = {.magic = DEVLIST_MAGIC, .version = DEVLIST_VERSION, .tun_units = 1, .tap_units = 2};
	char name[IFNAME_SIZE];

	expect_mapped("tap2", "ttd4");
	write_file(PATHS_DEVICES, &few, sizeof(few));
	expect_mapped("tap2", "ttd4");
	/* A list of interfaces does not look for devices that no daemon serves. */
	write_file(PATHS_DEVICES, &fewer, sizeof(fewer));
	ck_assert(!ifname_to_device("ttd4", name));
	write_file(PATHS_DEVICES, &few, 7);
	expect_mapped("tap2", "ttd4");
}
END_TEST

START_TEST(pages_that_do_not_count)
{
	const struct state_page good = page_of(DEVICE_TAP, 2, 7, "ttd4", OUR_NETNS);
	struct state_page page = good;

	page.gone = 1;
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	page = good;
	page.netns = OTHER_NETNS;
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	page = good;
	page.ifindex = 8; /* the kernel has no such interface */
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	page = good;
	page.version++;
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	page = good;
	strcpy(page.ifname, "tap2");
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	page = good;
	memset(page.ifname, 'x', sizeof(page.ifname));
	write_page(good.place, &page);
	expect_unmapped("tap2", "ttd4");
	write_file("state/tap2", &good, sizeof(good) - 1);
	expect_unmapped("tap2", "ttd4");
	write_page(good.place, &good);
	expect_mapped("tap2", "ttd4");
}
END_TEST

START_TEST(what_is_no_file_is_not_waited_for)
{
	const struct state_page good = page_of(DEVICE_TAP, 2, 7, "ttd4", OUR_NETNS);
	struct devlist_entry entry;
	char path[100];

	snprintf(path, sizeof(path), "%s/socket.d/state/tap2", directory);
	ck_assert(unlink(path) == 0 && mkfifo(path, 0644) == 0);
	expect_unmapped("tap2", "ttd4");
	ck_assert_int_eq(unlink(path), 0);
	write_page(good.place, &good);
	snprintf(path, sizeof(path), "%s/socket.d/" PATHS_DEVICES, directory);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	expect_mapped("tap2", "ttd4");
	ck_assert(state_find_device((struct device_id){.kind = DEVICE_TAP, .unit = 2}, &entry, NULL) == -1 && errno == ENOENT);
}
END_TEST

START_TEST(the_kernel_says_the_name)
{
	/* The page lags. */
	interface(1, 7, "ttd9");
	expect_mapped("tap2", "ttd9");
	expect_unmapped("tap0", "ttd4");
	/* Somebody has renamed it: it is that. */
	interface(1, 7, "uplink");
	expect_unmapped("tap2", "uplink");
}
END_TEST

START_TEST(without_a_namespace_the_index_must_agree)
{
	fake_os.netns = 0;
	expect_mapped("tap2", "ttd4");
	interface(1, 7, "ttd9");
	expect_unmapped("tap2", "ttd9");
}
END_TEST

START_TEST(devices_of_another_namespace_than_the_daemons)
{
	struct state_page theirs = page_of(DEVICE_TAP, 2, 7, "ttd8", OTHER_NETNS), ours = page_of(DEVICE_TAP, 2, 7, "ttd4", OUR_NETNS);
	struct state_page beyond = page_of(DEVICE_TUN, 5, 9, "ttd6", OUR_NETNS);

	write_page(place_of(DEVICE_TAP, 2), &theirs);
	write_page(DEVICE_PLACES_FIXED, &theirs);
	expect_unmapped("tap2", "ttd4");
	write_page(DEVICE_PLACES_FIXED + 1, &ours);
	expect_mapped("tap2", "ttd4");
	/* Held ones are found past the end of the files. */
	interface(2, 9, "ttd6");
	map_page(DEVICE_PLACES_MAX - 1, &beyond);
	errno = 77;
	expect_mapped("tun5", "ttd6");
}
END_TEST

START_TEST(a_device_without_a_page_is_known_by_its_descriptor)
{
	struct device_id id = {.kind = DEVICE_TAP, .unit = 9};

	fdtable_set(200, fdtable_pack(id, device_place_fixed(id), FDTABLE_OPEN_NONE));
	expect_unmapped("tap9", "ttd6");
	fake_os.marked = true;
	fake_os.channel = (struct os_channel){.place = device_place_fixed(id), .kind = DEVICE_TAP, .ifindex = 9, .ifname = "ttd6"};
	for (int fd = 0; fd < 100; fd++) {
		fdtable_set(fd, FDTABLE_OTHER);
	}
	expect_mapped("tap9", "ttd6");
	fake_os.channel.ifindex = 0; /* in another namespace */
	expect_unmapped("tap9", "ttd6");
}
END_TEST

START_TEST(a_word_is_not_mapped_where_an_interface_has_its_name)
{
	char name[IFNAME_SIZE];

	ck_assert(ifname_of_word("tap2", name));
	interface(2, 8, "tap2");
	ck_assert(!ifname_of_word("tap2", name));
	ck_assert(!ifname_of_word("tap2:1", name));
	expect_mapped("tap2", "ttd4");
}
END_TEST

/* The kernel: knows ttd4 alone, answers by filling what follows the name, and refuses everything else with ENODEV. */
static int
fake_ioctl(int fd, ioctl_request request, ...)
{
	struct ifreq *ifr;
	struct ifconf *list;
	struct arpreq *arp;
	va_list args;

	va_start(args, request);
	ifr = va_arg(args, struct ifreq *);
	va_end(args);
	seen.calls++;
	switch ((uint32_t)request) {
	case SIOCGIFNAME:
		strcpy(ifr->ifr_name, "ttd4");
		return 0;
	case SIOCGIFCONF:
		list = (void *)ifr;
		list->ifc_len = 2 * (int)sizeof(*ifr);
		if (list->ifc_req != NULL) {
			strcpy(list->ifc_req[0].ifr_name, "lo");
			strcpy(list->ifc_req[1].ifr_name, "ttd4:1");
		}
		return 0;
	case SIOCGARP:
		arp = (void *)ifr;
		if (strcmp(arp->arp_dev, "ttd4") == 0) {
			arp->arp_flags = ATF_COM;
			memset(arp->arp_dev, 'z', sizeof(arp->arp_dev));
			return 0;
		}
		break;
	case SIOCADDRT:
		if (strcmp(((const struct rtentry *)(void *)ifr)->rt_dev, "ttd4") == 0) {
			return 0;
		}
		break;
	default:
		if (strcmp(ifr->ifr_name, "ttd4") == 0 || strcmp(ifr->ifr_name, "ttd4:1") == 0) {
			if (request != SIOCSIFMTU) {
				ifr->ifr_mtu = 1234;
			}
			return 0;
		}
		break;
	}
	errno = ENODEV;
	return -1;
}

static int
fake_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	*(int *)value = fd == NUMBER ? AF_INET : AF_INET6;
	return 0;
}

static int
ask(uint32_t request, void *argument)
{
	int result = 12345;

	ck_assert(ifioctl(NUMBER, request, argument, &result));
	return result;
}

static void
one_tap_and_ioctls(void)
{
	one_tap_held();
	atomic_store(&real_slots[REAL_ioctl], (uintptr_t)fake_ioctl);
	atomic_store(&real_slots[REAL_getsockopt], (uintptr_t)fake_getsockopt);
}

START_TEST(a_request_goes_on_by_the_interfaces_name)
{
	struct ifreq request = {.ifr_name = "tap2"};

	ck_assert_int_eq(ask(SIOCGIFMTU, &request), 0);
	ck_assert_int_eq(request.ifr_mtu, 1234);
	ck_assert_str_eq(request.ifr_name, "tap2");
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_eq(seen.calls, 2);
	strcpy(request.ifr_name, "tap2:1");
	ck_assert_int_eq(ask(SIOCGIFADDR, &request), 0);
	ck_assert_str_eq(request.ifr_name, "tap2:1");
	/* What has the name itself needs one call. */
	seen.calls = 0;
	strcpy(request.ifr_name, "ttd4");
	ck_assert_int_eq(ask(SIOCGIFFLAGS, &request), 0);
	ck_assert_str_eq(request.ifr_name, "ttd4");
	ck_assert_uint_eq(seen.calls, 1);
	strcpy(request.ifr_name, "tap3");
	ck_assert_int_eq(ask(SIOCGIFFLAGS, &request), -1);
	ck_assert_int_eq(errno, ENODEV);
	/* A name that fills its field is cut, as the kernel cuts it. */
	memset(request.ifr_name, 'a', sizeof(request.ifr_name));
	ck_assert_int_eq(ask(SIOCGIFFLAGS, &request), -1);
}
END_TEST

START_TEST(memory_that_the_kernel_would_not_write_is_not_written)
{
	struct ifreq *request = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(request, MAP_FAILED);
	request = (struct ifreq *)((char *)request + 4096 - sizeof(*request));
	strcpy(request->ifr_name, "tap2");
	ck_assert_int_eq(mprotect((char *)request + sizeof(*request) - 4096, 4096, PROT_READ), 0);
	ck_assert_int_eq(ask(SIOCSIFMTU, request), 0);
}
END_TEST

START_TEST(names_come_back_as_devices)
{
	struct ifreq request = {0}, two[2];
	struct ifconf list = {.ifc_len = sizeof(two), .ifc_req = two};
	struct arpreq arp = {.arp_dev = "tap2"};

	ck_assert_int_eq(ask(SIOCGIFNAME, &request), 0);
	ck_assert_str_eq(request.ifr_name, "tap2");
	ck_assert_int_eq(ask(SIOCGIFCONF, &list), 0);
	ck_assert_str_eq(two[0].ifr_name, "lo");
	ck_assert_str_eq(two[1].ifr_name, "tap2:1");
	list = (struct ifconf){0};
	ck_assert_int_eq(ask(SIOCGIFCONF, &list), 0);
	ck_assert_int_eq(ask(SIOCGARP, &arp), 0);
	ck_assert_str_eq(arp.arp_dev, "tap2");
	ck_assert_int_eq(arp.arp_flags, ATF_COM);
}
END_TEST

START_TEST(a_route_goes_through_the_interface)
{
	char name[] = "tap2", none[] = "tap3";
	struct rtentry route = {.rt_dev = name};
	int result;

	ck_assert_int_eq(ask(SIOCADDRT, &route), 0);
	ck_assert_ptr_eq(route.rt_dev, name);
	ck_assert_str_eq(name, "tap2");
	ck_assert_int_eq(errno, 77);
	route.rt_dev = none;
	ck_assert_int_eq(ask(SIOCADDRT, &route), -1);
	/* Of a socket of IPv6 it is another structure. */
	route.rt_dev = name;
	ck_assert(ifioctl(NUMBER + 1, SIOCADDRT, &route, &result));
	ck_assert_int_eq(result, -1);
}
END_TEST

START_TEST(other_requests_are_not_ours)
{
	static const uint32_t others[] = {FIONREAD, FIONBIO, SIOCDEVPRIVATE, 0x8B01 /* SIOCGIWNAME */, UINT32_C(0x89330000), 0x400454ca, 0};
	int result;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(!ifioctl(NUMBER, others[i], NULL, &result), "%#x", (unsigned)others[i]);
	}
	ck_assert_uint_eq(seen.calls, 0);
}
END_TEST

/* Notes the words. */
static int
note(const char *path, char *const argv[], char *const envp[])
{
	seen.calls++;
	seen.path = path;
	seen.argv = argv;
	seen.envp = envp;
	for (seen.count = 0; argv[seen.count] != NULL; seen.count++) {
		ck_assert_uint_lt(seen.count, 8);
		snprintf(seen.words[seen.count], sizeof(seen.words[0]), "%s", argv[seen.count]);
	}
	return -1;
}

/* The same, of any number, of which it keeps the second. */
static int
note_array(const char *path, char *const argv[])
{
	seen.argv = argv;
	for (seen.count = 0; argv[seen.count] != NULL; seen.count++) {
	}
	snprintf(seen.words[0], sizeof(seen.words[0]), "%s", argv[1]);
	return -1;
}

static int
fake_execve(const char *path, char *const argv[], char *const envp[])
{
	return note(path, argv, envp);
}

static int
fake_execv(const char *path, char *const argv[])
{
	return note(path, argv, NULL);
}

static int
fake_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const argv[], char *const envp[])
{
	*pid = 99;
	return note(path, argv, envp);
}

static int
fake_system(const char *command)
{
	seen.calls++;
	seen.same = command == seen.mine;
	snprintf(seen.command, sizeof(seen.command), "%s", command != NULL ? command : "NULL");
	return 5;
}

static FILE *
fake_popen(const char *command, const char *mode)
{
	(void)fake_system(command);
	return stderr;
}

static void
one_tap_and_programs(void)
{
	one_tap_held();
	atomic_store(&real_slots[REAL_execve], (uintptr_t)fake_execve);
	atomic_store(&real_slots[REAL_execv], (uintptr_t)fake_execv);
	atomic_store(&real_slots[REAL_execvp], (uintptr_t)fake_execv);
	atomic_store(&real_slots[REAL_posix_spawn], (uintptr_t)fake_spawn);
	atomic_store(&real_slots[REAL_posix_spawnp], (uintptr_t)fake_spawn);
	atomic_store(&real_slots[REAL_system], (uintptr_t)fake_system);
	atomic_store(&real_slots[REAL_popen], (uintptr_t)fake_popen);
}

static char w_ifconfig[] = "ifconfig", w_tap2[] = "tap2", w_tap3[] = "tap3", w_up[] = "up", w_echo[] = "echo", w_sh[] = "sh", w_c[] = "-c",
    w_script[] = "ifconfig tap2 up; echo tap2; ip link set 'tap2' up", w_alias[] = "tap2:1";
static char *environment[] = {NULL};

static void
expect_words(const char *a, const char *b, const char *c)
{
	ck_assert_uint_eq(seen.calls, 1);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_str_eq(seen.words[0], a);
	ck_assert_str_eq(seen.words[1], b);
	ck_assert_str_eq(seen.words[2], c);
	seen.calls = 0;
}

START_TEST(words_of_a_program_change)
{
	char *argv[] = {w_ifconfig, w_tap2, w_up, NULL};
	pid_t pid;

	ck_assert_int_eq(shim_execve("/sbin/ifconfig", argv, environment), -1);
	expect_words("ifconfig", "ttd4", "up");
	ck_assert_ptr_eq(seen.envp, environment);
	ck_assert_str_eq(seen.path, "/sbin/ifconfig");
	/* Not the caller's. */
	ck_assert_ptr_eq(argv[1], w_tap2);
	ck_assert_str_eq(w_tap2, "tap2");
	shim_execvp("ifconfig", argv);
	expect_words("ifconfig", "ttd4", "up");
	ck_assert_int_eq(shim_posix_spawn(&pid, "/sbin/ifconfig", NULL, NULL, argv, environment), -1);
	expect_words("ifconfig", "ttd4", "up");
	ck_assert_int_eq(pid, 99);
	argv[1] = w_alias;
	shim_posix_spawnp(&pid, "ifconfig", NULL, NULL, argv, environment);
	expect_words("ifconfig", "ttd4:1", "up");
	ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(words_one_by_one_change)
{
	shim_execl("/sbin/ifconfig", "ifconfig", "tap2", "up", (char *)NULL);
	expect_words("ifconfig", "ttd4", "up");
	shim_execlp("ifconfig", "ifconfig", "tap2", "up", (char *)NULL);
	expect_words("ifconfig", "ttd4", "up");
	shim_execle("/sbin/ifconfig", "ifconfig", "tap2", "up", (char *)NULL, environment);
	expect_words("ifconfig", "ttd4", "up");
	ck_assert_ptr_eq(seen.envp, environment);
	shim_execl("/bin/true", NULL, (char *)NULL);
	ck_assert_uint_eq(seen.count, 0);
	shim_execle("/bin/true", NULL, environment);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_ptr_eq(seen.envp, environment);
}
END_TEST

START_TEST(a_program_that_needs_no_change_gets_the_callers_words)
{
	char *echo[] = {w_echo, w_tap2, w_up, NULL}, *other[] = {w_ifconfig, w_tap3, w_up, NULL}, *none[] = {NULL};

	shim_execv("/bin/echo", echo);
	expect_words("echo", "tap2", "up");
	ck_assert_ptr_eq(seen.argv, echo);
	shim_execv("/sbin/ifconfig", other);
	expect_words("ifconfig", "tap3", "up");
	shim_execv("/sbin/ifconfig", none);
	ck_assert_ptr_eq(seen.argv, none);
}
END_TEST

START_TEST(a_shells_script_changes)
{
	char *argv[] = {w_sh, w_c, w_script, NULL};

	shim_execv("/bin/sh", argv);
	expect_words("sh", "-c", "ifconfig ttd4 up; echo tap2; ip link set 'ttd4' up");
}
END_TEST

START_TEST(a_command_with_many_or_long_words)
{
	enum { LENGTH = 9000 };
	static char *argv[WORDS_MAX + 2], text[LENGTH + 1];
	char *longer[] = {w_sh, w_c, text, NULL};

	atomic_store(&real_slots[REAL_execv], (uintptr_t)note_array);
	for (unsigned i = 0; i <= WORDS_MAX; i++) {
		argv[i] = i == 0 ? w_ifconfig : w_tap2;
	}
	shim_execv("/sbin/ifconfig", argv);
	ck_assert_ptr_eq(seen.argv, argv);
	argv[WORDS_MAX] = NULL;
	shim_execv("/sbin/ifconfig", argv);
	ck_assert_ptr_ne(seen.argv, argv);
	ck_assert_str_eq(seen.words[0], "ttd4"); /* the second */
	ck_assert_uint_eq(seen.count, WORDS_MAX);
	memset(text, ' ', LENGTH);
	memcpy(text, "ifconfig tap2", 13);
	shim_execv("/bin/sh", longer);
	ck_assert_ptr_eq(seen.argv, longer);
}
END_TEST

START_TEST(command_lines_change)
{
	static const char *const rows[][2] = {
		{"ifconfig tap2 10.0.0.1 up", "ifconfig ttd4 10.0.0.1 up"},
		{"ip l s tap2 up; ifconfig tap3; ifconfig \"tap2\":1 | grep tap2",
		    "ip l s ttd4 up; ifconfig tap3; ifconfig \"ttd4\":1 | grep tap2"},
		{"tcpdump -itap2 -w tap2", "tcpdump -ittd4 -w tap2"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(shim_system(rows[i][0]), 5);
		ck_assert_str_eq(seen.command, rows[i][1]);
		seen.command[0] = '\0';
		ck_assert_ptr_eq(shim_popen(rows[i][0], "r"), stderr);
		ck_assert_str_eq(seen.command, rows[i][1]);
	}
	ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(command_lines_that_need_no_change_are_the_callers)
{
	static const char *const rows[] = {"echo tap2", "ifconfig tap3 up", "ifconfig tap2 $(x)", NULL};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		seen.mine = rows[i];
		ck_assert_int_eq(shim_system(rows[i]), 5); /* NULL: is there a shell */
		ck_assert(seen.same);
	}
}
END_TEST

/* Runs this program again, with a socket in a new directory, or notes the directory. */
static void
make_directory(char **argv)
{
	const char *socket_path = getenv("TUNTAPD_SOCKET");
	char path[80];

	if (socket_path == NULL || strstr(socket_path, "/tuntapd-names.") == NULL) {
		strcpy(directory, "/tmp/tuntapd-names.XXXXXX");
		if (mkdtemp(directory) == NULL) {
			abort();
		}
		snprintf(path, sizeof(path), "%s/socket", directory);
		setenv("TUNTAPD_SOCKET", path, 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(socket_path, '/') - socket_path), socket_path);
}

static TCase *
new_case(Suite *suite, const char *name, void (*begin)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, begin, world_end);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int
main(int argc, char **argv)
{
	TCase *held, *others, *ioctls, *programs;
	Suite *suite;
	int status;

	make_directory(argv);
	suite = suite_create("shim-names");
	held = new_case(suite, "held", one_tap_held);
	others = new_case(suite, "others", one_tap_of_others);
	ioctls = new_case(suite, "ioctls", one_tap_and_ioctls);
	programs = new_case(suite, "programs", one_tap_and_programs);
	tcase_add_test(held, a_held_device_is_mapped_both_ways);
	tcase_add_test(held, the_kernel_says_the_name);
	tcase_add_test(held, without_a_namespace_the_index_must_agree);
	tcase_add_test(held, a_device_without_a_page_is_known_by_its_descriptor);
	tcase_add_test(held, a_word_is_not_mapped_where_an_interface_has_its_name);
	tcase_add_test(others, a_device_of_others_is_mapped_by_its_file);
	tcase_add_test(others, pages_that_do_not_count);
	tcase_add_test(others, what_is_no_file_is_not_waited_for);
	tcase_add_test(others, the_kernel_says_the_name);
	tcase_add_test(others, devices_of_another_namespace_than_the_daemons);
	tcase_add_test(ioctls, a_request_goes_on_by_the_interfaces_name);
	tcase_add_test(ioctls, memory_that_the_kernel_would_not_write_is_not_written);
	tcase_add_test(ioctls, names_come_back_as_devices);
	tcase_add_test(ioctls, a_route_goes_through_the_interface);
	tcase_add_test(ioctls, other_requests_are_not_ours);
	tcase_add_test(programs, words_of_a_program_change);
	tcase_add_test(programs, words_one_by_one_change);
	tcase_add_test(programs, a_program_that_needs_no_change_gets_the_callers_words);
	tcase_add_test(programs, a_shells_script_changes);
	tcase_add_test(programs, a_command_with_many_or_long_words);
	tcase_add_test(programs, command_lines_change);
	tcase_add_test(programs, command_lines_that_need_no_change_are_the_callers);
	status = run_suite(suite);
	rmdir(directory);
	return status;
}
