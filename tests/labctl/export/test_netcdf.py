"""A run as a netCDF file: what xarray and the HDF5 below it find in it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

import labctl as package
from labctl.records import Along, columns
from labctl.units import Amperes, Volts

h5py: Any = pytest.importorskip("h5py")
xr: Any = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")


def opened(done: Any) -> Any:
    assert (done.code, done.err) == (0, "")
    with xr.open_dataset(done.out.strip(), engine="h5netcdf") as dataset:
        return dataset.load()


def test_every_field_comes_back_to_the_last_bit(labctl: Any, ramp: Any, make_run: Any, written: Any) -> None:
    make_run()
    dataset, records = opened(labctl("export")), written(5)
    for name in ("row", "column", "conductance", "error", "ratio", "load", "share", "met", "note", "time"):
        assert dataset[name].dtype.kind == {"met": "b", "row": "i", "column": "i"}.get(
            name, "O" if name == "note" else "f"
        )
        np.testing.assert_array_equal(dataset[name].values, [getattr(record, name) for record in records])
    assert dataset["record"].values.tolist() == [0, 1, 2, 3, 4]
    assert dataset["step"].values.tolist() == [1, 1, 2, 2, 3]
    assert dataset["found"].values.tolist() == [[np.inf, -1e-9, 5e-324]] * 5


def test_rows_of_one_length_share_a_dimension_and_shorter_ones_end_in_nan(
    labctl: Any, ramp: Any, make_run: Any
) -> None:
    make_run()
    dataset = opened(labctl("export"))
    assert dataset["given"].dims == ("record", "line")
    assert dataset["current"].dims == dataset["found"].dims == ("record", "line_2")
    assert dict(dataset.sizes) == {"record": 5, "line": 2, "line_2": 3}
    assert dataset["line_2"].values.tolist() == [0, 1, 2]
    assert dataset["line_2"].attrs["long_name"] == "place in the row of numbers, counted from 0: current, found"
    np.testing.assert_array_equal(dataset["current"].values[2], [0, 1e-6, np.nan])


def test_rows_lie_along_what_their_protocol_says(labctl: Any, make_run: Any) -> None:
    kind = make_dataclass(
        "Product",
        [
            ("drive", Annotated[tuple[Volts, ...], Along("input")]),
            ("current", Annotated[tuple[Amperes, ...], Along("output")]),
            ("share", Annotated[tuple[float, ...], Along("input")]),
            ("part", Annotated[tuple[float, ...], Along("output")]),
            ("plain", tuple[float, ...]),
            ("odd", Annotated[tuple[float, ...], Along("record")]),
        ],
        frozen=True,
    )
    make_run("running", own=[kind((0.1, 0.2), (1e-6, 2e-6), (0.5, 1.0), (3.0,), (1.0, 2.0), (1.0,))], kind=kind)
    dataset = opened(labctl("export"))
    assert {name: dataset[name].dims[1] for name in dataset.data_vars} == {
        "drive": "input", "current": "output", "share": "input", "part": "output_2", "plain": "line", "odd": "record_2",
    }  # fmt: skip
    assert dataset["input"].attrs["long_name"] == "input, counted from 0: drive, share"
    assert dataset["output_2"].attrs["long_name"] == "output, counted from 0: part"
    with package.open_run() as run:
        assert run.to_xarray()["current"].dims == ("record", "output")
        assert [column.along for column in columns(run.records[0].__class__)][:2] == ["input", "output"]


def test_records_of_before_rows_said_what_they_lie_along_are_known(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run()
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as db:
        db.execute("""UPDATE record_type SET columns = replace(columns, ', "along": ""', '')""")
    dataset = opened(labctl("export"))
    assert dataset["conductance"].attrs["long_name"] == "conductance: Mean of the reads"


def test_it_says_what_is_what(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run()
    dataset = opened(labctl("export"))
    assert set(dataset.coords) == {"record", "step", "row", "column", "time", "line", "line_2"}
    units = {name: dataset[name].attrs.get("units") for name in dataset.variables}
    assert units == {
        "record": "1", "step": "1", "row": "1", "column": "1", "conductance": "S", "error": "1",
        "ratio": "0.1 lg(re 1)", "load": "ohm", "share": "1", "met": None, "note": None, "given": "V", "current": "A",
        "found": "A", "time": "s", "calibration": None, "line": "1", "line_2": "1",
    }  # fmt: skip
    assert dataset["conductance"].attrs["long_name"] == "conductance: Mean of the reads"
    assert dataset["conductance"].attrs["comment"] == "Mean of the reads. They last 1 us each."
    assert dataset["time"].attrs["long_name"] == "time: on the bench"
    assert dataset["time"].attrs["comment"] == "on the bench; counted from the first pulse."
    assert dataset["met"].attrs["comment"] == "One point of a ramp; `note` and `met` are of the operator."
    assert (dataset["error"].attrs["long_name"], dataset["error"].attrs["labctl_unit"]) == (
        "error, in levels",
        "levels",
    )


def test_its_attributes_say_where_it_comes_from(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run(note="first \x1blight")
    said = opened(labctl("export")).attrs
    assert said["Conventions"] == "CF-1.11"
    assert said["title"] == "ramp: a line that rises"
    assert said["source"] == "simulation (a twin of the bench)"
    assert (said["labctl_run"], said["operator"], said["note"]) == (folder.name, "Ada", "first \x1blight")
    assert (said["parameter_height"], said["parameter_points"], said["parameter_quick"]) == (1.1, 5, "no")
    assert json.loads(said["parameter_units"]) == {"height": "V"}
    assert (said["state"], said["passed"], said["steps_done"], said["seed"]) == ("finished", "yes", 3, 7)
    assert (said["bench_time"], said["wall_time"]) == (2.5, 0.25)
    assert said["instrument_smu"] == "KEITHLEY 2450 0123 1.7"
    assert (said["die"], said["summary_top"], said["summary_points"]) == ("W12-D3", 4e-3, 5)
    assert json.loads(said["summary_units"]) == {"top": "S"}
    assert json.loads(said["criteria"]) == [{"figure": "top", "at_least": 1e-3, "at_most": None}]
    assert json.loads(said["calibration"]) == ["c1", "c2"]
    assert json.loads(said["manifest"]) == json.loads((folder / "manifest.json").read_text())
    assert said["software_labctl"] == "0.1.0"


def test_it_is_what_open_run_makes(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run()
    dataset = opened(labctl("export"))
    with package.open_run(folder) as run:
        made = run.to_xarray()
    for each in (dataset, made):
        del each.attrs["history"]
    xr.testing.assert_identical(made, dataset)


def test_the_file_is_plain_netcdf(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run()
    with h5py.File(labctl("export").out.strip()) as file:
        assert "_NCProperties" in file.attrs
        assert file["met"].dtype == np.int8
        assert (file["met"].attrs["flag_meanings"], list(file["met"].attrs["flag_values"])) == (b"no yes", [0, 1])
        assert file["note"].dtype == "S1"  # characters, UTF-8
        assert file["note"].maxshape[0] is None
        assert file["conductance"].attrs["coordinates"] == b"step row column time"
        assert np.isnan(file["conductance"].attrs["_FillValue"]).all()
        assert "_FillValue" not in file["record"].attrs
        for attributes in (file.attrs, *(variable.attrs for variable in file.values())):
            for name in attributes:
                kind = h5py.check_string_dtype(attributes.get_id(name).dtype)
                assert kind is None or kind.length is not None or name == "_NCProperties"  # characters, too


def test_a_long_attribute_is_kept_whole(labctl: Any, ramp: Any, make_run: Any) -> None:
    note = "Ω" * 70_000
    make_run(note=note)
    assert opened(labctl("export")).attrs["note"] == note


@pytest.mark.parametrize("end", ["running", "finished"])
def test_a_run_without_records_is_a_file_without_records(labctl: Any, ramp: Any, make_run: Any, end: str) -> None:
    make_run(end, 0)
    dataset = opened(labctl("export"))
    assert dict(dataset.sizes) == {"record": 0, "line": 1}
    assert dataset["current"].shape == (0, 1)


def test_a_run_that_did_not_end_gives_what_is_there(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run("running", 3)
    dataset = opened(labctl("export"))
    assert dataset.sizes["record"] == 3
    assert dataset.attrs["state"] == "died"
    assert "passed" not in dataset.attrs


def test_records_of_a_protocol_that_is_not_here_are_exported_too(labctl: Any, make_run: Any) -> None:
    make_run()
    dataset = opened(labctl("export"))
    assert dataset["conductance"].attrs == {"long_name": "conductance", "units": "S"}
    assert dataset.attrs["title"] == "ramp"


def test_blocks_join_without_a_seam(labctl: Any, ramp: Any, make_run: Any, written: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("labctl.export.record_table.BLOCK", 7)
    make_run("finished", 40)
    dataset = opened(labctl("export"))
    assert dataset["conductance"].values.tolist() == [record.conductance for record in written(40)]
    assert dataset["note"].values.tolist() == [record.note for record in written(40)]
    assert dataset["record"].values.tolist() == list(range(40))


def test_long_texts_are_kept_whole(labctl: Any, ramp: Any, make_run: Any, written: Any) -> None:
    from dataclasses import replace

    texts = ["Ω" * 1000, "", "short"]
    make_run(own=[replace(record, note=text) for record, text in zip(written(3), texts, strict=True)])
    assert opened(labctl("export"))["note"].values.tolist() == texts


def test_fields_that_are_called_like_dimensions_get_other_names(labctl: Any, make_run: Any) -> None:
    from dataclasses import make_dataclass

    kind = make_dataclass("Odd", [("record", float), ("line", tuple[float, ...]), ("text_5", str)], frozen=True)
    make_run("running", own=[kind(1.5, (1.0, 2.0), "hello")], kind=kind)
    dataset = opened(labctl("export"))
    assert set(dataset.data_vars) == {"record_", "line_", "text_5_"}
    assert dataset["line_"].dims == ("record", "line")


def test_a_full_disk_is_said_once_and_leaves_nothing(
    labctl: Any, ramp: Any, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, content: memoryview) -> None:
        if file._place + len(content) > 8192:
            raise OSError(28, "No space left on device")
        file._file.seek(file._place)
        file._file.write(content)

    monkeypatch.setattr("labctl.export.forgiving_file.ForgivingFile._put", full)
    make_run()
    done = labctl("export", "--out", "x.nc")
    assert done.code == 3
    assert done.err == f"labctl: cannot write {tmp_path / 'x.nc'}: No space left on device; choose another with --out\n"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
