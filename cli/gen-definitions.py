#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the service definitions as strings of C, for `tuntapd service`.  Usage: gen-definitions.py OUTPUT NAME=FILE...

What is installed by meson and what the command writes is so one text.  @PROGRAM@ and @ARGUMENTS@ stay, for the command to fill in.
"""
import pathlib
import sys


def literal(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").splitlines()
    return "\n".join(f'    "{line}\\n"' for line in lines)


def main():
    output, *inputs = sys.argv[1:]
    parts = ["/* Made by gen-definitions.py. */"]
    for item in inputs:
        name, path = item.split("=", 1)
        parts.append(f"static const char definition_{name}[] =\n{literal(pathlib.Path(path).read_text())};")
    pathlib.Path(output).write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
