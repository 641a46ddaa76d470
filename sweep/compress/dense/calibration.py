"""Statistics of a dense model for data-driven methods, collected once and cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from sweep.compress.dense.make import DenseModels
from sweep.compress.prune.statistics import COLLECTORS, Statistics, collect
from sweep.compress.prune.targets import check_inputs, prunable_modules
from sweep.compress.quantize.scheme import OnGrid
from sweep.compress.tasks.split import stratified
from sweep.compress.train import logits_of, to_device
from sweep.ledger.files import cache_root, fingerprint, new_folder, once
from sweep.registry import CRITERIA

_STREAM, _FILE = 2, "statistics.safetensors"

VERSION = 2
"""Version of the cached statistics, increased when other modules become prunable."""


class Calibration:
    """The calibration statistics of the dense model on a grid.

    They are collected over ``pruning.calibration_samples`` train examples, stratified and drawn
    from the task's seed, so that all trials share them. Each kind is collected when a trial first
    needs it, and cached in ``folder`` for the machine's other workers. Each machine collects its
    own, because some are as large as the weights.
    """

    def __init__(self, models: DenseModels, grid: OnGrid | None) -> None:
        self.dense, self.task, self.pruning = models.get(grid), models.task, models.config.pruning
        self.samples, key = self.pruning.calibration_samples, models.grid_key(grid)
        self.seed = models.config.task.seed
        targets = self.pruning.model_dump(include={"include", "exclude", "embeddings"})
        which = [VERSION, targets, self.samples, *([key] if key else [])]
        name = f"{models.folder.name}-{fingerprint(which)}"
        self.folder = cache_root() / "statistics" / name
        self._found: dict[str, Statistics] = {}

    def check(self, methods: Iterable[object]) -> None:
        """Raise :class:`~sweep.errors.UsageError` if a method cannot score one of the modules."""
        modules = prunable_modules(self.dense.model, self.pruning, shared=True)
        for method in map(str, methods):
            check_inputs(method, CRITERIA[method].needs, modules)

    def statistics(self, method: str) -> Statistics:
        """Return the statistics that a method needs, by module name, on the model's device.

        Collecting them resets the model. Raises :class:`~sweep.errors.UsageError` if a module
        cannot have the statistic.
        """
        kind = CRITERIA[method].needs
        if kind not in COLLECTORS:  # no statistic, or one that the trial itself records
            return {}
        if kind not in self._found:
            self.check([method])
            folder = once(self.folder / kind, lambda: self._collect(kind))
            self._found[kind] = load_file(folder / _FILE, device=str(self.dense.device))
        return self._found[kind]

    def _collect(self, kind: str) -> None:
        modules = prunable_modules(self.dense.reset(), self.pruning, shared=True)
        found = collect(kind, modules, self.losses())
        with new_folder(self.folder / kind) as scratch:
            save_file({name: part.cpu() for name, part in found.items()}, scratch / _FILE)

    def losses(self) -> Iterator[Tensor]:
        """Yield the loss of each example, one at a time so that there is no padding."""
        train, model = self.task.train, self.dense.model
        rng = np.random.default_rng([self.seed, _STREAM])
        model.eval()
        for index in stratified(train.labels, self.samples, rng):
            batch = to_device(train.batch(np.array([index])), self.dense.device)
            yield self.task.loss(logits_of(model, batch, bf16=False), batch["labels"])
