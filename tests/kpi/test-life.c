/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-life.c - what becomes of the extension when the kernel refuses, is slow, or lets somebody do what nobody should: load and
 * unload, each call that can fail failing in turn, detaching that does not end, revocation, commands of strangers.
 */
#include <pthread.h>

#include "world.h"
#include "tests/unit/suite.h"

#define FAULTS_MAX 400
#define SHORTER 20 /* for what waits in vain: two seconds are a tenth of one */

static uint8_t out[4000], in[4000];

static void
assert_nothing_left(void)
{
	const char *left = kpi_leaks();

	ck_assert_msg(left == NULL, "left: %s", left);
}

/* A whole session, each part of which may fail, and none of which leaves anything. */
static void
session(void)
{
	int list[1] = {0}, count = 1, one = 1;
	struct kpi_file *f = kpi_open(world_path(0), KPI_READ | KPI_WRITE | KPI_NONBLOCK);

	if (f == NULL) {
		return;
	}
	(void)kpi_if_add_address(world_name(0), KPI_INET);
	(void)kpi_if_set_up(world_name(0), true);
	(void)kpi_if_set_mtu(world_name(0), 3000);
	(void)kpi_if_media(world_name(0), true, list, &count);
	if (!world_is_tap()) {
		(void)kpi_ioctl(f, KPI_TUNSIFHEAD, &one);
	}
	world_packet(out, 2500, 1);
	(void)kpi_if_send(world_name(0), out, 2500);
	(void)kpi_read(f, in, sizeof(in));
	(void)kpi_if_send(world_name(0), out, 2500);
	if (!world_is_tap()) {
		memmove(out + 4, out, 2500);
		memcpy(out, (const uint8_t[4]){0, 0, 0, 2}, 4);
		(void)kpi_write(f, out, 2504);
	} else {
		(void)kpi_write(f, out, 2500);
	}
	kpi_close(f);
}

START_TEST(each_call_fails_in_turn)
{
	unsigned refused_loads = 0, refused_sessions = 0;
	unsigned long which;

	for (which = 1; which < FAULTS_MAX; which++) {
		kpi_fail(which);
		if (kpi_load() < 0) {
			ck_assert_ptr_nonnull(kpi_failed());
			refused_loads++;
			assert_nothing_left();
			continue;
		}
		session();
		if (kpi_failed() == NULL) {
			break; /* more than there are calls */
		}
		refused_sessions++;
		/* After it the device works as ever. */
		kpi_fail(0);
		kpi_close(world_open_up(0));
		ck_assert_msg(kpi_unload() == 0, "after %s: %s", kpi_failed(), kpi_log());
		assert_nothing_left();
	}
	ck_assert_uint_lt(which, FAULTS_MAX);
	/* Locks and their group, family and plumbers of tun, number, nodes. */
	ck_assert_uint_eq(refused_loads, 1 + 16 + (world_is_tap() ? 0 : 3) + 1 + 16);
	ck_assert_uint_ge(refused_sessions, 10);
	kpi_fail(0);
	ck_assert_int_eq(kpi_unload(), 0);
	assert_nothing_left();
}
END_TEST

START_TEST(an_open_that_fails_says_why)
{
	/* In the order of the calls: each refusal is the program's errno. */
	static const int errors[] = {ENOMEM, EINVAL, EINVAL, ENOMEM};
	struct kpi_if status;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		kpi_fail(i + 1);
		errno = 0;
		ck_assert(kpi_open(world_path(0), KPI_READ) == NULL);
		ck_assert_int_eq(errno, errors[i]);
		ck_assert_ptr_nonnull(kpi_failed());
		ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
	}
	kpi_fail(0);
}
END_TEST

START_TEST(load_and_unload_again)
{
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(kpi_load(), 0);
		kpi_close(world_open_up(0));
		ck_assert_int_eq(kpi_unload(), 0);
		assert_nothing_left();
	}
}
END_TEST

START_TEST(unload_is_refused_while_open)
{
	struct kpi_file *f = kpi_open(world_path(9), KPI_READ | KPI_WRITE);
	struct kpi_file *other;

	ck_assert_ptr_nonnull(f);
	ASSERT_FAILS(kpi_unload(), EBUSY);
	ck_assert_ptr_nonnull(strstr(kpi_log(), "is in use"));
	/* As before: this one works, and the others can be opened. */
	ck_assert_int_eq(kpi_if_set_up(world_name(9), true), 0);
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_write(f, out, 100), 100);
	other = world_open_up(0);
	kpi_close(other);
	kpi_close(f);
}
END_TEST

START_TEST(a_detach_that_does_not_end)
{
	struct kpi_file *f = world_open_up(0);
	struct kpi_stat st;

	kpi_faster(SHORTER);
	kpi_hold_detach(true);
	kpi_close(f); /* comes back all the same */
	errno = 0;
	ck_assert(kpi_open(world_path(0), KPI_READ) == NULL);
	ck_assert_int_eq(errno, EBUSY);
	ASSERT_FAILS(kpi_unload(), EBUSY);
	ck_assert_int_eq(kpi_stat(world_path(0), &st), 0);
	kpi_hold_detach(false);
	kpi_faster(1);
	f = world_open_up(0); /* waits for it */
	kpi_close(f);
}
END_TEST

static bool
somebody_waits(void)
{
	return kpi_waiting() > 0;
}

static void *
let_go_when_waited_for(void *argument)
{
	world_wait(somebody_waits, "the open waits");
	kpi_hold_detach(false);
	return NULL;
}

START_TEST(an_open_waits_for_the_one_before)
{
	struct kpi_file *f = world_open_up(0);
	pthread_t thread;

	kpi_hold_detach(true);
	kpi_faster(SHORTER);
	kpi_close(f);
	kpi_faster(1);
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go_when_waited_for, NULL), 0);
	f = kpi_open(world_path(0), KPI_READ);
	pthread_join(thread, NULL);
	ck_assert_ptr_nonnull(f);
	kpi_close(f);
}
END_TEST

START_TEST(an_interface_that_somebody_keeps)
{
	struct kpi_file *f = world_open_up(0);

	kpi_hold_reference(world_name(0));
	kpi_close(f);
	f = world_open_up(0); /* with a fresh one */
	kpi_close(f);
	kpi_drop_reference();
}
END_TEST

START_TEST(a_strangers_interface_of_that_name)
{
	struct kpi_file *f;

	kpi_stranger(world_name(0));
	errno = 0;
	ck_assert(kpi_open(world_path(0), KPI_READ) == NULL);
	ck_assert_int_eq(errno, EBUSY);
	kpi_stranger(NULL);
	f = world_open_up(0);
	kpi_close(f);
}
END_TEST

/* A thread in a call of a device that is revoked. */
struct call {
	struct kpi_file *file;
	long result;
	int error;
};

static void *
read_it(void *argument)
{
	struct call *c = argument;

	c->result = kpi_read(c->file, in, sizeof(in));
	c->error = errno;
	return NULL;
}

static void *
select_it(void *argument)
{
	struct call *c = argument;

	c->result = kpi_select(c->file, KPI_READ, 10000);
	return NULL;
}

START_TEST(revocation_ends_calls)
{
	struct call reader = {.file = world_open_up(0)}, selector = {.file = reader.file};
	struct kpi_file *again;
	pthread_t threads[2];
	struct kpi_if status;

	ck_assert_int_eq(pthread_create(&threads[0], NULL, read_it, &reader), 0);
	world_wait(world_somebody_sleeps, "the reader sleeps");
	ck_assert_int_eq(pthread_create(&threads[1], NULL, select_it, &selector), 0);
	world_wait(world_somebody_selects, "select waits");
	ck_assert_int_eq(kpi_revoke(world_path(0)), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	ck_assert_int_eq(reader.result, -1);
	ck_assert_int_eq(reader.error, EIO);
	ck_assert_int_eq(selector.result, KPI_READ);
	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
	ASSERT_FAILS(kpi_write(reader.file, out, 100), ENXIO);
	again = world_open_up(0);
	kpi_close(reader.file);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	kpi_close(again);
}
END_TEST

static bool
somebody_copies(void)
{
	return kpi_copying() > 0;
}

static void *
write_it(void *argument)
{
	struct call *c = argument;

	c->result = kpi_write(c->file, out, 200);
	c->error = errno;
	return NULL;
}

static void *
revoke_it(void *argument)
{
	ck_assert_int_eq(kpi_revoke(world_path(0)), 0);
	return NULL;
}

/* The interface stays until who is in the middle of a write has left. */
START_TEST(revocation_waits_for_who_is_inside)
{
	struct call writer = {.file = world_open_up(0)};
	pthread_t threads[2];
	struct kpi_if status;

	world_packet(out, 200, 1);
	kpi_hold_copies(true);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, write_it, &writer), 0);
	world_wait(somebody_copies, "the writer copies");
	ck_assert_int_eq(pthread_create(&threads[1], NULL, revoke_it, NULL), 0);
	world_wait(world_somebody_sleeps, "the revocation waits");
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	kpi_hold_copies(false);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	ck_assert_int_eq(writer.result, 200);
	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
	kpi_close(writer.file);
}
END_TEST

/* What the stack began to send before the last close comes after it. */
START_TEST(a_late_packet_of_the_stack)
{
	struct kpi_file *f = world_open_up(0);

	ck_assert_int_eq(kpi_if_pin(world_name(0)), 0);
	kpi_faster(SHORTER);
	kpi_close(f);
	kpi_faster(1);
	world_packet(out, 100, 1);
	ASSERT_FAILS(kpi_pinned_send(out, 100), ENOBUFS);
	ck_assert_uint_eq(kpi_mbufs(), 0);
	kpi_if_unpin();
	f = world_open_up(KPI_NONBLOCK);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	kpi_close(f);
}
END_TEST

START_TEST(closing_what_is_not_open)
{
	ck_assert_int_eq(kpi_revoke(world_path(3)), 0);
	ck_assert_int_eq(kpi_revoke(world_path(3)), 0);
}
END_TEST

START_TEST(commands_of_strangers)
{
	static const unsigned long commands[] = {0x8020690cul /* SIOCSIFADDR */, 0x80206910ul, 0x80206919ul, 0x8040691aul, 0x80206931ul,
	    0x80206932ul, 0x80206934ul /* MTU */, 0x8020693cul /* LLADDR */, 0xc331693dul /* STATUS */, 0xc02c6938ul,
	    0xc0286938ul /* MEDIA */, 0x80046934ul, 0xc0206933ul, 0x8020693dul, 0, ~0ul};
	struct kpi_file *f = world_open(0);
	struct kpi_if before, after;

	ck_assert_int_eq(kpi_if_get(world_name(0), &before), 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		/* Of exactly the size that the command says. */
		size_t size = (commands[i] >> 16) & 0x1fff;
		uint8_t *data = malloc(size + 1);

		(void)kpi_if_ioctl(world_name(0), commands[i], NULL);
		for (unsigned fill = 0; fill < 256; fill += 51) {
			memset(data, (int)fill, size);
			if ((commands[i] >> 8 & 0xff) == 'i' && (commands[i] & 0xff) == 56) {
				memset(data + 32, 0, size - 32); /* no list */
			}
			(void)kpi_if_ioctl(world_name(0), commands[i], data);
		}
		free(data);
	}
	ck_assert_int_eq(kpi_if_get(world_name(0), &after), 0);
	ck_assert_uint_eq(after.mtu, before.mtu);
	ck_assert_mem_eq(after.address, before.address, sizeof(after.address));
	kpi_close(f);
}
END_TEST

START_TEST(media_are_ethernets)
{
	struct kpi_file *f = world_open(0);
	int list[1] = {0}, count = 0;

	if (world_is_tap()) {
		ck_assert_int_eq(kpi_if_media(world_name(0), true, NULL, &count), 0);
		ck_assert_int_eq(count, 1);
		ck_assert_int_eq(kpi_if_media(world_name(0), true, list, &count), 0);
		ck_assert_int_eq(list[0], 0x20);
		count = 0; /* no room */
		ASSERT_FAILS(kpi_if_media(world_name(0), true, list, &count), EINVAL);
		count = -1;
		ASSERT_FAILS(kpi_if_media(world_name(0), true, list, &count), EINVAL);
		count = 0;
		ck_assert_int_eq(kpi_if_media(world_name(0), false, NULL, &count), 0);
		ck_assert_int_eq(count, 1);
	} else {
		ASSERT_FAILS(kpi_if_media(world_name(0), true, NULL, &count), EOPNOTSUPP);
	}
	kpi_close(f);
}
END_TEST

START_TEST(packets_of_many_buffers)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	size_t link = world_link_bytes();

	kpi_small_buffers(true);
	for (size_t size = WORLD_LEAST; size <= WORLD_MTU; size += 73) {
		world_packet(out, size, (uint32_t)size);
		out[size - 1] = (uint8_t)size;
		ck_assert_int_eq(kpi_write(f, out, size), (long)size);
		ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), (long)(size - link));
		ck_assert_mem_eq(in, out + link, size - link);
		ck_assert_int_eq(kpi_if_send(world_name(0), out, size), 0);
		ck_assert_int_eq(kpi_read(f, in, sizeof(in)), (long)size);
		ck_assert_mem_eq(in, out, size);
	}
	kpi_close(f);
}
END_TEST

START_TEST(a_list_of_packets)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);

	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send_list(world_name(0), out, 100, 10), 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 100);
	}
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	ASSERT_FAILS(kpi_if_send_list(world_name(0), out, 100, 600), ENOBUFS);
	ck_assert_uint_eq(kpi_mbufs(), 512 * 2); /* each of two buffers */
	kpi_close(f);
}
END_TEST

int
main(void)
{
	const TTest *const loaded[] = {an_open_that_fails_says_why, unload_is_refused_while_open,
	    a_detach_that_does_not_end, an_open_waits_for_the_one_before, an_interface_that_somebody_keeps,
	    a_strangers_interface_of_that_name, revocation_ends_calls, revocation_waits_for_who_is_inside,
	    a_late_packet_of_the_stack, closing_what_is_not_open,
	    commands_of_strangers, media_are_ethernets, packets_of_many_buffers, a_list_of_packets};
	const TTest *const unloaded[] = {each_call_fails_in_turn, load_and_unload_again};
	TCase *with = tcase_create("loaded"), *without = tcase_create("load and unload");
	Suite *suite = suite_create("life");

	world_learn_kind();
	tcase_set_timeout(with, 60);
	tcase_add_checked_fixture(with, world_loaded, world_unloaded);
	for (size_t i = 0; i < sizeof(loaded) / sizeof(loaded[0]); i++) {
		tcase_add_test(with, loaded[i]);
	}
	tcase_set_timeout(without, 60);
	for (size_t i = 0; i < sizeof(unloaded) / sizeof(unloaded[0]); i++) {
		tcase_add_test(without, unloaded[i]);
	}
	suite_add_tcase(suite, with);
	suite_add_tcase(suite, without);
	return run_suite(suite);
}
