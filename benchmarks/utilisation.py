"""How busy a sweep's workers were, read from its folder.

Utilisation is (training + evaluation seconds) / (workers x wall seconds from the first trial's
start to the last record), as the ledger has them. Epochs spent are set against what all trials
would have taken to their ends. Last line: `utilisation=0.xx`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import analysis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a sweep's folder")
    given = parser.parse_args()
    try:
        results = analysis.load(given.folder)
    except analysis.NotASweep as error:
        sys.exit(f"error: {error}")
    cost = results.cost
    if cost.utilisation is None:
        sys.exit(f"error: nothing has run in {given.folder}")
    counts = ", ".join(f"{count} {status}" for status, count in results.counts.items())
    print(f"{results.name}: {results.state}; {counts}")
    print(f"epochs: {cost.epochs_spent} spent of {cost.epochs_asked} to all ends")
    print(f"busy: {cost.busy_seconds:.1f} s; {cost.workers} workers x {cost.wall_seconds:.1f} s")
    print(f"utilisation={cost.utilisation:.2f}")


if __name__ == "__main__":
    main()
