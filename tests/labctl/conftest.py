"""Fixtures that tests of the kernel share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl import plugins
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
