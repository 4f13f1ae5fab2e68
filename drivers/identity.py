"""Who answers at an address: `*IDN?`, which every text instrument understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.scpi_text import parse_identity

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink
    from labctl.instruments import Identity


def ask_identity(link: ScpiLink) -> Identity:
    """Return who answers, reading over what an earlier process left; nothing is set.

    Raises:
        LinkError: if nobody does.
    """
    return parse_identity(link.query_until("*IDN?", _is_identity))


def _is_identity(reply: str) -> bool:
    try:
        parse_identity(reply)
    except ValueError:
        return False
    return True
