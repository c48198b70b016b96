# SPDX-License-Identifier: BSD-2-Clause
"""Files of rows ("a | b | c", a line each; what begins with "#" is a comment), and the tables of Markdown that are made of them."""
import pathlib


def read(path):
    """Each row's fields."""
    for line in pathlib.Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield [field.strip() for field in line.split("|")]


def line(*fields):
    return f"| {' | '.join(fields)} |"


def head(*fields):
    yield line(*fields)
    yield "|" + "---|" * len(fields)


def find(text, *fields):
    """Where the table with that head begins and ends in the lines of a page."""
    lines = text.splitlines()
    first = lines.index(line(*fields))
    end = first
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return lines, first, end
