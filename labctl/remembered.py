"""Instruments that remember how a protocol set them up, so that a paused run goes on with the same settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.board_data import ComplianceAction, ReadScheme, WriteScheme
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.smu_data import PulseTrain, Reading, SourceSetup


class RememberedProbeBoard(ForwardingProbeBoard):
    """A probe board whose schemes and current limit can be restored."""

    def __init__(self, board: ProbeBoard) -> None:
        super().__init__(board)
        self._schemes: tuple[WriteScheme, ReadScheme] | None = None
        self._compliance: tuple[float, ComplianceAction] | None = None

    @override
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        super().set_scheme(write, read)
        self._schemes = write, read

    @override
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        super().set_compliance(limit, action)
        self._compliance = limit, action

    def snapshot(self) -> Callable[[], None]:
        """Return what sets schemes and current limit as they are; the board must have a session and be cleared then."""
        schemes, compliance = self._schemes, self._compliance

        def restore() -> None:
            if compliance is not None:
                self.set_compliance(*compliance)
            if schemes is not None:
                self.set_scheme(*schemes)

        return restore


class RememberedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit whose setup can be restored, and of which is known how it stands."""

    def __init__(self, smu: SourceMeter) -> None:
        super().__init__(smu)
        self._setup: SourceSetup | None = None
        self.level = 0.0
        """The level (V) that it was last brought to; a sweep and pulses end at 0 V."""
        self.may_be_on = False
        """Whether its output may be on: from before it is switched on until it is confirmed to be off."""

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        found = super().configure(setup)
        self._setup = setup
        self._is_off()
        return found

    @override
    def source(self, voltage: float) -> None:
        super().source(voltage)
        self.level = voltage

    @override
    def output_on(self) -> None:
        self.may_be_on = True
        super().output_on()

    @override
    def output_off(self) -> None:
        super().output_off()
        self._is_off()

    @override
    def make_safe(self) -> None:
        super().make_safe()
        self._is_off()

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        self.may_be_on, self.level = True, 0.0
        return super().sweep(voltages, delay)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        self.may_be_on, self.level = True, 0.0
        return super().pulse(train)

    def _is_off(self) -> None:
        self.may_be_on, self.level = False, 0.0

    def snapshot(self) -> Callable[[], None]:
        """Return what resets the instrument, output off, and configures it as it is."""
        setup = self._setup

        def restore() -> None:
            if setup is not None:
                self.configure(setup)

        return restore
