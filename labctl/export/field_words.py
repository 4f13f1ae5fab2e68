"""What a record's fields are, in the words of its documentation."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from labctl.report.wording import spaced
from labctl.units import PLAIN_UNITS

if TYPE_CHECKING:
    from labctl.records import Column

_ENTRY: Final = re.compile(r"(\w+): (.*)")
_CLAUSE: Final = re.compile(r"(.*?)(?:[.;](?:\s|$)|$)")
_SENTENCES: Final = re.compile(r"(?<=\.)\s+")
_LONGEST: Final = 160
"""Characters of a name that an axis or a list of variables can show."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a field.

    Args:
        short: of the field alone, for its long name; "" if there is nothing.
        comment: all of it: sentences that may be about other fields, too.
    """

    short: str = ""
    comment: str = ""


def long_name(column: Column, words: Words) -> str:
    """Return the name of a field for people."""
    name = spaced(column.name)
    if words.short and len(name) + len(words.short) < _LONGEST:
        name = f"{name}: {words.short}"
    return f"{name}, in {column.unit}" if column.unit in PLAIN_UNITS else name


def documented(kind: type) -> dict[str, Words]:
    """Return what the documentation of a dataclass says of its fields, by name; what it does not name is left out.

    It stands in the `Args:` of the class, in a docstring below a field, or in sentences of the class docstring that
    name the field between backticks.
    """
    doc = inspect.getdoc(kind) or ""
    alone = _arguments(doc) | _below_fields(kind)
    sentences = _SENTENCES.split(" ".join(doc.partition("\nArgs:\n")[0].split()))
    found: dict[str, Words] = {}
    for field in fields(kind):
        text = " ".join(alone.get(field.name, "").split())
        clause = _CLAUSE.match(text)
        about = " ".join(sentence for sentence in sentences if f"`{field.name}`" in sentence)
        if text or about:
            found[field.name] = Words(clause[1] if clause is not None else "", f"{text} {about}".strip())
    return found


def _arguments(doc: str) -> dict[str, str]:
    """Return what stands in the section `Args:` of a docstring."""
    _, _, section = f"\n{doc}\n".partition("\nArgs:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line.strip() and not line.startswith("    "):
            break
        entry = _ENTRY.fullmatch(line[4:])
        if entry is not None:
            name = entry[1]
            found[name] = entry[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found


def _below_fields(kind: type) -> dict[str, str]:
    """Return the docstrings that stand below fields; none where the source cannot be had."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
            case _:
                pass
    return found
