"""Text from elsewhere, made fit to be shown: what instruments, files and people say is data, never a command.

A terminal obeys escape sequences, and a text with marks of direction reads otherwise than it is. So whatever leaves
labctl for a terminal, a log or a window passes here. What JSON and the run folder keep is the text as it was.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 2000
"""Characters of one line that are shown: a person reads less, and a terminal stays usable."""
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str, most: int = LONGEST) -> str:
    r"""Return `text` on one line, with a visible escape, as `\x1b`, for each character that is not simply seen.

    Such are control characters, line breaks, marks of direction and other invisible ones, and halves of characters.

    Args:
        text: from anywhere.
        most: characters of it that are kept; of a longer one it is said how long it is.
    """
    kept = text if len(text) <= most else text[:most]
    if not kept.isprintable():
        kept = "".join(letter if letter.isprintable() else _escape(letter) for letter in kept)
    return kept if len(text) <= most else f"{kept}... ({len(text)} characters)"


def _escape(letter: str) -> str:
    code = ord(letter)
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
