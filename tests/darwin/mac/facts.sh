#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# facts.sh - what machine this is, for whoever reads the log.
set -u
uname -a
id
if [ "$(uname -s)" = Darwin ]; then
	sw_vers
	csrutil status
	sysctl kern.osversion kern.bootsessionuuid net.link.fake hw.optional.arm64 sysctl.proc_translated 2>/dev/null
	kmutil showloaded --list-only 2>/dev/null | grep -i -E 'tun|tap' || echo "no tun or tap kernel extension is loaded"
	ls -l /dev/tap0 /dev/tun0 2>/dev/null || echo "no node of a device"
	ifconfig -l
else
	ls -l /dev/net/tun
	ip -brief link
fi
exit 0
