#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds the macOS files on Linux: tuntapd and the preload library, for both of Apple's architectures, joined.

The compiler is a Python package (ziglang), which has Apple's public headers and a stub of libSystem; it is pinned by its sum.  libevent,
libpcap, jansson and libconfuse come as the distribution's upstream sources, pinned likewise (../clients/build.py fetches), and are
built once, under a name that depends on compiler and recipe.  Then meson builds the tree with a cross file for each architecture, and
llvm-lipo joins what the two have made.

Compiler, libraries and compiler's cache are kept in the cache ($TUNTAPD_CACHE, else ~/.cache/tuntapd); one run uses it at a time.

cross.py [DIRECTORY] builds into DIRECTORY (build/darwin); what ships is universal/tuntapd and universal/libtuntapd-shim.dylib.
"""
import concurrent.futures
import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

spec = importlib.util.spec_from_file_location("clients_build", HERE.parent / "clients" / "build.py")
clients = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = clients
spec.loader.exec_module(clients)

CACHE = clients.CACHE.parent / "darwin"
COMPILER = "ziglang==0.17.1 --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54"

# A place that is root's alone, on every Mac: /usr/local and /opt/homebrew may be a user's.
PREFIX = "/opt/tuntapd"

# The first macOS whose kernel has all that is used here (Darwin 20), and the last that gets the older, plainer form of bindings.
DEPLOYMENT_TARGET = "11.0"
# The headers and the stub of libSystem are of a later macOS: what the target does not have must not be used.
NOT_YOUNGER = ["-Wunguarded-availability", "-Werror=unguarded-availability", "-Werror=unguarded-availability-new"]
# Apple's name of an architecture: that of compiler and meson, and autoconf's of a machine.
ARCHITECTURES = {
    "x86_64": ("x86_64", "x86_64-apple-darwin20"),
    "arm64": ("aarch64", "aarch64-apple-darwin20"),
}

# The recipe sees $host, $prefix, and CC, AR, RANLIB and CFLAGS.  Each library gets what a package of it would have: headers, one static
# library, and a description for pkg-config.
LIBRARIES = {
    "libevent_core": clients.Program(
        "libevent", "2.1.12", "libevent_2.1.12-stable.orig.tar.gz",
        "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb", "libevent-2.1.12-stable",
        # Whether kqueue works cannot be tried where nothing runs; macOS's does since before the deployment target.  Of functions that the
        # headers' macOS has and the target has not, configure sees only that they can be linked.
        """
        touch aclocal.m4 Makefile.in config.h.in configure
        export ac_cv_func_pipe2=no ac_cv_func_accept4=no
        ./configure --quiet --host=$host --disable-openssl --disable-shared --disable-samples --disable-libevent-regress \\
            --disable-debug-mode
        make include/event2/event-config.h
        make libevent_core.la CPPFLAGS=-DEVENT__HAVE_WORKING_KQUEUE=1
        cp .libs/libevent_core.a $prefix/lib
        cp -r include/event2 $prefix/include
        """, ("lib/libevent_core.a",)),
    "libpcap": clients.Program(
        "libpcap", "1.10.3", "libpcap_1.10.3.orig.tar.gz",
        "2a8885c403516cf7b0933ed4b14d6caa30e02052489ebd414dc75ac52e7559e6", "libpcap-1.10.3",
        """
        ./configure --quiet --host=$host --with-pcap=bpf --disable-shared --disable-universal --disable-usb --disable-dbus \\
            --disable-bluetooth --disable-rdma --without-libnl
        make libpcap.a
        cp libpcap.a $prefix/lib
        cp -r pcap pcap.h pcap-bpf.h $prefix/include
        """, ("lib/libpcap.a",)),
    "jansson": clients.Program(
        "jansson", "2.14", "jansson_2.14.orig.tar.gz",
        "c739578bf6b764aa0752db9a2fdadcfe921c78f1228c7ec0bb47fa804c55d17b", "jansson-2.14",
        # What its configure would find on macOS; there is none in the source as it is kept by its authors.
        """
        sed -e 's/@json_inline@/inline/' -e 's/@json_have_[a-z_]*@/1/' src/jansson_config.h.in >src/jansson_config.h
        cd src
        : >jansson_private_config.h
        for file in *.c; do $CC $CFLAGS -I. -DHAVE_STDINT_H=1 -DHAVE_UNISTD_H=1 -DHAVE_SYS_TYPES_H=1 -DHAVE_SYS_TIME_H=1 -DHAVE_SYS_STAT_H=1 -DHAVE_FCNTL_H=1 \\
            -DHAVE_LOCALE_H=1 -DHAVE_SETLOCALE=1 -DHAVE_STRTOLL=1 -DHAVE_OPEN=1 -DHAVE_READ=1 -DHAVE_CLOSE=1 -DHAVE_GETPID=1 \\
            -DHAVE_GETTIMEOFDAY=1 -DHAVE_SCHED_H=1 -DHAVE_SCHED_YIELD=1 -DHAVE_SYNC_BUILTINS=1 -DHAVE_ATOMIC_BUILTINS=1 -DUSE_URANDOM=1 \\
            -DINITIAL_HASHTABLE_ORDER=3 -c $file; done
        $AR rcs $prefix/lib/libjansson.a *.o
        cp jansson.h jansson_config.h $prefix/include
        """, ("lib/libjansson.a",)),
    "libconfuse": clients.Program(
        "libconfuse", "3.3", "libconfuse_3.3.orig.tar.xz",
        "51ddd10595c7febc663b90df304f872b6baf937cfb9f2f32ec1a0c545d05574c", "libconfuse-3.3",
        """
        cd src
        flex -Pcfg_yy -olexer.c lexer.l
        for file in confuse.c lexer.c reallocarray.c; do $CC $CFLAGS -DPACKAGE_NAME='"libConfuse"' -DPACKAGE_VERSION='"3.3"' -DPACKAGE_STRING='"libConfuse 3.3"' -DHAVE_STRDUP=1 \\
            -DHAVE_STRNDUP=1 -DHAVE_STRCASECMP=1 -DHAVE_FMEMOPEN=1 -DHAVE_UNISTD_H=1 -DHAVE_STRING_H=1 \\
            -DHAVE_STRINGS_H=1 -DHAVE_SYS_STAT_H=1 -D'_(text)=text' -DN_='' -c $file; done
        $AR rcs $prefix/lib/libconfuse.a confuse.o lexer.o reallocarray.o
        cp confuse.h $prefix/include
        """, ("lib/libconfuse.a",)),
}

WRAPPER = """#!/bin/sh
# meson asks the linker who it is, and would not know this one's name; it takes the options of Apple's.
for argument; do
	case $argument in
	-Wl,--version)
		echo "ld: unknown option: --version" >&2
		exit 1
		;;
	-Wl,-v)
		echo "@(#)PROGRAM:ld  PROJECT:ld64-711" >&2
		exit 0
		;;
	esac
done
exec {zig} cc -target {cpu}-macos.{target} "$@"
"""

CROSS_FILE = """[binaries]
c = '{tools}/cc'
ar = '{tools}/ar'
ranlib = '{tools}/ranlib'
strip = 'true'
pkgconfig = 'pkg-config'

[properties]
pkg_config_libdir = '{packages}'
needs_exe_wrapper = true

[built-in options]
prefix = '{prefix}'
c_args = ['-idirafter', '{include}', {sanitize}, {not_younger}]
c_link_args = [{link}]
optimization = {optimization}

[host_machine]
system = 'darwin'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = 'little'
"""


def label(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def complete(target, make):
    """make(directory) fills what gets target's name only when it is whole."""
    if not target.exists():
        partial = target.with_name(f"partial-{target.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(target)
    return target


def compiler():
    """The command that is the compiler package's."""
    def install(directory):
        requirements = CACHE / "requirements"
        requirements.write_text(COMPILER + "\n")
        clients.logged("ziglang", [clients.PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary=:all:",
                                   "--root-user-action=ignore", "--target", directory, "-r", requirements])
    return complete(CACHE / f"compiler-{label(COMPILER)}", install) / "ziglang" / "zig"


def environment():
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"), "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig")}


def tools(architecture):
    """The directory of cc, ar and ranlib."""
    cpu, zig = ARCHITECTURES[architecture][0], compiler()
    directory = CACHE / f"tools-{architecture}"
    directory.mkdir(exist_ok=True)
    for name, text in {"cc": WRAPPER.format(zig=zig, cpu=cpu, target=DEPLOYMENT_TARGET),
                       "ar": f"#!/bin/sh\nexec {zig} ar \"$@\"\n", "ranlib": f"#!/bin/sh\nexec {zig} ranlib \"$@\"\n"}.items():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o755)
    return directory


def made(name, program, architecture, **variables):
    """What a recipe makes, built once: the prefix.  variables: what the recipe sees besides."""
    host, here = ARCHITECTURES[architecture][1], tools(architecture)

    def build(directory):
        work = CACHE / f"work-{name}-{architecture}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for part in ("lib/pkgconfig", "include"):
            (directory / part).mkdir(parents=True)
        there = {"host": host, "prefix": str(directory), "CC": str(here / "cc"), "AR": str(here / "ar"), "RANLIB": str(here / "ranlib"),
                 "CFLAGS": f"-O2 -Wno-everything -fno-sanitize=undefined {' '.join(NOT_YOUNGER)}"}
        clients.logged(f"{name}-{architecture}", ["sh", "-e", "-c", program.recipe], cwd=clients.unpack(program, work),
                       env={**environment(), **there, **variables})
        missing = [file for file in program.files if not (directory / file).exists()]
        if missing:
            raise RuntimeError(f"{name} for {architecture}: no {missing}")
        shutil.rmtree(work)
    # Where the headers are is not what they are.
    others = "".join(f"{key}={value}" for key, value in sorted(variables.items()) if key != "include")
    key = label(program.recipe + program.sha256 + COMPILER + DEPLOYMENT_TARGET + str(NOT_YOUNGER) + others)
    return complete(CACHE / f"{name}-{architecture}-{key}", build)


def library(name, architecture):
    """The prefix of a library."""
    program = LIBRARIES[name]
    target = made(name, program, architecture)
    flag = pathlib.Path(program.files[0]).name.removeprefix("lib").removesuffix(".a")
    description = target / "lib" / "pkgconfig" / f"{name}.pc"
    if not description.exists():
        description.write_text(f"Name: {name}\nDescription: {name}\nVersion: {program.version}\n"
                               f"Cflags: -I{target}/include\nLibs: -L{target}/lib -l{flag}\n")
    return target


# As the files are shipped; and as they are checked, with the sanitizers for memory and for undefined behaviour.  The first finds its runtime
# in the process, at the place where Linux' has its shadow (but not globals, which are registered in another way there), and takes the
# place of what the library checks (_FORTIFY_SOURCE); the second needs none, it ends the program.  It is told to the compiler proper: for
# what drives it, it is one thing with the other's runtime.
UNDEFINED = ("alignment,array-bounds,bool,builtin,enum,float-cast-overflow,integer-divide-by-zero,nonnull-attribute,null,pointer-overflow,return,"
             "returns-nonnull-attribute,shift-base,shift-exponent,signed-integer-overflow,unreachable,vla-bound")
PLAIN = {"sanitize": ["-fno-sanitize=undefined"], "link": [], "optimization": ["2"]}
CHECKED = {"sanitize": ["-O1", "-fsanitize=address", "-mllvm", "-asan-mapping-offset=0x7fff8000", "-mllvm", "-asan-globals=0",
                        "-Xclang", f"-fsanitize={UNDEFINED}", "-Xclang", f"-fsanitize-trap={UNDEFINED}"],
           "link": ["-Wl,-undefined,dynamic_lookup"], "optimization": ["plain"]}


def cross_file(architecture, prefixes, directory, how):
    path = directory / f"{architecture}.cross"
    cpu = ARCHITECTURES[architecture][0]
    text = CROSS_FILE.format(tools=tools(architecture), packages=":".join(f"{prefix}/lib/pkgconfig" for prefix in prefixes),
                             include=HERE / "include", cpu=cpu, prefix=PREFIX,
                             **{name: ", ".join(f"'{flag}'" for flag in flags) for name, flags in how.items()},
                             not_younger=", ".join(f"'{flag}'" for flag in NOT_YOUNGER))
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def build_for(architecture, directory, how):
    """The tree for one architecture: where it was built."""
    cross = cross_file(architecture, [library(name, architecture) for name in LIBRARIES], directory, how)
    there = directory / architecture
    if (there / "build.ninja").exists() and cross.stat().st_mtime > (there / "build.ninja").stat().st_mtime:
        shutil.rmtree(there)
    if not (there / "build.ninja").exists():
        logged("meson", ["meson", "setup", there, ROOT, "--cross-file", cross, "-Dwerror=true", "-Dtests=false"], directory)
    logged("ninja", ["ninja", "-C", there], directory)
    return there


def build(directory):
    """Everything, into directory; where the joined files are."""
    directory.mkdir(parents=True, exist_ok=True)
    with clients.alone():
        CACHE.mkdir(parents=True, exist_ok=True)
        compiler()
        for program in LIBRARIES.values():
            clients.fetch(program)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            made = list(pool.map(lambda architecture: build_for(architecture, directory, PLAIN), ARCHITECTURES))
    universal = directory / "universal"
    universal.mkdir(exist_ok=True)
    for file in ("cli/tuntapd", "shim/libtuntapd-shim.dylib"):
        logged("llvm-lipo-14", ["llvm-lipo-14", "-create", *[there / file for there in made], "-output",
                                universal / pathlib.Path(file).name], directory)
    return universal


def build_checked(directory):
    """What ships, for x86_64 alone and with the sanitizers in it, into directory; where the files are.  After build()."""
    directory.mkdir(exist_ok=True)
    with clients.alone():
        there = build_for("x86_64", directory, CHECKED)
    universal = directory / "universal"
    universal.mkdir(exist_ok=True)
    for file in ("cli/tuntapd", "shim/libtuntapd-shim.dylib"):
        shutil.copy(there / file, universal)
    return universal


def logged(what, command, directory):
    """Runs a step in a directory, where the compiler may leave files; its output is the error's text if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), cwd=directory)
    if done.returncode != 0:
        raise RuntimeError(f"{what} failed:\n{done.stdout[-20000:]}{done.stderr[-5000:]}")


if __name__ == "__main__":
    print(build(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "darwin").resolve()))
