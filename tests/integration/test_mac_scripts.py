# SPDX-License-Identifier: BSD-2-Clause
"""The scripts that continuous integration runs on a Mac (tests/darwin/mac), run here: on a machine of the test's own, for this system's links."""
import json
import os
import pathlib
import plistlib
import re
import subprocess

import pytest
from machine import Machine, SystemdMachine, install_tree
from worlds import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAC = "/src/tests/darwin/mac"
PREFIX = "/opt/tuntapd"

@pytest.fixture(scope="module", name="tree")
def make_tree(tmp_path_factory):
    return install_tree(tmp_path_factory.mktemp("tree"))

def furnish(machine, tree):
    machine.copy(tree, PREFIX)
    for part in ("tests/darwin/mac", "tests/darwin/programs", "tests/programs"):
        machine.copy(ROOT / part, f"/src/{part}")

@pytest.fixture(scope="module", name="machine")
def make_machine(tree):
    machine = Machine()
    try:
        furnish(machine, tree)
        yield machine
    finally:
        machine.end()

def script(machine, name, *words, statuses=(0,)):
    done = machine.run(["env", f"TUNTAPD={PREFIX}/bin/tuntapd", f"{MAC}/{name}", *words], check=False)
    print(done.stdout + done.stderr)
    assert done.returncode in statuses, f"{name} {words} ended with status {done.returncode}:\n{done.stdout}{done.stderr}"
    assert not [path for path in machine.path("/tmp").iterdir() if path.name.startswith("tuntapd-mac")]
    assert len(machine.run(["ip", "-o", "link"]).stdout.splitlines()) == 1
    return done.stdout

def test_facts(machine):
    assert "/dev/net/tun" in script(machine, "facts.sh")

@pytest.mark.parametrize("kind", ["tun", "tap"])
def test_inject(machine, kind):
    assert "opened, refused while down, closed" in script(machine, "inject.sh", kind)

@pytest.mark.parametrize("link", ["linux", "veth"])
def test_ping(machine, link):
    assert " 10 echo" in script(machine, "ping.sh", link)

# A program of rows, for any system: it reads what comes, and the wrong one says that it was not so.
ROWS = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	unsigned char frame[2000];
	int fd = open(argv[1], O_RDWR), found = 0, wanted[] = {60, 61, 200, 1514};
	printf("%sok 1 - it opens\n", fd >= 0 ? "" : "not ");
	if (strstr(argv[1], "tap") != NULL) {
		if (system("ip link set tap0 up") != 0) return 1;
		printf("# frames\n");
		fflush(stdout);
		while (found < 4) {
			ssize_t n = read(fd, frame, sizeof(frame));
			found += n == wanted[found] && frame[12] == 0x88 && frame[14] * 256 + frame[15] == n;
		}
		printf("ok 2 - frames come\n");
	}
	printf("%sok 3 - it is @\n1..3\n", '@' == 'r' ? "" : "not ");
	return 0;
}
"""

@pytest.mark.parametrize("link", ["linux", "veth"])
def test_rules(machine, link):
    machine.write("/tmp/right.c", ROWS.replace("@", "r"))
    machine.write("/tmp/wrong.c", ROWS.replace("@", "w"))
    said = script(machine, "rules.sh", link, "/tmp/right.c")
    assert "ok 1 - it opens\n" in said and ("ok 2 - frames come" in said) == (link == "veth")
    assert "not ok 3" in script(machine, "rules.sh", link, "/tmp/wrong.c", statuses=(1,))

def test_a_step_that_cannot_tell_is_a_notice(machine):
    said = machine.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", f"{MAC}/step.sh", "ping.sh", "utun"]).stdout
    assert "::notice title=ping.sh::skipped" in said
    assert machine.run([f"{MAC}/step.sh", "lib.sh"], check=False).returncode not in (0, 77)

def test_pair(machine):
    assert "pair0" in script(machine, "pair.sh")

def test_tunnel(machine):
    if not os.path.exists("/usr/sbin/openvpn"):
        pytest.skip("there is no openvpn")
    script(machine, "tunnel.sh")

def test_ratios(machine):
    script(machine, "ratios.py", "/tmp/ratios.json")
    said = json.loads(machine.path("/tmp/ratios.json").read_text())
    assert 0.1 < said["ratio"] < 10 and said["device_ms"] > 0

def test_each_says_what_it_cannot_tell(machine):
    """Without root, and without what it is about."""
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", f"TUNTAPD={PREFIX}/bin/tuntapd"]
    for name in ("inject.sh", "ping.sh", "rules.sh", "pair.sh", "tunnel.sh", "service.sh", "ratios.py"):
        done = machine.run([*as_nobody, f"{MAC}/{name}", "linux"], check=False)
        assert done.returncode == 77 and re.search("SKIP: it makes interfaces|SKIP: .* is for macOS", done.stdout), f"{name}: {done.stdout}{done.stderr}"

def test_each_fails_where_the_daemon_does(machine):
    """A script that cannot fail says nothing."""
    machine.write("/tmp/broken", "#!/bin/sh\nexit 1\n", 0o755)
    for name in ("inject.sh", "ping.sh", "pair.sh", "ratios.py"):
        done = machine.run(["env", "TUNTAPD=/tmp/broken", "timeout", "60", "sed", "-i", "s/within 10 /within 1 /", f"{MAC}/lib.sh"])
        done = machine.run(["env", "TUNTAPD=/tmp/broken", f"{MAC}/{name}", "linux" if name != "ratios.py" else "/tmp/x"], check=False)
        assert done.returncode not in (0, 77), f"{name}: {done.stdout}"
    machine.copy(ROOT / "tests/darwin/mac/lib.sh", f"{MAC}/lib.sh")

def test_service(tree):
    with SystemdMachine.booted() as machine:
        furnish(machine, tree)
        assert "uninstalled" in script(machine, "service.sh", PREFIX)

@pytest.mark.no_root
def test_build():
    done = subprocess.run([ROOT / "tests/darwin/mac/build.sh", BUILD], check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "tuntapd 0." in done.stdout, done.stdout + done.stderr

# What kext.sh calls on a Mac, as far as this system can play it: the compiler makes an empty file of the name that it is told.
APPLES = {
    "uname": "echo Darwin",
    "xcrun": """case "$*" in
    *--show-sdk-path) echo "$SDK" ;;
    *-print-resource-dir) echo /resources ;;
    *) echo "$*" >>"$SDK/compiled"
       while [ "$1" != -o ]; do shift; done
       : >"$2" ;;
    esac""",
    "lipo": """case "$*" in *"${MISSING:-none}") exit 1 ;; esac""",
    "plutil": "true", "codesign": "true", "kmutil": "exit 1",
}

def kext_script(directory, **more):
    for name, text in APPLES.items():
        path = directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    (directory / "System/Library/Frameworks/Kernel.framework/Headers").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": f"{directory}/bin:{os.environ['PATH']}", "SDK": str(directory), **more}
    return subprocess.run([ROOT / "tests/darwin/mac/kext.sh", directory / "out"], check=False, capture_output=True, text=True, env=environment)

@pytest.mark.no_root
def test_kext(tmp_path):
    """The bundles are whole; the compiler is a stand-in."""
    done = kext_script(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    version = re.search(r"version: '([0-9.]+)'", (ROOT / "meson.build").read_text()).group(1)
    compiled = (tmp_path / "compiled").read_text().splitlines()
    assert len(compiled) == 2
    for kind, words in zip(("tun", "tap"), compiled):
        plist = plistlib.loads((tmp_path / f"out/{kind}.kext/Contents/Info.plist").read_bytes())
        assert (plist["CFBundleIdentifier"], plist["CFBundleExecutable"], plist["CFBundleVersion"]) == (f"org.tuntapd.{kind}", kind, version)
        assert (tmp_path / f"out/{kind}.kext/Contents/MacOS/{kind}").is_file()
        sources = {pathlib.Path(word).name for word in words.split() if word.endswith(".c")}
        assert sources == {path.name for path in (ROOT / "kext").glob("*.c")} - {"tap.c" if kind == "tun" else "tun.c"}
        assert f"-DKEXT_BUNDLE=org.tuntapd.{kind}" in words and f'-DKEXT_VERSION="{version}"' in words

@pytest.mark.no_root
def test_kext_that_is_not_for_both(tmp_path):
    assert kext_script(tmp_path, MISSING="arm64e").returncode not in (0, 77)

@pytest.mark.no_root
def test_kext_is_not_linked_here():
    done = subprocess.run([ROOT / "tests/darwin/mac/kext.sh"], check=False, capture_output=True, text=True)
    assert done.returncode == 77 and "linked on a Mac" in done.stderr, done.stdout + done.stderr

@pytest.mark.no_root
def test_formula():
    done = subprocess.run([ROOT / "tests/darwin/mac/formula.sh"], check=False, capture_output=True, text=True)
    assert done.returncode == 77 and "class Tuntapd < Formula" in done.stdout, done.stdout + done.stderr
