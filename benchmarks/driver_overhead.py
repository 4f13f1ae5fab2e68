"""What setting and reading a knob costs beyond the resource under it, beside a QCoDeS Parameter on the same resource.

    python benchmarks/driver_overhead.py

The resource is in memory and answers at once. QCoDeS is measured in the same run if it is installed: a Parameter with
plain functions (its fastest form), and one of an Instrument with command texts. Ratios, not times, are comparable
between machines.
"""

from __future__ import annotations

import importlib
import importlib.util
import timeit
from typing import TYPE_CHECKING, Any

from memory_bench import MemoryResource

from drivers.knobs import Knob, number
from drivers.scpi import ScpiLink

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 7
CALLS = 20_000


class TextResource(MemoryResource):
    """A resource in memory that takes text, too, as pyvisa's do."""

    def write(self, message: str) -> int:
        """Send text, as pyvisa does."""
        return self.write_raw((message + "\n").encode("ascii"))

    def query(self, message: str) -> str:
        """Send text and return the answer, as pyvisa does."""
        self.write(message)
        return self.read_raw().decode("ascii")[:-1]


class Instrument:
    """A driver with one knob."""

    level: Knob[float] = number(":SOUR:VOLT {}", ":SOUR:VOLT?", "V", -210, 210, "level")
    confirmed: Knob[float] = number(":SOUR:VOLT {}", ":SOUR:VOLT?", "V", -210, 210, "level", confirm=True)

    def __init__(self, resource: TextResource) -> None:
        self.link = ScpiLink(lambda: resource, "smu", "memory")


def microseconds(call: Callable[[], object]) -> float:
    """Return the best time of one call."""
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def measure_bare() -> dict[str, float]:
    """Return the cost of the resource alone, its numbers formatted and read."""
    resource = TextResource()
    return {
        "set": microseconds(lambda: resource.write(f":SOUR:VOLT {0.2:.9g}")),
        "get": microseconds(lambda: float(resource.query(":SOUR:VOLT?"))),
    }


def measure_knobs() -> dict[str, float]:
    """Return the cost of our knobs."""
    smu = Instrument(TextResource())

    def put() -> None:
        smu.level = 0.2

    def put_confirmed() -> None:
        smu.confirmed = 0.2

    return {
        "set": microseconds(put),
        "get": microseconds(lambda: smu.level),
        "set, confirmed": microseconds(put_confirmed),
    }


def measure_qcodes() -> dict[str, dict[str, float]]:
    """Return the cost of QCoDeS Parameters; empty if it is not installed."""
    if importlib.util.find_spec("qcodes") is None:
        return {}
    parameters: Any = importlib.import_module("qcodes.parameters")
    instruments: Any = importlib.import_module("qcodes.instrument")
    validators: Any = importlib.import_module("qcodes.validators")
    resource = TextResource()
    common: dict[str, Any] = {"unit": "V", "get_parser": float, "vals": validators.Numbers(-210, 210)}
    plain: Any = parameters.Parameter(
        "level",
        set_cmd=lambda value: resource.write(f":SOUR:VOLT {value:.9g}"),  # pyright: ignore[reportUnknownLambdaType]
        get_cmd=lambda: resource.query(":SOUR:VOLT?"),
        **common,
    )

    def write_raw(_self: object, cmd: str) -> None:
        resource.write(cmd)

    def ask_raw(_self: object, cmd: str) -> str:
        return resource.query(cmd)

    texts: Any = type("Texts", (instruments.Instrument,), {"write_raw": write_raw, "ask_raw": ask_raw})("texts")
    texts.add_parameter("level", set_cmd=":SOUR:VOLT {:.9g}", get_cmd=":SOUR:VOLT?", **common)
    return {
        f"QCoDeS, {name}": {"set": microseconds(lambda p=knob: p.set(0.2)), "get": microseconds(lambda p=knob: p.get())}
        for name, knob in (("functions", plain), ("texts", texts.level))
    }


def main() -> None:
    """Measure and print."""
    bare, ours, peers = measure_bare(), measure_knobs(), measure_qcodes()
    print(f"{'':20}{'set':>10}{'get':>10}   us; beyond the bare resource in brackets")
    for name, costs in {"bare resource": bare, "labctl knob": ours, **peers}.items():
        beyond = f"({costs['set'] - bare['set']:.2f}, {costs['get'] - bare['get']:.2f})"
        print(f"{name:20}{costs['set']:10.2f}{costs['get']:10.2f}   {beyond}")
    print(f"{'confirmed knob':20}{ours['set, confirmed']:10.2f}")
    for name, costs in peers.items():
        ratios = ", ".join(f"{what} {costs[what] / ours[what]:.2f}x" for what in ("set", "get"))
        print(f"{name} / labctl: {ratios}")
    if not peers:
        print("QCoDeS is not installed here: no ratio")


if __name__ == "__main__":
    main()
