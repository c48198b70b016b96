# SPDX-License-Identifier: BSD-2-Clause
"""How programs that look for a free unit are seen by the daemon: whole scans, as OpenVPN, n2n, OpenSSH and QEMU make them."""
import pytest
from conftest import STRANGER
from worlds import PYTHON, TUNTAPD, Daemon, Namespace

HOLD_ALL = """
import os, sys
held = [os.open(f"/dev/tap{i}", os.O_RDWR) for i in range(16)]
print("held", len(held))
sys.stdin.read()
"""

SCAN = """
import errno, os
answers = []
for i in range(256):
    try:
        os.open(f"/dev/tap{i}", os.O_RDWR)
    except OSError as e:
        answers.append(errno.errorcode[e.errno])
print(*[f"{answers.count(name)} {name}" for name in sorted(set(answers))], sep=", ")
"""


@pytest.fixture
def daemon(directory):
    namespace = Namespace(directory)
    served = Daemon(namespace, directory)
    yield served
    assert served.stop() == 0
    assert not namespace.end()


@pytest.mark.parametrize("user, answer", [("root", "EBUSY"), ("stranger", "EACCES")])
def test_refused_scan_is_at_most_one_line_of_the_log(daemon, user, answer):
    """One user did one thing: sixteen lines would hide others'."""
    if user == "root":
        holder = daemon.start(HOLD_ALL, "holder")
        holder.wait_for("held 16")
    before = len(daemon.log.splitlines())
    done = daemon.namespace.run([*(STRANGER if user == "stranger" else []), TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c",
                                 SCAN])
    assert done.stdout.strip() == f"16 {answer}, 240 ENOENT"
    lines = [line for line in daemon.log.splitlines()[before:] if "refused" in line]
    assert len(lines) <= 1, lines
    if user == "root":
        holder.popen.stdin.close()
        holder.wait()
