# SPDX-License-Identifier: BSD-2-Clause
"""The link "kext" of macOS on the stand-in: a kernel extension is loaded, and the daemon hands out its nodes.

Each check yields what is wrong, and runs in namespaces of its own, with a /dev of its own: what is loaded is what has nodes there.
"""
import json
import os
import pathlib
import re
import signal
import stat
import subprocess

import captures
import stand
from live import end, hold
from stand import SECONDS, World, own_dev, run, wait_until

KEXTS = ["ours", "tuntaposx"]
LINK = "link = kext\n"
DEVICES = ["tun0", "tun1", "tap0", "tap1"]
# Who has no rights, and no groups.
NOBODY = "65534"

# Of what the daemon says of an open that fails: the call, its error, what the program sees.
WRONG = [
    ("open/kext:EIO:1", "errno 6"), ("open/kext:ENXIO:1", "errno 6"), ("open/kext:EMFILE:1", "errno 24"), ("open/kext:EBUSY:1", "errno 16"),
    ("sysctl/interfaces:ENOMEM:1", None), ("if_nametoindex:ENXIO:1", None),
]


def load(*devices):
    """The nodes of an extension, as it makes them: root's alone."""
    for name in devices:
        os.mknod(f"/dev/{name}", 0o660 | stat.S_IFCHR, os.makedev(10, 200))
        os.chmod(f"/dev/{name}", 0o660)


def unload(*devices):
    for name in devices:
        os.unlink(f"/dev/{name}")


def interfaces():
    return re.findall(r"^\d+: ((?:utun|feth|tun|tap)\d+)", run(["ip", "link"]).stdout, re.M)


def nothing_left(world, but="nothing"):
    """A daemon that is told to ends well, and nothing is left of it; the extension's nodes are as they were."""
    wait_until(lambda: not interfaces(), lambda: f"{interfaces()} goes\n{world.said()}")
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    for complaint in re.findall(r"^.*: (?:warning|error): .*$|^stand-in: .*$", world.said(), re.M):
        if but not in complaint:
            yield complaint
    for path in pathlib.Path("/dev").glob("t[au][pn]*"):
        if path.name != "tty" and stat.S_IMODE(path.stat().st_mode) != 0o660:
            yield f"{path} has another mode"


def world_of(files, directory, config=LINK, environment=None):
    directory.chmod(0o755)  # nobody is to reach the socket
    return World(files, directory, config, environment)


def status_of(world, device):
    return json.loads(world.command("status", "--json", device).stdout)["devices"][0]


def rules(files, directory):
    """Each kind of device, of each extension, handed out by the daemon: what a program finds."""
    own_dev()
    load(*DEVICES)
    for kext in KEXTS:
        os.environ["TUNTAPD_STANDIN_KEXT"] = kext
        place = directory / kext
        place.mkdir()
        world = world_of(files, place, LINK + "mode = 0640\n")
        for name in ("tun0", "tap0"):
            program = world.piped("kext-rules", f"/dev/{name}", name, *(["cuts"] if kext == "tuntaposx" else []))
            text = program.communicate(timeout=SECONDS)[0]
            if program.returncode != 0 or not re.search(r"^1\.\.[34]\d$", text, re.M) or "not ok" in text:
                yield f"{kext}, {name}: status {program.returncode}:\n{text}{world.said()}"
        yield from nothing_left(world)


def find(world, device, uid=NOBODY):
    """What a user finds."""
    return world.piped("kext-rules", "as", uid, f"/dev/{device}").communicate(timeout=SECONDS)[0].strip()


def in_each_way(world, wanted):
    """Opens devices, in each way: what is wrong.  wanted: the error of each; what opens is closed again."""
    for device, number in wanted.items():
        said = world.piped("kext-rules", "ways", f"/dev/{device}", device).communicate(timeout=SECONDS)[0].strip()
        if said != f"open {number}, fopen {number}, freopen {number}, posix_spawn {number}":
            yield f"{device}: {said}"
        if number == 0:
            wait_until(lambda name=device: name not in interfaces(), "the interface goes")


def policy(files, directory):
    """Who may open a node is the daemon's to say, where it hands it out; else the node's own owner and mode."""
    own_dev()
    load(*DEVICES)
    world = world_of(files, directory, LINK + """
device tun0 {
    mode = 0666
}
device tun1 {
    programs = {"/nonexistent"}
}
device tap0 {
    mode = 0604
}
device tap1 {
    link = "feth"
    mode = 0666
}
""")
    for device, uid, wanted in [
            ("tun0", NOBODY, "mode 666, owner 0, access 0, open 0"),
            ("tap0", NOBODY, "mode 604, owner 0, access 13, open 13"),
            ("tun1", "0", "mode 660, owner 0, access 0, open 13"),
            ("tap1", NOBODY, "mode 660, owner 0, access 13, open 13"),  # not handed out
            ("tap1", "0", "mode 660, owner 0, access 0, open 0")]:
        found = find(world, device, uid)
        if found != wanted:
            yield f"{device}, user {uid}: {found}\n{world.said()}"
        wait_until(lambda: not interfaces(), "the interface goes")
    # What a node's own mode allows is no right.
    os.chmod("/dev/tap0", 0o666)
    found = find(world, "tap0")
    os.chmod("/dev/tap0", 0o660)
    if found != "mode 604, owner 0, access 13, open 13":
        yield f"tap0 of mode 666: {found}"
    # A node that is not handed out is opened without the daemon.
    program, text = hold(world, "/dev/tap1")
    if text != "3\n" or status_of(world, "tap1")["state"] != "closed":
        yield f"tap1 is the daemon's: {text}{status_of(world, 'tap1')}"
    end(program)
    # A second holder is refused by policy before he hears that the unit is taken.
    program, text = hold(world, "/dev/tap0")
    if text != "3\n" or not find(world, "tap0").endswith("open 13"):
        yield f"tap0 while it is open: {text}{find(world, 'tap0')}"
    end(program)
    yield from nothing_left(world)


def strangers(files, directory):
    """A node that somebody has open without asking is EBUSY, and free when he has closed it."""
    own_dev()
    load(*DEVICES)
    world = world_of(files, directory)
    stranger = subprocess.Popen([*world.loader(), str(files / "stand" / "hold"), "/dev/tap0"], stdout=subprocess.PIPE, text=True)
    if stranger.stdout.readline() != "3\n":
        yield "the node does not open"
    program, text = hold(world, "/dev/tap0")
    if "Resource busy" not in text and "resource busy" not in text:
        yield f"a node that is open: {text}{world.said()}"
    if status_of(world, "tap0")["state"] != "closed":
        yield f"a stranger's device: {status_of(world, 'tap0')}"
    end(stranger, program)
    wait_until(lambda: not interfaces(), "the interface goes")
    program, text = hold(world, "/dev/tap0")
    if text != "3\n":
        yield f"a node that was closed: {text}{world.said()}"
    end(program)
    yield from nothing_left(world)


ECHO = LINK + """
device tun0 {
    addresses = {"10.77.0.1 peer 10.77.0.2", "fd77::1/64"}
    mtu = 1400
    up = true
}
device tap0 {
    addresses = {"10.78.0.1/24"}
    mac = "02:00:5e:10:00:01"
    up = true
}
"""


def pings(address):
    return " 2 received" in run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", address]).stdout


def start_echo(world):
    """Programs that answer pings through their devices."""
    programs = [world.piped("tun-echo", "/dev/tun0"), world.piped("tap-echo", "/dev/tap0", "10.78.0.2")]
    for program in programs:
        if program.stdout.readline() != "ready\n":
            raise RuntimeError(f"a program does not open its device\n{world.said()}")
    return programs


def end_echo(programs):
    for program in programs:
        program.send_signal(signal.SIGTERM)
        text = program.communicate(timeout=SECONDS)[0]
        if program.returncode != 0 or not re.search(r" [1-9]\d* echo", text):
            yield f"status {program.returncode}: {text}"


def echo(files, directory):
    """What the administrator has configured holds, packets go both ways, and the daemon says what there is."""
    own_dev()
    load(*DEVICES)
    hook = pathlib.Path("/dev/hook")  # all above it is root's alone
    hook.write_text(f"#!/bin/sh\necho $1 $DEVICE $INTERFACE >>{directory}/called\n")
    hook.chmod(0o755)
    world = world_of(files, directory, f"open-hook = {hook}\nclose-hook = {hook}\n" + ECHO)
    programs = start_echo(world)
    for address in ("10.77.0.2", "10.78.0.2"):
        if not pings(address):
            yield f"{address} does not answer\n{world.said()}"
    for name, found in (("tun0", [1400, None]), ("tap0", [1500, "02:00:5e:10:00:01"])):
        shown = status_of(world, name)
        if [shown[key] for key in ("link", "channel", "interface", "state", "mtu", "mac")] != ["kext", "direct", name, "up", *found]:
            yield f"status: {shown}"
        if shown["holder"]["program"] != name[:3] + "-echo" or shown["from_program"]["packets"] < 2 or shown["to_program"]["packets"] < 2:
            yield f"status: {shown}"
    yield from end_echo(programs)
    wait_until(lambda: all(f"{name}: closed" in world.said() for name in ("tun0", "tap0")), "the daemon hears that they are closed")
    called = directory / "called"
    wanted = {f"{what} {name} {name}" for what in ("open", "close") for name in ("tun0", "tap0")}
    wait_until(lambda: called.exists() and set(called.read_text().splitlines()) == wanted,
               lambda: f"hooks: {called.exists() and called.read_text()}{world.said()}")
    yield from nothing_left(world)


def captured(files, directory):
    """What passes through a node that the daemon hands out is captured, both ways."""
    own_dev()
    load(*DEVICES)
    world = world_of(files, directory, ECHO)
    programs = start_echo(world)
    for name, address in (("tun0", "10.77.0.2"), ("tap0", "10.78.0.2")):
        file = directory / f"{name}.pcapng"
        capture = captures.Capture(world, name, "-w", file, "icmp", name=f"capture-{name}")
        if not pings(address):
            yield f"{address} does not answer\n{world.said()}"
        yield from capture.interrupted("dropped: 0")
        rows = captures.tshark(file, "frame.packet_flags", "icmp.type")
        if set(rows) != {(captures.TO_PROGRAM, "8"), (captures.FROM_PROGRAM, "0")}:
            yield f"{name}: {rows}"
    yield from end_echo(programs)
    yield from nothing_left(world)


def waits_for_monitor():
    """Whether something lies in a socket that is not the daemon's control socket's: the network namespace has no others."""
    return any(re.match(r"u_\S+\s+ESTAB\s+[1-9]", line) for line in run(["ss", "-xn"]).stdout.splitlines())


def reopened(files, directory):
    """An open right after a close: news of the interface of before is not taken for news of the new one, which has its name and index."""
    own_dev()
    load(*DEVICES)
    world = world_of(files, directory, LINK, {"TUNTAPD_STANDIN_NEWS": "late"})
    for number in range(5):
        program, text = hold(world, "/dev/tap0")
        if text != "3\n" or status_of(world, "tap0")["state"] != "open":  # it has closed its own copy when it answers
            yield f"{number}: {text}{world.said()}"
        # The next open waits for the daemon, and the news of the close comes while it is at that.
        os.kill(world.daemon.pid, signal.SIGSTOP)
        following = world.piped("hold", "/dev/tap0")
        wait_until(waits_for_monitor, "the worker asks the monitor")
        end(program)
        wait_until(lambda: not interfaces(), "the interface goes")
        os.kill(world.daemon.pid, signal.SIGCONT)
        text = following.stdout.readline()
        held = status_of(world, "tap0")
        if text != "3\n" or held["state"] != "open" or held["holder"]["pid"] != following.pid:
            yield f"{number}: {text}{held}\n{world.said()}"
        # News of its own, after which all has been taken in.
        run(["ip", "link", "set", "tap0", "mtu", "1400"])
        wait_until(lambda: status_of(world, "tap0")["mtu"] in (1400, None), "the daemon hears of the MTU")
        if status_of(world, "tap0")["state"] != "open":
            yield f"{number}: it is taken for closed\n{world.said()}"
        end(following)
        wait_until(lambda: not interfaces(), "the interface goes")
    yield from nothing_left(world)


def restarts(files, directory):
    """The daemon is killed, or ends, while devices are open: they work on, and the next daemon knows them and hears of their end."""
    own_dev()
    load(*DEVICES)
    for how in (signal.SIGKILL, signal.SIGTERM):
        place = directory / how.name
        place.mkdir()
        world = world_of(files, place, ECHO)
        programs = start_echo(world)
        worker = run(["pgrep", "-P", world.daemon.pid]).stdout.split()
        world.stop(how)
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}/fd/0").exists() for pid in worker), "the worker ends, too")
        if not pings("10.77.0.2") or not pings("10.78.0.2"):
            yield "without a daemon the devices do not work"
        # Its list says no more who opens them: the nodes do.
        yield from in_each_way(world, {"tun0": 16, "tap0": 16, "tun1": 0, "tap1": 0})
        world.daemon = world.serve()
        if not pings("10.77.0.2") or not pings("10.78.0.2"):
            yield f"with the next daemon the devices do not work\n{world.said()}"
        for name in ("tun0", "tap0"):
            shown = status_of(world, name)
            if shown["state"] != "up" or shown["link"] != "kext" or shown["holder"]["program"] != name[:3] + "-echo":
                yield f"the next daemon does not know it: {shown}{world.said()}"
        yield from in_each_way(world, {"tun0": 16, "tap0": 16, "tap1": 0})
        yield from end_echo(programs)
        wait_until(lambda: all(f"{name}: closed" in world.said() for name in ("tun0", "tap0")), "the next daemon hears of the end")
        program, text = hold(world, "/dev/tap0")
        if text != "3\n":
            yield f"it does not open again: {text}{world.said()}"
        end(program)
        yield from nothing_left(world)


def without(files, directory):
    """Where no daemon serves a node is opened by its own owner and mode."""
    own_dev()
    load("tap0")
    world = world_of(files, directory)
    world.stop()
    program, text = hold(world, "/dev/tap0")
    if text != "3\n" or interfaces() != ["tap0"]:
        yield f"root: {text}{interfaces()}"
    end(program)
    wait_until(lambda: not interfaces(), "the interface goes")
    if find(world, "tap0") != "mode 660, owner 0, access 13, open 13":
        yield f"nobody: {find(world, 'tap0')}"
    if "No such file" not in hold(world, "/dev/tap1")[1]:
        yield "a unit that has no node is there"


def shown_link(world, device):
    """The link and interface that an open has, and that it works."""
    program, text = hold(world, f"/dev/{device}")
    shown = status_of(world, device)
    end(program)
    wait_until(lambda: not interfaces(), lambda: f"{interfaces()} goes\n{world.said()}")
    return (shown.get("link"), shown.get("interface", "")[:4]) if text == "3\n" else text


def preferred(files, directory):
    """prefer-kext: a node is handed out while there is one, loaded after the start or not, and gone again; else the system's own."""
    own_dev()
    world = world_of(files, directory, "prefer-kext = true\ndevice tun1 {\n link = \"utun\"\n}\ndevice tap1 {\n link = kext\n}\n")
    for device, wanted in (("tap0", ("feth", "feth")), ("tun0", ("utun", "utun"))):
        if shown_link(world, device) != wanted:
            yield f"{device}, not loaded: {shown_link(world, device)}"
    if "Device not configured" not in hold(world, "/dev/tap1")[1] and "No such device or address" not in hold(world, "/dev/tap1")[1]:
        yield f"a link that has no node: {hold(world, '/dev/tap1')[1]}"
    load(*DEVICES)
    for device, wanted in (("tap0", ("kext", "tap0")), ("tun0", ("kext", "tun0")), ("tap1", ("kext", "tap1"))):
        if shown_link(world, device) != wanted:
            yield f"{device}, loaded: {shown_link(world, device)}\n{world.said()}"
    unload(*DEVICES)
    for device, wanted in (("tap0", ("feth", "feth")), ("tun0", ("utun", "utun"))):
        if shown_link(world, device) != wanted:
            yield f"{device}, unloaded: {shown_link(world, device)}"
    # What only has the name of a node is none.
    pathlib.Path("/dev/tap0").symlink_to("/dev/null")
    pathlib.Path("/dev/tap1").write_text("")
    if shown_link(world, "tap0") != ("feth", "feth") or hold(world, "/dev/tap1")[1] == "3\n":
        yield "a file that is no node is handed out"
    unload("tap0", "tap1")
    yield from nothing_left(world)


def stopped(files, directory):
    """--stop-all takes the interface down, the program hears of it, and with him it goes."""
    own_dev()
    load(*DEVICES)
    world = world_of(files, directory, ECHO)
    programs = start_echo(world)
    done = world.command("serve", "--stop-all")
    if done.returncode != 0 or world.daemon.wait(SECONDS) != 0:
        yield f"status {done.returncode}, {world.daemon.returncode}: {done.stderr}{world.said()}"
    if ",UP" in run(["ip", "link", "show", "type", "tun"]).stdout:
        yield "an interface is still up"
    end(*programs)
    wait_until(lambda: not interfaces(), "the interfaces go")


def wrongs(files, directory):
    """Each step of handing out a node fails once: the program hears of it, nothing is left, and the next open works."""
    own_dev()
    load(*DEVICES)
    for number, (what, wanted) in enumerate(WRONG):
        place = directory / str(number)
        place.mkdir()
        world = world_of(files, place, LINK, {"TUNTAPD_STANDIN_FAIL": what})
        found = find(world, "tap0", "0")
        if wanted is not None and not found.endswith(wanted.replace("errno", "open")):
            yield f"{what}: {found}{world.said()}"
        wait_until(lambda: not interfaces(), f"{what}: the interface goes")
        program, text = hold(world, "/dev/tap0")
        if text != "3\n":
            yield f"{what}: and then: {text}{world.said()}"
        end(program)
        wait_until(lambda: not interfaces(), "the interface goes")
        if world.stop() or "stand-in: " in world.said():
            yield f"{what}: the daemon ended badly: {world.said()}"


INSIDE = {
    "rules": rules, "policy": policy, "strangers": strangers, "echo": echo, "captured": captured, "reopened": reopened, "restarts": restarts,
    "without": without, "preferred": preferred, "stopped": stopped, "wrongs": wrongs,
}


inside = stand.inside_of(__file__)


def check_kext_rules(stand_files, root):
    """A kernel extension's node that the daemon hands out is what the contract says, whichever extension it is."""
    yield from inside("rules", stand_files)


def check_kext_policy(stand_files, root):
    """Who may open a kernel extension's node is the daemon's to say, where it hands it out."""
    yield from inside("policy", stand_files)


def check_kext_strangers(stand_files, root):
    """A node that somebody has open without asking is busy."""
    yield from inside("strangers", stand_files)


def check_kext_echo(stand_files, root):
    """Programs answer pings through nodes, and status tells of them."""
    yield from inside("echo", stand_files)


def check_kext_captured(stand_files, root):
    """What passes through such a node is captured, both ways."""
    yield from inside("captured", stand_files)


def check_kext_reopened(stand_files, root):
    """A node is opened right after its last close."""
    yield from inside("reopened", stand_files)


def check_kext_restarts(stand_files, root):
    """The daemon is killed, or told to end, while nodes are open: they work on, and the next one knows them."""
    yield from inside("restarts", stand_files)


def check_kext_without_daemon(stand_files, root):
    """Without a daemon a node is opened as it is there."""
    yield from inside("without", stand_files)


def check_kext_preferred(stand_files, root):
    """A kernel extension that is preferred is used while it is loaded."""
    yield from inside("preferred", stand_files)


def check_kext_stopped(stand_files, root):
    """--stop-all takes nodes' interfaces down."""
    yield from inside("stopped", stand_files)


def check_kext_wrongs(stand_files, root):
    """Each step of handing out a node goes wrong once."""
    yield from inside("wrongs", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
