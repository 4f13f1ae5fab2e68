"""Where a run begins: at its first step, or, after it ended early, where its records and its ledger say it stands."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from labctl.errors import InputError, StoreError
from labctl.ledger import WriteState
from labctl.protocol import Start, unpack_memory
from labctl.run_reader import RunReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from labctl.backend import Backend
    from labctl.bench import Bench
    from labctl.board_data import Cell
    from labctl.ledger import Outcome
    from labctl.store import RunWriter


def check_goes_on(folder: Path, backend: type[Backend]) -> None:
    """Refuse a run that has nothing to go on with; who asks holds its lock, so that it stays as it is.

    Raises:
        InputError: if the run is finished, or its world is gone.
        StoreError: if the run cannot be read.
    """
    with closing(RunReader(folder)) as reader:
        state = reader.state().state
    if state == "finished":
        raise InputError(f"{folder.name} is finished; there is nothing to go on with")
    backend.check_resume(folder, state)


def find_start(
    store: RunWriter, bench: Bench, memory: type[Any] | None, outlived: bool, say: Callable[[str], None]
) -> Start[Any]:
    """Settle what the run's last process left open, and return where the protocol begins.

    Args:
        store: of the run; a new one has no step.
        bench: brought up, so that nothing is under way any more.
        memory: the type of what the protocol remembers.
        outlived: whether the instruments went on while nobody wrote this run: others may have used them.
        say: writes down what a reader of the run must know.

    Raises:
        LinkError: if a board does not answer.
        StoreError: if what the protocol remembered cannot be read.
    """
    tell_outcomes(bench.settle(), say)
    if store.steps:
        say(f"going on after step {store.steps}")
    touched = store.ledger.keep_unread(_touched(store, bench, outlived, say))
    return Start(store.steps, store.bench_time, _remembered(store, memory), touched)


def tell_outcomes(outcomes: list[tuple[str, Outcome]], say: Callable[[str], None]) -> None:
    """Say what came of writes that had stood open, by instrument."""
    for name, outcome in outcomes:
        if outcome.state is WriteState.IN_DOUBT:
            say(f"{name}: it is unknown what came of the last write; its cells are read before anything else")
        else:
            pulses = "1 pulse" if outcome.put_out == 1 else f"{outcome.put_out} pulses"
            say(f"{name}: the last write was broken off; by the board's count it put out {pulses}")


def _remembered(store: RunWriter, memory: type[Any] | None) -> Any:
    text = store.memory()
    if memory is None or text is None:
        return None
    try:
        return unpack_memory(memory, text)
    except ValueError:
        raise StoreError(f"what the protocol remembered in {store.path} was written by another version of it") from None


def _touched(store: RunWriter, bench: Bench, outlived: bool, say: Callable[[str], None]) -> frozenset[Cell]:
    """Return the cells that are not known to be as the last step left them."""
    if outlived:
        counts = bench.pulse_counts()
        if not counts:  # an SMU cannot tell whether others used it
            return store.ledger.touched(0)
        for name, found in counts.items():
            last = store.ledger.last_count(name)
            if last is not None and last != found:
                say(f"{name} has been restarted or used since; every cell of this run is read again")
                return store.ledger.touched(0)
    return store.ledger.touched(store.steps)
