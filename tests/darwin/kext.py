# SPDX-License-Identifier: BSD-2-Clause
"""What is checked of the kernel extensions without a Mac: that their sources compile for both architectures, and take of the kernel what it
exports.  Nothing is linked: the linker's part, and Apple's own headers, are a Mac's (kext/build.sh).
"""
import pathlib
import plistlib
import re
import subprocess

import cross

KEXT = cross.ROOT / "kext"
HEADERS = cross.ROOT / "tests/kpi/include"
# As kext/build.sh, but for what is Apple's compiler's alone.
FLAGS = ["-std=c17", "-Os", "-ffreestanding", "-fno-builtin", "-fno-common", "-fno-stack-protector", "-fno-sanitize=undefined", "-fvisibility=hidden",
         "-mkernel", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-nostdinc", "-I", HEADERS]
# What libkmod.a has, and the names of the model where they are not the kernel's.
LOADER = {"_start", "_stop"}
RENAMED = {"kpi_printf": "printf"}


def compile_all(directory):
    """{(architecture, kind): objects}; what the compiler says is the error's text."""
    made = {}
    for architecture in cross.ARCHITECTURES:
        compiler = cross.tools(architecture) / "cc"
        for kind in ("tun", "tap"):
            there = directory / architecture / kind
            there.mkdir(parents=True, exist_ok=True)
            made[architecture, kind] = []
            for source in [*sorted(set(KEXT.glob("*.c")) - {KEXT / "tun.c", KEXT / "tap.c"}), KEXT / f"{kind}.c"]:
                target = there / f"{source.stem}.o"
                cross.logged(str(source), [compiler, *FLAGS, f"-DKEXT_BUNDLE=org.tuntapd.{kind}", '-DKEXT_VERSION="0"', "-c", source, "-o", target],
                             directory)
                made[architecture, kind].append(target)
    return made


def symbols(objects, option):
    done = subprocess.run(["llvm-nm-14", option, "--format=posix", *objects], check=True, capture_output=True, text=True)
    return {RENAMED.get(match, match) for match in re.findall(r"^_(\S+) [A-Z]", done.stdout, re.M)}


def exported():
    """{symbol: the kernel's library}, as symbols.txt says."""
    table = {}
    for line in (KEXT / "symbols.txt").read_text().splitlines():
        if not line.startswith("#"):
            library, *names = line.split()
            table.update({name: library for name in names})
    return table


def check_extensions_compile(kext_directory):
    """The kernel extensions' sources compile for both architectures without a warning, against our declarations"""
    try:
        for (architecture, kind), objects in compile_all(pathlib.Path(kext_directory)).items():
            for path in objects:
                done = subprocess.run(["llvm-objdump-14", "--macho", "--private-header", path], check=False, capture_output=True, text=True)
                wanted = "X86_64" if architecture == "x86_64" else "ARM64"
                if f" {wanted} " not in done.stdout:
                    yield f"{path.name} for {kind}: not of {architecture}"
    except RuntimeError as error:
        yield from str(error).splitlines()


def check_extensions_take_what_is_exported(kext_directory):
    """They take of the kernel what it exports, of the libraries that Info.plist names, and symbols.txt is all of it"""
    table, used = exported(), set()
    libraries = plistlib.loads((KEXT / "Info.plist.in").read_bytes())["OSBundleLibraries"]
    try:
        made = compile_all(pathlib.Path(kext_directory))
    except RuntimeError:
        return  # the check before says so
    for (architecture, kind), objects in made.items():
        if "kmod_info" not in symbols(objects, "--defined-only"):
            yield f"{kind} {architecture}: the loader does not find kmod_info"
        taken = symbols(objects, "--undefined-only") - symbols(objects, "--defined-only")
        used |= taken
        for symbol in sorted(taken - LOADER - table.keys()):
            yield f"{kind} {architecture}: {symbol} is in no library"
        for library in sorted({table[symbol] for symbol in taken & table.keys()} - libraries.keys()):
            yield f"{kind} {architecture}: {library} is not in Info.plist"
    # What the compiler makes of loops and structures differs.
    for symbol in sorted(table.keys() - used - {"__bzero", "bzero", "memcmp", "memcpy", "memset"}):
        yield f"symbols.txt: {symbol} is not used"


def check_extensions_say_who_they_are():
    """Info.plist, kind and version of an extension agree"""
    text = (KEXT / "Info.plist.in").read_text()
    for kind in ("tun", "tap"):
        plist = plistlib.loads(text.replace("@KIND@", kind).replace("@VERSION@", "1.2.3").encode())
        if (plist["CFBundleIdentifier"], plist["CFBundleExecutable"], plist["CFBundlePackageType"], plist["CFBundleVersion"]) != \
                (f"org.tuntapd.{kind}", kind, "KEXT", "1.2.3"):
            yield f"Info.plist for {kind}: {plist}"
        if f'"org.tuntapd.{kind}"' not in (KEXT / f"{kind}.c").read_text():
            yield f"{kind}.c names another bundle"
