"""Program messages of IEEE 488.2: a line is units apart by `;`, a unit is a header and parameters apart by `,`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sim_backend.panels.scpi_errors import ScpiError

LONGEST_MNEMONIC: Final = 12
"""Characters of a node (SCPI 1999, 6.2.1)."""
_NODES: Final = re.compile(r"\*[A-Za-z]+|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[eE]\s*[+-]?\d+)?", re.ASCII)
_BASED: Final = re.compile(r"#(?:[hH][0-9A-Fa-f]+|[qQ][0-7]+|[bB][01]+)")
_SUFFIX: Final = re.compile(r"[A-Za-z%][A-Za-z0-9%/.]*", re.ASCII)


class TokenKind(Enum):
    """What a parameter looks like, before anybody knows what it should be."""

    NUMBER = auto()
    BASED_NUMBER = auto()
    WORD = auto()
    STRING = auto()
    EXPRESSION = auto()
    OMITTED = auto()
    """Nothing behind a comma."""


@dataclass(frozen=True, slots=True)
class Token:
    """One parameter as written.

    Args:
        kind: what it looks like.
        text: its characters; of a string, what stands between the quotes.
        suffix: unit letters behind a number.
    """

    kind: TokenKind
    text: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """One command or query of a message.

    Args:
        nodes: the mnemonics of its header, as sent; a common command has one that starts with an asterisk.
        absolute: the header starts at the root.
        query: the header ends with a question mark.
        tokens: the parameters.
    """

    nodes: tuple[str, ...]
    absolute: bool
    query: bool
    tokens: tuple[Token, ...]

    @property
    def common(self) -> bool:
        """Whether this is a common command, which does not move the path."""
        return self.nodes[0].startswith("*")


def split_units(line: str) -> list[str]:
    """Return the units of a message, blanks and empty units left out; quoted `;` do not separate."""
    return [stripped for piece in _split(line, ";") if (stripped := piece.strip())]


def parse_unit(text: str) -> Unit:
    """Return the parts of a unit.

    Raises:
        ScpiError: -101, -102, -104, -109, -110, -112, -113 or -151 if it is not well formed.
    """
    if any(not (" " <= character <= "~" or character == "\t") for character in text):
        raise ScpiError(-101)
    header = _NODES.match(text)
    if header is None:
        raise ScpiError(-102 if text[0] in ":?;,*" else -110)
    rest = text[header.end() :]
    query = rest.startswith("?")
    rest = rest[1:] if query else rest
    if rest and not rest[0].isspace():
        # A parameter must be set off by a blank; without one it reads as part of an unknown header.
        raise ScpiError(-102 if rest[0] == ":" else -113)
    nodes = tuple(header.group().lstrip(":").split(":"))
    if any(len(node) > LONGEST_MNEMONIC for node in nodes):
        raise ScpiError(-112)
    rest = rest.strip()
    tokens = tuple(map(_parse_piece, _split(rest, ","))) if rest else ()
    return Unit(nodes, text.startswith(":"), query, tokens)


def _parse_piece(piece: str) -> Token:
    """Return the parameter between two commas, or that there is none."""
    text = piece.strip()
    return parse_token(text) if text else Token(TokenKind.OMITTED, "")


def parse_token(text: str) -> Token:
    """Return a parameter by its looks.

    Raises:
        ScpiError: -104, -109, -121 or -151 if it looks like none.
    """
    if not text:
        raise ScpiError(-109)
    if text[0] in "'\"":
        return _parse_string(text)
    if text[0] == "(":
        if text[-1] != ")":
            raise ScpiError(-104)
        return Token(TokenKind.EXPRESSION, text)
    if text[0] == "#":
        if _BASED.fullmatch(text) is None:
            raise ScpiError(-104)
        return Token(TokenKind.BASED_NUMBER, text)
    if _WORD.fullmatch(text) is not None:
        return Token(TokenKind.WORD, text)
    number = _NUMBER.match(text)
    if number is None:
        raise ScpiError(-104)
    suffix = text[number.end() :].strip()
    if suffix and _SUFFIX.fullmatch(suffix) is None:
        raise ScpiError(-121)
    return Token(TokenKind.NUMBER, number.group(), suffix)


def short_form(name: str) -> str:
    """Return the short form of a mnemonic that is written as manuals do, its short form in capitals."""
    return "".join(character for character in name if not character.islower())


def matches(name: str, word: str) -> bool:
    """Return whether `word` is the long or the short form of `name`; nothing between counts."""
    return word.upper() in {name.upper(), short_form(name)}


def _parse_string(text: str) -> Token:
    """Return a quoted parameter; a doubled quote inside stands for one."""
    quote = text[0]
    inside = text[1:-1]
    if len(text) < 2 or text[-1] != quote or quote in inside.replace(quote * 2, ""):
        raise ScpiError(-151)
    return Token(TokenKind.STRING, inside.replace(quote * 2, quote))


def _split(text: str, separator: str) -> list[str]:
    """Return the pieces of `text` between separators that stand in neither quotes nor parentheses."""
    pieces: list[str] = []
    start = depth = 0
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif character == separator and not depth:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]
