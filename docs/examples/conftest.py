# SPDX-License-Identifier: BSD-2-Clause
"""A fixture for pytest: two joined interfaces, that go with the test.  docs/ci.md says how to run it."""
import json
import subprocess

import pytest


def tuntapd(*words):
    return subprocess.run(["tuntapd", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def pair():
    """The names of two interfaces: what goes into one comes out of the other."""
    made, = json.loads(tuntapd("pair", "--json", "pair%d", "pair%d"))["pairs"]
    names = made["a"]["interface"], made["b"]["interface"]
    yield names
    tuntapd("pair", "--delete", names[0])
