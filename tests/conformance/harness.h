/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.h - what every case of the conformance suite stands on.
 *
 * The suite knows nothing of tuntapd: it opens /dev/tunN and /dev/tapN, calls the C library, configures interfaces with the usual
 * ioctls, and watches them with packet sockets.  One row of the device contract is one or more named cases; each case runs in a
 * process of its own, within a bound, in a network namespace that holds nothing else.  With --native the device is
 * opened by Linux's own /dev/net/tun, for the rows that it keeps too: so the cases themselves are tested.
 */
#ifndef CONTRACT_HARNESS_H
#define CONTRACT_HARNESS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

enum kind { TUN, TAP };

/* Where a case applies. */
#define ON_TUN 0x01u
#define ON_TAP 0x02u
#define ON_BOTH (ON_TUN | ON_TAP)
#define NATIVE 0x04u  /* Linux's own device keeps this, too */
#define DIRECT 0x08u  /* a relayed channel does not have this: it is a socket, and the contract says so */
#define RELAYED 0x10u /* a relayed channel alone has this */

struct contract_case {
	const char *row;  /* of rows.txt: the claim that the case proves */
	const char *name; /* a sentence */
	unsigned where;
	void (*run)(enum kind kind);
};

/* One table for each section; ends with a NULL name. */
extern const struct contract_case before_cases[], open_cases[], interface_cases[], io_cases[], ioctl_cases[], poll_cases[],
    copy_cases[], close_cases[], rights_cases[], thread_cases[], stack_cases[], linux_cases[], inherit_cases[], door_cases[],
    stdio_cases[], linux_call_cases[], node_cases[], client_cases[], name_cases[], filter_cases[], without_cases[], spawn_cases[];
/* Those of this system, to NULL: harness-linux.c, harness-darwin.c. */
extern const struct contract_case *const contract_tables[];
/* Whether FIONREAD can be asked. */
bool contract_tells_size(enum kind kind);
/* Why a case of them cannot hold, or not be run, on this system with a device of that kind; NULL: it can. */
const char *contract_excuse(const struct contract_case *c, enum kind kind);
extern const bool contract_news_lags;
/* How often a case does something that opens a device, which would do it so often where that is cheap. */
int contract_times(int times);

/* What this program does as the next image of a case: --image ROLE tun|tap FD.  An exit status. */
int image_main(const char *role, const char *kind, const char *fd);
/* The part of it that is contract-spawn.c's. */
int spawn_main(const char *role, enum kind kind, int fd);

/* Ends the case as failed unless the condition holds. */
#define EXPECT(condition) expect((condition), #condition, __FILE__, __LINE__)
/* The call must return -1 with that errno. */
#define EXPECT_ERRNO(call, error) expect_errno((long)(call), (error), #call, __FILE__, __LINE__)
/*
 * A write to an interface that has just gone down must fail with EIO: at once, or, where the channel is relayed, or the kernel's own takes
 * it (macOS), soon (the contract gives it a second; what slips through is lost).
 */
#define EXPECT_EIO_SOON(call)                                                       \
	do {                                                                        \
		if (options.relayed || contract_news_lags) {                                              \
			WAIT_UNTIL((call) == -1 && errno == EIO, 10000);            \
		} else {                                                            \
			EXPECT_ERRNO(call, EIO);                                    \
		}                                                                   \
	} while (0)
void expect(bool holds, const char *text, const char *file, int line);
void expect_errno(long result, int error, const char *text, const char *file, int line);

/* Waits until the condition holds, or ends the case: ten times a bound that the contract names. */
#define WAIT_UNTIL(condition, bound_ms)                                                   \
	do {                                                                              \
		int64_t end_ = now_ms() + (bound_ms);                                     \
		while (!(condition)) {                                                    \
			expect(now_ms() < end_, "in time: " #condition, __FILE__, __LINE__); \
			nap();                                                            \
		}                                                                         \
	} while (0)
int64_t now_ms(void);
void nap(void); /* a millisecond */

/* "/dev/tap0"; valid until the thread's next call. */
const char *path_of(enum kind kind, unsigned unit);
/* "tap0" */
const char *name_of(enum kind kind, unsigned unit);

/* open(2) of a unit, or in native mode its like; -1 with errno. */
int device_open(enum kind kind, unsigned unit, int flags);
/* The same, with O_RDWR; ends the case if it fails. */
int opened(enum kind kind, unsigned unit);
/* That, with the interface up and silent (no IPv6). */
int opened_up(enum kind kind, unsigned unit);
bool native_mode(void);

/* TUNSIFHEAD and TUNGIFHEAD as a program has them that is compiled on this platform. */
#define TUNSIFHEAD_VALUE ((uint32_t)_IOW('t', 96, int))
#define TUNGIFHEAD_VALUE ((uint32_t)_IOR('t', 97, int))
/* The same of another platform's, whose values are not this one's. */
extern const unsigned long contract_foreign_set_header, contract_foreign_get_header;

/* An ioctl of an interface, by its name. */
int ask_interface(unsigned long request, struct ifreq *ifr, const char *name);
/* The interface of a name. */
bool if_exists(const char *name);
/* Waits for its end: a quarter of a second by the contract, ten times that here. */
void wait_gone(const char *name);
short if_flags(const char *name);
/* Flags that one has when it has just been made; in *clear those that it has not. */
short if_fresh_flags(enum kind kind, short *clear);
void if_set_flags(const char *name, short set, short clear);
void if_up(const char *name);
void if_down(const char *name);
int if_mtu(const char *name);
void if_set_mtu(const char *name, int mtu);
void if_mac(const char *name, uint8_t mac[6]);
int if_set_mac(const char *name, const uint8_t mac[6]);
void if_add_address(const char *name, const char *address);
/* Of a subnet of 64 bits. */
void if_add_address6(const char *name, const char *address);
/* The other end of a point-to-point interface. */
void if_add_peer(const char *name, const char *address);
/* No IPv6, so that the kernel sends nothing of its own. */
void if_silence(const char *name);
/* Takes the interface away.  False: nobody can. */
bool if_destroy(const char *name);

/* Whether an entry of getifaddrs is the interface's own, with its index and a MAC address, which it has. */
struct ifaddrs;
bool is_link_entry(const struct ifaddrs *entry, unsigned index, uint8_t mac[6]);

/* A packet that a device of that kind carries: an Ethernet frame of type 0x88b5, or an IPv4 packet; number is in it. */
void packet_make(enum kind kind, uint8_t *packet, size_t bytes, uint32_t number);
uint32_t packet_number(enum kind kind, const uint8_t *packet);
#define PACKET_MIN 60

/* The kernel's side of the interface: packets that the kernel sends to the program, and sees from it. */
int kernel_open(const char *name);
void kernel_send(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes);
/* The same, of which the kernel may say that it was dropped. */
void kernel_offer(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes);
/* The next packet that the program sent, within a second.  -1: none. */
long kernel_receive(int kernel, void *packet, size_t room);

/* Whether a write takes the whole packet; on a relayed link it may have to wait for room.  Safe in a signal handler. */
bool is_written(int fd, const void *packet, size_t bytes);

/* The kernel's own calls, which pass by a library that stands in for close and dup2. */
int raw_close(int fd);
int raw_dup2(int fd, int to);
/* dup2 that sets close-on-exec. */
int dup_cloexec(int fd, int to);
/* Nothing is left of the environment. */
void forget_environment(void);
/* What names the library in the environment. */
extern const char *const contract_preload;
/* The path of this program; valid until the next call. */
const char *own_image(void);

/* What the system tells many descriptors with: epoll, kqueue.  A queue that waits for packets, or for room; edge-triggered: tells once. */
enum queue_wants { PACKETS, EDGES_OF_PACKETS, QUEUE_ROOM };
int queue_open(int fd, enum queue_wants wants);
/* Whether it tells within that time of what it waits for, of that descriptor, and of nothing else. */
bool queue_tells(int queue, int fd, int timeout_ms);

/* Waits until fd is readable, or ends the case. */
void wait_readable(int fd);
/* The kernel sends a packet of PACKET_MIN bytes and that number on unit 0, and it has come to fd; and has got one from the program. */
void packet_arrive(int fd, int kernel, enum kind kind, uint32_t number);
void packet_has_gone(int kernel, enum kind kind, uint32_t number);
/*
 * Until the daemon has surely heard of what was done before: a change of another of its devices, unit 15, which it answers in the order
 * of the news.
 */
void after_all_news(enum kind kind);
bool is_readable(int fd);
bool is_writable(int fd);

/* What a program does that a case starts with a device and without the library; the status of main. */
int contract_without_library(enum kind kind);

/* Whole options of a run. */
struct contract_options {
	bool native;
	bool kernel_names; /* interfaces are not called as their devices */
	bool relayed;  /* the devices are on a relayed link */
	bool nonblock; /* devices are opened non-blocking where a case leaves it open */
};
extern struct contract_options options;

#endif
