# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `tuntapd capture` share: a capture as a process, and what an independent reader says of its file."""
import pathlib
import subprocess

from worlds import TUNTAPD, wait_until

USER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]


def capture(daemon, *words, name="capture", prefix=(), namespace=None, **more):
    """A capture that has begun."""
    process = (namespace or daemon.namespace).start([*prefix, TUNTAPD, "capture", "-s", daemon.socket, *words], name, **more)
    process.wait_for("interrupt ends it")
    return process


def captures(daemon):
    """The processes of all captures of a daemon's RUNDIR, whoever started them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"--role=capture" in (entry / "cmdline").read_bytes() and \
                    str((entry / "root").readlink()) == str(daemon.rundir / "empty"):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


def none_left(daemon):
    wait_until(lambda: not captures(daemon), what="no capture is left")


def tshark(path, *fields, options=()):
    """One tuple of fields for each packet of a file."""
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(line.split("|")) for line in done.stdout.splitlines()]


def silence(namespace, device="tap0"):
    """No packet but those of the test."""
    namespace.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{device}/disable_ipv6; ip link set {device} up"])


def kernel_sends(namespace, count=1, device="tap0", head="b'\\xff' * 12 + b'\\x88\\xb5'", size=60):
    namespace.python(f"""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(({device!r}, 0x88b5))
for i in range({count}):
    s.send({head} + struct.pack("I", i) + b"x" * {size})
""")
