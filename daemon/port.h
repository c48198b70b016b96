/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port.h - the relay's end of a relayed link: whole frames in and out of a named interface.
 *
 * port-pcap.c receives through libpcap; how frames are sent differs by platform (port-packet.c, port-ndrv.c).  A relay knows only the table
 * of functions, so that its tests need neither interface nor rights.
 */
#ifndef TUNTAPD_DAEMON_PORT_H
#define TUNTAPD_DAEMON_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames moved at once in one direction: it bounds how long one direction keeps the other waiting. */
#define PORT_BURST 64
/* Longest frame, bytes: the largest MTU that an interface can have, Ethernet header and one tag. */
#define PORT_FRAME_MAX (65535 + 14 + 4)

struct port_frame {
	const void *data;
	size_t bytes;
};

struct port;

struct port_ops {
	/*
	 * Hands over what has come in, up to burst frames, in order, each valid during the call only.  Returns how many came; 0: none
	 * now; -1 with errno: the interface is gone.  Never waits.  Where there were burst frames, more may be held that the kernel has
	 * given already: of those the descriptor tells nothing.
	 */
	int (*receive)(struct port *port, unsigned burst, void (*on_frame)(void *argument, const struct port_frame *frame),
	    void *argument);

	/*
	 * Sends count frames, at most PORT_BURST, in order; waits for room where the kernel says that there is none just now.  Returns
	 * how many were sent: the others the interface does not take (it is down, they are too long).  -1 with errno: the interface
	 * is gone.
	 */
	int (*send)(struct port *port, const struct port_frame *frames, unsigned count);

	/* Bytes that the port's buffers have, and that wait for it in the kernel, at most. */
	size_t (*memory)(struct port *port);

	/* Frames lost before receive() could hand them over, since the start.  One system call. */
	uint64_t (*dropped)(struct port *port);

	void (*close)(struct port *port);
};

struct port {
	const struct port_ops *ops;
	int fd; /* readable when receive() has something to hand over */
};

/* Opens the port on an interface; needs the right to (CAP_NET_RAW).  NULL, with *problem saying what failed. */
struct port *port_open(const char *ifname, const char **problem);

/* For port-pcap.c alone: the sending side.  A descriptor, or -1 with errno. */
int port_sender_open(const char *ifname);
/* As port_ops.send. */
int port_sender_send(int sender, const struct port_frame *frames, unsigned count);
/* Whether the interface is there, and up. */
bool port_sender_is_up(int sender);
/* The receiving side's descriptor never shows what the sender sent.  0, or -1 with errno. */
int port_sender_hide(int receiver);
/* Makes the receiving side keep whole frames that are longer than its ring's slots.  0, or -1 with errno. */
int port_sender_keep_long(int receiver);
/* The longest frame that the receiving side shows whole by itself, bytes. */
unsigned port_sender_slot_bytes(void);

#endif
