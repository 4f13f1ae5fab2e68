"""The dataclass of a run's records: the protocol's own where it is installed here, else one made of their columns."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from labctl import plugins
from labctl.errors import InterruptedRunError
from labctl.export.field_words import Words, documented
from labctl.export.record_table import record_columns
from labctl.records import FIELD_TYPES, ROW_TYPE, Along, columns
from labctl.report.wording import mapping
from labctl.units import PLAIN_UNITS, Decibels, Levels, Unit

if TYPE_CHECKING:
    from labctl.protocol import Parameters, Protocol
    from labctl.records import Column
    from labctl.run_reader import RunReader

_KINDS = {kind.__name__: kind for kind in FIELD_TYPES}
_PLAIN = {"levels": Levels, "dB": Decibels}


def words_of(reader: RunReader) -> dict[str, Words]:
    """Return what is said of the fields of a run's records, by name; nothing where nobody knows them here."""
    kind = _known(reader)
    return {} if kind is None else documented(kind)


def record_type(reader: RunReader) -> type[Any]:
    """Return the dataclass that a run's records are instances of.

    Raises:
        StoreError: if they are not as labctl writes them.
    """
    kind = _known(reader)
    if kind is not None:
        return kind
    fields = [(column.name, _hint(column)) for column in record_columns(reader)]
    return make_dataclass("Record", fields, frozen=True, slots=True)


def _known(reader: RunReader) -> type[Any] | None:
    """Return the protocol's dataclass; None if it is not installed here, or writes other records."""
    manifest = reader.manifest
    name = mapping(manifest.get("asked")).get("protocol", manifest.get("protocol"))
    if not isinstance(name, str):
        return None
    try:
        protocol = cast("Protocol[Parameters, Any]", plugins.load(plugins.PROTOCOLS, name))
        expected = columns(protocol.record)
    except InterruptedRunError:
        raise
    except Exception:  # noqa: BLE001 (a plug-in that cannot be imported may raise anything)
        return None
    written = [(column.name, column.type, column.unit) for column in record_columns(reader)]
    return protocol.record if written == [(each.name, each.type, each.unit) for each in expected] else None


def _hint(column: Column) -> Any:
    """Return a field's annotation, with its unit, as a protocol would write it."""
    kind = float if column.type == ROW_TYPE else _KINDS[column.type]
    unit = _PLAIN[column.unit] if column.unit in PLAIN_UNITS else Annotated[kind, Unit(column.unit)]
    hint = unit if column.unit and kind is float else kind
    if column.type != ROW_TYPE:
        return hint
    return Annotated[tuple[hint, ...], Along(column.along)] if column.along else tuple[hint, ...]
