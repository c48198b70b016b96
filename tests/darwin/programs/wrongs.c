/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrongs.c - does what is wrong on macOS, or not known to the stand-in, so that this ends it.
 *
 *	wrongs WHICH
 *
 * Ends with status 0 if nothing ends it.
 */
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/kern_control.h>
#include <sys/socket.h>
#include <sys/sys_domain.h>
#include <sys/un.h>
#include <unistd.h>

/* A request of the right group and number, with another size. */
#define WRONG_SIZE _IOWR('i', 17, struct sockaddr_un)

static void
connect_wrongly(void)
{
	struct sockaddr_un address = {.sun_len = 3, .sun_family = AF_UNIX, .sun_path = "/nowhere"};

	(void)connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static void
ask_with_a_wrong_size(void)
{
	struct sockaddr_un argument = {0};

	(void)ioctl(socket(AF_INET, SOCK_DGRAM, 0), WRONG_SIZE, &argument);
}

static void
open_with_an_unknown_flag(void)
{
	(void)open("/", 0x40000000);
}

static void
write_less_than_a_family(void)
{
	struct ctl_info info = {.ctl_name = "com.apple.net.utun_control"};
	struct sockaddr_ctl address = {.sc_len = sizeof(address), .sc_family = AF_SYSTEM, .ss_sysaddr = AF_SYS_CONTROL};
	int fd = socket(PF_SYSTEM, SOCK_DGRAM, SYSPROTO_CONTROL);

	(void)ioctl(fd, CTLIOCGINFO, &info);
	address.sc_id = info.ctl_id;
	(void)connect(fd, (struct sockaddr *)&address, sizeof(address));
	(void)!write(fd, "\0\0\0", 3);
}

static void
send_unknown_flags(void)
{
	int ends[2];

	(void)socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	(void)send(ends[0], "", 1, 0x4000); /* MSG_NOSIGNAL, on Linux */
}

static void
watch_by_an_unknown_filter(void)
{
	struct kevent change;

	EV_SET(&change, 0, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL);
	(void)kevent(kqueue(), &change, 1, NULL, 0, NULL);
}

static void
call_what_is_not_there(void)
{
	(void)getlogin();
}

static void
wait_for_what_is_ignored(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigwait(&set, &number);
}

static const struct {
	const char *name;
	void (*act)(void);
} wrongs[] = {
	{"connect", connect_wrongly},
	{"size", ask_with_a_wrong_size},
	{"flag", open_with_an_unknown_flag},
	{"record", write_less_than_a_family},
	{"message", send_unknown_flags},
	{"filter", watch_by_an_unknown_filter},
	{"absent", call_what_is_not_there},
	{"ignored", wait_for_what_is_ignored},
};

int
main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		if (argc == 1) {
			printf("%s\n", wrongs[i].name);
		} else if (strcmp(argv[1], wrongs[i].name) == 0) {
			wrongs[i].act();
			return 0;
		}
	}
	return argc == 1 ? 0 : 64;
}
