#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the preload library gives to a program, and what it takes from it.

symbols.py LIBC LIBRARY GEN-ENTRIES ENTRIES [OBJECT-DIRECTORY]

A library that is loaded into every program must export exactly what it overrides, must never reach its own entry points through
the dynamic linker (it would call itself, or somebody else's override), and must not call what can allocate, lock, print or end
the program.  Prints TAP.
"""
import pathlib
import subprocess
import sys
import tempfile

# Everything that the library may take from the C library, and from where.
ALLOWED = {
    "__errno_location", "__stack_chk_fail",
    # The linker's own, weak.
    "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable", "__cxa_finalize", "__gmon_start__",
    # Pure functions on memory.
    "memchr", "memcmp", "memcpy", "memset", "strchr", "strcmp", "strcpy", "strcspn", "strlen", "strncmp", "strnlen", "strrchr",
    # The constructor.
    "dlsym", "secure_getenv", "__register_atfork", "pthread_atfork", "sysconf", "mmap", "madvise", "munmap",
    # What attach and questions must not be interrupted by.
    "pthread_setcancelstate",
    # Bare system calls: attach, and questions to the kernel.
    "clock_gettime", "connect", "getpeername", "getsockname", "poll", "recv", "recvmsg", "send", "sendmsg", "setsockopt", "socket",
    "syscall",
    "getpid", "getrlimit", "getuid", "geteuid", "getgid", "getegid", "getgroups",
    # Streams, whose users expect allocation and locks.
    "__fpurge", "clearerr", "dirfd", "fclose", "fflush", "fopencookie", "lseek", "setvbuf",
    "gnu_get_libc_version",  # weak, and never called
    # What callers of scandir and realpath free, and a stream at its end: see ALLOCATING.
    "free", "malloc", "qsort", "realloc", "strdup",
}
# Which objects may take what allocates: their interface is to allocate.
ALLOCATING = {
    "actions": {"free", "malloc", "realloc", "strdup"},
    "dir": {"free", "malloc", "qsort", "realloc"},
    "node": {"strdup"},
    "stream": {"free", "malloc"},
}
# The packet path, by object: no more than these from outside the library.
PACKET_PATH = {
    "io": {"__errno_location", "__stack_chk_fail"},
    "channel": {"__errno_location", "__stack_chk_fail", "recv", "send", "sendmsg"},
    "framed": {"__errno_location", "__stack_chk_fail", "memcpy", "sendmsg"},
    "iov": {"memcpy"},
    "fdtable": {"getpid"},
}


def nm(path, *options):
    return subprocess.run(["nm", *options, str(path)], capture_output=True, text=True, check=True).stdout.splitlines()


def undefined(path, *options):
    return {line.split()[-1].partition("@")[0] for line in nm(path, "--undefined-only", *options)}


def exported(path):
    return {line.split()[-1].partition("@")[0] for line in nm(path, "-D", "--defined-only")}


def expected(libc, generator, entries):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([generator, libc, entries, directory], check=True)
        return set((pathlib.Path(directory) / "entries.list").read_text().split())


def libc_file(libc):
    """The C library itself, where it can be found."""
    if libc == "musl":
        return next(pathlib.Path("/lib").glob("ld-musl-*.so.1"), None)
    mapped = [line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "/libc.so.6" in line]
    return mapped[0] if mapped else None


def other_names(name):
    """What else a C library may call a function: for large files, and in fortified programs."""
    large = [name + "64", name.removesuffix("_r") + "64_r", name.removesuffix("2") + "64v2", name.removesuffix("_2") + "64_2",
             name.removesuffix("_chk") + "64_chk"]
    return {*large, *(f"__{each.removeprefix('__')}_chk" for each in [name, *large]), f"{name}_unlocked"} - {name}


def relocated(path):
    """Every symbol that the dynamic linker looks up for the library."""
    lines = subprocess.run(["readelf", "-rW", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return {f[4].partition("@")[0] for f in fields if len(f) > 4 and f[2].startswith("R_")}


def dynamic_tags(path):
    return subprocess.run(["readelf", "-dlW", str(path)], capture_output=True, text=True, check=True).stdout


def main():
    libc, library, generator, entries = sys.argv[1:5]
    names = expected(libc, generator, entries)
    tags = dynamic_tags(library)
    theirs = exported(libc_file(libc)) if libc_file(libc) else set()
    missing = {other for name in names for other in other_names(name) & theirs} - names
    checks = [
        ("it exports exactly the entry points", names ^ exported(library)),
        ("it takes from the C library only what is on the list", undefined(library, "-D") - ALLOWED),
        ("it looks up none of its own entry points", relocated(library) & names),
        ("it overrides each name that the C library has for them", missing),
        ("the list is long enough to mean something", set() if {"open", "read", "ioctl"} <= names else {"short"}),
        ("its tables of addresses are read-only after start", set() if "GNU_RELRO" in tags and "NOW" in tags else {"relro"}),
        ("its stack is not executable", set() if " RWE " not in tags else {"RWE"}),
        ("it is never unloaded", set() if "NODELETE" in tags else {"NODELETE"}),
    ]
    if len(sys.argv) > 5:
        objects = {path.name.removesuffix(".c.o"): path for path in pathlib.Path(sys.argv[5]).glob("*.o")}
        ours = {line.split()[-1] for path in objects.values() for line in nm(path, "--defined-only")}
        allocators = set().union(*ALLOCATING.values())
        checks.append(("it allocates only in lists, paths and streams", {
            f"{name}.c:{symbol}" for name, path in objects.items()
            for symbol in (undefined(path) & allocators) - ALLOCATING.get(name, set())}))
        for name, allowed in PACKET_PATH.items():
            outside = undefined(objects[name]) - ours - {"_GLOBAL_OFFSET_TABLE_"}
            checks.append((f"{name}.c, on the packet path, takes even less", outside - allowed))
            checks.append((f"{name}.c calls the real functions by their slots only", undefined(objects[name]) & names))
    for number, (text, wrong) in enumerate(checks, 1):
        print(f"{'not ok' if wrong else 'ok'} {number} {text}{': ' + ' '.join(sorted(wrong)) if wrong else ''}")
    print(f"1..{len(checks)}")
    return any(wrong for _, wrong in checks)


if __name__ == "__main__":
    sys.exit(main())
