# SPDX-License-Identifier: BSD-2-Clause
"""The daemon of macOS as launchd would start it: with a control socket that is launchd's.  On the stand-in."""
import os
import select
import socket
import subprocess

import stand
from live import hold
from stand import SECONDS, World, wait_until


class Job(World):
    """The socket is made once, and outlives each daemon."""

    def __init__(self, files, directory, name="control"):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(directory / "socket"))
        self.listener.listen(16)
        os.chmod(directory / "socket", 0o666)
        self.name = name
        super().__init__(files, directory)

    def serve(self, **environment):
        log = self.directory / "daemon.log"
        before = len(log.read_text(errors="replace")) if log.exists() else 0
        fd = self.listener.fileno()
        with open(log, "ab") as output:
            daemon = subprocess.Popen([str(self.files / "stand" / "loader"), str(self.files / "universal" / "tuntapd"), "serve", "-c",
                                       str(self.directory / "conf"), "-s", str(self.socket)], stdout=output, stderr=subprocess.STDOUT,
                                      pass_fds=[fd], env={**os.environ, **environment, "TUNTAPD_STANDIN_LAUNCHD": f"{self.name}:{fd}"})
        daemon.said = lambda: log.read_text(errors="replace")
        wait_until(lambda: ": serving " in daemon.said()[before:] or daemon.poll() is not None, "the daemon serves")
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with status {daemon.returncode}:\n{daemon.said()[before:]}")
        return daemon


def handed_over(files, directory):
    world = Job(files, directory)
    inode = world.socket.stat().st_ino
    first, said = hold(world)
    if not said.strip().isdigit():
        yield f"no device: {said}{world.said()}"
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    if not world.socket.exists() or world.socket.stat().st_ino != inode:
        yield "launchd's socket did not stay"
    if not (directory / "socket.d" / "devices").exists():
        yield "the list of devices did not stay"
    second = world.piped("hold", "/dev/tun1")
    # It stands in the socket's queue.
    wait_until(lambda: select.select([world.listener], [], [], 0)[0], "somebody connects")
    world.daemon = world.serve()
    said = second.stdout.readline()
    if not said.strip().isdigit():
        yield f"who opened between two daemons got no device: {said}{world.said()}"
    state = world.command("status").stdout
    for name in ("tun0", "tun1"):
        if not any(line.startswith(name) and "closed" not in line for line in state.splitlines()):
            yield f"{name} is not open:\n{state}"
    for program in (first, second):
        program.kill()
        program.wait(SECONDS)
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"


def other_name(files, directory):
    """The property list and the daemon have to agree about the socket's name: else it makes its own, where there is one."""
    try:
        Job(files, directory, "other")
        yield "it serves"
    except RuntimeError as error:
        if "somebody else listens there" not in str(error):
            yield str(error)


def check_launchd_socket(stand_files, root):
    """The daemon serves the socket that launchd made and leaves it; who opens a device before the next daemon waits for that one."""
    yield from stand.inside(__file__, "handed_over", stand_files.parent)


def check_launchd_name(stand_files, root):
    """It takes the socket that the property list calls control, and no other."""
    yield from stand.inside(__file__, "other_name", stand_files.parent)


if __name__ == "__main__":
    stand.main_inside({"handed_over": handed_over, "other_name": other_name})
