#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends what tap-rules.c wants to an interface, as from the kernel's side: send-frames.py INTERFACE.

Frames of 60, 61, 200 and 1514 bytes of EtherType 88b5 (IEEE 802: for experiments), whose bytes 14 and 15 are the size.  By BPF on macOS
(bpf(4)), by a packet socket on Linux.
"""
import os
import platform
import socket
import struct
import sys

BIOCSETIF = 0x8020426c
BIOCSHDRCMPLT = 0x80044275
SIZES = (60, 61, 200, 1514)


def sender(ifname):
    if platform.system() != "Darwin":
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        wire.bind((ifname, 0))
        return wire.send
    import fcntl
    for unit in range(256):
        try:
            fd = os.open(f"/dev/bpf{unit}", os.O_RDWR)
            break
        except PermissionError:
            raise
        except OSError:
            continue
    else:
        raise RuntimeError("no /dev/bpfN is free")
    fcntl.ioctl(fd, BIOCSETIF, struct.pack("16s16x", ifname.encode()))
    fcntl.ioctl(fd, BIOCSHDRCMPLT, struct.pack("I", 1))
    return lambda frame: os.write(fd, frame)


def main():
    send = sender(sys.argv[1])
    for size in SIZES:
        frame = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x01" + b"\x88\xb5" + struct.pack("!H", size)
        send(frame.ljust(size, b"\0"))


if __name__ == "__main__":
    main()
