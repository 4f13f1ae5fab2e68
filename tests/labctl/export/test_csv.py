"""A run as CSV: strict, with units in its headers, and its provenance beside it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

HEADERS = [
    "record", "step", "row", "column", "conductance (S)", "error (levels)", "ratio (dB)", "load (ohm)", "share", "met",
    "note", "given[0] (V)", "given[1] (V)", "current[0] (A)", "current[1] (A)", "current[2] (A)", "found[0] (A)",
    "found[1] (A)", "found[2] (A)", "time (s)", "calibration",
]  # fmt: skip


def table(done: Any) -> tuple[list[list[str]], Any]:
    assert (done.code, done.err) == (0, "")
    file, beside = (Path(line) for line in done.out.splitlines())
    text = file.read_bytes().decode("utf-8")
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True)), json.loads(beside.read_text("utf-8"))


def test_headers_have_units_and_rows_are_columns(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run()
    rows, _ = table(labctl("export", "--format", "csv"))
    assert rows[0] == HEADERS
    assert {len(row) for row in rows} == {len(HEADERS)}
    assert rows[1] == [
        "0", "1", "1", "0", "0.0", "-0.25", "70.5", "1000.0", "0.30000000000000004", "true", "plain", "0.1", "0.2",
        "", "", "", "inf", "-1e-09", "5e-324", "0.0", "c1",
    ]  # fmt: skip
    assert rows[2][5] == ""
    assert [row[13:16] for row in rows[1:5]] == [
        ["", "", ""], ["0.0", "", ""], ["0.0", "1e-06", ""], ["0.0", "1e-06", "2e-06"],
    ]  # fmt: skip


def test_text_stays_text(labctl: Any, ramp: Any, make_run: Any, written: Any) -> None:
    make_run()
    rows, _ = table(labctl("export", "--format", "csv"))
    notes = [record.note for record in written(5)]
    assert [row[10] for row in rows[1:]] == ["plain", f"'{notes[1]}", *notes[2:]]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula(labctl: Any, ramp: Any, make_run: Any, written: Any, begins: str) -> None:
    from dataclasses import replace

    make_run(own=[replace(written(1)[0], note=f"{begins}x")])
    rows, _ = table(labctl("export", "--format", "csv"))
    assert rows[1][10] == f"'{begins}x"


def test_what_stands_beside_it(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run()
    rows, beside = table(labctl("export", "--format", "csv"))
    assert [header for column in beside["columns"] for header in column["headers"]] == rows[0]
    assert (beside["describes"], beside["records"]) == (f"{folder.name}.csv", 5)
    columns = {column["name"]: column for column in beside["columns"]}
    assert columns["current"]["headers"] == ["current[0] (A)", "current[1] (A)", "current[2] (A)"]
    assert (columns["current"]["unit"], columns["current"]["type"]) == ("A", "floats")
    assert columns["time"]["long_name"] == "time: on the bench"
    origin = beside["provenance"]
    assert origin["manifest"] == json.loads((folder / "manifest.json").read_text())
    assert origin["parameter_units"] == {"height": "V"}
    assert origin["calibration"] == ["c1", "c2"]
    assert origin["passed"] is True


def test_pandas_reads_it(labctl: Any, ramp: Any, make_run: Any, written: Any) -> None:
    pandas: Any = pytest.importorskip("pandas")
    make_run()
    file = labctl("export", "--format", "csv").out.splitlines()[0]
    frame = pandas.read_csv(file)
    assert frame["met"].tolist() == [record.met for record in written(5)]
    assert frame["conductance (S)"].tolist() == [record.conductance for record in written(5)]
    assert frame["error (levels)"].isna().tolist() == [False, True, False, True, False]
    assert frame["note"][3] == written(5)[3].note


def test_a_run_without_records_is_a_line_of_headers(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run("running", 0)
    rows, beside = table(labctl("export", "--format", "csv"))
    assert rows == [[header for header in HEADERS if "[" not in header]]
    assert beside["provenance"]["state"] == "died"


def test_more_columns_than_a_sheet_has_are_refused(labctl: Any, ramp: Any, make_run: Any, written: Any) -> None:
    from dataclasses import replace

    folder = make_run(own=[replace(written(1)[0], found=(0.5,) * 17_000)])
    done = labctl("export", "--format", "csv")
    assert (done.code, done.out) == (2, "")
    assert "at most 16384" in done.err
    assert list((folder / "export").iterdir()) == []
