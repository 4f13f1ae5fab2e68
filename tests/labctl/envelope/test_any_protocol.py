"""A protocol that calls anything on anything it gets, with any values: nothing outside the envelope arrives.

Requests are drawn over all public methods of the bench that a protocol gets, of its board and of its source-measure
unit, also inside routed blocks and over pauses. Pulses that reach the die are counted per cell and compared with the
ledger's.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.board_data import Cell, ComplianceAction, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import EquipmentError, InputError
from labctl.pulse_life import LifeLedger
from labctl.smu_data import PulseTrain, SourceSetup

if TYPE_CHECKING:
    from labctl.bench import Bench
    from tests.labctl.envelope.conftest import Seen, Watch

LIFE = 200
"""Pulses that a cell may have."""
NUMBERS = st.one_of(
    st.sampled_from([0.0, 0.1, 0.2, 0.2345678, 0.9, -0.75, 1.2345678, 1e-3, 80e-9, 1e-6, 1, 2, 7, 64]),
    st.sampled_from([math.nan, math.inf, -math.inf, -1, 1e300, 10**400, 5e-324, None, "0.9", np.float32(0.9)]),
    st.floats(-2, 2, allow_subnormal=False),
)
GOOD_CELLS = st.builds(Cell, st.integers(0, 1), st.integers(0, 2))
CELLS = GOOD_CELLS | st.builds(Cell, NUMBERS, NUMBERS)
PULSES = st.builds(
    Pulse, GOOD_CELLS, st.sampled_from([0.9, -0.75, 1.2]), st.sampled_from([80e-9, 1e-6]), st.integers(1, 90)
)
ANY_PULSES = PULSES | st.builds(Pulse, CELLS, NUMBERS, NUMBERS, NUMBERS)
VOLTAGES = st.sampled_from([0.1, -0.2, 0.9, -0.75, 1.2345678]) | NUMBERS
SETUPS = st.builds(SourceSetup, VOLTAGES, st.sampled_from([1e-3, 14e-3]), st.sampled_from([1e-3, None]), st.just(0.01))
ARGUMENTS: list[Any] = [
    NUMBERS,
    CELLS,
    st.lists(CELLS, max_size=3),
    st.lists(NUMBERS, max_size=4),
    st.lists(ANY_PULSES, max_size=3),
    SETUPS,
    st.builds(PulseTrain, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.builds(ProductSetup, st.sampled_from(Coding), st.sampled_from(Direction), NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.sampled_from([*WriteScheme, *ReadScheme, *ComplianceAction, *Direction]),
    st.lists(NUMBERS, min_size=4, max_size=5).map(lambda row: np.array([row], dtype=object)),
]
LIKELY: dict[str, list[Any]] = {
    "route": [GOOD_CELLS],
    "read": [
        st.lists(GOOD_CELLS, max_size=3),
        st.sampled_from([0.1, 0.2, 0.2345678, 0.24, 1.0]),
        st.sampled_from([1, 2]),
    ],
    "pulse": [
        st.lists(PULSES, max_size=3) | st.builds(PulseTrain, VOLTAGES, st.sampled_from([1e-3, 9e-3]), st.just(2))
    ],
    "pulse_read": [st.lists(PULSES, max_size=3), st.sampled_from([0.1, 0.2, 1.0]), st.just(1)],
    "set_scheme": [st.sampled_from(WriteScheme), st.just(ReadScheme.FLOAT) | st.sampled_from(ReadScheme)],
    "set_compliance": [NUMBERS, st.sampled_from(ComplianceAction)],
    "configure": [SETUPS],
    "source": [VOLTAGES],
    "sweep": [st.lists(VOLTAGES, max_size=4), st.sampled_from([0.0, 1e-3, 1.0])],
    "routed": [GOOD_CELLS, st.booleans()],
    "wait": [st.sampled_from([0.1, 2.0]) | NUMBERS.filter(lambda number: not isinstance(number, int))],
    "arm": [st.sampled_from([0.0, 0.5, 1.0]) | NUMBERS],
}
"""What methods are asked with most of the time, lest all be refused for a wrong type."""
NEVER = {"sleep", "every", "clock", "die", "envelope", "models", "name", "address", "watchdog", "has_watchdog"}
"""No requests; a clock is the bench's own, not an instrument."""


def methods_of(thing: object) -> list[str]:
    return [
        name for name in dir(thing) if not name.startswith("_") and name not in NEVER and callable(getattr(thing, name))
    ]


@st.composite
def requests(draw: st.DrawFn, bench: Any) -> tuple[str, str, list[Any]]:
    """Return on what, which method, and with what."""
    where = draw(st.sampled_from(["", "board", "board", "smu", "smu"]))
    names = methods_of(getattr(bench, where) if where else bench)
    name = draw(st.sampled_from([name for name in names if name in LIKELY]) | st.sampled_from(names))
    if name in LIKELY and draw(st.integers(0, 4)):
        return where, name, [draw(argument) for argument in LIKELY[name]]
    return where, name, draw(st.lists(st.one_of(*ARGUMENTS), max_size=3))


def put_out(seen: Seen, ledger: LifeLedger) -> list[str]:
    """Return the cells that have had more pulses than the ledger knows of, or than a life holds."""
    had = seen.had
    return [f"{cell} has had {count} of {LIFE}" for cell, count in had.items() if count > min(LIFE, ledger.had(cell))]


def test_whatever_a_protocol_does(watch: Watch) -> None:
    text = watch.with_smu(watch.crooked, "keysight-b2900").replace("pulses_per_cell = 1e9", f"pulses_per_cell = {LIFE}")
    with watch.up(text) as (kernel, seen):
        bench: Any = kernel.offered()

        @settings(
            max_examples=80,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            derandomize=True,
        )
        @given(st.lists(requests(bench), min_size=1, max_size=8))
        def ask(wanted: list[tuple[str, str, list[Any]]]) -> None:
            ready(kernel)
            with ExitStack() as blocks:
                for where, name, arguments in wanted:
                    method = getattr(getattr(bench, where) if where else bench, name)
                    # What cannot be called so at all is a slip that Python itself reports.
                    with suppress(InputError, EquipmentError, TypeError, AttributeError, ValueError):
                        found = method(*arguments)
                        if name == "routed":
                            blocks.enter_context(suppress(InputError, EquipmentError))
                            blocks.enter_context(found)
            ledger = kernel._ledgered[0].ledger
            assert isinstance(ledger, LifeLedger)
            assert seen.problems + put_out(seen, ledger) == []

        ask()
        assert seen.requests > 100
        assert max(seen.had.values()) > LIFE / 2
        ready(kernel)


def ready(bench: Bench) -> None:
    """Bring the bench to where a protocol finds it."""
    bench.heartbeat.touch()
    assert bench.bring_down() == []
    bench.bring_up()


def test_what_is_counted_is_what_arrived(watch: Watch) -> None:
    """The test above would notice: pulses at the die are seen, by cell."""
    with watch.up(watch.packaged) as (bench, seen):
        bench.board.pulse([Pulse(Cell(1, 2), 0.9, 80e-9, 5), Pulse(Cell(0, 0), 0.9, 80e-9)])
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        bench.smu.configure(SourceSetup(1.0, 1e-3, current_range=1e-3, nplc=0.01))
        with bench.routed(Cell(1, 2), others_may_change=True) as smu:
            smu.sweep([0.1, 0.9, 0.8, -0.5, 0.0])
        assert seen.had == Counter({Cell(1, 2): 5 + 3, Cell(0, 0): 1})
