# SPDX-License-Identifier: BSD-2-Clause
"""An open that has to wait for a relay: others do not wait with it, and it comes to an end whatever becomes of the relay."""
import os
import pathlib
import signal

import pytest
from veth import end_of, frame, one_relay, relays, silence_and_up, veth_daemon
from worlds import PYTHON, TUNTAPD, wait_until, with_library

OPEN = """
import errno, os
try:
    fd = os.open("/dev/@DEVICE@", os.O_RDWR)
    print("opened", flush=True)
    os.read(0, 1)
except OSError as e:
    print(errno.errorcode[e.errno], flush=True)
"""


def opener(daemon, device, name):
    return daemon.start(OPEN.replace("@DEVICE@", device), name)


@pytest.fixture
def wait_file(directory):
    path = pathlib.Path(directory) / "wait"
    path.touch()
    return path


@pytest.fixture
def daemon(namespace, directory, wait_file):
    """Its relays have no port as long as wait_file is there."""
    d = veth_daemon(namespace, directory, "device tap0 {\n\tup = true\n}\ndevice tap2 {\n\tlink = linux\n}\n",
                    env={**with_library("late-relay"), "TUNTAPD_TEST_WAIT": str(wait_file)})
    yield d
    wait_file.unlink(missing_ok=True)
    end_of(d, namespace)


def test_a_relay_that_takes_its_time_delays_its_own_program_alone(namespace, daemon, wait_file):
    first = opener(daemon, "tap0", "first")
    wait_until(lambda: namespace.has("tap0"), what="the interface is made")
    other = opener(daemon, "tap2", "other")
    other.wait_for("opened")
    second = opener(daemon, "tap0", "second")
    second.wait_for("EBUSY")
    assert first.alive() and first.output == ""
    assert daemon.state("tap0") == "closed" and daemon.state("tap2") == "open"
    assert not namespace.is_up("tap0")  # its first frames would be lost
    wait_file.unlink()
    first.wait_for("opened")
    assert namespace.is_up("tap0") and daemon.state("tap0") == "up"
    for process in (first, other, second):
        process.end()


def test_programs_wait_side_by_side(namespace, daemon, wait_file):
    waiting = [opener(daemon, f"tap{unit}", f"tap{unit}") for unit in (3, 4, 5, 6)]
    wait_until(lambda: len(namespace.interfaces()) == 5, what="all four are on their way")
    assert all(process.output == "" for process in waiting)
    wait_file.unlink()
    for process in waiting:
        process.wait_for("opened")
    for process in waiting:
        process.end()


def test_a_relay_that_does_not_come_up_is_an_error_and_leaves_nothing(namespace, daemon, wait_file):
    first = opener(daemon, "tap0", "first")
    first.wait_for("ENXIO", 50)
    assert "does not come up" in daemon.log
    wait_until(lambda: not namespace.has("tap0"))
    wait_file.unlink()
    again = opener(daemon, "tap0", "again")
    again.wait_for("opened")
    for process in (first, again):
        process.end()


def test_a_relay_that_ends_before_it_serves_is_an_error_and_leaves_nothing(namespace, daemon, wait_file):
    first = opener(daemon, "tap0", "first")
    wait_until(lambda: namespace.has("tap0"), what="the interface is made")
    os.kill(starting_relay(daemon), signal.SIGKILL)
    first.wait_for("ENXIO")
    wait_until(lambda: not namespace.has("tap0"))
    first.end()


def starting_relay(daemon):
    """It has all rights still, and is in no directory of its own."""
    def find():
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and b"--role=relay" in (entry / "cmdline").read_bytes() and \
                        (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(daemon.pid):
                    return int(entry.name)
            except OSError:
                continue
        return None
    return wait_until(find, what="a relay that starts")


def test_a_program_that_does_not_wait_leaves_nothing(namespace, daemon, wait_file):
    first = opener(daemon, "tap0", "first")
    wait_until(lambda: namespace.has("tap0"), what="the interface is made")
    first.kill()
    assert namespace.has("tap0")
    wait_file.unlink()
    wait_until(lambda: not namespace.has("tap0"))
    assert daemon.state("tap0") == "closed"
    first.end()


def test_stop_all_ends_what_is_being_opened(namespace, daemon):
    first = opener(daemon, "tap0", "first")
    wait_until(lambda: namespace.has("tap0"), what="the interface is made")
    assert namespace.run([TUNTAPD, "serve", "-s", daemon.socket, "--stop-all"]).returncode == 0
    wait_until(lambda: not daemon.process.alive())
    wait_until(lambda: not namespace.has("tap0"))
    first.wait_for("ENOENT")  # it asks again, and nobody is there
    first.end()


def test_a_daemon_killed_meanwhile_leaves_nothing(namespace, directory, daemon, wait_file):
    first = opener(daemon, "tap0", "first")
    wait_until(lambda: namespace.has("tap0"), what="the interface is made")
    daemon.process.kill()
    wait_file.unlink()
    wait_until(lambda: not namespace.has("tap0"))
    after = veth_daemon(namespace, directory, name="after")
    assert after.state("tap0") == "closed"
    again = opener(after, "tap0", "again")
    again.wait_for("opened")
    for process in (first, again):
        process.end()
    assert after.stop() == 0


WRITE_AND_CLOSE = """
import os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
os.write(fd, @FRAME@)
os.close(fd)
print("closed", flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGCONT, None], ids=["goes on", "is stopped for good"])
def test_a_unit_whose_relay_is_stopped_delays_its_next_opener_alone(namespace, daemon, wait_file, end):
    wait_file.unlink()
    holder = daemon.start(WRITE_AND_CLOSE.replace("@FRAME@", repr(frame(60, number=4711))), "holder")
    holder.wait_for("opened")
    silence_and_up(namespace)
    kernel = namespace.start([PYTHON, "-u", "-c", """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.bind(("tap0", 0x88b5))
s.settimeout(20)
print("ready", flush=True)
print("got", int.from_bytes(s.recv(2000)[14:18], "little"), flush=True)
"""], "kernel")
    kernel.wait_for("ready")
    relay = one_relay(daemon)
    os.kill(relay, signal.SIGSTOP)
    holder.say("go")
    holder.wait_for("closed")
    first = opener(daemon, "tap0", "first")
    other = opener(daemon, "tap2", "other")
    other.wait_for("opened")
    assert first.output == ""
    if end is not None:
        os.kill(relay, end)
        kernel.wait_for("got 4711")
        first.wait_for("opened")
        assert "does not end" not in daemon.log
    else:
        first.wait_for("opened", 20)
        assert f"relay {relay} does not end" in daemon.log
        kernel.end()
    assert relays(daemon) != [relay]
    for process in (first, other, holder):
        process.end()
