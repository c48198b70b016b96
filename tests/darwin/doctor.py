# SPDX-License-Identifier: BSD-2-Clause
"""What `tuntapd doctor PROGRAM` says of programs of macOS: made by the cross-compiler, signed here.

The signatures are written byte by byte (XNU osfmk/kern/cs_blobs.h), with the flags and entitlements that a row asks for and with right
hashes, which macho.py, another reader, checks first.  Each check yields what is wrong.
"""
import hashlib
import json
import os
import pathlib
import stat
import struct
import subprocess
import tempfile

import cross
import macho

AD_HOC, RESTRICT, REQUIRE_LV, RUNTIME, LINKER_SIGNED = 0x2, 0x800, 0x2000, 0x10000, 0x20000
ENVIRONMENT, LIBRARIES = ("com.apple.security.cs." + name for name in ("allow-dyld-environment-variables", "disable-library-validation"))
PAGE = 4096
SIGNATURE, SEGMENT = 0x1D, 0x19
SOURCE = '#include <fcntl.h>\nint main(void) { return open("/dev/tun0", O_RDWR) < 0; }\n'


def der(entitlements):
    """A dictionary as macOS 12 and later has it: its keys, each a string, with true."""
    def one(tag, body):
        length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)]) if len(body) < 256 else b"\x82" + struct.pack(">H", len(body))
        return bytes([tag]) + length + body
    keys = b"".join(one(0x30, one(0x0C, key.encode()) + b"\x01\x01\xff") for key in entitlements)
    return one(0x70, b"\x02\x01\x01" + one(0xB0, keys))


def signed(path, flags, entitlements=(), text=True):
    """The file with a signature in place of its own, or where it has none, after it."""
    data = bytearray(path.read_bytes())
    _, _, _, _, count, size, _, _ = struct.unpack_from("<8I", data, 0)
    at, linkedit, command = 32, None, None
    for _ in range(count):
        kind, length = struct.unpack_from("<2I", data, at)
        if kind == SIGNATURE:
            command = at
        elif kind == SEGMENT and data[at + 8:at + 24].rstrip(b"\0") == b"__LINKEDIT":
            linkedit = at
        at += length
    if command is None:
        assert not any(data[at:at + 16]), "no room for a load command"
        command = at
        struct.pack_into("<2I", data, 16, count + 1, size + 16)
        data += bytes(-len(data) % 16)
    else:
        del data[struct.unpack_from("<I", data, command + 8)[0]:]
    place = len(data)

    blobs = {}
    if entitlements and text:
        keys = "".join(f"\t<key>{key}</key>\n\t<true/>\n" for key in entitlements)
        blobs[5] = struct.pack(">I", 0xFADE7171), f'<?xml version="1.0"?>\n<plist version="1.0">\n<dict>\n{keys}</dict>\n</plist>\n'.encode()
    if entitlements:
        blobs[7] = struct.pack(">I", 0xFADE7172), der(entitlements)
    blobs = {slot: magic + struct.pack(">I", 8 + len(body)) + body for slot, (magic, body) in blobs.items()}
    name, special, pages = b"program\0", 7 if blobs else 0, (place + PAGE - 1) // PAGE
    hashes = 88 + len(name) + 32 * special
    directory_size = hashes + 32 * pages
    total = 12 + 8 * (1 + len(blobs)) + directory_size + sum(map(len, blobs.values()))
    # All before the signature is hashed, the commands that lead to it too.
    struct.pack_into("<4I", data, command, SIGNATURE, 16, place, total)
    _, memory, offset, _ = struct.unpack_from("<4Q", data, linkedit + 24)
    room = place + total - offset
    struct.pack_into("<4Q", data, linkedit + 24, struct.unpack_from("<Q", data, linkedit + 24)[0], max(memory, room), offset, room)
    directory = struct.pack(">9I4B2I", 0xFADE0C02, directory_size, 0x20400, flags, hashes, 88, special, pages, place, 32, 2, 0, 12, 0, 0)
    directory += struct.pack(">2I4Q", 0, 0, 0, 0, PAGE, 1) + name
    for slot in range(special, 0, -1):
        directory += hashlib.sha256(blobs[slot]).digest() if slot in blobs else bytes(32)
    for page in range(pages):
        directory += hashlib.sha256(data[page * PAGE:min((page + 1) * PAGE, place)]).digest()
    assert len(directory) == directory_size
    index, body = struct.pack(">2I", 0, 12 + 8 * (1 + len(blobs))), directory
    for slot, blob in blobs.items():
        index += struct.pack(">2I", slot, 12 + 8 * (1 + len(blobs)) + len(body))
        body += blob
    return bytes(data) + struct.pack(">3I", 0xFADE0CC0, total, 1 + len(blobs)) + index + body


# Flags, entitlements, whether they are there as text too, and the first obstacle (None: the library can go in).
SIGNATURES = [
    (AD_HOC, (), True, None),
    (AD_HOC | LINKER_SIGNED, (), True, None),
    (0, (), True, None),
    (RUNTIME, (), True, "hardened-runtime"),
    (RUNTIME, (LIBRARIES,), True, "hardened-runtime"),
    (RUNTIME, (ENVIRONMENT,), True, "library-validation"),
    (RUNTIME, (ENVIRONMENT, LIBRARIES), True, None),
    (RUNTIME, (ENVIRONMENT, LIBRARIES), False, None),
    (RUNTIME, ("com.apple.security.hypervisor",), True, "hardened-runtime"),
    (REQUIRE_LV, (), True, "library-validation"),
    (REQUIRE_LV, (LIBRARIES,), True, None),
    (RESTRICT | AD_HOC, (ENVIRONMENT, LIBRARIES), True, "restricted"),
]


def compiled(build, architecture, *options):
    directory = build / "darwin" / "doctor"
    directory.mkdir(exist_ok=True)
    source = directory / "program.c"
    if not source.exists() or source.read_text() != SOURCE:
        source.write_text(SOURCE)
    target = directory / f"program-{architecture}-{hashlib.sha256(' '.join(options).encode()).hexdigest()[:8]}"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([cross.tools(architecture) / "cc", "-O1", "-o", target, source, "-Wl,-headerpad,0x200", *options], check=True,
                       env=cross.environment(), cwd=directory)
    return target


def look(build, path):
    """What doctor says: its status, and for each architecture (name, id of the first obstacle)."""
    done = subprocess.run([build / "cli" / "tuntapd", "doctor", "--json", path], check=False, capture_output=True, text=True)
    document = json.loads(done.stdout)
    found = []
    for one in document["looks"]:
        assert one["system"] == "macos"
        found.append((one["architecture"], next((o["id"] for o in one["obstacles"] if not o["warning"]), None)))
    return done.returncode, found, document


def check_doctor_signatures(build):
    """Why a signed program of macOS cannot have the library, by what its signature says."""
    for architecture, name in (("x86_64", "x86-64"), ("arm64", "arm64")):
        plain = compiled(build, architecture)
        for flags, entitlements, text, obstacle in SIGNATURES:
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "program"
                path.write_bytes(signed(plain, flags, entitlements, text))
                path.chmod(0o755)
                row = f"{architecture} {flags:#x} {entitlements} {text}"
                one = macho.slices(path)[architecture]
                if one.signed() != flags:
                    yield f"{row}: the signature is not as it should be"
                status, found, document = look(build, path)
                if found != [(name, obstacle)] or status != (126 if obstacle else 0) or document["loadable"] != (obstacle is None):
                    yield f"{row}: status {status}, {found}"
                if obstacle and not document["looks"][0]["obstacles"][0]["commands"]:
                    yield f"{row}: no command that would help"


def check_doctor_architectures(build):
    """Each architecture of a program is judged for itself."""
    with tempfile.TemporaryDirectory() as directory:
        here = pathlib.Path(directory)
        for name, flags in (("x86_64", RUNTIME), ("arm64", AD_HOC)):
            (here / name).write_bytes(signed(compiled(build, name), flags))
        path = here / "program"
        subprocess.run(["llvm-lipo-14", "-create", here / "x86_64", here / "arm64", "-output", path], check=True)
        path.chmod(0o755)
        status, found, _ = look(build, path)
        if (status, sorted(found)) != (126, [("arm64", None), ("x86-64", "hardened-runtime")]):
            yield f"one hardened: status {status}, {found}"
        # arm64e, which is a subtype: only the system's own libraries go into it.
        data = bytearray((here / "arm64").read_bytes())
        struct.pack_into("<I", data, 8, 0x80000002)
        path.write_bytes(data)
        status, found, _ = look(build, path)
        if (status, found) != (126, [("arm64e", "machine")]):
            yield f"arm64e: status {status}, {found}"


def check_doctor_marks(build):
    """A section that restricts, a mark on the file, a library: each is told."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "program"
        empty = pathlib.Path(directory) / "empty"
        empty.write_bytes(b"")
        path.write_bytes(compiled(build, "arm64").read_bytes())
        for mode, obstacle in ((0o755, None), (stat.S_ISUID | 0o755, "set-user-id"), (stat.S_ISGID | 0o755, "set-group-id")):
            path.chmod(mode)
            status, found, _ = look(build, path)
            if found != [("arm64", obstacle)]:
                yield f"mode {mode:o}: status {status}, {found}"
        # What a linker's -sectcreate would make.
        data = bytearray(path.read_bytes())
        at = data.index(b"__TEXT\0", 32)
        data[at:at + 16] = b"__RESTRICT".ljust(16, b"\0")
        data[at + 64:at + 80] = b"__restrict".ljust(16, b"\0")
        path.write_bytes(data)
        path.chmod(0o755)
        status, found, _ = look(build, path)
        if found != [("arm64", "restrict-segment")]:
            yield f"restricting section: status {status}, {found}"


def check_doctor_ships(build, universal):
    """What ships can have the library itself; the library is no program."""
    for name, wanted in (("tuntapd", None), ("libtuntapd-shim.dylib", "no-program")):
        path = universal / name
        os.chmod(path, 0o755)
        _, found, _ = look(build, path)
        if sorted(found) != [("arm64", wanted), ("x86-64", wanted)]:
            yield f"{name}: {found}"


# What the stand-in's world, which is no Mac's, adds: there is no dyld in it, and no installed library.
OF_THE_STAND_IN = {"loader", "shim-missing"}


def check_doctor_of_macos(stand_files, universal, build):
    """The command of macOS says the same of a signed program."""
    plain = compiled(build, "x86_64")
    for flags, entitlements, text, obstacle in SIGNATURES:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "program"
            path.write_bytes(signed(plain, flags, entitlements, text))
            path.chmod(0o755)
            done = subprocess.run([stand_files / "loader", universal / "tuntapd", "doctor", "--json", path], check=False, capture_output=True,
                                  text=True)
            try:
                one, = json.loads(done.stdout)["looks"]
            except ValueError:
                yield f"{flags:#x}: status {done.returncode}: {done.stdout}{done.stderr}"
                continue
            found = [o["id"] for o in one["obstacles"] if o["id"] not in OF_THE_STAND_IN]
            if (one["system"], one["architecture"], found) != ("macos", "x86-64", [obstacle] if obstacle else []):
                yield f"{flags:#x} {entitlements}: {one}"
