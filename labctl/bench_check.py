"""`labctl bench check`: who answers at the addresses of a bench file, and with which limits; nothing is set.

A source-measure unit is asked who it is and for settings and errors, which reading takes out of its error queue; a
probe board for IDENTIFY, CAPABILITIES and STATUS.
"""

from __future__ import annotations

import math
import os
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from labctl import plugins
from labctl.backend import Backend, BackendOptions, WallClock
from labctl.bench import Bench
from labctl.bench_file import BenchFile, load_bench
from labctl.console import complain, print_json, print_lines, table
from labctl.errors import EquipmentError
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.locks import Holder, locked
from labctl.provenance import user
from labctl.units import format_quantity

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.instruments import Instrument

_SETTINGS: Final = ("output", "source_level", "source_range", "protection", "current_limit", "measure_range")
"""What is read of a source-measure unit: attributes of its driver, or of the driver's `knobs`; a driver may have some
of them only."""
_UNITS: Final = {
    "source_level": "V",
    "source_range": "V",
    "protection": "V",
    "current_limit": "A",
    "measure_range": "A",
    "v_min": "V",
    "v_max": "V",
    "read_limit": "V",
    "width_min": "s",
    "width_max": "s",
    "temperature": "degC",
}
_BACKEND: Final = "hardware"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at one address of a bench file.

    Args:
        name: of the instrument in the bench file.
        driver: which speaks to it.
        address: where.
        identity: its own words; "" if it gave none.
        limits: what it holds its output to, in SI units.
        errors: what stood in its error queue; None: it was not asked, or has none.
        problem: why it cannot be used; "" if it can.
    """

    name: str
    driver: str
    address: str
    identity: str = ""
    limits: dict[str, object] = field(default_factory=dict[str, object])
    errors: list[str] | None = None
    problem: str = ""


def check_bench(path: Path, json: bool) -> int:
    """Print who answers; return the exit code: 0 if everything does as the bench file says, else 3.

    Raises:
        InputError: if the bench file is wrong; nothing was sent.
        AddressLockedError: if a run uses one of the addresses.
    """
    file = load_bench(path)
    backend_class = cast("type[Backend]", plugins.load(plugins.BACKENDS, _BACKEND))
    options = BackendOptions()
    holder = Holder("labctl bench check", os.getpid(), user(), WallClock().utc().isoformat(timespec="seconds"))
    with (
        locked(backend_class.lock_names(file, options), holder),
        closing(backend_class.for_bench(file, options)) as backend,
    ):
        found = [_look(file, backend, name) for name in file.instruments]
    problems = [one.problem for one in found if one.problem]
    if json:
        print_json(_as_json(path, found, problems))
    else:
        print_lines(_as_lines(file, found))
    for problem in problems:
        complain(problem)
    return EquipmentError.exit_code if problems else 0


def _look(file: BenchFile, backend: Backend, name: str) -> Found:
    """Return what one instrument says; one that does not answer holds up none of the others."""
    entry = file.instruments[name]
    found = Found(name, entry.driver, entry.address)
    alone = file.model_copy(update={"instruments": {name: entry}})
    try:
        with closing(Bench(alone, backend)) as bench:
            identity = str(bench.identify()[name])
            return replace(_read(bench.unlimited[name], found), identity=identity)
    except EquipmentError as error:
        return replace(found, problem=str(error))


def _read(instrument: Instrument, found: Found) -> Found:
    """Return `found` with what the instrument's limits and errors are."""
    if isinstance(instrument, ProbeBoard):
        return replace(found, limits=_board_limits(instrument))
    if isinstance(instrument, SourceMeter):
        return replace(found, limits=_smu_limits(instrument), errors=instrument.read_errors())
    return found


def _smu_limits(smu: SourceMeter) -> dict[str, object]:
    """Return the settings of a source-measure unit as far as its driver has them."""
    # A driver of a channel keeps its knobs apart, where they are read as `knob.read(driver)`.
    knobs = getattr(smu, "knobs", None)
    if knobs is None:
        return {name: getattr(smu, name) for name in _SETTINGS if hasattr(type(smu), name)}
    return {name: getattr(knobs, name).read(smu) for name in _SETTINGS if hasattr(knobs, name)}


def _board_limits(board: ProbeBoard) -> dict[str, object]:
    able, status = board.capabilities(), board.status()
    return {
        "rows": able.rows,
        "columns": able.columns,
        "v_min": able.v_min,
        "v_max": able.v_max,
        "read_limit": able.read_limit,
        "width_min": able.width_min,
        "width_max": able.width_max,
        "state": status.state.name,
        "trips": status.trips.name or "NONE",
        "delivered": status.delivered,
        "boot": status.boot,
        "temperature": status.temperature,
        "bad_frames": status.bad_frames,
    }


def _worded(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return format_quantity(value, _UNITS.get(name, "")) if math.isfinite(value) else "none"
    return str(value)


def _as_lines(file: BenchFile, found: list[Found]) -> list[str]:
    rows = [("name", "driver", "address", "answer")]
    rows += [(one.name, one.driver, one.address, one.identity or "none") for one in found]
    lines = [f"{file.bench.name}: nothing was set", *table(rows)]
    for one in found:
        words = [(name.replace("_", " "), _worded(name, value)) for name, value in one.limits.items()]
        if one.errors is not None:
            words += [("error queue", error) for error in one.errors or ["empty"]]
        lines += ["", one.name, *(f"  {line}" for line in table(words or [("", one.problem)]))]
    return lines


def _as_json(path: Path, found: list[Found], problems: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"bench": str(path.absolute()), "instruments": [asdict(one) for one in found]}
    if problems:
        result["error"] = {"type": EquipmentError.__name__, "message": "; ".join(problems)}
        result["run"] = None
    return result
