"""Parameters that a protocol chooses by itself unless a person does."""

from __future__ import annotations

import pytest

from labctl.errors import InputError
from labctl.protocol import list_parameters
from protocols.auto_values import or_auto
from protocols.vmm import VmmParameters


def test_a_quantity_or_auto() -> None:
    parse = or_auto("V", above=0, most=1).parse
    assert parse("auto") is None
    assert parse(None) is None
    assert parse("70 mV") == pytest.approx(0.07)


@pytest.mark.parametrize("text", ["0 V", "1.1 V", "-1 V", "0.5", "1 A", "automatic", "nan V", ""])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        or_auto("V", above=0, most=1).parse(text)


def test_bounds_are_named() -> None:
    with pytest.raises(InputError, match="above 0 and at most 1, or auto, not '2'"):
        or_auto("", above=0, most=1).parse("2")


def test_what_is_chosen_is_listed_as_auto_and_no_file_as_none() -> None:
    listed = {info.name: info.default for info in list_parameters(VmmParameters)}
    assert (listed["voltage"], listed["scale"], listed["matrix"]) == ("auto", "auto", "none")
