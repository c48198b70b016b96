/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairends-darwin.c - the two interfaces of a pair, on macOS: feth.  See pairends.h.
 *
 * Theory of operation.  Interfaces have the driver's name and a number here, so what the ends are called is our account's alone, and each
 * has its interface beside it.  Numbers are of a range of their own (feth.h), and begin with the time, so that one that has just been
 * destroyed is not asked for again at once.
 *
 * Whose they are.  A feth has no mark that could not be another's: a name is used again, and then with the index that it had.  What is
 * nobody else's is the random MAC address.  An end is ours, then, by its name and that address; or, if somebody has given it another, by
 * being the peer of the one that has its.  One that was being made when the daemon was killed may have the driver's address still; it is
 * then nobody's peer.
 *
 * The ends do not go together: one that somebody destroys leaves the other.
 *
 * Sources: XNU bsd/net/if_fake.c (feth_clone_create: the address), bsd/net/if.c (if_clone_create).
 */
#include "pairends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feth.h"
#include "protocol/sys.h"

const bool pairends_of_one_piece = false;

int
pairends_check_name(const struct netns *ns, const char *name)
{
	struct netif_status status;

	/* It would seem to be an interface, and to be another one's. */
	if (strncmp(name, "feth", 4) == 0 && strspn(name + 4, "0123456789") == strlen(name + 4)) {
		errno = EINVAL;
		return -1;
	}
	if (netif_find(ns->netif, name, &status) == 0) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

static int
make(int sock, struct pair_record *r, struct netif *netif, int (*write)(void *argument), void *argument)
{
	struct netif_status status;

	if (feth_create_free(sock, &feth_of_pairs, (uint64_t)r->since, r->ends[0].ifname, r->ends[1].ifname, write, argument) < 0) {
		return -1;
	}
	for (unsigned n = 0; n < 2; n++) {
		if (netif_find(netif, r->ends[n].ifname, &status) < 0 || netif_set_mac(netif, status.ifindex, r->ends[n].mac) < 0 ||
		    (r->mtu != 0 && netif_set_mtu(netif, status.ifindex, r->mtu) < 0)) {
			return -1;
		}
		r->ends[n].ifindex = status.ifindex;
	}
	/* Last: what has no address of ours is nobody's peer. */
	return feth_join(sock, r->ends[0].ifname, r->ends[1].ifname);
}

int
pairends_make(struct pair_record *r, struct netns *const ns[2], int (*write)(void *argument), void *argument)
{
	int sock = feth_socket(), result;

	if (sock < 0) {
		return -1;
	}
	result = make(sock, r, ns[0]->netif, write, argument);
	sys_close(sock);
	return result;
}

static bool
has_mac(const struct netif_status *status, const uint8_t mac[6])
{
	return status->has_mac && memcmp(status->mac, mac, sizeof(status->mac)) == 0;
}

/* The driver's own address: "feth" and the number, big end first. */
static bool
has_driver_mac(const struct netif_status *status)
{
	unsigned long number = strtoul(status->ifname + 4, NULL, 10);
	const uint8_t mac[6] = {'f', 'e', 't', 'h', (uint8_t)(number >> 8), (uint8_t)number};

	return has_mac(status, mac);
}

/* The name of an interface's peer; empty: none.  False: it cannot be told. */
static bool
read_peer(const char *ifname, char peer[IFNAMSIZ])
{
	int sock = feth_socket(), result = -1;

	if (sock >= 0) {
		result = feth_read_peer(sock, ifname, peer);
		sys_close(sock);
	}
	return result == 0;
}

bool
pairends_is(const struct pair_record *r, unsigned n, const struct netns *ns, const struct netif_status *status)
{
	const struct pair_end *end = &r->ends[n], *other = &r->ends[1 - n];
	struct netif_status peer_status;
	char peer[IFNAMSIZ];

	if (strcmp(status->kind, "feth") != 0 || strcmp(status->ifname, end->ifname) != 0) {
		return false;
	}
	if (has_mac(status, end->mac)) {
		return true;
	}
	if (!read_peer(end->ifname, peer)) {
		return false;
	}
	if (r->state == PAIR_MAKING) {
		return peer[0] == '\0' && has_driver_mac(status);
	}
	return strcmp(peer, other->ifname) == 0 && netif_read(ns->netif, other->ifname, 0, false, &peer_status) == 0 &&
	    has_mac(&peer_status, other->mac);
}
