# SPDX-License-Identifier: BSD-2-Clause
"""The fixtures are in worlds.py, which the fault and client tests use, too."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from worlds import *  # noqa: E402,F401,F403 pylint: disable=wildcard-import,unused-wildcard-import,wrong-import-position
