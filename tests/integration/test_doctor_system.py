# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd doctor: each finding, on a tree of files that is made for it, with stand-ins for the system's commands.

The checks are the command's own objects (doctor-tree.c), which on a Mac look at the Mac; here at a tree that says it is one.  Each test
compares the tree before and after: nothing is changed.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import stat
import struct
import subprocess
import time

import jsonschema
import pytest
from worlds import BUILD, TUNTAPD, Daemon, wait_until

DOCTOR = BUILD / "tests" / "integration" / "doctor-tree"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/doctor-schema.json").read_text())
STATUS = {"info": 0, "warning": 1, "error": 2}

pytestmark = pytest.mark.no_root


class Tree:
    """A root of files, a directory of commands, and a socket that may be there."""

    def __init__(self, path):
        self.root, self.commands, self.socket = path / "root", path / "commands", path / "run" / "socket"
        for directory in (self.root, self.commands, self.socket.parent):
            directory.mkdir()

    def file(self, path, text="", mode=0o644):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def directory(self, path):
        (self.root / path.lstrip("/")).mkdir(parents=True)

    def link(self, path, to):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)

    def command(self, name, answers):
        """answers: what it says to which words; to others it says nothing, with status 1."""
        cases = "".join(f"{shlex.quote(words)}) printf '%s' {shlex.quote(say)};;\n" for words, say in answers.items())
        path = self.commands / name
        path.write_text(f"#!/bin/sh\ncase \"$*\" in\n{cases}*) exit 1;;\nesac\n")
        path.chmod(0o755)

    def state(self):
        found = []
        for base in (self.root, self.socket.parent):
            for path in sorted(base.rglob("*")):
                info = path.lstat()
                found.append((str(path), info.st_mode, info.st_uid, info.st_mtime_ns if not stat.S_ISDIR(info.st_mode) else 0))
        return found

    def run(self, *words, **more):
        return subprocess.run([DOCTOR, self.root, self.commands, self.socket, *words], capture_output=True, text=True, timeout=60,
                              check=False, **more)

    def findings(self, **more):
        before = self.state()
        done = self.run("json", **more)
        assert done.stderr == "", done.stderr
        document = json.loads(done.stdout)
        jsonschema.validate(document, SCHEMA)
        assert done.returncode == STATUS[document["severity"]]
        assert document["severity"] == max((f["severity"] for f in document["findings"]), key=list(STATUS).index, default="info")
        text = self.run(**more).stdout
        for finding in document["findings"]:
            assert f"{finding['severity']} ({finding['id']}): " in text
            for part in (finding["what"], finding["why"], *finding["commands"]):
                assert part in text or not part.isprintable()
        assert self.state() == before, "something was changed"
        self.system = document["system"]
        return {finding["id"]: finding for finding in document["findings"]}


@pytest.fixture
def linux(tmp_path):
    """A healthy Linux, but for the daemon."""
    tree = Tree(tmp_path)
    (tree.root / "dev/net").mkdir(parents=True)
    if os.geteuid() == 0:
        os.mknod(tree.root / "dev/net/tun", 0o666 | stat.S_IFCHR, os.makedev(10, 200))
        (tree.root / "dev/net/tun").chmod(0o666)
    tree.file("/proc/self/status", "Name:\tdoctor\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n")
    tree.file("/proc/sys/user/max_user_namespaces", "15000\n")
    return tree


VERSION = '<?xml version="1.0"?>\n<plist><dict>\n\t<key>ProductVersion</key>\n\t<string>{}</string>\n</dict></plist>\n'
LABEL = "org.tuntapd.daemon"
KMUTIL = "showloaded --list-only"


@pytest.fixture
def mac(tmp_path):
    """A healthy Mac of Apple's own processor, but for the daemon."""
    tree = Tree(tmp_path)
    tree.file("/System/Library/CoreServices/SystemVersion.plist", VERSION.format("15.1"))
    tree.command("sysctl", {"-n hw.optional.arm64": "1", "-n net.link.fake.bsd_mode": "1", "-n net.link.fake.hwcsum": "0",
                            "-n net.link.fake.fcs": "0", "-n net.link.fake.trailer_length": "0"})
    tree.command("kmutil", {KMUTIL: "  1  0 0xfffffe0007 0x28000 0x28000 com.apple.kpi.bsd (24.1.0) UUID <>\n"})
    return tree


def kext(tree, path, identifier, program="x86_64"):
    """A bundle, with an executable that is the header of one; program None: without."""
    name = pathlib.PurePath(path).stem
    tree.file(f"{path}/Contents/Info.plist",
              f'<plist><dict><key>CFBundleExecutable</key><string>{name}</string>\n<key>CFBundleIdentifier</key>\n<string>{identifier}</string>'
              "</dict></plist>\n")
    if program:
        executable = tree.file(f"{path}/Contents/MacOS/{name}")
        cpu, sub = {"x86_64": (0x01000007, 3), "arm64e": (0x0100000C, 0x80000002)}[program]
        words = [0xFEEDFACF, cpu, sub, 11, 0, 0, 0, 0]
        executable.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))


def loaded(tree, *identifiers):
    text = "".join(f"  {n}  0 0xffffff7f8{n} 0x8000 0x8000 {name} (5.0) 1234-ABCD <7 5>\n" for n, name in enumerate(identifiers, 155))
    tree.command("kmutil", {KMUTIL: text})


# --- the daemon


def test_no_daemon(linux):
    found = linux.findings()
    assert linux.system == "linux"
    missing = found["daemon-missing"]
    assert missing["severity"] == "error" and missing["commands"] == [f"sudo tuntapd serve -s {linux.socket}"]
    assert "leftover-socket" not in found and "leftover-devices" not in found


def test_leftovers_of_a_killed_daemon(linux):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(linux.socket))
    rundir = pathlib.Path(f"{linux.socket}.d")
    (rundir / "state").mkdir(parents=True)
    (rundir / "state/tap0").write_bytes(b"page")
    found = linux.findings()
    assert found["leftover-socket"]["severity"] == "info"
    assert found["leftover-devices"]["severity"] == "warning" and "left 1 device" in found["leftover-devices"]["what"]


def test_what_answers_is_no_daemon(linux):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(linux.socket))
        listener.listen()
        assert linux.findings()["daemon-foreign"]["severity"] == "error"


def test_socket_rights(linux):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(linux.socket))
    linux.socket.chmod(0o660)
    rundir = pathlib.Path(f"{linux.socket}.d")
    rundir.mkdir()
    rundir.chmod(0o777)
    found = linux.findings()
    assert found["socket-rights"]["commands"] == [f"sudo chmod 0666 {linux.socket}"]
    assert found["rundir-rights"]["severity"] == "error"
    linux.socket.chmod(0o666)
    rundir.chmod(0o755)
    assert not {"socket-rights", "rundir-rights"} & set(linux.findings())


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_socket_denied(linux):
    for path in [linux.root.parent, *linux.root.parent.parents]:
        if path.owner() == "root" and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o055)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(linux.socket))
        listener.listen()
        linux.socket.parent.chmod(0o700)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", DOCTOR, linux.root, linux.commands, linux.socket, "json"],
                              capture_output=True, text=True, check=False, cwd="/")
    assert "socket-denied" in {f["id"] for f in json.loads(done.stdout)["findings"]}


class Other(socket.socket):
    """A daemon that answers one request with an answer of another version."""

    def serve(self):
        connection, _ = self.accept()
        with connection:
            request = connection.recv(4096)
            connection.send(request[:4] + (99).to_bytes(2, "little") + (0x8005).to_bytes(2, "little") + (32).to_bytes(4, "little") +
                            request[12:16] + bytes(16))


def test_daemon_of_another_version(linux):
    import threading
    with Other(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(linux.socket))
        listener.listen()
        thread = threading.Thread(target=listener.serve)
        thread.start()
        done = linux.run("json")
        thread.join()
    document = json.loads(done.stdout)
    assert "daemon-version" in {f["id"] for f in document["findings"]} and done.returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a namespace")
class TestWithADaemon:
    def doctor(self, namespace, daemon):
        namespace.run(["mount", "-t", "sysfs", "sysfs", "/sys"])  # which shows the interfaces of who mounts it
        done = namespace.run([TUNTAPD, "doctor", "-s", daemon.socket, "--json"], check=False)
        document = json.loads(done.stdout)
        jsonschema.validate(document, SCHEMA)
        assert done.returncode == STATUS[document["severity"]]
        return {finding["id"]: finding for finding in document["findings"]}

    def test_healthy(self, namespace, daemon):
        found = self.doctor(namespace, daemon)
        assert not [f for f in found.values() if f["severity"] == "error"], found
        assert not {"daemon-missing", "daemon-older", "socket-rights", "rundir-rights", "shim-version", "name-taken", "device-open"} & set(found)

    def test_who_holds_devices(self, namespace, daemon):
        daemon.hold("tap3")
        found = self.doctor(namespace, daemon)
        assert re.search(r"^tap3 is open: \d+ python3.* root, interface tap3, link linux$", found["device-open"]["what"])
        assert "name-taken" not in found

    def test_names_that_others_have(self, namespace, daemon):
        namespace.run(["ip", "tuntap", "add", "dev", "tap5", "mode", "tap"])
        namespace.run(["ip", "tuntap", "add", "dev", "vpn0", "mode", "tun"])
        found = self.doctor(namespace, daemon)
        assert "tap5" in found["name-taken"]["what"] and found["name-taken"]["severity"] == "warning"
        assert "vpn0" in found["others-devices"]["what"]
        # What /sys shows of another namespace is not believed.
        done = namespace.run(["unshare", "-n", TUNTAPD, "doctor", "-s", daemon.socket, "--json"], check=False)
        assert not {"name-taken", "others-devices", "mtu"} & {finding["id"] for finding in json.loads(done.stdout)["findings"]}
        for name in ("tap5", "vpn0"):
            namespace.run(["ip", "link", "del", name])

    def test_a_daemon_that_is_older_than_what_is_installed(self, namespace, directory):
        mine = pathlib.Path(directory) / "cli" / "tuntapd"
        mine.parent.mkdir()
        shutil.copy(TUNTAPD, mine)
        daemon = Daemon(namespace, directory)
        os.utime(daemon.rundir / "lock", (time.time() - 100, time.time() - 100))
        done = namespace.run([str(mine), "doctor", "-s", daemon.socket, "--json"], check=False)
        found = {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}
        assert found["daemon-older"]["commands"][0] == f"sudo kill $(cat {daemon.rundir}/lock)"
        # And a command whose library is not there.
        assert found["shim-missing"]["severity"] == "error"

    def test_report(self, namespace, daemon, directory):
        daemon.hold("tap3")
        path = pathlib.Path(directory) / "report"
        done = namespace.run([TUNTAPD, "doctor", "-s", daemon.socket, "--report", str(path)])
        assert "read it before you send it" in done.stdout
        text = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for part in ("== findings ==", "tap3 is open", "== configuration ==", "tun-units", "== interfaces ==", "tuntapd "):
            assert part in text
        again = namespace.run([TUNTAPD, "doctor", "-s", daemon.socket, "--report", str(path)], check=False)
        assert again.returncode == 74 and "name a file that is not" in again.stderr
        assert path.read_text() == text


def test_a_library_of_another_version(tmp_path):
    tree = tmp_path / "tree"
    for part, source in (("cli", TUNTAPD), ("shim", BUILD / "shim" / "libtuntapd-shim.so")):
        (tree / part).mkdir(parents=True)
        shutil.copy(source, tree / part)
    library = tree / "shim/libtuntapd-shim.so"
    data = library.read_bytes()
    assert data.count(b"tuntapd-shim-speaks=") == 1
    def ids():
        done = subprocess.run([tree / "cli/tuntapd", "doctor", "-s", tmp_path / "none", "--json"], capture_output=True, text=True, check=False)
        return {finding["id"] for finding in json.loads(done.stdout)["findings"]}
    assert "shim-version" not in ids()
    library.write_bytes(data.replace(b"tuntapd-shim-speaks=", b"tuntapd-shim-speaks=9"))
    assert "shim-version" in ids()
    library.write_bytes(data.replace(b"tuntapd-shim-speaks=", b"tuntapd-shim-spooks="))
    assert "shim-version" in ids()


# --- Linux


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a device node")
def test_tun_node(linux):
    node = linux.root / "dev/net/tun"
    assert not {"tun-node-missing", "tun-node-wrong", "tun-node-rights"} & set(linux.findings())
    node.chmod(0o600)
    assert linux.findings()["tun-node-rights"]["commands"] == ["sudo chmod 0666 /dev/net/tun"]
    node.unlink()
    assert linux.findings()["tun-node-missing"]["commands"] == ["sudo modprobe tun"]
    linux.file("/.dockerenv")
    assert "--device /dev/net/tun" in linux.findings()["tun-node-missing"]["commands"][0]
    node.write_text("")
    assert linux.findings()["tun-node-wrong"]["severity"] == "error"
    node.unlink()
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert "tun-node-wrong" in linux.findings()


@pytest.mark.parametrize("mark", ["/.dockerenv", "/run/.containerenv"])
def test_container_without_rights(linux, mark):
    assert "container-rights" not in linux.findings()
    linux.file(mark)
    assert linux.findings()["container-rights"]["severity"] == "warning"
    linux.file("/proc/self/status", "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000001000\n")
    assert "container-rights" not in linux.findings()


def test_root_without_rights(linux):
    linux.file("/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n")
    assert "root-rights" in linux.findings()
    linux.file("/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t00000000a80435fb\n")
    assert "root-rights" not in linux.findings()


def test_user_namespaces(linux):
    assert "user-namespaces" not in linux.findings()
    linux.file("/proc/sys/user/max_user_namespaces", "0\n")
    assert linux.findings()["user-namespaces"]["severity"] == "info"


SHOW = "show tuntapd.service --property=LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts"


@pytest.mark.parametrize("state, ids", [
    ("LoadState=not-found\nActiveState=inactive\n", set()),
    ("LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n", set()),
    ("LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=disabled\n", {"service-disabled"}),
    ("LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\n", {"service-stopped"}),
    ("LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n", {"service-failed"}),
    ("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\n", {"service-failed"}),
    ("LoadState=masked\nActiveState=inactive\n", {"service-masked"}),
])
def test_systemd(linux, state, ids):
    linux.command("systemctl", {SHOW: state})
    assert {name for name in linux.findings() if name.startswith("service-")} == ids


def interface(tree, name, index, mtu, link=None, **more):
    for file, value in {"ifindex": index, "iflink": link or index, "mtu": mtu, **more}.items():
        tree.file(f"/sys/class/net/{name}/{file}", f"{value}\n")


def test_mtus_of_a_pair(linux):
    interface(linux, "veth0", 5, 1500, 6)
    interface(linux, "veth1", 6, 1500, 5)
    assert "mtu" not in linux.findings()
    interface(linux, "veth1", 6, 1400, 5)
    found = linux.findings()["mtu"]
    assert found["severity"] == "warning" and found["commands"] == ["sudo ip link set dev veth0 mtu 1400"]


def test_interfaces_of_a_killed_daemon(linux):
    for name in ("ttdx", "ttd", "xttd0"):
        interface(linux, name, 9, 1500)
    assert "leftover-interfaces" not in linux.findings()
    interface(linux, "ttd3", 10, 1500)
    interface(linux, "ttdbr0", 11, 1500)
    found = linux.findings()["leftover-interfaces"]
    assert "2 interfaces" in found["what"] and "ttd3" in found["what"] and found["severity"] == "warning"


def test_mtus_and_filter_of_a_bridge(linux):
    interface(linux, "br0", 3, 1400)
    interface(linux, "tap0", 4, 1500, tun_flags="0x1002")
    linux.link("/sys/class/net/br0/brif/tap0", "../tap0")
    linux.file("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n")
    found = linux.findings()
    assert found["mtu"]["commands"] == ["sudo ip link set dev tap0 mtu 1400"]
    assert found["bridge-filter"]["commands"] == ["sudo sysctl net.bridge.bridge-nf-call-iptables=0"]
    interface(linux, "tap0", 4, 1400, tun_flags="0x1002")
    linux.file("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n")
    assert not {"mtu", "bridge-filter"} & set(linux.findings())


def test_firewall(linux):
    linux.command("nft", {"list chains": "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n"
                                         "\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n"})
    found = linux.findings()["firewall"]
    assert "(forward)" in found["what"] and found["severity"] == "info"


# --- macOS


def test_a_healthy_mac(mac):
    found = mac.findings()
    assert mac.system == "macos" and set(found) - {"shim-missing"} == {"daemon-missing", "service-none"}  # beside the tests' doctor is no shim


@pytest.mark.parametrize("version, old", [("10.15.7", True), ("10.9", True), ("11.0", False), ("26.1", False)])
def test_macos_version(mac, version, old):
    mac.file("/System/Library/CoreServices/SystemVersion.plist", VERSION.format(version))
    assert ("macos-version" in mac.findings()) == old


def installed(tree):
    return tree.file(f"/Library/LaunchDaemons/{LABEL}.plist", "<plist/>")


RUNNING = f"system/{LABEL} = {{\n\tstate = running\n\tlast exit code = 0\n}}\n"


@pytest.mark.parametrize("answers, ids", [
    ({f"print system/{LABEL}": RUNNING}, set()),
    ({}, {"service-not-loaded"}),
    ({f"print system/{LABEL}": RUNNING.replace("running", "not running")}, {"service-stopped"}),
    ({f"print system/{LABEL}": RUNNING.replace("running", "not running").replace("= 0", "= 78: EX_CONFIG")}, {"service-failed"}),
    ({f"print system/{LABEL}": RUNNING, "print-disabled system": f'disabled services = {{\n\t"{LABEL}" => disabled\n}}\n'}, {"service-disabled"}),
    ({f"print system/{LABEL}": RUNNING, "print-disabled system": f'disabled services = {{\n\t"{LABEL}" => true\n}}\n'}, {"service-disabled"}),
    ({f"print system/{LABEL}": RUNNING, "print-disabled system": f'disabled services = {{\n\t"{LABEL}" => enabled\n}}\n'}, set()),
])
def test_launchd(mac, answers, ids):
    installed(mac)
    mac.command("launchctl", answers)
    assert {name for name in mac.findings() if name.startswith("service-")} - {"service-dubious"} == ids


def test_homebrew_s_service(mac):
    label = "homebrew.mxcl.tuntapd"
    mac.file(f"/Library/LaunchDaemons/{label}.plist", "<plist/>")
    mac.command("launchctl", {})
    found = mac.findings()
    assert "service-none" not in found
    assert found["service-not-loaded"]["commands"] == [f"sudo launchctl bootstrap system /Library/LaunchDaemons/{label}.plist"]
    mac.command("launchctl", {f"print system/{label}": RUNNING.replace(LABEL, label)})
    assert not {"service-none", "service-not-loaded", "service-stopped"} & set(mac.findings())


@pytest.mark.skipif(os.geteuid() != 0, reason="compares with root's files")
def test_launchd_s_definition(mac):
    path = installed(mac)
    mac.command("launchctl", {f"print system/{LABEL}": RUNNING})
    assert "service-dubious" not in mac.findings()
    path.chmod(0o664)
    assert mac.findings()["service-dubious"]["severity"] == "error"
    path.chmod(0o644)
    os.chown(path, 501, -1)
    assert "service-dubious" in mac.findings()


OLD = {"/Library/Extensions/tap.kext": "old-kext", "/Library/Extensions/tun.kext": "old-kext", "/Library/StartupItems/tap": "old-startup-item",
       "/Library/StartupItems/tun": "old-startup-item"}


@pytest.mark.parametrize("path", OLD)
def test_old_directories(mac, path):
    mac.directory(path)
    found = mac.findings()
    assert path in found[OLD[path]]["what"] and found[OLD[path]]["commands"] == ["tuntapd migrate", "sudo tuntapd migrate --apply"]


@pytest.mark.parametrize("identifier, severity", [("net.sf.tuntaposx.tap", "warning"), ("foo.tun", "warning"), ("net.tunnelblick.tun", "info"),
                                                  ("org.tuntapd.tap", "info")])
def test_loaded_kexts(mac, identifier, severity):
    loaded(mac, identifier)
    found = mac.findings()["kext-loaded"]
    assert identifier in found["what"] and found["severity"] == severity
    if severity == "warning":
        assert found["commands"][0] == f"sudo kmutil unload -b {identifier}"
        (mac.commands / "kmutil").unlink()
        mac.command("kextstat", {"-l": f"155 0 0xffffff7f83d7a000 0x28000 0x28000 {identifier} (5.0) <7 5 4 3 1>\n"})
        mac.file("/System/Library/CoreServices/SystemVersion.plist", VERSION.format("10.15"))
        assert mac.findings()["kext-loaded"]["commands"][0] == f"sudo kextunload -b {identifier}"


def device_list(tree, flags):
    """RUNDIR/devices of a daemon with one device of each kind, of which the tap has those flags: protocol/devlist.h."""
    rundir = tree.socket.parent / (tree.socket.name + ".d")
    rundir.mkdir(exist_ok=True)
    (rundir / "devices").write_bytes(struct.pack("<IIHHIq", 0x6C707474, 1, 1, 1, 0, 0) + struct.pack("<IIHH", 0, 0, 0o660, 0) +
                                     struct.pack("<IIHH", 0, 0, 0o660, flags))


@pytest.mark.skipif(os.geteuid() != 0, reason="it makes nodes: run as root")
def test_nodes_of_kexts(mac):
    nodes = {"kext-unknown", "kext-not-preferred", "kext-wanted"}
    mac.directory("/dev")
    assert not nodes & set(mac.findings())
    os.mknod(mac.root / "dev/tap0", 0o660 | stat.S_IFCHR, os.makedev(34, 0))
    assert "nodes /dev/tapN are there, 1," in mac.findings()["kext-unknown"]["what"]  # nobody serves: who has the word is not said
    loaded(mac, "net.tunnelblick.tap")
    assert nodes & set(mac.findings()) == set()
    device_list(mac, 0)
    found = mac.findings()
    assert nodes & set(found) == {"kext-not-preferred"} and "/dev/tapN" in found["kext-not-preferred"]["what"]
    device_list(mac, 1)
    assert not nodes & set(mac.findings())
    (mac.root / "dev/tap0").unlink()
    assert "tap devices" in mac.findings()["kext-wanted"]["what"]
    os.mknod(mac.root / "dev/tap0", 0o660 | stat.S_IFCHR, os.makedev(250, 0x200))  # the daemon's own
    assert nodes & set(mac.findings()) == {"kext-wanted"}


def test_kext_of_the_wrong_architecture(mac):
    kext(mac, "/Library/Extensions/tap.kext", "net.sf.tuntaposx.tap")
    found = mac.findings()
    assert "needs arm64e" in found["kext-architecture"]["what"] and "kext-not-loaded" not in found
    kext(mac, "/Library/Extensions/tap.kext", "net.sf.tuntaposx.tap", "arm64e")
    assert "kext-architecture" not in mac.findings()
    mac.command("sysctl", {})  # a Mac of Intel's processor does not know that name
    assert "needs x86-64" in mac.findings()["kext-architecture"]["what"]


def test_kext_that_is_blocked(mac):
    kext(mac, "/Library/Extensions/tunnelblick-tap.kext", "net.tunnelblick.tap", "arm64e")
    found = mac.findings()["kext-not-loaded"]
    assert "allowed in System Settings" in found["why"] and found["commands"] == ["sudo kmutil load -p /Library/Extensions/tunnelblick-tap.kext"]
    loaded(mac, "net.tunnelblick.tap")
    assert "kext-not-loaded" not in mac.findings()


def test_tunnelblick(mac):
    kext(mac, "/Applications/Tunnelblick.app/Contents/Resources/tun-notarized.kext", "net.tunnelblick.tun", "arm64e")
    found = mac.findings()
    assert found["tunnelblick"]["severity"] == "info" and "kext-not-loaded" not in found


CISCO_PLACES = ["/System/Library/Extensions/tun.kext", "/Library/Extensions/ciscotun.kext", "/opt/cisco/vpn/bin/tun.kext",
                "/opt/cisco/anyconnect/bin/tun.kext", "/Library/Application Support/Cisco/AnyConnect Secure Mobility Client/tun.kext"]


@pytest.mark.parametrize("place", CISCO_PLACES)
def test_cisco_s_own_kext(mac, place):
    kext(mac, place, "com.cisco.nke.tun")
    found = mac.findings()
    assert found["cisco-kext"]["severity"] == "info" and "cisco-conflict" not in found
    loaded(mac, "com.cisco.nke.tun")
    kext(mac, "/Library/Extensions/tun.kext", "net.sf.tuntaposx.tun")
    found = mac.findings()["cisco-conflict"]
    assert found["severity"] == "error" and "could not register PF_INET protocol family: 17" in found["why"]
    assert found["commands"] == ["sudo tuntapd switch tuntapd", "sudo tuntapd switch cisco"]


def test_cisco_s_filter_of_sockets_is_no_tun(mac):
    kext(mac, "/Library/Application Support/Cisco/AnyConnect Secure Mobility Client/acsock.kext", "com.cisco.kext.acsock")
    loaded(mac, "com.cisco.kext.acsock", "net.sf.tuntaposx.tun")
    mac.directory("/opt/cisco/secureclient")
    found = mac.findings()
    assert "cisco-conflict" not in found and "cisco-kext" not in found and found["cisco-client"]["severity"] == "info"


FETH = """{name}: flags=8943<UP,BROADCAST,RUNNING,PROMISC,SIMPLEX,MULTICAST> mtu {mtu}
\tether 66:65:74:68:27:17
\tpeer: {peer}
\tmedia: autoselect (10Gbase-T <full-duplex>)
\tstatus: active
"""


def test_interfaces_of_others(mac):
    utun = "utun{}: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380\n"
    mac.command("ifconfig", {"-a": "lo0: flags=8049<UP,LOOPBACK> mtu 16384\n" + utun.format(0) + utun.format(1) +
                             FETH.format(name="feth1234", mtu=2800, peer="feth6234") + FETH.format(name="feth6234", mtu=2800, peer="feth1234")})
    mac.directory("/Library/Application Support/ZeroTier/One")
    found = mac.findings()
    assert "others have 2 utun interfaces" in found["others-utun"]["what"]
    assert "others have 2 fake Ethernet interfaces" in found["others-feth"]["what"] and "ZeroTier" in found["others-feth"]["what"]
    assert "feth0 to feth9999" in found["zerotier"]["why"] and found["zerotier"]["severity"] == "info"
    assert "mtu" not in found


def test_interfaces_of_a_killed_daemon_on_a_mac(mac):
    mac.command("ifconfig", {"-a": FETH.format(name="feth9999", mtu=1500, peer="feth9998")})
    assert "leftover-interfaces" not in mac.findings()
    mac.command("ifconfig", {"-a": FETH.format(name="feth10007", mtu=1500, peer="feth20007") +
                             FETH.format(name="feth20007", mtu=1500, peer="feth10007")})
    found = mac.findings()
    assert "2 interfaces" in found["leftover-interfaces"]["what"] and "feth10007" in found["leftover-interfaces"]["what"]
    assert "others-feth" not in found


def test_nodes_of_a_killed_daemon_on_a_mac(mac):
    if os.geteuid() != 0:
        pytest.skip("it makes nodes")
    (mac.root / "dev").mkdir(exist_ok=True)
    os.mknod(mac.root / "dev/tap0", 0o600 | stat.S_IFCHR, os.makedev(24, 0))
    assert "leftover-nodes" not in mac.findings()  # a kernel extension's
    for unit in (1, 2):
        os.mknod(mac.root / f"dev/tap{unit}", 0o600 | stat.S_IFCHR, os.makedev(250, 2 << 8 | unit))
    found = mac.findings()["leftover-nodes"]
    assert found["what"] == "2 of tuntapd's nodes are in /dev, as tap1, and no daemon serves" and found["severity"] == "warning"


def test_mtus_on_a_mac(mac):
    mac.command("ifconfig", {"-a": FETH.format(name="feth10000", mtu=1500, peer="feth20000") +
                             FETH.format(name="feth20000", mtu=1400, peer="feth10000")})
    found = mac.findings()["mtu"]
    assert found["commands"] == ["sudo ifconfig feth10000 mtu 1400"]
    mac.command("ifconfig", {"-a": FETH.format(name="feth10000", mtu=1500, peer="feth20000") +
                             "bridge0: flags=8863<UP,BROADCAST> mtu 9000\n\tmember: feth10000 flags=3<LEARNING,DISCOVER>\n"})
    assert mac.findings()["mtu"]["commands"] == ["sudo ifconfig bridge0 mtu 1500"]


@pytest.mark.parametrize("name, value, wanted", [("bsd_mode", 0, 1), ("hwcsum", 1, 0), ("fcs", 1, 0), ("trailer_length", 28, 0)])
def test_settings_of_feth(mac, name, value, wanted):
    mac.command("sysctl", {"-n hw.optional.arm64": "1", f"-n net.link.fake.{name}": str(value)})
    assert mac.findings()["feth-setting"]["commands"] == [f"sudo sysctl net.link.fake.{name}={wanted}"]


def test_packet_filter_of_a_mac(mac):
    mac.command("pfctl", {"-s info": "Status: Disabled for 0 days\n"})
    assert "firewall" not in mac.findings()
    mac.command("pfctl", {"-s info": "Status: Enabled for 0 days\n"})
    assert mac.findings()["firewall"]["severity"] == "info"


def test_names_of_strangers_command_no_terminal(mac):
    mac.command("kmutil", {KMUTIL: "1 0 0x1 0x1 0x1 net.sf.tuntaposx.\033]0;x (1)\n"})
    mac.findings()
    assert "\033" not in mac.run().stdout


# --- the report


def test_report_of_a_mac_without_its_secrets(mac, tmp_path):
    mac.file("/var/log/tuntapd.log", "".join(f"line {n}\n" for n in range(300)) + "hook said: password=hunter2 token: abc\n" +
             "tap0: attach by uid 501 from /Users/johanna/bin/vpn to https://me:pw@example.org/x, en0 is 3c:22:fb:11:22:33\n")
    reports = "/Library/Logs/DiagnosticReports"
    for n in range(7):
        mac.file(f"{reports}/tuntapd-2026-01-0{n + 1}.ips", f'crash {n}\n"crashReporterKey" : "0123"\n')
    mac.file(f"{reports}/Kernel-2026.panic", "panic(cpu 0): net.tunnelblick.tap\nfault\n")
    mac.file(f"{reports}/Other-2026.panic", "panic(cpu 0): elsewhere\n")
    mac.command("csrutil", {"status": "System Integrity Protection status: enabled.\n"})
    path = tmp_path / "report"
    before = mac.state()
    done = mac.run("report", str(path))
    assert done.returncode == 0 and mac.state() == before, done.stderr
    text = path.read_text()
    for part in ("15.1", "System Integrity Protection status: enabled.", "line 299", "daemon-missing", "net.tunnelblick.tap", "crash 6",
                 "password= (removed)", "/Users/(user)/bin/vpn", "https://(removed)@example.org/x", "3c:22:fb:xx:xx:xx", "com.apple.kpi.bsd"):
        assert part in text, part
    for part in ("line 50\n", "hunter2", "abc", "johanna", "me:pw", "11:22:33", "0123", "elsewhere", "crash 0"):
        assert part not in text, part
