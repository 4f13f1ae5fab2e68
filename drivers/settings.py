"""Many settings at once: what was sent is read back, and what the instrument refused is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.failures import failure
from labctl.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from drivers.scpi import ScpiLink

    class AnySetting(Protocol):
        """A `Setting` of whatever kind of value."""

        def send(self) -> None:
            """Set the value without reading it back."""

        def confirm(self) -> object:
            """Return the value read back. Raises SettingError if it is another."""

        def difference(self) -> str | None:
            """Return how the value read back differs, in words; None if it does not."""


def confirm_settings(link: ScpiLink, settings: Sequence[AnySetting], errors: Sequence[str], what: str) -> None:
    """Make sure that the instrument holds `settings`, and that its error queue said nothing of them.

    Args:
        link: to the instrument.
        settings: that were sent.
        errors: what stood in the error queue afterwards.
        what: was refused if there are errors, as in "the instrument refuses its configuration".

    Raises:
        RefusedError: if there are errors; names the settings that read back as something else, too.
        SettingError: if one reads back as something else.
    """
    if not errors:
        for setting in settings:
            setting.confirm()
        return
    # The error queue does not say which command it means.
    differences = [difference for setting in settings if (difference := setting.difference()) is not None]
    raise failure(link, RefusedError, f"{what}: {'; '.join([*errors, *differences])}")
