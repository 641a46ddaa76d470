"""Real sweeps: a finished one, an interrupted one, and those that version 0.1 left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
FORMULAS = ("live", "live", "half", "closed-form", "grid", "interrupted")
"""Sweeps of formulas: those that this version makes here, one of them interrupted, and of 0.1."""

CONFIG: dict[str, Any] = {
    "name": "live",
    "task": {"dataset": "closed-form", "seconds_per_epoch": 0, "eval_samples": 200},
    "space": {"sparsity": {"low": 0.3, "high": 0.95}, "finetune_epochs": {"low": 1, "high": 3}},
    "search": {"trials": 6, "seed": 3, "max_concurrent": 1, "reduction_factor": 2, "margin": 0},
}


@cache
def base(name: str) -> Path:
    """A folder in the scratch folder, made once, with a sweep in ``sweep`` that no input shares."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    if name in ("live", "half"):
        _begin(folder / "sweep")
        drive(folder / "sweep", *([_is_late] if name == "half" else []))
        return folder
    shutil.copytree(GOLDEN / name, folder, dirs_exist_ok=True)
    for file in (folder / "sweep" / "ledger.jsonl", folder / "sweep" / "config.yaml"):
        file.write_text(file.read_text().replace("./inputs", f"{folder}/inputs"))
    return folder


def _begin(folder: Path) -> None:
    """Write the first events and the config of a sweep, as its driver does."""
    from sweep.cluster.run import _first_events
    from sweep.compress.tasks.closed_form import ClosedForm
    from sweep.config.load import load_config
    from sweep.config.text import dump_yaml
    from sweep.ledger.folder import SweepFolder

    config, place = load_config(CONFIG), SweepFolder(folder)
    place.create()
    figures = {**ClosedForm(config).baseline(), "warnings": [], "model": "fresh"}
    with place.open(create=True) as ledger:
        parts = {"config": config, "folder": place, "ledger": ledger}
        dense: Any = SimpleNamespace(figures=lambda: figures)
        _first_events(SimpleNamespace(**parts, dense=dense), [])  # type: ignore[arg-type]
    place.config.write_bytes(dump_yaml(config).encode())


def drive(folder: Path, leave: Callable[[Any], bool] = lambda event: False) -> None:
    """Let a real driver and the code of a worker finish a search, without Ray.

    The driver dies after the first event for which ``leave`` is true.
    """
    from sweep.api import begun
    from tests.harness.stage import Crew, Stage

    stage = Stage(folder, begun(folder)[1])
    try:
        Crew(stage).finish(leave)
    finally:
        stage.ledger.close()


def _is_late(event: Mapping[str, Any]) -> bool:
    """An event in the middle of a trial."""
    return (event["event"], event.get("trial_id")) == ("record", "t00002")


def copied(name: str, folder: Path) -> Path:
    """A copy of a sweep in ``folder``/own, beside files that nothing may read or change."""
    (folder / "beside" / "victim" / "epoch-0001").mkdir(parents=True)
    for file in ("victim/epoch-0001/trial.json", "victim/thesis.tex", "epoch-0001"):
        (folder / "beside" / file).write_text("precious")
    return Path(shutil.copytree(base(name) / "sweep", folder / "own" / "sweep"))
