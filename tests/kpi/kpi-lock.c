/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi-lock.c - mutexes, sleeping and select of the model.
 *
 * Mutexes.  Each thread knows which it holds.  Taking one that it has, giving up one that it has not, holding one at the end of
 * a call or over what may block is a panic.  So is an order: when B is taken while A is held, the pair is kept for ever, and a
 * way back from B to A is found by whoever makes it, whether or not it deadlocks then.
 *
 * Sleeping.  One lock and one condition for all sleepers, who look for their channel's word.  The extension's mutex is given up
 * only when the sleeper is on the list, so no wake-up is lost.  Bounds are real time, divided by kpi_faster().
 *
 * Select.  As the kernel: the first look records where it waits, a wake-up ends it, the second look has no list.
 */
#include <kern/locks.h>
#include <sys/errno.h>
#include <sys/param.h>
#include <sys/proc.h>
#include <sys/select.h>

#include "kpi.h"
#include "model.h"

#define LOCKS_MAX 64
#define HELD_MAX 8
#define NANOSECONDS 1000000000u
#define MAGIC 0x6c6f636bu

struct kpi_lck_grp {
	unsigned locks;
};

struct kpi_lck_mtx {
	uint32_t magic;
	unsigned id;
	lck_grp_t *group;
	struct host_mutex mutex;
};

struct kpi_thread {
	bool signalled;
};

struct sleeper {
	struct sleeper *next;
	void *channel;
	bool woken, bounded;
	struct kpi_thread *thread;
};

struct model_link {
	struct model_link *next;
	struct selinfo *info;
	bool woken;
};

/* In the extension's room for it, which is zeroes at first. */
struct selinfo {
	struct model_link *waiting;
	uint64_t recorded;
};

static struct host_mutex sleepers_mutex, model_mutex;
static struct sleeper *sleepers;
static unsigned locks_alive, groups_alive, selinfos_recorded, links_waiting;
static uint64_t order[LOCKS_MAX]; /* order[a] has bit b: b was taken while a was held */
static uint64_t ids_used;
static unsigned faster = 1; /* atomic */

static _Thread_local lck_mtx_t *held[HELD_MAX];
static _Thread_local unsigned held_count;
static _Thread_local struct kpi_thread self;

__attribute__((constructor)) static void
init(void)
{
	host_mutex_init(&sleepers_mutex);
	host_mutex_init(&model_mutex);
}

void
model_lock(void)
{
	host_mutex_lock(&model_mutex);
}

void
model_unlock(void)
{
	host_mutex_unlock(&model_mutex);
}

void
model_enter(void)
{
	if (held_count != 0) {
		host_panic("the extension is called with a lock held");
	}
}

void
model_leave(const char *what)
{
	if (held_count != 0) {
		host_panic("%s returns with a lock held", what);
	}
}

void
model_may_block(const char *what)
{
	if (held_count != 0) {
		host_panic("%s is called with a lock held", what);
	}
}

unsigned
model_locks(void)
{
	model_lock();
	unsigned alive = locks_alive + groups_alive;
	model_unlock();
	return alive;
}

void
kpi_faster(unsigned times)
{
	__atomic_store_n(&faster, times, __ATOMIC_SEQ_CST);
}

lck_grp_t *
lck_grp_alloc_init(const char *name, lck_grp_attr_t *attr)
{
	lck_grp_t *group;

	model_may_block("lck_grp_alloc_init");
	if (model_fails("lck_grp_alloc_init")) {
		return NULL;
	}
	group = host_alloc(sizeof(*group));
	model_lock();
	groups_alive++;
	model_unlock();
	return group;
}

void
lck_grp_free(lck_grp_t *group)
{
	model_may_block("lck_grp_free");
	model_lock();
	if (group->locks != 0) {
		host_panic("a lock group is freed before its %u locks", group->locks);
	}
	groups_alive--;
	model_unlock();
	host_free(group);
}

lck_mtx_t *
lck_mtx_alloc_init(lck_grp_t *group, lck_attr_t *attr)
{
	lck_mtx_t *lock;

	model_may_block("lck_mtx_alloc_init");
	if (model_fails("lck_mtx_alloc_init")) {
		return NULL;
	}
	lock = host_alloc(sizeof(*lock));
	host_mutex_init(&lock->mutex);
	lock->magic = MAGIC;
	lock->group = group;
	model_lock();
	while (lock->id < LOCKS_MAX && (ids_used & (UINT64_C(1) << lock->id)) != 0) {
		lock->id++;
	}
	if (lock->id == LOCKS_MAX) {
		host_panic("more locks than the model counts");
	}
	ids_used |= UINT64_C(1) << lock->id;
	order[lock->id] = 0;
	for (unsigned i = 0; i < LOCKS_MAX; i++) {
		order[i] &= ~(UINT64_C(1) << lock->id);
	}
	group->locks++;
	locks_alive++;
	model_unlock();
	return lock;
}

void
lck_mtx_free(lck_mtx_t *lock, lck_grp_t *group)
{
	model_may_block("lck_mtx_free");
	if (lock->magic != MAGIC || lock->group != group) {
		host_panic("what is freed is no lock of that group");
	}
	host_mutex_fini(&lock->mutex);
	model_lock();
	ids_used &= ~(UINT64_C(1) << lock->id);
	group->locks--;
	locks_alive--;
	model_unlock();
	lock->magic = 0;
	host_free(lock);
}

/* By model_lock: whether there is a way from one lock to another in the orders seen. */
static bool
is_before(unsigned from, unsigned to, uint64_t seen)
{
	if (from == to) {
		return true;
	}
	for (unsigned next = 0; next < LOCKS_MAX; next++) {
		if ((order[from] & (UINT64_C(1) << next)) != 0 && (seen & (UINT64_C(1) << next)) == 0 &&
		    is_before(next, to, seen | UINT64_C(1) << next)) {
			return true;
		}
	}
	return false;
}

void
lck_mtx_lock(lck_mtx_t *lock)
{
	if (lock->magic != MAGIC) {
		host_panic("no lock, or one that was freed");
	}
	for (unsigned i = 0; i < held_count; i++) {
		if (held[i] == lock) {
			host_panic("a lock is taken twice");
		}
	}
	if (held_count == HELD_MAX) {
		host_panic("too many locks held");
	}
	if (held_count > 0) {
		model_lock();
		for (unsigned i = 0; i < held_count; i++) {
			if (is_before(lock->id, held[i]->id, 0)) {
				host_panic("locks %u and %u are taken in both orders", lock->id, held[i]->id);
			}
			order[held[i]->id] |= UINT64_C(1) << lock->id;
		}
		model_unlock();
	}
	host_mutex_lock(&lock->mutex);
	held[held_count++] = lock;
}

void
lck_mtx_unlock(lck_mtx_t *lock)
{
	for (unsigned i = 0; i < held_count; i++) {
		if (held[i] == lock) {
			held[i] = held[--held_count];
			host_mutex_unlock(&lock->mutex);
			return;
		}
	}
	host_panic("a lock is given up that is not held");
}

struct kpi_thread *
kpi_self(void)
{
	return &self;
}

void
kpi_signal(struct kpi_thread *t)
{
	host_mutex_lock(&sleepers_mutex);
	t->signalled = true;
	host_wake_all();
	host_mutex_unlock(&sleepers_mutex);
}

static unsigned
count_sleepers(bool bounded)
{
	unsigned count = 0;

	host_mutex_lock(&sleepers_mutex);
	for (struct sleeper *s = sleepers; s != NULL; s = s->next) {
		count += s->bounded == bounded;
	}
	host_mutex_unlock(&sleepers_mutex);
	return count;
}

unsigned
kpi_sleepers(void)
{
	return count_sleepers(false);
}

unsigned
kpi_waiting(void)
{
	return count_sleepers(true);
}

unsigned
kpi_selecting(void)
{
	host_mutex_lock(&sleepers_mutex);
	unsigned count = links_waiting;
	host_mutex_unlock(&sleepers_mutex);
	return count;
}

/* By sleepers_mutex: sleeps until it is woken; the time, if not 0, is over: EWOULDBLOCK. */
static int
sleep_as(struct sleeper *me, bool catch, uint64_t nanoseconds)
{
	uint64_t until = host_now() + nanoseconds;

	while (!me->woken) {
		uint64_t now = host_now();

		if (catch && me->thread->signalled) {
			me->thread->signalled = false;
			return host_random() % 2 == 0 ? EINTR : ERESTART;
		}
		if (nanoseconds != 0 && now >= until) {
			return EWOULDBLOCK;
		}
		(void)host_wait(&sleepers_mutex, nanoseconds == 0 ? 0 : until - now);
	}
	return 0;
}

int
msleep(void *channel, lck_mtx_t *lock, int priority, const char *why, struct timespec *bound)
{
	struct sleeper me = {.channel = channel, .thread = &self, .bounded = bound != NULL};
	uint64_t nanoseconds = bound == NULL ? 0 : ((uint64_t)bound->tv_sec * NANOSECONDS + (uint64_t)bound->tv_nsec) /
	    __atomic_load_n(&faster, __ATOMIC_SEQ_CST) + 1;
	int result;

	if (held_count != (lock != NULL ? 1u : 0u) || (lock != NULL && held[0] != lock)) {
		host_panic("msleep (%s) with other locks than its own", why);
	}
	host_mutex_lock(&sleepers_mutex);
	me.next = sleepers;
	sleepers = &me;
	if (lock != NULL) {
		lck_mtx_unlock(lock);
	}
	result = sleep_as(&me, (priority & PCATCH) != 0, nanoseconds);
	for (struct sleeper **at = &sleepers; *at != NULL; at = &(*at)->next) {
		if (*at == &me) {
			*at = me.next;
			break;
		}
	}
	host_mutex_unlock(&sleepers_mutex);
	if (lock != NULL && (priority & PDROP) == 0) {
		lck_mtx_lock(lock);
	}
	return result;
}

void
wakeup(void *channel)
{
	host_mutex_lock(&sleepers_mutex);
	for (struct sleeper *s = sleepers; s != NULL; s = s->next) {
		s->woken = s->woken || s->channel == channel;
	}
	host_wake_all();
	host_mutex_unlock(&sleepers_mutex);
}

struct model_link *
model_link_new(void)
{
	return host_alloc(sizeof(struct model_link));
}

/* By sleepers_mutex. */
static void
unlink_from_info(struct model_link *link)
{
	if (link->info == NULL) {
		return;
	}
	for (struct model_link **at = &link->info->waiting; *at != NULL; at = &(*at)->next) {
		if (*at == link) {
			*at = link->next;
			break;
		}
	}
	link->info = NULL;
}

bool
model_link_wait(struct model_link *link, uint64_t nanoseconds)
{
	uint64_t until = host_now() + nanoseconds;
	bool woken;

	host_mutex_lock(&sleepers_mutex);
	links_waiting++;
	while (!link->woken && host_now() < until) {
		(void)host_wait(&sleepers_mutex, until - host_now());
	}
	links_waiting--;
	woken = link->woken;
	link->woken = false;
	unlink_from_info(link);
	host_mutex_unlock(&sleepers_mutex);
	return woken;
}

void
model_link_free(struct model_link *link)
{
	host_mutex_lock(&sleepers_mutex);
	unlink_from_info(link);
	host_mutex_unlock(&sleepers_mutex);
	host_free(link);
}

unsigned
model_selinfos(void)
{
	host_mutex_lock(&sleepers_mutex);
	unsigned recorded = selinfos_recorded;
	host_mutex_unlock(&sleepers_mutex);
	return recorded;
}

void
selrecord(proc_t selector, struct selinfo *info, void *wql)
{
	struct model_link *link = wql;

	if (link == NULL) {
		return;
	}
	host_mutex_lock(&sleepers_mutex);
	if (info->recorded == 0) {
		info->recorded = 1;
		selinfos_recorded++;
	}
	if (link->info == NULL) {
		link->info = info;
		link->next = info->waiting;
		info->waiting = link;
	}
	host_mutex_unlock(&sleepers_mutex);
}

void
selwakeup(struct selinfo *info)
{
	host_mutex_lock(&sleepers_mutex);
	if (info->recorded == 0) {
		host_panic("selwakeup where nothing was recorded");
	}
	info->recorded = 0;
	selinfos_recorded--;
	while (info->waiting != NULL) {
		struct model_link *link = info->waiting;

		info->waiting = link->next;
		link->info = NULL;
		link->woken = true;
	}
	host_wake_all();
	host_mutex_unlock(&sleepers_mutex);
}

void
selthreadclear(struct selinfo *info)
{
	selwakeup(info);
}
