#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The table of docs/macos.md: what is proven of each part, and how, by what ./check darwin ran.

macos-table.py BUILD  writes the table anew, from tests/darwin/rows.txt and the results of the last run in that build directory

tests/darwin/run.py leaves the results, and fails where the table is not what they make it.  The strength of a proof is not written
anywhere: it follows from what the checks of a row, all of which must have passed, were given to work with.
"""
import json
import pathlib
import sys

import tables

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS, PAGE = ROOT / "tests" / "darwin" / "rows.txt", ROOT / "docs" / "macos.md"
HEAD = ("part", "file", "proof")
WORDS = {"linked": "linked", "stand-in": "**run on the stand-in**"}


def read_rows():
    """(part, files, names of checks, text)"""
    for part, files, checks, text in tables.read(ROWS):
        yield part, files, checks.split(), text


def strength(checks, results):
    """What the strongest of them proves.  A check with a slash in it is a file of another suite's."""
    return "stand-in" if any(results.get(check, {}).get("strength") == "stand-in" for check in checks) else "linked"


def table(results):
    yield from tables.head(*HEAD)
    for part, files, checks, text in read_rows():
        yield tables.line(part, files, text.replace("{}", WORDS[strength(checks, results)]))


def unmade(results):
    """What of the rows' checks was not made, and why."""
    for part, _, checks, _ in read_rows():
        for check in checks:
            if results.get(check, {}).get("result") == "skipped":
                yield f"{part}: {check}"


def wrong(results):
    """What is wrong with rows and page."""
    for part, _, checks, text in read_rows():
        if not checks:
            yield f"{part}: no check"
        for check in checks:
            if "/" in check:
                if not (ROOT / check).exists():
                    yield f"{part}: there is no {check}"
            elif check not in results:
                yield f"{part}: there is no check {check}"
            elif results[check]["result"] != "passed":
                yield f"{part}: {check} has not passed"
        if text.count("{}") > 1 or any(word in text for word in WORDS.values() if word.startswith("**")):
            yield f"{part}: a strength is written, or two"
    lines, first, end = tables.find(PAGE.read_text(), *HEAD)
    if lines[first:end] != list(table(results)):
        yield "docs/macos.md has another table: tools/macos-table.py writes it"


def main():
    results = json.loads((pathlib.Path(sys.argv[1]) / "darwin" / "results.json").read_text())
    lines, first, end = tables.find(PAGE.read_text(), *HEAD)
    PAGE.write_text("\n".join([*lines[:first], *table(results), *lines[end:]]) + "\n")


if __name__ == "__main__":
    main()
