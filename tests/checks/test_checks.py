"""The same checks everywhere: `pytest` formats nothing, but fails where a tool would change or refuse something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CHECKS = {
    "types": [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "lint": [sys.executable, "-m", "ruff", "check", "."],
    "layers": [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}

# pyright leaves much garbage behind; node has more room for it than by itself, and clears up less often.
ENVIRONMENT = {"NODE_OPTIONS": "--max-semi-space-size=64"} | os.environ


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(name: str) -> None:
    done = subprocess.run(CHECKS[name], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
