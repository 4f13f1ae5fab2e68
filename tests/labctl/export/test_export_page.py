"""What the page on exports shows works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")

PAGE = (Path(__file__).parents[3] / "docs/export.md").read_text(encoding="utf-8")


def test_its_commands_and_its_script_run(
    labctl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert labctl("run", "write-verify", "--set", "levels=3").code == 0
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for command in commands.splitlines():
        assert labctl(*shlex.split(command)[1:]).code == 0
    assert (tmp_path / "run.nc").is_file()
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(script, "docs/export.md", "exec"), {})
    said = capsys.readouterr().out
    assert "finished" in said
    assert said.endswith("\nS\n")
