#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The least that a program does with a tun device: packets.py DEVICE COUNT"""
import errno
import os
import sys
import time

if "TUNTAPD_FD" in os.environ:  # tuntapd fd: it is open already
    fd = int(os.environ["TUNTAPD_FD"])
else:
    fd = os.open(sys.argv[1], os.O_RDWR)
print("open", flush=True)
left = int(sys.argv[2])
while left > 0:
    try:
        packet = os.read(fd, 65536)  # one packet, whole
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        time.sleep(0.1)  # the interface is not up: wait until somebody brings it up
        continue
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        print(len(packet), "bytes to", ".".join(map(str, packet[16:20])), flush=True)
        left -= 1
