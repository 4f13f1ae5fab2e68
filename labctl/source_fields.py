"""What can be set of a protocol, or in a table of the bench file, read from its source: nothing is imported for it.

The Tab key waits for nobody: importing a protocol brings numpy and pydantic along and takes most of a second. So the
classes of parameters are looked up in the text of their files, through the names that these import from one another.
What cannot be read so is left out.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from labctl import units

_DEPTH = 12
"""Longest way through base classes, aliases and imports that is followed: a circle has no end."""
_UNITS = {
    name: unit.symbol
    for name, thing in vars(units).items()
    for unit in getattr(thing, "__metadata__", ())
    if isinstance(unit, units.Unit)
}
"""Units of the annotations of `labctl.units`, by their names."""


@dataclass(frozen=True, slots=True)
class SourceField:
    """A field of a class.

    Args:
        name: what stands before the `=`.
        words: what may stand behind it, where these are few; with units where a default has one.
        says: the beginning of what is said of it, a few words.
    """

    name: str
    words: tuple[str, ...]
    says: str


def fields_of(module: str, class_name: str) -> list[SourceField]:
    """Return the fields of a class and of its bases, those of the bases first."""
    return list(_fields(_Module.of(module), class_name, _DEPTH).values())


def parameters_of(module: str, variable: str) -> list[SourceField]:
    """Return the parameters of the protocol that a module declares as `variable = Protocol(parameters=CLASS, ...)`."""
    source = _Module.of(module)
    declared = source.values.get(variable) if source else None
    if source is None or not isinstance(declared, ast.Call):
        return []
    for argument in declared.keywords:
        if argument.arg == "parameters" and isinstance(argument.value, ast.Name):
            return list(_fields(source, argument.value.id, _DEPTH).values())
    return []


@dataclass(frozen=True, slots=True)
class _Module:
    """The text of a module: its classes, what names stand for, and where imported names come from."""

    classes: dict[str, ast.ClassDef]
    values: dict[str, ast.expr]
    imports: dict[str, tuple[str, str]]

    @staticmethod
    @functools.cache
    def of(name: str) -> _Module | None:
        """Return a module of this name; None if its source is not found, or is none."""
        path = _file_of(name)
        if path is None:
            return None
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, ValueError, SyntaxError):
            return None
        found = _Module({}, {}, {})
        for node in tree.body:
            match node:
                case ast.ClassDef():
                    found.classes[node.name] = node
                case ast.Assign(targets=[ast.Name(id=target)]):
                    found.values[target] = node.value
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value):
                    found.values[target] = value
                case ast.ImportFrom(module=str() as origin):
                    found.imports.update({each.asname or each.name: (origin, each.name) for each in node.names})
                case _:
                    pass
        return found


def _file_of(name: str) -> Path | None:
    """Return the file of a module; packages on the way are looked through, not imported."""
    places: list[str] | None = None
    found: str | None = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        found, places = spec.origin, list(spec.submodule_search_locations or ())
    return Path(found) if found and found.endswith(".py") else None


def _fields(source: _Module | None, class_name: str, depth: int) -> dict[str, SourceField]:
    """Return the fields of a class by name."""
    if source is None or depth == 0:
        return {}
    node = source.classes.get(class_name)
    if node is None:
        origin, name = source.imports.get(class_name, ("", ""))
        return _fields(_Module.of(origin), name, depth - 1) if origin else {}
    found: dict[str, SourceField] = {}
    for base in node.bases:
        if isinstance(base, ast.Name):
            found |= _fields(source, base.id, depth - 1)
    for place, part in enumerate(node.body):
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id != "model_config":
            after = node.body[place + 1] if place + 1 < len(node.body) else None
            name = part.target.id
            found[name] = SourceField(name, _words(source, part), _sentence(after))
    return found


def _words(source: _Module, field: ast.AnnAssign) -> tuple[str, ...]:
    """Return what may stand for a field: the words of a choice, or else its default."""
    names = [node.id for node in ast.walk(field.annotation) if isinstance(node, ast.Name)]
    words = ("yes", "no") if "YesNo" in names else _choice(source, field.annotation, _DEPTH)
    if words:
        return words
    unit = next((_UNITS[name] for name in names if name in _UNITS), _unit(field.annotation))
    default = _value(source, field.value, _DEPTH)
    if isinstance(default, str) and default:
        return (default,)
    if isinstance(default, int | float) and not isinstance(default, bool):
        return (_quantity(default, unit) if unit else f"{default:g}",)
    return ()


def _unit(annotation: ast.expr) -> str:
    """Return the symbol of a `Unit("K")` inside an annotation; "" if there is none."""
    for node in ast.walk(annotation):
        match node:
            case ast.Call(func=ast.Name(id="Unit"), args=[ast.Constant(value=str() as symbol)]):
                return symbol
            case _:
                pass
    return ""


def _value(source: _Module | None, expression: ast.expr | None, depth: int) -> object:
    """Return what is written there, or what a name that stands there was given; None where it is neither."""
    if source is None or expression is None or depth == 0:
        return None
    if isinstance(expression, ast.Name):
        if expression.id in source.values:
            return _value(source, source.values[expression.id], depth - 1)
        origin, name = source.imports.get(expression.id, ("", ""))
        return _value(_Module.of(origin), ast.Name(id=name), depth - 1) if origin else None
    try:
        return ast.literal_eval(expression)
    except (ValueError, SyntaxError):
        return None


def _quantity(value: float, unit: str) -> str:
    """Return a quantity without a space, which a shell would take for the end of it: "80ns"."""
    power = 0 if value == 0 else min(9, max(-12, 3 * math.floor(round(math.log10(abs(value)), 9) / 3)))
    prefix = next(prefix for prefix, exponent in units.PREFIXES.items() if exponent == power)
    return f"{value / 10.0**power:.6g}{prefix}{unit}"


def _choice(source: _Module | None, annotation: ast.expr | None, depth: int) -> tuple[str, ...]:
    """Return the words of a Literal, wherever its alias is defined."""
    if source is None or annotation is None or depth == 0:
        return ()
    match annotation:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inside):
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return tuple(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
        case ast.Name(id=name) if name in source.values:
            return _choice(source, source.values[name], depth - 1)
        case ast.Name(id=name) if name in source.imports:
            origin, there = source.imports[name]
            module = _Module.of(origin) if origin.partition(".")[0] != "typing" else None
            return _choice(module, ast.Name(id=there), depth - 1)
        case _:
            return ()


def _sentence(node: ast.stmt | None) -> str:
    """Return the text below a field, up to where its first thought ends."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return re.split(r"[.:;] | \(", " ".join(node.value.value.split()))[0].rstrip(".")
    return ""
