#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long a ping takes through a device, against the kernel's own tun in the same run.  Usage: ratios.py OUTPUT, as root.

The same few lines answer at either: once with the library, as a program that opens /dev/tun0, and once with the kernel's own descriptor (a utun
of macOS's, /dev/net/tun of Linux's).  OUTPUT is JSON: the round trips' means in milliseconds, and their ratio.
"""
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TUNTAPD = os.environ.get("TUNTAPD", str(ROOT / "build-native" / "cli" / "tuntapd"))
MAC = platform.system() == "Darwin"
PINGS = 500

ANSWER = """
import os, sys
def answer(read, write, header):
    while True:
        packet = bytearray(read(2048))
        ip = packet[header:]
        if len(ip) >= 28 and ip[0] == 0x45 and ip[9] == 1 and ip[20] == 8:
            ip[12:16], ip[16:20] = ip[16:20], ip[12:16]
            ip[20] = 0
            total = int.from_bytes(ip[22:24], "big") + 0x0800
            ip[22:24] = ((total & 0xffff) + (total >> 16)).to_bytes(2, "big")
            write(packet[:header] + ip)
"""
DEVICE = ANSWER + """
fd = os.open("/dev/tun0", os.O_RDWR)
print("ready", flush=True)
answer(lambda n: os.read(fd, n), lambda data: os.write(fd, data), 0)
"""
KERNEL = ANSWER + ("""
import socket, subprocess
s = socket.socket(socket.PF_SYSTEM, socket.SOCK_DGRAM, socket.SYSPROTO_CONTROL)
s.connect("com.apple.net.utun_control")
name = s.getsockopt(socket.SYSPROTO_CONTROL, 2, 16).rstrip(b"\\0").decode()
subprocess.run(["ifconfig", name, "10.82.0.1", "10.82.0.2", "up"], check=True)
print("ready", flush=True)
answer(s.recv, s.send, 4)
""" if MAC else """
import fcntl, struct, subprocess
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"own0", 0x1001))
subprocess.run(["ip", "address", "add", "10.82.0.1", "peer", "10.82.0.2", "dev", "own0"], check=True)
subprocess.run(["ip", "link", "set", "own0", "up"], check=True)
print("ready", flush=True)
answer(lambda n: os.read(fd, n), lambda data: os.write(fd, data), 0)
""")


def python():
    """One that the library can go into."""
    brewed = [path for path in ("/opt/homebrew/bin/python3", "/usr/local/bin/python3") if os.path.exists(path)]
    return brewed[0] if MAC and brewed else "/usr/bin/python3"


def measure(command, address):
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            if program.stdout.readline() != "ready\n":
                raise RuntimeError(f"{command[0]}: it did not get its device")
            subprocess.run(["ping", "-n", "-c", "5", address], check=False, capture_output=True)
            done = subprocess.run(["ping", "-n", "-q", "-f", "-c", str(PINGS), address], check=False, capture_output=True, text=True,
                                  timeout=120)
        finally:
            program.kill()
    mean = re.search(r"= [\d.]+/([\d.]+)/", done.stdout)
    lost = re.search(r"([\d.]+)% packet loss", done.stdout)
    if not mean or not lost or float(lost.group(1)) > 5:
        raise RuntimeError(f"pings to {address}: {done.stdout}{done.stderr}")
    return float(mean.group(1))


def main():
    output = pathlib.Path(sys.argv[1])
    if os.geteuid() != 0:
        print("SKIP: it makes interfaces: run it with sudo")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        socket_path, configuration = f"{directory}/socket", pathlib.Path(directory) / "conf"
        configuration.write_text("device tun0 { up = true addresses = {\"10.81.0.1/24\"} }\n")
        with subprocess.Popen([TUNTAPD, "serve", "-c", configuration, "-s", socket_path], stderr=subprocess.DEVNULL) as daemon:
            try:
                end = time.monotonic() + 10
                while not os.path.exists(socket_path) and time.monotonic() < end:
                    time.sleep(0.05)
                device = measure([TUNTAPD, "exec", "-s", socket_path, "--", python(), "-c", DEVICE], "10.81.0.2")
            finally:
                daemon.terminate()
        kernel = measure([python(), "-c", KERNEL], "10.82.0.2")
    said = {"system": f"{platform.system()} {platform.release()} {platform.machine()}", "pings": PINGS, "device_ms": device, "kernel_ms": kernel,
            "ratio": round(device / kernel, 3)}
    output.write_text(json.dumps(said, indent=2) + "\n")
    print(output.read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
