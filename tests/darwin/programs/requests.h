/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * requests.h - numbers of interface requests, as they are written in darwin.md 5, and not as a header has them.
 */
#ifndef TUNTAPD_TESTS_DARWIN_REQUESTS_H
#define TUNTAPD_TESTS_DARWIN_REQUESTS_H

#define CREATE 0xc0206978ul
#define CREATE2 0xc020697aul
#define DESTROY 0x80206979ul
#define SET_SPEC 0x8028697bul
#define GET_SPEC 0xc028697bul
#define GET_FLAGS 0xc0206911ul
#define SET_FLAGS 0x80206910ul
#define GET_MTU 0xc0206933ul
#define SET_MTU 0x80206934ul
#define GET_DEVICE_MTU 0xc0206944ul
#define GET_MEDIA 0xc02c6938ul
#define SET_MAC 0x8020693cul

#endif
