"""Device profiles in files: TOML that a person writes, and the JSON that a die file keeps.

Both hold quantities as text with their unit and are checked by the same schema. A TOML file may name a packaged
profile as its `base` and then give only what differs.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from labctl.errors import BenchFileError, nearest
from labctl.toml_source import TomlSource, text_file
from labctl.units import Unit
from sim_backend.device_models.profile_units import ProfileUnit
from sim_backend.device_models.ru_azo_profile import RuAzoProfile
from sim_backend.device_models.vteam_profile import VteamProfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sim_backend.device_models.base_profile import DeviceProfile

    Data = dict[str, Any]

PACKAGED = ("ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox")
"""Names of the profiles that come with the project."""
_PROFILES: Mapping[str, type[DeviceProfile]] = {"ru-azo": RuAzoProfile, "vteam": VteamProfile}


def load_profile(path: Path) -> DeviceProfile:
    """Return the profile that a TOML file describes; without `name` it is called as the file.

    Raises:
        BenchFileError: if the file cannot be read, is not TOML, or a key is unknown, missing or wrong.
    """
    source = text_file(path, "device profile")
    return _read_toml(source.text, source.file, path.stem)


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
    source = TomlSource("saved device profile", "")
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
    source = TomlSource(file, text)
    data = source.parse()
    data.setdefault("name", name)
    if "base" in data:
        data = _merged(data, source)
    return _validated(data, source)


def _merged(data: Data, source: TomlSource) -> Data:
    """Return the keys of the profile's base with its own over them; a table is merged key by key."""
    base: object = data.pop("base")
    if base not in PACKAGED:
        near = nearest(base, PACKAGED) if isinstance(base, str) else None
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(PACKAGED)}"
        raise BenchFileError(f"{source.place(('base',))}: there is no packaged profile {base!r}; {hint}")
    below = TomlSource(f"{base}.toml", _packaged_text(str(base))).parse()
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


def _validated(data: Data, source: TomlSource) -> DeviceProfile:
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
