/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shimmark.h - what the preload library's file says of itself, so that `tuntapd doctor` sees one that does not fit the daemon: the
 * versions of what both sides read and write.
 */
#ifndef TUNTAPD_PROTOCOL_SHIMMARK_H
#define TUNTAPD_PROTOCOL_SHIMMARK_H

#include "devlist.h"
#include "message.h"
#include "page.h"

#define SHIM_MARK "tuntapd-shim-speaks="

#define SHIM_MARK_TEXT_OF(number) #number
#define SHIM_MARK_TEXT(number) SHIM_MARK_TEXT_OF(number)
/* Of messages, state pages, the list of devices. */
#define SHIM_MARK_VERSIONS \
	SHIM_MARK_TEXT(MESSAGE_VERSION) "." SHIM_MARK_TEXT(PAGE_VERSION) "." SHIM_MARK_TEXT(DEVLIST_VERSION)

#endif
