# SPDX-License-Identifier: BSD-2-Clause
"""What can happen to relayed devices: relays, daemons, interfaces and programs that end, stop or are taken away."""
import os
import pathlib
import signal

import pytest
from veth import check_echo, echo, end_of, one_relay, relays, serve, silence_and_up, veth_daemon  # noqa: F401
from worlds import TUNTAPD, answer, wait_until, with_library

SANITIZED = "asan" in TUNTAPD
OPEN = """
import errno, os
try:
    os.open("/dev/tap0", os.O_RDWR)
    print("opened")
except OSError as e:
    print(errno.errorcode[e.errno])
"""


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_relay_killed_is_eio_and_the_interface_goes(namespace, daemon, device):
    program = echo(daemon, device)
    check_echo(namespace, 100, device=device).wait_for("all 100", 30)
    other = daemon.hold("tap1", name="other")
    relay = next(pid for pid in relays(daemon) if os.readlink(f"/proc/{pid}/fd/3") and pid)
    os.kill(relay, signal.SIGKILL)
    program.wait_for("ended by EIO")
    wait_until(lambda: not namespace.has(device), 5)
    wait_until(lambda: daemon.state(device) == "closed")
    assert namespace.has("tap1") and daemon.state("tap1") == "open"
    again = daemon.hold(device, name="again")
    for process in (again, other, program):
        process.end()


def test_writer_gets_eio_when_its_relay_is_killed(namespace, daemon):
    holder = daemon.hold("tap0")
    silence_and_up(namespace)
    wait_until(lambda: answer(holder, "write") == "write 60")
    os.kill(one_relay(daemon), signal.SIGKILL)
    wait_until(lambda: answer(holder, "write") == "write EIO")
    for _ in range(5):
        assert answer(holder, "write") == "write EIO"
        assert answer(holder, "read") == "read EIO"
    holder.end()


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_relay_killed_while_no_daemon_serves(namespace, directory, daemon, device):
    program = echo(daemon, device)
    check_echo(namespace, 100, device=device).wait_for("all 100", 30)
    daemon.process.kill()
    os.kill(one_relay(daemon), signal.SIGKILL)
    program.wait_for("ended by EIO")
    wait_until(lambda: not namespace.has(device), 5)
    after = veth_daemon(namespace, directory, name="after")
    assert after.state(device) == "closed"
    assert after.stop() == 0


@pytest.mark.parametrize("device, times", [("tap0", 10 if SANITIZED else 100), ("tun0", 10 if SANITIZED else 20)])
def test_daemon_killed_again_and_again_under_traffic(namespace, directory, daemon, device, times):
    program = echo(daemon, device)
    before = daemon.status()[device]
    stop = os.path.join(directory, "stop")
    check = check_echo(namespace, 0, stop, device)
    serving = daemon
    for i in range(times):
        serving.process.kill()
        serving = veth_daemon(namespace, directory, name=f"daemon-{i}")
        assert f"{device}: taken over" in serving.log
    after = serving.status()[device]
    for key in ("interface", "ifindex", "link", "channel", "open_number", "holder", "since", "mac", "mtu", "state"):
        assert after[key] == before[key], key
    with open(stop, "w", encoding="ascii"):
        pass
    check.wait_for("all ", 30)  # in order, none missing: else it would have ended
    assert after["to_program"]["packets"] > 0 and after["to_program"]["dropped"] == 0 and after["from_program"]["dropped"] == 0
    # The last daemon sees the close of a relay that it did not start, and at once.
    program.end()
    again = serving.hold(device, name="again")
    again.end()
    wait_until(lambda: serving.state(device) == "closed")
    assert serving.stop() == 0


def test_a_device_is_free_at_once_however_late_the_worker_hears(namespace, directory):
    """Setting the header mode shows the daemon the channel itself: no copy of it may be left there when the program has its answer."""
    daemon = veth_daemon(namespace, directory, env=with_library("late-worker"))
    program = daemon.start("""
import fcntl, os, struct
fd = os.open("/dev/tun0", os.O_RDWR)
for on in 1, 0, 1:
    fcntl.ioctl(fd, 0x40047460, struct.pack("i", on))
    os.close(fd)
    fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
""")
    program.wait_for("opened")
    program.end()
    end_of(daemon, namespace)


def test_header_mode_is_set_with_the_next_daemon(namespace, directory, daemon):
    """By the channel's name, which is all that the next daemon knows the program's end by."""
    program = daemon.start("""
import fcntl, os, struct, sys
fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
for line in sys.stdin:
    fcntl.ioctl(fd, 0x40047460, struct.pack("i", int(line)))
    print("set", line, end="", flush=True)
    print("read", len(os.read(fd, 2000)), flush=True)
""")
    program.wait_for("opened")
    silence_and_up(namespace, "tun0")
    daemon.process.kill()
    after = veth_daemon(namespace, directory, name="after")
    for on, length in ((1, 84), (0, 80)):
        program.say(str(on))
        program.wait_for(f"set {on}")
        assert after.status()["tun0"]["header_mode"] == bool(on)
        namespace.python("""
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
s.sendto(b"\\x45" * 80, ("tun0", 0x0800))
""")
        program.wait_for(f"read {length}")
    program.end()
    wait_until(lambda: after.state("tun0") == "closed")
    assert after.stop() == 0


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_daemon_stopped_delays_no_packet(namespace, daemon, device):
    program = echo(daemon, device)
    daemon.status()  # answered after it has closed its own copy of what the program has
    os.kill(daemon.pid, signal.SIGSTOP)
    check_echo(namespace, 2000, device=device).wait_for("all 2000", 30)
    program.end()
    wait_until(lambda: not namespace.has(device), 5)
    os.kill(daemon.pid, signal.SIGCONT)
    wait_until(lambda: daemon.state(device) == "closed")


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_closed_while_no_daemon_serves(namespace, directory, daemon, device):
    holder = daemon.hold(device)
    assert daemon.stop() == 0
    assert namespace.has(device) and relays(daemon)
    holder.end()
    wait_until(lambda: not namespace.has(device), 5)
    after = veth_daemon(namespace, directory, name="after")
    assert after.state(device) == "closed"
    assert after.stop() == 0


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_sigterm_leaves_relays_and_stop_all_ends_them(namespace, directory, daemon, device):
    program = echo(daemon, device)
    assert daemon.stop() == 0
    check_echo(namespace, 500, device=device).wait_for("all 500", 30)
    after = veth_daemon(namespace, directory, name="after")
    namespace.run([TUNTAPD, "serve", "-s", after.socket, "--stop-all"])
    program.wait_for("ended by EIO")
    wait_until(lambda: not relays(after) and not namespace.has(device))
    after.process.wait()


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_interface_deleted_by_somebody(namespace, daemon, device):
    program = echo(daemon, device)
    check_echo(namespace, 100, device=device).wait_for("all 100", 30)
    namespace.run(["ip", "link", "delete", device])
    program.wait_for("ended by EIO")
    wait_until(lambda: not relays(daemon))
    again = daemon.hold(device, name="again")
    again.end()


def test_far_end_deleted_by_somebody(namespace, daemon):
    program = echo(daemon)
    check_echo(namespace, 100).wait_for("all 100", 30)
    relay = one_relay(daemon)
    namespace.run(["nsenter", "-t", str(relay), "-n", "ip", "link", "delete", "port"])
    program.wait_for("ended by EIO")
    wait_until(lambda: not namespace.has("tap0"))
    wait_until(lambda: daemon.state("tap0") == "closed")


def test_far_end_s_mtu_changed_by_somebody(namespace, daemon):
    """Frames that do not fit are lost and counted; what fits goes on."""
    program = echo(daemon)
    relay = one_relay(daemon)
    namespace.run(["nsenter", "-t", str(relay), "-n", "ip", "link", "set", "port", "mtu", "200"])
    check_echo(namespace, 100).wait_for("all 100", 30)
    namespace.python("""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0x88b5))
for _ in range(5):
    try:
        s.send(b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 1000)
    except OSError as e:
        assert e.errno == 105  # ENOBUFS: the sender is told
""")
    wait_until(lambda: daemon.status()["tap0"]["to_program"]["dropped"] == 5)
    check_echo(namespace, 100, name="more").wait_for("all 100", 30)
    program.end()


def test_stopped_program_stops_nobody_else(namespace, daemon):
    stopped, program = echo(daemon, "tap0", "stopped"), echo(daemon, "tap1")
    os.kill(stopped.pid, signal.SIGSTOP)
    namespace.python("""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0x88b5))
for _ in range(20000):
    s.send(b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 60)
""")
    check_echo(namespace, 2000, device="tap1").wait_for("all 2000", 30)
    wait_until(lambda: daemon.status()["tap0"]["to_program"]["dropped"] > 0)
    os.kill(stopped.pid, signal.SIGCONT)
    stopped.end()
    program.end()


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_carrier_flaps(namespace, daemon, device):
    program = echo(daemon, device)
    for _ in range(10):
        namespace.run(["sh", "-c", f"ip link set {device} down; ip link set {device} up"])
    again = program.alive() and check_echo(namespace, 100, device=device)
    if again:
        again.wait_for("all 100", 30)
    else:
        assert "ended by EIO" in program.output  # it read while down
    program.end()


def test_no_room_for_the_counters(namespace, directory):
    """A full RUNDIR is an errno that says so, and no relay that dies of it."""
    rundir = pathlib.Path(directory) / "socket.d"
    rundir.mkdir(mode=0o755)
    namespace.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "none", str(rundir)])
    daemon = veth_daemon(namespace, directory)
    daemon.hold("tap0").end()
    wait_until(lambda: daemon.state("tap0") == "closed")
    namespace.run(["sh", "-c", f"rm {rundir}/relays/tap0; dd if=/dev/zero of={rundir}/fill bs=4096"], check=False)
    assert daemon.run(OPEN).stdout.strip() == "ENOSPC"
    assert "No space left on device" in daemon.log and not relays(daemon) and not namespace.has("tap0")
    namespace.run(["rm", f"{rundir}/fill"])
    assert daemon.run(OPEN).stdout.strip() == "opened"
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert daemon.stop() == 0


def test_no_room_for_another_descriptor(namespace, directory):
    """A relay that cannot be started refuses the open, and leaves nothing."""
    daemon = veth_daemon(namespace, directory)
    first = daemon.hold("tap0")
    namespace.run(["prlimit", "-p", str(daemon.pid), "--nofile=14:"])
    done = daemon.run("""
import errno, os
try:
    os.open("/dev/tap1", os.O_RDWR)
    print("opened")
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    assert done.stdout.strip() in ("EMFILE", "ENFILE", "EIO", "ENXIO")
    assert not namespace.has("tap1") and len(relays(daemon)) == 1
    namespace.run(["prlimit", "-p", str(daemon.pid), "--nofile=1000:"])
    second = daemon.hold("tap1", name="second")
    first.end()
    second.end()
    wait_until(lambda: not relays(daemon) and set(namespace.interfaces()) == {"lo"})
    assert daemon.stop() == 0


# A program that reads nothing until it is told to, and then says what it got; writes long packets meanwhile, until there is no room.
HOARDER = """
import os, sys
fd = os.open("/dev/@DEVICE@", os.O_RDWR | os.O_NONBLOCK)
print("opened", flush=True)
for line in sys.stdin:
    size = int(line)
    packet = (b"\\xff" * 12 + b"\\x88\\xb5" if "@DEVICE@" == "tap0" else b"\\x45" + b"\\0" * 13) + b"w" * size
    written = got = 0
    try:
        while True:
            written += os.write(fd, packet) == len(packet)
            if written == 20000:
                break
    except BlockingIOError:
        pass
    try:
        while True:
            got += len(os.read(fd, 70000)) > 0
    except BlockingIOError:
        pass
    print("written", written, "got", got, flush=True)
"""


@pytest.mark.plain_build
@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_memory_pressure(namespace, daemon, device):
    """A relay that cannot get a page of address space more goes on, whatever comes: its memory is there from the start, and bounded."""
    program = daemon.start(HOARDER.replace("@DEVICE@", device), "hoarder")
    program.wait_for("opened")
    namespace.run(["ip", "link", "set", device, "mtu", "65535"])
    silence_and_up(namespace, device)
    wait_until(lambda: daemon.status()[device]["state"] == "up")
    relay = one_relay(daemon)
    size = int(pathlib.Path(f"/proc/{relay}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    ids = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{relay}/status").read_text().splitlines() if line[1:3] == "id")
    # As its own user, whom the kernel lets do that everywhere.
    namespace.run(["setpriv", "--reuid", ids["Uid"].split()[0], "--regid", ids["Gid"].split()[0], "--clear-groups", "prlimit", "-p",
                   str(relay), f"--as={size}:{size}", "--data=0:0"])
    memory = daemon.status()[device]["memory"]
    for length in (60, 1400, 9000, 65000, 60):
        namespace.python(f"""
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
index = socket.if_nametoindex({device!r})
for _ in range(3000):
    try:
        s.sendto(b"\\x45" + b"k" * {length}, ({device!r}, 0x0800))
    except OSError as e:
        assert e.errno == 105  # ENOBUFS
""")
        before = program.output
        program.say(str(length))
        wait_until(lambda before=before: program.output[len(before):].endswith("\n"), 30, "the program has written and read")
        now = daemon.status()[device]["memory"]
        # What the process shares, its program and libraries, is not in the bound, and was there before.
        assert now["limit"] == memory["limit"] and now["relay"] < memory["relay"] + memory["limit"]
    assert daemon.status()[device]["to_program"]["dropped"] > 0
    words = program.output.splitlines()[1:]
    assert len(words) == 5 and all(int(n) > 0 for line in words for n in (line.split()[1], line.split()[3]))
    program.end()
    wait_until(lambda: daemon.state(device) == "closed")


@pytest.mark.plain_build
def test_no_memory_for_another_relay(namespace, daemon):
    """The open is refused, nothing of it is left, and what is open goes on."""
    program = echo(daemon)
    size = int(pathlib.Path(f"/proc/{daemon.pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    namespace.run(["prlimit", "-p", str(daemon.pid), f"--as={size}:"])
    done = daemon.run(OPEN.replace("tap0", "tun1"))
    assert done.stdout.strip() in ("ENOMEM", "ENXIO", "EIO")
    assert not namespace.has("tun1") and len(relays(daemon)) == 1
    check_echo(namespace, 500).wait_for("all 500", 30)
    namespace.run(["prlimit", "-p", str(daemon.pid), "--as=unlimited:"])
    assert daemon.run(OPEN.replace("tap0", "tun1")).stdout.strip() == "opened"
    program.end()
