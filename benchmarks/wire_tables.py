"""What wires do to a product, in the twin, beside what published design studies found.

    python benchmarks/wire_tables.py [--arrays 10] [--vectors 32]

Prints the IR-drop table and the linearity table, target beside measured, and how long each took.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from sim_backend.validation.wire_tables import ir_drop_rows, linearity_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.validation.rows import Row


def show(title: str, table: Callable[[], list[Row]]) -> bool:
    """Print a table; return whether every row is within its tolerance."""
    begin = time.perf_counter()
    rows = table()
    print(f"{title}  ({time.perf_counter() - begin:.0f} s)")
    width = max(len(row.name) for row in rows)
    for row in rows:
        verdict = "yes" if row.passed else "NO"
        print(f"  {row.name:{width}}  {row.value:7.2f} {row.unit}  {verdict:3}  target {row.target}; {row.note}")
    print(f"  {sum(row.passed for row in rows)} of {len(rows)} within tolerance\n")
    return all(row.passed for row in rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrays", type=int, default=10, help="arrays of random weights")
    parser.add_argument("--vectors", type=int, default=32, help="signed inputs for each array (linearity table)")
    options = parser.parse_args()
    results = [
        show("IR drop, linear cells", lambda: ir_drop_rows(options.arrays)),
        show("Linearity, rectifying cells", lambda: linearity_rows(options.arrays, options.vectors)),
    ]
    if not all(results):
        raise SystemExit("not every row is within its tolerance")


if __name__ == "__main__":
    main()
