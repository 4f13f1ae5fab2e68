"""Instruments that remember how a protocol set them up, so that a paused run goes on with the same settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.instruments import ComplianceAction, ProbeBoard, ReadScheme, SourceMeter, SourceSetup, WriteScheme


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
    """A source-measure unit whose setup can be restored."""

    def __init__(self, smu: SourceMeter) -> None:
        super().__init__(smu)
        self._setup: SourceSetup | None = None

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        found = super().configure(setup)
        self._setup = setup
        return found

    def snapshot(self) -> Callable[[], None]:
        """Return what resets the instrument, output off, and configures it as it is."""
        setup = self._setup

        def restore() -> None:
            if setup is not None:
                self.configure(setup)

        return restore
