"""The bench file: instruments, envelope, die and twin of one bench, in TOML.

Unknown keys and tables are refused; every message names file, line, key, what was found and what would be right.
Reading it opens nothing and sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, ValidationError
from typing_extensions import override

from labctl import plugins
from labctl.errors import BenchFileError, UnitError, UnknownNameError
from labctl.levels import G_MAX
from labctl.toml_source import TomlSource, text_file
from labctl.units import Amperes, Seconds, Siemens, Volts, format_quantity, parse_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BENCH = Path(__file__).parent / "benches" / "default.toml"
"""The packaged bench."""


class _Table(BaseModel):
    """A table of the bench file: no unknown key, no NaN, never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class BenchTable(_Table):
    """`[bench]`: what the bench is called, and which VISA library serves it.

    `visa` is "pyvisa-py" (the default), "system" for the vendor's library, or a path to one. `clock` is "operations" on
    a served twin whose time passes with what it does and not by itself: nothing can wait there.
    """

    name: str = Field(min_length=1)
    visa: str = "pyvisa-py"
    clock: Literal["wall", "operations"] = "wall"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} holds characters that no address has")
    return text


class InstrumentEntry(_Table):
    """`[instruments.NAME]`: which driver speaks to which address.

    A driver that needs more keys declares a subclass of this as its `Settings`.
    """

    driver: str
    address: Annotated[str, Field(min_length=1), AfterValidator(_printable)]
    expect: Annotated[str, Field(min_length=1)] | None = None


class EnvelopeTable(_Table):
    """`[envelope]`: what this die may ever see. A limit that is not positive would allow anything.

    `voltage` bounds pulses and points of an SMU's sweep; `read_voltage` bounds reads, products, and levels of an SMU
    that stand. `cell_current` is also the limit of the SMU, `line_current` that of the board's line drivers.
    `pulse_width` bounds a pulse, and how long a sweep stays above the read voltage at one level. `pulses_per_cell`
    counts over the die's life, by its id, in the data folder. More is in `docs/envelope.md`.
    """

    voltage: Annotated[Volts, Field(gt=0)]
    read_voltage: Annotated[Volts, Field(gt=0)]
    cell_current: Annotated[Amperes, Field(gt=0)]
    line_current: Annotated[Amperes, Field(gt=0)]
    pulse_width: Annotated[Seconds, Field(gt=0)]
    pulses_per_cell: Annotated[float, Field(gt=0)]


CONDUCTION_VOLTAGE = 0.343826
"""V0 (V) of a cell's current, I ~ sinh(V / V0), of the Ru-azo film (published compact model, 2026)."""


class DieTable(_Table):
    """`[die]`: which die, how many rows and columns it has, and how its cells conduct.

    `conduction_voltage` is V0 of I ~ sinh(V / V0), by which the current of a cell that was read is predicted for a
    higher voltage: the smaller, the steeper. A large one, as "1000 V", means ohmic cells.
    """

    id: str = Field(min_length=1)
    rows: int = Field(ge=1, le=512)
    columns: int = Field(ge=1, le=512)
    conduction_voltage: Annotated[Volts, Field(gt=0)] = CONDUCTION_VOLTAGE


SEGMENT_MAX = 10e3
"""Largest resistance (ohm) of a segment of a line: ours, 10,000 times that of metal. Far beyond it a pulse reaches its
cell no more, and the potentials along a line differ by more than the solver's numbers hold."""


def _wires(text: object) -> str:
    """Return the words of `wires`, or refuse what means nothing to any twin."""
    if isinstance(text, str) and text not in ("ideal", "metal"):
        try:
            if not 0 <= parse_quantity(text, "ohm") <= SEGMENT_MAX:
                most = format_quantity(SEGMENT_MAX, "ohm")
                raise ValueError(f"a resistance a segment is 0 ohm to {most}, not {text}")
        except UnitError:
            raise ValueError(
                f"{text!r} is neither 'ideal' nor 'metal' nor a resistance a segment like '0.5 ohm'"
            ) from None
    return str(text)


class TwinTable(_Table):
    """`[twin]`: what the twin simulates; used with the twin only.

    `device` is a packaged profile or a profile file; `wires` is "ideal", "metal" or a resistance a segment; `g_max` (S)
    scales the device's profile. `pulses` is "network" where each cell sees what reaches it of a pulse, or "isolated"
    where, for speed, a pulse reaches its own cell whole and no other.
    """

    device: str = "ru-azo"
    wires: Annotated[str, BeforeValidator(_wires)] = "ideal"
    front_end: Literal["ideal", "board"] = "board"
    calibration: Literal["factory", "none"] = "factory"
    g_max: Annotated[Siemens, Field(gt=0)] = G_MAX
    pulses: Literal["network", "isolated"] = "network"


class BenchFile(_Table):
    """A whole bench file."""

    bench: BenchTable
    instruments: dict[str, SerializeAsAny[InstrumentEntry]] = Field(min_length=1)
    envelope: EnvelopeTable
    die: DieTable
    twin: TwinTable = TwinTable()


def load_bench(path: Path | None = None, twin: Mapping[str, str] | None = None) -> BenchFile:
    """Return the bench that a file describes.

    Args:
        path: the TOML file; None reads the packaged bench.
        twin: keys of the `[twin]` table that the command line overrides.

    Raises:
        BenchFileError: if the file is missing, is not TOML, or a key is unknown, missing or wrong.
        UnknownNameError: if a driver or an overridden key does not exist.
    """
    name, text = bench_text(path)
    return read_bench(text, name, twin)


def bench_text(path: Path | None = None) -> tuple[str, str]:
    """Return the name and the text of a bench file; None is the packaged bench.

    Raises:
        BenchFileError: if it is missing, or no text.
    """
    source = text_file(path or DEFAULT_BENCH, "bench file")
    return source.file, source.text


def read_bench(text: str, file: str, twin: Mapping[str, str] | None = None) -> BenchFile:
    """Return the bench that `text` describes; `file` is its name in messages. See `load_bench`."""
    source = _Source(file, text, frozenset(twin or ()))
    data = source.parse()
    for key, value in (twin or {}).items():
        if key not in TwinTable.model_fields:
            raise UnknownNameError("key of the [twin] table", key, TwinTable.model_fields)
        if isinstance(table := data.setdefault("twin", {}), dict):
            table[key] = value
    _read_instruments(data, source)
    try:
        return BenchFile.model_validate(data)
    except ValidationError as error:
        raise source.refusal(error, BenchFile) from None


def _read_instruments(data: dict[str, Any], source: _Source) -> None:
    """Replace each `[instruments.NAME]` by what its driver's own settings make of it."""
    tables: object = data.get("instruments")
    if not isinstance(tables, dict):
        return
    for name, table in cast("dict[str, Any]", tables).items():
        driver: object = cast("dict[str, Any]", table).get("driver") if isinstance(table, dict) else None
        if not isinstance(driver, str):
            continue
        try:
            settings = cast("type[InstrumentEntry]", plugins.load(plugins.DRIVERS, driver).Settings)
        except UnknownNameError as error:
            raise BenchFileError(f"{source.place(('instruments', name, 'driver'))}: {error}") from None
        try:
            data["instruments"][name] = settings.model_validate(table)
        except ValidationError as error:
            raise source.refusal(error, settings, ("instruments", name)) from None


@dataclass(frozen=True, slots=True)
class _Source(TomlSource):
    """The text of a bench file, some of whose `[twin]` keys the command line overrides."""

    overridden: frozenset[str]

    @override
    def place(self, location: tuple[str, ...]) -> str:
        if location[:1] == ("twin",) and location[-1] in self.overridden:
            return f"--twin {location[-1]}"
        return TomlSource.place(self, location)
