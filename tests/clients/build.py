#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches and builds the real programs that the client tests run.

The upstream sources come as the distribution's source packages, by name, and are checked against the sums below; the system's own package
configuration is read, never changed.  Sources and builds are kept in a cache ($TUNTAPD_CACHE, else ~/.cache/tuntapd), a build
under a name that depends on its recipe.

Each program is built from unmodified source; the recipe selects its BSD, Darwin or generic back end, which opens /dev/tunN or
/dev/tapN.

build.py [NAME...] builds; build.path(name) is where a build's files are.
"""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

CACHE = pathlib.Path(os.environ.get("TUNTAPD_CACHE", pathlib.Path.home() / ".cache" / "tuntapd")) / "clients"
HOST = f"--build={os.uname().machine}-linux-gnu"


@dataclasses.dataclass
class Program:
    package: str
    version: str
    tarball: str
    sha256: str
    directory: str
    recipe: str
    files: tuple


PROGRAMS = {
    "openvpn": Program(
        "openvpn", "2.6.14", "openvpn_2.6.14.orig.tar.gz",
        "9eb6a6618352f9e7b771a9d38ae1631b5edfeed6d40233e243e602ddf2195e7a", "openvpn-2.6.14",
        # An unknown system selects the generic back end.
        f"""
        ac_cv_have_decl_TUNSETPERSIST=no ./configure {HOST} --host=x86_64-unknown-gnu CC=gcc CFLAGS='-O1 -w' --disable-lzo \
            --disable-lz4 --disable-plugins --disable-plugin-auth-pam --disable-dco IFCONFIG=/sbin/ifconfig ROUTE=/sbin/route
        make -C include
        make -j2 -C src/compat
        make -j2 -C src/openvpn CPPFLAGS='-D_GNU_SOURCE -include time.h -include linux/errqueue.h'
        """, ("src/openvpn/openvpn",)),
    "tinc": Program(
        "tinc", "1.0.36", "tinc_1.0.36.orig.tar.gz",
        "40f73bb3facc480effe0e771442a706ff0488edea7a5f2505d4ccb2aa8163108", "tinc-1.0.36",
        f"""
        ./configure {HOST} --host=x86_64-unknown-bsd CC=gcc CFLAGS='-O1 -w' --disable-lzo --disable-zlib
        make -j2 -C src
        """, ("src/tincd",)),
    "n2n": Program(
        "n2n", "1.3.1", "n2n_1.3.1~svn3789.orig.tar.gz",
        "0ef836a806291f2d9085c3d84454c01a505a7f5627183154a8795782ed3c3207", "n2n-1.3.1~svn3789",
        """
        make version.c
        gcc -w -O1 -D_DARWIN_ -include sys/socket.h -include netinet/in.h -include net/if.h -o edge \
            edge.c n2n.c minilzo.c twofish.c tuntap_osx.c version.c -lpthread
        gcc -w -O1 -o supernode supernode.c n2n.c minilzo.c twofish.c version.c -lpthread
        """, ("edge", "supernode")),
    "iodine": Program(
        "iodine", "0.7.0", "iodine_0.7.0.orig.tar.gz",
        "ad2b40acf1421316ec15800dcde0f587ab31d7d6f891fa8b9967c4ded93c013e", "iodine-0.7.0",
        """
        make -C src base64u.h base64u.c
        CFLAGS='-O1 -D_GNU_SOURCE -w' LDFLAGS=-lz make -C src -j2 TARGETOS=Darwin
        """, ("bin/iodine", "bin/iodined")),
    "openssh": Program(
        "openssh", "9.2p1", "openssh_9.2p1.orig.tar.gz",
        "3f66dbf1655fb45f50e1c56da62ab01218c228807b21338d634ebcdf9d71cf46", "openssh-9.2p1",
        """
        touch aclocal.m4 config.h.in configure
        ac_cv_header_linux_if_tun_h=no ./configure --with-sandbox=no --with-privsep-path=/mnt \
            CPPFLAGS='-D_LINUX_IF_H -DIFNAMSIZ=16 -DSSH_TUN_FREEBSD -DSSH_TUN_COMPAT_AF -DSSH_TUN_PREPEND_AF'
        make -j2 CFLAGS='-O1 -w' ssh sshd ssh-keygen
        """, ("ssh", "sshd", "ssh-keygen")),
}


def source_options():
    """apt options for a private view of the distribution's own sources, with source packages switched on."""
    private = CACHE / "apt"
    parts = private / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    (private / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    lines = []
    system = pathlib.Path("/etc/apt")
    for path in [system / "sources.list", *sorted((system / "sources.list.d").glob("*"))]:
        if not path.is_file() or "debian" not in path.read_text():
            continue
        text = path.read_text()
        if path.suffix == ".sources":
            changed = ["Types: deb-src" if line.startswith("Types:") else line for line in text.splitlines()]
            (parts / path.name).write_text("\n".join(changed) + "\n")
        else:
            lines += ["deb-src" + line[3:] for line in text.splitlines() if line.startswith("deb ") and "debian" in line]
    (private / "sources.list").write_text("\n".join(lines) + "\n")
    return ["-o", f"Dir::Etc::SourceList={private / 'sources.list'}", "-o", f"Dir::Etc::SourceParts={parts}",
            "-o", f"Dir::State::Lists={private / 'lists'}", "-o", "APT::Sandbox::User=root"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(program):
    """The source's tarball, from the cache or the distribution; its sum is checked each time."""
    tarball = CACHE / "sources" / program.tarball
    tarball.parent.mkdir(parents=True, exist_ok=True)
    if not tarball.exists():
        options = source_options()
        subprocess.run(["apt-get", "-qq", *options, "update"], check=True, capture_output=True)
        done = subprocess.run(["apt-get", "-qq", *options, "source", "--download-only", "--tar-only", program.package],
                              cwd=tarball.parent, check=False, capture_output=True, text=True)
        if not tarball.exists():
            raise RuntimeError(f"{program.tarball} cannot be had:\n{done.stdout}{done.stderr}")
    if sha256(tarball) != program.sha256:
        tarball.unlink()
        raise RuntimeError(f"{program.tarball} is not the file that was pinned")
    return tarball


def path(name):
    program = PROGRAMS[name]
    text = program.recipe + program.sha256
    return CACHE / f"{name}-{program.version}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def build(name):
    """Builds a program unless it is there; the directory of its files."""
    program, target = PROGRAMS[name], path(name)
    if all((target / pathlib.Path(file).name).exists() for file in program.files):
        return target
    tarball = fetch(program)
    work = CACHE / f"work-{name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with tarfile.open(tarball) as archive:
        archive.extractall(work)
    tops = [entry for entry in work.iterdir() if entry.is_dir()]
    top = work / program.directory if program.directory and (work / program.directory).is_dir() else tops[0]
    with open(CACHE / f"{name}.log", "wb") as log:
        done = subprocess.run(["sh", "-e", "-c", program.recipe], cwd=top, check=False, stdin=subprocess.DEVNULL,
                              stdout=log, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        text = (CACHE / f"{name}.log").read_text(errors="replace")
        raise RuntimeError(f"{name} cannot be built:\n{text[-3000:]}")
    target.mkdir(parents=True, exist_ok=True)
    for file in program.files:
        shutil.copy2(top / file, target)
    shutil.rmtree(work)
    return target


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PROGRAMS:
        print(wanted, build(wanted))
