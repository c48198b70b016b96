# SPDX-License-Identifier: BSD-2-Clause
"""What can happen to pairs: holders and daemons that are killed at any step, records that are no records."""
import json
import os
import pathlib
import signal
import struct

import pytest
from worlds import TUNTAPD, Client, Daemon, wait_until

RECORD = "=IIBB2xIqQiI32s" + 2 * "QI6s2x16s16s4x"
MAGIC, VERSION, SIZE = 0x72707474, 2, 184
assert struct.calcsize(RECORD) == SIZE


@pytest.fixture
def daemon(namespace, directory):
    d = Daemon(namespace, directory)
    yield d
    if d.process.alive():
        assert d.stop() == 0


def pair(daemon, *words):
    return daemon.namespace.run([TUNTAPD, "pair", "-s", daemon.socket, *words], check=False)


def hold_pair(daemon, name="program", signals=""):
    # Who runs the tests may ignore hang-ups (nohup), and then so would the holder.
    process = daemon.namespace.start(["env", "--default-signal=HUP", TUNTAPD, "exec", "-s", daemon.socket, "--pair", "--", "/bin/sh", "-c",
                                      f"{signals} echo up; exec cat"], name)
    process.wait_for("up")
    return process


def none_left(daemon):
    wait_until(lambda: set(daemon.namespace.interfaces()) == {"lo"}, what="no interface is left")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT])
def test_holder_killed(namespace, daemon, number):
    process = hold_pair(daemon)
    assert namespace.has("pair0") and namespace.has("pair1")
    assert process.kill(number) == -number
    none_left(daemon)
    assert "pair0" not in pair(daemon, "--list").stdout


def test_holder_s_program_killed(namespace, daemon):
    process = hold_pair(daemon)
    child = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
    os.kill(int(child), signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    none_left(daemon)


def test_client_killed_at_each_step(namespace, daemon):
    """Before its request is whole, before the answer, with the answer unread, and with it in hand."""
    message = (Client.header(8, 224) + struct.pack("=I", 0) + struct.pack("=16sBB2x80x", b"left", 0, 0) +
               struct.pack("=16sBB2x80x", b"right", 0, 0) + b"\x01\0\0\0")
    for step in range(4):
        namespace.python(f"""
c = Client({daemon.socket!r})
step = {step}
c.send({message!r}[:100] if step == 0 else {message!r})
if step == 2:
    c.socket.recv(0, socket.MSG_PEEK)
if step == 3:
    data, fds = c.receive()
    assert Client.error(data) == 0 and len(fds) == 1
os._exit(0)
""")
        wait_until(lambda: "left" not in pair(daemon, "--list").stdout)
        none_left(daemon)
    assert daemon.process.alive()


def test_a_copy_of_what_it_hangs_on_keeps_it(namespace, daemon):
    """The last holder's end is what counts, as with devices; and what is said on it means nothing."""
    message = (Client.header(8, 224) + struct.pack("=I", 0) + struct.pack("=16sBB2x80x", b"left", 0, 0) +
               struct.pack("=16sBB2x80x", b"right", 0, 0) + b"\x01\0\0\0")
    process = namespace.start(["/usr/bin/python3", "-u", "-c", f"""
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect({daemon.socket!r})
s.send({message!r})
_, fds, _, _ = socket.recv_fds(s, 1000, 2)
if os.fork() == 0:
    print("copied", flush=True)
    sys.stdin.read()
    os._exit(0)
socket.socket(fileno=os.dup(fds[0])).send(b"hello")
os.close(fds[0])
os.wait()
"""], "holder")
    process.wait_for("copied")
    assert "left" in pair(daemon, "--list").stdout and namespace.has("left")
    process.popen.stdin.close()
    process.wait()
    none_left(daemon)
    process.popen.stdin = open(os.devnull, "wb")


def test_daemon_killed_with_pairs(namespace, directory, daemon):
    assert pair(daemon, "left", "right").returncode == 0
    process = hold_pair(daemon)
    daemon.process.kill()
    assert namespace.has("left") and namespace.has("pair0")
    after = Daemon(namespace, directory, name="after")
    text = pair(after, "--list").stdout
    assert "left" in text and "pair0" in text
    process.kill()  # its socket ended with the first daemon
    wait_until(lambda: not namespace.has("pair0") and not namespace.has("pair1"))
    assert pair(after, "--delete", "left").returncode == 0
    none_left(after)
    assert after.stop() == 0


def test_holder_ends_while_no_daemon_serves(namespace, directory, daemon):
    process = hold_pair(daemon)
    assert pair(daemon, "left", "right").returncode == 0
    daemon.process.kill()
    process.kill()
    assert namespace.has("pair0")
    after = Daemon(namespace, directory, name="after")
    wait_until(lambda: not namespace.has("pair0"))
    assert "its holder has ended while no daemon served" in after.log and namespace.has("left")
    assert pair(after, "--delete", "left").returncode == 0
    assert after.stop() == 0


def test_end_of_the_holder_without_a_daemon_is_clean(namespace, directory, daemon):
    process = hold_pair(daemon)
    daemon.process.kill()
    process.popen.stdin.close()
    assert process.wait() == 0
    process.popen.stdin = open(os.devnull, "wb")
    after = Daemon(namespace, directory, name="after")
    none_left(after)
    assert after.stop() == 0


def test_stop_leaves_and_stop_all_ends(namespace, directory, daemon):
    assert pair(daemon, "left", "right").returncode == 0
    assert daemon.stop() == 0
    assert namespace.has("left")
    after = Daemon(namespace, directory, name="after")
    namespace.run([TUNTAPD, "serve", "-s", after.socket, "--stop-all"])
    after.process.wait()
    assert set(namespace.interfaces()) == {"lo"}


def record(namespace, state, names, macs, indexes=(0, 0), held=0, pid=0):
    netns = os.stat(f"/proc/{namespace.pid}/ns/net").st_ino
    ends = [value for n in range(2) for value in (netns, indexes[n], macs[n], names[n], names[n])]
    return struct.pack(RECORD, MAGIC, VERSION, state, held, 0, 1600000000, 0, pid, 0, b"test", *ends)


def link(namespace, name):
    return json.loads(namespace.run(["ip", "-j", "link", "show", name]).stdout)[0]


def mac(namespace, name):
    return bytes.fromhex(link(namespace, name)["address"].replace(":", ""))


def test_killed_while_it_was_made(namespace, directory, daemon):
    """Between the making and the record of it: the next daemon knows it by name and MAC; a stranger's it leaves alone."""
    daemon.process.kill()
    namespace.run(["sh", "-c", "ip link add ours0 type veth peer name ours1; ip link add theirs0 type veth peer name theirs1"])
    records = [record(namespace, 1, [b"ours0", b"ours1"], [mac(namespace, "ours0"), mac(namespace, "ours1")]),
               record(namespace, 1, [b"theirs0", b"theirs1"], [b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"]),
               record(namespace, 1, [b"never0", b"never1"], [b"\x02\0\0\0\0\3", b"\x02\0\0\0\0\4"]),
               # Made, but what has that index now is joined to something else.
               record(namespace, 2, [b"theirs0", b"x"], [bytes(6), bytes(6)],
                      (link(namespace, "theirs0")["ifindex"], 9999))]
    (daemon.rundir / "pairs").write_bytes(b"".join(records))
    after = Daemon(namespace, directory, name="after")
    assert not namespace.has("ours0") and namespace.has("theirs0") and namespace.has("theirs1")
    assert pair(after, "--list").stdout.count("\n") == 1
    assert pair(after, "--delete", "theirs0").returncode == 1
    namespace.run(["ip", "link", "del", "theirs0"])
    assert after.stop() == 0


@pytest.mark.parametrize("content", [b"x" * SIZE * 3, b"\xff" * 100, struct.pack("=II", MAGIC, VERSION + 1) + bytes(SIZE - 8),
                                     struct.pack("=IIB", MAGIC, VERSION, 9) + bytes(SIZE - 9),
                                     struct.pack("=IIB", MAGIC, VERSION, 2) + b"\x01" + b"y" * (SIZE - 10)])
def test_records_that_are_none(namespace, directory, daemon, content):
    daemon.process.kill()
    (daemon.rundir / "pairs").write_bytes(content)
    after = Daemon(namespace, directory, name="after")
    assert pair(after, "--list").stdout.count("\n") == 1
    assert pair(after, "left", "right").returncode == 0 and pair(after, "--delete", "left").returncode == 0
    assert after.stop() == 0


def test_no_room_for_descriptors(namespace, daemon):
    """A pair that cannot be finished is taken away again."""
    namespace.run(["prlimit", "-p", str(daemon.pid), "--nofile=14:"])
    done = namespace.run([TUNTAPD, "exec", "-s", daemon.socket, "--pair", "--", "true"], check=False)
    assert done.returncode in (0, 69, 71)
    namespace.run(["prlimit", "-p", str(daemon.pid), "--nofile=1000:"])
    none_left(daemon)
    hold_pair(daemon).end()
    none_left(daemon)
