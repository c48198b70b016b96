/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi.h - a kernel around our extensions, as a program and an administrator see it: load and unload, files, interfaces.
 *
 * Functions that stand for system calls return what they return, or -1 with errno, in this system's numbers.  What a kernel would
 * not survive ends the process by name (host_panic): a lock that is held where it must not be, a packet that is freed twice, a
 * callback after the last one.
 */
#ifndef TUNTAPD_TESTS_KPI_KPI_H
#define TUNTAPD_TESTS_KPI_KPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The extension that the program was linked with. */
int kpi_load(void);   /* EIO: it refused */
int kpi_unload(void); /* EBUSY: it refused */
const char *kpi_log(void); /* the last line that it wrote */

/* What is still there that nobody should hold, or NULL.  Waits for the kernel's own threads. */
const char *kpi_leaks(void);

/* Files. */
struct kpi_file;
#define KPI_READ 0x1
#define KPI_WRITE 0x2
#define KPI_NONBLOCK 0x4
struct kpi_iovec {
	void *base; /* NULL: EFAULT */
	size_t len;
};
struct kpi_stat {
	uint32_t uid, gid, mode;
	bool is_character_device;
	int32_t rdev;
};
int kpi_stat(const char *path, struct kpi_stat *out);
struct kpi_file *kpi_open(const char *path, int flags); /* NULL with errno */
struct kpi_file *kpi_dup(struct kpi_file *f);
void kpi_close(struct kpi_file *f);
int kpi_revoke(const char *path);
long kpi_readv(struct kpi_file *f, const struct kpi_iovec *iov, size_t count);
long kpi_writev(struct kpi_file *f, const struct kpi_iovec *iov, size_t count);
long kpi_read(struct kpi_file *f, void *buffer, size_t size);
long kpi_write(struct kpi_file *f, const void *buffer, size_t size);
int kpi_set_nonblock(struct kpi_file *f, bool on); /* fcntl(F_SETFL) */
int kpi_ioctl(struct kpi_file *f, unsigned long command, void *data);
#define KPI_FIONREAD 0x4004667ful
#define KPI_FIONBIO 0x8004667eul
#define KPI_FIOASYNC 0x8004667dul
#define KPI_TUNSIFHEAD 0x80047460ul
#define KPI_TUNGIFHEAD 0x40047461ul
/* Of KPI_READ and KPI_WRITE, those that are ready; 0: none within the time. */
int kpi_select(struct kpi_file *f, int which, int timeout_ms);

/* Threads: what sleeps in msleep, and a signal for one. */
struct kpi_thread;
struct kpi_thread *kpi_self(void);
void kpi_signal(struct kpi_thread *t);
unsigned kpi_sleepers(void);  /* in msleep, without an end to it */
unsigned kpi_waiting(void);   /* in msleep, for a time at most */
unsigned kpi_selecting(void); /* in kpi_select */

/* Interfaces.  ENXIO: there is none of that name. */
#define KPI_INET 2
#define KPI_INET6 30
#define KPI_UP 0x1u
#define KPI_BROADCAST 0x2u
#define KPI_POINTOPOINT 0x10u
#define KPI_RUNNING 0x40u
#define KPI_SIMPLEX 0x800u
#define KPI_MULTICAST 0x8000u
struct kpi_if {
	uint32_t flags, mtu, type, family;
	uint8_t header_bytes, address_bytes;
	uint8_t address[8];
	uint64_t packets_in, bytes_in, packets_out, bytes_out, errors_out, no_protocol;
	uint64_t tapped_in, tapped_out; /* by captures */
	uint32_t tapped_header;         /* of the last: what captures show before the packet */
	uint32_t link_on;               /* news */
};
int kpi_if_get(const char *name, struct kpi_if *out);
int kpi_if_set_up(const char *name, bool up);
int kpi_if_set_up_unheard(const char *name, bool up); /* the driver is not told yet */
int kpi_if_add_address(const char *name, int family);
int kpi_if_set_mtu(const char *name, int mtu);
int kpi_if_set_address(const char *name, const uint8_t *address, size_t bytes);
int kpi_if_add_multicast(const char *name, const uint8_t *address);
int kpi_if_status(const char *name, char *text, size_t size);
/* SIOCGIFMEDIA with count given and room for it, or none (list NULL): the word, and the count that came back. */
int kpi_if_media(const char *name, bool is_64, int *list, int *count);
/* As a stranger on an old kernel: any command, with its data or none. */
int kpi_if_ioctl(const char *name, unsigned long command, void *data);
/* A packet of the stack's; for tap with its link header. */
int kpi_if_send(const char *name, const void *packet, size_t size);
/* The same, count times as one list, and although it is down. */
int kpi_if_send_list(const char *name, const void *packet, size_t size, unsigned count);
/* What came to the stack: bytes of the oldest packet, without link header; -1 with EAGAIN: none. */
long kpi_if_receive(const char *name, void *buffer, size_t size);

/* Faults and circumstances. */
void kpi_fail(unsigned long which);          /* the which-th call from now that can fail does; 0: none */
const char *kpi_failed(void);                /* which that was, or NULL */
void kpi_hold_detach(bool hold);             /* the kernel does not come to the end of detaching */
void kpi_wait_detached(void);                /* until no interface is being detached */
void kpi_hold_reference(const char *name);   /* somebody keeps the interface; for ever */
void kpi_drop_reference(void);
void kpi_hold_copies(bool hold);             /* copying from and to programs does not end, */
unsigned kpi_copying(void);                  /* for so many threads */
int kpi_if_pin(const char *name);            /* a call about the interface is under way: no detach ends */
int kpi_pinned_send(const void *packet, size_t size); /* is a packet of the stack's, which saw the interface up */
void kpi_if_unpin(void);
void kpi_stranger(const char *name);         /* an interface of that name is there; NULL: no more */
void kpi_small_buffers(bool on);             /* packets are made of small buffers */
void kpi_faster(unsigned times);             /* bounds of sleep are that much shorter */
unsigned kpi_mbufs(void);                    /* alive */

#endif
