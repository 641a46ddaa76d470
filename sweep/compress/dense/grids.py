"""The dense model of a bench on grids: rounded alone, or finetuned there, once, and cached."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.compress.dense.make import baseline_recipe, finetune
from sweep.compress.models import load_classifier
from sweep.compress.quantize.scheme import OnGrid, grid_of
from sweep.ledger.cache import fingerprint, once

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.dense.working import Dense
    from sweep.compress.train import Recipe

_QAT = "qat-"


class Grids:
    """Dense models on grids, by what a trial's ``quantization`` says.

    All work in the one copy that the bench keeps warm; what is finetuned lies beside its model.
    """

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._made: dict[OnGrid, Dense] = {}

    def named(self, name: str | None) -> OnGrid | None:
        """What ``quantization`` means; None: what the config says."""
        return grid_of(self.bench.config.baseline, name)

    def dense(self, grid: OnGrid | None) -> Dense:
        """The dense model on a grid (None: in floats), finetuned there if nobody has yet."""
        if grid is None:
            return self.bench.dense
        if grid not in self._made:
            made = replace(self.bench.dense, scheme=grid.scheme)
            if grid.epochs:
                folder = once(self.folder(grid), partial(self._finetune, grid))
                model = load_classifier(str(folder), self.bench.task).to(self.bench.device)
                made = replace(made, weights=dict(model.state_dict()))
            self._made[grid] = made
        return self._made[grid]

    def make(self) -> None:
        """Finetune what trials of this sweep need."""
        for grid in self._asked():
            self.dense(grid)

    @property
    def trained(self) -> list[str]:
        """The names of the folders of those that are finetuned."""
        return [self.folder(grid).name for grid in self._asked() if grid and grid.epochs]

    def of_others(self) -> set[str]:
        """The names of folders that lie there because other sweeps asked for them."""
        return {folder.name for folder in self.bench.folder.glob(f"{_QAT}*")} - set(self.trained)

    def key(self, grid: OnGrid) -> str:
        """What a model depends on, beside the one in floats."""
        return fingerprint([asdict(grid), asdict(self._recipe(grid)) if grid.epochs else None])

    def folder(self, grid: OnGrid) -> Path:
        """Where one that is finetuned lies."""
        return self.bench.folder / f"{_QAT}{self.key(grid)}"

    def _asked(self) -> list[OnGrid | None]:
        """That of the baseline, and those that a trial can start from."""
        values = self.bench.config.space["quantization"].grid()
        return list(dict.fromkeys(self.named(name) for name in (None, *values)))

    def _finetune(self, grid: OnGrid) -> None:
        model = self.dense(grid.untrained).reset()
        finetune(self.bench, model, self._recipe(grid), self.folder(grid))

    def _recipe(self, grid: OnGrid) -> Recipe:
        """The baseline's, but for the rate and the epochs."""
        recipe = baseline_recipe(self.bench.config)
        return replace(recipe, epochs=grid.epochs, learning_rate=grid.learning_rate)
