/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statepage.c - writes a device's state page.  See statepage.h.
 */
#include "statepage.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/paths.h"

void
statepage_init(struct statepage *p)
{
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

static void
page_path(uint32_t place, char path[32])
{
	char name[DEVNAME_SIZE];

	device_place_name(place, name);
	snprintf(path, 32, PATHS_STATE_DIR "/%s", name);
}

static int
write_all(const struct statepage *p, const void *data, size_t size, off_t offset)
{
	ssize_t n = pwrite(p->fd, data, size, offset);

	if (n == (ssize_t)size) {
		return 0;
	}
	if (n >= 0) {
		errno = ENOSPC;
	}
	return -1;
}

int
statepage_open(struct statepage *p, int rundir, uint32_t place)
{
	char path[32];
	ssize_t n;
	int saved;

	if (p->fd >= 0) {
		return 0;
	}
	page_path(place, path);
	p->fd = openat(rundir, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (p->fd < 0) {
		return -1;
	}
	n = pread(p->fd, &p->content, sizeof(p->content), 0);
	if (n < 0) {
		goto fail;
	}
	if (n == (ssize_t)sizeof(p->content) && p->content.magic == PAGE_MAGIC && p->content.version == PAGE_VERSION &&
	    p->content.place == place) {
		return 0;
	}
	memset(&p->content, 0, sizeof(p->content));
	p->content.magic = PAGE_MAGIC;
	p->content.version = PAGE_VERSION;
	p->content.place = place;
	p->content.gone = 1;
	/* A program maps the whole file: a page past its end would be SIGBUS. */
	if (fchmod(p->fd, 0644) < 0 || ftruncate(p->fd, PAGE_FILE_BYTES) < 0 ||
	    write_all(p, &p->content, sizeof(p->content), 0) < 0) {
		goto fail;
	}
	return 0;
fail:
	saved = errno;
	statepage_close(p);
	errno = saved;
	return -1;
}

void
statepage_close(struct statepage *p)
{
	if (p->fd >= 0) {
		close(p->fd);
		p->fd = -1;
	}
}

int
statepage_reader(const struct statepage *p, int rundir)
{
	char path[32];

	page_path(p->content.place, path);
	return openat(rundir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int
statepage_begin(struct statepage *p, const struct statepage_open *open)
{
	struct state_page next = p->content;

	next.open_number++;
	next.ifindex = open->ifindex;
	next.mtu = open->mtu;
	next.up = 0;
	next.header_mode = 0;
	next.unwatched = 0;
	next.gone = 0;
	next.kind = open->id.kind;
	next.unit = open->id.unit;
	next.channel = (uint8_t)open->channel;
	next.access = (uint8_t)open->access;
	next.netns = open->netns;
	memset(next.ifname, 0, sizeof(next.ifname));
	memcpy(next.ifname, open->ifname, strnlen(open->ifname, sizeof(next.ifname) - 1));
	/* The number first: readers of the open before must not take the new one's state for theirs. */
	if (write_all(p, &next.open_number, sizeof(next.open_number), offsetof(struct state_page, open_number)) < 0 ||
	    write_all(p, &next, sizeof(next), 0) < 0) {
		return -1;
	}
	p->content = next;
	return 0;
}

static int
set_byte(struct statepage *p, uint8_t *field, uint8_t value)
{
	uint8_t before = *field;

	if (before == value) {
		return 0;
	}
	*field = value;
	if (write_all(p, field, 1, (off_t)(field - (uint8_t *)&p->content)) < 0) {
		*field = before;
		return -1;
	}
	return 0;
}

int
statepage_set_up(struct statepage *p, bool up)
{
	return set_byte(p, &p->content.up, up);
}

int
statepage_set_mtu(struct statepage *p, uint32_t mtu)
{
	if (p->content.mtu == mtu) {
		return 0;
	}
	if (write_all(p, &mtu, sizeof(mtu), offsetof(struct state_page, mtu)) < 0) {
		return -1;
	}
	p->content.mtu = mtu;
	return 0;
}

int
statepage_set_ifname(struct statepage *p, const char *ifname)
{
	char next[sizeof(p->content.ifname)] = {0};

	memcpy(next, ifname, strnlen(ifname, sizeof(next) - 1));
	if (memcmp(next, p->content.ifname, sizeof(next)) == 0) {
		return 0;
	}
	if (write_all(p, next, sizeof(next), offsetof(struct state_page, ifname)) < 0) {
		return -1;
	}
	memcpy(p->content.ifname, next, sizeof(next));
	return 0;
}

int
statepage_set_whereabouts(struct statepage *p, uint64_t netns, uint32_t ifindex)
{
	/* The namespace last: until then a reader there goes by the interface's name, and then by an index that is the new one. */
	if (write_all(p, &ifindex, sizeof(ifindex), offsetof(struct state_page, ifindex)) < 0 ||
	    write_all(p, &netns, sizeof(netns), offsetof(struct state_page, netns)) < 0) {
		return -1;
	}
	p->content.ifindex = ifindex;
	p->content.netns = netns;
	return 0;
}

int
statepage_set_header_mode(struct statepage *p, bool on)
{
	return set_byte(p, &p->content.header_mode, on);
}

int
statepage_set_unwatched(struct statepage *p)
{
	return set_byte(p, &p->content.unwatched, 1);
}

int
statepage_set_gone(struct statepage *p)
{
	if (set_byte(p, &p->content.gone, 1) < 0) {
		return -1;
	}
	return set_byte(p, &p->content.up, 0);
}
