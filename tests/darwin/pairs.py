# SPDX-License-Identifier: BSD-2-Clause
"""Pairs of joined interfaces on macOS, on the stand-in: `tuntapd pair`, `tuntapd exec --pair`, and what the daemon makes of them.

Each check yields what is wrong, and runs in namespaces of its own.
"""
import json
import os
import re
import shutil
import signal
import subprocess

import frames
import jsonschema
import stand
from frames import Wire, interfaces, nothing_left, subprocess_ok
from stand import ROOT, SECONDS, World, run, wait_until

SCHEMA = json.loads((ROOT / "docs" / "pair-schema.json").read_text())
USAGE, NO, NO_RIGHT, BUSY = 64, 1, 77, 75

# The calls by which a pair is made, in order; each is made to fail, and to be the last that the daemon makes.  The fourth wants an address
# that is given twice no more than once.
STEPS = [
    "ioctl/SIOCIFCREATE:%s:1", "ioctl/SIOCIFCREATE:%s:2", "ioctl/SIOCSIFLLADDR:%s:1", "ioctl/SIOCSIFMTU:%s:1", "ioctl/SIOCSIFLLADDR:%s:2",
    "ioctl/SIOCSIFMTU:%s:2", "ioctl/SIOCSDRVSPEC:%s:1", "ioctl/SIOCSIFFLAGS:%s:1", "ioctl/SIOCSIFFLAGS:%s:2", "ioctl/SIOCAIFADDR:%s:1",
]


def made(world, *words):
    """Makes a pair: the names of its interfaces."""
    done = world.command("pair", *words)
    names = done.stdout.split()
    if done.returncode != 0 or len(names) != 2:
        raise RuntimeError(f"pair {words}: status {done.returncode}: {done.stdout}{done.stderr}{world.said()}")
    return names


def listed(world):
    """What JSON says, by the names of the ends."""
    done = world.command("pair", "--list", "--json")
    document = json.loads(done.stdout)
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    return {(p["a"]["name"], p["b"]["name"]): p for p in document["pairs"]}


def feths():
    return {name for name in interfaces() if name.startswith("feth")}


def is_cable(one, other):
    """Whether frames pass between two interfaces, both ways."""
    wires = [Wire(one, up=False), Wire(other, up=False)]
    for near, far in (wires, wires[::-1]):
        for size in (60, 1514):
            # Said as an answer, since that is what a wire hears.
            near.socket.send(b"\xff" * 6 + frames.SOURCE + frames.ANSWERED + bytes(size - 14))
            frame = far.receive(10)
            if frame is None or len(frame) != size:
                return False
    return True


def shown(ifname):
    return run(["ip", "addr", "show", "dev", ifname]).stdout


def made_and_listed(files, directory):
    """Names, interfaces, MTU, addresses, lists, frames, and the end."""
    world = World(files, directory)
    near, far = made(world, "left", "right", "--mtu", "9000", "--address", "left=10.81.0.1/24", "--address", "b=fd81::2/64")
    if not re.fullmatch(r"feth1[23]\d{3}", near) or far != near.replace("feth1", "feth2"):
        yield f"the interfaces are {near} and {far}"
    if "mtu 9000" not in shown(near) or "mtu 9000" not in shown(far) or "10.81.0.1/24" not in shown(near) or "fd81::2/64" not in shown(far):
        yield f"they are {shown(near)}{shown(far)}"
    if not is_cable(near, far):
        yield "they are no cable"
    one = listed(world).get(("left", "right"))
    if one is None or (one["a"]["interface"], one["b"]["interface"]) != (near, far) or one["a"]["netns"] is not None or one["held"] or \
            one["maker"]["program"] != "tuntapd":
        yield f"JSON says {one}"
    table = world.command("pair", "--list").stdout
    if f"left={near} right={far} deleted" not in " ".join(table.split()):
        yield f"the list is {table}"
    document = json.loads(world.command("pair", "--json", "pair%d", "pair%d").stdout)
    second = document["pairs"][0]
    if (second["a"]["name"], second["b"]["name"]) != ("pair0", "pair1"):
        yield f"names with %d are {second}"
    for words, status, said in (
            (["left", "x"], BUSY, "there already"), (["x", "pair1"], BUSY, "there already"), (["lo", "x"], BUSY, "there already"),
            (["feth5", "x"], USAGE, ""), (["x", "x"], USAGE, ""), (["x", "y", "--mtu", "70"], USAGE, ""),
            (["x", "y", "--mtu", "16371"], USAGE, ""), (["x", "y", "--netns", "a=1"], USAGE, "no network namespaces on this system"),
            (["--delete", "nobody"], NO, "is no end of a pair")):
        done = world.command("pair", *words)
        if done.returncode != status or said not in done.stderr:
            yield f"pair {words}: status {done.returncode}: {done.stdout}{done.stderr}"
    if feths() != {near, far, second["a"]["interface"], second["b"]["interface"]}:
        yield f"after refusals there are {feths()}"
    for name in ("right", second["a"]["interface"]):
        done = world.command("pair", "--delete", name)
        if done.returncode != 0:
            yield f"deleting {name}: status {done.returncode}: {done.stderr}"
    if listed(world):
        yield f"then there are {listed(world)}"
    yield from nothing_left(world)


def installed(world):
    """The command, with the library where it is when both are installed."""
    command = world.directory / "prefix" / "bin" / "tuntapd"
    if not command.exists():
        for name, place in (("tuntapd", command), ("libtuntapd-shim.dylib", command.parent.parent / "lib/tuntapd/libtuntapd-shim.dylib")):
            place.parent.mkdir(parents=True)
            shutil.copy(world.files / "universal" / name, place)
    return command


def start(world, *words):
    """A program with a pair: its parent, its number and the names of its interfaces."""
    parent = subprocess.Popen([world.files / "stand" / "loader", installed(world), "exec", "-s", world.socket, "--pair", *words],
                              stdout=subprocess.PIPE, text=True)
    told = parent.stdout.readline().split()
    # One that ends with a status has perhaps done so by now, and its pair with it.
    if len(told) != 3 or (not words[-1].isdigit() and feths() != set(told[1:])):
        raise RuntimeError(f"{words}: told is {told}, there are {feths()}\n{world.said()}")
    return parent, int(told[0]), told[1:]


def no_feths(world):
    wait_until(lambda: not feths(), lambda: f"{feths()} go\n{world.said()}")


def with_program(files, directory):
    """exec --pair: the program is told, its status and signals are ours, and the pair ends with it, however it ends."""
    world = World(files, directory)
    program = files / "stand" / "pair-told"
    parent, _, names = start(world, "--mtu", "1400", "--address", "a=10.81.0.1/24", "--", program, "7")
    if parent.wait(SECONDS) != 7:
        yield f"the program's status 7 is {parent.returncode}"
    if feths():
        yield f"{names} are there when it has ended"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        parent, _, names = start(world, "--", program, "wait")
        parent.send_signal(number)
        if parent.wait(SECONDS) != -number:
            yield f"after signal {number} the status is {parent.returncode}"
        no_feths(world)
    # It stops as the program does, and goes on with it.
    parent, child, names = start(world, "--", program, "stop")
    if os.WIFSTOPPED(os.waitpid(parent.pid, os.WUNTRACED)[1]):
        parent.send_signal(signal.SIGCONT)
        if parent.stdout.readline() != "goes on\n":
            yield "the program does not go on"
    os.kill(child, signal.SIGKILL)
    if parent.wait(SECONDS) != -signal.SIGKILL:
        yield f"the program was killed, and the status is {parent.returncode}"
    no_feths(world)
    parent, child, names = start(world, "--", program, "wait")
    parent.kill()
    parent.wait(SECONDS)
    no_feths(world)
    os.kill(child, signal.SIGKILL)
    yield from nothing_left(world)


def restart(files, directory):
    """A daemon that is killed takes no pair with it; the next one knows them, and takes away those whose holder has ended."""
    world = World(files, directory)
    program = files / "stand" / "pair-told"
    kept = made(world, "left", "right")
    run(["ip", "link", "set", "dev", kept[0], "address", "02:00:00:00:00:77"])
    before = feths()
    world.stop(signal.SIGKILL)
    world.daemon = world.serve()
    if feths() != before or not is_cable(*kept) or ("left", "right") not in listed(world):
        yield f"the next daemon has {listed(world)}; there are {feths()}"
    if world.command("pair", "--delete", "left").returncode != 0 or feths():
        yield f"deleted are not {feths()}"
    parent, child, names = start(world, "--", program, "wait")
    world.stop(signal.SIGKILL)
    world.daemon = world.serve()
    if feths() != set(names):
        yield f"a pair whose holder lives is {feths()}"
    os.kill(child, signal.SIGKILL)
    parent.wait(SECONDS)
    no_feths(world)
    parent, child, names = start(world, "--", program, "wait")
    world.stop(signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    parent.wait(SECONDS)
    if feths() != set(names):
        yield f"without a daemon the pair is {feths()}: there was nothing to take away"
    world.daemon = world.serve()
    yield from nothing_left(world)


def destroyed(files, directory):
    """An end that somebody destroys ends the pair, also while no daemon serves; what has its name then is left alone."""
    world = World(files, directory)

    def one(what, name):
        subprocess_ok([files / "stand" / "loader", files / "stand" / "feth-one", what, name])

    for number in (0, 1):
        one("destroy", made(world, "left", "right")[number])
        no_feths(world)
        if listed(world):
            yield f"listed is {listed(world)}"
    for number in (0, 1):
        names = made(world, "left", "right")
        world.stop(signal.SIGKILL)
        one("destroy", names[number])
        world.daemon = world.serve()
        no_feths(world)
        if listed(world):
            yield f"listed is {listed(world)}"
    names = made(world, "left", "right")
    world.stop(signal.SIGKILL)
    for name in names:
        one("destroy", name)
        one("create", name)
    world.daemon = world.serve()
    if listed(world) or feths() != set(names):
        yield f"of strangers' {names} there are {feths()}, listed is {listed(world)}"
    ours = made(world, "left", "right")
    if set(ours) & set(names):
        yield f"{ours} are the strangers'"
    if world.command("pair", "--delete", "left").returncode != 0:
        yield "it cannot be deleted"
    for name in names:
        one("destroy", name)
    yield from nothing_left(world)


def two_daemons(files, directory):
    """Two daemons leave each other's pairs alone, whatever becomes of them; a number that is taken at the last moment is passed over."""
    worlds = []
    for name, fail in (("one", ""), ("other", "ioctl/SIOCIFCREATE:EBUSY:1,ioctl/SIOCIFCREATE:EEXIST:3")):
        (directory / name).mkdir()
        worlds.append(World(files, directory / name, environment={"TUNTAPD_STANDIN_FAIL": fail} if fail else {}))
    pairs = [made(world, "left", "right") for world in worlds]
    if set(pairs[0]) & set(pairs[1]) or not all(is_cable(*pair) for pair in pairs):
        yield f"they have {pairs}"
    worlds[0].stop(signal.SIGKILL)
    worlds[0].daemon = worlds[0].serve()
    if feths() != {*pairs[0], *pairs[1]}:
        yield f"a restart has left {feths()}"
    if worlds[0].command("serve", "--stop-all").returncode != 0 or worlds[0].daemon.wait(SECONDS) != 0:
        yield f"--stop-all: {worlds[0].said()}"
    if feths() != set(pairs[1]) or not is_cable(*pairs[1]):
        yield f"the other's are {feths()}"
    if worlds[1].command("pair", "--delete", "right").returncode != 0:
        yield "the other's cannot be deleted"
    yield from nothing_left(worlds[1])


def steps(files, directory):
    """Each step of making a pair that fails fails the request and leaves nothing; and so does one that is the daemon's last."""
    words = ["left", "right", "--mtu", "1400", "--address", "a=10.81.0.1/24"]
    for number, step in enumerate(STEPS):
        place = directory / str(number)
        place.mkdir()
        world = World(files, place, environment={"TUNTAPD_STANDIN_FAIL": step % "EPERM"})
        done = world.command("pair", *words)
        if done.returncode == 0 or feths():
            yield f"{step}: status {done.returncode}: {done.stdout}{done.stderr}; there are {feths()}"
        if made(world, *words) == [] or world.command("pair", "--delete", "left").returncode != 0 or feths():
            yield f"{step}: and then: {feths()}"
        if world.stop() or "stand-in: " in world.said():
            yield f"{step}: {world.said()}"
        world.daemon = world.serve(TUNTAPD_STANDIN_FAIL=step % "KILL")
        done = world.command("pair", *words)
        if done.returncode == 0 or world.daemon.wait(SECONDS) != -signal.SIGKILL:
            yield f"{step}: the daemon is not killed: {done.stdout}{world.said()}"
        world.daemon = world.serve()
        if feths() or listed(world):
            yield f"{step}: the next daemon leaves {feths()}, lists {listed(world)}\n{world.said()}"
        if world.stop():
            yield f"{step}: the daemon ends with {world.daemon.returncode}"


INSIDE = {name: check for name, check in globals().copy().items() if callable(check) and getattr(check, "__module__", "") == __name__}


inside = stand.inside_of(__file__)


def check_made_and_listed(stand_files, root):
    """A pair of macOS is made, listed, refused and deleted, and frames pass through it."""
    yield from inside("made_and_listed", stand_files)


def check_with_program(stand_files, root):
    """A pair that is for a program of macOS ends with it, however it ends."""
    yield from inside("with_program", stand_files)


def check_restart(stand_files, root):
    """Pairs live through a daemon that is killed; those whose holder has ended do not."""
    yield from inside("restart", stand_files)


def check_destroyed(stand_files, root):
    """A pair is over when somebody destroys an end of it."""
    yield from inside("destroyed", stand_files)


def check_two_daemons(stand_files, root):
    """Two daemons leave each other's pairs alone."""
    yield from inside("two_daemons", stand_files)


def check_steps(stand_files, root):
    """Whatever fails in the making of a pair, or ends the daemon, nothing is left."""
    yield from inside("steps", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
