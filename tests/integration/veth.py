# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of relayed devices share: a daemon whose taps are on the veth link, its relays, frames."""
import os
import pathlib
import struct

from worlds import Daemon, wait_until

TYPE = b"\x88\xb5"

# Runs in the namespace, on the kernel's side of tap0: sends COUNT numbered frames, at most WINDOW under way, and waits for each one's echo.
ECHO_CHECK = """
import os, socket, struct, sys
count, window = @COUNT@, 32
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)  # nothing comes before it is bound to the one interface
s.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
s.bind(("@DEVICE@", 0x88b5))
s.settimeout(20)
sent = got = 0
print("sending", flush=True)
while not os.path.exists("@STOP@") if count == 0 else got < count:
    while sent - got < window and (count == 0 or sent < count):
        s.send(b"\\xff" * 12 + b"\\x88\\xb5" + struct.pack("I", sent) + b"x" * 60)
        sent += 1
    frame = s.recv(2000)
    number, = struct.unpack("I", frame[14:18])
    assert number == got, (number, got)
    got += 1
    if got % 1000 == 0:
        print("echoed", got, flush=True)
while got < sent:
    number, = struct.unpack("I", s.recv(2000)[14:18])
    assert number == got, (number, got)
    got += 1
print("all", got, flush=True)
"""

# A program that sends back whatever comes; says with which error it ended.
ECHO = """
import errno, os
fd = os.open("/dev/@DEVICE@", os.O_RDWR)
print("opened", fd, flush=True)
up = False
while True:
    try:
        frame = os.read(fd, 70000)
        if frame[12:14] == b"\\x88\\xb5":
            os.write(fd, frame)
        up = True
    except OSError as e:
        if e.errno != errno.EIO or up:
            print("ended by", errno.errorcode[e.errno], flush=True)
            break
"""


def frame(payload_bytes, number=0, tag=b""):
    return b"\xff" * 12 + tag + TYPE + struct.pack("I", number)[:payload_bytes] + b"y" * max(0, payload_bytes - 4)


def veth_daemon(namespace, directory, text="", name="daemon", **more):
    path = os.path.join(directory, "tuntapd.conf")
    pathlib.Path(path).write_text('link = "veth"\n' + text)
    return Daemon(namespace, directory, options=["-c", path], name=name, **more)


def relays(daemon):
    """The relays of a daemon's RUNDIR, whoever started them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"--role=relay" in (entry / "cmdline").read_bytes() and \
                    os.readlink(entry / "root") == str(daemon.rundir / "empty"):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return sorted(found)


def one_relay(daemon):
    return wait_until(lambda: len(found := relays(daemon)) == 1 and found, what="one relay")[0]


def silence_and_up(namespace, device="tap0"):
    namespace.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{device}/disable_ipv6; ip link set {device} up"])


def echo(daemon, device="tap0", name="echo"):
    process = daemon.start(ECHO.replace("@DEVICE@", device), name)
    process.wait_for("opened")
    silence_and_up(daemon.namespace, device)
    return process


def check_echo(namespace, count=0, stop="/nowhere", device="tap0", name="check"):
    code = ECHO_CHECK.replace("@COUNT@", str(count)).replace("@STOP@", stop).replace("@DEVICE@", device)
    process = namespace.start(["/usr/bin/python3", "-u", "-c", code], name)
    process.wait_for("sending")
    return process
