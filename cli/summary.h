/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * summary.h - what a packet is, in a few words.
 */
#ifndef TUNTAPD_CLI_SUMMARY_H
#define TUNTAPD_CLI_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#define SUMMARY_SIZE 192

/*
 * Who speaks with whom, and how, of a packet that begins as linktype (enum message_linktype) says.
 * data may be cut anywhere, and be anything.
 */
void summary_packet(uint32_t linktype, const uint8_t *data, size_t bytes, char text[SUMMARY_SIZE]);

#endif
