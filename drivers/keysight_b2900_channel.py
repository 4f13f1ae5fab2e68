"""One channel of a Keysight B2900: who it is, its errors, its safe state. What it measures is in other files."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from drivers.keysight_b2900_knobs import MODELS, KeysightB2900Knobs, output
from drivers.scpi_errors import read_error_queue
from drivers.scpi_text import parse_identity
from labctl.errors import EquipmentError, IdentityError, LinkError, RefusedError, SettingError

if TYPE_CHECKING:
    from drivers.keysight_b2900_knobs import Model
    from drivers.knobs import Setting
    from drivers.scpi import ScpiLink
    from labctl.instruments import Identity, OffMode

    AnySetting = Setting[float] | Setting[bool] | Setting[str] | Setting[OffMode] | Setting[tuple[str, ...]]

E = TypeVar("E", bound=EquipmentError)

INTERLOCK = ":SYST:INT:TRIP?"
"""Answers 1 where the interlock is open, 0 where it is closed: the other way round than the Keithley 2450's query of
nearly the same name."""
INTERLOCK_VOLTAGE = 42.0
"""Magnitude (V) beyond which the interlock must be closed (B2900 user's guide)."""


class B2900Channel:
    """A channel and the link to its instrument.

    Args:
        link: to the instrument.
        number: of the channel, 1 or 2.
    """

    def __init__(self, link: ScpiLink, number: int) -> None:
        self.link = link
        self.number = number
        self.knobs = KeysightB2900Knobs(number)
        self._present = number

    def identify(self) -> Identity:
        """Return who answers; nothing is set.

        Raises:
            LinkError: if nobody does.
        """
        identity = parse_identity(self.link.query_until("*IDN?", _is_identity))
        model = _model(identity)
        # A channel that is not there cannot be shut down; what is there can.
        self._present = self.number if model is None else min(self.number, model.channels)
        return identity

    def require_model(self) -> Model:
        """Return what the instrument has.

        Raises:
            IdentityError: if it is none of `MODELS`.
            SettingError: if it has no channel of this number; its output is off then.
        """
        identity = self.identify()
        model = _model(identity)
        if model is None:
            raise self.error(IdentityError, f"'*IDN?' was answered with '{identity}', which is no B2900")
        if self.number > model.channels:
            self.make_safe()
            raise self.error(SettingError, f"there is no channel {self.number}: '*IDN?' was answered with '{identity}'")
        return model

    def require_interlock(self, voltage: float) -> None:
        """Make sure that the interlock lets the channel source `voltage` (V), which is beyond `INTERLOCK_VOLTAGE`.

        Raises:
            RefusedError: if it does not.
        """
        reply = self.link.query(INTERLOCK)
        state = {"0": False, "+0": False, "1": True, "+1": True}.get(reply.strip())
        if state is None:
            raise self.link.garbled(INTERLOCK, reply)
        if state:
            raise self.error(
                RefusedError,
                f"the interlock is open ({INTERLOCK!r} was answered with {reply!r}), which bars {voltage:g} V: "
                f"close it, or stay within {INTERLOCK_VOLTAGE:g} V",
            )

    def shut_down(self) -> tuple[str, ...]:
        """Return what ends a sweep, sources 0 V and switches off.

        The first line may be lost: half a command that a killed process left in the instrument's input spoils whatever
        is sent next.
        """
        abort = f":ABOR (@{self._present})"
        return abort, abort, f":SOUR{self._present}:VOLT 0", f":OUTP{self._present} 0"

    def make_safe(self) -> None:
        """Source 0 V and switch off, from any state.

        Raises:
            LinkError: if it cannot be confirmed.
        """
        try:
            self.link.send_urgently(self.shut_down())
            output(self._present).confirm(self, False)
        except (LinkError, SettingError) as error:
            raise LinkError(f"{error}; its output may be on") from error

    def read_errors(self) -> list[str]:
        """Return and clear what stands in the error queue, oldest first."""
        return read_error_queue(self.link)

    def reason(self, hint: str = "") -> str:
        """Return what the error queue says of a failure; where it says nothing, that, and the hint."""
        return "; ".join(self.read_errors()) or "; ".join(filter(None, ("no error is given", hint)))

    def raise_errors(self, what: str) -> None:
        """Make sure that the error queue is empty.

        Raises:
            RefusedError: if it is not.
        """
        if errors := self.read_errors():
            raise self.error(RefusedError, f"{what}: {'; '.join(errors)}")

    def error(self, kind: type[E], what: str) -> E:
        """Return an error that names the instrument."""
        return kind(f"{self.link.name} at {self.link.address}: {what}")


def _model(identity: Identity) -> Model | None:
    return next((model for name, model in MODELS.items() if identity.model.upper().startswith(name)), None)


def _is_identity(reply: str) -> bool:
    try:
        parse_identity(reply)
    except ValueError:
        return False
    return True
