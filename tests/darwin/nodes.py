# SPDX-License-Identifier: BSD-2-Clause
"""Real nodes of the devices (nodes = true) on the stand-in: made, followed, taken away, and never somebody else's.

Each check yields what is wrong, and runs in namespaces of its own, with a /dev of its own.
"""
import os
import pathlib
import re
import signal
import stat

import stand
from live import end, hold, interfaces
from stand import SECONDS, World, own_dev, run, wait_until

DEV = pathlib.Path("/dev")
# protocol/devlist.h: the number that the library shows.
MAJOR, TUN, TAP = 250, 1, 2
CONFIG = "nodes = true\ntun-units = 2\ntap-units = 2\nmode = 0640\ndevice tap1 {\n\towner = 65534\n\tgroup = 65534\n\tmode = 0600\n}\n"
ALL = {"tun0", "tun1", "tap0", "tap1"}
NOBODY = "65534"
UNOPENED = "Device not configured", "No such device or address"


def nodes():
    return {path.name for path in DEV.glob("t[ua][np][0-9]*")}


def is_node(name, mode, owner=0):
    """Whether there is a node of that device, as the daemon makes it."""
    st = os.lstat(DEV / name)
    number = os.makedev(MAJOR, (TUN if name.startswith("tun") else TAP) << 8 | int(name[3:]))
    return st.st_mode == stat.S_IFCHR | mode and (st.st_uid, st.st_gid) == (owner, owner) and st.st_rdev == number


def world_of(files, directory, config=CONFIG, environment=None):
    directory.chmod(0o755)  # nobody is to reach the socket
    return World(files, directory, config, environment)


def reload(world, config):
    before = len(world.said())
    (world.directory / "conf").write_text(config)
    world.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "read the configuration again" in world.said()[before:], lambda: f"it reads\n{world.said()}")


def opened_without_library(world, device):
    """What a program without the library hears."""
    return run([*world.loader(), world.programs() / "hold", device]).stdout + run([*world.loader(), world.programs() / "hold", device]).stderr


def ends_well(world, *left):
    wait_until(lambda: not interfaces(), lambda: f"{interfaces()} goes\n{world.said()}")
    if world.stop() or "stand-in: " in world.said():
        yield f"the daemon ended with status {world.daemon.returncode}\n{world.said()}"
    if nodes() != set(left) or (world.directory / "socket.d" / "nodes").exists():
        yield f"left are {nodes()}, {os.listdir(world.directory / 'socket.d')}"


def rules(files, directory):
    """The nodes are there for who only looks; a program with the library has the device, and sees the node's owner and mode by all ways."""
    own_dev()
    world = world_of(files, directory)
    if nodes() != ALL or not is_node("tun0", 0o640) or not is_node("tap0", 0o640) or not is_node("tap1", 0o600, int(NOBODY)):
        yield f"made are {[(name, os.lstat(DEV / name)) for name in nodes()]}\n{world.said()}"
    text = opened_without_library(world, "/dev/tap0")
    if not any(what in text for what in UNOPENED):
        yield f"without the library: {text}"
    for device, mode, owner in (("tun0", "640", "0"), ("tap0", "640", "0"), ("tap1", "600", NOBODY)):
        program = world.piped("node-rules", f"/dev/{device}", device, mode, owner, owner)
        text = program.communicate(timeout=SECONDS)[0]
        if program.returncode != 0 or not re.search(r"^1\.\.\d\d$", text, re.M) or re.search("^not ok", text, re.M):
            yield f"{device}: status {program.returncode}:\n{text}{world.said()}"
        wait_until(lambda: not interfaces(), "the interface goes")
    for device, wanted in (("tap0", "access 13, open 13"), ("tap1", "access 0, open 0")):
        text = world.piped("node-rules", "as", NOBODY, f"/dev/{device}").communicate(timeout=SECONDS)[0].strip()
        if text != wanted:
            yield f"{device}, as nobody: {text}"
    yield from ends_well(world)


def reloads(files, directory):
    """The nodes follow the policy: owner, mode, how many, whether any; a device that is open goes on without its node."""
    own_dev()
    world = world_of(files, directory)
    inode = os.lstat(DEV / "tap0").st_ino
    reload(world, CONFIG.replace("0640", "0604").replace("tun-units = 2", "tun-units = 1"))
    if nodes() != ALL - {"tun1"} or not is_node("tap0", 0o604) or os.lstat(DEV / "tap0").st_ino != inode:
        yield f"after a reload there are {nodes()}\n{world.said()}"
    # What somebody has taken away is made again, and what he has changed is changed back.
    os.unlink(DEV / "tun0")
    os.chmod(DEV / "tap0", 0o777)
    reload(world, CONFIG)
    if nodes() != ALL or not is_node("tun0", 0o640) or not is_node("tap0", 0o640):
        yield f"after another there are {nodes()}\n{world.said()}"
    program, text = hold(world, "/dev/tap0")
    reload(world, CONFIG.replace("nodes = true\n", ""))
    if nodes() or text != "3\n":
        yield f"not wanted, there are {nodes()}; {text}"
    if "esource busy" not in hold(world, "/dev/tap0")[1]:
        yield "without its node the device is not open"
    end(program)
    wait_until(lambda: not interfaces(), "the interface goes")
    program, text = hold(world, "/dev/tun0")
    if text != "3\n":
        yield f"without its node a device does not open: {text}"
    end(program)
    yield from ends_well(world)


def killed(files, directory):
    """A daemon that is killed leaves its nodes, which nobody can open; the next one has them again, or takes them away."""
    own_dev()
    world = world_of(files, directory)
    program, text = hold(world, "/dev/tun0")
    world.stop(signal.SIGKILL)
    wait_until(lambda: nodes() == ALL, "the nodes stay")
    heard = hold(world, "/dev/tap0")[1]
    if not any(what in heard for what in (*UNOPENED, "No such file")):
        yield f"an open without a daemon: {heard}"
    inodes = {name: os.lstat(DEV / name).st_ino for name in ALL}
    world.daemon = world.serve()
    if {name: os.lstat(DEV / name).st_ino for name in nodes()} != inodes:
        yield f"the next daemon does not know them: {world.said()}"
    for device, wanted in (("/dev/tun0", "esource busy"), ("/dev/tap0", "3\n")):
        other, text = hold(world, device)
        if wanted not in text:
            yield f"{device} with the next daemon: {text}{world.said()}"
        end(other)
    end(program)
    wait_until(lambda: not interfaces(), "the interfaces go")
    world.stop(signal.SIGKILL)
    (directory / "conf").write_text("")
    world.daemon = world.serve()
    if nodes():
        yield f"a daemon that wants none leaves {nodes()}: {world.said()}"
    yield from ends_well(world)


def strangers(files, directory):
    """What was there before, or is put in the place of a node, is left alone, and opened as it is."""
    own_dev()
    os.mknod(DEV / "tap0", stat.S_IFCHR | 0o600, os.makedev(1, 3))  # as a kernel extension's: it has a driver
    (DEV / "tun0").symlink_to("null")
    os.mknod(DEV / "tun1", stat.S_IFCHR | 0o600, os.makedev(MAJOR, TUN << 8 | 1))  # of a daemon that this one knows nothing of
    world = world_of(files, directory)
    for name in ("tap0", "tun0", "tun1"):
        if f"/dev/{name} is there, and not this daemon's: left alone" not in world.said():
            yield f"{name} is not spoken of: {world.said()}"
    if os.lstat(DEV / "tap0").st_rdev != os.makedev(1, 3) or not is_node("tap1", 0o600, int(NOBODY)) or is_node("tun1", 0o640):
        yield f"there are {nodes()}"
    program, text = hold(world, "/dev/tap0")
    if text != "3\n" or interfaces():
        yield f"somebody else's node: {text}{interfaces()}"
    end(program)
    os.unlink(DEV / "tap1")
    (DEV / "tap1").write_text("somebody else's")
    reload(world, CONFIG.replace("0640", "0666"))
    if stat.S_IMODE(os.lstat(DEV / "tap0").st_mode) != 0o600:
        yield "somebody else's node has another mode"
    os.unlink(DEV / "tap0")
    reload(world, CONFIG)
    if not is_node("tap0", 0o640):
        yield f"when it has gone none is made: {world.said()}"
    yield from ends_well(world, "tun0", "tun1", "tap1")


def refused(files, directory):
    """A system that does not let nodes be made, or changed, is told of, and the devices open all the same."""
    own_dev()
    world = world_of(files, directory, environment={"TUNTAPD_STANDIN_FAIL": "mknod:EPERM"})
    if nodes() or world.said().count("making the node: Operation not permitted") != 1:
        yield f"there are {nodes()}\n{world.said()}"
    program, text = hold(world, "/dev/tap0")
    if text != "3\n":
        yield f"it does not open: {text}{world.said()}"
    end(program)
    yield from ends_well(world)


INSIDE = {"rules": rules, "reloads": reloads, "killed": killed, "strangers": strangers, "refused": refused}


inside = stand.inside_of(__file__)


def check_node_rules(stand_files, root):
    """A device has a real node, where it is wanted, that agrees with what a program finds; without the library it opens for nobody."""
    yield from inside("rules", stand_files)


def check_node_reloads(stand_files, root):
    """Nodes follow the configuration."""
    yield from inside("reloads", stand_files)


def check_nodes_killed(stand_files, root):
    """Nodes of a daemon that was killed are the next one's."""
    yield from inside("killed", stand_files)


def check_node_strangers(stand_files, root):
    """Somebody else's node is left alone."""
    yield from inside("strangers", stand_files)


def check_nodes_refused(stand_files, root):
    """Where no node can be made, devices open all the same."""
    yield from inside("refused", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
