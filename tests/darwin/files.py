# SPDX-License-Identifier: BSD-2-Clause
"""What is checked of the macOS files without running them.  Each check yields what is wrong."""
import struct

import macho

LIBRARY = "/usr/lib/libSystem.B.dylib"
SIGNED_AD_HOC = 0x2
# Functions that configure scripts look for and that macOS got later (the headers' availability says when).  The compiler refuses them, too,
# where a header declares them.
YOUNGER = {f"_{name}" for name in ("accept4", "dup3", "execvpe", "getrandom", "memrchr", "mkfifoat", "mknodat", "pipe2", "ppoll", "qsort_r_np",
                                   "reallocarray", "strchrnul", "mempcpy", "fdscandir", "scandirat", "posix_spawn_file_actions_addchdir")}
SIZE_OF_PAIR = 16


def check_architectures(files):
    """The files are for x86_64 and arm64, and nothing else."""
    for name, slices in files.items():
        if sorted(slices) != ["arm64", "x86_64"]:
            yield f"{name}: {sorted(slices)}"


def check_kinds(files):
    """An executable at a random address, and a library."""
    for name, one in each(files):
        wanted = "dylib" if name.endswith(".dylib") else "execute"
        if one.kind != wanted:
            yield f"{name} {one.architecture}: {one.kind}"
        if wanted == "execute" and not one.flags & macho.PIE:
            yield f"{name} {one.architecture}: at a fixed address"
        if not one.flags & macho.TWO_LEVEL:
            yield f"{name} {one.architecture}: symbols without libraries"


def check_versions(files):
    """They run on macOS 11 and later."""
    for name, one in each(files):
        if (one.platform, one.minimum) != (1, "11.0"):
            yield f"{name} {one.architecture}: platform {one.platform}, version {one.minimum}"


def check_age(files):
    """They import nothing that is younger than macOS 11: a symbol that is missing there ends the program."""
    for name, one in each(files):
        for symbol in sorted(one.undefined() & YOUNGER):
            yield f"{name} {one.architecture}: {symbol}"


def check_libraries(files):
    """They load the system's one library, and take no symbol from elsewhere."""
    for name, one in each(files):
        if one.libraries != [LIBRARY]:
            yield f"{name} {one.architecture}: loads {one.libraries}"
        bound = set()
        for _, _, _, library, symbol in one.binds():
            bound.add(symbol)
            if library != "libSystem":
                yield f"{name} {one.architecture}: {symbol} from {library}"
        for symbol in one.undefined() - bound:
            if symbol != "dyld_stub_binder":
                yield f"{name} {one.architecture}: {symbol} is bound from nowhere"


def check_install_name(files):
    """The preload library is found where it lies: it has no path of its own, and exports nothing."""
    for name, one in each(files):
        if not name.endswith(".dylib"):
            continue
        if one.install_name != f"@rpath/{name}":
            yield f"{name} {one.architecture}: {one.install_name}"
        for symbol in one.exported() - {"__mh_dylib_header", "___dso_handle"}:
            yield f"{name} {one.architecture}: exports {symbol}"


def check_signatures(files):
    """On arm64, where the kernel runs nothing unsigned, they are signed ad hoc, and the hashes are those of the file."""
    for name, one in each(files):
        try:
            flags = one.signed()
        except ValueError as error:
            yield f"{name} {one.architecture}: {error}"
            continue
        if one.architecture == "arm64" and (flags is None or not flags & SIGNED_AD_HOC):
            yield f"{name} {one.architecture}: signature's flags {flags}"


def pairs(one):
    """The interposing section as the loader will see it: {symbol replaced: symbol in its place}."""
    section = one.section("__DATA", "__interpose")
    if section is None or section.flags & 0xff != macho.INTERPOSING or section.size % SIZE_OF_PAIR != 0:
        raise ValueError("no section __DATA,__interpose of pairs")
    names = {}
    for symbol, address in one.symbols().items():
        names.setdefault(address, []).append(symbol)
    theirs = {address: symbol for segment, name, address, _, symbol in one.binds() if (segment, name) == ("__DATA", "__interpose")}
    found = {}
    for at in range(0, section.size, SIZE_OF_PAIR):
        ours = struct.unpack_from("<Q", one.data, section.offset + at)[0]
        symbol = theirs.pop(section.address + at + 8, None)
        body = next((n for n in names.get(ours, []) if n.startswith("_shim_")), None)
        if symbol is None or body is None or symbol in found:
            raise ValueError(f"pair {at // SIZE_OF_PAIR}: {body} for {symbol}")
        found[symbol] = body
    if theirs:
        raise ValueError(f"replacements that are others' functions: {sorted(theirs.values())}")
    return found


def check_interposing(files, entries):
    """The pairs that the loader will see are the list of entry points, no more and no less."""
    for name, one in each(files):
        if not name.endswith(".dylib"):
            continue
        wanted = {symbol: f"_{body}" for architecture, symbol, body in entries if architecture == one.architecture}
        try:
            found = pairs(one)
        except ValueError as error:
            yield f"{name} {one.architecture}: {error}"
            continue
        for symbol in sorted(wanted.keys() | found.keys()):
            if wanted.get(symbol) != found.get(symbol):
                yield f"{name} {one.architecture}: {symbol}: the list says {wanted.get(symbol)}, the file {found.get(symbol)}"


def check_forms(files):
    """A function with forms is replaced in all of them: the C library calls those that no program does."""
    for name, one in each(files):
        if not name.endswith(".dylib"):
            continue
        symbols = set(pairs(one))
        for plain in ("open", "openat", "close", "read", "readv", "pread", "write", "writev", "pwrite", "fcntl", "recvmsg"):
            if not {f"_{plain}", f"_{plain}$NOCANCEL"} <= symbols:
                yield f"{name} {one.architecture}: _{plain}"
        for plain in ("fopen", "fdopen", "popen", "realpath"):
            if not {f"_{plain}", f"_{plain}$DARWIN_EXTSN"} <= symbols:
                yield f"{name} {one.architecture}: _{plain}"
        for plain in ("stat", "lstat", "fstat", "readdir", "opendir"):
            form = f"_{plain}$INODE64" if one.architecture == "x86_64" else f"_{plain}"
            if form not in symbols or (one.architecture == "x86_64" and f"_{plain}" in symbols):
                yield f"{name} {one.architecture}: _{plain}"


def each(files):
    for name, slices in files.items():
        for one in slices.values():
            yield name, one
