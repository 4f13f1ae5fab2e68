"""What is to be done for a request of a session, decided before any of it is done (rule 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl import messages
from labctl.board_data import BoardState, Feature
from labctl.feature_messages import pack_temperature
from labctl.wire import ErrorCode, Opcode
from sim_backend.panels import board_calibration as calibration
from sim_backend.panels import board_checks as checks
from sim_backend.panels import board_facts as facts
from sim_backend.panels import board_products as products
from sim_backend.panels import board_self_test as self_test
from sim_backend.panels.board_checks import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.board_runs import BoardRuns
    from sim_backend.panels.board_states import BoardStates

_FEATURES: dict[int, Feature] = {
    Opcode.ROUTE: Feature.SMU_PORT,
    Opcode.UNROUTE: Feature.SMU_PORT,
    Opcode.MULTIPLY: Feature.MULTIPLY,
    Opcode.TEMPERATURE: Feature.TEMPERATURE,
    Opcode.SELFTEST: Feature.SELF_TEST,
    Opcode.CALIBRATION_READ: Feature.CALIBRATION,
    Opcode.CALIBRATION_WRITE: Feature.CALIBRATION,
}
"""Operations that a board may lack."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request whose arguments are right.

    Args:
        needs: the lowest state in which it is carried out.
        run: carries it out and returns the reply's payload; raises `BrokenOff`.
        duration: of the run, in ns.
    """

    needs: BoardState
    run: Callable[[], bytes]
    duration: int = 0


class BoardPlans:
    """The operations of a board.

    Args:
        states: state and settings of the board.
        runs: carries lists out.
        features: what it has beyond reading and pulsing.
    """

    def __init__(self, states: BoardStates, runs: BoardRuns, features: Feature = facts.FEATURES) -> None:
        self._states = states
        self._runs = runs
        self._features = features
        self._operations: dict[int, Callable[[bytes], Plan]] = {
            Opcode.CLEAR: self._clear,
            Opcode.ARM: self._arm,
            Opcode.SCHEME: self._scheme,
            Opcode.COMPLIANCE: self._compliance,
            Opcode.ROUTE: self._route,
            Opcode.UNROUTE: self._unroute,
            Opcode.READ: self._read,
            Opcode.PULSE: self._pulse,
            Opcode.PULSE_READ: self._pulse_read,
            Opcode.MULTIPLY: self._multiply,
            Opcode.TEMPERATURE: self._temperature,
            Opcode.SELFTEST: self._self_test,
            Opcode.CALIBRATION_READ: self._calibration_read,
            Opcode.CALIBRATION_WRITE: self._calibration_write,
        }

    def plan(self, opcode: int, payload: bytes) -> Plan:
        """Return what is to be done.

        Raises:
            Refusal: for the first thing that is wrong with the request as a whole, with nothing done.
        """
        operation = self._operations.get(opcode)
        if operation is None:
            raise Refusal(ErrorCode.BAD_OPCODE, f"there is no operation 0x{opcode:04x}")
        if _FEATURES.get(opcode, Feature.NONE) not in self._features:
            raise Refusal(ErrorCode.UNSUPPORTED, f"this board has no {Opcode(opcode).name}")
        plan = operation(payload)
        if plan.duration > facts.RUN_MAX:
            raise Refusal(ErrorCode.RANGE, f"the run would last {plan.duration / 1e9:.3f} s, over 5 s")
        if self._states.state < plan.needs:
            if self._states.state is BoardState.SAFE:
                raise Refusal(ErrorCode.SAFE_STATE, "the board is safe; CLEAR first")
            raise Refusal(ErrorCode.NOT_ARMED, "the board is not armed; ARM first")
        return plan

    @property
    def _shape(self) -> tuple[int, int]:
        return self._states.world.die.rows, self._states.world.die.columns

    def _clear(self, payload: bytes) -> Plan:
        checks.nothing(payload)
        return Plan(BoardState.SAFE, lambda: messages.pack_trips(self._states.clear()))

    def _arm(self, payload: bytes) -> Plan:
        period = checks.period(payload)
        return Plan(BoardState.IDLE, lambda: _done(self._states.arm(period)))

    def _scheme(self, payload: bytes) -> Plan:
        write, read = checks.schemes(payload)
        return Plan(BoardState.IDLE, lambda: _done(self._states.set_schemes(write, read)))

    def _compliance(self, payload: bytes) -> Plan:
        limit, action = checks.compliance(payload)
        return Plan(BoardState.IDLE, lambda: _done(self._states.set_compliance(limit, action)))

    def _route(self, payload: bytes) -> Plan:
        cell = checks.cell(payload, self._shape)
        return Plan(BoardState.ARMED, lambda: _done(self._states.route(cell)))

    def _unroute(self, payload: bytes) -> Plan:
        checks.nothing(payload)
        return Plan(BoardState.SAFE, lambda: _done(self._states.open_port()))

    def _read(self, payload: bytes) -> Plan:
        request = checks.read(payload, self._shape, self._states.read_scheme)
        groups = 1 + int((request.row[1:] != request.row[:-1]).sum())
        return Plan(BoardState.IDLE, lambda: self._runs.read(request), groups * facts.read_time(request.averages))

    def _pulse(self, payload: bytes) -> Plan:
        entries = checks.pulses(payload, self._shape)
        duration = facts.trains_time(entries.width, entries.count)
        return Plan(BoardState.ARMED, lambda: self._runs.pulse(entries), duration)

    def _pulse_read(self, payload: bytes) -> Plan:
        request = checks.pulse_read(payload, self._shape, self._states.read_scheme)
        entries = request.entries
        reading = len(entries) * facts.read_time(request.averages)
        duration = facts.trains_time(entries.width, entries.count) + reading
        return Plan(BoardState.ARMED, lambda: self._runs.pulse_read(request), duration)

    def _multiply(self, payload: bytes) -> Plan:
        request = products.checked(payload, self._shape)
        return Plan(BoardState.IDLE, lambda: self._runs.multiply(request), products.duration(request))

    def _temperature(self, payload: bytes) -> Plan:
        checks.nothing(payload)
        return Plan(BoardState.SAFE, lambda: pack_temperature(self._states.temperature))

    def _self_test(self, payload: bytes) -> Plan:
        checks.nothing(payload)
        return Plan(BoardState.IDLE, self._runs.self_test, self_test.DURATION)

    def _calibration_read(self, payload: bytes) -> Plan:
        request, stored = calibration.lines(payload, self._shape), self._states.world.front_end.calibrations
        return Plan(BoardState.SAFE, lambda: calibration.read(stored, request))

    def _calibration_write(self, payload: bytes) -> Plan:
        request, stored = calibration.coefficients(payload, self._shape), self._states.world.front_end.calibrations
        return Plan(BoardState.IDLE, lambda: calibration.write(stored, request))


def _done(_: None) -> bytes:
    """Return the payload of a reply that only says that it is done."""
    return b""
