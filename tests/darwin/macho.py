# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the tests ask of a Mach-O file: slices, load commands, sections, binds, symbols, the code signature.

Written against mach-o/loader.h, mach-o/fat.h and XNU's osfmk/kern/cs_blobs.h; binds are read by a tool of another maker (llvm-objdump),
so that the file is not only what its own linker thinks it is.
"""
import dataclasses
import hashlib
import pathlib
import re
import struct
import subprocess
import tempfile

CPU = {0x01000007: "x86_64", 0x0100000c: "arm64"}
TYPES = {2: "execute", 6: "dylib"}
PIE, TWO_LEVEL = 0x200000, 0x80
INTERPOSING = 0xd  # S_INTERPOSING, the section's type


@dataclasses.dataclass
class Section:
    segment: str
    name: str
    address: int
    size: int
    offset: int
    flags: int


class Slice:
    """One architecture's part of a file."""

    def __init__(self, data, at):
        self.data = data
        magic, cpu, _, kind, commands, _, self.flags, _ = struct.unpack_from("<8I", data, 0)
        if magic != 0xfeedfacf:
            raise ValueError(f"no Mach-O file of 64 bits: {magic:#x}")
        self.architecture, self.kind, self.at = CPU[cpu], TYPES[kind], at
        self.sections, self.libraries, self.install_name, self.minimum, self.platform, self.signature = [], [], None, None, None, None
        place = 32
        for _ in range(commands):
            command, size = struct.unpack_from("<2I", data, place)
            self.take(command & 0x7fffffff, place, size)
            place += size

    def text(self, place):
        return self.data[place:self.data.index(b"\0", place)].decode()

    def take(self, command, place, size):
        if command == 0x19:  # LC_SEGMENT_64
            count = struct.unpack_from("<I", self.data, place + 64)[0]
            for i in range(count):
                name, segment, address, length, offset, _, _, _, flags = struct.unpack_from("<16s16sQQIIIII", self.data, place + 72 + 80 * i)
                self.sections.append(Section(segment.rstrip(b"\0").decode(), name.rstrip(b"\0").decode(), address, length, offset, flags))
        elif command in (0xc, 0x18, 0x1f):  # LC_LOAD_DYLIB and its weaker kin
            self.libraries.append(self.text(place + struct.unpack_from("<I", self.data, place + 8)[0]))
        elif command == 0xd:  # LC_ID_DYLIB
            self.install_name = self.text(place + struct.unpack_from("<I", self.data, place + 8)[0])
        elif command == 0x32:  # LC_BUILD_VERSION
            self.platform, version = struct.unpack_from("<2I", self.data, place + 8)
            self.minimum = f"{version >> 16}.{version >> 8 & 255}"
        elif command == 0x1d:  # LC_CODE_SIGNATURE
            self.signature = struct.unpack_from("<2I", self.data, place + 8)

    def section(self, segment, name):
        return next((s for s in self.sections if (s.segment, s.name) == (segment, name)), None)

    def tool(self, program, *options):
        with tempfile.NamedTemporaryFile(suffix=f"-{self.architecture}") as file:
            file.write(self.data)
            file.flush()
            return subprocess.run([program, *options, file.name], check=True, capture_output=True, text=True).stdout

    def symbols(self):
        """Defined ones: address by name."""
        found = {}
        for line in self.tool("llvm-nm-14", "--defined-only").splitlines():
            address, _, name = line.split(maxsplit=2)
            found[name] = int(address, 16)
        return found

    def undefined(self):
        return {line.split()[-1] for line in self.tool("llvm-nm-14", "--undefined-only").splitlines() if line.strip()}

    def exported(self):
        return {line.split()[1] for line in self.tool("llvm-objdump-14", "--macho", "--exports-trie").splitlines()
                if re.match(r"0x[0-9A-Fa-f]+ ", line)}

    def binds(self):
        """Each place that the loader fills in with another library's symbol: (segment, section, address, library, symbol)."""
        rows = []
        for option in ("--bind", "--lazy-bind", "--weak-bind"):
            for line in self.tool("llvm-objdump-14", "--macho", option).splitlines():
                fields = line.split()
                if len(fields) >= 5 and fields[2].startswith("0x"):
                    rows.append((fields[0], fields[1], int(fields[2], 16), fields[-2], fields[-1]))
        return rows

    def signed(self):
        """The flags of its signature, once all hashes of pages have been found right; None: it has none."""
        if self.signature is None:
            return None
        offset, _ = self.signature
        magic, _, count = struct.unpack_from(">3I", self.data, offset)
        if magic != 0xfade0cc0:
            raise ValueError("the signature is none")
        for i in range(count):
            directory = offset + struct.unpack_from(">I", self.data, offset + 12 + 8 * i + 4)[0]
            if struct.unpack_from(">I", self.data, directory)[0] != 0xfade0c02:
                continue
            _, flags, hashes, _, _, pages, limit = struct.unpack_from(">7I", self.data, directory + 8)
            hash_bytes, hash_type, _, page_shift = struct.unpack_from("4B", self.data, directory + 36)
            if (hash_bytes, hash_type) != (32, 2) or limit != offset:
                raise ValueError("not SHA-256 of all before the signature")
            for page in range(pages):
                at = page << page_shift
                wanted = self.data[directory + hashes + 32 * page:directory + hashes + 32 * (page + 1)]
                if hashlib.sha256(self.data[at:min(at + (1 << page_shift), limit)]).digest() != wanted:
                    raise ValueError(f"the hash of page {page} is wrong")
            return flags
        raise ValueError("the signature has no code directory")


def slices(path):
    """By architecture."""
    data = pathlib.Path(path).read_bytes()
    magic, count = struct.unpack_from(">2I", data, 0)
    if magic != 0xcafebabe:
        one = Slice(data, 0)
        return {one.architecture: one}
    found = {}
    for i in range(count):
        _, _, offset, size, _ = struct.unpack_from(">5I", data, 8 + 20 * i)
        one = Slice(data[offset:offset + size], offset)
        found[one.architecture] = one
    return found
