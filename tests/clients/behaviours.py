#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each behaviour that real programs depend on has a named case: behaviours.py CONTRACT BEHAVIOURS.  Prints TAP.

CONTRACT, the conformance suite, tells its own cases; of pytest's the function must be in the file.
"""
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
BEHAVIOURS = 21


def missing(case, sentences):
    """Whether a case is not there."""
    file, separator, function = case.partition("::")
    if case.startswith("later:"):
        return not case.removeprefix("later:").strip()
    if not separator:
        return case not in sentences
    path = TESTS / file
    return not path.is_file() or not re.search(rf"^def {re.escape(function)}\(", path.read_text(), re.M)


def main():
    contract, behaviours = sys.argv[1:]
    output = subprocess.run([contract, "--rows"], capture_output=True, text=True, check=True).stdout
    sentences = {line.split("\t")[1] for line in output.splitlines()}
    failed, numbers = 0, []
    for line in pathlib.Path(behaviours).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        number, text, cases = (field.strip() for field in line.split("|"))
        wrong = [case for case in re.split(r";\s*", cases) if missing(case, sentences)]
        numbers.append(int(number))
        failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {len(numbers)} {number}: {text}")
        for case in wrong:
            print(f"# there is no case {case!r}")
    complete = numbers == list(range(1, BEHAVIOURS + 1))
    print(f"{'' if complete else 'not '}ok {len(numbers) + 1} all {BEHAVIOURS} behaviours are here, in order")
    print(f"1..{len(numbers) + 1}")
    return 1 if failed or not complete else 0


if __name__ == "__main__":
    sys.exit(main())
