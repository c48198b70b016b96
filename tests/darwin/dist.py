# SPDX-License-Identifier: BSD-2-Clause
"""What is checked of the tarball for Macs and of the Homebrew formula.  Each check yields what is wrong.

The tarball is unpacked and read; nothing of it runs.  The formula is read by Ruby with stand-ins of Homebrew's words (formula-check.rb), and
the build that it describes is run here, for this system.
"""
import hashlib
import importlib
import json
import pathlib
import plistlib
import re
import subprocess
import sys
import tarfile
import tempfile

import cross
import macho

sys.path.insert(0, str(cross.ROOT / "tools"))

VERSION = re.search(r"^  version: '([^']+)'", (cross.ROOT / "meson.build").read_text(), re.M).group(1)
EXPECTED = {
    "bin/tuntapd", "lib/tuntapd/libtuntapd-shim.dylib",
    "share/man/man1/tuntapd.1", "share/man/man5/tuntapd.conf.5", "share/man/man7/tuntap-shim.7", "share/man/man8/tuntapd.8",
    "share/tuntapd/org.tuntapd.daemon.plist", "share/tuntapd/doctor-schema.json", "share/tuntapd/pair-schema.json",
    "share/tuntapd/status-schema.json",
    "share/doc/tuntapd/LICENSE", "share/doc/tuntapd/CHANGELOG.md", "share/doc/tuntapd/macos.md", "share/doc/tuntapd/tuntapd.conf",
    *(f"share/doc/tuntapd/LICENSE.{name}" for name in ("libevent", "libpcap", "jansson", "libconfuse")),
}


def make_tarball(build):
    return importlib.import_module("dist-macos").make(build, VERSION)


def contents(tarball):
    """Name below the top: (entry, bytes)."""
    with tarfile.open(tarball) as archive:
        return {entry.name.partition("/")[2]: (entry, archive.extractfile(entry).read() if entry.isfile() else None) for entry in archive}


def check_tarball_contents(tarball):
    """The tarball for Macs has all that is installed there, below one directory, as root's, and nothing else."""
    files = contents(tarball)
    with tarfile.open(tarball) as archive:
        tops = {name.partition("/")[0] for name in archive.getnames()}
    if tops != {f"tuntapd-{VERSION}"}:
        yield f"more than one directory: {tops}"
    have = {name for name, (entry, _) in files.items() if entry.isfile()}
    for name in sorted(EXPECTED ^ have):
        yield f"{'missing' if name in EXPECTED else 'unexpected'}: {name}"
    for name, (entry, data) in files.items():
        executable = name in ("bin/tuntapd", "lib/tuntapd/libtuntapd-shim.dylib")
        if not (entry.isfile() or entry.isdir()) or entry.uid or entry.gid or \
                entry.mode != (0o755 if entry.isdir() or executable else 0o644) or data == b"":
            yield f"{name}: type {entry.type}, owner {entry.uid}, mode {entry.mode:o}"


def check_tarball_files(tarball, universal):
    """Its files are the checked ones for both architectures, and find each other."""
    files = contents(tarball)
    for name in ("bin/tuntapd", "lib/tuntapd/libtuntapd-shim.dylib"):
        path = universal / pathlib.Path(name).name
        if files[name][1] != path.read_bytes():
            yield f"{name} is not {path}"
        if sorted(macho.slices(path)) != ["arm64", "x86_64"]:
            yield f"{name}: {sorted(macho.slices(path))}"
    if files["bin/tuntapd"][1].count(b"\0../lib/tuntapd\0") < 2:
        yield "the command does not look for the library where it lies"
    if files["bin/tuntapd"][1].count(f"{cross.PREFIX}/etc/tuntapd.conf".encode()) < 2:
        yield "the daemon does not look for its configuration in the prefix"
    plist = plistlib.loads(files["share/tuntapd/org.tuntapd.daemon.plist"][1])
    if plist["ProgramArguments"] != [f"{cross.PREFIX}/bin/tuntapd", "serve"] or plist["Label"] != "org.tuntapd.daemon":
        yield f"the property list: {plist}"
    # The job's own words for the socket and its name are the code's (protocol/paths.h, daemon/os-darwin.c).
    if list(plist["Sockets"]) != ["control"] or '#define JOB_SOCKET "control"' not in (cross.ROOT / "daemon/os-darwin.c").read_text():
        yield "the socket's name in the property list is not the daemon's"
    if f'PATHS_SOCKET_DEFAULT "{plist["Sockets"]["control"]["SockPathName"]}"' not in (cross.ROOT / "protocol/paths.h").read_text():
        yield "the socket's path in the property list is not the daemon's"


def check_plistutil(tarball):
    """The property list is one for plistutil, too."""
    with tempfile.TemporaryDirectory() as directory:
        path, binary = pathlib.Path(directory) / "job.plist", pathlib.Path(directory) / "job.binary"
        path.write_bytes(contents(tarball)["share/tuntapd/org.tuntapd.daemon.plist"][1])
        done = subprocess.run(["plistutil", "-i", path, "-o", binary, "-f", "bin"], check=False, capture_output=True, text=True)
        if done.returncode != 0 or plistlib.loads(binary.read_bytes()) != plistlib.loads(path.read_bytes()):
            yield f"plistutil: {done.stdout}{done.stderr}"


def check_tarball_again(tarball, build):
    """The same tree gives the same tarball, byte by byte."""
    before = tarball.read_bytes()
    if make_tarball(build).read_bytes() != before:
        yield "it differs"


def check_example(build):
    """The example of a configuration is good as it stands, and with all that is commented out."""
    example = cross.ROOT / "docs" / "examples" / "tuntapd.conf"
    whole = re.sub(r"^#(?=[\w\t}])", "", example.read_text(), flags=re.M)
    if whole.count("device tap0 {") != 1 or re.search(r"^#\S", whole, re.M):
        yield "what is commented out is not found"
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        # A group that there is everywhere.
        file.write(whole.replace("group = staff", "group = daemon"))
        file.flush()
        for path in (example, pathlib.Path(file.name)):
            done = subprocess.run([build / "cli" / "tuntapd", "config", "check", "-c", path], check=False, capture_output=True, text=True)
            if done.returncode != 0:
                yield done.stderr


def check_formula():
    """The Homebrew formula is Ruby, says nothing but what formulas say, and describes a build that works."""
    formula = importlib.import_module("formula")
    with tempfile.TemporaryDirectory() as directory:
        tarball = pathlib.Path(directory) / f"tuntapd-{VERSION}.tar.gz"
        tarball.write_bytes(b"the source")
        path = pathlib.Path(directory) / "tuntapd.rb"
        path.write_text(formula.fill(tarball, f"https://example.com/tuntapd-{VERSION}.tar.gz", "https://example.com/"))
        for command in (["ruby", "-wc", path], ["ruby", "-w", pathlib.Path(__file__).with_name("formula-check.rb"), path]):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode != 0 or "warning" in done.stderr:
                yield done.stdout + done.stderr
                return
        said = json.loads(done.stdout)
        if said["sha256"] != [[hashlib.sha256(b"the source").hexdigest()]] or \
                said["version"] != [[VERSION]] or len(said["desc"][0][0]) > 80:
            yield f"{said['sha256']} {said['version']} {said['desc']}"
        service = said["service"]
        if service["run"] != [[["/opt_bin/tuntapd", "serve"]]] or service["require_root"] != [[True]] or \
                service["keep_alive"] != [[{"successful_exit": False}]]:
            yield f"service: {service}"
        # Every dependency that meson asks for is named, by Homebrew's name of it.
        names = {"libevent_core": "libevent", "libconfuse": "confuse"}
        asked = set(re.findall(r"dependency\('([\w-]+)'", "".join((cross.ROOT / part / "meson.build").read_text() for part in
                                                                ("", "protocol", "daemon", "shim", "cli")))) - {"check"}
        given = {item[0] for item in said["depends_on"] if isinstance(item[0], str)}
        for name in sorted({names.get(one, one) for one in asked} - given):
            yield f"no depends_on for {name}"
        # The words of the build, on this system.
        setup = next(command for command in said["system"] if command[1] == "setup")
        there = pathlib.Path(directory) / "build"
        command = ["meson", "setup", there, cross.ROOT, *(word for word in setup[3:] if not word.startswith("--sysconfdir"))]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            yield done.stdout + done.stderr
