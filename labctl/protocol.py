"""How an experiment is declared: parameters, records, steps, summary.

A protocol is a generator of typed records. It opens no file, draws nothing, catches nothing broad and waits only
through the bench; the engine drives it, and sinks take what it yields.
"""

from __future__ import annotations

import functools
import json
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import annotated_types
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from labctl.errors import ParameterError, UnknownNameError
from labctl.limits import Envelope, WithinEnvelope
from labctl.summaries import Criterion as Criterion
from labctl.summaries import Outcome as Outcome  # noqa: TC001 (authors of protocols import it from here)
from labctl.summaries import judge as judge
from labctl.units import Unit, Written, YesNo, format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from labctl.bench import Die
    from labctl.board_data import Capabilities, Cell
    from labctl.figure import Figure
    from labctl.instruments import Instrument
    from labctl.protocol_bench import ProtocolBench


class Parameters(BaseModel):
    """What a person may set of a protocol; every value is text until it is read here.

    Every protocol has `quick`, which makes it small enough to be tried out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    quick: YesNo = False
    """Run a small version of the experiment."""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """A protocol yields this after the records of a step: the unit of progress, of durability and of resuming.

    Args:
        memory: a dataclass of what the protocol needs, beside the number of steps, to go on from here; of the type
            that it declares.
    """

    memory: Any = None


STEP_END = StepEnd()


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file that a protocol makes of its records, kept in the run folder, as a picture of what was reconstructed.

    Args:
        name: of the file, without a folder.
        content: its bytes.
    """

    name: str
    content: bytes


MemoryT = TypeVar("MemoryT")


@dataclass(frozen=True, slots=True)
class Start(Generic[MemoryT]):
    """Where a protocol begins: at its first step, or where a run that ended early goes on.

    Args:
        steps: how many steps are done.
        time: bench time (s) that they took.
        memory: what the protocol gave with the last of them; None if it gave none.
        touched: cells that were, or may have been, written since: they are read before anything else is done to them.
            If this run ends early, too, those that were not read before the end of a step stand in the next start.
    """

    steps: int = 0
    time: float = 0.0
    memory: MemoryT | None = None
    touched: frozenset[Cell] = frozenset()


ParametersT = TypeVar("ParametersT", bound=Parameters)
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Protocol(Generic[ParametersT, RecordT]):
    """A declared experiment.

    Args:
        name: what a person types.
        title: one line for the list.
        parameters: the model of its parameters.
        record: the dataclass of its records.
        needs: the interfaces of the instruments that it asks; a function where they depend on the parameters.
        check: refuses, with an InputError, parameters that make no sense on this die, before anything is sent.
        check_board: the same of what the board cannot do: every instrument is identified then, and nothing is set.
        steps: how many steps a run with these parameters has.
        run: the experiment, from a start. What comes before its first step is done again when a run is resumed: it may
            set instruments up, and writes no cell.
        summarise: what the records of a whole run, in order, amount to.
        caption: a few words on one record, for the progress line.
        memory: the dataclass that it gives with the end of a step; None if the number of steps is all it needs.
        pulses: the least number of pulses that a whole run puts on each cell, where that is known beforehand: a run
            that a cell's life does not allow is refused before anything is sent.
        waits: whether it lets time pass (`bench.wait`): it is refused where time does not pass by itself.
        figure: what the records of a run, whole or broken off, look like; never called without a record.
        in_truth: a record as it would be had the cell's true conductance (S) been read: what an audit sums up. Records
            of such a protocol name `row`, `column`, `boot` and `delivered`.
        standing: those of the records that hold, where later ones take the place of earlier ones, as of a cell that is
            on its way; an audit counts these. None: each holds.
        files: what a finished run leaves in its folder beside its records.
    """

    name: str
    title: str
    parameters: type[ParametersT]
    record: type[RecordT]
    needs: tuple[type[Instrument], ...] | Callable[[ParametersT], tuple[type[Instrument], ...]]
    check: Callable[[Die, Envelope, ParametersT], None]
    steps: Callable[[ParametersT], int]
    run: Callable[[ProtocolBench, ParametersT, Start[Any]], Iterator[RecordT | StepEnd]]
    summarise: Callable[[Sequence[RecordT], ParametersT], Outcome]
    caption: Callable[[RecordT], str]
    memory: type[Any] | None = None
    pulses: Callable[[Die, ParametersT], Mapping[Cell, int]] | None = None
    waits: bool = False
    figure: Callable[[Sequence[RecordT], ParametersT], Figure] | None = None
    in_truth: Callable[[RecordT, float], RecordT] | None = None
    check_board: Callable[[Capabilities, ParametersT], None] | None = None
    standing: Callable[[Sequence[RecordT]], Sequence[RecordT]] | None = None
    files: Callable[[Sequence[RecordT], ParametersT], Iterable[RunFile]] | None = None

    def needed(self, parameters: ParametersT) -> tuple[type[Instrument], ...]:
        """Return the interfaces of the instruments that a run with these parameters asks."""
        return self.needs(parameters) if callable(self.needs) else self.needs


def pack_memory(memory: object) -> str:
    """Return a protocol's memory as text; every number comes back as it was, to the last bit."""
    return json.dumps(_memory_adapter(type(memory)).dump_python(memory))


def unpack_memory(kind: type[MemoryT], text: str) -> MemoryT:
    """Return the memory that `pack_memory` made a text of.

    Raises:
        ValueError: if the text is no memory of this `kind`.
    """
    return _memory_adapter(kind).validate_python(json.loads(text))


@functools.cache
def _memory_adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A parameter as it is listed: name, form or unit, range, default, and what it does."""

    name: str
    form: str
    range: str
    default: str
    description: str


def read_parameters(model: type[ParametersT], settings: Mapping[str, str]) -> ParametersT:
    """Return the parameters that `--set NAME=VALUE` options give.

    Raises:
        UnknownNameError: for a name that the protocol has not.
        ParameterError: for a value that cannot be read or is out of range.
    """
    for name in settings:
        if name not in model.model_fields:
            raise UnknownNameError("parameter", name, model.model_fields)
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = f"--set {first['loc'][0]}" if first["loc"] else "--set"
        raise ParameterError(f"{place}: {_complaint(first)}") from None


def check_parameters(parameters: Parameters, envelope: Envelope) -> None:
    """Refuse parameters that the envelope does not allow.

    Raises:
        EnvelopeError: names the parameter.
    """
    for name, hint in typing.get_type_hints(type(parameters), include_extras=True).items():
        for annotation in getattr(hint, "__metadata__", ()):
            if isinstance(annotation, WithinEnvelope):
                envelope.check(annotation.limit, getattr(parameters, name), f"--set {name}: a value")


def list_parameters(model: type[Parameters]) -> list[ParameterInfo]:
    """Return what can be set of a protocol, with units, ranges and defaults."""
    return [_info(name, field) for name, field in model.model_fields.items()]


def _info(name: str, field: FieldInfo) -> ParameterInfo:
    default: Any = field.default
    form, text = "", str(default)
    limits: list[str] = []
    for annotation in field.metadata:
        match annotation:
            case Unit(symbol):
                form, text = symbol, format_quantity(default, symbol)
            case Written(form=written, nothing=nothing):
                form, text = written, _spelled(default, nothing)
            case annotated_types.Gt(gt=bound):
                limits.append(f"> {bound}")
            case annotated_types.Ge(ge=bound):
                limits.append(f">= {bound}")
            case annotated_types.Lt(lt=bound):
                limits.append(f"< {bound}")
            case annotated_types.Le(le=bound):
                limits.append(f"<= {bound}")
            case WithinEnvelope(limit):
                limits.append(f"within the envelope's {limit}")
            case _:
                pass
    form = form or " or ".join(map(str, typing.get_args(field.annotation)))
    return ParameterInfo(name, form, ", ".join(limits), text, " ".join((field.description or "").split()))


def _spelled(default: Any, nothing: str) -> str:
    """Return a default as a person would type it."""
    if default is None:
        return nothing
    return {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)


def _complaint(first: ErrorDetails) -> str:
    """Return what is wrong with a value; texts of ours name the value themselves."""
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    return f"{first['msg'].replace('Input should be', 'it must be')}, not {first['input']!r}"
