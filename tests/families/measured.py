"""What the product says of a family, measured on its tiny model, and the table in docs/methods."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sweep.compress.dense.bench import Workbench
from sweep.compress.train import logits_of, to_device
from tests.families.families import FAMILIES, Family, save
from tests.harness import tiny

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
START, END = "<!-- families: python -m tests.families -->\n", "<!-- end of families -->\n"
HEAD = "| family | coverage | left out | padding | notes |\n| --- | --- | --- | --- | --- |\n"

LENGTH = 64
"""The maximum length of a text in tokens; every text of the task is shorter."""

SAME = 1e-4
"""The largest difference of equal logits, as a share of the largest logit."""

NOTES = {
    "albert": "all layers share their weights",
    "big_bird": "full attention replaces block-sparse attention",
    "mixtral": "the experts are fused tensors",
    "longformer": "it appends tokens of padding itself, up to its window",
}


def data(folder: Path) -> dict[str, str]:
    """Write the files of the task that all families learn."""
    sizes = {"train": 24, "validation": 12}
    return {
        name: tiny.write(folder / f"{name}.jsonl", tiny.rows(size, seed))
        for seed, (name, size) in enumerate(sizes.items())
    }


def opened(folder: Path, files: dict[str, str]) -> Workbench:
    """Open a bench of the model in a folder."""
    config = tiny.make_config(
        folder,
        files,
        task={"max_length": LENGTH},
        baseline={"epochs": 0},
        recover={"batch_size": 8, "eval_batch_size": 8},
        pruning={"calibration_samples": 8},
    )
    return Workbench(config, "cpu")


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference of two tensors as a share of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


def logits(model: torch.nn.Module, bench: Workbench, rows: Iterable[int]) -> torch.Tensor:
    """Return the logits of validation rows in one batch."""
    batch = bench.task.split("validation").batch(np.array(list(rows)))
    with torch.no_grad():
        return logits_of(model.eval(), to_device(batch, torch.device("cpu")), bf16=False)


def depends_on_padding(bench: Workbench) -> bool:
    """Whether logits of validation rows alone differ from those in a batch."""
    model, rows = bench.dense.reset(), range(len(bench.task.split("validation")))
    alone = torch.cat([logits(model, bench, [row]) for row in rows])
    return relative(logits(model, bench, rows), alone) > SAME


def line(family: Family, bench: Workbench) -> str:
    """Return the row of the table of a family."""
    task: Any = bench.task
    figures = bench.baseline()
    names = dict.fromkeys(re.sub(r"\d+", "*", name) for name, *_ in figures["left_out"])
    left_out = ", ".join(dict.fromkeys(f"`{'.'.join(name.split('.')[-2:])}`" for name in names))
    padding = task.split("train").padding
    side = "left" if padding.left else "right"
    if task.encoder.warnings(LENGTH):  # it has no pad token
        side += f", with `{task.encoder.tokenizer.pad_token}`".replace("|", "\\|")
    if depends_on_padding(bench):
        side += ", **logits depend on it**"
    note = NOTES.get(family.name, "")
    return f"| `{family.name}` | {figures['coverage']:.2f} | {left_out} | {side} | {note} |\n"


def page() -> str:
    """Return the page with the table as it is measured now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = data(folder)
        lines = [
            line(family, opened(save(family, folder / family.name), files))
            for family in FAMILIES.values()
        ]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    return before + START + "\n" + HEAD + "".join(lines) + "\n" + END + rest.split(END)[1]


def shown(family: Family) -> str:
    """Return the row of a family in the page."""
    rows = PAGE.read_text(encoding="utf-8").splitlines(keepends=True)
    return next((row for row in rows if row.startswith(f"| `{family.name}` |")), "")
