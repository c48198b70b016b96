/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-linux.c - tun and tap devices by Linux's own /dev/net/tun, direct.
 *
 * Theory of operation.  The channel is a descriptor of /dev/net/tun to which TUNSETIFF has given an interface named after
 * the device.  Where the program could open the node itself, it sent that descriptor, unattached, and
 * every copy of it becomes the device; where it could not, the monitor opens the node.  The monitor then passes the channel
 * on and keeps no copy: the interface lives exactly as long as the program's descriptors do, and the kernel tells of its
 * end by rtnetlink.  IFF_TUN_EXCL keeps TUNSETIFF from joining an interface that exists.
 *
 * The mark by which a descriptor tells that it is a device (protocol/page.h) is set here, once.  In the linux dialect the interface has
 * the name and flags that the program asked for, and the descriptor no mark.
 *
 * A persistent interface is made with a descriptor of ours and TUNSETPERSIST, and the descriptor is closed.  An open joins it by TUNSETIFF
 * without IFF_TUN_EXCL; that it is held already is the driver's to say (tun_attach: EBUSY).  The last close turns its carrier off.
 *
 * A descriptor that a program sent is a stranger's: it must be the tun node (character device 10:200), unattached, of the namespace
 * that was judged, and opened for no more than the program asked the policy for.  Its interface appears where it was opened,
 * whoever does the TUNSETIFF.
 *
 * An interface that was moved to another namespace is found there through a descriptor of its holder's, borrowed for a moment:
 * TUNGETDEVNETNS says where the interface is by now (SIOCGSKNS, where the node was opened).
 *
 * Sources: Documentation/networking/tuntap.rst, linux/if_tun.h; drivers/net/tun.c (TUNGETIFF on an unattached descriptor:
 * EBADFD; __tun_chr_ioctl, TUNGETDEVNETNS; SIOCGSKNS: the namespace at open); devices.txt (10:200).
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link-direct.h"
#include "log.h"
#include "os.h"
#include "protocol/page.h"
#include "protocol/paths.h"

/* The kernel puts the lowest free number in place of the "%d", and tells the whole name (dev_alloc_name). */
static const char kernel_name_pattern[IFNAMSIZ] = DEVNAME_LINK_PREFIX "%d";

static const char *
linux_unavailable(void)
{
	int fd = open(PATHS_TUN_NODE, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return PATHS_TUN_NODE " is missing: load the module ('modprobe tun'), or make the node "
		    "('mknod " PATHS_TUN_NODE " c 10 200') and give it to the container";
	case EACCES:
	case EPERM:
		return PATHS_TUN_NODE " cannot be opened: start tuntapd as root, or let this user "
		    "read and write the node ('chmod 0666 " PATHS_TUN_NODE "')";
	default:
		return PATHS_TUN_NODE " cannot be opened";
	}
}

static unsigned
access_of_flags(int flags)
{
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return MESSAGE_ACCESS_READ;
	case O_WRONLY:
		return MESSAGE_ACCESS_WRITE;
	default:
		return MESSAGE_ACCESS_ALL;
	}
}

/* 0 if a program's descriptor may become the device; else -1 with EINVAL or EACCES, or EMFILE and the like. */
static int
check_given(int fd, unsigned access, uint64_t netns)
{
	struct ifreq request = {0};
	uint64_t theirs;
	int flags = fcntl(fd, F_GETFL), ns;

	if (flags < 0 || os_descriptor_of(fd) != OS_DESCRIPTOR_NODE || ioctl(fd, TUNGETIFF, &request) == 0 || errno != EBADFD) {
		errno = EINVAL;
		return -1;
	}
	if ((access_of_flags(flags) & ~access) != 0) {
		errno = EACCES;
		return -1;
	}
	if (os_netns_of_fd(fd, &theirs, &ns) < 0) {
		return -1;
	}
	close(ns);
	if (theirs != netns) {
		errno = EACCES;
		return -1;
	}
	return 0;
}

/* A fresh descriptor of the node, which belongs to the namespace that it is opened in. */
static int
open_node(const struct netns *ns, const struct link_open *how)
{
	int back, fd;

	if (os_netns_enter(ns->fd, &back) < 0) {
		errno = errno == EPERM ? EACCES : errno;
		return -1;
	}
	fd = open(PATHS_TUN_NODE, link_direct_open_flags(how));
	os_netns_leave(back);
	if (fd < 0 && errno != EMFILE && errno != ENFILE && errno != ENOMEM) {
		log_warnx("%s", linux_unavailable());
		errno = ENXIO; /* never ENOENT: programs that scan units take that for the last unit */
	}
	return fd;
}

/*
 * The flags of TUNSETIFF.  In the linux dialect the program chooses them, but for the kind; a flag that is not known here is refused: what
 * it would do is unknown.
 */
static int
flags_of_open(const struct link *l, const struct link_open *how, short *flags)
{
	const unsigned kinds = IFF_TUN | IFF_TAP, known = IFF_NO_PI | IFF_ONE_QUEUE | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_TUN_EXCL;
	unsigned chosen = how->dialect == DIALECT_LINUX ? how->tun_flags & ~kinds : IFF_NO_PI;

	if ((chosen & ~known) != 0) {
		errno = EINVAL;
		return -1;
	}
	*flags = (short)((l->id.kind == DEVICE_TAP ? IFF_TAP : IFF_TUN) | chosen | (how->join ? 0 : IFF_TUN_EXCL));
	return 0;
}

/*
 * What makes a fresh device ours: the mark in the bsd dialect; in the linux dialect none, since there the program has the kernel's own
 * device and nothing of ours.  With more queues than one the kernel would let anybody join who has a node, so they have an owner.
 */
static int
sign(int fd, const struct link *l, const struct link_open *how)
{
	int mark = page_mark_of_place(l->place);

	if (how->dialect == DIALECT_BSD) {
		return ioctl(fd, TUNSETSNDBUF, &mark);
	}
	if (how->join && ioctl(fd, TUNSETSNDBUF, &(int){INT_MAX}) < 0) { /* the driver's default, in place of our mark */
		return -1;
	}
	return (how->tun_flags & IFF_MULTI_QUEUE) != 0 ? ioctl(fd, TUNSETOWNER, (unsigned long)how->uid) : 0;
}

static int
linux_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	struct ifreq request = {0};
	int fd, saved;

	if (flags_of_open(l, how, &request.ifr_flags) < 0) {
		return -1;
	}
	if (how->given_fd >= 0 && check_given(how->given_fd, how->access, l->netns->id) < 0) {
		return -1;
	}
	fd = how->given_fd >= 0 ? how->given_fd : open_node(l->netns, how);
	if (fd < 0) {
		return -1;
	}
	memcpy(request.ifr_name, how->kernel_name && !how->join ? kernel_name_pattern : l->ifname, sizeof(request.ifr_name));
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		goto fail;
	}
	/* Joined by its name, which is looked at again: a name can go to another interface, an index cannot. */
	if (how->join && (netif_find(l->netns->netif, request.ifr_name, status) < 0 || status->ifindex != l->ifindex)) {
		errno = EBUSY;
		goto fail;
	}
	if (sign(fd, l, how) < 0 || netif_find(l->netns->netif, request.ifr_name, status) < 0) {
		goto undo;
	}
	l->ifindex = status->ifindex;
	memcpy(l->ifname, status->ifname, sizeof(l->ifname));
	*channel = fd;
	return 0;
undo:
	saved = errno;
	/* The program's own descriptor would keep the interface. */
	if (netif_find(l->netns->netif, request.ifr_name, status) == 0) {
		(void)netif_delete(l->netns->netif, status->ifindex);
	}
	errno = saved;
fail:
	saved = errno;
	if (fd != how->given_fd) {
		close(fd);
	}
	errno = saved;
	return -1;
}

static int
linux_keep(struct link *l, int channel)
{
	return ioctl(channel, TUNSETPERSIST, 1ul);
}

static int
linux_adopt(struct link *l, struct netif_status *status)
{
	if (link_direct_read(l, status) < 0) {
		return -1;
	}
	/* An index is not used again before the namespace has gone through 2^31 of them; the driver's name is still worth a look. */
	if (strcmp(status->kind, "tun") != 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

/* Whether a descriptor of the node is the channel of l, wherever its interface is.  Without a mark there is no telling. */
static bool
has_our_mark(int fd, void *argument)
{
	const struct link *l = argument;
	uint32_t place;
	int mark;

	return ioctl(fd, TUNGETSNDBUF, &mark) == 0 && page_place_of_mark(mark, &place) && place == l->place;
}

/* The index of the interface that fd is attached to, which is in namespace ns.  0, or -1 with errno. */
static int
index_in(int ns, int fd, uint32_t *ifindex)
{
	struct netif *there = netif_new(ns);
	struct ifreq request = {0};
	struct netif_status status;
	int result = -1, saved;

	if (there == NULL) {
		return -1;
	}
	if (ioctl(fd, TUNGETIFF, &request) == 0 && netif_find(there, request.ifr_name, &status) == 0) {
		*ifindex = status.ifindex;
		result = 0;
	}
	saved = errno;
	netif_free(there);
	errno = saved;
	return result;
}

static int
linux_find(struct link *l, pid_t holder, struct link_place *where)
{
	int fd = os_process_borrow_tun(holder, has_our_mark, l), result = -1;
	struct stat st;

	if (fd < 0) {
		errno = ENOENT;
		return -1;
	}
	where->netns_fd = ioctl(fd, TUNGETDEVNETNS);
	if (where->netns_fd >= 0 && fcntl(where->netns_fd, F_SETFD, FD_CLOEXEC) == 0 && fstat(where->netns_fd, &st) == 0 &&
	    (l->netns == NULL || st.st_ino != l->netns->id) && index_in(where->netns_fd, fd, &where->ifindex) == 0) {
		where->netns = st.st_ino;
		result = 0;
	} else if (where->netns_fd >= 0) {
		close(where->netns_fd);
	}
	close(fd); /* if it was the last, the interface goes */
	errno = ENOENT;
	return result;
}

static int
linux_prove(struct link *l, int fd)
{
	struct ifreq request = {0};
	struct netif_status status;
	struct stat st;
	int ns = -1;

	if (os_descriptor_of(fd) != OS_DESCRIPTOR_NODE || ioctl(fd, TUNGETIFF, &request) < 0) {
		goto no;
	}
	/* A name means something in its namespace only. */
	ns = ioctl(fd, TUNGETDEVNETNS);
	if (ns < 0 || fstat(ns, &st) < 0 || st.st_ino != l->netns->id) {
		goto no;
	}
	request.ifr_name[sizeof(request.ifr_name) - 1] = '\0';
	if (netif_read(l->netns->netif, request.ifr_name, 0, false, &status) < 0 || status.ifindex != l->ifindex) {
		goto no;
	}
	close(ns);
	return 0;
no:
	if (ns >= 0) {
		close(ns);
	}
	errno = EPERM;
	return -1;
}

static int
linux_tun_set(struct link *l, int fd, enum message_tun_what what, uint32_t value)
{
	static const unsigned long requests[] = {
		[TUN_SET_PERSIST] = TUNSETPERSIST, [TUN_SET_OWNER] = TUNSETOWNER, [TUN_SET_GROUP] = TUNSETGROUP,
	};

	return ioctl(fd, requests[what], (unsigned long)value);
}

static void
linux_close(struct link *l)
{
	if (l->ifindex != 0 && netif_delete(l->netns->netif, l->ifindex) < 0 && errno != ENODEV) {
		log_warn("%s: taking the interface away", l->ifname);
	}
	l->ifindex = 0;
}

const struct link_ops link_linux = {
	.name = "linux",
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_DIRECT,
	.unavailable = linux_unavailable,
	.open = linux_open,
	.keep = linux_keep,
	.adopt = linux_adopt,
	.read = link_direct_read,
	.find = linux_find,
	.set_up = link_direct_set_up,
	.prove = linux_prove,
	.node = open_node,
	.tun_set = linux_tun_set,
	.close = linux_close,
};
