# SPDX-License-Identifier: BSD-2-Clause
"""`tuntapd pair` and `exec --pair`: two joined interfaces, where, for whom, until when; and the examples of docs/ci.md."""
import json
import os
import pathlib
import re
import signal
import stat
import subprocess

import jsonschema
import pytest
from worlds import PYTHON, TUNTAPD, Daemon, Namespace, wait_until

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "pair-schema.json").read_text())
MEMBER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--groups", "77"]
STRANGER = ["setpriv", "--reuid", "1235", "--regid", "1235", "--clear-groups"]
# A user, network and mount namespace of the caller's, which says its name and waits.
ROOTLESS = ["unshare", "-U", "-r", "-n", "sh", "-c", "echo ready; exec cat"]


def pair(daemon, *words, namespace=None, prefix=(), **more):
    return (namespace or daemon.namespace).run([*prefix, TUNTAPD, "pair", "-s", daemon.socket, *words], check=False, **more)


def made(daemon, *words, **more):
    """Makes one, and returns what JSON says of it."""
    done = pair(daemon, "--json", *words, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    return document["pairs"][0]


def listed(daemon):
    document = json.loads(pair(daemon, "--list", "--json").stdout)
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    return {(p["a"]["interface"], p["b"]["interface"]): p for p in document["pairs"]}


def configured(namespace, directory, text):
    path = pathlib.Path(directory) / "pairs.conf"
    path.write_text(text)
    return Daemon(namespace, directory, ["-c", str(path)])


@pytest.fixture
def other(directory):
    n = Namespace(directory)
    yield n
    print("\n".join(f"--- other, {p.name} ---\n{p.output}" for p in n.processes))
    left = n.end()
    assert not left, f"interfaces or processes are left: {left}"


def test_two_joined_interfaces(namespace, other, daemon):
    done = pair(daemon, "left", "right", "--mtu", "1400", "--netns", f"right={other.pid}", "--address", "left=10.0.0.1/24", "--address",
                "b=10.0.0.2/24", "--address", "a=fd00::1/64", "--address", "right=fd00::2/64")
    assert (done.returncode, done.stdout, done.stderr) == (0, "left right\n", "")
    assert namespace.is_up("left") and other.is_up("right") and not namespace.has("right")
    # At once, IPv6 as well.
    namespace.run(["ping", "-c", "1", "-W", "5", "10.0.0.2"])
    namespace.run(["ping", "-c", "1", "-W", "5", "fd00::2"])
    show = namespace.run(["ip", "-d", "addr", "show", "left"]).stdout
    assert "mtu 1400" in show and "brd 10.0.0.255" in show and "mtu 1400" in other.run(["ip", "link", "show", "right"]).stdout
    one = listed(daemon)["left", "right"]
    assert one["a"]["netns"] == os.stat(f"/proc/{namespace.pid}/ns/net").st_ino
    assert one["b"]["netns"] == os.stat(f"/proc/{other.pid}/ns/net").st_ino
    assert not one["held"] and one["maker"]["uid"] == 0 and one["maker"]["program"] == "tuntapd"
    assert "left" in pair(daemon, "--list").stdout
    assert pair(daemon, "--delete", "right").returncode == 0
    assert not namespace.has("left") and not other.has("right") and listed(daemon) == {}


def test_names(namespace, daemon):
    namespace.run(["ip", "link", "add", "taken", "type", "veth", "peer", "name", "stranger"])
    for words in (["taken", "x"], ["x", "taken"]):
        done = pair(daemon, *words)
        assert done.returncode == 75 and "an interface of that name is there" in done.stderr
    for words in (["x", "x"], ["x/y", "z"], ["x", "a b"], ["x%d%d", "z"], ["x", "y%d" + "z"], ["x", ".."], ["x", "0123456789abcdefg"], ["", "x"]):
        assert pair(daemon, *words).returncode == 64, words
    first, second = made(daemon, "ci%d", "ci%d"), made(daemon, "ci%d", "taken%d")
    assert [first[end]["interface"] for end in "ab"] == ["ci0", "ci1"]
    assert [second[end]["interface"] for end in "ab"] == ["ci2", "taken0"]
    assert pair(daemon, "ci1", "x").returncode == 75
    for name in ("ci0", "taken0"):
        assert pair(daemon, "--delete", name).returncode == 0
    done = pair(daemon, "--delete", "taken")
    assert done.returncode == 1 and "no end of a pair" in done.stderr and namespace.has("taken")
    namespace.run(["ip", "link", "del", "taken"])


@pytest.mark.parametrize("words", [
    ["--mtu", "67"], ["--mtu", "65536"], ["--mtu", "x"], ["--address", "10.0.0.1/24"], ["--address", "c=10.0.0.1/24"],
    ["--address", "a=10.0.0.1/33"], ["--address", "a=10.0.0/24"], ["--address", "a=fd00::1/129"], ["--address", "a="], ["--netns", "a=nowhere"],
    ["--netns", "a=/proc/self/ns/net", "--netns", "x=/proc/self/ns/net"], ["--address", "a=10.0.0.1/24", "--address", "a=10.0.0.1/24"], ["--netns", "a=/dev/null"],
    [*["--address", "a=10.0.0.1/24"] * 5], ["--list"], ["--delete"], ["third"], ["--mtu", "1000", "--address", "a=fd00::1/64"]])
def test_what_is_no_pair(namespace, daemon, words):
    """Refused by the command, by the daemon or by the kernel: nothing is left in any case."""
    done = pair(daemon, "x", "y", *words)
    assert done.returncode in (64, 71) and done.stderr
    assert set(namespace.interfaces()) == {"lo"} and listed(daemon) == {}


def test_renamed_moved_and_deleted_by_somebody(namespace, other, daemon):
    made(daemon, "one", "two")
    namespace.run(["ip", "link", "set", "one", "down", "name", "uno"])
    assert ("uno", "two") in listed(daemon)
    namespace.run(["ip", "link", "set", "uno", "netns", str(other.pid)])
    wait_until(lambda: listed(daemon)["uno", "two"]["a"]["netns"] is None)
    assert pair(daemon, "--delete", "two").returncode == 0
    assert not other.has("uno") and not namespace.has("two")
    made(daemon, "one", "two")
    namespace.run(["ip", "link", "del", "two"])
    wait_until(lambda: listed(daemon) == {})
    # A stranger's of that name, later, is none of ours.
    namespace.run(["ip", "link", "add", "one", "type", "veth", "peer", "name", "two"])
    assert pair(daemon, "--delete", "one").returncode == 1 and namespace.has("one")
    namespace.run(["ip", "link", "del", "one"])


def test_a_namespace_that_goes_takes_it_along(namespace, directory, daemon):
    third = Namespace(directory)
    made(daemon, "here", "there", "--netns", f"b={third.pid}")
    made(daemon, "one", "two", "--netns", f"a={third.pid}", "--netns", f"b={third.pid}")
    third.holder.kill()
    third.holder.wait()
    third.holder.stdin.close()
    third.holder.stdout.close()
    wait_until(lambda: listed(daemon) == {}, what="both are gone")
    assert set(namespace.interfaces()) == {"lo"}


def test_who_may(namespace, directory):
    daemon = configured(namespace, directory, "pairs-group = 77\npairs-per-user = 2\npairs-addresses = {10.99.0.0/16, fd99::/16}\n")
    done = pair(daemon, "pair%d", "pair%d", prefix=STRANGER)
    assert done.returncode == 77 and "pairs-group" in done.stderr
    wait_until(lambda: "refused to uid 1235" in daemon.log)
    one = made(daemon, "pair%d", "pair%d", "--address", "a=10.99.1.1/24", "--address", "b=fd99::1/64", prefix=MEMBER)
    assert one["maker"]["uid"] == 1234
    for words in (["eth7", "pair7"], ["pair7", "tap0"], ["pair7", "pair8", "--address", "a=10.98.0.1/24"],
                  ["pair7", "pair8", "--address", "a=10.99.0.1/15"], ["pair7", "pair8", "--netns", "b=1"]):
        done = pair(daemon, *words, prefix=MEMBER)
        assert done.returncode == 77, (words, done.stderr)
    made(daemon, "pair%d", "pair%d", prefix=MEMBER)
    done = pair(daemon, "pair%d", "pair%d", prefix=MEMBER)
    assert done.returncode == 71 and "as many pairs as one may" in done.stderr
    done = pair(daemon, "--delete", "pair0", prefix=STRANGER)
    assert done.returncode == 77 and "only root and who made" in done.stderr
    assert pair(daemon, "--delete", "pair0", prefix=MEMBER).returncode == 0
    assert pair(daemon, "--delete", "pair2").returncode == 0  # root
    assert set(namespace.interfaces()) == {"lo"}
    # Without a word in the configuration: root alone.
    (pathlib.Path(directory) / "pairs.conf").write_text("")
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: "read the configuration again" in daemon.log)
    assert pair(daemon, "pair%d", "pair%d", prefix=MEMBER).returncode == 77
    assert daemon.stop() == 0


def test_in_a_namespace_of_one_s_own(namespace, daemon):
    """A rootless container: there the user may all, and nothing beside it."""
    holder = namespace.start([*STRANGER, *ROOTLESS], "rootless")
    holder.wait_for("ready")
    inside = [*STRANGER[:1], *STRANGER[1:], "nsenter", "-t", str(holder.pid), "-U", "-n", "--preserve-credentials", "--"]
    one = made(daemon, "eth0", "eth1", "--address", "a=192.0.2.1/24", prefix=inside)
    assert one["a"]["netns"] == os.stat(f"/proc/{holder.pid}/ns/net").st_ino and set(namespace.interfaces()) == {"lo"}
    done = pair(daemon, "eth2", "pair0", "--netns", f"b={namespace.pid}", prefix=inside)
    assert done.returncode in (64, 77) and set(namespace.interfaces()) == {"lo"}
    assert pair(daemon, "--delete", "eth0", prefix=inside).returncode == 0
    holder.end()


def test_table_full(namespace, daemon):
    namespace.python(f"""
import subprocess
for n in range(64):
    subprocess.run([{TUNTAPD!r}, "pair", "-s", {daemon.socket!r}, "p%d", "p%d"], check=True)
""")
    done = pair(daemon, "p%d", "p%d")
    assert done.returncode == 71 and "as many pairs as there may be" in done.stderr
    namespace.run(["ip", "link", "del", "p17"])
    wait_until(lambda: len(listed(daemon)) == 63)
    made(daemon, "p%d", "p%d")
    namespace.run([TUNTAPD, "serve", "-s", daemon.socket, "--stop-all"])
    daemon.process.wait()
    assert set(namespace.interfaces()) == {"lo"}


def test_exec(namespace, daemon):
    def run(*words, **more):
        return namespace.run([TUNTAPD, "exec", "-s", daemon.socket, *words], check=False, **more)

    done = run("--pair", "--address", "a=10.0.0.1/24", "--mtu", "1300", "--", "sh", "-c",
               "echo $TUNTAPD_PAIR_A $TUNTAPD_PAIR_B; ip -o addr show dev $TUNTAPD_PAIR_A; ip link show dev $TUNTAPD_PAIR_B; exit 7")
    assert done.returncode == 7 and done.stdout.startswith("pair0 pair1\n") and "10.0.0.1/24" in done.stdout and "mtu 1300" in done.stdout
    assert set(namespace.interfaces()) == {"lo"} and listed(daemon) == {}
    assert run("--pair", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    assert run("--pair", "--address", "a=1", "true").returncode == 64
    assert run("--mtu", "1300", "true").returncode == 64
    assert run("--pair", "no-such-program").returncode == 127
    assert set(namespace.interfaces()) == {"lo"} and listed(daemon) == {}
    # The program has devices, too.
    done = run("--pair", PYTHON, "-c", "import os; os.open('/dev/tap0', os.O_RDWR); os.system('ip -br link')")
    assert {"tap0", "pair0@pair1", "pair1@pair0"} <= {line.split()[0] for line in done.stdout.splitlines()}


def test_exec_without_root(namespace, directory):
    daemon = configured(namespace, directory, "pairs-group = 77\n")
    done = namespace.run([*MEMBER, TUNTAPD, "exec", "-s", daemon.socket, "--pair", "sh", "-c", "ip -br link show $TUNTAPD_PAIR_B"])
    assert done.stdout.startswith("pair1@pair0 ")
    assert set(namespace.interfaces()) == {"lo"}
    assert daemon.stop() == 0


@pytest.fixture
def node(namespace, directory):
    """A node of the tun driver for everybody, as Debian makes it."""
    path = pathlib.Path(directory) / "tun"
    os.mknod(path, stat.S_IFCHR, os.makedev(10, 200))
    path.chmod(0o666)
    namespace.run(["mount", "--bind", str(path), "/dev/net/tun"])


def test_private_world(namespace, node):
    """Needs neither root nor a daemon; the pair is in the world of its own, and nowhere else."""
    done = namespace.run([*STRANGER, TUNTAPD, "exec", "--private", "--pair", "--address", "a=10.0.0.1/24", "--", "sh", "-c",
                          "ip -o -br addr show dev $TUNTAPD_PAIR_A; tuntapd=$0; $tuntapd pair --list", TUNTAPD], cwd="/")
    assert "10.0.0.1/24" in done.stdout and re.search(r"^pair0 +pair1 +deleted", done.stdout, re.M)
    assert set(namespace.interfaces()) == {"lo"}


def example_path(directory):
    """A directory of programs in which tuntapd is this build's."""
    programs = pathlib.Path(directory) / "bin"
    programs.mkdir()
    (programs / "tuntapd").symlink_to(TUNTAPD)
    (programs / "sudo").write_text("#!/bin/sh\nexec \"$@\"\n")
    (programs / "sudo").chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}


def test_step_of_the_manual(namespace, directory, node):
    """The step for GitHub Actions, as docs/ci.md has it."""
    text = re.search(r"```yaml\n(.*?)```", (DOCS / "ci.md").read_text(), re.S).group(1)
    script = re.sub(r"^    ", "", text.partition("run: |\n")[2], flags=re.M)
    done = namespace.run(["sh", "-ec", f"cd {DOCS.parent}\n{script}"], env=example_path(directory), check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout and "10.0.0.1/24" in done.stdout, done.stdout + done.stderr
    assert set(namespace.interfaces()) == {"lo"}


def test_fixture_of_the_manual(namespace, directory, daemon):
    """The fixture for pytest, on a daemon of the machine."""
    environment = {**example_path(directory), "TUNTAPD_SOCKET": daemon.socket}
    done = namespace.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(DOCS / "examples")], env=environment)
    assert "1 passed" in done.stdout
    assert set(namespace.interfaces()) == {"lo"} and listed(daemon) == {}
