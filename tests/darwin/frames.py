# SPDX-License-Identifier: BSD-2-Clause
"""Taps of macOS on the stand-in: what feth, BPF devices and driver's sockets are there, and what the link, relay and library make of them.

Each check yields what is wrong, and runs in namespaces of its own.  Frames to and from a tap's interface go by packet sockets of Linux's.
"""
import errno
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import stand
from stand import SECONDS, World, run, wait_until

ETH_P_ALL = 3
ASKED, ANSWERED = b"\x88\xb5", b"\x88\xb6"
SOURCE = b"\x02\x00\x00\x00\x00\x02"
IGNORE_OUTGOING = 23
# The longest frame of the largest MTU that a feth takes.
LONGEST = 16370 + 14

# The kernel's major numbers whose BPF devices differ: up to macOS 12, up to 13, later.
KERNELS = ["21", "22", "24"]

# What is wrong on macOS, and what the stand-in says before it ends the program.
WRONGS = {
    "mac-of-a-sockaddr": "SIOCSIFLLADDR: length 16",
    "mac-of-linux-family": "SIOCSIFLLADDR: length 6, family 1",
    "request-of-linux-size": "0xc0286978",
    "setting-of-eight-bytes": "max_mtu of 8 bytes",
    "driver-setting": "hwcsum is set",
    "own-peer": "as the peer of",
    "bpf-created": "/dev/bpf0: flags 0x202",
    "bpf-read-without-immediate": "without BIOCIMMEDIATE",
    "bpf-request": "BPF: ioctl 0x8004428b",
    "bpf-short-frame": "a frame of 13 bytes",
    "driver-datagrams": "socket(AF_NDRV, 2, 0)",
    "driver-length": "18 bytes, length 0",
    "driver-bytes": "20 bytes",
    "driver-family": "family 17",
    "driver-elsewhere": "what it is not bound to",
    "driver-room-of-eight-bytes": "with 8 bytes",
}

# Steps of making a tap: the call that fails, with which errno, and which of its kind it is.  The daemon's are such that each open fails at
# the next one; each relay is a process of its own, and fails always.
DAEMON_STEPS = [
    "ioctl/SIOCIFCREATE:EPERM:1", "ioctl/SIOCIFCREATE:ENOMEM:3", "ioctl/SIOCSDRVSPEC:EBUSY:1", "ioctl/SIOCGIFDEVMTU:EOPNOTSUPP:1",
    "ioctl/SIOCSIFMTU:EINVAL:1", "ioctl/SIOCSIFFLAGS:EPERM:1", "ioctl/SIOCSIFLLADDR:EOPNOTSUPP:1", "socketpair:ENFILE:2",
]
RELAY_STEPS = [
    "open/bpf:EACCES", "ioctl/BIOCSETIF:ENXIO", "ioctl/BIOCSSEESENT:EINVAL", "ioctl/BIOCSETF:EINVAL", "socket/AF_NDRV:EPERM",
    "bind/AF_NDRV:EADDRNOTAVAIL", "setsockopt/AF_NDRV:ENOBUFS",
]
# The daemon is killed before that one.
KILLED_STEPS = ["ioctl/SIOCIFCREATE:KILL:1", "ioctl/SIOCIFCREATE:KILL:2", "ioctl/SIOCSDRVSPEC:KILL:1", "ioctl/SIOCGIFDEVMTU:KILL:1",
                "ioctl/SIOCSIFMTU:KILL:1", "ioctl/SIOCSIFFLAGS:KILL:1", "ioctl/SIOCSIFLLADDR:KILL:1", "socketpair:KILL:2"]
KILLED_WITH_ONE = KILLED_STEPS[1:]
# The settings of the machine are no reason to fail: then the largest MTU is what it is.
HARMLESS = ["sysctl/net.link.fake:ENOENT", "sysctl/net.link.fake:EPERM"]


def report(name, status, text):
    if status != 0 or not re.search(r"^1\.\.\d+$", text, re.M) or re.search(r"^not ok", text, re.M):
        yield f"{name}: status {status}:\n{text}"


def feth_rules(files, directory):
    done = run([files / "stand" / "loader", files / "stand" / "feth-rules"])
    yield from report("feth-rules", done.returncode, done.stdout + done.stderr)


def bpf_rules(files, directory):
    for kernel in KERNELS:
        done = run([files / "stand" / "loader", files / "stand" / "bpf-rules", kernel],
                   env={**os.environ, "TUNTAPD_STANDIN_DARWIN": kernel})
        yield from report(f"kernel {kernel}", done.returncode, done.stdout + done.stderr)


def wrongs(files, directory):
    for name, said in WRONGS.items():
        done = run([files / "stand" / "loader", files / "stand" / "frame-wrongs", name])
        if done.returncode != 125 or said not in done.stderr:
            yield f"{name}: status {done.returncode}: {done.stdout}{done.stderr}"
        run(["ip", "link", "del", "feth10007"])


def interfaces():
    return re.findall(r"^\d+: (feth\d+|cable\d+|utun\d+)", run(["ip", "link"]).stdout, re.M)


def machine():
    """Where the stand-in keeps the machine's settings."""
    return run(["ip", "link", "show", "dev", "lo"]).stdout


def near():
    """The interface of the only tap."""
    return next((name for name in interfaces() if re.fullmatch(r"feth1\d{4}", name)), None)


def nothing_left(world, but=()):
    """A daemon that is told to ends well, and nothing is left of it."""
    wait_until(lambda: set(interfaces()) <= set(but), lambda: f"{interfaces()} go\n{world.said()}")
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    if "max_mtu=" in machine() and "max_mtu=2048" not in machine():
        yield f"the machine's setting is not what it was: {machine()}"
    yield from re.findall(r"^.*: (?:warning|error): .*$|^stand-in: .*$", world.said(), re.M)


class Wire:
    """The kernel's side of a tap: frames in and out of its interface."""

    def __init__(self, ifname, up=True):
        self.ifname = ifname
        if up:
            # As ifconfig would.
            subprocess_ok(["ip", "link", "set", "dev", ifname, "up"])
            wait_until(lambda: re.search(r"state UP", run(["ip", "link", "show", "dev", ifname]).stdout), f"{ifname} runs")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.SOL_SOCKET, 32, 16 << 20)
        self.socket.setsockopt(263, IGNORE_OUTGOING, 1)
        self.socket.bind((ifname, ETH_P_ALL))

    def send(self, size, number=0):
        """A frame of that size, whose bytes 14 and 15 are the size and 16 to 19 a number."""
        frame = b"\xff" * 6 + SOURCE + ASKED + struct.pack("!HI", size, number)
        self.socket.send((frame + bytes((number + i) & 0xff for i in range(size - 20)))[:size] if size > 20 else frame[:size])

    def receive(self, seconds):
        """The next answer, or None."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                frame = self.socket.recv(70000)
                if frame[12:14] == ANSWERED:
                    return frame
        return None

    def bounces(self, size, number=0):
        """Whether a frame comes back, whole."""
        self.send(size, number)
        frame = self.receive(20)
        return frame is not None and len(frame) == size and frame[14:20] == struct.pack("!HI", size, number)[:size - 14]


def subprocess_ok(command):
    done = run(command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def start(world, *command):
    """A program with its device open."""
    program = world.piped(*command)
    line = program.stdout.readline()
    if line.strip() != "ready":
        raise RuntimeError(f"{command}: {line}{world.said()}")
    return program


def end(program, frames=None):
    """Tells a program to end; yields what it should not have said."""
    program.send_signal(signal.SIGTERM)
    text = program.communicate(timeout=SECONDS)[0].strip()
    if program.returncode != 0 or not re.fullmatch(r"\d+ frames" if frames is None else f"{frames} frames", text):
        yield f"the program ended with status {program.returncode}: {text}"


def tap_rules(files, directory, kind=World):
    world = kind(files, directory)
    program = world.piped("tap-rules", "/dev/tap0", "tap0")
    text = ""
    for line in program.stdout:
        text += line
        if line == "# frames\n":
            wire = Wire(near(), up=False)
            for size in (60, 61, 200, 1514):
                wire.send(size)
    program.wait(SECONDS)
    yield from report("tap-rules", program.returncode, text + world.said())
    yield from nothing_left(world)


def sizes(files, directory):
    """Frames of all sizes up to the largest MTU, both ways; the far end takes them, whatever the near end's MTU is."""
    world = World(files, directory, "device tap0 {\n\tmtu = 16370\n}\n")
    program = start(world, "tap-bounce", "/dev/tap0")
    wire = Wire(near())
    tried = [14, 15, 60, 61, 62, 63, 64, 1499, 1500, 1514, 1518, 2047, 2048, 2049, 2066, 4096, 9014, 9018, 16383, LONGEST]
    for number, size in enumerate(tried):
        if not wire.bounces(size, number):
            yield f"a frame of {size} bytes does not come back"
    far = near().replace("feth1", "feth2")
    for name, mtu in ((near(), 16370), (far, 16370)):
        if f"mtu {mtu} " not in run(["ip", "link", "show", "dev", name]).stdout:
            yield f"the MTU of {name} is not {mtu}"
    run(["ip", "link", "set", "dev", near(), "mtu", "1500"])
    for size in (60, 1514):
        if not wire.bounces(size):
            yield f"with MTU 1500 a frame of {size} bytes does not come back"
    yield from end(program, len(tried) + 2)
    yield from nothing_left(world)


def kernels(files, directory):
    """The kernel's limits of BPF devices are not the relay's, whichever kernel it is."""
    for kernel in KERNELS:
        os.environ["TUNTAPD_STANDIN_DARWIN"] = kernel
        place = directory / kernel
        place.mkdir()
        world = World(files, place, "device tap0 {\n\tmtu = 9000\n}\n")
        program = start(world, "tap-bounce", "/dev/tap0")
        wire = Wire(near())
        for size in (60, 1514, 2048, 2049, 9014):
            if not wire.bounces(size):
                yield f"kernel {kernel}: a frame of {size} bytes does not come back"
        yield from end(program)
        yield from nothing_left(world)


def burst(files, directory):
    """All of a burst comes through, also what libpcap has read and not handed over yet when nothing comes after it."""
    world = World(files, directory)
    program = start(world, "tap-bounce", "/dev/tap0")
    wire = Wire(near())
    relay = process_of("relay", world)
    os.kill(relay, signal.SIGSTOP)
    for number in range(500):
        wire.send(60, number)
    os.kill(relay, signal.SIGCONT)
    for number in range(500):
        frame = wire.receive(20)
        if frame is None or frame[16:20] != struct.pack("!I", number):
            yield f"frame {number} is {frame}"
            break
    yield from end(program, 500)
    yield from nothing_left(world)


def process_of(role, world):
    """The only process of a role, of this daemon or one before it."""
    found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and f"--role={role}" in words_of(pid)]
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} processes are a {role}\n{world.said()}")
    return found[0]


def words_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def overload(files, directory):
    """A program that does not read loses the newest, which are counted, and has the oldest, in their order."""
    world = World(files, directory)
    program = start(world, "tap-bounce", "/dev/tap0")
    wire = Wire(near())
    if not wire.bounces(60):
        yield "a frame does not come back"
    os.kill(program.pid, signal.SIGSTOP)
    sent = 3000  # of 1514 bytes: some four times what the channel holds
    for number in range(sent):
        wire.send(1514, number)
    wait_until(lambda: counted(world)["dropped"] > 0 and sum(counted(world)[what] for what in ("packets", "dropped")) >= sent + 1,
               lambda: f"all are counted: {counted(world)}")
    os.kill(program.pid, signal.SIGCONT)
    taken = counted(world)["packets"] - 1
    for number in range(taken):
        frame = wire.receive(20)
        if frame is None or frame[16:20] != struct.pack("!I", number):
            yield f"of {taken} frames {number} is {frame}"
            break
    if not 500 <= taken < sent:
        yield f"{taken} frames of {sent} had room"
    if not wire.bounces(60, 7):
        yield "then nothing comes back any more"
    yield from end(program)
    yield from nothing_left(world)


def counted(world):
    """What the daemon says has come to the program of tap0."""
    devices = json.loads(world.command("status", "-j").stdout)["devices"]
    return next(device["to_program"] for device in devices if device["device"] == "tap0")


def echo(files, directory):
    """The interface that the daemon configures speaks with the program: ARP, ping, and the kernel's own checksums."""
    world = World(files, directory, "device tap0 {\n\taddresses = {\"10.78.0.1/24\"}\n\tup = true\n}\n")
    program = world.piped("tap-echo", "/dev/tap0", "10.78.0.2")
    if program.stdout.readline() != "ready\n":
        yield f"the program does not open its device:\n{world.said()}"
    pings = [run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "-s", size, "10.78.0.2"]).stdout for size in ("56", "1472")]
    program.send_signal(signal.SIGTERM)
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or " 6 echo" not in text or any(" 3 received" not in ping for ping in pings):
        yield f"status {program.returncode}:\n{text}{world.said()}{pings}"
    yield from nothing_left(world)


def last_close(files, directory):
    """With a program that is killed its interface goes, and the next open is not kept waiting; time and again."""
    world = World(files, directory)
    waits = []
    for _ in range(5):
        before = time.monotonic()
        program = start(world, "tap-bounce", "/dev/tap0")
        waits.append(time.monotonic() - before)
        if not Wire(near()).bounces(60):
            yield "a frame does not come back"
        program.kill()
        program.wait()
    # A relay sees within a tenth of a second that it is over; who waits in vain for its end does so for two.
    if min(waits[1:]) >= 2:
        yield f"the opens take {waits} s"
    yield from nothing_left(world)


def restart(files, directory):
    """A daemon that is killed takes nothing with it; the next one has the device, and takes it away after the last close."""
    world = World(files, directory)
    program = start(world, "tap-bounce", "/dev/tap0")
    wire = Wire(near())
    # Frames all the while: whether one comes back is asked of those that are sent.
    for number in range(400):
        if number == 100:
            world.stop(signal.SIGKILL)
        if number == 200:
            world.daemon = world.serve()
        if number == 300:
            wait_until(lambda: counted(world)["packets"] >= 300, "the next daemon counts")
        if not wire.bounces(60 + number, number):
            yield f"frame {number} does not come back"
    yield from end(program, 400)
    yield from nothing_left(world)


def orphans(files, directory):
    """What a program that ends while no daemon serves leaves is taken away by the next one."""
    world = World(files, directory)
    program = start(world, "tap-bounce", "/dev/tap0")
    relay = process_of("relay", world)
    world.stop(signal.SIGKILL)
    yield from end(program, 0)
    wait_until(lambda: not any(words_of(relay)), "the relay ends")
    if near() is None:
        yield "the interface went by itself: there was nothing to take away"
    world.daemon = world.serve()
    yield from nothing_left(world)


def over(files, directory):
    """A device is over, EIO, and its interface gone, when its relay is killed, or somebody destroys an end of its pair; it opens again."""
    world = World(files, directory)
    for what in ("relay", "near", "far"):
        program = start(world, "tap-bounce", "/dev/tap0")
        ifname = near()
        if not Wire(ifname).bounces(60):
            yield f"{what}: a frame does not come back"
        if what == "relay":
            os.kill(process_of("relay", world), signal.SIGKILL)
        else:
            gone = ifname if what == "near" else ifname.replace("feth1", "feth2")
            subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", "destroy", gone])
        try:
            text = program.communicate(timeout=20)[0].strip()
        except subprocess.TimeoutExpired:
            program.kill()
            text = "nothing, for 20 s"
        if text != "1 frames, errno 5":
            yield f"{what}: the program says {text}"
        wait_until(lambda: not interfaces(), lambda: f"{interfaces()} go\n{world.said()}")
    log = world.said()
    program = start(world, "tap-bounce", "/dev/tap0")
    if not Wire(near()).bounces(60):
        yield "then a frame does not come back"
    yield from end(program)
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    yield from re.findall(r"^stand-in: .*$", log, re.M)


def strangers(files, directory):
    """Others' fake Ethernet interfaces are left alone, also where they have numbers that would be ours; and so are ours."""
    others = {"feth5", "feth5005", "feth10001", "feth20002"}
    for name in others:
        subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", "create", name])
    cables = {name.replace("feth", "cable") for name in others}
    world = World(files, directory)
    program = start(world, "tap-bounce", "/dev/tap0")
    made = set(interfaces()) - others - cables
    if made != {"feth10003", "cable10003", "feth20003", "cable20003"}:
        yield f"made is {made}"
    # As ZeroTier does when it starts.
    for name in interfaces():
        if re.fullmatch(r"feth\d{1,4}", name):
            subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", "destroy", name])
            others -= {name}
            cables -= {name.replace("feth", "cable")}
    wire = Wire("feth10003")
    if not wire.bounces(60):
        yield "a frame does not come back"
    yield from end(program, 1)
    yield from nothing_left(world, others | cables)
    if set(interfaces()) != others | cables:
        yield f"left is {interfaces()}"


def kept(files, directory):
    """A persistent tap's interface is there before and after its programs, over a daemon that is killed, and made anew if it is destroyed."""
    text = "device tap0 {\n\tpersistent = true\n\tmtu = 1400\n\taddresses = {\"10.78.0.1/24\"}\n}\n"
    world = World(files, directory, text)
    first = interfaces()
    shown = run(["ip", "addr", "show", "dev", near()]).stdout

    def rests():
        now = run(["ip", "addr", "show", "dev", near()]).stdout
        return "LOWER_UP" not in now and all(part in now for part in ("mtu 1400 ", "10.78.0.1/24", shown.split("link/ether")[1].split()[0]))

    def bounced(program, turn):
        if interfaces() != first or not Wire(near()).bounces(1414):
            yield f"{turn}: {interfaces()}, not {first}, or a frame does not come back\n{world.said()}"
        yield from end(program, 1)
    if "mtu 1400 " not in shown or "10.78.0.1/24" not in shown or "LOWER_UP" in shown or len(first) != 4:
        yield f"before its first open: {shown}{world.said()}"
    for turn in range(2):
        yield from bounced(start(world, "tap-bounce", "/dev/tap0"), turn)
        wait_until(rests, "it has no carrier any more")
    # Killed while it is closed, and while it is open.
    world.stop(signal.SIGKILL)
    world.daemon = world.serve()
    program = start(world, "tap-bounce", "/dev/tap0")
    relay = process_of("relay", world)
    world.stop(signal.SIGKILL)
    yield from bounced(program, "without a daemon")
    wait_until(lambda: not any(words_of(relay)), "the relay ends")
    before = len(world.said())
    world.daemon = world.serve()
    wait_until(lambda: "tap0: closed, interface" in world.said()[before:] and rests(), lambda: f"it is closed\n{world.said()}")
    if interfaces() != first:
        yield f"after a close while no daemon served: {interfaces()}\n{world.said()}"
    # An end that is destroyed: the far one is made anew when it is needed, the near one at once.
    far = near().replace("feth1", "feth2")
    subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", "destroy", far])
    program = start(world, "tap-bounce", "/dev/tap0")
    if f"mtu {LONGEST - 14} " not in run(["ip", "link", "show", "dev", far]).stdout:
        yield f"the far end is made anew with another MTU: {run(['ip', 'link', 'show', 'dev', far]).stdout}"
    first = [name for name in interfaces() if name in first]
    wait_until(lambda: len(interfaces()) == 4, "both are there")
    first = interfaces()
    yield from bounced(program, "with another far end")
    wait_until(rests, "it has no carrier any more")
    before = len(world.said())
    subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", "destroy", near()])
    wait_until(lambda: "its persistent interface feth" in world.said()[before:] and len(interfaces()) == 4,
               lambda: f"the near end is made anew: {interfaces()}\n{world.said()}")
    first = interfaces()
    yield from bounced(start(world, "tap-bounce", "/dev/tap0"), "with another near end")
    # Wanted no more.
    (directory / "conf").write_text("")
    world.daemon.send_signal(signal.SIGHUP)
    yield from nothing_left(world)
    (directory / "utun").write_text("device tun0 {\n\tpersistent = true\n}\n")
    done = run([files / "stand" / "loader", files / "universal" / "tuntapd", "config", "check", "-c", directory / "utun"])
    if done.returncode == 0 or ":2:15: the link 'utun' makes no persistent interfaces" not in done.stderr:
        yield f"persistent on utun: {done.returncode} {done.stderr}"


def refused(world, step):
    """An open that fails, with an errno that says so, and leaves nothing."""
    program = world.piped("tap-bounce", "/dev/tap0")
    try:
        text = program.communicate(timeout=20)[0].strip()
    except subprocess.TimeoutExpired:
        program.kill()
        text = f"{program.communicate()[0]}, for 20 s"
    if text not in (f"/dev/tap0: {os.strerror(error)}" for error in (errno.ENXIO, errno.ENOMEM, errno.ENFILE)):
        yield f"{step}: {text}\n{world.said()}"
    wait_until(lambda: not interfaces(), lambda: f"{step}: {interfaces()} go")


def ends_well(world, steps):
    if world.stop() or "stand-in: " in world.said():
        yield f"{steps}: the daemon ended with status {world.daemon.returncode}:\n{world.said()}"


def failures(files, directory):
    """Each step of making a tap that fails fails the open, leaves nothing, and the daemon serves on."""
    world = World(files, directory, environment={"TUNTAPD_STANDIN_FAIL": ",".join(DAEMON_STEPS)})
    for step in DAEMON_STEPS:
        yield from refused(world, step)
    yield from end(start(world, "tap-bounce", "/dev/tap0"))
    wait_until(lambda: not interfaces(), lambda: f"{interfaces()} go")  # or the next daemon takes the device over for a moment
    yield from ends_well(world, DAEMON_STEPS)
    for step in RELAY_STEPS:
        world.daemon = world.serve(TUNTAPD_STANDIN_FAIL=step)
        yield from refused(world, step)
        yield from ends_well(world, step)
    for step in HARMLESS:
        world.daemon = world.serve(TUNTAPD_STANDIN_FAIL=step)
        yield from end(start(world, "tap-bounce", "/dev/tap0"))
        wait_until(lambda: not interfaces(), lambda: f"{interfaces()} go")
        yield from ends_well(world, step)


def steps(files, directory):
    """A daemon that is killed at each step of making a tap, for a program or a persistent one, leaves nothing that the next does not know."""
    persistent = "device tap0 {\n\tpersistent = true\n}\n"
    for number, step in enumerate(KILLED_STEPS):
        place = directory / str(number)
        place.mkdir()
        world = World(files, place, environment={"TUNTAPD_STANDIN_FAIL": step})
        program = world.piped("tap-bounce", "/dev/tap0")
        if world.daemon.wait(SECONDS) != -signal.SIGKILL:
            yield f"{step}: the daemon is not killed: {world.said()}"
        program.communicate(timeout=SECONDS)
        if step in KILLED_WITH_ONE and not interfaces():
            yield f"{step}: nothing was made when the daemon was killed"
        world.daemon = world.serve()
        wait_until(lambda: not interfaces(), lambda: f"{step}: the next daemon leaves {interfaces()}\n{world.said()}")
        world.stop()
        if step.startswith("socketpair"):
            continue  # the relay's, which a persistent one does not have yet
        world.daemon = world.serve(TUNTAPD_STANDIN_FAIL=step)
        (place / "conf").write_text(persistent)
        world.daemon.send_signal(signal.SIGHUP)
        if world.daemon.wait(SECONDS) != -signal.SIGKILL:
            yield f"{step}: persistent: the daemon is not killed: {world.said()}"
        world.daemon = world.serve()
        wait_until(lambda: len(interfaces()) == 4, lambda: f"{step}: persistent: the next daemon has {interfaces()}\n{world.said()}")
        yield from end(start(world, "tap-bounce", "/dev/tap0"))
        (place / "conf").write_text("")
        world.daemon.send_signal(signal.SIGHUP)
        wait_until(lambda: not interfaces(), lambda: f"{step}: persistent: {interfaces()} go\n{world.said()}")
        yield from ends_well(world, step)


INSIDE = {name: check for name, check in globals().copy().items() if callable(check) and getattr(check, "__module__", "") == __name__}


inside = stand.inside_of(__file__)


def check_feth(stand_files, root):
    """The stand-in's fake Ethernet interfaces are what darwin.md says of them."""
    yield from inside("feth_rules", stand_files)


def check_bpf(stand_files, root):
    """The stand-in's BPF devices and driver's sockets are, too, of three kernels."""
    yield from inside("bpf_rules", stand_files)


def check_wrongs(stand_files, root):
    """What is wrong there on macOS ends the program here."""
    yield from inside("wrongs", stand_files)


def check_tap_rules(stand_files, root):
    """A program of macOS finds at its tap device what the contract says."""
    yield from inside("tap_rules", stand_files)


def check_sizes(stand_files, root):
    """Frames of all sizes pass through a tap, both ways."""
    yield from inside("sizes", stand_files)


def check_kernels(stand_files, root):
    """Long frames pass through a tap whichever kernel it is, also one whose BPF devices take no more than 2048 bytes."""
    yield from inside("kernels", stand_files)


def check_burst(stand_files, root):
    """A burst passes through whole."""
    yield from inside("burst", stand_files)


def check_overload(stand_files, root):
    """A tap whose program does not read keeps the oldest frames and counts the others."""
    yield from inside("overload", stand_files)


def check_echo(stand_files, root):
    """A program of macOS answers ARP and pings through its tap device."""
    yield from inside("echo", stand_files)


def check_last_close(stand_files, root):
    """A tap whose program is killed goes, and opens again."""
    yield from inside("last_close", stand_files)


def check_restart(stand_files, root):
    """A tap lives through a daemon that is killed and the next one, under traffic."""
    yield from inside("restart", stand_files)


def check_orphans(stand_files, root):
    """A tap that is closed while no daemon serves is taken away by the next one."""
    yield from inside("orphans", stand_files)


def check_over(stand_files, root):
    """A tap is over when its relay or an end of its pair is gone."""
    yield from inside("over", stand_files)


def check_strangers(stand_files, root):
    """Others' fake Ethernet interfaces and ours leave each other alone."""
    yield from inside("strangers", stand_files)


def check_kept(stand_files, root):
    """A persistent tap is there without its programs, and what they need of it is made again."""
    yield from inside("kept", stand_files)


def check_failures(stand_files, root):
    """Whatever fails in the making of a tap, the open fails, nothing is left, and the daemon serves on."""
    yield from inside("failures", stand_files)


def check_steps(stand_files, root):
    """Whenever the daemon is killed in the making of a tap, the next one leaves nothing."""
    yield from inside("steps", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
