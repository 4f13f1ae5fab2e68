"""A run's figure, as a notebook shows it and as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labctl.errors import InputError, OutputError
from labctl.escaped import escaped
from labctl.export.missing import require
from labctl.report.palette import LIGHT

if TYPE_CHECKING:
    from labctl.figure import Figure


@dataclass(frozen=True, slots=True, repr=False)
class RunFigure:
    """What a run's records look like.

    Args:
        data: panels with axes and marks, numbers included.
    """

    data: Figure

    def save(self, file: Path | str) -> None:
        """Write it as PNG or PDF, by the end of the file's name.

        Raises:
            InputError: if there is no matplotlib, the name ends otherwise, or the figure cannot be drawn.
            OutputError: if the file cannot be written.
        """
        path = Path(file)
        kinds: dict[str, Literal["png", "pdf"]] = {".png": "png", ".pdf": "pdf"}
        kind = kinds.get(path.suffix.lower())
        if kind is None:
            raise InputError(f"{str(file)!r}: a figure is written as .png or .pdf")
        content = self._drawn(kind)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from None

    def __repr__(self) -> str:
        return f"<figure: {escaped(self.data.title)}>"

    def _drawn(self, kind: Literal["png", "pdf"]) -> bytes:
        require("a figure", "matplotlib", install='pip install "labctl[report]"')
        from labctl.report.drawing import render

        try:
            return render(self.data, LIGHT, (kind,))[kind]
        except ValueError as error:
            raise InputError(f"the figure cannot be drawn: {error}") from None

    def _repr_png_(self) -> bytes:
        return self._drawn("png")
