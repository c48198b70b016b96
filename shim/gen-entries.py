#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes everything that depends on the list of entry points from entries.txt.

gen-entries.py LIBC ENTRIES OUTDIR writes, for one C library (glibc, musl, darwin):

  entries.h    prototypes of the bodies (shim_NAME, with NAME as assembler name), real_NAME(): the real function, and
               ENTRY_NAME, defined where this C library has NAME: so the bodies need not name C libraries
  entries.map  version script: exports exactly the list
  entries.ld   linker options that make the aliases
  entries.list the exported names, one per line, for the symbol test
"""
import pathlib
import sys


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
            entries.append((name, result, parameters, aliases.split()))
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


def main():
    libc, source, directory = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    entries = read_entries(source, libc)
    exported = sorted(symbol for name, _, _, aliases in entries for symbol in [name, *aliases])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "entries.h").write_text(header(entries, libc))
    (directory / "entries.map").write_text(
        "{\n\tglobal:\n" + "".join(f"\t\t{symbol};\n" for symbol in exported) + "\tlocal: *;\n};\n")
    (directory / "entries.ld").write_text(
        "".join(f"--defsym={alias}={name}\n" for name, _, _, aliases in entries for alias in aliases))
    (directory / "entries.list").write_text("".join(f"{symbol}\n" for symbol in exported))


if __name__ == "__main__":
    main()
