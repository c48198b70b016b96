# SPDX-License-Identifier: BSD-2-Clause
"""What a test does with a pair: a frame sent on one end is received at the other."""
import socket

TYPE = 0x88B5  # IEEE 802: for experiments


def test_a_frame_comes_through(pair):
    sender, receiver = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE)) for _ in pair)
    with sender, receiver:
        receiver.bind((pair[1], TYPE))
        receiver.settimeout(10)
        sender.bind((pair[0], TYPE))
        frame = b"\xff" * 6 + b"\x02\0\0\0\0\1" + TYPE.to_bytes(2, "big") + b"from one end to the other".ljust(46)
        sender.send(frame)
        assert receiver.recv(2000) == frame
