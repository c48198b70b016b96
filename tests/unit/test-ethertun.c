/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-ethertun.c - suite "ethertun": a tun's packets in Ethernet frames, and what the kernel asks of its neighbour.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ethertun.h"
#include "fds.h"

static const uint8_t near[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x54}, far[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* 192.0.2.1 asks who has 192.0.2.2. */
static const uint8_t arp_request[28] = {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0,
    192, 0, 2, 2};
/* 2001:db8::1 asks who has 2001:db8::2, with its own address as an option. */
static const uint8_t solicitation[40 + 32] = {0x60, 0, 0, 0, 0, 32, 58, 255,
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2,
    135, 0, 0xab, 0xcd, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x54};

static struct ethertun tun;
static uint8_t frame[2000], answer[ETHERTUN_ANSWER_MAX];
static size_t answer_bytes;

static void
a_tun(void)
{
	ethertun_init(&tun, near);
	memset(answer, 0xee, sizeof(answer));
	answer_bytes = 0;
}

/* A frame of that type with so many bytes, in memory of its very size, so that a sanitizer sees a look past its end. */
static enum ethertun_frame
takes(unsigned type, const void *data, size_t bytes, const uint8_t source[6])
{
	uint8_t *copy = malloc(14 + bytes);
	enum ethertun_frame what;

	memcpy(copy, all, 6);
	memcpy(copy + 6, source, 6);
	copy[12] = (uint8_t)(type >> 8);
	copy[13] = (uint8_t)type;
	if (bytes > 0) {
		memcpy(copy + 14, data, bytes);
	}
	what = ethertun_take(&tun, copy, 14 + bytes, answer, &answer_bytes);
	free(copy);
	return what;
}

START_TEST(ip_is_the_program_s)
{
	frame[0] = 0x45;
	ck_assert_int_eq(takes(0x0800, frame, 1, near), ETHERTUN_PACKET);
	ck_assert_int_eq(takes(0x0800, frame, 1500, near), ETHERTUN_PACKET);
	frame[0] = 0x60;
	ck_assert_int_eq(takes(0x86dd, frame, 1, near), ETHERTUN_PACKET);
	ck_assert_int_eq(takes(0x86dd, frame, 1500, near), ETHERTUN_PACKET);
}
END_TEST

START_TEST(nothing_else_is)
{
	/* Without a payload; local experimental, 802.1Q, an LLC length, EAPOL, reverse ARP. */
	static const unsigned types[] = {0x88b5, 0x8100, 0x0010, 0x888e, 0x8035};

	ck_assert_int_eq(takes(0x0800, frame, 0, near), ETHERTUN_FOREIGN);
	ck_assert_int_eq(takes(0x86dd, frame, 0, near), ETHERTUN_FOREIGN);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ck_assert_int_eq(takes(types[i], frame, 60, near), ETHERTUN_FOREIGN);
	}
	for (size_t bytes = 0; bytes < 14; bytes++) {
		uint8_t *copy = calloc(1, bytes + 1);

		ck_assert_int_eq(ethertun_take(&tun, copy, bytes, answer, &answer_bytes), ETHERTUN_FOREIGN);
		free(copy);
	}
}
END_TEST

START_TEST(a_packet_goes_from_the_far_end_to_the_interface)
{
	static const uint8_t v4[14] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x00};
	static const uint8_t v6[14] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x86, 0xdd};
	uint8_t header[14];

	ck_assert(ethertun_put(&tun, "\x45", 1, header));
	ck_assert_mem_eq(header, v4, 14);
	ck_assert(ethertun_put(&tun, "\x6f", 1, header));
	ck_assert_mem_eq(header, v6, 14);
	ck_assert(!ethertun_put(&tun, "\x45", 0, header));
	for (unsigned version = 0; version < 16; version++) {
		uint8_t first = (uint8_t)(version << 4 | 5);

		ck_assert_int_eq(ethertun_put(&tun, &first, 1, header), version == 4 || version == 6);
	}
}
END_TEST

START_TEST(who_has_any_address_is_the_far_end)
{
	static const uint8_t wanted[14 + 28] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06,
	    0, 1, 8, 0, 6, 4, 0, 2, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192, 0, 2, 2, 0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 192, 0, 2, 1};

	ck_assert_int_eq(takes(0x0806, arp_request, 28, near), ETHERTUN_ASKED);
	ck_assert_uint_eq(answer_bytes, sizeof(wanted));
	ck_assert_mem_eq(answer, wanted, sizeof(wanted));
	/* Padded as on a real cable. */
	memcpy(frame, arp_request, 28);
	ck_assert_int_eq(takes(0x0806, frame, 46, near), ETHERTUN_ASKED);
	ck_assert_uint_eq(answer_bytes, sizeof(wanted));
}
END_TEST

/* Offset and value in the request above. */
static const struct {
	size_t at;
	uint8_t value, times;
} no_question[] = {
	{14, 0, 4},    /* a probe: nobody asks */
	{27, 1, 1},    /* an announcement: of itself */
	{7, 2, 1},     /* a reply */
	{7, 3, 1},     /* reverse */
	{1, 6, 1},     /* another link */
	{3, 1, 1},     /* another protocol */
	{4, 8, 1},     /* other lengths */
	{5, 16, 1},
};

START_TEST(no_question_gets_no_answer)
{
	memcpy(frame, arp_request, 28);
	memset(frame + no_question[_i].at, no_question[_i].value, no_question[_i].times);
	ck_assert_int_eq(takes(0x0806, frame, 28, near), ETHERTUN_IGNORED);
	ck_assert_uint_eq(answer_bytes, 0);
}
END_TEST

START_TEST(a_short_question_gets_no_answer)
{
	for (size_t bytes = 1; bytes < 28; bytes++) {
		ck_assert_int_eq(takes(0x0806, arp_request, bytes, near), ETHERTUN_IGNORED);
	}
	/* Of IPv6 what is cut is no solicitation, and so the program's. */
	for (size_t bytes = 1; bytes < 64; bytes++) {
		ck_assert_int_eq(takes(0x86dd, solicitation, bytes, near), ETHERTUN_PACKET);
	}
	ck_assert_uint_eq(answer_bytes, 0);
}
END_TEST

/* Over an ICMPv6 message and its pseudo-header: what a receiver computes, which is 0xffff for a good one. */
static unsigned
sum_of(const uint8_t *packet)
{
	size_t bytes = (size_t)packet[4] << 8 | packet[5];
	uint32_t sum = (uint32_t)bytes + 58;

	for (size_t i = 8; i < 40 + bytes; i += 2) {
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

START_TEST(who_has_any_ipv6_address_is_the_far_end)
{
	static const uint8_t start[14 + 8] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x54, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x86, 0xdd,
	    0x60, 0, 0, 0, 0, 32, 58, 255};
	const uint8_t *packet = answer + 14;

	ck_assert_int_eq(takes(0x86dd, solicitation, sizeof(solicitation), near), ETHERTUN_ASKED);
	ck_assert_uint_eq(answer_bytes, 14 + 40 + 32);
	ck_assert_mem_eq(answer, start, sizeof(start));
	ck_assert_mem_eq(packet + 8, solicitation + 48, 16);  /* from the target */
	ck_assert_mem_eq(packet + 24, solicitation + 8, 16);  /* to who asked */
	ck_assert_uint_eq(packet[40], 136);
	ck_assert_uint_eq(packet[41], 0);
	ck_assert_uint_eq(packet[44], 0x60);                  /* solicited, and overriding; no router */
	ck_assert_mem_eq(packet + 48, solicitation + 48, 16);
	ck_assert_uint_eq(packet[64], 2);
	ck_assert_uint_eq(packet[65], 1);
	ck_assert_mem_eq(packet + 66, far, 6);
	ck_assert_uint_eq(sum_of(packet), 0xffff);
}
END_TEST

START_TEST(who_looks_whether_an_address_is_free_hears_nothing)
{
	memcpy(frame, solicitation, sizeof(solicitation));
	memset(frame + 8, 0, 16);
	ck_assert_int_eq(takes(0x86dd, frame, 64, near), ETHERTUN_IGNORED);
	ck_assert_uint_eq(answer_bytes, 0);
}
END_TEST

START_TEST(other_icmp_is_the_program_s)
{
	/* A router solicitation, an advertisement; a hop limit that says it came from elsewhere; another protocol. */
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{40, 133}, {40, 136}, {7, 64}, {6, 17}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(frame, solicitation, sizeof(solicitation));
		frame[rows[i].at] = rows[i].value;
		ck_assert_int_eq(takes(0x86dd, frame, sizeof(solicitation), near), ETHERTUN_PACKET);
	}
}
END_TEST

START_TEST(a_new_address_of_the_interface_is_learnt)
{
	static const uint8_t other[6] = {0x06, 9, 8, 7, 6, 5}, group[6] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t header[14];

	frame[0] = 0x45;
	ck_assert_int_eq(takes(0x88b5, frame, 20, other), ETHERTUN_FOREIGN);
	ck_assert_int_eq(takes(0x0800, frame, 20, group), ETHERTUN_PACKET);
	ck_assert(ethertun_put(&tun, frame, 20, header));
	ck_assert_mem_eq(header, near, 6);
	ck_assert_int_eq(takes(0x0800, frame, 20, other), ETHERTUN_PACKET);
	ck_assert(ethertun_put(&tun, frame, 20, header));
	ck_assert_mem_eq(header, other, 6);
	ck_assert_mem_ne(header + 6, other, 6);
	/* Told by a question, too, before it is answered. */
	ck_assert_int_eq(takes(0x0806, arp_request, 28, near), ETHERTUN_ASKED);
	ck_assert_mem_eq(answer, near, 6);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ethertun");
	TCase *tcase = tcase_create("ethertun");

	tcase_add_checked_fixture(tcase, a_tun, NULL);
	tcase_add_test(tcase, ip_is_the_program_s);
	tcase_add_test(tcase, nothing_else_is);
	tcase_add_test(tcase, a_packet_goes_from_the_far_end_to_the_interface);
	tcase_add_test(tcase, who_has_any_address_is_the_far_end);
	tcase_add_loop_test(tcase, no_question_gets_no_answer, 0, (int)(sizeof(no_question) / sizeof(no_question[0])));
	tcase_add_test(tcase, a_short_question_gets_no_answer);
	tcase_add_test(tcase, who_has_any_ipv6_address_is_the_far_end);
	tcase_add_test(tcase, who_looks_whether_an_address_is_free_hears_nothing);
	tcase_add_test(tcase, other_icmp_is_the_program_s);
	tcase_add_test(tcase, a_new_address_of_the_interface_is_learnt);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
