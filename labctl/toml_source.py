"""TOML that people write, and messages that point into it: file, line, key, what was found, what would be right."""

from __future__ import annotations

import io
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from labctl.errors import BenchFileError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]")
_PARTS = re.compile(r"[,={}\[\]]")
TEXT_MAX = 1 << 18
"""Characters of a file that a person writes for labctl, at most; and bytes of it that are read at all."""
_DOTS_MAX = 50
"""Dots in one key: tomllib takes memory as their square."""
_KEY = re.compile(r"\s*([A-Za-z0-9_\-\"']+)\s*=")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """The text of a file.

    Args:
        file: its name in messages.
        text: what stands in it.
    """

    file: str
    text: str

    def parse(self) -> dict[str, Any]:
        """Return the tables of the file.

        Raises:
            BenchFileError: if it is not TOML.
        """
        self._check_size()
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise BenchFileError(f"{self.file} is not TOML: {error}") from None
        except (ValueError, RecursionError):
            raise BenchFileError(f"{self.file} cannot be read: a number is too long, or tables nest too deep") from None

    def _check_size(self) -> None:
        """Refuse what takes time and memory out of all proportion."""
        if len(self.text) > TEXT_MAX:
            raise BenchFileError(f"{self.file} is too long: such a file has at most {TEXT_MAX} characters")
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.count(".") <= _DOTS_MAX or line.lstrip().startswith("#"):
                continue
            if any(part.count(".") > _DOTS_MAX for part in _PARTS.split(line)):
                raise BenchFileError(f"{self.file} line {number}: a key has more than {_DOTS_MAX} dots")

    def refusal(self, error: ValidationError, model: type[BaseModel], prefix: tuple[str, ...] = ()) -> BenchFileError:
        """Return one thing that `error` complains of, in one line: a misspelt key rather than the key it leaves out.

        Args:
            error: what `model` says of the file.
            model: what the file, or its table at `prefix`, should be.
            prefix: where the table stands.
        """
        complaints = error.errors(include_url=False)
        first = next((one for one in complaints if one["type"] == "extra_forbidden"), complaints[0])
        location = (*prefix, *(str(part) for part in first["loc"]))
        return BenchFileError(f"{self.place(location)}: {_complaint(first, location, model)}")

    def place(self, location: tuple[str, ...]) -> str:
        """Return where a key stands, as messages say it."""
        line = _line_of(self.text, location)
        where = f"{self.file} line {line}" if line else self.file
        return f"{where}, {'.'.join(location)}" if location else where


def text_file(path: Path, what: str) -> TomlSource:
    """Return the text of a file, not yet understood.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        BenchFileError: if it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_MAX + 1)
        if len(data) <= TEXT_MAX:
            return TomlSource(path.name, io.StringIO(data.decode("utf-8-sig"), None).read())
    except OSError as error:
        raise BenchFileError(f"cannot read the {what} {path}: {error.strerror or error}") from None
    except ValueError:
        raise BenchFileError(f"the {what} {path} is not UTF-8 text, or no file can have this name") from None
    raise BenchFileError(f"the {what} {path} is too long: such a file has at most {TEXT_MAX} bytes")


def _complaint(first: ErrorDetails, location: tuple[str, ...], model: type[BaseModel]) -> str:
    match first["type"]:
        case "extra_forbidden":
            keys = _keys(model, first["loc"][:-1])
            near = nearest(location[-1], keys)
            there_are = f"there are: {', '.join(keys)}" if keys else "remove it"
            return f"unknown key {location[-1]!r}; " + (f"did you mean {near!r}?" if near else there_are)
        case "missing":
            return "this key is missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"this must be a table, not {first['input']!r}"
        case "value_error":
            return str(first["ctx"]["error"]) if "ctx" in first else first["msg"]
        case _:
            found = "" if isinstance(first["input"], dict) else f", not {first['input']!r}"
            return first["msg"].replace("Input should be", "must be") + found


def _keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the table at `location` inside `model`."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)


def _line_of(text: str, location: tuple[str, ...]) -> int | None:
    """Return the line, from 1, on which the key or the table of `location` stands; None if it stands nowhere."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = tuple(part.strip().strip("\"'") for part in match[1].split("."))
            if table == location:
                return number
        elif (match := _KEY.match(line)) and (*table, match[1].strip("\"'")) == location:
            return number
    return None
