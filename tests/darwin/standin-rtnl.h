/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-rtnl.h - what the stand-ins for feth and bridges need of Linux's interfaces, by rtnetlink.  0, or -1 with Linux's errno.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_RTNL_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_RTNL_H

#include <stddef.h>
#include <stdint.h>

/* The longest text that an interface can carry (IFALIASZ). */
#define RTNL_ALIAS_SIZE 256

/* A pair of veth; the first has the address, and index, the other other_index.  Neither gets an IPv6 address by itself. */
int rtnl_make_veth(const char *ifname, const char *other, const uint8_t mac[6], uint32_t index, uint32_t other_index);
/* A bridge, which gets no IPv6 address by itself either. */
int rtnl_make_bridge(const char *ifname);
/* Puts an interface in a bridge, or with 0 out of one; tells in which one it is, 0: in none. */
int rtnl_set_master(const char *ifname, uint32_t master);
int rtnl_get_master(const char *ifname, uint32_t *master);
int rtnl_delete(const char *ifname);

/* A text that the interface carries until it is gone. */
int rtnl_set_alias(const char *ifname, const char *text);
int rtnl_get_alias(const char *ifname, char text[RTNL_ALIAS_SIZE]); /* ENODEV: no interface; empty: it carries none */

/* All that the first receives leaves through the other; or not any more. */
int rtnl_redirect(uint32_t from, uint32_t to);
int rtnl_redirect_no_more(uint32_t from);

#endif
