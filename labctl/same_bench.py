"""The bench of a run that goes on may have moved to other addresses; in everything else it is the one that it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from labctl.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench_file import BenchFile

_MAY_DIFFER = re.compile(r"\[instruments\..*\] (address|watchdog)|\[bench\] visa", re.DOTALL)
"""How an instrument is reached, and how long a board waits for a sign of life, is no part of the experiment."""
_NOTHING = "nothing"


def check_same_bench(before: BenchFile, now: BenchFile, file: str) -> None:
    """Refuse a bench that differs from the one that a run began with in more than how its instruments are reached.

    Args:
        before: of the run.
        now: that it is to go on with.
        file: the name of the latter, for messages.

    Raises:
        InputError: names the first key that differs.
    """
    if list(before.instruments) != list(now.instruments):
        raise _refusal(file, "[instruments]", ", ".join(before.instruments), ", ".join(now.instruments))
    was, found = dict(_keys(before.model_dump(mode="json"))), dict(_keys(now.model_dump(mode="json")))
    for key in [*was, *(key for key in found if key not in was)]:
        one, other = was.get(key, _NOTHING), found.get(key, _NOTHING)
        if one != other and not _MAY_DIFFER.fullmatch(key):
            raise _refusal(file, key, one, other)


def _refusal(file: str, key: str, was: object, found: object) -> InputError:
    return InputError(
        f"{file}: {key} is {found!r} (in SI units), but the run began with {was!r}; a run goes on with its own bench, "
        "of which only addresses, watchdogs and the visa library may differ"
    )


def _keys(value: dict[str, Any], table: str = "") -> Iterator[tuple[str, object]]:
    """Yield each key as a person finds it in the file, `[table] key`, with its value."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _keys(cast("dict[str, Any]", item), f"{table}.{key}" if table else key)
        else:
            yield f"[{table}] {key}", item
