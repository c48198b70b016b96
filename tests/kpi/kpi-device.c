/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi-device.c - character devices, nodes in /dev and open files of the model; load and unload; faults; what is left.
 *
 * As the kernel's specfs: opens and closes of one node are one at a time; the driver's open is called for each, its close for the
 * last, and for a revocation whatever else is under way.  Reading nothing does not reach the driver.  FIONBIO changes the file,
 * then goes to the driver, and so does F_SETFL.
 *
 * A driver that counts its calls cannot count the instructions between the kernel's look at the switch and its own first step.
 * No extension can do anything about them; so here they are one step, as far as the switch is concerned.
 */
#include <libkern/libkern.h>
#include <mach/mach_types.h>
#include <miscfs/devfs/devfs.h>
#include <string.h>
#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/filio.h>
#include <sys/proc.h>
#include <sys/uio.h>
#include <sys/vnode.h>

#include "kext/module.h"
#include "kpi.h"
#include "model.h"

#define MAJORS 64
#define MAJORS_OURS 24
#define NODES_MAX 64
#define IO_REVOKE 0x2
#define IOCTL_BYTES_MAX 128
#define TEXT_BYTES 256
#define MILLISECOND 1000000u

struct node {
	bool used;
	char name[16];
	dev_t dev;
	uid_t uid;
	gid_t gid;
	int mode;
};

struct proc {
	int pid;
};

struct kpi_file {
	unsigned references; /* atomic */
	dev_t dev;
	int flags;           /* FREAD, FWRITE */
	bool nonblock;       /* atomic */
	bool revoked;        /* atomic */
	struct kpi_file *next;
};

struct uio {
	const struct kpi_iovec *iov;
	size_t count, done; /* done: of the first */
	user_ssize_t resid;
	bool is_read;
};

static struct host_mutex switch_mutex, loading_mutex;
static _Thread_local bool entering;
static struct cdevsw majors[MAJORS];
static bool majors_used[MAJORS];
static struct node nodes[NODES_MAX];
static struct host_mutex opens[NODES_MAX]; /* by minor */
static unsigned open_counts[NODES_MAX];    /* by the one of opens */
static struct kpi_file *files;
static char last_line[TEXT_BYTES], leaks[TEXT_BYTES];
static unsigned long fail_at, fail_count;
static const char *failed;
static bool hold_copies;
static unsigned copying;

__attribute__((constructor)) static void
init(void)
{
	host_mutex_init(&switch_mutex);
	host_mutex_init(&loading_mutex);
	for (unsigned i = 0; i < NODES_MAX; i++) {
		host_mutex_init(&opens[i]);
	}
}

void
model_entering(void)
{
	host_mutex_lock(&switch_mutex);
	entering = true;
}

void
model_entered(void)
{
	if (entering) {
		entering = false;
		host_mutex_unlock(&switch_mutex);
	}
}

struct proc *
model_proc(void)
{
	static struct proc everybody = {.pid = MODEL_PID};

	return &everybody;
}

int
proc_pid(proc_t p)
{
	return p->pid;
}

/* Faults. */

void
kpi_fail(unsigned long which)
{
	model_lock();
	fail_at = which;
	fail_count = 0;
	failed = NULL;
	model_unlock();
}

const char *
kpi_failed(void)
{
	return failed;
}

bool
model_fails(const char *what)
{
	bool fails;

	model_lock();
	fails = fail_at != 0 && ++fail_count == fail_at;
	if (fails) {
		failed = what;
	}
	model_unlock();
	return fails;
}

int
kpi_printf(const char *format, ...)
{
	__builtin_va_list list;

	__builtin_va_start(list, format);
	model_lock();
	host_format_list(last_line, sizeof(last_line), format, list);
	model_unlock();
	__builtin_va_end(list);
	return 0;
}

const char *
kpi_log(void)
{
	return last_line;
}

/* The switch and the nodes. */

int
enodev(void)
{
	return ENODEV;
}

void
enodev_strat(void)
{
}

int
cdevsw_add(int index, const struct cdevsw *csw)
{
	int found = -1;

	model_may_block("cdevsw_add");
	if (model_fails("cdevsw_add")) {
		return -1;
	}
	model_lock();
	for (int i = index < 0 ? -index : index; i < MAJORS && found < 0; i++) {
		if (!majors_used[i] && i >= MAJORS_OURS) {
			found = i;
		} else if (index >= 0) {
			break;
		}
	}
	if (found >= 0) {
		majors[found] = *csw;
		majors_used[found] = true;
	}
	model_unlock();
	return found;
}

int
cdevsw_remove(int index, const struct cdevsw *csw)
{
	model_may_block("cdevsw_remove");
	host_mutex_lock(&switch_mutex);
	model_lock();
	if (index < 0 || index >= MAJORS || memcmp(&majors[index], csw, sizeof(*csw)) != 0) {
		index = -1;
	} else {
		majors_used[index] = false;
		memset(&majors[index], 0, sizeof(majors[index]));
	}
	model_unlock();
	host_mutex_unlock(&switch_mutex);
	return index;
}

void *
devfs_make_node(dev_t dev, int chrblk, uid_t uid, gid_t gid, int perms, const char *format, ...)
{
	struct node *n = NULL;
	__builtin_va_list list;

	model_may_block("devfs_make_node");
	if (chrblk != DEVFS_CHAR || model_fails("devfs_make_node")) {
		return NULL;
	}
	model_lock();
	for (unsigned i = 0; i < NODES_MAX && n == NULL; i++) {
		n = nodes[i].used ? NULL : &nodes[i];
	}
	if (n == NULL) {
		host_panic("too many nodes");
	}
	*n = (struct node){.used = true, .dev = dev, .uid = uid, .gid = gid, .mode = perms};
	__builtin_va_start(list, format);
	host_format_list(n->name, sizeof(n->name), format, list);
	__builtin_va_end(list);
	model_unlock();
	return n;
}

void
devfs_remove(void *handle)
{
	struct node *n = handle;

	model_may_block("devfs_remove");
	model_lock();
	if (!n->used) {
		host_panic("a node is removed twice");
	}
	n->used = false;
	model_unlock();
}

unsigned
model_nodes(void)
{
	unsigned count = 0;

	model_lock();
	for (unsigned i = 0; i < NODES_MAX; i++) {
		count += nodes[i].used;
	}
	for (unsigned i = 0; i < MAJORS; i++) {
		count += majors_used[i];
	}
	model_unlock();
	return count;
}

/* By model_lock. */
static struct node *
find_node(const char *path)
{
	const char *name = strncmp(path, "/dev/", 5) == 0 ? path + 5 : "";

	for (unsigned i = 0; i < NODES_MAX; i++) {
		if (nodes[i].used && strcmp(nodes[i].name, name) == 0) {
			return &nodes[i];
		}
	}
	return NULL;
}

static int
find_device(const char *path, dev_t *dev)
{
	model_lock();
	struct node *n = find_node(path);
	if (n != NULL) {
		*dev = n->dev;
	}
	model_unlock();
	return n != NULL ? 0 : -1;
}

int
kpi_stat(const char *path, struct kpi_stat *out)
{
	model_lock();
	struct node *n = find_node(path);
	if (n != NULL) {
		*out = (struct kpi_stat){.uid = n->uid, .gid = n->gid, .mode = (uint32_t)n->mode,
		    .is_character_device = true, .rdev = n->dev};
	}
	model_unlock();
	return n != NULL ? 0 : host_fail(ENOENT);
}

/* The driver of a device as it is now, about to be called; false: there is none. */
static bool
driver_of(dev_t dev, struct cdevsw *out)
{
	int number = major(dev);
	bool used;

	model_entering();
	model_lock();
	used = number < MAJORS && majors_used[number];
	if (used) {
		*out = majors[number];
	}
	model_unlock();
	if (!used) {
		model_entered();
	}
	return used;
}

/* Files. */

struct kpi_file *
kpi_open(const char *path, int flags)
{
	struct host_mutex *one;
	struct cdevsw driver;
	struct kpi_file *f;
	dev_t dev;
	int error = ENXIO;

	if (find_device(path, &dev) < 0) {
		(void)host_fail(ENOENT);
		return NULL;
	}
	one = &opens[minor(dev)];
	host_mutex_lock(one);
	if (driver_of(dev, &driver)) {
		model_enter();
		error = driver.d_open(dev, flags, 0020000, model_proc());
		model_leave("d_open");
	}
	open_counts[minor(dev)] += error == 0;
	host_mutex_unlock(one);
	if (error != 0) {
		(void)host_fail(error);
		return NULL;
	}
	f = host_alloc(sizeof(*f));
	*f = (struct kpi_file){.references = 1, .dev = dev, .flags = flags & (FREAD | FWRITE), .nonblock = (flags & KPI_NONBLOCK) != 0};
	model_lock();
	f->next = files;
	files = f;
	model_unlock();
	return f;
}

struct kpi_file *
kpi_dup(struct kpi_file *f)
{
	__atomic_add_fetch(&f->references, 1, __ATOMIC_SEQ_CST);
	return f;
}

static void
call_close(dev_t dev, int flags)
{
	struct cdevsw driver;

	if (driver_of(dev, &driver)) {
		model_enter();
		(void)driver.d_close(dev, flags, 0020000, model_proc());
		model_leave("d_close");
	}
}

void
kpi_close(struct kpi_file *f)
{
	if (__atomic_sub_fetch(&f->references, 1, __ATOMIC_SEQ_CST) > 0) {
		return;
	}
	model_lock();
	for (struct kpi_file **at = &files; *at != NULL; at = &(*at)->next) {
		if (*at == f) {
			*at = f->next;
			break;
		}
	}
	model_unlock();
	if (!__atomic_load_n(&f->revoked, __ATOMIC_SEQ_CST)) {
		host_mutex_lock(&opens[minor(f->dev)]);
		if (--open_counts[minor(f->dev)] == 0) {
			call_close(f->dev, f->flags);
		}
		host_mutex_unlock(&opens[minor(f->dev)]);
	}
	host_free(f);
}

int
kpi_revoke(const char *path)
{
	dev_t dev;

	if (find_device(path, &dev) < 0) {
		return host_fail(ENOENT);
	}
	host_mutex_lock(&opens[minor(dev)]);
	model_lock();
	for (struct kpi_file *f = files; f != NULL; f = f->next) {
		if (f->dev == dev) {
			__atomic_store_n(&f->revoked, true, __ATOMIC_SEQ_CST);
		}
	}
	model_unlock();
	open_counts[minor(dev)] = 0;
	call_close(dev, IO_REVOKE);
	host_mutex_unlock(&opens[minor(dev)]);
	return 0;
}

unsigned
model_files(void)
{
	unsigned count = 0;

	model_lock();
	for (struct kpi_file *f = files; f != NULL; f = f->next) {
		count++;
	}
	model_unlock();
	return count;
}

void
kpi_hold_copies(bool hold)
{
	__atomic_store_n(&hold_copies, hold, __ATOMIC_SEQ_CST);
}

unsigned
kpi_copying(void)
{
	return __atomic_load_n(&copying, __ATOMIC_SEQ_CST);
}

user_ssize_t
uio_resid(uio_t uio)
{
	return uio->resid;
}

int
uiomove(const char *at, int size, uio_t uio)
{
	size_t left = (size_t)size;

	model_may_block("uiomove");
	if (size < 0 || size > uio->resid) { /* the kernel would move less; who asks for it has miscounted */
		host_panic("uiomove of %d bytes where %ld are left", size, (long)uio->resid);
	}
	__atomic_add_fetch(&copying, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&hold_copies, __ATOMIC_SEQ_CST)) {
		host_yield();
	}
	__atomic_sub_fetch(&copying, 1, __ATOMIC_SEQ_CST);
	while (left > 0) {
		size_t here = uio->iov->len - uio->done < left ? uio->iov->len - uio->done : left;

		if (here > 0 && (uio->iov->base == NULL || model_fails("uiomove"))) {
			return EFAULT;
		}
		if (uio->is_read) {
			memcpy((char *)uio->iov->base + uio->done, at, here);
		} else if (here > 0) {
			memcpy((char *)(uintptr_t)at, (char *)uio->iov->base + uio->done, here);
		}
		uio->done += here;
		uio->resid -= (user_ssize_t)here;
		at += here;
		left -= here;
		if (uio->done == uio->iov->len) {
			uio->iov++;
			uio->done = 0;
		}
	}
	return 0;
}

static long
transfer(struct kpi_file *f, const struct kpi_iovec *iov, size_t count, bool is_read)
{
	struct uio uio = {.iov = iov, .count = count, .is_read = is_read};
	struct cdevsw driver;
	user_ssize_t whole;
	int error, flags = __atomic_load_n(&f->nonblock, __ATOMIC_SEQ_CST) ? IO_NDELAY : 0;

	if ((f->flags & (is_read ? FREAD : FWRITE)) == 0) {
		return host_fail(EBADF);
	}
	for (size_t i = 0; i < count; i++) {
		uio.resid += (user_ssize_t)iov[i].len;
	}
	whole = uio.resid;
	if (is_read && whole == 0) {
		return 0;
	}
	if (__atomic_load_n(&f->revoked, __ATOMIC_SEQ_CST) || !driver_of(f->dev, &driver)) {
		return host_fail(ENXIO);
	}
	model_enter();
	error = (is_read ? driver.d_read : driver.d_write)(f->dev, &uio, flags);
	model_leave(is_read ? "d_read" : "d_write");
	return error == 0 ? (long)(whole - uio.resid) : host_fail(error);
}

long
kpi_readv(struct kpi_file *f, const struct kpi_iovec *iov, size_t count)
{
	return transfer(f, iov, count, true);
}

long
kpi_writev(struct kpi_file *f, const struct kpi_iovec *iov, size_t count)
{
	return transfer(f, iov, count, false);
}

long
kpi_read(struct kpi_file *f, void *buffer, size_t size)
{
	struct kpi_iovec one = {.base = buffer, .len = size};

	return transfer(f, &one, 1, true);
}

long
kpi_write(struct kpi_file *f, const void *buffer, size_t size)
{
	struct kpi_iovec one = {.base = (void *)(uintptr_t)buffer, .len = size};

	return transfer(f, &one, 1, false);
}

/* To the driver, with a copy of the size that the command says. */
static int
call_ioctl(struct kpi_file *f, unsigned long command, void *data)
{
	size_t size = IOCPARM_LEN((uint32_t)command);
	struct cdevsw driver;
	char *copy;
	int error;

	copy = host_alloc(size);
	if ((command & IOC_IN) != 0 && data != NULL) {
		memcpy(copy, data, size);
	}
	if (__atomic_load_n(&f->revoked, __ATOMIC_SEQ_CST) || !driver_of(f->dev, &driver)) {
		host_free(copy);
		return ENXIO;
	}
	model_enter();
	error = driver.d_ioctl(f->dev, command, copy, f->flags, model_proc());
	model_leave("d_ioctl");
	if (error == 0 && (command & IOC_OUT) != 0 && data != NULL) {
		memcpy(data, copy, size);
	}
	host_free(copy);
	return error;
}

int
kpi_ioctl(struct kpi_file *f, unsigned long command, void *data)
{
	int error;

	if ((uint32_t)command == FIONBIO) {
		__atomic_store_n(&f->nonblock, *(int *)data != 0, __ATOMIC_SEQ_CST);
	}
	error = call_ioctl(f, command, data);
	return error == 0 ? 0 : host_fail(error);
}

int
kpi_set_nonblock(struct kpi_file *f, bool on)
{
	int value = on;

	return kpi_ioctl(f, FIONBIO, &value);
}

static int
look(struct kpi_file *f, int which, struct model_link *link)
{
	struct cdevsw driver;
	int ready = 0;

	for (int one = FREAD; one <= FWRITE; one <<= 1) {
		if ((which & one) != 0) {
			if (__atomic_load_n(&f->revoked, __ATOMIC_SEQ_CST) || !driver_of(f->dev, &driver)) {
				return which;
			}
			model_enter();
			ready |= driver.d_select(f->dev, one, link, model_proc()) != 0 ? one : 0;
			model_leave("d_select");
		}
	}
	return ready;
}

int
kpi_select(struct kpi_file *f, int which, int timeout_ms)
{
	uint64_t until = host_now() + (uint64_t)timeout_ms * MILLISECOND;
	struct model_link *link = model_link_new();
	int ready;

	for (;;) {
		uint64_t now = host_now();

		ready = look(f, which, link);
		if (ready != 0 || now >= until) {
			break;
		}
		if (model_link_wait(link, until - now)) {
			ready = look(f, which, NULL);
			if (ready != 0) {
				break;
			}
		}
	}
	model_link_free(link);
	return ready;
}

/* Load and unload. */

int
kpi_load(void)
{
	kern_return_t result;

	host_mutex_lock(&loading_mutex); /* the kernel loads and unloads one at a time */
	model_enter();
	result = module_start(NULL, NULL);
	model_leave("start");
	host_mutex_unlock(&loading_mutex);
	return result == KERN_SUCCESS ? 0 : host_fail(EIO);
}

int
kpi_unload(void)
{
	kern_return_t result;

	host_mutex_lock(&loading_mutex);
	model_enter();
	result = module_stop(NULL, NULL);
	model_leave("stop");
	host_mutex_unlock(&loading_mutex);
	return result == KERN_SUCCESS ? 0 : host_fail(EBUSY);
}

const char *
kpi_leaks(void)
{
	unsigned mbufs, locks, ifnets, left, plumbers, selinfos, opened, asleep;

	kpi_wait_detached();
	mbufs = kpi_mbufs();
	locks = model_locks();
	ifnets = model_ifnets();
	left = model_nodes();
	plumbers = model_plumbers();
	selinfos = model_selinfos();
	opened = model_files();
	asleep = kpi_sleepers() + kpi_selecting();
	if (mbufs + locks + ifnets + left + plumbers + selinfos + opened + asleep == 0) {
		return NULL;
	}
	host_format(leaks, sizeof(leaks),
	    "mbufs %u, locks %u, interfaces %u, nodes and numbers %u, plumbers %u, selects %u, files %u, asleep %u", mbufs, locks,
	    ifnets, left, plumbers, selinfos, opened, asleep);
	return leaks;
}
