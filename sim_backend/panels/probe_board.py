"""The virtual probe board: wire specification version 1, as an instrument answers it.

`board_link` finds the frames, `board_session` keeps to at-most-once, `board_plans` decides on a request with the help
of `board_checks`, `board_products` and `board_calibration`, `board_states` knows SAFE, IDLE and ARMED, `board_runs`
carries lists out, `board_facts` holds figures. This file joins them: one request at a time, in the order of arrival,
and what it costs on the link.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING

from labctl import messages
from labctl.board_data import BoardStatus, Feature, Trip
from labctl.wire import SESSIONLESS, WHOLE_REQUEST, ErrorCode, Frame, Kind, Opcode, encode_frame
from sim_backend.panel import Panel
from sim_backend.panels import board_checks as checks
from sim_backend.panels import board_facts as facts
from sim_backend.panels.board_breaks import BrokenOff
from sim_backend.panels.board_checks import Refusal
from sim_backend.panels.board_link import Arrival, BoardConnection
from sim_backend.panels.board_plans import BoardPlans
from sim_backend.panels.board_runs import BoardRuns
from sim_backend.panels.board_session import Session
from sim_backend.panels.board_states import BoardStates

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from labctl.board_data import Capabilities
    from sim_backend.world import World

_U32 = 0xFFFF_FFFF


class ProbeBoardPanel(Panel):
    """The board of one world.

    Several hosts may be connected at once: `connection` gives each one a reader of its own, and its replies go
    where it wants them. `receive` and `connect` of a panel are one such connection.

    Whoever calls from inside the world's clock, while a request runs, is let wait; only SAFE is obeyed at once. Its
    answer still comes in order.

    Args:
        world: die, wiring, front end and clock.
        name: in the bench file.
        features: what the board has beyond reading and pulsing.
    """

    interruptible = True

    def __init__(self, world: World, name: str, features: Feature = facts.FEATURES) -> None:
        super().__init__(world, name)
        self._features = features
        self._states = BoardStates(world)
        self._runs = BoardRuns(self._states)
        self._plans = BoardPlans(self._states, self._runs, features)
        self._session = Session(world.counters.boot)
        self._waiting: deque[Arrival] = deque()
        self._busy = False
        self._power_lost = False
        self._bad_frames = 0
        self._powered_at = world.clock.now()
        self._replies: list[bytes] = []
        self._own = self.connection(self._replies.append)

    def connection(self, deliver: Callable[[bytes], None]) -> BoardConnection:
        """Open one more connection to the board.

        Args:
            deliver: gets the replies to what this connection asks, one encoded frame a call; it must not raise.
        """
        return BoardConnection(self._arrive, self._count_bad, deliver)

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        """Take bytes of the panel's own connection and return the replies to it."""
        self._own.receive(data, end)
        replies = self._replies.copy()
        self._replies.clear()
        return replies

    def connect(self) -> None:
        """Note that a host opened the panel's own connection anew."""
        self._own.reset()

    def power_cycle(self) -> None:
        """Switch the board off and on; what runs is broken off and never answered."""
        self._runs.stop()
        self._waiting.clear()
        if self._busy:
            self._states.make_safe()
            self._power_lost = True
        else:
            self._power_up()

    def trip(self, cause: Trip, lasts: bool = False) -> None:
        """Let a protection fire: what runs is broken off, and the board is safe.

        Args:
            cause: which.
            lasts: CLEAR does not leave SAFE before `end_cause`.
        """
        if lasts:
            self._states.lasting |= cause
        self._runs.stop()
        self._states.make_safe(cause)

    def end_cause(self, cause: Trip) -> None:
        """Let the cause of a trip be gone; the trip stays until it is cleared."""
        self._states.lasting &= ~cause

    def set_temperature(self, temperature: float) -> None:
        """Warm the board up or let it cool down (degC); above its limit it trips, for as long as it is that hot."""
        self._states.temperature = temperature
        if temperature > facts.TEMPERATURE_MAX:
            self.trip(Trip.OVER_TEMPERATURE, lasts=True)
        else:
            self.end_cause(Trip.OVER_TEMPERATURE)

    def _power_up(self) -> None:
        self._states.power_up()
        self._session.forget()
        self._power_lost = False
        self._bad_frames = 0
        self._powered_at = self.world.clock.now()
        self.world.counters.boot += 1
        self.world.counters.delivered = 0

    def _count_bad(self, frames: int) -> None:
        self._bad_frames = (self._bad_frames + frames) & _U32

    def _arrive(self, arrivals: list[Arrival]) -> None:
        self._waiting.extend(arrivals)
        if self._busy:
            for arrival in arrivals:
                if arrival.is_safe:
                    self._obey_safe()
            return
        self._busy = True
        try:
            while self._waiting:
                self._transact(self._waiting.popleft())
        finally:
            self._busy = False

    def _obey_safe(self) -> None:
        """Obey a SAFE that arrives while another request runs; it is answered when its turn comes."""
        self._runs.stop()
        self._states.make_safe()
        self._states.safe_waiting += 1

    def _transact(self, arrival: Arrival) -> None:
        """Let the request travel, answer it, let the reply travel."""
        clock = self.world.clock
        self._count_bad(arrival.bad)
        clock.sleep(arrival.link_time)
        if arrival.is_safe:
            self._states.safe_waiting = max(0, self._states.safe_waiting - 1)
        with self._safe_on_its_way():
            reply = b"" if self._power_lost else self._answer(arrival.frame)
        clock.sleep(0.0 if self._power_lost else len(reply) * facts.BYTE_TIME)
        if self._power_lost:
            self._power_up()
        else:
            arrival.connection.send(reply)

    @contextmanager
    def _safe_on_its_way(self) -> Generator[None]:
        """Let a SAFE that was sent right behind this request arrive at its own time, while the request runs."""
        ahead = list(takewhile(lambda arrival: not arrival.is_safe, self._waiting))
        if self._states.safe_waiting or len(ahead) == len(self._waiting):
            yield
            return
        delay = sum(arrival.link_time for arrival in [*ahead, self._waiting[len(ahead)]])

        def arrives() -> None:
            timer.cancel()
            self._obey_safe()

        timer = self.world.clock.every(delay, arrives)
        try:
            yield
        finally:
            timer.cancel()

    def _answer(self, frame: Frame) -> bytes:
        """Return the encoded answer to a request."""
        try:
            if frame.opcode in SESSIONLESS:
                return _encoded(frame, Kind.REPLY, self._outside_session(Opcode(frame.opcode), frame.payload))
            kept = self._session.admit(frame)
        except Refusal as refusal:
            return self._refused(frame, refusal)
        if kept is None:
            try:
                reply, executed = self._carry_out(frame)
            except BaseException as error:
                # Whoever gets the exception, nothing of the request is ever done again: a repeat is answered.
                self._states.make_safe()
                self._session.keep(self._internal(frame, error), True)
                raise
            self._session.keep(reply, executed)
        else:
            reply, executed = kept.reply, kept.executed
        if executed:
            self._states.watchdog.restart()
        return reply

    def _carry_out(self, frame: Frame) -> tuple[bytes, bool]:
        """Return the encoded answer to the request that is due, and whether it was carried out."""
        try:
            plan = self._plans.plan(frame.opcode, frame.payload)
        except Refusal as refusal:
            return self._refused(frame, refusal), False
        self._states.watchdog.hold()
        try:
            with self._states.kept_safe():
                return _encoded(frame, Kind.REPLY, plan.run()), True
        except BrokenOff as end:
            report = messages.ErrorReport(
                end.code, end.entry, end.executed, self.world.counters.delivered, end.text, end.block
            )
            return _encoded(frame, Kind.ERROR, messages.pack_error(report)), True
        finally:
            self._states.watchdog.release()

    def _internal(self, frame: Frame, error: BaseException) -> bytes:
        text = f"the twin broke off: {error or type(error).__name__}"
        report = messages.ErrorReport(ErrorCode.INTERNAL, WHOLE_REQUEST, 0, self.world.counters.delivered, text)
        return _encoded(frame, Kind.ERROR, messages.pack_error(report))

    def _refused(self, frame: Frame, refusal: Refusal) -> bytes:
        report = messages.ErrorReport(refusal.code, refusal.entry, 0, self.world.counters.delivered, refusal.text)
        return _encoded(frame, Kind.ERROR, messages.pack_error(report))

    def _outside_session(self, opcode: Opcode, payload: bytes) -> bytes:
        if opcode is Opcode.HELLO:
            nonce = checks.unpacked(messages.unpack_hello, payload)
            return self._session.open(nonce, self.world.counters.boot, self.world.counters.delivered)
        checks.nothing(payload)
        match opcode:
            case Opcode.IDENTIFY:
                serial = f"TWIN-{self.name}".replace(",", " ")
                return f"{facts.VENDOR},{facts.MODEL},{serial},{facts.FIRMWARE}".encode()
            case Opcode.CAPABILITIES:
                return messages.pack_capabilities(self._able())
            case Opcode.STATUS:
                return messages.pack_status(self._status())
            case _:
                self._states.make_safe()
                return b""

    def _able(self) -> Capabilities:
        return facts.capabilities(self.world.die.rows, self.world.die.columns, self._features)

    def _status(self) -> BoardStatus:
        return BoardStatus(
            state=self._states.state,
            trips=self._states.trips,
            delivered=self.world.counters.delivered,
            boot=self.world.counters.boot,
            temperature=self._states.temperature,
            bad_frames=self._bad_frames,
            time=self.world.clock.now() - self._powered_at,
        )


def _encoded(request: Frame, kind: Kind, payload: bytes) -> bytes:
    """Return the answer to `request`, with its opcode, sequence and session."""
    return encode_frame(Frame(kind, request.opcode, request.sequence, request.session, payload))
