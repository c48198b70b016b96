# SPDX-License-Identifier: BSD-2-Clause
"""Clients of the control socket that do not do what they should."""
import os
import pathlib
import signal
import struct
import time

import pytest
import worlds
from worlds import Client, Daemon, answer, wait_until


def still_serves(daemon):
    """A good client is served, at once."""
    client = Client(daemon.socket)
    client.send(Client.status_message())
    data, _ = client.receive()
    client.close()
    assert Client.error(data) == 0
    return True


def test_one_that_says_nothing_is_dropped(daemon):
    client = Client(daemon.socket)
    client.socket.settimeout(50)
    assert client.receive()[0] == b""
    assert "silent for too long" in daemon.log
    assert still_serves(daemon)


BAD = {
    "empty header": b"\0" * 16,
    "one byte": b"x",
    "half a header": Client.attach_message()[:8],
    "half a message": Client.attach_message()[:20],
    "one byte short": Client.attach_message()[:-1],
    "one byte long": Client.attach_message() + b"\0",
    "very long": Client.attach_message() + b"\0" * 5000,
    "garbage": bytes(range(256)),
    "wrong magic": Client.attach_message(magic=0x12345678),
    "a reply's type": Client.header(0x8001, 64) + b"\0" * 48,
    "unknown type": Client.header(77, 32) + b"\0" * 16,
    "size does not agree": Client.header(Client.ATTACH, 47) + struct.pack("=BBHB", 2, 3, 0, 0) + b"\0" * 27,
    "kind 0": Client.attach_message(kind=0),
    "kind 3": Client.attach_message(kind=3),
    "unit 65535": Client.attach_message(unit=65535),
    "no access": Client.attach_message(access=0),
    "unknown access": Client.attach_message(access=8),
    "nonblock 2": Client.attach_message(nonblock=2),
    "unknown dialect": Client.attach_message(dialect=2),
    "linux dialect with a unit": Client.attach_message(dialect=1, ifname=b"x"),
    "linux dialect without a descriptor": Client.attach_message(dialect=1, unit=65535, ifname=b"x"),
    "a name in the bsd dialect": Client.attach_message(ifname=b"x"),
    "a name without an end": Client.attach_message(dialect=1, unit=65535, ifname=b"x" * 16),
    "node without access": Client.header(5, 32) + b"\0" * 16,
    "owner without a descriptor": Client.header(6, 32) + struct.pack("=IB11x", 0, 2),
    "pad": Client.attach_message(pad=b"\0" * 7 + b"\1"),
}


@pytest.mark.parametrize("name", BAD)
def test_garbage_ends_that_client_and_no_other(daemon, name):
    good = Client(daemon.socket)
    client = Client(daemon.socket)
    client.send(BAD[name])
    data, fds = client.receive()
    assert fds == []
    if data:
        assert len(data) == 32 and Client.error(data) != 0
        assert client.receive()[0] == b""
    good.send(Client.status_message())
    assert Client.error(good.receive()[0]) == 0
    assert daemon.process.alive() and daemon.state("tap0") == "closed"


def test_another_version_is_told_so(daemon):
    client = Client(daemon.socket)
    client.send(Client.attach_message(version=2))
    data, _ = client.receive()
    assert struct.unpack_from("=IHH", data) == (Client.MAGIC, Client.VERSION, Client.RESULT)
    assert os.strerror(Client.error(data)) == "Protocol not supported"
    assert client.receive()[0] == b""
    assert "another version" in daemon.log


@pytest.mark.parametrize("count", [2, 3, 10])
def test_surplus_descriptors_are_refused_and_closed(daemon, count):
    reader, writer = os.pipe()
    client = Client(daemon.socket)
    client.send(Client.attach_message(), [writer] * count)
    os.close(writer)
    data, fds = client.receive()
    assert fds == [] and (not data or Client.error(data) != 0)
    # Every copy is closed again, in worker and monitor: the pipe says end-of-file.
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert still_serves(daemon)


def test_descriptors_where_none_belong(daemon):
    reader, writer = os.pipe()
    client = Client(daemon.socket)
    client.send(Client.status_message(), [writer])
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert still_serves(daemon)


# What a descriptor's owner can make its close wait for: a TCP socket with SO_LINGER, whose peer reads nothing.
LINGERING = """
import os, socket, struct, sys
def lingering():
    listener = socket.create_server(("127.0.0.1", 0))
    s = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    s.setblocking(False)
    try:
        while True:
            s.send(bytes(65536))
    except BlockingIOError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    held.append(s)
    return s
def queued():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(ends[0], [b"x"], [lingering().fileno()])
    held.extend(ends)
    return ends[1]
kept, held = [], []
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)
"""
WAITS = {
    "as the device": "client.send(Client.attach_message(), [lingering().fileno()])",
    "as the proof": "client.send(Client.header(Client.HEADER_MODE, 32) + struct.pack('=QIB3x', 1, 0, 1), [lingering().fileno()])",
    "where none belongs": "client.send(Client.status_message(), [lingering().fileno()])",
    "as one of many": "client.send(Client.attach_message(), [lingering().fileno() for _ in range(8)])",
    "in the queue of the device": "client.send(Client.attach_message(), [queued().fileno()])",
    "in the queue of the proof":
        "client.send(Client.header(Client.HEADER_MODE, 32) + struct.pack('=QIB3x', 1, 0, 1), [queued().fileno()])",
    "in a message that nobody reads": "client.send(b'garbage'), client.send(Client.status_message(), [lingering().fileno()])",
}


@pytest.mark.parametrize("how", WAITS)
def test_descriptor_whose_close_waits_keeps_nobody_waiting(daemon, namespace, how):
    script = LINGERING + f"""
sys.path.insert(0, {os.path.dirname(worlds.__file__)!r})
from worlds import Client
client = Client({daemon.socket!r})
{WAITS[how]}
held.clear()
print("sent")
sys.stdin.read()
"""
    worker = wait_until(daemon.worker)
    # So that the client's own close is not the last.
    os.kill(worker, signal.SIGSTOP)
    client = namespace.start(["/usr/bin/python3", "-u", "-c", script], "client")
    try:
        client.wait_for("sent")
    finally:
        os.kill(worker, signal.SIGCONT)
    begin = time.monotonic()
    for _ in range(3):
        assert still_serves(daemon)
    assert time.monotonic() - begin < 5
    client.kill()


def test_header_mode_without_a_descriptor(daemon):
    client = Client(daemon.socket)
    client.send(Client.header(Client.HEADER_MODE, 32) + struct.pack("=QIB3x", 1, 0, 1))
    data, _ = client.receive()
    assert not data or Client.error(data) != 0
    assert still_serves(daemon)


def test_gone_before_the_answer(daemon, namespace):
    namespace.python(f"""
for _ in range(50):
    client = Client({daemon.socket!r})
    client.send(Client.attach_message())
    client.close()
""")
    assert still_serves(daemon)
    wait_until(lambda: daemon.state("tap0") == "closed")
    wait_until(lambda: not namespace.has("tap0"))


def test_gone_with_the_answer_unread(daemon, namespace):
    """The channel is in the queue of a connection that nobody reads: the kernel closes it with the connection."""
    client = namespace.start(["/usr/bin/python3", "-u", "-c", f"""
import sys
sys.path.insert(0, {os.path.dirname(worlds.__file__)!r})
from worlds import Client
client = Client({daemon.socket!r})
client.send(Client.attach_message())
print("sent")
sys.stdin.read()
"""], "client")
    client.wait_for("sent")
    wait_until(lambda: daemon.state("tap0") == "open")
    client.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert not namespace.has("tap0")


def test_gone_with_the_node_sent_and_a_copy_kept(daemon, namespace):
    """A client that sends its own descriptor, keeps a copy and leaves holds the device until it closes that copy."""
    client = namespace.start(["/usr/bin/python3", "-u", "-c", f"""
import os, sys
sys.path.insert(0, {os.path.dirname(worlds.__file__)!r})
from worlds import Client
node = os.open("/dev/net/tun", os.O_RDWR)
client = Client({daemon.socket!r})
client.send(Client.attach_message(), [node])
client.close()
print("gone")
sys.stdin.readline()
os.close(node)
print("closed")
sys.stdin.read()
"""], "client")
    client.wait_for("gone")
    wait_until(lambda: daemon.state("tap0") == "open")
    client.say("")
    client.wait_for("closed")
    wait_until(lambda: daemon.state("tap0") == "closed")
    client.end()


def test_what_a_holder_can_do_again_and_again_fills_no_log(namespace, directory):
    """Renames of its interface, and settings that are refused: one line for many."""
    configuration = pathlib.Path(directory) / "open.conf"
    configuration.write_text('mode = "0666"\n')
    daemon = Daemon(namespace, directory, ["-c", str(configuration)])
    holder = namespace.start(["/usr/bin/python3", "-u", "-c", f"""
import os, struct, sys
sys.path.insert(0, {os.path.dirname(worlds.__file__)!r})
from worlds import Client
node = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)
client = Client({daemon.socket!r})
client.send(Client.attach_message(unit=65535, dialect=1, tun_flags=0x1002, ifname=b"tap0"), [node])
assert Client.error(client.receive()[0]) == 0
for _ in range(100):
    client.send(Client.header(6, 32) + struct.pack("=IB11x", 1, 1), [node])
    assert Client.error(client.receive()[0]) == 1
print("refused")
sys.stdin.read()
"""], "holder")
    holder.wait_for("refused")
    assert 1 <= daemon.log.count("only root makes an interface persistent") <= 2
    batch = pathlib.Path(directory) / "batch"
    batch.write_text("link set tap0 name other0\nlink set other0 name tap0\n" * 50 + "link set tap0 name last0\n")
    namespace.run(["ip", "-batch", str(batch)])
    wait_until(lambda: any(d["interface"] == "last0" for d in daemon.status().values()))
    assert 1 <= daemon.log.count("is now called") <= 2
    holder.end()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert daemon.stop() == 0


def test_one_that_never_reads_holds_up_nobody(daemon):
    client = Client(daemon.socket)
    client.socket.setblocking(False)
    sent = 0
    try:
        while sent < 5000:
            client.send(Client.status_message())
            sent += 1
    except BlockingIOError:
        pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert still_serves(daemon)
    client.close()
    assert still_serves(daemon)


def test_flood_of_one_user_keeps_no_other_out(daemon, namespace):
    script = f"""
import os, socket, sys
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)
held = []
for _ in range(200):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect({daemon.socket!r})
    held.append(s)
print("connected")
sys.stdin.read()
"""
    flood = namespace.start(["/usr/bin/python3", "-u", "-c", script], "flood")
    flood.wait_for("connected")
    wait_until(lambda: "too many at a time" in daemon.log)
    assert still_serves(daemon)
    holder = daemon.hold("tap0")
    holder.end()
    flood.end()


def test_connections_without_end_are_one_log_line(daemon):
    for _ in range(30):
        client = Client(daemon.socket)
        client.send(b"garbage")
        client.receive()
    assert daemon.log.count("broke the protocol") <= 2


def test_shim_gives_up_on_a_daemon_that_does_not_answer(daemon):
    """A stopped daemon: open fails within a bound, with EIO, and leaves no descriptor."""
    import signal
    holder = daemon.hold("tap1")
    worker = wait_until(daemon.worker)
    os.kill(worker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        done = daemon.run("""
import errno, os
before = len(os.listdir("/proc/self/fd"))
try:
    os.open("/dev/tap0", os.O_RDWR)
except OSError as e:
    print(errno.errorcode[e.errno], len(os.listdir("/proc/self/fd")) - before)
""")
        assert done.stdout.strip() == "EIO 0"
        assert time.monotonic() - began < 50
        assert answer(holder, "read") == "read EIO"  # down, said without the daemon
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until(lambda: daemon.state("tap0") == "closed")
    holder.end()


def test_shim_gives_up_on_a_daemon_that_does_not_accept(daemon):
    """The same, when no connection more is taken: a daemon that serves, but does not answer, is not an absent one."""
    import signal
    import socket
    worker = wait_until(daemon.worker)
    os.kill(worker, signal.SIGSTOP)
    waiting = []
    try:
        with pytest.raises(BlockingIOError):
            while len(waiting) < 5000:
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK))
                waiting[-1].connect(daemon.socket)
        done = daemon.run("""
import errno, os
before = len(os.listdir("/proc/self/fd"))
try:
    os.open("/dev/tap0", os.O_RDWR)
except OSError as e:
    print(errno.errorcode[e.errno], len(os.listdir("/proc/self/fd")) - before)
""")
        assert done.stdout.strip() == "EIO 0"
    finally:
        os.kill(worker, signal.SIGCONT)
        for sock in waiting:
            sock.close()
    daemon.hold("tap0").end()
