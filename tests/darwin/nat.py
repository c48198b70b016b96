# SPDX-License-Identifier: BSD-2-Clause
"""`nat = true` of macOS on the stand-in: pf by a stand-in for its command (pfctl), which translates with nftables what the rules say.

Each check yields what is wrong, and runs in namespaces of its own.  The world beyond is a host that knows no way to what is behind a device.
"""
import json
import pathlib
import re
import shutil
import signal
import subprocess

import live
import stand
from stand import HERE, SECONDS, run, wait_until

CONFIG = """
device tun0 {
    addresses = {"10.77.0.1 peer 10.77.0.2", "fd77::1/64"}
    up = true
    nat = true
}
device tun1 {
    addresses = {"10.78.0.1 peer 10.78.0.2"}
    up = true
    nat = true
}
"""
SWITCHES = [pathlib.Path("/proc/sys/net/ipv4/ip_forward"), pathlib.Path("/proc/sys/net/ipv6/conf/all/forwarding")]
ASKED = {"tun0": [("10.77.0.2", "203.0.113.2"), ("fd77::2", "2001:db8::2")], "tun1": [("10.78.0.2", "203.0.113.2")]}
REFUSED = [1, "pfctl: /dev/pf: Permission denied\n"]
# What goes wrong, and what the daemon says of it: a word of pfctl's, or a call of the daemon's own.
STEPS = {
    "-s nat": "pfctl: status 1: pfctl: /dev/pf: Permission denied", "-N -f -": "pfctl: status 1: pfctl: /dev/pf: Permission denied",
    "-E": "pfctl: status 1: pfctl: /dev/pf: Permission denied", "main": "put it back in /etc/pf.conf", "nothing loaded": "has loaded 0 rules, not 2",
    "no token": "does not say a token", "no pfctl": "pfctl: status 127", "killed": "pfctl: No child processes",
    "sysctl/forwarding:EPERM:1": "switching on net.inet.ip.forwarding: Operation not permitted",
    "sysctl/set-forwarding:EPERM:1": "switching on net.inet.ip.forwarding: Operation not permitted",
    "sysctl/set-forwarding:EPERM:2": "switching on net.inet6.ip6.forwarding: Operation not permitted",
    "getifaddrs:ENOMEM:1": "nat: Cannot allocate memory",
}


class World(stand.World):
    """A daemon, pf, and a host that is reached by en0."""

    def __init__(self, files, directory, config=CONFIG, environment=None, **state):
        self.pf = directory / "programs"
        self.pf.mkdir()
        shutil.copy(HERE / "pfctl", self.pf / "pfctl")
        self.write(**state)
        super().__init__(files, directory, config, environment)

    def serve(self, **environment):
        return super().serve(TUNTAPD_STANDIN_PROGRAMS=str(self.pf), **environment)

    def write(self, **state):
        (self.pf / "pf.json").write_text(json.dumps(self.read() | state))

    def read(self):
        return json.loads((self.pf / "pf.json").read_text()) if (self.pf / "pf.json").exists() else {}

    def anchors(self):
        return self.read().get("anchors", {})


def make_far():
    """The host beyond, in a network of its own, and the way to it; its process."""
    far = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    wait_until(lambda: pathlib.Path(f"/proc/{far.pid}/ns/net").stat().st_ino != pathlib.Path("/proc/self/ns/net").stat().st_ino and
               pathlib.Path(f"/proc/{far.pid}/comm").read_text() == "sleep\n", "the host beyond is there")
    enter = ["nsenter", "-t", far.pid, "-n", "ip"]
    for command in (["ip", "link", "add", "en0", "type", "veth", "peer", "name", "far0", "netns", far.pid],
                    ["ip", "address", "add", "203.0.113.1/24", "dev", "en0"], ["ip", "address", "add", "2001:db8::1/64", "dev", "en0", "nodad"],
                    ["ip", "link", "set", "en0", "up"], [*enter, "address", "add", "203.0.113.2/24", "dev", "far0"],
                    [*enter, "address", "add", "2001:db8::2/64", "dev", "far0", "nodad"], [*enter, "link", "set", "far0", "up"]):
        done = run(command)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")
    # The kernel sees to a new IPv6 address in its own time.
    for address in ("203.0.113.2", "2001:db8::2"):
        wait_until(lambda to=address: run(["ping", "-c", "1", "-W", "1", to]).returncode == 0, f"{address} is there")
    return far


def start(world, device="tun0"):
    program = world.program(["tun-ask", f"/dev/{device}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            bufsize=1)
    return program, program.stdout.readline()


def asks(program, device, wanted="answer"):
    """Yields which hosts do not answer, or do."""
    for source, target in ASKED[device]:
        program.stdin.write(f"{source} {target}\n")
        if program.stdout.readline() != f"{wanted}\n":
            yield f"{device}: {target} does not say '{wanted}'"


def switched():
    return [path.read_text().strip() for path in SWITCHES]


def as_before(world, tokens=(), switches=("0", "0")):
    """All is as it was, and nothing is left; the daemon ends well."""
    wait_until(lambda: not live.interfaces() and not world.anchors(), lambda: f"the rules go: {world.anchors()}\n{world.said()}")
    wait_until(lambda: switched() == list(switches) and world.read().get("tokens", []) == list(tokens),
               lambda: f"forwarding is {switched()}, pf is enabled by {world.read()}\n{world.said()}")
    if "masquerade" in run(["nft", "list", "ruleset"]).stdout:
        yield "something is translated still"
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    yield from re.findall(r"^stand-in: .*$", world.said(), re.M)


def reach(files, directory):
    """What is behind a device reaches the world while it is open; the last one puts everything back."""
    far = make_far()
    world = World(files, directory)
    program, text = start(world)
    if text != "ready\n":
        yield f"{text}{world.said()}"
    yield from asks(program, "tun0")
    rules = world.anchors()
    if len(rules) != 1 or not next(iter(rules)).startswith("com.apple/tuntapd-") or sorted(*rules.values()) != [
            "nat on en0 inet from 10.77.0.2/32 to any -> (en0:0)", "nat on en0 inet6 from fd77::/64 to any -> (en0:0)"]:
        yield f"the rules are {rules}"
    # What is called so goes out by another's interface, too.
    second, text = start(world, "tun1")
    yield from asks(second, "tun1")
    if len(world.anchors()) != 2 or len(world.read()["tokens"]) != 1:
        yield f"with two devices: {world.read()}"
    live.end(program)
    wait_until(lambda: len(world.anchors()) == 1, "the first device's rules go")
    yield from asks(second, "tun1")
    if switched() != ["1", "1"]:
        yield f"with one device forwarding is {switched()}"
    live.end(second)
    yield from as_before(world)
    live.end(far)


def others(files, directory):
    """Somebody has pf enabled and forwards: that stays so.  A device without nat is not translated."""
    far = make_far()
    for path in SWITCHES:
        path.write_text("1")
    theirs = {"tokens": [7], "main": ['nat-anchor "com.apple/*" all', 'nat-anchor "com.apple.internet-sharing" all']}
    world = World(files, directory, CONFIG.replace("nat = true\n}\ndevice tun1", "nat = false\n}\ndevice tun1"), None, **theirs)
    program = start(world)[0]
    yield from asks(program, "tun0", "nothing")
    second = start(world, "tun1")[0]
    yield from asks(second, "tun1")
    live.end(program, second)
    yield from as_before(world, [7], ("1", "1"))
    live.end(far)


def killed(files, directory):
    """A daemon is killed: what is translated goes on being so; the next one puts back what is not wanted any more."""
    far = make_far()
    world = World(files, directory)
    program, second = start(world)[0], start(world, "tun1")[0]
    yield from asks(program, "tun0")
    world.stop(signal.SIGKILL)
    yield from asks(program, "tun0")
    live.end(second)
    world.daemon = world.serve()
    wait_until(lambda: len(world.anchors()) == 1, lambda: f"the next daemon takes the rules of the closed device away: {world.anchors()}")
    yield from asks(program, "tun0")
    world.stop(signal.SIGKILL)
    live.end(program)
    world.daemon = world.serve()
    yield from as_before(world)
    live.end(far)


def spoil(world, step):
    """Makes a step go wrong; what the daemon is to be started with."""
    script = {"no token": "#!/bin/sh\ncase $1 in -E) echo pf enabled;; *) exec /usr/bin/python3 \"$0.py\" \"$@\";; esac\n",
              "nothing loaded": "#!/bin/sh\ncase $* in *-f*) exit 0;; *) exec /usr/bin/python3 \"$0.py\" \"$@\";; esac\n",
              "killed": "#!/bin/sh\nkill -9 $$\n"}
    if step == "main":
        world.write(main=['nat-anchor "com.apple.internet-sharing" all'])
    elif step == "no pfctl":
        (world.pf / "pfctl").unlink()
    elif step in script:
        (world.pf / "pfctl").rename(world.pf / "pfctl.py")
        (world.pf / "pfctl").write_text(script[step])
        (world.pf / "pfctl").chmod(0o755)
    elif ":" not in step:
        world.write(fails={step: REFUSED})


def another_close(world):
    live.end(start(world, "tun5")[0])
    return True


def failures(files, directory):
    """Each step goes wrong: the open fails, the log says why, and all is as it was."""
    far = make_far()
    for number, (step, said) in enumerate(STEPS.items()):
        place = directory / str(number)
        place.mkdir()
        world = World(files, place, CONFIG, {"TUNTAPD_STANDIN_FAIL": step} if ":" in step else None)
        spoil(world, step)
        program, text = start(world)
        if text == "ready\n" or said not in world.said():
            yield f"{step}: {text}{world.said()}"
        live.end(program)
        yield from as_before(world)
    # A token that is not known any more is said, and no reason not to go on.
    place = directory / "token"
    place.mkdir()
    world = World(files, place)
    program = start(world)[0]
    world.write(tokens=[])
    live.end(program)
    wait_until(lambda: "DIOCSTOPREF: Invalid argument" in world.said(), lambda: f"the daemon says that the token is gone: {world.said()}")
    yield from as_before(world)
    # Rules that cannot be taken away are tried again: at the next close, of whichever device, and by the next daemon.
    place = directory / "left"
    place.mkdir()
    world = World(files, place)
    for turn in range(2):
        program = start(world)[0]
        before = len(world.said())
        world.write(fails={"-F": REFUSED})
        live.end(program)
        wait_until(lambda start=before: "taking rules of address translation away: " in world.said()[start:] and not live.interfaces(),
                   lambda: f"the daemon says that the rules stay: {world.said()}")
        if len(world.anchors()) != 1 or switched() != ["1", "1"]:
            yield f"left: {world.anchors()}, {switched()}"
        world.write(fails={})
        if turn == 0:
            wait_until(lambda here=world: another_close(here) and not here.anchors() and switched() == ["0", "0"],
                       lambda: f"another close takes them away: {world.said()}")
        else:
            world.stop()
            world.daemon = world.serve()
    yield from as_before(world)
    live.end(far)


INSIDE = {check.__name__: check for check in (reach, others, killed, failures)}


inside = stand.inside_of(__file__)


def check_reach(stand_files, root):
    """What is behind a device reaches the world under the machine's addresses, in both families."""
    yield from inside("reach", stand_files)


def check_others(stand_files, root):
    """A packet filter that others have enabled stays so."""
    yield from inside("others", stand_files)


def check_killed(stand_files, root):
    """Translation outlives a daemon that is killed, and the next one puts back what was."""
    yield from inside("killed", stand_files)


def check_failures(stand_files, root):
    """Whatever fails of it, the open fails, and all is as it was."""
    yield from inside("failures", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
