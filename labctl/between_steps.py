"""What happens between two steps of a run: others ask it to pause or stop, and it may have slept meanwhile."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from labctl.errors import DeniedError, EquipmentError, IdentityError, InterruptedRunError, StoreError, TrippedError
from labctl.heartbeat import SILENCE_MAX
from labctl.sleep_watch import LapsedError, SleepWatch, jump_words
from labctl.steering import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import WallClock
    from labctl.bench import Bench
    from labctl.board_data import Trip
    from labctl.errors import LabctlError
    from labctl.guardian_process import GuardianProcess
    from labctl.steering import Steering
    from labctl.stop_requests import StopRequests

PAUSE_POLL = 0.1
"""How often (s) a paused run looks whether it may go on."""


class BetweenSteps:
    """Looks after a run where none of its steps is under way.

    Args:
        bench: of the run.
        wall: the computer's clocks.
        stop: signals that asked for an end.
        steering: what was asked for from another terminal.
        guardian: of the run; None where its instruments die with it.
        recognise: makes sure, before a bench that was paused comes up, that each instrument is the one it was.
        enter: writes down the state that the run enters.
        say: writes down what a reader of the run must know.
    """

    def __init__(
        self,
        bench: Bench,
        wall: WallClock,
        stop: StopRequests,
        steering: Steering,
        guardian: GuardianProcess | None,
        recognise: Callable[[], None],
        enter: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._bench = bench
        self._wall = wall
        self._stop = stop
        self._steering = steering
        self._guardian = guardian
        self._recognise = recognise
        self._enter = enter
        self._say = say
        self._sleep = SleepWatch(wall)
        self._is_waking = False

    def look(self) -> None:
        """See to everything that somebody asked for or that happened meanwhile; return when the next step may begin.

        Raises:
            InterruptedRunError: if the run is to stop here.
            EquipmentError: if the bench cannot be made safe, or not be set again as it was.
        """
        self._stop.check()
        self._wake()
        self._obey()

    def has_lapsed(self, error: BaseException) -> bool:
        """Return whether a run broke off because this process did not run: it may go on by itself then."""
        if self._guardian is None or self._stop.signal_number is not None or not isinstance(error, EquipmentError):
            return False
        if isinstance(error, StoreError | DeniedError | IdentityError):
            return False
        beat = self._bench.heartbeat
        longest = beat.watchdog / 2 if isinstance(error, TrippedError) else SILENCE_MAX
        return isinstance(error, LapsedError) or self._is_waking or self._sleep.jump() != 0 or beat.lapse > longest

    def tell_trips(self, trips: Trip) -> None:
        """Say which protections had fired."""
        if trips:
            self._say(f"the board had tripped: {trips.name}; cleared")

    def _wake(self) -> None:
        """Identify everything again and set it as it was, where this process or the guardian may not have run."""
        if self._guardian is None:
            return
        jump, lapse = self._sleep.jump(), self._bench.heartbeat.lapse
        if jump:
            self._say(jump_words(jump))
        elif lapse > SILENCE_MAX:
            self._say(str(LapsedError(lapse)))
        elif self._guardian.is_gone:
            self._say("the guardian was killed; another one takes its place")
        else:
            return
        self._is_waking = True
        self._pause()
        self._guardian.renew()
        self._guardian.beat()
        self._go_on()
        self._is_waking = False
        self._say("every instrument is the one it was; going on")

    def _obey(self) -> None:
        """Do what somebody asked for from another terminal: stop, or pause until somebody says otherwise."""
        wish = self._steering.wish()
        if wish is Wish.PAUSE:
            self._pause()
            self._enter("paused")
            self._say("paused; every output is off")
            while wish is Wish.PAUSE:
                self._wall.sleep(PAUSE_POLL)
                if self._guardian is not None:
                    self._guardian.beat()
                self._stop.check()
                wish = self._steering.wish() or wish
        if wish in (Wish.STOP, Wish.STOP_NOW):
            raise InterruptedRunError(signal.SIGTERM)
        if self._bench.is_paused:
            self._wake_from_pause()

    def _wake_from_pause(self) -> None:
        """Go on after a pause; a guardian that was lost meanwhile is replaced first."""
        self._sleep.jump()
        if self._guardian is not None and self._guardian.is_gone:
            self._guardian.renew()
            self._guardian.beat()
        self._go_on()
        self._enter("running")
        self._say("going on")

    def _pause(self) -> None:
        unsafe = self._bench.pause()
        if unsafe:
            raise unsafe_error(unsafe, None)

    def _go_on(self) -> None:
        self._recognise()
        self.tell_trips(self._bench.go_on())


def unsafe_error(unsafe: list[LabctlError], failure: BaseException | None) -> EquipmentError:
    """Return the error that says what could not be made safe after a `failure`."""
    words = "NOT SAFE: " + "; ".join(str(error) for error in unsafe)
    return EquipmentError(f"{failure}; {words}" if failure else words)
