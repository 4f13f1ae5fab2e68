"""`python -m labctl`: the command line."""

from __future__ import annotations

from labctl.cli import main

if __name__ == "__main__":
    main()
