"""Fixtures that tests of the kernel share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labctl import plugins
from labctl.cli import main
from labctl.protocol import Protocol

Offer = Callable[[Protocol[Any, Any]], None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Offer a protocol that a test makes up under its own name, as a third party's package would."""
    load = plugins.load

    def call(protocol: Protocol[Any, Any]) -> None:
        def find(group: str, name: str) -> Any:
            return protocol if name == protocol.name else load(group, name)

        def origin(group: str, name: str) -> str:
            return f"{group} {name} of a test"

        monkeypatch.setattr(plugins, "load", find)
        monkeypatch.setattr(plugins, "origin", origin)

    return call


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is not strict JSON"))


@pytest.fixture
def labctl(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run labctl with these arguments, in the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return call
