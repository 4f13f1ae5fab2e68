"""Files that are there whole or not at all, in a folder of a run's that no link leads away from."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labctl.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_PART: Final = ".part"


def own_folder(run: Path, *names: str) -> Path:
    """Return a folder below a run's: run folders come from anywhere, and a link in one may lead to files of yours.

    Args:
        run: the run's folder.
        names: of the folders on the way, from there.

    Raises:
        InputError: if one of them is a link.
    """
    place = run.joinpath(*names)
    if os.path.realpath(place) != str(Path(os.path.realpath(run), *names)):
        raise InputError(f"{place} leads out of the run folder, through a link; choose a place with --out")
    return place


@contextmanager
def whole_files(files: Sequence[Path]) -> Generator[list[Path]]:
    """Let files be written beside their places, and put each in its place when all are whole; else nothing stays.

    Args:
        files: where they belong; folders are made as needed.

    Yields:
        Where to write each.

    Raises:
        OutputError: if they cannot be written; errors of the operating system and of HDF5 become one.
    """
    parts = [file.with_name(file.name + _PART) for file in files]
    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        for part in parts:
            part.unlink(missing_ok=True)  # a pipe would keep whoever opens it waiting, a link would lead elsewhere
    except (OSError, ValueError) as error:  # a folder that cannot be made, or a name that no file can have
        raise _unwritable(files[0], error) from None
    try:
        yield parts
        for part, file in zip(parts, files, strict=True):
            part.replace(file)
    except (OSError, RuntimeError) as error:  # HDF5 has no one error for a disk that is full
        raise _unwritable(files[0], error) from None
    finally:
        for part in parts:
            with suppress(OSError, ValueError):
                part.unlink(missing_ok=True)


def _unwritable(file: Path, error: Exception) -> OutputError:
    words = getattr(error, "strerror", None) or " ".join(str(error).split())
    return OutputError(f"cannot write {file}: {words}; choose another with --out")
