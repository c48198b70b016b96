/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - everything that crosses the control socket.
 *
 * One message is one record of fixed size, in the host's byte order (both ends are on one machine),
 * with explicit pads that must be zero.  A program's connection lives for one request and its
 * reply; the CLI may send several requests, one after the other, each answered before the next.
 *
 *	request			descriptors	reply			descriptors
 *	MESSAGE_ATTACH		0 or 1 *	struct message_attached	2 (channel, page); 0 on error
 *	MESSAGE_HEADER_MODE	1 (the device)	struct message_result	0
 *	MESSAGE_STATUS		0		struct message_device	0
 *	MESSAGE_STOP		0		struct message_result	0
 *	MESSAGE_NODE		0		struct message_result	1 (a node); 0 on error
 *	MESSAGE_TUN_SET		1 (the device)	struct message_result	0
 *	MESSAGE_CAPTURE		0		struct message_captured	1 (see capture.h); 0 on error
 *	MESSAGE_PAIR		0 to 2 (where	struct message_pair	1 if it is held (its end is the pair's); 0
 *				the ends are to be)
 *	MESSAGE_PAIR_LIST	0		struct message_pair	0
 *	MESSAGE_PAIR_DELETE	0		struct message_result	0
 *	MESSAGE_BRIDGE		0		struct message_result	0
 *
 *	* Linux: the program's own, unattached descriptor of /dev/net/tun, where it could open one.  The
 *	  monitor turns it into the device, and the channel that comes back is the same open file.
 *	  In the linux dialect: always 1.
 *
 * Version rule.  The version is one number for the whole protocol.  A daemon answers a request of
 * another version with a struct message_result of its own version and EPROTONOSUPPORT, and closes;
 * a client that reads another version than its own treats the daemon as absent.
 *
 * Errors travel as errno values of the platform, 0 for success.
 */
#ifndef TUNTAPD_PROTOCOL_MESSAGE_H
#define TUNTAPD_PROTOCOL_MESSAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "devname.h"

#define MESSAGE_MAGIC 0x64707474u /* "ttpd", little end first */
#define MESSAGE_VERSION 1
#define MESSAGE_FDS_MAX 2
#define MESSAGE_ADDRESSES_MAX 8
#define MESSAGE_IFNAME_SIZE 16  /* IFNAMSIZ, on both platforms */
#define MESSAGE_PROGRAM_SIZE 32 /* Linux: TASK_COMM_LEN 16; Darwin: 2 * MAXCOMLEN */

enum message_type {
	MESSAGE_ATTACH = 1,
	MESSAGE_HEADER_MODE = 2,
	MESSAGE_STATUS = 3,
	MESSAGE_STOP = 4,
	MESSAGE_NODE = 5,
	MESSAGE_TUN_SET = 6,
	MESSAGE_CAPTURE = 7,
	MESSAGE_PAIR = 8,
	MESSAGE_PAIR_LIST = 9, /* struct message_status: the first pair at or after cursor, as for devices */
	MESSAGE_PAIR_DELETE = 10,
	MESSAGE_BRIDGE = 11,
	MESSAGE_REPLY = 0x8000, /* or'ed to the request's type in its reply */
	/* The reply to a request that could not be understood. */
	MESSAGE_RESULT = MESSAGE_REPLY,
};

struct message_header {
	uint32_t magic;   /* MESSAGE_MAGIC */
	uint16_t version; /* MESSAGE_VERSION */
	uint16_t type;    /* enum message_type */
	uint32_t size;    /* of the whole message, bytes */
	uint32_t serial;  /* the client's choice; the reply repeats it */
};

/* message_attach.access: what the program asked of open(2). */
#define MESSAGE_ACCESS_READ 0x1u
#define MESSAGE_ACCESS_WRITE 0x2u
#define MESSAGE_ACCESS_ALL 0x3u

/* Which API the program speaks. */
enum message_dialect {
	DIALECT_BSD = 0,   /* /dev/tunN and /dev/tapN */
	DIALECT_LINUX = 1, /* /dev/net/tun and TUNSETIFF */
};

/* "Make this device mine." */
struct message_attach {
	struct message_header header;
	uint8_t kind;       /* enum device_kind */
	uint8_t access;     /* MESSAGE_ACCESS_*, not 0 */
	uint16_t unit;      /* bsd dialect; DEVICE_UNIT_NAMED in the linux dialect */
	uint8_t nonblock;   /* 0 or 1: the channel starts non-blocking */
	uint8_t dialect;    /* enum message_dialect */
	uint16_t tun_flags; /* linux dialect: as TUNSETIFF takes them (linux/if_tun.h IFF_*); else 0 */
	char ifname[MESSAGE_IFNAME_SIZE]; /* linux dialect: as TUNSETIFF takes it, zero-filled: a name, one with "%d", or empty */
	uint8_t pad[8];
};

struct message_attached {
	struct message_header header;
	int32_t error;        /* errno, see device-contract: ENOENT, EBUSY, EACCES, ... */
	uint32_t ifindex;     /* of the device's interface */
	uint64_t open_number; /* of this open; also in the page */
	uint32_t mtu;         /* bytes above the link header */
	uint8_t kind;
	uint8_t channel;      /* enum channel_type */
	uint16_t unit;        /* DEVICE_UNIT_NAMED: it is known by ifname */
	char ifname[MESSAGE_IFNAME_SIZE]; /* NUL-terminated and zero-filled */
	uint32_t place;       /* of the device in the daemon's table */
	uint8_t pad[4];
};

/* TUNSIFHEAD: the address-family header on (1) or off (0).  The descriptor is the proof. */
struct message_header_mode {
	struct message_header header;
	uint64_t open_number;
	uint32_t place;
	uint8_t on;
	uint8_t pad[3];
};

/*
 * "Open /dev/net/tun for me": for a program of the linux dialect that may not open the node itself.  The descriptor that comes back is
 * unattached, and of the program's network namespace.
 */
struct message_node {
	struct message_header header;
	uint8_t access;    /* MESSAGE_ACCESS_*, not 0 */
	uint8_t nonblock;  /* 0 or 1 */
	uint8_t pad[14];
};

enum message_tun_what {
	TUN_SET_PERSIST = 1, /* value 0 or 1 */
	TUN_SET_OWNER = 2,   /* value: a uid */
	TUN_SET_GROUP = 3,   /* value: a gid */
};

/* TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP, which the kernel would let any holder do.  The descriptor is the proof. */
struct message_tun_set {
	struct message_header header;
	uint32_t value;
	uint8_t what;      /* enum message_tun_what */
	uint8_t pad[11];
};

/* "Let me see what passes through this device", which is open in the connection's network namespace. */
struct message_capture {
	struct message_header header;
	uint8_t kind;  /* enum device_kind */
	uint8_t zero;
	uint16_t unit;
	uint8_t pad[12];
};

/* How a captured packet begins: numbers of the pcapng format (LINKTYPE_*). */
enum message_linktype {
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW = 101, /* with the IP header */
};

struct message_captured {
	struct message_header header;
	int32_t error;     /* ENOENT (no such device), ENODEV (nobody has it open here), EACCES, EMFILE, ENFILE, ... */
	uint32_t linktype; /* enum message_linktype */
	uint32_t ifindex;
	char ifname[MESSAGE_IFNAME_SIZE];
	uint8_t pad[4];
};

/* A bare answer. */
struct message_result {
	struct message_header header;
	int32_t error;
	uint8_t pad[12];
};

/*
 * One device per request: the first one at or after cursor, in the daemon's order.  Start with 0 and
 * go on with message_device.next until that is 0.
 */
struct message_status {
	struct message_header header;
	uint32_t cursor;
	uint8_t pad[12];
};

enum device_state {
	DEVICE_CLOSED = 0, /* nobody holds it */
	DEVICE_OPEN = 1,   /* held; the interface exists and is not up */
	DEVICE_UP = 2,     /* held, and the interface is up */
};

enum channel_type {
	CHANNEL_DIRECT = 1,
	CHANNEL_RELAYED = 2,
	CHANNEL_FRAMED = 3, /* direct, and the kernel itself puts an address-family header before each packet, both ways */
	CHANNEL_NODE = 4,   /* direct, and a node of a driver that does all that the contract says: nothing of ours is needed */
};

struct message_address {
	uint8_t family;    /* 4 or 6: not AF_*, which differs by platform */
	uint8_t prefix;    /* bits */
	uint8_t peer;      /* 1: bytes is the local end of a point-to-point pair */
	uint8_t pad;
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

struct message_counters {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped;
};

struct message_device {
	struct message_header header;
	int32_t error;         /* 0; ENOENT: no device at or after the cursor, the rest is zero */
	uint32_t next;         /* cursor of the next device; 0: this is the last */
	uint64_t open_number;
	int64_t since;         /* seconds since 1970 of this open; 0: closed */
	uint64_t netns;        /* inode of the network namespace; 0 where there are none */
	uint8_t kind;
	uint8_t state;         /* enum device_state */
	uint16_t unit;         /* DEVICE_UNIT_NAMED: it is known by ifname */
	uint32_t ifindex;      /* this and all below: 0 or empty while closed */
	uint32_t mtu;
	int32_t pid;           /* of the opener */
	uint32_t uid;          /* of the opener */
	uint8_t channel;       /* enum channel_type */
	uint8_t header_mode;
	uint8_t has_mac;
	uint8_t address_count; /* in addresses; more may exist: addresses_total */
	uint8_t mac[6];
	uint16_t addresses_total;
	char ifname[MESSAGE_IFNAME_SIZE];
	char link[MESSAGE_IFNAME_SIZE]; /* "linux", "veth", ... */
	char program[MESSAGE_PROGRAM_SIZE];
	struct message_counters to_program;   /* kernel to program */
	struct message_counters from_program; /* program to kernel */
	uint64_t memory_limit; /* relayed: bytes that the kernel and the relay hold for it at most; 0: not known */
	uint64_t memory_relay; /* relayed: bytes that its relay's process has now; 0: not known */
	struct message_address addresses[MESSAGE_ADDRESSES_MAX];
};

/* Addresses that each end of a pair can be given. */
#define MESSAGE_PAIR_ADDRESSES_MAX 4

struct message_pair_end {
	char ifname[MESSAGE_IFNAME_SIZE]; /* zero-filled; "%d" at its end: the lowest number that is free */
	uint8_t has_netns;                /* 1: where the next descriptor, a unix socket, was made; 0: where the connection was */
	uint8_t address_count;
	uint8_t pad[2];
	struct message_address addresses[MESSAGE_PAIR_ADDRESSES_MAX]; /* none with a peer; past the count zero */
};

/* "Make two interfaces, joined to each other, with these addresses, and up." */
struct message_pair_make {
	struct message_header header;
	uint32_t mtu;  /* of both, bytes; 0: as the kernel makes them */
	struct message_pair_end ends[2];
	uint8_t held;  /* 1: it goes when the descriptor that comes back is closed by its last holder */
	uint8_t pad[3];
};

struct message_pair_seen {
	uint64_t netns;   /* inode of the network namespace; 0: somebody has moved it, and it is not known where */
	uint32_t ifindex;
	uint32_t zero;
	char ifname[MESSAGE_IFNAME_SIZE];
	char name[MESSAGE_IFNAME_SIZE]; /* as it was asked for; Linux: ifname, until somebody gives the interface another */
};

struct message_pair {
	struct message_header header;
	int32_t error;  /* ENOENT: no pair at or after the cursor; EBUSY, EACCES, EMFILE, ENFILE, EINVAL, ... */
	uint32_t next;  /* MESSAGE_PAIR_LIST: cursor of the next; 0: this is the last */
	int64_t since;  /* seconds since 1970 */
	uint32_t uid;   /* of who made it */
	int32_t pid;
	struct message_pair_seen ends[2];
	char program[MESSAGE_PROGRAM_SIZE];
	uint32_t mtu;   /* that was asked for; 0: none */
	uint8_t held;
	uint8_t pad[3];
};

/*
 * The pair of which an end's interface has that name in the connection's network namespace; if there is none, anywhere; or of which an end
 * was asked for by that name.  Root, or who made it.
 */
struct message_pair_delete {
	struct message_header header;
	char ifname[MESSAGE_IFNAME_SIZE];
};

/* End the daemon with all its devices (`tuntapd serve --stop-all`).  Root or the daemon's own user. */
struct message_stop {
	struct message_header header;
	uint8_t pad[16];
};

/*
 * Put the interface of an open tap into a bridge with another interface, or take it out of one (`tuntapd bridge`).  Root or the daemon's
 * own user.
 */
struct message_bridge {
	struct message_header header;
	uint8_t kind; /* DEVICE_TAP */
	uint8_t pad;
	uint16_t unit;
	char ifname[MESSAGE_IFNAME_SIZE]; /* zero-filled; empty: out of the bridge that it is in */
	uint8_t zero[4];
};

static_assert(sizeof(struct message_header) == 16, "wire layout");
static_assert(sizeof(struct message_attach) == 48, "wire layout");
static_assert(sizeof(struct message_attached) == 64, "wire layout");
static_assert(sizeof(struct message_header_mode) == 32, "wire layout");
static_assert(sizeof(struct message_result) == 32, "wire layout");
static_assert(sizeof(struct message_status) == 32, "wire layout");
static_assert(sizeof(struct message_address) == 20, "wire layout");
static_assert(sizeof(struct message_device) == 16 + 8 + 24 + 4 + 12 + 4 + 4 + 8 + 16 + 16 + 32 + 48 + 16 +
    MESSAGE_ADDRESSES_MAX * 20, "wire layout");
static_assert(sizeof(struct message_stop) == 32, "wire layout");
static_assert(sizeof(struct message_node) == 32, "wire layout");
static_assert(sizeof(struct message_bridge) == 40, "wire layout");
static_assert(sizeof(struct message_tun_set) == 32, "wire layout");
static_assert(sizeof(struct message_capture) == 32, "wire layout");
static_assert(sizeof(struct message_captured) == 48, "wire layout");
static_assert(sizeof(struct message_pair_make) == 224, "wire layout");
static_assert(sizeof(struct message_pair) == 176, "wire layout");
static_assert(sizeof(struct message_pair_delete) == 32, "wire layout");

/* Room for any message, aligned for all of them. */
union message {
	struct message_header header;
	struct message_attach attach;
	struct message_attached attached;
	struct message_header_mode header_mode;
	struct message_result result;
	struct message_status status;
	struct message_device device;
	struct message_stop stop;
	struct message_node node;
	struct message_tun_set tun_set;
	struct message_bridge bridge;
	struct message_capture capture;
	struct message_captured captured;
	struct message_pair_make pair_make;
	struct message_pair pair;
	struct message_pair_delete pair_delete;
};

/* Size of each message type, bytes; 0 for an unknown type. */
size_t message_size(uint16_t type);

/*
 * The whole check of a request, before anything of it is used: size received, magic, version, type (a request),
 * size field, kind, unit, flags, pads, number of descriptors.  Returns 0, or an errno: EPROTONOSUPPORT (another version:
 * worth an answer), EBADMSG (anything else).  errno itself is untouched.
 */
int message_check_request(const union message *m, size_t bytes, unsigned fd_count);

/*
 * The same for a reply to a request of that type and serial.  A struct message_result in place of the expected
 * reply is accepted if it carries an error.  EBADMSG, EPROTONOSUPPORT as above.
 */
int message_check_reply(const union message *m, size_t bytes, unsigned fd_count, uint16_t request_type, uint32_t serial);

/* Zeroes the whole union and fills the header for a message of that type. */
void message_init(union message *m, uint16_t type, uint32_t serial);

/* Reply to request r: result or, by type, the reply's own struct, zeroed, with error set. */
void message_init_reply(union message *m, const struct message_header *r, int error);

#endif
