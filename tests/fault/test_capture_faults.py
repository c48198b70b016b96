# SPDX-License-Identifier: BSD-2-Clause
"""What can happen to captures: clients, capture processes, daemons and outputs that end, stop or fill."""
import os
import pathlib
import signal
import struct
import time

import pytest
from capture import capture, captures, kernel_sends, none_left, silence, tshark
from veth import check_echo, echo, veth_daemon
from worlds import TUNTAPD, Client, Daemon, answer, wait_until


@pytest.fixture
def daemon(namespace, directory):
    d = Daemon(namespace, directory)
    yield d
    if d.process.alive():
        none_left(d)
        assert d.stop() == 0


def test_client_killed(namespace, daemon):
    holder = daemon.hold("tap0")
    silence(namespace)
    process = capture(daemon, "tap0")
    answer(holder, "write")
    process.kill()
    none_left(daemon)
    # Killed while its capture waits for it to read.
    process = capture(daemon, "tap0", "-w", "/dev/null", name="stopped")
    os.kill(process.pid, signal.SIGSTOP)
    kernel_sends(namespace, 20000, size=1000)
    process.kill()
    none_left(daemon)
    assert answer(holder, "write") == "write 60"
    holder.end()


def test_client_that_says_nothing_or_nonsense(namespace, daemon):
    """At each step: before the filter, with half of one, with none, and with a reply that it never reads."""
    holder = daemon.hold("tap0")
    message = Client.header(7, 32) + struct.pack("=BxH12x", 2, 0)
    halves = [b"", b"x", struct.pack("=II", 0x6B707474, 1), struct.pack("=II", 0x6B707474, 4096) + bytes(8)]
    filters = [*halves, struct.pack("=II", 0x6B707474, 2) + bytes(16), struct.pack("=II", 0x6B707474, 4097), b"y" * 8, b"y" * 40000]
    namespace.python(f"""
for record in {filters!r}:
    c = Client({daemon.socket!r})
    c.send({message!r})
    data, fds = c.receive()
    assert Client.error(data) == 0 and len(fds) == 1, data
    s = socket.socket(fileno=fds[0])
    try:
        s.sendall(record)
    except OSError:
        pass
    if record in {halves!r}:
        s.shutdown(socket.SHUT_WR)
        assert s.recv(100) == b""
    else:
        answer = s.recv(48)
        assert struct.unpack_from("=I", answer)[0] == 0x6b707474 and answer[4] == 2 and struct.unpack_from("=i", answer, 16)[0] == 22
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            assert len(record) > 40  # what was not read is lost
    s.close()
    c.close()
    c = Client({daemon.socket!r})
    c.send({message!r})
    c.close()  # before the answer
""")
    none_left(daemon)
    assert daemon.state("tap0") == "open"
    holder.end()


def test_capture_process_killed(namespace, directory, daemon):
    holder = daemon.hold("tap0")
    silence(namespace)
    path = pathlib.Path(directory) / "file"
    process = capture(daemon, "tap0", "-w", str(path))
    answer(holder, "write")
    wait_until(lambda: path.exists() and path.stat().st_size > 200)
    os.kill(wait_until(lambda: captures(daemon))[0], signal.SIGKILL)
    assert process.wait() == 71 and "packets written: 1" in process.output
    assert len(tshark(path, "frame.len")) == 1
    assert answer(holder, "write") == "write 60"
    holder.end()


def test_slow_reader_costs_nobody_else(namespace, directory):
    """It loses packets, which are counted in its file; device and other captures lose none."""
    daemon = veth_daemon(namespace, directory)
    program = echo(daemon)
    slow_path, path = pathlib.Path(directory) / "slow", pathlib.Path(directory) / "file"
    slow = capture(daemon, "tap0", "-w", str(slow_path), name="slow")
    os.kill(slow.pid, signal.SIGSTOP)
    other = capture(daemon, "tap0", "-w", str(path), "ether", "proto", "0x88b5", name="other")
    check_echo(namespace, 20000).wait_for("all 20000", 60)
    other.popen.send_signal(signal.SIGINT)
    assert other.wait(60) == 0
    assert "packets written: 40000" in other.output and "dropped: 0" in other.output
    assert daemon.status()["tap0"]["to_program"]["dropped"] == 0
    os.kill(slow.pid, signal.SIGCONT)
    check_echo(namespace, 100, name="again").wait_for("all 100", 30)
    slow.popen.send_signal(signal.SIGINT)
    assert slow.wait(60) == 0
    words = dict(part.rsplit(": ", 1) for part in slow.output.splitlines()[-1].removeprefix("tuntapd: ").split(", "))
    assert int(words["dropped"]) > 0 and int(words["seen"]) + int(words["dropped"]) >= 40200
    assert sum(int(row[0] or 0) for row in tshark(slow_path, "frame.drop_count")) == int(words["dropped"])
    program.end()
    none_left(daemon)
    wait_until(lambda: not namespace.has("tap0"))
    assert daemon.stop() == 0


def test_daemon_ends_and_captures_go_on(namespace, directory, daemon):
    holder = daemon.hold("tap0")
    silence(namespace)
    process = capture(daemon, "tap0")
    daemon.process.kill()
    answer(holder, "write")
    process.wait_for("from-program")
    after = Daemon(namespace, directory, name="after")
    namespace.run([TUNTAPD, "serve", "-s", after.socket, "--stop-all"])
    assert process.wait() == 0 and "tap0 is closed" in process.output
    after.process.wait()
    holder.end()
    none_left(after)


def test_device_closed_while_nobody_reads(namespace, daemon):
    """A client that does not read keeps neither the device nor its unit."""
    holder = daemon.hold("tap0")
    silence(namespace)
    process = capture(daemon, "tap0", "-w", "/dev/null")
    os.kill(process.pid, signal.SIGSTOP)
    kernel_sends(namespace, 20000, size=1000)
    holder.end()
    wait_until(lambda: not namespace.has("tap0"))
    again = daemon.hold("tap0", name="again")
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait() == 0 and "tap0 is closed" in process.output
    again.end()


def test_output_that_is_full(namespace, daemon):
    holder = daemon.hold("tap0")
    silence(namespace)
    process = capture(daemon, "tap0", "-w", "/dev/full")
    end = time.monotonic() + 20
    while process.alive() and time.monotonic() < end:
        answer(holder, "write")
    assert process.wait() == 74 and "No space left" in process.output
    done = namespace.run([TUNTAPD, "capture", "-s", daemon.socket, "tap0", "-w", "/nowhere/file"], check=False)
    assert done.returncode == 74
    holder.end()


def test_interrupt_that_nobody_answers(namespace, daemon):
    """The second one ends the client, whatever became of the other side."""
    holder = daemon.hold("tap0")
    process = capture(daemon, "tap0")
    pid = wait_until(lambda: captures(daemon))[0]
    os.kill(pid, signal.SIGSTOP)
    process.popen.send_signal(signal.SIGINT)
    wait_until(lambda: int(next(line for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                                if line.startswith("SigCgt")).split()[1], 16) & 2 == 0)
    assert process.alive()
    process.popen.send_signal(signal.SIGINT)
    assert process.wait() == -signal.SIGINT
    os.kill(pid, signal.SIGCONT)
    holder.end()
