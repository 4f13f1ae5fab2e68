"""`labctl.open_run`: a run in Python and in a notebook."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labctl as package
from labctl.errors import InputError, RunNotFoundError, StoreError
from labctl.records import columns
from labctl.store import RunWriter

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&$x$"


def test_records_are_the_protocol_s(ramp: Any, make_run: Any, written: Any) -> None:
    folder = make_run("finished", 5)
    with package.open_run(folder) as run:
        assert (len(run.records), type(run.records[0])) == (5, ramp.record)
        for found, wanted in zip(run.records, written(5), strict=True):
            np.testing.assert_equal(dataclasses.astuple(found), dataclasses.astuple(wanted))
        assert run.parameters == ramp.parameters(height="1.1 V")
        assert run.parameters.height == 1.1
        assert run.summary == {"top": 4e-3, "points": 5}
        assert (run.id, run.folder, run.protocol) == (folder.name, folder, "ramp")
        assert (run.state, run.passed) == ("finished", True)
        assert run.manifest["operator"] == "Ada"
        assert run.log == []


def test_records_are_a_sequence(ramp: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.export.record_table.BLOCK", 7)
    with package.open_run(make_run("finished", 40)) as run:
        heights = [round(record.conductance * 1e3) for record in run.records]
        assert heights == list(range(40))
        for place in (0, 6, 7, 39, -1, -40, 20):
            assert run.records[place].conductance == pytest.approx(heights[place] * 1e-3)
        for part in (slice(3), slice(5, 20, 4), slice(None, None, -1), slice(-3, None), slice(9, 2), slice(30, 4, -7)):
            assert [round(record.conductance * 1e3) for record in run.records[part]] == heights[part]
        for place in (40, -41):
            with pytest.raises(IndexError):
                run.records[place]
        assert repr(run.records) == "<40 records: Ramp>"


def test_without_the_protocol_they_are_like_its(make_run: Any, written: Any) -> None:
    with package.open_run(make_run()) as run:
        first, wanted = run.records[0], written(1)[0]
        assert dataclasses.astuple(first) == dataclasses.astuple(wanted)
        assert columns(first.__class__) == columns(wanted.__class__)
        assert run.parameters["height"] == 1.1
        assert run.to_xarray()["current"].attrs["units"] == "A"
        with pytest.raises(InputError, match="ramp"):
            run.figure()


def test_a_run_under_way_grows(ramp: Any, make_run: Any, written: Any) -> None:
    folder = make_run("running", 2)
    with (
        closing(RunWriter(folder, {"record": ramp.record}, power_safe=False)) as writer,
        package.open_run(folder) as run,
    ):
        records = run.records
        assert len(records) == 2
        writer.add(written(3)[2])
        writer.end_step(9.0)
        assert len(records) == 3
        assert records[-1].conductance == 2e-3
        assert run.to_xarray().sizes["record"] == 3
        assert run.summary["points"] == 3  # which the run has not said


def test_a_notebook_shows_text_never_markup(ramp: Any, make_run: Any) -> None:
    with package.open_run(make_run(note=HOSTILE)) as run:
        page = run._repr_html_()
        assert "<script" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "$x$" not in page
        assert "&lt;script&gt;" in page
        words = _Words(page).text
        for said in (
            "ramp: a line that rises",
            run.id,
            "finished, passed, 5 records",
            "top 4 mS at least 1 mS met",
            "2450",
        ):
            assert said in words
        assert repr(run) == f"<Run {run.id}: ramp, 5 records>"
        assert dict(run.__rich_repr__())["summary"] == {"top": 4e-3, "points": 5}


def test_a_figure_is_a_picture_or_a_file(ramp: Any, make_run: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with package.open_run(make_run()) as run:
        figure = run.figure()
    assert figure.data.panels[0].y.unit == "S"
    assert repr(figure) == "<figure: ramp>"  # not the numbers: a notebook keeps it beside the picture
    assert figure._repr_png_().startswith(b"\x89PNG")
    figure.save(tmp_path / "x.pdf")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match=r"\.png or \.pdf"):
        figure.save(tmp_path / "x.svg")


def test_runs_are_found_as_commands_find_them(
    ramp: Any, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, last = make_run(), make_run()
    for name, folder in (
        (None, last),
        (first.name, first),
        (first.name[-8:], first),
        (str(last), last),
        (first, first),
    ):
        with package.open_run(name) as run:
            assert run.folder == folder
    with pytest.raises(RunNotFoundError):
        package.open_run("nothing")
    with pytest.raises(RunNotFoundError):
        package.open_run(data=tmp_path / "elsewhere")


def test_a_closed_run_says_so(ramp: Any, make_run: Any) -> None:
    with package.open_run(make_run()) as run:
        pass
    with pytest.raises(StoreError, match="closed"):
        len(run.records)


def test_without_xarray_it_says_what_to_install(ramp: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "xarray", None)
    with package.open_run(make_run()) as run, pytest.raises(InputError, match=r"labctl\[export\]"):
        run.to_xarray()


def test_a_log_that_is_no_text_is_damage(ramp: Any, make_run: Any) -> None:
    folder = make_run()
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as db:
        db.execute("INSERT INTO log (utc, message) VALUES (x'00', 7)")
    with package.open_run(folder) as run, pytest.raises(StoreError, match="its log"):
        run._repr_html_()


class _Words(HTMLParser):
    """Reads the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._found: list[str] = []
        self.feed(page)
        self.close()
        self.text = " ".join(" ".join(self._found).split())

    def handle_data(self, data: str) -> None:
        self._found.append(data)
