/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-names.c - whoever holds /dev/tap0 calls its interface tap0, whatever the kernel calls it.
 *
 * The cases are true of Linux's own devices, whose interfaces have those names; the suite is run with a daemon that gives others, too.
 * Programs that are started run without the library, unless a case says otherwise: what they are told, their parent has told them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define IP "/sbin/ip"
#define SH "/bin/sh"

extern char **environ;

static const char *const other_units[] = {"tap15", "tun15", "tap300", "tap", "tap00", "xtap0", "ttd77"};

static int
inet_socket(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	EXPECT(sock >= 0);
	return sock;
}

static void
index_and_name_agree(enum kind kind)
{
	char name[IF_NAMESIZE];
	unsigned index;
	int fd;

	EXPECT(if_nametoindex(name_of(kind, 0)) == 0);
	fd = opened(kind, 0);
	index = if_nametoindex(name_of(kind, 0));
	EXPECT(index != 0);
	errno = 0;
	EXPECT(if_indextoname(index, name) == name && strcmp(name, name_of(kind, 0)) == 0);
	EXPECT(if_nametoindex(name_of(kind, 0)) == index && errno == 0);
	for (unsigned i = 0; i < sizeof(other_units) / sizeof(other_units[0]); i++) {
		EXPECT(if_nametoindex(other_units[i]) == 0 && errno == ENODEV);
	}
	EXPECT(close(fd) == 0);
	wait_gone(name_of(kind, 0));
	EXPECT(if_indextoname(index, name) == NULL && errno == ENXIO);
}

static void
each_device_has_its_own_name(enum kind kind)
{
	char name[IF_NAMESIZE];

	for (unsigned unit = 0; unit < 16; unit += 3) {
		opened(kind, 15 - unit); /* not in the order in which a kernel would count */
	}
	opened(kind == TAP ? TUN : TAP, 0);
	for (unsigned unit = 0; unit < 16; unit += 3) {
		EXPECT(strcmp(if_indextoname(if_nametoindex(name_of(kind, 15 - unit)), name), name_of(kind, 15 - unit)) == 0);
	}
}

static void
lists_have_the_name(enum kind kind)
{
	struct if_nameindex *list;
	struct ifaddrs *addresses;
	unsigned found = 0, link = 0, inet = 0;

	opened_up(kind, 0);
	if_add_address(name_of(kind, 0), "10.1.2.3");
	list = if_nameindex();
	EXPECT(list != NULL);
	for (unsigned i = 0; list[i].if_name != NULL; i++) {
		found += strcmp(list[i].if_name, name_of(kind, 0)) == 0 && list[i].if_index == if_nametoindex(name_of(kind, 0));
		EXPECT(strcmp(list[i].if_name, "lo") == 0 || strcmp(list[i].if_name, name_of(kind, 0)) == 0);
	}
	EXPECT(found == 1);
	if_freenameindex(list);
	EXPECT(getifaddrs(&addresses) == 0);
	for (const struct ifaddrs *a = addresses; a != NULL; a = a->ifa_next) {
		bool is_ours = strcmp(a->ifa_name, name_of(kind, 0)) == 0;

		EXPECT(is_ours || strcmp(a->ifa_name, "lo") == 0);
		link += is_ours && a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_PACKET;
		/* Programs take the first entry with the name for the link's; a tun's has no address, but where it is Ethernet's. */
		EXPECT(kind == TUN || !is_ours || link > 0);
		inet += is_ours && a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET;
	}
	EXPECT(link == (kind == TAP || options.relayed) && inet == 1);
	freeifaddrs(addresses);
}

static void
ifconf_has_the_name(enum kind kind)
{
	struct ifreq requests[8];
	struct ifconf list = {.ifc_len = sizeof(requests), .ifc_req = requests};
	int sock = inet_socket();
	unsigned found = 0;

	opened_up(kind, 0);
	if_add_address(name_of(kind, 0), "10.1.2.3");
	EXPECT(ioctl(sock, SIOCGIFCONF, &list) == 0);
	for (unsigned i = 0; i < (unsigned)list.ifc_len / sizeof(requests[0]); i++) {
		found += strcmp(requests[i].ifr_name, name_of(kind, 0)) == 0;
	}
	EXPECT(found == 1);
	list = (struct ifconf){0};
	EXPECT(ioctl(sock, SIOCGIFCONF, &list) == 0 && list.ifc_len > 0); /* how much room it takes */
}

static void
ioctls_leave_the_caller_its_name(enum kind kind)
{
	struct ifreq request = {0};
	int sock = inet_socket();

	opened(kind, 0);
	strcpy(request.ifr_name, name_of(kind, 0));
	EXPECT(ioctl(sock, SIOCGIFINDEX, &request) == 0 && strcmp(request.ifr_name, name_of(kind, 0)) == 0);
	EXPECT((unsigned)request.ifr_ifindex == if_nametoindex(name_of(kind, 0)));
	memset(request.ifr_name, 'x', sizeof(request.ifr_name));
	EXPECT(ioctl(sock, SIOCGIFNAME, &request) == 0 && strcmp(request.ifr_name, name_of(kind, 0)) == 0);
	EXPECT(ioctl(sock, SIOCGIFTXQLEN, &request) == 0 && strcmp(request.ifr_name, name_of(kind, 0)) == 0);
	strcpy(request.ifr_name, name_of(kind, 15));
	EXPECT_ERRNO(ioctl(sock, SIOCGIFFLAGS, &request), ENODEV);
	EXPECT(strcmp(request.ifr_name, name_of(kind, 15)) == 0);
	EXPECT_ERRNO(ioctl(sock, SIOCGIFFLAGS, (void *)8), EFAULT);
	EXPECT_ERRNO(ioctl(sock, SIOCGIFFLAGS, NULL), EFAULT);
}

static void
ioctls_of_read_only_memory(enum kind kind)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* As late in the page as the kernel allows. */
	struct ifreq *request = (struct ifreq *)(void *)(memory + page - sizeof(*request));

	opened(kind, 0);
	EXPECT(memory != MAP_FAILED && mprotect(memory + page, page, PROT_NONE) == 0);
	memset(request, 0, sizeof(*request));
	strcpy(request->ifr_name, name_of(kind, 0));
	request->ifr_mtu = 1400;
	EXPECT(mprotect(memory, page, PROT_READ) == 0);
	EXPECT(ioctl(inet_socket(), SIOCSIFMTU, request) == 0);
	EXPECT(if_mtu(name_of(kind, 0)) == 1400);
}

static void
aliases_have_addresses(enum kind kind)
{
	struct ifreq request = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&request.ifr_addr;
	char alias[16];

	opened_up(kind, 0);
	if_add_address(name_of(kind, 0), "10.1.2.3");
	snprintf(alias, sizeof(alias), "%s:1", name_of(kind, 0));
	if_add_address(alias, "10.1.2.4");
	strcpy(request.ifr_name, alias);
	EXPECT(ioctl(inet_socket(), SIOCGIFADDR, &request) == 0 && in->sin_addr.s_addr == inet_addr("10.1.2.4"));
	EXPECT(strcmp(request.ifr_name, alias) == 0);
}

static void
routes_and_neighbours_by_name(enum kind kind)
{
	struct rtentry route = {0};
	struct arpreq neighbour = {0};
	struct sockaddr_in *to = (struct sockaddr_in *)(void *)&route.rt_dst, *pa = (struct sockaddr_in *)(void *)&neighbour.arp_pa;
	struct sockaddr_in *mask = (struct sockaddr_in *)(void *)&route.rt_genmask;
	int sock = inet_socket();
	char name[16];

	opened_up(kind, 0);
	if_add_address(name_of(kind, 0), "10.1.2.3");
	if (kind == TUN) {
		if_add_peer(name_of(kind, 0), "10.1.2.4");
	}
	to->sin_family = AF_INET;
	to->sin_addr.s_addr = inet_addr("10.7.0.0");
	mask->sin_family = AF_INET;
	mask->sin_addr.s_addr = inet_addr("255.255.0.0");
	route.rt_flags = RTF_UP;
	strcpy(name, name_of(kind, 0));
	route.rt_dev = name;
	EXPECT(ioctl(sock, SIOCADDRT, &route) == 0);
	EXPECT(route.rt_dev == name && strcmp(name, name_of(kind, 0)) == 0);
	to->sin_port = htons(9);
	to->sin_addr.s_addr = inet_addr("10.7.1.1");
	EXPECT(connect(inet_socket(), (struct sockaddr *)to, sizeof(*to)) == 0);
	to->sin_port = 0;
	to->sin_addr.s_addr = inet_addr("10.7.0.0");
	EXPECT(ioctl(sock, SIOCDELRT, &route) == 0);
	strcpy(name, name_of(kind, 15));
	EXPECT_ERRNO(ioctl(sock, SIOCADDRT, &route), ENODEV);
	if (kind == TAP) {
		pa->sin_family = AF_INET;
		pa->sin_addr.s_addr = inet_addr("10.1.2.9");
		neighbour.arp_ha.sa_family = ARPHRD_ETHER;
		memcpy(neighbour.arp_ha.sa_data, "\x02\0\0\0\0\x09", 6);
		neighbour.arp_flags = ATF_PERM | ATF_COM;
		strcpy(neighbour.arp_dev, name_of(kind, 0));
		EXPECT(ioctl(sock, SIOCSARP, &neighbour) == 0);
		memset(&neighbour.arp_ha, 0, sizeof(neighbour.arp_ha));
		EXPECT(ioctl(sock, SIOCGARP, &neighbour) == 0);
		EXPECT(memcmp(neighbour.arp_ha.sa_data, "\x02\0\0\0\0\x09", 6) == 0 && strcmp(neighbour.arp_dev, name_of(kind, 0)) == 0);
	}
}

static void
sockets_are_bound_by_name(enum kind kind)
{
	int sock = inet_socket();
	char name[IF_NAMESIZE];
	socklen_t size = sizeof(name);

	opened(kind, 0);
	errno = 0;
	/* Without its NUL, too (socket(7)). */
	EXPECT(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, name_of(kind, 0), 4) == 0 && errno == 0);
	EXPECT(getsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0);
	EXPECT(size == 5 && strcmp(name, name_of(kind, 0)) == 0);
	EXPECT_ERRNO(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, name_of(kind, 15), 6), ENODEV);
	EXPECT(setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0);
	size = sizeof(name);
	EXPECT(getsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0 && size == 0);
}

static void
zones_of_addresses(enum kind kind)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6}, *list;
	const struct sockaddr_in6 *in6;
	char host[64], text[64];

	opened(kind, 0);
	snprintf(text, sizeof(text), "fe80::1%%%s", name_of(kind, 0));
	EXPECT(getaddrinfo(text, NULL, &hints, &list) == 0);
	in6 = (const struct sockaddr_in6 *)(const void *)list->ai_addr;
	EXPECT(in6->sin6_scope_id == if_nametoindex(name_of(kind, 0)));
	EXPECT(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0);
	EXPECT(strcmp(host, text) == 0);
	freeaddrinfo(list);
}

static void
others_know_the_name(enum kind kind)
{
	/* A process that never held the device, and is not its holder's child. */
	int tell[2], answer[2], status;
	unsigned index = 0;
	char go = 0;
	pid_t child;

	EXPECT(pipe(tell) == 0 && pipe(answer) == 0);
	child = fork();
	EXPECT(child >= 0);
	if (child == 0) {
		close(tell[1]);
		EXPECT(read(tell[0], &go, 1) == 1);
		index = if_nametoindex(name_of(kind, 0));
		EXPECT(write(answer[1], &index, sizeof(index)) == sizeof(index));
		_exit(0);
	}
	opened(kind, 0);
	EXPECT(write(tell[1], &go, 1) == 1);
	EXPECT(read(answer[0], &index, sizeof(index)) == sizeof(index));
	EXPECT(index != 0 && index == if_nametoindex(name_of(kind, 0)));
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* What is started sets the MTU to this; each way another. */
#define MTU_FIRST 1300

static pid_t
start_nothing(pid_t child)
{
	EXPECT(child >= 0);
	return child;
}

/* One way to start "ip link set dev NAME mtu N": returns the child, or 0 if it has ended. */
typedef pid_t (*way)(char **argv, const char *line);

#define FORKED(name, call)                                      \
	static pid_t                                            \
	name(char **argv, const char *line)                     \
	{                                                       \
		pid_t child = start_nothing(fork());            \
								\
		if (child == 0) {                               \
			call;                                   \
			_exit(99);                              \
		}                                               \
		return child;                                   \
	}

FORKED(by_execve, execve(IP, argv, environ))
FORKED(by_execv, execv(IP, argv))
FORKED(by_execvp, execvp("ip", argv))
FORKED(by_execvpe, execvpe("ip", argv, environ))
FORKED(by_execl, execl(IP, argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], (char *)NULL))
FORKED(by_execlp, execlp("ip", argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], (char *)NULL))
FORKED(by_execle, execle(IP, argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], (char *)NULL, environ))
FORKED(by_fexecve, fexecve(open(IP, O_RDONLY | O_CLOEXEC), argv, environ))
FORKED(by_shell, execl(SH, "sh", "-c", line, (char *)NULL))
FORKED(by_shell_and_env, execlp("env", "env", "A=b", SH, "-ec", line, (char *)NULL))
#ifdef __GLIBC__
FORKED(by_execveat, execveat(AT_FDCWD, IP, argv, environ, 0))
FORKED(by_execveat_of_a_descriptor, execveat(open(IP, O_RDONLY | O_CLOEXEC), "", argv, environ, AT_EMPTY_PATH))
#endif

static pid_t
by_vfork(char **argv, const char *line)
{
	pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): that is the case */

	if (child == 0) {
		execv(IP, argv);
		_exit(99);
	}
	return start_nothing(child);
}

static pid_t
by_posix_spawn(char **argv, const char *line)
{
	pid_t child;

	EXPECT(posix_spawn(&child, IP, NULL, NULL, argv, environ) == 0);
	return child;
}

static pid_t
by_posix_spawnp(char **argv, const char *line)
{
	pid_t child;

	EXPECT(posix_spawnp(&child, "ip", NULL, NULL, argv, environ) == 0);
	return child;
}

static pid_t
by_system(char **argv, const char *line)
{
	EXPECT(system(line) == 0);
	return 0;
}

static pid_t
by_popen(char **argv, const char *line)
{
	FILE *stream = popen(line, "r");

	EXPECT(stream != NULL && pclose(stream) == 0);
	return 0;
}

static const way ways[] = {by_execve, by_execv, by_execvp, by_execvpe, by_execl, by_execlp, by_execle, by_fexecve, by_vfork,
    by_posix_spawn, by_posix_spawnp, by_system, by_popen, by_shell, by_shell_and_env,
#ifdef __GLIBC__
    by_execveat, by_execveat_of_a_descriptor,
#endif
};

static void
every_way_to_start_a_program(enum kind kind)
{
	opened(kind, 0);
	unsetenv("LD_PRELOAD");
	for (int i = 0; i < (int)(sizeof(ways) / sizeof(ways[0])); i++) {
		char mtu[8], line[80], dev[16];
		char ip[] = "ip", link[] = "link", set[] = "set", word[] = "dev", mtu_word[] = "mtu";
		char *argv[] = {ip, link, set, word, dev, mtu_word, mtu, NULL};
		int status = 0;
		pid_t child;

		snprintf(mtu, sizeof(mtu), "%d", MTU_FIRST + i);
		snprintf(dev, sizeof(dev), "%s", name_of(kind, 0));
		snprintf(line, sizeof(line), "ip link set dev '%s' mtu %s", dev, mtu);
		child = ways[i](argv, line);
		if (child != 0) {
			EXPECT(waitpid(child, &status, 0) == child);
		}
		if (status != 0 || if_mtu(dev) != MTU_FIRST + i) {
			printf("# way %d, status %d\n", i, status);
		}
		EXPECT(status == 0 && if_mtu(dev) == MTU_FIRST + i);
		EXPECT(strcmp(argv[4], name_of(kind, 0)) == 0);
	}
}

#define LINE_SIZE 200

/* A line with the name for each '@' in it. */
static void
fill(const char *from, const char *name, char line[LINE_SIZE])
{
	size_t length = 0;

	for (; *from != '\0'; from++) {
		length += (size_t)snprintf(line + length, LINE_SIZE - length, "%.*s", *from == '@' ? 16 : 1, *from == '@' ? name : from);
		EXPECT(length < LINE_SIZE);
	}
}

static void
shell_lines(enum kind kind)
{
	static const char *const lines[] = {
		"ip link set dev @ mtu 1401",
		"PATH=$PATH /sbin/ip link set \"@\" mtu 1402 >/dev/null 2>&1",
		"true | cat && if ip link set @ mtu 1403; then true; else false; fi",
		"(exec ip link set dev @ mtu 1404) # @",
		"for i in 1 2; do ip link set dev @ mtu 1405 & wait; done",
		"! false; { ip link set dev @ mtu 1406; }",
	};
	char line[LINE_SIZE];

	opened(kind, 0);
	unsetenv("LD_PRELOAD");
	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++) {
		fill(lines[i], name_of(kind, 0), line);
		EXPECT(system(line) == 0);
		EXPECT(if_mtu(name_of(kind, 0)) == 1401 + i);
	}
}

static void
what_looks_alike_is_not_touched(enum kind kind)
{
	static const char *const same[] = {
		"echo @",
		"printf '%s ip link set dev @' @",
		"IF=@; echo $IF @.pcap x@ @0",
		"echo ip link show \"@\"; echo >/dev/null @; echo '@'",
		"cat <<end\nip link show @\nend\n",
	};
	char line[LINE_SIZE], expected[300], got[300];

	opened(kind, 0);
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			char *out = turn == 0 ? got : expected;
			FILE *stream;

			/* What a unit that is not open gives, with that unit's name in place of this one's. */
			fill(same[i], name_of(kind, turn), line);
			stream = popen(line, "r");
			EXPECT(stream != NULL);
			out[fread(out, 1, sizeof(got) - 1, stream)] = '\0';
			EXPECT(pclose(stream) == 0);
		}
		for (char *c = strchr(expected, '1'); c != NULL; c = strchr(c + 1, '1')) {
			if (c - expected >= 3 && memcmp(c - 3, name_of(kind, 0), 3) == 0) {
				*c = '0';
			}
		}
		EXPECT(strcmp(got, expected) == 0);
	}
}

static void
scripts_say_the_name(enum kind kind)
{
	char path[] = "/tmp/contract.XXXXXX", line[80];
	int file = mkstemp(path);

	EXPECT(file >= 0);
	EXPECT(dprintf(file, "ip link set dev $1 mtu 1350 && ip link set dev %s up\n", name_of(kind, 0)) > 0 && close(file) == 0);
	opened(kind, 0);
	if_silence(name_of(kind, 0));
	snprintf(line, sizeof(line), "sh %s %s", path, name_of(kind, 0));
	EXPECT(system(line) == 0);
	unlink(path);
	EXPECT(if_mtu(name_of(kind, 0)) == 1350 && (if_flags(name_of(kind, 0)) & IFF_UP) != 0);
}

static void
a_new_name_is_known(enum kind kind)
{
	char line[80], name[IF_NAMESIZE];
	unsigned index;

	opened(kind, 0);
	index = if_nametoindex(name_of(kind, 0));
	snprintf(line, sizeof(line), "ip link set dev %s name other0", name_of(kind, 0));
	EXPECT(system(line) == 0);
	EXPECT(if_nametoindex("other0") == index && if_nametoindex(name_of(kind, 0)) == 0);
	EXPECT(strcmp(if_indextoname(index, name), "other0") == 0);
	snprintf(line, sizeof(line), "ip link set dev other0 name %s", name_of(kind, 0));
	EXPECT(system(line) == 0);
	EXPECT(if_nametoindex(name_of(kind, 0)) == index && strcmp(if_indextoname(index, name), name_of(kind, 0)) == 0);
}

const struct contract_case name_cases[] = {
	{"names.index", "name and index of the interface agree", ON_BOTH | NATIVE, index_and_name_agree},
	{"names.index", "each of many devices has its own name", ON_BOTH | NATIVE, each_device_has_its_own_name},
	{"names.index", "a process that never held the device knows its name", ON_BOTH | NATIVE, others_know_the_name},
	{"names.lists", "if_nameindex and getifaddrs list the name, the link's entry first", ON_BOTH | NATIVE, lists_have_the_name},
	{"names.lists", "SIOCGIFCONF lists the name", ON_BOTH | NATIVE, ifconf_has_the_name},
	{"names.ioctl", "ioctls take the name and leave it as it was", ON_BOTH | NATIVE, ioctls_leave_the_caller_its_name},
	{"names.ioctl", "a request may stand in read-only memory, at its end", ON_BOTH | NATIVE, ioctls_of_read_only_memory},
	{"names.ioctl", "an alias has an address of its own", ON_BOTH | NATIVE, aliases_have_addresses},
	{"names.ioctl", "routes and neighbours by the interface's name", ON_BOTH | NATIVE, routes_and_neighbours_by_name},
	{"names.sockets", "SO_BINDTODEVICE takes and gives the name", ON_BOTH | NATIVE, sockets_are_bound_by_name},
	{"names.sockets", "the zone of an address is the name", ON_BOTH | NATIVE, zones_of_addresses},
	{"names.words", "every way to start a configuration program", ON_BOTH | NATIVE, every_way_to_start_a_program},
	{"names.words", "command lines of a shell", ON_BOTH | NATIVE, shell_lines},
	{"names.words", "a script that says the name", ON_BOTH | NATIVE, scripts_say_the_name},
	{"names.alike", "what only looks like the name is not touched", ON_BOTH | NATIVE, what_looks_alike_is_not_touched},
	{"names.new", "an interface that is renamed has its new name", ON_BOTH | NATIVE, a_new_name_is_known},
	{0},
};
