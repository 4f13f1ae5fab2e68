"""Device profiles in files: TOML that a person writes, and the JSON that a die file keeps.

Both hold quantities as text with their unit and are checked by the same schema. A TOML file may name a packaged
profile as its `base` and then give only what differs.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from labctl.errors import BenchFileError, nearest
from labctl.units import Unit
from sim_backend.device_models.profile_units import ProfileUnit
from sim_backend.device_models.ru_azo_profile import RuAzoProfile
from sim_backend.device_models.vteam_profile import VteamProfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from sim_backend.device_models.base_profile import DeviceProfile

    Data = dict[str, Any]

PACKAGED = ("ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox")
"""Names of the profiles that come with the project."""
_PROFILES: Mapping[str, type[DeviceProfile]] = {"ru-azo": RuAzoProfile, "vteam": VteamProfile}
_KEY = re.compile(r"\s*([A-Za-z0-9_\-\"']+)\s*=")
_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")


def load_profile(path: Path) -> DeviceProfile:
    """Return the profile that a TOML file describes; without `name` it is called as the file.

    Raises:
        BenchFileError: if the file cannot be read, is not TOML, or a key is unknown, missing or wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BenchFileError(f"cannot read the device profile {path}: {error.strerror or error}") from None
    except ValueError:
        raise BenchFileError(f"the device profile {path} is not UTF-8 text, or no file can have this name") from None
    return _read_toml(text, path.name, path.stem)


def packaged_profile(name: str) -> DeviceProfile:
    """Return one of the `PACKAGED` profiles."""
    return _read_toml(_packaged_text(name), f"{name}.toml", name)


def profile_to_json(profile: DeviceProfile) -> str:
    """Return a profile as JSON text, from which `profile_from_json` makes an equal one, to the last bit."""
    return json.dumps(_written(profile), allow_nan=False)


def profile_from_json(text: str) -> DeviceProfile:
    """Return the profile that `profile_to_json` wrote.

    Raises:
        BenchFileError: if the text is not such JSON, or a key is unknown, missing or wrong.
    """
    source = _Source("saved device profile", "")
    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchFileError(f"the saved device profile is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BenchFileError("the saved device profile is not a table of keys")
    return _validated(cast("Data", data), source)


def _packaged_text(name: str) -> str:
    return files("sim_backend.device_models").joinpath(f"profiles/{name}.toml").read_text("utf-8")


def _read_toml(text: str, file: str, name: str) -> DeviceProfile:
    source = _Source(file, text)
    data = _parsed(text, file)
    data.setdefault("name", name)
    if "base" in data:
        data = _merged(data, source)
    return _validated(data, source)


def _parsed(text: str, file: str) -> Data:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(f"{file} is not TOML: {error}") from None
    except (ValueError, RecursionError):
        raise BenchFileError(f"{file} cannot be read: a number is too long, or tables nest too deep") from None


def _merged(data: Data, source: _Source) -> Data:
    """Return the keys of the profile's base with its own over them; a table is merged key by key."""
    base: object = data.pop("base")
    if base not in PACKAGED:
        near = nearest(base, PACKAGED) if isinstance(base, str) else None
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(PACKAGED)}"
        raise BenchFileError(f"{source.place(('base',))}: there is no packaged profile {base!r}; {hint}")
    below = _parsed(_packaged_text(str(base)), f"{base}.toml")
    if "base" in below:
        below = _merged(below, source)
    if data.get("model", below["model"]) != below["model"]:
        raise BenchFileError(
            f"{source.place(('model',))}: {data['model']!r} is not the model of the base {base!r}, {below['model']!r}"
        )
    for key, value in data.items():
        old = below.get(key)
        both_tables = isinstance(old, dict) and isinstance(value, dict)
        below[key] = {**cast("Data", old), **cast("Data", value)} if both_tables else value
    return below


def _validated(data: Data, source: _Source) -> DeviceProfile:
    model: object = data.get("model")
    kind = _PROFILES.get(model) if isinstance(model, str) else None
    if kind is None:
        found = f"not {model!r}" if "model" in data else "this key is missing"
        raise BenchFileError(f"{source.place(('model',))}: must be {' or '.join(map(repr, _PROFILES))}; {found}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise source.refusal(error, kind) from None


def _written(table: BaseModel) -> Data:
    """Return a table's values as they are written: quantities as text with their unit."""
    data: Data = {}
    for key, field in type(table).model_fields.items():
        value: object = getattr(table, key)
        unit = next((part for part in field.metadata if isinstance(part, Unit | ProfileUnit)), None)
        if isinstance(value, BaseModel):
            data[key] = _written(value)
        else:
            # repr() of a float is the shortest text that reads back as the same float.
            data[key] = value if unit is None else f"{value!r} {unit.symbol}"
    return data


@dataclass(frozen=True, slots=True)
class _Source:
    """The text of a profile, for messages that point into it."""

    file: str
    text: str

    def refusal(self, error: ValidationError, kind: type[BaseModel]) -> BenchFileError:
        """Return one thing that `error` complains of: a misspelt key rather than the key it leaves out."""
        complaints = error.errors(include_url=False)
        first = next((one for one in complaints if one["type"] == "extra_forbidden"), complaints[0])
        location = tuple(str(part) for part in first["loc"])
        return BenchFileError(f"{self.place(location)}: {_complaint(first, location, kind)}")

    def place(self, location: tuple[str, ...]) -> str:
        """Return where a key stands, as messages say it."""
        line = _line_of(self.text, location)
        where = f"{self.file} line {line}" if line else self.file
        return f"{where}, {'.'.join(location)}" if location else where


def _complaint(first: ErrorDetails, location: tuple[str, ...], kind: type[BaseModel]) -> str:
    match first["type"]:
        case "extra_forbidden":
            near = nearest(location[-1], _keys(kind, location[:-1]))
            return f"unknown key {location[-1]!r}; " + (f"did you mean {near!r}?" if near else "remove it")
        case "missing":
            return "this key is missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"this must be a table, not {first['input']!r}"
        case "value_error":
            return str(first["ctx"]["error"]) if "ctx" in first else first["msg"]
        case _:
            found = "" if isinstance(first["input"], dict) else f", not {first['input']!r}"
            return first["msg"].replace("Input should be", "must be") + found


def _keys(kind: type[BaseModel], location: tuple[str, ...]) -> list[str]:
    """Return the keys of the table at `location` inside a profile."""
    for part in location:
        annotation = kind.model_fields[part].annotation
        if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
            return []
        kind = annotation
    return list(kind.model_fields)


def _line_of(text: str, location: tuple[str, ...]) -> int | None:
    """Return the line, from 1, on which a key or table stands; None if it stands nowhere."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = tuple(part.strip().strip("\"'") for part in match[1].split("."))
            if table == location:
                return number
        elif (match := _KEY.match(line)) and (*table, match[1].strip("\"'")) == location:
            return number
    return None
