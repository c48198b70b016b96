# SPDX-License-Identifier: BSD-2-Clause
"""The files for arm64, run by loader and stand-in in an emulator of the processor (qemu-user).  Each check yields what is wrong.

The library and the programs are arm64's; the daemon that serves them is x86_64's, since the emulator has not all of the kernel that the
stand-in makes a daemon's macOS of.
"""
import shutil

import cross
import frames
import live
import stand
from stand import HERE, ROOT, run

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = ["/usr/bin/qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
PROGRAMS = [*(HERE / "programs" / f"{name}.c" for name in ("tun-rules", "tap-rules", "tap-bounce", "path-rules", "not-variadic")),
            ROOT / "tests" / "programs" / "tun-echo.c"]


def can_run():
    return stand.can_run() and shutil.which(COMPILER) is not None and shutil.which(EMULATOR[0]) is not None


def make_all(files):
    """The loader, for Linux on arm64; the programs, for macOS there."""
    directory = files / "stand" / "arm64"
    directory.mkdir(parents=True, exist_ok=True)
    loader = [HERE / "loader.c", HERE / "machine-arm64.c", *sorted(HERE.glob("standin*.c"))]
    stand.make(directory / "loader", [*loader, *HERE.glob("*.h")], [COMPILER, *stand.ARGUMENTS, "-o", directory / "loader", *loader])
    for source in PROGRAMS:
        stand.make_program(directory / source.stem, source, cross.tools("arm64") / "cc")
    return directory


class World(stand.World):
    """A daemon for x86_64 that serves programs for arm64."""

    def loader(self):
        # A program that becomes another one is its own starter.
        return ["env", f"TUNTAPD_STANDIN_EMULATOR={' '.join(EMULATOR)}", *EMULATOR, str(self.programs() / "loader")]

    def programs(self):
        return self.files / "stand" / "arm64"

    def known_as(self, name):
        return EMULATOR[0].rpartition("/")[2]


def check_command(arm64_files, universal, build):
    """The command for arm64 answers as Linux's does."""
    yield from live.compare_command([*EMULATOR, arm64_files / "loader", universal / "tuntapd"], build)


def check_variadic(stand_files, arm64_files):
    """A call that forgets that a function is variadic is seen on arm64."""
    told = [run([*words, directory / "loader", directory / "not-variadic"]).stdout
            for words, directory in (([], stand_files), (EMULATOR, arm64_files))]
    if told[0] != "50\n" or told[1] in ("50\n", ""):
        yield f"it is told {told}"


def sizes(files, directory):
    """Frames come to a program and go back, of all sizes."""
    world = World(files, directory, "device tap0 {\n\tmtu = 9000\n}\n")
    program = frames.start(world, "tap-bounce", "/dev/tap0")
    wire = frames.Wire(frames.near())
    for number, size in enumerate((14, 60, 61, 1514, 2049, 9014)):
        if not wire.bounces(size, number):
            yield f"a frame of {size} bytes does not come back"
    yield from frames.end(program, 6)
    yield from frames.nothing_left(world)


INSIDE = {
    "tun_rules": lambda *where: live.rules(*where, kind=World),
    "tun_echo": lambda *where: live.echo(*where, kind=World),
    "tap_rules": lambda *where: frames.tap_rules(*where, kind=World),
    "paths": lambda *where: live.paths(*where, kind=World),
    "sizes": sizes,
}


def inside(name, arm64_files):
    yield from stand.inside(__file__, name, arm64_files.parent.parent)


def check_tun_rules(arm64_files, root):
    """A program for arm64 finds at its tun device what the contract says."""
    yield from inside("tun_rules", arm64_files)


def check_tun_echo(arm64_files, root):
    """A program for arm64 answers pings through its tun device."""
    yield from inside("tun_echo", arm64_files)


def check_tap_rules(arm64_files, root):
    """A program for arm64 finds at its tap device what the contract says."""
    yield from inside("tap_rules", arm64_files)


def check_paths(arm64_files, root):
    """A program for arm64 finds a device by macOS' other ways to open a path, and to look at it."""
    yield from inside("paths", arm64_files)


def check_sizes(arm64_files, root):
    """Frames of all sizes pass through the tap of a program for arm64, both ways."""
    yield from inside("sizes", arm64_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
