# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces joined by a cable, a daemon in each; see ../integration/worlds.py."""
import os
import pathlib
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "integration"))
sys.path.insert(0, str(HERE))

from worlds import *  # noqa: E402,F401,F403 pylint: disable=wildcard-import,unused-wildcard-import,wrong-import-position
from worlds import Daemon, Namespace  # noqa: E402 pylint: disable=wrong-import-position

RESULTS = []


class Side:
    """One end: a namespace with address 192.0.2.N, its daemon, a BSD-syntax ifconfig, and what runs there."""

    def __init__(self, directory, number):
        self.directory = pathlib.Path(directory) / f"side{number}"
        self.directory.mkdir()
        self.number = number
        self.address = f"192.0.2.{number}"
        self.namespace = Namespace(self.directory)
        for tool in ("ifconfig", "route"):
            self.namespace.run(["mount", "--bind", str(HERE / "bin" / tool), f"/sbin/{tool}"])
        self.daemon = Daemon(self.namespace, self.directory)
        self.programs = []

    def environment(self):
        return {**os.environ, "PATH": f"{HERE / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin"}

    def start(self, command, name):
        """An unmodified program, with the shim."""
        process = self.namespace.start([TUNTAPD, "exec", "-s", self.daemon.socket, "--", *map(str, command)], name,
                                       env=self.environment(), cwd=self.directory)
        self.programs.append(process)
        return process

    def start_plain(self, command, name):
        return self.namespace.start(list(map(str, command)), name, env=self.environment(), cwd=self.directory)

    def run(self, command, **more):
        return self.namespace.run(list(map(str, command)), **more)

    def end_programs(self):
        """What was started here, and what that left behind: programs that detach (edge) are no children of ours."""
        for process in reversed(self.programs):
            process.end()
        ours = os.readlink(f"/proc/{self.namespace.pid}/ns/net")
        spared = {self.namespace.pid, self.daemon.pid, self.daemon.worker()}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) not in spared and os.readlink(entry / "ns" / "net") == ours:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue

    def write(self, name, text, mode=0o644):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path


@pytest.fixture
def sides(directory):
    a, b = Side(directory, 1), Side(directory, 2)
    a.run(["ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(b.namespace.pid)])
    for side in (a, b):
        side.run(["ip", "addr", "add", f"{side.address}/24", "dev", "cable"])
        side.run(["ip", "link", "set", "cable", "up"])
    yield a, b
    problems = []
    for side in (a, b):
        side.end_programs()
        wait_until(lambda s=side: not [i for i in s.namespace.interfaces() if i not in ("lo", "cable")], 10,
                   f"devices of side {side.number} are gone")
        wait_until(lambda s=side: {d["state"] for d in s.daemon.status().values()} == {"closed"})
        if side.daemon.stop() != 0:
            problems.append(f"daemon {side.number} ended badly")
    a.run(["ip", "link", "delete", "cable"])
    for side in (a, b):
        for process in side.namespace.processes:
            print(f"--- side {side.number}, {process.name} ---\n{process.output}")
        left = side.namespace.end()
        if left:
            problems.append(f"side {side.number} is left with {left}")
    assert not problems, problems


def pytest_terminal_summary(terminalreporter):
    if RESULTS:
        terminalreporter.write_line("program          version   device   what passed")
        for row in RESULTS:
            terminalreporter.write_line("{:16} {:9} {:8} {}".format(*row))
