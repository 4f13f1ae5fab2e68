"""The process of a window that a run opens: `python -m labctl.live.ahead` loads Qt, then waits to be told the run.

With the name of a page the window begins there, and goes on to the runs that follow in the same folder.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from labctl.errors import LabctlError
from labctl.live.app import show
from labctl.live.qt import application, require_display, require_qt


def main() -> int:
    """Show the run whose folder is written to stdin, a path up to the end; nothing is shown if nothing is written."""
    try:
        require_qt()
        require_display()
        _kept_alive = application()
        importlib.import_module("labctl.live.window")  # which takes longest of showing it
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        folder = sys.stdin.read()
        page = "".join(sys.argv[1:])
        return show(Path(folder), Path(folder).parent if page else None, page) if folder else 0
    except LabctlError as error:
        print(f"labctl: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
