# SPDX-License-Identifier: BSD-2-Clause
"""`tuntapd capture` of macOS on the stand-in: what passes through a utun and a feth, read by tshark.  Each check yields what is wrong.

Each runs in namespaces of its own, with a daemon of its own.
"""
import os
import pathlib
import re
import signal
import struct
import subprocess
import time

import frames
import live
import stand
from stand import SECONDS, World, run, wait_until

USER = 1234
# As tshark shows the directions (pcapng's epb_flags): into the machine, out of it.
FROM_PROGRAM, TO_PROGRAM = "0x00000001", "0x00000002"
TUN = live.UP
TAP = "device tap0 {\n\tmode = \"0666\"\n}\n"
# Steps of looking at a device: what fails in the daemon, and what is said.
STEPS = {
    "open/bpf:EBUSY": "Too many open files in system", "open/bpf:EMFILE:1": "as many devices as one may",
    "ioctl/BIOCSBLEN:EINVAL:1": "Invalid argument", "ioctl/BIOCSEXTHDR:EINVAL:1": "Invalid argument",
    "ioctl/BIOCSETIF:ENXIO:1": "nobody has tun0 open",
}


class Capture(stand.Process):
    """A capture that has begun."""

    def __init__(self, world, *words, name="capture", prefix=(), **more):
        before = set(processes())
        super().__init__(world.files, world.directory / name,
                         [world.files / "universal" / "tuntapd", "capture", "-s", world.socket, *words], {}, prefix, **more)
        wait_until(lambda: "interrupt ends it" in self.said() and set(processes()) - before,
                   lambda: f"the capture begins: {self.poll()} {self.said()}{world.said()}")
        self.watcher, = set(processes()) - before

    def ends(self, status, *texts):
        """Yields what is wrong with its end."""
        found = self.wait(SECONDS)
        if found != status or any(text not in self.said() for text in texts):
            yield f"the capture ends with status {found}, not {status}, or does not say {texts}:\n{self.said()}"

    def interrupted(self, *texts):
        self.send_signal(signal.SIGINT)
        yield from self.ends(0, *texts)


def processes():
    """Those of captures, of whatever daemon."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and "--role=capture" in frames.words_of(pid)]


def tshark(path, *fields):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    done = run(command)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [tuple(line.split("|")) for line in done.stdout.splitlines()]


def bouncing(files, directory, config=TAP):
    """A world whose tap0 gives back what comes to it."""
    world = World(files, directory, config)
    return world, frames.start(world, "tap-bounce", "/dev/tap0"), frames.Wire(frames.near())


def tap(files, directory):
    """Frames both ways, whole, in order, with their directions, as Ethernet; of each kernel whose header is another."""
    for kernel in ("21", "22", "24"):
        os.environ["TUNTAPD_STANDIN_DARWIN"] = kernel
        place = directory / kernel
        place.mkdir()
        world, program, wire = bouncing(files, place)
        file = place / "file"
        begun = time.time()
        capture = Capture(world, "tap0", "-w", file, "ether", "proto", "0x88b5", "or", "ether", "proto", "0x88b6")
        sizes = [60, 61, 62, 1514, 200]
        for number, size in enumerate(sizes):
            if not wire.bounces(size, number):
                yield f"a frame of {size} bytes does not come back"
        yield from capture.interrupted("packets written: 10, ", "dropped: 0", f"interface {frames.near()} (Ethernet)")
        rows = tshark(file, "frame.packet_flags", "frame.len", "frame.cap_len", "eth.type", "frame.interface_name", "frame.time_epoch")
        wanted = [row for size in sizes for row in ((TO_PROGRAM, size, "0x88b5"), (FROM_PROGRAM, size, "0x88b6"))]
        found = [(flags, int(length), kind) for flags, length, caught, kind, _, _ in rows if length == caught]
        # What is sent and what comes back may cross in the kernel, which says when.
        for flags in (TO_PROGRAM, FROM_PROGRAM):
            if [row for row in found if row[0] == flags] != [row for row in wanted if row[0] == flags]:
                yield f"kernel {kernel}: the file has {found}"
        times = [float(row[5]) for row in rows]
        if times != sorted(times) or any(not begun - 1 < when < time.time() + 1 for when in times):
            yield f"kernel {kernel}: the times are {times}, now is {time.time()}"
        if {row[4] for row in rows} != {frames.near()}:
            yield f"kernel {kernel}: the interfaces are {rows}"
        statistics = run(["capinfos", file]).stdout
        if "Ethernet" not in statistics or "nanoseconds (9)" not in statistics or os.stat(file).st_mode & 0o777 != 0o600:
            yield f"kernel {kernel}: {statistics}"
        yield from frames.end(program, len(sizes))
        yield from frames.nothing_left(world)


def tun(files, directory):
    """Packets both ways without the family that is before them in the kernel, as IP; also in header mode, which is the program's own."""
    for words in ([], ["header"]):
        place = directory / f"tun{len(words)}"
        place.mkdir()
        world = World(files, place, TUN)
        program = world.piped("tun-echo", "/dev/tun0", *words)
        program.stdout.readline()
        file = place / "file"
        capture = Capture(world, "tun0", "-w", file, "icmp", "or", "icmp6")
        run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "10.77.0.2"])
        run(["ping", "-n", "-c", "1", "-W", "1", "fd77::2"])
        wait_until(lambda: len(tshark(file, "frame.len")) >= 7, lambda: f"seven packets are in the file: {capture.said()}")
        yield from capture.interrupted("(IP)", "dropped: 0")
        rows = tshark(file, "frame.packet_flags", "ip.src", "ip.dst", "ipv6.dst", "frame.len")
        pings = [row[:3] for row in rows if row[1]]
        if sorted(pings) != [(FROM_PROGRAM, "10.77.0.2", "10.77.0.1")] * 3 + [(TO_PROGRAM, "10.77.0.1", "10.77.0.2")] * 3 or \
                {row[4] for row in rows if row[1]} != {"84"}:
            yield f"the file has {rows}"
        if not any(row[0] == TO_PROGRAM and row[3] == "fd77::2" for row in rows):
            yield f"no IPv6 in {rows}"
        if "Raw IP" not in run(["capinfos", file]).stdout:
            yield run(["capinfos", file]).stdout
        program.send_signal(signal.SIGTERM)
        program.wait(SECONDS)
        yield from live.nothing_left(world)


def framed_tun(files, directory):
    """Of a tun whose interface is Ethernet the IP packets are shown, bare: neither ARP nor what else is a frame's alone."""
    world = World(files, directory, "link = \"feth\"\n" + TUN.replace("10.77.0.1 peer 10.77.0.2", "10.77.0.1/24"))
    program = world.piped("tun-echo", "/dev/tun0")
    program.stdout.readline()
    file = directory / "file"
    capture = Capture(world, "tun0", "-w", file)
    frames.Wire(frames.near(), up=False).send(60)
    if not live.pings():
        yield "a ping is not answered"
    wait_until(lambda: len([row for row in tshark(file, "ip.src") if row[0]]) >= 4, lambda: f"four packets: {capture.said()}")
    yield from capture.interrupted("(IP)")
    rows = tshark(file, "frame.packet_flags", "ip.src", "ipv6.src", "frame.protocols")
    if [row for row in rows if not row[1] and not row[2]] or \
            sorted(row[:2] for row in rows if row[1]) != [(FROM_PROGRAM, "10.77.0.2")] * 2 + [(TO_PROGRAM, "10.77.0.1")] * 2:
        yield f"the file has {rows}"
    program.send_signal(signal.SIGTERM)
    program.wait(SECONDS)
    yield from frames.nothing_left(world)


def filters(files, directory):
    """A filter, a number of packets, lines; a filter that is none."""
    world, program, wire = bouncing(files, directory)
    # Its relay has another BPF device.
    other = live.hold(world, "/dev/tap1")[0]
    capture = Capture(world, "tap0", "-c", "3", "ether", "proto", "0x88b6")
    for number in range(5):
        if not wire.bounces(60, number):
            yield "a frame does not come back"
    yield from capture.ends(0, "packets written: 3, ")
    lines = [line.split()[1:5] for line in capture.said().splitlines() if "-program" in line]
    if lines != [["from-program", "60", "type", "0x88b6"]] * 3:
        yield f"the lines are {lines}"
    # A burst is shown whole, also what has been read and not handed over when nothing comes after it.
    burst = Capture(world, "tap0", "ether", "proto", "0x88b6", name="burst")
    os.kill(burst.watcher, signal.SIGSTOP)
    for number in range(100):
        if not wire.bounces(60, number):
            yield "a frame does not come back"
    os.kill(burst.watcher, signal.SIGCONT)
    wait_until(lambda: burst.said().count("from-program") == 100, lambda: f"100 frames are shown: {burst.said()}")
    yield from burst.interrupted("packets written: 100, ")
    for words, status, said in ((["tap0", "ip", "and"], 64, "pcap-filter(7)"), (["tap0", "-c", "0"], 64, "no number"),
                                (["tap2"], 1, "nobody has tap2 open")):
        done = world.command("capture", *words)
        if done.returncode != status or said not in done.stderr:
            yield f"{words}: {done}"
    live.end(other)
    yield from frames.end(program, 105)
    yield from frames.nothing_left(world)


def pipe(files, directory):
    """A reader at the end of a pipe sees a packet before the next one passes; the device's end is the capture's, and it says so."""
    world, program, wire = bouncing(files, directory)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    capture = Capture(world, "tap0", "-w", f"/dev/fd/{write}", "ether", "proto", "0x88b6", pass_fds=(write,))
    os.close(write)
    reader = subprocess.Popen(["tshark", "-n", "-l", "-r", "-", "-T", "fields", "-e", "frame.len"], stdin=read, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    os.close(read)
    for number in range(3):
        if not wire.bounces(60 + number) or reader.stdout.readline() != f"{60 + number}\n":
            yield f"frame {number} is not seen"
    yield from frames.end(program, 3)
    yield from capture.ends(0, "tap0 is closed", "packets written: 3")
    if reader.wait(SECONDS) != 0:
        yield "the file at the end of the pipe has no end"
    yield from frames.nothing_left(world)


def closed(files, directory):
    """The device is closed while nothing passes, and while packets wait: a capture ends, with all of them; down is no end."""
    world = World(files, directory, TAP + TUN)
    for device, held in (("tap0", ["tap-bounce", "/dev/tap0"]), ("tun0", ["hold", "/dev/tun0"])):
        program = world.piped(*held)
        program.stdout.readline()
        ifname = frames.interfaces()[0] if device == "tun0" else frames.near()
        idle = Capture(world, device, name=f"{device}-idle")
        busy = Capture(world, device, "-w", directory / device, name=f"{device}-busy")
        run(["ip", "link", "set", ifname, "down"])
        run(["ip", "link", "set", ifname, "up"])
        os.kill(busy.watcher, signal.SIGSTOP)
        wire = frames.Wire(ifname, up=False)
        if device == "tap0":
            for number in range(20):
                wire.send(60, number)
        else:
            run(["ping", "-n", "-c", "1", "-W", "1", "10.77.0.2"])
        live.end(program)
        wait_until(lambda: not frames.interfaces(), lambda: f"the interface goes\n{world.said()}")
        yield from idle.ends(0, f"{device} is closed")
        os.kill(busy.watcher, signal.SIGCONT)
        yield from busy.ends(0, f"{device} is closed")
        seen = tshark(directory / device, "eth.type", "ip.dst")
        if seen.count(("0x88b5", "") if device == "tap0" else ("", "10.77.0.2")) != (20 if device == "tap0" else 1):
            yield f"{device}: the file has {seen}"
        wait_until(lambda: not processes(), "the captures' processes end")
    yield from frames.nothing_left(world)


def restart(files, directory):
    """A daemon that is killed takes no capture with it, and the next one lets others look; each end of a capture may be killed."""
    world, program, wire = bouncing(files, directory)
    words = ["tap0", "ether", "proto", "0x88b6"]
    first = Capture(world, *words, name="first")
    world.stop(signal.SIGKILL)
    for number in range(3):
        if not wire.bounces(60, number):
            yield "without a daemon a frame does not come back"
    wait_until(lambda: first.said().count("from-program") == 3, lambda: f"the capture shows three frames: {first.said()}")
    world.daemon = world.serve()
    second, third = Capture(world, *words, name="second"), Capture(world, *words, name="third")
    if not wire.bounces(60):
        yield "with the next daemon a frame does not come back"
    for capture in (first, second, third):
        wait_until(lambda capture=capture: "from-program" in capture.said(), "the next frame is shown")
    yield from first.interrupted("packets written: 4")
    os.kill(second.watcher, signal.SIGKILL)
    yield from second.ends(71, "packets written: 1")
    third.kill()
    third.wait(SECONDS)
    wait_until(lambda: not processes(), "the captures' processes end")
    if not wire.bounces(60):
        yield "then a frame does not come back"
    yield from frames.end(program, 5)
    yield from frames.nothing_left(world)


def drops(files, directory):
    """Who does not read loses the newest, which are counted; the device does not wait for him, nor does another who looks."""
    world, program, wire = bouncing(files, directory)
    words = ["ether", "proto", "0x88b6"]
    file = directory / "file"
    slow, other = Capture(world, "tap0", "-w", file, *words, name="slow"), Capture(world, "tap0", *words, name="other")
    os.kill(slow.watcher, signal.SIGSTOP)
    sent = 3000
    for number in range(sent):
        if not wire.bounces(1514, number):
            yield f"frame {number} does not come back"
            break
    os.kill(slow.watcher, signal.SIGCONT)
    yield from other.interrupted(f"packets written: {sent}, ", "dropped: 0")
    yield from slow.interrupted()
    written, seen, dropped = (int(number) for number in re.findall(r": (\d+)", slow.said().splitlines()[-1]))
    if dropped == 0 or seen + dropped < 2 * sent or not 100 < written < sent:
        yield f"written {written}, seen {seen}, dropped {dropped}"
    if dropped_of(file) != (seen, dropped):
        yield f"the file says {dropped_of(file)}, not {seen}, {dropped}"
    yield from frames.end(program, sent)
    yield from frames.nothing_left(world)


def dropped_of(path):
    """Of a file's statistics (pcapng, block 5): received, dropped."""
    data, offset, options = path.read_bytes(), 0, {}
    while offset < len(data):
        kind, size = struct.unpack_from("=II", data, offset)
        at = offset + 20
        while kind == 5 and (code := struct.unpack_from("=H", data, at)[0]) != 0:
            length, = struct.unpack_from("=H", data, at + 2)
            options[code] = struct.unpack("=Q", data[at + 4:at + 4 + length])[0]
            at += 4 + length
        offset += size
    return options[4], options[7]


def rights(files, directory):
    """Root may look, and who has the device open; others where the administrator says so.  Who looks for them has no rights."""
    user = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"]
    directory.chmod(0o755)
    for text, mine, allowed in (("", False, False), ("", True, True), ("\tcapture = permitted\n", False, True)):
        place = directory / f"{allowed}-{mine}"
        place.mkdir()
        place.chmod(0o777)
        world = World(files, place, TAP.replace("}", text + "}"))
        if mine:
            world.loader = lambda world=world: [*user, str(world.programs() / "loader")]
        program = frames.start(world, "tap-bounce", "/dev/tap0")
        wire = frames.Wire(frames.near())
        if allowed:
            capture = Capture(world, "tap0", "-c", "1", "ether", "proto", "0x88b6", prefix=user)
            if not wire.bounces(60):
                yield "a frame does not come back"
            yield from capture.ends(0, "from-program")
        else:
            done = run([*user, files / "stand" / "loader", files / "universal" / "tuntapd", "capture", "-s", world.socket, "tap0"])
            if done.returncode != 77 or "only root, or who has it open" not in done.stderr or processes():
                yield f"another user: {done}"
        capture = Capture(world, "tap0", name="roots")
        if not wire.bounces(60):
            yield "a frame does not come back"
        wait_until(lambda capture=capture: "from-program" in capture.said(), "a frame is shown: by then all rights are gone")
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{capture.watcher}/status").read_text().splitlines() if ":\t" in line)
        if "0" in status["Uid"].split() or int(status["CapEff"], 16) != 0 or \
                not os.readlink(f"/proc/{capture.watcher}/root").endswith("/empty"):
            yield f"the process has rights: {status['Uid']}, {status['CapEff']}"
        yield from capture.interrupted()
        yield from frames.end(program)
        yield from frames.nothing_left(world)


def failures(files, directory):
    """Each step of looking fails once: it is said, nothing is left, and the next one works."""
    for number, (step, said) in enumerate(STEPS.items()):
        place = directory / str(number)
        place.mkdir()
        # A tap's relay would have its own share of what fails.
        world = World(files, place, TUN, {"TUNTAPD_STANDIN_FAIL": step})
        program = live.hold(world)[0]
        done = world.command("capture", "tun0")
        if done.returncode not in (1, 71, 77) or said not in done.stderr:
            yield f"{step}: {done}"
        wait_until(lambda: not processes(), f"{step}: no process is left")
        if not step.endswith("EBUSY"):
            Capture(world, "tun0").kill()
        live.end(program)
        yield from frames.nothing_left(world)


INSIDE = {check.__name__: check for check in (tap, tun, framed_tun, filters, pipe, closed, restart, drops, rights, failures)}


inside = stand.inside_of(__file__)


def check_tap(stand_files, root):
    """What passes through a tap is captured, frame by frame, with its direction, on three kernels."""
    yield from inside("tap", stand_files)


def check_tun(stand_files, root):
    """What passes through a tun is captured as IP, in both families."""
    yield from inside("tun", stand_files)


def check_framed_tun(stand_files, root):
    """So it is where the tun's interface is Ethernet."""
    yield from inside("framed_tun", stand_files)


def check_filters(stand_files, root):
    """A capture takes a filter and a number of packets, and shows lines."""
    yield from inside("filters", stand_files)


def check_pipe(stand_files, root):
    """A capture into a pipe is live."""
    yield from inside("pipe", stand_files)


def check_closed(stand_files, root):
    """A capture ends with its device, and shows what passed before."""
    yield from inside("closed", stand_files)


def check_restart(stand_files, root):
    """A capture lives through a daemon that is killed; killing a capture costs nobody else anything."""
    yield from inside("restart", stand_files)


def check_drops(stand_files, root):
    """A capture that does not read loses packets, counts them, and holds nobody up."""
    yield from inside("drops", stand_files)


def check_rights(stand_files, root):
    """Only who may looks at a device's packets."""
    yield from inside("rights", stand_files)


def check_failures(stand_files, root):
    """Whatever fails in the making of a capture, it is said, and nothing is left."""
    yield from inside("failures", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
