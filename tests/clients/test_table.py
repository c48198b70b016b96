# SPDX-License-Identifier: BSD-2-Clause
"""The table of clients is complete: what the documentation says of it, and what its tests cover."""
import re

import build
import pytest
from conftest import HERE
from table import CLIENTS


@pytest.mark.no_root
def test_versions_are_those_that_are_built():
    for client in CLIENTS.values():
        if not client.package:
            pins = [p.version for p in build.PROGRAMS.values()]
            pins += [re.search("==([^ ]+)", line).group(1) for line in build.PYTHON_MODULES.values()]
            pins += re.findall('version = "=([^"]+)"', (HERE / "rust" / "Cargo.toml").read_text())
            pins += re.findall("wireguard v(.*)-[0-9a-f]{12}$", (HERE / "go" / "go.mod").read_text(), re.M)
            assert client.version in pins, client.program


@pytest.mark.no_root
def test_each_client_has_a_test():
    tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for name in CLIENTS:
        assert f'"{name}"' in tests, name
    assert len({client.program.split()[0] for client in CLIENTS.values()}) >= 16
    assert {"C", "Python", "Perl", "Rust", "Go"} <= {client.language for client in CLIENTS.values()}


@pytest.mark.no_root
def test_the_guide_names_each_client_and_version():
    guide = (HERE.parents[1] / "docs" / "clients.md").read_text()
    for client in CLIENTS.values():
        row = f"| {client.program} | {client.version} | {client.dialect} |"
        assert row in guide, row
