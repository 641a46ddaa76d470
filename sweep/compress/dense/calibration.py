"""Statistics of a dense model for data-driven methods, collected once and cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sweep.compress.dense.make import Dense, DenseModels, Grid
from sweep.compress.prune.statistics import COLLECTORS, OF_INPUTS, Statistics, collect
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.tasks.split import stratified
from sweep.compress.train import logits_of, to_device
from sweep.errors import UsageError
from sweep.ledger.files import cache_root, fingerprint, new_folder, once
from sweep.registry import CRITERIA

_STREAM, _FILE = 2, "statistics.safetensors"

VERSION = 2
"""Version of the cached statistics, increased when other modules become prunable."""


class Calibration:
    """The calibration statistics of the dense models on their grids.

    They are collected over ``pruning.calibration_samples`` train examples, stratified and drawn
    from the task's seed, so that all trials share them. Each kind is collected when a trial first
    needs it, and cached for the machine's other workers. Each machine collects its own, because
    some are as large as the weights.
    """

    def __init__(self, models: DenseModels) -> None:
        self.models, self.task, self.pruning = models, models.task, models.config.pruning
        self._found: dict[tuple[str, Grid], Statistics] = {}

    def check(self, methods: Iterable[object]) -> None:
        """Raise :class:`~sweep.errors.UsageError` if a method cannot score one of the modules."""
        modules = prunable_modules(self.models.get().model, self.pruning, shared=True)
        others = {name: m for name, m in modules.items() if not isinstance(m, nn.Linear)}
        for method in map(str, methods):
            if others and CRITERIA[method].needs in OF_INPUTS:
                name, module = next(iter(others.items()))
                raise UsageError(
                    f"method {method} scores weights by the inputs of Linear layers, but {name} is "
                    f"of kind {type(module).__name__}: leave it out with pruning.exclude: "
                    f"[{name}], or use another method"
                )

    def statistics(self, method: str, grid: Grid = None) -> Statistics:
        """Return the statistics that a method needs, by module name, on the model's device.

        Collecting them resets the model. Raises :class:`~sweep.errors.UsageError` if a module
        cannot have the statistic.
        """
        kind = CRITERIA[method].needs
        if kind not in COLLECTORS:  # no statistic, or one that the trial itself records
            return {}
        if (kind, grid) not in self._found:
            self.check([method])
            dense, key = self.models.get(grid), self.models.grid_key(grid)
            targets = self.pruning.model_dump(include={"include", "exclude", "embeddings"})
            samples = self.pruning.calibration_samples
            which = fingerprint([VERSION, targets, samples, *([key] if key else [])])
            name = f"{self.models.folder.name}-{which}"
            folder = cache_root() / "statistics" / name / kind
            once(folder, lambda: self._collect(kind, dense, folder))
            self._found[kind, grid] = load_file(folder / _FILE, device=str(self.models.device))
        return self._found[kind, grid]

    def _collect(self, kind: str, dense: Dense, folder: Path) -> None:
        modules = prunable_modules(dense.reset(), self.pruning, shared=True)
        found = collect(kind, modules, self.losses(dense))
        with new_folder(folder) as scratch:
            save_file({name: part.cpu() for name, part in found.items()}, scratch / _FILE)

    def losses(self, dense: Dense) -> Iterator[Tensor]:
        """Yield the loss of each example, one at a time so that there is no padding."""
        train, samples = self.task.train, self.pruning.calibration_samples
        rng = np.random.default_rng([self.models.config.task.seed, _STREAM])
        dense.model.eval()
        for index in stratified(train.labels, samples, rng):
            batch = to_device(train.batch(np.array([index])), self.models.device)
            logits = logits_of(dense.model, batch, bf16=False)
            yield self.task.loss(logits, batch["labels"])
