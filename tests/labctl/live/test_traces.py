from __future__ import annotations

from dataclasses import dataclass

from labctl.live.traces import Panel, choose_panels
from labctl.records import columns
from labctl.units import Amperes, Levels, Seconds, Siemens, Volts


@dataclass(frozen=True, slots=True)
class Written:
    level: int
    target: Siemens
    conductance: Siemens
    error: Levels


@dataclass(frozen=True, slots=True)
class Read:
    conductance: Siemens
    target: int


@dataclass(frozen=True, slots=True)
class Sweep:
    note: str
    applied: Volts
    measured: Volts
    current: Amperes
    waited: Seconds


@dataclass(frozen=True, slots=True)
class Plain:
    gain: float
    offset: float


@dataclass(frozen=True, slots=True)
class Counted:
    cell: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Misleading:
    conductance: Volts
    error: float


@dataclass(frozen=True, slots=True)
class Said:
    word: str


def test_a_written_level_is_plotted_with_its_target_and_its_error() -> None:
    assert choose_panels({"record": columns(Written)}) == (
        Panel("record", ("conductance", "target"), "S", reference="target"),
        Panel("record", ("error",), "levels", is_error=True),
    )


def test_a_target_that_is_no_conductance_is_left_out() -> None:
    assert choose_panels({"record": columns(Read)}) == (Panel("record", ("conductance",), "S"),)


def test_other_records_get_their_first_floats_one_plot_a_unit() -> None:
    assert choose_panels({"iv": columns(Sweep)}) == (
        Panel("iv", ("applied", "measured"), "V"),
        Panel("iv", ("current",), "A"),
    )


def test_numbers_without_a_unit_get_an_axis_each() -> None:
    assert choose_panels({"fit": columns(Plain)}) == (Panel("fit", ("gain",), ""), Panel("fit", ("offset",), ""))


def test_whole_numbers_are_plotted_where_there_is_nothing_else() -> None:
    assert choose_panels({"count": columns(Counted)}) == (Panel("count", ("cell",), ""),)


def test_the_unit_decides_and_not_the_name_alone() -> None:
    panels = choose_panels({"record": columns(Misleading)})
    assert panels == (Panel("record", ("conductance",), "V"), Panel("record", ("error",), ""))
    assert not any(panel.is_error for panel in panels)


def test_text_alone_gets_no_plot() -> None:
    assert choose_panels({"said": columns(Said)}) == ()
    assert choose_panels({}) == ()


def test_never_more_plots_than_fit() -> None:
    panels = choose_panels({name: columns(Written) for name in "abc"})
    assert len(panels) == 4
    assert [panel.record_type for panel in panels] == ["a", "a", "b", "b"]


def test_known_fields_of_one_type_leave_no_room_for_plain_ones_of_another() -> None:
    panels = choose_panels({"iv": columns(Sweep), "record": columns(Read)})
    assert [panel.record_type for panel in panels] == ["record"]
