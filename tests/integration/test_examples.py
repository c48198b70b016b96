# SPDX-License-Identifier: BSD-2-Clause
"""The programs of docs/developers.md: built as the page says, and run on a device of each kind of way to it."""
import pathlib
import re
import shutil
import subprocess

import pytest
from worlds import BUILD, TUNTAPD, wait_until

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "packets"
BUILDS = {
    "c": lambda source, target: ["cc", "-Wall", "-Wextra", "-Werror", "-o", target, source],
    "rs": lambda source, target: ["rustc", "-D", "warnings", "-O", "-o", target, source],
    "go": lambda source, target: ["go", "build", "-o", target, source],
}
PACKETS = 3


def built(language):
    """The program, built where it is younger than its source; in the build tree, for the next run."""
    source = EXAMPLES / f"packets.{language}"
    if language == "py":
        return source
    command = BUILDS[language](source, BUILD / "examples" / f"packets-{language}")
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]}")
    target = BUILD / "examples" / f"packets-{language}"
    target.parent.mkdir(exist_ok=True)
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
    return target


# Not Go with the library, which its system calls pass by: the page says so.
WAYS = [("c", "exec"), ("c", "fd"), ("py", "exec"), ("py", "fd"), ("rs", "exec"), ("rs", "fd"), ("go", "fd")]


@pytest.mark.parametrize("language, way", WAYS)
def test_packets(namespace, daemon, language, way):
    program = built(language)
    words = ["exec", "-s", daemon.socket, "--"] if way == "exec" else ["fd", "-q", "-s", daemon.socket, "tun0", "--"]
    process = namespace.start([TUNTAPD, *words, str(program), "/dev/tun0", str(PACKETS)], f"{language}-{way}")
    process.wait_for("open", 30)
    wait_until(lambda: namespace.has("tun0"))
    assert process.alive(), "it waits while the interface is down"
    namespace.run(["ip", "address", "add", "10.9.9.1/24", "dev", "tun0"])
    namespace.run(["ip", "link", "set", "dev", "tun0", "up"])
    namespace.run(["ping", "-c", str(PACKETS + 2), "-i", "0.2", "-W", "1", "10.9.9.2"], check=False)
    assert process.wait(20) == 0
    assert re.findall(r"^(\d+) bytes to (\S+)$", process.output, re.M) == [("84", "10.9.9.2")] * PACKETS
    wait_until(lambda: not namespace.has("tun0"))


def test_the_page_names_them_all():
    page = (DOCS / "developers.md").read_text()
    for path in EXAMPLES.iterdir():
        assert f"(examples/packets/{path.name})" in page
