/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - the shim's table, pages and packet path under the thread sanitizer, against a kernel of stubs.
 *
 * Threads do at random what programs do at the same time on the same numbers: enter, clear, copy, read, write, and open the
 * device again (which maps another page over the one that the others are reading).  A data race, a wrong result or a fault is a failure.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/devname.h"
#include "protocol/page.h"
#include "shim/os.h"
#include "shim/real.h"
#include "shim/state.h"

#define THREADS 4
#define TURNS 30000
#define NUMBERS 6
#define PACKET_BYTES 60

/*
 * To the sanitizer, mapping a page is a write to all of it.  To the kernel it is one step under the lock that a fault of a reader waits
 * for: he sees the old page or the new one.  Only reports with mmap itself on one side are left out.
 */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
	return "race_top:mmap\n";
}

static int page_fds[2];
static atomic_uint wrong;

enum os_answer
os_ask_device(int fd, struct device_id id)
{
	return OS_DEVICE;
}

bool
os_ask_up(int fd)
{
	return false;
}

int
os_ask_interface(int fd, bool *up, uint32_t *mtu)
{
	*up = false;
	*mtu = 1500;
	return 0;
}

bool
os_has_nodes(void)
{
	return false;
}

enum channel_type
os_channel_type(int fd)
{
	return CHANNEL_DIRECT;
}

void
os_drain(int fd)
{
}

bool
os_is_device_node(const struct stat *st)
{
	return true;
}

bool
os_read_channel(int fd, struct os_channel *channel)
{
	*channel = (struct os_channel){.place = device_place_fixed((struct device_id){.kind = DEVICE_TAP, .unit = 1}), .kind = DEVICE_TAP};
	return fd % 2 == 0;
}

int
os_next_bytes(int fd)
{
	return 0;
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
	return -1;
}

void *
os_fork_page(void)
{
	return NULL;
}

uint64_t
os_own_netns(void)
{
	return 0;
}

bool
os_is_link_name(const char *ifname)
{
	return devname_is_links(ifname);
}

bool
os_interface_name(uint32_t ifindex, char name[16])
{
	return false;
}

bool
os_interface_exists(const char *name)
{
	return false;
}

static ssize_t
stub_read(int fd, void *data, size_t size)
{
	return PACKET_BYTES;
}

static ssize_t
stub_write(int fd, const void *data, size_t size)
{
	return (ssize_t)size;
}

static ssize_t
stub_readv(int fd, const struct iovec *iov, int count)
{
	return PACKET_BYTES;
}

static ssize_t
stub_writev(int fd, const struct iovec *iov, int count)
{
	return (ssize_t)iov->iov_len;
}

static int
stub_fstat(int fd, struct stat *st)
{
	*st = (struct stat){.st_size = PAGE_FILE_BYTES};
	return 0;
}

static int
stub_close(int fd)
{
	return 0;
}

static int
stub_dup2(int fd, int to)
{
	return to;
}

static void
expect(bool holds, const char *call)
{
	if (!holds) {
		fprintf(stderr, "%s gave what it cannot give (errno %d)\n", call, errno);
		atomic_fetch_add(&wrong, 1);
	}
}

static int
make_page(uint64_t open_number, bool up)
{
	struct state_page page = {
		.magic = PAGE_MAGIC,
		.version = PAGE_VERSION,
		.open_number = open_number,
		.mtu = 1500,
		.up = up,
	};
	int fd = memfd_create("page", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGE_FILE_BYTES) < 0 || pwrite(fd, &page, sizeof(page), 0) < 0) {
		abort();
	}
	return fd;
}

static void *
turn(void *argument)
{
	const struct device_id id = {.kind = DEVICE_TAP, .unit = 1};
	unsigned seed = (unsigned)(uintptr_t)argument;
	char data[100];

	for (unsigned i = 0; i < TURNS; i++) {
		int fd = 100 + rand_r(&seed) % NUMBERS;
		int choice = rand_r(&seed) % 16;
		ssize_t n;

		switch (choice) {
		case 0:
			expect(state_map(device_place_fixed(id), page_fds[i & 1]) == 0, "state_map");
			break;
		case 1:
			fdtable_set(fd, fdtable_pack(id, device_place_fixed(id), 1 + (i & 1)));
			break;
		case 2:
			expect(shim_close(fd) == 0, "close");
			break;
		case 3:
			expect(shim_dup2(fd, 100 + rand_r(&seed) % NUMBERS) >= 0, "dup2");
			break;
		case 4:
			fdtable_close_range(100, 102);
			fdtable_set(fd, FDTABLE_UNKNOWN);
			break;
		case 5:
		case 6:
		case 7:
			n = shim_write(fd, data, PACKET_BYTES);
			expect(n == PACKET_BYTES || (n == -1 && errno == EIO), "write");
			break;
		default:
			n = shim_read(fd, data, sizeof(data));
			expect(n == PACKET_BYTES || (n == -1 && errno == EIO), "read");
			break;
		}
	}
	return NULL;
}

int
main(void)
{
	pthread_t threads[THREADS];

	real_bind_early();
	state_init();
	atomic_store(&real_slots[REAL_read], (uintptr_t)stub_read);
	atomic_store(&real_slots[REAL_write], (uintptr_t)stub_write);
	/* A page that changes between two looks sends a call down the other path, which is a vector's. */
	atomic_store(&real_slots[REAL_readv], (uintptr_t)stub_readv);
	atomic_store(&real_slots[REAL_writev], (uintptr_t)stub_writev);
	atomic_store(&real_slots[REAL_fstat], (uintptr_t)stub_fstat);
	atomic_store(&real_slots[REAL_close], (uintptr_t)stub_close);
	atomic_store(&real_slots[REAL_dup2], (uintptr_t)stub_dup2);
	page_fds[0] = make_page(1, true);
	page_fds[1] = make_page(2, false);
	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, turn, (void *)(i + 1)) != 0) {
			abort();
		}
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	if (atomic_load(&wrong) != 0) {
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
