/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake-os.c - a kernel that answers what a test says.  See fake-os.h.
 */
#include "fake-os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/devname.h"
#include "shim/real.h"
#include "shim/state.h"

struct fake_os fake_os;

static int page_fd = -1;
static uint64_t open_number;

enum os_answer
os_ask_device(int fd, struct device_id id)
{
	fake_os.questions++;
	return fake_os.device;
}

bool
os_ask_up(int fd)
{
	fake_os.questions++;
	return fake_os.up;
}

int
os_ask_interface(int fd, bool *up, uint32_t *mtu)
{
	fake_os.questions++;
	if (fake_os.interface_unknown) {
		return -1;
	}
	*up = fake_os.up && !fake_os.stranger;
	*mtu = fake_os.stranger ? 9000 : fake_os.mtu;
	return 0;
}

void
os_drain(int fd)
{
	fake_os.drains++;
}

bool
os_is_device_node(const struct stat *st)
{
	return true;
}

bool
os_has_nodes(void)
{
	return fake_os.has_nodes;
}

enum channel_type
os_channel_type(int fd)
{
	return fake_os.socket ? CHANNEL_RELAYED : CHANNEL_DIRECT;
}

bool
os_read_channel(int fd, struct os_channel *channel)
{
	fake_os.questions++;
	*channel = fake_os.channel;
	return fake_os.marked;
}

int
os_next_bytes(int fd)
{
	return (int)fake_os.packet_bytes;
}

bool
os_wait_for_room(int fd, int flags)
{
	return false;
}

const char *
os_getenv(const char *name)
{
	return getenv(name);
}

size_t
os_ifaddrs_room(const char *name)
{
	return 16;
}

int
os_open_node(int flags)
{
	return fake_os.node;
}

void *
os_fork_page(void)
{
	return NULL;
}

uint64_t
os_own_netns(void)
{
	return fake_os.netns;
}

bool
os_is_link_name(const char *ifname)
{
	return devname_is_links(ifname);
}

bool
os_interface_name(uint32_t ifindex, char name[16])
{
	for (size_t i = 0; i < sizeof(fake_os.interfaces) / sizeof(fake_os.interfaces[0]); i++) {
		if (fake_os.interfaces[i].ifindex == ifindex && ifindex != 0) {
			strcpy(name, fake_os.interfaces[i].name);
			return true;
		}
	}
	return false;
}

bool
os_interface_exists(const char *name)
{
	for (size_t i = 0; i < sizeof(fake_os.interfaces) / sizeof(fake_os.interfaces[0]); i++) {
		if (fake_os.interfaces[i].ifindex != 0 && strcmp(fake_os.interfaces[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool
fails(void)
{
	fake_os.real_calls++;
	if (fake_os.error != 0) {
		errno = fake_os.error;
		return true;
	}
	return false;
}

/* As the driver: the rest of a packet that does not fit is gone. */
static ssize_t
fake_readv(int fd, const struct iovec *iov, int count)
{
	size_t done = 0;

	if (fails()) {
		return -1;
	}
	for (int i = 0; i < count && done < fake_os.packet_bytes; i++) {
		size_t left = fake_os.packet_bytes - done, part = iov[i].iov_len < left ? iov[i].iov_len : left;

		if (part > 0) {
			memcpy(iov[i].iov_base, fake_os.packet + done, part);
		}
		done += part;
	}
	return (ssize_t)done;
}

static ssize_t
fake_read(int fd, void *data, size_t size)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};

	return fake_readv(fd, &iov, 1);
}

static ssize_t
fake_writev(int fd, const struct iovec *iov, int count)
{
	if (fails()) {
		return -1;
	}
	fake_os.written_bytes = 0;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(fake_os.written) - fake_os.written_bytes) {
			abort();
		}
		memcpy(fake_os.written + fake_os.written_bytes, iov[i].iov_base, iov[i].iov_len);
		fake_os.written_bytes += iov[i].iov_len;
	}
	return (ssize_t)fake_os.written_bytes;
}

static ssize_t
fake_write(int fd, const void *data, size_t size)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

	return fake_writev(fd, &iov, 1);
}

static ssize_t
fake_pread(int fd, void *data, size_t size, off_t offset)
{
	fake_os.offset = offset;
	return fake_read(fd, data, size);
}

static ssize_t
fake_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	fake_os.offset = offset;
	return fake_write(fd, data, size);
}

static ssize_t
fake_preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	fake_os.offset = offset;
	return fake_readv(fd, iov, count);
}

static ssize_t
fake_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	fake_os.offset = offset;
	return fake_writev(fd, iov, count);
}

void
fake_os_reset(void)
{
	memset(&fake_os, 0, sizeof(fake_os));
	fake_os.device = OS_DEVICE;
	fake_os.up = true;
	fake_os.mtu = 1500;
	fake_os.node = -1;
	atomic_store(&real_slots[REAL_read], (uintptr_t)fake_read);
	atomic_store(&real_slots[REAL_write], (uintptr_t)fake_write);
	atomic_store(&real_slots[REAL_readv], (uintptr_t)fake_readv);
	atomic_store(&real_slots[REAL_writev], (uintptr_t)fake_writev);
	atomic_store(&real_slots[REAL_pread], (uintptr_t)fake_pread);
	atomic_store(&real_slots[REAL_pwrite], (uintptr_t)fake_pwrite);
	atomic_store(&real_slots[REAL_preadv], (uintptr_t)fake_preadv);
	atomic_store(&real_slots[REAL_pwritev], (uintptr_t)fake_pwritev);
}

const char *
fake_directory(char *argv[])
{
	char made[] = "/tmp/tuntapd-unit-XXXXXX", socket[64];

	if (getenv("UNIT_DIRECTORY") == NULL) {
		if (mkdtemp(made) == NULL) {
			abort();
		}
		snprintf(socket, sizeof(socket), "%s/socket", made);
		setenv("UNIT_DIRECTORY", made, 1);
		setenv("TUNTAPD_SOCKET", socket, 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	return getenv("UNIT_DIRECTORY");
}

fdtable_held
fake_device(int fd, uint8_t kind, bool up, bool header_mode, uint32_t mtu)
{
	struct device_id id = {.kind = kind, .unit = 3};
	struct state_page page = {
		.magic = PAGE_MAGIC,
		.version = PAGE_VERSION,
		.open_number = ++open_number,
		.mtu = mtu,
		.up = up,
		.channel = fake_os.socket ? CHANNEL_RELAYED : CHANNEL_DIRECT,
		.header_mode = header_mode,
	};
	fdtable_held held = fdtable_pack(id, device_place_fixed(id), open_number);

	if (page_fd >= 0) {
		close(page_fd);
	}
	page_fd = memfd_create("page", MFD_CLOEXEC);
	if (page_fd < 0 || ftruncate(page_fd, PAGE_FILE_BYTES) < 0 || pwrite(page_fd, &page, sizeof(page), 0) < 0 ||
	    state_map(device_place_fixed(id), page_fd) < 0) {
		abort();
	}
	fdtable_set(fd, held);
	return held;
}

void
fake_page_byte(size_t offset, uint8_t value)
{
	if (pwrite(page_fd, &value, 1, (off_t)offset) != 1) {
		abort();
	}
}
