#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes everything that depends on the list of entry points from entries.txt.

gen-entries.py LIBC ENTRIES OUTDIR writes, for one C library (glibc, musl, darwin):

  entries.h    prototypes of the bodies (shim_NAME, on ELF with NAME as assembler name), real_NAME(): the real function, and
               ENTRY_NAME, defined where this C library has NAME: so the bodies need not name C libraries
  entries.list the names that the library stands in for, one per line, for the symbol test; macOS: "ARCHITECTURE SYMBOL BODY"

and for ELF

  entries.map  version script: exports exactly the list
  entries.ld   linker options that make the aliases

for macOS

  interpose.h  the real functions, and the pairs of bodies and real functions that dyld reads, for real-darwin.c
"""
import pathlib
import sys


NOCANCEL, EXTENDED, INODE64 = "$NOCANCEL", "$DARWIN_EXTSN", "$INODE64"
ARCHITECTURES = ("x86_64", "arm64")
IOCTL_REQUEST = {"glibc": "unsigned long", "musl": "int", "darwin": "unsigned long"}


def read_entries(path, libc):
    entries = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 5:
            sys.exit(f"{path}:{number}: five fields expected")
        name, result, parameters, libcs, aliases = fields
        if libc in libcs.split():
            entries.append((name, result, parameters, [a for a in aliases.split() if a.startswith("$") == (libc == "darwin")]))
    if libc == "darwin":
        entries += [(f"{name}_nocancel", result, parameters, []) for name, result, parameters, forms in entries if NOCANCEL in forms]
    return entries


def parameter_names(parameters):
    names = []
    for parameter in parameters.split(","):
        parameter = parameter.strip()
        if parameter != "void":
            names.append("argument" if parameter == "..." else parameter.split()[-1].lstrip("*").removesuffix("[]"))
    return ", ".join(names)


def header(entries, libc):
    out = [
        "/* Made by gen-entries.py from entries.txt. */",
        "#ifndef TUNTAPD_SHIM_ENTRIES_H",
        "#define TUNTAPD_SHIM_ENTRIES_H",
        "",
        "/* ioctl(2)'s second parameter. */",
        f"typedef {IOCTL_REQUEST[libc]} ioctl_request;",
        "",
        *[f"#define ENTRY_{name} 1" for name, *_ in entries],
        "",
        "enum real_slot {",
        *[f"\tREAL_{name}," for name, *_ in entries],
        "\tREAL_SLOTS",
        "};",
        "",
    ]
    for name, result, parameters, _ in entries:
        fixed = parameters.replace("...", "void *argument")
        call = f"((real_{name}_fn)real_get(REAL_{name}))({parameter_names(parameters)});"
        out += [
            f"{result} shim_{name}({parameters});" if libc == "darwin" else
            f"SHIM_EXPORT {result} shim_{name}({parameters}) SHIM_SYMBOL(\"{name}\");",
            f"typedef {result} (*real_{name}_fn)({parameters});",
            f"static inline {result}",
            f"real_{name}({fixed})",
            "{",
            f"\t{call}" if result == "void" else f"\treturn {call}",
            "}",
            "",
        ]
    out += [
        "#ifdef REAL_NAMES",
        "static const char *const real_names[REAL_SLOTS] = {",
        *[f"\t[REAL_{name}] = \"{name}\"," for name, *_ in entries],
        "};",
        "#endif",
        "",
        "#endif",
    ]
    return "\n".join(out) + "\n"


def pairs(entries):
    """macOS: architecture, symbol, body, and how C writes the symbol."""
    for name, _, _, forms in entries:
        if name.endswith("_nocancel"):
            symbols = [("both", f"_{name.removesuffix('_nocancel')}{NOCANCEL}", f"form_{name}")]
        elif INODE64 in forms:
            symbols = [("x86_64", f"_{name}{INODE64}", name), ("arm64", f"_{name}", name)]
        elif EXTENDED in forms:
            # The headers' name is the extended one (_DARWIN_C_SOURCE).
            symbols = [("both", f"_{name}{EXTENDED}", name), ("both", f"_{name}", f"form_{name}")]
        else:
            symbols = [("both", f"_{name}", name)]
        for architecture, symbol, written in symbols:
            yield from ((one, symbol, f"shim_{name}", written) for one in ARCHITECTURES if architecture in ("both", one))


def interposition(entries):
    """What real-darwin.c includes: functions whose names are no C, the real functions, and the pairs."""
    out = ["/* Made by gen-entries.py from entries.txt. */"]
    rows = list(dict.fromkeys((symbol, body, written) for _, symbol, body, written in pairs(entries)))
    for symbol, body, written in rows:
        if written.startswith("form_"):
            result, parameters = next((r, p) for name, r, p, _ in entries if f"shim_{name}" == body)
            out.append(f"extern {result} {written}({parameters}) __asm__(\"{symbol}\");")
    out += ["", "#define REAL_FUNCTIONS \\"]
    out += [f"\t[REAL_{name}] = (uintptr_t){'form_' if name.endswith('_nocancel') else ''}{name}, \\" for name, *_ in entries]
    out += ["", "#define INTERPOSED_PAIRS \\"]
    out += [f"\t{{(uintptr_t){body}, (uintptr_t){written}}}, \\" for body, written in
            dict.fromkeys((body, written) for _, body, written in rows)]
    return "\n".join(out) + "\n\n"


def main():
    libc, source, directory = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    entries = read_entries(source, libc)
    exported = sorted(symbol for name, _, _, aliases in entries for symbol in [name, *aliases])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "entries.h").write_text(header(entries, libc))
    if libc == "darwin":
        (directory / "interpose.h").write_text(interposition(entries))
        (directory / "entries.list").write_text(
            "".join(f"{architecture} {symbol} {body}\n" for architecture, symbol, body, _ in pairs(entries)))
        return
    (directory / "entries.map").write_text(
        "{\n\tglobal:\n" + "".join(f"\t\t{symbol};\n" for symbol in exported) + "\tlocal: *;\n};\n")
    (directory / "entries.ld").write_text(
        "".join(f"--defsym={alias}={name}\n" for name, _, _, aliases in entries for alias in aliases))
    (directory / "entries.list").write_text("".join(f"{symbol}\n" for symbol in exported))


if __name__ == "__main__":
    main()
