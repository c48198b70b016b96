# SPDX-License-Identifier: BSD-2-Clause
"""Real programs whose system calls are their own: no library can answer for them, and "tuntapd fd" hands them the device."""
import subprocess

import build
import pytest
from traffic import traffic
from worlds import wait_until


def key_pair(path):
    """A private and a public key of X25519, in hexadecimal."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", path], check=True)
    def last(command):
        return subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER", *command], check=True,
                              capture_output=True).stdout[-32:].hex()
    return last([]), last(["-pubout"])


CONFIGURE = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(("set=1\\n" + "\\n".join(sys.argv[2:]) + "\\n\\n").encode())
print(s.recv(1000).decode())
"""


@pytest.mark.client("wireguard-go")
def test_wireguard_go(sides, client):
    """Written in Go: the number in WG_TUN_FD, which is the one in TUNTAPD_FD."""
    wireguard = build.build("wireguard-go") / "wireguard-go"
    keys = {side: key_pair(side.directory / "key") for side in sides}
    for side, other in (sides, reversed(sides)):
        # Both sides see one file system: their control sockets' names differ.
        device = f"tun{side.number}"
        side.start(["sh", "-c", f"WG_TUN_FD=$TUNTAPD_FD exec {wireguard} -f {device}"], "wireguard-go",
                   verb=("fd", device), LOG_LEVEL="verbose")
        side.programs[0].wait_for("UAPI listener started", 30)
        assert side.daemon.state(device) != "closed"
        done = side.namespace.python(CONFIGURE.replace("import socket, sys", "import socket, sys\nsys.argv[1:] = " + repr([
            f"/var/run/wireguard/{device}.sock", f"private_key={keys[side][0]}", "listen_port=5555",
            f"public_key={keys[other][1]}", f"endpoint={other.address}:5555", "replace_allowed_ips=true",
            f"allowed_ip=10.14.0.{other.number}/32"])))
        assert "errno=0" in done.stdout, done.stdout
        side.configure(device, f"10.14.0.{side.number}")
    passed = traffic(*sides, "10.14.0.1", "10.14.0.2")
    for side in sides:
        side.programs[0].end()
        wait_until(lambda s=side: s.daemon.state(f"tun{s.number}") == "closed")
    client.passed = passed
