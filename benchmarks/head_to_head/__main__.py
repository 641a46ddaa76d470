"""Every method x scope at 50 to 95 % after 0, 1 and 3 epochs, with and without distillation.

    sweep run benchmarks/head_to_head/imdb.yaml model=FOLDER task.dataset.train=FILE \
      task.dataset.validation=FILE task.dataset.test=FILE
    sweep run benchmarks/head_to_head/sst2.yaml ...     # the same command continues after a crash
    python -m benchmarks.head_to_head results/head-to-head-imdb

The sweeps are grids. This command prints the table of their reports for these epochs as markdown,
and the paired gain of the teacher. Last line: `cells=... best_at_90=METHOD SCOPE`, by mean accuracy
after the last epoch.
"""

from __future__ import annotations

import argparse

import analysis
from analysis.report.document import Document, Section
from analysis.report.grid import cells, grid_table
from analysis.report.markdown import render
from benchmarks.head_to_head.teacher import gains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="the folder of the sweep")
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 1, 3])
    given = parser.parse_args()
    results = analysis.load(given.folder)
    table = grid_table(results, given.epochs)
    if table is None:
        parser.error(f"{given.folder} has no grid over sparsity with records")
    print(render(Document(results.name, (), (Section("grid", "Head to head", (table,)),))))
    print(gains(results).round(2).to_string(index=False, na_rep="all"), end="\n\n")
    found = cells(results)
    last = found[(found["epoch"] == max(given.epochs)) & (found["sparsity"] == 0.9)]
    best = last.loc[last["accuracy"].idxmax()] if len(last) else {}
    print(f"cells={len(found)} best_at_90={best.get('method', '-')} {best.get('scope', '-')}")


if __name__ == "__main__":
    main()
