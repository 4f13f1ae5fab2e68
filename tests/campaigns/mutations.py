"""How valid inputs are spoiled: bytes, texts, and trees of values as TOML and JSON hold them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

NASTY: Final = (
    "", " ", "\x00", "a\x00b", "\ufeff", "\u202eliam", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\r\n", "\n", "[red]x",
    "<b>x</b>", "\ud800", "é", "Ω", "µ", "🔥", "a" * 300, "9" * 5000, "../..", "..\\..", "/etc/passwd", "CON",
    "nul.txt",
    "COM1", "C:\\x", "\\\\host\\share", "~", ".", "..", "/", "%s%s%n", "${HOME}", "$(reboot)", "'; DROP TABLE step;--",
    '"', "'", "\\", "`", "{}", "{0}", "nan", "inf", "-inf", "1e999", "-0", "0x10", "1_000", "１２", "٣", "1,5", "1.",
    ".5",
    "+1", "--help", "=1+1", "yes", "no", "all", "None", "null", "true",
)  # fmt: skip
"""Texts that trip those who take texts for more, or for less, than they are."""
NUMBERS: Final[tuple[Any, ...]] = (
    0, 1, -1, 2, 64, 511, 512, 513, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 53, 1 << 63, -(1 << 63), 1 << 64, 10**30,
    10**400, 0.0, -0.0, 1e-320, 1e-300, 1e300, 1.5, float("nan"), float("inf"), float("-inf"), True, False, None,
)  # fmt: skip
UNITS: Final = (
    "V",
    "mV",
    "uV",
    "µV",
    "A",
    "mA",
    "S",
    "mS",
    "s",
    "ns",
    "us",
    "ohm",
    "K",
    "degC",
    "Hz",
    "J",
    "W",
    "v",
    "MV",
    "",
)
DEEP: Final = 3000
"""Brackets in one another: more than Python's own recursion bears."""
BITS: Final = 8


def spoilt_bytes(data: bytes, throw: random.Random) -> bytes:
    """Return bytes with one to three kinds of damage."""
    for _ in range(throw.choice((1, 1, 1, 2, 3))):
        data = throw.choice(_BYTES)(data, throw)
    return data


def spoilt_text(text: str, throw: random.Random) -> str:
    """Return a text with one to three kinds of damage."""
    for _ in range(throw.choice((1, 1, 1, 2, 3))):
        text = throw.choice(_TEXTS)(text, throw)
    return text


def spoilt_tree(tree: dict[str, Any], throw: random.Random) -> dict[str, Any]:
    """Return a tree of tables, lists and values in which one to three things are not as they were."""
    tree = copy.deepcopy(tree)
    for _ in range(throw.choice((1, 1, 1, 2, 3))):
        _spoil_place(tree, throw)
    return tree


def quantity(throw: random.Random) -> str:
    """Return something like a number with a unit."""
    number = throw.choice(("0", "1", "0.2", "-1", "1e3", "1e400", "1e-400", "007", "9" * 400, "1.2.3", "", "nan", "١"))
    if throw.random() < 0.5:
        number = repr(throw.uniform(-2, 2) * 10 ** throw.randrange(-12, 12))
    return number + throw.choice((" ", "", "  ", "\t", "\u00a0")) + throw.choice(UNITS)


def value(throw: random.Random, depth: int = 0) -> Any:
    """Return anything that TOML or JSON can hold."""
    kind = throw.random()
    if kind < 0.3:
        return throw.choice(NUMBERS)
    if kind < 0.55:
        return throw.choice(NASTY)
    if kind < 0.75:
        return quantity(throw)
    if kind < 0.8 and depth == 0:
        return _deep(throw)
    if depth > 2:
        return 0
    if kind < 0.9:
        return [value(throw, depth + 1) for _ in range(throw.randrange(4))]
    return {throw.choice(NASTY): value(throw, depth + 1) for _ in range(throw.randrange(4))}


def _deep(throw: random.Random) -> Any:
    """Return a nest that Python can still write down."""
    nest: Any = 0
    for _ in range(throw.choice((10, 50, 90))):
        nest = [nest] if throw.random() < 0.5 else {"a": nest}
    return nest


def _spoil_place(tree: dict[str, Any], throw: random.Random) -> None:
    place: Any = tree
    while keys := _keys(place):
        key = throw.choice(keys)
        if not _keys(place[key]) or throw.random() > 0.85:
            _spoil_entry(place, key, throw)
            return
        place = place[key]


def _keys(place: object) -> list[Any]:
    """Return the keys of a table, or the places of a list; none of anything else."""
    if isinstance(place, dict):
        return list(cast("dict[str, Any]", place))
    return list(range(len(cast("list[Any]", place)))) if isinstance(place, list) else []


def _is_table(place: object) -> bool:
    return isinstance(place, dict)


def _spoil_entry(place: Any, key: Any, throw: random.Random) -> None:
    kind = throw.random()
    if kind < 0.35:
        place[key] = _like(place[key], throw)
    elif kind < 0.6:
        place[key] = value(throw)
    elif kind < 0.7:
        del place[key]
    elif kind < 0.8 and isinstance(place[key], str):
        place[key] = spoilt_text(place[key], throw)
    elif kind < 0.9 and _is_table(place):
        place[throw.choice((*NASTY, f"{key}s", str(key).upper()))] = value(throw)
    elif _is_table(place):
        place[throw.choice(NASTY)] = place.pop(key)
    else:
        place.extend([copy.deepcopy(place[key])] * throw.choice((1, 2, 100)))


def _like(entry: Any, throw: random.Random) -> Any:
    """Return another value of the same form: what is well written and still makes no sense goes deeper."""
    if isinstance(entry, bool):
        return not entry
    if isinstance(entry, int):
        return throw.choice((0, 1, 2, 3, 5, entry + 1, entry - 1, -entry, throw.getrandbits(throw.randrange(1, 70))))
    if isinstance(entry, float):
        return entry * throw.choice((0.0, -1.0, 0.5, 2.0, 1e-30, 1e30, 1e-300, 1e300))
    if isinstance(entry, str) and entry[:1].isdigit() and " " in entry:
        number = f"{throw.choice((1, 2.5, 9.99))}e{throw.choice((*range(-30, 30), -320, -300, 300, 308))}"
        return f"{throw.choice(('', '', '', '-'))}{throw.choice((number, number, '0'))} {entry.partition(' ')[2]}"
    return entry


def _flip(data: bytes, throw: random.Random) -> bytes:
    if not data:
        return b"\x00"
    found = bytearray(data)
    for _ in range(throw.choice((1, 1, 2, 8))):
        found[throw.randrange(len(found))] ^= 1 << throw.randrange(BITS)
    return bytes(found)


def _cut(data: bytes, throw: random.Random) -> bytes:
    return data[: throw.randrange(len(data) + 1)]


def _cut_head(data: bytes, throw: random.Random) -> bytes:
    return data[throw.randrange(len(data) + 1) :]


def _overwrite(data: bytes, throw: random.Random) -> bytes:
    start = throw.randrange(len(data) + 1)
    count = throw.choice((1, 2, 4, 8, 64))
    fill = throw.choice((b"\x00" * count, b"\xff" * count, throw.randbytes(count)))
    return data[:start] + fill + data[start + count :]


def _insert(data: bytes, throw: random.Random) -> bytes:
    start = throw.randrange(len(data) + 1)
    return data[:start] + throw.randbytes(throw.choice((1, 2, 16, 300))) + data[start:]


def _move(data: bytes, throw: random.Random) -> bytes:
    first, last = sorted(throw.randrange(len(data) + 1) for _ in range(2))
    start = throw.randrange(len(data) + 1)
    return data[:start] + data[first:last] + data[start:]


def _swap(data: bytes, throw: random.Random) -> bytes:
    middle = throw.randrange(len(data) + 1)
    return data[middle:] + data[:middle]


def _noise(_data: bytes, throw: random.Random) -> bytes:
    return throw.randbytes(throw.choice((0, 1, 3, 13, 14, 15, 100, 1000)))


_BYTES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip, _flip, _cut, _cut_head, _overwrite, _overwrite, _insert, _move, _swap, _noise,
)  # fmt: skip


def _put(text: str, throw: random.Random) -> str:
    start = throw.randrange(len(text) + 1)
    return text[:start] + throw.choice(NASTY) + text[start:]


def _drop(text: str, throw: random.Random) -> str:
    first, last = sorted(throw.randrange(len(text) + 1) for _ in range(2))
    return text[:first] + text[min(last, first + throw.choice((1, 1, 5, 1000))) :]


def _change(text: str, throw: random.Random) -> str:
    start = throw.randrange(len(text) + 1)
    return text[:start] + chr(throw.choice((throw.randrange(128), throw.randrange(0x3000), 0x202E))) + text[start + 1 :]


def _copy_line(text: str, throw: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(throw.randrange(len(lines) + 1), throw.choice(lines))
    return "\n".join(lines)


def _end_early(text: str, throw: random.Random) -> str:
    return text[: throw.randrange(len(text) + 1)]


def _other_ends(text: str, throw: random.Random) -> str:
    return throw.choice(("", "\ufeff")) + text.replace("\n", throw.choice(("\r\n", "\r", "\n\n", "\u2028")))


def _nest(text: str, throw: random.Random) -> str:
    opened = throw.choice(("[", "{a=", "a.", "[[", "{", '{"a":'))
    start = throw.choice((0, len(text), throw.randrange(len(text) + 1)))
    return f"{text[:start]}\nx = {opened * throw.choice((5, 100, DEEP))}\n{text[start:]}"


def _swell(text: str, throw: random.Random) -> str:
    start = throw.randrange(len(text) + 1)
    return (
        text[:start]
        + throw.choice(("9", "a", " ", "#", '"', "\n", "[", "=", "é")) * throw.choice((70, 5000))
        + text[start:]
    )


_TEXTS: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _put, _put, _drop, _drop, _change, _change, _copy_line, _end_early, _other_ends, _nest, _swell,
)  # fmt: skip


def as_json(tree: Any) -> str:
    """Return a tree as Python writes JSON: with NaN, and with halves of characters."""
    return json.dumps(tree, ensure_ascii=False)


def as_bytes(text: str) -> bytes:
    """Return a text as a file may hold it, halves of characters included."""
    return text.encode("utf-8", "surrogatepass")


def as_toml(tree: dict[str, Any]) -> str:
    """Return a tree as TOML, one key a line; what TOML does not know is written as nearly as can be."""
    lines: list[str] = []
    _table(tree, (), lines)
    return "\n".join(lines) + "\n"


def _table(tree: dict[str, Any], name: tuple[str, ...], lines: list[str]) -> None:
    if name:
        lines.append(f"[{'.'.join(_quoted(part) for part in name)}]")
    for key, entry in tree.items():
        if not isinstance(entry, dict) and not _holds_tables(entry):
            lines.append(f"{_quoted(key)} = {_inline(entry)}")
    for key, entry in tree.items():
        if isinstance(entry, dict):
            _table(cast("dict[str, Any]", entry), (*name, key), lines)
        elif _holds_tables(entry):
            for table in entry:
                lines.append(f"[[{'.'.join(_quoted(part) for part in (*name, key))}]]")
                lines += [f"{_quoted(inner)} = {_inline(one)}" for inner, one in table.items()]


def _holds_tables(entry: Any) -> bool:
    return isinstance(entry, list) and entry != [] and all(isinstance(one, dict) for one in cast("list[Any]", entry))


def _inline(entry: Any) -> str:
    match entry:
        case bool():
            return "true" if entry else "false"
        case int() if entry.bit_length() > 10_000:
            return "9" * 5000
        case str():
            return _quoted(entry)
        case list():
            return f"[{', '.join(map(_inline, cast('list[Any]', entry)))}]"
        case dict():
            pairs = cast("dict[str, Any]", entry).items()
            return f"{{{', '.join(f'{_quoted(key)} = {_inline(one)}' for key, one in pairs)}}}"
        case _:
            return str(entry).lower()


def _quoted(text: str) -> str:
    if text.isidentifier() and text.isascii():
        return text
    escaped = "".join(
        letter
        if (letter.isprintable() and letter not in '"\\') or "\ud800" <= letter <= "\udfff"
        else f"\\U{ord(letter):08X}"
        for letter in text
    )
    return f'"{escaped}"'
