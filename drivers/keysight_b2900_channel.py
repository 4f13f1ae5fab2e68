"""One channel of a Keysight B2900: who it is, its errors, its safe state. What it measures is in other files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.failures import failure, raise_errors, reason
from drivers.identity import ask_identity
from drivers.keysight_b2900_knobs import MODELS, KeysightB2900Knobs
from drivers.output_order import OutputOrder
from drivers.scpi_errors import read_error_queue
from labctl.errors import IdentityError, RefusedError, SettingError

if TYPE_CHECKING:
    from drivers.keysight_b2900_knobs import Model
    from drivers.scpi import ScpiLink
    from labctl.instruments import Identity

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
        identity = ask_identity(self.link)
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
            raise failure(self.link, IdentityError, f"'*IDN?' was answered with '{identity}', which is no B2900")
        if self.number > model.channels:
            self.make_safe()
            raise failure(
                self.link, SettingError, f"there is no channel {self.number}: '*IDN?' was answered with '{identity}'"
            )
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
            raise failure(
                self.link,
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
        knobs = self.knobs if self._present == self.number else KeysightB2900Knobs(self._present)
        order = OutputOrder(self, knobs.source_level, knobs.current_limit, knobs.output, self.read_errors, self.reason)
        order.make_safe(self.shut_down())

    def read_errors(self) -> list[str]:
        """Return and clear what stands in the error queue, oldest first."""
        return read_error_queue(self.link)

    def reason(self, hint: str = "") -> str:
        """Return what the error queue says of a failure; where it says nothing, that, and the hint."""
        return reason(self.read_errors(), hint)

    def raise_errors(self, what: str) -> None:
        """Make sure that the error queue is empty.

        Raises:
            RefusedError: if it is not.
        """
        raise_errors(self.link, self.read_errors(), what)


def _model(identity: Identity) -> Model | None:
    return next((model for name, model in MODELS.items() if identity.model.upper().startswith(name)), None)
