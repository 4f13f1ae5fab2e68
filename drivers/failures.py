"""Errors of a text instrument: each names the instrument, its address, and what it said."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from labctl.errors import EquipmentError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import ScpiLink

E = TypeVar("E", bound=EquipmentError)


def failure(link: ScpiLink, kind: type[E], what: str) -> E:
    """Return an error that names the instrument and its address."""
    return kind(f"{link.name} at {link.address}: {what}")


def raise_errors(link: ScpiLink, errors: Sequence[str], what: str) -> None:
    """Make sure that nothing stood in the error queue.

    Raises:
        RefusedError: if `errors` did; begins with `what`.
    """
    if errors:
        raise failure(link, RefusedError, f"{what}: {'; '.join(errors)}")


def reason(errors: Sequence[str], hint: str = "") -> str:
    """Return what the error queue says of a failure; where it says nothing, that, and the hint."""
    return "; ".join(errors) or "; ".join(filter(None, ("no error is given", hint)))
