#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches and builds the real programs that the client tests run.

Four kinds: programs of the distribution's source packages, whose recipe selects the BSD, Darwin or generic back end, which opens
/dev/tunN or /dev/tapN; modules of Python's registry; a crate of Rust's with the small program in rust/ around it; a program of
Go's.  All by name, at pinned versions, with sums: of the upstream source here, in PYTHON_MODULES, rust/Cargo.lock and go/go.sum.
The distribution's own changes to a package move with its point releases; they are used only where a program says so, and then as
they are.

The system's own package configuration is read, never changed.  Sources and builds are kept in a cache ($TUNTAPD_CACHE, else
~/.cache/tuntapd), a build under a name that depends on its recipe; one run builds at a time.

build.py [NAME...] builds; build.build(name) is the directory of a build's files.
"""
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("TUNTAPD_CACHE", pathlib.Path.home() / ".cache" / "tuntapd")) / "clients"
# Modules are for the system's interpreter, whichever else comes first in PATH.
PYTHON = "/usr/bin/python3"
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
    # With the distribution's patches: only where they bring the port that the program is known with.
    patched: bool = False


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
    # lwIP is a stack, not a program: programs/lwip-host.c is what its users write around it.  Its Unix port comes with the patches.
    # The pool's size is said because the port leaves it to TCP_MSS, which the C library's <netinet/tcp.h> redefines in some files.
    "lwip": Program(
        "lwip", "2.1.3", "lwip_2.1.3+dfsg1.orig.tar.xz",
        "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24", "lwip-2.1.3",
        f"""
        include='-Isrc/include -Iport/include -DPBUF_POOL_BUFSIZE=1600'
        gcc -w -O1 -U__linux__ $include -c port/netif/tapif.c
        gcc -w -O1 $include -o lwip-host {HERE}/programs/lwip-host.c tapif.o src/core/*.c src/core/ipv4/*.c src/core/ipv6/*.c \
            src/netif/ethernet.c src/api/*.c port/sys_arch.c -lpthread
        """, ("lwip-host",), True),
}

PYTHON_MODULES = {
    # A C extension, built here.
    "python-pytun": "python-pytun==2.4.1 --hash=sha256:20b53ea7a09dfe173c00ec0a00eea508b05e959f5dc4b4bb698aa52252192f8f",
    "pytap2": "pytap2==2.3.0 --hash=sha256:a1edc287cf25c61f8fa8415fb6b61e50ac119ef5cd758ce15f2105d2c69f24ef",
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


@contextlib.contextmanager
def alone():
    """One run at a time uses the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def logged(name, command, **more):
    """Runs a step of a build; its output is the error's text if it fails."""
    log = CACHE / f"{name}.log"
    with open(log, "wb") as output:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{name} cannot be built:\n{log.read_text(errors='replace')[-3000:]}")


def fetch(program):
    """The source's tarball, from the cache or the distribution; its sum is checked each time."""
    sources = CACHE / "sources"
    tarball = sources / program.tarball
    sources.mkdir(parents=True, exist_ok=True)
    if not tarball.exists() or (program.patched and not packaging(program)):
        options = source_options()
        subprocess.run(["apt-get", "-qq", *options, "update"], check=True, capture_output=True)
        which = [] if program.patched else ["--tar-only"]
        done = subprocess.run(["apt-get", "-qq", *options, "source", "--download-only", *which, program.package],
                              cwd=sources, check=False, capture_output=True, text=True)
        if not tarball.exists() or (program.patched and not packaging(program)):
            raise RuntimeError(f"{program.tarball} cannot be had:\n{done.stdout}{done.stderr}")
    if sha256(tarball) != program.sha256:
        tarball.unlink()
        raise RuntimeError(f"{program.tarball} is not the file that was pinned")
    return tarball


def packaging(program):
    """The distribution's own part of the source: the newest revision that was fetched.  apt has checked its signature."""
    found = sorted((CACHE / "sources").glob(program.tarball.split(".orig.")[0] + "-*.debian.tar.*"))
    return found[-1] if found else None


def unpack(program, work):
    """The directory of the source, patched."""
    with tarfile.open(fetch(program)) as archive:
        archive.extractall(work)
    tops = [entry for entry in work.iterdir() if entry.is_dir()]
    top = work / program.directory if (work / program.directory).is_dir() else tops[0]
    if program.patched:
        with tarfile.open(packaging(program)) as archive:
            archive.extractall(work)
        patches = work / "debian" / "patches"
        for patch in (patches / "series").read_text().split():
            logged(program.package, ["patch", "-s", "-p1", "-i", patches / patch], cwd=top)
    return top


def inputs():
    """Our own files that programs are built from."""
    return sorted([*(HERE / "programs").glob("*.c"), *(HERE / "rust").rglob("*.rs"), *(HERE / "rust").glob("Cargo.*"),
                   *(HERE / "go").glob("go.*")])


def path(name):
    """Where a build is kept: another name for another recipe."""
    text = hashlib.sha256()
    if name in PROGRAMS:
        text.update((PROGRAMS[name].recipe.replace(str(HERE), "") + PROGRAMS[name].sha256).encode())
        label = f"{name}-{PROGRAMS[name].version}"
        used = [file for file in inputs() if file.name in PROGRAMS[name].recipe]
    elif name in PYTHON_MODULES:
        text.update((PYTHON_MODULES[name] + str(sys.version_info[:2])).encode())
        label, used = name, []
    else:
        label, used = name, [file for file in inputs() if file.parent.name == "go" or "rust" in file.parts]
    for file in used:
        text.update(file.read_bytes())
    return CACHE / f"{label}-{text.hexdigest()[:12]}"


def build_program(name, target):
    program = PROGRAMS[name]
    work = CACHE / f"work-{name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    top = unpack(program, work)
    logged(name, ["sh", "-e", "-c", program.recipe], cwd=top)
    for file in program.files:
        shutil.copy2(top / file, target)
    shutil.rmtree(work)


def build_module(name, target):
    requirements = CACHE / f"{name}.requirements"
    requirements.write_text(PYTHON_MODULES[name] + "\n")
    logged(name, [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-build-isolation",
                  "--root-user-action=ignore", "--target", target, "-r", requirements])


def build_crate(name, target):
    logged(name, ["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "rust" / "Cargo.toml", "--target-dir",
                  CACHE / "cargo"])
    shutil.copy2(CACHE / "cargo" / "release" / "tun-bridge", target)


def build_go(name, target):
    logged(name, ["go", "build", "-mod=readonly", "-o", target / "wireguard-go", "golang.zx2c4.com/wireguard"], cwd=HERE / "go",
           env={**os.environ, "PATH": f"{go_toolchain()}{os.environ['PATH']}"})


def go_toolchain():
    """Where the machine's Go is older than the program asks for: a later one, which is a module of the same registry."""
    version = re.search(r"go1\.(\d+)", subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout)
    if int(version.group(1)) >= 20:
        return ""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    there = CACHE / f"go1.21.13-{machine}"
    if not there.exists():
        done = subprocess.run(["go", "mod", "download", "-json", f"golang.org/toolchain@v0.0.1-go1.21.13.linux-{machine}"],
                              cwd=HERE / "go", capture_output=True, text=True, check=True, env={**os.environ, "GOFLAGS": "-mod=mod"})
        partial = CACHE / "partial-go"
        shutil.rmtree(partial, ignore_errors=True)
        # A module's files are not executable, nor may they be changed.
        subprocess.run(["cp", "-r", json.loads(done.stdout)["Dir"], partial], check=True)
        subprocess.run(["chmod", "-R", "u+wx", partial], check=True)
        partial.rename(there)
    return f"{there / 'bin'}:"


def build(name):
    """Builds a program unless it is there; the directory of its files."""
    target = path(name)
    others = {"tun-bridge": build_crate, "wireguard-go": build_go}
    how = build_program if name in PROGRAMS else build_module if name in PYTHON_MODULES else others[name]
    with alone():
        if not target.exists():
            # Under its name only when it is complete.
            partial = CACHE / f"partial-{name}"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            how(name, partial)
            partial.rename(target)
    return target


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*PROGRAMS, *PYTHON_MODULES, "tun-bridge", "wireguard-go"]:
        print(wanted, build(wanted))
