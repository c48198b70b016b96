# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd doctor PROGRAM: the reasons that exec has, and all of them; what to do about each; nothing is run and nothing changed."""
import json
import os
import pathlib
import shutil
import struct
import subprocess

import jsonschema
import pytest

from test_cli_exec import CANNOT_RUN, NOBODY, NOT_FOUND, OK, SHIM, USAGE, elf, open_to_all, script, tree  # noqa: F401 (tree is a fixture)
from test_cli import tuntapd

SCHEMA_DIR = pathlib.Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((SCHEMA_DIR / "doctor-schema.json").read_text())

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners and users: needs root")


def look(path, status, *ids, **how):
    """What doctor finds, which must be these obstacles; and exec, which must say the first that is no warning."""
    result = tuntapd("doctor", "--json", path, **how)
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    found = [o["id"] for o in document["looks"][0]["obstacles"]]
    assert (result.returncode, found, result.stderr) == (status, list(ids), "")
    assert document["loadable"] == (status == OK)
    assert (document["looks"][0]["shim"] == str(SHIM.resolve())) == (status == OK)
    text = tuntapd("doctor", path, **how)
    assert text.returncode == status and ("the library can be loaded into it" in text.stdout) == (status == OK)
    run = tuntapd("exec", path, **how)
    if status != OK:
        first = next(o for o in document["looks"][0]["obstacles"] if not o["warning"])
        assert run.returncode == status and first["reason"] in run.stderr and first["advice"] in run.stderr
        for part in (first["reason"], first["advice"], *first["commands"]):
            assert part in text.stdout
    return document["looks"][0]


def test_a_program_that_can_have_it(tmp_path):
    look(shutil.which("true"), OK)
    look("true", OK)
    found = look(script(tmp_path / "script", "#!/bin/sh\n"), OK)
    assert found["file"] == "/bin/sh" and found["architecture"] and found["system"] == "linux"


def test_programs_that_cannot(tmp_path):
    loader = "/lib64/ld-linux-x86-64.so.2"
    other = 183 if os.uname().machine == "x86_64" else 62
    look("/no/such/program", NOT_FOUND, "not-found")
    look(tmp_path, CANNOT_RUN, "not-found")
    found = look(elf(tmp_path / "static", kind=2), CANNOT_RUN, "static")
    assert found["obstacles"][0]["commands"] == [f"tuntapd fd tap0 -- {tmp_path}/static"]
    look(elf(tmp_path / "other", loader, machine=other), CANNOT_RUN, "machine")
    look(elf(tmp_path / "lost", "/no/such/ld-linux.so.2"), CANNOT_RUN, "loader")
    look(elf(tmp_path / "foreign", script(tmp_path / "ld-other.so.1", "")), CANNOT_RUN, "c-library")
    look(elf(tmp_path / "object", loader, kind=1), CANNOT_RUN, "no-program")
    look(script(tmp_path / "data", "\0\0\n"), CANNOT_RUN, "no-program")
    path = elf(tmp_path / "cut", loader)
    os.truncate(path, 100)
    look(path, CANNOT_RUN, "damaged")
    look(script(tmp_path / "missing", "#!/no/such/interpreter\n"), CANNOT_RUN, "interpreter")
    look(script(tmp_path / "loop", f"#!{tmp_path}/loop\n"), CANNOT_RUN, "too-deep")
    # The interpreter's reason is the script's.
    found = look(script(tmp_path / "script", f"#!{tmp_path}/static\n"), CANNOT_RUN, "static")
    assert found["file"] == f"{tmp_path}/static"


def test_marks_that_give_rights(tmp_path):
    open_to_all(tmp_path)
    path = tmp_path / "marked"
    shutil.copy(shutil.which("true"), path)
    path.chmod(0o4755)
    found = look(path, CANNOT_RUN, "set-user-id", prefix=NOBODY, cwd="/")
    assert found["obstacles"][0]["commands"] == [f"sudo tuntapd exec -- {path}"]
    look(path, OK)
    path.chmod(0o2755)
    look(path, CANNOT_RUN, "set-group-id", prefix=NOBODY, cwd="/")
    path.chmod(0o711)
    look(path, CANNOT_RUN, "unreadable", prefix=NOBODY, cwd="/")
    path.chmod(0o755)
    os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))
    look(path, CANNOT_RUN, "capabilities", prefix=NOBODY, cwd="/")


def test_a_program_in_go_is_warned_of(tmp_path):
    """Made of a real program: one of its segments becomes the Go linker's note."""
    data = bytearray(pathlib.Path(shutil.which("true")).read_bytes())
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    notes = [at for at in range(table, table + size * count, size) if struct.unpack_from("<I", data, at)[0] in (4, 0x6474e551)]
    struct.pack_into("<I", data, notes[0], 4)
    struct.pack_into("<Q", data, notes[0] + 8, len(data))
    struct.pack_into("<Q", data, notes[0] + 32, 16)
    path = tmp_path / "go"
    path.write_bytes(data + struct.pack("<III4s", 4, 0, 4, b"Go\0"))
    path.chmod(0o755)
    found = look(path, OK, "go")
    assert found["obstacles"][0]["warning"] and found["obstacles"][0]["commands"] == [f"tuntapd fd tap0 -- {path}"]


def test_a_program_of_macos_is_judged_as_on_a_mac(tmp_path):
    """What the reader makes of such files is in the unit tests and in the suite "darwin"; here, that exec says what it is."""
    path = tmp_path / "mac"
    path.write_bytes((SCHEMA_DIR.parent / "tests/fuzz/corpus/binary-macho/hardened").read_bytes())
    path.chmod(0o755)
    result = tuntapd("doctor", "--json", path)
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    found, = document["looks"]
    assert result.returncode == CANNOT_RUN and (found["system"], found["architecture"], found["shim"]) == ("macos", "arm64", None)
    obstacle, = found["obstacles"]
    assert obstacle["id"] == "library-validation" and obstacle["commands"] == [
        f"cp {path} ./mac-signed", "codesign --force --sign - ./mac-signed", "tuntapd exec -- ./mac-signed"]
    result = tuntapd("exec", path)
    assert result.returncode == CANNOT_RUN and "is a program for macOS" in result.stderr
    assert not (tmp_path / "mac-signed").exists() and not pathlib.Path("mac-signed").exists()


def test_the_shim_s_own_troubles(tree):  # noqa: F811
    def ids(status):
        result = subprocess.run([tree / "cli/tuntapd", "doctor", "--json", "true"], capture_output=True, text=True)
        document = json.loads(result.stdout)
        jsonschema.validate(document, SCHEMA)
        assert result.returncode == status
        return document["looks"][0]["obstacles"]
    assert ids(OK) == []
    (tree / "shim").chmod(0o777)
    found, = ids(CANNOT_RUN)
    assert found["id"] == "shim-untrusted" and found["commands"] == [f"chmod go-w {tree}/shim"]
    (tree / "shim").chmod(0o755)
    (tree / "shim/libtuntapd-shim.so").unlink()
    assert [o["id"] for o in ids(CANNOT_RUN)] == ["shim-missing"]


def test_names_command_no_terminal(tmp_path):
    path = script(tmp_path / "a\x1b[2Jb", "\0\n")
    result = tuntapd("doctor", path)
    assert result.returncode == CANNOT_RUN and "\x1b" not in result.stdout and "a\\x1b[2Jb" in result.stdout
    assert "a\x1b[2Jb" in json.loads(tuntapd("doctor", "--json", path).stdout)["program"]


def test_usage():
    for words in (["--json", "a", "b"], ["--no-such"]):
        assert tuntapd("doctor", *words).returncode == USAGE
