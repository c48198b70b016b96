/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsontext.h - text that strangers chose, in JSON: always valid, however it was.
 */
#ifndef TUNTAPD_CLI_JSONTEXT_H
#define TUNTAPD_CLI_JSONTEXT_H

#include <jansson.h>

/* A JSON string of a stranger's text: what is no UTF-8 becomes U+FFFD.  NULL: no memory. */
json_t *jsontext(const char *text);

#endif
