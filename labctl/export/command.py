"""`labctl export`: what it writes, and where."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from labctl.backend import WallClock
from labctl.console import print_json, print_lines
from labctl.errors import InputError, InterruptedRunError, UnknownNameError
from labctl.export.csv_table import write_csv, write_sidecar
from labctl.export.known_records import words_of
from labctl.export.layout import layout_of
from labctl.export.missing import require
from labctl.export.provenance_attributes import provenance
from labctl.export.record_table import RecordTable
from labctl.report.whole_files import own_folder, whole_files
from labctl.run_names import MANIFEST, id_of
from labctl.run_reader import RunReader, find_run
from labctl.stop_requests import StopRequests

if TYPE_CHECKING:
    from pathlib import Path

NETCDF, CSV = "netcdf", "csv"
SUFFIXES: Final = {NETCDF: ".nc", CSV: ".csv"}
FOLDER: Final = "export"
_SIDECAR: Final = ".json"


def export_run(data: Path, name: str | None, kind: str | None, out: Path | None, force: bool, json: bool) -> None:
    """Write the records of a run, finished or not, with units and provenance; print where they are.

    Args:
        data: where runs are kept.
        name: of the run; None: the newest.
        kind: "netcdf" or "csv"; None: as the name of `out` ends, netCDF otherwise.
        out: the file, or a folder for it; None: `export` in the folder of the run.
        force: overwrite what `out` names.
        json: print one JSON object in place of the paths.

    Raises:
        InputError: if there is no such run or format, a library is missing, or `out` is there already.
        StoreError: if the run cannot be read.
        OutputError: if the files cannot be written.
        InterruptedRunError: if a signal ended it.
    """
    kind = _kind(kind, out)
    folder = find_run(data, name)
    if kind == NETCDF:
        require("netCDF", "h5netcdf", "h5py")
    with closing(RunReader(folder)) as reader:
        file = _place(reader, out, kind)
        files = [file] if kind == NETCDF else [file, file.with_suffix(_SIDECAR)]
        if out is not None:
            _check_existing(files, force)
        records = _write(reader, kind, files)
    if json:
        print_json({"run": str(folder), "format": kind, "records": records, "files": [str(each) for each in files]})
    else:
        print_lines(str(each) for each in files)


def _kind(kind: str | None, out: Path | None) -> str:
    if kind is None:
        return CSV if out is not None and out.suffix.lower() == SUFFIXES[CSV] else NETCDF
    if kind not in SUFFIXES:
        raise UnknownNameError("format", kind, SUFFIXES)
    return kind


def _place(reader: RunReader, out: Path | None, kind: str) -> Path:
    """Return where the file goes."""
    name = id_of(dict(reader.manifest), reader.folder) + SUFFIXES[kind]
    if out is None:
        return own_folder(reader.folder, FOLDER) / name
    with suppress(OSError, ValueError):
        if out.is_dir():
            return out.absolute() / name
    if kind == CSV and out.suffix.lower() == _SIDECAR:
        raise InputError(f"--out {out}: the file of this name is the one beside the table; call the table .csv")
    if not out.name:
        raise InputError(f"--out {str(out)!r} names no file")
    return out.absolute()


def _check_existing(files: list[Path], force: bool) -> None:
    """Refuse to overwrite a file that nobody gave up, and ever what a run consists of."""
    for file in files:
        with suppress(OSError, ValueError):
            if not (file.exists() or file.is_symlink()):
                continue
            if (file.parent / MANIFEST).exists():
                raise InputError(f"--out: {file} belongs to a run; choose another name")
            if not force:
                raise InputError(f"--out: {file} is there already; choose another name, or overwrite it with --force")


def _write(reader: RunReader, kind: str, files: list[Path]) -> int:
    """Write the files, each whole or not at all; return how many records there are.

    A signal is heard between two blocks: HDF5 does not survive an exception in the middle of a write.
    """
    try:
        with StopRequests() as stop:
            stop.shield()
            table = RecordTable(reader, stop.check)
            layout = layout_of(table, words_of(reader))
            origin = provenance(reader, WallClock().utc())
            with whole_files(files) as parts:
                if kind == NETCDF:
                    from labctl.export.netcdf import write_netcdf

                    write_netcdf(parts[0], table, layout, origin)
                else:
                    write_csv(parts[0], table)
                    write_sidecar(parts[1], table, layout, origin, files[0].name)
    except InterruptedRunError as stopped:
        raise InterruptedRunError(stopped.signal_number, "stopped; no file was written") from None
    return table.count
